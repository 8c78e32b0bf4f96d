"""The end of every run: report failures to people once, and let an error leave the function without foreign text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from pipeline.domain.alert import Alert, Failure, alerts_for
from pipeline.domain.errors import NeedsAttention, PipelineError

# Separates the stored failures that were reported. No company name contains it.
SEPARATOR = "\n"


class ReportKeyValues(Protocol):
    """Where reported failures are stored."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""


class Alerts(Protocol):
    """All channels to people."""

    def send(self, alerts: Iterable[Alert]) -> int:
        """Send the alerts and return how many deliveries failed."""


class ReportLetters(Protocol):
    """Where failed documents wait."""

    def put(self, failure: Failure) -> bool:
        """Send a failed document there. Return False if that fails."""


class Remembered:
    """Key values that live as long as the container."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""
        return self._values.get(key)

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""
        self._values[key] = value


class Report:
    """Collects the failures of one run. `undelivered` counts alerts that could not be sent.

    `only` is the run's company, empty for all: the run says nothing about others. `is_whole` is False if an outage
    ended the run.
    """

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.undelivered = 0
        self.only = ""
        self.is_whole = True

    def is_silent_about(self, trouble: str) -> bool:
        """Whether the run did not check this failure."""
        company = trouble.rpartition(": ")[0]
        return bool(self.only and company) and company != self.only


@contextmanager
def reporting(
    service: str,
    environment: str,
    alerts: Alerts,
    key_values: ReportKeyValues | None,
    letters: ReportLetters | None = None,
) -> Iterator[Report]:
    """Send one alert per company and cause at the end of a run, whether it succeeds or raises.

    Every failed document also goes to the dead letters, where it waits with its error until it is redriven.

    A failure of a whole company (a refused login, a missing right) recurs every run until somebody fixes it. With
    `key_values` it is reported once, and again only if it was gone in between.
    """
    report = Report()
    try:
        yield report
    except NeedsAttention as error:
        if not any(not failure.title for failure in report.failures):
            report.failures.append(Failure("", error.code, "", str(error)))
        _tell(service, environment, alerts, key_values, report, letters)
        raise type(error)(str(error), code=error.code) from None
    except PipelineError as error:
        report.is_whole = False
        _tell(service, environment, alerts, key_values, report, letters)
        raise type(error)(str(error), code=error.code) from None
    else:
        _tell(service, environment, alerts, key_values, report, letters)


def _tell(
    service: str,
    environment: str,
    alerts: Alerts,
    key_values: ReportKeyValues | None,
    report: Report,
    letters: ReportLetters | None,
) -> None:
    fresh = [failure for failure in report.failures if failure.title or key_values is None]
    if key_values is not None:
        key = f"alerted#{service}"
        before = _remembered(key_values, key)
        known = set(filter(None, (before or "").split(SEPARATOR)))
        general = {_trouble(failure) for failure in report.failures if not failure.title}
        # What this run did not check is unchanged.
        unseen = {trouble for trouble in known if not report.is_whole or report.is_silent_about(trouble)}
        fresh += [failure for failure in report.failures if not failure.title and _trouble(failure) not in known]
        if before is None or general | unseen != known:
            _remember(key_values, key, SEPARATOR.join(sorted(general | unseen)))
    if letters is not None:
        documents = [failure for failure in report.failures if failure.entry_id]
        report.undelivered += sum(not letters.put(failure) for failure in documents)
    report.undelivered += alerts.send(alerts_for(fresh, environment=environment))


def _trouble(failure: Failure) -> str:
    return f"{failure.company}: {failure.code}"


def _remembered(key_values: ReportKeyValues, key: str) -> str | None:
    try:
        return key_values.value(key) or ""
    except PipelineError:
        return None  # better reported twice than never


def _remember(key_values: ReportKeyValues, key: str, reported: str) -> None:
    with suppress(PipelineError):
        key_values.keep(key, reported)
