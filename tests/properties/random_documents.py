"""Random invoices, bills and refunds as a company may type them into Odoo, and QuickBooks companies to post them to."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from local.demo.documents import load
from local.stand_ins.quickbooks.realm import Realm, TaxRate
from pipeline.odoo import documents
from pipeline.odoo import taxes as odoo_taxes
from tests.properties.odoo_arithmetic import GLOBALLY, GLOBALLY_19, PER_LINE, Currency, Invoice, Item, Tax

_DEMO, _ = load()

US, VAT = "us", "vat"
CURRENCIES = {
    currency.name: currency
    for currency in (
        Currency(1, "USD", 2),
        Currency(2, "EUR", 2),
        Currency(3, "GBP", 2),
        Currency(4, "JPY", 0),
        Currency(5, "KWD", 3),
    )
}
# Odoo's company, its home currency, and the country of its books in QuickBooks where they are not in the US.
COMPANIES = ((1, "companyA", "USD", "CA"), (2, "companyB", "EUR", "BE"), (3, "companyC", "JPY", "JP"))

SALES, EXPORTS, GAIN, DISCOUNTS, COSTS, GOODS, DUE, PAID, PRIVATE, RECEIVABLE, PAYABLE = range(1, 12)
ACCOUNTS = {
    SALES: ("400000", "Product Sales", "Income"),
    EXPORTS: ("400100", "Export Sales", "Income"),
    GAIN: ("420000", "Cash Difference", "Other Income"),
    DISCOUNTS: ("430000", "Discounts Given", "Income"),
    COSTS: ("600000", "Expenses", "Expense"),
    GOODS: ("500000", "Goods", "Cost of Goods Sold"),
    DUE: ("252000", "Tax Payable", "Other Current Liability"),
    PAID: ("251000", "Tax Paid", "Other Current Asset"),
    PRIVATE: ("490000", "Drawings", "Other Current Asset"),
    RECEIVABLE: ("121000", "Receivable", "Accounts Receivable"),
    PAYABLE: ("211000", "Payable", "Accounts Payable"),
}


def _taxes(first: int, account: int, *, is_sale: bool) -> tuple[Tax, ...]:
    side = "" if is_sale else " P"
    whole = ((100.0, account),)

    def tax(place: int, name: str, amount: float, kind: str = "percent", **fields: Any) -> Tax:
        return Tax(first + place, name + side, amount, kind, is_sale=is_sale, **{"shares": whole, **fields})

    return (
        tax(0, "21%", 21.0),
        tax(1, "6%", 6.0),
        tax(2, "8.25%", 8.25),
        tax(3, "9.975%", 9.975),
        tax(4, "0%", 0.0),
        tax(5, "10% incl", 10.0, price_include=True),
        tax(6, "8.875% incl", 8.875, price_include=True),
        tax(7, "5% then more", 5.0, include_base_amount=True),
        tax(8, "7% incl then more", 7.0, price_include=True, include_base_amount=True),
        tax(9, "Eco 0.35", 0.35, "fixed"),
        tax(10, "Eco 1.20 incl", 1.2, "fixed", price_include=True, include_base_amount=True),
        tax(11, "Division 15%", 15.0, "division", price_include=True),
        tax(12, "Division 12%", 12.0, "division"),
        tax(13, "Half of 19%", 19.0, shares=((50.0, account), (50.0, None))),
        tax(14, "Thirds of 7%", 7.0, shares=((33.33, account), (33.33, GOODS if not is_sale else DUE), (33.34, None))),
        tax(15, "Reverse 20%", 20.0, shares=((100.0, account), (-100.0, DUE if not is_sale else PAID))),
        tax(16, "Withheld 3%", -3.0),
    )


# What Odoo calls the types that QuickBooks' accounts have here.
ACCOUNT_TYPES = {
    "Income": "income",
    "Other Income": "income_other",
    "Expense": "expense",
    "Cost of Goods Sold": "expense_direct_cost",
    "Other Current Liability": "liability_current",
    "Other Current Asset": "asset_current",
    "Accounts Receivable": "asset_receivable",
    "Accounts Payable": "liability_payable",
}
TAXES = {True: _taxes(100, DUE, is_sale=True), False: _taxes(200, PAID, is_sale=False)}
TAX_OF = {tax.id: tax for taxes in TAXES.values() for tax in taxes}
PARTNERS = [row for row in _DEMO["res.partner"] if row["name"]][:12]


def lookups() -> documents.Lookups:
    """Return what the rows point to."""
    companies = [
        {"id": company_id, "name": name, "currency_id": CURRENCIES[home].named, "country_id": False}
        for company_id, name, home, _ in COMPANIES
    ]
    accounts = [{"id": account_id, "code": code, "name": name} for account_id, (code, name, _) in ACCOUNTS.items()]
    return documents.Lookups(
        companies={row["id"]: documents.company(row) for row in companies},
        currencies={
            currency.id: {"id": currency.id, "name": currency.name, "decimal_places": currency.places}
            for currency in CURRENCIES.values()
        },
        partners={row["id"]: row for row in PARTNERS},
        accounts={row["id"]: documents.account(row) for row in accounts},
        account_kinds={account_id: ACCOUNT_TYPES[kind] for account_id, (_, _, kind) in ACCOUNTS.items()},
        taxes={tax_id: odoo_taxes.tax(tax.row) for tax_id, tax in TAX_OF.items()},
    )


def realm(company: tuple[int, str, str, str], kind: str, realm_id: str) -> Realm:
    """Return the QuickBooks company of an Odoo company, in the US or with a tax code for every tax that is a rate."""
    _, name, home, country = company
    rates = [
        TaxRate(tax.name, Decimal(str(tax.amount)), "sale" if tax.is_sale else "purchase")
        for tax in TAX_OF.values()
        if tax.kind != "fixed"
    ]
    return Realm(
        realm_id=realm_id,
        company_name=name,
        country="US" if kind == US else country,
        home_currency=home,
        multicurrency=True,
        sales_tax="automated" if kind == US else "global",
        custom_transaction_numbers=False,
        accounts=[{"Name": name, "AccountType": kind, "AcctNum": code} for code, name, kind in ACCOUNTS.values()],
        tax_rates=[] if kind == US else [*rates, TaxRate("No VAT", Decimal(0), "both")],
        exchange_rates={currency: Decimal(1) for currency in CURRENCIES if currency != home},
    )


def random_invoice(chance: random.Random, qb_id: int) -> Invoice:
    """Return an invoice as somebody may type it, now and then an awkward one."""
    move_type = chance.choice(("out_invoice", "out_invoice", "out_refund", "in_invoice", "in_invoice", "in_refund"))
    is_sale = move_type.startswith("out")
    company_id, company, home, _ = chance.choices(COMPANIES, (5, 4, 1))[0]
    anywhere = chance.choices(list(CURRENCIES.values()), (4, 4, 4, 4, 1))[0]
    currency = CURRENCIES[home] if chance.random() < 0.5 else anywhere
    partner = chance.choice(PARTNERS)
    bill_in_19 = move_type == "in_invoice" and chance.random() < 0.1
    accounts = {"rounding": GAIN, "private": PRIVATE, "owed": RECEIVABLE if is_sale else PAYABLE}
    if chance.random() < 0.15:
        accounts["discount"] = DISCOUNTS
    count = 60 if chance.random() < 0.003 else chance.choice((1, 1, 2, 3, 4, 6, 9))
    items: list[Item | str] = [
        _item(chance, is_sale=is_sale, currency=currency, private=bill_in_19) for _ in range(count)
    ]
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        kind = chance.choice(("line_section", "line_note", "line_subsection"))
        items.insert(chance.randrange(len(items) + 1), kind)
    return Invoice(
        id=qb_id,
        move_type=move_type,
        company=[company_id, company],
        home=CURRENCIES[home],
        currency=currency,
        per_home=1.0 if currency.name == home else _rate(chance, home, currency.name),
        partner=[partner["id"], partner["display_name"]],
        items=items,
        rounding=chance.choice((PER_LINE, GLOBALLY, GLOBALLY_19)),
        cash_rounding=(0.05 if currency.places >= 2 else 10.0) if chance.random() < 0.1 else 0.0,
        cash_rounding_on_tax=chance.random() < 0.5,
        early_discount=chance.choice((2.0, 3.5)) if chance.random() < 0.08 and not bill_in_19 else 0.0,
        installments=chance.choice((1, 1, 1, 2, 3)),
        accounts=accounts,
    )


def _item(chance: random.Random, *, is_sale: bool, currency: Currency, private: bool) -> Item:
    price = _price(chance, currency)
    round_discount = chance.choice((5.0, 10.0, 12.5, 33.33, 100.0, 0.01))
    return Item(
        account=chance.choice((SALES, SALES, EXPORTS) if is_sale else (COSTS, COSTS, GOODS)),
        price=price,
        # Nobody sells thousands of what costs thousands.
        quantity=_quantity(chance) if abs(price) < 1_000 else float(chance.randint(1, 12)),
        discount=chance.choices((0.0, round_discount, round(chance.uniform(0, 100), 2)), (6, 2, 2))[0],
        taxes=_line_taxes(chance, is_sale=is_sale),
        deductible=chance.choice((100.0, 75.0, 33.33, 0.0)) if private else 100.0,
        name=chance.choice(("Consulting", "Größe: XL\nzweite Zeile", "x" * 90, " ")),
    )


def _price(chance: random.Random, currency: Currency) -> float:
    size = 150.0 if currency.name == "JPY" else 1.0
    return chance.choices(
        (
            round(chance.uniform(0, 500) * size, currency.places),
            round(chance.uniform(0, 20), 6),  # six decimals: priced by the gramme
            round(chance.uniform(0, 2), 3) + 0.005,  # halves of a cent
            round(chance.uniform(1_000, 2_000_000) * size, 2),
            0.0,
            -round(chance.uniform(0, 30) * size, 2),
        ),
        (8, 4, 3, 1, 1, 2),
    )[0]


def _quantity(chance: random.Random) -> float:
    return chance.choices(
        (
            float(chance.randint(1, 12)),
            round(chance.uniform(0.01, 40), 2),
            round(chance.uniform(0.001, 9), chance.choice((3, 4, 6))),
            0.0,
            -float(chance.randint(1, 3)),
            float(chance.randint(100, 50_000)),
        ),
        (8, 4, 3, 1, 1, 1),
    )[0]


def _line_taxes(chance: random.Random, *, is_sale: bool) -> tuple[Tax, ...]:
    """Return a line's taxes in their sequence: none, one, or several on each other."""
    count = chance.choices((0, 1, 2, 3), (30, 120, 9, 3))[0]
    # Taxes of so much a piece have no counterpart outside the US: fewer of them, so that more is sent there.
    pool = [tax for tax in TAXES[is_sale] if tax.kind != "fixed" or chance.random() < 0.3]
    return tuple(sorted(chance.sample(pool, count), key=lambda tax: tax.id))


def _rate(chance: random.Random, home: str, foreign: str) -> float:
    worth = {"USD": 1.0, "EUR": 1.08, "GBP": 1.27, "JPY": 0.0064, "KWD": 3.25}
    return round(worth[home] / worth[foreign] * chance.uniform(0.9, 1.1), chance.choice((2, 4, 6))) or 0.01
