"""The end of every run: report what is not reported yet, and raise an error without text from outside.

What is reported follows from the table and from the stored alert state, not from the run that noticed it:
`open_alerts.py` decides, this file acts. A message counts as sent, and its documents as reported, only when SNS has
taken it. If a run is killed at any point, or a message is refused, the next run reports instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.domain import open_alerts
from pipeline.domain.alert import Alert, Failure, Place, alerts_for, message_of
from pipeline.domain.clock import Clock
from pipeline.domain.codec import dumps, loads
from pipeline.domain.digest import alert_of
from pipeline.domain.entry import Entry
from pipeline.domain.errors import InvalidRequest, NeedsAttention, PipelineError
from pipeline.domain.exhausted import exhausted
from pipeline.domain.lease import Lease
from pipeline.domain.notices import Notice
from pipeline.domain.open_alerts import LOOK_EVERY, LOOK_SOON, AlertState, Message, Occasion, noticed
from pipeline.domain.values import dataclass, replace

logger = logging.getLogger(__name__)

STATE_KEY = "alerts#"
# No realm begins with it.
LEASE = "#alerts"
LEASE_S = 60.0
LEASE_TRIES = 5
FAILED_READ_MAX = 5_000
# How many entries one run marks and sends dead letters for; the next one goes on.
MARKED_MAX = 500
_UNEXPECTED = "The run ended at something unexpected ({kind}). Report it with the log of the run."
# SQS keeps a letter for fourteen days: a new one is sent before it is gone.
LETTER_LIVES = timedelta(days=13)


class ReportKeyValues(Protocol):
    """Where the alert state is stored."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""

    def take_lease(
        self, realm: str, holder: str, now: datetime, until: datetime, *, force: bool, companies: Sequence[str]
    ) -> Lease | None:
        """Take the lease of the alert state, or return None."""

    def release_lease(self, lease: Lease, now: datetime) -> None:
        """Release it."""


class ReportTable(Protocol):
    """The tracking table, as the report needs it."""

    def failed(self, limit: int) -> list[Entry]:
        """Return at most `limit` failed entries of all companies."""

    def entries(self, entry_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the existing ones of these entries, by id."""

    def mark_reported(self, entry: Entry, *, reported_at: datetime | None, letter_at: datetime | None) -> None:
        """Store that a failure was reported, unless the entry has changed since."""


class Alerts(Protocol):
    """All channels to people."""

    def deliver(self, alert: Alert) -> bool:
        """Send an alert and return whether SNS has taken it."""

    @property
    def undelivered(self) -> int:
        """How many deliveries failed so far, over any channel."""


class ReportLetters(Protocol):
    """Where failed documents wait."""

    def put(self, failure: Failure) -> bool:
        """Send a failed document there. Return False if that fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """What a report is made with. Without `key_values` (a trial) everything is reported and nothing is stored.

    `owns` says which failed documents wait in this function's dead letters. `holder` makes the name of a lease holder.
    """

    place: Place
    alerts: Alerts
    clock: Clock
    key_values: ReportKeyValues | None
    table: ReportTable | None = None
    letters: ReportLetters | None = None
    owns: Callable[[Entry], bool] = lambda _entry: True
    holder: Callable[[], str] = lambda: "report"


@dataclass(slots=True)
class Report:
    """Collects what one run has noticed. `undelivered` counts alerts and dead letters that were not taken.

    `checked` are the companies that the run has checked: nothing else is wrong with them ("" for what concerns all).
    `notices` is what people did in the books, reported once in a digest. `gone` are the entries about which nothing is
    left to report. `is_kept` says that the alert state has stored both.
    """

    failures: list[Failure] = field(default_factory=list)
    checked: set[str] = field(default_factory=set)
    undelivered: int = 0
    notices: list[Notice] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    is_kept: bool = False


@contextmanager
def reporting(reporter: Reporter) -> Iterator[Report]:
    """Report at the end of a run, whether it succeeds or raises."""
    report = Report()
    try:
        yield report
    except PipelineError as error:
        # Whoever sent something we do not understand gets an answer. Nobody is alarmed.
        is_news = isinstance(error, NeedsAttention) and not isinstance(error, InvalidRequest)
        if is_news and not any(not failure.title for failure in report.failures):
            report.failures.append(Failure.of("", error))
        _finish(reporter, report)
        # The error itself: a new one of its class would lose what it carries, or could not be made.
        error.__context__ = None
        raise error.with_traceback(None) from None
    except Exception as error:  # a fault of ours: what was noticed before it, and by earlier runs, is reported anyway
        logger.exception("unexpected fault")
        used_up = exhausted(error, reporter.place.service)
        ours = used_up or NeedsAttention(_UNEXPECTED.format(kind=type(error).__name__), code="unexpected")
        report.failures.append(Failure.of("", ours))
        _finish(reporter, report)
        raise ours from None
    else:
        _finish(reporter, report)


def _finish(reporter: Reporter, report: Report) -> None:
    """Report what is due. Never raises a PipelineError: a report that fails must not hide how the run ended."""
    try:
        if reporter.key_values is None:
            _send_all(reporter, report.failures)
        else:
            _Reporting(reporter, report, reporter.key_values).report()
    except PipelineError as error:
        logger.warning("alert state not available", extra={"reason": str(error)})
        # Better reported twice than never.
        _send_all(reporter, report.failures)
    report.undelivered += reporter.alerts.undelivered


def _send_all(reporter: Reporter, failures: Iterable[Failure]) -> None:
    for alert in alerts_for(failures, reporter.place):
        reporter.alerts.deliver(alert)


class _Reporting:
    """One look at what must be reported."""

    def __init__(self, reporter: Reporter, report: Report, key_values: ReportKeyValues) -> None:
        self._with = reporter
        self._run = report
        self._key_values = key_values
        self._now = reporter.clock.now()
        self._troubles = [failure for failure in report.failures if not failure.title]
        self._documents = [failure for failure in report.failures if failure.title]
        self._state = AlertState()
        self._failed: list[Entry] = []
        self._reported: set[str] = set()
        self._is_complete = True

    def report(self) -> None:
        """Do nothing when nothing is due. That is almost every run, and costs one read."""
        if self._with.table is None:
            # Nothing stores these documents, so they are reported by the run that noticed them.
            _send_all(self._with, self._documents)
        self._state = self._stored()
        if not self._is_needed():
            self._run.is_kept = True
            return
        lease = self._take_lease()
        if lease is None:
            # Another run is reporting; what it does not see is reported by the next one that looks.
            return
        try:
            self._state = self._stored()
            self._look()
            self._run.is_kept = True
        finally:
            with suppress(PipelineError):
                self._key_values.release_lease(lease, self._with.clock.now())

    def _stored(self) -> AlertState:
        kept = self._key_values.value(STATE_KEY)
        try:
            state = loads(AlertState, kept) if kept else AlertState()
        except ValueError:
            state = AlertState()  # stored by another version of this code: reported once more
        place = self._with.place
        return replace(
            state,
            odoo_url=place.odoo_url or state.odoo_url,
            quickbooks_url=place.quickbooks_url or state.quickbooks_url,
        )

    def _is_needed(self) -> bool:
        state, table = self._state, self._with.table
        is_look_due = state.is_look_due(self._with.place.service, self._now)
        if table is not None and (is_look_due or self._documents):
            return True
        seen = self._observed(None)
        return seen != state or bool(open_alerts.due(seen, self._now))

    def _observed(self, failed: Sequence[Entry] | None) -> AlertState:
        service, checked = self._with.place.service, self._run.checked
        seen = open_alerts.observed(self._state, failed, self._troubles, service, checked, self._now)
        return noticed(seen, self._run.notices, self._run.gone)

    def _take_lease(self) -> Lease | None:
        clock, holder = self._with.clock, self._with.holder()
        for tried in range(LEASE_TRIES):
            now = clock.now()
            until = now + timedelta(seconds=LEASE_S)
            lease = self._key_values.take_lease(LEASE, holder, now, until, force=True, companies=())
            if lease is not None:
                return lease
            if tried < LEASE_TRIES - 1:
                clock.sleep(1.0)
        return None

    def _look(self) -> None:
        if self._with.table is not None:
            self._failed = self._read_failed(self._with.table)
        self._state = self._observed(self._failed if self._with.table is not None else None)
        # Store a known cause first if it is not reported yet: no table shows it.
        self._keep(LOOK_SOON)
        is_refused = False
        for message in open_alerts.due(self._state, self._now):
            if self._send(message):
                self._keep(LOOK_SOON)
            else:
                is_refused = True
        self._mark()
        self._state = open_alerts.forgotten(self._state, self._now)
        self._keep(LOOK_SOON if is_refused or not self._is_complete else LOOK_EVERY)

    def _read_failed(self, table: ReportTable) -> list[Entry]:
        """Return the failed entries, also those of this run that the index does not show yet."""
        failed = {entry.entry_id: entry for entry in table.failed(FAILED_READ_MAX)}
        unseen = [
            failure.entry_id for failure in self._documents if failure.entry_id and failure.entry_id not in failed
        ]
        failed |= {key: entry for key, entry in table.entries(unseen).items() if entry.is_failed} if unseen else {}
        return sorted(failed.values(), key=lambda entry: (entry.company, entry.created_at, entry.entry_id))

    def _send(self, message: Message) -> bool:
        own = [entry for entry in self._failed if entry.company == message.company]
        place = replace(self._with.place, odoo_url=self._state.odoo_url, quickbooks_url=self._state.quickbooks_url)
        if not self._with.alerts.deliver(alert_of(message, own, place, self._now)):
            return False
        counts: dict[str, int] = {}
        for entry in own:
            counts[entry.error_code] = counts.get(entry.error_code, 0) + 1
        codes = {alert.code for alert in message.alerts if alert.is_of_documents}
        if message.occasion is not Occasion.ENDS:
            self._reported |= {entry.entry_id for entry in own if entry.error_code in codes and not entry.reported_at}
        self._state = open_alerts.after(self._state, message, counts, self._now)
        return True

    def _keep(self, look_in: timedelta) -> None:
        self._state = self._state.looked(self._with.place.service, self._now + look_in)
        self._key_values.keep(STATE_KEY, dumps(self._state))

    def _mark(self) -> None:
        """Send a dead letter for each failed document of this function, once, and store what was reported."""
        table = self._with.table
        marked = 0
        for entry in self._failed:
            is_reported = not entry.reported_at and (
                entry.entry_id in self._reported or open_alerts.is_covered(self._state, entry)
            )
            needs_letter = self._with.letters is not None and self._with.owns(entry) and self._has_no_letter(entry)
            if table is None or not (is_reported or needs_letter):
                continue
            if marked == MARKED_MAX:
                self._is_complete = False
                return
            marked += 1
            has_letter = needs_letter and self._put_letter(entry)
            table.mark_reported(
                entry,
                reported_at=self._now if is_reported else entry.reported_at,
                letter_at=self._now if has_letter else entry.letter_at,
            )

    def _has_no_letter(self, entry: Entry) -> bool:
        return entry.letter_at is None or self._now - entry.letter_at > LETTER_LIVES

    def _put_letter(self, entry: Entry) -> bool:
        remedy = "When it is fixed in Odoo, the next run pulls it again by itself." if entry.is_unreadable else ""
        failure = Failure(
            entry.company, entry.error_code, entry.title, message_of(entry), remedy, entry_id=entry.entry_id
        )
        is_put = self._with.letters is not None and self._with.letters.put(failure)
        self._is_complete &= is_put
        self._run.undelivered += not is_put
        return is_put
