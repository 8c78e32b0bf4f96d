"""Compare once a day which documents Odoo has and which we have, to find deleted and missed ones.

A document that is reset to draft and deleted leaves no trace: no write date, no row. Only comparing ids shows it. The
same comparison finds what a pull cannot have seen (a transaction that committed later than the lag).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import batched
from typing import Protocol

from pipeline.domain import from_odoo
from pipeline.domain.advice import DELETED_IN_ODOO
from pipeline.domain.alert import Failure
from pipeline.domain.cursor import PAGE_DOCUMENTS
from pipeline.domain.document import Company
from pipeline.domain.entry import Entry, Seen, Status
from pipeline.domain.errors import InvalidDocument, NeedsAttention
from pipeline.domain.identity import make_entry_id
from pipeline.domain.source import Selection
from pipeline.domain.values import replace
from pipeline.use_cases.extract.pull import Extraction

logger = logging.getLogger(__name__)

EVERY = timedelta(days=1)
# Read this period again: a change in a transaction longer than the lag is then found within a day.
DAILY_LOOKBACK = timedelta(hours=25)
ALLOWANCE_S = 60.0
# If more than this many disappear at once, and nothing shows that a backup was restored, the user has probably lost a
# right: change nothing and ask a person.
DELETED_MAX = 200
_DELETED_REMEDY = (
    "Have it deleted in QuickBooks by retrying it (invoke the poster with its company and retry_failed), or keep it "
    "there and leave its entry as it is."
)


class ComparisonSource(Protocol):
    """Which documents exist in Odoo."""

    database: str

    def written(self, company: Company) -> dict[int, datetime]:
        """Return the ids of all documents of a company, and when each was written."""

    def existing(self, company: Company, ids: set[int]) -> set[int]:
        """Return which of these exist and were posted once, in any state and of any type."""


class ComparisonTable(Protocol):
    """The tracking table, as the comparison needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry."""

    def ids(self, database: str, company: str) -> dict[int, Seen]:
        """Return the Odoo id of every entry of a company, its status and when Odoo wrote it."""

    def save_extracted(self, entry: Entry, *, previous: Entry | None) -> None:
        """Write Odoo's new version of an entry."""


class ComparisonKeyValues(Protocol):
    """When a company was last compared."""

    def compared_at(self, database: str, company: str) -> datetime | None:
        """Return when a company was last compared, or None."""

    def keep_compared(self, database: str, company: str, moment: datetime) -> None:
        """Store when a company was compared."""


def compare(
    extraction: Extraction,
    source: ComparisonSource,
    table: ComparisonTable,
    key_values: ComparisonKeyValues,
    company: Company,
) -> None:
    """Compare a company's ids if a day has passed and its last pull was complete. Report what was deleted.

    If the pull has met an id that belongs to another document now, Odoo was restored from a backup, and the comparison
    does not wait for the day to pass. Documents that are older in Odoo than when we read them are read again.
    """
    database, now = source.database, extraction.now
    if extraction.dry_run or extraction.cursors.cursor(database, company.name).walk_began is not None:
        return
    last = key_values.compared_at(database, company.name)
    is_due = last is None or now - last >= EVERY or company.name in extraction.restored
    if not is_due or not extraction.deadline.allows(ALLOWANCE_S):
        return
    known = table.ids(database, company.name)
    written = source.written(company)
    # Only a restored backup sets a write date back, and no pull would see it.
    set_back = {odoo_id for odoo_id in written.keys() & known.keys() if written[odoo_id] < known[odoo_id].written_at}
    gone = _gone(source, company, known, written)
    if len(gone) > DELETED_MAX and not (set_back or company.name in extraction.restored):
        raise NeedsAttention(
            f"Odoo no longer shows {len(gone)} of the {len(known)} documents known of {company.name}. Has its user "
            "lost a right? If they were deleted on purpose, compare them with QuickBooks by hand; nothing was changed.",
            code="documents_gone",
        )
    for odoo_id in sorted(gone):
        if not extraction.deadline.allows(ALLOWANCE_S):
            extraction.counts.remaining = True
            break
        entry = table.entry(make_entry_id(database, odoo_id))
        if entry is not None and entry.error_code != DELETED_IN_ODOO:
            _take_out(extraction, table, company, entry)
    missed = (written.keys() - known.keys()) | set_back | _back(extraction, known, written)
    for ids in batched(sorted(missed), PAGE_DOCUMENTS):
        logger.warning("documents missed by the pulls", extra={"company": company.name, "ids": list(ids)})
        extraction.pull_selected(company, Selection(ids=ids))
    if last is not None:
        extraction.pull_selected(company, Selection(since=now - DAILY_LOOKBACK))
    if not extraction.counts.remaining:
        key_values.keep_compared(database, company.name, now)


def _gone(
    source: ComparisonSource, company: Company, known: Mapping[int, Seen], written: Mapping[int, datetime]
) -> set[int]:
    """Return the documents that are known and open or in the books, and that Odoo no longer has in any state."""
    open_or_booked = {odoo_id for odoo_id, seen in known.items() if seen.status not in (Status.SKIPPED, Status.VOIDED)}
    gone = open_or_booked - written.keys()
    return gone - source.existing(company, gone) if gone else gone


def _back(extraction: Extraction, known: Mapping[int, Seen], written: Mapping[int, datetime]) -> set[int]:
    """Return the documents that were taken for deleted and are back unchanged, as when a right is granted again."""
    maybe = {
        odoo_id
        for odoo_id in written.keys() & known.keys()
        if known[odoo_id].status not in (Status.SKIPPED, Status.POSTED)
    }
    entries = extraction.table.entries([make_entry_id(extraction.source.database, one) for one in sorted(maybe)])
    return {entry.odoo_id for entry in entries.values() if entry.withdrawn and not entry.content_hash}


def _take_out(extraction: Extraction, table: ComparisonTable, company: Company, entry: Entry) -> None:
    """Withdraw a deleted document: at once if nothing was sent, otherwise when a person decides."""
    key, has_copy = entry.document_key, True
    try:
        document = replace(extraction.store.document(entry), withdrawn=True)
        key = extraction.store.put_document(document, entry.version + 1)
    except InvalidDocument:
        # Without a copy the document cannot be taken back, and a retry says so.
        has_copy = False
    deleted = from_odoo.deleted_in_odoo(entry, key, has_copy=has_copy, now=extraction.now)
    if deleted.status is Status.VOIDED:
        extraction.store.drop_pending(entry)
    table.save_extracted(deleted, previous=entry)
    extraction.counts.withdrawn += 1
    if deleted.status is Status.FAILED:
        extraction.counts.failed += 1
        extraction.failures.append(
            Failure(company.name, DELETED_IN_ODOO, entry.title, deleted.error_message, _DELETED_REMEDY, entry.entry_id)
        )
