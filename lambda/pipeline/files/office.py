"""What an Office file (DOCX, XLSX) could do when it is opened: macros, objects, commands, files from elsewhere.

Its parts are read as XML, because a type or a link may be spelled in numbers, in any encoding, under any name. Nothing
of it is unpacked beyond a fixed size.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from typing import IO, Any

from pipeline.domain.errors import InvalidDocument
from pipeline.files.archive import XML_BYTES_MAX, opened
from pipeline.files.file_kinds import FileKind

_CHUNK_BYTES = 2**16
_INSTRUCTION_LENGTH_MAX = 2**20
_PARTS_LIST = "[content_types].xml"

# The main part of each kind of Office file.
MAIN_PARTS = {FileKind.WORD: "word/document.xml", FileKind.EXCEL: "xl/workbook.xml"}
# Parts that run, or hold what runs: macros of both ages, controls, other programs' objects.
_ACTIVE_PART = re.compile(r"vbaproject|vbadata|activex/|macrosheets/|dialogsheets/|embeddings/|\.(?:exe|dll|js|vbs)$")
_ACTIVE_TYPE = re.compile(r"macroenabled|vbaproject|activex|oleobject|macrosheet", re.IGNORECASE)
# What a link of one of its parts leads to (the last word of its type) that runs, or is fetched or refreshed on opening.
_ACTIVE_LINKS = frozenset((
    "oleobject", "package", "vbaproject", "wordvbadata", "control", "activexcontrolbinary", "xlmacrosheet",
    "xlintlmacrosheet", "dialogsheet", "attachedtemplate", "afchunk", "subdocument", "frame", "externallink",
    "externallinkpath", "connections", "querytable", "keymapcustomizations", "attachedtoolbars", "customui",
    "extensibility",
))  # fmt: skip
_ACTIVE_ELEMENTS = frozenset(("ddelink", "olelink", "oleobject", "altchunk", "subdoc"))
_FORMULAS = frozenset(("f", "definedname", "formula", "formula1", "formula2", "oldformula", "calculatedcolumnformula"))
# A field of Word that starts a program or fetches a file. Before each is the character that ends the one before it.
_ACTIVE_FIELD = re.compile(
    r"\x00\s*(?:dde|ddeauto|link|includetext|includepicture|include|import|embed|database|macrobutton|print|quote\s+\d+)\b",
    re.IGNORECASE,
)
# A formula that asks another program (`program|topic!item`), or fetches something.
_LITERAL = re.compile(r'"[^"]*"')
_ACTIVE_CALL = re.compile(r"\b(?:webservice|call|register|register\.id|exec|rtd|evaluate)\s*\(", re.IGNORECASE)
_IS_XML = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x00]*<")


def check_office(kind: FileKind, content: bytes) -> None:
    """Raise InvalidDocument with the reason if an Office file could act, or is not what it seems to be."""
    with opened(content, kind.value, (_PARTS_LIST, MAIN_PARTS[kind])) as (archive, parts):
        if any(_ACTIVE_PART.search(name) for _, name in parts):
            raise InvalidDocument(f"is {kind.value} with macros or another program's objects in it")
        _check_parts(archive, parts, kind)


def _check_parts(archive: zipfile.ZipFile, parts: Iterable[tuple[zipfile.ZipInfo, str]], kind: FileKind) -> None:
    left = XML_BYTES_MAX
    for part, name in parts:
        with archive.open(part) as opened:
            start = opened.read(_CHUNK_BYTES)
            # Drawings of an older kind are not well-formed XML, and hold no instructions.
            if name.endswith(".vml") or not (name.endswith((".xml", ".rels")) or _IS_XML.match(start)):
                continue
            left -= part.file_size
            if left < 0:
                raise InvalidDocument(f"is {kind.value} of too much text to look for what could act")
            found = _Part(is_list=name == _PARTS_LIST).read(start, opened)
            if found:
                raise InvalidDocument(f"is {kind.value} with {found} in it")


class _Found(Exception):
    """Something that could act; the text says what."""


class _Part:
    """One part of an Office file, read as XML and not kept."""

    def __init__(self, *, is_list: bool) -> None:
        self._is_list = is_list
        self._fields: list[str] = []
        self._fields_length = 0
        self._formula: list[str] | None = None
        self._is_instruction = False

    def read(self, start: bytes, rest: IO[bytes]) -> str:
        """Return in words what could act in it, or an empty text. Raises ExpatError if it is not XML."""
        from xml.parsers import expat

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            chunk = start
            while chunk:
                parser.Parse(chunk, False)
                chunk = rest.read(_CHUNK_BYTES)
            parser.Parse(b"", True)
        except _Found as found:
            return str(found)
        return "a field that starts a program or fetches a file" if _acts_as_field("".join(self._fields)) else ""

    def _doctype(self, *_: object) -> None:
        raise _Found("definitions that may hide what is")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        word = name.rpartition(" ")[2].lower()
        if word in _ACTIVE_ELEMENTS:
            raise _Found("another program's objects")
        if word == "relationship":
            _check_link(attributes)
        elif self._is_list and _ACTIVE_TYPE.search(attributes.get("ContentType", "")):
            raise _Found("macros or another program's objects")
        elif word == "instrtext":
            self._is_instruction = True
        elif word in ("fldchar", "fldsimple"):
            own = next((text for key, text in attributes.items() if key.rpartition(" ")[2] == "instr"), "")
            self._keep(f"\0{own}")
        elif word in _FORMULAS:
            self._formula = []

    def _end(self, name: str) -> None:
        word = name.rpartition(" ")[2].lower()
        if word == "instrtext":
            self._is_instruction = False
        elif self._formula is not None and word in _FORMULAS:
            if _acts_as_formula(_LITERAL.sub("", "".join(self._formula))):
                raise _Found("a formula that asks another program or fetches something")
            self._formula = None

    def _text(self, text: str) -> None:
        if self._is_instruction:
            self._keep(text)
        elif self._formula is not None:
            self._formula.append(text)

    def _keep(self, text: str) -> None:
        """Keep a part of a field's instruction, which may be spread over many elements."""
        self._fields.append(text)
        self._fields_length += len(text)
        if self._fields_length > _INSTRUCTION_LENGTH_MAX:
            raise _Found("too many fields to look through")


def _acts_as_field(instructions: str) -> bool:
    # One without a beginning of its own is alone.
    return _ACTIVE_FIELD.search(f"\0{instructions}") is not None


def _acts_as_formula(formula: str) -> bool:
    bar = formula.find("|")
    return (bar >= 0 and formula.find("!", bar) >= 0) or _ACTIVE_CALL.search(formula) is not None


def _check_link(attributes: dict[str, Any]) -> None:
    """Raise _Found for a link to what runs, or to a place outside that is fetched before anybody clicks."""
    word = str(attributes.get("Type", "")).rstrip("/").rpartition("/")[2].lower()
    is_outside = str(attributes.get("TargetMode", "")).strip().lower() == "external"
    if word in _ACTIVE_LINKS or (is_outside and word != "hyperlink"):
        raise _Found("a link to a file or program that opens with it")
