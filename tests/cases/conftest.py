"""A world per case; the embedded AWS is one for all of them."""

from __future__ import annotations

import pytest
import requests

from tests.cases.world import World


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
