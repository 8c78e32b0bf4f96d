"""The call budget of one QuickBooks company: at most 10 calls a second and 500 a minute, over all threads.

QuickBooks counts per company, whoever calls; the shift makes us the only caller, and the calls of the last minute are
handed from one shift to the next.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

# A little wider than QuickBooks' own windows: its clock starts when a request arrives, ours when it is sent.
WINDOWS = ((10, 1.05), (500, 60.5))


class Limiter:
    """Lets a call through as soon as both limits allow it."""

    def __init__(
        self,
        *,
        recent_calls: int = 0,
        recent_age_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        longest = max(calls for calls, _ in WINDOWS)
        self._calls: deque[float] = deque([clock() - recent_age_s] * min(recent_calls, longest), maxlen=longest)

    def wait(self) -> None:
        """Return when a call may be made, and count it."""
        while True:
            with self._lock:
                now = self._clock()
                wait_s = max((self._wait_s(now, calls, window_s) for calls, window_s in WINDOWS), default=0.0)
                if wait_s <= 0:
                    self._calls.append(now)
                    return
            self._sleep(wait_s)

    def _wait_s(self, now: float, calls: int, window_s: float) -> float:
        if len(self._calls) < calls:
            return 0.0
        return self._calls[-calls] + window_s - now

    @property
    def recent_calls(self) -> int:
        """How many calls were made within the last minute."""
        with self._lock:
            since = self._clock() - 60
            return sum(1 for called_at in self._calls if called_at > since)
