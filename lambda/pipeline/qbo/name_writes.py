"""Writes of customers, vendors and items: one at a time, and without the parts that QuickBooks refuses."""

from __future__ import annotations

import hashlib
import json
import logging

from pipeline.domain.clock import Clock
from pipeline.domain.errors import Unavailable
from pipeline.domain.retry import growing, repeated
from pipeline.qbo.client import Client
from pipeline.qbo.faults import DUPLICATE_NAME, INVALID_REFERENCE, OBJECT_NOT_FOUND, Refused, is_name_being_edited
from pipeline.qbo.parties import without_refused
from pipeline.qbo.rows import Json

NAME_TRIES = 4

logger = logging.getLogger(__name__)

# Refusals about an object that the name refers to, such as an account: their cause goes without the name being changed.
_ABOUT_ANOTHER = (OBJECT_NOT_FOUND, INVALID_REFERENCE)


def write_name(client: Client, clock: Clock, entity: str, body: Json, seed: str) -> tuple[Json, tuple[str, ...]]:
    """Write a name. Return QuickBooks' row, and the fields that it refuses and that were left out.

    Raises Refused if it refuses what a name cannot do without, Unavailable while a person is editing names, and
    OutOfTime near the end of a run. Whether QuickBooks remembers a refusal whose cause is gone is not documented, so it
    is asked once more under an id it cannot know before one about another object is believed.
    """
    client.check_time_for_name()
    left_out: tuple[str, ...] = ()
    while True:
        try:
            return _write(client, clock, entity, body, seed), left_out
        except Refused as error:
            fewer = without_refused(body, error.fault) if error.fault.code != DUPLICATE_NAME else body
            if fewer == body:
                if error.fault.code not in _ABOUT_ANOTHER:
                    raise
                return _write(client, clock, entity, body, _of_this_instant(seed, clock)), left_out
            refused = sorted(body.keys() - fewer.keys())
            logger.warning(
                "left out what QuickBooks refuses", extra={"kind": entity, "fields": refused, "reason": str(error)}
            )
            left_out = (*left_out, *refused)
            body = fewer


def _write(client: Client, clock: Clock, entity: str, body: Json, seed: str) -> Json:
    first = [seed]

    def write() -> Json:
        again = first.pop() if first else _of_this_instant(seed, clock)
        return client.write(entity, body, request_id=_request_id(again, body))

    try:
        return repeated(write, tries=NAME_TRIES, wait_s=growing(0.5), clock=clock, on=is_name_being_edited)
    except Refused as error:
        if not is_name_being_edited(error):
            raise
        # A person is working in the books: nothing is wrong with the document.
        raise Unavailable(f"Somebody is editing names in the QuickBooks books of {client.company}") from error


def _of_this_instant(seed: str, clock: Clock) -> str:
    return f"{seed}|{clock.now().isoformat()}"


def _request_id(seed: str, body: Json) -> str:
    text = f"{seed}|{json.dumps(body, sort_keys=True, default=str)}"
    return f"odoo-name-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
