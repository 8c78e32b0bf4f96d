"""Change data capture: what was written or deleted since an instant, at most thirty days back and 1,000 objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from local.stand_ins.quickbooks.books import Books
from local.stand_ins.quickbooks.faults import refusal
from local.stand_ins.quickbooks.realm import DAY_S, Row
from local.stand_ins.quickbooks.schema import ENTITIES

DAYS_MAX = 30
OBJECTS_MAX = 1_000
# What QuickBooks keeps no changes of.
_EXCLUDED = ("JournalCode", "TaxAgency", "TimeActivity", "TaxCode", "TaxRate")


def changed(books: Books, query: Mapping[str, str], now: float, refused: Collection[str] = ()) -> Row:
    """Return the answer: for each entity asked for a list, or nothing where nothing changed. `refused` are not served.

    Which objects are left out of a full answer is not documented: here it is the newest ones.
    """
    entities = [name for name in query.get("entities", "").split(",") if name]
    if not entities:
        raise refusal("2020", "Required parameter entities is missing in the request", "entities")
    for entity in entities:
        if entity in (*_EXCLUDED, *refused) or entity not in ENTITIES:
            raise refusal("2010", f"Request has invalid or unsupported property : entities {entity}")
    try:
        since = datetime.fromisoformat(query.get("changedSince", "")).timestamp()
    except ValueError as error:
        raise refusal("2060", "Invalid Date : changedSince", "changedSince") from error
    if now - since > DAYS_MAX * DAY_S:
        raise refusal("2060", f"changedSince must not be more than {DAYS_MAX} days in the past", "changedSince")
    answers, left = [], OBJECTS_MAX
    for entity in entities:
        rows = books.changed(entity, since)[:left]
        left -= len(rows)
        answers.append({entity: rows, "startPosition": 1, "maxResults": len(rows)} if rows else {})
    return {"CDCResponse": [{"QueryResponse": answers}]}
