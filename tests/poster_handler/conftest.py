"""Fixtures of the tests of the poster's handler."""

from __future__ import annotations

import pytest

from local.demo.documents import many
from pipeline.qbo import limiter
from pipeline.use_cases.post import realm_run
from tests.poster_world import says_nothing_secret


@pytest.fixture
def one_by_one(monkeypatch):
    """Have each document sent alone, where a test breaks the call of one. Batches are in `test_group.py`."""
    monkeypatch.setattr(realm_run, "TOGETHER_MAX", 1)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Lift the limits of QuickBooks' pace, which have tests of their own."""
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))


def _one_of_each_type():
    return many(4, parties=2)


def _pulled(machine):
    machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
    machine.extract()
    machine.output = ""


@pytest.fixture
def machine(machine_after):
    """Four documents of companyA, one of each type, pulled and waiting. Afterwards no secret may be anywhere."""
    machine = machine_after(_pulled, _one_of_each_type)
    yield machine
    says_nothing_secret(machine)
