"""The poster: works off what is due, woken by a PDF in S3, by the sweep every minute, or by a person."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3

from pipeline.aws.alerts import Alerts
from pipeline.aws.dead_letters import DeadLetters
from pipeline.aws.document_store import DocumentStore
from pipeline.aws.events import poster_request
from pipeline.aws.notes import Notes
from pipeline.aws.reporting import reporting
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.aws.tracking_table import TrackingTable
from pipeline.deadline import Deadline
from pipeline.mapping import Rules
from pipeline.post import Results, Round, run
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.desk import QuickBooksDesk, companies, realm_of
from pipeline.qbo.tokens import REQUIRED_KEYS, IntuitIssuer, Tokens, connection_days, idle_companies
from pipeline.rebuild import Rebuild
from pipeline.redrive import reopen, settle
from pipeline.settings import PosterSettings
from pipeline.tracking import Shift, utc_now

SERVICE = "qb-poster"


@cache
def _client(name: str) -> Any:
    return boto3.client(name)  # type: ignore[call-overload]


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Post what is due, and return the results. Documents that fail are in them and in an alert, not in an error."""
    log_as_json(SERVICE)
    request = poster_request(event)
    settings = PosterSettings.from_env(os.environ)
    secrets = Secrets(_client("secretsmanager"))
    notes = Notes(_client("dynamodb"), settings.table)
    alerts = Alerts(_client("sns"), settings.topic, slack_webhook_url=settings.slack_webhook_url)

    deadline = Deadline(context.get_remaining_time_in_millis)
    store = DocumentStore(_client("s3"), settings.bucket)

    def open_desk(shift: Shift, dry_run: bool) -> QuickBooksDesk:
        secret = secrets.read(settings.qb_secret_arn, REQUIRED_KEYS)

        def rules() -> Rules:
            mapping = store.mapping()
            mapping.check_companies(companies(secret), "in the QuickBooks secret under realm_ids")
            return mapping.rules(shift.company)

        issuer = IntuitIssuer(settings.qb_discovery_url)
        tokens = Tokens(secrets, settings.qb_secret_arn, shift.company, issuer, deadline=deadline)
        return QuickBooksDesk(
            shift, api_url=settings.qb_api_url, realm=realm_of(secret, shift.company), tokens=tokens, memory=notes,
            rules=rules, now=utc_now(), dry_run=dry_run,
        )  # fmt: skip

    def rebuild(company: str, books: QuickBooksBooks) -> tuple[int, bool]:
        go_live = store.mapping().rules(company).go_live
        work = Rebuild(company, books, store, table, utc_now, deadline, go_live)
        work.run()
        return work.count, work.remaining

    table = TrackingTable(_client("dynamodb"), settings.table)
    letters = DeadLetters(_client("sqs"), f"{SERVICE}-dlq-{settings.environment}")
    with reporting(SERVICE, settings.environment, alerts, notes, letters) as report:
        secret = secrets.read(settings.qb_secret_arn, REQUIRED_KEYS)
        known = companies(secret)
        now = utc_now().timestamp()
        round_ = Round(
            table=table,
            store=store,
            shifts=notes,
            open_desk=open_desk,
            deadline=deadline,
            clock=utc_now,
            idle=idle_companies(secret, now),
            rebuild=rebuild,
            results=Results(refresh_days_left=connection_days(secret, now)),
            failures=report.failures,
        )
        if request.redrive:
            round_.results.redriven = reopen(letters, round_.reopen)
        run(round_, known, request)
        if round_.results.recovered and not request.redrive:
            settle(letters, table, list(letters.take()))
    put_metrics(SERVICE, settings.environment, round_.results.metrics() | {"AlertsUndelivered": report.undelivered})
    return round_.results.as_dict()
