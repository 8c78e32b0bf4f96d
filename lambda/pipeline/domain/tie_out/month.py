"""A calendar month: the unit in which books are closed."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from pipeline.domain.errors import InvalidRequest

# Nobody says in which time zone a company is. Line Islands are 14 hours ahead of UTC, Baker Island 12 hours behind.
AHEAD_MAX = timedelta(hours=14)
BEHIND_MAX = timedelta(hours=12)


def latest_day(now: datetime) -> date:
    """Return the latest day that it is anywhere on earth: a month that begins later has begun nowhere."""
    return (now + AHEAD_MAX).date()


def earliest_day(now: datetime) -> date:
    """Return the earliest day that it is anywhere on earth: a month that ended before is over everywhere."""
    return (now - BEHIND_MAX).date()


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month. Its text is `2026-10`, its name `October 2026`."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> Self:
        """Return the month of a day."""
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str, today: date) -> Self:
        """Return the month in a text. Raises InvalidRequest if it is none, or has not begun by `today`.

        For the month that somebody asks for, that is the `latest_day` on earth.
        """
        found = re.fullmatch(r"(2\d{3})-(0[1-9]|1[0-2])", text)
        if found is None:
            raise InvalidRequest(f"'{text[:40]}' is no month: write year and month like {today:%Y-%m}.")
        month = cls(int(found[1]), int(found[2]))
        if month.first > today:
            raise InvalidRequest(
                f"{month.name} has not begun, so there is nothing to compare: nowhere is it later than {today}."
            )
        return month

    @property
    def first(self) -> date:
        """The first day."""
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        """The last day."""
        return date(self.year, self.number, calendar.monthrange(self.year, self.number)[1])

    @property
    def previous(self) -> Month:
        """The month before."""
        return Month.of(self.first - timedelta(days=1))

    @property
    def name(self) -> str:
        """The name a person uses for it, in English whatever the machine's language is."""
        names = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                 "November", "December")  # fmt: skip
        return f"{names[self.number - 1]} {self.year}"

    def __contains__(self, day: date) -> bool:
        return (day.year, day.month) == (self.year, self.number)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"
