"""The lease: the exclusive right to post to a realm for a while. Also how long to wait after a failure."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive right to post to a realm until `until`.

    `recent_calls` counts the calls to QuickBooks in each second before `recent_at`, the latest first, by this holder
    or the previous one, and `recent_batches` the batches among them: a realm's limits do not start again with a new
    function. `through_at` is when a document last went through, whoever held the lease then.
    """

    realm: str
    holder: str
    until: datetime
    pauses: int = 0
    pause_code: str = ""
    recent_calls: tuple[int, ...] = ()
    recent_batches: tuple[int, ...] = ()
    recent_at: datetime | None = None
    through_at: datetime | None = None


def lease_until(now: datetime, remaining_s: float) -> datetime:
    """Return the end of a lease taken now by a function with so much time left. It never outlives the function."""
    return now + timedelta(seconds=max(1.0, remaining_s))


def backoff_s(attempts: int, jitter: float) -> int:
    """Return how long to wait after so many attempts: 1, 2, 4 ... at most 60 minutes, plus up to 20% by `jitter`.

    `jitter` is a random number from 0 to 1, so that what failed together is not retried together.
    """
    wait_s = min(60 * 2 ** min(attempts, 10), 3600)
    return int(wait_s * (1 + 0.2 * jitter))
