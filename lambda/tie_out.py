"""The tie-out: compares a month in Odoo with the month in QuickBooks, and writes the report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pipeline import cold_start  # before anything else of ours
from pipeline.aws.alerts import Alerts
from pipeline.aws.document_store import DocumentStore
from pipeline.aws.events import origin_of, tie_out_command
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.report_store import ReportStore
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.aws.token_parameters import TokenParameters
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.alert import Place
from pipeline.domain.commands import CompareMonths, TieOutCommand
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.errors import AwaitsFirstValue
from pipeline.domain.history import Origin
from pipeline.domain.identity import database_of, known_as
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import Rules
from pipeline.domain.tie_out.month import earliest_day
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.odoo.journal import Journal
from pipeline.odoo.secret import SECRET_KEYS, odoo_of
from pipeline.qbo.client import Client
from pipeline.qbo.ledger import Ledger
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.realms import companies_by_realm
from pipeline.qbo.tokens import REQUIRED_KEYS, Places, Tokens
from pipeline.runtime import Runtime, system
from pipeline.settings import TieOutSettings
from pipeline.use_cases.answering import answering
from pipeline.use_cases.history import History, keeping
from pipeline.use_cases.report import Reporter, reporting
from pipeline.use_cases.tie_out.close import run
from pipeline.use_cases.tie_out.collaborators import Collaborators
from pipeline.use_cases.tie_out.mail import mail_month_end
from pipeline.use_cases.tie_out.months import Results, is_unfinished

cold_start.over()

SERVICE = "odoo-qb-tie-out"


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Handle an invocation by AWS Lambda."""
    return handle(event, context, system())


def handle(event: Any, context: Any, runtime: Runtime) -> dict[str, Any]:
    """Compare what the event asks for and return the verdicts. What cannot be read is a verdict, not an error.

    An invocation that is not understood is answered with what is wrong with it; it alarms nobody.
    """
    log_as_json(SERVICE)
    with answering() as answer:
        answer.value = _handled(tie_out_command(event), origin_of(SERVICE, event, context), context, runtime)
    return answer.value


def _handled(command: TieOutCommand, origin: Origin, context: Any, runtime: Runtime) -> dict[str, Any]:
    settings = TieOutSettings.from_env(os.environ)
    tie_out = TieOutFunction(settings, Deadline(context.get_remaining_time_in_millis), runtime, origin)
    with reporting(tie_out.reporter()) as report, keeping(tie_out.history):
        try:
            results = tie_out.run(command)
        except AwaitsFirstValue as error:
            results = Results(waiting=str(error))
        report.failures += results.failures
        report.checked |= results.checked
        if isinstance(command, CompareMonths) and (command == CompareMonths() or command.is_continuation):
            tie_out.mail()
    # Whether the schedule still brings runs that come to their end.
    completed = {"RunsCompleted": 1} if command == CompareMonths() else {}
    put_metrics(
        SERVICE,
        settings.environment,
        results.metrics() | {"AlertsUndelivered": report.undelivered, "HistoryLost": tie_out.history.lost} | completed,
    )
    return results.as_dict()


class TieOutFunction:
    """The wired collaborators of one invocation."""

    def __init__(self, settings: TieOutSettings, deadline: Deadline, runtime: Runtime, origin: Origin) -> None:
        self.settings = settings
        self.deadline = deadline
        self.runtime = runtime
        # Odoo's companies, and those that have a realm; empty until they are read.
        self.companies: list[str] = []
        self.with_realm: frozenset[str] = frozenset()
        self.secrets = Secrets(runtime.client("secretsmanager"))
        self.key_values = KeyValueTable(runtime.client("dynamodb"), settings.table, runtime.clock)
        self.history = History(self.key_values, runtime.clock, runtime.threads, origin)
        self.table = TrackingTable(runtime.client("dynamodb"), settings.table)
        parameters = TokenParameters(lambda: runtime.client("ssm"), settings.environment)
        self.tokens = Places(self.secrets, settings.qb_secret_arn, parameters, self.key_values)
        self.alerts = Alerts.of(settings, runtime.client, runtime.clock)

    def reporter(self) -> Reporter:
        """Return what the report is made with."""
        settings = self.settings
        return Reporter(
            place=Place(SERVICE, settings.environment, settings.region, settings.odoo_api_url),
            alerts=self.alerts,
            clock=self.runtime.clock,
            key_values=self.key_values,
            holder=self.runtime.new_name,
        )

    def mail(self) -> None:
        """Send the mail of the first working day, if it is due."""
        companies = [name for name in self.companies if name in self.with_realm]
        mail_month_end(
            self.key_values,
            self.alerts.deliver,
            companies,
            self.reporter().place,
            earliest_day(self.runtime.clock.now()),
        )

    def run(self, command: TieOutCommand) -> Results:
        """Execute the command."""
        mapping = DocumentStore(self.runtime.client("s3"), self.settings.bucket).mapping()
        mapping.check()
        in_realm = companies_by_realm(self.secrets.read(self.settings.qb_secret_arn, REQUIRED_KEYS))
        realms = {company: realm for realm, names in in_realm.items() for company in names}
        is_continuation = isinstance(command, CompareMonths) and command.is_continuation
        if is_continuation and not any(is_unfinished(self.key_values, company) for company in realms):
            return Results()
        secret = self.secrets.read(self.settings.odoo_secret_arn, SECRET_KEYS)
        odoo = odoo_of(
            self.settings.odoo_api_url,
            secret,
            clock=self.runtime.clock,
            key_values=self.key_values,
            deadline=self.deadline,
        )
        journal = Journal(odoo)
        companies = journal.companies()
        self.companies = [company.name for company in companies]
        self.with_realm = frozenset(company for company, realm in realms.items() if realm != company)
        known = self.key_values.database() or database_of(self.table.any_entry_id())
        collaborators = Collaborators(
            journal=journal,
            entries=self.table,
            key_values=self.key_values,
            reports=ReportStore(self.runtime.client("s3"), self.settings.bucket),
            history=self.history,
            open_ledger=lambda lease, company: self._ledger(
                lease, company, mapping.rules(company.name), in_realm[lease.realm]
            ),
            realm_of=lambda company: realms.get(company, "") if realms.get(company) != company else "",
            in_realm=lambda realm: in_realm.get(realm, []),
            rules=mapping.rules,
            render=self._files,
            database=known_as(odoo.database, known, secret),
            clock=self.runtime.clock,
            deadline=self.deadline,
            holder=self.runtime.new_name(),
            overdue_after=timedelta(days=self.settings.overdue_days),
            environment=self.settings.environment,
        )
        return run(collaborators, companies, command)

    def _ledger(self, lease: Lease, company: Company, rules: Rules, in_realm: Sequence[str]) -> Ledger:
        """Return a company's books, while the lease of their realm is held. `in_realm` are all its companies."""
        clock, threads = self.runtime.clock, self.runtime.threads
        tokens = Tokens.of(lease, in_realm, self.tokens, self.settings.qb_discovery_url, self.runtime, self.deadline)
        limiter = Limiter.of(lease, clock, threads)
        client = Client(
            self.settings.qb_api_url, lease.realm, company.name, tokens, limiter, clock=clock, threads=threads
        )
        return Ledger(client, rules, home_currency=company.currency)

    def _files(self, tie_out: TieOut) -> dict[str, bytes]:
        # Its two libraries would take a tenth of the start, and a run that could not read both systems has no report.
        from pipeline.pages.report import files_of

        return files_of(tie_out, is_sandbox=self.settings.is_sandbox)
