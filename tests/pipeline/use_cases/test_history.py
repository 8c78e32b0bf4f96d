"""The history: what a run writes is recorded, and whatever is done to the records shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from local.stand_ins.memory import MemoryKeyValues, MemoryTable
from pipeline.domain import lifecycle
from pipeline.domain.audit import Written, verified
from pipeline.domain.entry import Intent, Status, Step
from pipeline.domain.errors import Unavailable
from pipeline.domain.history import HEADS, LINKS, RECORDS, Origin, canonical, link_key, record_key
from pipeline.domain.life import life
from pipeline.runtime import SystemThreads
from pipeline.use_cases.history import HINTED_EVERY, TOGETHER_MAX, History, history_of, keeping
from tests.books_world import NOW, Clock, a_document, an_entry

ENTRY = an_entry(a_document())
FIRST, SECOND = record_key(ENTRY.entry_id, 1), record_key(ENTRY.entry_id, 2)


class Machine:
    """A table whose writes are recorded, run after run."""

    def __init__(self) -> None:
        self.values, self.table, self.clock = MemoryKeyValues(), MemoryTable(), Clock()
        self.runs = 0

    def run(self, values: MemoryKeyValues | None = None) -> History:
        """Begin a run."""
        self.runs += 1
        origin = Origin("qb-poster", f"run-{self.runs}", "schedule")
        history = History(values or self.values, self.clock, SystemThreads(), origin)
        self.table.wrote = history.wrote
        return history

    def at(self):
        """Return a later instant."""
        self.clock.sleep(1)
        return self.clock.now()

    def extract(self, entry=ENTRY):
        with keeping(self.run()):
            self.table.save_extracted(entry, previous=None)

    def post(self):
        """Post the entry in one run, in three writes."""
        with keeping(self.run()):
            entry = self.table.stored[ENTRY.entry_id]
            intent = Intent(Step.CREATE, "request-1", "payload-1")
            sent = lifecycle.intended(entry, intent, "123", settles_at=NOW, now=self.at())
            self.table.save(sent)
            booked = replace(sent, qb_id="129", qb_total=ENTRY.total, attached_sha256="e" * 64)
            self.table.save(replace(booked, updated_at=self.at()))
            self.table.save(lifecycle.posted(booked, "posted/1.pdf", self.at()))

    def findings(self, day: str = "") -> list[str]:
        """Return the sentences of a verification."""
        written = {
            name: Written(entry.created_at.isoformat(), entry.updated_at.isoformat(), bool(entry.qb_id))
            for name, entry in self.table.stored.items()
        }
        texts = {key: str(value) for key, value in self.values.values.items() if key.startswith((RECORDS, LINKS))}
        return [finding.sentence for finding in verified(texts, written, day=day).findings]

    def keys(self, beginning: str) -> list[str]:
        return sorted(key for key in self.values.values if key.startswith(beginning))


@pytest.fixture
def machine() -> Machine:
    done = Machine()
    done.extract()
    done.post()
    return done


def test_a_document_is_two_records_from_its_extraction_to_its_posting(machine):
    assert machine.keys(RECORDS) == [FIRST, SECOND]
    assert machine.keys(LINKS) == [link_key(NOW.date(), 1), link_key(NOW.date(), 2)]
    assert machine.keys(HEADS) == []
    assert machine.findings() == []


def test_a_record_says_when_which_run_who_asked_and_what_changed(machine):
    record = json.loads(machine.values.value(SECOND))

    assert (record["function"], record["run"], record["actor"]) == ("qb-poster", "run-2", "schedule")
    assert [step.get("status") for step in record["steps"]] == ["posting", None, "posted"]
    assert (record["steps"][0]["step"], record["steps"][0]["request_id"]) == ("create", "request-1")
    assert record["steps"][1]["qb_id"] == "129"
    assert record["steps"][0]["at"] < record["steps"][2]["at"]


def test_the_life_is_told_from_the_records(machine):
    lines = life(history_of(machine.values, ENTRY.entry_id, 10))

    assert "status pending" in lines[0]
    assert "request id request-1" in lines[1]
    assert "about to be sent: its creation" in lines[1]
    assert "in QuickBooks as Id 129" in lines[2]
    assert "status posted" in lines[3]


def test_amounts_of_a_life_have_their_cents():
    step = {"at": "2026-11-30T12:00:00+00:00", "total": "1516", "qb_total": "1516", "qb_open": "16.5"}
    record = json.dumps({"function": "qb-poster", "actor": "schedule", "run": "run-1", "steps": [step]})

    (line,) = life([record])

    assert line.endswith("total 1,516.00; QuickBooks' total 1,516.00; 16.50 is left to be paid.")


def changed(machine, key):
    record = json.loads(machine.values.values[key])
    machine.values.values[key] = canonical(record | {"actor": "person: Eve"})


TAMPERINGS = {
    "a record is changed": (lambda machine: changed(machine, FIRST), f"{FIRST} was changed"),
    "the last record is changed": (lambda machine: changed(machine, SECOND), f"{SECOND} was changed"),
    "a record is no JSON any more": (
        lambda machine: machine.values.values.update({FIRST: "{"}), f"{FIRST} is not the record of its key",
    ),
    "a record is removed": (lambda machine: machine.values.values.pop(FIRST), f"{FIRST} was removed"),
    "the last record is removed": (lambda machine: machine.values.values.pop(SECOND), f"{SECOND} was removed"),
    "a record is put in": (
        lambda machine: machine.values.values.update(
            {record_key(ENTRY.entry_id, 3): machine.values.values[SECOND].replace('"number":2', '"number":3')}
        ),
        "is listed by no link",
    ),
    "a link is changed": (lambda machine: changed(machine, link_key(NOW.date(), 1)), "does not follow the link before"),
    "a link is removed": (
        lambda machine: machine.values.values.pop(link_key(NOW.date(), 1)), "a later link of that day is there",
    ),
    "the last link is removed": (
        lambda machine: machine.values.values.pop(link_key(NOW.date(), 2)), f"{SECOND} is listed by no link",
    ),
    "a link is no JSON any more": (
        lambda machine: machine.values.values.update({link_key(NOW.date(), 2): "[]"}), "is no link",
    ),
    "an entry is written without a record": (
        lambda machine: machine.table.put(replace(machine.table.stored[ENTRY.entry_id], updated_at=machine.at())),
        "which is in no record",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_whatever_is_done_to_the_history_is_found(machine, name):
    act, sentence = TAMPERINGS[name]

    act(machine)

    assert any(sentence in found for found in machine.findings()), machine.findings()


def test_a_change_of_one_day_is_no_finding_of_another(machine):
    changed(machine, SECOND)

    assert machine.findings(day=NOW.date().isoformat())
    assert machine.findings(day="2020-01-01") == []


def test_what_was_removed_of_a_day_is_a_finding_of_that_day(machine):
    del machine.values.values[SECOND]

    assert any(f"{SECOND} was removed" in found for found in machine.findings(day=NOW.date().isoformat()))
    assert machine.findings(day="2020-01-01") == []


def test_two_records_that_changed_places_are_found(machine):
    values = machine.values.values
    values[FIRST], values[SECOND] = values[SECOND], values[FIRST]

    assert any("is not the record of its key" in found for found in machine.findings())


def work_of_the_next_day(machine):
    """Post another document on the day after, and return the keys of what was kept of it."""
    before = set(machine.keys("history"))
    machine.clock.sleep(24 * 3600)
    other = replace(ENTRY, entry_id="odoo-account.move-8", created_at=machine.at(), updated_at=machine.at())
    machine.extract(other)
    return set(machine.keys("history")) - before


def test_a_whole_day_that_was_removed_shows_by_the_day_after_it(machine):
    kept = work_of_the_next_day(machine)
    machine.values.values = {key: machine.values.values[key] for key in kept}

    found = machine.findings()

    assert any("does not follow the link before it" in sentence for sentence in found)


def test_the_last_day_that_was_removed_with_all_its_records_shows_by_the_entries_without_any(machine):
    """No link after it tells of it, and its documents have no other record."""
    for key in work_of_the_next_day(machine):
        del machine.values.values[key]

    (found,) = machine.findings()

    assert "odoo-account.move-8 was created at" in found
    assert "and has no record" in found


def test_an_entry_that_is_older_than_the_history_needs_no_record(machine):
    long_ago = NOW - timedelta(days=30)
    old = replace(ENTRY, entry_id="odoo-account.move-9", created_at=long_ago, updated_at=long_ago)
    machine.table.stored[old.entry_id] = old

    assert machine.findings() == []


class Broken(MemoryKeyValues):
    """Values that cannot be claimed where the key begins so."""

    def __init__(self, of: MemoryKeyValues, beginning: str) -> None:
        super().__init__()
        self.values, self._beginning = of.values, beginning

    def claim(self, key: str, value: str) -> str:
        if key.startswith(self._beginning):
            raise Unavailable("The table does not answer")
        return super().claim(key, value)


@pytest.mark.parametrize("beginning", [RECORDS, LINKS])
def test_a_history_that_cannot_be_kept_stops_nothing_is_counted_and_shows(machine, beginning):
    history = machine.run(Broken(machine.values, beginning))
    with keeping(history):
        entry = machine.table.stored[ENTRY.entry_id]
        machine.table.save(replace(entry, error_message="Left out: a file.", updated_at=machine.at()))

    assert history.lost == 1
    assert machine.table.stored[ENTRY.entry_id].error_message == "Left out: a file."
    assert machine.findings()


class Counting(MemoryKeyValues):
    """Values that count the calls by which they are claimed, and may do so without an answer, or refuse some keys."""

    def __init__(self, of: MemoryKeyValues) -> None:
        super().__init__()
        self.values = of.values
        self.together: list[int] = []
        self.alone: list[str] = []
        self.has_no_answer = False
        self.broken = ""

    def claim(self, key: str, value: str) -> str:
        self.alone.append(key)
        if self.broken and self.broken in key:
            raise Unavailable("The table does not answer")
        return super().claim(key, value)

    def claim_together(self, values):
        self.together.append(len(values))
        found = {key: super(Counting, self).claim(key, value) for key, value in values.items()}
        if self.has_no_answer:
            raise Unavailable("The table does not answer")
        return found


def noted(machine, values, count=30):
    """Let a run write so many entries and keep its history in some values; return the run's history."""
    history = machine.run(values)
    with keeping(history):
        for number in range(count):
            machine.table.save_extracted(replace(ENTRY, entry_id=f"odoo-account.move-{900 + number}"), previous=None)
    return history


def test_the_records_of_a_run_are_written_in_one_call(machine):
    values = Counting(machine.values)

    history = noted(machine, values)

    assert values.together == [30]
    assert [key for key in values.alone if not key.startswith(LINKS)] == []
    assert history.lost == 0
    assert machine.findings() == []


def test_records_that_were_written_without_an_answer_are_found_and_listed(machine):
    values = Counting(machine.values)
    values.has_no_answer = True

    history = noted(machine, values)

    assert history.lost == 0
    assert machine.findings() == []


def test_records_that_were_kept_before_the_table_was_gone_are_listed(machine):
    values = Counting(machine.values)
    values.has_no_answer, values.broken = True, "move-905#"

    history = noted(machine, values)

    assert history.lost == 25
    assert any("could not keep 25 records" in found for found in machine.findings())


class Overtaken(MemoryKeyValues):
    """Values that another run always writes first, where the key begins so."""

    def __init__(self, of: MemoryKeyValues, beginning: str) -> None:
        super().__init__()
        self.values, self._beginning = of.values, beginning

    def claim(self, key: str, value: str) -> str:
        return "another run's" if key.startswith(self._beginning) else super().claim(key, value)


@pytest.mark.parametrize("beginning", [RECORDS, LINKS])
def test_what_never_finds_a_free_key_is_counted_as_lost(machine, beginning):
    history = noted(machine, Overtaken(machine.values, beginning), count=1)

    assert history.lost == 1


def test_two_runs_that_end_at_once_write_one_after_the_other(machine):
    others = machine.run()
    others.wrote(replace(ENTRY, status=Status.FAILED), ("status",), {"status": "posted"})
    mine = machine.run()
    mine.wrote(replace(ENTRY, status=Status.PENDING), ("status",), {"status": "failed"})
    heads = mine._heads([ENTRY.entry_id])
    others.flush()
    mine._heads = lambda _ids: heads

    mine.flush()

    assert len(machine.keys(RECORDS)) == 4
    assert machine.findings() == []


def test_the_chain_goes_on_the_next_day_and_over_many_links(machine):
    machine.clock.sleep(timedelta(days=1).total_seconds())
    for number in range(2 * HINTED_EVERY + 3):
        with keeping(machine.run()):
            entry = machine.table.stored[ENTRY.entry_id]
            machine.table.save(replace(entry, error_message=f"note {number}", updated_at=machine.at()))

    assert len(history_of(machine.values, ENTRY.entry_id, 100)) == 2 * HINTED_EVERY + 5
    assert machine.findings() == []
    assert len(machine.keys(HEADS)) == 1
    machine.values.values.pop(link_key(NOW.date(), 2))
    assert any("does not follow the link before it" in found for found in machine.findings())


def test_what_is_settled_is_kept_before_the_run_ends():
    machine = Machine()
    history = machine.run()

    for number in range(TOGETHER_MAX + 1):
        entry = replace(ENTRY, entry_id=f"odoo-account.move-{number}", status=Status.SKIPPED)
        history.wrote(entry, ("status",), {})

    assert len(machine.keys(RECORDS)) == TOGETHER_MAX


def test_what_is_in_work_is_no_record_of_its_own():
    machine = Machine()
    history = machine.run()

    for number in range(TOGETHER_MAX + 1):
        entry = replace(ENTRY, entry_id=f"odoo-account.move-{number}", status=Status.PENDING, pdf_sha256="ab")
        history.wrote(replace(entry, killed_attempts=1), ("killed_attempts",), {})

    assert machine.keys(RECORDS) == []


def test_a_write_that_changes_nothing_told_makes_no_step(machine):
    with keeping(machine.run()):
        entry = machine.table.stored[ENTRY.entry_id]
        machine.table.save(replace(entry, attempts=1, updated_at=machine.at()))

    assert json.loads(machine.values.value(record_key(ENTRY.entry_id, 3)))["steps"] == []
    assert machine.findings() == []


# -- a history that is gone --------------------------------------------------------------------------------------------


def wipe(machine, *days) -> None:
    """Remove the links of some days, or of all, and the records that they list."""
    for key in machine.keys(LINKS):
        link = json.loads(machine.values.values[key])
        if not days or link["day"] in days:
            del machine.values.values[key]
            for record in link["records"]:
                del machine.values.values[record]


def test_posted_entries_without_any_history_are_a_finding_of_every_day(machine):
    wipe(machine)

    for day in ("", str(NOW.date()), "2001-01-01"):
        (sentence,) = machine.findings(day)
        assert sentence.startswith("1 entry is posted, the last one written at ")
        assert "there is no history at all: it was removed" in sentence


def test_entries_that_were_never_posted_need_no_history():
    before = Machine()
    before.table.save_extracted(ENTRY, previous=None)

    assert before.findings() == []


@pytest.mark.parametrize("days", [1, 8, 60])
def test_the_first_days_of_a_history_cannot_be_removed_unseen_however_quiet_it_was_after_them(machine, days):
    first = str(NOW.date())
    machine.clock.sleep(timedelta(days=days).total_seconds())
    other = replace(ENTRY, entry_id="odoo-account.move-18", created_at=machine.clock.now())
    machine.extract(replace(other, updated_at=machine.clock.now()))
    assert machine.findings() == []

    wipe(machine, first)

    (key,) = machine.keys(LINKS)
    assert any(sentence.startswith(f"{key} does not follow the link before it") for sentence in machine.findings())


def test_a_chain_that_an_earlier_release_began_again_after_a_quiet_week_is_no_finding(machine, monkeypatch):
    machine.clock.sleep(timedelta(days=20).total_seconds())
    monkeypatch.setattr("pipeline.use_cases.history.DAYS_BRIDGED", 7)
    other = replace(ENTRY, entry_id="odoo-account.move-18", created_at=machine.clock.now())
    machine.extract(replace(other, updated_at=machine.clock.now()))

    assert machine.findings() == []
