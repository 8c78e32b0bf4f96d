"""What a run of the extractor did, in documents."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from pipeline.domain.entry import Status
from pipeline.use_cases.extract.decide import Decision, News


class Progress(StrEnum):
    """How far a run got with something."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # time or Odoo gave out: the next run takes it up again


@dataclass(slots=True)
class Counts:
    """Counts of documents in a run. `cursor` is how far each company was read, `remaining` whether more is left.

    `left_out` counts files that are in no PDF. `not_carried` counts by company the journal entries that move a
    receivable, payable or tax but are not carried documents.
    """

    found: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    pdfs: int = 0
    skipped: int = 0
    failed: int = 0
    left_out: int = 0
    not_carried: dict[str, dict[str, int]] = field(default_factory=dict)
    cursor: dict[str, str] = field(default_factory=dict)
    remaining: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return asdict(self)

    def count(self, decision: Decision) -> None:
        """Count one document."""
        self.found += 1
        setattr(self, decision.news, getattr(self, decision.news) + 1)
        if decision.news is not News.UNCHANGED and decision.entry.status is Status.SKIPPED:
            self.skipped += 1
