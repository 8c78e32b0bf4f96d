"""All our documents in a QuickBooks company, read as a whole after the tracking table was lost."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator

from pipeline.domain.books import Attached, Existing
from pipeline.domain.errors import NotOffered
from pipeline.qbo.booked import attached, attached_to, booked, party_of
from pipeline.qbo.client import Client
from pipeline.qbo.marker import entry_id_of
from pipeline.qbo.payloads import ENTITIES
from pipeline.qbo.rows import Json

logger = logging.getLogger(__name__)


def inventory(client: Client) -> dict[str, Existing]:
    """Return the documents that carry our marker, by entry id, with their parties and files.

    Rows are read page by page: those of a whole company as JSON are more than the poster's memory.
    """
    files: defaultdict[tuple[str, str], list[Attached]] = defaultdict(list)
    for row in client.rows("Attachable"):
        for place in attached_to(row):
            files[place].append(attached(row))
    found = {}
    for entity in ENTITIES.values():
        for row in _offered(client, entity):
            entry_id = entry_id_of(row)
            if entry_id:
                found[entry_id] = Existing(booked(row), party_of(row), tuple(files[entity, str(row["Id"])]))
    return found


def _offered(client: Client, entity: str) -> Iterator[Json]:
    """Yield the rows of an entity; none if QuickBooks does not offer it to the company.

    What was posted before is then looked for once more before it is posted again.
    """
    try:
        yield from client.rows(entity)
    except NotOffered as error:
        logger.warning("QuickBooks does not offer a type of document", extra={"entity": entity, "reason": str(error)})
