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
# A company has a handful of journals. Names that people type in by hand may make any number of series.
SERIES_LOOKED_UP_MAX = 40
# A series of a new year or month that begins above this was begun there by hand.
FIRST_BY_HAND = 20
# A series that jumps by more between two months was renumbered by hand: nobody deletes so many documents.
JUMP_BY_HAND = 100
_LAST_DIGITS = re.compile(r"^(?P<prefix>.*?)(?P<number>\d{1,9})(?P<suffix>\D*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NumberParts:
    """A number, as Odoo counts it: by its last digits. `width` is how many there are."""

    prefix: str
    number: int
    suffix: str
    width: int


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of a journal that differ in their last digits only, and the first of them in the month."""

    journal_id: int
    journal: str
    prefix: str
    suffix: str
    first: int
    width: int

    def name(self, number: int) -> str:
        """Return a number of the series as Odoo shows it."""
        return f"{self.prefix}{number:0{self.width}}{self.suffix}"


@dataclass(frozen=True, slots=True)
class NumberGap:
    """A number that is missing or there twice, and what Odoo says of it."""

    journal: str
    number: str
    explanation: str
    is_explained: bool


def split_number(number: str) -> NumberParts | None:
    """Return the parts of a document's number, or None if it does not count: it has no digits, or more than nine."""
    found = _LAST_DIGITS.match(number)
    if not found or found["prefix"][-1:].isdigit():
        return None
    return NumberParts(found["prefix"], int(found["number"]), found["suffix"], len(found["number"]))


def _by_series(documents: Iterable[JournalDocument]) -> dict[tuple[str, int, str, str], dict[int, int]]:
    """Return the numbers that are there by journal, its id, prefix and suffix, each with the width it is written in."""
    series: defaultdict[tuple[str, int, str, str], dict[int, int]] = defaultdict(dict)
    for document in documents:
        parts = split_number(document.number)
        if parts and document.state != "draft":
            key = (document.journal, document.journal_id, parts.prefix, parts.suffix)
            series[key][parts.number] = parts.width
    return dict(sorted(series.items()))


def missing_numbers(documents: Iterable[JournalDocument]) -> list[tuple[str, str]]:
    """Return journal and number of every hole between the first and the last number of a series in the month.

    A series is a journal and everything of a number but its last digits, so one with a year or a month in it begins
    again as Odoo's does. At most a thousand are returned.
    """
    missing: list[tuple[str, str]] = []
    for (journal, _, prefix, suffix), numbers in _by_series(documents).items():
        for before, after in pairwise(sorted(numbers)):
            width = numbers[before]
            # A series that jumps by millions must not make a list of millions.
            left = range(before + 1, min(after, before + 1 + GAPS_LOOKED_UP_MAX - len(missing)))
            missing += [(journal, f"{prefix}{number:0{width}}{suffix}") for number in left]
    return missing


def missing_count(documents: Iterable[JournalDocument]) -> int:
    """Return how many numbers are missing between the first and the last number of a series in the month."""
    return sum(
        after - before - 1 for numbers in _by_series(documents).values() for before, after in pairwise(sorted(numbers))
    )


def begun_before(documents: Iterable[JournalDocument]) -> list[Series]:
    """Return the series whose first number in the month is not 1: there may be a hole before it."""
    found = []
    for (journal, journal_id, prefix, suffix), numbers in _by_series(documents).items():
        first = min(numbers)
        if first > 1:
            found.append(Series(journal_id, journal, prefix, suffix, first, numbers[first]))
    return found


def missing_before(last_before: Mapping[Series, int]) -> list[tuple[str, str]]:
    """Return journal and number of every hole between the last number before the month and the first one in it.

    `last_before` leaves out a series nobody knows the beginning of. A long hole is no hole: the series was renumbered.
    """
    return [
        (series.journal, series.name(number))
        for series, last in last_before.items()
        if series.first - last - 1 <= JUMP_BY_HAND
        for number in range(last + 1, series.first)
    ]


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
    # The number after a hole that was named says nothing more.
    known |= {(journal, _next(number)) for journal, number in known}
    gaps += [
        NumberGap(document.journal, document.number, "Odoo says that a number before it is missing.",
                  is_explained=False)
        for document in posted
        if document.sequence_gap and (document.journal, document.number) not in known
    ]  # fmt: skip
    return gaps


def _next(number: str) -> str:
    parts = split_number(number)
    return f"{parts.prefix}{parts.number + 1:0{parts.width}}{parts.suffix}" if parts else number
