"""What we ask of the system that documents come from, and its answers: a selection, a page, a PDF."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from enum import StrEnum

from pipeline.domain.document import Document, DocumentType
from pipeline.domain.errors import NeedsAttention, PipelineError, Unavailable
from pipeline.domain.values import dataclass


class NotRendered(Unavailable):
    """The source answers, but cannot make the PDF of one document, or give a file of it, just now."""


class TooMany(Unavailable):
    """The source answers, but not for so many documents at once: one among them may be the cause.

    `reason` is what went wrong, for when none of them is.
    """

    code = "too_many_documents"

    def __init__(self, message: str, reason: PipelineError) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents to pull. An empty field does not narrow the selection. Instants and days are inclusive.

    `dated_from` is about the document's own date and its date in the books: either will do. `without` are ids to leave
    out.
    """

    since: datetime | None = None
    until: datetime | None = None
    numbers: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    dated_from: date | None = None
    without: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NotCarried:
    """How many journal entries of a company move a receivable, a payable or a tax but are not carried documents."""

    journal_entries: int
    payments: int


@dataclass(frozen=True, slots=True)
class UnreadableDocument:
    """A row that is not a readable document, and why. `withdrawn` if the row itself says that it is not posted."""

    odoo_id: int
    number: str
    document_type: DocumentType
    written_at: datetime
    error: NeedsAttention
    withdrawn: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents in order of id. The next page starts after `last_id`, which is 0 if nothing is left."""

    documents: tuple[Document, ...]
    unreadable: tuple[UnreadableDocument, ...]
    last_id: int


class PdfSource(StrEnum):
    """Where a document's PDF came from, best first."""

    LEGAL = "legal"
    ATTACHED = "attached"
    RENDERED = "rendered"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF that is known to open. `notes` say which better sources were passed over, and why.

    `left_out` are the notes that name a file of the document which is not in the PDF, one sentence per file. `embedded`
    are those that name a file which is no page and is embedded in the PDF, `active` those that name a file with active
    content, and say whether the PDF has it.
    """

    content: bytes
    source: PdfSource
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    embedded: tuple[str, ...] = ()
    active: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash that identifies it in S3 and in QuickBooks."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredPdf:
    """The key of a stored PDF, and its SHA-256 as computed by the storage."""

    key: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PdfDigest:
    """What is known of a stored PDF without its content: its SHA-256, its size in bytes, and whose it is.

    `version` is the version of the document that it was stored for; 0 if a release of before December 2026 stored it.
    """

    sha256: str
    size_bytes: int
    version: int = 0


@dataclass(frozen=True, slots=True)
class Copy:
    """The last stored copy of a document: its version, the key of its PDF, and of its last filed one, if there are."""

    entry_id: str
    version: int
    document_key: str
    pdf_key: str = ""
    filed_key: str = ""

    @property
    def pdf_waits(self) -> bool:
        """Whether the PDF is not filed yet, which means that there is still work to do."""
        return self.pdf_key.startswith("pending/")

    def last_keys(self, count: int) -> list[str]:
        """Return the keys of the last copies, this one first. Not every one of them need exist."""
        folder = self.document_key.rpartition("/")[0]
        return [f"{folder}/{version}.json" for version in range(self.version, max(0, self.version - count), -1)]
