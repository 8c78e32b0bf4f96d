"""The mail of the first working day of a month: each company's verdict on the month that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from pipeline.domain.alert import SUBJECT_LENGTH_MAX, Alert, Place, footer
from pipeline.domain.quoting import ascii_line, one_line
from pipeline.domain.remedies import argument
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.tie_out import Verdict

# A mail that could not be sent on its day still is within these days. Later it is no news.
LATE_MAX = timedelta(days=6)
COMPANIES_MAX = 100
SENTENCE_LENGTH_MAX = 600
SATURDAY = 5


def first_working_day(month: Month) -> date:
    """Return the first day of a month that is no Saturday or Sunday. Holidays are not known."""
    day = month.first
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    return day


def is_mail_day(today: date) -> bool:
    """Whether the mail about the last month belongs to today, if it has not been sent yet."""
    first = first_working_day(Month.of(today))
    return first <= today <= first + LATE_MAX


def month_mail(month: Month, found: Mapping[str, tuple[str, str]], place: Place) -> Alert:
    """Return the mail about an ended month; `found` has the verdict and its sentence by company."""
    tied = sum(verdict == Verdict.TIES_OUT for verdict, _sentence in found.values())
    count = "1 company ties out" if tied == 1 else f"{tied} companies tie out"
    what = f"{month.name}: {count}, of {len(found)}"
    lines = [f"How {month.name} compares in Odoo and QuickBooks:", ""]
    for company, (_verdict, sentence) in sorted(found.items())[:COMPANIES_MAX]:
        name = one_line(company, 80)
        lines += [
            f"{name}: {one_line(sentence, SENTENCE_LENGTH_MAX)}",
            f"  ./oqb report {argument(company)} {month} --env {place.environment}",
        ]
    if len(found) > COMPANIES_MAX:
        lines.append(f"And {len(found) - COMPANIES_MAX} more companies.")
    subject = ascii_line(f"[{place.environment}] {what}", SUBJECT_LENGTH_MAX)
    return Alert(subject, "\n".join([*lines, *footer("month_end", place)]))
