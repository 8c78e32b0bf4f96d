"""Copy the newest sale orders, each on its own: one that fails says so, and the others are not touched by it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import InvalidDocument, PipelineError
from pipeline.domain.order import Order, OrderStatus

logger = logging.getLogger(__name__)

ORDERS_MAX = 100
WRITE_ALLOWANCE_S = 5.0
_COPIED_AGAIN = "The newest orders are copied again at every run; nothing else is to be done once the cause is mended."


class Orders(Protocol):
    """Where orders come from."""

    def newest(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the newest orders as the source words them, newest first; raises when they cannot be read."""


class Table(Protocol):
    """Where orders go."""

    def put(self, order: Order, synced_at: datetime) -> None:
        """Write one order; raises PipelineError when it could not be written."""


@dataclass(slots=True)
class Sync:
    """One run of the order sync."""

    orders: Orders
    table: Table
    read: Callable[[Mapping[str, Any]], Order]
    deadline: Deadline
    clock: Clock
    failures: list[Failure] = field(default_factory=list)

    def run(self) -> list[dict[str, Any]]:
        """Return one record per order, with the status of its own result.

        Raises PipelineError, its message beginning with `odoo_error`, when nothing could be read at all: then there is
        no record that could say so.
        """
        return [self._one(row) for row in self._newest()]

    def _newest(self) -> Sequence[Mapping[str, Any]]:
        try:
            return self.orders.newest(ORDERS_MAX)
        except PipelineError as error:
            raise type(error)(f"{OrderStatus.ODOO_ERROR}: {error}", code=error.code) from error

    def _one(self, row: Mapping[str, Any]) -> dict[str, Any]:
        synced_at = self.clock.now()
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
        name, identity = str(known.get("name") or ""), str(known.get("id") or "")
        title = f"order {name or '(no name)'} (sale.order {identity or '?'})"
        logger.warning("order not copied", extra={"order": title, "sync_status": status.value, "reason": message})
        self.failures.append(Failure("sale orders", status.value, title, message, _COPIED_AGAIN))
        return {
            "order_name": name,
            "order_id": identity,
            "sync_status": status.value,
            "synced_at": tried_at.isoformat(),
            "error": message,
        }
