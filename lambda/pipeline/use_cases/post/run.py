"""One run of the poster over one or several realms. The table is the work list; an event is only a wake-up.

One poster at a time works for a realm, on its lease. If another run holds the lease, exit: its holder asks the same
question, which entries of these companies are due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

from pipeline.domain.alert import Failure
from pipeline.domain.commands import (
    PostDue,
    PostEntries,
    PosterCommand,
    RebuildEntries,
    RetryFailed,
    ShowDrafts,
    StartOver,
    WakeUp,
    WatchBooks,
    is_by_a_person,
)
from pipeline.domain.entry import Status
from pipeline.domain.errors import InvalidRequest, Unmapped
from pipeline.domain.identity import ENTRY_ID
from pipeline.domain.lease import lease_until
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.outcomes import Outcomes
from pipeline.use_cases.post.realm_run import RealmRun
from pipeline.use_cases.post.survey import Survey, survey

REALMS_AT_ONCE = 4
RETRIED_MAX = 5_000
UNREADABLE_NAMED = 20
# A sweep starts this many runs for other realms. Further realms are worked on here, or by the next sweep.
STARTED_MAX = 100
# With less time than this no realm is begun: opening it takes as long as a document.
REALM_ALLOWANCE_S = 30.0
UNKNOWN_SHOWN_MAX = 5


class PostingRun:
    """One run: which realms it is about, and the work for each of them side by side."""

    def __init__(self, collaborators: Collaborators, outcomes: Outcomes | None = None) -> None:
        self._with = collaborators
        self.outcomes = outcomes or Outcomes(collaborators)
        self._found: Survey | None = None
        self._realms: Mapping[str, Sequence[str]] = {}

    def execute(self, realms: Mapping[str, Sequence[str]], command: PosterCommand) -> None:
        """Work for the realms that a command concerns; `realms` has the companies of each.

        Raises InvalidRequest for a company or an entry nobody knows, and PipelineError when the table does not answer.
        """
        self._realms = realms
        companies = sorted(company for shared in realms.values() for company in shared)
        concerned = self._concerned(companies, command)
        if isinstance(command, StartOver) and command.company not in realms.get(command.realm, ()):
            raise InvalidRequest(
                f"The QuickBooks secret does not name {command.realm} as the realm of {command.company}. Change it "
                "there first, then start over."
            )
        results = self.outcomes.results
        is_sweep = isinstance(command, PostDue) and not command.realm
        if is_sweep:
            self._survey(companies)
            self._fail_without_realm()
        if isinstance(command, RebuildEntries):
            # Whatever happens now, it is finished only for those that were taken out of here.
            results.not_rebuilt = sorted(concerned)
        work: Mapping[str, Sequence[str]] = {
            realm: [company for company in shared if company in concerned] for realm, shared in realms.items()
        }
        only = command.realm if isinstance(command, PostDue) else ""
        work = {realm: shared for realm, shared in work.items() if shared and only in ("", realm)}
        if command == PostDue():
            work = self._own_share(work)
        with self._with.threads.pool(max(1, min(len(work), REALMS_AT_ONCE)), "realm") as pool:
            # In no order: when time runs out before all had their turn, it is not always the same that wait.
            order = self._with.random.sample(sorted(work), len(work))
            for done in [pool.submit(self._post_realm, realm, work[realm], command) for realm in order]:
                done.result()
        if isinstance(command, RebuildEntries):
            results.remaining = bool(results.not_rebuilt)
            self._report_unreadable()
        if is_sweep or not isinstance(command, WakeUp | ShowDrafts | PostDue | WatchBooks):
            self._measure_backlog(companies)

    def _report_unreadable(self) -> None:
        """Report the copies that a rebuild could not read: the answer of an asynchronous invocation reaches nobody."""
        unreadable = self.outcomes.results.unreadable
        if not unreadable:
            return
        named = dict(islice(unreadable.items(), UNREADABLE_NAMED))
        reasons = "; ".join(f"{entry_id}: {reason}" for entry_id, reason in named.items())
        ids = [int(entry_id.rpartition("-")[2]) for entry_id in named if ENTRY_ID.fullmatch(entry_id)]
        more = f"; and {len(unreadable) - len(named)} more" if len(unreadable) > len(named) else ""
        text = (
            f"The rebuild is not finished: {len(unreadable)} stored copies could not be read ({reasons}{more}). Fix "
            "what is named and rebuild again, or read them from Odoo again: invoke the extractor with "
            f'{{"ids": {ids}}}.'
        )
        self.outcomes.failures.append(Failure("", "rebuild_unreadable", "", text))

    def _concerned(self, companies: Sequence[str], command: PosterCommand) -> set[str]:
        if isinstance(command, WakeUp):
            entries = self._with.table.entries(list(dict.fromkeys(command.entry_ids)))
            return {entry.company for entry in entries.values()} & set(companies)
        if isinstance(command, WatchBooks):
            return set(companies)
        if command.company and command.company not in companies:
            names = ", ".join(f"'{name}'" for name in companies) or "none"
            raise InvalidRequest(f"The QuickBooks secret has no company '{command.company}'; it has {names}.")
        if isinstance(command, PostEntries | RetryFailed | ShowDrafts) and command.entry_ids:
            self._check_entries(command.entry_ids, command.company)
        return {command.company} if command.company else set(companies)

    def _check_entries(self, entry_ids: Sequence[str], company: str) -> None:
        """Raise InvalidRequest for entries nobody knows, or of another company: zeros would look like success."""
        known = self._with.table.entries(entry_ids)
        missing = [entry_id for entry_id in entry_ids if entry_id not in known]
        if missing:
            raise InvalidRequest(
                f"There is no entry {', '.join(missing[:UNKNOWN_SHOWN_MAX])}"
                + (f" (and {len(missing) - UNKNOWN_SHOWN_MAX} more)" if len(missing) > UNKNOWN_SHOWN_MAX else "")
                + ". An entry id is <database>-account.move-<id>."
            )
        others = [entry for entry in known.values() if company and entry.company != company]
        if others:
            raise InvalidRequest(f"The entry {others[0].entry_id} is of '{others[0].company}', not of '{company}'.")

    def _own_share(self, work: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """Start a run for each realm with work but one, and return what is left to this run.

        The lease of a realm keeps them apart. Whatever cannot be started is worked on here, as far as time allows.
        """
        wanted = [realm for realm, shared in work.items() if any(map(self._may_have_work, shared))]
        if len(wanted) > 1:
            # A run for a realm that is paused, or that another run works for, would only find that out.
            free = self._with.leases.free_realms(wanted, self._with.clock.now())
            self.outcomes.results.busy += [company for realm in wanted if realm not in free for company in work[realm]]
            wanted = self._with.random.sample(sorted(free), len(free))
        others = wanted[1:]
        started: set[str] = set()
        for realm in others[:STARTED_MAX]:
            if not self._with.start(realm):
                break  # whatever Lambda refuses now it refuses for the next one, too
            started.add(realm)
        self.outcomes.results.started = len(started)
        return {realm: work[realm] for realm in wanted if realm not in started}

    def _may_have_work(self, company: str) -> bool:
        return company in self._with.idle or self._surveyed(company) is not False

    def _surveyed(self, company: str) -> bool | None:
        """Return whether a company has work, as far as the table was asked for all companies at once; else None."""
        found = self._found
        if found is None:
            return None
        return company in found.due or (False if found.is_complete else None)

    def _post_realm(self, realm: str, companies: Sequence[str], command: PosterCommand) -> None:
        """Process what is due in a realm, unless another run does, there is nothing to do, or no time is left."""
        if not self._with.deadline.allows(REALM_ALLOWANCE_S):
            self.outcomes.results.remaining = True
            return
        if isinstance(command, RetryFailed):
            for company in companies:
                self._reopen_failed(company, command.entry_ids)
        now = self._with.clock.now()
        is_needed = isinstance(command, WatchBooks) or is_by_a_person(command)
        is_needed = is_needed or not self._with.idle.isdisjoint(companies)
        if not is_needed and not any(self._has_due(company, now) for company in companies):
            return
        holder = f"{self._with.random.getrandbits(128):032x}"
        until = lease_until(now, self._with.deadline.remaining_s)
        force = is_by_a_person(command)
        lease = self._with.leases.take_lease(realm, holder, now, until, force=force, companies=companies)
        if lease is None:
            self.outcomes.results.busy += companies
            return
        RealmRun(self._with, self.outcomes, lease, companies, command, self._realms).execute()

    def _has_due(self, company: str, now: datetime) -> bool:
        known = self._surveyed(company)
        return next(self._with.table.due(company, now), None) is not None if known is None else known

    def _reopen_failed(self, company: str, entry_ids: Sequence[str]) -> None:
        """Set the failed entries of a company to pending again, at most 5,000 at a time and while there is time."""
        wanted = set(entry_ids)
        chosen = [
            entry.entry_id for entry in self._with.table.with_status(company, Status.FAILED)
            # What a retry deletes in the books is retried only by its name.
            if entry.entry_id in wanted or not (wanted or entry.successor)
        ][: RETRIED_MAX + 1]  # fmt: skip
        for number, entry_id in enumerate(chosen):
            if number == RETRIED_MAX or not self._with.deadline.allows(REALM_ALLOWANCE_S):
                self.outcomes.results.remaining = True
                return
            self.outcomes.reopen([entry_id])

    def _survey(self, companies: Sequence[str]) -> Survey:
        now = self._with.clock.now()
        self._found = survey(self._with.table.waiting(), companies, now, self._with.deadline)
        return self._found

    def _fail_without_realm(self) -> None:
        """Fail the entries of companies that have no realm: a person must say where they belong."""
        for entry_id in self._found.elsewhere if self._found else ():
            if not self._with.deadline.allows(REALM_ALLOWANCE_S):
                self.outcomes.results.remaining = True
                return
            entry = self._with.table.entry(entry_id)
            if entry is None or entry.status is not Status.PENDING:
                continue
            error = Unmapped(
                f"The company '{entry.company}' has no realm in the QuickBooks secret. Add it there under realm_ids "
                "with its refresh token, then retry.",
                code="no_realm",
            )
            self.outcomes.fail(entry, error)

    def _measure_backlog(self, companies: Sequence[str]) -> None:
        """Add to the results how many documents still wait, and for how long the oldest has.

        Without time for that they say nothing about it: half a count would look like a small backlog.
        """
        found = self._found
        if found is None or found.count or not found.is_complete:
            found = self._survey(companies)
        if not found.is_cut_short:
            self.outcomes.results.backlog, self.outcomes.results.backlog_age_s = found.count, found.oldest_s
