"""What a hostile auditor tries: documents as accountants really make them. No false green, and no false red."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pipeline.odoo import journal as journal_module
from tests.cases.world import COSTS, EUR, RECEIVABLE, SALES, B

NOVEMBER = {"company": "companyA", "month": "2026-11"}
OCTOBER = {"company": "companyA", "month": "2026-10"}
STOCK, COST_OF_GOODS, DEFERRED = 911, 912, 913


@pytest.fixture
def world(open_world):
    return open_world()


def tied(world, month=NOVEMBER):
    """Return verdict and classes of a month."""
    (found,) = world.machine.tie_out(month)["tie_outs"]
    return found["verdict"], found["documents"]


def item(world, move, account, amount, **changes):
    """Add a journal item to a document that is there."""
    rows = world.odoo.rows["account.move.line"]
    template = next(row for row in rows if row["move_id"][0] == move)
    rows.append(
        {
            **template, "id": max(row["id"] for row in rows) + 1, "account_id": [account, ""], "balance": amount,
            "amount_currency": amount, "tax_ids": [], "tax_line_id": False, "quantity": 0.0, **changes,
        }
    )  # fmt: skip


def transaction(world, move):
    """Return what is stored of a posted document: changing it changes the books."""
    entry = world.entries()[move]
    entity = {"invoice": "Invoice", "credit_note": "CreditMemo", "bill": "Bill", "vendor_credit": "VendorCredit"}
    return world.qb.books(world.realms[0].realm_id)._tables.table(entity[entry["document_type"]])[entry["qb_id"]]


def later(world, move, **changes):
    """Change a document in Odoo after its entry was written: Odoo tells its times in whole seconds."""
    world.odoo.edit(move, **changes)
    after = datetime.now(UTC) + timedelta(seconds=2)
    world.odoo.move(move)["write_date"] = f"{after:%Y-%m-%d %H:%M:%S}"


def edited(world, move, **changes):
    row = transaction(world, move)
    row.update(changes)
    row["SyncToken"] = str(int(row["SyncToken"]) + 1)


# -- lines -------------------------------------------------------------------------------------------------------------

LINES = {
    "sections and notes among the lines": [
        {"amount": 0.0, "display_type": "line_section", "name": "Furniture"},
        {"amount": 100.0},
        {"amount": 0.0, "display_type": "line_note", "name": "Delivered in two parts"},
    ],
    "a quantity below zero": [{"amount": 100.0}, {"amount": -30.0, "quantity": -1.0, "price_unit": 30.0}],
    "a discount of all of a line": [{"amount": 100.0}, {"amount": 0.0, "discount": 100.0, "price_unit": 40.0}],
    "a quantity of nothing": [{"amount": 100.0}, {"amount": 0.0, "quantity": 0.0, "price_unit": 40.0}],
    "a deposit that was invoiced before": [{"amount": 500.0}, {"amount": -200.0, "name": "Down payment"}],
    "analytic items": [{"amount": 100.0, "analytic_distribution": {"1": 60.0, "2": 40.0}}],
    "three lines that round": [{"amount": 33.33}, {"amount": 33.33}, {"amount": 33.34}],
    "a cash rounding line": [{"amount": 99.98}, {"amount": 0.02, "display_type": "rounding", "name": "Rounding"}],
}


@pytest.mark.parametrize("move_type", ["out_invoice", "in_invoice", "out_refund", "in_refund"])
@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_whatever_lines_a_document_has_it_is_equal(world, move_type, lines):
    world.move(801, move_type, lines, ref="R-801")
    world.run()

    assert world.entries()[801]["status"] == "posted", world.entries()[801]["error_message"]
    assert tied(world) == ("ties out", {"equal": 1})


def test_a_cash_rounding_that_was_changed_in_quickbooks_by_two_cents_is_seen(world):
    world.move(801, "out_invoice", LINES["a cash rounding line"])
    world.run()
    row = transaction(world, 801)
    line = next(line for line in row["Line"] if line.get("Amount") == Decimal("0.02"))
    line["Amount"] = Decimal("0.04")
    edited(world, 801, TotalAmt=Decimal("100.02"), HomeTotalAmt=Decimal("100.02"))

    assert tied(world) == ("does not tie out", {"changed in QuickBooks": 1})


def test_the_cost_of_stock_stays_in_odoo_and_an_invoice_that_carries_it_is_equal(world):
    world.account(STOCK, "110100", "Stock Interim", "asset_current")
    world.account(COST_OF_GOODS, "500000", "Cost of Goods Sold")
    world.move(801, "out_invoice", [{"amount": 100.0}])
    item(world, 801, COST_OF_GOODS, 60.0, display_type="cogs")
    item(world, 801, STOCK, -60.0, display_type="cogs")
    world.run()

    assert tied(world) == ("ties out", {"equal": 1})


def test_an_invoice_of_all_that_was_discounted_and_one_of_nothing_are_said_and_not_green(world):
    world.move(801, "out_invoice", [{"amount": 0.0, "discount": 100.0, "price_unit": 40.0}])
    world.move(802, "out_invoice", [{"amount": 100.0}])
    world.run()

    verdict, documents = tied(world)

    assert sum(documents.values()) == 2
    status = world.entries()[801]["status"]
    assert (verdict == "ties out") is (status == "posted")


# -- entries that are no documents -------------------------------------------------------------------------------------

ENTRIES = {
    "the closing of a tax period": "Tax Returns",
    "a difference of exchange": "Exchange Difference",
    "a tax on cash basis": "Cash Basis Taxes",
    "deferred revenue": "Miscellaneous Operations",
    "a valuation of stock": "Inventory Valuation",
    "a write-off of a payment": "Bank",
    "an entry that reverses one": "Miscellaneous Operations",
}


@pytest.mark.parametrize("journal", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_is_no_document_is_counted_and_makes_no_difference(world, journal):
    world.move(801, "out_invoice", [{"amount": 100.0}])
    world.move(802, "entry", [{"amount": 40.0}], journal_id=[9, journal], invoice_date=False)
    world.run()

    assert tied(world) == ("ties out", {"equal": 1})
    assert 802 not in world.entries()
    key = "reports/companyA/2026-11/tie-out.json"
    stored = world.machine.client("s3").get_object(Bucket=world.machine.deployment.bucket, Key=key)["Body"].read()
    assert [(row["kind"], row["count"]) for row in json.loads(stored)["not_carried"]] == [(journal, 1)]


# -- payments ----------------------------------------------------------------------------------------------------------


def test_a_payment_on_the_wrong_invoice_is_no_difference_of_either_document(world):
    """Payments are not carried: who is paid is what a person keeps in QuickBooks, and the totals are the documents'."""
    world.move(801, "out_invoice", [{"amount": 100.0}], payment_state="paid", amount_residual=0.0)
    world.move(802, "out_invoice", [{"amount": 100.0}], amount_residual=100.0)
    world.run()
    edited(world, 802, Balance=Decimal(0))

    assert tied(world) == ("ties out", {"equal": 2})


def test_a_credit_that_was_applied_is_no_difference(world):
    world.move(801, "out_invoice", [{"amount": 100.0}])
    world.move(802, "out_refund", [{"amount": 100.0}], reversed_entry_id=[801, "x"])
    world.run()
    edited(world, 801, Balance=Decimal(0))
    edited(world, 802, RemainingCredit=Decimal(0), Balance=Decimal(0))

    assert tied(world) == ("ties out", {"equal": 2})


# -- documents that change their state or their month ------------------------------------------------------------------


def test_a_reversed_invoice_and_its_reversal_are_two_documents_that_are_equal(world):
    world.move(801, "out_invoice", [{"amount": 100.0}], payment_state="reversed", reversal_move_ids=[802])
    world.move(802, "out_refund", [{"amount": 100.0}], reversed_entry_id=[801, "x"])
    world.run()

    assert tied(world) == ("ties out", {"equal": 2})


def test_a_document_that_was_reset_and_posted_again_in_another_month_is_in_that_month_alone(world):
    world.move(801, "in_invoice", [{"amount": 50.0}], ref="B-1", date="2026-10-20", invoice_date="2026-10-20")
    world.move(802, "in_invoice", [{"amount": 70.0}], ref="B-2", date="2026-10-21", invoice_date="2026-10-21")
    world.run()
    before = tied(world, OCTOBER)
    later(world, 801, date="2026-11-05", invoice_date="2026-11-05")

    waits = tied(world, OCTOBER)
    world.run()

    assert before == ("ties out", {"equal": 2})
    assert waits == ("does not tie out", {"equal": 1, "waiting": 1})
    assert tied(world, OCTOBER) == ("ties out", {"equal": 1})
    assert tied(world) == ("ties out", {"equal": 1})


def test_a_document_that_is_cancelled_later_is_waited_for_and_then_gone(world):
    world.move(801, "in_invoice", [{"amount": 50.0}], ref="B-1")
    world.move(802, "in_invoice", [{"amount": 70.0}], ref="B-2")
    world.run()
    later(world, 801, state="cancel")

    assert tied(world) == ("does not tie out", {"equal": 1, "waiting": 1})
    world.run()
    assert tied(world) == ("ties out", {"equal": 1})


def test_bills_that_recur_each_month_under_one_reference_are_each_compared_with_their_own(world):
    for move, day in ((801, "2026-10-01"), (802, "2026-11-01")):
        world.move(move, "in_invoice", [{"amount": 50.0}], ref="RENT", date=day, invoice_date=day)
    world.run()

    assert [tied(world, month) for month in (OCTOBER, NOVEMBER)] == [("ties out", {"equal": 1})] * 2


def test_a_bill_that_a_person_copied_in_quickbooks_for_the_next_month_is_only_there(world):
    world.move(801, "in_invoice", [{"amount": 50.0}], ref="RENT", date="2026-10-01", invoice_date="2026-10-01")
    world.move(802, "in_invoice", [{"amount": 70.0}], ref="B-2")
    world.run()
    table = world.qb.books(world.realms[0].realm_id)._tables
    copy = {name: value for name, value in transaction(world, 801).items() if name not in ("Id", "SyncToken")}
    table.insert("Bill", {**copy, "TxnDate": "2026-11-01", "PrivateNote": "", "DocNumber": "RENT"})

    assert tied(world) == ("ties out", {"only in QuickBooks": 1, "equal": 1})
    assert tied(world, OCTOBER) == ("ties out", {"equal": 1})


# -- currencies --------------------------------------------------------------------------------------------------------


def test_a_refund_at_another_rate_than_its_invoice_is_equal_at_its_own(world):
    world.move(801, "out_invoice", [{"amount": 100.0}], currency=EUR, rate=0.9)
    world.move(802, "out_refund", [{"amount": 100.0}], currency=EUR, rate=0.8, reversed_entry_id=[801, "x"])
    world.run()

    assert tied(world) == ("ties out", {"equal": 2})


def test_a_refund_that_a_person_gave_the_rate_of_its_invoice_is_seen_although_the_total_is_the_same(world):
    world.move(801, "out_invoice", [{"amount": 100.0}], currency=EUR, rate=0.9)
    world.move(802, "out_refund", [{"amount": 100.0}], currency=EUR, rate=0.8)
    world.run()
    first = transaction(world, 801)
    edited(world, 802, ExchangeRate=first["ExchangeRate"], HomeTotalAmt=first["HomeTotalAmt"])

    assert tied(world) == ("does not tie out", {"equal": 1, "changed in QuickBooks": 1})


# -- between companies and accounts ------------------------------------------------------------------------------------


def test_what_two_companies_bill_each_other_is_compared_in_each_of_their_books(world):
    world.move(801, "out_invoice", [{"amount": 100.0}], partner=world.partner(950, "companyB"))
    world.move(802, "in_invoice", [{"amount": 100.0}], company=B, ref="INV-801", partner=world.partner(951, "companyA"))
    world.run()

    assert tied(world) == ("ties out", {"equal": 1})
    (found,) = world.machine.tie_out({**NOVEMBER, "company": "companyB"})["tie_outs"]
    assert sum(found["documents"].values()) == 1


def test_a_line_that_a_person_moved_to_another_account_is_seen_although_the_total_is_the_same(world):
    world.move(801, "in_invoice", [{"amount": 50.0}, {"amount": 20.0, "account": SALES}], ref="B-1")
    world.run()
    assert tied(world) == ("ties out", {"equal": 1})
    lines = transaction(world, 801)["Line"]
    references = [line["AccountBasedExpenseLineDetail"]["AccountRef"] for line in lines]
    lines[0]["AccountBasedExpenseLineDetail"]["AccountRef"] = references[1]
    edited(world, 801)

    assert tied(world) == ("does not tie out", {"changed in QuickBooks": 1})


def test_two_lines_whose_accounts_a_person_swapped_are_seen(world):
    world.move(801, "in_invoice", [{"amount": 50.0}, {"amount": 20.0, "account": SALES}], ref="B-1")
    world.run()
    lines = transaction(world, 801)["Line"]
    first, second = (line["AccountBasedExpenseLineDetail"] for line in lines[:2])
    first["AccountRef"], second["AccountRef"] = second["AccountRef"], first["AccountRef"]
    edited(world, 801)

    assert tied(world) == ("does not tie out", {"changed in QuickBooks": 1})


def test_revenue_that_odoo_defers_by_entries_of_its_own_is_on_the_invoice_as_it_was_invoiced(world):
    world.account(DEFERRED, "260000", "Deferred Revenue", "liability_current")
    world.move(801, "out_invoice", [{"amount": 1200.0, "deferred_start_date": "2026-11-01"}])
    world.move(802, "entry", [{"amount": 1100.0, "account": DEFERRED}], journal_id=[9, "Deferrals"], invoice_date=False)
    world.run()

    assert tied(world) == ("ties out", {"equal": 1})


def test_what_an_early_payment_takes_off_is_no_line_of_the_invoice(world):
    world.move(801, "out_invoice", [{"amount": 100.0}])
    item(world, 801, COSTS, 2.0, display_type="epd")
    item(world, 801, RECEIVABLE, -2.0, display_type="epd")
    world.run()

    verdict, documents = tied(world)

    assert sum(documents.values()) == 1
    assert (verdict == "ties out") is (documents == {"equal": 1})
    assert journal_module._kind({"display_type": "epd", "tax_line_id": False}).value == "line"
