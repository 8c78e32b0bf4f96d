"""How an invocation is answered: by what it asked for, or by what is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Any

from pipeline.domain.errors import InvalidRequest
from pipeline.domain.values import dataclass

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Answer:
    """What an invocation is answered with."""

    value: dict[str, Any] = field(default_factory=dict)


@contextmanager
def answering() -> Iterator[Answer]:
    """Answer an invocation that is not understood with what is wrong with it. It raises nothing."""
    answer = Answer()
    try:
        yield answer
    except InvalidRequest as error:
        logger.info("invocation answered with what is wrong", extra={"reason": str(error)})
        answer.value = {"error": str(error), "code": error.code}
