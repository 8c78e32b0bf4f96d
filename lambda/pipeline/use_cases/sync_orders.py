"""Copy the newest sale orders. One that fails has its error in its record and does not affect the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import InvalidDocument, PipelineError
from pipeline.domain.order import Order, OrderStatus
from pipeline.domain.values import dataclass

logger = logging.getLogger(__name__)

ORDERS_MAX = 100
WRITE_ALLOWANCE_S = 5.0
_COPIED_AGAIN = "The newest orders are copied again on every run: once the cause is fixed, nothing else is needed."


class OrderSyncSource(Protocol):
    """Where orders come from."""

    def newest(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the newest orders as the source gives them, newest first. Raises if they cannot be read."""


class OrderSyncTable(Protocol):
    """Where orders go."""

    def put(self, order: Order, synced_at: datetime) -> None:
        """Write one order. Raises PipelineError if it cannot be written."""


class OrderSyncAttempts(Protocol):
    """Counts which order ended the function, before the work on it begins."""

    def count(self, row: Any) -> int:
        """Return how often the work on an order ended the function."""

    def working_on(self, row: Any) -> AbstractContextManager[None]:
        """Return the time in which an order is worked on. Raises InvalidDocument for an order to leave out."""


@dataclass(slots=True)
class Sync:
    """One run of the order sync."""

    orders: OrderSyncSource
    table: OrderSyncTable
    read: Callable[[Mapping[str, Any]], Order]
    deadline: Deadline
    clock: Clock
    attempts: OrderSyncAttempts
    # Returns the sequence in which so many orders are worked on; those that have ended the function still come last. It
    # is random, so that no order is always behind another one, even where nothing can be counted.
    sequence: Callable[[int], Iterable[int]] = range
    failures: list[Failure] = field(default_factory=list)

    def run(self) -> list[dict[str, Any]]:
        """Return one record per order, with its status.

        If nothing can be read at all, raise PipelineError with a message that begins with `odoo_error`: there is no
        record that could report it.
        """
        rows = self._newest()
        places = sorted(self.sequence(len(rows)), key=lambda place: self.attempts.count(rows[place]))
        records = {place: self._one(rows[place]) for place in places}
        return [records[place] for place in sorted(records)]

    def _newest(self) -> Sequence[Mapping[str, Any]]:
        try:
            return self.orders.newest(ORDERS_MAX)
        except PipelineError as error:
            raise type(error)(f"{OrderStatus.ODOO_ERROR}: {error}", code=error.code) from error

    def _one(self, row: Mapping[str, Any]) -> dict[str, Any]:
        synced_at = self.clock.now()
        try:
            with self.attempts.working_on(row):
                return self._copied(row, synced_at)
        except InvalidDocument as error:
            return self._failed(row, OrderStatus.INVALID_RECORD, str(error), synced_at)
        except PipelineError as error:
            return self._failed(row, OrderStatus.DYNAMO_ERROR, str(error), synced_at)

    def _copied(self, row: Mapping[str, Any], synced_at: datetime) -> dict[str, Any]:
        try:
            order = self.read(row)
        except InvalidDocument as error:
            return self._failed(row, OrderStatus.INVALID_RECORD, str(error), synced_at)
        if not self.deadline.allows(WRITE_ALLOWANCE_S):
            return self._failed(row, OrderStatus.DYNAMO_ERROR, "Time ran out before it could be written.", synced_at)
        try:
            self.table.put(order, synced_at)
        except PipelineError as error:
            return self._failed(row, OrderStatus.DYNAMO_ERROR, str(error), synced_at)
        record = {name: str(value) if isinstance(value, Decimal) else value for name, value in order.record().items()}
        return {**record, "sync_status": OrderStatus.SUCCESS.value, "synced_at": synced_at.isoformat()}

    def _failed(self, row: Any, status: OrderStatus, message: str, tried_at: datetime) -> dict[str, Any]:
        known = row if isinstance(row, Mapping) else {}
        name, order_id = str(known.get("name") or ""), str(known.get("id") or "")
        title = f"order {name or '(no name)'} (sale.order {order_id or '?'})"
        logger.warning("order not copied", extra={"order": title, "sync_status": status.value, "reason": message})
        self.failures.append(Failure("sale orders", status.value, title, message, _COPIED_AGAIN))
        return {
            "order_name": name,
            "order_id": order_id,
            "sync_status": status.value,
            "synced_at": tried_at.isoformat(),
            "error": message,
        }
