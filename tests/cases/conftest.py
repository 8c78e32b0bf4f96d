"""A world per case; the embedded AWS is one for all of them."""

from __future__ import annotations

import pytest
import requests

from pipeline.qbo import limiter
from tests.cases.world import World


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))


@pytest.fixture
def start_world(aws):
    """Return a function that starts a world in an empty AWS."""
    worlds = []

    def start(**changes):
        requests.post(f"{aws.url}/moto-api/reset", timeout=10)
        worlds.append(World(aws=aws, **changes))
        return worlds[-1]

    yield start
    for world in worlds:
        world.odoo.close()
        world.qb.close()
