"""The order sync: copies the newest sale orders of Odoo into a DynamoDB table."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3

from pipeline.aws.alerts import Alerts
from pipeline.aws.order_table import OrderTable
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.domain.alert import Failure
from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import utc_now
from pipeline.odoo.client import Odoo
from pipeline.odoo.orders import OdooOrders, order
from pipeline.settings import OrderSyncSettings
from pipeline.use_cases.report import Remembered, reporting
from pipeline.use_cases.sync_orders import Sync

SERVICE = "odoo-order-sync"
_told = Remembered()


@cache
def _client(name: str) -> Any:
    return boto3.client(name)  # type: ignore[call-overload]


def _key(settings: OrderSyncSettings) -> str:
    if settings.odoo_api_key:
        return settings.odoo_api_key
    secret = Secrets(_client("secretsmanager")).read(settings.odoo_secret_arn, ("password",))
    return str(secret["password"])


def _untold(failures: list[Failure]) -> list[Failure]:
    """Return the failures that were not there at the last run of this container: an order stays bad for long."""
    before = json.loads(_told.value("orders") or "[]")
    _told.keep("orders", json.dumps([f"{failure.title}: {failure.message}" for failure in failures]))
    return [failure for failure in failures if f"{failure.title}: {failure.message}" not in before]


def lambda_handler(_event: Any, context: Any) -> dict[str, Any]:
    """Copy the newest orders; each record says by its own status what became of it.

    Raises when nothing could be read at all (category `odoo_error`), so that alarm and dead letter see it.
    """
    log_as_json(SERVICE)
    settings = OrderSyncSettings.from_env(os.environ)
    alerts = Alerts(_client("sns"), settings.topic, slack_webhook_url=settings.slack_webhook_url)
    deadline = Deadline(context.get_remaining_time_in_millis)
    with reporting(SERVICE, settings.environment, alerts, _told) as report:
        # JSON-RPC always: the seed says so, and every version up to 19 speaks it.
        odoo = Odoo(
            settings.odoo_url, database=settings.odoo_database, username=settings.odoo_email, secret=_key(settings),
            json2=False, deadline=deadline,
        )  # fmt: skip
        sync = Sync(
            orders=OdooOrders(odoo),
            table=OrderTable(_client("dynamodb"), settings.table),
            read=order,
            deadline=deadline,
            clock=utc_now,
        )
        records = sync.run()
        report.failures += _untold(sync.failures)
    put_metrics(
        SERVICE,
        settings.environment,
        {"OrdersCopied": len(records) - len(sync.failures), "OrdersFailed": len(sync.failures),
         "AlertsUndelivered": report.undelivered},
    )  # fmt: skip
    return {"statusCode": 200, "records": records}
