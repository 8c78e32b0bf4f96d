"""The kind of a file, from its bytes: names and declared types are not reliable."""

from __future__ import annotations

import io
import re
import zipfile
from enum import Enum

# Viewers look for a PDF's header in the first kilobyte.
HEADER_WITHIN = 1024
_TEXT_WITHIN = 4096
# No document of Office has nearly as many.
ARCHIVE_PARTS_MAX = 10_000
# Files that Windows, macOS or an office program runs when somebody opens them.
_PROGRAM = re.compile(
    r"\.(?:exe|com|scr|pif|msi|msp|bat|cmd|ps1|psm1|vbs?|vbe|jse?|wsf|wsh|hta|cpl|dll|sys|jar|jnlp|lnk|url|reg|inf|scf|"
    r"app|command|dmg|pkg|sh|py|pl|rb|swf|docm|dotm|xlsm|xltm|xlam|pptm|ppam|application|gadget|chm|iso|img|vhdx?)\W*$",
    re.IGNORECASE,
)


class FileKind(Enum):
    """The kind of a file, in words for a person."""

    EMPTY = "empty"
    PDF = "a PDF"
    IMAGE = "an image"
    HEIC = "a photograph in Apple's format (HEIC)"
    AVIF = "an image in the format AVIF"
    JPEG_2000 = "an image in the format JPEG 2000"
    SVG = "a drawing (SVG)"
    PHOTOSHOP = "an image of Photoshop (PSD)"
    WORD = "a Word document (DOCX)"
    EXCEL = "an Excel sheet (XLSX)"
    POWERPOINT = "a presentation (PPTX)"
    OPEN_SHEET = "a spreadsheet (ODS)"
    OPEN_TEXT = "a text document (ODT)"
    OPEN_OTHER = "an OpenDocument file"
    OLD_OFFICE = "a file of an old Office or of Outlook (DOC, XLS, MSG)"
    RTF = "a text document (RTF)"
    POSTSCRIPT = "a print file (PostScript)"
    SIGNED = "a signed envelope (P7M)"
    XML = "an XML file, perhaps an e-invoice"
    HTML = "a web page (HTML)"
    EMAIL = "an e-mail (EML)"
    ZIP = "an archive (ZIP)"
    OTHER_ARCHIVE = "an archive (7z, RAR, gzip)"
    PROGRAM = "a program"
    SOUND_OR_FILM = "a sound or a film"
    JSON = "a JSON file"
    TEXT = "a plain text"
    UNKNOWN = "of no kind that is known here"


def kind_of(content: bytes) -> FileKind:
    """Return the kind of the bytes, regardless of the file's name."""
    if not content:
        return FileKind.EMPTY
    return _by_its_beginning(content) or _by_its_text(content)


def is_program_name(name: str) -> bool:
    """Return whether somebody who opens a file of this name runs it."""
    return _PROGRAM.search(name) is not None


def _by_its_beginning(content: bytes) -> FileKind | None:
    for start, kind in _BEGINNINGS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF":
        return FileKind.IMAGE if content[8:12] == b"WEBP" else FileKind.SOUND_OR_FILM
    if content[4:8] == b"ftyp":
        return _boxed(content)
    return _zipped(content) if content.startswith((b"PK\x03\x04", b"PK\x05\x06")) else None


def _by_its_text(content: bytes) -> FileKind:
    text = _text(content[:_TEXT_WITHIN])
    worded = _worded(text) if text is not None else None
    # An e-mail or envelope around a PDF may show the PDF's header within the first kilobyte, too.
    if b"%PDF-" in content[:HEADER_WITHIN] and worded not in (FileKind.EMAIL, FileKind.HTML, FileKind.XML):
        return FileKind.PDF
    if worded:
        return worded
    if content[:1] == b"\x30" and content[1:2] in (b"\x80", b"\x82", b"\x83", b"\x84"):
        return FileKind.SIGNED
    return FileKind.TEXT if text is not None and text.strip() else FileKind.UNKNOWN


_BEGINNINGS = (
    (b"%PDF-", FileKind.PDF),
    (b"\xff\xd8\xff", FileKind.IMAGE),
    (b"\x89PNG\r\n\x1a\n", FileKind.IMAGE),
    (b"GIF87a", FileKind.IMAGE),
    (b"GIF89a", FileKind.IMAGE),
    *((start, FileKind.IMAGE) for start in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")),
    (b"BM", FileKind.IMAGE),
    (b"8BPS", FileKind.PHOTOSHOP),
    (b"\x00\x00\x00\x0cjP  ", FileKind.JPEG_2000),
    (b"\xff\x4f\xff\x51", FileKind.JPEG_2000),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind.OLD_OFFICE),
    (b"{\\rtf", FileKind.RTF),
    (b"%!PS", FileKind.POSTSCRIPT),
    (b"\xc5\xd0\xd3\xc6", FileKind.POSTSCRIPT),
    (b"7z\xbc\xaf\x27\x1c", FileKind.OTHER_ARCHIVE),
    (b"Rar!", FileKind.OTHER_ARCHIVE),
    (b"\x1f\x8b", FileKind.OTHER_ARCHIVE),
    (b"MZ", FileKind.PROGRAM),
    (b"\x7fELF", FileKind.PROGRAM),
    (b"ID3", FileKind.SOUND_OR_FILM),
    (b"OggS", FileKind.SOUND_OR_FILM),
)
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_MAIL = re.compile(
    r"(?:return-path|received|delivered-to|from|to|subject|date|message-id|mime-version|content-type|reply-to"
    r"|x-[a-z0-9-]+|dkim-signature|arc-[a-z-]+|authentication-results): ?\S.*\r?\n"
    r"(?:[ \t].*\r?\n|[A-Za-z][A-Za-z0-9-]*:.*\r?\n)",
    re.IGNORECASE,
)


def _boxed(content: bytes) -> FileKind:
    brands = content[8:64]
    if brands[:4] in (b"avif", b"avis"):
        return FileKind.AVIF
    return FileKind.HEIC if brands[:4] in _HEIC else FileKind.SOUND_OR_FILM


def _zipped(content: bytes) -> FileKind:
    """Return which of the many archive formats it is."""
    try:
        if is_large_archive(content):
            return FileKind.ZIP
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            kept = read_within(archive, "mimetype", 100) if "mimetype" in names else b""
    except Exception:  # noqa: BLE001 - zipfile raises many kinds of errors for a broken archive
        names, kept = [], b""
    if b"opendocument" in kept:
        named = {b"spreadsheet": FileKind.OPEN_SHEET, b"text": FileKind.OPEN_TEXT}
        return next((kind for word, kind in named.items() if word in kept), FileKind.OPEN_OTHER)
    for folder, kind in (("word/", FileKind.WORD), ("xl/", FileKind.EXCEL), ("ppt/", FileKind.POWERPOINT)):
        if any(name.startswith(folder) for name in names):
            return kind
    return FileKind.ZIP


def is_large_archive(content: bytes) -> bool:
    """Return whether an archive has too many parts to list them: each takes far more memory than it has bytes."""
    return content.count(b"PK\x01\x02") > ARCHIVE_PARTS_MAX


def read_within(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Return the first bytes of a part, and unpack no more: a small part may hold gigabytes."""
    with archive.open(name) as part:
        return part.read(size)


def _text(start: bytes) -> str | None:
    """Return the beginning of a text, or None if it is not a text."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return start.decode("utf-16", "replace").lstrip("\ufeff")
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in start):
        return None
    return start.decode("utf-8", "replace").lstrip("\ufeff")


def _worded(text: str) -> FileKind | None:
    """Return the kind of a text by its beginning."""
    start = text.lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return FileKind.HTML
    if re.match(r"<[?!a-z]", start):
        first = re.search(r"<([a-z][\w.-]*:)?([a-z][\w.-]*)", start)
        named = first[2] if first else ""
        return {"html": FileKind.HTML, "svg": FileKind.SVG}.get(named, FileKind.XML)
    if _MAIL.match(text.lstrip()):
        return FileKind.EMAIL
    if re.match(r"[{\[]\s*[\"{\[\]}]", start):
        return FileKind.JSON
    return None
