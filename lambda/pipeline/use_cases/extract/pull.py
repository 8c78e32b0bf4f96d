"""Pull a company's new and changed documents out of Odoo and store each as an entry with its PDF.

The order is document JSON, entry, PDF, cursor, so that the next run repairs a crash at any point. Pages go by id, not
by `write_date`: thousands of rows may share one instant, and a row that changes while a page is read would move every
later page. A pull is one walk through the ids of everything written since the cursor. The cursor moves only when the
walk is complete, and no further than when the walk began.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, timedelta

from pipeline.domain import from_odoo
from pipeline.domain.alert import EXTRACTOR, Failure
from pipeline.domain.cursor import PAGE_DOCUMENTS, Cursor
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company, Document
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import InvalidDocument, NotStored, PipelineError
from pipeline.domain.exhausted import exhausted
from pipeline.domain.from_odoo import UNANSWERED_BY_ODOO
from pipeline.domain.identity import make_entry_id
from pipeline.domain.source import Page, Selection, TooMany, UnreadableDocument
from pipeline.domain.values import dataclass, replace
from pipeline.use_cases.extract.collaborators import Cursors, ExtractorSource, ExtractorStore, ExtractorTable
from pipeline.use_cases.extract.counts import Counts, Progress
from pipeline.use_cases.extract.decide import Decision, News, decide, is_news_of_itself
from pipeline.use_cases.extract.fetch import PdfFetching
from pipeline.use_cases.extract.reading import FEWER, PAGE_ALLOWANCE_S, pages, read_page, to_try_again, unanswered

logger = logging.getLogger(__name__)

# write_date is when Odoo's transaction began: a long transaction commits rows older than those already seen.
LOOKBACK = timedelta(minutes=10)
UNFINISHED_MAX = 200
# If more documents than this wait to be posted, pulling pauses: a backlog belongs in Odoo, not in the table.
BACKLOG_MAX = 2_000
_PULLED_AGAIN = "When it is fixed in Odoo, the next run pulls it again by itself."


@dataclass(slots=True)
class Extraction:
    """One run of the extractor over one or several companies."""

    source: ExtractorSource
    table: ExtractorTable
    cursors: Cursors
    store: ExtractorStore
    deadline: Deadline
    now: datetime
    # All companies that the source has, whichever are pulled.
    companies: Sequence[Company]
    dry_run: bool = False
    # The date from which a company's documents are for the books. None means all of them.
    go_live: Callable[[str], date | None] = lambda _company: None
    # Whether a company wants its receipts skipped.
    skips_receipts: Callable[[str], bool] = lambda _company: False
    counts: Counts = field(default_factory=Counts)
    failures: list[Failure] = field(default_factory=list)
    # The companies that this run has checked: what is wrong with them is in `failures`.
    checked: set[str] = field(default_factory=set)
    pdfs: PdfFetching = field(init=False)
    # Waits for some seconds, where a run has reason to wait for the poster.
    wait: Callable[[float], None] | None = None
    # The companies that were not pulled, because too many of their documents wait to be posted.
    held_up: list[Company] = field(default_factory=list)
    # The companies in which another document has the id of one that is in the books.
    restored: set[str] = field(default_factory=set)
    # The companies that are not pulled before they are rebuilt, because the table was lost.
    lost: Collection[str] = ()
    _refused: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pdfs = PdfFetching(self.source, self.table, self.store, self.deadline, self.counts)

    def pull(self, company: Company) -> None:
        """Pull what is new and changed since the company's cursor. The next run goes on where time ran out."""
        if not self.deadline.allows(PAGE_ALLOWANCE_S):
            self.counts.remaining = True
            return
        # First, because an entry without its PDF counts as backlog and cannot be posted.
        unfinished = self.table.unfinished(company.name, UNFINISHED_MAX)
        silent = unanswered(unfinished)
        without = set(_ids(silent))
        if not self.dry_run:
            self._pull_ids(company, set(_ids(unfinished)) - without)
        if self.table.backlog(company.name, BACKLOG_MAX) >= BACKLOG_MAX:
            logger.warning("pulling pauses: too many documents wait to be posted", extra={"company": company.name})
            self.counts.remaining = True
            self.held_up.append(company)
            return
        cursor = self.cursors.cursor(self.source.database, company.name)
        if cursor.walk_began is None:
            cursor = cursor.begun(self.now)
            if cursor.since:
                touched = self.source.with_new_attachments(company, cursor.since - LOOKBACK)
                self._pull_ids(company, set(touched) - without)
        self._walk(company, cursor, silent)

    def _walk(self, company: Company, cursor: Cursor, silent: Sequence[Entry]) -> None:
        """Take the pages of a walk, without the documents that were `silent` before. They come at its end, when due."""
        since = cursor.since - LOOKBACK if cursor.since else None
        selection = Selection(since=since, without=_ids(silent))
        while self.deadline.allows(PAGE_ALLOWANCE_S):
            limit = cursor.page_max or PAGE_DOCUMENTS
            try:
                page = self._page(company, selection, cursor.after_id, limit)
            except TooMany:
                cursor = cursor.with_page_of(limit // FEWER)
                self._move(company, cursor)
                continue
            if self._take(company, page) is Progress.INTERRUPTED:
                break
            cursor = cursor.after(page)
            self._move(company, cursor)
            if cursor.walk_began is None:
                # Last, because one of these may take all the time that is left.
                self._pull_ids(company, set(to_try_again(silent, self.now)))
                return
        self.counts.remaining = True

    def pull_selected(self, company: Company, selection: Selection | None) -> None:
        """Pull the selected documents. The cursor does not move."""
        if selection is None:
            return
        is_complete = False
        for page in pages(
            self.source, company, selection,
            deadline=self.deadline, companies=self.companies, limit=PAGE_DOCUMENTS,
        ):  # fmt: skip
            if self._take(company, page) is Progress.INTERRUPTED:
                return
            is_complete = not page.last_id
        self.counts.remaining |= not is_complete

    def _pull_ids(self, company: Company, ids: set[int]) -> None:
        if ids:
            self.pull_selected(company, Selection(ids=tuple(sorted(ids))))

    def _page(self, company: Company, selection: Selection, after_id: int, limit: int) -> Page:
        return read_page(
            self.source, company, selection,
            after_id=after_id, limit=limit, deadline=self.deadline, companies=self.companies,
        )  # fmt: skip

    def _move(self, company: Company, cursor: Cursor) -> None:
        if not self.dry_run:
            self.cursors.move_cursor(self.source.database, company.name, cursor)
        self.counts.cursor[company.name] = cursor.since.isoformat() if cursor.since else ""

    # -- a page ----------------------------------------------------------------------------------------------------

    def _take(self, company: Company, page: Page) -> Progress:
        """Store a page. An interrupted page is read again."""
        unreadable_ids = {row.odoo_id: make_entry_id(self.source.database, row.odoo_id) for row in page.unreadable}
        known = self.table.entries([*(document.entry_id for document in page.documents), *unreadable_ids.values()])
        for row in page.unreadable:
            previous = known.get(unreadable_ids[row.odoo_id])
            withdrawn = self._as_withdrawn(row, previous)
            if withdrawn is None:
                self._refuse(company, row, previous)
            else:
                self._take_alone(company, withdrawn, previous)
        if not self.dry_run:
            self.source.will_ask_for_pdfs([document for document in page.documents if self._needs_pdf(document, known)])
        with self.pdfs.attached():
            for document in page.documents:
                if self._take_alone(company, document, known.get(document.entry_id)) is Progress.INTERRUPTED:
                    self.counts.remaining = True
                    return Progress.INTERRUPTED
        return Progress.COMPLETE

    def _take_alone(self, company: Company, document: Document, previous: Entry | None) -> Progress:
        """Take one document. If it cannot be stored, or makes our code fail, refuse it: it stops none of the others."""
        try:
            return self._take_one(document, previous)
        except NotStored as error:
            # If nothing can be stored at all, neither can this refusal, and the run ends with that error. The document
            # itself may be stored already, without its PDF.
            stored = self.table.entries([document.entry_id]).get(document.entry_id)
            self._refuse(company, _not_stored(document, error), stored)
        except PipelineError:
            raise
        except Exception as error:  # a fault of ours: it stops this document, and none of the others
            logger.exception("unexpected fault", extra={"entry_id": document.entry_id})
            self._refuse(company, _unexpected(document, error), previous)
        return Progress.COMPLETE

    def _decide(self, document: Document, previous: Entry | None) -> Decision:
        company = document.company.name
        skips_receipts = self.skips_receipts(company)
        return decide(document, previous, self.go_live(company), self.now, skips_receipts=skips_receipts)

    def _needs_pdf(self, document: Document, known: Mapping[str, Entry]) -> bool:
        try:
            return self._decide(document, known.get(document.entry_id)).needs_pdf
        except Exception:  # noqa: BLE001 - whatever it is, it is reported where the document itself is taken
            return False

    def _take_one(self, document: Document, previous: Entry | None) -> Progress:
        decision = self._decide(document, previous)
        self.counts.count(decision)
        if self.dry_run:
            return Progress.COMPLETE
        entry = decision.entry
        if decision.news is not News.NEW:
            self.pdfs.attach()
        if decision.news is News.ANOTHER:
            self._report_reused(entry, previous)
        elif decision.news is not News.UNCHANGED:
            entry = self._save_extracted(document, entry, previous)
        elif is_news_of_itself(document, entry):
            self.table.keep_seen(
                replace(entry, odoo_created_at=document.created_at, odoo_write_date=document.written_at)
            )
        return self.pdfs.fetch(document, entry) if decision.needs_pdf else Progress.COMPLETE

    def _save_extracted(self, document: Document, entry: Entry, previous: Entry | None) -> Entry:
        key = self.store.put_document(document, entry.version)
        entry = replace(entry, document_key=key)
        if previous and entry.status is Status.SKIPPED:
            # Do this before the entry becomes skipped: an object in pending/ always means outstanding work.
            self.store.drop_pending(entry)
        if previous is None:
            entry = self.pdfs.save_new(entry)
        else:
            self.table.save_extracted(entry, previous=previous)
        logger.info(
            "document stored",
            extra={"entry_id": entry.entry_id, "company": entry.company, "version": entry.version,
                   "status": entry.status.value},
        )  # fmt: skip
        return entry

    def _report_reused(self, entry: Entry, previous: Entry | None) -> None:
        """Store that another document has the id of one in the books, and report it. Odoo was probably restored."""
        self.restored.add(entry.company)
        self.failures.append(
            Failure(entry.company, entry.error_code, entry.title, entry.error_message, entry_id=entry.entry_id)
        )
        self.table.save_extracted(entry, previous=previous)
        logger.warning("id reused in Odoo", extra={"entry_id": entry.entry_id, "company": entry.company})

    # -- unreadable rows -------------------------------------------------------------------------------------------

    def _as_withdrawn(self, row: UnreadableDocument, previous: Entry | None) -> Document | None:
        """Return a document that Odoo has reset or cancelled as it was when it was read last, withdrawn.

        A draft in Odoo may lose its customer, its dates and its lines. That must not keep it in the books. Returns None
        if the row does not say that it is withdrawn, or there is no copy of it.
        """
        if previous is None or not row.withdrawn:
            return None
        try:
            document = self.store.document(previous)
        except InvalidDocument:
            return None
        created_at = row.created_at or document.created_at
        return replace(document, withdrawn=True, written_at=row.written_at, created_at=created_at)

    def _refuse(self, company: Company, row: UnreadableDocument, previous: Entry | None) -> None:
        """Store an unreadable document as a failed entry, and report it once."""
        if row.odoo_id in self._refused:
            return
        self._refused.add(row.odoo_id)
        self.counts.found += 1
        message = str(row.error)
        if previous and previous.status is Status.FAILED and previous.error_message == message:
            self.counts.unchanged += 1
            if row.error.code == UNANSWERED_BY_ODOO and not self.dry_run:
                # Store it again, because the time of this try counts. What was reported stays reported.
                again = from_odoo.unreadable(row, previous.entry_id, company, previous, self.now)
                self.table.save_extracted(replace(again, reported_at=previous.reported_at), previous=previous)
            return
        self.counts.failed += 1
        entry_id = make_entry_id(self.source.database, row.odoo_id)
        title = row.number or "a document"
        self.failures.append(Failure(company.name, row.error.code, title, message, _PULLED_AGAIN, entry_id))
        if not self.dry_run:
            entry = from_odoo.unreadable(row, entry_id, company, previous, self.now)
            self.table.save_extracted(entry, previous=previous)


def _ids(entries: Sequence[Entry]) -> tuple[int, ...]:
    return tuple(sorted(entry.odoo_id for entry in entries))


def _not_stored(document: Document, error: NotStored) -> UnreadableDocument:
    text = f"{error} Look in Odoo for a very long text or a very large file of it, and save it."
    reason = InvalidDocument(f"{document.title}: {text}", code=error.code)
    return UnreadableDocument(document.odoo_id, document.number, document.document_type, document.written_at, reason)


def _unexpected(document: Document, error: Exception) -> UnreadableDocument:
    used_up = exhausted(error, EXTRACTOR)
    text = f"the pipeline met something unexpected ({type(error).__name__}). Report it with the entry's id."
    reason = InvalidDocument(f"{document.title}: {used_up or text}", code=used_up.code if used_up else "unexpected")
    return UnreadableDocument(document.odoo_id, document.number, document.document_type, document.written_at, reason)
