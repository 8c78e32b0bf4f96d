"""Time as a collaborator: code that needs the time is given a clock."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back, to measure durations."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
