"""Copy every sale order written since the last run, with its lines, page by page; each only when it has changed.

Pages go by id, which never shift while a page is read. The cursor moves after each page that was stored whole, so a run
that ends early is gone on with by the next one; it moves on to where the walk began, less what Odoo's longest
transaction may take, because `write_date` is when that began.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.order import Order, OrderCursor, OrderLine, OrderStatus

logger = logging.getLogger(__name__)

PAGE_ORDERS = 200
PAGE_ALLOWANCE_S = 20.0
LOOKBACK = timedelta(minutes=10)
_COPIED_AGAIN = "It is copied at the first run after it was saved in Odoo once more."


class Orders(Protocol):
    """Where orders come from."""

    def newest(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the newest orders, newest first; a row may be no record."""

    def written_since(self, since: str, *, after_id: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return orders written since then, or of which a line was, in order of id."""

    def lines(self, order_ids: Sequence[int]) -> Mapping[int, Sequence[Mapping[str, Any]]]:
        """Return the lines of orders, by order."""


class Table(Protocol):
    """Where orders go."""

    def put_changed(self, order: Order, lines: Sequence[OrderLine], synced_at: datetime) -> bool:
        """Write one order unless it stands there so already; returns whether it was written."""

    def cursor(self, database: str) -> OrderCursor:
        """Return how far orders were read."""

    def move_cursor(self, database: str, cursor: OrderCursor) -> None:
        """Store how far orders were read."""


@dataclass(slots=True)
class NewestWithLines:
    """The newest orders and the table as the plain sync knows them, where the table keeps lines, too.

    Without it the plain sync would take the lines off what the history has written.
    """

    orders: Orders
    table: Table
    reads: Callable[[Mapping[str, Any]], Order]
    reads_line: Callable[[Mapping[str, Any]], OrderLine]
    _rows: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    _lines: dict[str, list[OrderLine]] = field(default_factory=dict)

    def newest(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the newest orders, with their lines at hand."""
        rows = self.orders.newest(limit)
        ids = [row["id"] for row in rows if isinstance(row, Mapping) and type(row.get("id")) is int]
        self._rows = self.orders.lines(ids) if ids else {}
        return rows

    def read(self, row: Mapping[str, Any]) -> Order:
        """Return the order of a row; raises InvalidDocument when it, or one of its lines, is no record."""
        order = self.reads(row)
        self._lines[order.order_id] = [self.reads_line(line) for line in self._rows.get(int(order.order_id), ())]
        return order

    def put(self, order: Order, synced_at: datetime) -> None:
        """Write one order with its lines, unless it stands there so already."""
        self.table.put_changed(order, self._lines[order.order_id], synced_at)


@dataclass(slots=True)
class HistoryCounts:
    """What a run did, in orders; `remaining` says that it ended before the last one."""

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

    orders: Orders
    table: Table
    read: Callable[[Mapping[str, Any]], Order]
    read_line: Callable[[Mapping[str, Any]], OrderLine]
    database: str
    deadline: Deadline
    clock: Clock
    counts: HistoryCounts = field(default_factory=HistoryCounts)
    failures: list[Failure] = field(default_factory=list)

    def run(self) -> HistoryCounts:
        """Copy what was written since; raises PipelineError, with the cursor where it got to, when a write fails."""
        cursor = self.table.cursor(self.database)
        if not cursor.walk_began:
            began = (self.clock.now() - LOOKBACK).strftime("%Y-%m-%d %H:%M:%S")
            cursor = replace(cursor, walk_began=began, after_id=0)
        while self.deadline.allows(PAGE_ALLOWANCE_S):
            rows = self.orders.written_since(cursor.since, after_id=cursor.after_id, limit=PAGE_ORDERS)
            self._page(rows)
            if len(rows) < PAGE_ORDERS:
                self.table.move_cursor(self.database, OrderCursor(since=cursor.walk_began))
                return self.counts
            cursor = replace(cursor, after_id=max(int(row["id"]) for row in rows))
            self.table.move_cursor(self.database, cursor)
        self.counts.remaining = True
        return self.counts

    def _page(self, rows: Sequence[Mapping[str, Any]]) -> None:
        lines = self.orders.lines([int(row["id"]) for row in rows]) if rows else {}
        for row in rows:
            self.counts.found += 1
            try:
                order = self.read(row)
                own = [self.read_line(line) for line in lines[int(row["id"])]]
            except InvalidDocument as error:
                self._failed(row, str(error))
                continue
            written = self.table.put_changed(order, own, self.clock.now())
            self.counts.written += written
            self.counts.unchanged += not written

    def _failed(self, row: Mapping[str, Any], message: str) -> None:
        title = f"order {row.get('name') or '(no name)'} (sale.order {row.get('id')})"
        logger.warning("order not copied", extra={"order": title, "reason": message})
        self.counts.failed += 1
        status = OrderStatus.INVALID_RECORD.value
        self.failures.append(Failure("sale orders", status, title, message, _COPIED_AGAIN))
