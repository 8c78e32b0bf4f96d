"""A clock at rest: whoever sleeps by it moves it, and nobody waits."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta


class StillClock:
    """The time, from `now` on, or from the present."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime.now(UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the instant it shows."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds it shows."""
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        """Move on by so many seconds."""
        with self._lock:
            # Rounded up, because nobody is woken early: a sleep of less than its resolution would never end.
            self._now += timedelta(microseconds=math.ceil(seconds * 1e6))
