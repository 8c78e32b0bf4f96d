"""The order table: one item per sale order, for other applications to read.

The key is `order_name` and `order_id` (both text). Attributes are named as in `Order`; amounts are numbers; what is
empty in Odoo is an empty text. `sync_status` and `synced_at` say when the order was last copied. If the whole history
is copied, `lines` holds the order's lines. An item whose name begins with `cursor#` is no order: it says that a run is
at work, what was wrong, and how far Odoo was read. When it has nothing to say, it is removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeSerializer

from pipeline.aws.errors import CONDITION_FAILED, Expected, errors_of
from pipeline.aws.items import plain_values
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.order import Order, OrderCursor, OrderLine, OrderStatus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB's limits for a partition key and, with some room for what it adds to each value, for an item.
KEY_BYTES_MAX = 2_048
ITEM_BYTES_MAX = 390 * 1024

_serializer = TypeSerializer()


class OrderTable:
    """Writes each order whole, in a call of its own, so that a failed write leaves the previous item intact."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, order: Order, synced_at: datetime) -> None:
        """Write one order. Raises PipelineError if it cannot be written."""
        self._put({**order.record(), **_status(synced_at)})

    def put_changed(self, order: Order, lines: Sequence[OrderLine], synced_at: datetime) -> bool:
        """Write one order with its lines unless the same content is stored. Return whether it was written."""
        content = {**order.record(), "lines": [asdict(line) for line in lines]}
        text = json.dumps(content, sort_keys=True, default=str)
        content_hash = hashlib.sha256(text.encode()).hexdigest()
        return self._put(
            {**content, **_status(synced_at), "content_hash": content_hash},
            ConditionExpression="attribute_not_exists(content_hash) OR content_hash <> :hash",
            ExpressionAttributeValues={":hash": {"S": content_hash}},
        )

    def cursor(self, database: str) -> OrderCursor:
        """Return how far the orders of a database were read."""
        with errors_of(f"The table {self._name}"):
            found = self._client.get_item(TableName=self._name, Key=_cursor_key(database), ConsistentRead=True)
        kept = plain_values(found.get("Item", {}))
        known = {name: kept[name] for name in ("since", "walk_began", "after_id", "at_work") if name in kept}
        return OrderCursor(
            **known,
            killed=json.loads(kept.get("killed", "{}")),
            reported=tuple(json.loads(kept.get("reported", "[]"))),
        )

    def move_cursor(self, database: str, cursor: OrderCursor) -> None:
        """Store how far the orders of a database were read, and what is worked on; without either, store nothing."""
        if cursor == OrderCursor():
            with errors_of(f"The table {self._name}"):
                self._client.delete_item(TableName=self._name, Key=_cursor_key(database))
            return
        lists = {"killed": json.dumps(dict(cursor.killed)), "reported": json.dumps(cursor.reported)}
        self._put({"order_name": f"cursor#{database}", "order_id": "#", **asdict(cursor), **lists})

    def _put(self, values: dict[str, Any], **condition: Any) -> bool:
        _check_size(values)
        stored = {name: _serializer.serialize(value) for name, value in values.items()}
        try:
            with errors_of(f"The table {self._name}", expected=(CONDITION_FAILED,)):
                self._client.put_item(TableName=self._name, Item=stored, **condition)
        except Expected:
            return False
        return True


def _check_size(values: dict[str, Any]) -> None:
    """Raise InvalidDocument for an order that no item can hold, with the attribute that takes most of the room."""
    sizes = {name: len(json.dumps(value, default=str, ensure_ascii=False).encode()) for name, value in values.items()}
    if sizes["order_name"] > KEY_BYTES_MAX:
        raise InvalidDocument(f"its order_name has {sizes['order_name']:,} bytes, and a key takes {KEY_BYTES_MAX:,}")
    if sum(sizes.values()) > ITEM_BYTES_MAX:
        largest = max(sizes, key=lambda name: sizes[name])
        raise InvalidDocument(
            f"it has {sum(sizes.values()) / 1024:,.0f} kB, and an item takes {ITEM_BYTES_MAX // 1024} kB: its "
            f"{largest} alone has {sizes[largest] / 1024:,.0f} kB. Shorten that in Odoo"
        )


def _status(synced_at: datetime) -> dict[str, str]:
    return {"sync_status": OrderStatus.SUCCESS.value, "synced_at": synced_at.isoformat()}


def _cursor_key(database: str) -> dict[str, dict[str, str]]:
    return {"order_name": {"S": f"cursor#{database}"}, "order_id": {"S": "#"}}
