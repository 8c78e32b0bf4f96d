"""The table of transitions: which actor may change an entry's status from what to what, and when.

`docs/how-it-works.md` repeats the table, and a test compares them. Every change goes through `moved`, by one
function each: those of the extractor and the comparison in `from_odoo.py`, the others in `lifecycle.py`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from pipeline.domain.entry import Entry, Status
from pipeline.domain.values import replace


class Actor(StrEnum):
    """Who changes the status of entries."""

    EXTRACTOR = "extractor"
    COMPARISON = "daily comparison"
    POSTER = "poster"
    PERSON = "person"
    REBUILD = "rebuild"


class Transition(NamedTuple):
    """A change of status: from which statuses (None is a new entry), to which, by whom, and when."""

    previous: tuple[Status | None, ...]
    to: Status
    by: Actor
    when: str


PENDING, POSTING, POSTED, FAILED, SKIPPED, VOIDED = Status
EXTRACTOR, COMPARISON, POSTER, PERSON, REBUILD = Actor

TRANSITIONS: tuple[Transition, ...] = (
    Transition((None,), PENDING, EXTRACTOR, "it is posted in Odoo"),
    Transition((None,), SKIPPED, EXTRACTOR, "withdrawn before it was first pulled, or not for the books"),
    Transition((None,), FAILED, EXTRACTOR, "what Odoo has of it cannot be read"),
    Transition((PENDING,), POSTING, POSTER, "before anything is sent to QuickBooks"),
    Transition((POSTING,), POSTED, POSTER, "it is in QuickBooks as in Odoo, with its PDF"),
    Transition((PENDING,), POSTED, POSTER, "it was so already; nothing had to be sent"),
    Transition((PENDING, POSTING), VOIDED, POSTER, "it is withdrawn, and not, or no longer, in QuickBooks"),
    Transition((PENDING, POSTING), FAILED, POSTER, "a person must act"),
    Transition((POSTING,), PENDING, POSTER, "its PDF is fetched again, or another document with its id is"),
    Transition((FAILED,), PENDING, PERSON, "retried: `retry_failed` or `redrive`"),
    Transition((POSTING, POSTED), PENDING, PERSON, "its company starts over in another realm: `start_over`"),
    Transition((POSTING, POSTED, VOIDED), PENDING, EXTRACTOR, "changed, withdrawn or posted again in Odoo"),
    Transition((FAILED,), PENDING, EXTRACTOR, "changed in Odoo, or readable again"),
    Transition((SKIPPED,), PENDING, EXTRACTOR, "posted after all, or no longer to be skipped"),
    Transition((FAILED,), SKIPPED, EXTRACTOR, "changed, never sent, and now to be skipped"),
    Transition((PENDING, VOIDED), SKIPPED, EXTRACTOR, "another document has its id in Odoo, and is to be skipped"),
    Transition((PENDING, POSTING, POSTED, SKIPPED, VOIDED), FAILED, EXTRACTOR, "unreadable, or another has its id"),
    Transition((PENDING, POSTING, POSTED), FAILED, COMPARISON, "deleted in Odoo, maybe still in QuickBooks"),
    Transition((POSTING, FAILED), PENDING, COMPARISON, "deleted in Odoo, nowhere in QuickBooks: voided next"),
    Transition((PENDING, FAILED), VOIDED, COMPARISON, "the same, and without a copy that could ever have been sent"),
    Transition((None,), PENDING, REBUILD, "the table was lost; it is not in QuickBooks, or not as it is in Odoo"),
    Transition((None,), POSTED, REBUILD, "the table was lost; it is in QuickBooks with its PDF"),
    Transition((None,), SKIPPED, REBUILD, "the table was lost; it is not for the books"),
    Transition((None,), VOIDED, REBUILD, "the table was lost; it is withdrawn, and not in QuickBooks"),
    Transition((SKIPPED,), PENDING, REBUILD, "it was skipped since the table was lost, and is in QuickBooks"),
)  # fmt: skip

_ALLOWED = frozenset(
    (previous, transition.to, transition.by) for transition in TRANSITIONS for previous in transition.previous
)


class ForbiddenTransition(Exception):
    """A change of status that is not in the table: a bug of ours."""


def is_allowed(previous: Status | None, to: Status, *by: Actor) -> bool:
    """Whether one of these actors may make this change. Keeping a status is always allowed."""
    return previous is to or any((previous, to, actor) in _ALLOWED for actor in by)


def moved(entry: Entry, to: Status, by: Actor, now: datetime, *, is_new: bool = False, **changes: Any) -> Entry:
    """Return the entry with another status, and further changes. Raises ForbiddenTransition if that is not allowed.

    `is_new` says that nothing is stored of it yet.
    """
    previous = None if is_new else entry.status
    if not is_allowed(previous, to, by):
        raise ForbiddenTransition(f"{by} may not move {entry.entry_id} from {previous} to {to}")
    if changes.get("attempts") == 0:
        changes["tries_alone"] = 0
    # A run that changes the status is alive, so its attempt has not ended the function. Only while something is sent is
    # the attempt not over.
    changes = {"killed_attempts": entry.killed_attempts if to is POSTING else 0, **changes}
    letter_at = None if to in (POSTED, VOIDED, SKIPPED) else entry.letter_at
    return replace(entry, status=to, updated_at=now, reported_at=None, letter_at=letter_at, **changes)
