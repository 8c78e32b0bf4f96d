"""The collaborators of an extractor run, as the extractor needs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pipeline.domain.cursor import Cursor
from pipeline.domain.document import Company, Document
from pipeline.domain.entry import Entry
from pipeline.domain.errors import PipelineError
from pipeline.domain.source import Page, Pdf, Selection, StoredPdf


class ExtractorSource(Protocol):
    """Where documents come from."""

    database: str

    def page(self, company: Company, selection: Selection, *, after_id: int, limit: int) -> Page:
        """Return the selected documents with an id above `after_id`, in order of id.

        Raises TooMany if the source works, but gives no usable answer for this many.
        """

    def unanswered_page(self, company: Company, selection: Selection, *, after_id: int, reason: PipelineError) -> Page:
        """Return a page of only the next document, as one that the source gives no usable answer for."""

    def next_id(self, company: Company, selection: Selection, after_id: int) -> int:
        """Return the id of the next document, or 0. It asks for nothing that a document could break."""

    def with_new_attachments(self, company: Company, since: datetime) -> list[int]:
        """Return the documents that got a file since then."""

    def will_ask_for_pdfs(self, documents: Sequence[Document]) -> None:
        """Announce the documents whose PDFs are asked for next, in this order."""

    def pdf(self, document: Document, *, plain: bool = False) -> Pdf:
        """Return the document's PDF. With `plain`, return one that needs no rendering."""

    def untouched_pdf(self, document: Document, reason: str) -> Pdf:
        """Return a plain page without opening a file. The files are named with the reason."""


class ExtractorTable(Protocol):
    """The tracking table, as the extractor needs it."""

    def entries(self, entry_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the existing ones of these entries, by id."""

    def save_extracted(self, entry: Entry, *, previous: Entry | None) -> None:
        """Write a new entry, or Odoo's new version of an existing one, unless another run was faster."""

    def save_new(self, entry: Entry, *, attached: Entry | None) -> None:
        """Write a new entry, unless another run was faster, and with it what `attach_pdf` stores of another one."""

    def attach_pdf(self, entry: Entry) -> None:
        """Store where the PDF of this version of the entry is, which makes it ready to post, or how attempts went."""

    def keep_seen(self, entry: Entry) -> None:
        """Store when Odoo created and wrote the document of an unchanged entry, unless the entry has changed since."""

    def unfinished(self, company: str, limit: int) -> list[Entry]:
        """Return pending entries that still lack their PDF, and failed ones that could not be read."""

    def backlog(self, company: str, limit: int) -> int:
        """Return how many documents wait to be posted, counting up to `limit`."""


class Cursors(Protocol):
    """How far each company was read."""

    def cursor(self, database: str, company: str) -> Cursor:
        """Return how far the company was read."""

    def move_cursor(self, database: str, company: str, cursor: Cursor) -> None:
        """Store how far the company was read."""


class ExtractorStore(Protocol):
    """Where documents and their PDFs are stored."""

    def document(self, entry: Entry) -> Document:
        """Return the stored document of an entry."""

    def put_document(self, document: Document, version: int) -> str:
        """Store the document and return its key."""

    def put_pdf(self, entry: Entry, pdf: Pdf) -> StoredPdf:
        """Store the PDF of a version of an entry under `pending/`."""

    def drop_pending(self, entry: Entry) -> None:
        """Remove the PDF of an entry from `pending/`."""
