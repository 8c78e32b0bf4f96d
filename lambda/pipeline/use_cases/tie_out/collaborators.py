"""What a tie-out needs of the outside world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.cursor import Cursor
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company, DocumentType
from pipeline.domain.entry import Entry
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import Rules
from pipeline.domain.tie_out.facts import JournalDocument, LedgerTransaction, Names, NotCarried, OdooState
from pipeline.domain.tie_out.merges import LedgerParty
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.numbers import Series
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.domain.values import dataclass

# In this time the last bills of a month arrive, and a person acts on what is open.
OVERDUE_DAYS = 10


class Journal(Protocol):
    """Odoo's journal items."""

    @property
    def url(self) -> str:
        """The address of Odoo, for links."""

    def count(self, company: Company, month: Month) -> int:
        """Return how many documents Odoo itself counts in the month."""

    def page(self, company: Company, month: Month, *, after_id: int) -> list[JournalDocument]:
        """Return at most a thousand documents of the month with an id above `after_id`."""

    def not_carried(self, company: Company, month: Month) -> list[NotCarried]:
        """Return how many posted journal entries that are no documents each journal has, and their sum."""

    def by_ids(self, ids: Iterable[int]) -> dict[int, OdooState]:
        """Return where the existing ones of these documents are."""

    def existing_contacts(self, ids: Iterable[int]) -> set[int]:
        """Return which of these contacts exist, archived ones too."""

    def with_numbers(self, company: Company, missing: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return where Odoo has these numbers, by journal and number."""

    def numbers_before(self, company: Company, month: Month, series: Sequence[Series]) -> dict[Series, int]:
        """Return the last number of each series before its first one of the month, where that is known."""


class File(Protocol):
    """A file attached to a transaction."""

    @property
    def attachable_id(self) -> str:
        """Its own id."""

    @property
    def size_bytes(self) -> int:
        """Its size."""


class Ledger(Protocol):
    """QuickBooks' transactions of one realm, while its lease is held."""

    @property
    def recent_calls(self) -> tuple[int, ...]:
        """The number of calls in each of the last sixty seconds, the latest first."""

    @property
    def metered_reads(self) -> int:
        """How many calls were made that Intuit charges for."""

    def page(self, kind: DocumentType, month: Month, *, start: int) -> tuple[list[LedgerTransaction], bool]:
        """Return at most a thousand transactions of the month from a position on, and whether they are the last.

        Raises NotOffered if the company's plan or its user does not have this type.
        """

    def by_ids(self, kind: DocumentType, ids: Iterable[str]) -> list[LedgerTransaction]:
        """Return the transactions with these ids that exist, whatever their date."""

    def parties(self, *, is_sale: bool, ids: Iterable[str], names: Iterable[str]) -> list[LedgerParty]:
        """Return the customers or vendors with these ids or names, active or not."""

    def names(self, transactions: Sequence[LedgerTransaction]) -> Names:
        """Return the names that are needed to compare."""

    def files(self, transactions: Sequence[LedgerTransaction]) -> Mapping[tuple[DocumentType, str], Sequence[File]]:
        """Return the files attached to the transactions, by type and id."""

    def files_by_ids(self, ids: Iterable[str]) -> Mapping[tuple[DocumentType, str], Sequence[File]]:
        """Return files by their own ids, by what they are attached to."""


class Entries(Protocol):
    """The tracking table."""

    def entries(self, entry_ids: Sequence[str]) -> Mapping[str, Entry]:
        """Return the existing ones of these entries, by id."""


class KeyValues(Protocol):
    """Small values, and leases."""

    def cursor(self, database: str, company: str) -> Cursor:
        """Return how far a company was read, or a new Cursor if it never was."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def values_of(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the texts kept under some keys, by key."""

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""

    def change(self, key: str, of: Callable[[str | None], str]) -> None:
        """Keep what `of` makes of the text under a key. No change that another run makes meanwhile is lost."""

    def take_lease(self, realm: str, holder: str, now: datetime, until: datetime, *, force: bool) -> Lease | None:
        """Take a lease until an instant, or return None if another run holds it."""

    def release_lease(self, lease: Lease, now: datetime, *, paused_for_s: int = 0) -> None:
        """Release it."""


class Reports(Protocol):
    """Where reports are stored."""

    def put(self, company: str, month: Month, files: dict[str, bytes], at: datetime) -> dict[str, str]:
        """Store the files of a report by their endings. Return their keys."""

    def put_unfinished(self, company: str, month: Month, text: str) -> None:
        """Store what was read until time ran out."""

    def unfinished(self, company: str, month: Month) -> str | None:
        """Return what was read until time ran out, or None."""

    def drop_unfinished(self, company: str, month: Month) -> None:
        """Remove what was read until time ran out."""

    def put_closed(self, company: str, month: Month, files: Mapping[str, bytes], at: datetime) -> str:
        """Store the pack of a closed month, by the names of its files, and return its folder. Nothing is replaced."""

    def add_to_closed(self, folder: str, name: str, content: bytes) -> None:
        """Store one more file in the pack of a closed month. Nothing is replaced."""

    def closed_file(self, folder: str, name: str) -> bytes | None:
        """Return a file of the pack of a closed month, or None."""

    def pdf_sizes(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of filed PDFs by key."""


class Decisions(Protocol):
    """The history, as a tie-out adds to it."""

    def decided(self, name: str, **what: str) -> None:
        """Note a decision of a person under a name."""


@dataclass(frozen=True, slots=True)
class Collaborators:
    """Everything a tie-out uses.

    `open_ledger` opens the realm of a company while its lease is held. `render` returns the files of a report by their
    endings. `realm_of` returns an empty text for a company without a realm, `in_realm` the companies of a realm.
    A month that does not tie out `overdue_after` its end is an alarm. `environment` is for commands in messages.
    """

    journal: Journal
    entries: Entries
    key_values: KeyValues
    reports: Reports
    history: Decisions
    open_ledger: Callable[[Lease, Company], Ledger]
    realm_of: Callable[[str], str]
    in_realm: Callable[[str], Sequence[str]]
    rules: Callable[[str], Rules]
    render: Callable[[TieOut], dict[str, bytes]]
    database: str
    clock: Clock
    deadline: Deadline
    holder: str
    overdue_after: timedelta = timedelta(days=OVERDUE_DAYS)
    environment: str = ""
