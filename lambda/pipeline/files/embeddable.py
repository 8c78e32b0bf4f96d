"""Files that are embedded in the PDF because they are no pages, unless they could act.

These are DOCX, XLSX, ODS, XML, RTF, texts, and images that cannot become pages (HEIC, AVIF, JPEG 2000, Photoshop, or
too large). Most of them QuickBooks takes as files of their own. Embedded, they are one file with the PDF, so that no
failure in between can lose or double one. The kind of a file comes from its bytes, never from its name.
"""

from __future__ import annotations

import re
import unicodedata

from pipeline.domain.errors import InvalidDocument
from pipeline.files.active_text import acts_as_xml, check_rtf, check_table, is_old_sheet
from pipeline.files.file_kinds import FileKind, is_program_name, kind_of
from pipeline.files.office import MAIN_PARTS, check_office
from pipeline.files.open_document import check_spreadsheet

# How many files one PDF may have beside its pages.
FILES_MAX = 50
_NAME_LENGTH_MAX = 120

_ENDINGS = {
    FileKind.WORD: (".docx",),
    FileKind.EXCEL: (".xlsx",),
    FileKind.OPEN_SHEET: (".ods",),
    FileKind.XML: (".xml",),
    FileKind.RTF: (".rtf",),
    FileKind.TEXT: (".txt", ".csv"),
    FileKind.HEIC: (".heic", ".heif"),
    FileKind.AVIF: (".avif",),
    FileKind.JPEG_2000: (".jp2", ".jpx", ".j2k", ".jpf"),
    FileKind.PHOTOSHOP: (".psd", ".psb"),
}
# Images become pages. Those that are too large for that are embedded, with the ending of their format.
_ENDINGS_OF_IMAGES = (
    (b"\xff\xd8", (".jpg", ".jpeg")),
    (b"\x89PNG", (".png",)),
    (b"GIF8", (".gif",)),
    (b"RIFF", (".webp",)),
    (b"BM", (".bmp",)),
    (b"", (".tif", ".tiff")),
)
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]')


def is_embeddable(kind: FileKind) -> bool:
    """Return whether files of this kind are embedded in the PDF, if nothing in them could act."""
    return kind in _ENDINGS


def check_embeddable(name: str, content: bytes) -> None:
    """Raise InvalidDocument with the reason if a file of such a kind could act, or is not what it seems to be."""
    kind = kind_of(content)
    if is_program_name(name) or content.startswith(b"#!"):
        raise InvalidDocument("is named like a program" if is_program_name(name) else "is a script")
    if kind in MAIN_PARTS:
        check_office(kind, content)
    elif kind is FileKind.OPEN_SHEET:
        check_spreadsheet(content)
    elif kind is FileKind.XML and acts_as_xml(content):
        raise InvalidDocument(f"is {kind.value}, with something in it that could act")
    elif kind is FileKind.TEXT and is_old_sheet(content):
        raise InvalidDocument("is a spreadsheet of an old kind (SYLK)")
    try:
        if kind is FileKind.RTF:
            check_rtf(content)
        elif kind is FileKind.TEXT and embedded_name(name, content).endswith(".csv"):
            check_table(content)
    except InvalidDocument as error:
        raise InvalidDocument(f"is {kind.value} {error}") from error


def embedded_name(name: str, content: bytes) -> str:
    """Return the name of a file inside the PDF: no path, nothing that hides its end, and the ending of its kind."""
    kept = (
        " " if unicodedata.category(character)[0] in "CZ" else character for character in name[: 8 * _NAME_LENGTH_MAX]
    )
    plain = " ".join(_NOT_IN_NAMES.sub("_", "".join(kept)).split())
    endings = _endings(content)
    found = next((ending for ending in endings if plain.lower().endswith(ending)), "")
    stem = (plain[: -len(found)] if found else plain).strip(". ")[:_NAME_LENGTH_MAX] or "file"
    return stem + (found or endings[0])


def _endings(content: bytes) -> tuple[str, ...]:
    kind = kind_of(content)
    if kind is FileKind.IMAGE:
        return next(endings for start, endings in _ENDINGS_OF_IMAGES if content.startswith(start))
    return _ENDINGS[kind]
