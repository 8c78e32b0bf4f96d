"""The posted October of companyB, for the modules whose tests read it; a module with another company overrides both."""

from __future__ import annotations

import pytest

from tests.tie_out_world import posted_month


@pytest.fixture(scope="module")
def posted():
    with posted_month("companyB") as world:
        yield world


@pytest.fixture
def world(posted):
    return posted.restore()
