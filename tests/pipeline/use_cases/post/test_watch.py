from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from local.stand_ins.memory import MemoryKeyValues, MemoryTable
from pipeline.domain.commands import AcceptDrift
from pipeline.domain.deadline import Deadline
from pipeline.domain.drift import Seen, noted, state_of
from pipeline.domain.entry import Status
from pipeline.domain.errors import InvalidDocument, OutOfTime, Rejected, Throttled
from pipeline.use_cases.post import watch as watch_module
from pipeline.use_cases.post.watch import LATE_AFTER, OVERLAP, Watch
from tests.books_world import COMPANY, NOW, Clock, a_document, an_entry, log_of

REALM = "123"
DOCUMENT = a_document()
GONE = Seen(DOCUMENT.document_type, "129", is_deleted=True)


@dataclass
class Changed:
    seen: tuple
    deletions_since: object


class World:
    """One realm that was looked at an hour ago."""

    def __init__(self):
        self.table, self.key_values, self.clock = MemoryTable(), MemoryKeyValues(), Clock()
        self.left_s = 120.0
        self.answer: object = ()
        self.asked = []
        self.table.put(an_entry(DOCUMENT, status=Status.POSTED, qb_id="129", qb_fingerprint="as posted"))

    @property
    def entry(self):
        return self.table.entry(DOCUMENT.entry_id)

    def since(self, moment, now):
        self.asked.append(now - moment)
        if isinstance(self.answer, Exception):
            raise self.answer
        return Changed(self.answer, moment)

    def unreadable(self, entry):
        raise InvalidDocument(f"{entry.title}: its copy is missing.")

    def look(self, *, is_asked=True, is_told=True, companies=(COMPANY,)):
        deadline = Deadline(lambda: int(self.left_s * 1000))
        watch = Watch(self.table, self.key_values, self.unreadable, self.clock, deadline)
        watch.look(lambda _company: self, REALM, companies, is_asked=is_asked)
        if is_told:
            watch.complete()
        return watch

    @property
    def looked_at(self):
        return state_of(self.key_values.value(f"drift#{REALM}")).looked_at


@pytest.fixture
def world():
    return World()


def test_the_next_look_begins_ten_minutes_before_the_last_one(world):
    world.look()
    world.clock.sleep(900)
    world.look()

    assert world.asked[1] == timedelta(seconds=900) + OVERLAP


@pytest.mark.parametrize(
    ("waits", "asks"), [(timedelta(0), 1), (LATE_AFTER, 1), (LATE_AFTER + timedelta(seconds=1), 2)]
)
def test_a_posting_run_looks_only_when_the_schedule_has_not(world, waits, asks):
    world.look()
    world.clock.sleep(waits.total_seconds())
    world.look(is_asked=False)

    assert len(world.asked) == asks


def test_before_the_first_look_that_was_asked_for_a_posting_run_asks_nothing(world):
    world.look(is_asked=False)

    assert world.asked == []


def test_a_look_that_nobody_asked_for_is_in_nobodys_way(world):
    world.look()
    before = world.looked_at
    world.clock.sleep(3600)
    world.answer = Throttled("later")

    world.look(is_asked=False)

    assert world.looked_at == before
    with pytest.raises(Throttled):
        world.look()


def test_a_refused_look_does_not_move_on(world):
    world.answer = Rejected("no")

    world.look()

    assert world.looked_at is None


def test_without_time_nothing_is_asked_and_nothing_is_called_looked_at(world):
    world.left_s = 30.0

    assert world.look().open is None
    assert (world.asked, world.looked_at) == ([], None)


def test_time_that_ends_on_the_way_leaves_the_rest_to_the_next_look(world):
    world.answer = (GONE,)
    real = world.since

    def slow(moment, now):
        world.left_s = 10.0
        return real(moment, now)

    world.since = slow
    with pytest.raises(OutOfTime):
        world.look()

    assert world.looked_at is None
    assert noted(world.entry) is None


def test_what_nobody_was_told_of_is_said_by_the_next_look(world):
    world.answer = (GONE,)

    looks = [world.look(is_told=False), world.look(), world.look()]

    assert [len(watch.notices) for watch in looks] == [1, 1, 0]


def test_what_failed_is_reported_by_its_failure_and_not_twice(world):
    world.table.put(replace(world.entry, status=Status.FAILED))
    world.answer = (GONE,)

    watch = world.look()

    assert (watch.notices, watch.open) == ([], 1)


@pytest.mark.parametrize("is_told", [True, False])
def test_what_a_failure_said_is_said_once_when_the_failure_ends_and_the_difference_does_not(world, is_told):
    world.table.put(replace(world.entry, status=Status.FAILED))
    world.answer = (GONE,)
    world.look()
    world.table.put(replace(world.entry, status=Status.POSTED))
    world.answer = ()

    looks = [world.look(is_told=is_told), world.look(), world.look()]

    assert [len(watch.notices) for watch in looks] == ([1, 0, 0] if is_told else [1, 1, 0])
    assert "deleted in QuickBooks" in looks[0].notices[0].sentence


def test_what_a_failure_said_and_a_person_has_accepted_is_not_said_again(world):
    world.table.put(replace(world.entry, status=Status.FAILED))
    world.answer = (GONE,)
    watch = world.look()
    watch.accept(AcceptDrift(entry_id=DOCUMENT.entry_id, by="Ann", because="it was a test"))
    world.table.put(replace(world.entry, status=Status.POSTED))
    world.answer = ()

    assert world.look().notices == []


def test_what_was_posted_again_is_open_no_more(world):
    world.answer = (GONE,)
    world.look()
    world.table.put(replace(world.entry, qb_id="200"))
    world.answer = ()

    assert world.look().open == 0


def test_without_its_copy_a_change_is_noted_with_what_the_entry_knows(world):
    world.answer = (replace(GONE, is_deleted=False, entry_id=DOCUMENT.entry_id, sync_token="1", fingerprint="other",
                            total=DOCUMENT.total + 1),)  # fmt: skip

    world.look()

    names = [difference.name for difference in noted(world.entry).differences]
    assert names == ["total", "lines or note"]


def test_it_is_noted_as_of_the_look(world):
    world.answer = (GONE,)

    world.look()

    assert noted(world.entry).noticed_at == world.clock.now() == NOW


def test_more_open_differences_than_are_kept_are_logged(world, monkeypatch):
    monkeypatch.setattr(watch_module, "OPEN_MAX", 0)
    world.answer = (GONE,)

    with log_of() as records:
        watch = world.look()

    assert watch.open == 0
    assert [record.left_out for record in records] == [1]


def test_an_open_difference_is_as_old_as_it_was_noticed_however_often_it_is_looked_at(world):
    world.answer = (GONE,)
    assert world.look().age_s == 0
    world.clock.sleep(900)
    world.answer = ()
    world.look()
    world.clock.sleep(900)

    assert world.look().age_s == 1800


def test_without_an_open_difference_the_age_is_zero_and_without_a_look_it_is_not_known(world):
    assert world.look().age_s == 0

    assert world.look(is_asked=False).age_s is None


@pytest.mark.parametrize(("left", "said"), [("0", "; it is paid"), ("1.50", "is open"), (None, "")])
def test_what_is_reported_of_a_change_says_whether_the_document_is_paid(world, left, said):
    changed = replace(GONE, is_deleted=False, entry_id=DOCUMENT.entry_id, sync_token="1", fingerprint="other",
                      total=DOCUMENT.total + 1)  # fmt: skip
    world.answer = (replace(changed, open_amount=Decimal(left) if left else changed.total),)

    (notice,) = world.look().notices

    assert notice.sentence.endswith(said)
    assert ("paid" in notice.sentence) == bool(said)


def test_what_was_deleted_while_a_company_was_in_another_realm_is_noticed_when_it_is_back(world):
    world.look(companies=(COMPANY, "a branch"))
    world.answer = (GONE,)
    world.clock.sleep(900)
    assert world.look(companies=("a branch",)).open == 0
    world.clock.sleep(7200)

    assert len(world.look(companies=(COMPANY, "a branch")).notices) == 1
    assert world.asked[-1] > timedelta(days=30)


def test_a_company_that_comes_back_is_not_reported_twice(world):
    world.answer = (GONE,)
    world.look(companies=(COMPANY, "a branch"))
    world.clock.sleep(900)
    world.look(companies=("a branch",))
    world.clock.sleep(900)

    watch = world.look(companies=(COMPANY, "a branch"))

    assert (watch.notices, watch.open) == ([], 1)
