"""The database behind the Odoo stand-in: rows in the shape RPC gives them, files, and what people do to documents."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.odoo_domain import MICROSECONDS_DEFAULT, FieldInfo, Row
from local.odoo_errors import DESCRIPTIONS, OdooError
from local.odoo_versions import DEFAULT_ORDERS, adapted, display_name, field_tables, own_rows
from local.small_files import pdf_page

_INSTANT = "%Y-%m-%d %H:%M:%S"
_TITLES = {"out_invoice": "Invoice", "in_invoice": "Bill", "out_refund": "Credit Note", "in_refund": "Refund"}
_NUMBER_PREFIXES = {"out_invoice": "INV", "in_invoice": "BILL", "out_refund": "RINV", "in_refund": "RBILL"}
_EMPTY: dict[str, Any] = {
    "boolean": False,
    "float": 0.0,
    "integer": 0,
    "many2many": [],
    "monetary": 0.0,
    "one2many": [],
}
# Fields of a line that repeat its document's.
_OF_THE_MOVE = {"move_type": "move_type", "parent_state": "state"}
_LEGAL_PDF = "invoice_pdf_report_file"


class OdooDatabase:
    """Rows by model, files by attachment id, and the changes people make; `clock` tells it the time.

    Rows may be changed directly. A key `__write_date_us` holds the microseconds that RPC does not show.
    """

    def __init__(self, rows: dict[str, list[Row]], files: dict[int, bytes], *, version: int) -> None:
        self.version = version
        self.files = dict(files)
        self.rendered = 0
        self.mailed = 0
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._lock = threading.RLock()
        self._fields = field_tables(version)
        self._referenced = {info.get("relation") for fields in self._fields.values() for info in fields.values()}
        self.rows = adapted(_copied(rows), version)
        for model, table in own_rows(version).items():
            self.rows.setdefault(model, table)
        moves = self.rows.setdefault("account.move", [])
        self._indexed: tuple[list[Row], dict[int, Row]] = ([], {})
        self.rows.setdefault("account.move.line", [])
        self.rows.setdefault("ir.attachment", [])
        latest = max((str(move["write_date"]) for move in moves), default="2000-01-01 00:00:00")
        self._latest = datetime.strptime(latest, _INSTANT).replace(tzinfo=UTC) + timedelta(seconds=1)

    # -- what searching needs to know ------------------------------------------------------------------------------

    def knows(self, model: str) -> bool:
        """Tell whether Odoo has such a model, whether or not anybody may read it."""
        return any(model in models for models in (self._fields, self.rows, self._referenced, DESCRIPTIONS))

    def fields(self, model: str) -> dict[str, FieldInfo]:
        """Return the fields of a model; a model nobody recorded has a name only."""
        known = self._fields.get(model)
        return known if known is not None else {"id": {"type": "integer"}, "name": {"type": "char"}}

    def table(self, model: str) -> list[Row]:
        """Return all rows of a model; of one nobody recorded, what other rows say about it."""
        found = self.rows.get(model)
        if found is not None:
            return found
        named: dict[int, str] = {}
        for referring, fields in self._fields.items():
            names = [name for name, info in fields.items() if info.get("relation") == model]
            for row in self.rows.get(referring, []) if names else []:
                named.update(row[name] for name in names if row.get(name) and isinstance(row[name][-1], str))
        return [{"id": key, "name": name} for key, name in sorted(named.items())]

    def default_order(self, model: str) -> str:
        """Return the order a model has by itself."""
        return DEFAULT_ORDERS.get(model, "id")

    def value(self, model: str, row: Row, field: str) -> Any:
        """Return a field of a row as RPC gives it."""
        if field in row:
            return row[field]
        computed = self._computed(model, row, field)
        if computed is not None:
            return computed
        info = self.fields(model)[field]
        if info.get("unrecorded"):
            raise OdooError(
                "builtins.NotImplementedError", f"the stand-in has no recorded {model}.{field} for id {row['id']}"
            )
        empty = _EMPTY.get(info["type"], False)
        return list(empty) if isinstance(empty, list) else empty

    def _computed(self, model: str, row: Row, field: str) -> Any:
        if field == "datas":
            return field if row["id"] in self.files else False
        if field == _LEGAL_PDF:
            return next((found["id"] for found in self._attachments(row["id"]) if found["res_field"]), False)
        if field == "sequence_number":
            digits = re.search(r"(\d+)$", str(row.get("name") or ""))
            return int(digits[1]) if digits else 0
        if field == "display_name":
            return row.get("name", False)
        if model == "account.move.line" and field in _OF_THE_MOVE and row.get("move_id"):
            return self._move_of(row)[_OF_THE_MOVE[field]]
        return None

    def _move_of(self, line: Row) -> Row:
        moves = self.rows["account.move"]
        if self._indexed[0] is not moves or len(self._indexed[1]) != len(moves):
            self._indexed = (moves, {move["id"]: move for move in moves})
        return self._indexed[1][line["move_id"][0]]

    def row(self, model: str, row_id: int) -> Row:
        """Return a row; raise what Odoo raises over one that is gone."""
        for row in self.table(model):
            if row["id"] == row_id:
                return row
        raise OdooError(
            "odoo.exceptions.MissingError",
            f"Record does not exist or has been deleted.\n(Record: {model}({row_id},), User: 1)",
        )

    def move(self, move_id: int) -> Row:
        """Return the row of a document."""
        return self.row("account.move", move_id)

    def add(self, model: str, row: Row) -> int:
        """Add a row, under the next free id when it has none; return its id."""
        table = self.rows.setdefault(model, [])
        row_id = int(row.get("id") or max((known["id"] for known in table), default=0) + 1)
        table.append({**row, "id": row_id})
        return row_id

    def remove(self, model: str, ids: list[int]) -> None:
        """Remove rows, and their files when they are attachments."""
        self.rows[model] = [row for row in self.rows[model] if row["id"] not in ids]
        if model == "ir.attachment":
            for row_id in ids:
                self.files.pop(row_id, None)

    # -- what people do --------------------------------------------------------------------------------------------

    def post(self, move: Row, lines: list[Row]) -> int:
        """Add a posted document with its lines and return its id; ids, number, dates and totals left out are made.

        Totals come from the product lines' `price_subtotal` and `price_total`; no tax or payment term line is made.
        """
        with self._lock:
            move_id = self._free_id("account.move", move)
            kept = self._line_rows(move_id, lines)
            sold = [line for line in kept if line["display_type"] == "product"]
            net = round(sum(float(line["price_subtotal"]) for line in sold), 2)
            total = round(sum(float(line["price_total"]) for line in sold), 2)
            made = {name: self.value("account.move", {"id": move_id}, name) for name in self._stored("account.move")}
            made |= {"move_type": "out_invoice", "payment_state": "not_paid", "invoice_currency_rate": 1.0}
            made |= {"amount_untaxed": net, "amount_tax": round(total - net, 2), "amount_total": total}
            made |= {"amount_residual": move.get("amount_total", total)}
            made |= self._own_company(move) | move
            made |= {"id": move_id, "state": "posted", "posted_before": True}
            made["name"] = move.get("name") or self._next_number(made)
            made["line_ids"] = [line["id"] for line in kept]
            made["invoice_line_ids"] = [
                line["id"] for line in kept if line["display_type"] in ("product", "line_section", "line_note")
            ]
            today = str(self.clock().date())
            _sign(made, move)
            for name in ("date", "invoice_date"):
                made[name] = made[name] or today
            for name in ("commercial_partner_id", "partner_shipping_id"):
                made[name] = made[name] or made["partner_id"]
            for line in kept:
                for name in ("company_id", "currency_id", "partner_id"):
                    line[name] = line.get(name) or made[name]
            self.rows["account.move"].append(made)
            self.rows["account.move.line"] += kept
            self._write(made)
            made["create_date"] = made["write_date"]
            self._rename(made)
            return move_id

    def repost(self, move_id: int) -> None:
        """Post a draft; one that was posted before keeps its number."""
        with self._lock:
            move = self.move(move_id)
            move.update(state="posted", posted_before=True)
            move["name"] = move["name"] if move["name"] not in ("/", False) else self._next_number(move)
            self._write(move)
            self._rename(move)

    def cancel(self, move_id: int) -> None:
        """Cancel a document; its number stays."""
        self._set_state(move_id, "cancel")

    def reset_to_draft(self, move_id: int) -> None:
        """Reset a document to draft; its number stays."""
        self._set_state(move_id, "draft")

    def delete(self, move_id: int) -> None:
        """Delete a document with its lines and files, without a trace."""
        with self._lock:
            self.remove("ir.attachment", [row["id"] for row in self._attachments(move_id)])
            lines = self.rows["account.move.line"]
            self.rows["account.move.line"] = [line for line in lines if line["move_id"][0] != move_id]
            self.remove("account.move", [move_id])

    def touch(self, move_id: int, when: datetime | str | None = None) -> None:
        """Write a document without a change: only its `write_date` moves, to `when` or to now."""
        with self._lock:
            self._write(self.move(move_id), when)

    def edit(self, move_id: int, **fields: Any) -> None:
        """Change fields of a document."""
        with self._lock:
            move = self.move(move_id)
            move.update(fields)
            self._write(move)
            self._rename(move)

    def edit_line(self, line_id: int, **fields: Any) -> None:
        """Change fields of a line; Odoo then writes its document too."""
        with self._lock:
            line = self.row("account.move.line", line_id)
            line.update(fields)
            move = self.move(line["move_id"][0])
            self._write(move)
            line["write_date"] = move["write_date"]

    def attach(
        self, move_id: int, name: str, mimetype: str, content: bytes, *, res_field: bool = False, chatter: bool = True
    ) -> int:
        """Attach a file and return its id: as the legal PDF with `res_field`, else as a message does, or silently.

        The first file of a message becomes the main attachment, which writes the document; other files do not.
        """
        with self._lock:
            move = self.move(move_id)
            if self.version < 17:
                res_field = False
            row = {
                **self._file_row(name, mimetype, content),
                "res_model": "account.move",
                "res_id": move_id,
                "res_field": _LEGAL_PDF if res_field else False,
                "company_id": move["company_id"],
            }
            attachment_id = self.add("ir.attachment", row)
            self.files[attachment_id] = content
            if res_field:
                move.update(invoice_pdf_report_id=[attachment_id, name], is_move_sent=True)
            else:
                move["attachment_ids"] = [attachment_id, *move["attachment_ids"]]
            if res_field or (chatter and not move["message_main_attachment_id"]):
                move["message_main_attachment_id"] = [attachment_id, name]
                self._write(move)
            return attachment_id

    def rename_partner(self, partner_id: int, name: str) -> None:
        """Rename a party and show the new name everywhere; no document is written by that."""
        with self._lock:
            partner = self.row("res.partner", partner_id)
            shown = {partner_id: name}
            for child in self.rows["res.partner"]:
                parent = child["parent_id"]
                if parent and parent[0] == partner_id:
                    shown[child["id"]] = name + str(child["display_name"]).removeprefix(str(partner["display_name"]))
            partner.update(name=name, write_date=self.stamp())
            for row_id, text in shown.items():
                self.row("res.partner", row_id).update(display_name=text, complete_name=text)
            for model, fields in self._fields.items():
                names = [field for field, info in fields.items() if info.get("relation") == "res.partner"]
                for row in self.rows.get(model, []):
                    for field in names:
                        found = row.get(field)
                        if found and isinstance(found[-1], str) and found[0] in shown:
                            row[field] = [found[0], shown[found[0]]]

    # -- rendering -------------------------------------------------------------------------------------------------

    def render(self, move: Row, user: tuple[int, str], *, proforma: bool = False) -> bytes:
        """Return a PDF of a document, a little different every time; in 19 this writes the document."""
        with self._lock:
            self.rendered += 1
            title = ("PROFORMA " if proforma else "") + _TITLES.get(move["move_type"], "Journal Entry")
            lines = [
                f"{title} {move['name'] or ''}",
                f"Partner: {move['partner_id'][1] if move['partner_id'] else ''}",
                f"Date: {move['invoice_date'] or move['date']}",
                f"Total: {move['amount_total']} {move['currency_id'][1] if move['currency_id'] else ''}",
            ]
            created = f"{self.clock():%Y%m%d}{self.rendered % 1_000_000:06d}"
            if self.version >= 19:
                move.update(is_manually_modified=True, write_uid=list(user))
                self._write(move)
            return pdf_page(lines, title=str(move["name"] or ""), created=created)

    def add_rendered(self, name: str, content: bytes, user: list[Any]) -> int:
        """Keep a rendered file as Odoo does for a mail composer, and return its id."""
        row = {
            **self._file_row(name, "application/pdf", content),
            "res_model": "mail.compose.message",
            "res_id": 0,
            "res_field": False,
            "company_id": False,
            "create_uid": user,
            "write_uid": user,
        }
        attachment_id = self.add("ir.attachment", row)
        self.files[attachment_id] = content
        return attachment_id

    def legal_pdf(self, move: Row) -> bytes | None:
        """Return the stored PDF of an invoice, or None."""
        found = self.value("account.move", move, _LEGAL_PDF)
        return self.files.get(found) if found else None

    def stamp(self) -> str:
        """Return the present instant as RPC shows it."""
        return self._now().strftime(_INSTANT)

    # -- details ---------------------------------------------------------------------------------------------------

    def _stored(self, model: str) -> list[str]:
        return [
            name
            for name, info in self.fields(model).items()
            if info.get("store", True) and name != _LEGAL_PDF and not info.get("unrecorded")
        ]

    def _free_id(self, model: str, row: Row) -> int:
        taken = {known["id"] for known in self.rows[model]}
        wanted = row.get("id")
        return int(wanted) if wanted and wanted not in taken else max(taken, default=0) + 1

    def _own_company(self, move: Row) -> Row:
        """Return company and currency of a document that names none: the first company's."""
        companies = sorted(self.rows.get("res.company", []), key=lambda row: int(row["id"]))
        wanted = (move.get("company_id") or [companies[0]["id"]])[0]
        company = next(row for row in companies if row["id"] == wanted)
        currency = company["currency_id"]
        return {
            "company_id": [company["id"], company["name"]],
            "company_currency_id": currency,
            "currency_id": currency,
        }

    def _file_row(self, name: str, mimetype: str, content: bytes) -> Row:
        stamp = self.stamp()
        return {
            "name": name,
            "mimetype": mimetype,
            "file_size": len(content),
            "checksum": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "type": "binary",
            "public": False,
            "url": False,
            "create_date": stamp,
            "write_date": stamp,
        }

    def _attachments(self, move_id: int) -> list[Row]:
        return [
            row for row in self.rows["ir.attachment"] if row["res_model"] == "account.move" and row["res_id"] == move_id
        ]

    def _line_rows(self, move_id: int, lines: list[Row]) -> list[Row]:
        model = "account.move.line"
        taken = {row["id"] for row in self.rows[model]}
        next_id = max(taken, default=0) + 1
        kept = []
        for offset, line in enumerate(lines):
            row = {name: self.value(model, {"id": 0}, name) for name in self._stored(model)}
            row |= {"display_type": "product", "quantity": 1.0, "sequence": 10, **line}
            row["price_total"] = row["price_total"] or row["price_subtotal"]
            own_id = line.get("id")
            row["id"] = own_id if own_id and own_id not in taken else next_id + offset
            row["move_id"] = [move_id, ""]
            kept.append(row)
        return kept

    def _next_number(self, move: Row) -> str:
        year = str(move["invoice_date"] or move["date"] or self.clock().date())[:4]
        prefix = f"{_NUMBER_PREFIXES[move['move_type']]}/{year}/"
        taken = [
            int(str(row["name"]).rpartition("/")[2])
            for row in self.rows["account.move"]
            if row["company_id"] == move["company_id"] and re.fullmatch(rf"{prefix}(\d\d/)?\d+", str(row["name"]))
        ]
        return f"{prefix}{max(taken, default=0) + 1:05d}"

    def _set_state(self, move_id: int, state: str) -> None:
        with self._lock:
            move = self.move(move_id)
            move.update(state=state, payment_state="not_paid", amount_residual=move["amount_total"])
            self._write(move)
            self._rename(move)

    def _now(self) -> datetime:
        self._latest = max(self.clock(), self._latest + timedelta(microseconds=1))
        return self._latest

    def _write(self, move: Row, when: datetime | str | None = None) -> None:
        now = self._now() if when is None else when
        if isinstance(now, str):
            move["write_date"] = now[:19]
            move["__write_date_us"] = int(now[20:].ljust(6, "0")) if len(now) > 20 else MICROSECONDS_DEFAULT
            return
        now = now.astimezone(UTC)
        move["write_date"] = now.strftime(_INSTANT)
        move["__write_date_us"] = now.microsecond

    def _rename(self, move: Row) -> None:
        """Show the number of a document as Odoo does, also where its lines point to it."""
        shown = display_name(move, self.version)
        if move.get("display_name") != shown:
            move["display_name"] = shown
            for line in self.rows["account.move.line"]:
                if line["move_id"][0] == move["id"]:
                    line["move_id"] = [move["id"], shown]


def _sign(made: Row, given: Row) -> None:
    """Set the amounts in company currency, which are negative where the company pays."""
    sign = -1 if made["move_type"] in ("out_refund", "in_invoice") else 1
    for name in ("amount_untaxed", "amount_tax", "amount_total", "amount_residual"):
        value = round(sign * float(made[name]) / float(made["invoice_currency_rate"]), 2)
        made[f"{name}_signed"] = given.get(f"{name}_signed", value)
    in_currency = "amount_total_in_currency_signed"
    made[in_currency] = given.get(in_currency, sign * made["amount_total"])


def _copied(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Return rows of one's own: changing them leaves the given ones alone."""
    return {
        model: [
            {name: value.copy() if isinstance(value, list | dict) else value for name, value in row.items()}
            for row in table
        ]
        for model, table in rows.items()
    }
