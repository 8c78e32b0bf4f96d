from __future__ import annotations

import json
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest

import qb_poster
from local.demo.documents import many
from local.stand_ins.aws import Context
from local.stand_ins.memory import MemoryKeyValues
from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX
from pipeline.domain.books import Draft
from pipeline.domain.commands import PostDue, PostEntries, RetryFailed, ShowDrafts, WakeUp
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.entry import OUTCOME_SETTLES_S, Status, Step
from pipeline.domain.errors import (
    Disconnected,
    InvalidDocument,
    InvalidRequest,
    Misconfigured,
    OutcomeUnknown,
    OutOfTime,
    Rejected,
    Throttled,
    Unavailable,
    Unmapped,
)
from pipeline.domain.lease import Lease
from pipeline.domain.unanswered import QUIET_TRIES_MAX, TRIES_MAX
from pipeline.qbo import limiter
from pipeline.runtime import SystemThreads
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.company import DOCUMENT_ALLOWANCE_S, THREADS_MAX
from pipeline.use_cases.post.paper import PDF_LOSSES_MAX
from pipeline.use_cases.post.results import Results
from pipeline.use_cases.post.run import PostingRun
from pipeline.use_cases.post.troubles import CONSECUTIVE_FAILURES_MAX
from tests.books_world import COMPANY, NOW, REALM_ID, Clock, NotedStore, NotedTable, a_document, an_entry, log_of, money
from tests.conftest import fresh_container
from tests.doubles.books import MemoryBooks

OTHER = "companyB"
SWEEP = PostDue()


class Books(MemoryBooks):
    """Books that take everything; `trouble` maps an entry id to what its draft raises."""

    def __init__(self) -> None:
        super().__init__(realm=REALM_ID)
        self.looked_for: list[list[str]] = []
        self.trouble: dict[str, BaseException] = {}
        self.always: BaseException | None = None
        self.at_once = 0
        self.at_once_max = 0
        self.pace = threading.Event()

    @property
    def created(self) -> list[str]:
        return [row.number for row in self.rows.values()]

    def draft(self, document, *, is_booked):
        with self._lock:
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            self.pace.wait(0.005)
            error = self.always or self.trouble.get(document.entry_id)
            if error:
                raise error
            return super().draft(document, is_booked=is_booked)
        finally:
            with self._lock:
                self.at_once -= 1

    def look_for(self, documents):
        self.looked_for.append([document.entry_id for document in documents])


class Session:
    def __init__(self, books: dict[str, Books]) -> None:
        self._books = books
        self.recent_calls = (7,)
        self.recent_batches = (2,)
        self.calls = Counter(create=2, query=1)
        self.refresh_days_left = 88.0

    def books(self, company):
        return self._books[company]


class Leases(MemoryKeyValues):
    """Leases that note which ended, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[Lease] = []

    def release_lease(self, lease, now, *, paused_for_s=0):
        super().release_lease(lease, now, paused_for_s=paused_for_s)
        self.ended.append(lease)

    def paused_s(self, realm, now):
        """Return for how many seconds a realm is paused."""
        return (self.paused_until[realm] - now).total_seconds()


class World:
    """Two companies with their entries, and rounds over them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.table = NotedTable()
        self.store = NotedStore()
        self.leases = Leases()
        self.books = {COMPANY: Books(), OTHER: Books()}
        self.session_errors: dict[str, BaseException] = {}
        self.remaining_ms = 120_000
        self.failures = []

    def add(self, number: int, company: str = COMPANY, **changes):
        document = a_document(odoo_id=number, number=f"INV/{number}", company=Company(1, company, "USD", "US"))
        entry = an_entry(document, **changes)
        self.store.put_all(entry, document)
        return self.table.put(entry)

    def open_session(self, lease, companies, dry_run):
        if lease.realm in self.session_errors:
            raise self.session_errors[lease.realm]
        return Session(self.books)

    def run(self, command=SWEEP, companies=(COMPANY, OTHER), idle=()) -> Results:
        collaborators = Collaborators(
            table=self.table, store=self.store, leases=self.leases, open_session=self.open_session,
            deadline=Deadline(lambda: self.remaining_ms), clock=self.clock, threads=SystemThreads(),
            random=random.SystemRandom(), idle=frozenset(idle),
        )  # fmt: skip
        run = PostingRun(collaborators)
        self.failures, self.checked = run.outcomes.failures, run.outcomes.checked
        run.execute({company: [company] for company in companies}, command)
        return run.outcomes.results

    def status(self, number: int) -> Status:
        return self.entry(number).status

    def entry(self, number: int):
        return self.table.stored[f"odoo-account.move-{number}"]


@pytest.fixture
def world():
    return World()


# -- keeping a connection alive --------------------------------------------------------------------------------------


def test_a_company_whose_connection_nobody_used_for_a_day_gets_a_lease_without_work(world):
    results = world.run(idle={OTHER})

    assert results.refresh_days_left == {OTHER: 88.0}
    assert [lease.realm for lease in world.leases.ended] == [OTHER]


def test_a_connection_that_turns_out_to_be_gone_is_reported_though_nothing_is_due(world):
    world.session_errors[OTHER] = Disconnected("reconnect", code="connection_gone")

    world.run(idle={OTHER})

    assert [failure.code for failure in world.failures] == ["connection_gone"]


# -- what is due -----------------------------------------------------------------------------------------------------


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


# -- trouble of one document -----------------------------------------------------------------------------------------


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


# -- trouble that is not about a document ----------------------------------------------------------------------------


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


# -- a content that the books cannot handle --------------------------------------------------------------------------


def rounds(world, count, *, others=True):
    """Run so often that every waiting time is over between; with `others`, another document arrives each time."""
    for number in range(count):
        if others:
            world.add(100 + number)
        world.run()
        world.leases.paused_until.clear()
        world.clock.sleep(2 * 3600)


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


# -- what a person asks for ------------------------------------------------------------------------------------------


def test_a_company_without_a_realm_fails_its_documents_with_what_to_do(world):
    world.add(1, "companyC")
    world.add(2)

    results = world.run(companies=(COMPANY,))

    assert (results.posted, results.failed) == (1, 1)
    entry = world.entry(1)
    assert (entry.status, entry.error_code) == (Status.FAILED, "no_realm")
    assert "'companyC' has no realm in the QuickBooks secret. Add it there under realm_ids" in entry.error_message


def test_failed_documents_are_tried_again_when_a_person_says_so(world):
    world.add(1, status=Status.FAILED, attempts=4, error_message="old")
    world.add(2, OTHER, status=Status.FAILED)

    results = world.run(RetryFailed(company=COMPANY))

    assert results.posted == 1
    assert world.entry(1).error_message == ""
    assert world.status(2) is Status.FAILED


def test_only_the_named_failed_documents_are_tried_again(world):
    world.add(1, status=Status.FAILED)
    world.add(2, status=Status.FAILED)

    world.run(RetryFailed(entry_ids=("odoo-account.move-2",)))

    assert (world.status(1), world.status(2)) == (Status.FAILED, Status.POSTED)


def test_a_failed_entry_without_a_stored_document_stays_failed(world):
    world.add(1, status=Status.FAILED, document_key="")

    world.run(RetryFailed())

    assert world.status(1) is Status.FAILED


def test_a_failed_entry_that_cannot_be_read_in_odoo_is_not_posted_as_it_once_was(world):
    world.add(1, status=Status.FAILED, content_hash="")

    world.run(RetryFailed())

    assert world.status(1) is Status.FAILED


def test_a_document_that_was_deleted_in_odoo_can_be_retried_though_nothing_can_be_read_of_it(world):
    world.add(1, status=Status.FAILED, content_hash="", withdrawn=True)

    world.run(RetryFailed())

    assert world.status(1) is Status.VOIDED


def test_a_retry_asks_for_a_pdf_that_was_lost_too_often(world):
    world.add(1, status=Status.FAILED, error_code="pdf_missing", pdf_losses=PDF_LOSSES_MAX)
    del world.store.objects["pending/odoo-account.move-1.pdf"]

    world.run(RetryFailed())

    assert (world.status(1), world.entry(1).is_unfinished) == (Status.PENDING, True)


def test_a_person_does_not_wait_for_a_later_attempt(world):
    world.add(1, next_attempt_at=NOW + timedelta(hours=1))

    assert world.run(PostEntries(entry_ids=("odoo-account.move-1",))).posted == 1


@pytest.mark.parametrize("retry_failed", [True, False])
def test_a_write_whose_outcome_is_open_settles_even_for_a_person(world, retry_failed):
    status = Status.FAILED if retry_failed else Status.POSTING
    world.add(1, status=status, step=Step.CREATE, next_attempt_at=NOW + timedelta(seconds=100))
    request = (RetryFailed if retry_failed else PostEntries)(entry_ids=("odoo-account.move-1",))

    early = world.run(request)
    world.clock.sleep(101)
    later = world.run()

    assert (early.posted, later.posted) == (0, 1)


def test_a_failure_with_an_open_outcome_remembers_when_it_can_be_looked_for(world):
    world.add(1)
    world.books[COMPANY].create = lambda draft, request_id: (_ for _ in ()).throw(KeyError("Id"))

    world.run()

    entry = world.entry(1)
    assert (entry.status, entry.step) == (Status.FAILED, Step.CREATE)
    # As long after the end of the function, which might have sent it with its last breath.
    assert entry.next_attempt_at == NOW + timedelta(seconds=120 + OUTCOME_SETTLES_S)


def test_entries_of_two_companies_are_each_worked_on_in_their_own_lease(world):
    world.add(1)
    world.add(2, OTHER)

    world.run(PostEntries(entry_ids=("odoo-account.move-1", "odoo-account.move-2")))

    assert (world.status(1), world.status(2)) == (Status.POSTED, Status.POSTED)
    assert (len(world.books[COMPANY].created), len(world.books[OTHER].created)) == (1, 1)


def test_a_trial_shows_the_exact_body_and_changes_nothing(world):
    before = dict.fromkeys(("odoo-account.move-1", "odoo-account.move-2"))
    for number in (1, 2):
        before[f"odoo-account.move-{number}"] = world.add(number)
    world.books[COMPANY].trouble["odoo-account.move-2"] = Unmapped("account 1 has no counterpart")

    results = world.run(ShowDrafts())

    shown = {draft["entry_id"]: draft for draft in results.drafts}
    assert shown["odoo-account.move-1"]["body"] == {"Marker": "odoo-account.move-1", "Total": money(100)}
    assert shown["odoo-account.move-1"]["entity"] == "Invoice"
    assert shown["odoo-account.move-2"]["code"] == "unmapped"
    assert world.table.stored == before
    assert world.table.events == []
    assert world.books[COMPANY].created == []


def test_a_trial_of_named_entries_shows_what_a_retry_of_a_failed_one_would_send(world):
    world.add(1, status=Status.FAILED)
    world.add(2, status=Status.POSTED)

    results = world.run(ShowDrafts(("odoo-account.move-1", "odoo-account.move-2")))

    assert [draft["entry_id"] for draft in results.drafts] == ["odoo-account.move-1"]
    assert world.status(1) is Status.FAILED


@pytest.mark.parametrize("command", [PostEntries, RetryFailed, ShowDrafts])
def test_an_entry_nobody_knows_is_refused_by_its_id(world, command):
    world.add(1)

    with pytest.raises(InvalidRequest, match=r"There is no entry odoo-account\.move-99\. An entry id is"):
        world.run(command(("odoo-account.move-1", "odoo-account.move-99")))

    assert world.books[COMPANY].created == []


@pytest.mark.parametrize("command", [PostEntries, RetryFailed, ShowDrafts])
def test_an_entry_of_another_company_is_refused(world, command):
    world.add(1)

    with pytest.raises(InvalidRequest, match=f"is of '{COMPANY}', not of '{OTHER}'"):
        world.run(command(("odoo-account.move-1",), OTHER))


def test_a_trial_with_retry_reopens_nothing(world):
    world.add(1, status=Status.FAILED)

    world.run(ShowDrafts())

    assert world.status(1) is Status.FAILED


# -- what is measured ------------------------------------------------------------------------------------------------


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


# -- the real handlers, several at once ------------------------------------------------------------------------------


@pytest.fixture
def unhurried(monkeypatch):
    """Lift the limits of QuickBooks' pace, which have tests of their own."""
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))


def test_ten_posters_at_once_do_the_work_of_one(start_machine, unhurried):
    machine = start_machine(many(16, parties=6))
    machine.extract()
    machine.quickbooks.latency_s = 0.01
    event = machine.deployment.pending_events()[0]

    with (
        fresh_container(machine.environ("qb-poster")),
        redirect_stdout(StringIO()),
        machine.deployment.environ_of("qb-poster"),
        ThreadPoolExecutor(10) as pool,
    ):
        results = list(pool.map(
            lambda number: qb_poster.lambda_handler(event if number % 2 else {"sweep": True}, Context(300.0)), range(10)
        ))  # fmt: skip
    machine.post()

    # One of the sixteen books to an account QuickBooks lacks; a person is told of it by one poster.
    statuses = Counter(entry["status"] for entry in machine.entries().values())
    books = [machine.quickbooks.books(realm) for realm in machine.quickbooks._books]
    ours = [row for book in books for row in book.documents() if "[odoo_demo-" in row.get("PrivateNote", "")]
    files = [attachable for book in books for attachable in book.attachables()]
    calls = machine.quickbooks.calls
    assert statuses == {"posted": 15, "failed": 1}
    assert len(ours) == len(files) == 15
    assert calls["batch"] <= 4
    assert calls["upload"] <= 6
    # Names and items, one at a time; fifteen documents more at the most, were they all alone.
    named = sum(book.creates.total() for book in books) - 2 * 15 + machine.quickbooks.refusals["6240"]
    assert named <= calls["create"] <= named + 15
    assert calls["token"] == 2
    assert len(machine.alerts()) == 1
    assert any(result["busy"] for result in results)
    assert machine.quickbooks.refusals["6000"] == 0


def test_a_trial_shows_exactly_what_would_be_sent_and_what_could_not_be(world):
    world.add(1)
    bodies = {"Rate": Decimal("1.086956522"), "Whole": money("100.00")}, {"Rate": Decimal("1.0000000000000000001")}

    shown = []
    for body in bodies:
        world.books[COMPANY].draft = lambda document, body=body, **_: Draft("Invoice", body, "hash", document.number)
        shown += world.run(ShowDrafts()).drafts

    assert json.dumps(shown[0]["body"]) == '{"Rate": 1.086956522, "Whole": 100}'
    assert "more digits than an amount can have" in shown[1]["error"]


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


# -- attempts that end with the function -------------------------------------------------------------------------------


class Killed(BaseException):
    """The function is stopped from outside."""


def kill_at(world, *numbers):
    """Let whoever drafts one of these documents be killed."""
    for number in numbers:
        world.books[COMPANY].trouble[world.entry(number).entry_id] = Killed()


def killed_runs(world, count):
    """Run so many times, each after the lease of the one before has ended; return how many were killed."""
    killed = 0
    for _ in range(count):
        world.leases.leases.clear()
        try:
            world.run()
        except Killed:
            killed += 1
    return killed


def test_a_document_that_ends_the_function_three_times_fails_with_its_reason(world):
    world.add(1)
    kill_at(world, 1)

    assert killed_runs(world, 5) == KILLED_ATTEMPTS_MAX

    entry = world.entry(1)
    assert (entry.status, entry.error_code, entry.killed_attempts) == (Status.FAILED, "ended_the_function", 0)
    assert "working on it ended the function 3 times" in entry.error_message


def test_everything_else_goes_on_meanwhile(world):
    for number in range(1, 31):
        world.add(number)
    world.add(99, OTHER)
    kill_at(world, 7)

    # The second run works on them one by one, up to the same end; the third begins with those that were in one only.
    killed_runs(world, 3)

    assert [number for number in range(1, 31) if world.status(number) is not Status.POSTED] == [7]
    assert world.status(99) is Status.POSTED


def test_two_that_end_the_function_do_not_take_each_other_along(world):
    world.add(1)
    world.add(2)
    kill_at(world, 1)
    killed_runs(world, 5)

    assert world.status(2) is Status.POSTED


def test_an_attempt_is_counted_before_the_document_is_read(world):
    world.add(1)
    counted = []
    read = world.store.document

    def noted(entry, **options):
        counted.append((world.entry(1).killed_attempts, options))
        return read(entry, **options)

    world.store.document = noted
    world.run()

    assert all(count == 1 or "bytes_max" in options for count, options in counted)
    assert world.entry(1).killed_attempts == 0


@pytest.mark.parametrize("error", [Unavailable("down"), OutcomeUnknown("?"), Throttled("slow"), Misconfigured("right")])
def test_an_attempt_that_ends_with_an_error_did_not_end_the_function(world, error):
    world.add(1)
    world.books[COMPANY].trouble[world.entry(1).entry_id] = error

    world.run()

    assert world.entry(1).killed_attempts == 0


# -- memory ------------------------------------------------------------------------------------------------------------

MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("size_mb", "at_once"), [(20, 2), (10, 4), (25, 1), (60, 1), (None, 1)], ids=["20", "10", "25", "60", "not known"]
)
def test_no_more_pdfs_are_worked_on_at_once_than_fit_over_all_realms(world, size_mb, at_once):
    size = None if size_mb is None else size_mb * MEGABYTE
    for number in range(1, 9):
        world.add(number, pdf_bytes=size)
        world.add(100 + number, OTHER, pdf_bytes=size)
    both, pdfs, most = Books(), [], []
    world.books = {COMPANY: both, OTHER: both}
    world.clock.sleep = lambda _seconds: both.pace.wait(0.005)
    real = both.attach

    def attach(files):
        pdfs.extend(files)
        most.append(len(pdfs))
        both.pace.wait(0.01)
        del pdfs[: len(files)]
        return real(files)

    both.attach = attach

    world.run()

    assert max(most) <= at_once
    assert len(both.created) == 16


# -- the deadline ------------------------------------------------------------------------------------------------------


class Slow:
    """Lets time pass at every call of a double, as a function with a tenth of a processor sees it."""

    def __init__(self, real, world, seconds):
        self._real, self._world, self._seconds = real, world, seconds

    def __getattr__(self, name):
        found = getattr(self._real, name)
        if not callable(found):
            return found

        def slow(*arguments, **options):
            self._world.passes(self._seconds)
            answer = found(*arguments, **options)
            return self._each(answer) if name in ("due", "with_status", "waiting") else answer

        return slow

    def _each(self, entries):
        for number, entry in enumerate(entries):
            if number % 500 == 0:  # a page of the table
                self._world.passes(self._seconds)
            yield entry


class SlowWorld(World):
    """A world whose every call takes a time."""

    def __init__(self, seconds, life_s=120.0):
        super().__init__()
        self._passing, self._seconds, self.life_s = threading.Lock(), seconds, life_s
        self.ended_at_s = 0.0

    def passes(self, seconds):
        with self._passing:
            self.clock.sleep(seconds)

    def run(self, command=SWEEP, companies=(COMPANY, OTHER), idle=()):
        began = self.clock.monotonic()
        collaborators = Collaborators(
            table=Slow(self.table, self, self._seconds), store=Slow(self.store, self, self._seconds),
            leases=Slow(self.leases, self, self._seconds), open_session=self.open_session,
            deadline=Deadline(lambda: int(1000 * (self.life_s - (self.clock.monotonic() - began)))),
            clock=self.clock, threads=SystemThreads(), random=random.SystemRandom(), idle=frozenset(idle),
        )  # fmt: skip
        run = PostingRun(collaborators)
        run.execute({company: [company] for company in companies}, command)
        self.ended_at_s = self.clock.monotonic() - began
        return run.outcomes.results


BACKLOG = 20_000


@pytest.mark.parametrize("seconds", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("what", ["due", "elsewhere", "failed"])
def test_a_run_ends_in_its_time_however_much_there_is_to_do_and_however_slow_everything_is(seconds, what):
    world = SlowWorld(seconds)
    for books in world.books.values():
        books.pace = threading.Event()
        books.pace.set()
    changes = {"status": Status.FAILED, "error_code": "unmapped"} if what == "failed" else {}
    template = world.add(1, **changes)
    company = "companyC" if what == "elsewhere" else COMPANY
    for number in range(2, BACKLOG + 2):
        entry = replace(template, entry_id=f"odoo-account.move-{number}", odoo_id=number, company=company)
        world.table.stored[entry.entry_id] = entry

    results = world.run(RetryFailed((), COMPANY) if what == "failed" else SWEEP)

    assert world.ended_at_s < world.life_s
    assert results.remaining


def test_a_step_for_which_no_time_is_left_is_the_next_runs_and_nobodys_trouble(world):
    world.add(1)
    draft = world.books[COMPANY].draft

    def slow(document, *, is_booked):
        world.clock.sleep(115)
        return draft(document, is_booked=is_booked)

    world.books[COMPANY].draft = slow
    results = world.run()

    assert (results.posted, results.remaining, results.paused) == (0, True, [])
    entry = world.entry(1)
    assert (entry.status, entry.attempts, entry.killed_attempts) == (Status.PENDING, 0, 0)
    assert world.books[COMPANY].created == []

    world.books[COMPANY].draft = draft
    world.clock.sleep(10)

    assert world.run().posted == 1
