"""One document on which Odoo fails is noted by its name and holds up no other, however it fails, over either API."""

import pytest
import requests

from local.stand_ins.odoo.errors import OdooError, access_error, value_error
from local.stand_ins.odoo.poison import BAD_GATEWAY, CLOSED, CUT, GATEWAY_TIMEOUT, Poison, too_large
from pipeline.domain.errors import PipelineError
from pipeline.odoo import wire
from pipeline.use_cases.extract import reading
from tests.cases.world import us
from tests.conftest import API_KEY, PASSWORD

IDS = range(601, 613)
BAD = 606
TOO_SLOW = "no answer in time"
DATABASE_ERROR = OdooError("psycopg2.OperationalError", "server closed the connection unexpectedly")
FAULTS = {
    "an error of the database": DATABASE_ERROR,
    "an error of a module": value_error("could not convert string to float: 'n/a'"),
    "a rule that forbids one of its records": access_error("Uh-oh! Looks like you have stumbled upon some records."),
    "a proxy's 502": BAD_GATEWAY,
    "a proxy's 504": GATEWAY_TIMEOUT,
    "a connection that ends": CLOSED,
    "a connection that ends in the middle of the answer": CUT,
    TOO_SLOW: CLOSED,
    "an answer that is too large": too_large(wire.ROWS_BYTES_MAX + 1),
}
# What the person who reads of it can go by.
SAYS = {
    "an error of a module": "could not convert string to float",
    "a rule that forbids one of its records": "lacks a right",
    "an answer that is too large": "come to more than 16 MB",
}


_request = requests.Session.request


def without_an_answer_in_time(*arguments, **options):
    """Send a request; where no answer comes, say what `requests` says when one does not come in time. Nobody waits."""
    try:
        return _request(*arguments, **options)
    except requests.exceptions.ConnectionError as error:
        raise requests.exceptions.ReadTimeout from error


@pytest.fixture
def world(open_world, monkeypatch):
    """Return a function that opens a world of twelve invoices: JSON-RPC before 19, JSON-2 with a key from 19 on."""

    def open_one(version, what=""):
        if what == TOO_SLOW:
            monkeypatch.setattr(requests.Session, "request", without_an_answer_in_time)
        world = open_world(version=version, secret=API_KEY if version >= 19 else PASSWORD, realms=[us()])
        for odoo_id in IDS:
            world.move(odoo_id, "out_invoice", [{"amount": 10.0 * odoo_id}])
        return world

    return open_one


@pytest.mark.parametrize("version", [18, 19])
@pytest.mark.parametrize("what", FAULTS)
def test_the_document_is_failed_by_its_name_and_the_others_are_carried(world, version, what):
    world = world(version, what)
    poison = Poison(world.odoo, FAULTS[what], BAD)

    world.extract()
    world.post()

    entries = world.entries()
    assert poison.count
    assert {odoo_id for odoo_id, entry in entries.items() if entry["status"] == "posted"} == set(IDS) - {BAD}
    assert entries[BAD]["status"] == "failed"
    assert entries[BAD]["number"] in entries[BAD]["error_message"]
    (alert,) = [alert for alert in world.alerts() if entries[BAD]["number"] in alert["text"]]
    assert SAYS.get(what, "gets no usable answer from Odoo") in alert["text"]
    is_json2 = any(request.path.startswith("/json/2/account.move") for request in world.odoo.server.requests)
    assert is_json2 is (version >= 19)


@pytest.mark.parametrize("version", [18, 19])
@pytest.mark.parametrize("what", ["an error of the database", "an error of a module", "a proxy's 502"])
def test_an_odoo_that_fails_on_every_document_is_no_fault_of_one_and_is_not_stormed(world, version, what):
    world = world(version)
    poison = Poison(world.odoo, FAULTS[what])

    for _ in range(3):
        with pytest.raises(PipelineError):
            world.extract()

    assert world.entries() == {}
    # The page, smaller ones down to one document, and a few others: each tried three times, where that may help.
    pages = 3 + 1 + reading.OTHERS_TRIED_MAX + 1
    assert poison.count <= 3 * pages * wire.TRIES
    world.odoo.server.fault = lambda _request: None
    world.extract()
    assert set(world.entries()) == set(IDS)


@pytest.mark.parametrize("version", [18, 19])
def test_once_odoo_answers_for_it_a_pull_by_its_id_carries_it(world, version):
    world = world(version)
    Poison(world.odoo, BAD_GATEWAY, BAD)
    world.extract()
    world.odoo.server.fault = lambda _request: None

    world.extract({"ids": [BAD]})
    world.post()

    assert world.entries()[BAD]["status"] == "posted"
