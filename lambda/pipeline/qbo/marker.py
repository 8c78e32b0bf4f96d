"""The marker: the one fixed place of a transaction that says which entry it is of.

It begins the note to the bookkeeper (PrivateNote), so nothing from outside comes before it and nothing cuts it off.
Texts from outside cannot contain one: `without_markers` takes its brackets away. What is read back is read from that
place only. Releases before this one wrote `Odoo <number> [<entry_id>]` as the first line; such a note is still read,
from the end of that line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ENTRY_ID = r"[^\[\]\n]+-account\.move-\d+"
_MARKER = re.compile(rf"\[({_ENTRY_ID})\]")
_OLD_FIRST_LINE = re.compile(rf"Odoo .*\[({_ENTRY_ID})\]$")


def marker(entry_id: str) -> str:
    """Return the text that a transaction of this entry begins its note with."""
    return f"[{entry_id}]"


def without_markers(text: str) -> str:
    """Return a text from outside in which nothing looks like a marker."""
    return _MARKER.sub(r"(\1)", text)


def entry_id_of(row: Mapping[str, Any]) -> str:
    """Return the entry a transaction is of, or an empty text when it carries no marker of ours."""
    note = str(row.get("PrivateNote") or "")
    # QuickBooks puts a word of its own before the note of a voided transaction.
    note = re.sub(r"^Voided( - )?", "", note)
    first_line = note.partition("\n")[0]
    found = _MARKER.match(first_line) or _OLD_FIRST_LINE.match(first_line)
    return found[1] if found else ""
