"""The vendor's own papers: every file attached to a bill is carried along, or named with the reason why not."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import field

from pipeline.domain.document import Attachment, Document
from pipeline.domain.errors import InvalidDocument, Unavailable
from pipeline.domain.quoting import named
from pipeline.domain.source import NotRendered
from pipeline.domain.values import dataclass
from pipeline.files import pdf as pages
from pipeline.files.embeddable import FILES_MAX, check_embeddable, embedded_name, is_embeddable
from pipeline.files.file_kinds import FileKind, kind_of
from pipeline.files.images import TooLargeForPages, image_page
from pipeline.odoo.stored_files import StoredFiles

# The limit for all files of one document together.
PDF_BYTES_MAX = 25 * 1024 * 1024
# The limit for one call: an answer is in memory several times while it is read.
CALL_BYTES_MAX = 8 * 1024 * 1024
# The limit for all files of one document as pages. A photograph may become larger than it was.
MERGED_BYTES_MAX = 60 * 1024 * 1024
DAMAGED = "arrived damaged: it is not the file Odoo has"
LOST = "is in Odoo's list of files, and Odoo gives nothing of it: look whether its file store is there"
_SHA1_OF_NOTHING = hashlib.sha1(b"", usedforsecurity=False).hexdigest()
STAYS = "it stays in Odoo"
_PAGES = (".pdf", ".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".webp", ".bmp")


@dataclass(slots=True)
class Papers:
    """The files of one document, to be merged into one PDF. `left_out` names every file that is not in it, and why.

    `embedded` names those that are no pages and are embedded in the PDF. `active` names the files that have active
    content: a PDF that is alone keeps it, a merged one does not have it. With `plain`, wait for nothing: a file that
    Odoo cannot give now is left out, too.
    """

    stored: StoredFiles
    document: Document
    plain: bool = False
    left_out: list[str] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)
    active: list[str] = field(default_factory=list)
    # With the words for what each is.
    _beside: list[tuple[Attachment, bytes, str]] = field(default_factory=list)

    def merged(self) -> bytes | None:
        """Return one PDF of all files of a bill that can be pages, the main one first, or None if there are none.

        Files that are no pages are embedded in it, or in the next PDF that `whole` is asked for. Raises Unavailable if
        a file cannot be fetched intact, unless `plain`.
        """
        found: list[tuple[Attachment, bytes]] = []
        size = 0
        self._beside = []
        for file, content in self.contents(_in_order(self.document.attachments)):
            try:
                pages_of_file = self._pages_of(file, content)
            except InvalidDocument as error:
                self._leave(file, str(error))
                continue
            if pages_of_file is None:
                continue
            if size + len(pages_of_file) > MERGED_BYTES_MAX:
                self._leave(file, f"makes pages of more than {MERGED_BYTES_MAX // 2**20} MB with the others; {STAYS}")
                continue
            size += len(pages_of_file)
            found.append((file, pages_of_file))
        return self._one(found) if found else None

    def contents(self, files: Sequence[Attachment]) -> Iterator[tuple[Attachment, bytes]]:
        """Yield files with their bytes. Sizes are known beforehand, so nothing too large is ever fetched.

        A file that differs from Odoo's was damaged in transit: everything is fetched again later, unless `plain`.
        """
        for some in self._in_calls(files):
            data = self.stored.read(self.document, some)
            for file in some:
                try:
                    content = received(data.pop(file.odoo_id, None), file.sha1)
                except Unavailable as error:
                    if not self.plain:
                        raise type(error)(f"{named(file.name)} of {self.document.title} {error}") from error
                    self._leave(file, str(error))
                else:
                    yield file, content

    def _in_calls(self, files: Sequence[Attachment]) -> Iterator[list[Attachment]]:
        some: list[Attachment] = []
        size = together = 0
        for file in files:
            if file.is_link:
                self._leave(file, f"is a link to another place, and no file; {STAYS}")
                continue
            if size + file.size_bytes > PDF_BYTES_MAX:
                self.left_out.append(
                    f"{named(file.name)} ({file.size_bytes / 2**20:.0f} MB) is too large to carry along; {STAYS}."
                )
                continue
            size += file.size_bytes
            if some and together + file.size_bytes > CALL_BYTES_MAX:
                yield some
                some, together = [], 0
            some.append(file)
            together += file.size_bytes
        if some:
            yield some

    def whole(self, one: bytes, parts: Sequence[tuple[str, bytes]]) -> bytes:
        """Return a PDF with the files that are no pages embedded in it, and note the active content of its parts.

        `parts` are the name and the bytes of each PDF that it was made of. One that is alone keeps all its bytes, and
        the files are added at its end, so that a signature in it still holds. Raises InvalidDocument if one of them
        does not open.
        """
        self.active.clear()
        one, is_rewritten = self._with_beside(one)
        self._note_active(parts, is_kept=len(parts) == 1 and not is_rewritten)
        return one

    def leave_all(self, reason: str) -> None:
        """Name every file of a bill as left out for the same reason."""
        self._beside = []
        self.left_out += names_of_papers(self.document, reason)

    def _pages_of(self, file: Attachment, content: bytes) -> bytes | None:
        """Return a file as a PDF, or None if it was kept to be embedded. Raises InvalidDocument if it is neither."""
        kind = kind_of(content)
        if is_embeddable(kind):
            self._keep_beside(file, content, f"is {kind.value}")
            return None
        try:
            return as_pdf(file, content)
        except TooLargeForPages as error:
            self._keep_beside(file, content, str(error))
            return None

    def _keep_beside(self, file: Attachment, content: bytes, what: str) -> None:
        """Keep a file to embed it. Raises InvalidDocument with the reason why not."""
        try:
            check_embeddable(file.name, content)
        except InvalidDocument as error:
            raise InvalidDocument(f"{error}; {STAYS}") from error
        if len(self._beside) == FILES_MAX:
            raise InvalidDocument(f"is one of more than {FILES_MAX} files that are no pages; {STAYS}")
        self._beside.append((file, content, what))

    def _with_beside(self, one: bytes) -> tuple[bytes, bool]:
        """Return the PDF with the other files embedded, and whether it was written again for them."""
        self.embedded = []
        if not self._beside:
            return one, False
        files = [(embedded_name(file.name, content), content) for file, content, _ in self._beside]
        try:
            made = pages.embedding(one, files)
            is_rewritten = made is None
            if made is None:
                made = pages.merged([one], files)
        except InvalidDocument:
            for file, *_ in self._beside:
                self._leave(file, f"cannot be embedded, as the PDF is damaged inside; {STAYS}")
            return one, False
        self.embedded = [f"{named(file.name)} {what}, and is embedded in the PDF." for file, _, what in self._beside]
        if is_rewritten:
            self.embedded.append("The PDF had to be written again for that: a signature in it no longer holds.")
        return made, is_rewritten

    def _one(self, found: Sequence[tuple[Attachment, bytes]]) -> bytes:
        """Return the files as one PDF. If they do not merge, leave out those that are damaged inside.

        If the main file is the damaged one, only it is carried along, as it is: it matters most.
        """
        try:
            # One that is alone is opened below.
            one = pages.merged([content for _, content in found]) if len(found) > 1 else found[0][1]
        except InvalidDocument as error:
            reason = str(error)
        else:
            return self.whole(one, [(file.name, content) for file, content in found])
        sound = [(file, content) for file, content in found if _merges(content)]
        if found[0] not in sound or len(sound) == len(found):
            sound = [found[0]]
        for file, _ in found:
            if file not in [kept for kept, _ in sound]:
                self._leave(file, f"is left out, as the attached files {reason}; {STAYS}")
        one = pages.merged([content for _, content in sound])
        return self.whole(one, [(file.name, content) for file, content in sound])

    def _note_active(self, parts: Sequence[tuple[str, bytes]], *, is_kept: bool) -> None:
        """Note the active content of the files in a PDF, and name the programs that a merged one leaves out."""
        for name, content in parts:
            acting = pages.acting(content)
            kinds = list(acting.kinds)
            if is_kept:
                kinds += [f"the embedded program {program}" for program in acting.programs]
            else:
                self.left_out += [
                    f"{program} inside {named(name)} is a program; {STAYS}." for program in acting.programs
                ]
            if kinds:
                outcome = "the PDF is kept as it is" if is_kept else f"it is left out of the merged PDF, and {STAYS}"
                self.active.append(f"{named(name)} has active content ({', '.join(kinds)}); {outcome}.")
            if not acting.is_complete:
                rest = "open it with care" if is_kept else "any such content is left out of the merged PDF"
                self.active.append(f"{named(name)} has too many objects to look for active content in all; {rest}.")

    def _leave(self, file: Attachment, reason: str) -> None:
        self.left_out.append(f"{named(file.name)} {reason}.")


def names_of_papers(document: Document, reason: str) -> tuple[str, ...]:
    """Return every file of a bill as left out for the same reason, without opening any."""
    return tuple(f"{named(file.name)} {reason}." for file in _in_order(document.attachments))


def _in_order(attachments: Sequence[Attachment]) -> list[Attachment]:
    """Return the papers: the main one first, then those named like pages, so that no archive takes their room."""
    legal = [file for file in attachments if file.is_legal]
    papers = [*(file for file in attachments if not file.is_legal), *legal[-1:]]
    return sorted(papers, key=lambda file: (not file.is_main, not _is_called_a_page(file), file.odoo_id))


def _is_called_a_page(file: Attachment) -> bool:
    return file.media_type.startswith(("application/pdf", "image/")) or file.name.lower().endswith(_PAGES)


def _merges(content: bytes) -> bool:
    try:
        pages.merged([content, content])
    except InvalidDocument:
        return False
    return True


def as_pdf(file: Attachment, content: bytes) -> bytes:
    """Return a file as a PDF. Raises InvalidDocument with the reason if no page can be made of it."""
    kind = kind_of(content)
    if kind is FileKind.PDF:
        pages.check(content)
        return content
    if kind is FileKind.IMAGE:
        return image_page(content)
    if kind is FileKind.EMPTY:
        raise InvalidDocument("is empty")
    if file.media_type == "application/pdf" or file.name.lower().endswith(".pdf"):
        raise InvalidDocument(f"is not a PDF but {kind.value}; {STAYS}")
    if file.media_type.startswith("image/") and kind is FileKind.UNKNOWN:
        raise InvalidDocument(f"is not a readable image; {STAYS}")
    raise InvalidDocument(f"is {kind.value}, which cannot be made into a page; {STAYS}")


def received(data: object, sha1: object) -> bytes:
    """Return the bytes of a file, empty if it is empty or its record is gone (None).

    Raises Unavailable if Odoo's checksum differs, and NotRendered if Odoo gives nothing of a file that is not empty: it
    answers so while its file store is away.
    """
    if data is None:
        return b""
    if not isinstance(data, str) or not data:
        if sha1 and sha1 != _SHA1_OF_NOTHING:
            raise NotRendered(LOST)
        return b""
    try:
        content = binascii.a2b_base64(data)
    except ValueError as error:  # of binascii, and of what is not ASCII
        raise Unavailable(DAMAGED) from error
    if sha1 and hashlib.sha1(content, usedforsecurity=False).hexdigest() != sha1:
        raise Unavailable(DAMAGED)
    return content
