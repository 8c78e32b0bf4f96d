"""The extractor: pulls new and changed documents out of Odoo, on schedule or when asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
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
from pipeline.domain.document import database_of
from pipeline.domain.errors import AwaitsFirstValue, PipelineError, emptied
from pipeline.domain.history import Origin
from pipeline.domain.identity import known_as
from pipeline.domain.mapping import Receipts
from pipeline.domain.source import Selection
from pipeline.domain.values import dataclass
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource
from pipeline.runtime import Runtime, system
from pipeline.settings import ExtractorSettings
from pipeline.use_cases.extract.contacts import answer_contacts
from pipeline.use_cases.extract.counts import Counts
from pipeline.use_cases.extract.going_on import goes_on, goes_on_until, limited
from pipeline.use_cases.extract.mapping_change import check_mapping_change
from pipeline.use_cases.extract.mapping_keys import check_mapping, check_mapping_keys
from pipeline.use_cases.extract.not_carried import count_not_carried
from pipeline.use_cases.extract.pull import Extraction, chosen, run
from pipeline.use_cases.history import History, keeping
from pipeline.use_cases.reconcile.deletions import compare
from pipeline.use_cases.recover.redrive import Taking, odoo_ids, settle
from pipeline.use_cases.report import Report, Reporter, answering, reporting

cold_start.over()

SERVICE = "odoo-extractor"
SECRET_KEYS = ("database", "username", "password")


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
    key_values = KeyValueTable(runtime.client("dynamodb"), settings.table, runtime.clock)
    until = goes_on_until(command, runtime.clock.now())
    deadline = limited(Deadline(context.get_remaining_time_in_millis), until, runtime.clock.now)
    store = DocumentStore(runtime.client("s3"), settings.bucket)
    history = History(key_values, runtime.clock, runtime.threads, origin)
    table = TrackingTable(runtime.client("dynamodb"), settings.table, history.wrote)
    letters = DeadLetters(lambda: runtime.client("sqs"), f"{SERVICE}-dlq-{settings.environment}")
    # A trial writes nothing, not even what it has already reported, so it reports everything it finds.
    kept = None if command.is_trial else key_values
    reporter = Reporter(
        place=Place(SERVICE, settings.environment, settings.region, settings.odoo_api_url),
        alerts=Alerts.of(settings, runtime.client, runtime.clock),
        clock=runtime.clock,
        key_values=kept,
        table=table,
        letters=letters,
        # The rest is redriven by the poster.
        owns=lambda entry: entry.is_unreadable,
        holder=lambda: f"{runtime.random.getrandbits(128):032x}",
    )
    counts, waiting = Counts(), {}
    with reporting(reporter) as report, keeping(history):
        try:
            secret = Secrets(runtime.client("secretsmanager")).read(settings.odoo_secret_arn, SECRET_KEYS)
        except AwaitsFirstValue as error:
            if key_values.database() is not None:
                raise emptied(error) from None
            report.failures.append(Failure.of("", error))
            waiting = {"waiting": str(error)}
        else:
            counts = _pulled(
                command, settings, secret, report, Wired(runtime, key_values, kept, table, store, letters, deadline)
            )
    if until and goes_on(until, deadline, runtime.clock.now(), remaining=counts.remaining):
        OwnFunction(lambda: runtime.client("lambda"), settings.function_name).start(go_on_until(until))
    completed = {"RunsCompleted": 1} if isinstance(command, Pull) and command.is_scheduled else {}
    put_metrics(
        SERVICE,
        settings.environment,
        {"DocumentsFound": counts.new + counts.changed, "DocumentsFailed": counts.failed, "Pdfs": counts.pdfs,
         "AlertsUndelivered": report.undelivered, "HistoryLost": history.lost, **completed},
    )  # fmt: skip
    return counts.as_dict() | waiting


@dataclass(frozen=True, slots=True)
class Wired:
    """What an invocation works with; `kept` is None in a trial, which stores nothing."""

    runtime: Runtime
    key_values: KeyValueTable
    kept: KeyValueTable | None
    table: TrackingTable
    store: DocumentStore
    letters: DeadLetters
    deadline: Deadline


def _pulled(
    command: ExtractorCommand, settings: ExtractorSettings, secret: Mapping[str, Any], report: Report, wired: Wired
) -> Counts:
    table, store, key_values, letters, runtime = (
        wired.table,
        wired.store,
        wired.key_values,
        wired.letters,
        wired.runtime,
    )
    mapping = store.mapping()
    source = _source(settings, secret, wired.kept, wired.deadline, runtime)
    database = key_values.database()
    try:
        # Read before the database's name is checked: Odoo itself reports a mistyped one.
        companies = source.companies()
        source.database = known_as(
            source.database,
            database or database_of(table.any_entry_id()),
            renamed_from=secret.get("renamed_from", ""),
            replaces=secret.get("replaces", ""),
        )
    except PipelineError:
        mapping.check()  # what is known without Odoo
        raise
    check_mapping(source, companies, mapping)
    wanted = chosen(companies, command.company)
    report.failures += check_mapping_keys(source, wanted, mapping)
    report.failures += source.ending_key(runtime.clock.now())
    taking = Taking(letters, wired.deadline)
    taken = list(taking) if isinstance(command, RedrivePulls) else []
    ids = odoo_ids(taken)
    if not command.is_trial:
        report.failures += check_mapping_change(mapping, key_values, runtime.clock.now())
        if source.database != database:
            key_values.keep_database(source.database)
        answer_contacts(source, key_values, runtime.clock.now())
    extraction = Extraction(
        source=source,
        table=table,
        cursors=key_values,
        store=store,
        deadline=wired.deadline,
        now=runtime.clock.now(),
        dry_run=command.is_trial,
        go_live=lambda name: mapping.rules(name).go_live,
        skips_receipts=lambda name: mapping.rules(name).receipts is Receipts.SKIP,
        failures=report.failures,
        checked=report.checked,
        wait=runtime.clock.sleep
        if isinstance(command, Pull) and (command.go_on_for_s or command.go_on_until)
        else None,
    )
    # What concerns all companies was looked at above.
    report.checked.add("")
    selection = command.selection if isinstance(command, PullSelected) else Selection(ids=ids) if ids else None
    run(
        extraction,
        wanted,
        selection,
        afterwards=lambda company: compare(extraction, source, table, key_values, company),
    )
    settled = settle(letters, table, taken, wired.deadline)
    extraction.counts.remaining |= taking.remaining or settled < len(taken)
    extraction.counts.not_carried = count_not_carried(source, wanted, extraction.go_live, wired.deadline)
    return extraction.counts


def _source(
    settings: ExtractorSettings,
    secret: Mapping[str, Any],
    key_values: KeyValueTable | None,
    deadline: Deadline,
    runtime: Runtime,
) -> OdooSource:
    odoo = Odoo(
        settings.odoo_api_url,
        database=secret["database"],
        username=secret["username"],
        secret=secret["password"],
        clock=runtime.clock,
        key_values=key_values,
        deadline=deadline,
    )
    return OdooSource(odoo, renders_pdfs=settings.renders_pdfs)
