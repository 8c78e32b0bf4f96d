"""What waits to be posted, over all companies: asked of the table once, not once for each company."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import field
from datetime import datetime
from itertools import islice

from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import Status
from pipeline.domain.values import dataclass
from pipeline.domain.waiting import Waiting

# A larger backlog is counted no further. Each company that was not met is then asked by itself.
SURVEYED_MAX = 10_000


@dataclass(slots=True)
class Survey:
    """What waits at one instant.

    `due` are the companies with work, `elsewhere` the ids of pending entries of companies that have no realm. `count`
    and `oldest_s` are of the known companies. `is_complete` is False when not all was counted, and `is_cut_short` when
    that was for want of time: half a count would look like a small backlog.
    """

    due: set[str] = field(default_factory=set)
    elsewhere: list[str] = field(default_factory=list)
    count: int = 0
    oldest_s: int = 0
    is_complete: bool = True
    is_cut_short: bool = False


def survey(
    waiting: Iterable[Waiting], companies: Collection[str], now: datetime, deadline: Deadline, *, leaves_s: float
) -> Survey:
    """Return what waits, counting at most 10,000 entries, and while more than `leaves_s` seconds are left."""
    found, known, oldest = Survey(), set(companies), now
    for number, entry in enumerate(islice(waiting, SURVEYED_MAX + 1)):
        found.is_cut_short = not deadline.allows(leaves_s)
        if found.is_cut_short or number == SURVEYED_MAX:
            found.is_complete = False
            break
        if entry.company in known:
            found.count += 1
            oldest = min(oldest, entry.since)
            if entry.company not in found.due and entry.is_due(now):
                found.due.add(entry.company)
        elif entry.status is Status.PENDING:
            found.elsewhere.append(entry.entry_id)
    found.oldest_s = int((now - oldest).total_seconds())
    return found
