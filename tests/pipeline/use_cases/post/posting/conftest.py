"""Fixtures of the tests of a posting."""

from __future__ import annotations

import pytest

from tests.books_world import served
from tests.posting_world import Session


@pytest.fixture
def session():
    return Session()


@pytest.fixture(params=[True, False], ids=["ids remembered", "ids forgotten"])
def world(request):
    # Where ids are forgotten numbers are not unique either: nothing but our own look keeps a document from doubling.
    with served(custom_transaction_numbers=request.param) as served_world:
        served_world.stand_in.remembers_request_ids = request.param
        yield served_world
