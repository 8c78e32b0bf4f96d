"""PDFs as bytes: open one, merge several with what is embedded in them.

The libraries are imported where they are used: a run that only finds unchanged documents needs none of them.
"""

from __future__ import annotations

import errno
import gc
import io
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import IO, Any

from pipeline.domain.errors import InvalidDocument, Unavailable
from pipeline.files.file_kinds import HEADER_WITHIN
from pipeline.files.images import image_page
from pipeline.files.pdf_active import ActiveContent, active_content, is_program, remove_from
from pipeline.files.pdf_embedding import with_appended

__all__ = ["acting", "check", "embedding", "image_page", "merged"]

PAGES_MAX = 2_000
# How many entries the tree of pages may have in all. Its branches come to few beside its leaves.
PAGE_TREE_MAX = 2 * PAGES_MAX
IN_MEMORY_BYTES_MAX = 8 * 2**20
# What is left of smaller files Python frees by itself in time. To look for it costs more than to merge them.
COLLECTED_BYTES_MIN = 2**20
EMBEDDED_BYTES_MAX = 25 * 2**20


# Digests of the files that opened last: each step that a document's file goes through asks again. To open a large one,
# of few objects, takes no longer than to know it again.
_opening: deque[bytes] = deque(maxlen=32)
KNOWN_AGAIN_BYTES_MAX = 2**20


def check(content: bytes) -> None:
    """Raise InvalidDocument unless the bytes are a PDF that opens without a password and has a page."""
    if _digest(content) not in _opening:
        _opened(content)


def acting(content: bytes) -> ActiveContent:
    """Return the active content of a PDF. Raises InvalidDocument if it does not open."""
    found = active_content(_opened(content))
    if len(content) > IN_MEMORY_BYTES_MAX:
        # pypdf's objects refer to each other, so only a collection frees them.
        gc.collect()
    return found


def merged(contents: Sequence[bytes], files: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """Return one PDF with all pages, all embedded files, and `files` (name, bytes) embedded, too.

    An embedded file may be an e-invoice (Factur-X, ZUGFeRD). Active content, such as scripts, launch actions and
    embedded programs, is removed: nobody has checked it, and people open the file from the books. A single PDF without
    `files` is returned byte for byte. Raises Unavailable while the disk has no room for it.
    """
    if len(contents) == 1 and not files:
        check(contents[0])
        return contents[0]
    try:
        return _merged(contents, files)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise Unavailable("The function's disk has no room to merge the papers of a document") from error


def _merged(contents: Sequence[bytes], files: Sequence[tuple[str, bytes]]) -> bytes:
    # The result is written to a file while pypdf still holds what it has read: both are as large as all files together.
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES_MAX) as target:
        _write_merged(contents, files, target)
        if sum(map(len, contents)) + sum(len(file) for _, file in files) > COLLECTED_BYTES_MIN:
            # pypdf's objects refer to each other, so only a collection frees them.
            gc.collect()
        target.seek(0)
        return target.read()


def embedding(content: bytes, files: Sequence[tuple[str, bytes]]) -> bytes | None:
    """Return one PDF with files (name, bytes) embedded: its own bytes first, so that a signature in it still holds.

    Returns None if nothing can be added to this one; `merged` can write it again as a whole. Raises InvalidDocument if
    it does not open.
    """
    reader = _reader(content)
    try:
        known = set(reader.attachments)
        made = with_appended(content, reader, list(_unique(files, known)))
        if made is not None and not _has(made, len(known), len(reader.pages)):
            made = None
    except Exception:  # noqa: BLE001 - pypdf raises many kinds of errors for a broken file
        made = None
    if len(content) > IN_MEMORY_BYTES_MAX:
        gc.collect()
    return made


def _unique(files: Sequence[tuple[str, bytes]], known: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yield files under names that are not in `known`, and add the names to it."""
    for name, content in files:
        own = next(candidate for candidate in _names(name) if candidate not in known)
        known.add(own)
        yield own, content


def _has(content: bytes, files: int, page_count: int) -> bool:
    """Return whether a PDF opens with so many names of embedded files, and pages."""
    try:
        reader = _reader(content)
        return len(set(reader.attachments)) == files and len(reader.pages) == page_count
    except Exception:  # noqa: BLE001 - pypdf raises many kinds of errors for a broken file
        return False


def _write_merged(contents: Sequence[bytes], files: Sequence[tuple[str, bytes]], target: IO[bytes]) -> None:
    from pypdf import PdfWriter

    readers = [_reader(content) for content in contents]
    try:
        writer = PdfWriter()
        for reader in readers:
            for page in reader.pages:
                writer.add_page(page)
        for copied in writer._objects:  # noqa: SLF001 - pypdf has no public way to all of a file's objects
            remove_from(copied)
        for name, embedded in _embedded(readers, files):
            writer.add_attachment(name, embedded)
        writer.write(target)
    except InvalidDocument:
        raise
    except Exception as error:  # damage inside a page shows only when the page is copied
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # no paper is to blame for it
        raise InvalidDocument("do not merge: one of them is damaged inside") from error


def _embedded(readers: Sequence[Any], files: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield the files embedded in PDFs under unique names, without programs, and identical files only once.

    After them yield `files`.
    """
    names: set[str] = set()
    known: set[bytes] = set()
    size = 0
    for reader in readers:
        programs = {file.name for file in reader.attachment_list if is_program(file.pdf_object)}
        for name, contents in reader.attachments.items():
            if name in programs:
                continue
            for content in contents:
                if content in known:
                    continue
                size += len(content)
                if size > EMBEDDED_BYTES_MAX:
                    raise InvalidDocument("do not merge: what is embedded in them is too large")
                known.add(content)
                yield from _unique([(name, content)], names)
    yield from _unique(files, names)


def _names(name: str) -> Iterator[str]:
    yield name
    stem, dot, ending = name.rpartition(".")
    for number in range(2, 10_000):
        yield f"{stem}-{number}.{ending}" if dot else f"{name}-{number}"


class _Readable(io.BytesIO):
    """Bytes without a buffer to write to: for one `BytesIO` copies them, and pypdf only asks it for their size."""

    getbuffer: Any = property()


def _opened(content: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return what reads a PDF, and remember that it opens."""
    reader = _reader(content)
    digest = _digest(content)
    if digest and digest not in _opening:
        _opening.append(digest)
    return reader


def _digest(content: bytes) -> bytes:
    return sha256(content).digest() if len(content) <= KNOWN_AGAIN_BYTES_MAX else b""


def _reader(content: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202
    # Named so that it is packed: with it pypdf opens print-protected files, which need no password to be read.
    from Crypto.Cipher import AES  # noqa: F401
    from pypdf import PasswordType, PdfReader

    if b"%PDF-" not in content[:HEADER_WITHIN]:
        raise InvalidDocument("is not a PDF" if content else "is empty")
    try:
        reader = PdfReader(_Readable(content))
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise InvalidDocument("is protected by a password")
        _check_page_tree(reader.root_object)
        pages = len(reader.pages)
        if pages:
            _ = reader.pages[0].mediabox
    except InvalidDocument:
        raise
    except Exception as error:  # pypdf raises many kinds of errors for a broken file
        raise InvalidDocument("is damaged and does not open") from error
    if not 0 < pages <= PAGES_MAX:
        raise InvalidDocument(f"has {pages} pages")
    return reader


def _check_page_tree(catalog: Any) -> None:
    """Raise InvalidDocument if there are too many pages, before any is opened: each takes kilobytes and a moment."""
    branches = [catalog["/Pages"].get_object()]
    count = 0
    while branches:
        leaves = branches.pop().get("/Kids")
        leaves = leaves.get_object() if leaves is not None else []
        count += len(leaves)
        if count > PAGE_TREE_MAX:
            raise InvalidDocument(f"has more than {PAGES_MAX} pages")
        opened = (leaf.get_object() for leaf in leaves)
        branches += [leaf for leaf in opened if leaf is not None and "/Kids" in leaf]
