"""What a spreadsheet of OpenDocument (ODS) could do when it is opened: macros, controls, data and files from elsewhere.

Its parts are read as XML and not kept, as those of other Office files are, and nothing is unpacked beyond a fixed size.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable

from pipeline.domain.errors import InvalidDocument
from pipeline.files.archive import XML_BYTES_MAX, opened
from pipeline.files.file_kinds import FileKind

_CHUNK_BYTES = 2**16
_NEEDED = {"mimetype", "content.xml", "meta-inf/manifest.xml"}
# Macros and their dialogs, other programs' objects, data bases, and settings that tie macros to keys and menus.
_ACTIVE_PART = re.compile(r"^(?:basic|scripts|dialogs|database|object[^/]*)(?:/|$)|\.(?:exe|dll|js|vbs|py|class|jar)$")
_SETTINGS = "configurations2/"
# Elements of these vocabularies run, or are controls.
_ACTIVE_VOCABULARIES = re.compile(r":(?:script|form|database):1\.0 ")
_ACTIVE_ELEMENTS = frozenset((
    "event-listener", "event-listeners", "script", "execute-macro", "applet", "plugin", "object",
    "object-ole", "floating-frame", "dde-source", "dde-connection", "dde-connection-decl", "dde-link", "table-source",
    "cell-range-source", "database-source-sql", "database-source-table", "database-source-query",
    "source-service", "encryption-data",
))  # fmt: skip
_LINKED_BY_A_CLICK = "a"
_OUTSIDE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:|[/\\]|\.\.)", re.IGNORECASE)
_FORMULAS = frozenset(("formula", "condition", "expression"))
_LITERAL = re.compile(r'"[^"]*"')
_ACTIVE_CALL = re.compile(r"\b(?:dde|webservice|call|register|exec|rtd|evaluate)\s*\(|://|file:|\|", re.IGNORECASE)


def check_spreadsheet(content: bytes) -> None:
    """Raise InvalidDocument with the reason if a spreadsheet could act, or is not what it seems to be."""
    what = FileKind.OPEN_SHEET.value
    with opened(content, what, _NEEDED) as (archive, parts):
        has_settings = any(part.file_size for part, name in parts if name.startswith(_SETTINGS))
        if has_settings or any(_ACTIVE_PART.search(name) for _, name in parts):
            raise InvalidDocument(f"is {what} with macros or another program's objects in it")
        _check_parts(archive, parts, what)


def _check_parts(archive: zipfile.ZipFile, parts: Iterable[tuple[zipfile.ZipInfo, str]], what: str) -> None:
    left = XML_BYTES_MAX
    for part, name in parts:
        if not name.endswith((".xml", ".rdf")) or not part.file_size:
            continue
        left -= part.file_size
        if left < 0:
            raise InvalidDocument(f"is {what} of too much text to look for what could act")
        found = _acting(archive, part)
        if found:
            raise InvalidDocument(f"is {what} with {found} in it")


class _Found(Exception):
    """Something that could act; the text says what."""


def _acting(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> str:
    """Return in words what could act in a part, or an empty text. Raises ExpatError if it is not XML."""
    from xml.parsers import expat

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _doctype
    parser.StartElementHandler = _element
    try:
        with archive.open(part) as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except _Found as found:
        return str(found)
    return ""


def _doctype(*_: object) -> None:
    raise _Found("definitions that may hide what is")


def _element(name: str, attributes: dict[str, str]) -> None:
    word = name.rpartition(" ")[2].lower()
    if word in _ACTIVE_ELEMENTS or _ACTIVE_VOCABULARIES.search(name.lower()):
        raise _Found("macros, controls, protection or data from elsewhere")
    for key, value in attributes.items():
        own = key.rpartition(" ")[2].lower()
        if own == "href" and word != _LINKED_BY_A_CLICK and _OUTSIDE.search(value):
            raise _Found("a link to a file that opens with it")
        if own in _FORMULAS and _ACTIVE_CALL.search(_LITERAL.sub("", value)):
            raise _Found("a formula that asks another program or fetches something")
