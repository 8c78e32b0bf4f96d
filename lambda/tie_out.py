"""The tie-out: compares a month in Odoo with the month in QuickBooks, and writes the report."""

from __future__ import annotations

import os
from typing import Any

from pipeline.aws.alerts import Alerts
from pipeline.aws.document_store import DocumentStore
from pipeline.aws.events import tie_out_command
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.report_store import ReportStore
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.commands import CompareMonths
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company, database_of
from pipeline.domain.identity import known_as
from pipeline.domain.lease import Lease
from pipeline.odoo.client import Odoo
from pipeline.odoo.journal import Journal
from pipeline.pages.report import files_of
from pipeline.qbo.client import Client
from pipeline.qbo.ledger import Ledger
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.realms import companies_by_realm
from pipeline.qbo.tokens import REQUIRED_KEYS, IntuitIssuer, Tokens
from pipeline.runtime import Runtime, system
from pipeline.settings import TieOutSettings
from pipeline.use_cases.report import reporting
from pipeline.use_cases.tie_out.collaborators import Collaborators
from pipeline.use_cases.tie_out.months import Results, is_unfinished, run

SERVICE = "tie-out"
SECRET_KEYS = ("database", "username", "password")


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Handle an invocation by AWS Lambda."""
    return handle(event, context, system())


def handle(event: Any, context: Any, runtime: Runtime) -> dict[str, Any]:
    """Compare what the event asks for and return the verdicts. What cannot be read is a verdict, not an error."""
    log_as_json(SERVICE)
    command = tie_out_command(event)
    settings = TieOutSettings.from_env(os.environ)
    tie_out = TieOutFunction(settings, Deadline(context.get_remaining_time_in_millis), runtime)
    with reporting(SERVICE, settings.environment, tie_out.alerts, tie_out.key_values) as report:
        report.only = command.company
        results = tie_out.run(command)
        report.failures += results.failures
    put_metrics(SERVICE, settings.environment, results.metrics() | {"AlertsUndelivered": report.undelivered})
    return results.as_dict()


class TieOutFunction:
    """The wired collaborators of one invocation."""

    def __init__(self, settings: TieOutSettings, deadline: Deadline, runtime: Runtime) -> None:
        self.settings = settings
        self.deadline = deadline
        self.runtime = runtime
        self.secrets = Secrets(runtime.client("secretsmanager"))
        self.key_values = KeyValueTable(runtime.client("dynamodb"), settings.table, runtime.clock)
        self.table = TrackingTable(runtime.client("dynamodb"), settings.table)
        self.alerts = Alerts(
            runtime.client("sns"), settings.topic, runtime.clock, slack_webhook_url=settings.slack_webhook_url
        )

    def run(self, command: CompareMonths) -> Results:
        """Execute the command."""
        clock = self.runtime.clock
        mapping = DocumentStore(self.runtime.client("s3"), self.settings.bucket).mapping()
        quickbooks = self.secrets.read(self.settings.qb_secret_arn, REQUIRED_KEYS)
        in_realm = companies_by_realm(quickbooks)
        realms = {company: realm for realm, names in in_realm.items() for company in names}
        if command.is_continuation and not any(is_unfinished(self.key_values, company) for company in realms):
            return Results()
        secret = self.secrets.read(self.settings.odoo_secret_arn, SECRET_KEYS)
        odoo = Odoo(
            self.settings.odoo_api_url,
            database=secret["database"],
            username=secret["username"],
            secret=secret["password"],
            clock=clock,
            key_values=self.key_values,
            deadline=self.deadline,
        )
        journal = Journal(odoo)
        companies = journal.companies()
        known = self.key_values.database() or database_of(self.table.any_entry_id())
        database = known_as(
            odoo.database, known, renamed_from=secret.get("renamed_from", ""), replaces=secret.get("replaces", "")
        )

        def open_ledger(lease: Lease, company: Company) -> Ledger:
            tokens = Tokens(
                self.secrets,
                self.settings.qb_secret_arn,
                in_realm[lease.realm],
                IntuitIssuer(self.settings.qb_discovery_url),
                clock=clock,
                threads=self.runtime.threads,
                deadline=self.deadline,
            )
            age_s = (clock.now() - lease.recent_at).total_seconds() if lease.recent_at else 0.0
            limiter = Limiter(
                clock, self.runtime.threads, recent_calls=lease.recent_calls, recent_age_s=max(0.0, age_s)
            )
            client = Client(
                self.settings.qb_api_url,
                lease.realm,
                company.name,
                tokens,
                limiter,
                clock=clock,
                threads=self.runtime.threads,
            )
            return Ledger(client, mapping.rules(company.name), home_currency=company.currency)

        collaborators = Collaborators(
            journal=journal,
            entries=self.table,
            key_values=self.key_values,
            reports=ReportStore(self.runtime.client("s3"), self.settings.bucket),
            open_ledger=open_ledger,
            realm_of=lambda company: realms.get(company, "") if realms.get(company) != company else "",
            in_realm=lambda realm: in_realm.get(realm, []),
            rules=mapping.rules,
            render=lambda tie_out: files_of(tie_out, is_sandbox=self.settings.is_sandbox),
            database=database,
            clock=clock,
            deadline=self.deadline,
            holder=self.runtime.new_name(),
        )
        return run(collaborators, companies, command)
