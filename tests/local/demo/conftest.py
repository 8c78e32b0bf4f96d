"""What every test of the demo goes without: to wait as QuickBooks' limits want it."""

from __future__ import annotations

import pytest

from pipeline.qbo import limiter


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Lift the limits of QuickBooks' pace, which have tests of their own."""
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))
