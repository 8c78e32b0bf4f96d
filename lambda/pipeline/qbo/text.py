"""The one place that cleans what is sent: characters that QuickBooks refuses, and the length of each field.

Everything written to QuickBooks goes through `cleaned`, so that an invisible character never stops a document.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

type Json = dict[str, Any]

# Control characters of both ranges except line break and tab, and two line separators that QuickBooks does not accept.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# Characters that reverse the direction of a text, so that it reads differently; lone surrogates; non-characters.
_NOTHING = re.compile(
    "[\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufeff"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)
_NOT_IN_NAMES = re.compile(r"[:\t\n]")
# Characters that do not show in a name or number. The two joiners (U+200C, U+200D) stay: some scripts and emoji need
# them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060-\u2064\u206a-\u206f\u3164\uffa0]"
)

# The length of each field, at any depth of a body.
LENGTHS = {
    "PrivateNote": 4_000,
    "Description": 4_000,
    "CustomerMemo": 1_000,
    "DisplayName": 500,
    "CompanyName": 100,
    "Name": 100,
    "Notes": 2_000,
    "FreeFormNumber": 30,
    "Line1": 500,
    "Line2": 500,
    "City": 255,
    "CountrySubDivisionCode": 255,
    "Country": 255,
    "PostalCode": 30,
    "FileName": 1_000,
}


def clean(text: str) -> str:
    """Return a text without characters that QuickBooks refuses or that mislead. A control character becomes a space."""
    if text.isascii() and text.isprintable():
        # Most texts are ASCII, which is known at once.
        return text
    return _NOTHING.sub("", _CONTROLS.sub(" ", text.replace("\r\n", "\n")))


def clean_line(text: str) -> str:
    """Return a name or number as it is read: one line of composed letters, single spaces, nothing invisible.

    Two texts that look the same to a person are the same then, also in a search in QuickBooks.
    """
    text = clean(text)
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    return " ".join(text.split())


def clean_name(text: str) -> str:
    """Return a name as it is read, without what QuickBooks refuses in names: colons, tabs and line breaks."""
    return clean_line(_NOT_IN_NAMES.sub(" ", text))


def cleaned(body: Mapping[str, Any]) -> Json:
    """Return a body with every text cleaned and cut to the length of its field."""
    found: Json = _cleaned(dict(body), "")
    return found


def _cleaned(value: Any, field: str) -> Any:
    if isinstance(value, str):
        return clean(value)[: LENGTHS.get(field)]
    if isinstance(value, dict):
        # `value` holds text for people (a memo) or an id, which cleaning does not change.
        return {key: _cleaned(part, field if key == "value" else key) for key, part in value.items()}
    if isinstance(value, list):
        return [_cleaned(part, field) for part in value]
    return value
