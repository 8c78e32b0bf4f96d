"""Makes `local/demo/data` from the recordings of real Odoo servers: `python -m local.demo.make_data ../shared/odoo`.

Run once; the result is committed. It takes every row of the recorded Odoo 18, every recorded file but the largest
rendered invoices, and replaces the files that were not recorded by small valid ones, with their size and checksum.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from local.demo.documents import FOLDER
from local.demo.small_files import pdf_page, png_image

type Row = dict[str, Any]

# Rendered invoices are large, because the recorded server drew their text as outlines: two show the real thing.
LARGE_FILES_KEPT = (571, 572)
LARGE = 200_000
SELECTION_MAX = 60

# Models whose fields were not recorded; their types follow from the rows, but for what `false` leaves open.
RELATIONS = {
    "account_fiscal_country_id": "res.country",
    "categ_id": "product.category",
    "company_id": "res.company",
    "country_id": "res.country",
    "currency_id": "res.currency",
    "partner_id": "res.partner",
    "payment_id": "account.payment.term",
    "plan_id": "account.analytic.plan",
    "product_tmpl_id": "product.template",
    "supplier_taxes_id": "account.tax",
    "taxes_id": "account.tax",
    "uom_id": "uom.uom",
    "line_ids": "account.payment.term.line",
}
# Fields that the recorded exchanges use and the recorded field lists leave out: model -> {field: type[:relation]}, with
# `!` when it is not stored and `?` when the dataset has no values of it.
EXTRA_FIELDS = {
    "account.move": {
        "sequence_number": "integer",
        "tax_totals": "binary!?",
        "invoice_pdf_report_file": "binary",
    },
    "account.move.line": {"purchase_line_id": "many2one:purchase.order.line"},
    "sale.order": {"tax_totals": "binary!?"},
    "ir.attachment": {
        "access_token": "char",
        "create_uid": "many2one:res.users",
        "datas": "binary!",
        "description": "text",
        "write_uid": "many2one:res.users",
    },
    "ir.actions.report": {
        "name": "char",
        "model": "char",
        "report_name": "char",
        "report_type": "selection",
    },
    "mail.template": {
        "name": "char",
        "model": "char",
        "model_id": "many2one:ir.model",
        "report_template_ids": "many2many:ir.actions.report",
        "subject": "char",
        "create_uid": "many2one:res.users",
        "create_date": "datetime",
        "write_uid": "many2one:res.users",
        "write_date": "datetime",
    },
    "mail.compose.message": {
        "template_id": "many2one:mail.template",
        "model": "char",
        "res_ids": "text",
        "composition_mode": "selection",
        "attachment_ids": "many2many:ir.attachment",
        "subject": "char",
    },
    "res.users": {
        "name": "char",
        "login": "char",
        "company_id": "many2one:res.company",
        "company_ids": "many2many:res.company",
    },
}


def main() -> None:
    """Write the demo data."""
    recordings = Path(sys.argv[1])
    datasets = {version: _dataset(recordings, version) for version in (18, 19)}
    FOLDER.mkdir(exist_ok=True)
    _write_fields(datasets)
    rows = datasets[18]["rows"]
    _write_files(recordings, rows)
    _write_rows(rows, datasets[18]["labels"])


def _dataset(recordings: Path, version: int) -> Any:
    return json.loads((recordings / f"dataset{version}.json").read_text())


def _write_rows(rows: dict[str, list[Row]], labels: dict[str, dict[str, list[str]]]) -> None:
    """Write one row per line under the names of its columns, so that a change shows as one changed line."""
    parts = []
    for model, table in sorted(rows.items()):
        columns = list(table[0])
        lines = ",\n".join(
            _json([row[column] for column in columns]) for row in sorted(table, key=lambda row: row["id"])
        )
        parts.append(f'{_json(model)}: {{"columns": {_json(columns)},\n"rows": [\n{lines}\n]}}')
    marks = _json({int(key): value for key, value in labels["account.move"].items()})
    text = f'{{"labels": {marks},\n"models": {{\n' + ",\n".join(parts) + "\n}}\n"
    (FOLDER / "rows.json").write_text(text)


def _write_fields(datasets: dict[int, Any]) -> None:
    versions = {}
    for version, dataset in datasets.items():
        models: dict[str, dict[str, Row]] = {}
        for model, table in dataset["rows"].items():
            recorded = dataset["fields_get"].get(model)
            models[model] = _marked(recorded, table[0]) if recorded else _inferred(model, table)
        extra: dict[str, dict[str, str]] = dict(EXTRA_FIELDS)
        if version == 19:
            extra["account.move"] = {**extra["account.move"], "is_manually_modified": "boolean"}
        for model, declared in extra.items():
            models.setdefault(model, {}).update({name: _declared(name, kind) for name, kind in declared.items()})
        for fields in models.values():
            fields.setdefault("id", _info("integer", "ID"))
            fields.setdefault("display_name", {**_info("char", "Display Name"), "store": False})
            for info in fields.values():
                info["selection"] = info.get("selection", [])[:SELECTION_MAX]
                if not info["selection"]:
                    del info["selection"]
        versions[version] = models
    lines = [
        f"{_json(str(version))}: {{\n"
        + ",\n".join(_fields_text(model, fields) for model, fields in sorted(models.items()))
        + "\n}"
        for version, models in versions.items()
    ]
    (FOLDER / "fields.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _fields_text(model: str, fields: dict[str, Row]) -> str:
    rows = ",\n".join(f" {_json(name)}: {_json(info)}" for name, info in sorted(fields.items()))
    return f"{_json(model)}: {{\n{rows}\n}}"


def _marked(recorded: dict[str, Row], row: Row) -> dict[str, Row]:
    """Mark the fields that Odoo has and no recorded row shows."""
    return {name: info if name in row else {**info, "unrecorded": True} for name, info in recorded.items()}


def _inferred(model: str, table: list[Row]) -> dict[str, Row]:
    fields = {}
    for name in table[0]:
        values = [row[name] for row in table if row[name] is not False]
        relation = RELATIONS.get(name) or (model if name == "parent_id" else None)
        if (
            relation
            and (not values or not isinstance(values[0], list) or isinstance(values[0][-1], str))
            and name.endswith("_id")
        ):
            fields[name] = {**_info("many2one", name), "relation": relation}
        elif relation:
            fields[name] = {**_info("many2many", name), "relation": relation}
        else:
            fields[name] = _info(_kind(name, values, all_false=not values), name)
    return fields


def _kind(name: str, values: list[Any], *, all_false: bool) -> str:
    if name.endswith("_date"):
        return "datetime" if name in ("write_date", "create_date") else "date"
    if all_false:
        return "boolean" if name in ("active", "early_discount") else "char"
    kinds = {bool: "boolean", int: "integer", float: "float", str: "char"}
    return kinds[type(values[0])]


def _declared(name: str, declared: str) -> Row:
    kind, _, relation = declared.rstrip("!?").partition(":")
    info = {**_info(kind, name), "store": "!" not in declared}
    if "?" in declared:
        info["unrecorded"] = True
    return {**info, "relation": relation} if relation else info


def _info(kind: str, label: str) -> Row:
    label = label.removesuffix("_id").removesuffix("_ids").replace("_", " ").capitalize()
    return {"readonly": False, "required": False, "store": True, "string": label, "type": kind}


def _write_files(recordings: Path, rows: dict[str, list[Row]]) -> None:
    (FOLDER / "files").mkdir(exist_ok=True)
    moves = {row["id"]: row for row in rows["account.move"]}
    recorded = {int(path.stem.split("attachment")[1].split("_")[0]): path for path in recordings.glob("pdf/odoo18_*")}
    for attachment in rows["ir.attachment"]:
        path = recorded.get(attachment["id"])
        if path and (path.stat().st_size < LARGE or attachment["id"] in LARGE_FILES_KEPT):
            content = path.read_bytes()
        else:
            content = _made(attachment, moves[attachment["res_id"]])
            attachment["checksum"] = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            attachment["file_size"] = len(content)
        (FOLDER / "files" / f"{attachment['id']}_{attachment['name']}").write_bytes(content)


def _made(attachment: Row, move: Row) -> bytes:
    if attachment["mimetype"] == "image/png":
        return png_image(120, 80, (206, 214, 222))
    number = str(move["name"])
    lines = [move["partner_id"][1], number, f"Reference {move['ref'] or '-'}", f"Total {move['amount_total']:.2f}"]
    return pdf_page(lines, title=number)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
