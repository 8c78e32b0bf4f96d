"""What every invocation's payload has in common: a tick of EventBridge, or a JSON object with known names."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from pipeline.aws.said_by import BY, said_by
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.quoting import one_line

KEY_SHOWN_MAX = 40


def is_schedule(event: Any) -> bool:
    """Whether the event is a tick in EventBridge's own format."""
    return isinstance(event, Mapping) and event.get("source") == "aws.events"


def body_of(event: Any, known: AbstractSet[str]) -> Mapping[str, Any]:
    """Return a payload without who asks. Raises InvalidRequest for no JSON object, and for a name that is not known."""
    names = ", ".join(sorted(known | {BY}))
    if not isinstance(event, Mapping):
        raise InvalidRequest(f"The payload must be a JSON object with any of {names}.")
    # Who asks is for the history, and changes nothing of what is asked for: `{"by": "Ann"}` asks for what `{}` does.
    body = {name: value for name, value in event.items() if name != BY}
    unknown = sorted(one_line(str(key), KEY_SHOWN_MAX) for key in body if key not in known)
    if unknown:
        raise InvalidRequest(
            f"The payload has {', '.join(unknown[:5])}, which this function does not know; it knows {names}."
        )
    return body


def orders_asked_by(event: Any) -> str:
    """Return who asks for the newest orders, which is all that there is to ask the order sync; empty if nobody says so.

    No payload at all is as good as an empty one. Raises InvalidRequest for anything else.
    """
    if event is None or is_schedule(event):
        return ""
    body_of(event, frozenset())
    return said_by(event)
