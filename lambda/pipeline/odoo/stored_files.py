"""Reads stored files, those of the documents that come next along with the ones asked for.

A month has hundreds of small files, and a call to Odoo takes longer than the bytes: so several are read with one call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from pipeline.domain.document import Attachment, Document
from pipeline.domain.errors import PipelineError
from pipeline.odoo.client import Odoo

# A file read ahead is kept in memory until its document's turn comes.
AHEAD_BYTES_MAX = 4 * 2**20
AHEAD_FILES_MAX = 40
# A larger file is read when its turn comes.
SMALL_BYTES_MAX = 512 * 2**10


class StoredFiles:
    """The files of documents as Odoo has stored them, in base64."""

    def __init__(self, odoo: Odoo) -> None:
        self._odoo = odoo
        self._coming: deque[Document] = deque()
        self._ahead: dict[int, object] = {}

    def will_read(self, documents: Sequence[Document]) -> None:
        """Say whose files are asked for next, in this order. All of them are of one company."""
        self._coming = deque(documents)
        self._ahead = {}

    def read(self, document: Document, files: Sequence[Attachment]) -> dict[int, object]:
        """Return files of a document by id. One that is gone is absent."""
        ids = [file.odoo_id for file in files]
        found = {file_id: self._ahead.pop(file_id) for file_id in ids if file_id in self._ahead}
        missing = [file_id for file_id in ids if file_id not in found]
        if not missing:
            return found
        ahead = self._next(document, sum(file.size_bytes for file in files))
        if not ahead:
            return found | self._fetched(document, missing)
        try:
            self._ahead |= self._fetched(document, [*missing, *ahead])
        except PipelineError:
            # One of the others may be what breaks the call: from here on each is read by itself.
            self._coming.clear()
            return found | self._fetched(document, missing)
        return found | {file_id: self._ahead.pop(file_id) for file_id in missing if file_id in self._ahead}

    def _fetched(self, document: Document, ids: Sequence[int]) -> dict[int, object]:
        companies = [document.company.odoo_id]
        rows = self._odoo.read("ir.attachment", list(ids), ["id", "datas"], companies=companies)
        return {row["id"]: row["datas"] for row in rows}

    def _next(self, document: Document, size_bytes: int) -> list[int]:
        """Return the small files of the documents after this one that have room beside so many bytes."""
        if not any(coming.odoo_id == document.odoo_id for coming in self._coming):
            return []
        while self._coming.popleft().odoo_id != document.odoo_id:
            continue
        ids: list[int] = []
        for coming in self._coming:
            files = [file for file in _wanted(coming) if file.odoo_id not in self._ahead]
            size_bytes += sum(file.size_bytes for file in files)
            if size_bytes > AHEAD_BYTES_MAX or len(ids) + len(files) > AHEAD_FILES_MAX:
                break
            ids += [file.odoo_id for file in files]
        return ids


def _wanted(document: Document) -> list[Attachment]:
    """Return the files that are read of a document when its turn comes, unless one of them is large."""
    legal = [file for file in document.attachments if file.is_legal and file.media_type == "application/pdf"]
    papers = [file for file in document.attachments if not file.is_legal and not file.is_link]
    files = [*legal[-1:], *([] if document.document_type.is_sale else papers)]
    return files if all(file.size_bytes <= SMALL_BYTES_MAX for file in files) else []
