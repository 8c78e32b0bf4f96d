"""What a run of the extractor did, in documents."""

from __future__ import annotations

from dataclasses import asdict, field
from enum import StrEnum
from typing import Any

from pipeline.domain.entry import Status
from pipeline.domain.quoting import one_line
from pipeline.domain.source import Pdf
from pipeline.domain.values import dataclass
from pipeline.use_cases.extract.decide import Decision, News

# Lambda returns at most 6 MB.
FILES_NAMED_MAX = 100


class Progress(StrEnum):
    """How far a run got with something."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # time or Odoo gave out: the next run takes it up again


@dataclass(slots=True)
class Counts:
    """Counts of documents in a run. `cursor` is how far each company was read, `remaining` whether more is left.

    `left_out` counts files that are in no PDF, and `left_out_files` names the first hundred with the reason. `embedded`
    counts those that are no pages and are embedded in one. `not_carried` counts by company the journal entries that
    move a receivable, payable or tax but are not carried documents.
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
    left_out_files: list[str] = field(default_factory=list)
    embedded: int = 0
    not_carried: dict[str, dict[str, int]] = field(default_factory=dict)
    cursor: dict[str, str] = field(default_factory=dict)
    remaining: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return asdict(self)

    def metrics(self) -> dict[str, float]:
        """Return what is worth watching over time."""
        return {"DocumentsFound": self.new + self.changed, "DocumentsFailed": self.failed, "Pdfs": self.pdfs}

    def count_files(self, title: str, pdf: Pdf) -> None:
        """Count the PDF of a document and the files that are not in it, or are embedded in it."""
        self.pdfs += 1
        self.left_out += len(pdf.left_out)
        self.embedded += len(pdf.embedded)
        room = FILES_NAMED_MAX - len(self.left_out_files)
        self.left_out_files += [f"{title}: {one_line(sentence)}" for sentence in pdf.left_out[:room]]

    def count(self, decision: Decision) -> None:
        """Count one document."""
        self.found += 1
        setattr(self, decision.news, getattr(self, decision.news) + 1)
        if decision.news is not News.UNCHANGED and decision.entry.status is Status.SKIPPED:
            self.skipped += 1
