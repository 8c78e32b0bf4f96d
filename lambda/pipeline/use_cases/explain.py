"""Find a document by what a person calls it, and say what happened to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from pipeline.domain.alert import Place
from pipeline.domain.codec import encode
from pipeline.domain.drift import gone, noted
from pipeline.domain.entry import Entry
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.explain import explain
from pipeline.domain.identity import ENTRY_ID
from pipeline.domain.life import life
from pipeline.domain.quoting import quoted
from pipeline.use_cases.history import HistoryValues, history_of

# Numbers repeat across companies, and an id of QuickBooks across kinds of documents.
EXPLAINED_MAX = 20
RECORDS_MAX = 200


class ExplainTable(Protocol):
    """The tracking table, as this needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry as it is now."""

    def with_name(self, company: str, name: str) -> Iterable[Entry]:
        """Yield the entries of a company with this number, or this id or number in the books."""


def explained(
    table: ExplainTable, values: HistoryValues, companies: Sequence[str], name: str, now: datetime, place: Place
) -> dict[str, Any]:
    """Return the life of every document of that name: as it is now, and as the history recorded it.

    Raises InvalidRequest if there is none.
    """
    if ENTRY_ID.fullmatch(name):
        entry = table.entry(name)
        entries = [entry] if entry else []
    else:
        entries = [entry for company in companies for entry in table.with_name(company, name)]
    if not entries:
        raise InvalidRequest(
            f"No document is known by {quoted(name)}: neither as its number in Odoo, nor as an entry, nor as its id or "
            "number in QuickBooks. If it is posted in Odoo, pull it by its number."
        )
    return {
        "documents": [
            {
                "entry_id": entry.entry_id,
                "status": entry.status.value,
                "qb_id": entry.qb_id,
                "drift": encode(noted(entry)),
                "explained": explain(entry, now),
                "history": _recorded(values, entry),
                "links": place.links(entry.odoo_id, entry.document_type, entry.qb_id, gone(entry)),
                "is_gone_from_odoo": entry.is_gone_from_odoo,
            }
            for entry in entries[:EXPLAINED_MAX]
        ],
        "left_out": max(0, len(entries) - EXPLAINED_MAX),
    }


def _recorded(values: HistoryValues, entry: Entry) -> list[str]:
    texts = history_of(values, entry.entry_id, RECORDS_MAX + 1)
    return life(texts[:RECORDS_MAX], is_cut=len(texts) > RECORDS_MAX)
