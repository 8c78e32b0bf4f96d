from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from local.stand_ins.memory import MemoryTable
from pipeline.domain.alert import Failure, Place
from pipeline.domain.entry import Status
from pipeline.domain.errors import (
    InvalidDocument,
    InvalidRequest,
    Misconfigured,
    NeedsAttention,
    PipelineError,
    Unavailable,
)
from pipeline.domain.exhausted import Exhausted
from pipeline.domain.open_alerts import DIGEST_EVERY, END_AFTER, LOOK_EVERY, LOOK_SOON
from pipeline.qbo.faults import Fault, Refused
from pipeline.use_cases import report as module
from pipeline.use_cases.answering import answering
from pipeline.use_cases.remembered import Remembered
from pipeline.use_cases.report import Reporter, reporting
from tests.books_world import COMPANY, NOW, Clock, a_document, an_entry

GONE = Failure(COMPANY, "connection_gone", "", "The connection is gone.")
MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """The function is stopped."""


class Alerts:
    def __init__(self):
        self.sent = []
        self.refuses = False
        self.kills = False
        self.undelivered = 0

    def deliver(self, alert):
        if self.kills:
            raise Killed
        if self.refuses:
            self.undelivered += 1
            return False
        self.sent.append(alert)
        return True

    @property
    def subjects(self):
        return [alert.subject for alert in self.sent]


class Letters:
    def __init__(self):
        self.sent = []
        self.refuses = False

    def put(self, failure):
        if not self.refuses:
            self.sent.append(failure.entry_id)
        return not self.refuses


class Table(MemoryTable):
    """A table that counts what is asked of it; the index does not show the entries in `behind`."""

    def __init__(self):
        super().__init__()
        self.looks = 0
        self.behind = set()

    def failed(self, limit):
        self.looks += 1
        return [entry for entry in super().failed(limit) if entry.entry_id not in self.behind]


class BrokenKeyValues(Remembered):
    """A table that does not answer."""

    def value(self, key):
        raise Unavailable("The table did not answer.")


class World:
    def __init__(self):
        self.clock, self.alerts, self.letters = Clock(), Alerts(), Letters()
        self.table, self.key_values = Table(), Remembered()

    def fail(self, number=1, *, message="account 400100 has no counterpart.", **changes):
        entry = an_entry(
            a_document(odoo_id=number, number=f"INV/{number}"), status=Status.FAILED, error_code="account_unmapped",
            updated_at=self.clock.now(),
        )  # fmt: skip
        entry = replace(entry, **changes)
        return self.table.put(replace(entry, error_message=f"{entry.title}: {message}"))

    def run(self, *failures, error=None, checked=(), waits=timedelta(0), service="qb-poster"):
        self.clock.sleep(waits.total_seconds())
        reporter = Reporter(
            place=Place(service, "prod"), alerts=self.alerts, clock=self.clock, key_values=self.key_values,
            table=self.table, letters=self.letters, owns=lambda entry: entry.is_unreadable is (service != "qb-poster"),
        )  # fmt: skip
        with reporting(reporter) as report:
            report.failures += failures
            report.checked.update(checked)
            if error:
                raise error
        return report

    def entry(self, number=1):
        return self.table.stored[f"odoo-account.move-{number}"]


@pytest.fixture
def world():
    return World()


def of(entry):
    return Failure(entry.company, entry.error_code, entry.title, "text", entry_id=entry.entry_id)


# -- documents -------------------------------------------------------------------------------------------------------


def test_what_a_run_fails_is_reported_at_once_and_counts_as_reported(world):
    world.run(of(world.fail()))

    assert len(world.alerts.sent) == 1
    assert world.entry().reported_at == world.clock.now()
    assert world.letters.sent == [world.entry().entry_id]


def test_what_a_killed_run_has_failed_is_reported_by_the_next_one_that_looks(world):
    world.run()
    world.fail()
    world.clock.sleep(LOOK_EVERY.total_seconds())

    world.run()

    assert world.entry().reported_at is not None
    assert len(world.alerts.sent) == len(world.letters.sent) == 1


@pytest.mark.parametrize("numbers", [1, 30])
def test_a_kill_while_reporting_loses_nothing(world, numbers):
    entries = [world.fail(number) for number in range(1, numbers + 1)]
    world.alerts.kills = True
    with pytest.raises(Killed):
        world.run(*map(of, entries))
    world.alerts.kills = False

    world.run(waits=LOOK_EVERY)

    assert len(world.alerts.sent) == 1
    assert all(world.entry(number).reported_at for number in range(1, numbers + 1))


def test_a_kill_after_sending_reports_the_same_cause_no_second_time(world):
    entry = world.fail()
    world.table.mark_reported = lambda *_, **__: (_ for _ in ()).throw(Killed)
    with pytest.raises(Killed):
        world.run(of(entry))
    del world.table.mark_reported

    world.run(waits=LOOK_EVERY)

    assert len(world.alerts.sent) == 1
    assert world.entry().reported_at is not None


def test_what_sns_refuses_is_not_reported_and_is_sent_a_minute_later(world):
    entry = world.fail()
    world.alerts.refuses = True
    report = world.run(of(entry))
    refused = world.entry()
    world.alerts.refuses = False

    world.run(waits=LOOK_SOON)

    assert (refused.reported_at, report.undelivered) == (None, 1)
    assert len(world.alerts.sent) == 1
    assert world.entry().reported_at is not None


def test_what_the_index_does_not_show_yet_is_reported_by_the_run_that_failed_it(world):
    entry = world.fail()
    world.table.behind.add(entry.entry_id)

    world.run(of(entry))

    assert world.entry().reported_at is not None


def test_an_idle_run_reads_no_entries(world):
    world.run()
    before = world.table.looks

    for _ in range(14):
        world.run(waits=MINUTE)

    assert world.table.looks == before


def test_a_document_has_one_letter_however_often_it_fails(world):
    entry = world.fail()
    world.run(of(entry))
    for _ in range(3):
        again = replace(world.entry(), updated_at=world.clock.now(), reported_at=None)
        world.table.put(again)
        world.run(of(again), waits=MINUTE)

    assert world.letters.sent == [entry.entry_id]


def test_each_function_sends_the_letters_that_it_can_redrive_whoever_reports(world):
    world.run(service="odoo-extractor")
    world.run()
    unreadable = world.fail(1, content_hash="")
    refused = world.fail(2)
    world.run(waits=LOOK_EVERY)
    by_poster = list(world.letters.sent)

    world.run(service="odoo-extractor")

    assert by_poster == [refused.entry_id]
    assert world.letters.sent == [refused.entry_id, unreadable.entry_id]


def test_a_letter_that_sqs_has_dropped_after_its_time_is_sent_again(world):
    world.run(of(world.fail()))

    world.run(waits=timedelta(days=13, minutes=1))

    assert len(world.letters.sent) == 2


def test_a_letter_that_is_refused_is_sent_at_the_next_look(world):
    world.letters.refuses = True
    world.run(of(world.fail()))
    world.letters.refuses = False

    world.run(waits=LOOK_SOON)

    assert len(world.letters.sent) == 1


def test_a_document_that_changed_meanwhile_is_not_marked(world):
    entry = world.fail()
    deliver = world.alerts.deliver

    def meanwhile(alert):
        world.table.put(replace(world.entry(), status=Status.PENDING))
        return deliver(alert)

    world.alerts.deliver = meanwhile

    world.run(of(entry))

    assert world.entry().reported_at is None


def test_thousands_are_reported_in_one_message_and_marked_over_several_runs(world, monkeypatch):
    monkeypatch.setattr(module, "MARKED_MAX", 100)
    for number in range(1, 251):
        world.fail(number)

    for _ in range(3):
        world.run(waits=LOOK_SOON)

    assert len(world.alerts.sent) == 1
    assert all(entry.reported_at for entry in world.table.stored.values())


def test_a_cause_is_reported_when_it_begins_daily_and_when_it_ends(world):
    world.run(of(world.fail()))
    for _ in range(3):
        world.run(waits=DIGEST_EVERY)
    world.table.stored.clear()
    for _ in range(3):
        world.run(waits=END_AFTER)

    assert [subject.partition(": ")[2].split(":")[0] for subject in world.alerts.subjects] == [
        "1 document for a person",
        *[f"1 document, the oldest cause since {NOW:%Y-%m-%d}"] * 3,
        "ended",
    ]


# -- trouble of a company --------------------------------------------------------------------------------------------


def test_a_companys_trouble_is_reported_once_and_reported_when_it_has_ended(world):
    for _ in range(3):
        world.run(GONE, waits=MINUTE)
    world.run(checked=[COMPANY], waits=MINUTE)
    world.run(checked=[COMPANY], waits=END_AFTER)

    assert world.alerts.subjects == [
        "[prod] companyA: nothing moves until a person acts: the QuickBooks connection is gone",
        "[prod] companyA: ended: the QuickBooks connection is gone",
    ]


def test_a_lost_connection_that_sns_refused_is_reported_by_a_run_that_does_not_notice_it(world):
    world.alerts.refuses = True
    world.run(GONE)
    world.alerts.refuses = False

    world.run(waits=LOOK_SOON)

    assert len(world.alerts.sent) == 1


def test_a_lost_connection_that_a_killed_run_noticed_is_reported_by_the_next(world):
    world.alerts.kills = True
    with pytest.raises(Killed):
        world.run(GONE)
    world.alerts.kills = False

    world.run(waits=LOOK_SOON)

    assert len(world.alerts.sent) == 1


def test_a_setting_that_is_wrong_is_reported_once_and_raised_every_time(world):
    for _ in range(3):
        with pytest.raises(Misconfigured, match="secret"):
            world.run(error=Misconfigured("The secret is not a JSON object."))

    assert world.alerts.subjects == [
        "[prod] All companies: nothing moves until a person acts: a setting or a secret is wrong"
    ]


def test_an_outage_is_raised_and_nobody_is_woken(world):
    with pytest.raises(Unavailable):
        world.run(error=Unavailable("no answer"))

    assert world.alerts.sent == []


def test_failures_are_reported_even_when_the_run_ends_in_an_error(world):
    with pytest.raises(Unavailable):
        world.run(of(world.fail()), error=Unavailable("no answer"))

    assert len(world.alerts.sent) == 1


def test_a_run_that_ends_at_something_unexpected_reports_what_it_and_earlier_runs_have_failed(world):
    world.run()
    world.fail(1)
    world.clock.sleep(LOOK_EVERY.total_seconds())

    with pytest.raises(NeedsAttention, match="something unexpected \\(KeyError\\)") as raised:
        world.run(of(world.fail(2)), error=KeyError("a name from outside"))

    assert raised.value.code == "unexpected"
    assert "a name from outside" not in str(raised.value)
    assert world.entry(1).reported_at is not None
    assert world.entry(2).reported_at is not None
    assert "[prod] All companies: nothing moves until a person acts: the pipeline met something unexpected" in (
        world.alerts.subjects
    )


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_a_run_that_has_used_up_its_memory_is_tried_again_and_says_what_to_raise(world, error):
    with pytest.raises(Exhausted, match="raise memory_mb of qb-poster in Terraform"):
        world.run(error=error)

    (alert,) = world.alerts.sent
    assert "raise memory_mb of qb-poster in Terraform" in alert.text


def test_an_invocation_that_is_not_understood_is_answered_and_alarms_nobody(world):
    with answering() as answer:
        world.run(error=InvalidRequest("no company 'x'"))

    assert answer.value == {"error": "no company 'x'", "code": "invalid_request"}
    assert world.alerts.sent == []


# -- when the table does not answer, and two at once -----------------------------------------------------------------


@pytest.mark.parametrize("error", [None, Misconfigured("The table does not exist."), Unavailable("no answer")])
def test_a_table_that_does_not_answer_hides_neither_the_alert_nor_the_error(world, error):
    world.key_values = BrokenKeyValues()

    if error:
        with pytest.raises(type(error), match=str(error)):
            world.run(GONE, error=error)
    else:
        world.run(GONE)

    assert any("connection is gone" in subject for subject in world.alerts.subjects)


def test_a_run_that_finds_another_reporting_leaves_it_to_that_one_and_to_the_next(world):
    entry = world.fail()
    world.key_values.take_lease = lambda *_, **__: None
    world.run(of(entry))
    during = list(world.alerts.sent)
    del world.key_values.take_lease

    world.run(waits=LOOK_EVERY)

    assert during == []
    assert len(world.alerts.sent) == 1


def test_a_state_of_another_version_is_reported_once_more_and_stops_nothing(world):
    world.key_values.keep(module.STATE_KEY, '{"unknown": 1}')

    world.run(of(world.fail()))

    assert len(world.alerts.sent) == 1


def test_a_trial_stores_nothing_and_reports_what_it_finds(world):
    world.key_values = None

    world.run(of(world.fail()), GONE)

    assert len(world.alerts.sent) == 2
    assert world.entry().reported_at is None
    assert world.letters.sent == []


def test_nothing_of_a_foreign_error_leaves_the_function(world):
    def fails():
        try:
            raise ValueError("https://token@example")
        except ValueError as foreign:
            raise InvalidDocument("it is broken", code="broken") from foreign

    reporter = Reporter(place=Place("x", "prod"), alerts=Alerts(), clock=Clock(), key_values=None)
    with pytest.raises(PipelineError) as raised, reporting(reporter):
        fails()

    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert raised.value.__suppress_context__
    assert raised.value.code == "broken"


def test_an_error_leaves_with_what_it_carries(world):
    refused = Refused("Turn it on there. (QuickBooks 5020)", Fault("5020", "Feature Not Supported", "classes"))

    with pytest.raises(Refused) as raised:
        world.run(error=refused)

    assert raised.value.fault.code == "5020"
    assert raised.value.code == "quickbooks_5020"
    assert len(world.alerts.sent) == 1
