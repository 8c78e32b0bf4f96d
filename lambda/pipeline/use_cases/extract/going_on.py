"""A pull of the schedule goes on in a further invocation when its time ran out, up to the schedule's next pull.

Two pulls at once would have Odoo render two PDFs at once, which can deadlock it: so no link of the chain outlives the
instant of the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.domain.commands import ExtractorCommand, Pull
from pipeline.domain.deadline import Deadline

# A run that ends with more time than this ended for another reason: going on at once would not help.
OUT_OF_TIME_S = 60.0
# A link of the chain with less time would read a page and end.
LINK_MIN_S = 90.0


def goes_on_until(command: ExtractorCommand, now: datetime) -> datetime | None:
    """Return the instant up to which a pull may go on, or None if it ends with its invocation."""
    if not isinstance(command, Pull):
        return None
    if command.go_on_until is None and command.go_on_for_s:
        return now + timedelta(seconds=command.go_on_for_s)
    return command.go_on_until


def limited(deadline: Deadline, until: datetime | None, now: Callable[[], datetime]) -> Deadline:
    """Return a deadline that is no later than an instant."""
    if until is None:
        return deadline
    return Deadline(lambda: int(1000 * min(deadline.remaining_s, (until - now()).total_seconds())))


def goes_on(until: datetime | None, deadline: Deadline, now: datetime, *, remaining: bool) -> bool:
    """Whether a further invocation is to be started: more is left, and nothing but the invocation's time ran out."""
    if until is None or not remaining:
        return False
    return not deadline.allows(OUT_OF_TIME_S) and (until - now).total_seconds() >= LINK_MIN_S
