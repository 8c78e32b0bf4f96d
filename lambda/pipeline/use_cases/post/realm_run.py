"""The work for one realm under its lease: company by company, thirty documents at a time, while there is time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import batched
from typing import Any

from pipeline.domain import attempts, lifecycle
from pipeline.domain.alert import POSTER, Failure
from pipeline.domain.books import Books
from pipeline.domain.codec import exact_json
from pipeline.domain.commands import PostDue, PosterCommand, RebuildEntries, ShowDrafts, StartOver, WatchBooks
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import (
    Disconnected,
    Misconfigured,
    NeedsAttention,
    OutOfTime,
    PipelineError,
    RetryLater,
)
from pipeline.domain.exhausted import Exhausted, exhausted
from pipeline.domain.lease import Lease, backoff_s
from pipeline.domain.threads import Pool
from pipeline.domain.values import replace
from pipeline.use_cases.post.collaborators import Collaborators, Session
from pipeline.use_cases.post.group import TOGETHER_MAX, Group, Task
from pipeline.use_cases.post.moved import FormerRealms
from pipeline.use_cases.post.outcomes import Outcomes
from pipeline.use_cases.post.posting import Posting
from pipeline.use_cases.post.refusals import realm_changed
from pipeline.use_cases.post.troubles import Troubles
from pipeline.use_cases.post.work_list import WorkList

logger = logging.getLogger(__name__)

THREADS_MAX = 16
# No document is begun with less time than this: it allows for four calls and an upload that are slow.
DOCUMENT_ALLOWANCE_S = 25.0
# What each document of a group may add to that: its number of calls is the same, but names are written one at a time.
MEMBER_ALLOWANCE_S = 0.5
# How many calls to AWS a document takes from its entry to its filed PDF, at most.
CALLS_A_DOCUMENT = 9
# This many groups work side by side: while one waits for an answer, the others read and draft their documents.
GROUPS_MAX = 4
# This many new documents are read together and looked for in the books with one question per kind.
LOOKED_FOR_AT_ONCE = 400
# How long the report of one failure may take when the documents are done.
REPORTING_S = 0.05
# How many entries that were worked on when a run was killed are tried again in one run. The others wait for the next.
SUSPECTS_MAX = 50
# A read, a write, and a page of the index in between.
START_OVER_ALLOWANCE_S = 10.0
_DEADLY = (
    f"working on it {attempts.REASON}. Look whether it is in QuickBooks. Make it smaller in Odoo (its PDF, or the "
    "number of its lines) and retry it."
)


class RealmRun:
    """The work for the companies of one realm while its lease is held; `realms` has the companies of all."""

    def __init__(
        self,
        collaborators: Collaborators,
        outcomes: Outcomes,
        lease: Lease,
        companies: Sequence[str],
        command: PosterCommand,
        realms: Mapping[str, Sequence[str]],
    ) -> None:
        self._with = collaborators
        self._outcomes = outcomes
        self._lease = lease
        self._companies = companies
        self._command = command
        self._is_trial = isinstance(command, ShowDrafts)
        self._troubles = Troubles(collaborators, outcomes, companies, lease.through_at)
        self._former = FormerRealms(collaborators, outcomes, lease, realms)

    def execute(self) -> None:
        """Open the realm, work for each company, and release the lease whatever happens."""
        session: Session | None = None
        try:
            session = self._with.open_session(self._lease, self._companies, self._is_trial)
            is_asked = isinstance(self._command, WatchBooks)
            if is_asked or isinstance(self._command, PostDue):
                self._with.watch(session, self._lease.realm, self._companies, is_asked)
            if is_asked:
                return
            # In no order: a large backlog of one company must not always keep the others of its realm waiting.
            for company in self._with.random.sample(self._companies, len(self._companies)):
                self._work_for(company, session)
        except OutOfTime as error:
            self._troubles.stop(error)
        except RetryLater as error:
            self._troubles.pause = error
        except Misconfigured as error:
            # A secret or a right is missing for this realm: the others go on, and it is reported once.
            self._troubles.pause = Disconnected(str(error), code=error.code, identity=error.identity)
        except NeedsAttention:
            raise
        except Exception as error:  # a fault of ours, or an answer of a shape nobody knows: it stops no other realm
            logger.exception("unexpected fault", extra={"company": ", ".join(self._companies)})
            text = (
                f"The pipeline met something unexpected ({type(error).__name__}) before any document. Report it with "
                "the log of the run; the documents wait and follow by themselves."
            )
            self._troubles.pause = exhausted(error, POSTER) or Disconnected(text, code="unexpected")
        finally:
            try:
                self._former.close()
            finally:
                self._release(session)

    def _work_for(self, company: str, session: Session) -> None:
        if self._is_over():
            self._outcomes.results.remaining = True
            return
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
            # Only the mapping of this company is wrong: the others of the realm go on.
            self._outcomes.failures.append(Failure.of(company, error))

    # -- which realm -----------------------------------------------------------------------------------------------

    def _check_realm(self, company: str) -> None:
        """Raise Disconnected when a company has documents in another realm than its secret names now."""
        former = self._with.leases.realm(company)
        if former is None:
            return
        self._former.settled.add(company)
        if former == self._lease.realm:
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
                    if not self._with.table.save(again):
                        # The entry has changed since, or the index is behind.
                        self._outcomes.results.remaining = True
                        return
                    self._outcomes.results.started_over += again.status is Status.PENDING
        self._with.leases.keep_realm(company, self._lease.realm)

    # -- which entries ---------------------------------------------------------------------------------------------

    def _process_due(self, company: str, session: Session) -> None:
        work = WorkList(self._with, self._command, company)
        running: set[Future[None]] = set()
        suspects: list[Entry] = []
        is_cut_short = False
        with self._with.threads.pool(THREADS_MAX, "posting") as pool:
            for entries in batched(work.entries(), LOOKED_FOR_AT_ONCE):
                if self._is_over():
                    break
                books = session.books(company)
                if not self._is_trial:
                    self._hold_realm(company)
                    suspects += filter(attempts.is_suspect, entries)
                group = self._group(books, pool)
                documents = {} if self._is_trial else work.look_for(entries, books, pool)
                for part in self._parts(entries, work.call_s):
                    while len(running) >= (THREADS_MAX if len(part) == 1 else GROUPS_MAX):
                        running = self._collect(running)
                    if self._is_over(len(part)):
                        is_cut_short = self._troubles.pause is None
                        break
                    if self._is_trial:
                        running |= {pool.submit(self._show, entry, books) for entry in part}
                    else:
                        tasks = [self._task(entry, books, documents.get(entry.entry_id)) for entry in part]
                        running.add(pool.submit(group.run, tasks))
            while running:
                running = self._collect(running)
            # Last and alone: if it ends the function, no other document has an attempt that is not counted.
            suspects.sort(key=lambda entry: entry.killed_attempts)
            for entry in suspects[:SUSPECTS_MAX]:
                with self._outcomes.alone:
                    self._post_suspect(entry, session.books(company), pool)
        self._outcomes.results.remaining |= is_cut_short or work.is_cut_short

    def _post_suspect(self, entry: Entry, books: Books, pool: Pool) -> None:
        if attempts.is_deadly(entry):
            self._outcomes.fail(entry, NeedsAttention(_DEADLY, code="ended_the_function"))
        elif not self._is_over():
            self._group(books, pool).run([self._task(entry, books, None)])

    def _is_over(self, members: int = 1) -> bool:
        """Whether the run must not begin this many documents more."""
        # Every failure takes a moment to report when the documents are done.
        needed_s = DOCUMENT_ALLOWANCE_S + members * MEMBER_ALLOWANCE_S + REPORTING_S * len(self._outcomes.failures)
        return self._troubles.is_stopped or not self._with.deadline.allows(needed_s)

    def _parts(self, entries: Sequence[Entry], call_s: float) -> Iterator[Sequence[Entry]]:
        """Yield entries that are worked on together, fewer where each call takes long (`call_s`) or time is short.

        What was in trouble before is alone and comes last: it may take long, and the others need not wait for that.
        """
        chosen = [entry for entry in entries if self._is_trial or not attempts.is_suspect(entry)]
        fresh = [entry for entry in chosen if not entry.attempts]
        while fresh:
            size = self._size(call_s)
            yield fresh[:size]
            fresh = fresh[size:]
        for entry in chosen:
            if entry.attempts:
                yield (entry,)

    def _size(self, call_s: float) -> int:
        """Return how many documents may be begun together, so that they end in time."""
        usable_s = (self._with.deadline.remaining_s - DOCUMENT_ALLOWANCE_S) / GROUPS_MAX / 2
        return max(1, min(TOGETHER_MAX, int(usable_s / max(CALLS_A_DOCUMENT * call_s, 0.001))))

    def _group(self, books: Books, pool: Pool) -> Group:
        in_flight = self._outcomes.in_flight
        with_ = self._with
        return Group(
            books, with_.table, with_.store, pool, self._troubles, in_flight, with_.clock, self._new_batch_id
        )  # fmt: skip

    def _task(self, entry: Entry, books: Books, document: Document | None) -> Task:
        posting = Posting.of(entry, books, self._with.table, self._with.store, self._with.clock, self._lease.until,
                             self._former.leave)  # fmt: skip
        return Task(entry, posting, document)

    def _new_batch_id(self) -> str:
        return f"odoo-{self._with.random.getrandbits(120):030x}"

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
        rebuilt = self._with.rebuild(company, session.books(company))
        results = self._outcomes.results
        with self._outcomes.lock:
            results.rebuilt += rebuilt.count
            results.unreadable |= rebuilt.unreadable
            if not rebuilt.remaining and not rebuilt.unreadable:
                results.not_rebuilt.remove(company)

    def _release(self, session: Session | None) -> None:
        results, lease, pause = self._outcomes.results, self._lease, self._troubles.pause
        names = ", ".join(self._companies)
        now = self._with.clock.now()
        if session is not None:
            days_left = session.refresh_days_left
            with self._outcomes.lock:
                results.calls += session.calls
                results.refresh_days_left |= {} if days_left is None else dict.fromkeys(self._companies, days_left)
            lease = replace(
                lease, recent_calls=session.recent_calls, recent_batches=session.recent_batches, recent_at=now,
                through_at=self._troubles.through_at,
            )  # fmt: skip
        if pause is None and (self._troubles.is_out_of_time or isinstance(self._command, WatchBooks)):
            # Such a run does not show whether what paused the realm is over.
            self._with.leases.release_lease(lease, now)
            return
        if pause is None:
            self._outcomes.checked.update((names, *self._companies))
            self._with.leases.release_lease(replace(lease, pauses=0, pause_code=""), now)
            return
        if isinstance(pause, Disconnected | Exhausted):
            # The documents wait, and the next run after the person's repair goes on by itself.
            self._outcomes.failures.append(Failure.of(names, pause))
        paused_for_s = max(pause.wait_s, backoff_s(lease.pauses, self._with.random.random()))
        paused = replace(lease, pauses=lease.pauses + 1, pause_code=pause.code)
        self._with.leases.release_lease(paused, now, paused_for_s=paused_for_s)
        results.paused += self._companies
        logger.warning("company paused", extra={"company": names, "seconds": paused_for_s,
                                                "reason": str(pause)})  # fmt: skip
