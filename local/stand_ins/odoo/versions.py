"""What differs between Odoo 16, 17, 18 and 19: fields, names, and the reports and templates they come with."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from textwrap import shorten

from local.stand_ins.odoo.domain import FieldInfo, Row

VERSIONS = (16, 17, 18, 19)
_FIELDS = Path(__file__).parent / "fields.json"
DEFAULT_ORDERS = {
    "account.move": "date desc, name desc, invoice_date desc, id desc",
    "account.move.line": "move_id, id",
    "account.account": "code",
    "account.journal": "type, code",
    "ir.actions.report": "name, id",
    "ir.attachment": "id desc",
    "mail.template": "name, id",
    "product.product": "default_code, name, id",
    "res.company": "id desc",
    "res.currency": "active desc, name",
    "res.partner": "complete_name, id desc",
    "sale.order": "date_order desc, id desc",
    "sale.order.line": "order_id, sequence, id",
}
# What 19 calls differently, or lacks.
_NEWER: dict[int, dict[str, dict[str, str | None]]] = {
    19: {
        "res.partner": {"mobile": None},
        "sale.order.line": {"product_uom": "product_uom_id", "tax_id": "tax_ids"},
    },
}
# What 16 and 17 lack of the recorded 18, and what it is called there (None: nothing). Not recorded: from their source.
_OLDER: dict[int, dict[str, dict[str, str | None]]] = {
    17: {"account.move": {"invoice_currency_rate": None, "reversal_move_ids": "reversal_move_id"}},
    16: {
        "account.tax.repartition.line": {"document_type": None},
        "account.move": {
            "delivery_date": None,
            "incoterm_location": None,
            "invoice_currency_rate": None,
            "invoice_pdf_report_file": None,
            "invoice_pdf_report_id": None,
            "reversal_move_ids": "reversal_move_id",
        },
        "mail.compose.message": {"res_ids": None},
        "mail.template": {"report_template_ids": None},
        "sale.order": {"locked": None},
    },
}
_DRAFTS = {
    "out_invoice": "Draft Invoice",
    "in_invoice": "Draft Bill",
    "out_refund": "Draft Credit Note",
    "in_refund": "Draft Vendor Credit Note",
    "out_receipt": "Draft Sales Receipt",
    "in_receipt": "Draft Purchase Receipt",
    "entry": "Draft Entry",
}


def display_name(move: Row, version: int) -> str:
    """Return how Odoo shows a document: number and reference, marked when it is a draft."""
    number = "" if move["name"] in ("/", False) else str(move["name"])
    reference = shorten(str(move["ref"] or ""), width=50)
    draft = _DRAFTS[move["move_type"]] if move["state"] == "draft" else ""
    space = " " if draft and (number or version < 19) else ""
    return f"{draft}{space}{number}" + (f" ({reference})" if reference else "")


@cache
def field_tables(version: int) -> dict[str, dict[str, FieldInfo]]:
    """Return the fields by model that a version has; they are shared, and nobody changes them."""
    if version not in VERSIONS:
        raise ValueError(f"no stand-in for Odoo {version}: there are {VERSIONS}")
    tables: dict[str, dict[str, FieldInfo]] = json.loads(_FIELDS.read_text())["19" if version >= 19 else "18"]
    for model, changes in _OLDER.get(version, {}).items():
        for name, new_name in changes.items():
            info = tables[model].pop(name, None)
            if new_name and info:
                tables[model][new_name] = info
    return tables


def adapted(rows: dict[str, list[Row]], version: int) -> dict[str, list[Row]]:
    """Return rows recorded in 18 as another version gives them; rows of that version stay as they are."""
    if version >= 19:
        _renew(rows)
    for model, changes in {**_NEWER.get(version, {}), **_OLDER.get(version, {})}.items():
        for row in rows.get(model, []):
            for name in changes.keys() & row.keys():
                value, new_name = row.pop(name), changes[name]
                if new_name:
                    row[new_name] = value
    if version < 17:
        for attachment in rows.get("ir.attachment", []):
            attachment["res_field"] = False
    return rows


def _renew(rows: dict[str, list[Row]]) -> None:
    """Change what 19 words differently: accounts are active in place of deprecated, drafts have no name."""
    for account in rows.get("account.account", []):
        if "deprecated" in account:
            account["active"] = not account.pop("deprecated")
    unnamed = {}
    for move in rows.get("account.move", []):
        if move["name"] == "/":
            move["name"] = False
            unnamed[move["id"]] = move["display_name"] = display_name(move, 19)
    for line in rows.get("account.move.line", []):
        if line["move_id"][0] in unnamed:
            line["move_id"] = [line["move_id"][0], unnamed[line["move_id"][0]]]


def own_rows(version: int) -> dict[str, list[Row]]:
    """Return the reports and mail templates that come with Odoo."""
    newer = version >= 19
    entry = [450 if newer else 442, "Journal Entry"]
    reports = (
        [(219, "Invoice PDF"), (220, "Original Bills"), (221, "PDF without Payment")]
        if newer
        else [(218, "PDF"), (219, "Original Bills"), (220, "PDF without Payment")]
    )
    report_names = ("report_invoice_with_payments", "report_original_vendor_bill", "report_invoice")
    report_ids = ("account_invoices", "action_account_original_vendor_bill", "account_invoices_without_payment")
    templates = [
        (7 if newer else 6, "Invoice: Sending", "email_template_edi_invoice"),
        (9 if newer else 8, "Credit Note: Sending", "email_template_edi_credit_note"),
    ]
    if newer:
        templates += [
            (10, "Self-billing invoice: Sending", ""),
            (11, "Self-billing credit note: Sending", ""),
            (13, "Journal Notification", ""),
        ]
    made = {
        "create_uid": [1, "OdooBot"],
        "create_date": "2026-11-20 21:07:46" if newer else "2026-11-20 21:05:50",
        "write_uid": [1, "OdooBot"],
        "write_date": "2026-11-20 21:07:46" if newer else "2026-11-20 21:05:50",
    }
    return {
        "ir.actions.report": [
            {
                "id": report_id,
                "name": name,
                "model": "account.move",
                "report_name": f"account.{report_name}",
                "report_type": "qweb-pdf",
                "__xmlid": f"account.{xmlid}",
                **made,
            }
            for (report_id, name), report_name, xmlid in zip(reports, report_names, report_ids, strict=True)
        ],
        "mail.template": [
            {
                "id": template_id,
                "name": name,
                "model": "account.move",
                "model_id": entry,
                # 19 renders by other means: its own templates carry no report.
                "report_template_ids": [] if newer else [218],
                "subject": "{{ object.company_id.name }} Invoice (Ref {{ object.name or 'n/a' }})",
                "__xmlid": f"account.{xmlid}" if xmlid else "",
                **made,
            }
            for template_id, name, xmlid in templates
        ],
        "mail.compose.message": [],
    }
