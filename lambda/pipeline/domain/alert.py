"""An alert: one message to a person, for one cause in one run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DOCUMENTS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person reads: a subject line, what happened to which documents, and what to do."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One document (or a whole company, if `title` is empty) that needs attention, and why.

    `remedy` is what to do once the cause is fixed, if that is not to invoke the poster. `entry_id` is the key of a
    document's entry. `stops` is False for a failure of a company that no document waits for.
    """

    company: str
    code: str
    title: str
    message: str
    remedy: str = ""
    entry_id: str = ""
    stops: bool = True

    @property
    def what_to_do(self) -> str:
        """What to do once the cause is fixed."""
        return self.remedy or (
            "Once the cause is fixed, a document is retried as soon as it changes in Odoo. To retry all of them, "
            f'invoke the poster with {{"company": "{self.company}", "retry_failed": true}}.'
        )


def alerts_for(failures: Iterable[Failure], *, environment: str) -> list[Alert]:
    """Return one alert per company and cause, not per document. An alert names at most twenty documents."""
    by_cause: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        by_cause.setdefault((failure.company, failure.code), []).append(failure)
    return [_alert(company, code, group, environment) for (company, code), group in sorted(by_cause.items())]


def _alert(company: str, code: str, group: list[Failure], environment: str) -> Alert:
    documents = [failure for failure in group if failure.title]
    who = company or "All companies"
    waiting = "nothing moves until a person acts" if any(failure.stops for failure in group) else "please correct"
    what = f"{_counted(len(documents))} for a person" if documents else waiting
    subject = f"[{environment}] {who}: {what} ({code})"
    lines = [f"Company: {who}", f"Cause: {code}", ""]
    for failure in group[:DOCUMENTS_SHOWN_MAX]:
        lines += [f"- {failure.title}", f"  {failure.message}"] if failure.title else [failure.message]
    if len(group) > DOCUMENTS_SHOWN_MAX:
        lines.append(
            f"... and {len(group) - DOCUMENTS_SHOWN_MAX} more; the tracking table's status-index has them all."
        )
    remedies = dict.fromkeys(failure.what_to_do for failure in documents)
    if remedies:
        lines += ["", *remedies]
    return Alert(subject, "\n".join(lines))


def _counted(number: int) -> str:
    return "1 document" if number == 1 else f"{number} documents"
