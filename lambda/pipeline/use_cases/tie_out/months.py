"""Which months to compare, what came of them, and the order of the work."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import date
from typing import Any, Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.commands import CompareMonths
from pipeline.domain.document import Company
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.lease import Lease, lease_until
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.month import Month, earliest_day, latest_day
from pipeline.domain.tie_out.tie_out import TieOut, Verdict
from pipeline.domain.values import dataclass
from pipeline.use_cases.tie_out import closures
from pipeline.use_cases.tie_out.collaborators import Collaborators
from pipeline.use_cases.tie_out.run import Comparison

logger = logging.getLogger(__name__)

# A year of open months. Further ones are named and left out: they can be closed one by one.
MONTHS_MAX = 12
# Begin another month only with time to read and compare one of ordinary size.
MONTH_ALLOWANCE_S = 120.0
UNFINISHED = "unfinished"
ANOTHER_RUNS = "another tie-out of this month is running. Try again when it has ended, in a quarter of an hour at most."
SENTENCE_MAX = 600


class Values(Protocol):
    """Small values by key."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""


@dataclass(slots=True)
class Results:
    """What came of an invocation. `remaining` is True if the next run goes on with something.

    `waiting` says what must be filled before anything can be compared, `closing` what came of closing a month.
    `is_asked` says that a person asks for one month by name, and reads the answer.
    """

    tie_outs: list[dict[str, Any]] = field(default_factory=list)
    remaining: bool = False
    left_out: list[str] = field(default_factory=list)
    unexplained: int = 0
    open_months: int = 0
    not_known: int = 0
    overdue: int = 0
    metered_reads: int = 0
    failures: list[Failure] = field(default_factory=list)
    # The companies of which this run knows whether anything is wrong with them.
    checked: set[str] = field(default_factory=set)
    waiting: str = ""
    closing: dict[str, Any] = field(default_factory=dict)
    is_asked: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return what the invocation answers."""
        waiting = {"waiting": self.waiting} if self.waiting else {}
        return (
            {"tie_outs": self.tie_outs, "remaining": self.remaining, "left_out": self.left_out} | waiting | self.closing
        )

    def metrics(self) -> dict[str, float]:
        """Return the figures that alarms watch."""
        return {
            "TieOutUnexplained": self.unexplained,
            "MonthsOpen": self.open_months,
            "MonthsNotKnown": self.not_known,
            "MonthsOverdue": self.overdue,
            "MeteredReads": self.metered_reads,
        }


def open_months(index: dict[str, Any], today: date, followed: Iterable[Month] = ()) -> tuple[list[Month], list[Month]]:
    """Return the months to compare, newest first, and those left out: this month, the last, and what is open.

    `index` says what came of each month before, `followed` are closed months that are still compared.
    """
    current = Month.of(today)
    found = {current, current.previous, *followed}
    for text, kept in index.items():
        month = Month.parse(text, date.max)
        if kept.get("verdict") != Verdict.TIES_OUT:
            found.add(month)
    ordered = sorted(found, reverse=True)
    return ordered[:MONTHS_MAX], ordered[MONTHS_MAX:]


def run(collaborators: Collaborators, companies: Sequence[Company], command: CompareMonths) -> Results:
    """Compare what the command asks for. One company's trouble does not keep another from being compared.

    Raises InvalidRequest for a company or a month that cannot be compared.
    """
    results = Results(is_asked=bool(command.month))
    today = collaborators.clock.now().date()
    asked = Month.parse(command.month, latest_day(collaborators.clock.now())) if command.month else None
    wanted = list(_wanted(collaborators, companies, command, asked, today, results))
    for company, month in wanted:
        if not collaborators.deadline.allows(MONTH_ALLOWANCE_S):
            _mark(collaborators, company.name, month, {"verdict": UNFINISHED})
            results.remaining = True
            continue
        _one(collaborators, company, month, results)
    for name in sorted({one["company"] for one in results.tie_outs}):
        results.failures += closures.changed(collaborators, name, _kept(collaborators.key_values, name))
    return results


def _wanted(
    collaborators: Collaborators,
    companies: Sequence[Company],
    command: CompareMonths,
    month: Month | None,
    today: date,
    results: Results,
) -> Iterable[tuple[Company, Month]]:
    for company in chosen(companies, command.company, collaborators):
        index = _kept(collaborators.key_values, company.name)
        if month is not None:
            yield company, month
            continue
        if command.is_continuation:
            months = [Month.parse(text, date.max) for text, kept in index.items() if kept.get("verdict") == UNFINISHED]
            yield from ((company, month) for month in sorted(months, reverse=True)[:MONTHS_MAX])
            continue
        followed = closures.followed(collaborators, company.name, index)
        months, left_out = open_months(index, today, followed)
        if left_out:
            earlier = f" and {len(left_out) - 1} earlier ones are" if len(left_out) > 1 else " is"
            results.left_out.append(
                f"{company.name} has {len(months) + len(left_out)} open months; {left_out[0]}{earlier} compared only "
                "when asked for by name."
            )
        yield from ((company, month) for month in months)


def chosen(companies: Sequence[Company], name: str, collaborators: Collaborators) -> list[Company]:
    """Return the company of that name, or without a name all that have a realm. Raises InvalidRequest."""
    if not name:
        return [company for company in companies if collaborators.realm_of(company.name)]
    found = [company for company in companies if company.name == name]
    if not found:
        known = ", ".join(f"'{company.name}'" for company in companies) or "none"
        raise InvalidRequest(f"Odoo shows no company '{name[:80]}'. The Odoo user sees {known}.")
    return found


def _one(collaborators: Collaborators, company: Company, month: Month, results: Results) -> None:
    with holding(collaborators, company, month) as is_held:
        if not is_held:
            results.left_out.append(f"{company.name} {month}: {ANOTHER_RUNS}")
            return
        tie_out = compared(collaborators, company, month, results)
        if tie_out is not None:
            keep_report(collaborators, tie_out, collaborators.render(tie_out), results)


@contextmanager
def holding(collaborators: Collaborators, company: Company, month: Month) -> Iterator[bool]:
    """Hold the lease of a month; give False if another run holds it."""
    lease = _take(collaborators, company, month)
    try:
        yield lease is not None
    finally:
        if lease is not None:
            collaborators.key_values.release_lease(lease, collaborators.clock.now())


def compared(collaborators: Collaborators, company: Company, month: Month, results: Results) -> TieOut | None:
    """Return the tie-out of a month whose lease is held, or None if the next run goes on with it."""
    tie_out = Comparison(collaborators, company, month).run()
    if tie_out is None:
        results.remaining = True
        _mark(collaborators, company.name, month, {"verdict": UNFINISHED})
        return None
    return closures.with_closure(collaborators, tie_out)


def keep_report(collaborators: Collaborators, tie_out: TieOut, files: dict[str, bytes], results: Results) -> None:
    """Store a report as the newest, and its verdict; count it in the results."""
    keys = collaborators.reports.put(tie_out.company, tie_out.month, files, tie_out.at)
    collaborators.reports.drop_unfinished(tie_out.company, tie_out.month)
    kept = {
        "verdict": tie_out.verdict.value,
        "at": tie_out.at.isoformat(),
        "sentence": tie_out.sentence[:SENTENCE_MAX],
    }
    is_only_answered = results.is_asked and tie_out.verdict is Verdict.NOT_KNOWN
    # A month of which nothing is known is compared every day until it is overdue. One that somebody only asked for,
    # such as a month before the first document, is not.
    if not is_only_answered or str(tie_out.month) in _kept(collaborators.key_values, tie_out.company):
        _mark(collaborators, tie_out.company, tie_out.month, kept)
    # The dashboard asks the log for it.
    said = {"company": tie_out.company, "month": str(tie_out.month), **kept}
    logger.info("month compared", extra=said)
    if not is_only_answered:
        _count(tie_out, collaborators, results)
        _notice(tie_out, keys, results, earliest_day(collaborators.clock.now()))
    results.metered_reads += tie_out.metered_reads
    results.tie_outs.append(_answered(tie_out, keys))


def _count(tie_out: TieOut, collaborators: Collaborators, results: Results) -> None:
    today = earliest_day(collaborators.clock.now())
    results.unexplained += _unexplained(tie_out)
    if tie_out.month.last < today:
        results.open_months += tie_out.verdict is Verdict.OPEN
        results.not_known += tie_out.verdict is Verdict.NOT_KNOWN
    is_overdue = tie_out.month.last + collaborators.overdue_after < today
    results.overdue += is_overdue and tie_out.verdict is not Verdict.TIES_OUT


def _unexplained(tie_out: TieOut) -> int:
    return tie_out.counts.get(DifferenceClass.UNEXPLAINED, 0) + len(tie_out.unexplained_sums)


def _notice(tie_out: TieOut, keys: dict[str, str], results: Results, today: date) -> None:
    """Add to the results what a person must know of a month. The alerts report it."""
    results.checked.add(tie_out.company)
    unexplained = _unexplained(tie_out)
    code = "tie_out_unexplained" if unexplained else "tie_out_not_known"
    if unexplained or (tie_out.month.last < today and tie_out.not_known):
        message = f"{tie_out.sentence} The report is {keys.get('html', '')}."
        results.failures.append(Failure(tie_out.company, code, "", message, stops=False))


def _answered(tie_out: TieOut, keys: dict[str, str]) -> dict[str, Any]:
    """Return a month as the invocation answers it."""
    closure = tie_out.closure
    closed = {"closed": closure.sentence, "changes": [change.sentence for change in closure.changes]} if closure else {}
    return {
        "company": tie_out.company,
        "month": str(tie_out.month),
        "verdict": tie_out.verdict.value,
        "sentence": tie_out.sentence,
        "documents": {which.value: count for which, count in tie_out.counts.items()},
        "metered_reads": tie_out.metered_reads,
        "report": keys,
    } | closed


def is_unfinished(key_values: Values, company: str) -> bool:
    """Whether a month of a company is unfinished, so that the next run goes on with it. It costs one read."""
    return any(kept.get("verdict") == UNFINISHED for kept in _kept(key_values, company).values())


def _kept(key_values: Values, company: str) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(key_values.value(index_key(company)) or "{}")
    return kept


def index_key(company: str) -> str:
    """Return the key of what came of each month of a company."""
    return f"tie-outs#{company}"


def _mark(collaborators: Collaborators, company: str, month: Month, what: dict[str, str]) -> None:
    # A person may compare another month of the company at this moment.
    collaborators.key_values.change(
        index_key(company), lambda text: json.dumps(json.loads(text or "{}") | {str(month): what}, sort_keys=True)
    )


def _take(collaborators: Collaborators, company: Company, month: Month) -> Lease | None:
    now = collaborators.clock.now()
    until = lease_until(now, collaborators.deadline.remaining_s)
    key = f"tie-out#{company.name}#{month}"
    return collaborators.key_values.take_lease(key, collaborators.holder, now, until, force=False)
