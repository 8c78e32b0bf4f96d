"""The dashboard shows figures that the functions write."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = "\n".join(path.read_text() for path in (ROOT / "lambda").rglob("*.py"))
# What the client counts its calls by.
CALLS = {"query", "read", "cdc", "create", "update", "delete", "upload"}


def test_every_figure_of_the_dashboard_and_of_an_alarm_is_written_by_a_function():
    text = (ROOT / "dashboard.tf").read_text() + (ROOT / "observability.tf").read_text()
    shown = {
        name for names in re.findall(r"\[((?:\"[A-Z]\w+\"(?:, )?)+)\]", text) for name in re.findall(r"\w+", names)
    }
    shown |= set(re.findall(r"^\s+([A-Z]\w+)\s+= \"A ", text, re.MULTILINE))
    kinds = {kind.capitalize() for kind in CALLS}

    assert {"DocumentsPosted", "MonthsOverdue", "TieOutUnexplained", "Query"} <= shown
    assert {name for name in shown - kinds if f'"{name}"' not in SOURCES} == set()
    assert kinds <= shown
    assert {kind for kind in CALLS if f'"{kind}"' not in SOURCES} == set()
