"""The extractor: pulls new and changed documents out of Odoo, on schedule or when asked."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3

from pipeline.aws.alerts import Alerts
from pipeline.aws.dead_letters import DeadLetters
from pipeline.aws.document_store import DocumentStore
from pipeline.aws.events import extractor_request
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import utc_now
from pipeline.domain.source import Selection
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource
from pipeline.settings import ExtractorSettings
from pipeline.use_cases.extract.pull import Extraction, chosen, run
from pipeline.use_cases.reconcile.deletions import compare
from pipeline.use_cases.recover.redrive import odoo_ids, settle
from pipeline.use_cases.report import reporting

SERVICE = "odoo-extractor"
SECRET_KEYS = ("database", "username", "password")


@cache
def _client(name: str) -> Any:
    return boto3.client(name)  # type: ignore[call-overload]


def _source(settings: ExtractorSettings, key_values: KeyValueTable | None, deadline: Deadline) -> OdooSource:
    secret = Secrets(_client("secretsmanager")).read(settings.odoo_secret_arn, SECRET_KEYS)
    login = {"database": secret["database"], "username": secret["username"], "secret": secret["password"]}
    odoo = Odoo(settings.odoo_api_url, **login, key_values=key_values, deadline=deadline)
    return OdooSource(odoo, renders_pdfs=settings.renders_pdfs)


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Pull, and return the counts. Raises, after all companies were tried, when one could not be read."""
    log_as_json(SERVICE)
    request = extractor_request(event)
    settings = ExtractorSettings.from_env(os.environ)
    store_of_values = KeyValueTable(_client("dynamodb"), settings.table)
    alerts = Alerts(_client("sns"), settings.topic, slack_webhook_url=settings.slack_webhook_url)
    deadline = Deadline(context.get_remaining_time_in_millis)
    # A dry run writes nothing, not even what it has found out or told; so it tells all it finds.
    key_values = None if request.dry_run else store_of_values
    store = DocumentStore(_client("s3"), settings.bucket)
    letters = DeadLetters(lambda: _client("sqs"), f"{SERVICE}-dlq-{settings.environment}")
    with reporting(SERVICE, settings.environment, alerts, key_values, None if request.dry_run else letters) as report:
        report.only = request.company
        mapping = store.mapping()
        source = _source(settings, key_values, deadline)
        companies = source.companies()
        mapping.check_companies([each.name for each in companies], "that the Odoo user may see")
        taken = list(letters.take()) if request.redrive else []
        ids = odoo_ids(taken)
        table = TrackingTable(_client("dynamodb"), settings.table)
        extraction = Extraction(
            source=source,
            table=table,
            cursors=store_of_values,
            store=store,
            deadline=deadline,
            now=utc_now(),
            dry_run=request.dry_run,
            go_live=lambda name: mapping.rules(name).go_live,
            failures=report.failures,
        )
        run(
            extraction,
            chosen(companies, request.company),
            Selection(ids=ids) if ids else request.selection,
            afterwards=lambda company: compare(extraction, source, table, store_of_values, company),
        )
        settle(letters, table, taken)
    counts = extraction.counts
    put_metrics(
        SERVICE,
        settings.environment,
        {"DocumentsFound": counts.new + counts.changed, "DocumentsFailed": counts.failed, "Pdfs": counts.pdfs,
         "AlertsUndelivered": report.undelivered},
    )  # fmt: skip
    return counts.as_dict()
