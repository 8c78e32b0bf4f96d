"""What a run of the poster works with, in the words of the poster."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from pipeline.domain.books import Books
from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import Entry, Status
from pipeline.domain.lease import Lease
from pipeline.domain.threads import Threads
from pipeline.domain.values import dataclass
from pipeline.domain.waiting import Waiting
from pipeline.use_cases.post import posting, record
from pipeline.use_cases.recover.rebuild import Rebuilt


class PostingTable(record.RecordTable, Protocol):
    """The tracking table, as the poster needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry as it is now."""

    def entries(self, entry_ids: Sequence[str]) -> Mapping[str, Entry]:
        """Return the existing ones of these entries, by id, in as few reads as possible."""

    def due(self, company: str, now: datetime) -> Iterator[Entry]:
        """Yield the entries that are due now."""

    def with_status(self, company: str, status: Status) -> Iterator[Entry]:
        """Yield the entries of a company that have a status."""

    def waiting(self) -> Iterator[Waiting]:
        """Yield what is pending or posting of all companies, in as few reads as possible."""


class Leases(Protocol):
    """Who holds the lease of each realm, and which realm each company is posted to."""

    def take_lease(
        self, realm: str, holder: str, now: datetime, until: datetime, *, force: bool, companies: Sequence[str]
    ) -> Lease | None:
        """Take the lease of a realm that some companies are posted to, or return None."""

    def free_realms(self, realms: Sequence[str], now: datetime) -> set[str]:
        """Return those of the realms whose lease nobody holds and that are not paused."""

    def release_lease(self, lease: Lease, now: datetime, *, paused_for_s: int = 0) -> None:
        """Release a lease."""

    def realm(self, company: str) -> str | None:
        """Return the realm that a company is posted to, or None before its first document."""

    def keep_realm(self, company: str, realm: str) -> None:
        """Keep the realm that a company is posted to."""


class Session(Protocol):
    """One realm, open for as long as its lease is held."""

    def books(self, company: str) -> Books:
        """Return the books, with the rules of a company that is posted to them."""

    @property
    def recent_calls(self) -> tuple[int, ...]:
        """How many calls were made to the books in each of the last sixty seconds, the latest first."""

    @property
    def recent_batches(self) -> tuple[int, ...]:
        """How many batches were sent to the books in each of the last sixty seconds, the latest first."""

    @property
    def calls(self) -> Counter[str]:
        """How many calls were made, by kind."""

    @property
    def refresh_days_left(self) -> float | None:
        """How many days the connection lasts without being used, if known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """What a run of the poster works with.

    `idle` are companies whose connection nobody has used for a day. Their realms are opened without work, which keeps
    the connection alive. `rebuild` makes a company's entries of a lost table. `watch` notes what people did in the
    books of a realm. `start` starts another run for one realm, and returns whether it did.
    """

    table: PostingTable
    store: posting.PostingStore
    leases: Leases
    open_session: Callable[[Lease, Sequence[str], bool], Session]
    deadline: Deadline
    clock: Clock
    threads: Threads
    random: random.Random
    idle: frozenset[str] = frozenset()
    watch: Callable[[Any, str, Sequence[str], bool], None] = lambda _session, _realm, _companies, _is_asked: None
    start: Callable[[str], bool] = lambda _realm: False
    rebuild: Callable[[str, Any], Rebuilt] = lambda _company, _books: Rebuilt()
