"""The order sync: copies the newest sale orders of Odoo into a DynamoDB table."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from functools import partial
from typing import Any

from pipeline import cold_start  # before anything else of ours
from pipeline.aws.alerts import Alerts
from pipeline.aws.order_table import OrderTable
from pipeline.aws.payload import orders_asked_by
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.domain.alert import Failure, Place
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import AwaitsFirstValue, PipelineError
from pipeline.domain.values import dataclass
from pipeline.odoo.client import Odoo
from pipeline.odoo.orders import HISTORY_FIELDS, ORDER_FIELDS, OdooOrders, order, order_detail
from pipeline.runtime import Runtime, system
from pipeline.settings import OrderSyncSettings
from pipeline.use_cases.answering import answering
from pipeline.use_cases.remembered import Remembered
from pipeline.use_cases.report import Reporter, reporting
from pipeline.use_cases.sync_order_attempts import CursorInMemory, OrderAttempts
from pipeline.use_cases.sync_order_history import HistorySync, NewestWithLines
from pipeline.use_cases.sync_orders import Sync

cold_start.over()

SERVICE = "odoo-order-sync"
logger = logging.getLogger("pipeline.odoo_order_sync")
_reported = Remembered()
_in_memory = CursorInMemory()


def _key(settings: OrderSyncSettings, runtime: Runtime) -> str:
    if settings.odoo_api_key:
        return settings.odoo_api_key
    secret = Secrets(runtime.client("secretsmanager")).read(settings.odoo_secret_arn, ("password",))
    # Of a user of its own, where odoo_email names another than the secret's.
    return str(secret.get("order_sync_api_key") or secret["password"])


@dataclass(frozen=True, slots=True)
class _Copied:
    """What a run answers, what is wrong with single orders, how many of the newest failed, and what is stored of it."""

    answer: dict[str, Any]
    failures: list[Failure]
    failed: int
    attempts: OrderAttempts


def _identity(failure: Failure) -> str:
    return hashlib.sha256(f"{failure.title}: {failure.message}".encode()).hexdigest()[:16]


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Handle an invocation by AWS Lambda."""
    return handle(event, context, system())


def handle(event: Any, context: Any, runtime: Runtime) -> dict[str, Any]:
    """Copy the newest orders. The status of each record says whether it was copied.

    If nothing can be read at all, raise (category `odoo_error`), so that the alarm and the dead letter see it. Beside
    a tick of the schedule, an event may say who asks; anything else is answered with what is wrong with it.
    """
    log_as_json(SERVICE)
    with answering() as answer:
        # Nothing is recorded of orders in the history of documents: the log has the name.
        by = orders_asked_by(event)
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
            copied = None
        else:
            copied = _copied(settings, key, runtime, deadline)
            answer = copied.answer
            # A bad order stays bad for a long time, and is reported once.
            known = {*copied.attempts.cursor.reported, *json.loads(_reported.value("orders") or "[]")}
            report.failures += [failure for failure in copied.failures if _identity(failure) not in known]
            report.checked.add("")
    failed = copied.failed if copied else 0
    if copied and not report.undelivered:
        reported = [_identity(failure) for failure in copied.failures]
        _reported.keep("orders", json.dumps(reported))
        with suppress(PipelineError):  # reported twice at worst
            copied.attempts.report(reported)
    put_metrics(
        SERVICE,
        settings.environment,
        {"OrdersCopied": len(answer["records"]) - failed, "OrdersFailed": failed,
         "RunsCompleted": 1, "AlertsUndelivered": report.undelivered},
    )  # fmt: skip
    return answer


def _copied(settings: OrderSyncSettings, key: str, runtime: Runtime, deadline: Deadline) -> _Copied:
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
    orders = OdooOrders(odoo, HISTORY_FIELDS if settings.copies_all else ORDER_FIELDS)
    table = OrderTable(runtime.client("dynamodb"), settings.table)
    attempts = _begun(settings, table)
    try:
        if settings.copies_all:
            detail = partial(order_detail, database=settings.odoo_database)
            newest = NewestWithLines(orders, table, order, detail, attempts)
            sync = Sync(newest, newest, newest.read, deadline, runtime.clock, attempts)
            history = HistorySync(orders, table, order, detail, attempts, deadline, runtime.clock)
            answer = {"statusCode": 200, "records": sync.run(), "history": history.run().as_dict()}
            older = [failure for failure in history.failures if failure not in sync.failures]
        else:
            sync = Sync(orders, table, order, deadline, runtime.clock, attempts, runtime.in_any_order)
            answer, older = {"statusCode": 200, "records": sync.run()}, []
    except PipelineError:
        with suppress(PipelineError):
            attempts.end()
        raise
    with suppress(PipelineError):  # that it cannot be stored counts against no order: the next run is careful
        attempts.end()
    return _Copied(answer, [*sync.failures, *older], len(sync.failures), attempts)


def _begun(settings: OrderSyncSettings, table: OrderTable) -> OrderAttempts:
    """Return the attempts of a run, stored where they can be.

    The newest orders are copied without them as well: what is wrong with the table is then said of each order.
    """
    try:
        return OrderAttempts.begin(table, settings.odoo_database)
    except PipelineError as error:
        if settings.copies_all:
            raise
        logger.warning("attempts are not counted", extra={"reason": str(error)})
        return OrderAttempts.begin(_in_memory, settings.odoo_database)
