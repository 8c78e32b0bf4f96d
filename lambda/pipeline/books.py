"""The books we post to, in words of accounting; QuickBooks Online is the first, and not the last."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from pipeline.document import Document, DocumentType


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be sent for a document: the kind of transaction, its body, a hash that tells bodies apart.

    `doc_number` is the number it will be found by.
    """

    entity: str
    body: dict[str, Any]
    hash: str
    doc_number: str


@dataclass(frozen=True, slots=True)
class Booked:
    """A document as it stands in the books."""

    identity: str
    sync_token: str
    doc_number: str
    total: Decimal
    tax: Decimal
    currency: str
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that hangs on a document in the books; `size_bytes` is 0 where the books do not say."""

    identity: str
    file_name: str
    size_bytes: int


class Books(Protocol):
    """One company's books. Errors are of two families: RetryLater pauses, NeedsAttention fails one document."""

    @property
    def realm(self) -> str:
        """The id of the company in the books."""

    def draft(self, document: Document) -> Draft:
        """Return what would be sent for a document."""

    def find(self, document: Document, *, identity: str = "", doc_number: str = "") -> Booked | None:
        """Return the document as it stands in the books, or None.

        `identity` and `doc_number` are those it may stand there under when Odoo has changed it since.
        """

    def create(self, draft: Draft, request_id: str) -> Booked:
        """Create the document; the same request id never creates it twice."""

    def update(self, draft: Draft, booked: Booked, request_id: str) -> Booked:
        """Replace the document by what the draft says."""

    def remove(self, document_type: DocumentType, identity: str, request_id: str) -> bool:
        """Take the document out of the books; returns False when it is gone already."""

    def attach(
        self, document_type: DocumentType, identity: str, file_name: str, content: bytes, request_id: str
    ) -> Attached:
        """Attach a PDF to the document."""

    def attachments(self, document_type: DocumentType, identity: str) -> list[Attached]:
        """Return the files that hang on the document."""

    def detach(self, attachable_id: str, request_id: str) -> None:
        """Remove a file that a newer one has replaced."""

    def difference(self, document: Document, booked: Booked) -> str:
        """Return how the books' figures differ from the document's, or an empty text."""

    def is_number_taken(self, error: Exception) -> bool:
        """Whether a refusal says that the document's number is in use."""
