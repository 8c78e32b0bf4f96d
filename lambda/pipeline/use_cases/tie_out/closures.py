"""Which months of a company are closed, and what has changed in them since: one stored value for each month."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pipeline.domain.alert import Failure
from pipeline.domain.codec import dumps, loads
from pipeline.domain.tie_out.close import alert_text, compared, is_followed
from pipeline.domain.tie_out.closed import Closure
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.domain.values import replace
from pipeline.use_cases.tie_out.collaborators import Collaborators, KeyValues

MANIFEST = "manifest.json"
CODE = "closed_month_changed"
# Keys of the verdicts, which the function may write. No company has an empty name.
CLOSED = "tie-outs##closed#"


def closure_key(company: str, month: Month | str) -> str:
    """Return the key of the closure of a month."""
    return f"{CLOSED}{company}#{month}"


def closure_of(key_values: KeyValues, company: str, month: Month) -> Closure | None:
    """Return the closure of a month, or None if the month is open or was opened again."""
    kept = key_values.value(closure_key(company, month))
    closure = loads(Closure, kept) if kept else None
    return closure if closure is not None and closure.is_closed else None


def keep_closure(key_values: KeyValues, company: str, month: Month, closure: Closure) -> None:
    """Store the closure of a month; one that was opened again says so."""
    key_values.keep(closure_key(company, month), dumps(closure))


def closed_months(collaborators: Collaborators, company: str, months: Iterable[str]) -> dict[Month, Closure]:
    """Return those of the months (`2026-10`) that are closed, in order."""
    keys = {closure_key(company, text): Month.of(date.fromisoformat(f"{text}-01")) for text in months}
    stored = collaborators.key_values.values_of(list(keys))
    found = {keys[key]: loads(Closure, text) for key, text in stored.items() if text}
    return {month: closure for month, closure in sorted(found.items()) if closure.is_closed}


def followed(collaborators: Collaborators, company: str, months: Iterable[str]) -> list[Month]:
    """Return the closed months that are still compared every day."""
    now = collaborators.clock.now()
    found = closed_months(collaborators, company, months)
    return [month for month, closure in found.items() if is_followed(closure, now)]


def with_closure(collaborators: Collaborators, tie_out: TieOut) -> TieOut:
    """Return a tie-out with the closure of its month and what has changed since, and store that."""
    before = closure_of(collaborators.key_values, tie_out.company, tie_out.month)
    if before is None:
        return tie_out
    stored = collaborators.reports.closed_file(before.folder, MANIFEST)
    closure = compared(before, stored, tie_out)
    if closure != before:
        keep_closure(collaborators.key_values, tie_out.company, tie_out.month, closure)
    return replace(tie_out, closure=closure)


def changed(collaborators: Collaborators, company: str, months: Iterable[str]) -> list[Failure]:
    """Return a failure for each closed month that has changed, whether or not this run has compared it.

    Otherwise a run that compares another month would end the alert.
    """
    return [
        Failure(company, CODE, "", alert_text(company, month, closure, collaborators.environment), stops=False)
        for month, closure in closed_months(collaborators, company, months).items()
        if closure.count
    ]
