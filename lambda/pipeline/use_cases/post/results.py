"""What a run of the poster did."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, field
from itertools import islice
from typing import Any

from pipeline.domain.values import dataclass, replace

# Lambda returns at most 6 MB.
UNREADABLE_SHOWN = 100
# The calls that Intuit counts and, from some number on, charges for.
METERED = ("query", "read")


@dataclass(slots=True)
class Results:
    """What a run did, in documents; `calls` counts those to QuickBooks by kind, `redriven` dead letters.

    `started` are runs for other realms, which report for themselves.

    `noted` are those of the posted whose entry says what of it is not in QuickBooks, or what to know about its PDF.
    `recovered` are those of the posted and voided that had failed or been put off before. `rebuilt` are entries of a
    lost table; `not_rebuilt` are the companies of which some may be missing yet, for want of time, of QuickBooks, or of
    a copy that can be read, and `unreadable` has the reason for each of those by entry id. `started_over` are documents
    that go to another realm once more. `remaining` says that time ran out, or that not all were rebuilt or started
    over. `waiting` says what must be filled before anything can be done. `refresh_days_left` says of each company how
    long its connection lives on without being used, and `consent_days_left` how long with use. `drift_open` are the
    documents that people changed in the books and nobody has accepted, `drift_age_s` for how long the oldest of them,
    None if the run did not look.
    """

    posted: int = 0
    voided: int = 0
    failed: int = 0
    later: int = 0
    noted: int = 0
    recovered: int = 0
    redriven: int = 0
    rebuilt: int = 0
    not_rebuilt: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    started_over: int = 0
    started: int = 0
    remaining: bool = False
    paused: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    backlog: int | None = None
    backlog_age_s: int | None = None
    refresh_days_left: dict[str, float] = field(default_factory=dict)
    consent_days_left: dict[str, float] = field(default_factory=dict)
    drafts: list[dict[str, Any]] = field(default_factory=list)
    waiting: str = ""
    drift_noticed: int = 0
    drift_open: int | None = None
    drift_age_s: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        shown = dict(islice(self.unreadable.items(), UNREADABLE_SHOWN))
        return asdict(replace(self, calls={}, unreadable=shown)) | {"calls": dict(self.calls)}  # type: ignore[arg-type]

    def metrics(self) -> dict[str, float]:
        """Return what is worth watching over time."""
        watched: dict[str, float] = {
            "DocumentsPosted": self.posted,
            "DocumentsVoided": self.voided,
            "DocumentsFailed": self.failed,
        }
        # A run that did not measure must not say zero.
        if self.backlog is not None and self.backlog_age_s is not None:
            watched |= {"Backlog": self.backlog, "BacklogAgeSeconds": self.backlog_age_s}
        if self.drift_open is not None and self.drift_age_s is not None:
            watched |= {"DriftOpen": self.drift_open, "DriftAgeSeconds": self.drift_age_s}
            watched["DriftNoticed"] = self.drift_noticed
        if self.calls:
            watched["MeteredReads"] = sum(self.calls[kind] for kind in METERED)
        watched |= {f"QuickBooks{kind.capitalize()}Calls": count for kind, count in self.calls.items()}
        if self.refresh_days_left:
            watched["RefreshTokenDaysLeft"] = min(self.refresh_days_left.values())
        if self.consent_days_left:
            watched["ConsentDaysLeft"] = min(self.consent_days_left.values())
        return watched
