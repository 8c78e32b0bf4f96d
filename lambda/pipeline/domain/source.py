"""What is asked of the system documents come from, and what it answers: a selection, a page, a PDF."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.domain.document import Document, DocumentType
from pipeline.domain.errors import NeedsAttention, Unavailable


class NotRendered(Unavailable):
    """The source answers, but cannot make the PDF of one document just now."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents to pull; an empty field does not narrow. Instants are inclusive."""

    since: datetime | None = None
    until: datetime | None = None
    numbers: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NotCarried:
    """How many entries of a company move what is owed, or a tax, and are none of the documents that are carried."""

    journal_entries: int
    payments: int


@dataclass(frozen=True, slots=True)
class UnreadableDocument:
    """A row that is no readable document, and why."""

    odoo_id: int
    number: str
    document_type: DocumentType
    written_at: datetime
    error: NeedsAttention


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents in order of id; `last_id` is where the next page goes on, 0 when nothing was left."""

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
    """A PDF that was opened before it got here; `notes` say what was passed over on the way to it.

    Those of them that name a file of the document which is not in it are `left_out`, a sentence each.
    """

    content: bytes
    source: PdfSource
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash by which it is recognised in S3 and in QuickBooks."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredPdf:
    """Where a PDF lies, and its SHA-256 as the storage itself has counted it."""

    key: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Copy:
    """The last stored copy of a document, where its PDF lies, if anywhere, and which version it is."""

    entry_id: str
    version: int
    document_key: str
    pdf_key: str = ""
