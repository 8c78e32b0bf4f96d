"""How much time a run has left: a function stops by itself before it is stopped."""

from __future__ import annotations

from collections.abc import Callable


class Deadline:
    """Counts down by the function's own clock (milliseconds left, as the Lambda context tells it)."""

    def __init__(self, remaining_ms: Callable[[], int]) -> None:
        self._remaining_ms = remaining_ms

    @property
    def remaining_s(self) -> float:
        """Seconds until the function is stopped."""
        return self._remaining_ms() / 1000

    def allows(self, seconds: float) -> bool:
        """Whether work that may take so long can still be begun."""
        return self.remaining_s > seconds
