"""All our documents in a QuickBooks company, read as a whole after the tracking table was lost."""

from __future__ import annotations

from collections import defaultdict

from pipeline.domain.books import Attached, Existing
from pipeline.qbo.booked import attached, attached_to, booked, party_of
from pipeline.qbo.client import Client
from pipeline.qbo.marker import entry_id_of
from pipeline.qbo.payloads import ENTITIES


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
        for row in client.rows(entity):
            entry_id = entry_id_of(row)
            if entry_id:
                found[entry_id] = Existing(booked(row), party_of(row), tuple(files[entity, str(row["Id"])]))
    return found
