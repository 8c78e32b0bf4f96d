"""Writes of customers, vendors and items: one at a time, and without the parts that QuickBooks refuses."""

from __future__ import annotations

import hashlib
import json
import logging

from pipeline.domain.clock import Clock
from pipeline.domain.errors import Unavailable
from pipeline.domain.retry import growing, repeated
from pipeline.qbo.client import Client
from pipeline.qbo.faults import DUPLICATE_NAME, STALE_SYNC_TOKEN, Refused, is_name_being_edited
from pipeline.qbo.parties import without_refused
from pipeline.qbo.rows import Json

NAME_TRIES = 4

logger = logging.getLogger(__name__)


class NameWrites:
    """The writes of names of one realm in one run. The caller holds the lock on names.

    A name keeps its request id from run to run, so that one whose creation got no answer is not created twice. But
    QuickBooks may remember a refusal under its id after the cause is gone; it is not documented. So a refusal counts
    only when QuickBooks repeats it under an id that it cannot know: one more call per refused name and run.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._asked_again: set[str] = set()

    def write(self, entity: str, body: Json, seed: str) -> tuple[Json, tuple[str, ...]]:
        """Write a name. Return QuickBooks' row, and the fields that it refuses and that were left out.

        Raises Refused if it refuses what a name cannot do without, Unavailable while a person is editing names, and
        OutOfTime near the end of a run.
        """
        left_out: tuple[str, ...] = ()
        while True:
            try:
                return self._written(entity, body, seed), left_out
            except Refused as error:
                fewer = without_refused(body, error.fault) if error.fault.code != DUPLICATE_NAME else body
                if fewer == body:
                    raise
                refused = sorted(body.keys() - fewer.keys())
                logger.warning(
                    "left out what QuickBooks refuses", extra={"kind": entity, "fields": refused, "reason": str(error)}
                )
                left_out = (*left_out, *refused)
                body = fewer

    def _written(self, entity: str, body: Json, seed: str) -> Json:
        request_id = _request_id(seed, body)
        self._client.check_time_for_name()
        try:
            return self._while_others_edit(entity, body, seed)
        except Refused as error:
            # The next try after a stale token has another token, and so another id.
            if error.fault.code == STALE_SYNC_TOKEN or request_id in self._asked_again:
                raise
        # Without time for a second call the first refusal decides nothing: the next run asks again.
        self._client.check_time_for_name()
        self._asked_again.add(request_id)
        return self._while_others_edit(entity, body, self._of_this_instant(seed))

    def _while_others_edit(self, entity: str, body: Json, seed: str) -> Json:
        first = [seed]

        def write() -> Json:
            again = first.pop() if first else self._of_this_instant(seed)
            return self._client.write(entity, body, request_id=_request_id(again, body))

        try:
            return repeated(write, tries=NAME_TRIES, wait_s=growing(0.5), clock=self._clock, on=is_name_being_edited)
        except Refused as error:
            if not is_name_being_edited(error):
                raise
            # A person is working in the books: nothing is wrong with the document.
            raise Unavailable(f"Somebody is editing names in the QuickBooks books of {self._client.company}") from error

    def _of_this_instant(self, seed: str) -> str:
        return f"{seed}|{self._clock.now().isoformat()}"


def _request_id(seed: str, body: Json) -> str:
    text = f"{seed}|{json.dumps(body, sort_keys=True, default=str)}"
    return f"odoo-name-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
