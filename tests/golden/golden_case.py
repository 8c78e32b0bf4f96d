"""A golden case: its rows, the document they make, and references whose ids say what they stand for."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipeline.domain.document import Account, Document
from pipeline.domain.mapping import AND, Rules
from pipeline.domain.mapping_file import MappingFile
from pipeline.domain.money import ZERO
from pipeline.odoo import documents
from pipeline.odoo import taxes as odoo_taxes
from pipeline.qbo.lists import BookAccount, Rate, Realm, TaxCode

type Rows = dict[str, list[dict[str, Any]]]

REALMS = {
    "us": Realm(country="US", home_currency="USD", multicurrency=True, sales_tax=True),
    "be": Realm(country="BE", home_currency="EUR", multicurrency=True, sales_tax=True),
}


class Case:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        content = json.loads((folder / "odoo.json").read_text(), parse_float=Decimal)
        self.realm = REALMS[content["realm"]]
        self._rows: Rows = content["rows"]
        (self.move,) = self._rows["account.move"]
        company = self.move["company_id"][1]
        self.rules = MappingFile.parse(content.get("mapping", "")).rules(company)

    def document(self) -> Document:
        return documents.document(
            self.move,
            self._rows["account.move.line"],
            self._rows["ir.attachment"],
            lookups(self._rows),
            database="odoo_demo",
            base_url="https://odoo.example",
        )


def lookups(rows: Rows) -> documents.Lookups:
    """Return what the moves among the rows point to, as the source would have looked it up."""
    return documents.Lookups(
        companies={row["id"]: documents.company(row) for row in rows["res.company"]},
        currencies={row["id"]: row for row in rows["res.currency"]},
        partners={row["id"]: row for row in rows["res.partner"]},
        accounts={row["id"]: documents.account(row) for row in rows["account.account"]},
        account_kinds={row["id"]: row.get("account_type", "") for row in rows["account.account"]},
        taxes={row["id"]: odoo_taxes.tax(row) for row in rows["account.tax"]},
        products={row["id"]: documents.product(row) for row in rows["product.product"]},
        analytics={row["id"]: row["name"] for row in rows["account.analytic.account"]},
        terms={row["id"]: row for row in rows.get("account.payment.term", [])},
    )


class ReadableReferences:
    """Resolves every name to an id that is the name, so that a golden file can be read."""

    def __init__(self, realm: Realm, rules: Rules | None = None) -> None:
        self.realm = realm
        self.rules = rules or Rules()

    def account(self, account: Account) -> BookAccount:
        return BookAccount(f"account {account.code or account.name}", account.name, account.code, "")

    @property
    def tax_codes(self) -> tuple[TaxCode, ...]:
        return ()

    def tax_code(self, taxes: Any, *, is_sale: bool) -> TaxCode:
        name = AND.join(tax.name for tax in taxes) or "No VAT"
        rates = [Rate(f"rate {tax.name}", tax.rate) for tax in taxes] or [Rate("rate No VAT", ZERO)]
        return TaxCode(f"code {name}", name, tuple(rates), is_sale)

    def term(self, name: str) -> str:
        return f"terms {name}" if name else ""

    def book_class(self, target: Any) -> str:
        return f"class {target.name}"

    def department(self, target: Any) -> str:
        return f"location {target.name}"

    def closed_to(self, day: Any) -> None:
        return None

    def party(self, document: Document) -> str:
        return f"{'customer' if document.document_type.is_sale else 'vendor'} {document.party.name.strip()}"

    def item(self, account: BookAccount, product: Any, database: str) -> str:
        return f"item for {account.qb_id}"


def written(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"


def assert_golden(path: Path, text: str) -> None:
    """Compare a text with a file, which `GOLDEN=update` writes again."""
    if os.environ.get("GOLDEN") == "update":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
    json.loads(text)
