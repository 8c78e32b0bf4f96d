from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from local.stand_ins.memory import MemoryKeyValues
from pipeline.domain.cursor import Cursor
from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import Status, Step
from pipeline.domain.errors import InvalidDocument, NeedsAttention
from pipeline.use_cases.extract.pull import LOOKBACK
from pipeline.use_cases.reconcile.deletions import ALLOWANCE_S, DELETED_IN_ODOO, DELETED_MAX, EVERY, compare
from tests.builders import COMPANY, WRITTEN_AT, a_document
from tests.odoo_world import NOW, OTHER, Aws, Clock, FakeOdoo, extraction_of, pull

DATABASE = FakeOdoo.database
DAY = timedelta(days=1)


class World:
    def __init__(self, *documents) -> None:
        self.odoo, self.aws, self.key_values = FakeOdoo(*documents), Aws(), MemoryKeyValues()
        pull(self.odoo, self.aws)

    def compare(self, now=NOW, **options):
        extraction = extraction_of(self.odoo, self.aws, now=now, **options)
        compare(extraction, self.odoo, self.aws.table, self.key_values, COMPANY)
        return extraction

    def post(self, odoo_id: int) -> None:
        entry = self.aws.entry(odoo_id)
        self.aws.stored[entry.entry_id] = replace(entry, status=Status.POSTED, qb_id="145", qb_doc_number="INV/7")


@pytest.fixture
def world():
    return World(a_document(7), a_document(8))


# -- deleted in Odoo -------------------------------------------------------------------------------------------------


def test_a_posted_document_that_was_deleted_in_odoo_is_reported_with_its_place_in_quickbooks(world):
    world.post(7)
    del world.odoo.documents[7]

    extraction = world.compare()

    entry = world.aws.entry(7)
    assert (entry.status, entry.error_code) == (Status.FAILED, DELETED_IN_ODOO)
    assert "is still in QuickBooks as INV/7 (Id 145)" in entry.error_message
    assert [failure.title for failure in extraction.failures] == [entry.title]
    assert (extraction.counts.withdrawn, extraction.counts.failed) == (1, 1)
    assert world.aws.entry(8).status is Status.PENDING


def test_a_retry_of_it_takes_it_out_because_its_copy_says_it_is_withdrawn(world):
    world.post(7)
    del world.odoo.documents[7]

    world.compare()

    entry = world.aws.entry(7)
    assert entry.withdrawn
    assert entry.is_ready
    assert world.aws.store.document(entry).withdrawn
    assert entry.qb_id == "145"


def test_a_document_without_a_copy_is_reported_all_the_same(world):
    world.post(7)
    del world.odoo.documents[7]

    def missing(_entry):
        raise InvalidDocument("its stored copy is missing", code="copy_missing")

    world.aws.store.document = missing

    world.compare()

    assert world.aws.entry(7).error_code == DELETED_IN_ODOO


def test_a_document_that_was_never_sent_is_withdrawn_without_asking_anybody(world):
    del world.odoo.documents[7]

    extraction = world.compare()

    entry = world.aws.entry(7)
    assert (entry.status, entry.withdrawn, entry.error_code) == (Status.PENDING, True, "")
    assert extraction.failures == []


def test_a_document_of_unknown_outcome_is_reported_though_it_has_no_id_yet(world):
    entry = world.aws.entry(7)
    world.aws.stored[entry.entry_id] = replace(entry, status=Status.POSTING, step=Step.CREATE)
    del world.odoo.documents[7]

    extraction = world.compare()

    assert world.aws.entry(7).status is Status.FAILED
    assert len(extraction.failures) == 1


def test_it_is_reported_once(world):
    world.post(7)
    del world.odoo.documents[7]
    world.compare()

    extraction = world.compare(now=NOW + DAY)

    assert extraction.failures == []


@pytest.mark.parametrize("status", [Status.VOIDED, Status.SKIPPED])
def test_what_is_nowhere_is_no_matter_when_it_is_deleted(world, status):
    entry = world.aws.entry(7)
    world.aws.stored[entry.entry_id] = replace(entry, status=status)
    del world.odoo.documents[7]

    world.compare()

    assert world.aws.entry(7).status is status


def test_a_document_that_is_shown_again_is_taken_up_again(world):
    world.post(7)
    world.odoo.hidden = {7}
    world.compare()
    world.odoo.hidden = set()

    world.compare(now=NOW + DAY)

    entry = world.aws.entry(7)
    assert (entry.status, entry.withdrawn, entry.qb_id) == (Status.PENDING, False, "145")


@pytest.mark.parametrize("status", [Status.PENDING, Status.VOIDED])
def test_what_was_never_sent_and_is_shown_again_is_taken_up_again_even_when_it_is_voided(world, status):
    world.odoo.hidden = {7}
    world.compare()
    entry = world.aws.entry(7)
    world.aws.stored[entry.entry_id] = replace(entry, status=status)
    world.odoo.hidden = set()

    world.compare(now=NOW + DAY)

    entry = world.aws.entry(7)
    assert (entry.status, entry.withdrawn, entry.is_ready) == (Status.PENDING, False, True)


def test_what_is_cancelled_in_odoo_and_voided_is_not_taken_up_again(world):
    cancelled = a_document(7, withdrawn=True)
    entry = world.aws.entry(7)
    world.odoo.put(cancelled)
    world.aws.stored[entry.entry_id] = replace(
        entry, status=Status.VOIDED, withdrawn=True, content_hash=cancelled.content_hash
    )

    world.compare()

    assert world.aws.entry(7).status is Status.VOIDED


def test_what_was_never_read_and_is_deleted_in_odoo_is_voided_because_nothing_of_it_was_ever_sent(world):
    entry = world.aws.entry(7)
    world.aws.stored[entry.entry_id] = replace(entry, status=Status.FAILED, content_hash="", document_key="none")
    world.aws.store.document = lambda _entry: (_ for _ in ()).throw(InvalidDocument("no copy", code="copy_missing"))
    del world.odoo.documents[7]

    world.compare()

    assert world.aws.entry(7).status is Status.VOIDED
    assert not [key for key in world.aws.objects if key == f"pending/{entry.entry_id}.pdf"]


def test_many_at_once_are_a_right_that_was_lost_and_nothing_is_touched():
    world = World(*(a_document(number) for number in range(1, DELETED_MAX + 3)))
    world.odoo.hidden = set(range(1, DELETED_MAX + 2))

    with pytest.raises(NeedsAttention, match=rf"no longer shows {DELETED_MAX + 1} of the {DELETED_MAX + 2}") as raised:
        world.compare()

    assert raised.value.code == "documents_gone"
    assert {entry.status for entry in world.aws.stored.values()} == {Status.PENDING}


def test_where_a_backup_was_restored_all_that_is_lost_is_reported_however_much_it_is():
    world = World(*(a_document(number) for number in range(1, DELETED_MAX + 4)))
    for number in range(1, DELETED_MAX + 2):
        world.post(number)
        del world.odoo.documents[number]
    world.odoo.put(a_document(DELETED_MAX + 2, written_at=WRITTEN_AT - DAY))

    extraction = world.compare()

    assert extraction.counts.failed == DELETED_MAX + 1
    assert world.aws.entry(1).error_code == DELETED_IN_ODOO
    assert "lost by a restored backup" in world.aws.entry(1).error_message


def test_without_the_time_for_all_that_is_lost_the_rest_is_reported_later():
    world = World(*(a_document(number) for number in range(1, 9)))
    world.odoo.documents.clear()
    left = iter([ALLOWANCE_S + 1] * 3)
    extraction = extraction_of(world.odoo, world.aws)
    extraction.deadline = Deadline(lambda: next(left, 0) * 1000)

    compare(extraction, world.odoo, world.aws.table, world.key_values, COMPANY)

    statuses = [entry.status for entry in world.aws.stored.values()]
    assert (statuses.count(Status.PENDING), extraction.counts.remaining) == (8, True)
    assert sum(entry.withdrawn for entry in world.aws.stored.values()) == 2
    assert world.key_values.compared_at(DATABASE, COMPANY.name) is None


def test_what_is_set_back_is_read_again_once(world):
    world.post(7)
    world.odoo.put(a_document(7, written_at=WRITTEN_AT - DAY))

    first, second = world.compare(), world.compare(now=NOW + 2 * DAY)

    assert (first.counts.found, first.counts.unchanged) == (1, 1)
    assert second.counts.found == 0
    assert world.aws.entry(7).odoo_write_date == WRITTEN_AT - DAY


def test_a_withdrawal_that_no_pull_saw_is_found_when_a_backup_brings_it_back():
    world = World(a_document(7, written_at=NOW - 30 * DAY))
    world.post(7)
    world.key_values.keep_compared(DATABASE, COMPANY.name, NOW - EVERY)
    # It was cancelled, and posted again after the backup, before there was a pull: nothing has changed.
    world.odoo.put(a_document(7, written_at=WRITTEN_AT))
    pull(world.odoo, world.aws)
    world.odoo.put(a_document(7, withdrawn=True, written_at=NOW - 3 * DAY))

    world.compare()

    assert world.aws.entry(7).withdrawn


# -- missed by the pulls ---------------------------------------------------------------------------------------------


def test_a_document_that_no_pull_could_see_is_pulled(world):
    world.odoo.put(a_document(9, written_at=NOW - 30 * DAY))

    world.compare()

    assert world.aws.entry(9).is_ready


def test_a_change_that_was_committed_later_than_the_lag_is_found_within_a_day(world):
    world.key_values.keep_compared(DATABASE, COMPANY.name, NOW - EVERY)
    world.aws.cursors[DATABASE, COMPANY.name] = Cursor(since=NOW)
    late = a_document(7, reference="changed", written_at=NOW - LOOKBACK - timedelta(hours=2))
    world.odoo.put(late)
    pull(world.odoo, world.aws)
    missed = world.aws.entry(7).content_hash != late.content_hash

    world.compare()

    assert missed
    assert world.aws.entry(7).content_hash == late.content_hash


# -- when ------------------------------------------------------------------------------------------------------------


def test_it_is_done_once_a_day(world):
    world.compare()
    world.odoo.asked.clear()
    del world.odoo.documents[7]

    world.compare(now=NOW + EVERY - timedelta(seconds=1))
    early = world.aws.entry(7).withdrawn
    world.compare(now=NOW + EVERY)

    assert (early, world.aws.entry(7).withdrawn) == (False, True)


def test_it_waits_for_a_walk_that_is_under_way(world):
    world.aws.cursors[DATABASE, COMPANY.name] = Cursor(since=NOW, after_id=7, walk_began=NOW)

    world.compare()

    assert world.key_values.compared == {}


def test_it_waits_for_a_run_with_time_in_hand(world):
    world.compare(clock=Clock(ALLOWANCE_S))

    assert world.key_values.compared == {}


def test_a_dry_run_compares_nothing(world):
    del world.odoo.documents[7]

    world.compare(dry_run=True)

    assert not world.aws.entry(7).withdrawn
    assert world.key_values.compared == {}


def test_another_company_is_compared_on_its_own(world):
    compare(extraction_of(world.odoo, world.aws), world.odoo, world.aws.table, world.key_values, OTHER)

    assert set(world.key_values.compared) == {(DATABASE, OTHER.name)}
