"""What a run takes up: what is due, and connections that nobody uses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.commands import PostDue, WakeUp
from pipeline.domain.entry import Status
from pipeline.domain.errors import Disconnected, InvalidRequest
from pipeline.use_cases.post.realm_run import DOCUMENT_ALLOWANCE_S, THREADS_MAX
from pipeline.use_cases.post.results import Results
from tests.books_world import COMPANY, NOW
from tests.posting_run_world import OTHER

# -- keeping a connection alive ----------------------------------------------------------------------------------------


def test_a_company_whose_connection_nobody_used_for_a_day_gets_a_lease_without_work(world):
    results = world.run(idle={OTHER})

    assert results.refresh_days_left == {OTHER: 88.0}
    assert [lease.realm for lease in world.leases.ended] == [OTHER]


def test_a_connection_that_turns_out_to_be_gone_is_reported_though_nothing_is_due(world):
    world.session_errors[OTHER] = Disconnected("reconnect", code="connection_gone")

    world.run(idle={OTHER})

    assert [failure.code for failure in world.failures] == ["connection_gone"]


# -- what is due -------------------------------------------------------------------------------------------------------


def test_everything_due_of_every_company_is_worked_off(world):
    for number in range(1, 31):
        world.add(number, COMPANY if number % 2 else OTHER)

    results = world.run()

    assert results.posted == 30
    assert {entry.status for entry in world.table.stored.values()} == {Status.POSTED}
    assert sorted(world.books[COMPANY].created) == sorted(f"INV/{number}" for number in range(1, 31, 2))


def test_at_most_ten_documents_are_worked_on_at_once(world):
    for number in range(1, 41):
        world.add(number)

    world.run()

    assert 2 <= world.books[COMPANY].at_once_max <= THREADS_MAX


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.POSTED},
        {"status": Status.FAILED},
        {"status": Status.SKIPPED},
        {"status": Status.VOIDED},
        {"pdf_sha256": ""},
        {"next_attempt_at": NOW + timedelta(seconds=1)},
    ],
)
def test_what_is_not_due_is_left_alone(world, changes):
    before = world.add(1, **changes)

    results = world.run()

    assert results.posted == 0
    assert world.entry(1) == before
    assert world.leases.ended == []


@pytest.mark.parametrize("changes", [{"next_attempt_at": NOW}, {"status": Status.POSTING}, {}])
def test_what_is_due_is_worked_off(world, changes):
    world.add(1, **changes)

    assert world.run().posted == 1


def test_the_entry_itself_has_the_last_word_over_an_index_that_is_behind(world):
    behind = world.add(1)
    world.table.put(replace(behind, status=Status.POSTED))
    world.table.due = lambda company, now: iter([behind, behind] if company == COMPANY else [])

    world.run()

    assert world.books[COMPANY].created == []


def test_an_entry_the_index_shows_twice_is_worked_on_once(world):
    entry = world.add(1)
    world.table.due = lambda company, now: iter([entry, entry] if company == COMPANY else [])

    world.run()

    assert world.books[COMPANY].created == ["INV/1"]


def test_no_document_is_begun_without_time_to_finish_it(world):
    world.add(1)
    world.remaining_ms = int(DOCUMENT_ALLOWANCE_S * 1000)

    results = world.run()

    assert results.posted == 0
    assert world.status(1) is Status.PENDING


def test_an_event_says_only_which_company_to_look_at(world):
    world.add(1)
    world.add(2)
    world.add(3, OTHER)

    world.run(WakeUp(("odoo-account.move-1",)))

    assert [world.status(number) for number in (1, 2, 3)] == [Status.POSTED, Status.POSTED, Status.PENDING]


@pytest.mark.parametrize("woken_by", [(), ("unknown",), ("odoo-account.move-9",)])
def test_an_event_that_names_nobody_we_know_does_nothing(world, woken_by):
    world.add(1)

    results = world.run(WakeUp(woken_by))

    assert results == Results()


def test_a_company_can_be_asked_for_alone(world):
    world.add(1)
    world.add(2, OTHER)

    world.run(PostDue(company=OTHER))

    assert (world.status(1), world.status(2)) == (Status.PENDING, Status.POSTED)


def test_an_unknown_company_is_an_error_that_names_the_known_ones(world):
    with pytest.raises(InvalidRequest, match="no company 'nowhere'; it has 'companyA', 'companyB'"):
        world.run(PostDue(company="nowhere"))
