"""Taxes as companies of other countries have them in Odoo: each amount under the rate it is of, or a way out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from local.stand_ins.quickbooks.realm import TaxRate
from tests.cases.test_identity import settle
from tests.cases.test_real_life import Desk, line
from tests.cases.test_taxes import lines_of
from tests.cases.world import COSTS, COSTS_B, REALM_A, REALM_B, TAX_DUE, VAT_IN, VAT_OUT, B, be, us

WITHHELD, TRANSITION = 963, 965
OWED = {WITHHELD: "Withheld", TRANSITION: "Tax in transition"}
SALE, PURCHASE = "sale", "purchase"


@pytest.fixture
def open_desk(open_world):
    def open_one(country, rates, taxes, mapping=""):
        """Return where documents of a company are entered; `taxes` are name, rate, side and kind by Odoo's id."""
        accounts = [
            *be().accounts,
            *({"Name": name, "AccountType": "Other Current Liability"} for name in OWED.values()),
        ]
        world = open_world(realms=[us(), be(country=country, tax_rates=rates, accounts=accounts)])
        for account_id, name in OWED.items():
            world.account(account_id, False, name, "liability_current", B)
        for tax_id, (name, rate, side, *kind) in taxes.items():
            world.tax(tax_id, name, rate, *(kind or ["percent"]), side, B)
        if mapping:
            world.mapping(f'["companyB".taxes]\n{mapping}')
        return Desk(world, REALM_B, company=B, partner=world.partner(900, "Party"))

    return open_one


def posted(desk):
    """Return for each document the amounts of its lines, and those of its taxes by the name of the rate."""
    book = desk.world.qb.books(REALM_B)
    names = {row["Id"]: row["Name"] for row in book._tables.table("TaxRate").values()}
    found = {}
    for name, (entry, row) in desk.outcomes().items():
        if entry["status"] != "posted":
            found[name] = entry["error_code"]
            continue
        taxes = [
            (names[tax["TaxLineDetail"]["TaxRateRef"]["value"]].partition(" (")[0], tax["Amount"])
            for tax in row["TxnTaxDetail"]["TaxLine"] if tax["Amount"]
        ]  # fmt: skip
        amounts = [one["Amount"] for one in row["Line"] if one["DetailType"] != "SubTotalLineDetail"]
        found[name] = (amounts, sorted(taxes))
    return found


def cents(amounts):
    return [Decimal(str(amount)) for amount in amounts]


def wanted(lines, **taxes):
    return cents(lines), sorted((name.replace("_", " "), Decimal(str(amount))) for name, amount in taxes.items())


def test_taxes_of_canada_go_to_their_rates_and_what_is_not_deductible_is_cost(open_desk):
    rates = [
        TaxRate("GST", Decimal(5)), TaxRate("HST ON", Decimal(13)),
        TaxRate("GST/QST QC", parts=(("GST QC", 5), ("QST", Decimal("9.975")))),
        TaxRate("Zero-rated", Decimal(0)), TaxRate("Exempt", Decimal(0)), TaxRate("Out of scope", Decimal(0)),
    ]  # fmt: skip
    desk = open_desk("CA", rates, {
        300: ("GST 5%", 5.0, SALE), 301: ("QST 9.975%", 9.975, SALE), 302: ("GST in 5%", 5.0, PURCHASE),
        303: ("PST BC 7%", 7.0, PURCHASE), 304: ("HST ON", 13.0, SALE), 305: ("Zero-rated", 0.0, SALE),
        306: ("0% export", 0.0, SALE),
    }, '"GST 5% + QST 9.975%" = "GST/QST QC"\n')  # fmt: skip
    both = [(302, VAT_IN, 5.0), (303, COSTS_B, 7.0)]
    desk.enter("a provincial tax that is cost", "in_invoice", [line(100.0, 302, 303)], both, ref="1")
    desk.enter("a cent that QuickBooks rounds otherwise", "out_invoice", [line(4495.16, 300, 301)],
               [(300, VAT_OUT, 224.76), (301, VAT_OUT, 448.39)])  # fmt: skip
    desk.enter("harmonised", "out_invoice", [line(100.0, 304)], [(304, VAT_OUT, 13.0)])
    desk.enter("zero, by its name", "out_invoice", [line(100.0, 305)])
    desk.enter("zero, of three", "out_invoice", [line(100.0, 306)])
    desk.enter("no tax", "out_invoice", [line(100.0)])

    settle(desk.world, rounds=1)

    assert posted(desk) == {
        "a provincial tax that is cost": wanted([100, 7], GST=5),
        "a cent that QuickBooks rounds otherwise": wanted([4495.16], GST_QC=224.76, QST=448.39),
        "harmonised": wanted([100], HST_ON=13),
        "zero, by its name": wanted([100]),
        "zero, of three": "tax_unmapped",
        "no tax": wanted([100]),
    }


def test_two_taxes_of_one_percentage_have_a_rate_each(open_desk):
    desk = open_desk("IN", [
        TaxRate("18% GST", parts=(("CGST", 9), ("SGST", 9))), TaxRate("18% IGST", Decimal(18)),
        TaxRate("18% in two halves", parts=(("Half one", 9), ("Half two", 9))), TaxRate("0%", Decimal(0)),
    ], {
        300: ("GST 18%", 0.0, SALE, "group"), 301: ("CGST 9%", 9.0, SALE), 302: ("SGST 9%", 9.0, SALE),
        303: ("IGST 18%", 18.0, SALE), 304: ("TDS 10%", -10.0, PURCHASE), 305: ("IGST in 18%", 18.0, PURCHASE),
        306: ("First 9%", 9.0, SALE), 307: ("Second 9%", 9.0, SALE),
    }, '"GST 18%" = "18% GST"\n"CGST 9% + SGST 9%" = "18% GST"\n"First 9% + Second 9%" = "18% in two halves"\n',
    )  # fmt: skip
    halves = [(302, VAT_OUT, 9.01), (301, VAT_OUT, 9.0)]
    desk.enter("a group", "out_invoice", [line(100.01, 300)], halves)
    desk.enter("two on a line", "out_invoice", [line(100.01, 302, 301)], halves)
    desk.enter("no word in common", "out_invoice", [line(100.01, 306, 307)],
               [(306, VAT_OUT, 9.0), (307, VAT_OUT, 9.01)])  # fmt: skip
    desk.enter("between states", "out_invoice", [line(100.0, 303)], [(303, VAT_OUT, 18.0)])
    desk.enter("deducted at source", "in_invoice", [line(100.0, 305, 304)],
               [(305, VAT_IN, 18.0), (304, WITHHELD, -10.0)], ref="7")  # fmt: skip
    desk.world.odoo.rows["account.tax.repartition.line"].append(
        {"id": 2, "tax_id": [304, ""], "repartition_type": "tax", "account_id": [WITHHELD, ""],
         "use_in_tax_closing": False}
    )  # fmt: skip

    settle(desk.world, rounds=1)

    assert posted(desk) == {
        "a group": wanted([100.01], CGST=9, SGST=9.01),
        "two on a line": wanted([100.01], CGST=9, SGST=9.01),
        "no word in common": wanted([100.01], Half_one=9, Half_two=9.01),
        "between states": wanted([100], **{"18%_IGST": 18}),
        "deducted at source": wanted([100, -10], **{"18%_IGST": 18}),
    }


def test_a_reverse_charge_is_due_and_deducted_whatever_stands_beside_it(open_desk):
    both = (("Due", -21), ("Deducted", 21))
    rates = [*be().tax_rates, TaxRate("21% RC", parts=both, scope="purchase"), TaxRate("20% UK", parts=(
        ("UK in", 20), ("UK out", -20)), scope="purchase")]  # fmt: skip
    desk = open_desk("BE", rates, {
        300: ("21% RC", 21.0, PURCHASE), 301: ("RC of a car", 21.0, PURCHASE), 302: ("20% EU M", 20.0, PURCHASE),
    }, '"RC of a car" = "21% RC"\n')  # fmt: skip
    taxes = [(300, VAT_IN, 21.0), (300, VAT_OUT, -21.0)]
    home = [(87, VAT_IN, 10.5)]
    desk.enter("a bill", "in_invoice", [line(100.0, 300)], taxes, ref="1")
    desk.enter("its refund", "in_refund", [line(100.0, 300)], taxes, ref="2")
    desk.enter("deductible in part", "in_invoice", [line(100.0, 301)],
               [(301, VAT_IN, 12.6), (301, COSTS_B, 8.4), (301, VAT_OUT, -21.0)], ref="3")  # fmt: skip
    desk.enter("beside a purchase at home", "in_invoice", [line(100.0, 300), line(50.0, 87)], [*taxes, *home], ref="4")
    desk.enter("of no code's name", "in_invoice", [line(100.0, 302)],
               [(302, VAT_IN, 20.0), (302, VAT_OUT, -20.0)], ref="5")  # fmt: skip
    desk.enter("of less than a cent", "in_invoice", [line(0.02, 300)], [(300, VAT_IN, 0.0)], ref="6")

    settle(desk.world, rounds=1)

    assert posted(desk) == {
        "a bill": wanted([100], Deducted=21, Due=-21),
        "its refund": wanted([100], Deducted=21, Due=-21),
        "deductible in part": wanted([100, 8.4], Deducted=12.6, Due=-21),
        "beside a purchase at home": wanted([100, 50], Deducted=21, Due=-21, **{"21%_M": 10.5}),
        "of no code's name": "tax_unmapped",
        "of less than a cent": wanted([0.02]),
    }  # fmt: skip


def test_capital_goods_and_the_countries_of_one_stop_shop_go_to_their_own_codes(open_desk):
    desk = open_desk("AU", [
        TaxRate("GST on capital", Decimal(10), "purchase"), TaxRate("GST on non-capital", Decimal(10), "purchase"),
        TaxRate("GST", Decimal(10), "sale"), TaxRate("GST free", Decimal(0)),
        TaxRate("19% OSS DE", Decimal(19), "sale"), TaxRate("20% OSS FR", Decimal(20), "sale"),
        TaxRate("20% S", Decimal(20), "sale"),
        TaxRate("20% RC CIS", Decimal(0), "sale"),
    ], {
        300: ("GST on capital", 10.0, PURCHASE), 301: ("10% GST P", 10.0, PURCHASE), 302: ("10% GST", 10.0, SALE),
        303: ("19% DE", 19.0, SALE), 304: ("20% FR", 20.0, SALE), 305: ("20% RC CIS", 0.0, SALE),
    })  # fmt: skip
    desk.enter("capital", "in_invoice", [line(100.0, 300)], [(300, VAT_IN, 10.0)], ref="1")
    desk.enter("which of two", "in_invoice", [line(100.0, 301)], [(301, VAT_IN, 10.0)], ref="2")
    desk.enter("a sale", "out_invoice", [line(100.0, 302)], [(302, VAT_OUT, 10.0)])
    desk.enter("one stop, of one rate", "out_invoice", [line(100.0, 303)], [(303, VAT_OUT, 19.0)])
    desk.enter("one stop, of the rate at home", "out_invoice", [line(100.0, 304)], [(304, VAT_OUT, 20.0)])
    desk.enter("the customer accounts for it", "out_invoice", [line(100.0, 305)])

    settle(desk.world, rounds=1)

    assert posted(desk) == {
        "capital": wanted([100], GST_on_capital=10),
        "which of two": "tax_unmapped",
        "a sale": wanted([100], GST=10),
        "one stop, of one rate": wanted([100], **{"19%_OSS_DE": 19}),
        "one stop, of the rate at home": "tax_unmapped",
        "the customer accounts for it": wanted([100]),
    }


def test_whatever_way_a_tax_is_computed_its_amount_is_odoos(open_desk):
    rates = [*be().tax_rates, TaxRate("Excise and VAT", parts=(("Excise", 10), ("VAT", 20)))]
    desk = open_desk("BE", rates, {
        300: ("21% on payment", 21.0, SALE), 301: ("21% in two", 21.0, SALE), 302: ("Excise 10%", 10.0, SALE),
        303: ("VAT 20%", 20.0, SALE),
    }, '"Excise 10% + VAT 20%" = "Excise and VAT"\n')  # fmt: skip
    desk.world.odoo.rows["account.tax.repartition.line"].append(
        {"id": 1, "tax_id": [300, ""], "repartition_type": "tax", "account_id": [VAT_OUT, ""],
         "use_in_tax_closing": True}
    )  # fmt: skip
    due = (74, VAT_OUT)
    desk.enter("due when paid", "out_invoice", [line(100.0, 300)], [(300, TRANSITION, 21.0)])
    desk.enter("on two accounts", "out_invoice", [line(100.0, 301)], [(301, VAT_OUT, 10.5), (301, TRANSITION, 10.5)])
    desk.enter("a tax on a tax", "out_invoice", [line(100.0, 302, 303)], [(302, VAT_OUT, 10.0), (303, VAT_OUT, 22.0)])
    desk.enter("import VAT alone", "in_invoice", [line(1000.0, 87), line(-1000.0)], [(87, VAT_IN, 210.0)], ref="1")
    desk.enter("included in the price", "out_invoice", [line(82.64, 74, price_unit=100.0), line(9.43, 79)],
               [(*due, 17.36), (79, VAT_OUT, 0.57)])  # fmt: skip
    four = [line(amount, 74) for amount in (598.89, 329.84, -59.89, -32.98)]
    desk.enter("rounded over lines of both signs", "out_invoice", four, [(*due, 175.53)])
    early = [line(100.0, 74), line(-2.0, 74, display_type="epd"), line(2.0, display_type="epd")]
    desk.enter("lowered for paying early", "out_invoice", early, [(*due, 20.58)])
    cash = line(0.02, display_type="rounding", name="Rounding", tax_line_id=[74, ""], account=VAT_OUT)
    desk.enter("rounded in cash on the largest tax", "out_invoice", [line(100.0, 74), cash], [(*due, 21.0)],
               amount_untaxed=100.0, amount_tax=21.02)  # fmt: skip
    next(tax for tax in desk.world.odoo.rows["account.tax"] if tax["id"] == 79)["active"] = False
    desk.enter("of an archived tax", "out_invoice", [line(100.0, 79)], [(79, VAT_OUT, 6.0)])

    settle(desk.world, rounds=1)

    at_home = "21%"
    assert posted(desk) == {
        "due when paid": wanted([100], **{at_home: 21}),
        "on two accounts": wanted([100], **{at_home: 21}),
        "a tax on a tax": wanted([100], Excise=10, VAT=22),
        "import VAT alone": wanted([1000, -1000], **{"21%_M": 210}),
        "included in the price": wanted([82.64, 9.43], **{at_home: 17.36, "6%": 0.57}),
        "rounded over lines of both signs": wanted([598.89, 329.84, -59.89, -32.98], **{at_home: 175.53}),
        "lowered for paying early": wanted([100, -2, 2], **{at_home: 20.58}),
        "rounded in cash on the largest tax": wanted([100], **{at_home: 21.02}),
        "of an archived tax": wanted([100], **{"6%": 6}),
    }


@pytest.mark.parametrize(("entered", "taxed"), [("as it was", 175.53), ("rounded in cash", 175.55)])
def test_a_tax_that_got_another_rate_takes_no_former_document_to_the_code_of_the_new_one(open_desk, entered, taxed):
    desk = open_desk("BE", list(be().tax_rates), {})
    desk.enter(entered, "out_invoice", [line(835.86, 74)], [(74, VAT_OUT, taxed)])
    desk.enter("corrected by a cent", "out_invoice", [line(100.0, 74)], [(74, VAT_OUT, 21.01)])
    settle(desk.world, rounds=1)
    before = posted(desk)
    tax = next(tax for tax in desk.world.odoo.rows["account.tax"] if tax["id"] == 74)
    tax.update(name="6% (was 21%)", amount=6.0)
    desk.world.odoo.edit(desk.numbers[entered], narration="<p>of the old rate</p>")

    settle(desk.world, rounds=1)

    failed = desk.world.entries()[desk.numbers[entered]]
    assert (failed["status"], failed["error_code"]) == ("failed", "tax_rate_changed")
    assert "Give the tax its former rate back" in failed["error_message"]

    tax.update(name="21%", amount=21.0)
    desk.world.odoo.edit(desk.numbers[entered], narration="<p>as before</p>")
    settle(desk.world, rounds=2)

    assert posted(desk) == before == {
        entered: wanted([835.86], **{"21%": taxed}), "corrected by a cent": wanted([100], **{"21%": 21.01}),
    }  # fmt: skip


FEES_OWED, WITHHELD_US = 971, 972


def test_in_the_us_only_sales_tax_is_sales_tax_and_all_else_is_a_line_of_its_own(open_world):
    more = [{"Name": name, "AccountType": "Other Current Liability", "AcctNum": number}
            for name, number in (("Fees owed", "253000"), ("Backup withholding", "254000"))]  # fmt: skip
    world = open_world(realms=[us(accounts=[*us().accounts, *more]), be()])
    world.account(FEES_OWED, "253000", "Fees owed", "liability_current")
    world.account(WITHHELD_US, "254000", "Backup withholding", "liability_current")
    for tax_id, name, rate, kind, use in (
        (300, "Resale, exempt", 0.0, "percent", SALE), (301, "Backup withholding 24%", -24.0, "percent", PURCHASE),
        (302, "Excise per gallon", 0.184, "fixed", SALE), (303, "Excise per gallon in", 0.184, "fixed", PURCHASE),
        (304, "Sales tax paid", 6.0, "percent", PURCHASE), (305, "State 6%", 6.0, "percent", SALE),
    ):  # fmt: skip
        world.tax(tax_id, name, rate, kind, use)
    desk = Desk(world, REALM_A, partner=world.partner(900, "Party"))
    state = [(305, TAX_DUE, 6.0)]
    desk.enter("for resale", "out_invoice", [line(100.0, 300)])
    desk.enter("part of it for resale", "out_invoice", [line(100.0, 305), line(50.0, 300)], state)
    desk.enter(
        "a contractor without a number", "in_invoice", [line(1000.0, 301)], [(301, WITHHELD_US, -240.0)], ref="1"
    )
    desk.enter("fuel sold", "out_invoice", [line(300.0, 302, 305, quantity=100.0)],
               [(302, FEES_OWED, 18.4), (305, TAX_DUE, 18.0)])  # fmt: skip
    desk.enter("fuel bought", "in_invoice", [line(300.0, 303, quantity=100.0)], [(303, COSTS, 18.4)], ref="2")
    desk.enter("tax paid is cost", "in_invoice", [line(100.0, 304)], [(304, COSTS, 6.0)], ref="3")
    desk.enter("a refund of it", "in_refund", [line(100.0, 304)], [(304, COSTS, 6.0)], ref="4")
    desk.enter("a cent that rounding left", "out_invoice", [line(70.0, 305), line(30.0, 305), line(-100.0, 305)],
               [(305, TAX_DUE, 0.01)])  # fmt: skip

    settle(world, rounds=1)

    desk.check({
        "for resale": 100, "part of it for resale": 156, "a contractor without a number": 760, "fuel sold": 336.4,
        "fuel bought": 318.4, "tax paid is cost": 106, "a refund of it": 106, "a cent that rounding left": 0.01,
    })  # fmt: skip
    rows = {name: row for name, (_, row) in desk.outcomes().items()}
    assert lines_of(rows["part of it for resale"]) == [
        (Decimal(100), "Product Sales", "TAX"), (Decimal(50), "Product Sales", "NON"),
    ]  # fmt: skip
    assert [one[:2] for one in lines_of(rows["a contractor without a number"])] == [
        (Decimal(1000), "Expenses"), (Decimal(-240), "Backup withholding"),
    ]  # fmt: skip
    assert [one[:2] for one in lines_of(rows["fuel sold"])][1:] == [(Decimal("18.40"), "Fees owed")]
    assert rows["fuel sold"]["TxnTaxDetail"]["TotalTax"] == 18
    assert [one[0] for one in lines_of(rows["tax paid is cost"])] == [100, 6]


def test_a_cent_that_rounding_left_is_in_the_books_and_one_below_zero_is_told(open_desk):
    desk = open_desk("BE", list(be().tax_rates), {})
    three = [line(70.0, 74), line(30.0, 74), line(-100.0, 74)]
    desk.enter("a cent of tax", "out_invoice", three, [(74, VAT_OUT, 0.01)])
    desk.enter("a cent the other way", "out_invoice", three, [(74, VAT_OUT, -0.01)])
    desk.enter("a credit note of a cent", "out_refund", [line(100.0, 74), line(-99.99, 74)], [(74, VAT_OUT, 0.0)])
    desk.enter("a discount with a tax of its own", "out_invoice", [line(4.24, 74), line(-0.42, 74)],
               [(74, VAT_OUT, 0.80)])  # fmt: skip
    desk.enter("rounded before it was reversed", "out_refund", [line(292.13, 74), line(66.5, 74)],
               [(74, VAT_OUT, 75.32)])  # fmt: skip

    settle(desk.world, rounds=1)

    desk.check({
        "a cent of tax": 0.01, "a cent the other way": "below_zero", "a credit note of a cent": 0.01,
        "a discount with a tax of its own": 4.62, "rounded before it was reversed": 433.95,
    })  # fmt: skip
