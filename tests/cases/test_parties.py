"""Whose address stands on what, and what QuickBooks' customer says when Odoo's changes (case 18 and its kind)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.cases.test_identity import merge_contacts, settle
from tests.cases.world import EUR, REALM_A, TAX_DUE, us

NEVADA, CALIFORNIA = [36, "Nevada (US)"], [13, "California (US)"]


@pytest.fixture
def world(open_world):
    return open_world(realms=[us()])


def mover(world):
    """Add a customer with an invoice; then let it move and be renamed, and invoice it once more."""
    party = world.partner(
        935, "Mover Inc.", street="1 Old Street", city="Oakland", email="old@mover.example", phone="1"
    )
    world.move(691, "out_invoice", [{"amount": 100.0}], partner=party)
    world.run()
    return party


def moves(world, **changes):
    values = {"street": "99 New Street", "city": "Reno", "email": "new@mover.example", "name": "Mover LLC", **changes}
    world.odoo.row("res.partner", 935).update(values, display_name=values["name"], write_date=world.odoo.stamp())


def edit_by_hand(world, entity="Customer", **changes):
    (row,) = world.people(entity)
    row.update(changes, SyncToken=str(int(row["SyncToken"]) + 1))


def test_an_invoice_carries_the_address_its_customer_has_when_it_is_written(world):
    mover(world)
    moves(world)
    world.move(692, "out_invoice", [{"amount": 200.0}], partner=(935, "Mover LLC"))

    world.run()

    _, second = sorted(world.books(entity="Invoice"), key=lambda row: row["TotalAmt"])
    assert second["BillAddr"]["Line1"] == "99 New Street"


@pytest.mark.parametrize(("move_type", "entity"), [("out_invoice", "Customer"), ("in_invoice", "Vendor")])
def test_a_customer_and_a_vendor_follow_odoo_in_name_address_email_and_phone(world, move_type, entity):
    party = world.partner(935, "Mover Inc.", street="1 Old Street", email="old@mover.example", phone="1")
    world.move(691, move_type, [{"amount": 100.0}], partner=party, ref="A-1")
    world.run()
    moves(world, phone="2")
    world.move(692, move_type, [{"amount": 200.0}], partner=(935, "Mover LLC"), ref="A-2")
    metered = world.qb.metered

    world.run()

    (row,) = world.people(entity)
    assert (row["DisplayName"], row["CompanyName"]) == ("Mover LLC", "Mover LLC")
    assert (row["BillAddr"]["Line1"], row["BillAddr"]["City"]) == ("99 New Street", "Reno")
    assert row["PrimaryEmailAddr"]["Address"] == "new@mover.example"
    assert row["PrimaryPhone"]["FreeFormNumber"] == "2"
    # One question, for the number of the document; none for the party.
    assert world.qb.metered - metered == 1
    assert world.entries()[692]["status"] == "posted"


def test_what_a_person_has_changed_in_quickbooks_stays(world):
    mover(world)
    edit_by_hand(world, BillAddr={"Line1": "7 Hand Street"}, DisplayName="Mover, by hand")
    moves(world)
    world.move(692, "out_invoice", [{"amount": 200.0}], partner=(935, "Mover LLC"))

    world.run()

    (customer,) = world.people()
    assert (customer["DisplayName"], customer["BillAddr"]) == ("Mover, by hand", {"Line1": "7 Hand Street"})
    assert [entry["status"] for entry in world.entries().values()] == ["posted", "posted"]


def test_a_token_that_rose_for_another_reason_keeps_no_change_back(world):
    mover(world)
    edit_by_hand(world, Notes="called him")
    moves(world)
    world.move(692, "out_invoice", [{"amount": 200.0}], partner=(935, "Mover LLC"))

    world.run()

    (customer,) = world.people()
    assert customer["BillAddr"]["Line1"] == "99 New Street"


def test_a_customer_that_a_person_made_is_left_as_it_is(open_world):
    theirs = {"DisplayName": "Mover Inc.", "BillAddr": {"Line1": "5 Their Street"}}
    world = open_world(realms=[us(customers=[theirs])])
    mover(world)
    moves(world)
    world.move(692, "out_invoice", [{"amount": 200.0}], partner=(935, "Mover LLC"))

    world.run()

    (customer,) = world.people()
    assert (customer["DisplayName"], customer["BillAddr"]["Line1"]) == ("Mover Inc.", "5 Their Street")


def test_a_new_name_that_is_taken_gets_a_mark_and_stops_nothing(world):
    world.move(690, "out_invoice", [{"amount": 50.0}], partner=world.partner(936, "Mover LLC"))
    mover(world)
    moves(world)
    world.move(692, "out_invoice", [{"amount": 200.0}], partner=(935, "Mover LLC"))

    world.run()

    assert sorted(row["DisplayName"] for row in world.people()) == ["Mover LLC", "Mover LLC [935]"]
    assert {entry["status"] for entry in world.entries().values()} == {"posted"}


def test_a_change_that_quickbooks_refuses_stops_no_document(world):
    mover(world)
    moves(world)
    world.move(692, "out_invoice", [{"amount": 200.0}], partner=(935, "Mover LLC"))
    world.qb.refuse_text("6000", "Mover LLC", entity="Customer", detail="Something about customers.")

    world.run()

    assert world.entries()[692]["status"] == "posted"


def test_a_document_read_earlier_brings_no_former_address_back(world):
    mover(world)
    world.move(693, "out_invoice", [{"amount": 300.0}], partner=(935, "Mover Inc."))
    world.odoo.touch(693, "2026-11-01 08:00:00")
    world.extract({"company": "companyA", "ids": [693]})
    moves(world)
    world.move(692, "out_invoice", [{"amount": 200.0}], partner=(935, "Mover LLC"))
    world.extract({"company": "companyA", "ids": [692]})
    prefix = next(iter(world.machine.deployment.entries()))["entry_id"].rpartition("-")[0]
    world.post({"company": "companyA", "entry_ids": [f"{prefix}-692"]})

    world.post({"company": "companyA", "entry_ids": [f"{prefix}-693"]})

    (customer,) = world.people()
    assert customer["BillAddr"]["Line1"] == "99 New Street"


def test_an_invoice_to_a_contact_leaves_the_customers_own_address_alone(world):
    party = world.partner(935, "Mover Inc.", street="1 Own Street", email="own@mover.example")
    world.partner(937, "Jane", street="2 Jane Street", parent_id=[935, "Mover Inc."])
    for move_id, contact in ((691, 935), (692, 937), (693, 935)):
        world.move(move_id, "out_invoice", [{"amount": 10.0 * move_id}], partner=party, partner_id=[contact, ""])
        world.run()

    (customer,) = world.people()
    invoices = sorted(world.books(entity="Invoice"), key=lambda row: row["TotalAmt"])
    assert customer["BillAddr"]["Line1"] == "1 Own Street"
    assert [row["BillAddr"]["Line1"] for row in invoices] == ["1 Own Street", "2 Jane Street", "1 Own Street"]
    assert world.qb.calls["update"] == 0


# -- where a sale goes -----------------------------------------------------------------------------------------------


def shipped_to_nevada(world, move_id=694):
    party = world.partner(935, "Mover Inc.", street="1 Old Street", city="Oakland", state_id=CALIFORNIA)
    world.partner(938, "Warehouse", street="3 Dock", city="Reno", state_id=NEVADA, zip="89501")
    world.move(
        move_id, "out_invoice", [{"amount": 100.0, "tax_ids": [145]}], [(145, TAX_DUE, 8.25)], partner=party,
        partner_shipping_id=[938, "Warehouse"],
    )  # fmt: skip


def test_a_sale_says_where_it_is_shipped_to(world):
    shipped_to_nevada(world)

    world.run()

    (invoice,) = world.books(entity="Invoice")
    assert (invoice["BillAddr"]["City"], invoice["ShipAddr"]["City"]) == ("Oakland", "Reno")
    assert invoice["ShipAddr"]["PostalCode"] == "89501"


def test_the_tax_of_another_state_is_taken_from_where_it_is_shipped_to(open_world):
    rates = {"Nevada": Decimal("8.25"), "NV": Decimal("8.25")}
    world = open_world(realms=[us(automated_tax_percent=Decimal("9.75"), tax_percent_of_state=rates)])
    world.qb.us_tax_worked_out = True
    shipped_to_nevada(world)

    world.run()

    assert world.entries()[694]["status"] == "posted"


def test_a_bill_has_no_addresses(world):
    world.move(695, "in_invoice", [{"amount": 100.0}], ref="A-3")

    world.run()

    (bill,) = world.books(entity="Bill")
    assert not {"BillAddr", "ShipAddr"} & bill.keys()


# -- the currency of a party -----------------------------------------------------------------------------------------


def test_a_party_that_exists_under_its_plain_name_in_the_documents_currency_is_used(open_world):
    theirs = {"DisplayName": "Lumen GmbH", "CurrencyRef": {"value": "EUR"}}
    world = open_world(realms=[us(customers=[theirs])])
    party = world.partner(939, "Lumen GmbH")
    world.move(696, "out_invoice", [{"amount": 93.0}], partner=party, currency=EUR, rate=0.93)

    world.run()

    assert [row["DisplayName"] for row in world.people()] == ["Lumen GmbH"]
    assert world.entries()[696]["status"] == "posted"


def test_where_the_plain_name_is_kept_in_another_currency_a_marked_one_is_made(open_world):
    world = open_world(realms=[us(customers=[{"DisplayName": "Lumen GmbH"}])])
    party = world.partner(939, "Lumen GmbH")
    world.move(697, "out_invoice", [{"amount": 93.0}], partner=party, currency=EUR, rate=0.93)

    world.run()

    assert [row["DisplayName"] for row in world.people()] == ["Lumen GmbH", "Lumen GmbH (EUR)"]


@pytest.mark.parametrize("policy", ["create", "fail"])
def test_a_party_with_the_plain_name_is_used_whatever_the_mapping_says_of_others(open_world, policy):
    theirs = {"DisplayName": "Lumen GmbH", "CurrencyRef": {"value": "EUR"}}
    world = open_world(realms=[us(vendors=[theirs])])
    world.mapping(f'["companyA"]\nparties = "{policy}"\n')
    party = world.partner(939, "Lumen GmbH")
    world.move(698, "in_invoice", [{"amount": 93.0}], partner=party, currency=EUR, rate=0.93, ref="L-1")

    world.run()

    assert [row["DisplayName"] for row in world.people("Vendor")] == ["Lumen GmbH"]


def test_a_merged_contact_takes_the_plain_name_over_in_a_foreign_currency_too(open_world):
    theirs = {"DisplayName": "Lumen GmbH", "CurrencyRef": {"value": "EUR"}}
    world = open_world(realms=[us(customers=[theirs])])
    for odoo_id in (939, 940):
        world.partner(odoo_id, "Lumen GmbH")
    for move_id, odoo_id in ((702, 939), (703, 940)):
        world.move(
            move_id, "out_invoice", [{"amount": 93.0}], partner=(odoo_id, "Lumen GmbH"), currency=EUR, rate=0.93
        )  # fmt: skip
        world.run()
        if odoo_id == 939:
            merge_contacts(world, 939, 940, "Lumen GmbH")

    settle(world)

    assert [row["DisplayName"] for row in world.people()] == ["Lumen GmbH"]
    assert {entry["status"] for entry in world.entries().values()} == {"posted"}


# -- a payment stays where it is -------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ["refuses", "unlinks"])
def test_the_stand_in_lets_no_payment_follow_another_customer(open_world, behaviour):
    world = open_world(realms=[us()])
    world.qb.paid_party_change = behaviour
    world.move(699, "out_invoice", [{"amount": 100.0}])
    world.run()
    book = world.qb.books(REALM_A)
    (invoice,) = book.documents("Invoice")
    book.pay("Invoice", invoice["Id"], Decimal(100))
    (invoice,) = book.documents("Invoice")
    other = book.create("Customer", {"DisplayName": "Another"})
    changes = {"Id": invoice["Id"], "SyncToken": invoice["SyncToken"], "sparse": True}

    if behaviour == "refuses":
        with pytest.raises(Exception, match="payments applied"):
            book.update("Invoice", {**changes, "CustomerRef": {"value": other["Id"]}})
    else:
        book.update("Invoice", {**changes, "CustomerRef": {"value": other["Id"]}})

    (invoice,) = book.documents("Invoice")
    assert (invoice["Balance"], "LinkedTxn" in invoice) == ((0, True) if behaviour == "refuses" else (100, False))


# -- the exchange rate -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [16, 17, 18])
def test_a_document_of_nothing_has_the_rate_odoo_booked_it_at(open_world, version):
    world = open_world(realms=[us()], version=version)
    lines = [{"amount": 930.0}, {"amount": -930.0, "quantity": -1.0, "price_unit": 930.0}]
    world.move(701, "out_invoice", lines, currency=EUR, rate=0.93)

    world.run()

    (invoice,) = world.books(entity="Invoice")
    assert invoice["TotalAmt"] == 0
    assert abs(invoice["ExchangeRate"] - 1 / Decimal("0.93")) < Decimal("0.000001")


# -- merged in QuickBooks ----------------------------------------------------------------------------------------------


@pytest.fixture
def merged_in_quickbooks(open_world):
    """A person has merged the customers of two contacts of Odoo; an invoice of the one that is gone is refused."""
    world = open_world(realms=[us()])
    for move_id, name in ((971, "One"), (972, "Two")):
        world.move(move_id, "out_invoice", [{"amount": 10.0}], partner=world.partner(move_id, name))
    world.run()
    books = world.qb.books(REALM_A)
    world.one = books.named("Customer", "One")["Id"]
    books.merge("Customer", world.one, books.named("Customer", "Two")["Id"])
    world.move(973, "out_invoice", [{"amount": 30.0}], partner=(971, "One"))
    world.run()
    entry = world.entries()[973]
    assert entry["error_code"] == "quickbooks_610"
    assert "merge the two contacts in Odoo as well" in entry["error_message"]
    return world


def go_on(world):
    for _ in range(2):
        world.extract()
        world.due()
        world.let_pause_pass()
        world.post({"company": "companyA", "retry_failed": True})


def test_after_the_contacts_are_merged_in_odoo_too_it_is_posted_to_the_one_that_is_left(merged_in_quickbooks):
    world = merged_in_quickbooks
    for row in (*world.odoo.rows["account.move"], *world.odoo.rows["account.move.line"]):
        for field in ("partner_id", "commercial_partner_id", "partner_shipping_id"):
            if row.get(field) and row[field][0] == 971:
                row[field] = [972, "Two"]
    world.odoo.rows["res.partner"] = [row for row in world.odoo.rows["res.partner"] if row["id"] != 971]
    world.odoo.edit(973, narration="<p>saved once more</p>")

    go_on(world)

    assert world.entries()[973]["status"] == "posted"
    assert {row["CustomerRef"]["name"] for row in world.books()} == {"Two"}


def test_after_the_customer_is_made_active_again_it_is_posted_to_that_one(merged_in_quickbooks):
    world = merged_in_quickbooks
    world.qb.books(REALM_A).activate("Customer", world.one, "One")

    go_on(world)

    assert world.entries()[973]["status"] == "posted"
    assert [row["CustomerRef"]["name"] for row in world.books() if row["TotalAmt"] == 30] == ["One"]
