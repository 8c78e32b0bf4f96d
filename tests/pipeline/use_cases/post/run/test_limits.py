"""The limits of a run: posters side by side, memory, and the deadline."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import pytest

import qb_poster
from local.demo.documents import many
from local.stand_ins.aws import Context
from pipeline.domain.commands import RetryFailed
from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import Status
from pipeline.qbo import limiter
from pipeline.runtime import SystemThreads
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.run import PostingRun
from tests.books_world import COMPANY
from tests.conftest import fresh_container
from tests.posting_run_world import OTHER, SWEEP, Books, World


@pytest.fixture
def unhurried(monkeypatch):
    """Lift the limits of QuickBooks' pace, which have tests of their own."""
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))


# -- the real handlers, several at once --------------------------------------------------------------------------------


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


MEGABYTE = 2**20


# -- memory ------------------------------------------------------------------------------------------------------------


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


# -- the deadline ------------------------------------------------------------------------------------------------------


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
