"""What a process gives to the work in it."""

from __future__ import annotations

from typing import Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.threads import Threads


class Host(Protocol):
    """The collaborators that are a process's own."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def threads(self) -> Threads:
        """Threads and locks."""
