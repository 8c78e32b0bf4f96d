"""Document numbers: holes and doubles in the numbering of each journal."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from pipeline.domain.tie_out.facts import JournalDocument
from pipeline.domain.values import dataclass

# More are not looked up: a journal that jumps by thousands was renumbered.
GAPS_LOOKED_UP_MAX = 1_000
_LAST_DIGITS = re.compile(r"^(?P<prefix>.*?)(?P<number>\d+)(?P<suffix>\D*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NumberGap:
    """A number that is missing or there twice, and what Odoo says of it."""

    journal: str
    number: str
    explanation: str
    is_explained: bool


def missing_numbers(documents: Iterable[JournalDocument]) -> list[tuple[str, str]]:
    """Return journal and number of every hole between the first and the last number of a series in the month.

    A series is a journal and everything of a number but its last digits, so one with a year or a month in it begins
    again as Odoo's does. At most a thousand are returned.
    """
    series: defaultdict[tuple[str, str, str], dict[int, str]] = defaultdict(dict)
    for document in documents:
        found = _LAST_DIGITS.match(document.number)
        if found and document.state != "draft":
            key = (document.journal, found["prefix"], found["suffix"])
            series[key][int(found["number"])] = found["number"]
    missing: list[tuple[str, str]] = []
    for (journal, prefix, suffix), numbers in sorted(series.items()):
        present = sorted(numbers)
        for before, after in pairwise(present):
            width = len(numbers[before])
            # A series that jumps by millions must not make a list of millions.
            left = range(before + 1, min(after, before + 1 + GAPS_LOOKED_UP_MAX - len(missing)))
            missing += [(journal, f"{prefix}{number:0{width}}{suffix}") for number in left]
    return missing


def number_gaps(
    documents: Sequence[JournalDocument], missing: Iterable[tuple[str, str]], elsewhere: Mapping[tuple[str, str], str]
) -> list[NumberGap]:
    """Return the numbers a person should know of. `elsewhere` says of a missing number where Odoo has it."""
    gaps = [
        NumberGap(journal, number, elsewhere[journal, number], is_explained=True)
        if (journal, number) in elsewhere
        else NumberGap(journal, number, "Odoo has no such document: a draft was deleted, or it was renumbered.",
                       is_explained=False)
        for journal, number in missing
    ]  # fmt: skip
    posted = [document for document in documents if document.is_posted and document.number]
    counted = Counter((document.journal, document.number) for document in posted)
    gaps += [
        NumberGap(journal, number, f"{count} posted documents have it.", is_explained=False)
        for (journal, number), count in sorted(counted.items())
        if count > 1
    ]
    known = {(gap.journal, gap.number) for gap in gaps}
    gaps += [
        NumberGap(document.journal, document.number, "Odoo says that a number before it is missing.",
                  is_explained=False)
        for document in posted
        if document.sequence_gap and (document.journal, document.number) not in known
    ]  # fmt: skip
    return gaps
