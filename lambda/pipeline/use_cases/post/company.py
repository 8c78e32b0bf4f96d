"""The work for one realm on its lease: company by company, eight documents at a time, while there is time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
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
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import (
    Disconnected,
    Misconfigured,
    OutOfTime,
    PipelineError,
    RetryLater,
)
from pipeline.domain.lease import Lease, backoff_s
from pipeline.domain.threads import Pool
from pipeline.use_cases.post.collaborators import Collaborators, Session
from pipeline.use_cases.post.group import TOGETHER_MAX, Group, Task
from pipeline.use_cases.post.outcomes import Outcomes
from pipeline.use_cases.post.posting import Posting
from pipeline.use_cases.post.realm import realm_changed
from pipeline.use_cases.post.troubles import Troubles

logger = logging.getLogger(__name__)

THREADS_MAX = 10
# No document is begun with less time than this: four calls and an upload, slow ones.
DOCUMENT_ALLOWANCE_S = 25.0
# What each document of a group may add to that: its number of calls is the same, but names are written one at a time.
MEMBER_ALLOWANCE_S = 0.5
# So many groups work side by side: while one waits for an answer, the other reads and words its documents.
GROUPS_MAX = 2
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
        self._troubles = Troubles(collaborators, outcomes, companies, lease.through_at)

    def execute(self) -> None:
        """Open the realm, work for each company, and release the lease whatever happens."""
        session: Session | None = None
        try:
            session = self._with.open_session(self._lease, self._companies, self._is_trial)
            # Nobody is always last: a large backlog of one company must not keep the others of its realm waiting.
            for company in self._with.random.sample(self._companies, len(self._companies)):
                self._work_for(company, session)
        except OutOfTime as error:
            self._troubles.stop(error)
        except RetryLater as error:
            self._troubles.pause = error
        except Misconfigured as error:
            # A secret or a right is missing for this realm: the others go on, and it is reported once.
            self._troubles.pause = Disconnected(str(error), code=error.code)
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
                group = Group(books, pool, self._troubles, self._new_batch_id)
                for part in _groups(entries):
                    while len(running) >= (THREADS_MAX if len(part) == 1 else GROUPS_MAX):
                        running = self._collect(running)
                    allowance_s = DOCUMENT_ALLOWANCE_S + len(part) * MEMBER_ALLOWANCE_S
                    if self._troubles.is_stopped or not self._with.deadline.allows(allowance_s):
                        break
                    if self._is_trial:
                        running |= {pool.submit(self._show, entry, books) for entry in part}
                    else:
                        tasks = [self._task(entry, books, documents.get(entry.entry_id)) for entry in part]
                        running.add(pool.submit(group.run, tasks))
            while running:
                running = self._collect(running)

    def _task(self, entry: Entry, books: Books, document: Document | None) -> Task:
        posting = Posting.of(entry, books, self._with.table, self._with.store, self._with.clock, self._lease.until)
        return Task(entry, posting, document)

    def _new_batch_id(self) -> str:
        return f"odoo-{self._with.random.getrandbits(120):030x}"

    def _entries(self, company: str) -> Iterator[Entry]:
        """Yield each entry once. The index may be behind, so the entry itself has the last word."""
        table, now = self._with.table, self._with.clock.now()
        if isinstance(self._command, PostEntries | RetryFailed | ShowDrafts) and self._command.entry_ids:
            for entry in table.entries(self._command.entry_ids).values():
                if entry.company != company:
                    continue
                # A person need not wait for a later attempt, but an open outcome must settle for everybody.
                if entry.is_due(now) or (entry.step is None and entry.is_ready and entry.is_open):
                    yield entry
            return
        seen: set[str] = set()
        for listed in batched(table.due(company, now), LOOKED_FOR_AT_ONCE):
            ids = list(dict.fromkeys(entry.entry_id for entry in listed if entry.entry_id not in seen))
            seen.update(ids)
            current = table.entries(ids)
            yield from (current[entry_id] for entry_id in ids if entry_id in current and current[entry_id].is_due(now))

    def _look_for(self, entries: Sequence[Entry], books: Books, pool: Pool) -> dict[str, Document]:
        """Read the documents that are new to the books and look for them there, all at once; return them by entry."""
        if self._is_trial or self._troubles.is_stopped:
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
        results, lease, pause = self._outcomes.results, self._lease, self._troubles.pause
        names = ", ".join(self._companies)
        now = self._with.clock.now()
        if session is not None:
            results.calls += session.calls
            lease = replace(
                lease, recent_calls=session.recent_calls, recent_batches=session.recent_batches, recent_at=now,
                through_at=self._troubles.through_at,
            )  # fmt: skip
            if session.refresh_days_left is not None:
                results.refresh_days_left |= dict.fromkeys(self._companies, session.refresh_days_left)
        if pause is None and self._troubles.is_out_of_time:
            # It says nothing about whether a pause would be over.
            self._with.leases.release_lease(lease, now)
            return
        if pause is None:
            self._outcomes.checked.update((names, *self._companies))
            self._with.leases.release_lease(replace(lease, pauses=0, pause_code=""), now)
            return
        if isinstance(pause, Disconnected):
            # The documents wait, and the next run after the person's repair goes on by itself.
            self._outcomes.failures.append(Failure(names, pause.code, "", str(pause)))
        paused_for_s = max(pause.wait_s, backoff_s(lease.pauses, self._with.random.random()))
        paused = replace(lease, pauses=lease.pauses + 1, pause_code=pause.code)
        self._with.leases.release_lease(paused, now, paused_for_s=paused_for_s)
        results.paused += self._companies
        logger.warning("company paused", extra={"company": names, "seconds": paused_for_s,
                                                "reason": str(pause)})  # fmt: skip


def _groups(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield entries that are worked on together.

    What was in trouble before is alone and comes last: it may take long, and the others need not wait for that.
    """
    yield from batched([entry for entry in entries if not entry.attempts], TOGETHER_MAX)
    for entry in entries:
        if entry.attempts:
            yield (entry,)
