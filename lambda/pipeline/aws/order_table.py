"""The order table: one item per sale order, for whoever wants to read them.

Key `order_name` and `order_id` (both text); attributes as `Order` names them, amounts as numbers; `sync_status` and
`synced_at` say when it was last copied.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.aws.errors import errors_of
from pipeline.aws.items import item
from pipeline.domain.order import Order, OrderStatus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class OrderTable:
    """Writes orders one by one, each whole, so that a write that fails leaves the good item of before."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, order: Order, synced_at: datetime) -> None:
        """Write one order; raises PipelineError when it could not be written."""
        status = {"sync_status": OrderStatus.SUCCESS.value, "synced_at": synced_at.isoformat()}
        with errors_of(f"The table {self._name}"):
            self._client.put_item(TableName=self._name, Item=item({**order.record(), **status}))
