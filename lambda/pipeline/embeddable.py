"""Files that are no pages and go along inside the PDF: DOCX, XLSX, XML, RTF and texts, unless they could act.

QuickBooks takes these kinds as files of their own. Inside the PDF they are one file with it, so that no failure in
between can lose or double one. What a file is, its bytes say; its name decides nothing but how it is called.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile

from pipeline.domain.errors import InvalidDocument
from pipeline.file_kinds import FileKind, is_large_archive, is_program_name, kind_of, read_within

# How many files one PDF may have beside its pages.
FILES_MAX = 50
# What the parts of an Office file may come to when somebody opens it.
UNPACKED_BYTES_MAX = 500 * 2**20
# The list of its parts is the only one that is unpacked here.
_PARTS_LIST_BYTES_MAX = 2**20
_PARTS_LIST = "[content_types].xml"
_NAME_LENGTH_MAX = 120

# The main part of each kind of Office file.
_MAIN_PARTS = {FileKind.WORD: "word/document.xml", FileKind.EXCEL: "xl/workbook.xml"}
_ENDINGS = {
    FileKind.WORD: (".docx",),
    FileKind.EXCEL: (".xlsx",),
    FileKind.XML: (".xml",),
    FileKind.RTF: (".rtf",),
    FileKind.TEXT: (".txt", ".csv"),
}
# Parts of an Office file that run, or hold what runs: macros of both ages, controls, other programs' objects.
_ACTIVE_PART = re.compile(r"vbaproject|vbadata|activex/|macrosheets/|dialogsheets/|embeddings/|\.(?:exe|dll|js|vbs)$")
_ACTIVE_TYPE = re.compile(r"macroenabled|vbaproject|activex|oleobject|macrosheet", re.IGNORECASE)
# XML that a browser or Office opens as something that runs: a page, a drawing, a stylesheet, a document of Office; and
# what makes a small file large, or hides one of these.
_ACTIVE_XML = re.compile(
    r"<script|www\.w3\.org/1999/xhtml|www\.w3\.org/2000/svg|www\.w3\.org/1999/xsl/transform|<\?mso-application|<!entity"
    r"|xmlns(?::[\w.-]+)?\s*=\s*[\"'][^\"'>]*&",
    re.IGNORECASE,
)
_RTF_OBJECT = re.compile(rb"\\obj(?:ect|data|ocx|emb|link|autlink|update|class)", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]')


def is_embeddable(kind: FileKind) -> bool:
    """Return whether files of this kind go along inside the PDF, if nothing in them could act."""
    return kind in _ENDINGS


def check_embeddable(name: str, content: bytes) -> None:
    """Raise InvalidDocument with the reason if a file of such a kind could act, or is not what it seems to be.

    An Office file is not unpacked, except for its list of parts.
    """
    kind = kind_of(content)
    if is_program_name(name) or content.startswith(b"#!"):
        raise InvalidDocument("is named like a program" if is_program_name(name) else "is a script")
    if kind in _MAIN_PARTS:
        _check_office(kind, content)
    elif kind is FileKind.XML and _ACTIVE_XML.search(_decoded(content)):
        raise InvalidDocument(f"is {kind.value}, with something in it that could act")
    elif kind is FileKind.RTF and _RTF_OBJECT.search(content):
        raise InvalidDocument(f"is {kind.value} with another program's object in it")


def embedded_name(name: str, content: bytes) -> str:
    """Return the name of a file inside the PDF: no path, nothing that hides its end, and the ending of its kind."""
    kept = (
        " " if unicodedata.category(character)[0] in "CZ" else character for character in name[: 8 * _NAME_LENGTH_MAX]
    )
    plain = " ".join(_NOT_IN_NAMES.sub("_", "".join(kept)).split())
    endings = _ENDINGS[kind_of(content)]
    found = next((ending for ending in endings if plain.lower().endswith(ending)), "")
    stem = (plain[: -len(found)] if found else plain).strip(". ")[:_NAME_LENGTH_MAX] or "file"
    return stem + (found or endings[0])


def _check_office(kind: FileKind, content: bytes) -> None:
    if is_large_archive(content):
        raise InvalidDocument(f"is {kind.value} of too many parts")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            names = [part.filename.replace("\\", "/").lower() for part in parts]
            if _PARTS_LIST not in names or _MAIN_PARTS[kind] not in names or len(set(names)) < len(names):
                raise InvalidDocument(f"is {kind.value} that lacks its main part")
            if sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
                raise InvalidDocument(f"is {kind.value} that unpacks to more than {UNPACKED_BYTES_MAX // 2**20} MB")
            types = read_within(archive, parts[names.index(_PARTS_LIST)].filename, _PARTS_LIST_BYTES_MAX + 1)
    except InvalidDocument:
        raise
    except Exception as error:  # zipfile raises many kinds of errors for a broken archive
        raise InvalidDocument(f"is {kind.value} that is damaged") from error
    active = any(map(_ACTIVE_PART.search, names)) or _ACTIVE_TYPE.search(_decoded(types))
    if active or len(types) > _PARTS_LIST_BYTES_MAX:
        raise InvalidDocument(f"is {kind.value} with macros or another program's objects in it")


def _decoded(content: bytes) -> str:
    """Return the text of an XML file. A wrong encoding changes only letters that nothing here looks for."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return content.decode("latin-1")
