"""What a text could do when it is opened: XML that is a page, RTF with fields and objects, a table of formulas."""

from __future__ import annotations

import re

from pipeline.domain.errors import InvalidDocument

# XML that a browser or Office opens as something that runs: a page, a drawing, a stylesheet, a document of Office; and
# what makes a small file large, or hides one of these.
_ACTIVE_XML = re.compile(
    r"<script|www\.w3\.org/1999/xhtml|www\.w3\.org/2000/svg|www\.w3\.org/1999/xsl/transform|<\?mso-application"
    r"|<!entity|<!attlist|xmlns(?::[\w.-]+)?\s*=\s*[\"'][^\"'>]*&",
    re.IGNORECASE,
)
# In RTF: another program's object, or a template that is fetched on opening.
_ACTIVE_RTF = re.compile(
    rb"\\obj(?:ect|data|ocx|emb|link|autlink|update|class)|\\\*\s*\\template(?![a-z])", re.IGNORECASE
)
_RTF_FIELD = re.compile(rb"\\fldinst(?![a-z])", re.IGNORECASE)
_RTF_FIELDS_MAX = 5_000
_RTF_FIELD_BYTES = 1_000
_RTF_CODE = re.compile(r"\\'([0-9a-f]{2})|\\u(-?\d{1,6}) ?\??|\\[a-z]+-?\d* ?|\\[^a-z]|[{}\r\n]", re.IGNORECASE)
_RTF_BRACE = re.compile(rb"\\[^a-z]|[{}]")
# Programs skip a group they do not know, so a word that is hidden in one would be read here and not there.
_RTF_HIDDEN = re.compile(rb"\\\*\s*\\(?!datafield|formfield)", re.IGNORECASE)
# Fields that show something of the document itself, or follow a click.
_HARMLESS_FIELDS = frozenset((
    "hyperlink", "page", "numpages", "sectionpages", "date", "time", "createdate", "savedate", "printdate", "toc",
    "tc", "ref", "pageref", "noteref", "seq", "symbol", "mergefield", "author", "title", "subject", "filename",
    "styleref", "=", "formtext", "formcheckbox", "formdropdown", "eq", "advance", "xe", "index", "listnum",
))  # fmt: skip
# A spreadsheet of the eighties that Excel knows by its first bytes, whatever it is called.
_SYLK = re.compile(rb"ID;P[^\r\n]*[\r\n]+[A-Z]{1,2};")
# A cell that a spreadsheet computes, by any separator and with signs of any width. What follows it may be the bar of
# another program's name, as in `=program|topic!item`.
_FORMULA = re.compile(r"(?:^|[,;\t|\r\n])[ \"'\u00a0\ufeff]*([=+\-@\uff1d\uff0b\uff0d\uff20][^,;\t|\r\n]*)(?=(\|?))")
_CALL = re.compile(r"[^\W\d]\d*\s*\(")
_LETTER = re.compile(r"[^\W\d]")


def acts_as_xml(content: bytes) -> bool:
    """Return whether XML holds what a browser or Office runs, or what hides that."""
    return _ACTIVE_XML.search(decoded(content)) is not None


def decoded(content: bytes) -> str:
    """Return the text of an XML file. A wrong encoding changes only letters that nothing here looks for."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return content.decode("latin-1")


def check_rtf(content: bytes) -> None:
    """Raise InvalidDocument if RTF has an object, a template, or a field that starts a program or fetches a file."""
    if _ACTIVE_RTF.search(content):
        raise InvalidDocument("with another program's object or a template in it")
    for place, found in enumerate(_RTF_FIELD.finditer(content)):
        if place >= _RTF_FIELDS_MAX:
            raise InvalidDocument("with too many fields to look through")
        field = _to_its_end(content[found.end() : found.end() + _RTF_FIELD_BYTES])
        words = _rtf_text(field).split()
        if not words or words[0].lower() not in _HARMLESS_FIELDS or _RTF_HIDDEN.search(field):
            raise InvalidDocument("with a field in it that starts a program or fetches a file")


def _to_its_end(content: bytes) -> bytes:
    """Return the rest of the group that these bytes begin in, or all of them if the group does not end."""
    depth = 1
    for brace in _RTF_BRACE.finditer(content):
        depth += {b"{": 1, b"}": -1}.get(brace[0], 0)
        if not depth:
            return content[: brace.start()]
    return content


def _rtf_text(content: bytes) -> str:
    """Return the text of a piece of RTF: a letter may be spelled in numbers, and a word be spread over groups."""

    def meaning(code: re.Match[str]) -> str:
        if code[1]:
            return chr(int(code[1], 16))
        return chr(int(code[2]) % 0x10000) if code[2] else ""

    return _RTF_CODE.sub(meaning, content.decode("latin-1")).replace("*", " ")


def check_table(content: bytes) -> None:
    """Raise InvalidDocument if a CSV has a formula that a spreadsheet would run: a call, or another program's name."""
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if is_wide else "utf-8", "replace")
    last = text.rfind("!")
    for cell in _FORMULA.finditer(text):
        names_a_program = cell[2] and cell.end() < last and _LETTER.search(cell[1])
        if names_a_program or _CALL.search(cell[1]):
            raise InvalidDocument("with a formula in it that a spreadsheet would run")


def is_old_sheet(content: bytes) -> bool:
    """Return whether Excel takes a text for a spreadsheet of an old kind, with formulas, whatever its name is."""
    return _SYLK.match(content) is not None
