"""Trouble in a run: of one document, of the company, and of what QuickBooks never answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX
from pipeline.domain.commands import PostEntries
from pipeline.domain.entry import OUTCOME_SETTLES_S, Status, Step
from pipeline.domain.errors import (
    Disconnected,
    InvalidDocument,
    Misconfigured,
    OutcomeUnknown,
    OutOfTime,
    Rejected,
    Throttled,
    Unavailable,
)
from pipeline.domain.lease import Lease
from pipeline.domain.unanswered import QUIET_TRIES_MAX, TRIES_MAX
from pipeline.runtime import SystemThreads
from pipeline.use_cases.post.troubles import CONSECUTIVE_FAILURES_MAX
from tests.books_world import COMPANY, NOW
from tests.posting_run_world import OTHER, Books

# -- trouble of one document -------------------------------------------------------------------------------------------


def test_a_poisoned_document_does_not_hold_up_the_others(world):
    for number in range(1, 21):
        world.add(number)
    world.books[COMPANY].trouble["odoo-account.move-5"] = Rejected("QuickBooks refuses it.", code="quickbooks_6000")

    results = world.run()

    assert (results.posted, results.failed) == (19, 1)
    failed = world.entry(5)
    assert failed.status is Status.FAILED
    assert failed.error_code == "quickbooks_6000"
    assert failed.error_message == "invoice INV/5 of 'Azure Interior' (100 USD): QuickBooks refuses it."
    assert failed.next_attempt_at is None
    assert [(failure.company, failure.code, failure.title) for failure in world.failures] == [
        (COMPANY, "quickbooks_6000", "invoice INV/5 of 'Azure Interior' (100 USD)")
    ]


def test_something_unexpected_fails_only_its_document_and_shows_nothing_of_it(world):
    for number in range(1, 6):
        world.add(number)
    world.books[COMPANY].trouble["odoo-account.move-3"] = KeyError("secret-detail")

    results = world.run()

    assert (results.posted, results.failed) == (4, 1)
    assert world.entry(3).error_code == "unexpected"
    assert "KeyError" in world.entry(3).error_message
    assert "Report it with the entry's id" in world.entry(3).error_message
    assert "secret-detail" not in world.entry(3).error_message


def test_memory_used_up_at_a_document_puts_it_off_and_counts_as_an_end_of_the_function(world):
    for number in range(1, 6):
        world.add(number)
    world.books[COMPANY].trouble["odoo-account.move-3"] = MemoryError()

    results = [world.run()]
    met = world.entry(3)
    for _ in range(KILLED_ATTEMPTS_MAX):
        world.clock.sleep(3600)
        results.append(world.run())

    assert (results[0].posted, results[0].later, results[0].failed) == (4, 1, 0)
    assert (met.status, met.error_code, met.killed_attempts) == (Status.PENDING, "exhausted", 1)
    assert "raise memory_mb of qb-poster in Terraform" in met.error_message
    assert (world.entry(3).status, world.entry(3).error_code) == (Status.FAILED, "ended_the_function")


def test_a_document_at_which_memory_was_short_once_is_posted_by_the_next_run(world):
    world.add(1)
    world.books[COMPANY].trouble["odoo-account.move-1"] = MemoryError()
    world.run()
    world.books[COMPANY].trouble.clear()
    world.clock.sleep(3600)

    assert world.run().posted == 1
    assert world.entry(1).killed_attempts == 0


class NoThreads(SystemThreads):
    """Threads of a process that may start no further one."""

    def pool(self, size, name):
        """Return a pool that refuses all work, as Python's does."""
        pool = super().pool(size, name)

        def refused(*_arguments):
            raise RuntimeError("can't start new thread")

        if name == "posting":
            pool.submit = refused
            pool.map = refused
        return pool


def test_threads_that_cannot_start_pause_the_company_and_fail_no_document(world, monkeypatch):
    for number in range(1, 6):
        world.add(number)
    with monkeypatch.context() as patch:
        patch.setattr("tests.posting_run_world.SystemThreads", NoThreads)
        results = world.run()
    failures = list(world.failures)
    world.leases.paused_until.clear()
    world.clock.sleep(3600)

    assert (results.posted, results.failed, results.paused) == (0, 0, [COMPANY])
    (failure,) = failures
    assert failure.code == "exhausted"
    assert "qb-poster could start no further thread" in failure.message
    assert world.run().posted == 5


def test_a_stored_document_that_does_not_open_fails_only_itself(world):
    world.add(1)
    world.add(2)
    del world.store.objects["documents/odoo-account.move-1/1.json"]

    results = world.run()

    assert (results.posted, results.failed) == (1, 1)


def test_a_document_that_changed_in_odoo_meanwhile_is_neither_posted_nor_failed(world):
    entry = world.add(1)
    books = world.books[COMPANY]

    def changes(document, **options):
        world.table.put(replace(entry, version=2))
        return Books.draft(books, document, **options)

    books.draft = changes

    results = world.run()

    assert (results.posted, results.failed, results.later) == (0, 0, 0)
    assert world.status(1) is Status.PENDING
    assert books.created == []


def test_an_error_of_a_document_that_changed_meanwhile_is_not_reported(world):
    entry = world.add(1)
    books = world.books[COMPANY]

    def changes(document, **_options):
        world.table.put(replace(entry, version=2))
        raise InvalidDocument("the old version was wrong")

    books.draft = changes

    results = world.run()

    assert results.failed == 0
    assert world.failures == []
    assert world.status(1) is Status.PENDING


# -- trouble that is not about a document ------------------------------------------------------------------------------


def test_an_unknown_outcome_is_looked_at_after_it_has_settled(world):
    world.add(1)
    books = world.books[COMPANY]
    books.create = lambda draft, request_id: (_ for _ in ()).throw(OutcomeUnknown("no answer"))

    results = world.run()

    entry = world.entry(1)
    assert results.later == 1
    assert (entry.status, entry.step) == (Status.POSTING, Step.CREATE)
    assert OUTCOME_SETTLES_S <= (entry.next_attempt_at - world.clock.now()).total_seconds() < OUTCOME_SETTLES_S + 5
    assert entry.error_code == "outcome_unknown"


def test_trouble_of_one_document_alone_backs_off_and_pauses_nobody(world):
    world.add(1)
    world.books[COMPANY].trouble["odoo-account.move-1"] = Unavailable("no answer")

    results = world.run()

    entry = world.entry(1)
    assert results.paused == []
    assert entry.attempts == 1
    assert 60 <= (entry.next_attempt_at - world.clock.now()).total_seconds() <= 72


def rounds(world, count, *, others=True):
    """Run so often that every waiting time is over between; with `others`, another document arrives each time."""
    for number in range(count):
        if others:
            world.add(100 + number)
        world.run()
        world.leases.paused_until.clear()
        world.clock.sleep(2 * 3600)


# -- a content that the books cannot handle ----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Unavailable("HTTP 500"), OutcomeUnknown("timed out")])
@pytest.mark.parametrize("poisoned", [1, 3, 9])
def test_what_the_books_never_answer_fails_by_name_while_others_go_through(world, poisoned, error):
    for number in range(1, poisoned + 1):
        world.add(number)
        world.books[COMPANY].trouble[f"odoo-account.move-{number}"] = error

    rounds(world, TRIES_MAX + 1 + poisoned)

    assert {world.status(number) for number in range(1, poisoned + 1)} == {Status.FAILED}
    assert world.entry(1).error_code == "unanswered"
    assert world.entry(1).error_message.startswith("invoice INV/1 of 'Azure Interior' (100 USD): QuickBooks gave no")
    assert {world.status(100 + number) for number in range(TRIES_MAX)} == {Status.POSTED}


def test_known_trouble_pauses_nobody_and_holds_up_no_other_document(world):
    for number in range(1, 4):
        world.add(number)
        world.books[COMPANY].trouble[f"odoo-account.move-{number}"] = Unavailable("HTTP 500")
    rounds(world, 2, others=False)
    world.add(9)

    results = world.run()

    assert results.paused == []
    assert world.status(9) is Status.POSTED


def test_without_others_to_compare_with_a_document_fails_only_when_the_books_answer_reads(world):
    world.add(1)
    world.books[COMPANY].create = lambda *_: (_ for _ in ()).throw(OutcomeUnknown("HTTP 500"))

    rounds(world, QUIET_TRIES_MAX - 1, others=False)
    before = world.status(1)
    rounds(world, 1, others=False)

    assert before in (Status.PENDING, Status.POSTING)
    assert (world.status(1), world.entry(1).error_code) == (Status.FAILED, "unanswered")


def test_an_outage_of_any_length_fails_nothing(world):
    for number in range(1, 6):
        world.add(number)
    world.books[COMPANY].always = Unavailable("no answer")

    rounds(world, 3 * QUIET_TRIES_MAX, others=False)
    world.books[COMPANY].always = None
    world.run()

    assert {world.status(number) for number in range(1, 6)} == {Status.POSTED}


def test_a_try_counts_only_when_another_document_went_through_since_the_last(world):
    world.add(1)
    world.books[COMPANY].always = Unavailable("no answer")
    rounds(world, TRIES_MAX - 1, others=False)
    world.books[COMPANY].always = None
    world.books[COMPANY].trouble["odoo-account.move-1"] = Unavailable("no answer")

    rounds(world, 1)

    assert world.status(1) is Status.PENDING
    assert world.entry(1).attempts == TRIES_MAX


def test_a_company_with_too_little_time_left_is_not_paused_but_next(world):
    world.add(1)
    world.leases.leases[COMPANY] = Lease(COMPANY, "", NOW - timedelta(seconds=1), pauses=2)
    world.session_errors[COMPANY] = OutOfTime("No time is left in this run to renew the access token")

    results = world.run()
    del world.session_errors[COMPANY]
    following = world.run()

    assert (results.paused, results.failed, results.remaining) == ([], 0, True)
    assert world.leases.ended[0].pauses == 2
    assert following.posted == 1


def test_a_document_met_by_the_end_of_time_is_left_as_it_was(world):
    before = world.add(1)
    world.books[COMPANY].always = OutOfTime("No time is left")

    results = world.run()

    assert world.entry(1) == before
    assert (results.later, results.paused) == (0, [])


@pytest.mark.parametrize(
    "error",
    [Throttled("slow down", wait_s=60), Disconnected("gone", code="connection_gone"), Misconfigured("no right")],
)
def test_throttling_or_a_lost_connection_pauses_the_company_at_once_and_costs_no_attempt(world, error):
    for number in range(1, 31):
        world.add(number)
    world.add(99, OTHER)
    world.books[COMPANY].always = error

    results = world.run()

    assert results.paused == [COMPANY]
    assert results.failed == 0
    assert results.later <= 16  # those under way; the rest was not begun
    assert world.leases.paused_s(COMPANY, world.clock.now()) >= 60
    assert {world.entry(number).attempts for number in range(1, 31)} == {0}
    assert {world.entry(number).status for number in range(1, 31)} == {Status.PENDING}
    assert world.status(99) is Status.POSTED


def test_an_outage_pauses_the_company_after_a_few_documents(world):
    for number in range(1, 41):
        world.add(number)
    world.books[COMPANY].always = Unavailable("no answer")

    results = world.run()

    assert results.paused == [COMPANY]
    assert CONSECUTIVE_FAILURES_MAX <= results.later <= 24
    assert sum(entry.attempts for entry in world.table.stored.values()) < CONSECUTIVE_FAILURES_MAX


def test_after_the_pause_everything_goes_on_by_itself(world):
    for number in range(1, 11):
        world.add(number)
    world.books[COMPANY].always = Unavailable("no answer")
    world.run()
    world.books[COMPANY].always = None
    world.leases.paused_until.clear()
    world.clock.sleep(3600)

    results = world.run()

    assert results.posted == 10
    assert world.leases.ended[-1].pauses == 0


def test_a_paused_company_is_left_alone_but_for_a_person(world):
    world.add(1)
    now = world.clock.now()
    lease = world.leases.take_lease(COMPANY, "earlier", now, now, force=False)
    world.leases.release_lease(lease, now, paused_for_s=600)

    assert world.run().posted == 0
    assert world.run(PostEntries(entry_ids=("odoo-account.move-1",))).posted == 1


def test_pauses_grow_while_the_trouble_lasts(world):
    world.add(1)
    world.session_errors[COMPANY] = Unavailable("no answer")
    seconds = []
    for _ in range(8):
        world.run()
        seconds.append(world.leases.paused_s(COMPANY, world.clock.now()))
        world.leases.paused_until.clear()

    assert all(60 * 2**n <= found <= 72 * 2**n for n, found in enumerate(seconds[:6]))
    assert seconds[-1] <= 3600 * 1.2


@pytest.mark.parametrize(
    "error",
    [
        Disconnected("The connection is gone.", code="connection_gone"),
        Misconfigured("The company 'companyA' has no realm.", code="misconfigured"),
        pytest.param(KeyError("AcctNum"), id="an answer of a shape nobody knows"),
    ],
)
def test_a_lost_connection_is_noticed_at_every_lease_until_it_is_back(world, error):
    world.add(1)
    world.add(2, OTHER)
    world.session_errors[COMPANY] = error

    reported, checked = [], set()
    for _ in range(3):
        world.run()
        world.leases.paused_until.clear()
        reported += [(failure.company, failure.code, failure.title) for failure in world.failures]
        checked |= world.checked

    assert reported == [(COMPANY, getattr(error, "code", "unexpected"), "")] * 3
    assert checked == {OTHER}
    assert world.status(1) is Status.PENDING
    assert world.status(2) is Status.POSTED


def test_another_cause_is_noticed_as_another(world):
    world.add(1)
    reported = []
    for code in ("connection_gone", "not_authorized", "connection_gone"):
        world.session_errors[COMPANY] = Disconnected("gone", code=code)
        world.run()
        world.leases.paused_until.clear()
        reported += [failure.code for failure in world.failures]

    assert reported == ["connection_gone", "not_authorized", "connection_gone"]


def test_the_lease_is_released_whatever_happens(world):
    world.add(1)
    world.table.save = lambda entry: (_ for _ in ()).throw(SystemExit)

    with pytest.raises(SystemExit):
        world.run()

    assert [lease.realm for lease in world.leases.ended] == [COMPANY]


def test_the_calls_of_the_last_minute_are_handed_to_the_next_lease(world):
    world.add(1)

    world.run()

    assert world.leases.ended[0].recent_calls == (7,)
    assert world.leases.ended[0].recent_at == world.clock.now()


def test_a_run_that_finds_the_lease_held_exits(world):
    world.add(1)
    world.leases.leases[COMPANY] = Lease(COMPANY, "another", world.clock.now() + timedelta(seconds=60))

    results = world.run()

    assert results.busy == [COMPANY]
    assert world.books[COMPANY].created == []


# -- the PDFs of several -----------------------------------------------------------------------------------------------


def test_of_several_whose_pdfs_are_removed_together_only_the_one_refused_is_not_posted_yet(world, monkeypatch):
    for number in (1, 2, 3):
        world.add(number)
    asked = []

    def refuse_second(entries):
        asked.append([entry.odoo_id for entry in entries])
        return [Unavailable("S3 did not answer") if entry.odoo_id == 2 else None for entry in entries]

    monkeypatch.setattr(world.store, "drop_pending_together", refuse_second)

    world.run()

    assert sorted(asked[0]) == [1, 2, 3]
    assert [world.status(number) for number in (1, 2, 3)] == [Status.POSTED, Status.POSTING, Status.POSTED]
