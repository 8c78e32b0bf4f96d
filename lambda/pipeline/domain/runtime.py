"""What a process provides to the work in it."""

from __future__ import annotations

from typing import Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.threads import Threads


class Host(Protocol):
    """The collaborators that belong to a process."""

    @property
    def clock(self) -> Clock:
        """The clock."""

    @property
    def threads(self) -> Threads:
        """Threads and locks."""
