"""An alert: one message to a person, for one cause in one run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DOCUMENTS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person reads: a subject line, and what happened, to which documents, and what to do."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One document (or one whole company, when `title` is empty) that needs a person, and why.

    `remedy` is what to do once the cause is mended, where that is not to invoke the poster. `entry_id` is its key, for
    documents. Trouble of a company that nothing waits for does not say that it `stops`.
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
        """What to do when the cause is mended."""
        return self.remedy or (
            "When the cause is mended, a document is tried again as soon as it changes in Odoo; all of them are, when "
            f'the poster is invoked with {{"company": "{self.company}", "retry_failed": true}}.'
        )


def alerts_for(failures: Iterable[Failure], *, environment: str) -> list[Alert]:
    """Return one alert per company and cause, not per document; each names its documents, at most twenty of them."""
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
