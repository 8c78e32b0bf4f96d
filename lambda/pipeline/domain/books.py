"""The books we post to, in accounting terms. QuickBooks Online is the first implementation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from pipeline.domain.document import Document, DocumentType
from pipeline.domain.entry import Entry
from pipeline.domain.errors import NeedsAttention, PipelineError
from pipeline.domain.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be sent for a document: the kind of transaction, its body, and a hash of the body.

    `doc_number` is the number to find it by. `fingerprint` is the one it has in the books until somebody changes it.
    `party` is the id of its customer or vendor. `is_dated_by_close` is True if its own date is in a period that
    is closed now and the rules date it on the first open day: its fingerprint then depends on when it was sent.
    `as_of` is when the books' settings were read that it rests on, in seconds since 1970. `omitted` are sentences that
    name what the books do not take of its customer or vendor.
    """

    entity: str
    body: dict[str, Any]
    hash: str
    doc_number: str
    fingerprint: str = ""
    is_dated_by_close: bool = False
    party: str = ""
    as_of: int = 0
    omitted: tuple[str, ...] = ()


# The sync token of every document until somebody changes it.
FIRST_SYNC_TOKEN = "0"  # noqa: S105 - no secret


# Separates a fingerprint from the tax at its end.
TAX_BEHIND = " tax "


@dataclass(frozen=True, slots=True)
class Booked:
    """A document as it is in the books.

    `fingerprint` changes if anybody changes what we wrote. `line_amounts`, `item_accounts` (item id to the id of the
    account its sales went to), `home_total` and `omitted` (a sentence: what was left out because the books refused it)
    are known only right after an answer of the books. `tid` is the id of the answer to a write.
    """

    qb_id: str
    sync_token: str
    doc_number: str
    total: Decimal
    tax: Decimal
    currency: str
    home_total: Decimal | None = None
    line_amounts: tuple[Decimal, ...] = ()
    item_accounts: tuple[tuple[str, str], ...] = ()
    updated_at: str = ""
    fingerprint: str = ""
    party: str = ""
    omitted: str = ""
    tid: str = field(default="", compare=False)

    @property
    def entry_fields(self) -> dict[str, Any]:
        """The values that an entry stores of it, by the entry's field names. Only an answer to a write has an id."""
        fields = {ours: getattr(self, theirs) for ours, theirs in _KEPT_BY_ENTRY}
        return fields | ({"qb_tid": self.tid} if self.tid else {})


# What an entry stores of a booked document: the entry's field names, and the names here.
_KEPT_BY_ENTRY = (
    ("qb_id", "qb_id"),
    ("qb_sync_token", "sync_token"),
    ("qb_doc_number", "doc_number"),
    ("qb_total", "total"),
    ("qb_updated_at", "updated_at"),
    ("qb_fingerprint", "fingerprint"),
    ("qb_party", "party"),
    ("qb_omitted", "omitted"),
)


def booked_of(entry: Entry, document: Document) -> Booked:
    """Return a document as its entry stored it from the last answer of the books."""
    kept = {theirs: getattr(entry, ours) for ours, theirs in _KEPT_BY_ENTRY}
    total = document.total if kept["total"] is None else kept["total"]
    return Booked(**kept | {"total": total}, tax=document.tax, currency=document.currency)


def came_of(found: str, sent: str) -> bool:
    """Whether a fingerprint is that of what was sent, apart from the tax that the books computed."""
    return bool(sent) and found.partition(TAX_BEHIND)[0] == sent.partition(TAX_BEHIND)[0]


@dataclass(frozen=True, slots=True)
class Filed:
    """How we left a document in the books when its PDF was filed.

    It is kept beside the PDF: when the tracking table is lost, it still tells an edit by a person from our own.
    """

    qb_id: str
    sync_token: str
    fingerprint: str


def as_filed(found: Booked, filed: Filed | None, sent: Iterable[str]) -> Booked:
    """Return what is found in the books as we left it, if a person has changed it since.

    `sent` are the fingerprints of what may have been sent after the PDF was filed. Whatever is written by the token of
    then, the books refuse as stale, which leads to a second thought.
    """
    if filed is None or filed.qb_id != found.qb_id or found.fingerprint in (filed.fingerprint, *sent):
        return found
    return replace(found, sync_token=filed.sync_token, fingerprint=filed.fingerprint)


@dataclass(frozen=True, slots=True)
class File:
    """A PDF to be attached to a document in the books."""

    document_type: DocumentType
    qb_id: str
    name: str
    content: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A file attached to a document in the books. `size_bytes` is 0 if the books do not say.

    `tid` is the id of the answer to its upload, empty if it was found.
    """

    qb_id: str
    file_name: str
    size_bytes: int
    tid: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Existing:
    """A document of ours in the books, with its customer or vendor and its attached files."""

    booked: Booked
    party: str
    files: tuple[Attached, ...]


class Books(Protocol):
    """One company's books. Errors are of two families: RetryLater pauses the realm, NeedsAttention fails a document."""

    @property
    def realm(self) -> str:
        """The id of the company in the books."""

    def draft(self, document: Document, *, is_booked: bool) -> Draft:
        """Return what would be sent for a document. If it `is_booked`, a closed period does not hold it back."""

    @property
    def keeps_replaced_files(self) -> bool:
        """Whether the PDF of an earlier version stays attached beside the new one, as history."""

    def find(
        self, document: Document, *, qb_id: str = "", doc_number: str = "", since: datetime | None = None
    ) -> Booked | None:
        """Return the document as it is in the books, or None.

        `qb_id` and `doc_number` are those it may have there when Odoo has changed it since, `since` is when it was
        first sent.
        """

    def verify(self, document: Document, qb_id: str) -> Booked | None:
        """Return the document with this id, or None. Raises Rejected if the id belongs to another document."""

    def rule_out(self, documents: Sequence[Document]) -> None:
        """Note which documents are surely not there, if one call tells it of several kinds.

        `look_for` does not ask about those. Not knowing is no error.
        """

    def look_for(self, documents: Sequence[Document]) -> None:
        """Look up documents that are about to be created, in as few calls as possible. `find_existing` is then free."""

    def find_existing(self, document: Document, draft: Draft) -> Booked | None:
        """Return a document that is in the books although its entry says nothing of it: ours, or one to adopt.

        Raises Rejected if a person typed it in, unless the company adopts such documents.
        """

    def check_not_typed_in(self, draft: Draft, booked: Booked) -> None:
        """Raise Rejected if an update would make of the document what a person has typed in."""

    def create(self, draft: Draft, request_id: str) -> Booked:
        """Create the document. The same request id never creates it twice."""

    def create_together(self, drafts: Sequence[tuple[Draft, str]], batch_id: str) -> list[Booked | PipelineError]:
        """Create several documents, each with its request id, in one call; return what became of each, in order.

        The same ids of batch and request never create a document twice.
        """

    def update(self, draft: Draft, booked: Booked, request_id: str) -> Booked:
        """Replace the document with the draft."""

    def remove(self, document: Document, booked: Booked, request_id: str) -> str | None:
        """Delete the document from the books. Return the id of the answer, or None if it is gone already.

        Raises Rejected if it is another document, if a payment is applied to it, or if somebody has changed it since
        it was read.
        """

    def attach(self, pdfs: Sequence[File]) -> list[Attached | PipelineError]:
        """Attach PDFs to their documents in one call; return what became of each, in order."""

    def attachments(self, document_type: DocumentType, qb_id: str) -> list[Attached]:
        """Return the files attached to the document."""

    def detach(self, document_type: DocumentType, qb_id: str, attachable_id: str, request_id: str) -> str:
        """Remove a file that a newer one has replaced. Return the id of the answer, empty if it was gone already.

        Raises Rejected if the file is not ours.
        """

    def difference(self, document: Document, draft: Draft, booked: Booked) -> str:
        """Return how the figures in the books differ from the document's, or an empty text."""

    def explained(self, document: Document, error: NeedsAttention) -> NeedsAttention:
        """Return the refusal of a create, naming the document that has the number if that is one of ours."""

    def holder(self, document: Document, error: NeedsAttention) -> str | None:
        """Return the entry of the document that has the number of another.

        It is empty if a person typed that one in, and None if nobody has the number any more.
        """

    def set_aside(self, draft: Draft, document: Document) -> Draft:
        """Return a draft under a number that no other document has, always the same for a document and its number."""

    def is_paid(self, document: Document, qb_id: str) -> bool:
        """Whether a payment or credit is applied to the document."""

    def is_gone(self, error: Exception, document: Document, qb_id: str) -> bool:
        """Whether a refusal of an update says that the document is no longer in the books."""

    def is_number_taken(self, error: Exception) -> bool:
        """Whether a refusal says that the document's number is in use."""

    def is_stale(self, error: Exception) -> bool:
        """Whether a refusal says that the document was changed in the books meanwhile."""
