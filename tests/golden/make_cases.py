"""Takes a document out of the demo data as a golden case: `python -m tests.golden.make_cases 305 discounts`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from local.demo import documents as demo_documents
from pipeline.odoo import documents
from pipeline.odoo import taxes as odoo_taxes
from tests.golden.golden_case import written

MODELS = {
    "res.company": documents.COMPANY_FIELDS,
    "res.currency": documents.CURRENCY_FIELDS,
    "res.partner": documents.PARTNER_FIELDS,
    "account.account": documents.ACCOUNT_FIELDS,
    "account.tax": odoo_taxes.TAX_FIELDS,
    "product.product": documents.PRODUCT_FIELDS,
    "account.analytic.account": documents.ANALYTIC_FIELDS,
    "account.payment.term": documents.TERM_FIELDS,
}


def make(rows: dict[str, list[dict[str, Any]]], move_id: int, name: str, folder: Path) -> None:
    move = next(row for row in rows["account.move"] if row["id"] == move_id)
    lines = [row for row in rows["account.move.line"] if row["move_id"][0] == move_id]
    files = [row for row in rows["ir.attachment"] if row["res_id"] == move_id]
    named = {
        "res.company": {move["company_id"][0]},
        "res.currency": {move["currency_id"][0], move["company_currency_id"][0]},
        "res.partner": {move["partner_id"][0], move["commercial_partner_id"][0]},
        "account.account": {line["account_id"][0] for line in lines if line["account_id"]},
        "account.tax": {tax for line in lines for tax in line["tax_ids"]}
        | {line["tax_line_id"][0] for line in lines if line["tax_line_id"]},
        "product.product": {line["product_id"][0] for line in lines if line["product_id"]},
        "account.analytic.account": documents.analytic_ids(lines),
        "account.payment.term": {move["invoice_payment_term_id"][0]} if move["invoice_payment_term_id"] else set(),
    }
    move_fields = (*documents.MOVE_FIELDS, *documents.MOVE_FIELDS_SINCE_18)
    found = {
        "account.move": [cut(move, move_fields)],
        "account.move.line": [cut(line, documents.LINE_FIELDS) for line in lines],
        "ir.attachment": [cut(file, documents.ATTACHMENT_FIELDS) for file in files],
    }
    for model, fields in MODELS.items():
        found[model] = [cut(row, fields) for row in rows[model] if row["id"] in named[model]]
    realm = "be" if move["company_id"][1] == "companyB" else "us"
    case = folder / name
    case.mkdir(parents=True, exist_ok=True)
    (case / "odoo.json").write_text(written({"realm": realm, "rows": found}))


def cut(row: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in fields}


if __name__ == "__main__":
    make(demo_documents.load()[0], int(sys.argv[1]), sys.argv[2], Path(__file__).parent / "cases")
