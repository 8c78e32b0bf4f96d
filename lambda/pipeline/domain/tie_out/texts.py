"""Whether a name or number of Odoo and one of QuickBooks are the same text, but for what a system cannot keep.

QuickBooks takes no control characters and no colons in names; the pipeline leaves invisible characters out; and a US
company may keep letters of ISO-8859-1 only, and shows a question mark in the place of each other one. Two names that
such a company could keep are the same only if their letters are.
"""

from __future__ import annotations

import re
import unicodedata

_LATIN_MAX = 0xFF
_LOST = "?"
_SPACES = re.compile(r"[\s:]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def same_text(odoo: str, quickbooks: str) -> bool:
    """Return whether QuickBooks shows a text as it is in Odoo, in upper or lower case."""
    found = shown(quickbooks)
    return any(wanted == found for wanted in _forms(odoo, found))


def begins_alike(odoo: str, quickbooks: str, length: int) -> bool:
    """Return whether both texts have at least so many characters, and the same ones up to there."""
    found = shown(quickbooks)[:length]
    return len(found) == length and any(wanted.startswith(found) for wanted in _forms(odoo, found))


def shown(text: str) -> str:
    """Return a text as both systems show it: composed letters in lower case, single spaces, nothing invisible."""
    spaced = _CONTROLS.sub(" ", unicodedata.normalize("NFC", text))
    visible = "".join(character for character in spaced if unicodedata.category(character) not in ("Cf", "Cs", "Cn"))
    return _SPACES.sub(" ", visible).strip().casefold()


def _forms(odoo: str, found: str) -> tuple[str, ...]:
    """Return what a text of Odoo may be in QuickBooks."""
    wanted = shown(odoo)
    if _LOST not in found:
        return (wanted,)
    # Before the case is folded, which makes two letters of some.
    composed = unicodedata.normalize("NFC", odoo)
    kept = "".join(character if ord(character) <= _LATIN_MAX else _LOST for character in composed)
    lost = "".join(character if ord(character) <= _LATIN_MAX else _LOST for character in wanted)
    return wanted, shown(kept), lost
