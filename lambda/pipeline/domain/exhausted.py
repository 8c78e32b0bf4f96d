"""When a function has used up its memory or its threads: nothing is wrong with anybody, and only more memory helps."""

from __future__ import annotations

import errno

from pipeline.domain.errors import RetryLater

EXHAUSTED = "exhausted"
# As CPython words it, and no class of its own says it.
_NO_THREAD = "can't start new thread"


class Exhausted(RetryLater):
    """The function has no memory or no thread left. The next run may have; if not, it needs more memory."""

    code = EXHAUSTED


def exhausted(error: Exception, function: str) -> Exhausted | None:
    """Return our error if Python's says that a function (`qb-poster`) has no memory or thread left, or else None."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        what = "has used up its memory"
    elif isinstance(error, RuntimeError) and _NO_THREAD in str(error):
        what = "could start no further thread, for which it needs memory"
    else:
        return None
    return Exhausted(
        f"The function {function} {what}. It tries again by itself; if this message comes again, raise memory_mb of "
        f"{function} in Terraform and apply."
    )
