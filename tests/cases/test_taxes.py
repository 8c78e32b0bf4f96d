"""What is tax and what is cost (cases 02, 11, 23 and others of their kind)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from local.stand_ins.quickbooks.realm import TaxRate
from tests.cases.world import COSTS, COSTS_B, REALM_A, REALM_B, SALES, TAX_DUE, VAT_IN, VAT_OUT, A, B, be, us

CA_8_25 = 145
FEES, DUTIES, WITHHELD, GOODS = 961, 962, 963, 964
OTHERS = {
    "Recycling fees owed": "Other Current Liability",
    "Import duties": "Cost of Goods Sold",
    "Withheld": "Other Current Liability",
    "Cost of Goods": "Cost of Goods Sold",
}


def dollars(text):
    return Decimal(text)


def american(**changes):
    owed = {"Name": "Recycling fees owed", "AccountType": "Other Current Liability", "AcctNum": "253000"}
    return us(accounts=[*us().accounts, owed], **changes)


def belgian(**changes):
    return be(
        accounts=[*be().accounts, *({"Name": name, "AccountType": kind} for name, kind in OTHERS.items())], **changes
    )


def add_accounts(world):
    world.account(FEES, "253000", "Recycling fees owed", "liability_current")
    world.account(DUTIES, False, "Import duties", "expense_direct_cost", B)
    world.account(WITHHELD, False, "Withheld", "liability_current", B)
    world.account(GOODS, False, "Cost of Goods", "expense_direct_cost", B)


def lines_of(row):
    """Return what each line says: its amount, its account and its tax code."""
    found = []
    for line in row["Line"]:
        detail = line.get(line["DetailType"], {})
        account = detail.get("AccountRef") or detail.get("ItemAccountRef")
        if account:
            found.append((line["Amount"], account["name"], detail.get("TaxCodeRef", {}).get("value", "")))
    return found


def code(world, name, realm=REALM_B):
    return world.qb.books(realm).named("TaxCode", name)["Id"]


@pytest.fixture
def american_world(open_world):
    world = open_world(realms=[american(), belgian()])
    add_accounts(world)
    return world


@pytest.fixture
def belgian_world(open_world):
    world = open_world(realms=[us(), belgian()])
    add_accounts(world)
    world.tax(801, "21% M", 21.0, use="purchase", company=B)
    return world


# -- case 02: a part of a tax that may not be deducted ---------------------------------------------------------------


def half_deductible(world, move_id=511, cost_account=COSTS_B, net=100.0):
    world.tax(802, "21% Car 50% non-deductible", 21.0, use="purchase", company=B)
    half = round(net * 0.105, 2)
    world.move(
        move_id,
        "in_invoice",
        [{"amount": net, "name": "Car service", "tax_ids": [802]}],
        [(802, VAT_IN, half), (802, cost_account, half)],
        company=B,
        partner=world.partner(902, "Garage Central"),
        ref=f"G-{move_id}",
    )


@pytest.mark.parametrize(("cost_account", "name"), [(COSTS_B, "Purchases of Raw Materials"), (GOODS, "Cost of Goods")])
def test_the_half_of_a_tax_that_may_not_be_deducted_is_cost_on_the_account_odoo_booked_it_to(
    belgian_world, cost_account, name
):
    half_deductible(belgian_world, cost_account=cost_account)
    belgian_world.mapping('["companyB".taxes]\n"21% Car 50% non-deductible" = "21% M"\n')

    belgian_world.run()

    (bill,) = belgian_world.books(REALM_B, "Bill")
    assert lines_of(bill) == [
        (dollars("100.00"), "Purchases of Raw Materials", code(belgian_world, "21% M")),
        (dollars("10.50"), name, code(belgian_world, "No VAT")),
    ]
    assert (bill["TxnTaxDetail"]["TotalTax"], bill["TotalAmt"]) == (dollars("10.50"), dollars("121.00"))
    assert belgian_world.entries()[511]["status"] == "posted"


def test_a_tax_that_is_deductible_in_part_is_never_found_by_its_number(belgian_world):
    half_deductible(belgian_world)

    belgian_world.run()

    entry = belgian_world.entries()[511]
    assert (entry["status"], entry["error_code"]) == ("failed", "tax_unmapped")
    assert "'21% Car 50% non-deductible'" in entry["error_message"]
    assert belgian_world.books(REALM_B) == []


def test_a_tax_that_may_not_be_deducted_at_all_is_cost_and_needs_no_code(belgian_world):
    belgian_world.tax(803, "21% not deductible", 21.0, use="purchase", company=B)
    belgian_world.move(
        512, "in_invoice", [{"amount": 100.0, "tax_ids": [803]}], [(803, COSTS_B, 21.0)], company=B, ref="G-1"
    )

    belgian_world.run()

    (bill,) = belgian_world.books(REALM_B, "Bill")
    none = code(belgian_world, "No VAT")
    assert [(amount, tax) for amount, _, tax in lines_of(bill)] == [(dollars(100), none), (dollars(21), none)]
    assert bill["TxnTaxDetail"]["TotalTax"] == 0


def test_an_import_duty_beside_a_vat_is_cost_and_the_vat_is_tax(belgian_world):
    belgian_world.tax(804, "Duty 4%", 4.0, use="purchase", company=B)
    belgian_world.move(
        513,
        "in_invoice",
        [{"amount": 200.0, "tax_ids": [801, 804]}],
        [(801, VAT_IN, 42.0), (804, DUTIES, 8.0)],
        company=B,
        ref="C-1",
    )

    belgian_world.run()

    (bill,) = belgian_world.books(REALM_B, "Bill")
    assert [line[:2] for line in lines_of(bill)] == [
        (dollars(200), "Purchases of Raw Materials"),
        (dollars(8), "Import duties"),
    ]
    assert (bill["TxnTaxDetail"]["TotalTax"], bill["TotalAmt"]) == (dollars(42), dollars(250))


def test_odoos_repartition_says_that_a_tax_on_a_liability_is_none_of_the_tax_offices(belgian_world):
    belgian_world.tax(805, "Packaging 2%", 2.0, company=B)
    belgian_world.odoo.rows["account.tax.repartition.line"] += [
        {"id": 1, "tax_id": [805, ""], "repartition_type": "base", "account_id": False, "use_in_tax_closing": False},
        {"id": 2, "tax_id": [805, ""], "repartition_type": "tax", "account_id": [WITHHELD, ""],
         "use_in_tax_closing": False},
    ]  # fmt: skip
    belgian_world.move(514, "out_invoice", [{"amount": 100.0, "tax_ids": [805]}], [(805, WITHHELD, 2.0)], company=B)

    belgian_world.run()

    (invoice,) = belgian_world.books(REALM_B, "Invoice")
    assert [line[:2] for line in lines_of(invoice)][1:] == [(dollars(2), "Withheld")]
    assert invoice["TxnTaxDetail"]["TotalTax"] == 0


# -- case 11: what is no plain percentage ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "amount", "kind", "taxed"),
    [
        ("Recycling fee", 5.0, "fixed", 15.0),
        ("GST", 5.0, "fixed", 15.0),  # named like the code, and of its number
        ("GST of the gross", 5.0, "division", 15.79),
        ("GST by formula", 5.0, "code", 15.0),
        ("Withheld 5%", -5.0, "percent", -15.0),
    ],
)
def test_what_is_no_plain_percentage_is_never_taken_for_a_tax_code_of_its_number(open_world, name, amount, kind, taxed):
    rates = [TaxRate("GST", Decimal(5)), TaxRate("Withholding", Decimal(-5)), TaxRate("No tax", Decimal(0))]
    world = open_world(realms=[us(), be(country="CA", tax_rates=rates)])
    world.tax(811, name, amount, amount_type=kind, company=B)
    world.move(
        611, "out_invoice", [{"amount": 300.0, "quantity": 3.0, "price_unit": 100.0, "tax_ids": [811]}],
        [(811, VAT_OUT, taxed)], company=B,
    )  # fmt: skip

    world.run()

    entry = world.entries()[611]
    assert (entry["status"], entry["error_code"]) == ("failed", "tax_unmapped")
    assert f"tax '{name}'" in entry["error_message"]
    assert world.books(REALM_B) == []


def test_a_division_tax_goes_to_the_code_a_person_names_for_it(belgian_world):
    belgian_world.tax(812, "21% of the gross", 21.0, amount_type="division", company=B)
    belgian_world.move(
        612, "out_invoice", [{"amount": 79.0, "tax_ids": [812]}], [(812, VAT_OUT, 21.0)], company=B
    )  # fmt: skip
    belgian_world.mapping('["companyB".taxes]\n"21% of the gross" = "21%"\n')

    belgian_world.run()

    (invoice,) = belgian_world.books(REALM_B, "Invoice")
    assert (invoice["TxnTaxDetail"]["TotalTax"], invoice["TotalAmt"]) == (dollars(21), dollars(100))


def test_a_withholding_on_a_bill_outside_the_us_waits_for_the_mapping_and_is_then_posted(open_world):
    rates = [*be().tax_rates, TaxRate("VAT less withholding", parts=(("VAT", 21), ("Withheld", -15)))]
    world = open_world(realms=[us(), belgian(tax_rates=rates)])
    add_accounts(world)
    world.tax(801, "21% M", 21.0, use="purchase", company=B)
    world.tax(821, "Withholding 15%", -15.0, use="purchase", company=B)
    taxes = [(801, VAT_IN, 21.0), (821, WITHHELD, -15.0)]
    world.move(613, "in_invoice", [{"amount": 100.0, "tax_ids": [801, 821]}], taxes, company=B, ref="W-1")
    world.run()
    refused = world.entries()[613]
    world.mapping('["companyB".taxes]\n"21% M + Withholding 15%" = "VAT less withholding"\n')

    world.post({"retry_failed": True})

    (bill,) = world.books(REALM_B, "Bill")
    assert (refused["status"], refused["error_code"]) == ("failed", "several_taxes")
    assert "Withholding 15%" in refused["error_message"]
    assert (bill["TxnTaxDetail"]["TotalTax"], bill["TotalAmt"]) == (dollars(6), dollars(106))


def test_a_group_of_a_fixed_fee_and_a_percentage_is_refused_by_its_name(belgian_world):
    belgian_world.tax(831, "VAT and fee", 0.0, amount_type="group", company=B)
    belgian_world.tax(832, "21%", 21.0, company=B)
    belgian_world.tax(833, "Fee", 5.0, amount_type="fixed", company=B)
    belgian_world.move(
        614, "out_invoice", [{"amount": 100.0, "tax_ids": [831]}], [(832, VAT_OUT, 21.0), (833, VAT_OUT, 5.0)],
        company=B,
    )  # fmt: skip

    belgian_world.run()

    entry = belgian_world.entries()[614]
    assert (entry["status"], entry["error_code"]) == ("failed", "tax_unmapped")
    assert "'VAT and fee'" in entry["error_message"]
    assert belgian_world.books(REALM_B) == []


def test_a_fee_of_a_us_invoice_is_a_line_on_its_own_account_and_no_sales_tax(american_world):
    american_world.tax(813, "Mattress fee", 5.0, amount_type="fixed")
    mattress = {"amount": 300.0, "name": "Mattress", "quantity": 3.0, "price_unit": 100.0, "tax_ids": [CA_8_25, 813]}
    american_world.move(615, "out_invoice", [mattress], [(CA_8_25, TAX_DUE, 24.75), (813, FEES, 15.0)])

    american_world.run()

    (invoice,) = american_world.books(entity="Invoice")
    assert lines_of(invoice) == [
        (dollars(300), "Product Sales", "TAX"),
        (dollars(15), "Recycling fees owed", "NON"),
    ]
    assert (invoice["TxnTaxDetail"]["TotalTax"], invoice["TotalAmt"]) == (dollars("24.75"), dollars("339.75"))
    assert american_world.entries()[615]["status"] == "posted"


def test_a_line_with_a_fee_alone_is_not_taxable_in_the_us(american_world):
    american_world.tax(813, "Mattress fee", 5.0, amount_type="fixed")
    american_world.move(616, "out_refund", [{"amount": 100.0, "tax_ids": [813]}], [(813, FEES, 5.0)])

    american_world.run()

    (credit,) = american_world.books(entity="CreditMemo")
    assert [tax for *_, tax in lines_of(credit)] == ["NON", "NON"]
    assert credit["TotalAmt"] == dollars(105)


def test_a_withholding_on_a_us_invoice_is_a_line_and_lowers_no_sales_tax(american_world):
    american_world.account(965, "254000", "Withheld by customers", "asset_current")
    american_world.qb.books(REALM_A).create(
        "Account", {"Name": "Withheld by customers", "AccountType": "Other Current Asset", "AcctNum": "254000"}
    )
    american_world.tax(814, "Backup withholding", -24.0)
    taxes = [(CA_8_25, TAX_DUE, 8.25), (814, 965, -24.0)]
    american_world.move(617, "out_invoice", [{"amount": 100.0, "tax_ids": [CA_8_25, 814]}], taxes)

    american_world.run()

    (invoice,) = american_world.books(entity="Invoice")
    assert lines_of(invoice)[1] == (dollars(-24), "Withheld by customers", "NON")
    assert (invoice["TxnTaxDetail"]["TotalTax"], invoice["TotalAmt"]) == (dollars("8.25"), dollars("84.25"))


def test_a_percentage_booked_as_income_is_no_sales_tax(american_world):
    american_world.account(966, "401000", "Service charges", "income")
    american_world.qb.books(REALM_A).create(
        "Account", {"Name": "Service charges", "AccountType": "Income", "AcctNum": "401000"}
    )
    american_world.tax(815, "Service charge 10%", 10.0)
    american_world.move(618, "out_invoice", [{"amount": 100.0, "tax_ids": [815]}], [(815, 966, 10.0)])

    american_world.run()

    (invoice,) = american_world.books(entity="Invoice")
    assert lines_of(invoice) == [(dollars(100), "Product Sales", "NON"), (dollars(10), "Service charges", "NON")]


def test_a_us_company_without_an_account_for_its_sales_tax_charges_it_all_the_same(american_world):
    american_world.move(619, "out_invoice", [{"amount": 100.0, "tax_ids": [CA_8_25]}], [(CA_8_25, SALES, 8.25)])

    american_world.run()

    (invoice,) = american_world.books(entity="Invoice")
    assert lines_of(invoice) == [(dollars(100), "Product Sales", "TAX")]
    assert invoice["TxnTaxDetail"]["TotalTax"] == dollars("8.25")


def test_a_sales_tax_below_zero_is_a_line(american_world):
    lines = [{"amount": 100.0}, {"amount": -40.0, "tax_ids": [CA_8_25], "quantity": -1.0, "price_unit": 40.0}]
    american_world.move(620, "out_invoice", lines, [(CA_8_25, TAX_DUE, -3.3)])

    american_world.run()

    (invoice,) = american_world.books(entity="Invoice")
    assert lines_of(invoice)[2] == (dollars("-3.30"), "Tax Payable", "NON")
    assert invoice["TotalAmt"] == dollars("56.70")


# -- where QuickBooks works sales tax out by itself ------------------------------------------------------------------


def taxed_invoices(world, *move_ids):
    for move_id in move_ids:
        line = {"amount": 100.0, "tax_ids": [CA_8_25]}
        world.move(move_id, "out_invoice", [line], [(CA_8_25, TAX_DUE, 8.25)])


def test_with_sales_tax_as_lines_it_does_not_matter_what_quickbooks_would_work_out(open_world):
    world = open_world(realms=[american(automated_tax_percent=Decimal("9.5"))])
    world.qb.us_tax_worked_out = True
    world.mapping('["companyA"]\nsales_tax = "line"\n')
    taxed_invoices(world, 631)

    world.run()

    (invoice,) = world.books(entity="Invoice")
    assert lines_of(invoice) == [(dollars(100), "Product Sales", "NON"), (dollars("8.25"), "Tax Payable", "NON")]
    assert invoice["TotalAmt"] == dollars("108.25")
    assert world.entries()[631]["status"] == "posted"


def test_a_tax_that_came_out_otherwise_is_taken_back_and_says_what_would_help(open_world):
    world = open_world(realms=[american(automated_tax_percent=Decimal("9.5"))])
    world.qb.us_tax_worked_out = True
    taxed_invoices(world, 632)

    world.run()

    entry = world.entries()[632]
    assert (entry["status"], entry["error_code"]) == ("failed", "booked_otherwise")
    assert 'sales_tax = "line" under ["companyA"]' in entry["error_message"]
    assert "(tax 9.50 USD), Odoo 108.25 USD (tax 8.25 USD)" in entry["error_message"]
    assert world.books() == []


def test_when_it_happens_to_several_it_is_reported_once_for_the_company_and_nothing_more_is_created(open_world):
    world = open_world(realms=[american(automated_tax_percent=Decimal("9.5"))])
    world.qb.us_tax_worked_out = True
    taxed_invoices(world, 641, 642, 643)
    world.run()
    taxed_invoices(world, *range(651, 661))
    world.move(671, "in_invoice", [{"amount": 100.0}], ref="B-1")
    world.extract()
    created = world.qb.books(REALM_A).creates["Invoice"]

    for _ in range(3):
        world.post()
        world.due()

    texts = [
        alert["text"] for alert in world.alerts() if "further sales with tax of this company wait" in alert["text"]
    ]
    assert len(texts) == 1
    assert world.qb.books(REALM_A).creates["Invoice"] == created
    entries = world.entries()
    assert {(entries[number]["status"], entries[number]["error_code"]) for number in range(651, 661)} == {
        ("pending", "sales_tax_differs")
    }
    assert entries[671]["status"] == "posted"


def test_once_it_is_fixed_in_quickbooks_one_that_is_retried_lets_all_others_follow(open_world):
    world = open_world(realms=[american(automated_tax_percent=Decimal("9.5"))])
    world.qb.us_tax_worked_out = True
    taxed_invoices(world, 661, 662, 663)
    world.run()
    taxed_invoices(world, 664, 665)
    world.run()
    world.qb.us_tax_worked_out = False

    world.post({"company": "companyA", "retry_failed": True})
    world.due()
    world.post()

    assert {entry["status"] for entry in world.entries().values()} == {"posted"}


def test_with_the_mapping_changed_those_that_waited_follow_and_those_that_failed_are_retried(open_world):
    world = open_world(realms=[american(automated_tax_percent=Decimal("9.5"))])
    world.qb.us_tax_worked_out = True
    taxed_invoices(world, 661, 662, 663)
    world.run()
    taxed_invoices(world, 664)
    world.run()
    world.mapping('["companyA"]\nsales_tax = "line"\n')

    world.let_pause_pass()
    world.due()
    world.post({"company": "companyA", "retry_failed": True})

    assert {entry["status"] for entry in world.entries().values()} == {"posted"}
    assert [row["TotalAmt"] for row in world.books(entity="Invoice")] == [dollars("108.25")] * 4


# -- case 23: an item on a liability ---------------------------------------------------------------------------------


def test_a_down_payment_booked_on_a_liability_and_its_final_invoice_both_stand_in_the_books(open_world):
    deposits = {"Name": "Customer Deposits", "AccountType": "Other Current Liability", "AcctNum": "250000"}
    world = open_world(realms=[us(accounts=[*us().accounts, deposits])])
    world.account(950, "250000", "Customer Deposits", "liability_current")
    down = {"amount": 300.0, "name": "Down payment 30%", "account": 950, "tax_ids": [CA_8_25]}
    world.move(741, "out_invoice", [down], [(CA_8_25, TAX_DUE, 24.75)])
    final = [
        {"amount": 1000.0, "name": "House", "tax_ids": [CA_8_25]},
        {"amount": 0.0, "display_type": "line_section", "name": "Down payments"},
        {**down, "amount": -300.0, "quantity": -1.0, "price_unit": 300.0},
    ]
    world.move(742, "out_invoice", final, [(CA_8_25, TAX_DUE, 57.75)])

    world.run()

    assert sorted(row["TotalAmt"] for row in world.books(entity="Invoice")) == [dollars("324.75"), dollars("757.75")]


def test_tax_of_a_us_bill_stays_a_line_on_the_account_odoo_books_it_to(american_world):
    american_world.tax(816, "Use tax", 5.0, use="purchase", company=A)
    american_world.move(
        751, "in_invoice", [{"amount": 100.0, "tax_ids": [816]}], [(816, COSTS, 5.0)], ref="B-1"
    )  # fmt: skip

    american_world.run()

    (bill,) = american_world.books(entity="Bill")
    assert [line[:2] for line in lines_of(bill)] == [(dollars(100), "Expenses"), (dollars(5), "Expenses")]
