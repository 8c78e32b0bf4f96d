"""Writes the golden cases of kinds of lines that were not recorded: `python -m tests.golden.make_kinds`.

Their rows come from the arithmetic of `tests/properties`, which computes as Odoo does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.odoo import documents
from pipeline.odoo import taxes as odoo_taxes
from tests.golden.golden_case import written
from tests.golden.make_cases import cut
from tests.properties.odoo_arithmetic import GLOBALLY_19, Invoice, Item, rows_of
from tests.properties.random_documents import (
    ACCOUNT_TYPES,
    ACCOUNTS,
    COMPANIES,
    COSTS,
    CURRENCIES,
    DISCOUNTS,
    EXPORTS,
    GAIN,
    GOODS,
    PARTNERS,
    PAYABLE,
    PRIVATE,
    RECEIVABLE,
    SALES,
    TAXES,
)

SALE = {tax.name: tax for tax in TAXES[True]}
PURCHASE = {tax.name: tax for tax in TAXES[False]}
ACME = [PARTNERS[0]["id"], PARTNERS[0]["display_name"]]


def us(qb_id: int, *items: Item | str, **changes: Any) -> Invoice:
    invoice = Invoice(
        id=qb_id,
        move_type="out_invoice",
        company=[1, "companyA"],
        home=CURRENCIES["USD"],
        currency=CURRENCIES["USD"],
        per_home=1.0,
        partner=ACME,
        items=items,
        accounts={"rounding": GAIN, "private": PRIVATE, "owed": RECEIVABLE},
    )
    return replace(invoice, **changes)


def be(qb_id: int, *items: Item | str, **changes: Any) -> Invoice:
    euro = {"company": [2, "companyB"], "home": CURRENCIES["EUR"], "currency": CURRENCIES["EUR"]}
    return us(qb_id, *items, **{**euro, **changes})


BILL = {"move_type": "in_invoice", "accounts": {"rounding": GAIN, "private": PRIVATE, "owed": PAYABLE}}
VAT, TAX = (SALE["21%"],), (SALE["8.25%"],)
KINDS = {
    "us-invoice-cash-rounding": us(1, Item(SALES, 19.99, 3.0, taxes=TAX), cash_rounding=0.05),
    "be-invoice-cash-rounding-on-the-tax": be(
        2, Item(SALES, 19.99, 3.0, taxes=VAT), Item(SALES, 5.0, 1.0, taxes=(SALE["6%"],)),
        cash_rounding=0.05, cash_rounding_on_tax=True,
    ),
    "be-invoice-early-discount-off-the-tax": be(
        3, Item(SALES, 100.0, 1.0, taxes=VAT), Item(SALES, 33.33, 1.0), early_discount=2.0
    ),
    "us-invoice-discount-on-its-own-account": us(
        4, Item(SALES, 120.0, 2.0, 12.5, TAX), Item(EXPORTS, 80.0, 1.0, 25.0),
        accounts={"discount": DISCOUNTS, "owed": RECEIVABLE},
    ),
    "us-bill-private-part": us(5, Item(COSTS, 100.0, 1.0, taxes=(PURCHASE["21% P"],), deductible=75.0), **BILL),
    "be-bill-private-part": be(6, Item(COSTS, 100.0, 1.0, taxes=(PURCHASE["21% P"],), deductible=75.0), **BILL),
    "us-invoice-six-decimals": us(
        7, Item(SALES, 0.123456, 7.123456, taxes=TAX), Item(SALES, 1.005, 3.0), Item(SALES, 2.675, 1.0),
        Item(SALES, 0.000499, 12.0), Item(SALES, 18.181818, 0.333333, 12.34, TAX),
    ),
    "us-invoice-zero-lines-and-subsections": us(
        8, "line_section", Item(SALES, 100.0, 1.0, taxes=TAX), "line_subsection", Item(SALES, 0.0, 5.0, taxes=TAX),
        Item(SALES, 30.0, 0.0), Item(SALES, 25.0, 1.0, 100.0, TAX), "line_note",
    ),
    "us-vendor-credit-negative-and-tax-on-three-accounts": us(
        9, Item(COSTS, 200.0, 1.0, taxes=(PURCHASE["Thirds of 7% P"],)), Item(GOODS, -20.0, 1.0),
        move_type="in_refund",
    ),
    "be-invoice-tax-included-rounded-over-all": be(
        10, *[Item(SALES, 9.99, 1.0, taxes=(SALE["8.875% incl"],))] * 7, rounding=GLOBALLY_19
    ),
    "us-invoice-in-gbp-of-many-small-lines": us(
        11, *[Item(SALES, 0.37, 1.0)] * 9, currency=CURRENCIES["GBP"], per_home=0.79, installments=3
    ),
    "us-invoice-below-zero": us(12, Item(SALES, 100.0, -1.0, taxes=TAX)),
    "us-invoice-in-kwd-of-three-decimals": us(
        13, Item(SALES, 10.125, 1.0), currency=CURRENCIES["KWD"], per_home=0.307
    ),
    "us-invoice-in-kwd-of-two-decimals": us(14, Item(SALES, 10.12, 1.0), currency=CURRENCIES["KWD"], per_home=0.307),
    "be-invoice-several-taxes-on-a-line": be(15, Item(SALES, 100.0, 1.0, taxes=(SALE["21%"], SALE["Eco 0.35"]))),
    "us-invoice-fee-beside-sales-tax": us(17, Item(SALES, 100.0, 3.0, taxes=(SALE["8.25%"], SALE["Eco 0.35"]))),
    "us-invoice-taxes-as-lines": us(
        18, Item(SALES, 100.0, 3.0, taxes=(SALE["8.25%"], SALE["Eco 0.35"])), Item(SALES, 50.0, 1.0)
    ),
    "us-invoice-half-of-its-tax-is-income": us(19, Item(SALES, 100.0, 1.0, taxes=(SALE["Half of 19%"],))),
    "us-invoice-withheld-and-shipped-elsewhere": us(
        20, Item(SALES, 100.0, 1.0, taxes=(SALE["8.25%"], SALE["Withheld 3%"]))
    ),
    "be-bill-half-of-its-tax-is-cost": be(21, Item(COSTS, 100.0, 1.0, taxes=(PURCHASE["Half of 19% P"],)), **BILL),
    "us-sales-receipt": us(17, Item(SALES, 49.95, 2.0, taxes=TAX), move_type="out_receipt"),
    "be-sales-receipt": be(18, Item(SALES, 12.1, 3.0, 10.0, VAT), move_type="out_receipt"),
    "us-purchase-receipt-of-an-employee": us(
        19, Item(COSTS, 84.3, 1.0), Item(COSTS, 12.0, 2.0), **{**BILL, "move_type": "in_receipt"}
    ),
    "be-purchase-receipt": be(
        20, Item(COSTS, 60.0, 1.0, taxes=(PURCHASE["21% P"],)), **{**BILL, "move_type": "in_receipt"}
    ),
    "be-bill-reverse-charge": be(16, Item(COSTS, 500.0, 1.0, taxes=(PURCHASE["Reverse 20% P"],)), **BILL),
}  # fmt: skip


# Those that go to another contact's address, and those whose company has a mapping.
ELSEWHERE = next(partner for partner in PARTNERS if partner["city"] not in (False, PARTNERS[0]["city"]))
SHIPPED_TO = {20: [ELSEWHERE["id"], ELSEWHERE["display_name"]]}
MAPPINGS = {"us-invoice-taxes-as-lines": '["companyA"]\nsales_tax = "line"\n'}


def main(folder: Path) -> None:
    for name, invoice in KINDS.items():
        move, lines = rows_of(invoice)
        content = {"realm": "us" if invoice.company[0] == 1 else "be", "rows": _rows(invoice, move, lines)}
        if name in MAPPINGS:
            content["mapping"] = MAPPINGS[name]
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "odoo.json").write_text(written(content))


def _rows(invoice: Invoice, move: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    taxes = {tax for row in lines for tax in row["tax_ids"]} | {
        row["tax_line_id"][0] for row in lines if row["tax_line_id"]
    }
    accounts = {row["account_id"][0] for row in lines if row["account_id"]}
    (company,) = (row for row in COMPANIES if row[0] == invoice.company[0])
    return {
        "account.move": [
            cut({**move, "partner_shipping_id": SHIPPED_TO.get(invoice.id, move["partner_id"])},
                (*documents.MOVE_FIELDS, *documents.MOVE_FIELDS_SINCE_18))
        ],
        "account.move.line": [cut(row, documents.LINE_FIELDS) for row in lines],
        "ir.attachment": [],
        "res.company": [
            {"id": company[0], "name": company[1], "currency_id": invoice.home.named, "country_id": [1, company[3]]}
        ],
        "res.currency": [
            {"id": currency.id, "name": currency.name, "decimal_places": currency.places}
            for currency in dict.fromkeys((invoice.currency, invoice.home))
        ],
        "res.partner": [
            cut(partner, documents.PARTNER_FIELDS) for partner in PARTNERS
            if partner["id"] in (ACME[0], *SHIPPED_TO.get(invoice.id, ())[:1])
        ],
        "account.account": [{"id": account_id, "code": code, "name": name, "account_type": ACCOUNT_TYPES[kind]}
                            for account_id, (code, name, kind) in ACCOUNTS.items() if account_id in accounts],
        "account.tax": [cut(tax.row, odoo_taxes.TAX_FIELDS)
                        for tax in (*TAXES[True], *TAXES[False]) if tax.id in taxes],
        "product.product": [],
        "account.analytic.account": [],
    }  # fmt: skip


if __name__ == "__main__":
    main(Path(__file__).parent / "cases")
