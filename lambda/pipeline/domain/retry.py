"""Retries, for what may succeed a moment later."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.domain.clock import Clock
from pipeline.domain.errors import PipelineError, RetryLater

# A longer wait that the other side asks for is for the next run.
ASKED_WAIT_S_MAX = 10


def growing(seconds: float, *, by: int = 2) -> Callable[[int], float]:
    """Return waits that begin with so many seconds and grow by a factor."""
    return lambda failures: seconds * float(by) ** failures


def repeated[T](
    attempt: Callable[[], T],
    *,
    tries: int,
    wait_s: Callable[[int], float],
    clock: Clock,
    on: Callable[[PipelineError], bool],
    may_wait: Callable[[float], bool] = lambda _seconds: True,
) -> T:
    """Return the result of an attempt, made at most so many times. Raises the last error.

    Only an error that `on` accepts is retried. `wait_s` gives the wait after the first failure (0), the second (1) and
    so on; the wait is longer if the other side asks for it. If that is long, or `may_wait` forbids the wait, the error
    is raised at once.
    """
    for failures in range(tries - 1):
        try:
            return attempt()
        except PipelineError as error:
            asked_s = error.wait_s if isinstance(error, RetryLater) else 0
            seconds = max(wait_s(failures), asked_s)
            if not on(error) or asked_s > ASKED_WAIT_S_MAX or not may_wait(seconds):
                raise
            clock.sleep(seconds)
    return attempt()
