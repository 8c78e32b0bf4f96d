"""The world of a case, closed after it."""

from __future__ import annotations

import pytest
import requests

from tests.cases.world import World


@pytest.fixture
def open_world(aws):
    """Return a function that opens a world in an empty AWS; every one that was opened is closed."""
    opened = []

    def open_one(**changes):
        requests.post(f"{aws.url}/moto-api/reset", timeout=10)
        opened.append(World(aws=aws, **changes))
        return opened[-1]

    yield open_one
    for world in reversed(opened):
        world.leave()
