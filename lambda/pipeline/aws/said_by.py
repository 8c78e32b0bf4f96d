"""Who asks for an invocation, as the payload says it: AWS does not tell a function who invoked it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.domain.errors import InvalidRequest
from pipeline.domain.quoting import plain_line

BY = "by"
NAME_LENGTH_MAX = 200


def said_by(event: Any) -> str:
    """Return the name that a payload has under `by` as one line without control characters; empty if it has none.

    The name is kept in the history, and written to logs and terminals. Raises InvalidRequest for what is no text, and
    for more than 200 characters: a name that was cut may be that of somebody else.
    """
    name = event.get(BY, "") if isinstance(event, Mapping) else ""
    if not isinstance(name, str):
        raise InvalidRequest(f"{BY} must be a text.")
    if len(name) > NAME_LENGTH_MAX:
        raise InvalidRequest(f"{BY} is a name of at most {NAME_LENGTH_MAX} characters.")
    return plain_line(name, NAME_LENGTH_MAX)
