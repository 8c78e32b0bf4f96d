"""Transactions of DynamoDB as moto does them, but without a copy of the whole table for each of their writes.

All conditions are looked at before anything is written, so nothing has to be taken back.
"""

from __future__ import annotations

from typing import Any

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import (
    MultipleTransactionsException,
    TooManyTransactionsException,
    TransactionCanceledException,
)
from moto.dynamodb.models import DynamoDBBackend

WRITES_MAX = 100


def write_together(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Put and update items of one table: all of them, or none.

    Raises as moto does: TransactionCanceledException with a reason for each write when a condition does not hold.
    """
    if len(transact_items) > WRITES_MAX:
        raise TooManyTransactionsException
    writes = [next(iter(one.items())) for one in transact_items]
    keys = [_key_of(backend, asked) for _, asked in writes]
    if len({tuple(value["S"] for value in key.values()) for key in keys}) < len(keys):
        raise MultipleTransactionsException
    errors: list[Any] = []
    for (_kind, asked), key in zip(writes, keys, strict=True):
        condition = get_filter_expression(
            asked.get("ConditionExpression"),
            asked.get("ExpressionAttributeNames"),
            asked.get("ExpressionAttributeValues"),
        )
        holds = condition.expr(backend.get_item(asked["TableName"], key))
        errors.append(
            (None, None, None) if holds else ("ConditionalCheckFailed", "The conditional request failed", None)
        )
    if any(code for code, _, _ in errors):
        raise TransactionCanceledException(errors)
    for kind, asked in writes:
        if kind == "Put":
            backend.put_item(asked["TableName"], asked["Item"])
        elif kind == "Update":
            backend.update_item(
                asked["TableName"],
                asked["Key"],
                update_expression=asked["UpdateExpression"],
                expression_attribute_names=asked.get("ExpressionAttributeNames", {}),
                expression_attribute_values=asked.get("ExpressionAttributeValues", {}),
            )
        else:
            raise LookupError(f"there is no {kind} in the transactions of this stand-in")


def _key_of(backend: DynamoDBBackend, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the key of the item that is written: of one attribute or, with a sort key, of two."""
    table = backend.get_table(asked["TableName"])
    names = (table.hash_key_attr, *([table.range_key_attr] if table.range_key_attr else []))
    values = asked.get("Item") or asked["Key"]
    return {name: values[name] for name in names}
