"""What is read back from the pipeline's note on a transaction: which entry it belongs to, and why its date differs.

The marker is the one fixed place of a transaction that names its entry. The note to the bookkeeper (PrivateNote) begins
with it, so nothing from outside comes before it and nothing cuts it off. Texts from outside cannot contain one:
`without_markers` removes the brackets. What is read back is read from that place only. Releases before this one wrote
`Odoo <number> [<entry_id>]` as the first line; such a note is still read, from the end of that line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from pipeline.domain.document import Document
from pipeline.domain.errors import Rejected

_ENTRY_ID = r"[^\[\]\n]+-account\.move-\d+"
_MARKER = re.compile(rf"\[({_ENTRY_ID})\]")
_OLD_FIRST_LINE = re.compile(rf"Odoo .*\[({_ENTRY_ID})\]$")

# Number and address in Odoo, and this one.
_OWN_LINES = 3
_CLOSED_LINE = re.compile(r"Dated \d{4}-\d\d-\d\d in Odoo; books are closed to (\d{4}-\d\d-\d\d)")


def marker(entry_id: str) -> str:
    """Return the text that a transaction of this entry begins its note with."""
    return f"[{entry_id}]"


def without_markers(text: str) -> str:
    """Return a text from outside in which nothing looks like a marker."""
    return _MARKER.sub(r"(\1)", text)


def entry_id_of(row: Mapping[str, Any]) -> str:
    """Return the entry that a transaction belongs to, or an empty text if it carries no marker of ours."""
    note = str(row.get("PrivateNote") or "")
    # QuickBooks puts a word of its own before the note of a voided transaction.
    note = re.sub(r"^Voided( - )?", "", note)
    first_line = note.partition("\n")[0]
    found = _MARKER.match(first_line) or _OLD_FIRST_LINE.match(first_line)
    return found[1] if found else ""


def closed_line(day: date, closed_to: date) -> str:
    """Return the line of a note that says why a document of a day is dated later: its period was closed."""
    return f"Dated {day} in Odoo; books are closed to {closed_to}"


def closed_to_of(row: Mapping[str, Any]) -> date | None:
    """Return the last closed day that the note of a transaction names, or None.

    It is one of the first lines, before any text from outside.
    """
    lines = str(row.get("PrivateNote") or "").split("\n")[:_OWN_LINES]
    found = next(filter(None, map(_CLOSED_LINE.fullmatch, lines)), None)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None  # a person has written over it


def check_is_ours(row: Mapping[str, Any], entity: str, document: Document) -> None:
    """Raise Rejected unless a transaction carries the marker of this very document."""
    other = entry_id_of(row)
    if other == document.entry_id:
        return
    whose = f"belongs to another document of Odoo, {other}" if other else "does not carry its mark"
    raise Rejected(
        f"the {entity} {row.get('DocNumber') or 'without number'} (Id {row['Id']}) in QuickBooks {whose}, so nothing "
        f"was changed there. If it is this document, put {marker(document.entry_id)} back at the very beginning of its "
        "private note (memo) in QuickBooks and retry; if it is not, ask whoever changed the tracking table.",
        code="not_ours",
    )
