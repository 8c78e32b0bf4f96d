"""Fifty companies, 20,000 documents, and thirty days each without Odoo, QuickBooks and SNS, played through.

Nothing is lost or doubled, every failure is reported, and people get at most one message per company, cause and day.
The use cases are the real ones; the functions are killed at some calls on the way.
"""

from __future__ import annotations

import logging
import random
import re
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache, partial
from itertools import islice
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from local.stand_ins.memory import MemoryKeyValues, MemoryStore, MemoryTable
from pipeline.domain.alert import Place
from pipeline.domain.commands import PostDue, RetryFailed
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company, Document
from pipeline.domain.entry import Status
from pipeline.domain.errors import PipelineError, Unavailable, Unmapped
from pipeline.domain.transitions import is_allowed
from pipeline.domain.values import replace
from pipeline.domain.waiting import Waiting
from pipeline.use_cases.extract.pull import Extraction
from pipeline.use_cases.extract.run import run
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.outcomes import Outcomes
from pipeline.use_cases.post.results import Results
from pipeline.use_cases.post.run import PostingRun
from pipeline.use_cases.report import Reporter, reporting
from tests.builders import LINE, WRITTEN_AT, a_document
from tests.doubles.books import MemoryBooks
from tests.odoo_world import FakeOdoo
from tests.state_world import Clock as StateClock
from tests.state_world import Crash, InTurnThreads, Process, Through

COMPANIES, DOCUMENTS, DAYS, RUNS_A_DAY = 50, 20_000, 30, 3
OF_EACH = DOCUMENTS // COMPANIES
# Of each company so many documents lack an account, and so many a tax, until a person maps them.
UNMAPPED = {"account_unmapped": (7, 90), "tax_unmapped": (120,)}
CODE = re.compile(r"For whoever runs the pipeline: (.*)$", re.MULTILINE)
COMPANY_NAME = re.compile(r"^Company: '(.*)'$", re.MULTILINE)


class Stored(dict):
    """The stored entries, and which there are of each company and status."""

    def __init__(self):
        super().__init__()
        self.ids = {}

    def __setitem__(self, entry_id, entry):
        before = self.get(entry_id)
        if before is not None:
            del self.ids[before.company, before.status][entry_id]
        self.ids.setdefault((entry.company, entry.status), {})[entry_id] = None
        super().__setitem__(entry_id, entry)


class Table(MemoryTable):
    """The table with an index, as the real one has."""

    def __init__(self):
        super().__init__()
        self.stored = Stored()
        self.read = {}

    def failed(self, limit):
        found = (self.stored[entry_id] for entry_id in self._of(Status.FAILED))
        return list(islice(found, limit))

    def waiting(self):
        for status in (Status.POSTING, Status.PENDING):
            for entry_id in self._of(status):
                entry = self.stored[entry_id]
                before, waiting = self.read.get(entry_id, (None, None))
                if before is not entry:
                    waiting = Waiting.of(entry)
                    self.read[entry_id] = (entry, waiting)
                yield waiting

    def _of(self, status):
        ids = [found for (_, one), found in self.stored.ids.items() if one is status]
        return [entry_id for found in ids for entry_id in found]

    def with_status(self, company, status):
        return iter([self.stored[entry_id] for entry_id in self.stored.ids.get((company, status), ())])

    def _write(self, before, after, by, names):
        assert is_allowed(before.status if before else None, after.status, *by)
        self.stored[after.entry_id] = after


class Store(MemoryStore):
    """The bucket, of which nobody changes anything: a copy is not read through every time."""

    def document(self, entry, *, bytes_max=None):
        return self.document_at(entry.document_key)


class Odoo:
    """Fifty companies of one database."""

    database = "odoo_demo"

    def __init__(self, companies):
        self.of = {company.name: FakeOdoo() for company in companies}
        self.is_down = False

    def page(self, company, selection, *, after_id, limit):
        if self.is_down:
            raise Unavailable("Odoo did not answer.")
        return self.of[company.name].page(company, selection, after_id=after_id, limit=limit)

    def __getattr__(self, name):
        return getattr(next(iter(self.of.values())), name)

    def with_new_attachments(self, company, since):
        return []


class Books(MemoryBooks):
    """Books that refuse what nobody has mapped yet."""

    lacking = True

    def draft(self, document, *, is_booked=False):
        place = document.odoo_id % OF_EACH
        for code, places in UNMAPPED.items():
            if self.lacking and place in places:
                raise Unmapped(f"{document.title}: it has no counterpart. Map it.", code=code)
        return super().draft(document, is_booked=is_booked)


class Alerts:
    """People who read; `is_down` is a topic that takes nothing."""

    def __init__(self):
        self.sent = []
        self.is_down = False
        self.undelivered = 0
        self.today = 0

    def deliver(self, alert):
        if self.is_down:
            self.undelivered += 1
            return False
        self.sent.append((self.today, alert))
        return True


class Clock(StateClock):
    """The world's time, which also passes for whoever waits."""

    def sleep(self, seconds):
        self._world.now += timedelta(seconds=seconds)


class World:
    """The deployment; one run of five is killed at some call."""

    def __init__(self):
        self.now = WRITTEN_AT + timedelta(days=1)
        self.chance = random.Random(12)  # noqa: S311 - a seed
        self.companies = [Company(number, f"company{number}", "USD", "US") for number in range(1, COMPANIES + 1)]
        self.odoo, self.table, self.store = Odoo(self.companies), Table(), Store()
        self.key_values, self.alerts = MemoryKeyValues(), Alerts()
        self.books = {
            company.name: Books(lambda: self.now, realm=f"realm{company.odoo_id}") for company in self.companies
        }
        self.quickbooks_is_down = False
        self.failed_runs = Counter()
        self.kills = 0
        for company in self.companies:
            for place in range(OF_EACH):
                self.write(company, place)

    def write(self, company, place):
        odoo_id = company.odoo_id * OF_EACH + place
        amount = Decimal(odoo_id)
        lines = (replace(LINE, amount=amount),)
        self.odoo.of[company.name].put(
            a_document(odoo_id, company=company, number=f"INV/{odoo_id}", lines=lines, untaxed=amount,
                       total=amount + 10, written_at=self.now)
        )  # fmt: skip

    def reporter(self, service):
        return Reporter(
            place=Place(service, "prod"), alerts=self.alerts, clock=Clock(self), key_values=self.key_values,
            table=self.table, owns=lambda entry: entry.is_unreadable is (service != "qb-poster"),
        )  # fmt: skip

    # -- the functions ---------------------------------------------------------------------------------------------

    def process(self):
        """Return an invocation; one of five dies at some call."""
        dies_at = self.chance.choice((0, 0, 0, 0, self.chance.randrange(1, 400)))
        return Process(dies_at=dies_at, afterwards=self.chance.random() < 0.5)

    def extract(self):
        process = self.process()
        through = partial(Through, process)
        try:
            with reporting(self.reporter("odoo-extractor")) as report:
                extraction = Extraction(
                    source=through(self.odoo), table=through(self.table), cursors=through(self.key_values),
                    store=through(self.store), deadline=Deadline(lambda: 300_000), now=self.now,
                    companies=self.companies, failures=report.failures, checked=report.checked,
                )  # fmt: skip
                run(extraction, self.companies, None)
        except PipelineError:
            self.failed_runs["odoo-extractor"] += 1
        except Crash:
            self.kills += 1

    def post(self, command=PostDue()):  # noqa: B008 - it is frozen
        process = self.process()
        through = partial(Through, process)

        def open_session(_lease, companies, _is_trial):
            if self.quickbooks_is_down:
                raise Unavailable("QuickBooks answered HTTP 503.")
            return SimpleNamespace(
                books=lambda company: through(self.books[company]), recent_calls=(), recent_batches=(), calls=Counter(),
                refresh_days_left=None,
            )  # fmt: skip

        with suppress(Crash), reporting(self.reporter("qb-poster")) as report:
            collaborators = Collaborators(
                table=through(self.table), store=through(self.store), leases=through(self.key_values),
                open_session=open_session, deadline=Deadline(lambda: 120_000), clock=Clock(self),
                threads=InTurnThreads(), random=self.chance,
            )  # fmt: skip
            outcomes = Outcomes(collaborators, Results(), report.failures, report.checked)
            report.checked.add("")
            realms = {f"realm{company.odoo_id}": [company.name] for company in self.companies}
            PostingRun(collaborators, outcomes).execute(realms, command)
        self.kills += process.is_dead

    def day(self):
        self.alerts.today += 1
        for _ in range(RUNS_A_DAY):
            self.extract()
            self.post()
            self.now += timedelta(days=1) / RUNS_A_DAY

    # -- the end ---------------------------------------------------------------------------------------------------

    def count(self, status):
        return sum(entry.status is status for entry in self.table.stored.values())

    def messages(self):
        """Return how many messages there were by company, cause and day, other than that a cause has ended."""
        found = Counter()
        for day, alert in self.alerts.sent:
            if ": ended: " in alert.subject:
                continue
            name = COMPANY_NAME.search(alert.text)
            for code in CODE.search(alert.text)[1].split(", "):
                found[name[1] if name else "", code, day] += 1
        return found


@pytest.fixture
def world(monkeypatch):
    # The same hash of the same document, a hundred times as fast.
    hashed = lru_cache(2 * DOCUMENTS)(Document.content_hash.fget)
    # Ten thousands of lines that nobody reads would take longer than the runs.
    monkeypatch.setattr(logging.getLogger("pipeline"), "disabled", True)
    for name in list(logging.Logger.manager.loggerDict):
        if name.startswith("pipeline."):
            monkeypatch.setattr(logging.getLogger(name), "disabled", True)
    with patch.object(Document, "content_hash", property(hashed)):
        yield World()


def test_twenty_thousand_documents_of_fifty_companies_outlast_a_month_without_each_neighbour(world):
    # Without Odoo: nothing can be known, and every run says so to the alarm.
    world.odoo.is_down = True
    for _ in range(DAYS):
        world.day()
    assert world.failed_runs["odoo-extractor"] >= DAYS * RUNS_A_DAY * 3 / 5
    assert (len(world.table.stored), world.alerts.sent) == (0, [])

    # Without QuickBooks: all of them wait, and none fails for it.
    world.odoo.is_down, world.quickbooks_is_down = False, True
    for _ in range(DAYS):
        world.day()
    assert world.count(Status.PENDING) == DOCUMENTS
    assert world.alerts.sent == []

    # Without SNS: they are posted, some fail, and nobody can be reached.
    world.quickbooks_is_down, world.alerts.is_down = False, True
    for _ in range(DAYS):
        world.day()
    failing = COMPANIES * sum(map(len, UNMAPPED.values()))
    assert (world.count(Status.POSTED), world.count(Status.FAILED)) == (DOCUMENTS - failing, failing)
    assert world.alerts.undelivered > 0
    assert not any(entry.reported_at for entry in world.table.stored.values())

    # All is well again: a first message about every cause, then one digest a day.
    world.alerts.is_down = False
    for _ in range(3):
        world.day()
    assert all(entry.reported_at for entry in world.table.stored.values() if entry.status is Status.FAILED)
    messages = world.messages()
    assert {(company, code) for company, code, _ in messages} == {
        (company.name, code) for company in world.companies for code in UNMAPPED
    }
    assert set(messages.values()) == {1}

    # A person maps what was said.
    for books in world.books.values():
        books.lacking = False
    world.post(RetryFailed())
    for _ in range(3):
        world.day()

    assert world.count(Status.POSTED) == DOCUMENTS
    booked = Counter(row.marker for books in world.books.values() for row in books.rows.values())
    assert set(booked.values()) == {1}
    assert set(booked) == set(world.table.stored)
    for company in world.companies:
        rows = {row.marker: row.total for row in world.books[company.name].rows.values()}
        documents = world.odoo.of[company.name].documents.values()
        assert rows == {document.entry_id: document.total for document in documents}
    assert world.store.waiting == []
    assert set(world.messages().values()) == {1}
    assert world.kills > DAYS
