"""The tie-out of one company and month: what was found, and the verdict in one sentence."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pipeline.domain.money import rounded, shown
from pipeline.domain.tie_out.classes import READING_ORDER, DifferenceClass, Finding
from pipeline.domain.tie_out.closed import Closure
from pipeline.domain.tie_out.facts import NotCarried
from pipeline.domain.tie_out.merges import Merge, by_merge
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.numbers import NumberGap
from pipeline.domain.tie_out.sums import Sum, Sums
from pipeline.domain.values import dataclass

_NO_SUMS = Sums((), (), (), (), ())
# How a class is counted in the verdict: one document, several documents.
_COUNTED = {
    DifferenceClass.UNEXPLAINED: ("is unexplained", "are unexplained"),
    DifferenceClass.TWICE: ("is there twice", "are there twice"),
    DifferenceClass.MISSING: ("is missing in QuickBooks", "are missing in QuickBooks"),
    DifferenceClass.DELETED_IN_ODOO: ("is no longer in Odoo", "are no longer in Odoo"),
    DifferenceClass.CHANGED: ("was changed in QuickBooks", "were changed in QuickBooks"),
    DifferenceClass.MERGED: ("is on a merged party", "are on a merged party"),
    DifferenceClass.NEEDS_A_PERSON: ("needs a person", "need a person"),
    DifferenceClass.DATED_OTHERWISE: ("is dated otherwise", "are dated otherwise"),
    DifferenceClass.WAITING: ("waits", "wait"),
    DifferenceClass.ONLY_IN_QUICKBOOKS: ("is only in QuickBooks", "are only in QuickBooks"),
    DifferenceClass.FORMER_REALM: ("is in a former realm", "are in a former realm"),
    DifferenceClass.SKIPPED: ("is skipped", "are skipped"),
}


class Verdict(StrEnum):
    """Whether a month ties out."""

    TIES_OUT = "ties out"
    OPEN = "does not tie out"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class TieOut:
    """The tie-out of one company and month.

    `not_known` are the reasons why something could not be compared: with one of them the month never ties out.
    `notes` say what was compared less closely. `metered_reads` counts the calls that Intuit charges for.
    `closure` says that the month is closed.
    """

    company: str
    month: Month
    at: datetime
    home_currency: str = ""
    realm: str = ""
    odoo_url: str = ""
    findings: tuple[Finding, ...] = ()
    sums: Sums = _NO_SUMS
    unexplained_sums: tuple[Sum, ...] = ()
    gaps: tuple[NumberGap, ...] = ()
    not_carried: tuple[NotCarried, ...] = ()
    not_known: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    metered_reads: int = 0
    closure: Closure | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether it ties out."""
        if self.not_known:
            return Verdict.NOT_KNOWN
        if self.unexplained_sums or any(finding.is_open for finding in self.findings):
            return Verdict.OPEN
        return Verdict.TIES_OUT

    @property
    def counts(self) -> dict[DifferenceClass, int]:
        """How many documents are in each class, in reading order."""
        counted = Counter(finding.difference_class for finding in self.findings)
        return {which: counted[which] for which in READING_ORDER if counted[which]}

    @property
    def open(self) -> list[Finding]:
        """What must be done or awaited before the month ties out, in reading order."""
        return sorted((finding for finding in self.findings if finding.is_open), key=reading_order)

    @property
    def merges(self) -> dict[Merge, list[str]]:
        """The merges that one system lacks, each with the numbers of its documents."""
        found = sorted(self.findings, key=reading_order)
        return dict(by_merge((finding.merge, finding.number) for finding in found if finding.merge))

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        month = self.month.name
        if self.not_known:
            return f"It is not known whether {month} ties out: {self.not_known[0]}"
        if self.verdict is Verdict.OPEN:
            parts = [*self._counted(open_only=True), *self._amounts()]
            return f"{month} does not tie out yet: {_listed(parts)}."
        equal = self.counts.get(DifferenceClass.EQUAL, 0)
        counted = "one document is" if equal == 1 else f"all {equal} documents are"
        explained = self._counted(open_only=False)
        if not explained:
            return f"{month} ties out: {counted} equal in Odoo and QuickBooks, to the cent."
        if not equal:
            return f"{month} ties out, and what differs is explained: {_listed(explained)}."
        others = "1 document is" if equal == 1 else f"{equal} documents are"
        return f"{month} ties out: {others} equal to the cent, and what differs is explained: {_listed(explained)}."

    def _counted(self, *, open_only: bool) -> list[str]:
        counted = Counter(finding.difference_class for finding in self.findings if finding.is_open or not open_only)
        parts = []
        for which, (one, many) in _COUNTED.items():
            count = counted[which]
            if count:
                parts.append(f"1 document {one}" if count == 1 else f"{count} documents {many}")
        return parts

    def _amounts(self) -> list[str]:
        """Return the largest difference of an account, as a person would look for it."""
        differing = [row for row in self.sums.accounts if row.difference]
        if not differing:
            return []
        worst = max(differing, key=lambda row: abs(row.difference))
        others = len(differing) - 1
        more = "" if not others else f" and {others} more account{'s' if others > 1 else ''}"
        return [f"{shown(rounded(abs(worst.difference)), worst.currency)} on account {worst.name}{more}"]


def reading_order(finding: Finding) -> tuple[int, int, Decimal, str]:
    """Return what findings are sorted by: the class, explained ones later, the largest difference first."""
    return (
        READING_ORDER.index(finding.difference_class),
        int(finding.is_explained),
        -abs(finding.difference),
        finding.number,
    )


def _listed(parts: list[str]) -> str:
    return ", ".join(parts)
