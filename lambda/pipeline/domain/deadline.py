"""How much time a run has left: a function stops by itself before Lambda stops it."""

from __future__ import annotations

from collections.abc import Callable


class Deadline:
    """Counts down by the function's own clock (the milliseconds left, from the Lambda context)."""

    def __init__(self, remaining_ms: Callable[[], int]) -> None:
        self._remaining_ms = remaining_ms

    @property
    def remaining_s(self) -> float:
        """Seconds until the function is stopped."""
        return self._remaining_ms() / 1000

    def allows(self, seconds: float) -> bool:
        """Whether there is still time to begin work that may take so many seconds."""
        return self.remaining_s > seconds
