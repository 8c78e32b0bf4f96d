"""Time that passes only while everybody waits: a test of slowness that no machine makes slower.

Threads take turns, one at a time, and a computation takes no time. A sleep ends when all others sleep or wait as well,
and the clock then shows its end: sixteen sleeps of three seconds at once take three seconds, on any machine.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

from local.simulation.turns import Task, TurnLock, TurnPool, Turns, TurnThreads


class VirtualTime(Turns):
    """Turns whose clock goes on to the next end of a sleep when nobody can go on; it is the functions' clock, too.

    The seed says in which order the threads go on.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(random.Random(seed))  # noqa: S311
        self._began = datetime.now(UTC)
        self._time_s = 0.0
        self._ends: list[float] = []
        self.threads = _Threads(self)

    def now(self) -> datetime:
        """Return the instant that it shows."""
        return self._began + timedelta(seconds=self._time_s)

    def monotonic(self) -> float:
        """Return the seconds that it shows."""
        return self._time_s

    def sleep(self, seconds: float) -> None:
        """Wait, while others go on."""
        end = self._time_s + seconds
        self._ends.append(end)
        self.wait(lambda: self._time_s >= end)

    def do(self, work: Callable[[], Any]) -> Any:
        """Return what comes of some work whose threads and sleeps are of this time."""
        done: list[Any] = []
        self.run([(None, lambda: done.append(work()))])
        return done[0]

    def _next(self) -> Task:
        while self._ends and not any(task.ready is None or task.ready() for task in self._alive):
            self._time_s = min(self._ends)
            self._ends = [end for end in self._ends if end > self._time_s]
        return super()._next()


class _Threads(TurnThreads):
    def __init__(self, time: VirtualTime) -> None:
        super().__init__(time)
        self._time = time

    def pool(self, size: int, name: str) -> TurnPool:
        return _Pool(self._time, size)

    def lock(self) -> TurnLock:
        return TurnLock(self._time)


class _Pool(TurnPool):
    """A pool of which no more than its size work at a time, in the order in which they were submitted."""

    def __init__(self, time: VirtualTime, size: int) -> None:
        super().__init__(time)
        self._time = time
        self._free = size
        self._queue: deque[object] = deque()

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        ticket = object()
        self._queue.append(ticket)

        def in_turn() -> Any:
            self._time.wait(lambda: self._free > 0 and self._queue[0] is ticket)
            self._queue.popleft()
            self._free -= 1
            try:
                return work(*arguments)
            finally:
                self._free += 1

        return super().submit(in_turn)
