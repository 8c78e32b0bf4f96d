"""Two companies with their entries, and runs of the poster over them."""

from __future__ import annotations

import random
import threading
from collections import Counter

from local.stand_ins.memory import MemoryKeyValues
from pipeline.domain.commands import PostDue
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.entry import Status
from pipeline.domain.lease import Lease
from pipeline.runtime import SystemThreads
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.results import Results
from pipeline.use_cases.post.run import PostingRun
from tests.books_world import COMPANY, REALM_ID, Clock, NotedStore, NotedTable, a_document, an_entry
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
