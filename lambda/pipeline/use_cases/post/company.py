"""The work for one realm on its lease: company by company, eight documents at a time, while there is time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from itertools import batched
from typing import Any

from pipeline.domain import lifecycle
from pipeline.domain.alert import Failure
from pipeline.domain.books import Books
from pipeline.domain.codec import exact_json
from pipeline.domain.commands import (
    PostEntries,
    PosterCommand,
    RebuildEntries,
    RetryFailed,
    ShowDrafts,
    StartOver,
)
from pipeline.domain.document import Document, DocumentType
from pipeline.domain.entry import OUTCOME_SETTLES_S, Entry, Status
from pipeline.domain.errors import (
    Deferred,
    Disconnected,
    Misconfigured,
    NeedsAttention,
    OutcomeUnknown,
    PipelineError,
    RetryLater,
    Throttled,
)
from pipeline.domain.lease import Lease, backoff_s
from pipeline.domain.threads import Pool
from pipeline.use_cases.post.collaborators import Collaborators, Session
from pipeline.use_cases.post.outcomes import Outcomes
from pipeline.use_cases.post.posting import Posting, realm_changed
from pipeline.use_cases.post.record import Superseded

logger = logging.getLogger(__name__)

THREADS_MAX = 8
# No document is begun with less time than this: four calls and an upload, slow ones.
DOCUMENT_ALLOWANCE_S = 25.0
# The same trouble with this many documents in a row is the company's trouble, not theirs.
CONSECUTIVE_FAILURES_MAX = 3
# So many new documents are read and looked for in the books together, with one question per kind.
LOOKED_FOR_AT_ONCE = 100
# A read, a write, and what there is of pages between.
START_OVER_ALLOWANCE_S = 10.0


class RealmRun:
    """The work for the companies of one realm while its lease is held."""

    def __init__(
        self,
        collaborators: Collaborators,
        outcomes: Outcomes,
        lease: Lease,
        companies: Sequence[str],
        command: PosterCommand,
    ) -> None:
        self._with = collaborators
        self._outcomes = outcomes
        self._lease = lease
        self._companies = companies
        self._command = command
        self._is_trial = isinstance(command, ShowDrafts)
        self._pause: RetryLater | None = None
        self._consecutive_failures = 0

    def execute(self) -> None:
        """Open the realm, work for each company, and release the lease whatever happens."""
        session: Session | None = None
        try:
            session = self._with.open_session(self._lease, self._companies, self._is_trial)
            # Nobody is always last: a large backlog of one company must not keep the others of its realm waiting.
            for company in self._with.random.sample(self._companies, len(self._companies)):
                self._work_for(company, session)
        except RetryLater as error:
            self._pause = error
        except Misconfigured as error:
            # A secret or a right is missing for this realm: the others go on, and it is reported once.
            self._pause = Disconnected(str(error), code=error.code)
        finally:
            self._release(session)

    def _work_for(self, company: str, session: Session) -> None:
        try:
            if isinstance(self._command, StartOver):
                self._start_over(company)
                return
            if not self._is_trial:
                self._check_realm(company)
            if isinstance(self._command, RebuildEntries):
                self._rebuild(company, session)
            else:
                self._process_due(company, session)
        except Misconfigured as error:
            if len(self._companies) == 1:
                raise
            # The mapping of this company is wrong, which is nothing to the others of the realm.
            self._outcomes.failures.append(Failure(company, error.code, "", str(error)))

    # -- which realm -----------------------------------------------------------------------------------------------

    def _check_realm(self, company: str) -> None:
        """Raise Disconnected when a company has documents in another realm than its secret names now."""
        former = self._with.leases.realm(company)
        if former in (None, self._lease.realm):
            return
        if any(self._sent_to(company, former)):
            raise realm_changed(company, former, self._lease.realm)
        # Nothing was ever sent there.
        self._with.leases.keep_realm(company, self._lease.realm)

    def _hold_realm(self, company: str) -> None:
        """Keep the realm of a company, before anything of it is sent there for the first time."""
        if self._with.leases.realm(company) is None:
            self._with.leases.keep_realm(company, self._lease.realm)

    def _sent_to(self, company: str, realm: str) -> Iterator[Entry]:
        for status in Status:
            for entry in self._with.table.with_status(company, status):
                if entry.realm in ("", realm) and (entry.qb_id or entry.step):
                    yield entry

    def _start_over(self, company: str) -> None:
        """Set everything that was sent to another realm to pending, and only then let the company go on in this one."""
        for status in Status:
            for entry in self._with.table.with_status(company, status):
                if not self._with.deadline.allows(START_OVER_ALLOWANCE_S):
                    self._outcomes.results.remaining = True
                    return
                if entry.realm != self._lease.realm and (entry.qb_id or entry.step or entry.realm):
                    again = lifecycle.started_over(entry, self._with.clock.now())
                    self._with.table.save(again)
                    self._outcomes.results.started_over += again.status is Status.PENDING
        self._with.leases.keep_realm(company, self._lease.realm)

    # -- which entries ---------------------------------------------------------------------------------------------

    def _process_due(self, company: str, session: Session) -> None:
        running: set[Future[None]] = set()
        with self._with.threads.pool(THREADS_MAX, "posting") as pool:
            for entries in batched(self._entries(company), LOOKED_FOR_AT_ONCE):
                books = session.books(company)
                if not self._is_trial:
                    self._hold_realm(company)
                documents = self._look_for(entries, books, pool)
                for entry in entries:
                    while len(running) >= THREADS_MAX:
                        running = self._collect(running)
                    if self._pause is not None or not self._with.deadline.allows(DOCUMENT_ALLOWANCE_S):
                        break
                    running.add(pool.submit(self._process, entry, books, documents.get(entry.entry_id)))
            while running:
                running = self._collect(running)

    def _entries(self, company: str) -> Iterator[Entry]:
        """Yield each entry once. The index may be behind, so the entry itself has the last word."""
        table, now = self._with.table, self._with.clock.now()
        if isinstance(self._command, PostEntries | RetryFailed | ShowDrafts) and self._command.entry_ids:
            found = [table.entry(entry_id) for entry_id in self._command.entry_ids]
            for entry in found:
                if entry is None or entry.company != company:
                    continue
                # A person need not wait for a later attempt, but an open outcome must settle for everybody.
                if entry.is_due(now) or (entry.step is None and entry.is_ready and entry.is_open):
                    yield entry
                elif self._is_trial and entry.can_be_retried and entry.is_ready:
                    yield entry  # what a retry would send
            return
        seen = set()
        for listed in table.due(company, now):
            if listed.entry_id in seen:
                continue
            seen.add(listed.entry_id)
            current = table.entry(listed.entry_id)
            if current and current.is_due(now):
                yield current

    def _look_for(self, entries: Sequence[Entry], books: Books, pool: Pool) -> dict[str, Document]:
        """Read the documents that are new to the books and look for them there, all at once; return them by entry."""
        if self._is_trial or self._pause is not None:
            return {}
        new = [entry for entry in entries if not entry.qb_id and entry.step is None and not entry.withdrawn]
        found = [document for document in pool.map(self._document, new) if document]
        by_type: dict[DocumentType, list[Document]] = {}
        for document in found:
            by_type.setdefault(document.document_type, []).append(document)
        list(pool.map(books.look_for, by_type.values()))
        return {document.entry_id: document for document in found}

    def _document(self, entry: Entry) -> Document | None:
        try:
            return self._with.store.document(entry)
        except Exception:  # noqa: BLE001 - whatever it is, it is reported where the entry itself is processed
            return None

    def _collect(self, running: set[Future[None]]) -> set[Future[None]]:
        done, rest = self._with.threads.first_done(running)
        for future in done:
            future.result()
        return rest

    # -- one entry -------------------------------------------------------------------------------------------------

    def _process(self, entry: Entry, books: Books, document: Document | None) -> None:
        if self._is_trial:
            self._show(entry, books)
            return
        posting = Posting.of(entry, books, self._with.table, self._with.store, self._with.clock, self._lease.until)
        try:
            finished = posting.run(document)
        except Superseded as superseded:
            logger.info("document superseded", extra={"entry_id": entry.entry_id, "reason": str(superseded)})
        except Misconfigured as error:
            # A secret or a right is missing, for which no document is to blame.
            self._put_off(posting.entry, Disconnected(str(error), code=error.code))
        except NeedsAttention as error:
            self._outcomes.fail(posting.entry, error)
            self._consecutive_failures = 0
        except RetryLater as error:
            self._put_off(posting.entry, error)
        except Exception as error:  # a fault of ours: it stops this document, and none of the others
            logger.exception("unexpected fault", extra={"entry_id": entry.entry_id})
            text = f"the pipeline met something unexpected ({type(error).__name__}). Report it with the entry's id."
            self._outcomes.fail(posting.entry, NeedsAttention(text, code="unexpected"))
        else:
            self._consecutive_failures = 0
            self._outcomes.done(entry, finished)

    def _put_off(self, entry: Entry, error: RetryLater) -> None:
        """Put an entry off. Nothing is wrong with it, so it is no attempt of its own unless it alone has trouble."""
        with self._outcomes.lock:
            self._outcomes.results.later += 1
            self._consecutive_failures += not isinstance(error, Deferred)
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
            wait_s = max(wait_s, backoff_s(entry.attempts, self._with.random.random()))
        now = self._with.clock.now()
        due_at = now + timedelta(seconds=wait_s) if wait_s else None
        # Of what was sent just now it is known when.
        is_open = entry.step is not None and not isinstance(error, OutcomeUnknown)
        if is_open and (due_at is None or (entry.next_attempt_at and entry.next_attempt_at > due_at)):
            due_at = entry.next_attempt_at
        self._with.table.save(
            lifecycle.put_off(entry, error.code, str(error), attempts=attempts, due_at=due_at, now=now)
        )

    def _show(self, entry: Entry, books: Books) -> None:
        """Add what would be sent for an entry to the results; nothing is written to its document."""
        shown: dict[str, Any] = {"entry_id": entry.entry_id, "title": entry.title}
        try:
            draft = books.draft(self._with.store.document(entry), is_booked=bool(entry.qb_id))
            shown |= {"entity": draft.entity, "body": json.loads(exact_json(draft.body))}
        except PipelineError as error:
            shown |= {"error": str(error), "code": error.code}
        with self._outcomes.lock:
            self._outcomes.results.drafts.append(shown)

    # -- the company -----------------------------------------------------------------------------------------------

    def _rebuild(self, company: str, session: Session) -> None:
        count, remaining = self._with.rebuild(company, session.books(company))
        with self._outcomes.lock:
            self._outcomes.results.rebuilt += count
            self._outcomes.results.remaining |= remaining

    def _release(self, session: Session | None) -> None:
        results, lease, pause = self._outcomes.results, self._lease, self._pause
        names = ", ".join(self._companies)
        now = self._with.clock.now()
        if session is not None:
            results.calls += session.calls
            lease = replace(lease, recent_calls=session.recent_calls, recent_at=now)
            if session.refresh_days_left is not None:
                results.refresh_days_left |= dict.fromkeys(self._companies, session.refresh_days_left)
        if pause is None:
            self._with.leases.release_lease(replace(lease, pauses=0, pause_code=""), now)
            return
        if isinstance(pause, Disconnected) and lease.pause_code != pause.code:
            # Reported once; the documents wait, and the next run after the person's repair goes on by itself.
            self._outcomes.failures.append(Failure(names, pause.code, "", str(pause)))
        paused_for_s = max(pause.wait_s, backoff_s(lease.pauses, self._with.random.random()))
        paused = replace(lease, pauses=lease.pauses + 1, pause_code=pause.code)
        self._with.leases.release_lease(paused, now, paused_for_s=paused_for_s)
        results.paused += self._companies
        logger.warning("company paused", extra={"company": names, "seconds": paused_for_s,
                                                "reason": str(pause)})  # fmt: skip
