"""The system's clock, put forward: the demo does not wait a quarter of an hour for the next pull."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.runtime import SystemClock


class AdvancedClock(SystemClock):
    """The present, and as much later as it was advanced."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the instant it shows, in UTC."""
        return super().now() + self._ahead

    def advance(self, by: timedelta) -> None:
        """Put it forward."""
        self._ahead += by
