"""A document that the books never answer: whether that is the books' trouble or the document's own.

QuickBooks words some refusals of one content like an outage (HTTP 500, or no answer in time). Only the other documents
tell the two apart: while they go through, it is this one that the books cannot handle.
"""

from __future__ import annotations

from datetime import datetime

from pipeline.domain.entry import Entry
from pipeline.domain.values import replace

# Tries between which others went through: half an hour at the usual waits (1, 2, 4, 8, 16 minutes).
TRIES_MAX = 6
# Where there is no other document to compare with, but the books answer reads: about seven hours.
QUIET_TRIES_MAX = 12


def tries_alone(before: Entry, others_at: datetime | None) -> int:
    """Return `tries_alone` after one more try without an answer.

    `before` is the entry as it was before the try, `others_at` when a document of the realm last went through.
    """
    others_went_through = before.attempts > 0 and others_at is not None and others_at >= before.updated_at
    return before.tries_alone + others_went_through


def own_trouble(before: Entry, others_at: datetime | None, *, is_answered: bool) -> str:
    """Return why one more try without an answer makes it the document's own trouble, or an empty text.

    `is_answered` says whether the books answered reads in this try and no other document was left without an answer.
    """
    tries = before.attempts + 1
    if tries_alone(before, others_at) + 1 >= TRIES_MAX:
        return f"in {tries} tries, between which other documents went through"
    if is_answered and tries >= QUIET_TRIES_MAX:
        return f"in {tries} tries over several hours, while QuickBooks answered other requests"
    return ""


def put_off(
    entry: Entry, code: str, message: str, *,
    attempts: int, tries_alone: int, due_at: datetime | None, now: datetime,
) -> Entry:  # fmt: skip
    """Return the entry with a later due time. Nothing is wrong with the document yet, so its status stays."""
    return replace(
        entry, attempts=attempts, tries_alone=tries_alone, next_attempt_at=due_at, error_code=code,
        error_message=message, updated_at=now,
    )  # fmt: skip
