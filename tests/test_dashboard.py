"""The dashboard shows figures that the functions write."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.aws.telemetry import WATCHED

ROOT = Path(__file__).parents[1]
SOURCES = "\n".join(path.read_text() for path in (ROOT / "lambda").rglob("*.py"))
# What the client counts its calls by.
CALLS = {"query", "read", "cdc", "create", "update", "delete", "upload"}
# Metrics of AWS itself.
OF_AWS = {"Errors", "ApproximateNumberOfMessagesVisible", "NumberOfNotificationsFailed"}


def watched() -> set[str]:
    """Return the metrics of ours that the dashboard or an alarm watches."""
    text = (ROOT / "dashboard.tf").read_text() + (ROOT / "observability.tf").read_text()
    shown = {
        name for names in re.findall(r"\[((?:\"[A-Z]\w+\"(?:, )?)+)\]", text) for name in re.findall(r"\w+", names)
    }
    shown |= set(re.findall(r"^\s+([A-Z]\w+)\s+= \"A ", text, re.MULTILINE))
    return (shown | set(re.findall(r'metric_name\s+=\s+"(\w+)"', text))) - OF_AWS


def test_every_figure_of_the_dashboard_and_of_an_alarm_is_written_by_a_function():
    assert {"DocumentsPosted", "MonthsOverdue", "TieOutUnexplained", "MeteredReads"} <= watched()
    assert {name for name in watched() if f'"{name}"' not in SOURCES} == set()


def test_a_metric_is_paid_for_only_if_the_dashboard_or_an_alarm_watches_it():
    assert watched() == WATCHED
