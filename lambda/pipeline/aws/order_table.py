"""The order table: one item per sale order, for other applications to read.

The key is `order_name` and `order_id` (both text). Attributes are named as in `Order`; amounts are numbers; what is
empty in Odoo is an empty text. `sync_status` and `synced_at` say when the order was last copied. If the whole history
is copied, `lines` holds the order's lines, and an item of a former name has the `sync_status` `renamed`, with the
present name in `renamed_to`. An item whose name begins with `cursor#` is no order: it says that a run is
at work, what was wrong, and how far Odoo was read. When it has nothing to say, it is removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from pipeline.aws.errors import CONDITION_FAILED, Expected, errors_of
from pipeline.aws.items import plain_values
from pipeline.domain.errors import InvalidDocument, Misconfigured
from pipeline.domain.order import Order, OrderCursor, OrderDetail, OrderStatus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB's limits for a partition key and, with some room for what it adds to each value, for an item.
KEY_BYTES_MAX = 2_048
ITEM_BYTES_MAX = 390 * 1024

# The index by the order's id. It is there where the whole history is copied.
BY_ID = "order-id-index"
# How often an order may be renamed before its oldest names are left as they are.
FORMER_NAMES_MAX = 20
# What makes an item one of the same order, whatever its name.
_IDENTITY = ("order_id", "database", "created_at")
# DynamoDB's answer where there is no such index, or it is being filled.
_NO_INDEX = ("ValidationException", "ResourceNotFoundException")
_IS_OTHERWISE = (
    "attribute_exists(order_name) AND attribute_not_exists(renamed_to) "
    "AND (attribute_not_exists(content_hash) OR content_hash <> :hash)"
)

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


class OrderTable:
    """Writes each order whole, in a call of its own, so that a failed write leaves the previous item intact."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, order: Order, synced_at: datetime) -> None:
        """Write one order. Raises PipelineError if it cannot be written."""
        self._put({**order.record(), **_status(synced_at)})

    def put_changed(self, order: Order, detail: OrderDetail, synced_at: datetime) -> bool:
        """Write one order with its lines unless the same content is stored. Return whether it was written.

        Where the order is new under its name, the item of a former name is marked as renamed together with the write.
        Raises PipelineError if it cannot be written, and InvalidDocument if it is too large.
        """
        content = {**order.record(), **asdict(detail)}
        text = json.dumps(content, sort_keys=True, default=str)
        content_hash = hashlib.sha256(text.encode()).hexdigest()
        item = {**content, **_status(synced_at), "content_hash": content_hash}
        try:
            self._put(
                item,
                ConditionExpression=_IS_OTHERWISE,
                ExpressionAttributeValues={":hash": {"S": content_hash}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except Expected as refused:
            if refused.item and "renamed_to" not in refused.item:
                return False
            self._put_under_another_name(item)
        return True

    def _put_under_another_name(self, item: dict[str, Any]) -> None:
        """Write an order that is new under its name, and mark its items of former names, all or nothing."""
        marked = [self._marked(former, item) for former in self._former(item)]
        if not marked:
            self._put(item)
            return
        puts: list[Any] = [{"Put": self._of(item)}, *({"Put": put} for put in marked)]
        with errors_of(f"The table {self._name}"):
            self._client.transact_write_items(TransactItems=puts)

    def _former(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the items that the same order has under other names, at most `FORMER_NAMES_MAX`.

        An item of the same id is another order's if it is of another database, was created at another time, or does not
        say so.
        """
        if not item["created_at"]:
            return []
        try:
            with errors_of(f"The table {self._name}", expected=_NO_INDEX):
                found = self._client.query(
                    TableName=self._name,
                    IndexName=BY_ID,
                    KeyConditionExpression="order_id = :id",
                    ExpressionAttributeValues={":id": {"S": item["order_id"]}},
                    Limit=FORMER_NAMES_MAX + 1,
                )["Items"]
        except Expected as refused:
            raise Misconfigured(
                f"The table {self._name} lacks its index {BY_ID}, in which former names of orders are found, or it is "
                f"still being made: `terraform apply` makes it with order_sync_history_enabled ({refused})."
            ) from refused
        keys = [{name: key[name] for name in ("order_name", "order_id")} for key in found]
        others = [key for key in keys if key["order_name"]["S"] != item["order_name"]][:FORMER_NAMES_MAX]
        with errors_of(f"The table {self._name}"):
            items = [
                self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item", {})
                for key in others
            ]
        return [
            values
            for values in map(_values_of, items)
            if "renamed_to" not in values and all(values.get(name) == item[name] for name in _IDENTITY)
        ]

    def _marked(self, former: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        """Return what puts the item of a former name with its mark, while that is as it was read."""
        # Without its hash: an order that gets the name back is written again.
        kept = {name: value for name, value in former.items() if name != "content_hash"}
        mark = {"sync_status": OrderStatus.RENAMED.value, "renamed_to": item["order_name"]}
        return {
            **self._of({**kept, **mark, "synced_at": item["synced_at"]}),
            "ConditionExpression": "content_hash = :hash",
            "ExpressionAttributeValues": {":hash": {"S": former["content_hash"]}},
        }

    def _of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "TableName": self._name,
            "Item": {name: _serializer.serialize(value) for name, value in values.items()},
        }

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

    def _put(self, values: dict[str, Any], **condition: Any) -> None:
        """Write an item. Raises Expected if a condition is given and does not hold."""
        _check_size(values)
        with errors_of(f"The table {self._name}", expected=(CONDITION_FAILED,)):
            self._client.put_item(**self._of(values), **condition)


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


def _values_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def _status(synced_at: datetime) -> dict[str, str]:
    return {"sync_status": OrderStatus.SUCCESS.value, "synced_at": synced_at.isoformat()}


def _cursor_key(database: str) -> dict[str, dict[str, str]]:
    return {"order_name": {"S": f"cursor#{database}"}, "order_id": {"S": "#"}}
