"""A function starts itself: one asynchronous invocation for each piece of work that can go on beside the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.aws.errors import errors_of
from pipeline.domain.errors import PipelineError

logger = logging.getLogger(__name__)


class OwnFunction:
    """Starts the function that is running, by its name. Without a name, outside of Lambda, nothing is started."""

    def __init__(self, client: Callable[[], Any], name: str) -> None:
        # The client is slow to create, and most runs start nothing.
        self._make_client = client
        self._name = name

    def start(self, event: Mapping[str, Any]) -> bool:
        """Start an invocation that nobody waits for. Return False, and log why, when Lambda does not take it."""
        if not self._name:
            return False
        try:
            with errors_of(f"The function {self._name}"):
                self._make_client().invoke(
                    FunctionName=self._name, InvocationType="Event", Payload=json.dumps(event).encode()
                )
        except PipelineError as error:
            logger.warning("invocation not started", extra={"reason": str(error)})
            return False
        return True
