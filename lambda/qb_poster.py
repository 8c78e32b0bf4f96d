"""The poster: processes what is due, woken by a PDF in S3, by the sweep every minute, or by a person."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

from pipeline import cold_start  # before anything else of ours
from pipeline.aws.alerts import Alerts
from pipeline.aws.dead_letters import DeadLetters
from pipeline.aws.document_store import DocumentStore
from pipeline.aws.drift_table import DriftTable
from pipeline.aws.events import origin_of, poster_command, sweep_of
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.own_function import OwnFunction
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.aws.token_parameters import TokenParameters
from pipeline.domain.accepted_parties import acceptance_key
from pipeline.domain.alert import Failure, Place
from pipeline.domain.commands import (
    AcceptDrift,
    AcceptMerge,
    Explain,
    PostDue,
    PosterCommand,
    RebuildEntries,
    Redrive,
    WakeUp,
    WatchBooks,
)
from pipeline.domain.deadline import Deadline
from pipeline.domain.drift import REASON_LENGTH_MAX
from pipeline.domain.errors import AwaitsFirstValue, InvalidRequest, PipelineError, emptied
from pipeline.domain.history import Origin
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import Receipts
from pipeline.domain.mapping_file import CompanyMapping
from pipeline.domain.quoting import one_line
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.connections import connection_days, consent_days, dates_by_realm, idle_companies
from pipeline.qbo.realms import NO_REALM, companies, companies_by_realm, realm_of
from pipeline.qbo.session import QuickBooksSession
from pipeline.qbo.tokens import REQUIRED_KEYS, Places, Tokens
from pipeline.runtime import Runtime, system
from pipeline.settings import PosterSettings
from pipeline.use_cases.answering import answering
from pipeline.use_cases.explain import explained
from pipeline.use_cases.history import History, keeping
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.outcomes import Outcomes
from pipeline.use_cases.post.results import Results
from pipeline.use_cases.post.run import PostingRun
from pipeline.use_cases.post.watch import Watch
from pipeline.use_cases.recover.rebuild import Rebuild, Rebuilt
from pipeline.use_cases.recover.redrive import SETTLE_ALLOWANCE_S, Taking, reopen, settle
from pipeline.use_cases.report import Report, Reporter, reporting

cold_start.over()

SERVICE = "qb-poster"
logger = logging.getLogger("pipeline.qb_poster")


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Handle an invocation by AWS Lambda."""
    return handle(event, context, system())


def handle(event: Any, context: Any, runtime: Runtime) -> dict[str, Any]:
    """Post what is due and return the results. A failed document is in the results and an alert; it raises nothing.

    An invocation that is not understood is answered with what is wrong with it; it alarms nobody.
    """
    log_as_json(SERVICE)
    with answering() as answer:
        answer.value = _handled(poster_command(event), origin_of(SERVICE, event, context), context, runtime)
    return answer.value


def _handled(
    command: PosterCommand | AcceptDrift | AcceptMerge | Explain, origin: Origin, context: Any, runtime: Runtime
) -> dict[str, Any]:
    settings = PosterSettings.from_env(os.environ)
    poster = Poster(settings, Deadline(context.get_remaining_time_in_millis), runtime, origin)
    if isinstance(command, WakeUp) and (busy := poster.busy(command)):
        # Whoever works for them reports what there is, and the next sweep takes up what they leave.
        put_metrics(SERVICE, settings.environment, Results().metrics() | {"AlertsUndelivered": 0, "HistoryLost": 0})
        return Results(busy=busy).as_dict()
    with reporting(poster.reporter()) as report, keeping(poster.history):
        if isinstance(command, Explain):
            reporter = poster.reporter()
            return explained(
                poster.table, poster.key_values, companies(poster.secret()), command.name, runtime.clock.now(),
                reporter.place,
            )  # fmt: skip
        if isinstance(command, AcceptDrift | AcceptMerge):
            accepted = poster.accept(command)
            report.gone |= poster.watch.gone
            return accepted
        results = poster.run(command, report)
        report.notices += poster.watch.notices
        report.gone |= poster.watch.gone
    if report.is_kept:
        poster.watch.complete()
    # Whether the schedule still brings runs that come to their end.
    completed = {"RunsCompleted": 1} if command == PostDue() else {}
    metrics = (
        results.metrics() | {"AlertsUndelivered": report.undelivered, "HistoryLost": poster.history.lost} | completed
    )
    put_metrics(SERVICE, settings.environment, metrics)
    if isinstance(command, WatchBooks):
        for company, days in results.refresh_days_left.items():
            logger.info("connection", extra={"company": company, "days_left": round(days),
                                             "consent_days_left": results.consent_days_left.get(company)})  # fmt: skip
    return results.as_dict()


class Poster:
    """The wired collaborators of one invocation."""

    def __init__(self, settings: PosterSettings, deadline: Deadline, runtime: Runtime, origin: Origin) -> None:
        self.settings = settings
        self.origin = origin
        self.deadline = deadline
        self.runtime = runtime
        self.secrets = Secrets(runtime.client("secretsmanager"))
        self.key_values = KeyValueTable(runtime.client("dynamodb"), settings.table, runtime.clock)
        self.history = History(self.key_values, runtime.clock, runtime.threads, origin)
        self.table = DriftTable(runtime.client("dynamodb"), settings.table, runtime.new_name, self.history.wrote)
        self.store = DocumentStore(runtime.client("s3"), settings.bucket)
        parameters = TokenParameters(lambda: runtime.client("ssm"), settings.environment)
        self.tokens = Places(self.secrets, settings.qb_secret_arn, parameters, self.key_values)
        self.letters = DeadLetters(lambda: runtime.client("sqs"), f"{SERVICE}-dlq-{settings.environment}")
        self.own_function = OwnFunction(lambda: runtime.client("lambda"), settings.function_name)
        self.alerts = Alerts.of(settings, runtime.client, runtime.clock)
        self.watch = Watch(self.table, self.key_values, self.store.document, runtime.clock, deadline)
        # Those of Odoo that a rebuild has found copies of.
        self.databases: set[str] = set()

    def reporter(self) -> Reporter:
        """Return what the report is made with."""
        settings = self.settings
        return Reporter(
            place=Place(SERVICE, settings.environment, settings.region, quickbooks_url=settings.qb_url),
            alerts=self.alerts,
            clock=self.runtime.clock,
            key_values=self.key_values,
            table=self.table,
            letters=self.letters,
            # What Odoo's row lacks is redriven by the extractor.
            owns=lambda entry: not entry.is_unreadable,
            holder=self.runtime.new_name,
        )

    def busy(self, command: WakeUp) -> list[str]:
        """Return the companies of the documents that an S3 event names, if all of their realms are taken; else none.

        It is one read, by what this container remembers of the secret. A large pull brings an event a document, and
        most of them find the realm taken.
        """
        try:
            return self.key_values.taken(command.entry_ids, self.runtime.realms, self.runtime.clock.now())
        except PipelineError:
            return []  # the run that follows says what is wrong

    def run(self, command: PosterCommand, report: Report) -> Results:
        """Execute the command. Without a secret nothing is done, and the report says what is waited for."""
        now = self.runtime.clock.now().timestamp()
        try:
            secret = self.secret()
        except AwaitsFirstValue as error:
            if self.table.has_sent():
                raise emptied(error) from None
            report.failures.append(Failure.of("", error))
            return Results(waiting=str(error))
        report.checked.add("")
        realms = companies_by_realm(secret)
        self.runtime.realms.update({company: realm for realm, shared in realms.items() for company in shared})
        by_realm = dates_by_realm(self.key_values, list(realms))
        dates = {company: by_realm[realm] for realm, shared in realms.items() for company in shared}
        collaborators = Collaborators(
            table=self.table,
            store=self.store,
            leases=self.key_values,
            open_session=self.open_session,
            deadline=self.deadline,
            clock=self.runtime.clock,
            threads=self.runtime.threads,
            random=self.runtime.random,
            idle=frozenset(idle_companies(secret, dates, now)),
            rebuild=self.rebuild,
            watch=lambda session, realm, names, is_asked: self.watch.look(
                session.changes, realm, names, is_asked=is_asked
            ),
            start=lambda realm: self.own_function.start(sweep_of(realm, self.origin.by)),
        )
        results = Results(refresh_days_left=connection_days(dates, now), consent_days_left=consent_days(dates, now))
        outcomes = Outcomes(collaborators, results, report.failures, report.checked)
        if isinstance(command, Redrive):
            taking = Taking(self.letters, self.deadline)
            results.redriven = reopen(taking, partial(outcomes.reopen, has_letter=False))
            results.remaining |= taking.remaining
        PostingRun(collaborators, outcomes).execute(realms, command)
        if isinstance(command, RebuildEntries):
            self._have_pulled(command, dates, results.not_rebuilt)
        if results.recovered and not isinstance(command, Redrive):
            self._settle(report)
        results.drift_noticed = len(self.watch.notices)
        results.drift_open, results.drift_age_s = self.watch.open, self.watch.age_s
        return results

    def accept(self, command: AcceptDrift | AcceptMerge) -> dict[str, object]:
        """Note what a person accepts; raises InvalidRequest for what nobody knows."""
        if isinstance(command, AcceptDrift):
            return self.watch.accept(command)
        secret = self.secret()
        if command.company not in companies(secret):
            known = ", ".join(f"'{name}'" for name in sorted(companies(secret)))
            raise InvalidRequest(f"The QuickBooks secret has no company '{command.company[:80]}'. It has {known}.")
        accepted = self.watch.accept_merge(command, realm_of(secret, command.company))
        self.history.decided(
            acceptance_key(command.company, command.party, command.into),
            party=command.party, into=command.into, accepted_by=command.by,
            because=one_line(command.because, REASON_LENGTH_MAX),
        )  # fmt: skip
        return accepted

    def _settle(self, report: Report) -> None:
        """Remove the letters of what came right. It is posted whatever becomes of them, so none ends the run."""
        try:
            recovered = list(Taking(self.letters, self.deadline, allowance_s=SETTLE_ALLOWANCE_S))
            settle(self.letters, self.table, recovered, self.deadline)
        except PipelineError as error:
            logger.warning("dead letters not settled", extra={"reason": str(error)})
            report.undelivered += 1

    def secret(self) -> dict[str, Any]:
        """Return the QuickBooks secret as it is now."""
        return self.secrets.read(self.settings.qb_secret_arn, REQUIRED_KEYS)

    def open_session(self, lease: Lease, in_realm: Sequence[str], dry_run: bool) -> QuickBooksSession:
        """Open the realm that some companies are posted to, while its lease is held."""
        secret = self.secret()
        for company in in_realm:
            realm_of(secret, company)
        return QuickBooksSession(
            lease,
            api_url=self.settings.qb_api_url,
            tokens=Tokens.of(lease, in_realm, self.tokens, self.settings.qb_discovery_url, self.runtime, self.deadline),
            key_values=self.key_values,
            mapping=self.mapping,
            host=self.runtime,
            dry_run=dry_run,
            deadline=self.deadline,
        )

    def mapping(self, company: str) -> CompanyMapping:
        """Return what could be read of a company's rules, with all that is wrong with the mapping as a file."""
        mapping = self.store.mapping()
        unknown = mapping.unknown_companies(companies(self.secret()), NO_REALM)
        return CompanyMapping(mapping.readable(company), (*mapping.errors, *unknown))

    def rebuild(self, company: str, books: QuickBooksBooks) -> Rebuilt:
        """Rebuild a company's entries from the bucket and the books."""
        rules = self.store.mapping().rules(company)
        work = Rebuild(
            company,
            books,
            self.store,
            self.table,
            self.runtime.clock,
            self.runtime.threads,
            self.deadline,
            rules.go_live,
            rules.receipts is Receipts.SKIP,
        )
        rebuilt = work.run()
        self.databases |= rebuilt.databases
        return rebuilt

    def _have_pulled(self, command: RebuildEntries, companies: Iterable[str], not_rebuilt: Collection[str]) -> None:
        """Have the extractor pull the companies again whose part of a lost table is rebuilt."""
        for database in sorted(self.databases):
            for company in sorted({command.company} if command.company else set(companies)):
                if company not in not_rebuilt:
                    self.key_values.begin_cursor(database, company)
        # All others as well, such as those that the secret does not name.
        if len(self.databases) == 1 and not (command.company or not_rebuilt) and self.key_values.database() is None:
            self.key_values.keep_database(*self.databases)
