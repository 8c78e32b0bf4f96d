"""A posted October, opened once for the tests of a module: of companyB, or of both companies in `worlds`.

Tests of one company use `world`. A module whose tests run in both overrides it.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.tie_out_world import COMPANIES, posted_month


@pytest.fixture(scope="module")
def posted():
    with posted_month("companyB") as world:
        yield world


@pytest.fixture
def world(posted):
    return posted.restore()


@pytest.fixture(scope="module")
def worlds():
    with ExitStack() as stack:
        yield {company: stack.enter_context(posted_month(company)) for company in COMPANIES}
