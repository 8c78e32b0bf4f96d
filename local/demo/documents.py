"""The demo data: rows of a real Odoo 18 with their files, and as many documents of the same kind as wanted."""

from __future__ import annotations

import hashlib
import json
import pickle
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from local.demo.small_files import pdf_page
from local.stand_ins.copies import copied

type Row = dict[str, Any]
type Rows = dict[str, list[Row]]
type Files = dict[int, bytes]

FOLDER = Path(__file__).parent / "data"

# What `many` clones: ordinary posted documents, of each type and of both companies.
_TEMPLATES = (310, 2, 26, 1, 213, 212, 211, 225, 307, 342, 4, 340, 306, 330, 214, 341)
_FIRST_ID = 100_001
_BATCH = 23
_WRITTEN_FROM = datetime(2026, 11, 20, 22, 0, 0, tzinfo=UTC)


def load() -> tuple[Rows, Files]:
    """Return the demo rows by model, as `search_read` gave them, and the files by attachment id: new ones each time."""
    # Reading them again takes three times as long as a copy.
    rows, files = pickle.loads(_pickled())  # noqa: S301 - our own
    return rows, files


@cache
def _pickled() -> bytes:
    return pickle.dumps(_read())


@cache
def _read() -> tuple[Rows, Files]:
    models = json.loads((FOLDER / "rows.json").read_text())["models"]
    rows = {
        model: [dict(zip(table["columns"], values, strict=True)) for values in table["rows"]]
        for model, table in models.items()
    }
    files = {int(path.name.split("_")[0]): path.read_bytes() for path in sorted((FOLDER / "files").iterdir())}
    return rows, files


def labels() -> dict[int, list[str]]:
    """Return what is special about a document, by the id of its `account.move`."""
    marks = json.loads((FOLDER / "rows.json").read_text())["labels"]
    return {int(key): value for key, value in marks.items()}


def many(count: int, *, parties: int = 20, one_write_date: bool = False) -> tuple[Rows, Files]:
    """Return `count` posted documents of `parties` customers and vendors, each with a PDF, and no other documents.

    They are clones of recorded documents with new ids and numbers, always the same for the same arguments. As in
    Odoo, 23 of them share the instant of one transaction; with `one_write_date` all of them do.
    """
    rows, _ = _read()
    originals = {row["id"]: row for row in rows["account.move"]}
    lines_of: dict[int, list[Row]] = {}
    for line in rows["account.move.line"]:
        lines_of.setdefault(line["move_id"][0], []).append(line)
    customers = [row for row in rows["res.partner"] if row["customer_rank"]][: (parties + 1) // 2]
    vendors = [row for row in rows["res.partner"] if row["supplier_rank"]][: parties // 2]
    moves: list[Row] = []
    lines: list[Row] = []
    attachments: list[Row] = []
    files: Files = {}
    for index in range(count):
        original = originals[_TEMPLATES[index % len(_TEMPLATES)]]
        sold = original["move_type"].startswith("out_")
        candidates = (customers if sold else vendors) or customers
        move = _clone(original, index, candidates[index // 2 % len(candidates)])
        written = _WRITTEN_FROM + timedelta(seconds=0 if one_write_date else index // _BATCH)
        move["write_date"] = move["create_date"] = written.strftime("%Y-%m-%d %H:%M:%S")
        lines += _clone_lines(move, lines_of[original["id"]], first_id=_FIRST_ID + len(lines))
        attachment, content = _attached(move, sold=sold)
        moves.append(move)
        attachments.append(attachment)
        files[attachment["id"]] = content
    cloned = {"account.move": moves, "account.move.line": lines, "ir.attachment": attachments}
    made: Rows = {**cloned, "sale.order": [], "sale.order.line": []}
    return {model: made[model] if model in made else copied(kept) for model, kept in rows.items()}, files


def _clone(original: Row, index: int, party: Row) -> Row:
    move = copied(original)
    named = [party["id"], party["display_name"]]
    prefix = original["name"].rpartition("/")[0]
    move.update(
        id=_FIRST_ID + index,
        name=f"{prefix}/{10_001 + index}",
        partner_id=named,
        commercial_partner_id=copied(party["commercial_partner_id"]),
        partner_shipping_id=named,
        payment_state="not_paid",
        amount_residual=original["amount_total"],
        amount_residual_signed=original["amount_total_signed"],
        reversed_entry_id=False,
        reversal_move_ids=[],
    )
    if original["ref"]:
        move["ref"] = f"REF-{10_001 + index}"
    if original["payment_reference"]:
        move["payment_reference"] = move["name"]
    move["display_name"] = f"{move['name']} ({move['ref']})" if move["ref"] else move["name"]
    return move


def _clone_lines(move: Row, originals: list[Row], *, first_id: int) -> list[Row]:
    lines = []
    new_ids: dict[int, int] = {}
    for offset, original in enumerate(originals):
        line = copied(original)
        line.update(
            id=first_id + offset,
            move_id=[move["id"], move["display_name"]],
            partner_id=move["partner_id"],
            reconciled=False,
            full_reconcile_id=False,
            matching_number=False,
            sale_line_ids=[],
            write_date=move["write_date"],
        )
        new_ids[original["id"]] = line["id"]
        lines.append(line)
    for field in ("line_ids", "invoice_line_ids"):
        move[field] = [new_ids[line_id] for line_id in move[field]]
    return lines


def _attached(move: Row, *, sold: bool) -> tuple[Row, bytes]:
    attachment_id = move["id"]
    name = f"{move['name'].replace('/', '_')}.pdf" if sold else "bill.pdf"
    content = pdf_page([move["name"], move["partner_id"][1], f"{move['amount_total']}"], title=move["name"])
    move["message_main_attachment_id"] = [attachment_id, name]
    move["attachment_ids"] = [] if sold else [attachment_id]
    move["invoice_pdf_report_id"] = [attachment_id, name] if sold else False
    row: Row = {
        "id": attachment_id,
        "name": name,
        "mimetype": "application/pdf",
        "file_size": len(content),
        "res_model": "account.move",
        "res_id": move["id"],
        "res_field": "invoice_pdf_report_file" if sold else False,
        "type": "binary",
        "checksum": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "create_date": move["create_date"],
        "write_date": move["write_date"],
        "company_id": move["company_id"],
        "public": False,
        "url": False,
    }
    return row, content
