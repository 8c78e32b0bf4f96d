"""The order sync: copies the newest sale orders of Odoo into a DynamoDB table."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from typing import Any

from pipeline import cold_start  # before anything else of ours
from pipeline.aws.alerts import Alerts
from pipeline.aws.order_table import OrderTable
from pipeline.aws.said_by import said_by
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.domain.alert import Failure, Place
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import AwaitsFirstValue, PipelineError
from pipeline.odoo.client import Odoo
from pipeline.odoo.orders import OdooOrders, order, order_line
from pipeline.runtime import Runtime, system
from pipeline.settings import OrderSyncSettings
from pipeline.use_cases.answering import answering
from pipeline.use_cases.remembered import Remembered
from pipeline.use_cases.report import Reporter, reporting
from pipeline.use_cases.sync_order_attempts import OrderAttempts
from pipeline.use_cases.sync_order_history import HistorySync, NewestWithLines
from pipeline.use_cases.sync_orders import Sync

cold_start.over()

SERVICE = "odoo-order-sync"
logger = logging.getLogger("pipeline.odoo_order_sync")
_reported = Remembered()


def _key(settings: OrderSyncSettings, runtime: Runtime) -> str:
    if settings.odoo_api_key:
        return settings.odoo_api_key
    secret = Secrets(runtime.client("secretsmanager")).read(settings.odoo_secret_arn, ("password",))
    # Of a user of its own, where odoo_email names another than the secret's.
    return str(secret.get("order_sync_api_key") or secret["password"])


def _not_reported_yet(failures: list[Failure]) -> list[Failure]:
    """Return the failures that are new since this container's last run: a bad order stays bad for a long time."""
    before = json.loads(_reported.value("orders") or "[]")
    _reported.keep("orders", json.dumps([f"{failure.title}: {failure.message}" for failure in failures]))
    return [failure for failure in failures if f"{failure.title}: {failure.message}" not in before]


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Handle an invocation by AWS Lambda."""
    return handle(event, context, system())


def handle(event: Any, context: Any, runtime: Runtime) -> dict[str, Any]:
    """Copy the newest orders. The status of each record says whether it was copied.

    If nothing can be read at all, raise (category `odoo_error`), so that the alarm and the dead letter see it. Of what
    the event says, only who asks for it is read.
    """
    log_as_json(SERVICE)
    with answering() as answer:
        # Nothing is recorded of orders in the history of documents: the log has the name.
        by = said_by(event)
        if by:
            logger.info("orders asked for", extra={"by": by})
        answer.value = _handled(context, runtime)
    return answer.value


def _handled(context: Any, runtime: Runtime) -> dict[str, Any]:
    settings = OrderSyncSettings.from_env(os.environ)
    reporter = Reporter(
        place=Place(SERVICE, settings.environment, settings.region, settings.odoo_url),
        alerts=Alerts.of(settings, runtime.client, runtime.clock),
        clock=runtime.clock,
        key_values=_reported,
    )
    deadline = Deadline(context.get_remaining_time_in_millis)
    with reporting(reporter) as report:
        try:
            key = _key(settings, runtime)
        except AwaitsFirstValue as error:
            report.failures.append(Failure.of("", error))
            answer: dict[str, Any] = {"statusCode": 200, "records": [], "waiting": str(error)}
            failed = 0
        else:
            answer, failures, failed = _copied(settings, key, runtime, deadline)
            report.failures += _not_reported_yet(failures)
            report.checked.add("")
    put_metrics(
        SERVICE,
        settings.environment,
        {"OrdersCopied": len(answer["records"]) - failed, "OrdersFailed": failed,
         "RunsCompleted": 1, "AlertsUndelivered": report.undelivered},
    )  # fmt: skip
    return answer


def _copied(
    settings: OrderSyncSettings, key: str, runtime: Runtime, deadline: Deadline
) -> tuple[dict[str, Any], list[Failure], int]:
    """Copy the orders; return the answer, what is wrong with single orders, and how many of the newest failed."""
    # JSON-RPC where there is one: the order sync is specified that way. An Odoo without it is spoken to by JSON-2.
    odoo = Odoo(
        settings.odoo_url,
        database=settings.odoo_database,
        username=settings.odoo_email,
        secret=key,
        clock=runtime.clock,
        json2=False,
        deadline=deadline,
    )
    orders, table = OdooOrders(odoo), OrderTable(runtime.client("dynamodb"), settings.table)
    if not settings.copies_all:
        sync = Sync(orders, table, order, deadline, runtime.clock, runtime.in_any_order)
        return {"statusCode": 200, "records": sync.run()}, sync.failures, len(sync.failures)
    attempts = OrderAttempts.begin(table, settings.odoo_database)
    try:
        newest = NewestWithLines(orders, table, order, order_line, attempts)
        sync = Sync(newest, newest, newest.read, deadline, runtime.clock)
        records = sync.run()
        history = HistorySync(orders, table, order, order_line, attempts, deadline, runtime.clock)
        counts = history.run()
    except PipelineError:
        with suppress(PipelineError):
            attempts.end()
        raise
    attempts.end()
    failures = [*sync.failures, *(failure for failure in history.failures if failure not in sync.failures)]
    return {"statusCode": 200, "records": records, "history": counts.as_dict()}, failures, len(sync.failures)
