"""A world that is put back is as it was: what a test did to a stand-in, to AWS or to a shell is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.demo.books import REALM_A
from pipeline.qbo import limiter
from tests import kept
from tests.conftest import Machine, started_machine
from tests.kept import Kept, made_once
from tests.operate.conftest import few


@pytest.fixture
def machine(aws, monkeypatch) -> Iterator[Machine]:
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))
    machine = started_machine(aws, few())
    machine.extract()
    yield machine
    machine.close()


def seen(machine):
    """Return what a test could look at: the table, the bucket, the books, the secrets, and what was said and asked."""
    return (
        machine.entries(),
        dict(zip(keys := machine.keys(), map(machine.object, keys), strict=True)),
        machine.quickbooks.books(REALM_A).documents(),
        machine.client("secretsmanager").get_secret_value(SecretId=machine.deployment.quickbooks_secret),
        machine.odoo.rows,
        (machine.output, machine.time_left_s, machine.deployment.environs),
        (machine.quickbooks.calls.copy(), len(machine.odoo.server.requests), machine.odoo.server.fault),
    )


def test_what_was_done_since_is_gone(machine):
    found = Kept(*machine.parts)
    before = repr(seen(machine))

    machine.post()
    machine.set_secret("quickbooks", {"client_id": "another"})
    machine.set_environ("qb-poster", ENVIRONMENT="another")
    machine.odoo.rows["account.move"][0]["ref"] = "another"
    machine.odoo.server.fault = lambda _request: None
    machine.time_left_s = 1.0
    after = repr(seen(machine))
    found.put_back()

    assert after != before
    assert repr(seen(machine)) == before


def test_what_is_put_back_goes_on_as_the_first_time_and_tells_what_it_told(machine):
    found = Kept(*machine.parts)

    told = []
    for _ in range(2):
        found.put_back()
        told.append((machine.post()["calls"], [alert["subject"] for alert in machine.alerts()], len(machine.keys())))

    assert told[0] == told[1]
    assert told[0][1]


def test_it_is_put_back_into_an_aws_that_others_have_emptied(machine, aws):
    found = Kept(*machine.parts)
    before = machine.entries()

    aws.empty()
    found.put_back()

    assert machine.entries() == before != {}


def test_a_world_is_made_once_and_again_when_it_is_old(aws, monkeypatch):
    made = []

    def make():
        made.append([len(made)])
        return made[-1], ()

    world = made_once(make)
    assert (world(), world()) == ([0], [0])
    monkeypatch.setattr(kept, "FRESH_S", 0)

    assert world() == [1]
