"""Attempts that may end with the function: counted before the risky work, and taken back when it ends by itself.

A photograph that takes more memory than the function has kills it before anything can be stored. What was stored before
says so to the next run: that document comes last and alone, so that everything else goes on meanwhile, and after three
such attempts it is not tried again.
"""

from __future__ import annotations

from pipeline.domain.entry import Entry
from pipeline.domain.values import replace

KILLED_ATTEMPTS_MAX = 3
# Why such a document is not tried again, after its name or "it".
REASON = f"ended the function {KILLED_ATTEMPTS_MAX} times, as too large or too slow to work on"


def begun(entry: Entry) -> Entry:
    """Return the entry with one attempt more. Store it before the work begins."""
    return replace(entry, killed_attempts=entry.killed_attempts + 1)


def ended(entry: Entry) -> Entry:
    """Return the entry without the attempt that has just ended by itself, whatever came of it."""
    return replace(entry, killed_attempts=max(0, entry.killed_attempts - 1))


def is_suspect(entry: Entry) -> bool:
    """Whether an attempt for it ended with the function. It may be the cause."""
    return entry.killed_attempts > 0


def is_deadly(entry: Entry) -> bool:
    """Whether so many attempts for it ended with the function that it is not tried again."""
    return entry.killed_attempts >= KILLED_ATTEMPTS_MAX
