"""The documents that two real Odoo servers gave, and QuickBooks companies that fit the companies they belong to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from local.demo import documents as demo
from local.stand_ins.quickbooks.books import Books
from local.stand_ins.quickbooks.realm import Realm, TaxRate
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.document import Document, DocumentType
from pipeline.odoo import documents
from tests.books_world import REALM_ID
from tests.golden.golden_case import Rows, lookups

FOLDER = Path(__file__).parent / "recorded"
ROWS_19 = FOLDER / "odoo19.json"
# What documents are made of, and what the QuickBooks companies are seeded with.
MODELS = (
    *("account.move", "account.move.line", "ir.attachment", "res.company", "res.currency", "res.partner"),
    *("account.account", "account.tax", "product.product", "account.analytic.account", "account.payment.term"),
)
US, VAT = "us", "vat"
# Outside the US each company keeps its own home currency, so these are companies of countries with tax codes.
COUNTRIES = {(US, "USD"): "US", (US, "EUR"): "US", (VAT, "USD"): "CA", (VAT, "EUR"): "BE"}
ACCOUNT_TYPES = {
    "asset_receivable": "Accounts Receivable",
    "liability_payable": "Accounts Payable",
    "asset_current": "Other Current Asset",
    "liability_current": "Other Current Liability",
    "income": "Income",
    "expense": "Expense",
    "expense_direct_cost": "Cost of Goods Sold",
}
# The kinds of journal items that QuickBooks makes itself: what is owed, and what goods cost.
OWN_OF_QUICKBOOKS = ("payment_term", "cogs")
TAXES = ("tax", "non_deductible_tax")


@dataclass(frozen=True)
class Recording:
    """What one server gave; `labels` says what is special about a move."""

    version: int
    rows: Rows
    labels: dict[int, list[str]]

    @cached_property
    def lookups(self) -> documents.Lookups:
        return lookups(self.rows)

    @cached_property
    def lines(self) -> dict[int, list[dict[str, Any]]]:
        return _grouped(self.rows["account.move.line"], lambda row: row["move_id"][0])

    @cached_property
    def accounts(self) -> dict[int, dict[str, Any]]:
        return {row["id"]: row for row in self.rows["account.account"]}

    @cached_property
    def files(self) -> dict[int, list[dict[str, Any]]]:
        return _grouped(self.rows["ir.attachment"], lambda row: row["res_id"])

    @cached_property
    def moves(self) -> dict[int, dict[str, Any]]:
        return {row["id"]: row for row in self.rows["account.move"] if row["move_type"] in documents.TYPES}

    def document(self, move_id: int) -> Document:
        return documents.document(
            self.moves[move_id],
            self.lines[move_id],
            self.files[move_id],
            self.lookups,
            database=f"odoo{self.version}",
            base_url="https://odoo.example",
        )


@cache
def recording(version: int) -> Recording:
    if version == 18:
        return Recording(18, demo.load()[0], demo.labels())
    content = json.loads(ROWS_19.read_text(), parse_float=Decimal)
    rows = {
        model: [dict(zip(table["columns"], values, strict=True)) for values in table["rows"]]
        for model, table in content["models"].items()
    }
    return Recording(19, rows, {int(key): marks for key, marks in content["labels"].items()})


@dataclass(frozen=True)
class RecordedCase:
    version: int
    move_id: int

    def __str__(self) -> str:
        move = self.recording.moves[self.move_id]
        marks = self.recording.labels.get(self.move_id, [])
        return "-".join((f"{self.move_id:03}", move["move_type"], *marks)).replace("_", "-")

    @property
    def folder(self) -> Path:
        return FOLDER / f"odoo{self.version}" / str(self)

    @property
    def recording(self) -> Recording:
        return recording(self.version)

    @property
    def move(self) -> dict[str, Any]:
        return self.recording.moves[self.move_id]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return self.recording.lines[self.move_id]

    def document(self) -> Document:
        return self.recording.document(self.move_id)

    def realm(self, kind: str) -> Realm:
        """Return a QuickBooks company with the accounts, taxes, terms and classes of the document's own company."""
        return _realm(self.recording.rows, self.move["company_id"][0], kind)


def cases() -> list[RecordedCase]:
    return [RecordedCase(version, move_id) for version in (18, 19) for move_id in sorted(recording(version).moves)]


def _realm(rows: Rows, company_id: int, kind: str) -> Realm:
    company = next(row for row in rows["res.company"] if row["id"] == company_id)
    home = company["currency_id"][1]
    taxes = [row for row in rows["account.tax"] if row["company_id"][0] == company_id]
    rates = [TaxRate(row["name"], Decimal(str(row["amount"])), row["type_tax_use"]) for row in taxes]
    return Realm(
        realm_id=REALM_ID,
        company_name=company["name"],
        country=COUNTRIES[kind, home],
        home_currency=home,
        multicurrency=True,
        sales_tax="automated" if kind == US else "global",
        class_tracking="line",
        accounts=[
            {"Name": row["name"], "AccountType": ACCOUNT_TYPES[row["account_type"]]}
            | ({"AcctNum": row["code"]} if row["code"] else {})
            for row in rows["account.account"]
            if company_id in row["company_ids"]
        ],
        tax_rates=[] if kind == US else [*rates, TaxRate("No VAT", Decimal(0), "both")],
        terms=[{"Name": row["name"], "DueDays": 30} for row in rows["account.payment.term"] if len(row["name"]) <= 31],
        classes=[{"Name": name} for name in sorted({row["name"] for row in rows["account.analytic.account"]})],
        exchange_rates={row["name"]: Decimal(1) for row in rows["res.currency"] if row["name"] != home},
    )


def counts_as_tax(case: RecordedCase, row: dict[str, Any], kind: str) -> bool:
    """Whether a journal item is tax to QuickBooks: on purchases in the US none is, elsewhere what is no expense."""
    is_sale = documents.TYPES[case.move["move_type"]].is_sale
    account = case.recording.accounts[row["account_id"][0]] if row["account_id"] else {}
    is_cost = not is_sale and account.get("account_type") == "expense"
    return row["display_type"] in TAXES and not is_cost and (is_sale or kind == VAT)


def tax_of(case: RecordedCase, kind: str) -> Decimal:
    """Return what Odoo booked of a document as tax."""
    return sum(_amounts(case, lambda row: counts_as_tax(case, row, kind)).values(), Decimal(0))


def booked_on(case: RecordedCase, kind: str = US, *, as_lines: bool = False) -> dict[str, Decimal]:
    """Return what Odoo booked on each account, as an amount of the document; without what is owed and its tax.

    With `as_lines` its tax is lines like any other.
    """

    def is_line(row: dict[str, Any]) -> bool:
        is_tax = not as_lines and counts_as_tax(case, row, kind)
        return row["display_type"] not in OWN_OF_QUICKBOOKS and not is_tax

    return _amounts(case, is_line)


def _amounts(case: RecordedCase, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Decimal]:
    document_type = documents.TYPES[case.move["move_type"]]
    sign = -1 if document_type in (DocumentType.INVOICE, DocumentType.VENDOR_CREDIT) else 1
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in case.lines:
        if row["account_id"] and wanted(row):
            name = case.recording.accounts[row["account_id"][0]]["name"]
            sums[name] += sign * Decimal(str(row["amount_currency"]))
    return {name: amount.quantize(Decimal("0.01")) for name, amount in sums.items() if amount}


# -- what the books say ------------------------------------------------------------------------------------------------

_ENTITIES = {
    "CustomerRef": "Customer",
    "VendorRef": "Vendor",
    "ItemRef": "Item",
    "AccountRef": "Account",
    "ItemAccountRef": "Account",
    "TaxCodeRef": "TaxCode",
    "TaxRateRef": "TaxRate",
    "ClassRef": "Class",
    "DepartmentRef": "Department",
    "SalesTermRef": "Term",
}


def readable(value: Any, books: Books) -> Any:
    """Return a body with names in place of QuickBooks' ids: a person reads it, and an id depends on who came first."""
    if isinstance(value, list):
        return [readable(item, books) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _named(key, item, books) if key in _ENTITIES else readable(item, books) for key, item in value.items()}


def _named(key: str, reference: dict[str, str], books: Books) -> str:
    entity = _ENTITIES[key]
    row = next(row for row in books.rows(entity) if row["Id"] == reference["value"])
    return f"{entity} {row.get('DisplayName') or row['Name']}"


def said(row: dict[str, Any], books: Books) -> dict[str, Any]:
    """Return what a person reads off a transaction in the books: its head, its accounts, its taxes."""
    head = ("DocNumber", "TxnDate", "DueDate", "ExchangeRate", "TotalAmt", "HomeTotalAmt", "Balance")
    tax = row.get("TxnTaxDetail", {})
    party = "CustomerRef" if "CustomerRef" in row else "VendorRef"
    return {
        "Party": _named(party, row[party], books),
        **{name: row[name] for name in head if name in row},
        "Currency": row["CurrencyRef"]["value"],
        "TotalTax": tax.get("TotalTax"),
        "Accounts": accounts_of(row, books),
        "Taxes": {
            _named("TaxRateRef", line["TaxLineDetail"]["TaxRateRef"], books): [
                line["TaxLineDetail"]["NetAmountTaxable"],
                line["Amount"],
            ]
            for line in tax.get("TaxLine", [])
        },
    }


def accounts_of(row: dict[str, Any], books: Books) -> dict[str, Decimal]:
    """Return what a transaction comes to on each account, without what is owed and without sales tax."""
    names = {account["Id"]: account["Name"] for account in books.rows("Account")}
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in row["Line"]:
        detail = line.get(line["DetailType"], {})
        account = detail.get("ItemAccountRef") or detail.get("AccountRef")
        if account:
            sums[names[account["value"]]] += line["Amount"]
    return {name: amount for name, amount in sums.items() if amount}


def new_stand_in(realm: Realm) -> QuickBooksStandIn:
    stand_in = QuickBooksStandIn([realm])
    stand_in.name_edit_s = stand_in.refresh_s = 0
    return stand_in


def _grouped(rows: list[dict[str, Any]], key: Any) -> dict[int, list[dict[str, Any]]]:
    groups: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


# -- on paper ----------------------------------------------------------------------------------------------------------

WIDTH = 150


def compact(value: Any, indent: int = 0) -> str:
    """Return JSON in which whatever fits stands on one line: small files, and a change is still one changed line."""
    flat = json.dumps(value, ensure_ascii=False, sort_keys=True, default=_number)
    if not isinstance(value, dict | list) or not value or len(flat) + indent <= WIDTH:
        return flat
    pad = "\n" + " " * (indent + 1)
    if isinstance(value, list):
        parts, (opening, closing) = [compact(item, indent + 1) for item in value], "[]"
    else:
        parts = [f"{json.dumps(key)}: {compact(value[key], indent + 1)}" for key in sorted(value)]
        opening, closing = "{}"
    return opening + pad + ("," + pad).join(parts) + "\n" + " " * indent + closing


def brief(value: Any) -> Any:
    """Return a value without what is empty in it."""
    if isinstance(value, dict):
        return {key: brief(item) for key, item in value.items() if item not in (None, "", [], {})}
    return [brief(item) for item in value] if isinstance(value, list) else value


def _number(value: Any) -> Any:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not JSON")
    return int(value) if value == value.to_integral_value() else float(value)
