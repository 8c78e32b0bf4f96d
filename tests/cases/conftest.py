"""A world per case; the embedded AWS is one for all of them."""

from __future__ import annotations

import pytest

from pipeline.odoo import wire
from pipeline.qbo import limiter
from tests.cases.world import World


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))
    monkeypatch.setattr(wire, "growing", lambda *_, **__: lambda _try: 0.0)


@pytest.fixture
def open_world(aws):
    """Return a function that opens a world in an empty AWS; every one that was opened is closed."""
    opened = []

    def open_one(**changes):
        aws.empty()
        opened.append(World(aws=aws, **changes))
        return opened[-1]

    yield open_one
    for world in reversed(opened):
        world.leave()
