"""What a run measures and logs."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from pipeline.domain.commands import WakeUp
from pipeline.domain.entry import Status
from pipeline.domain.errors import Unmapped
from pipeline.use_cases.post.outcomes import Outcomes
from tests.books_world import COMPANY, NOW, log_of
from tests.posting_run_world import OTHER


def test_the_backlog_and_the_age_of_its_oldest_are_measured(world):
    world.add(1, pending_since=NOW - timedelta(minutes=10), pdf_sha256="")
    world.add(2, pending_since=NOW - timedelta(minutes=30), next_attempt_at=NOW + timedelta(minutes=1))
    world.add(3, OTHER, status=Status.POSTING, pending_since=None, next_attempt_at=NOW + timedelta(minutes=1))
    world.add(4, status=Status.POSTED)

    results = world.run()

    assert (results.backlog, results.backlog_age_s) == (3, 1800)
    assert results.metrics()["BacklogAgeSeconds"] == 1800


def test_an_empty_backlog_is_zero(world):
    metrics = world.run().metrics()

    assert (metrics["Backlog"], metrics["BacklogAgeSeconds"]) == (0, 0)


def test_a_run_that_did_not_measure_does_not_say_zero(world):
    world.add(1)

    metrics = world.run(WakeUp(("odoo-account.move-1",))).metrics()

    assert {"Backlog", "BacklogAgeSeconds"} & set(metrics) == set()


class LockedCounter(Counter):
    """Counts of calls that are added to only under the lock of the results."""

    lock = None

    def __iadd__(self, other):
        assert self.lock.locked()
        return super().__iadd__(other)


def test_realms_that_end_at_once_add_their_calls_one_after_the_other(world, monkeypatch):
    init = Outcomes.__post_init__

    def with_locked_counter(outcomes):
        init(outcomes)
        outcomes.results.calls = LockedCounter()
        outcomes.results.calls.lock = outcomes.lock

    monkeypatch.setattr(Outcomes, "__post_init__", with_locked_counter)
    world.add(1)
    world.add(2, OTHER)

    assert world.run().calls == Counter(create=4, query=2)


def test_calls_and_the_days_left_are_measured(world):
    world.add(1)
    world.add(2, OTHER)

    metrics = world.run().metrics()

    assert metrics["DocumentsPosted"] == 2
    assert (metrics["QuickBooksCreateCalls"], metrics["QuickBooksQueryCalls"]) == (4, 2)
    assert metrics["RefreshTokenDaysLeft"] == 88.0


def test_the_log_names_entry_company_and_reason(world):
    world.add(1)
    world.add(2)
    world.books[COMPANY].trouble["odoo-account.move-2"] = Unmapped("account 1 has no counterpart")

    with log_of() as records:
        world.run()

    reported = {record.message: record for record in records}
    assert (reported["document done"].entry_id, reported["document done"].company) == ("odoo-account.move-1", COMPANY)
    assert reported["document failed"].reason == "account 1 has no counterpart"
