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
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.alert import Failure
from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import Lease, utc_now
from pipeline.domain.mapping import Rules
from pipeline.domain.request import Request
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.session import QuickBooksSession, companies, realm_of
from pipeline.qbo.tokens import REQUIRED_KEYS, IntuitIssuer, Tokens, connection_days, idle_companies
from pipeline.settings import PosterSettings
from pipeline.use_cases.post.run import Results, Round, run
from pipeline.use_cases.recover.rebuild import Rebuild
from pipeline.use_cases.recover.redrive import reopen, settle
from pipeline.use_cases.report import reporting

SERVICE = "qb-poster"


@cache
def _client(name: str) -> Any:
    return boto3.client(name)  # type: ignore[call-overload]


class Poster:
    """What one invocation works with, wired."""

    def __init__(self, settings: PosterSettings, deadline: Deadline) -> None:
        self.settings = settings
        self.deadline = deadline
        self.secrets = Secrets(_client("secretsmanager"))
        self.key_values = KeyValueTable(_client("dynamodb"), settings.table)
        self.table = TrackingTable(_client("dynamodb"), settings.table)
        self.store = DocumentStore(_client("s3"), settings.bucket)
        self.letters = DeadLetters(lambda: _client("sqs"), f"{SERVICE}-dlq-{settings.environment}")
        self.alerts = Alerts(_client("sns"), settings.topic, slack_webhook_url=settings.slack_webhook_url)

    def secret(self) -> dict[str, Any]:
        """Return the QuickBooks secret as it is now."""
        return self.secrets.read(self.settings.qb_secret_arn, REQUIRED_KEYS)

    def open_session(self, lease: Lease, dry_run: bool) -> QuickBooksSession:
        """Open a company's books for a shift."""
        issuer = IntuitIssuer(self.settings.qb_discovery_url)
        tokens = Tokens(self.secrets, self.settings.qb_secret_arn, lease.company, issuer, deadline=self.deadline)
        return QuickBooksSession(
            lease,
            api_url=self.settings.qb_api_url,
            realm=realm_of(self.secret(), lease.company),
            tokens=tokens,
            key_values=self.key_values,
            rules=lambda: self.rules(lease.company),
            now=utc_now(),
            dry_run=dry_run,
        )

    def rules(self, company: str) -> Rules:
        """Return how a company wants its documents posted; raises Misconfigured for a mapping that is wrong."""
        mapping = self.store.mapping()
        mapping.check_companies(companies(self.secret()), "in the QuickBooks secret under realm_ids")
        return mapping.rules(company)

    def rebuild(self, company: str, books: QuickBooksBooks) -> tuple[int, bool]:
        """Make a company's entries anew; return how many, and whether time ran out before all were."""
        go_live = self.rules(company).go_live
        work = Rebuild(company, books, self.store, self.table, utc_now, self.deadline, go_live)
        work.run()
        return work.count, work.remaining

    def work(self, request: Request, failures: list[Failure]) -> Results:
        """Work off what a request is about."""
        secret, now = self.secret(), utc_now().timestamp()
        round_ = Round(
            table=self.table,
            store=self.store,
            leases=self.key_values,
            open_session=self.open_session,
            deadline=self.deadline,
            clock=utc_now,
            idle=idle_companies(secret, now),
            rebuild=self.rebuild,
            results=Results(refresh_days_left=connection_days(secret, now)),
            failures=failures,
        )
        if request.redrive:
            round_.results.redriven = reopen(self.letters, round_.reopen)
        run(round_, companies(secret), request)
        if round_.results.recovered and not request.redrive:
            settle(self.letters, self.table, list(self.letters.take()))
        return round_.results


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Post what is due, and return the results. Documents that fail are in them and in an alert, not in an error."""
    log_as_json(SERVICE)
    request = poster_request(event)
    settings = PosterSettings.from_env(os.environ)
    poster = Poster(settings, Deadline(context.get_remaining_time_in_millis))
    with reporting(SERVICE, settings.environment, poster.alerts, poster.key_values, poster.letters) as report:
        report.only = request.company
        results = poster.work(request, report.failures)
    put_metrics(SERVICE, settings.environment, results.metrics() | {"AlertsUndelivered": report.undelivered})
    return results.as_dict()
