"""One small world of extractor, comparison and poster: the real use cases, one table, one bucket, an Odoo and books.

Everything is done in turn, so that the same steps give the same end.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from local.stand_ins.memory import MemoryKeyValues
from pipeline.domain.commands import PostDue, PosterCommand, RetryFailed
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import (
    PipelineError,
)
from pipeline.domain.identity import make_entry_id
from pipeline.domain.source import Selection
from pipeline.domain.values import replace
from pipeline.use_cases.extract.pull import Extraction
from pipeline.use_cases.extract.run import run
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.run import PostingRun
from pipeline.use_cases.reconcile.deletions import compare
from tests.builders import COMPANY, LINE, WRITTEN_AT, a_document
from tests.state_fakes import Books, ComparisonsTable, Odoo, Store, Table, pdf_of

_content_hash = lru_cache(10_000)(Document.content_hash.fget)
GO_LIVE = date(2026, 10, 1)
EARLY, LATE = date(2026, 9, 15), date(2026, 11, 1)
OPEN = (Status.PENDING, Status.POSTING)


class Crash(BaseException):
    """The function is stopped in the middle."""


@dataclass
class Process:
    """One invocation: it may die at its nth call to the outside (after it took effect, or before), for good.

    `meanwhile` happens once, before the call number `meanwhile_at`.
    """

    dies_at: int = 0
    afterwards: bool = False
    meanwhile: Callable[[], None] | None = None
    meanwhile_at: int = 0
    calls: int = 0
    is_dead: bool = False

    def call(self, function, arguments, keywords):
        if self.is_dead:
            raise Crash
        self.calls += 1
        if self.meanwhile and self.calls == self.meanwhile_at:
            self.meanwhile()
        if self.calls == self.dies_at and not self.afterwards:
            self._die()
        result = function(*arguments, **keywords)
        if self.calls == self.dies_at:
            self._die()
        return result

    def _die(self):
        self.is_dead = True
        raise Crash


class Through:
    """Something outside of a process, every call to which may be its last."""

    def __init__(self, process: Process, target: Any) -> None:
        self._process = process
        self._target = target

    def __getattr__(self, name):
        value = getattr(self._target, name)
        if not callable(value):
            return value
        return lambda *arguments, **keywords: self._process.call(value, arguments, keywords)


class InTurn:
    """A pool of threads that does one thing after the other."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def submit(self, function, *arguments):
        done: Future[Any] = Future()
        try:
            done.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001 - a crash is none, and ends everything at once
            done.set_exception(error)
        return done

    def map(self, function, values):
        return [function(value) for value in values]


class InTurnThreads:
    """Threads that do one thing after the other."""

    def pool(self, size, name):
        return InTurn()

    def lock(self):
        return nullcontext()

    def first_done(self, futures):
        return futures, set()


class Middle(random.Random):
    """Chance that is always the middle."""

    def random(self):
        return 0.5


class Clock:
    """The world's time."""

    def __init__(self, world):
        self._world = world

    def now(self):
        return self._world.now

    def monotonic(self):
        return self._world.now.timestamp()


class World:
    """The pipeline between an Odoo and books; `companies` are those the QuickBooks secret knows."""

    def __init__(self, *, remembers_ids: bool = True) -> None:
        self.now = WRITTEN_AT + timedelta(days=1)
        self.odoo = Odoo()
        self.table, self.store, self.key_values = Table(), Store(), MemoryKeyValues()
        self.books = Books(lambda: self.now, remembers_ids=remembers_ids)
        self.companies = [COMPANY.name]
        self._numbers = 0
        self._patches = ExitStack()
        # The same hash of the same document, a hundred times as fast.
        self._patches.enter_context(patch.object(Document, "content_hash", property(_content_hash)))

    def close(self) -> None:
        self._patches.close()

    # -- people and time -------------------------------------------------------------------------------------------

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.books.let_pass(self.now)

    def put(self, odoo_id: int = 1, **changes: Any) -> None:
        """Post a new document in Odoo, of a number and an amount of its own."""
        self.odoo.put(a_document(odoo_id, **{"written_at": self.now, **self.content(), "number": self.number(),
                                             **changes}))  # fmt: skip

    def number(self) -> str:
        self._numbers += 1
        return f"INV/{self._numbers}"

    def content(self) -> dict[str, Any]:
        """Return a content that no document had before; every other one shows in its PDF."""
        self._numbers += 1
        amount = Decimal(100 + self._numbers)
        memo = {"memo": f"memo {self._numbers}"} if self._numbers % 2 else {}
        return {"lines": (replace(LINE, amount=amount),), "untaxed": amount, "total": amount + 10, **memo}

    def edit(self, odoo_id: int = 1, **changes: Any) -> None:
        self.odoo.write(odoo_id, self.now, **(changes or self.content()))

    def entry(self, odoo_id: int = 1) -> Entry:
        return self.table.stored[make_entry_id(Odoo.database, odoo_id)]

    # -- the functions ---------------------------------------------------------------------------------------------

    def extract(
        self, process: Process | None = None, selection: Selection | None = None, seconds: float = 300.0
    ) -> Extraction:
        """Let the extractor run once, with the comparison."""
        process = process or Process()
        odoo = Through(process, self.odoo)
        extraction = Extraction(
            source=odoo, table=Through(process, self.table), cursors=Through(process, self.key_values),
            store=Through(process, self.store), deadline=Deadline(lambda: int(seconds * 1000)), now=self.now,
            companies=[COMPANY], go_live=lambda _name: GO_LIVE,
        )  # fmt: skip
        table, key_values = Through(process, ComparisonsTable(self.table)), Through(process, self.key_values)
        with suppress(Crash, PipelineError):
            run(extraction, [COMPANY], selection, lambda company: compare(extraction, odoo, table, key_values, company))
        return extraction

    def post(self, command: PosterCommand | None = None, process: Process | None = None) -> PostingRun:
        """Let the poster run once."""
        process = process or Process()
        books = Through(process, self.books)
        session = SimpleNamespace(
            books=lambda _company: books,
            recent_calls=(),
            recent_batches=(),
            calls=Counter(),
            refresh_days_left=None,
        )
        collaborators = Collaborators(
            table=Through(process, self.table), store=Through(process, self.store),
            leases=Through(process, self.key_values), open_session=lambda _lease, _companies, _dry_run: session,
            deadline=Deadline(lambda: 120_000), clock=Clock(self), threads=InTurnThreads(), random=Middle(),
        )  # fmt: skip
        run = PostingRun(collaborators)
        with suppress(Crash, PipelineError):
            run.execute({self.books.realm: self.companies} if self.companies else {}, command or PostDue())
        return run

    def retry(self, process: Process | None = None) -> None:
        self.post(RetryFailed(), process)

    # -- the end ---------------------------------------------------------------------------------------------------

    def fix(self) -> None:
        """Mend what is wrong in QuickBooks and in its secret."""
        self.books.trouble.clear()
        self.books.settings.clear()
        self.companies = [COMPANY.name]

    def heal(self) -> None:
        """Fix all that can be fixed, in Odoo as well."""
        self.fix()
        for odoo_id in self.odoo.deleted:
            self.store.restore(make_entry_id(Odoo.database, odoo_id))
        self.odoo.unreadable.clear()
        self.odoo.hidden.clear()
        self.odoo.without_pdf.clear()

    def come_to_rest(self, rounds: int = 12) -> None:
        """Let the schedule run, a quarter of an hour apart, until nothing is open."""
        for _ in range(rounds):
            self.passes(15 * 60)
            before = dict(self.table.stored)
            self.extract()
            self.post()
            if self.table.stored == before and not any(entry.status in OPEN for entry in before.values()):
                return
        raise AssertionError(f"it never comes to rest: {[entry for entry in before.values() if entry.status in OPEN]}")

    def finish(self) -> None:
        """Heal everything and let two days pass; a person does what the failed ones say, and retries them."""
        self.heal()
        self.passes(2 * 3600)
        self.extract()
        self.post()
        # What is deleted in Odoo is found within a day.
        self.passes(25 * 3600)
        self.come_to_rest()
        self.retry()
        self.come_to_rest()
        # Nothing but a lost copy may show only when another cause is fixed.
        for entry in self.table.stored.values():
            if entry.error_code == "copy_missing" and entry.odoo_id in self.odoo.documents:
                self.odoo.write(entry.odoo_id, self.now)
        self.come_to_rest()

    def faults(self) -> list[str]:
        """Return what is wrong with the end: of every document in Odoo, and of every entry."""
        found = []
        for document in self.odoo.documents.values():
            found += self._faults_of(document)
        for entry in self.table.stored.values():
            if entry.odoo_id not in self.odoo.documents:
                if self.books.of(entry.entry_id):
                    found.append(f"{entry.title} was deleted in Odoo, and stands in the books")
                if entry.status not in (Status.VOIDED, Status.SKIPPED):
                    found.append(f"{entry.title} was deleted in Odoo, and is {entry.status}: {entry.error_message}")
        if self.store.waiting:
            found.append(f"in pending/ are {sorted(self.store.waiting)}")
        return found

    def _faults_of(self, document: Document) -> list[str]:
        entry = self.table.stored.get(document.entry_id)
        rows = self.books.of(document.entry_id)
        if entry is None:
            return [f"{document.title} was never pulled"]
        says = f"{document.title} is {entry.status} ({entry.error_code} {entry.error_message})"
        if document.withdrawn:
            return [f"{says}, withdrawn"] * (bool(rows) or entry.status not in (Status.VOIDED, Status.SKIPPED))
        if entry.status is Status.SKIPPED and document.booked_on < GO_LIVE:
            return [f"{says}, and stands in the books"] * bool(rows)
        if entry.status is not Status.POSTED or len(rows) != 1:
            return [f"{says} and stands {len(rows)} times"]
        (row,) = rows
        files = [content for _, content in row.files.values()]
        standing = (row.qb_id, row.number, row.total, files)
        wanted = (entry.qb_id, document.number, document.total, [pdf_of(document)])
        return [] if standing == wanted else [f"{says} and stands as {standing} instead of {wanted}"]
