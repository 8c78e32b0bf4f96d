"""What looks the same to a person is the same, and what a person cannot see changes nothing."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

import pytest

from tests.cases.world import REALM_A, us

NOVEMBER = {"company": "companyA", "month": "2026-11"}
OCTOBER = {"company": "companyA", "month": "2026-10"}


@pytest.fixture
def world(open_world):
    return open_world(realms=[us()])


@pytest.mark.parametrize(
    "name",
    [
        unicodedata.normalize("NFD", "Müller Söhne"),
        "Müller\u00a0Söhne",
        "\u200bMüller Söhne\u2060",
        "Mül\u00adler Söhne\u200e",
        " Müller\u2003Söhne ",
    ],
    ids=["decomposed", "no-break space", "zero width", "soft hyphen and mark", "wide space"],
)
def test_a_customer_that_a_person_has_typed_in_is_used_however_odoo_spells_the_name(world, name):
    typed = world.qb.books(REALM_A).create("Customer", {"DisplayName": "Müller Söhne"})
    world.move(521, "out_invoice", [{"amount": 50.0}], partner=world.partner(902, name))

    world.run()

    (invoice,) = world.books(entity="Invoice")
    assert invoice["CustomerRef"]["value"] == typed["Id"]
    assert [row["DisplayName"] for row in world.people()] == ["Müller Söhne"]


def test_letters_that_only_resemble_each_other_stay_two_customers(world):
    for move_id, name in ((521, "Mira"), (522, "Міra"), (523, "Ｍｉｒａ")):
        world.move(move_id, "out_invoice", [{"amount": 50.0}], partner=world.partner(400 + move_id, name))

    world.run()

    assert {row["DisplayName"] for row in world.people()} >= {"Mira", "Міra", "Ｍｉｒａ"}


def test_a_reference_of_which_nothing_can_be_seen_is_none_and_the_month_ties_out(world):
    world.move(521, "in_invoice", [{"amount": 50.0}], ref="\u202e\u200b\u0007", number="BILL/2026/11/0001")
    world.move(522, "in_invoice", [{"amount": 50.0}], ref="A\u200b-\u00ad7", number="BILL/2026/11/0002")
    world.run()

    (found,) = world.machine.tie_out(NOVEMBER)["tie_outs"]

    assert {row["DocNumber"] for row in world.books(entity="Bill")} == {"BILL/2026/11/0001", "A-7"}
    assert (found["verdict"], found["documents"]) == ("ties out", {"equal": 2})


def test_a_price_beyond_what_quickbooks_takes_is_left_out_and_the_amount_sent(world):
    world.move(521, "out_invoice", [{"amount": 1_000_000.0, "quantity": 0.00001, "price_unit": 1e11}])

    world.run()

    (invoice,) = world.books(entity="Invoice")
    assert invoice["TotalAmt"] == Decimal(1_000_000)
    assert "UnitPrice" not in invoice["Line"][0]["SalesItemLineDetail"]
    assert "0.00001 x 100000000000" in invoice["Line"][0]["Description"]


def test_a_sale_that_odoo_booked_after_its_own_date_is_explained_in_both_months(world):
    """A lock date moves the accounting date of an invoice; its own date, on the customer's copy, stays."""
    for move_id, issued, booked in ((521, "2026-10-31", "2026-11-01"), (522, "2026-10-30", "2026-10-30"),
                                    (523, "2026-11-02", "2026-11-02")):  # fmt: skip
        world.move(move_id, "out_invoice", [{"amount": 50.0}], invoice_date=issued, date=booked)
    world.run()

    found = [world.machine.tie_out(month)["tie_outs"][0] for month in (OCTOBER, NOVEMBER)]

    assert [one["verdict"] for one in found] == ["ties out", "ties out"]
    assert [one["documents"] for one in found] == [{"equal": 1, "dated otherwise": 1}] * 2


@pytest.mark.parametrize("key", ["Trade  Sales", " Trade Sales", "Trade\u00a0Sales "])
def test_a_name_in_the_mapping_takes_effect_whatever_its_spaces_are(open_world, key):
    world = open_world(realms=[us(class_tracking="line", classes=[{"Name": "Trade"}])])
    world.odoo.rows["account.analytic.account"][0].update(name="Trade Sales ")
    world.mapping(f'["companyA".analytics]\n"{key}" = "Trade"\n')
    world.move(521, "out_invoice", [{"amount": 50.0, "analytic_distribution": {"1": 100.0}}])

    world.run()

    (invoice,) = world.books(entity="Invoice")
    assert invoice["Line"][0]["SalesItemLineDetail"]["ClassRef"]["name"] == "Trade"
    assert world.alerts() == []


def test_a_month_that_only_quickbooks_dates_documents_in_is_compared(open_world):
    """On the first day of a month nothing else may be dated in it than what the closed month before could not take."""
    world = open_world(realms=[us(book_close_date="2026-10-31")])
    world.mapping('["companyA"]\nclosed_period = "first_open_day"\n')
    world.move(521, "in_invoice", [{"amount": 50.0}], ref="R-1", date="2026-10-15", invoice_date="2026-10-15")
    world.run()

    (found,) = world.machine.tie_out(NOVEMBER)["tie_outs"]

    assert (found["verdict"], found["documents"]) == ("ties out", {"dated otherwise": 1})
    assert found["sentence"].endswith(" ties out, and what differs is explained: 1 document is dated otherwise.")
