"""Writes to DynamoDB that are done only while a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.aws.errors import CONDITION_FAILED, CONFLICT, Expected, errors_of

# How often a write is tried that meets a transaction. One takes some milliseconds.
CONFLICT_TRIES = 5


def conditional(what: str, write: Callable[[], Any]) -> Any | None:
    """Return the answer to a conditional write, or None if its condition does not hold.

    Raises Unavailable, naming `what` is written to, if it does not answer or a transaction keeps writing the item.
    """
    for tries_left in reversed(range(CONFLICT_TRIES)):
        expected = (CONDITION_FAILED, CONFLICT) if tries_left else (CONDITION_FAILED,)
        try:
            with errors_of(what, expected=expected):
                return write()
        except Expected as refused:
            if str(refused) == CONDITION_FAILED:
                break
    return None
