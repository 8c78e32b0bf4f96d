"""Send the mail of the first working day, once: it is stored as sent after the alerts have taken it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Protocol

from pipeline.domain.alert import Alert, Place
from pipeline.domain.tie_out.mail import first_working_day, is_mail_day, month_mail
from pipeline.domain.tie_out.month import Month
from pipeline.use_cases.tie_out.months import UNFINISHED, index_key

# A key of the verdicts, which the function may write. No company has an empty name.
MAILED = "tie-outs##mailed"
_NOT_YET = "It was not compared to its end yet; the schedule goes on with it."


class MailValues(Protocol):
    """Small values by key."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""


def mail_month_end(
    values: MailValues, deliver: Callable[[Alert], bool], companies: Sequence[str], place: Place, today: date
) -> bool:
    """Mail each company's verdict on the last month if it is due; return whether it was sent.

    On the first working day itself it waits for a comparison that is still unfinished.
    """
    month = Month.of(today).previous
    if not companies or not is_mail_day(today) or values.value(MAILED) == str(month):
        return False
    found = {company: _verdict(values, company, month) for company in companies}
    is_first = today == first_working_day(Month.of(today))
    if is_first and any(verdict == UNFINISHED for verdict, _sentence in found.values()):
        return False
    if not deliver(month_mail(month, found, place)):
        return False
    values.keep(MAILED, str(month))
    return True


def _verdict(values: MailValues, company: str, month: Month) -> tuple[str, str]:
    index: dict[str, Any] = json.loads(values.value(index_key(company)) or "{}")
    kept = index.get(str(month), {})
    verdict = str(kept.get("verdict", UNFINISHED))
    if verdict == UNFINISHED:
        return verdict, _NOT_YET
    return verdict, str(kept.get("sentence") or f"{month.name}: {verdict}.")
