"""What people do to documents in Odoo, for tests and the demo: post, edit, withdraw, attach, rename."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from local.stand_ins.odoo.database import OdooDatabase
from local.stand_ins.odoo.domain import Row
from local.stand_ins.odoo.versions import display_name

# A receipt takes its number from the same sequence as the invoices or bills of its journal.
_NUMBER_PREFIXES = {"out_invoice": "INV", "in_invoice": "BILL", "out_refund": "RINV", "in_refund": "RBILL",
                    "out_receipt": "INV", "in_receipt": "BILL", "entry": "MISC"}  # fmt: skip
_LEGAL_PDF = "invoice_pdf_report_file"


class OdooDocuments(OdooDatabase):
    """The database, and the changes people make to its documents."""

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

    # -- details ---------------------------------------------------------------------------------------------------

    def _free_id(self, model: str, row: Row) -> int:
        taken = {known["id"] for known in self.rows[model]}
        wanted = row.get("id")
        return int(wanted) if wanted and wanted not in taken else max(taken, default=0) + 1

    def _stored(self, model: str) -> list[str]:
        return [
            name
            for name, info in self.fields(model).items()
            if info.get("store", True) and name != _LEGAL_PDF and not info.get("unrecorded")
        ]

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
    sign = -1 if made["move_type"] in ("out_refund", "in_invoice", "in_receipt") else 1
    for name in ("amount_untaxed", "amount_tax", "amount_total", "amount_residual"):
        value = round(sign * float(made[name]) / float(made["invoice_currency_rate"]), 2)
        made[f"{name}_signed"] = given.get(f"{name}_signed", value)
    in_currency = "amount_total_in_currency_signed"
    made[in_currency] = given.get(in_currency, sign * made["amount_total"])
