"""Post one document: intent before act, and a look before anything is repeated.

Before each write the entry says what is about to be sent (step, request id, hash). The intent stays until the outcome
is known, so that whoever comes after a time-out or a crash finds it, looks into the books, and only then acts.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.domain.books import FIRST_SYNC_TOKEN, Attached, Booked, Books, Draft, came_of
from pipeline.domain.document import Document, check_adds_up
from pipeline.domain.entry import OUTCOME_SETTLES_S, Entry, Status, Step, make_request_id
from pipeline.domain.errors import InvalidDocument, NeedsAttention, Rejected

logger = logging.getLogger(__name__)

# How often the PDF of an entry is fetched anew before a person hears of it.
PDF_LOSSES_MAX = 3


class Table(Protocol):
    """The tracking table, as posting needs it."""

    def save(self, entry: Entry) -> bool:
        """Store what was done to an entry; returns False when Odoo has changed the document meanwhile."""

    def ask_for_pdf(self, entry: Entry) -> None:
        """Let the PDF of an entry be fetched anew."""


class Store(Protocol):
    """Where documents and their PDFs lie."""

    def document(self, entry: Entry) -> Document:
        """Return the document of an entry."""

    def pdf(self, entry: Entry) -> bytes:
        """Return the PDF of an entry."""

    def file_posted(self, entry: Entry) -> str:
        """Move the PDF to the posted ones and return its key."""

    def drop_pending(self, entry: Entry) -> None:
        """Remove the PDF from the pending ones."""


class Superseded(Exception):
    """What was being posted is out of date, and what replaces it is worked on next."""


@dataclass(slots=True)
class Posting:
    """One entry on its way into the books; whoever brings it there sends nothing any more after `sends_until`."""

    entry: Entry
    books: Books
    table: Table
    store: Store
    clock: Callable[[], datetime]
    sends_until: datetime
    _is_adopted: bool = False

    def run(self, document: Document | None = None) -> Entry:
        """Bring the books to what Odoo says and return the entry as it stands then; `document` is its, if read before.

        Raises Superseded, RetryLater, or NeedsAttention, with the entry left so that the next run goes on from there.
        """
        document = document or self.store.document(self.entry)
        if document.withdrawn or self.entry.withdrawn:
            return self._withdraw(document)
        check_adds_up(document)
        draft = self.books.draft(document, is_booked=bool(self.entry.qb_id or self.entry.step))
        if self.entry.step is Step.ATTACH:
            self._find_attached(document)
        booked = self._book(document, draft)
        self._attach(document, booked)
        # Filed before it is called posted: an object in pending/ always means work outstanding, never the reverse.
        self._save(
            status=Status.POSTED,
            pdf_key=self.store.file_posted(self.entry),
            step=None,
            attempts=0,
            pdf_losses=0,
            next_attempt_at=None,
            error_code="",
            # What of its papers stays in Odoo is no error, but nothing to keep quiet about.
            error_message=" ".join(document.left_out),
            posted_at=self.clock(),
        )
        return self.entry

    # -- the document ----------------------------------------------------------------------------------------------

    def _book(self, document: Document, draft: Draft) -> Booked:
        booked = self._known(document) or self._create(document, draft)
        if self.entry.payload_hash != draft.hash:
            booked = self._update(document, draft, booked)
        difference = self.books.difference(document, draft, booked)
        if difference:
            self._take_back(document, booked, difference)
        return booked

    def _known(self, document: Document) -> Booked | None:
        """Return what the books already have of it: as kept, or, after an unknown outcome, by a look."""
        entry = self.entry
        if entry.step in (Step.CREATE, Step.UPDATE, Step.DELETE):
            found = self.books.find(document, qb_id=entry.qb_id, doc_number=entry.qb_doc_number, since=entry.sent_at)
            if found is not None:
                found = self._as_we_left_it(found)
                # What stands there may be an earlier version: an unknown hash makes the update follow.
                sent_this = entry.step is Step.CREATE and entry.request_id == self._create_id(entry.payload_hash)
                self._booked(found, entry.payload_hash if sent_this else UNKNOWN_HASH)
                return found
            if entry.step is Step.DELETE:
                self._save(**_GONE, generation=entry.generation + 1)
            if not entry.qb_id or entry.step is Step.DELETE:
                return None
        if not entry.qb_id:
            return None
        return Booked(
            qb_id=entry.qb_id,
            sync_token=entry.qb_sync_token,
            doc_number=entry.qb_doc_number,
            total=entry.qb_total if entry.qb_total is not None else document.total,
            tax=document.tax,
            currency=document.currency,
            updated_at=entry.qb_updated_at,
            fingerprint=entry.qb_fingerprint,
        )

    def _create_id(self, payload_hash: str) -> str:
        return make_request_id(self.books.realm, self.entry, Step.CREATE, payload_hash)

    def _as_we_left_it(self, found: Booked) -> Booked:
        """Return what a look has found as it was when we last knew it, if somebody has changed it since.

        Whatever is written then, by the token of before, the books refuse as stale, which leads to a second thought.
        """
        entry = self.entry
        ours = {entry.sent_fingerprint, entry.qb_fingerprint} - {""}
        is_new = not entry.qb_id and found.sync_token == FIRST_SYNC_TOKEN
        if is_new or not ours or found.fingerprint in ours or came_of(found.fingerprint, entry.sent_fingerprint):
            return found
        before = entry.qb_sync_token or FIRST_SYNC_TOKEN
        return replace(found, sync_token=before, fingerprint=entry.sent_fingerprint or entry.qb_fingerprint)

    def _create(self, document: Document, draft: Draft) -> Booked:
        # Before every try, not only the first: a person may type it in while the connection is gone for days.
        standing = self.books.find_existing(document, draft)
        if standing is not None:
            self._booked(standing, UNKNOWN_HASH)
            self._is_adopted = True
            self._find_attached(document)
            return standing
        qb_id = self._create_id(draft.hash)
        self._intend(Step.CREATE, qb_id, draft.hash, doc_number=draft.doc_number, fingerprint=draft.fingerprint)
        try:
            booked = self.books.create(draft, qb_id)
        except NeedsAttention as error:
            # The number may be taken by this very document, when QuickBooks has forgotten the request id.
            found = self.books.find(document) if self.books.is_number_taken(error) else None
            if found is None:
                self._forget_intent()
                raise
            # It may be an earlier version of it that stands there: the unknown hash makes the update follow.
            self._booked(found, UNKNOWN_HASH)
            return found
        self._booked(booked, draft.hash)
        return booked

    def _update(self, document: Document, draft: Draft, booked: Booked) -> Booked:
        try:
            return self._send_update(draft, booked)
        except NeedsAttention as error:
            if not self.books.is_stale(error):
                raise
        # Somebody, or a payment, touched it in the books. Only what nobody has changed is written over.
        standing = self.books.find(document, qb_id=booked.qb_id)
        if standing is None or standing.fingerprint != booked.fingerprint:
            raise Rejected(
                "it was changed in QuickBooks since it was posted, so the change made in Odoo was not carried over it. "
                "Make the two agree by hand, or undo the change in QuickBooks and retry.",
                code="changed_in_quickbooks",
            )
        return self._send_update(draft, standing)

    def _send_update(self, draft: Draft, booked: Booked) -> Booked:
        qb_id = make_request_id(self.books.realm, self.entry, Step.UPDATE, f"{draft.hash}{booked.sync_token}")
        self._intend(Step.UPDATE, qb_id, self.entry.payload_hash, fingerprint=draft.fingerprint)
        try:
            updated = self.books.update(draft, booked, qb_id)
        except NeedsAttention:
            self._forget_intent()
            raise
        self._booked(updated, draft.hash)
        return updated

    def _take_back(self, document: Document, booked: Booked, difference: str) -> None:
        """Delete what came out different, and fail with both figures: the books hold no wrong amount."""
        # One that cannot be taken back is sent once more by whoever tries next: the cause may be mended.
        self._note(payload_hash=UNKNOWN_HASH)
        self._delete(document, booked, f"{difference}. It should be taken back out of QuickBooks")
        raise Rejected(f"{difference}. It was taken back out of QuickBooks.", code="booked_otherwise")

    def _delete(self, document: Document, booked: Booked, why: str) -> None:
        """Take it out of the books; raises Rejected, saying why it should go, when a person has to do so."""
        request = make_request_id(self.books.realm, self.entry, Step.DELETE, booked.qb_id)
        self._intend(Step.DELETE, request, self.entry.payload_hash)
        try:
            self.books.remove(document.document_type, booked, request)
        except NeedsAttention as error:
            self._forget_intent()
            if isinstance(error, Rejected):
                raise Rejected(f"{why}, but {error}", code=error.code) from error
            raise  # a right or a setting that is missing: not this document's trouble
        # Only now, confirmed: the next create must not be answered with the document that was deleted.
        self._save(**_GONE, generation=self.entry.generation + 1)

    def _withdraw(self, document: Document) -> Entry:
        if self.entry.step is Step.ATTACH:
            # It may be refused to be taken out, and posted again in Odoo: then the newer file has to replace this one.
            self._find_attached(document)
        booked = self._known(document)
        if booked is not None:
            self._delete(document, booked, "it was withdrawn in Odoo")
        # Before it is called voided: an object in pending/ always means work outstanding.
        self.store.drop_pending(self.entry)
        self._save(status=Status.VOIDED, step=None, error_code="", error_message="", next_attempt_at=None)
        return self.entry

    # -- the PDF ---------------------------------------------------------------------------------------------------

    def _find_attached(self, document: Document) -> None:
        """Note a file that an upload without an answer has left behind, perhaps of an earlier version.

        Before anything else is intended: the next intent stores it, and whoever attaches a newer file removes it.
        """
        files = self.books.attachments(document.document_type, self.entry.qb_id)
        left = [each for each in files if each.qb_id != self.entry.attachable_id and OUR_FILE.search(each.file_name)]
        # The one of this version last, because the last one stays: its upload would be answered from memory, not done.
        for file in sorted(left, key=lambda each: each.file_name == file_name(self.entry)):
            self._detach_replaced()
            self._note(attachable_id=file.qb_id)

    def _attach(self, document: Document, booked: Booked) -> None:
        # Even of one that hangs there already: it is filed next, and what lies in its place may be another by now.
        content = self._pdf()
        if self.entry.pdf_attached and self.entry.attached_sha256 == self.entry.pdf_sha256:
            return
        name = file_name(self.entry)
        kind = document.document_type
        attached: Attached | None = None
        if self.entry.step is Step.ATTACH or self._is_adopted:
            attached = _same_file(self.books.attachments(kind, booked.qb_id), name, len(content))
        if attached is None:
            qb_id = make_request_id(self.books.realm, self.entry, Step.ATTACH, self.entry.pdf_sha256)
            self._intend(Step.ATTACH, qb_id, self.entry.payload_hash)
            try:
                attached = self.books.attach(kind, booked.qb_id, name, content, qb_id)
            except NeedsAttention:
                self._forget_intent()
                raise
        # Removed before it is forgotten: whoever comes after a crash in between still knows of it.
        if self.entry.attachable_id != attached.qb_id:
            self._detach_replaced()
        self._note(
            pdf_attached=True,
            attachable_id=attached.qb_id,
            attached_sha256=self.entry.pdf_sha256,
            step=None,
            sent_at=None,
        )

    def _detach_replaced(self) -> None:
        """Remove the file that hangs there so far, where the company does not keep such as history."""
        replaced = self.entry.attachable_id
        if replaced and not self.books.keeps_replaced_files:
            qb_id = make_request_id(self.books.realm, self.entry, Step.DELETE, f"attachable {replaced}")
            self.books.detach(replaced, qb_id)

    def _pdf(self) -> bytes:
        """Return the PDF of this version; one that is gone, or another's, is fetched from Odoo anew.

        Filing the version before, while the extractor stored this one, may have taken it along.
        """
        lost: InvalidDocument
        try:
            content = self.store.pdf(self.entry)
            if hashlib.sha256(content).hexdigest() == self.entry.pdf_sha256:
                return content
            lost = InvalidDocument(
                "its PDF in S3 is not the one that was stored. Retry it, and it is fetched from Odoo anew.",
                code="pdf_changed",
            )
        except InvalidDocument as error:
            lost = error
        # Perhaps because a new version has put its own there: then this says so.
        due_at = self.entry.next_attempt_at if self.entry.step else None
        self._save(pdf_losses=self.entry.pdf_losses + 1, next_attempt_at=due_at)
        if self.entry.pdf_losses >= PDF_LOSSES_MAX:
            raise lost
        self.table.ask_for_pdf(self.entry)
        raise Superseded("its PDF was lost and is fetched from Odoo anew") from None

    # -- the entry -------------------------------------------------------------------------------------------------

    def _intend(
        self, step: Step, qb_id: str, payload_hash: str, *, doc_number: str = "", fingerprint: str = ""
    ) -> None:
        """Write down what is about to be sent. Nothing is sent for a document that has changed meanwhile.

        Until the outcome is known the entry is not due: a crash right after sending must not be followed by a look
        that comes too early to see what QuickBooks is still working on. And it may be sent much later than this is
        written down: the budget of calls may be used up, tokens may have to be renewed.
        """
        settled_at = self.sends_until + timedelta(seconds=OUTCOME_SETTLES_S)
        before = self.entry
        self.entry = replace(
            before, status=Status.POSTING, step=step, request_id=qb_id, payload_hash=payload_hash,
            qb_doc_number=doc_number or before.qb_doc_number, next_attempt_at=settled_at, updated_at=self.clock(),
            # When it may first have taken effect, however often it is repeated.
            sent_at=(before.sent_at or self.clock()) if step is Step.CREATE else None,
            sent_fingerprint=fingerprint,
        )  # fmt: skip
        if not self.table.save(self.entry):
            self.entry = before
            self.table.save(before)
            raise Superseded("it changed in Odoo meanwhile")

    def _booked(self, booked: Booked, payload_hash: str) -> None:
        """Note what stands in the books now.

        The next write to the table stores it, which is the next intent at the latest; until then the intent that is
        stored leads whoever comes after a crash to a look.
        """
        self._note(
            qb_id=booked.qb_id,
            qb_sync_token=booked.sync_token,
            qb_doc_number=booked.doc_number,
            qb_total=booked.total,
            qb_updated_at=booked.updated_at,
            qb_fingerprint=booked.fingerprint,
            payload_hash=payload_hash,
            step=None,
            sent_at=None,
            sent_fingerprint="",
        )

    def _forget_intent(self) -> None:
        """Note that what was intended was refused: whoever tries again does so with a request id of its own."""
        self._save(step=None, sent_at=None, sent_fingerprint="", refusals=self.entry.refusals + 1)

    def _note(self, **changes: object) -> None:
        self.entry = replace(self.entry, updated_at=self.clock(), **changes)  # type: ignore[arg-type]

    def _save(self, **changes: object) -> None:
        self._note(**changes)
        if not self.table.save(self.entry):
            raise Superseded("it changed in Odoo meanwhile")


# How `file_name` ends: with a bit of the PDF's hash.
OUR_FILE = re.compile(r"_[0-9a-f]{8}\.pdf$")
# The hash of a body that was not kept: equal to none, so that the document is sent once more.
UNKNOWN_HASH = "unknown"
_GONE = {
    "qb_id": "",
    "qb_sync_token": "",
    "qb_doc_number": "",
    "qb_total": None,
    "qb_updated_at": "",
    "qb_fingerprint": "",
    "payload_hash": "",
    "pdf_attached": False,
    "attachable_id": "",
    "attached_sha256": "",
    "step": None,
    "sent_at": None,
    "sent_fingerprint": "",
}


def _same_file(files: list[Attached], name: str, size_bytes: int) -> Attached | None:
    for each in files:
        if each.file_name == name and each.size_bytes in (0, size_bytes):
            return each
    return None


def file_name(entry: Entry) -> str:
    """Return the name of the PDF in the books: number and a bit of its hash, so that two versions are two names."""
    number = re.sub(r"[^\w.-]+", "-", entry.number, flags=re.ASCII).strip("-.") or f"document-{entry.odoo_id}"
    return f"{number[:100]}_{entry.pdf_sha256[:8]}.pdf"
