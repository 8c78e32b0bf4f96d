"""Lambda's context of an invocation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Context:
    """Lambda's context of an invocation: here, how much time is left."""

    timeout_s: float
    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-west-2:123456789012:function:function"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    monotonic: Callable[[], float] = time.monotonic
    _began_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._began_at = self.monotonic()

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function would be stopped."""
        return int(1000 * (self.timeout_s - (self.monotonic() - self._began_at)))
