"""Reading both sides of a month, page by page, so that it can go on where it stopped."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.domain.codec import dumps, loads
from pipeline.domain.document import Company, DocumentType
from pipeline.domain.errors import NeedsAttention, NotOffered, OutOfTime, Unavailable
from pipeline.domain.tie_out.facts import JournalDocument, LedgerTransaction, Unread
from pipeline.domain.tie_out.month import Month
from pipeline.domain.values import dataclass, replace
from pipeline.use_cases.tie_out.collaborators import Collaborators, Ledger

# A page of a thousand documents with their journal items takes Odoo some seconds; a client's time-out is a minute.
PAGE_ALLOWANCE_S = 75.0
# What was read longer ago is too old to be compared with what is read now.
KEPT_FOR = timedelta(hours=6)
DOCUMENTS_MAX = 100_000
_KINDS = tuple(DocumentType)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read so far. `kind` and `start` are the next page of QuickBooks; `metered_reads` were paid for it.

    `unread` are the types that QuickBooks does not offer to the company, as a small plan does with bills.
    """

    began_at: datetime
    documents: tuple[JournalDocument, ...] = ()
    is_journal_read: bool = False
    transactions: tuple[LedgerTransaction, ...] = ()
    kind: int = 0
    start: int = 1
    metered_reads: int = 0
    unread: tuple[Unread, ...] = ()

    @property
    def is_ledger_read(self) -> bool:
        """Whether QuickBooks was read to the end."""
        return self.kind >= len(_KINDS)


class Reader:
    """Reads one company and month. `reading` is what was read so far."""

    def __init__(self, collaborators: Collaborators, company: Company, month: Month) -> None:
        self._with = collaborators
        self._company = company
        self._month = month
        self.reading = self._kept() or Reading(collaborators.clock.now())

    def _kept(self) -> Reading | None:
        text = self._with.reports.unfinished(self._company.name, self._month)
        if not text:
            return None
        try:
            reading = loads(Reading, text)
        except ValueError:
            return None  # stored by another version of this code
        return reading if self._with.clock.now() - reading.began_at < KEPT_FOR else None

    def keep(self) -> None:
        """Store what was read so far."""
        self._with.reports.put_unfinished(self._company.name, self._month, dumps(self.reading))

    def read_journal(self) -> None:
        """Read what is left of Odoo's month.

        Raises OutOfTime, Unavailable if Odoo counts other documents than it returns, and NeedsAttention for too many.
        """
        for _ in range(2):
            while not self.reading.is_journal_read:
                self._check_time()
                known = self.reading.documents
                after_id = known[-1].odoo_id if known else 0
                page = self._with.journal.page(self._company, self._month, after_id=after_id)
                documents = (*known, *page)
                self._check_size(len(documents))
                self.reading = replace(self.reading, documents=documents, is_journal_read=not page)
            if self._with.journal.count(self._company, self._month) == len(self.reading.documents):
                return
            # Something was posted or deleted meanwhile.
            self.reading = replace(self.reading, documents=(), is_journal_read=False)
        raise Unavailable(
            f"Odoo counts other documents of {self._month.name} than it answers with: somebody is posting just now."
        )

    def read_ledger(self, ledger: Ledger) -> None:
        """Read what is left of QuickBooks' month. Raises OutOfTime, and NeedsAttention for too many transactions."""
        while not self.reading.is_ledger_read:
            self._check_time()
            reading = self.reading
            kind = _KINDS[reading.kind]
            try:
                page, is_last = ledger.page(kind, self._month, start=reading.start)
            except NotOffered as error:
                unread = (*reading.unread, Unread(kind, str(error)))
                self.reading = replace(reading, unread=unread, kind=reading.kind + 1, start=1)
                continue
            known = {(transaction.document_type, transaction.qb_id) for transaction in reading.transactions}
            # A transaction that was added while pages were read moves others to the next page.
            fresh = tuple(row for row in page if (row.document_type, row.qb_id) not in known)
            self._check_size(len(known) + len(fresh))
            self.reading = replace(
                reading,
                transactions=(*reading.transactions, *fresh),
                kind=reading.kind + is_last,
                start=1 if is_last else reading.start + len(page),
            )

    def _check_time(self) -> None:
        # What was read is kept, and the next run goes on.
        if not self._with.deadline.allows(PAGE_ALLOWANCE_S):
            raise OutOfTime("The time of this run is up; the next one goes on.")

    def _check_size(self, count: int) -> None:
        if count > DOCUMENTS_MAX:
            raise NeedsAttention(
                f"{self._month.name} has more than {DOCUMENTS_MAX:,} documents, more than one tie-out can hold."
            )
