"""What is not established about QuickBooks: the same documents under either answer, and the books are the same."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from local.stand_ins.quickbooks.realm import Switches
from tests.cases.test_identity import settle
from tests.cases.world import REALM_A, REALM_B, VAT_IN, VAT_OUT, B, be, us

# Each with the answer that the stand-in does not give by itself. Speed and the consent of a person have tests of
# their own, and so have refusals that concern a single document.
OTHER_ANSWERS = {
    "remembers_request_ids": False,
    "request_id_window_s": 0.001,
    "remembers_faults": True,
    "refuses_reused_request_id": True,
    "upload_honours_request_id": True,
    "throttle_capitalised": True,
    "us_negative_tax_refused": False,
    "paid_party_change": "unlinks",
    "us_purchase_tax_refused": False,
    "requires_currency_ref": True,
    "home_currency_ref_refused": False,
    "requires_global_tax_calculation": False,
    "inactive_reference_code": "2500",
    "merged_names_vanish": True,
    "closed_books_code": "6200",
    "bill_numbers_unique_per_vendor": True,
    "unit_price_decimals": 2,
    "us_replaces_characters": True,
    "cdc_refuses": ("Class", "Department"),
    "superseded_token_grace_s": 86_400.0,
    "invalid_client_status": 400,
}
TESTED_ELSEWHERE = {
    "plan_status", "plan_code", "also_not_in_plan", "plan_answers_changes",
    "tax_off_by", "throttle", "throttle_per_second", "throttle_per_minute", "throttle_batches_per_minute", "latency_s",
    "name_edit_s", "names_busy", "us_tax_worked_out", "refused_field", "unhandled_text", "body_bytes_max",
    "new_refresh_token_every_s", "refresh_s", "redirect_uris", "has_sandbox_keys",
    # Nobody merges a party in this month: tests/cases/test_merged_parties.py has both answers.
    "merge_touches_documents",
}  # fmt: skip


def test_no_behaviour_that_is_not_known_is_without_its_other_answer():
    assert {switch.name for switch in fields(Switches)} == OTHER_ANSWERS.keys() | TESTED_ELSEWHERE


def enter(world):
    """Enter a month that meets all of them, in the US and outside."""
    polish = world.partner(901, "Łódź Żagle S.A.", street="Żurawia 6", city="Łódź")
    twin = world.partner(902, "Harbour Estates")
    world.move(501, "out_invoice", [{"amount": 10.0, "name": "Świeże — ½ kg"}], partner=polish)
    world.move(502, "out_invoice", [{"amount": 33.33, "quantity": 7.0, "price_unit": 4.761429}], partner=polish)
    world.move(503, "in_invoice", [{"amount": 1000.0}], partner=twin, ref="RENT")
    world.move(504, "in_invoice", [{"amount": 1000.0}], partner=twin, ref="RENT")
    world.move(505, "in_invoice", [{"amount": 1000.0}], partner=world.partner(903, "Other Estates"), ref="RENT")
    world.move(506, "out_invoice", [{"amount": 100.0}], currency=[125, "EUR"], rate=0.93, partner=polish)
    world.move(507, "in_invoice", [{"amount": 50.0}], [(150, 33, 2.5)], partner=twin, ref="USE")
    world.move(508, "out_refund", [{"amount": 7.0}], partner=polish)
    world.move(511, "out_invoice", [{"amount": 100.0, "tax_ids": [74]}], [(74, VAT_OUT, 21.0)], company=B)
    world.move(512, "in_invoice", [{"amount": 10.0, "tax_ids": [87]}], [(87, VAT_IN, 2.1)], company=B, ref="V-1")
    world.move(513, "in_refund", [{"amount": 10.0, "tax_ids": [87]}], [(87, VAT_IN, 2.1)], company=B, ref="V-1")


def totals(world, realm):
    return sorted((entity, row["TotalAmt"]) for entity in KINDS for row in world.books(realm, entity))


KINDS = ("Invoice", "Bill", "CreditMemo", "VendorCredit")


@pytest.mark.parametrize("switch", [None, *OTHER_ANSWERS])
def test_a_month_is_in_the_books_once_whichever_answer_is_the_true_one(open_world, switch):
    world = open_world(realms=[us(automated_tax_percent=Decimal(0)), be()])
    if switch:
        setattr(world.qb, switch, OTHER_ANSWERS[switch])
    enter(world)

    settle(world, rounds=2)
    world.odoo.edit(501, narration="<p>Dziękuję</p>")
    world.odoo.edit(503, narration="<p>second month</p>")
    world.odoo.cancel(502)
    settle(world, rounds=2)
    world.move(514, "out_invoice", [{"amount": 5.0}], partner=(901, "Łódź Żagle S.A."))
    settle(world, rounds=2)

    states = {number: (entry["status"], entry.get("error_code")) for number, entry in world.entries().items()}
    assert states == {n: ("voided" if n == 502 else "posted", None) for n in (*range(501, 509), 511, 512, 513, 514)}
    assert totals(world, REALM_A) == sorted([
        ("Invoice", 10), ("Invoice", 100), ("Invoice", 5), ("CreditMemo", 7),
        ("Bill", 1000), ("Bill", 1000), ("Bill", 1000), ("Bill", Decimal("52.5")),
    ])  # fmt: skip
    assert totals(world, REALM_B) == [("Bill", Decimal("12.1")), ("Invoice", 121), ("VendorCredit", Decimal("12.1"))]
    assert len(world.people("Customer")) == 2, [row["DisplayName"] for row in world.people("Customer")]
    assert world.alerts() == []


def test_prices_that_quickbooks_does_not_multiply_are_left_out_and_the_entry_says_so(open_world):
    world = open_world(realms=[us()])
    world.qb.unit_price_decimals = 2
    world.move(501, "out_invoice", [{"amount": 33.33, "quantity": 7.0, "price_unit": 4.761429}])

    world.run()

    (invoice,) = world.books(REALM_A, "Invoice")
    detail = invoice["Line"][0]["SalesItemLineDetail"]
    assert (invoice["TotalAmt"], "Qty" in detail, "UnitPrice" in detail) == (Decimal("33.33"), False, False)
    assert world.entries()[501]["status"] == "posted"
    assert "prices and quantities" in world.entries()[501]["error_message"]


def test_a_document_larger_than_quickbooks_takes_fails_alone_and_says_to_split_it(open_world):
    world = open_world(realms=[us()])
    world.qb.body_bytes_max = 30_000
    world.move(501, "out_invoice", [{"amount": 1.0}] * 300)
    world.move(502, "out_invoice", [{"amount": 1.0}])

    settle(world)

    large, small = world.entries()[501], world.entries()[502]
    assert (large["status"], large["error_code"], small["status"]) == ("failed", "quickbooks_6030", "posted")
    assert "split a document of very many lines" in large["error_message"]
