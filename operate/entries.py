"""The entries of the tracking table as a person asks for them: by status, cause, company, age, amount and month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from operate.errors import WrongUse
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.entry import Entry, Status

# A list longer than this is not read by a person, and reading it is paid for.
READ_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries a person asks for. An empty field does not narrow the list."""

    companies: tuple[str, ...]
    statuses: tuple[Status, ...] = ()
    causes: tuple[str, ...] = ()
    month: str = ""
    older_than: timedelta | None = None
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None
    entry_ids: frozenset[str] = field(default_factory=frozenset)

    def has(self, entry: Entry, now: datetime) -> bool:
        """Whether an entry is among them."""
        waits_since = entry.pending_since or entry.created_at
        return (
            (not self.causes or entry.error_code in self.causes)
            and (not self.month or entry.document_date.isoformat().startswith(self.month))
            and (self.older_than is None or now - waits_since >= self.older_than)
            and (self.amount_min is None or entry.total >= self.amount_min)
            and (self.amount_max is None or entry.total <= self.amount_max)
            and (not self.entry_ids or entry.entry_id in self.entry_ids)
        )


def found(table: TrackingTable, wanted: Wanted, now: datetime, note: Callable[[str], None]) -> Iterator[Entry]:
    """Yield the wanted entries, company by company. At most 50,000 are read; a note says so if there are more."""
    read = (
        entry
        for company in wanted.companies
        for status in wanted.statuses or tuple(Status)
        for entry in table.with_status(company, status)
    )
    for number, entry in enumerate(read):
        if number == READ_MAX:
            note(f"The first {READ_MAX:,} entries were read, and no more: narrow it by --company, or by --status.")
            return
        if wanted.has(entry, now):
            yield entry


def named(table: TrackingTable, entry_ids: Sequence[str]) -> list[Entry]:
    """Return the entries with these ids, in this order. Raises WrongUse, naming those that do not exist."""
    known = table.entries(list(dict.fromkeys(entry_ids)))
    missing = [entry_id for entry_id in entry_ids if entry_id not in known]
    if missing:
        raise WrongUse(
            f"There is no entry {', '.join(missing[:5])}: an entry id is <database>-account.move-<id>, as "
            "`./oqb list` shows it."
        )
    return [known[entry_id] for entry_id in dict.fromkeys(entry_ids)]
