"""How long calls to QuickBooks take at present, and how much of a run is reserved for documents whose names are known.

Names are written one at a time, and the documents of a group whose names are known wait for the others. If calls are
slow, names would take every run as a whole, and nothing would be posted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.domain.clock import Clock
from pipeline.domain.threads import Threads

# No name is written if there is only time for this many calls (itself, the create, the files and one to spare), and for
# this many seconds with AWS. If calls are very slow, names still get some of the time: they are progress as well.
CALLS_AFTER_NAME = 4
AFTER_NAME_S = 5.0
AFTER_NAME_S_MAX = 20.0


class CallTime:
    """Measures calls, in any number of threads."""

    def __init__(self, clock: Clock, threads: Threads) -> None:
        self._clock = clock
        self._lock = threads.lock()
        # The duration of the latest call, or half of a longer one before it.
        self._call_s = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure a call, also one that fails."""
        began = self._clock.monotonic()
        try:
            yield
        finally:
            took_s = self._clock.monotonic() - began
            with self._lock:
                self._call_s = max(took_s, self._call_s / 2)

    @property
    def after_name_s(self) -> float:
        """The time that must be left when a name is written."""
        return min(AFTER_NAME_S + CALLS_AFTER_NAME * self._call_s, AFTER_NAME_S_MAX)
