"""The books we post to, in words of accounting; QuickBooks Online is the first, and not the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from pipeline.domain.document import Document, DocumentType
from pipeline.domain.entry import Entry
from pipeline.domain.errors import NeedsAttention


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be sent for a document: the kind of transaction, its body, a hash that tells bodies apart.

    `doc_number` is the number it will be found by, `fingerprint` what it will have in the books when nobody changes it,
    `party` the id of its customer or vendor. `in_closed_period` says that its own date lies in books that are closed by
    now.
    """

    entity: str
    body: dict[str, Any]
    hash: str
    doc_number: str
    fingerprint: str = ""
    in_closed_period: bool = False
    party: str = ""


# What every document's token is until somebody touches it.
FIRST_SYNC_TOKEN = "0"  # noqa: S105 - no secret


# What parts a fingerprint from the tax at its end.
TAX_BEHIND = " tax "


@dataclass(frozen=True, slots=True)
class Booked:
    """A document as it stands in the books.

    `fingerprint` changes when what we write of it is changed by anybody; `line_amounts`, `item_accounts` (the account
    that the sales of each item went to, by their ids) and `home_total` are known only right after the books have said
    so.
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

    @property
    def entry_fields(self) -> dict[str, Any]:
        """What an entry keeps of it, by the entry's own names."""
        return {ours: getattr(self, theirs) for ours, theirs in _KEPT_BY_ENTRY}


# What an entry keeps of a booked document: its own names, and those here.
_KEPT_BY_ENTRY = (
    ("qb_id", "qb_id"),
    ("qb_sync_token", "sync_token"),
    ("qb_doc_number", "doc_number"),
    ("qb_total", "total"),
    ("qb_updated_at", "updated_at"),
    ("qb_fingerprint", "fingerprint"),
    ("qb_party", "party"),
)


def booked_of(entry: Entry, document: Document) -> Booked:
    """Return a document as its entry has kept it from the last answer of the books."""
    kept = {theirs: getattr(entry, ours) for ours, theirs in _KEPT_BY_ENTRY}
    total = document.total if kept["total"] is None else kept["total"]
    return Booked(**kept | {"total": total}, tax=document.tax, currency=document.currency)


def came_of(found: str, sent: str) -> bool:
    """Whether a fingerprint is that of what was sent, with whatever tax the books computed of it."""
    return bool(sent) and found.partition(TAX_BEHIND)[0] == sent.partition(TAX_BEHIND)[0]


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that hangs on a document in the books; `size_bytes` is 0 where the books do not say."""

    qb_id: str
    file_name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Existing:
    """A document of ours in the books, the customer or vendor it stands under, and the files that hang on it."""

    booked: Booked
    party: str
    files: tuple[Attached, ...]


class Books(Protocol):
    """One company's books. Errors are of two families: RetryLater pauses, NeedsAttention fails one document."""

    @property
    def realm(self) -> str:
        """The id of the company in the books."""

    def draft(self, document: Document, *, is_booked: bool) -> Draft:
        """Return what would be sent for a document; one that `is_booked` is not held because its period was closed."""

    @property
    def keeps_replaced_files(self) -> bool:
        """Whether the PDF of an earlier version stays beside the new one, as history."""

    def find(
        self, document: Document, *, qb_id: str = "", doc_number: str = "", since: datetime | None = None
    ) -> Booked | None:
        """Return the document as it stands in the books, or None.

        `identity` and `doc_number` are those it may stand there under when Odoo has changed it since, `since` is when
        it was first sent.
        """

    def verify(self, document: Document, qb_id: str) -> Booked | None:
        """Return what has this id, None when nothing has; raises Rejected when it is not the document."""

    def look_for(self, documents: Sequence[Document]) -> None:
        """Look for documents that are about to be created, in as few questions as possible; `standing` is then free."""

    def find_existing(self, document: Document, draft: Draft) -> Booked | None:
        """Return what stands in the books before we ever created it: ours from before a loss, or one to be adopted.

        Raises Rejected when a person has typed it in, unless such are adopted.
        """

    def create(self, draft: Draft, request_id: str) -> Booked:
        """Create the document; the same request id never creates it twice."""

    def update(self, draft: Draft, booked: Booked, request_id: str) -> Booked:
        """Replace the document by what the draft says."""

    def remove(self, document: Document, booked: Booked, request_id: str) -> bool:
        """Take the document out of the books; returns False when it is gone already.

        Raises Rejected when it is another document, when a payment is applied to it, or when somebody has changed it
        since it was as given.
        """

    def attach(
        self, document_type: DocumentType, qb_id: str, file_name: str, content: bytes, request_id: str
    ) -> Attached:
        """Attach a PDF to the document."""

    def attachments(self, document_type: DocumentType, qb_id: str) -> list[Attached]:
        """Return the files that hang on the document."""

    def detach(self, document_type: DocumentType, qb_id: str, attachable_id: str, request_id: str) -> None:
        """Remove a file that a newer one has replaced; raises Rejected when it is not ours."""

    def difference(self, document: Document, draft: Draft, booked: Booked) -> str:
        """Return how the books' figures differ from the document's, or an empty text."""

    def explained(self, document: Document, error: NeedsAttention) -> NeedsAttention:
        """Return the refusal of a create with the document that has the number, where it is another one of ours."""

    def is_paid(self, document: Document, qb_id: str) -> bool:
        """Whether a payment or credit is applied to the document."""

    def is_gone(self, error: Exception, document: Document, qb_id: str) -> bool:
        """Whether a refusal of an update says that the document is no longer in the books."""

    def is_number_taken(self, error: Exception) -> bool:
        """Whether a refusal says that the document's number is in use."""

    def is_stale(self, error: Exception) -> bool:
        """Whether a refusal says that the document was touched in the books since."""
