"""The database behind the Odoo stand-in: rows in the shape RPC gives them, files, and rendering."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.demo.small_files import pdf_page
from local.stand_ins.odoo.api_keys import MODEL as API_KEYS
from local.stand_ins.odoo.api_keys import ApiKeys
from local.stand_ins.odoo.api_keys import fields as key_fields
from local.stand_ins.odoo.domain import MICROSECONDS_DEFAULT, FieldInfo, Row
from local.stand_ins.odoo.errors import DESCRIPTIONS, OdooError
from local.stand_ins.odoo.versions import DEFAULT_ORDERS, adapted, field_tables, own_rows

_INSTANT = "%Y-%m-%d %H:%M:%S"
_TITLES = {"out_invoice": "Invoice", "in_invoice": "Bill", "out_refund": "Credit Note", "in_refund": "Refund",
           "out_receipt": "Sales Receipt", "in_receipt": "Purchase Receipt"}  # fmt: skip
_EMPTY: dict[str, Any] = {
    "boolean": False,
    "float": 0.0,
    "integer": 0,
    "many2many": [],
    "monetary": 0.0,
    "one2many": [],
}
# When rows were created of which it was not recorded: before anything was written in the recorded database.
_CREATED = "2026-11-20 20:00:00"
# Fields of a line that repeat its document's.
_OF_THE_MOVE = {"move_type": "move_type", "parent_state": "state"}
_LEGAL_PDF = "invoice_pdf_report_file"
# The codes of the states that contacts of the recordings and the tests name.
_STATE_CODES = {"California": "CA", "Nevada": "NV", "New York": "NY", "Texas": "TX", "Ontario": "ON"}


class OdooDatabase:
    """Rows by model and files by attachment id; `clock` tells it the time.

    Rows may be changed directly. A key `__write_date_us` holds the microseconds that RPC does not show.
    """

    def __init__(self, rows: dict[str, list[Row]], files: dict[int, bytes], *, version: int) -> None:
        self.version = version
        self.files = dict(files)
        self.rendered = 0
        self.mailed = 0
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._lock = threading.RLock()
        # Its own, because a test may take a model or a field away.
        self._fields = {model: dict(fields) for model, fields in field_tables(version).items()}
        for known in self._fields.values():
            # Every model has it, and few recordings asked for it.
            known.setdefault("create_date", {"type": "datetime", "unrecorded": True})
        self._referenced = {info.get("relation") for fields in self._fields.values() for info in fields.values()}
        self.rows = adapted(_copied(rows), version)
        for model, table in own_rows(version).items():
            self.rows.setdefault(model, table)
        moves = self.rows.setdefault("account.move", [])
        self._indexed: tuple[list[Row], dict[int, Row]] = ([], {})
        self.rows.setdefault("account.move.line", [])
        self.rows.setdefault("ir.attachment", [])
        # Not recorded: where nobody has put any, nothing is known of how a tax is booked.
        self.rows.setdefault("account.tax.repartition.line", [])
        self.rows.setdefault("res.country.state", _states(self.rows.get("res.partner", [])))
        # The clock may be another one later.
        now = lambda: self.clock()  # noqa: E731, PLW0108
        self.api_keys = ApiKeys(self.rows.setdefault(API_KEYS, []), now)
        latest = max((str(move["write_date"]) for move in moves), default="2000-01-01 00:00:00")
        self._latest = datetime.strptime(latest, _INSTANT).replace(tzinfo=UTC) + timedelta(seconds=1)

    # -- what searching needs to know ------------------------------------------------------------------------------

    def knows(self, model: str) -> bool:
        """Tell whether Odoo has such a model, whether or not anybody may read it."""
        return any(model in models for models in (self._fields, self.rows, self._referenced, DESCRIPTIONS))

    def fields(self, model: str) -> dict[str, FieldInfo]:
        """Return the fields of a model; a model nobody recorded has a name only."""
        known = key_fields(self.version) if model == API_KEYS else self._fields.get(model)
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
        if field == "create_date":
            return _CREATED
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


def _states(partners: list[Row]) -> list[Row]:
    """Return the states that contacts name. RPC shows a state with its country's code behind its name."""
    states = {}
    for row in partners:
        if row.get("state_id"):
            state_id, shown = row["state_id"]
            name, _, country = shown.partition(" (")
            states[state_id] = {
                "id": state_id, "name": name, "code": _STATE_CODES.get(name, name[:3].upper()), "display_name": shown,
                "country_id": [233 if country == "US)" else 1, country.rstrip(")")],
            }  # fmt: skip
    return list(states.values())


def _copied(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Return rows of one's own: changing them leaves the given ones alone."""
    return {
        model: [
            {name: value.copy() if type(value) in (list, dict) else value for name, value in row.items()}
            for row in table
        ]
        for model, table in rows.items()
    }
