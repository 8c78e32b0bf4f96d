"""A sweep over many companies: one run for each realm with work, and few calls when there is none."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from local.stand_ins.memory import MemoryKeyValues
from pipeline.domain.commands import PostDue
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.entry import Status
from pipeline.runtime import SystemThreads
from pipeline.use_cases.post import run as module
from pipeline.use_cases.post import survey as survey_module
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.results import Results
from pipeline.use_cases.post.run import PostingRun
from tests.books_world import NOW, Clock, NotedStore, NotedTable, a_document, an_entry
from tests.doubles.books import MemoryBooks

LIFE_S = 120.0
# What a call to the books takes, and to open a realm: its token, its lists.
CALL_S = 0.5
OPENING_S = 4.0


class SlowBooks(MemoryBooks):
    """Books whose calls take time on the clock of the run that makes them."""

    def __init__(self, realm: str) -> None:
        super().__init__(realm=realm)
        self.clock = Clock()

    def create(self, *arguments):
        self.clock.sleep(CALL_S)
        return super().create(*arguments)

    def create_together(self, *arguments):
        self.clock.sleep(CALL_S)
        return super().create_together(*arguments)

    def attach(self, *arguments):
        self.clock.sleep(CALL_S)
        return super().attach(*arguments)


class Session:
    """A realm that has been opened."""

    recent_calls = recent_batches = ()
    refresh_days_left = None

    def __init__(self, books: SlowBooks) -> None:
        self.calls = Counter()
        self._books = books

    def books(self, _company):
        return self._books


class CountedTable(NotedTable):
    """A table that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Counter()

    def waiting(self):
        self.asked["waiting"] += 2  # one query for each of two statuses
        return super().waiting()

    def due(self, company, now):
        self.asked["due"] += 1
        return super().due(company, now)

    def with_status(self, company, status):
        self.asked["with_status"] += 1
        return super().with_status(company, status)


class World:
    """Companies with a realm each. Runs that a sweep starts begin when it does, each with a clock of its own."""

    def __init__(self, companies: int) -> None:
        self.realms = {f"realm{number}": [f"company{number}"] for number in range(companies)}
        self.table, self.store, self.leases = CountedTable(), NotedStore(), MemoryKeyValues()
        self.books = {realm: SlowBooks(realm) for realm in self.realms}
        self.now = NOW
        self.starts: list[str] = []
        self.takes_starts = True
        self.ended: list[float] = []

    def add(self, company: int, documents: int = 1, **changes) -> None:
        for number in range(documents):
            name = Company(company + 1, f"company{company}", "USD", "US")
            document = a_document(odoo_id=1_000 * company + number + 1, number=f"INV/{number}", company=name)
            entry = an_entry(document, **changes)
            self.store.put_all(entry, document)
            self.table.put(entry)

    def run(self, command=PostDue(), idle=()) -> Results:  # noqa: B008 - it is frozen
        clock = Clock(self.now)

        def open_session(lease, _companies, _dry_run):
            clock.sleep(OPENING_S)
            self.books[lease.realm].clock = clock
            return Session(self.books[lease.realm])

        def start(realm):
            self.starts.append(realm)
            return self.takes_starts

        began = clock.monotonic()
        run = PostingRun(
            Collaborators(
                table=self.table, store=self.store, leases=self.leases, open_session=open_session,
                deadline=Deadline(lambda: int(1000 * (LIFE_S - (clock.monotonic() - began)))), clock=clock,
                threads=SystemThreads(), random=random.SystemRandom(), idle=frozenset(idle), start=start,
            )
        )  # fmt: skip
        run.execute(self.realms, command)
        self.ended.append(clock.monotonic() - began)
        return run.outcomes.results

    def sweep(self) -> list[Results]:
        """Sweep, run what it starts, and let a minute pass."""
        self.starts.clear()
        results = [self.run()]
        results += [self.run(PostDue(realm=realm)) for realm in (self.starts if self.takes_starts else [])]
        self.now += timedelta(minutes=2)
        return results

    @property
    def posted(self) -> int:
        return sum(entry.status is Status.POSTED for entry in self.table.stored.values())


def test_fifty_companies_with_five_documents_each_are_posted_within_two_sweeps_and_none_is_paused():
    world = World(50)
    for company in range(50):
        world.add(company, 5)

    results = [*world.sweep(), *world.sweep()]

    assert world.posted == 250
    assert [result.paused for result in results if result.paused] == []
    assert max(world.ended) < LIFE_S


def test_one_run_alone_could_not_do_it():
    world = World(50)
    world.takes_starts = False
    for company in range(50):
        world.add(company, 5)

    world.sweep()

    assert world.posted < 250


def test_a_sweep_starts_a_run_for_each_realm_with_work_but_the_one_it_works_on_itself():
    world = World(6)
    for company in (1, 3, 4):
        world.add(company)

    result = world.run()

    assert result.started == len(world.starts) == 2
    assert result.posted == 1
    assert world.posted == 1
    assert set(world.starts) < {"realm1", "realm3", "realm4"}


def test_a_single_realm_with_work_needs_no_other_run():
    world = World(6)
    world.add(2)

    assert (world.run().posted, world.starts) == (1, [])


def test_a_run_for_one_realm_works_for_no_other_and_measures_nothing():
    world = World(3)
    world.add(0)
    world.add(1)

    result = world.run(PostDue(realm="realm1"))

    assert (world.posted, world.starts, result.backlog) == (1, [], None)
    assert world.run(PostDue(realm="gone")).posted == 0


def test_what_cannot_be_started_is_worked_on_here_and_lambda_is_asked_once():
    world = World(4)
    world.takes_starts = False
    for company in range(4):
        world.add(company)

    result = world.run()

    assert (result.posted, result.started, len(world.starts)) == (4, 0, 1)


def test_no_run_is_started_for_a_realm_that_is_held_or_paused():
    world = World(4)
    for company in range(4):
        world.add(company)
    until = NOW + timedelta(minutes=5)
    world.leases.take_lease("realm0", "another", NOW, until, force=False)
    paused = world.leases.take_lease("realm1", "another", NOW, until, force=False)
    world.leases.release_lease(paused, NOW, paused_for_s=600)

    result = world.run()

    assert set(world.starts) < {"realm2", "realm3"}
    assert result.busy == ["company0", "company1"]


def test_no_more_runs_are_started_than_the_limit(monkeypatch):
    monkeypatch.setattr(module, "STARTED_MAX", 2)
    world = World(5)
    for company in range(5):
        world.add(company)

    world.run()

    assert len(world.starts) == 2
    assert world.posted == 3


def test_a_connection_that_must_be_used_is_work_too():
    world = World(3)

    world.run(idle={"company0", "company2"})

    assert len(world.starts) == 1


def test_the_idle_sweep_of_a_thousand_companies_asks_the_table_once_for_all():
    world = World(1_000)
    world.add(7, next_attempt_at=NOW + timedelta(hours=1))

    result = world.run()

    assert sum(world.table.asked.values()) <= 1_000 / 100
    assert (result.backlog, world.starts) == (1, [])


def test_a_company_that_a_large_backlog_hides_is_asked_by_itself(monkeypatch):
    monkeypatch.setattr(survey_module, "SURVEYED_MAX", 3)
    world = World(2)
    world.add(0, 5, next_attempt_at=NOW + timedelta(hours=1))
    world.add(1)

    world.sweep()

    assert world.posted == 1


@pytest.mark.parametrize("changes", [{"pdf_sha256": ""}, {"next_attempt_at": NOW + timedelta(minutes=1)}])
def test_what_is_not_due_starts_nothing(changes):
    world = World(3)
    for company in range(3):
        world.add(company, **changes)

    assert (world.run().backlog, world.starts) == (3, [])
