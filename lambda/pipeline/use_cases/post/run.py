"""One run of the poster over one or several companies. The table is the work list; an event is only a wake-up.

One poster at a time works for a company, on its lease. If another run holds the lease, exit: its holder asks the same
question, which entries of this company are due.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pipeline.domain.commands import PostDue, PosterCommand, RetryFailed, ShowDrafts, WakeUp, is_by_a_person
from pipeline.domain.entry import Status
from pipeline.domain.errors import InvalidRequest, Unmapped
from pipeline.domain.lease import lease_until
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.company import CompanyRun
from pipeline.use_cases.post.outcomes import Outcomes

COMPANIES_AT_ONCE = 4
RETRIED_MAX = 5_000
BACKLOG_COUNTED_MAX = 5_000


class PostingRun:
    """One run: which companies it is about, and the work for each of them side by side."""

    def __init__(self, collaborators: Collaborators, outcomes: Outcomes | None = None) -> None:
        self._with = collaborators
        self.outcomes = outcomes or Outcomes(collaborators)

    def execute(self, companies: Sequence[str], command: PosterCommand) -> None:
        """Work for the companies a command concerns.

        Raises InvalidRequest for a company nobody knows, and PipelineError when the table does not answer.
        """
        concerned = self._concerned(companies, command)
        if isinstance(command, PostDue):
            self._fail_without_realm(companies)
        size = max(1, min(len(concerned), COMPANIES_AT_ONCE))
        with self._with.threads.pool(size, "company") as pool:
            for done in [pool.submit(self._post_company, company, command) for company in concerned]:
                done.result()
        if not isinstance(command, WakeUp | ShowDrafts):
            self._measure_backlog(companies)

    def _concerned(self, companies: Sequence[str], command: PosterCommand) -> list[str]:
        if isinstance(command, WakeUp):
            entries = [self._with.table.entry(entry_id) for entry_id in command.entry_ids]
            return sorted({entry.company for entry in entries if entry} & set(companies))
        if command.company and command.company not in companies:
            names = ", ".join(f"'{name}'" for name in companies) or "none"
            raise InvalidRequest(f"The QuickBooks secret has no company '{command.company}'; it has {names}.")
        return [command.company] if command.company else list(companies)

    def _post_company(self, company: str, command: PosterCommand) -> None:
        """Process what is due for a company, unless another run does or there is nothing to do."""
        if isinstance(command, RetryFailed):
            self._reopen_failed(company, command.entry_ids)
        now = self._with.clock.now()
        is_needed = is_by_a_person(command) or company in self._with.idle
        if not is_needed and next(self._with.table.due(company, now), None) is None:
            return
        holder = f"{self._with.random.getrandbits(128):032x}"
        until = lease_until(now, self._with.deadline.remaining_s)
        lease = self._with.leases.take_lease(company, holder, now, until, force=is_by_a_person(command))
        if lease is None:
            self.outcomes.results.busy.append(company)
            return
        CompanyRun(self._with, self.outcomes, lease, command).execute()

    def _reopen_failed(self, company: str, entry_ids: Sequence[str]) -> None:
        """Set the failed entries of a company to pending again, at most 5,000 at a time."""
        failed = [entry.entry_id for entry in self._with.table.with_status(company, Status.FAILED)]
        self.outcomes.reopen([entry_id for entry_id in failed if not entry_ids or entry_id in entry_ids][:RETRIED_MAX])

    def _fail_without_realm(self, companies: Sequence[str]) -> None:
        """Fail the entries of companies that have no realm: a person must say where they belong."""
        for listed in self._with.table.waiting_elsewhere(companies):
            entry = self._with.table.entry(listed.entry_id)
            if entry is None or entry.status is not Status.PENDING:
                continue
            error = Unmapped(
                f"The company '{entry.company}' has no realm in the QuickBooks secret. Add it there under realm_ids "
                "with its refresh token, then retry.",
                code="no_realm",
            )
            self.outcomes.fail(entry, error)

    def _measure_backlog(self, companies: Sequence[str]) -> None:
        """Add to the results how many documents still wait, and for how long the oldest has."""
        now = self._with.clock.now()
        backlog, oldest_s = 0, 0
        for company in companies:
            for status in (Status.PENDING, Status.POSTING):
                for entry in islice(self._with.table.with_status(company, status), BACKLOG_COUNTED_MAX):
                    backlog += 1
                    waited = now - (entry.pending_since or entry.created_at)
                    oldest_s = max(oldest_s, int(waited.total_seconds()))
        self.outcomes.results.backlog, self.outcomes.results.backlog_age_s = backlog, oldest_s
