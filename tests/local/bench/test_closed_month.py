"""A closed month of many documents stays within the function's memory, of which half is for what was read."""

from __future__ import annotations

from tests.local.bench.conftest import measured

DOCUMENTS = 10_000
# 50,000 take 233 MB (docs/figures.md), of which 26 MB is Python itself.
PEAK_MB_MAX = 26 + 60


def test_closing_and_comparing_a_month_takes_little_memory_for_each_document():
    found = measured("closed_month", DOCUMENTS)

    assert found["documents"] == DOCUMENTS
    assert found["peak_mb"] < PEAK_MB_MAX
