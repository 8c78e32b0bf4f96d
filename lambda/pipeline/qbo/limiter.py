"""The call budget of one QuickBooks company, over all threads: 10 calls a second, 500 a minute, 40 batches a minute.

QuickBooks counts all calls of a company, and a batch also as a batch. The lease makes us the only caller. Each lease
passes the calls of its last minute on to the next.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Self

from pipeline.domain.clock import Clock
from pipeline.domain.errors import OutOfTime
from pipeline.domain.lease import Lease
from pipeline.domain.threads import Threads
from pipeline.qbo.allowance import Allowance

# Wider than QuickBooks' own windows: its clock starts when a request arrives, ours when it is sent, and transit times
# vary. Ten calls in 1.2 seconds are still 500 a minute, and being throttled costs a minute.
WINDOWS = ((10, 1.2), (500, 60.5))
BATCH_WINDOWS = ((40, 60.5),)
MINUTE_S = 60

type Windows = Sequence[tuple[int, float]]


class Limiter:
    """Lets a call through once all limits allow it. `allowance` is that of the month, if it is watched."""

    def __init__(
        self,
        clock: Clock,
        threads: Threads,
        *,
        recent_calls: Sequence[int] = (),
        recent_batches: Sequence[int] = (),
        recent_age_s: float = 0.0,
        allowance: Allowance | None = None,
    ) -> None:
        self.allowance = allowance
        self._clock = clock
        self._lock = threads.lock()
        before = clock.monotonic() - recent_age_s
        self._calls = _made(WINDOWS, recent_calls, before)
        self._batches = _made(BATCH_WINDOWS, recent_batches, before)

    @classmethod
    def of(cls, lease: Lease, clock: Clock, threads: Threads, allowance: Allowance | None = None) -> Self:
        """Return the limiter of a realm, which counts the calls that the lease's last holder made."""
        age_s = (clock.now() - lease.recent_at).total_seconds() if lease.recent_at else 0.0
        return cls(
            clock,
            threads,
            recent_calls=lease.recent_calls,
            recent_batches=lease.recent_batches,
            recent_age_s=max(0.0, age_s),
            allowance=allowance,
        )

    def wait(self, *, is_batch: bool = False, may_wait: Callable[[float], bool] = lambda _seconds: True) -> None:
        """Return when the next call may be made, and count it. Raises OutOfTime if `may_wait` forbids the wait."""
        while True:
            with self._lock:
                now = self._clock.monotonic()
                wait_s = _wait_s(self._calls, WINDOWS, now)
                if is_batch:
                    wait_s = max(wait_s, _wait_s(self._batches, BATCH_WINDOWS, now))
                if wait_s <= 0:
                    self._calls.append(now)
                    if is_batch:
                        self._batches.append(now)
                    return
            if not may_wait(wait_s):
                raise OutOfTime("QuickBooks allows no further call in the time that is left in this run")
            self._clock.sleep(wait_s)

    @property
    def recent_calls(self) -> tuple[int, ...]:
        """The number of calls in each of the last sixty seconds, the latest first."""
        return self._recent(self._calls)

    @property
    def recent_batches(self) -> tuple[int, ...]:
        """The number of batches in each of the last sixty seconds, the latest first."""
        return self._recent(self._batches)

    def _recent(self, made: deque[float]) -> tuple[int, ...]:
        with self._lock:
            now = self._clock.monotonic()
            ages = Counter(int(now - made_at) for made_at in made)
        return tuple(ages[age_s] for age_s in range(MINUTE_S))


def _made(windows: Windows, recent: Sequence[int], before: float) -> deque[float]:
    """Return when calls were made: the latest possible instant within the second in which each was counted."""
    made = (before - age_s for age_s in reversed(range(len(recent))) for _ in range(recent[age_s]))
    return deque(made, maxlen=max(calls for calls, _ in windows))


def _wait_s(made: deque[float], windows: Windows, now: float) -> float:
    return max(made[-calls] + window_s - now if len(made) >= calls else 0.0 for calls, window_s in windows)
