"""Odoo's tax stands in QuickBooks to the cent, under the code and the rates the mapping or the conventions name."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from local.stand_ins.quickbooks.realm import TaxRate
from pipeline.domain.document import DocumentType, Tax, TaxPlace
from pipeline.domain.errors import Unmapped
from pipeline.domain.mapping_file import MappingFile
from pipeline.qbo.payloads import payload, sent_total
from tests.books_world import (
    BELGIAN,
    COSTS,
    SALES,
    TAX_DUE,
    TAX_PAID,
    VAT,
    VAT_SALE,
    a_document,
    line,
    money,
    served,
    tax_amount,
)

BILL = DocumentType.BILL
GST, QST = Tax(1, "5% GST", Decimal(5)), Tax(2, "9.975% QST", Decimal("9.975"))
GROUP = Tax(3, "GST + QST for QC", Decimal(0), is_percentage=False)
CANADA = {
    "country": "CA",
    "home_currency": "EUR",
    "sales_tax": "global",
    "tax_rates": [
        TaxRate("GST", parts=(("GST", 5),)),
        TaxRate("GST/QST QC", parts=(("GST", 5), ("QST", "9.975"))),
        TaxRate("GST/QST own", parts=(("GST of ours", 5), ("QST of ours", "9.975"))),
        TaxRate("Reverse charge 21%", parts=(("VAT due", 21), ("VAT deducted", -21))),
        TaxRate("HST", Decimal(13)),
        TaxRate("Exempt", Decimal(0)),
    ],
}
MAPPED = '[companyA.taxes]\n"9.975% QST + 5% GST" = "GST/QST QC"\n"GST + QST for QC" = "GST/QST QC"\n'


def document_of(lines, taxes, document_type=DocumentType.INVOICE, **changes):
    return a_document(document_type, company=BELGIAN, currency="EUR", lines=tuple(lines), taxes=tuple(taxes), **changes)


def posted(document, mapping="", realm=CANADA):
    with served(**realm) as world:
        world.books = world.books_with(world.new_references(rules=MappingFile.parse(mapping).rules("companyA")))
        draft = world.books.draft(document)
        booked = world.books.create(draft, "r-1")
        (row,) = world.book.documents()
    assert booked.total == document.total
    assert booked.tax == document.tax
    return draft.body, row


def tax_lines(row):
    return {
        line["TaxLineDetail"]["TaxPercent"]: (line["Amount"], line["TaxLineDetail"]["NetAmountTaxable"])
        for line in row["TxnTaxDetail"]["TaxLine"]
    }


# -- several taxes on a line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("document_type", [DocumentType.INVOICE, BILL])
def test_a_combination_the_mapping_names_is_one_code_with_a_tax_line_per_rate(document_type):
    account = SALES if document_type.is_sale else COSTS
    lines = [line("4495.16", taxes=(GST, QST), account=account)]
    taxes = [tax_amount(GST, "4495.16", "224.76"), tax_amount(QST, "4495.16", "448.39")]

    body, row = posted(document_of(lines, taxes, document_type), MAPPED)

    # QuickBooks itself would make it 448.40.
    assert tax_lines(row) == {
        Decimal(5): (money("224.76"), money("4495.16")),
        Decimal("9.975"): (money("448.39"), money("4495.16")),
    }
    assert sent_total(body) == money("5168.31")


def test_a_group_of_taxes_is_one_code_and_its_parts_go_to_the_rates():
    lines = [line("100.00", taxes=(GROUP,)), line("50.00")]
    taxes = [tax_amount(GST, 0, "5.00"), tax_amount(QST, 0, "9.98")]

    _, row = posted(document_of(lines, taxes), MAPPED)

    assert tax_lines(row) == {
        Decimal(5): (money("5.00"), money("100.00")),
        Decimal("9.975"): (money("9.98"), money("100.00")),
        Decimal(0): (money("0.00"), money("50.00")),
    }


def test_a_tax_alone_and_in_a_combination_share_the_rate_where_the_codes_do():
    lines = [line("100.00", taxes=(GST, QST)), line("60.00", taxes=(GST,))]
    taxes = [tax_amount(GST, "160.00", "8.00"), tax_amount(QST, "100.00", "9.98")]

    _, row = posted(document_of(lines, taxes), MAPPED)

    assert tax_lines(row) == {
        Decimal(5): (money("8.00"), money("160.00")),
        Decimal("9.975"): (money("9.98"), money("100.00")),
    }


def test_one_amount_over_two_rates_of_quickbooks_is_for_a_person():
    lines = [line("100.00", taxes=(GST, QST)), line("60.00", taxes=(GST,))]
    taxes = [tax_amount(GST, "160.00", "8.00"), tax_amount(QST, "100.00", "9.98")]
    mapping = '[companyA.taxes]\n"5% GST + 9.975% QST" = "GST/QST own"\n'

    with pytest.raises(Unmapped, match="'GST' and 'GST/QST own', which have rates of their own") as raised:
        posted(document_of(lines, taxes), mapping)

    assert raised.value.code == "several_taxes"


def test_a_combination_nobody_mapped_is_for_a_person():
    lines, taxes = [line(taxes=(GST, QST))], [tax_amount(GST, 100, "5.00"), tax_amount(QST, 100, "9.98")]

    with pytest.raises(Unmapped, match=r'\("5% GST \+ 9.975% QST" = "…"\)') as raised:
        posted(document_of(lines, taxes))

    assert raised.value.code == "several_taxes"


def test_a_tax_that_came_to_nothing_is_not_worked_out_by_quickbooks():
    lines, taxes = [line("100.00", taxes=(GST, QST))], [tax_amount(GST, 100, "5.00")]

    _, row = posted(document_of(lines, taxes), MAPPED)

    assert tax_lines(row)[Decimal("9.975")][0] == 0


# -- the mapping of one tax ------------------------------------------------------------------------------------------


def test_a_tax_goes_to_the_code_the_mapping_names():
    hst = Tax(9, "Harmonised", Decimal(13))
    body, _ = posted(
        document_of([line(taxes=(hst,))], [tax_amount(hst, 100, "13.00")]), '[companyA.taxes]\n"Harmonised" = "HST"'
    )

    assert body["TxnTaxDetail"]["TaxLine"][0]["TaxLineDetail"]["TaxPercent"] == 13


def test_a_tax_is_never_booked_under_another_rate():
    hst = Tax(9, "Harmonised", Decimal(15))
    document = document_of([line(taxes=(hst,))], [tax_amount(hst, 100, "15.00")])

    with pytest.raises(Unmapped, match=r"'Harmonised' \(15%\) goes to the QuickBooks tax code 'HST'.*which is 13%"):
        posted(document, '[companyA.taxes]\n"Harmonised" = "HST"')


@pytest.mark.parametrize("code", ["Exempt", "Reverse charge 21%"])
def test_a_reverse_charge_goes_to_a_code_of_nothing_or_to_one_of_both_rates(code):
    reverse = Tax(9, "21% EU M", Decimal(21), is_sale=False)
    taxes = [tax_amount(reverse, 100, "21.00", TAX_DUE), tax_amount(reverse, 100, "-21.00", TAX_PAID)]
    document = document_of([line(account=COSTS, taxes=(reverse,))], taxes, BILL)

    _, row = posted(document, f'[companyA.taxes]\n"21% EU M" = "{code}"')

    expected = {"Exempt": {Decimal(0): 0}, "Reverse charge 21%": {Decimal(21): 21, Decimal(-21): -21}}
    assert {percent: amount for percent, (amount, _) in tax_lines(row).items()} == expected[code]
    assert row["TotalAmt"] == money("100.00")


def test_a_reverse_charge_does_not_become_a_purchase_at_home_because_of_its_number():
    rates = [TaxRate("Domestic", Decimal(21), "purchase"), TaxRate("Exempt", Decimal(0))]
    reverse = Tax(9, "21% EU M", Decimal(21), is_sale=False)
    taxes = [tax_amount(reverse, 100, "21.00", TAX_DUE), tax_amount(reverse, 100, "-21.00", TAX_PAID)]
    document = document_of([line(account=COSTS, taxes=(reverse,))], taxes, BILL)

    with pytest.raises(
        Unmapped, match=r"is a reverse charge.* 'Domestic', the only one of its rate, has no rate"
    ) as raised:
        posted(document, "", {**CANADA, "tax_rates": rates})

    assert "Name a code in the mapping that has 21% and -21%, or one of 0%." in str(raised.value)


@pytest.mark.parametrize(
    ("code", "mapping"), [("21% EU M", ""), ("Domestic", '[companyA.taxes]\n"21% EU M" = "Domestic"')],
    ids=["its own name", "mapped"],
)  # fmt: skip
def test_a_reverse_charge_goes_to_the_code_that_somebody_has_said_is_its_own(code, mapping):
    reverse = Tax(9, "21% EU M", Decimal(21), is_sale=False)
    taxes = [tax_amount(reverse, 100, "21.00", TAX_DUE), tax_amount(reverse, 100, "-21.00", TAX_PAID)]
    document = document_of([line(account=COSTS, taxes=(reverse,))], taxes, BILL)

    _, row = posted(document, mapping, {**CANADA, "tax_rates": [TaxRate(code, Decimal(21), "purchase")]})

    assert {percent: amount for percent, (amount, _) in tax_lines(row).items()} == {Decimal(21): 0}


def test_a_reverse_charge_finds_the_code_of_its_name_that_has_both_rates():
    reverse = Tax(9, "reverse charge 21%", Decimal(21), is_sale=False)
    taxes = [tax_amount(reverse, 100, "21.00", TAX_DUE), tax_amount(reverse, 100, "-21.00", TAX_PAID)]
    document = document_of([line(account=COSTS, taxes=(reverse,))], taxes, BILL)

    _, row = posted(document)

    assert {percent: amount for percent, (amount, _) in tax_lines(row).items()} == {Decimal(21): 21, Decimal(-21): -21}


def test_a_mapped_code_that_is_gone_for_this_side_is_reported():
    rates = [TaxRate("Sold", Decimal(13), "sale")]
    hst = Tax(9, "Harmonised", Decimal(13), is_sale=False)
    document = document_of([line(account=COSTS, taxes=(hst,))], [tax_amount(hst, 100, "13.00")], BILL)

    with pytest.raises(Unmapped, match="no tax code for purchases of that name"):
        posted(document, '[companyA.taxes]\n"Harmonised" = "Sold"', {**CANADA, "tax_rates": rates})


# -- sales tax turned off --------------------------------------------------------------------------------------------

OFF = {**VAT, "sales_tax": "off"}


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_a_company_elsewhere_without_sales_tax_posts_what_carries_none(document_type):
    zero = Tax(9, "0% export", Decimal(0))
    lines = [line(account=SALES if document_type.is_sale else COSTS, taxes=taxes) for taxes in ((), (zero,))]

    body, row = posted(document_of(lines, [], document_type), realm=OFF)

    assert "GlobalTaxCalculation" not in body
    assert "TxnTaxDetail" not in body
    assert all("TaxCodeRef" not in line[line["DetailType"]] for line in body["Line"])
    assert row["TotalAmt"] == money("200.00")


@pytest.mark.parametrize("document_type", list(DocumentType))
@pytest.mark.parametrize(
    ("amounts", "words"), [(["21.00"], "sales tax of 21.00 EUR"), (["21.00", "-21.00"], "taxes that cancel out")]
)
def test_a_company_elsewhere_without_sales_tax_refuses_what_carries_some(document_type, amounts, words):
    accounts = (TAX_DUE, TAX_PAID)
    taxes = [tax_amount(VAT_SALE, 100, amount, account) for amount, account in zip(amounts, accounts, strict=False)]
    document = document_of([line(taxes=(VAT_SALE,))], taxes, document_type)

    with pytest.raises(Unmapped, match=f"{words}, but sales tax is turned off for companyA") as raised:
        posted(document, realm=OFF)

    assert raised.value.code == "sales_tax_off"


def test_nothing_is_written_for_a_document_that_is_refused():
    document = document_of([line(taxes=(GST, QST))], [tax_amount(GST, 100, "5.00")])
    with served(**CANADA) as world:
        with pytest.raises(Unmapped):
            payload(document, world.references)

        assert world.writes == {}


# -- what is deductible in part, and what has no rate ----------------------------------------------------------------

HALF = Tax(9, "13% half", Decimal(13), is_sale=False)
HALVES = [
    tax_amount(HALF, 100, "6.50", TAX_PAID),
    replace(tax_amount(HALF, 100, "6.50", COSTS), place=TaxPlace.OTHER),
]


@pytest.mark.parametrize("percent", ["13", "6.5"])
def test_a_tax_that_is_deductible_in_part_goes_to_a_code_of_its_rate_or_of_what_is_left_of_it(percent):
    realm = {**CANADA, "tax_rates": [TaxRate("Half", Decimal(percent)), TaxRate("Exempt", Decimal(0))]}
    with served(**realm) as world:
        references = world.new_references(
            rules=MappingFile.parse('[companyA.taxes]\n"13% half" = "Half"').rules("companyA")
        )
        body = payload(document_of([line(account=COSTS, taxes=(HALF,))], HALVES, BILL), references)

    assert [line["Amount"] for line in body["Line"]] == [100, money("6.50")]
    assert body["TxnTaxDetail"]["TotalTax"] == money("6.50")
    assert sent_total(body) == 113


def test_a_tax_without_a_rate_is_never_put_under_a_code_of_nothing():
    fee = Tax(9, "Fee", Decimal(5), is_percentage=False)
    document = document_of([line(taxes=(fee,))], [tax_amount(fee, 100, "5.00")])

    with pytest.raises(Unmapped, match=r"'Fee' \(no plain percentage\) goes to the QuickBooks tax code 'Exempt'"):
        posted(document, '[companyA.taxes]\n"Fee" = "Exempt"')


def test_a_fixed_part_of_a_group_that_its_code_has_no_rate_for_is_reported_by_its_name():
    fee = Tax(9, "Fee", Decimal(5), is_percentage=False)
    document = document_of([line("100.00", taxes=(GROUP,))], [tax_amount(GST, 0, "5.00"), tax_amount(fee, 0, "5.00")])

    with pytest.raises(Unmapped, match="tax 'Fee' is no plain percentage"):
        posted(document, MAPPED)
