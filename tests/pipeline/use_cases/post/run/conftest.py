"""Fixtures of the tests of a run."""

from __future__ import annotations

import pytest

from tests.posting_run_world import World


@pytest.fixture
def world():
    return World()
