"""The dashboard shows figures that the functions write."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.aws.telemetry import WATCHED
from tests.terraform_tools import configuration_text

ROOT = Path(__file__).parents[1]
SOURCES = "\n".join(path.read_text() for path in (ROOT / "lambda").rglob("*.py"))
# What the client counts its calls by.
CALLS = {"query", "read", "cdc", "create", "update", "delete", "upload"}
# Metrics of AWS itself.
OF_AWS = {"Errors", "ApproximateNumberOfMessagesVisible", "NumberOfNotificationsFailed"}


def listed(text: str) -> set[str]:
    """Return the names of figures in the lists of a text."""
    lists = re.findall(r"\[((?:\"[A-Z]\w+\"(?:, )?)+)\]", text)
    return {name for names in lists for name in re.findall(r"\w+", names)}


def queried() -> set[str]:
    """Return the figures that the dashboard asks the log for."""
    lines = (ROOT / "dashboard.tf").read_text().splitlines()
    return listed("\n".join(line for line in lines if line.strip().startswith("figures ")))


def watched() -> set[str]:
    """Return the metrics of ours that an alarm watches."""
    text = configuration_text()
    of_the_tie_out = set(re.findall(r"^\s+([A-Z]\w+)\s+= { name", text, re.MULTILINE))
    return (of_the_tie_out | set(re.findall(r'metric_name\s+=\s+"(\w+)"', text))) - OF_AWS


def test_every_figure_of_the_dashboard_and_of_an_alarm_is_written_by_a_function():
    assert {"BacklogAgeSeconds", "MonthsOverdue", "TieOutUnexplained"} <= watched()
    assert {"DocumentsPosted", "Backlog", "MeteredReads", "MonthsOpen"} <= queried()
    assert {name for name in watched() | queried() if f'"{name}"' not in SOURCES} == set()


def test_the_dashboard_asks_for_a_figure_in_both_ways_the_log_may_have_it():
    # A metric's values are a list in the log: its first is named `<figure>.0`.
    text = (ROOT / "dashboard.tf").read_text()

    assert "coalesce(${name}.0, ${name})" in text
    assert "ispresent(${widget.figures[0]}.0) or ispresent(${widget.figures[0]})" in text


def test_every_line_that_the_dashboard_asks_the_log_for_is_written_with_the_fields_that_it_shows():
    lines = re.findall(
        r'function = "([\w-]+)"\n\s+message  = "([\w ]+)"\n\s+shows    = "(.+)"', (ROOT / "dashboard.tf").read_text()
    )
    assert [message for _, message, _ in lines] == ["month compared", "connection", "document failed"]
    for _, message, shows in lines:
        (written,) = re.findall(rf'"{message}",\s*extra=(.+)', SOURCES)
        assert written
        fields = set(re.findall(r"\((\w+)\)", shows)) | set(re.findall(r"by ([\w, ]+?) \|", shows)[0].split(", "))
        assert {field for field in fields if f'"{field}"' not in SOURCES} == set()


def test_a_metric_is_paid_for_only_if_an_alarm_watches_it():
    assert watched() == set(WATCHED)
