"""What every run ends with: people are told once, and an error leaves the function without anything foreign in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from pipeline.domain.alert import Alert, Failure, alerts_for
from pipeline.domain.errors import NeedsAttention, PipelineError

# Between the troubles that were told, in what is remembered of them; no name of a company has one.
SEPARATOR = "\n"


class KeyValues(Protocol):
    """Remembers what people were told."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""


class Alerts(Protocol):
    """Every channel to people."""

    def send(self, alerts: Iterable[Alert]) -> int:
        """Send the alerts; returns how many deliveries failed."""


class Letters(Protocol):
    """Where failed documents wait."""

    def put(self, failure: Failure) -> bool:
        """Put a failed document there; returns False when that fails."""


class Remembered:
    """A memory that lives as long as the container."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""
        return self._values.get(key)

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""
        self._values[key] = value


class Report:
    """Collects the failures of one run; `undelivered` counts alerts that could not be sent.

    `only` is the company the run was about, empty for all: of the others it says nothing. `is_whole` is False when an
    outage ended it.
    """

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.undelivered = 0
        self.only = ""
        self.is_whole = True

    def is_silent_about(self, trouble: str) -> bool:
        """Whether the run did not look at what was in trouble."""
        company = trouble.rpartition(": ")[0]
        return bool(self.only and company) and company != self.only


@contextmanager
def reporting(
    service: str, environment: str, alerts: Alerts, key_values: KeyValues | None, letters: Letters | None = None
) -> Iterator[Report]:
    """Send one alert per company and cause at the end of a run, whether it succeeds or raises.

    Each failed document goes to the dead letters as well, where it waits with its error until it is redriven.

    Trouble of a whole company (a login refused, a right missing) comes back every run until somebody mends it: with a
    memory it is told once, and again when it has been well in between.
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
    key_values: KeyValues | None,
    report: Report,
    letters: Letters | None,
) -> None:
    fresh = [failure for failure in report.failures if failure.title or key_values is None]
    if key_values is not None:
        key = f"alerted#{service}"
        before = _remembered(key_values, key)
        known = set(filter(None, (before or "").split(SEPARATOR)))
        general = {_trouble(failure) for failure in report.failures if not failure.title}
        # What this run did not look at is as it was.
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


def _remembered(key_values: KeyValues, key: str) -> str | None:
    try:
        return key_values.value(key) or ""
    except PipelineError:
        return None  # better told twice than never


def _remember(key_values: KeyValues, key: str, told: str) -> None:
    with suppress(PipelineError):
        key_values.keep(key, told)
