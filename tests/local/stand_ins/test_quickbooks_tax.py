"""Sales tax in the US and VAT elsewhere, as QuickBooks computes, honours, drops and refuses them."""

from decimal import Decimal

import pytest

from local.stand_ins.quickbooks.realm import TaxRate
from tests.local.stand_ins.quickbooks_company import VAT, opened

VAT_MISSING = "Business Validation Error: Make sure all your transactions have a VAT rate before you save."


@pytest.fixture
def us():
    with opened() as company:
        yield company


@pytest.fixture
def be():
    with opened(**VAT) as company:
        yield company


def code(company, name):
    return company.id_of("TaxCode", name)


def excluded(company, *lines, **properties):
    return company.invoice(*lines, GlobalTaxCalculation="TaxExcluded", **properties)


def test_us_lines_take_only_tax_and_non(us):
    assert us.refused("Invoice", us.invoice(us.sale(tax="5")))[0] == "6100"


def test_a_us_total_tax_that_is_sent_is_honoured(us):
    row = us.create("Invoice", us.invoice(us.sale(10, tax="TAX"), us.sale(5), TxnTaxDetail={"TotalTax": 1.23}))

    assert (row["TxnTaxDetail"]["TotalTax"], row["TotalAmt"]) == (1.23, 16.23)


def test_a_us_total_tax_may_be_overruled(us):
    us.stand_in.tax_off_by = Decimal("-0.01")

    row = us.create("Invoice", us.invoice(us.sale(10, tax="TAX"), TxnTaxDetail={"TotalTax": 1.23}))

    assert row["TotalAmt"] == 11.22


def test_without_a_total_tax_quickbooks_computes_its_own(us):
    assert us.create("Invoice", us.invoice(us.sale(100, tax="TAX")))["TotalAmt"] == 108.25


def test_a_us_total_tax_without_a_taxable_line_is_dropped(us):
    assert us.create("Invoice", us.invoice(us.sale(10), TxnTaxDetail={"TotalTax": 1}))["TotalAmt"] == 10


def test_an_exempt_customer_pays_no_tax_whatever_is_sent():
    with opened(customers=[{"DisplayName": "Alice", "Taxable": False, "TaxExemptionReasonId": "4"}]) as us:
        row = us.create("Invoice", us.invoice(us.sale(10, tax="TAX"), TxnTaxDetail={"TotalTax": 1}))

        assert row["TotalAmt"] == 10


def test_a_company_without_sales_tax_drops_it():
    with opened(sales_tax="off") as us:
        row = us.create("Invoice", us.invoice(us.sale(10, tax="TAX"), TxnTaxDetail={"TotalTax": 1}))

        assert row["TotalAmt"] == 10
        assert us.get("preferences").json()["Preferences"]["TaxPrefs"] == {"UsingSalesTax": False}


def test_a_taxable_us_sale_has_at_most_750_lines(us):
    lines = [us.sale(1) for _ in range(750)]

    us.create("Invoice", us.invoice(*lines, us.sale(1)))

    assert us.refused("Invoice", us.invoice(*lines, us.sale(1, tax="TAX")))[0] == "6000"
    us.create("Invoice", us.invoice(*lines[1:], us.sale(1, tax="TAX")))


def test_us_purchases_have_no_tax(us):
    bodies = [
        us.bill(us.expense(TaxCodeRef={"value": "TAX"})),
        us.bill(TxnTaxDetail={"TotalTax": 5}),
    ]
    for body in bodies:
        assert us.refused("Bill", body)[0] == "6000"

    us.stand_in.us_purchase_tax_refused = False

    assert [us.create("Bill", body)["TotalAmt"] for body in bodies] == [100, 100]
    assert us.create("Bill", us.bill(us.expense(TaxCodeRef={"value": "NON"})))["TotalAmt"] == 100


def test_tax_and_non_cannot_be_read_by_id(us):
    assert us.get("taxcode/NON").status_code == 400
    assert {row["Id"] for row in us.found("select * from TaxCode")} == {"TAX", "NON"}


def test_outside_the_us_every_line_needs_a_real_tax_code(be):
    for tax in (None, "NON", "99", code(be, "21% M")):
        assert be.refused("Invoice", excluded(be, be.sale(tax=tax))) == ("6000", VAT_MISSING), tax
    partly = excluded(be, be.sale(tax=code(be, "21%")), be.sale(tax=None))
    assert be.refused("Invoice", partly) == ("6000", VAT_MISSING)
    overall = excluded(be, be.sale(tax=None), TxnTaxDetail={"TxnTaxCodeRef": {"value": code(be, "21%")}})
    assert be.refused("Invoice", overall) == ("6000", VAT_MISSING)
    sale_on_bill = be.bill(be.expense(TaxCodeRef={"value": code(be, "21%")}), GlobalTaxCalculation="TaxExcluded")
    assert be.refused("Bill", sale_on_bill) == ("6000", VAT_MISSING)


def test_canada_calls_it_gst():
    with opened(**{**VAT, "country": "CA", "home_currency": "CAD"}) as company:
        assert "have a GST/HST rate before you save" in company.refused("Invoice", excluded(company))[1]


def test_how_tax_is_calculated_must_be_said(be):
    body = be.invoice(be.sale(tax=code(be, "21%")))

    assert be.refused("Invoice", body)[0] == "2020"
    assert be.refused("Invoice", {**body, "GlobalTaxCalculation": "Excluded"})[0] == "2170"

    be.stand_in.requires_global_tax_calculation = False
    assert be.create("Invoice", body)["TotalAmt"] == 121


def test_tax_is_computed_over_the_sum_of_each_rate(be):
    body = excluded(
        be,
        be.sale(10.03, tax=code(be, "21%")),
        be.sale(10.04, tax=code(be, "21%")),
        be.sale(50, tax=code(be, "6%")),
        be.sale(1, tax=code(be, "No VAT")),
    )

    row = be.create("Invoice", body)

    lines = row["TxnTaxDetail"]["TaxLine"]
    assert [(line["Amount"], line["TaxLineDetail"]["NetAmountTaxable"]) for line in lines] == [
        (4.21, 20.07),
        (3, 50),
        (0, 1),
    ]
    assert (row["TxnTaxDetail"]["TotalTax"], row["TotalAmt"]) == (7.21, 78.28)


def test_a_half_cent_of_tax_is_rounded_up(be):
    row = be.create("Invoice", excluded(be, be.sale(2.5, tax=code(be, "21%"))))

    assert row["TxnTaxDetail"]["TotalTax"] == 0.53


def test_a_tax_line_overrides_the_computed_amount_of_its_rate(be):
    rate = be.found("select * from TaxRate where Name = '9.975% (Sales)'")[0]["Id"]
    line = {"Amount": 448.40, "DetailType": "TaxLineDetail", "TaxLineDetail": {"TaxRateRef": {"value": rate}}}

    row = be.create(
        "Invoice",
        excluded(be, be.sale(4495.16, tax=code(be, "9.975%")), TxnTaxDetail={"TaxLine": [line]}),
    )

    assert row["TotalAmt"] == 4943.56


def test_a_tax_line_names_a_rate_that_exists(be):
    line = {"Amount": 1, "DetailType": "TaxLineDetail", "TaxLineDetail": {"TaxRateRef": {"value": "99"}}}
    nameless = {"Amount": 1, "DetailType": "TaxLineDetail"}

    for one, expected in ((line, "2500"), (nameless, "2020")):
        body = excluded(be, be.sale(tax=code(be, "21%")), TxnTaxDetail={"TaxLine": [one]})
        assert be.refused("Invoice", body)[0] == expected


def test_a_computed_tax_may_be_a_cent_off(be):
    be.stand_in.tax_off_by = Decimal("0.01")

    assert be.create("Invoice", excluded(be, be.sale(tax=code(be, "21%"))))["TotalAmt"] == 121.01


def test_inclusive_amounts_hold_their_tax(be):
    line = be.sale(100, tax=code(be, "21%"), TaxInclusiveAmt=121)

    row = be.create("Invoice", be.invoice(line, GlobalTaxCalculation="TaxInclusive"))

    assert (row["TotalAmt"], row["TxnTaxDetail"]["TotalTax"]) == (121, 21)


def test_a_document_outside_tax_takes_no_tax_detail(be):
    body = be.invoice(be.sale(tax=None), GlobalTaxCalculation="NotApplicable")

    assert be.create("Invoice", body)["TotalAmt"] == 100
    assert be.refused("Invoice", {**body, "TxnTaxDetail": {"TotalTax": 1}})[0] == "6170"


def test_bills_take_purchase_rates(be):
    line = be.expense(TaxCodeRef={"value": code(be, "21% M")})

    row = be.create("Bill", be.bill(line, GlobalTaxCalculation="TaxExcluded"))

    assert row["TotalAmt"] == 121


def test_tax_codes_say_which_side_they_are_for(be):
    codes = {row["Name"]: row for row in be.found("select * from TaxCode")}

    assert codes["21%"]["SalesTaxRateList"]["TaxRateDetail"]
    assert not codes["21%"]["PurchaseTaxRateList"]["TaxRateDetail"]
    assert codes["No VAT"]["PurchaseTaxRateList"]["TaxRateDetail"]


def test_a_code_of_several_rates_taxes_a_line_at_each_and_codes_share_a_rate_of_one_name():
    rates = [TaxRate("GST", parts=(("GST", 5),)), TaxRate("GST/QST", parts=(("GST", 5), ("QST", "9.975")))]
    with opened(**{**VAT, "country": "CA", "tax_rates": rates}) as ca:
        both, one = ca.sale(100, tax=code(ca, "GST/QST")), ca.sale(60, tax=code(ca, "GST"))
        row = ca.create("Invoice", excluded(ca, both, one))
        inclusive = ca.create("Invoice", ca.invoice(ca.sale(114.98, tax=code(ca, "GST/QST")),
                                                    GlobalTaxCalculation="TaxInclusive"))  # fmt: skip

    figures = [(line["TaxLineDetail"]["NetAmountTaxable"], line["Amount"]) for line in row["TxnTaxDetail"]["TaxLine"]]
    assert figures == [(160, 8), (100, 9.98)]
    assert row["TotalAmt"] == 177.98
    assert inclusive["TotalAmt"] == 114.98
