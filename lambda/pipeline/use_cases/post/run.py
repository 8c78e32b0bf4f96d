"""Work off what is due, a company at a time: the table is the work list, an event only wakes us up.

One poster at a time works for a company, on its shift. Who finds the shift taken goes home and has done its duty,
because the holder asks the same question: which entries of this company are due?
"""

from __future__ import annotations

import json
import logging
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from itertools import batched, islice
from typing import Any, Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.books import Books
from pipeline.domain.codec import exact_json
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Document, DocumentType
from pipeline.domain.entry import OUTCOME_SETTLES_S, Entry, Lease, Status, backoff_s, lease_until
from pipeline.domain.errors import (
    Disconnected,
    InvalidRequest,
    Misconfigured,
    NeedsAttention,
    OutcomeUnknown,
    PipelineError,
    RetryLater,
    Throttled,
    Unmapped,
)
from pipeline.domain.request import Request
from pipeline.use_cases.post import posting
from pipeline.use_cases.post.posting import Posting, Superseded

logger = logging.getLogger(__name__)

THREADS_MAX = 8
COMPANIES_AT_ONCE = 4
# No document is begun with less time than this: four calls and an upload, slow ones.
DOCUMENT_ALLOWANCE_S = 25.0
# The same trouble with this many documents in a row is the company's trouble, not theirs.
CONSECUTIVE_FAILURES_MAX = 3
# So many new documents are read and looked for in the books together, with one question per kind.
LOOKED_FOR_AT_ONCE = 100
RETRIED_MAX = 5_000
BACKLOG_COUNTED_MAX = 5_000


class Table(posting.Table, Protocol):
    """The tracking table, as the poster needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry as it is now."""

    def due(self, company: str, now: datetime) -> Iterator[Entry]:
        """Yield what is to be worked off now."""

    def with_status(self, company: str, status: Status) -> Iterator[Entry]:
        """Yield the entries of a company that have a status."""

    def waiting_elsewhere(self, companies: Sequence[str]) -> list[Entry]:
        """Return pending entries of any company but these."""


class Leases(Protocol):
    """Who holds the shift of each company."""

    def take_lease(self, company: str, holder: str, now: datetime, until: datetime, *, force: bool) -> Lease | None:
        """Take a company's shift, or return None."""

    def release_lease(self, lease: Lease, now: datetime, *, paused_for_s: int = 0) -> None:
        """Give a shift back."""


class Session(Protocol):
    """One company's books, open for the length of a shift."""

    @property
    def books(self) -> Books:
        """The books themselves."""

    @property
    def recent_calls(self) -> tuple[int, ...]:
        """How many calls were made to the books in each of the last sixty seconds, the latest first."""

    @property
    def calls(self) -> Counter[str]:
        """How many calls were made, by kind."""

    @property
    def refresh_days_left(self) -> float | None:
        """How many days the connection lives on without being used, where it is known."""


@dataclass(slots=True)
class Results:
    """What a run did, in documents; `calls` counts those to QuickBooks by kind, `redriven` dead letters.

    `recovered` are those of the posted and voided that had failed or been put off before; `rebuilt` are entries made
    anew, with `remaining` when time ran out before all were. `refresh_days_left` says of each company how long its
    connection lives on without being used.
    """

    posted: int = 0
    voided: int = 0
    failed: int = 0
    later: int = 0
    recovered: int = 0
    redriven: int = 0
    rebuilt: int = 0
    remaining: bool = False
    paused: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    backlog: int | None = None
    backlog_age_s: int | None = None
    refresh_days_left: dict[str, float] = field(default_factory=dict)
    drafts: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        return asdict(replace(self, calls={})) | {"calls": dict(self.calls)}  # type: ignore[arg-type]

    def metrics(self) -> dict[str, float]:
        """Return what is worth watching over time."""
        watched: dict[str, float] = {
            "DocumentsPosted": self.posted,
            "DocumentsVoided": self.voided,
            "DocumentsFailed": self.failed,
        }
        # A run that did not measure must not say zero.
        if self.backlog is not None and self.backlog_age_s is not None:
            watched |= {"Backlog": self.backlog, "BacklogAgeSeconds": self.backlog_age_s}
        watched |= {f"QuickBooks{kind.capitalize()}Calls": count for kind, count in self.calls.items()}
        if self.refresh_days_left:
            watched["RefreshTokenDaysLeft"] = min(self.refresh_days_left.values())
        return watched


@dataclass(slots=True)
class Round:
    """One run of the poster over one or several companies."""

    table: Table
    store: posting.Store
    leases: Leases
    open_session: Callable[[Lease, bool], Session]
    deadline: Deadline
    clock: Callable[[], datetime]
    # Companies whose connection nobody has used for a day: a shift without work keeps it alive.
    idle: Collection[str] = ()
    # Makes a company's entries anew; returns how many, and whether time ran out before all were.
    rebuild: Callable[[str, Any], tuple[int, bool]] = lambda _company, _books: (0, False)
    results: Results = field(default_factory=Results)
    failures: list[Failure] = field(default_factory=list)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def work(self, company: str, request: Request) -> None:
        """Work off what is due for a company, unless another does or there is nothing to do."""
        if request.retry_failed and not request.dry_run:
            self._reopen_failed(company, request.entry_ids)
        is_needed = request.by_a_person or company in self.idle
        if not is_needed and next(self.table.due(company, self.clock()), None) is None:
            return
        now = self.clock()
        until = lease_until(now, self.deadline.remaining_s)
        lease = self.leases.take_lease(company, uuid.uuid4().hex, now, until, force=request.by_a_person)
        if lease is None:
            self.results.busy.append(company)
            return
        _LeasedRun(self, lease, request).run()

    def measure_backlog(self, companies: Sequence[str]) -> None:
        """Add to the results how many documents still wait, and for how long the oldest has."""
        now = self.clock()
        backlog, oldest_s = 0, 0
        for company in companies:
            for status in _OPEN:
                for entry in islice(self.table.with_status(company, status), BACKLOG_COUNTED_MAX):
                    backlog += 1
                    waited = now - (entry.pending_since or entry.created_at)
                    oldest_s = max(oldest_s, int(waited.total_seconds()))
        self.results.backlog, self.results.backlog_age_s = backlog, oldest_s

    def fail_without_realm(self, companies: Sequence[str]) -> None:
        """Fail the entries of companies that have no realm: a person must say where they belong."""
        for listed in self.table.waiting_elsewhere(companies):
            entry = self.table.entry(listed.entry_id)
            if entry is None or entry.status is not Status.PENDING:
                continue
            error = Unmapped(
                f"The company '{entry.company}' has no realm in the QuickBooks secret. Add it there under realm_ids "
                "with its refresh token, then retry.",
                code="no_realm",
            )
            self.fail(entry, error)

    def fail(self, entry: Entry, error: NeedsAttention) -> None:
        """Set an entry to failed, with what a person has to do."""
        message = f"{entry.title}: {error}" if not str(error).startswith(entry.title) else str(error)
        failed = replace(
            entry,
            status=Status.FAILED,
            attempts=entry.attempts + 1,
            next_attempt_at=_settled_at(entry),
            error_code=error.code,
            error_message=message,
            updated_at=self.clock(),
        )
        if not self.table.save(failed):
            return  # it has changed in Odoo meanwhile, and is worked on again
        logger.warning("document failed", extra={"entry_id": entry.entry_id, "company": entry.company,
                                                 "code": error.code, "reason": str(error)})  # fmt: skip
        with self._counting:
            self.results.failed += 1
            self.failures.append(Failure(entry.company, error.code, entry.title, str(error), entry_id=entry.entry_id))

    def reopen(self, entry_ids: Sequence[str]) -> None:
        """Set failed entries to pending again; others are left as they are."""
        for entry_id in entry_ids:
            entry = self.table.entry(entry_id)
            if entry and entry.can_be_retried:
                now = self.clock()
                again = replace(
                    entry, status=Status.PENDING, attempts=0, next_attempt_at=_settled_at(entry), pending_since=now,
                    pdf_losses=0, updated_at=now,
                )  # fmt: skip
                self.table.save(again)

    def _reopen_failed(self, company: str, entry_ids: Sequence[str]) -> None:
        """Set the failed entries of a company to pending again, at most 5,000 at a time."""
        listed = [entry.entry_id for entry in self.table.with_status(company, Status.FAILED)]
        self.reopen([each for each in listed if not entry_ids or each in entry_ids][:RETRIED_MAX])


class _LeasedRun:
    """The work of one shift: up to eight documents at a time, under one limiter, until nothing is due or time is up."""

    def __init__(self, round_: Round, lease: Lease, request: Request) -> None:
        self._round = round_
        self._lease = lease
        self._request = request
        self._pause: RetryLater | None = None
        self._consecutive_failures = 0

    def run(self) -> None:
        round_ = self._round
        session: Session | None = None
        try:
            session = round_.open_session(self._lease, self._request.dry_run)
            (self._rebuild if self._request.rebuild else self._work_off)(session)
        except RetryLater as error:
            self._pause = error
        except Misconfigured as error:
            # A secret or a right is missing for this company: the others go on, and a person is told once.
            self._pause = Disconnected(str(error), code=error.code)
        finally:
            self._end(session)

    def _work_off(self, session: Session) -> None:
        deadline = self._round.deadline
        running: set[Future[None]] = set()
        with ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="posting") as pool:
            for entries in batched(self._entries(), LOOKED_FOR_AT_ONCE):
                books = session.books
                documents = self._look_for(entries, books, pool)
                for entry in entries:
                    while len(running) >= THREADS_MAX:
                        running = self._collect(running)
                    if self._pause is not None or not deadline.allows(DOCUMENT_ALLOWANCE_S):
                        break
                    running.add(pool.submit(self._work, entry, books, documents.get(entry.entry_id)))
            while running:
                running = self._collect(running)

    def _rebuild(self, session: Session) -> None:
        round_ = self._round
        count, remaining = round_.rebuild(self._lease.company, session.books)
        with round_._counting:  # noqa: SLF001
            round_.results.rebuilt += count
            round_.results.remaining |= remaining

    def _look_for(self, entries: Sequence[Entry], books: Books, pool: ThreadPoolExecutor) -> dict[str, Document]:
        """Read the documents that are new to the books and look for them there, all at once; return them by entry."""
        if self._request.dry_run or self._pause is not None:
            return {}
        new = [entry for entry in entries if not entry.qb_id and entry.step is None and not entry.withdrawn]
        found = [document for document in pool.map(self._document, new) if document]
        kinds: dict[DocumentType, list[Document]] = {}
        for document in found:
            kinds.setdefault(document.document_type, []).append(document)
        list(pool.map(books.look_for, kinds.values()))
        return {document.entry_id: document for document in found}

    def _document(self, entry: Entry) -> Document | None:
        try:
            return self._round.store.document(entry)
        except Exception:  # noqa: BLE001 - whatever it is, it is said where the entry itself is worked on
            return None

    def _entries(self) -> Iterator[Entry]:
        """Yield each entry once. The index may be behind, so the entry itself has the last word."""
        table, now = self._round.table, self._round.clock()
        wanted = self._request.entry_ids
        if wanted:
            found = [entry for entry in map(table.entry, wanted) if entry and entry.company == self._lease.company]
            # A person need not wait for a later attempt, but a write whose outcome is open must settle for everybody.
            yield from (
                each
                for each in found
                if each.is_due(now) or (each.step is None and each.is_ready and each.status in _OPEN)
            )
            return
        seen = set()
        for listed in table.due(self._lease.company, now):
            if listed.entry_id in seen:
                continue
            seen.add(listed.entry_id)
            entry = table.entry(listed.entry_id)
            if entry and entry.is_due(now):
                yield entry

    @staticmethod
    def _collect(running: set[Future[None]]) -> set[Future[None]]:
        done, rest = wait(running, return_when=FIRST_COMPLETED)
        for each in done:
            each.result()
        return rest

    def _work(self, entry: Entry, books: Books, document: Document | None) -> None:
        round_ = self._round
        if self._request.dry_run:
            self._show(entry, books)
            return
        task = Posting(entry, books, round_.table, round_.store, round_.clock, self._lease.until)
        try:
            finished = task.run(document)
        except Superseded as superseded:
            logger.info("document superseded", extra={"entry_id": entry.entry_id, "reason": str(superseded)})
        except Misconfigured as error:
            # A secret or a right is missing, which is nothing a document could be blamed for.
            self._later(task.entry, Disconnected(str(error), code=error.code))
        except NeedsAttention as error:
            round_.fail(task.entry, error)
            self._consecutive_failures = 0
        except RetryLater as error:
            self._later(task.entry, error)
        except Exception as error:  # a fault of ours: it stops this document, and none of the others
            logger.exception("unexpected fault", extra={"entry_id": entry.entry_id})
            text = f"the pipeline met something unexpected ({type(error).__name__}). Report it with the entry's id."
            round_.fail(task.entry, NeedsAttention(text, code="unexpected"))
        else:
            self._consecutive_failures = 0
            logger.info("document done", extra={"entry_id": entry.entry_id, "company": entry.company,
                                                "status": finished.status.value, "qb_id": finished.qb_id})  # fmt: skip
            with round_._counting:  # noqa: SLF001
                round_.results.recovered += bool(entry.error_code)
                if finished.status is Status.VOIDED:
                    round_.results.voided += 1
                else:
                    round_.results.posted += 1

    def _later(self, entry: Entry, error: RetryLater) -> None:
        """Put an entry off. Nothing is wrong with it, so it is no attempt of its own unless it alone has trouble."""
        round_ = self._round
        with round_._counting:  # noqa: SLF001
            round_.results.later += 1
            self._consecutive_failures += 1
            is_the_companys = (
                isinstance(error, Throttled | Disconnected) or self._consecutive_failures >= CONSECUTIVE_FAILURES_MAX
            )
            if is_the_companys and self._pause is None:
                self._pause = error
        logger.warning("document put off", extra={"entry_id": entry.entry_id, "reason": str(error)})
        wait_s = OUTCOME_SETTLES_S if isinstance(error, OutcomeUnknown) else 0
        attempts = entry.attempts
        if not is_the_companys:
            attempts += 1
            wait_s = max(wait_s, backoff_s(entry.attempts, random.random()))  # noqa: S311 - jitter, no secret
        now = round_.clock()
        due_at = now + timedelta(seconds=wait_s) if wait_s else None
        # Of what was sent just now it is known when.
        is_open = entry.step is not None and not isinstance(error, OutcomeUnknown)
        if is_open and (due_at is None or (entry.next_attempt_at and entry.next_attempt_at > due_at)):
            due_at = entry.next_attempt_at
        round_.table.save(
            replace(entry, attempts=attempts, next_attempt_at=due_at, error_code=error.code,
                    error_message=str(error), updated_at=now)
        )  # fmt: skip

    def _show(self, entry: Entry, books: Books) -> None:
        """Add what would be sent for an entry to the results; nothing is written to its document."""
        round_ = self._round
        shown: dict[str, Any] = {"entry_id": entry.entry_id, "title": entry.title}
        try:
            draft = books.draft(round_.store.document(entry), is_booked=bool(entry.qb_id))
            shown |= {"entity": draft.entity, "body": json.loads(exact_json(draft.body))}
        except PipelineError as error:
            shown |= {"error": str(error), "code": error.code}
        with round_._counting:  # noqa: SLF001
            round_.results.drafts.append(shown)

    def _end(self, session: Session | None) -> None:
        round_, lease, pause = self._round, self._lease, self._pause
        now = round_.clock()
        if session is not None:
            round_.results.calls += session.calls
            lease = replace(lease, recent_calls=session.recent_calls, recent_at=now)
            if session.refresh_days_left is not None:
                round_.results.refresh_days_left[lease.company] = session.refresh_days_left
        if pause is None:
            round_.leases.release_lease(replace(lease, pauses=0, pause_code=""), now)
            return
        if isinstance(pause, Disconnected) and lease.pause_code != pause.code:
            # Said once; the documents wait, and the next shift after the person's repair goes on by itself.
            round_.failures.append(Failure(lease.company, pause.code, "", str(pause)))
        paused_for_s = max(pause.wait_s, backoff_s(lease.pauses, random.random()))  # noqa: S311
        paused = replace(lease, pauses=lease.pauses + 1, pause_code=pause.code)
        round_.leases.release_lease(paused, now, paused_for_s=paused_for_s)
        round_.results.paused.append(lease.company)
        logger.warning("company paused", extra={"company": lease.company, "seconds": paused_for_s,
                                                "reason": str(pause)})  # fmt: skip


_OPEN = (Status.PENDING, Status.POSTING)


def _settled_at(entry: Entry) -> datetime | None:
    """Return when a write of unknown outcome can be looked for; None when nothing was left open."""
    return entry.next_attempt_at if entry.step is not None else None


def run(round_: Round, companies: Sequence[str], request: Request) -> None:
    """Work for the companies a request concerns, side by side; raises PipelineError when the table does not answer."""
    if request.company and request.company not in companies:
        names = ", ".join(f"'{name}'" for name in companies) or "none"
        raise InvalidRequest(f"The QuickBooks secret has no company '{request.company}'; it has {names}.")
    concerned = [request.company] if request.company else list(companies)
    if request.woken_by is not None:
        entries = [round_.table.entry(entry_id) for entry_id in request.woken_by]
        concerned = sorted({entry.company for entry in entries if entry} & set(companies))
    elif not request.by_a_person:
        round_.fail_without_realm(companies)
    with ThreadPoolExecutor(max(1, min(len(concerned), COMPANIES_AT_ONCE)), thread_name_prefix="company") as pool:
        for done in [pool.submit(round_.work, company, request) for company in concerned]:
            done.result()
    if request.woken_by is None and not request.dry_run:
        round_.measure_backlog(companies)
