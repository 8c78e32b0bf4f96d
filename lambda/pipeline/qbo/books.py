"""QuickBooks Online as the books we post to: what the poster asks for, done with QuickBooks' calls."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime

from pipeline.domain.books import Attached, Booked, Draft, Existing, File
from pipeline.domain.document import Document, DocumentType
from pipeline.domain.errors import InvalidDocument, NeedsAttention, PipelineError, Rejected, outcome
from pipeline.domain.mapping import ClosedPeriod
from pipeline.domain.money import rounded, shown
from pipeline.domain.values import dataclass, replace
from pipeline.qbo import files, finding, taken_numbers
from pipeline.qbo.booked import booked, fingerprint, is_paid, party_of
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.difference import difference, is_worked_out
from pipeline.qbo.faults import DUPLICATE_DOC_NUMBER, OBJECT_NOT_FOUND, STALE_SYNC_TOKEN, Refused
from pipeline.qbo.inventory import inventory
from pipeline.qbo.lines import Json
from pipeline.qbo.marker import check_is_ours
from pipeline.qbo.numbers_in_use import NumbersInUse
from pipeline.qbo.payloads import ENTITIES, payload, payload_hash, sent_total
from pipeline.qbo.payloads import doc_number as number_of
from pipeline.qbo.references import References
from pipeline.qbo.refused_parts import without_refused_part
from pipeline.qbo.together import TID, Create

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QuickBooksBooks:
    """One company's books in QuickBooks Online."""

    client: Client
    references: References
    numbers_in_use: NumbersInUse
    adopts_typed: bool = False
    keeps_replaced_files: bool = False
    # What was found by `rule_out` and `look_for`, by entity and number.
    _looked_for: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    # What the last `rule_out` has found free. A look asks about all else, whatever an earlier one has found.
    _ruled_out: set[tuple[str, str]] = field(default_factory=set)

    @property
    def realm(self) -> str:
        """The id of the QuickBooks company."""
        return self.client.realm

    def draft(self, document: Document, *, is_booked: bool = False) -> Draft:
        """Return what would be sent for a document; may create its customer, vendor or item.

        Raises Unmapped or InvalidDocument for what cannot be posted, and InvalidDocument when the body does not add
        up to Odoo's total, before anything is sent. No refusal is based on lists of an earlier run.
        """
        as_of = self.references.as_of
        try:
            return self._draft(document, as_of, is_booked=is_booked)
        except NeedsAttention:
            # A person may have just done what the last refusal asked for.
            if not self.references.have_changed_since(as_of):
                raise
        return self._draft(document, self.references.as_of, is_booked=is_booked)

    def _draft(self, document: Document, as_of: int, *, is_booked: bool) -> Draft:
        if is_worked_out(document, self.references):
            self.references.sales_tax.check(document)
        body = payload(document, self.references, is_booked=is_booked)
        total = sent_total(body)
        if rounded(total) != rounded(document.total):
            raise InvalidDocument(
                f"what would be sent adds up to {shown(total, document.currency)}, but Odoo's total is "
                f"{shown(document.total, document.currency)}. Report this as a fault of the pipeline.",
                code="does_not_add_up",
            )
        return Draft(
            ENTITIES[document.document_type],
            body,
            payload_hash(body),
            number_of(document),
            fingerprint(body),
            party=party_of(body),
            as_of=as_of,
            omitted=self.references.omitted(document),
            is_dated_by_close=(
                self.references.rules.closed_period is ClosedPeriod.FIRST_OPEN_DAY
                and self.references.closed_to(document.booked_on) is not None
            ),
        )

    def inventory(self) -> dict[str, Existing]:
        """Return every document of ours that is in QuickBooks, by entry id: a metered read per thousand."""
        return inventory(self.client)

    def remember_party(self, document: Document, qb_id: str) -> None:
        """Remember which customer or vendor a document's party is."""
        self.references.remember_party(document, qb_id)

    def find(
        self, document: Document, *, qb_id: str = "", doc_number: str = "", since: datetime | None = None
    ) -> Booked | None:
        """Return the document as it is in QuickBooks, or None: by its id, its numbers, or what was made `since`."""
        return finding.find(self.client, document, qb_id=qb_id, doc_number=doc_number, since=since)

    def verify(self, document: Document, qb_id: str) -> Booked | None:
        """Return what has this id when it is the document, None when nothing has; raises Rejected for another one."""
        return finding.verify(self.client, document, qb_id)

    def rule_out(self, documents: Sequence[Document]) -> None:
        """Note which documents are about to be created under free numbers: one question, where that is cheaper."""
        self._ruled_out.clear()
        self._ruled_out.update(self.numbers_in_use.free(finding.numbers_of(documents)))
        self._looked_for.update((key, []) for key in self._ruled_out)

    def look_for(self, documents: Sequence[Document]) -> None:
        """Look for documents that are about to be created: one question per kind, for all numbers not ruled out."""
        numbers = finding.numbers_of(documents, without=self._ruled_out)
        self._looked_for.update(finding.rows_by_number(self.client, numbers))

    def find_existing(self, document: Document, draft: Draft) -> Booked | None:
        """Return what is in QuickBooks under the document's number: ours by its marker, or one to be adopted.

        Raises Rejected for one that a person has typed in, unless such are adopted.
        """
        if not draft.doc_number:
            return None
        rows = self._looked_for.pop((draft.entity, draft.doc_number.casefold()), None)
        if rows is None:
            rows = self.client.query(draft.entity, f"DocNumber = {quoted(draft.doc_number)}")
        return finding.existing(document, draft, rows, adopts_typed=self.adopts_typed)

    def check_not_typed_in(self, draft: Draft, booked: Booked) -> None:
        """Raise Rejected if an update would make of the document what a person has typed in: a metered read.

        Nothing is asked if the update changes nothing that is written, as after a loss of the tracking table.
        """
        if draft.doc_number and draft.fingerprint != booked.fingerprint:
            rows = self.client.query(draft.entity, f"DocNumber = {quoted(draft.doc_number)}")
            finding.check_not_typed_in(draft, rows, booked.qb_id)

    def create(self, draft: Draft, request_id: str) -> Booked:
        """Create the document. QuickBooks answers the same request id with the document it made before."""
        return self._written(draft, draft.body, request_id)

    def create_together(self, drafts: Sequence[tuple[Draft, str]], batch_id: str) -> list[Booked | PipelineError]:
        """Create several documents in one call; return what became of each, in order.

        Where QuickBooks refuses the batch as a whole, nothing took effect, and each is created alone.
        """
        creates = [Create(draft.entity, draft.body, request_id) for draft, request_id in drafts]
        try:
            answers = self.client.create_together(creates, batch_id)
        except Refused:
            return [outcome(self.create, draft, request_id) for draft, request_id in drafts]
        except PipelineError as error:
            return [error] * len(drafts)
        return [
            outcome(self._answered, draft, request_id, answer)
            for (draft, request_id), answer in zip(drafts, answers, strict=True)
        ]

    def _answered(self, draft: Draft, request_id: str, answer: Json | PipelineError) -> Booked:
        """Return what the answer to a create says, or raise what it says."""
        if isinstance(answer, Refused):
            return self._after_refusal(draft, draft.body, request_id, answer)
        if isinstance(answer, PipelineError):
            raise answer
        return booked(answer)

    def update(self, draft: Draft, booked: Booked, request_id: str) -> Booked:
        """Replace the document by what Odoo says now."""
        body = {**draft.body, "Id": booked.qb_id, "SyncToken": booked.sync_token, "sparse": False}
        return self._written(draft, body, request_id)

    def remove(self, document: Document, booked: Booked, request_id: str) -> str | None:
        """Delete the document; return the id of Intuit's answer, or None when it is gone already.

        Delete, not void: only invoices can be voided, and a voided one would keep its number from being used again
        when the document is posted once more. QuickBooks' audit log keeps what was deleted. Raises Rejected when a
        payment is applied to it, because deleting would silently set that payment free, and when a person has changed
        it there, because that work would be gone.
        """
        entity = ENTITIES[document.document_type]
        try:
            row = self.client.read(entity, booked.qb_id)
        except Refused as error:
            if error.fault.code == OBJECT_NOT_FOUND:
                return None
            raise
        self._check_removable(row, booked)
        check_is_ours(row, entity, document)
        body = {"Id": booked.qb_id, "SyncToken": row["SyncToken"]}
        try:
            answer = self.client.write(entity, body, request_id=request_id, operation="delete")
        except Refused as error:
            if error.fault.code == OBJECT_NOT_FOUND:
                return None
            raise
        return str(answer[TID])

    @staticmethod
    def _check_removable(row: Json, known: Booked) -> None:
        if is_paid(row):
            raise Rejected(
                "a payment or credit is applied to it in QuickBooks. Take that off there, then retry.",
                code="payment_applied",
            )
        now = booked(row)
        if known.fingerprint and now.sync_token != known.sync_token and now.fingerprint != known.fingerprint:
            raise Rejected(
                "somebody has changed it in QuickBooks since it was posted. Delete it there, then retry.",
                code="changed_in_quickbooks",
            )

    def attach(self, pdfs: Sequence[File]) -> list[Attached | PipelineError]:
        """Upload PDFs in one call, each linked to its document; return what became of each, in order."""
        try:
            return files.attach(self.client, [(ENTITIES[pdf.document_type], pdf) for pdf in pdfs])
        except PipelineError as error:
            return [error] * len(pdfs)

    def attachments(self, document_type: DocumentType, qb_id: str) -> list[Attached]:
        """Return the files that are attached to a document."""
        return files.attachments(self.client, ENTITIES[document_type], qb_id)

    def detach(self, document_type: DocumentType, qb_id: str, attachable_id: str, request_id: str) -> str:
        """Delete a file that a newer one has replaced; return Intuit's id of its answer, empty if it was gone already.

        Raises Rejected when it is not ours on this document.
        """
        return files.detach(self.client, ENTITIES[document_type], qb_id, attachable_id, request_id)

    def difference(self, document: Document, draft: Draft, booked: Booked) -> str:
        """Return how QuickBooks' figures and accounts differ from Odoo's and what to do, or an empty text."""
        return difference(document, draft, booked, self.references)

    def _written(self, draft: Draft, body: Json, request_id: str) -> Booked:
        try:
            return booked(self.client.write(draft.entity, body, request_id=request_id))
        except Refused as error:
            return self._after_refusal(draft, body, request_id, error)

    def _after_refusal(self, draft: Draft, body: Json, request_id: str, error: Refused) -> Booked:
        """Write it again without a refused part that it can do without. Raise what any other refusal means."""
        if error.fault.code in (STALE_SYNC_TOKEN, DUPLICATE_DOC_NUMBER):
            raise error
        fewer = without_refused_part(body, error.fault)
        if fewer:
            logger.warning("left out what QuickBooks refuses", extra={"reason": str(error)})
            made = self._written(draft, fewer.body, f"{request_id[:48]}-{fewer.mark}")
            return replace(made, omitted=" ".join(filter(None, (fewer.omitted, made.omitted))))
        meaning = outcome(self.references.after_refusal, error, body, draft.as_of)
        # Also where the next attempt is to succeed, or the cause cannot be looked up now.
        meaning.had_no_effect = True
        raise meaning from error

    def explained(self, document: Document, error: NeedsAttention) -> NeedsAttention:
        """Return the refusal of a number with the document of ours that has it, or as it is."""
        return taken_numbers.explained(self.client, document, error)

    def holder(self, document: Document, error: NeedsAttention) -> str | None:
        """Return the entry of the document that has the number of another; empty for a person's, None for nobody."""
        found = taken_numbers.holder(self.client, document, error)
        return found.entry_id if found else None

    def set_aside(self, draft: Draft, document: Document) -> Draft:
        """Return a draft under a number that no other document has."""
        return taken_numbers.set_aside(draft, document.entry_id)

    def is_paid(self, document: Document, qb_id: str) -> bool:
        """Whether a payment or credit is applied to the document: a metered read."""
        rows = self.client.query(ENTITIES[document.document_type], f"Id = {quoted(qb_id)}")
        return bool(rows) and is_paid(rows[0])

    def is_gone(self, error: Exception, document: Document, qb_id: str) -> bool:
        """Whether a refusal of an update or a file says that the document is no longer in QuickBooks.

        The same code may be about an inactive account or item, so the document is looked for: a metered read.
        """
        if not isinstance(error, Refused) or error.fault.code != OBJECT_NOT_FOUND:
            return False
        return not self.client.query(ENTITIES[document.document_type], f"Id = {quoted(qb_id)}")

    def is_number_taken(self, error: Exception) -> bool:
        """Whether a refusal says that the document's number is in use."""
        return taken_numbers.is_number_taken(error)

    def is_stale(self, error: Exception) -> bool:
        """Whether a refusal says that the document was touched in QuickBooks since."""
        return isinstance(error, Refused) and error.fault.code == STALE_SYNC_TOKEN
