"""Pull a company's new and changed documents out of Odoo and leave each as an entry with its PDF.

In this order, so that a crash anywhere is mended by the next run: document JSON, entry, PDF, cursor. Pages go by id,
not by `write_date`: thousands of rows may share one instant, and a row that changes while a page is read would shift
every page that is cut by time. A pull is one walk through the ids of everything written since the cursor; only when
the walk is complete does the cursor move, and then to no later than the walk began.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company, Document, DocumentType, make_entry_id
from pipeline.domain.entry import LOST, Cursor, Entry, Status
from pipeline.domain.errors import InvalidRequest, NeedsAttention, PipelineError, Unavailable
from pipeline.domain.money import ZERO
from pipeline.domain.source import NotRendered, Page, Pdf, Selection, StoredPdf, UnreadableDocument

logger = logging.getLogger(__name__)

PAGE_DOCUMENTS = 200
# write_date is when Odoo's transaction began: a long one commits rows older than what was already seen.
LOOKBACK = timedelta(minutes=10)
# A page (8 reads) and one rendering at their time-outs never take longer than this in practice; the next tick goes on.
PAGE_ALLOWANCE_S = 45.0
PDF_ALLOWANCE_S = 20.0
PDF_ATTEMPTS_MAX = 3
UNFINISHED_MAX = 200
# Above this many documents waiting to be posted, pulling pauses: a backlog belongs into Odoo, not into the table.
BACKLOG_MAX = 2_000
CONSECUTIVE_FAILURES_MAX = 3
BEFORE_GO_LIVE = "before_go_live"
_PULLED_AGAIN = "When it is mended in Odoo, it is pulled again by itself at the next run."


@dataclass(slots=True)
class Counts:
    """What a run did, in documents; `cursor` is where each company was read to, `remaining` whether more is left.

    `left_out` are files, those that are in no PDF.
    """

    found: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    pdfs: int = 0
    skipped: int = 0
    failed: int = 0
    left_out: int = 0
    cursor: dict[str, str] = field(default_factory=dict)
    remaining: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return asdict(self)


class Source(Protocol):
    """Where documents come from."""

    database: str

    def companies(self) -> list[Company]:
        """Return the companies that can be read."""

    def page(self, company: Company, selection: Selection, *, after_id: int, limit: int) -> Page:
        """Return the selected documents with an id above `after_id`, in order of id."""

    def with_new_attachments(self, company: Company, since: datetime) -> list[int]:
        """Return the documents that got a file since then."""

    def pdf(self, document: Document, *, plain: bool = False) -> Pdf:
        """Return the document's PDF; with `plain`, one that needs no rendering."""


class Table(Protocol):
    """The tracking table, as the extractor needs it."""

    def entries(self, entry_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, by id."""

    def save_extracted(self, entry: Entry, *, previous: Entry | None) -> None:
        """Write a new entry, or what Odoo says now of an existing one, unless another run was faster."""

    def attach_pdf(self, entry: Entry) -> None:
        """Store where the PDF of this version of the entry lies, which makes it ready to post."""

    def unfinished(self, company: str, limit: int) -> list[Entry]:
        """Return pending entries that still lack their PDF, and failed ones that could not be read."""

    def backlog(self, company: str, limit: int) -> int:
        """Return how many documents wait to be posted, counting no further than `limit`."""


class Cursors(Protocol):
    """How far each company was read."""

    def cursor(self, database: str, company: str) -> Cursor:
        """Return how far the company was read."""

    def move_cursor(self, database: str, company: str, cursor: Cursor) -> None:
        """Store how far the company was read."""


class Store(Protocol):
    """Where documents and their PDFs lie."""

    def document(self, entry: Entry) -> Document:
        """Return the stored document of an entry."""

    def put_document(self, document: Document, version: int) -> str:
        """Store the document and return its key."""

    def put_pdf(self, entry_id: str, pdf: Pdf) -> StoredPdf:
        """Store the PDF of an entry under `pending/`."""

    def drop_pending(self, entry: Entry) -> None:
        """Remove the PDF of an entry from `pending/`."""


@dataclass(slots=True)
class Extraction:
    """One run of the extractor over one or several companies."""

    source: Source
    table: Table
    cursors: Cursors
    store: Store
    deadline: Deadline
    now: datetime
    dry_run: bool = False
    # From which date on a company's documents are for the books; None is from the first.
    go_live: Callable[[str], date | None] = lambda _company: None
    counts: Counts = field(default_factory=Counts)
    failures: list[Failure] = field(default_factory=list)
    _consecutive_failures: int = 0
    _tried: set[tuple[str, int]] = field(default_factory=set)
    _refused: set[int] = field(default_factory=set)

    def pull(self, company: Company) -> None:
        """Pull what is new and changed since the company's cursor; goes on at the next run where time ran out."""
        # First of all, because an entry without its PDF waits in the backlog and cannot be posted out of it.
        if not self.dry_run:
            self._finish(company)
        if self.table.backlog(company.name, BACKLOG_MAX) >= BACKLOG_MAX:
            logger.warning("pulling pauses: too many documents wait to be posted", extra={"company": company.name})
            self.counts.remaining = True
            return
        cursor = self.cursors.cursor(self.source.database, company.name)
        if cursor.walk_began is None:
            cursor = replace(cursor, walk_began=self.now, after_id=0, seen=None)
            if cursor.since:
                self.pull_selected(company, self._touched(company, cursor.since))
        since = cursor.since - LOOKBACK if cursor.since else None
        while self.deadline.allows(PAGE_ALLOWANCE_S):
            page = self.source.page(company, Selection(since=since), after_id=cursor.after_id, limit=PAGE_DOCUMENTS)
            if not self._take(company, page):
                break
            cursor = _walked(cursor, page)
            self._move(company, cursor)
            if cursor.walk_began is None:
                return
        self.counts.remaining = True

    def pull_selected(self, company: Company, selection: Selection | None) -> None:
        """Pull the documents a selection names; the cursor stays where it is."""
        after_id = 0
        while selection is not None:
            if not self.deadline.allows(PAGE_ALLOWANCE_S):
                self.counts.remaining = True
                return
            page = self.source.page(company, selection, after_id=after_id, limit=PAGE_DOCUMENTS)
            if not self._take(company, page) or not page.last_id:
                return
            after_id = page.last_id

    def _touched(self, company: Company, since: datetime) -> Selection | None:
        ids = self.source.with_new_attachments(company, since - LOOKBACK)
        return Selection(ids=tuple(ids)) if ids else None

    def _move(self, company: Company, cursor: Cursor) -> None:
        if not self.dry_run:
            self.cursors.move_cursor(self.source.database, company.name, cursor)
        self.counts.cursor[company.name] = cursor.since.isoformat() if cursor.since else ""

    def _take(self, company: Company, page: Page) -> bool:
        """Store a page; returns False when time or Odoo gave out before its end, so that it is read again."""
        ids = [document.entry_id for document in page.documents]
        known = self.table.entries(
            [*ids, *(make_entry_id(self.source.database, each.odoo_id) for each in page.unreadable)]
        )
        for unreadable in page.unreadable:
            self._refuse(company, unreadable, known.get(make_entry_id(self.source.database, unreadable.odoo_id)))
        for document in page.documents:
            if not self._take_one(document, known.get(document.entry_id)):
                self.counts.remaining = True
                return False
        return True

    def _take_one(self, document: Document, previous: Entry | None) -> bool:
        self.counts.found += 1
        begins_on = self.go_live(document.company.name)
        is_early = begins_on is not None and document.booked_on < begins_on and _never_sent(previous)
        # The go-live date was moved back since, or its copy or PDF was lost and a person has saved it once more: it is
        # taken up, changed or not.
        taken_up = previous is not None and (
            (previous.error_code == BEFORE_GO_LIVE and not is_early) or previous.error_code in LOST
        )
        if previous and previous.content_hash == document.content_hash and not taken_up:
            self.counts.unchanged += 1
            return (
                previous.is_ready
                or previous.status is not Status.PENDING
                or self.dry_run
                or self._fetch_pdf(document, previous)
            )
        if document.withdrawn:
            self.counts.withdrawn += 1
        elif previous:
            self.counts.changed += 1
        else:
            self.counts.new += 1
        entry = entry_of(document, previous, self.now)
        if is_early and begins_on and entry.status is not Status.SKIPPED:
            entry = skipped(entry, document, begins_on)
        if entry.status is Status.SKIPPED:
            self.counts.skipped += 1
        if self.dry_run:
            return True
        entry = self._save_extracted(document, entry, previous)
        return entry.status is Status.SKIPPED or entry.withdrawn or self._fetch_pdf(document, entry)

    def _save_extracted(self, document: Document, entry: Entry, previous: Entry | None) -> Entry:
        key = self.store.put_document(document, entry.version)
        entry = replace(entry, document_key=key)
        if previous and entry.status is Status.SKIPPED:
            # Before it is called skipped: an object in pending/ always means work outstanding.
            self.store.drop_pending(entry)
        self.table.save_extracted(entry, previous=previous)
        logger.info(
            "document stored",
            extra={"entry_id": entry.entry_id, "company": entry.company, "version": entry.version,
                   "status": entry.status.value},
        )  # fmt: skip
        return entry

    def _fetch_pdf(self, document: Document, entry: Entry) -> bool:
        """Store the PDF of an entry; returns False when the run had better end here.

        An entry whose PDF cannot be had now stays unfinished and is taken up by every later run, once; at its third
        attempt it gets a plain page, because no document is lost for want of a PDF.
        """
        if (entry.entry_id, entry.version) in self._tried:
            return True
        if not self.deadline.allows(PDF_ALLOWANCE_S):
            return False
        self._tried.add((entry.entry_id, entry.version))
        plain = entry.attempts >= PDF_ATTEMPTS_MAX - 1
        try:
            pdf = self.source.pdf(document, plain=plain)
        except Unavailable as error:
            # An Odoo whose rendering is broken must not keep the documents that need none.
            self._consecutive_failures += not isinstance(error, NotRendered)
            self.counts.remaining = True
            logger.warning("PDF not fetched", extra={"entry_id": entry.entry_id, "reason": str(error)})
            self.table.attach_pdf(replace(entry, attempts=entry.attempts + 1, error_message=str(error)))
            if self._consecutive_failures >= CONSECUTIVE_FAILURES_MAX:
                raise
            return True
        if pdf.left_out or entry.pdf_losses:
            # Before the PDF, which wakes the poster: what stays in Odoo is named in the books.
            self.store.put_document(replace(document, left_out=pdf.left_out), entry.version)
        stored = self.store.put_pdf(entry.entry_id, pdf)
        self.table.attach_pdf(
            replace(
                entry,
                pdf_key=stored.key,
                pdf_sha256=pdf.sha256,
                stored_sha256=stored.sha256,
                pdf_source=pdf.source.value,
                attempts=0,
                error_message=" ".join(pdf.notes),
            )
        )
        self.counts.pdfs += 1
        self.counts.left_out += len(pdf.left_out)
        if pdf.notes:
            logger.warning("PDF with notes", extra={"entry_id": entry.entry_id, "notes": list(pdf.notes)})
        return True

    def _finish(self, company: Company) -> None:
        unfinished = self.table.unfinished(company.name, UNFINISHED_MAX)
        if unfinished:
            self.pull_selected(company, Selection(ids=tuple(sorted(entry.odoo_id for entry in unfinished))))

    def _refuse(self, company: Company, unreadable: UnreadableDocument, previous: Entry | None) -> None:
        """Keep a row that is no readable document as a failed entry, and tell a person once."""
        if unreadable.odoo_id in self._refused:
            return
        self._refused.add(unreadable.odoo_id)
        self.counts.found += 1
        message = str(unreadable.error)
        if previous and previous.status is Status.FAILED and previous.error_message == message:
            self.counts.unchanged += 1
            return
        self.counts.failed += 1
        self.failures.append(
            Failure(
                company.name,
                unreadable.error.code,
                unreadable.number or "a document",
                message,
                _PULLED_AGAIN,
                make_entry_id(self.source.database, unreadable.odoo_id),
            )
        )
        if not self.dry_run:
            self.table.save_extracted(
                _refused(unreadable, company, self.source.database, previous, self.now, message), previous=previous
            )


def _walked(cursor: Cursor, page: Page) -> Cursor:
    """Return the cursor after a page; at the end of a walk it moves to no later than the walk began."""
    if page.last_id:
        written = [document.written_at for document in page.documents] + [each.written_at for each in page.unreadable]
        return replace(cursor, after_id=page.last_id, seen=max([*written, *([cursor.seen] if cursor.seen else [])]))
    if cursor.seen is None or cursor.walk_began is None:
        return Cursor(since=cursor.since)
    since = min(cursor.seen, cursor.walk_began)
    return Cursor(since=max(since, cursor.since) if cursor.since else since)


def entry_of(document: Document, previous: Entry | None, now: datetime) -> Entry:
    """Return the entry of a document as Odoo has it now; what QuickBooks said of it before is kept."""
    status, reason = Status.PENDING, ""
    if document.withdrawn and (previous is None or previous.status is Status.SKIPPED):
        # Never seen while it was posted: there is nothing to take back.
        status, reason = Status.SKIPPED, "It was cancelled or reset to draft in Odoo before it was ever pulled."
    base = previous or _blank(document.entry_id, document.odoo_id, document.document_type, document.company, now)
    return replace(
        base,
        status=status,
        company=document.company.name,
        number=document.number,
        party=document.party.name,
        document_date=document.issued_on,
        currency=document.currency,
        total=document.total,
        odoo_write_date=document.written_at,
        content_hash=document.content_hash,
        version=base.version + 1,
        withdrawn=document.withdrawn,
        pdf_key="",
        pdf_sha256="",
        pdf_source="",
        stored_sha256="",
        attempts=0,
        # A create whose outcome is not known yet must settle before anybody looks for it, edit or not.
        next_attempt_at=base.next_attempt_at if base.step else None,
        pending_since=now,
        error_code="",
        error_message=reason,
        updated_at=now,
    )


def skipped(entry: Entry, document: Document, begins_on: date) -> Entry:
    """Return the entry of a document that is older than the books it would go to."""
    return replace(
        entry,
        status=Status.SKIPPED,
        error_code=BEFORE_GO_LIVE,
        error_message=f"It is dated {document.booked_on}, and {document.company.name} goes live on {begins_on}.",
    )


def _never_sent(previous: Entry | None) -> bool:
    """Whether nothing of a document ever was, or may be about to be, in the books: only then may it be skipped."""
    if previous is None:
        return True
    settled = previous.status in (Status.SKIPPED, Status.FAILED)
    return settled and not (previous.qb_id or previous.step or previous.posted_at or previous.generation)


def _blank(key: str, odoo_id: int, document_type: DocumentType, company: Company, now: datetime) -> Entry:
    """Return the entry of a document that is met for the first time, before anything is said of it."""
    return Entry(
        entry_id=key,
        company=company.name,
        status=Status.PENDING,
        document_type=document_type,
        document_date=now.date(),
        currency=company.currency,
        total=ZERO,
        odoo_id=odoo_id,
        odoo_write_date=now,
        created_at=now,
        updated_at=now,
        version=0,
    )


def _refused(
    unreadable: UnreadableDocument, company: Company, database: str, previous: Entry | None, now: datetime, message: str
) -> Entry:
    base = previous or _blank(
        make_entry_id(database, unreadable.odoo_id), unreadable.odoo_id, unreadable.document_type, company, now
    )
    return replace(
        base,
        status=Status.FAILED,
        number=base.number or unreadable.number,
        odoo_write_date=unreadable.written_at,
        content_hash="",
        version=base.version + 1,
        # Whether it is withdrawn is among what cannot be read.
        withdrawn=False,
        error_code=unreadable.error.code,
        error_message=message,
        updated_at=now,
    )


def chosen(companies: Sequence[Company], name: str) -> list[Company]:
    """Return the company of that name, or all for an empty one; raises InvalidRequest when there is none such."""
    found = [company for company in companies if name in ("", company.name)]
    if not found:
        names = ", ".join(f"'{company.name}'" for company in companies) or "none"
        raise InvalidRequest(f"Odoo shows this user no company '{name}'; it shows {names}.")
    return found


def run(
    extraction: Extraction,
    companies: Sequence[Company],
    selection: Selection | None,
    afterwards: Callable[[Company], None] = lambda _company: None,
) -> None:
    """Pull several companies; one that fails does not keep the others from being pulled.

    `afterwards` is done for each company that was pulled by its cursor.

    Raises the first company's PipelineError at the end, so that alarm, retries and dead letter see it.
    """
    errors: list[PipelineError] = []
    for company in companies:
        try:
            if selection is None:
                extraction.pull(company)
                afterwards(company)
            else:
                extraction.pull_selected(company, selection)
        except PipelineError as error:
            logger.warning("company not pulled", extra={"company": company.name, "reason": str(error)})
            errors.append(error)
            extraction.counts.remaining = True
            if isinstance(error, NeedsAttention):
                extraction.failures.append(Failure(company.name, error.code, "", str(error)))
    if errors:
        raise errors[0]
