"""The extractor: pulls new and changed documents out of Odoo, on schedule or when asked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import cold_start  # before anything else of ours
from pipeline.aws.alerts import Alerts
from pipeline.aws.dead_letters import DeadLetters
from pipeline.aws.document_store import DocumentStore
from pipeline.aws.events import extractor_command, go_on_until, origin_of
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.own_function import OwnFunction
from pipeline.aws.secrets import Secrets
from pipeline.aws.telemetry import log_as_json, put_metrics
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.alert import Failure, Place
from pipeline.domain.commands import ExtractorCommand, Pull, PullSelected, RedrivePulls
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.errors import AwaitsFirstValue, PipelineError, emptied
from pipeline.domain.history import Origin
from pipeline.domain.identity import database_of, known_as
from pipeline.domain.mapping import Receipts
from pipeline.domain.mapping_file import MappingFile
from pipeline.domain.source import Selection
from pipeline.odoo.secret import SECRET_KEYS, odoo_of
from pipeline.odoo.source import OdooSource
from pipeline.runtime import Runtime, system
from pipeline.settings import ExtractorSettings
from pipeline.use_cases.answering import answering
from pipeline.use_cases.extract.contacts import answer_contacts
from pipeline.use_cases.extract.counts import Counts
from pipeline.use_cases.extract.going_on import goes_on, goes_on_until, limited
from pipeline.use_cases.extract.lost_table import lost_companies
from pipeline.use_cases.extract.mapping_change import check_mapping_change
from pipeline.use_cases.extract.mapping_keys import check_mapping, check_mapping_keys
from pipeline.use_cases.extract.not_carried import count_not_carried
from pipeline.use_cases.extract.pull import Extraction
from pipeline.use_cases.extract.run import chosen, run
from pipeline.use_cases.history import History, keeping
from pipeline.use_cases.reconcile.deletions import compare
from pipeline.use_cases.recover.redrive import Taking, asked_for, odoo_ids, settle
from pipeline.use_cases.report import Report, Reporter, reporting

cold_start.over()

SERVICE = "odoo-extractor"


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Handle an invocation by AWS Lambda."""
    return handle(event, context, system())


def handle(event: Any, context: Any, runtime: Runtime) -> dict[str, Any]:
    """Pull and return the counts. If a company cannot be read, raise after all companies were tried.

    An invocation that is not understood is answered with what is wrong with it; it alarms nobody.
    """
    log_as_json(SERVICE)
    with answering() as answer:
        answer.value = _handled(extractor_command(event), origin_of(SERVICE, event, context), context, runtime)
    return answer.value


def _handled(command: ExtractorCommand, origin: Origin, context: Any, runtime: Runtime) -> dict[str, Any]:
    settings = ExtractorSettings.from_env(os.environ)
    until = goes_on_until(command, runtime.clock.now())
    deadline = limited(Deadline(context.get_remaining_time_in_millis), until, runtime.clock.now)
    extractor = Extractor(settings, deadline, runtime, origin, is_trial=command.is_trial)
    counts, waiting = Counts(), {}
    with reporting(extractor.reporter()) as report, keeping(extractor.history):
        try:
            secret = extractor.secret()
        except AwaitsFirstValue as error:
            if extractor.key_values.database() is not None:
                raise emptied(error) from None
            report.failures.append(Failure.of("", error))
            waiting = {"waiting": str(error)}
        else:
            counts = extractor.run(command, secret, report)
    if until and goes_on(until, deadline, runtime.clock.now(), remaining=counts.remaining):
        OwnFunction(lambda: runtime.client("lambda"), settings.function_name).start(go_on_until(until))
    # Whether the schedule still brings runs that come to their end.
    completed = {"RunsCompleted": 1} if isinstance(command, Pull) and command.is_scheduled else {}
    put_metrics(
        SERVICE,
        settings.environment,
        counts.metrics() | {"AlertsUndelivered": report.undelivered, "HistoryLost": extractor.history.lost} | completed,
    )
    return counts.as_dict() | waiting


class Extractor:
    """The wired collaborators of one invocation. A trial stores nothing."""

    def __init__(
        self, settings: ExtractorSettings, deadline: Deadline, runtime: Runtime, origin: Origin, *, is_trial: bool
    ) -> None:
        self.settings = settings
        self.deadline = deadline
        self.runtime = runtime
        self.key_values = KeyValueTable(runtime.client("dynamodb"), settings.table, runtime.clock)
        # Where a run keeps what later runs ask for: a trial keeps nothing, not even what it has already reported, so it
        # reports everything it finds.
        self.kept = None if is_trial else self.key_values
        self.history = History(self.key_values, runtime.clock, runtime.threads, origin)
        self.table = TrackingTable(runtime.client("dynamodb"), settings.table, self.history.wrote)
        self.store = DocumentStore(runtime.client("s3"), settings.bucket)
        self.letters = DeadLetters(lambda: runtime.client("sqs"), f"{SERVICE}-dlq-{settings.environment}")

    def reporter(self) -> Reporter:
        """Return what the report is made with."""
        settings = self.settings
        return Reporter(
            place=Place(SERVICE, settings.environment, settings.region, settings.odoo_api_url),
            alerts=Alerts.of(settings, self.runtime.client, self.runtime.clock),
            clock=self.runtime.clock,
            key_values=self.kept,
            table=self.table,
            letters=self.letters,
            # The rest is redriven by the poster.
            owns=lambda entry: entry.is_unreadable,
            holder=self.runtime.new_name,
        )

    def secret(self) -> Mapping[str, Any]:
        """Return the Odoo secret as it is now. Raises AwaitsFirstValue until it is filled."""
        return Secrets(self.runtime.client("secretsmanager")).read(self.settings.odoo_secret_arn, SECRET_KEYS)

    def run(self, command: ExtractorCommand, secret: Mapping[str, Any], report: Report) -> Counts:
        """Execute the command and return the counts. What fails goes into the report.

        Raises the first PipelineError after all companies were tried.
        """
        now = self.runtime.clock.now()
        mapping = self.store.mapping()
        known = self.key_values.database()
        source, companies = self._source(secret, known, mapping)
        check_mapping(source, companies, mapping)
        wanted = chosen(companies, command.company)
        report.failures += check_mapping_keys(source, wanted, mapping)
        report.failures += source.ending_key(now)
        taking = Taking(self.letters, self.deadline)
        taken = list(asked_for(taking)) if isinstance(command, RedrivePulls) else []
        lost = lost_companies(self.key_values, self.store, source.database, companies) if known is None else ()
        if not command.is_trial:
            report.failures += check_mapping_change(mapping, self.key_values, now)
            if source.database != known and not lost:
                self.key_values.keep_database(source.database)
            answer_contacts(source, self.key_values, now)
        # What concerns all companies was looked at above.
        report.checked.add("")
        extraction = self._extraction(command, source, companies, mapping, report)
        extraction.lost = lost
        run(
            extraction,
            wanted,
            _selection(command, odoo_ids(taken)),
            afterwards=lambda company: compare(extraction, source, self.table, self.key_values, company),
        )
        settled = settle(self.letters, self.table, taken, self.deadline)
        extraction.counts.remaining |= taking.remaining or settled < len(taken)
        extraction.counts.not_carried = count_not_carried(source, wanted, extraction.go_live, self.deadline)
        return extraction.counts

    def _source(
        self, secret: Mapping[str, Any], known: str | None, mapping: MappingFile
    ) -> tuple[OdooSource, list[Company]]:
        """Return Odoo as the source of documents, under the name they are stored by, and its companies."""
        odoo = odoo_of(
            self.settings.odoo_api_url,
            secret,
            clock=self.runtime.clock,
            key_values=self.kept,
            deadline=self.deadline,
        )
        source = OdooSource(odoo, renders_pdfs=self.settings.renders_pdfs)
        try:
            # Read before the database's name is checked: Odoo itself reports a mistyped one.
            companies = source.companies()
            source.database = known_as(source.database, known or database_of(self.table.any_entry_id()), secret)
        except PipelineError:
            mapping.check()  # what is known without Odoo
            raise
        return source, companies

    def _extraction(
        self, command: ExtractorCommand, source: OdooSource, companies: Sequence[Company], mapping: MappingFile,
        report: Report,
    ) -> Extraction:  # fmt: skip
        waits = isinstance(command, Pull) and bool(command.go_on_for_s or command.go_on_until)
        return Extraction(
            source=source,
            table=self.table,
            cursors=self.key_values,
            store=self.store,
            deadline=self.deadline,
            now=self.runtime.clock.now(),
            companies=companies,
            dry_run=command.is_trial,
            go_live=lambda name: mapping.rules(name).go_live,
            skips_receipts=lambda name: mapping.rules(name).receipts is Receipts.SKIP,
            failures=report.failures,
            checked=report.checked,
            wait=self.runtime.clock.sleep if waits else None,
        )


def _selection(command: ExtractorCommand, redriven: tuple[int, ...]) -> Selection | None:
    """Return which documents are pulled: those that are named or redriven, or None for what is new."""
    if isinstance(command, PullSelected):
        return command.selection
    return Selection(ids=redriven) if redriven else None
