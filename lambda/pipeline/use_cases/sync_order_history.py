"""Copy every sale order written since the last run, with its lines, page by page. Unchanged orders are not written.

Pages go by id, which does not change while a page is read. The cursor moves after each page that was stored whole, so
the next run continues one that ended early. At the end it moves to a little before the walk began: Odoo's clock may be
behind ours, and `write_date` is when a transaction began, which may have been long before it ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.clock import Clock
from pipeline.domain.cursor import CLOCKS_DIFFER
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.order import Order, OrderLine, OrderStatus
from pipeline.domain.values import dataclass, replace
from pipeline.use_cases.sync_order_attempts import OrderAttempts

logger = logging.getLogger(__name__)

PAGE_ORDERS = 200
PAGE_ALLOWANCE_S = 20.0
# The time that is read again: Odoo's clock may be behind ours, and a transaction takes minutes.
LOOKBACK = CLOCKS_DIFFER + timedelta(minutes=10)
_COPIED_AGAIN = "It is copied at the first run after it was saved in Odoo once more."


class OrderHistorySource(Protocol):
    """Where orders come from."""

    def newest(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the newest orders, newest first. A row may be malformed."""

    def written_since(self, since: str, *, after_id: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the orders that were written since then, or had a line written, in order of id."""

    def lines(self, order_ids: Sequence[int]) -> Mapping[int, Sequence[Mapping[str, Any]]]:
        """Return the lines of orders, by order."""


class OrderHistoryTable(Protocol):
    """Where orders go."""

    def put_changed(self, order: Order, lines: Sequence[OrderLine], synced_at: datetime) -> bool:
        """Write one order unless the same content is stored. Return whether it was written."""


@dataclass(slots=True)
class NewestWithLines:
    """The newest orders and the table, as the plain sync needs them, for a table that also stores lines.

    Without it the plain sync would remove the lines that the history sync has written.
    """

    orders: OrderHistorySource
    table: OrderHistoryTable
    reads: Callable[[Mapping[str, Any]], Order]
    reads_line: Callable[[Mapping[str, Any]], OrderLine]
    attempts: OrderAttempts
    _rows: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    _lines: dict[str, list[OrderLine]] = field(default_factory=dict)

    def newest(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the newest orders, with their lines at hand; those last that may have ended the function."""
        rows = self.orders.newest(limit)
        shared = self.attempts.shared([row for row in rows if _has_id(row)])
        self._rows = self.orders.lines([row["id"] for row in shared]) if shared else {}
        return self.attempts.last_of_all(rows)

    def read(self, row: Mapping[str, Any]) -> Order:
        """Return the order of a row. Raises InvalidDocument if it or one of its lines is malformed."""
        order = self.reads(row)
        self._lines[order.order_id] = [self.reads_line(line) for line in lines_of(self.orders, self._rows, row)]
        return order

    def put(self, order: Order, synced_at: datetime) -> None:
        """Write one order with its lines unless the same content is stored."""
        self.table.put_changed(order, self._lines.pop(order.order_id), synced_at)


def lines_of(
    orders: OrderHistorySource, known: Mapping[int, Sequence[Mapping[str, Any]]], row: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """Return the lines of an order: those that are known, or else what Odoo has."""
    odoo_id = int(row["id"])
    return known[odoo_id] if odoo_id in known else orders.lines([odoo_id]).get(odoo_id, ())


def _has_id(row: Any) -> bool:
    return isinstance(row, Mapping) and type(row.get("id")) is int


@dataclass(slots=True)
class HistoryCounts:
    """Counts of orders in a run. `remaining` is True if it ended before the last one."""

    found: int = 0
    written: int = 0
    unchanged: int = 0
    failed: int = 0
    remaining: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return asdict(self)


@dataclass(slots=True)
class HistorySync:
    """One run over everything written since the last one."""

    orders: OrderHistorySource
    table: OrderHistoryTable
    read: Callable[[Mapping[str, Any]], Order]
    read_line: Callable[[Mapping[str, Any]], OrderLine]
    attempts: OrderAttempts
    deadline: Deadline
    clock: Clock
    counts: HistoryCounts = field(default_factory=HistoryCounts)
    failures: list[Failure] = field(default_factory=list)

    def run(self) -> HistoryCounts:
        """Copy what was written since. Raises PipelineError if a write fails; the cursor is then at the last page.

        An order that is malformed, or too large for an item, fails alone.
        """
        cursor = self.attempts.cursor
        if not cursor.walk_began:
            began = (self.clock.now() - LOOKBACK).strftime("%Y-%m-%d %H:%M:%S")
            cursor = replace(cursor, walk_began=began, after_id=0)
        while self.deadline.allows(PAGE_ALLOWANCE_S):
            rows = self.orders.written_since(cursor.since, after_id=cursor.after_id, limit=PAGE_ORDERS)
            self._page(rows)
            if len(rows) < PAGE_ORDERS:
                self.attempts.finish(cursor.walk_began)
                return self.counts
            cursor = replace(cursor, after_id=max(int(row["id"]) for row in rows))
            self.attempts.move(cursor)
        self.counts.remaining = True
        return self.counts

    def _page(self, rows: Sequence[Mapping[str, Any]]) -> None:
        shared = self.attempts.shared(rows)
        known = self.orders.lines([int(row["id"]) for row in shared]) if shared else {}
        for row in self.attempts.last_of_all(rows):
            self.counts.found += 1
            try:
                with self.attempts.working_on(row):
                    order = self.read(row)
                    own = [self.read_line(line) for line in lines_of(self.orders, known, row)]
                    written = self.table.put_changed(order, own, self.clock.now())
            except InvalidDocument as error:
                self._failed(row, str(error))
                continue
            self.counts.written += written
            self.counts.unchanged += not written

    def _failed(self, row: Mapping[str, Any], message: str) -> None:
        title = f"order {row.get('name') or '(no name)'} (sale.order {row.get('id')})"
        logger.warning("order not copied", extra={"order": title, "reason": message})
        self.counts.failed += 1
        status = OrderStatus.INVALID_RECORD.value
        self.failures.append(Failure("sale orders", status, title, message, _COPIED_AGAIN))
