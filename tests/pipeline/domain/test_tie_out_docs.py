"""What the documentation of the tie-out says is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pipeline.aws.events import poster_command
from pipeline.aws.report_store import MEDIA_TYPES, REPORTS
from pipeline.domain.commands import AcceptDrift
from pipeline.domain.open_alerts import KEPT_NOTICES_MAX
from pipeline.domain.tie_out.classes import OPEN, DifferenceClass
from pipeline.pages.page import ROWS_MAX
from pipeline.qbo import changes
from pipeline.use_cases.post import watch
from pipeline.use_cases.tie_out import collaborators, months, reading, run

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/month-end.md").read_text()


def test_the_page_lists_every_class_and_whether_the_month_ties_out_with_it():
    section = TEXT.partition("## The classes")[2].partition("##")[0]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| (yes|no)\b[^|]*\|$", section, re.MULTILINE)
    rows += [(name, "no") for name in re.findall(r"^\| ([^|]+) \| [^|]+ \| not yet \|$", section, re.MULTILINE)]

    listed = {name: answer == "no" for name, answer in rows}
    assert listed == {which.value: which in OPEN for which in DifferenceClass}


def test_the_limits_are_those_of_the_code():
    assert f"| documents of a month | {reading.DOCUMENTS_MAX:,} |" in TEXT
    assert f"{ROWS_MAX:,}, differing ones first" in TEXT
    assert "at most twelve months" in TEXT
    assert months.MONTHS_MAX == 12
    assert reading.KEPT_FOR.total_seconds() == 6 * 3600
    assert run.LEASE_TRIES * run.LEASE_WAIT_S == 120
    assert collaborators.OVERDUE_DAYS == 10


def test_the_keys_are_where_the_page_says():
    for ending in MEDIA_TYPES:
        assert f"`{REPORTS}<company>/<yyyy-mm>/tie-out.{ending}`" in TEXT


def test_the_watch_is_as_the_page_says():
    section = TEXT.partition("## What people do in QuickBooks")[2].partition("## Limits")[0]
    (payload,) = re.findall(r"--payload '(.+accept.+)'", section)

    assert isinstance(poster_command(json.loads(payload)), AcceptDrift)
    assert "within 20 minutes" in section
    assert watch.LATE_AFTER.total_seconds() == 20 * 60
    assert watch.OVERLAP.total_seconds() == 10 * 60
    assert f"answers {changes.OBJECTS_MAX:,}" in section
    assert f"of more than {KEPT_NOTICES_MAX} the rest" in (ROOT / "docs/alerts.md").read_text()
