"""Documents that cannot be read, from nothing but their names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from pipeline.domain.document import DocumentType
from pipeline.domain.errors import InvalidDocument, NeedsAttention, PipelineError
from pipeline.domain.from_odoo import UNANSWERED_BY_ODOO
from pipeline.domain.source import Page, UnreadableDocument
from pipeline.odoo import documents as rows_to
from pipeline.odoo.answers import Row
from pipeline.odoo.rows import instant, maybe_instant, text

_UNANSWERED = (
    "gets no usable answer from Odoo (an error of the server, or none in time), though Odoo answers for others. Open "
    "it in Odoo, look for very many lines or a module's error in Odoo's log, and save it; it is tried again every hour"
)


def unreadable_page(rows: Sequence[Row], what: str, now: datetime) -> Page:
    """Return rows as documents that cannot be read. `what` goes on after their titles."""
    return _page(rows, what, "", now)


def unanswered_page(rows: Sequence[Row], reason: PipelineError, now: datetime) -> Page:
    """Return rows as documents for which Odoo gives no usable answer: none at all, or a complaint of its own."""
    what = _UNANSWERED
    if isinstance(reason, NeedsAttention):
        what = f"cannot be read, though others can, and is tried again every hour. {str(reason).rstrip('.')}"
    return _page(rows, what, UNANSWERED_BY_ODOO, now)


def _page(rows: Sequence[Row], what: str, code: str, now: datetime) -> Page:
    found = [as_unreadable(row, InvalidDocument(f"{rows_to.title_of(row)} {what}.", code=code), now) for row in rows]
    return Page((), tuple(found), max((row["id"] for row in rows), default=0))


def as_unreadable(move: Row, error: InvalidDocument, now: datetime) -> UnreadableDocument:
    """Return a row that is not a readable document, with what else it says of itself."""
    try:
        moment = instant(move.get("write_date"))
    except (TypeError, ValueError):
        moment = now
    kind = rows_to.TYPES.get(str(move.get("move_type")), DocumentType.INVOICE)
    name, withdrawn = text(move.get("name"))[: rows_to.NAME_LENGTH_MAX], move.get("state") in ("cancel", "draft")
    return UnreadableDocument(int(move["id"]), name, kind, moment, error, withdrawn, _created(move))


def _created(move: Row) -> datetime | None:
    with suppress(TypeError, ValueError):
        return maybe_instant(move.get("create_date"))
    return None
