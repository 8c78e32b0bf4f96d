"""Nothing that is owed is left out in silence: receipts are carried or skipped, what is not carried is counted."""

from decimal import Decimal

import pytest

from local.stand_ins.http_server import Fault, Response
from tests.cases.world import PAYABLE, REALM_A, RECEIVABLE, us

EUR = [125, "EUR"]


def with_receipts(open_world, **changes):
    world = open_world(realms=[us()], **changes)
    anna = world.partner(903, "Anna Employee")
    world.move(521, "in_invoice", [{"amount": 50.0}], ref="V-1")
    world.move(
        522, "in_receipt", [{"amount": 84.3, "name": "Taxi and hotel"}], partner=anna, number="BILL/2026/11/0009"
    )
    world.move(523, "out_receipt", [{"amount": 12.0, "name": "Counter sale"}], number="INV/2026/00077")
    return world


@pytest.mark.parametrize("version", [16, 17, 18, 19])
def test_a_purchase_receipt_is_a_bill_and_a_sales_receipt_an_invoice_that_is_owed(open_world, version):
    world = with_receipts(open_world, version=version)

    world.run()

    assert {number: entry["status"] for number, entry in world.entries().items()} == dict.fromkeys(
        (521, 522, 523), "posted"
    )
    bill = next(row for row in world.books(entity="Bill") if row["DocNumber"] == "BILL/2026/11/0009")
    (invoice,) = world.books(entity="Invoice")
    amounts = [row[name] for row in (bill, invoice) for name in ("TotalAmt", "Balance")]
    assert amounts == [Decimal("84.30"), Decimal("84.30"), Decimal(12), Decimal(12)]
    assert "A purchase receipt in Odoo" in bill["PrivateNote"]
    assert "A sales receipt in Odoo" in invoice["PrivateNote"]


def test_a_receipt_in_another_currency_comes_to_what_odoo_has(open_world):
    world = open_world(realms=[us()])
    world.move(522, "in_receipt", [{"amount": 92.6}], currency=EUR, rate=0.926)

    world.run()

    (bill,) = world.books(entity="Bill")
    assert (bill["TotalAmt"], bill["CurrencyRef"]["value"], bill["HomeTotalAmt"]) == (Decimal("92.6"), "EUR", 100)


def test_a_receipt_brings_its_papers_and_a_withdrawn_one_is_taken_out(open_world):
    world = with_receipts(open_world)
    world.run()
    world.odoo.cancel(522)

    world.run()

    assert world.entries()[522]["status"] == "voided"
    assert [row["DocNumber"] for row in world.books(entity="Bill")] == ["V-1"]


def test_a_company_that_wants_no_receipts_has_them_skipped_with_the_reason_until_it_wants_them(open_world):
    world = with_receipts(open_world)
    world.mapping('["companyA"]\nreceipts = "skip"\n')

    counts, _ = world.run()

    entries = world.entries()
    assert {number: entry["status"] for number, entry in entries.items()} == {
        521: "posted", 522: "skipped", 523: "skipped"
    }  # fmt: skip
    assert 'receipts = "skip"' in entries[522]["error_message"]
    assert counts["skipped"] == 2

    world.mapping('["companyA"]\nreceipts = "carry"\n')
    world.extract({"ids": [522, 523]})
    world.post()

    assert {entry["status"] for entry in world.entries().values()} == {"posted"}


def test_a_receipt_that_is_in_the_books_stays_there_when_the_mapping_changes(open_world):
    world = with_receipts(open_world)
    world.run()
    world.mapping('["companyA"]\nreceipts = "skip"\n')
    world.odoo.edit(522, ref="seen")

    world.run()

    assert world.entries()[522]["status"] == "posted"


# -- what is not carried ---------------------------------------------------------------------------------------------


def entry(world, move_id, account, *, journal=3, tax=None, state="posted", day="2026-11-02"):
    names = {3: "Miscellaneous Operations", 6: "Bank"}
    world.move(
        move_id, "entry", [{"amount": 10.0, "account": account}], [tax] if tax else [], pdf=False, state=state,
        journal_id=[journal, names[journal]], date=day,
    )  # fmt: skip
    lines = world.odoo.rows["account.move.line"]
    world.odoo.rows["account.move.line"] = [
        line for line in lines if line["move_id"][0] != move_id or line["display_type"] != "payment_term"
    ]


def test_entries_on_what_is_owed_and_on_taxes_are_counted_by_company_and_payments_apart(open_world):
    world = open_world(realms=[us()])
    entry(world, 1, RECEIVABLE)
    entry(world, 2, PAYABLE)
    entry(world, 3, 33, tax=(2, 25, 1.5))
    entry(world, 4, 33)
    entry(world, 5, RECEIVABLE, state="draft")
    entry(world, 6, RECEIVABLE, journal=6)

    counts = world.extract()

    assert counts["not_carried"]["companyA"] == {"journal_entries": 3, "payments": 1}
    assert counts["not_carried"]["companyB"] == {"journal_entries": 0, "payments": 0}
    assert [line["journal_entries"] for line in world.machine.log if line.get("message") == "not carried"] == [3, 0]


def test_what_is_older_than_the_go_live_is_not_counted(open_world):
    world = open_world(realms=[us()])
    world.mapping('["companyA"]\ngo_live = 2026-11-01\n')
    entry(world, 1, RECEIVABLE, day="2026-10-31")
    entry(world, 2, RECEIVABLE)

    assert world.extract()["not_carried"]["companyA"]["journal_entries"] == 1


@pytest.mark.parametrize("version", [18, 19])
def test_a_right_that_is_missing_for_the_count_stops_nothing(open_world, version):
    world = with_receipts(open_world, version=version)
    refused = {"name": "odoo.exceptions.AccessError", "message": "You are not allowed", "arguments": [], "debug": ""}

    def fault(request):
        if b"search_count" in request.body or "search_count" in request.path:
            error = {"jsonrpc": "2.0", "id": 1, "error": {"code": 200, "message": "Odoo Server Error", "data": refused}}
            return Fault("refused", Response.json(error))
        return None

    world.odoo.server.fault = fault

    counts, _ = world.run()

    assert counts["not_carried"] == {}
    assert {entry["status"] for entry in world.entries().values()} == {"posted"}
    assert [line for line in world.machine.log if "not counted" in str(line.get("message"))]
    assert len(world.qb.books(REALM_A).documents()) == 3
