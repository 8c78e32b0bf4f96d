"""Documents as reports of Odoo and QuickBooks describe them: discounts, taxes by hand, dates, names and changes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.cases.test_identity import settle
from tests.cases.test_real_life import Desk, line
from tests.cases.world import (
    COSTS_B,
    EUR,
    JPY,
    PAYABLE_B,
    REALM_A,
    REALM_B,
    RECEIVABLE_B,
    TAX_DUE,
    USD,
    VAT_IN,
    VAT_OUT,
    B,
    be,
    us,
)  # fmt: skip

TEN = [line(10.0)]
SECTION, SUBSECTION = "line_section", "line_subsection"


@pytest.fixture
def open_desk(open_world):
    def open_one(**realm):
        world = open_world(realms=[us(**realm), be()])
        return Desk(world, REALM_A, partner=world.partner(900, "Usual"))

    return open_one


def early(amount, *taxes):
    """Return a line of a discount for paying early that lowers the base of the tax (Odoo's "Always (upon invoice)")."""
    return line(amount, *taxes, display_type="epd", name="Early payment discount")


# -- in the US ---------------------------------------------------------------------------------------------------------


def test_lines_discounts_and_dates_of_a_us_company(open_desk):
    desk = open_desk()

    def dated(name, day, kind="out_invoice", **changes):
        desk.enter(name, kind, TEN, invoice_date=day, date=day, invoice_date_due=day, **changes)

    def taxed(name, lines, tax, kind="out_invoice"):
        desk.enter(name, kind, lines, [(145, TAX_DUE, tax)])

    dated("of 1970", "1970-01-01")
    dated("of the year 26", "0026-11-30")
    dated("of 1899", "1899-12-31")
    dated("a bill of 2030", "2030-01-01", "in_invoice", ref="later")
    desk.enter("five decimals of a quantity", "out_invoice", [line(1.23, quantity=0.12345, price_unit=10.0)])
    desk.enter("a refund of more than was sold", "out_refund", [line(1000.0)], reversed_entry_id=[701, "x"])
    desk.enter("a refund in another currency", "out_refund", [line(9.0)], currency=EUR, rate=0.93)
    desk.enter("a refund below zero", "out_refund", [line(-10.0)])
    desk.enter("a bill below zero", "in_invoice", [line(-10.0)], ref="below")
    desk.enter("a refund of nothing", "out_refund", [line(0.0)])
    desk.enter("a vendor credit of nothing", "in_refund", [line(0.0)], ref="nothing")
    desk.enter(
        "sections in sections",
        "out_invoice",
        [
            line(0.0, display_type=SECTION, name="Hardware"),
            line(0.0, display_type=SUBSECTION, name="Racks"),
            line(10.0),
        ],
    )
    desk.enter("a markup that is text", "out_invoice", [line(10.0, name="<b>x</b> & <script>alert(1)</script>")])
    taxed("tax in the price", [line(8.69, 145, price_unit=9.404762)], 0.72)
    taxed("a discount for paying early", [line(100.0, 145), early(-2.0, 145), early(2.0)], 8.09)
    taxed(
        "a discount on an account of its own",
        [line(100.0, 145), line(-10.0, 145, display_type="discount"), line(10.0, 145, display_type="discount")],
        8.25,
    )
    taxed("all of it taken off", [line(100.0, 145), line(-100.0, 145)], 0.0)
    taxed("a tip that is not taxed", [line(100.0, 145), line(15.0, name="Tip")], 8.25)

    settle(desk.world, rounds=2)

    others = {
        "five decimals of a quantity": 1.23, "a refund of more than was sold": 1000, "a refund in another currency": 9,
        "a refund below zero": "below_zero", "a bill below zero": "below_zero", "a refund of nothing": 0,
        "a vendor credit of nothing": 0, "tax in the price": 9.41, "a discount for paying early": 108.09,
        "a discount on an account of its own": 108.25, "all of it taken off": 0, "a tip that is not taxed": 123.25,
    }  # fmt: skip
    desk.check({name: others.get(name, 10) for name in desk.numbers})
    found = desk.outcomes()
    assert found["of the year 26"][1]["TxnDate"] == "0026-11-30"
    assert found["a refund in another currency"][1]["HomeTotalAmt"] == Decimal("9.68")
    texts = [one.get("Description") for one in found["sections in sections"][1]["Line"]]
    assert texts[:3] == ["Hardware", "Racks", "Line 3"]


# -- outside the US ----------------------------------------------------------------------------------------------------


def test_taxes_and_discounts_of_a_company_with_vat(open_world):
    world = open_world(realms=[us(), be()])
    desk = Desk(world, REALM_B, company=B, partner=world.partner(900, "Klant"))

    def sell(name, lines, *taxes, **changes):
        desk.enter(name, "out_invoice", lines, [(tax, VAT_OUT, amount) for tax, amount in taxes], **changes)

    def buy(name, lines, amount, kind="in_invoice"):
        desk.enter(name, kind, lines, [(87, VAT_IN, amount)], ref=name[:20])

    hundred = line(100.0, 74)
    sell("a discount for paying early", [hundred, early(-2.0, 74), early(2.0)], (74, 20.58))
    sell("the same over two rates", [
        hundred, line(50.0, 79), early(-2.0, 74), early(-1.0, 79), early(3.0)], (74, 20.58), (79, 2.94))  # fmt: skip
    sell("a discount of another rate", [hundred, line(-10.0, 79)], (74, 21.0), (79, -0.6))
    sell("a discount without a tax", [hundred, line(-10.0)], (74, 21.0))
    sell("three thirds in dollars", [line(33.33, 74)] * 3, (74, 21.0), currency=USD, rate=1.0837)
    sell("in yen", [line(10001.0, 74)], (74, 2100.0), currency=JPY, rate=160.0)
    sell("a line of nothing of another rate", [hundred, line(0.0, 79)], (74, 21.0))
    sell("rounded down in cash", [hundred, line(-0.03, display_type="rounding")], (74, 21.0))
    sell("a cent less of tax by hand", [hundred], (74, 20.99))
    sell("a third less of tax by hand", [hundred], (74, 15.0))
    sell("tax that lowers", [hundred], (74, -21.0))
    sell("tax on no line", [line(100.0)], (74, 21.0))
    sell("tax on no line beside another", [hundred], (74, 21.0), (79, 6.0))
    sell("sold on the account it is owed on", [hundred, line(5.0, account=RECEIVABLE_B)], (74, 21.0))
    sell("lines beyond what is taken", [line(0.1, 74)] * 751, (74, 15.77))
    buy("bought with a discount for paying early", [line(100.0, 87), early(-2.0, 87), early(2.0)], 20.58)
    buy("import tax whose base is taken off", [line(100.0, 87), line(-100.0, 87)], 21.0)
    buy("import tax whose base is untaxed again", [line(100.0, 87), line(-100.0)], 21.0)
    buy("import tax on a line of nothing", [line(0.0, 87)], 21.0)
    buy("rounded up on a bill", [line(100.0, 87), line(0.02, display_type="rounding", account=COSTS_B)], 21.0)
    buy("bought on the account it is owed on", [line(100.0, 87), line(5.0, account=PAYABLE_B)], 21.0)
    buy("a refund that charges more", [line(100.0, 87), line(-150.0, 87)], -10.5, "in_refund")

    settle(world, rounds=2)

    desk.check({
        "a discount for paying early": 120.58, "the same over two rates": 173.52, "a discount of another rate": 110.4,
        "a discount without a tax": 111, "three thirds in dollars": 120.99, "in yen": 12101,
        "a line of nothing of another rate": 121, "rounded down in cash": 120.97, "a cent less of tax by hand": 120.99,
        "a third less of tax by hand": 115, "tax that lowers": 79, "tax on no line": "booked_otherwise",
        "tax on no line beside another": "booked_otherwise", "sold on the account it is owed on": "quickbooks_6430",
        "lines beyond what is taken": "too_many_lines", "bought with a discount for paying early": 120.58,
        "import tax whose base is taken off": 21, "import tax whose base is untaxed again": 21,
        "import tax on a line of nothing": 21, "rounded up on a bill": 121.02,
        "bought on the account it is owed on": "quickbooks_6430", "a refund that charges more": "below_zero",
    })  # fmt: skip
    said = {name: entry["error_message"] for name, (entry, _) in desk.outcomes().items() if entry["status"] == "failed"}
    assert "No line of it has the tax '21%', which QuickBooks may drop. Put it on a line" in said["tax on no line"]
    assert "No line of it has the tax '6%', which" in said["tax on no line beside another"]
    assert "account 'Customers'" in said["sold on the account it is owed on"]
    assert "'Suppliers'" in said["bought on the account it is owed on"]


# -- who it is ---------------------------------------------------------------------------------------------------------


NAMES = (
    *(
        "Smith, John",
        "A & B",
        "O'Neil",
        "“Quotes”",
        "=cmd|x",
        "%_",
        "N/A",
        "null",
        "0",
        "-",
        "…",
        "😀",
        "名前",
        "ｆｕｌｌ",
    ),
    *("'; drop", "*", "(deleted)", "שלום", "<b>", "&amp;", "a/b", "a\\b", "#1", "1e5", "+1", "@x", "a\u200db"),
)


def test_a_customer_has_the_name_it_has_in_odoo_whatever_signs_are_in_it(open_desk):
    desk = open_desk()
    for name in NAMES:
        desk.enter(name, "out_invoice", TEN, partner=desk.partner(name))

    settle(desk.world, rounds=1)

    assert {name: row["CustomerRef"]["name"] for name, (_, row) in desk.outcomes().items()} == {
        name: name for name in NAMES
    }


def test_a_contact_that_is_only_an_address_is_its_company_and_one_that_is_nothing_is_named(open_desk):
    desk = open_desk()
    usual, address = [900, "Usual"], {"type": "invoice", "display_name": "Usual, Invoice Address"}

    def sell(name, partner, **changes):
        desk.enter(name, "out_invoice", TEN, partner=partner, **changes)

    address_of_usual = desk.world.partner(950, False, parent_id=usual, **address)
    sell("an address", address_of_usual, commercial_partner_id=usual)
    sell("an address of nobody", desk.world.partner(951, False, display_name="Invoice Address"))
    sell("a child", desk.partner("Child"), commercial_partner_id=usual)
    sell("shipped to what is gone", (900, "Usual"), partner_shipping_id=[99_999, "x"])
    sell("no name at all", desk.world.partner(952, False, display_name=False))
    sell("a contact that is gone", (999, "Gone"))
    sell("nobody", (0, ""), partner_id=False, commercial_partner_id=False, partner_shipping_id=False)
    sell(
        "too much of everything",
        desk.partner(
            "Long", zip="1" * 40, street="s" * 600, city="c" * 300, phone="0" * 50, vat="1" * 40, email="no address"
        ),
    )

    settle(desk.world, rounds=2)

    refused = {"no name at all": "res.partner 952", "a contact that is gone": "res.partner 999", "nobody": "Choose one"}
    found = desk.outcomes()
    assert {name: row["CustomerRef"]["name"] for name, (_, row) in found.items() if row} == {
        "an address": "Usual", "an address of nobody": "Invoice Address", "a child": "Usual",
        "shipped to what is gone": "Usual", "too much of everything": "Long",
    }  # fmt: skip
    for name, said in refused.items():
        assert (found[name][0]["error_code"], said in found[name][0]["error_message"]) == ("invalid_document", True)
    assert "e-mail address and tax id of the customer 'Long'" in found["too much of everything"][0]["error_message"]


# -- what is changed afterwards ----------------------------------------------------------------------------------------


def test_currency_rate_amount_and_date_that_change_after_posting_are_followed_or_told(open_desk):
    desk = open_desk()
    odoo = desk.world.odoo

    def change(name, *, line_changes=None, **changes):
        for row in odoo.rows["account.move.line"]:
            if row["move_id"][0] == desk.numbers[name] and line_changes:
                row.update(line_changes(row))
        odoo.edit(desk.numbers[name], **changes)

    for name in ("another currency", "nothing any more", "in a closed month"):
        desk.enter(name, "out_invoice", TEN)
    desk.enter("a bill in another currency", "in_invoice", TEN, ref="bill")
    desk.enter("another rate", "out_invoice", TEN, currency=EUR, rate=0.93)
    settle(desk.world, rounds=2)

    def in_euros(row):
        return {"currency_id": EUR, "balance": round(row["amount_currency"] / 0.93, 2)}

    euros = {"currency_id": EUR, "invoice_currency_rate": 0.93}
    change("another currency", line_changes=in_euros, **euros, amount_total_signed=10.75)
    change("a bill in another currency", line_changes=in_euros, **euros, amount_total_signed=-10.75)
    nothing = dict.fromkeys(("amount_currency", "balance", "price_unit"), 0.0)
    no_totals = dict.fromkeys(("amount_untaxed", "amount_total", "amount_total_signed"), 0.0)
    change("nothing any more", line_changes=lambda _row: nothing, **no_totals)
    change("another rate", line_changes=lambda row: {"balance": round(row["amount_currency"] / 0.5, 2)},
           invoice_currency_rate=0.5, amount_total_signed=20.0)  # fmt: skip
    desk.world.qb.books(REALM_A).realm.book_close_date = "2026-10-31"
    change("in a closed month", invoice_date="2026-10-02", date="2026-10-02")

    settle(desk.world, rounds=3)

    found = {name: (entry["status"], entry.get("error_code"), row["TotalAmt"], row["CurrencyRef"]["value"],
                    row["HomeTotalAmt"]) for name, (entry, row) in desk.outcomes().items()}  # fmt: skip
    assert found == {
        "another currency": ("posted", None, 10, "EUR", Decimal("10.75")),
        "a bill in another currency": ("posted", None, 10, "EUR", Decimal("10.75")),
        "nothing any more": ("posted", None, 0, "USD", 0),
        "another rate": ("posted", None, 10, "EUR", 20),
        "in a closed month": ("failed", "quickbooks_6210", 10, "USD", 10),
    }
