"""Characters nobody sees, and fields nobody needs, stop no document (cases 04, 20 and others of their kind)."""

from __future__ import annotations

import json

import pytest

from local.stand_ins.quickbooks.checks import _FORBIDDEN
from tests.cases.world import REALM_A, us

INVISIBLE = {
    "control": "\x02",
    "vertical tab": "\x0b",
    "unit separator": "\x1f",
    "delete": "\x7f",
    "next line": "\x85",
    "non-character": "\ufffe",
    "non-character of the last plane": "\U0010ffff",
    "half a pair": "\ud83d",
    "right-to-left override": "\u202e",
    "isolate": "\u2067",
}


@pytest.fixture
def world(open_world):
    return open_world(realms=[us()])


def texts_of(value):
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts_of(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts_of(part)]
    return [value] if isinstance(value, str) else []


def test_a_control_character_becomes_a_space_in_every_text(world):
    world.move(531, "out_invoice", [{"amount": 100.0, "name": "Access point\x02 (indoor)\x0bwith mount"}])
    world.move(532, "out_invoice", [{"amount": 100.0}], narration="<p>Thank you\x0bfor your order</p>")
    world.move(533, "in_invoice", [{"amount": 100.0}], ref="SUP\x1f-889")
    north = world.partner(904, "Nord\x0bSee GmbH", street="Kai\x0b7", phone="+49 40\x0b1")
    world.move(534, "out_invoice", [{"amount": 100.0}], partner=north)
    world.move(535, "in_invoice", [{"amount": 100.0}], ref="A-\x02-1")

    world.run()

    assert {entry["status"] for entry in world.entries().values()} == {"posted"}
    descriptions = [line.get("Description") for row in world.books(entity="Invoice") for line in row["Line"]]
    assert "Access point  (indoor) with mount" in descriptions
    (customer,) = [row for row in world.people() if "Nord" in row["DisplayName"]]
    assert customer["DisplayName"] == "Nord See GmbH"
    assert (customer["BillAddr"]["Line1"], customer["PrimaryPhone"]["FreeFormNumber"]) == ("Kai 7", "+49 40 1")
    assert {row["DocNumber"] for row in world.books(entity="Bill")} == {"SUP -889", "A- -1"}


@pytest.mark.parametrize("character", list(INVISIBLE.values()), ids=list(INVISIBLE))
def test_whatever_invisible_is_in_every_text_of_a_document_it_is_posted_without(world, character):
    awkward = f"ab{character}cd"
    party = world.partner(
        905, f"Party {awkward}", street=awkward, street2=awkward, city=awkward, zip=awkward, phone=f"+49{character}40",
        email=f"a{character}@b.example", vat=f"US{character}12", ref=awkward,
    )  # fmt: skip
    line = {"amount": 100.0, "name": awkward}
    world.move(541, "out_invoice", [line], partner=party, number=f"INV{character}541", narration=f"<p>{awkward}</p>",
               ref=awkward)  # fmt: skip
    world.move(542, "in_invoice", [line], partner=party, ref=f"R{character}542")

    world.run()

    entries = world.entries()
    assert {entry["status"] for entry in entries.values()} == {"posted"}
    # With a space in it, it is no e-mail address.
    noted = {entry.get("error_message", "").partition(" of the ")[0] for entry in entries.values()}
    assert noted <= {"", "QuickBooks does not take what Odoo has as e-mail address"}
    books = world.qb.books(REALM_A)
    for text in texts_of(books.documents() + books.parties()):
        assert character not in text
        assert not _FORBIDDEN.search(text)
    assert world.alerts() == []


def test_an_emoji_a_tab_and_a_line_break_stay_as_they_are(world):
    world.move(543, "out_invoice", [{"amount": 100.0, "name": "Łódź 😀\tx\r\nnext"}])

    world.run()

    (invoice,) = world.books(entity="Invoice")
    assert invoice["Line"][0]["Description"] == "Łódź 😀\tx\nnext"


@pytest.mark.parametrize("field", ["PrimaryPhone", "PrimaryEmailAddr", "BillAddr", "PrimaryTaxIdentifier"])
@pytest.mark.parametrize("code", ["2040", "2050"])
def test_a_part_of_a_customer_that_quickbooks_refuses_is_left_out_and_noted(world, field, code):
    words = {"PrimaryPhone": "FreeFormNumber", "PrimaryEmailAddr": "PrimaryEmailAddr", "BillAddr": "PostalCode",
             "PrimaryTaxIdentifier": "PrimaryTaxIdentifier"}  # fmt: skip
    party = world.partner(906, "Optional Ltd", phone="+1 555", email="a@b.example", vat="US12", street="1 Main St")
    world.move(544, "out_invoice", [{"amount": 100.0}], partner=party)
    world.qb.refuse_text(code, f'"{field}"', entity="Customer", detail=f"{words[field]} is not valid")

    world.run()

    (customer,) = world.people()
    assert world.entries()[544]["status"] == "posted"
    assert field not in customer
    assert customer["DisplayName"] == "Optional Ltd"
    assert len([name for name in ("PrimaryPhone", "PrimaryEmailAddr", "BillAddr", "PrimaryTaxIdentifier")
                if name in customer]) == 3  # fmt: skip
    assert any(field in json.dumps(line) for line in world.machine.log if "left out" in json.dumps(line))
    assert world.entries()[544]["error_message"] == (
        f"QuickBooks does not take what Odoo has as {NAMED[field]} of the customer 'Optional Ltd': left out there, "
        "until it is corrected in Odoo."
    )


NAMED = {
    "PrimaryPhone": "phone number", "PrimaryEmailAddr": "e-mail address", "BillAddr": "address",
    "PrimaryTaxIdentifier": "tax id",
}  # fmt: skip


def noted(world, move_id):
    world.odoo.edit(move_id, narration=f"<p>{world.odoo.stamp()}</p>")
    world.run()
    return world.entries()[move_id].get("error_message", "")


def test_each_document_of_a_customer_notes_a_refused_part_until_it_is_accepted(world):
    party = world.partner(906, "Optional Ltd", phone="+1 555", street="1 Main St")
    world.move(544, "out_invoice", [{"amount": 100.0}], partner=party)
    world.qb.refuse_text("2050", "+1 555", entity="Customer", detail="FreeFormNumber is too long")
    world.run()
    world.move(545, "out_invoice", [{"amount": 50.0}], partner=party)

    _, results = world.run()

    assert results["noted"] == 1
    assert "phone number of the customer 'Optional Ltd'" in world.entries()[545]["error_message"]
    world.odoo.row("res.partner", 906).update(phone="+1 777 1234")
    assert noted(world, 544) == noted(world, 545) == ""
    assert world.people()[0]["PrimaryPhone"] == {"FreeFormNumber": "+1 777 1234"}


def test_nothing_is_noted_of_a_customer_that_a_person_has_changed_in_quickbooks(world):
    party = world.partner(906, "Optional Ltd", phone="+1 555")
    world.move(544, "out_invoice", [{"amount": 100.0}], partner=party)
    world.qb.refuse_text("2050", "+1 555", entity="Customer", detail="FreeFormNumber is too long")
    world.run()
    (customer,) = world.people()
    world.qb.books(REALM_A).update("Customer", {**customer, "PrimaryPhone": {"FreeFormNumber": "1"}, "sparse": True})
    world.odoo.row("res.partner", 906).update(phone="+1 777 1234")

    assert noted(world, 544) == ""


def test_nothing_is_noted_of_a_customer_that_a_person_has_made_in_quickbooks(world):
    world.qb.books(REALM_A).create("Customer", {"DisplayName": "Odd Ltd"})
    world.move(544, "out_invoice", [{"amount": 100.0}], partner=world.partner(906, "Odd Ltd", email="no address"))

    world.run()

    assert (world.entries()[544]["status"], world.entries()[544].get("error_message", "")) == ("posted", "")


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"email": "a@b.example;c@d.example"}, "e-mail address"), ({"vat": "US" + "1" * 40}, "tax id")],
)
def test_what_is_not_even_sent_because_quickbooks_takes_no_such_thing_is_noted(world, changes, field):
    world.move(544, "out_invoice", [{"amount": 100.0}], partner=world.partner(906, "Odd Ltd", **changes))

    world.run()

    assert f"as {field} of the customer 'Odd Ltd'" in world.entries()[544]["error_message"]


def test_a_refusal_that_names_no_part_leaves_out_all_that_a_customer_can_do_without(world):
    party = world.partner(907, "Bare Ltd", phone="+1 555", email="a@b.example", street="1 Main St")
    world.move(545, "out_invoice", [{"amount": 100.0}], partner=party)
    world.qb.refuse_text("2040", "+1 555", entity="Customer", detail="Element contains invalid characters")

    world.run()

    (customer,) = world.people()
    assert world.entries()[545]["status"] == "posted"
    assert not {"PrimaryPhone", "PrimaryEmailAddr", "BillAddr"} & customer.keys()


def test_an_address_on_an_invoice_that_quickbooks_refuses_is_left_out(world):
    world.move(546, "out_invoice", [{"amount": 100.0}])
    world.qb.refuse("2040", entity="Invoice", detail="PostalCode contains invalid characters", times=1)

    world.run()

    (invoice,) = world.books(entity="Invoice")
    assert world.entries()[546]["status"] == "posted"
    assert not {"BillAddr", "ShipAddr"} & invoice.keys()
    assert world.entries()[546]["error_message"].startswith("QuickBooks refuses an address of it")
    assert noted(world, 546) == ""
    assert "BillAddr" in world.books(entity="Invoice")[0]


@pytest.mark.parametrize(
    "mail",
    ["<a@b.example>", "a@b.example;c@d.example", "Anna <a@b.example>", "a@b..example", "a@b", "mailto:a@b.example",
     "x" * 95 + "@b.example", "a@b.example\u200b"],
)  # fmt: skip
def test_whatever_is_in_an_email_or_phone_field_the_invoice_is_posted(world, mail):
    party = world.partner(908, "Mail", email=mail, phone="+49 (0) 40 / 123 456 789 - 0 ext. 12345 Zentrale")
    world.move(547, "out_invoice", [{"amount": 10.0}], partner=party)

    world.run()

    assert world.entries()[547]["status"] == "posted"
