"""What happened to a contact in Odoo. The poster asks, the extractor answers."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from enum import StrEnum


class ContactState(StrEnum):
    """Whether Odoo still has a contact that QuickBooks knows."""

    EXISTS = "exists"
    GONE = "gone"  # merged into the only contact that has its name now
    AMBIGUOUS = "ambiguous"  # gone, and several contacts have its name
    UNKNOWN = "unknown"  # not asked yet


def compared(name: str) -> str:
    """Return a name as the books compare it: in any case, without what nobody sees, colons as spaces.

    Two contacts whose names are equal so cannot both have the plain one.
    """
    composed = unicodedata.normalize("NFC", name).replace(":", " ")
    seen = "".join(" " if unicodedata.category(one) == "Cc" else one for one in composed if not _is_invisible(one))
    return " ".join(seen.split()).casefold()


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) == "Cf"


def state_of(*, exists: bool, namesakes: int) -> ContactState:
    """Return what happened to a contact. `namesakes` is how many contacts in Odoo have its name now, as compared."""
    if exists:
        return ContactState.EXISTS
    return ContactState.GONE if namesakes == 1 else ContactState.AMBIGUOUS


def write_answer(state: ContactState, at: datetime) -> str:
    """Return an answer as it is stored."""
    return f"{state} {at.isoformat()}"


def read_answer(kept: str | None) -> tuple[ContactState, datetime | None]:
    """Return a stored answer, and when it was given."""
    if not kept:
        return ContactState.UNKNOWN, None
    state, _, at = kept.partition(" ")
    return ContactState(state), datetime.fromisoformat(at)
