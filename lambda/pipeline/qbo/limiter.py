"""The call budget of one QuickBooks company: at most 10 calls a second and 500 a minute, over all threads.

QuickBooks counts all calls of a company. The lease makes us the only caller, and the calls of the last minute are
handed on from one lease to the next.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from pipeline.domain.clock import Clock
from pipeline.domain.threads import Threads
from pipeline.qbo.allowance import Allowance

# Wider than QuickBooks' own windows: its clock starts when a request arrives, ours when it is sent, and transit times
# vary. Ten calls in 1.2 seconds are still 500 a minute, and being throttled costs a minute.
WINDOWS = ((10, 1.2), (500, 60.5))
MINUTE_S = 60


class Limiter:
    """Lets a call through once both limits allow it. `allowance` is the month's, where it is watched."""

    def __init__(
        self,
        clock: Clock,
        threads: Threads,
        *,
        recent_calls: Sequence[int] = (),
        recent_age_s: float = 0.0,
        allowance: Allowance | None = None,
    ) -> None:
        self.allowance = allowance
        self._clock = clock
        self._lock = threads.lock()
        longest = max(calls for calls, _ in WINDOWS)
        before = clock.monotonic() - recent_age_s
        # Assume that they were made at the latest possible time within the second they were counted in.
        made = (before - age_s for age_s in reversed(range(len(recent_calls))) for _ in range(recent_calls[age_s]))
        self._calls: deque[float] = deque(made, maxlen=longest)

    def wait(self) -> None:
        """Return when the next call may be made, and count it."""
        while True:
            with self._lock:
                now = self._clock.monotonic()
                wait_s = max((self._wait_s(now, calls, window_s) for calls, window_s in WINDOWS), default=0.0)
                if wait_s <= 0:
                    self._calls.append(now)
                    return
            self._clock.sleep(wait_s)

    def _wait_s(self, now: float, calls: int, window_s: float) -> float:
        if len(self._calls) < calls:
            return 0.0
        return self._calls[-calls] + window_s - now

    @property
    def recent_calls(self) -> tuple[int, ...]:
        """The number of calls in each of the last sixty seconds, the latest first."""
        with self._lock:
            now = self._clock.monotonic()
            ages = Counter(int(now - called_at) for called_at in self._calls)
        return tuple(ages[age_s] for age_s in range(MINUTE_S))
