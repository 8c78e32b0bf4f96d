"""Read many items of a table by their keys, a hundred to a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.aws.errors import errors_of
from pipeline.aws.items import Item
from pipeline.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB takes a hundred keys in a call, and may leave some of them for the next.
KEYS_MAX = 100
ROUNDS_MAX = 5


def read_items(client: DynamoDBClient, table: str, keys: Sequence[str]) -> dict[str, Item]:
    """Return the existing items, by `entry_id`. Raises Unavailable when the table does not answer or is throttled."""
    found: dict[str, Item] = {}
    for start in range(0, len(keys), KEYS_MAX):
        wanted: list[Item] = [{"entry_id": {"S": key}} for key in dict.fromkeys(keys[start : start + KEYS_MAX])]
        for _ in range(ROUNDS_MAX):
            with errors_of(f"The table {table}"):
                answer = client.batch_get_item(RequestItems={table: {"Keys": wanted, "ConsistentRead": True}})
            found |= {str(stored["entry_id"]["S"]): stored for stored in answer["Responses"].get(table, [])}
            unprocessed: dict[str, Any] = dict(answer.get("UnprocessedKeys") or {})
            wanted = unprocessed.get(table, {}).get("Keys", [])
            if not wanted:
                break
        else:
            raise Unavailable(f"The table {table} is throttled")
    return found
