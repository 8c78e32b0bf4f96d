"""A part of a processor for another process: Lambda gives a function one in proportion to its memory.

A process that has used more than its share of the time is stopped until it has not. This needs no right and no
container; Lambda's own limit works the same way, in periods of this length.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

# Lambda gives a function a whole processor at this memory.
WHOLE_MB = 1769
PERIOD_S = 0.02


def share_of(memory_mb: int) -> float:
    """Return the part of a processor that a function with so much memory has."""
    return memory_mb / WHOLE_MB


def cpu_seconds(pid: int) -> float:
    """Return the processor time that all threads of a process have used. Raises OSError when there is no such one."""
    # The kernel's number for the clock of another process (MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED).
    return time.clock_gettime((~pid << 3) | 2)


class Share:
    """While it is entered, a child process uses no more than a share of a processor; None is no limit."""

    def __init__(self, pid: int, share: float | None) -> None:
        self._pid = pid
        self._share = share
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        if self._share is not None:
            self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._share is not None:
            self._keeper.join()

    def _keep(self) -> None:
        share = self._share or 1.0
        allowed_s = used_s = 0.0
        last = time.monotonic()
        is_stopped = False
        try:
            used_s = cpu_seconds(self._pid)
            while not self._ended.wait(PERIOD_S):
                now, used = time.monotonic(), cpu_seconds(self._pid)
                # What was not used in a period is not saved for later ones.
                allowed_s = min(allowed_s, share * PERIOD_S) + share * (now - last) - (used - used_s)
                last, used_s = now, used
                if is_stopped != (allowed_s < 0):
                    is_stopped = allowed_s < 0
                    os.kill(self._pid, signal.SIGSTOP if is_stopped else signal.SIGCONT)
        except OSError:
            return  # it has ended by itself
        finally:
            if is_stopped:
                with suppress(OSError):
                    os.kill(self._pid, signal.SIGCONT)
