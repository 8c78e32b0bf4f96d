"""The PDF of a document on its way into the books: read, attached once, and the one it replaces removed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from pipeline.domain import lifecycle
from pipeline.domain.books import Attached, Booked, Books, File, Filed, as_filed
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import OUR_FILE, Entry, Intent, Step, file_name, make_request_id
from pipeline.domain.errors import InvalidDocument, PipelineError
from pipeline.domain.values import replace
from pipeline.use_cases.post.record import Record, Superseded

# How often the PDF of an entry is fetched again before a person is asked.
PDF_LOSSES_MAX = 3


class PaperStore(Protocol):
    """Where PDFs are stored."""

    def pdf(self, entry: Entry) -> bytes:
        """Return the PDF of an entry."""

    def copy_posted(self, entry: Entry) -> str:
        """Copy the PDF to the posted ones and return its key. How the document is in the books goes along.

        Raises InvalidDocument when the PDF is gone.
        """

    def filed(self, entry: Entry) -> Filed | None:
        """Return how the document was in the books when its PDF was filed, or None if that is not known."""

    def drop_pending_together(self, entries: Sequence[Entry]) -> Sequence[PipelineError | None]:
        """Remove PDFs from the pending ones in one call; return the error of each, or None."""


class Paper:
    """The PDF of one document, on its way from the store to the books."""

    def __init__(self, record: Record, books: Books, store: PaperStore) -> None:
        self._record = record
        self._books = books
        self._store = store

    def as_filed(self, found: Booked, sent: str) -> Booked:
        """Return what is found in the books as it was when the PDF was filed, if a person has changed it since."""
        if found.fingerprint == sent:
            return found
        return as_filed(found, self._store.filed(self._record.entry), ())

    def find_left(self, document_type: DocumentType) -> None:
        """Leave one of our files, and note which: an upload without an answer may have left one of another version.

        This comes before any other intent. The next intent stores the note, and whoever attaches a newer file removes
        the noted one.
        """
        entry = self._record.entry
        known = entry.attachable_id

        def is_of_this_version(file: Attached) -> bool:
            is_known = file.qb_id == known and entry.attached_sha256 == entry.pdf_sha256
            return is_known or file.file_name == file_name(entry)

        files = self._books.attachments(document_type, entry.qb_id)
        ours = [file for file in files if file.qb_id == known or OUR_FILE.search(file.file_name)]
        # The one of this version stays: a new upload of it would be answered from memory and not done. Else one that
        # the entry does not know: it is of a later version than the one it knows.
        ours.sort(key=lambda file: (is_of_this_version(file), file.qb_id != known))
        for file in ours[:-1]:
            self._record.note(**_of_removal(self._detach(file.qb_id)))
        if ours and ours[-1].qb_id != known:
            # What is in it is not known, so it is compared before it counts as attached.
            self._record.note(attachable_id=ours[-1].qb_id, attached_sha256="")

    def read(self) -> bytes:
        """Return the PDF of this version. One that is lost, or another version's, is fetched from Odoo again.

        If the version before was filed while the extractor stored this one, this PDF may have been removed with it.
        Raises Superseded then, and InvalidDocument when it was lost too often.
        """
        lost: InvalidDocument
        entry = self._record.entry
        try:
            content = self._store.pdf(entry)
            if hashlib.sha256(content).hexdigest() == entry.pdf_sha256:
                return content
            lost = InvalidDocument(
                "its PDF in S3 is not the one that was stored. Retry it, and it is fetched from Odoo again.",
                code="pdf_changed",
            )
        except InvalidDocument as error:
            lost = error
        raise self._fetched_again(lost) from None

    def copy_posted(self) -> str:
        """Copy the PDF to the posted ones, and return its key. One that is lost is fetched again, as by `read`."""
        try:
            return self._store.copy_posted(self._record.entry)
        except InvalidDocument as error:
            raise self._fetched_again(error) from None

    def _fetched_again(self, lost: InvalidDocument) -> InvalidDocument | Superseded:
        """Ask for a lost PDF again, and return what to raise: the loss itself when it was lost too often."""
        entry, now = self._record.entry, self._record.clock.now()
        # Perhaps a new version has put its own there. Then this raises Superseded.
        self._record.save(
            replace(entry, pdf_losses=entry.pdf_losses + 1, next_attempt_at=entry.settles_at, updated_at=now)
        )
        if self._record.entry.pdf_losses >= PDF_LOSSES_MAX:
            return lost
        self._record.table.ask_for_pdf(lifecycle.pdf_lost(self._record.entry, now))
        return Superseded("its PDF was lost and is fetched from Odoo again")

    def prepare(self, document_type: DocumentType, content: bytes, *, may_be_there: bool) -> File | None:
        """Note that the PDF is about to be attached, and return it; `may_be_there` looks for it first.

        Returns None if it was found there. What it replaces is removed then, too. Nothing may be sent before the note
        is stored.
        """
        record = self._record
        name = file_name(record.entry)
        if may_be_there:
            found = _same_file(self._books.attachments(document_type, record.entry.qb_id), name, len(content))
            if found is not None:
                self.attached(found)
                return None
        request_id = make_request_id(self._books.realm, record.entry, Step.ATTACH, record.entry.pdf_sha256)
        record.prepare(Intent(Step.ATTACH, request_id, record.entry.payload_hash))
        return File(document_type, record.entry.qb_id, name, content, request_id)

    def attached(self, answer: Attached | Exception) -> None:
        """Note what became of the PDF, and remove the one it replaces; raises what the answer says."""
        record = self._record
        if isinstance(answer, Exception):
            record.forget_intent_after(answer)
            raise answer
        # Removed before it is forgotten: whoever comes after a crash in between still knows of it.
        is_other = record.entry.attachable_id != answer.qb_id
        removed = self._detach(record.entry.attachable_id) if is_other else ""
        record.note(
            pdf_attached=True,
            attachable_id=answer.qb_id,
            attached_sha256=record.entry.pdf_sha256,
            step=None,
            sent_at=None,
            # One that was found there is no answer to a write, so it has no id of an answer.
            **({"qb_tid": answer.tid} if answer.tid else {}),
            **_of_removal(removed),
        )

    def _detach(self, replaced: str) -> str:
        """Remove a file that another one replaces, where the company does not keep such as history.

        Returns the id of the answer, empty if nothing was removed.
        """
        if not replaced or self._books.keeps_replaced_files:
            return ""
        entry = self._record.entry
        request_id = make_request_id(self._books.realm, entry, Step.DELETE, f"attachable {replaced}")
        return self._books.detach(entry.document_type, entry.qb_id, replaced, request_id)


def _of_removal(tid: str) -> dict[str, str]:
    return {"removed_tid": tid} if tid else {}


def _same_file(files: list[Attached], name: str, size_bytes: int) -> Attached | None:
    return next((file for file in files if file.file_name == name and file.size_bytes in (0, size_bytes)), None)
