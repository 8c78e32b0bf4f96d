"""The code of a state goes to QuickBooks where addresses are written with it, and an upgrade changes nothing else."""

from dataclasses import replace

import pytest

from pipeline.qbo.addresses import address
from pipeline.qbo.parties import said_of
from tests.builders import a_document
from tests.cases.world import us


@pytest.fixture
def world(open_world):
    return open_world(realms=[us()])


def states_of(world):
    invoice, customer = world.books(entity="Invoice")[0], world.people()[0]
    places = (invoice["BillAddr"], invoice["ShipAddr"], customer["BillAddr"])
    return {place.get("CountrySubDivisionCode") for place in places}


def post(world, *, state=(9, "Nevada (US)")):
    world.odoo.rows["res.country.state"] += [
        {"id": 9, "name": "Nevada", "code": "NV", "display_name": "Nevada (US)", "country_id": [233, "United States"]},
        {"id": 10, "name": "Madrid", "code": "M", "display_name": "Madrid (ES)", "country_id": [68, "Spain"]},
    ]
    party = world.partner(950, "Somebody", street="1 Main St", city="Reno", state_id=list(state))
    world.move(801, "out_invoice", [{"amount": 100.0}], partner=party)
    world.run()


def test_a_state_of_the_us_is_sent_by_its_code(world):
    post(world)

    assert states_of(world) == {"NV"}


def test_a_state_elsewhere_is_sent_by_its_name(world):
    post(world, state=(10, "Madrid (ES)"))

    assert states_of(world) == {"Madrid"}


def test_a_user_who_may_not_read_states_sends_names(world, monkeypatch):
    monkeypatch.setattr("local.stand_ins.odoo.rights._ADMINISTRATIVE", frozenset({"res.country.state"}))

    post(world)

    assert states_of(world) == {"Nevada"}


def test_after_an_upgrade_nobody_and_nothing_looks_changed():
    document = a_document()
    place = replace(document.party.address, state="Nevada", country="United States")
    before = replace(document, party=replace(document.party, address=place), ship_to=place)
    coded = replace(place, state_code="NV")
    after = replace(before, party=replace(before.party, address=coded), ship_to=coded)

    assert after.content_hash == before.content_hash
    assert said_of(after.party, "Customer", "x") == said_of(before.party, "Customer", "x")
    assert said_of(replace(after.party, address=replace(coded, state="Utah")), "Customer", "x") != said_of(
        before.party, "Customer", "x"
    )
    assert address(coded)["CountrySubDivisionCode"] == "NV"
