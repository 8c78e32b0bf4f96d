"""The public methods of Odoo's models, as a user with certain rights may call them over RPC."""

from __future__ import annotations

import inspect
import json
import uuid
from functools import cache
from typing import Any

from local.stand_ins.http_server import Base64
from local.stand_ins.odoo.api_keys import MODEL as API_KEYS
from local.stand_ins.odoo.domain import Row, names_in, sort_rows, tests_of
from local.stand_ins.odoo.errors import (
    OdooError,
    access_denied,
    access_error,
    invalid_field,
    no_right,
    type_error,
    user_error,
    value_error,
)
from local.stand_ins.odoo.rights import Rights

_OWN = frozenset({"mail.compose.message", "mail.template", "ir.attachment"})
_PRIVATE_IN_19 = frozenset({"exists", "search_fetch"})
_BINARY = frozenset({"datas", "invoice_pdf_report_file"})
_ANYWHERE = ("search_read", "search", "search_count", "fields_get", "create", "check_access_rights", "has_access")
_ON_RECORDS = ("read", "get_metadata", "write", "unlink", "exists")
_OF_MODEL = {
    "account.move": ("action_post", "button_draft", "button_cancel", "get_portal_url"),
    "account.move.send.batch.wizard": ("action_send_and_print",),
    "res.users": ("context_get",),
}
# Since 19.
_OF_API_KEYS = ("generate", "revoke")
_MODEL_LEVEL = frozenset({*_ANYWHERE, "context_get", *_OF_API_KEYS})


@cache
def _complaint(function: Any, count: int, names: tuple[str, ...]) -> str:
    """Return what Python says of a call with so many arguments and such names; nothing where it is as it should be.

    To find it out takes longer than most calls.
    """
    try:
        inspect.signature(function).bind(*(None,) * count, **dict.fromkeys(names))
    except TypeError as error:
        return str(error)
    return ""


class Methods(Rights):
    """The public methods, seen by a user with a context."""

    def call(self, model: str, method: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Return what a public method returns; with `ids` first in the arguments when it works on records."""
        function = self.function(model, method)
        # Beside the arguments: itself and the model.
        complaint = _complaint(function.__func__, 2 + len(arguments), tuple(keywords))
        if complaint:
            raise type_error(f"BaseModel.{method}() {complaint}")
        return self.run(function, model, arguments, keywords)

    @staticmethod
    def run(function: Any, model: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Run a method; what nobody foresaw reaches the client by its Python name, as it does in Odoo."""
        try:
            return function(model, *arguments, **keywords)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise OdooError(f"builtins.{type(error).__name__}", str(error)) from error

    def function(self, model: str, method: str) -> Any:
        """Return the function of a public method; raise what Odoo raises over any other."""
        newer = self.database.version >= 19
        if method.startswith("_") or (newer and method in _PRIVATE_IN_19):
            named = f"'{model}.{method}'" if newer else method
            raise access_error(f"Private methods (such as {named}) cannot be called remotely.")
        own = _OF_API_KEYS if newer and model == API_KEYS else _OF_MODEL.get(model, ())
        if method not in (*_ANYWHERE, *_ON_RECORDS, *own):
            message = (
                f"The method '{model}.{method}' does not exist"
                if newer
                else f"The method '{method}' does not exist on the model '{model}'"
            )
            raise OdooError("builtins.AttributeError", message)
        return getattr(self, method)

    @staticmethod
    def takes_ids(method: str) -> bool:
        """Tell whether a method works on records."""
        return method not in _MODEL_LEVEL

    # -- reading ---------------------------------------------------------------------------------------------------

    def search_read(
        self,
        model: str,
        domain: Any = None,
        fields: list[str] | None = None,
        offset: int = 0,
        limit: int | str | None = None,
        order: str | None = None,
        **read_keywords: Any,
    ) -> list[Row]:
        """Return the chosen fields of the matching rows."""
        self._check_all_fields(model, fields)
        unknown = [name for name in read_keywords if name != "load"]
        if unknown:
            raise type_error(f"BaseModel._read_format() got an unexpected keyword argument '{unknown[0]}'")
        names = self._field_names(model, fields)
        rows = self._found(model, domain or [], offset, limit, order)
        return self._formatted(model, rows, names, read_keywords.get("load", "_classic_read"))

    def search(
        self,
        model: str,
        domain: Any,
        offset: int = 0,
        limit: int | str | None = None,
        order: str | None = None,
    ) -> list[int]:
        """Return the ids of the matching rows."""
        return [row["id"] for row in self._found(model, domain, offset, limit, order)]

    def search_count(self, model: str, domain: Any, limit: int | None = None) -> int:
        """Return how many rows match, counting up to `limit`."""
        self._check_readable(model)
        found = len(self._matching(model, domain))
        return min(found, int(limit)) if limit else found

    def read(
        self, model: str, ids: list[int] | int, fields: list[str] | None = None, load: str | None = "_classic_read"
    ) -> list[Row]:
        """Return the chosen fields of rows by id; ids that are gone are left out."""
        self._check_readable(model)
        self._check_all_fields(model, fields)
        return self._formatted(model, self._records(model, ids), self._field_names(model, fields), load)

    def fields_get(
        self, model: str, allfields: list[str] | None = None, attributes: list[str] | None = None
    ) -> dict[str, Row]:
        """Return what is known of the fields of a model."""
        self._check_readable(model)
        if model == "res.company" and self.database.version < 19 and "selection" in (attributes or ["selection"]):
            raise no_right(self.database.version, "ir.module.module")
        return {
            name: {
                key: value
                for key, value in info.items()
                if key != "unrecorded" and (attributes is None or key in attributes)
            }
            for name, info in self.database.fields(model).items()
            if not allfields or name in allfields
        }

    def get_metadata(self, model: str, ids: list[int] | int) -> list[Row]:
        """Return who made rows and when, and their external ids."""
        self._check_readable(model)
        metadata = []
        for row in self._records(model, ids):
            stamps = {key: row.get(key, False) for key in ("create_uid", "create_date", "write_uid", "write_date")}
            xmlid = row.get("__xmlid") or False
            xmlids = [{"xmlid": xmlid, "noupdate": True}] if xmlid else []
            metadata.append({"id": row["id"], **stamps, "xmlid": xmlid, "noupdate": bool(xmlid), "xmlids": xmlids})
        return metadata

    def exists(self, model: str, ids: list[int] | int) -> list[int]:
        """Return the ids that exist."""
        return [row["id"] for row in self._by_ids(model, ids)]

    def has_access(self, model: str, operation: str) -> bool:
        """Tell whether the user may do something with a model."""
        if operation == "read":
            return self._readable(model)
        return self.user.group == "billing" or (self.user.group == "readonly" and model in _OWN)

    def check_access_rights(self, model: str, operation: str, raise_exception: bool = True) -> bool:
        """Tell the same, or raise."""
        allowed = self.has_access(model, operation)
        if raise_exception and not allowed:
            raise no_right(self.database.version, model)
        return allowed

    def generate(self, _model: str, key: str, scope: str, name: str, expiration_date: str) -> str:
        """Return the value of another API key for the owner of `key`."""
        self._check_own(key)
        del scope
        return self.database.api_keys.generate(self.user.shown, name, expiration_date)

    def revoke(self, _model: str, key: str) -> None:
        """Take an API key away."""
        self._check_own(key)
        self.database.api_keys.revoke(key)

    def _check_own(self, key: str) -> None:
        if not self.database.api_keys.is_valid(self.user.uid, key, self.user.api_key):
            raise access_denied()

    def context_get(self, _model: str) -> dict[str, Any]:
        """Return the user's own context."""
        return {"lang": "en_US", "tz": False, "uid": self.user.uid}

    # -- writing, as little as a reader may ------------------------------------------------------------------------

    def create(self, model: str, vals_list: Any) -> int | list[int]:
        """Create rows of the few models a reader may: a mail composer, which renders, and a mail template."""
        many = vals_list if isinstance(vals_list, list) else [vals_list]
        if self.user.group == "none" or model not in ("mail.compose.message", "mail.template"):
            raise no_right(self.database.version, model, "create")
        make = self._composer if model == "mail.compose.message" else self._template
        for values in many:
            for name in values:
                if name not in self.database.fields(model):
                    raise value_error(f"Invalid field {name!r} on model {model!r}")
        ids = [make(values) for values in many]
        return ids if isinstance(vals_list, list) else ids[0]

    def write(self, model: str, ids: list[int] | int, vals: Row) -> bool:
        """Write the user's own mail templates; anything else is refused."""
        if model != "mail.template" or any(row["create_uid"] != self.user.shown for row in self._records(model, ids)):
            raise no_right(self.database.version, model, "modify")
        for row in self._records(model, ids):
            row.update({name: _linked(value) for name, value in vals.items()})
        return True

    def unlink(self, model: str, ids: list[int] | int) -> bool:
        """Delete the user's own composers, templates and rendered files; anything else is refused."""
        rows = self._by_ids(model, ids)
        own = model in _OWN and all(row.get("create_uid") == self.user.shown for row in rows)
        if not own or any(row.get("res_id") for row in rows):
            raise no_right(self.database.version, model, "delete")
        self.database.remove(model, [row["id"] for row in rows])
        return True

    def get_portal_url(self, model: str, ids: list[int] | int, **keywords: Any) -> str:
        """Return an address that needs no session; the first one writes the document."""
        move = self._records(model, ids)[0]
        if not move.get("access_token"):
            move.update(access_token=str(uuid.uuid4()), write_uid=self.user.shown)
            self.database.touch(move["id"])
        wanted = {"report_type": keywords.get("report_type"), "download": keywords.get("download") and "true"}
        query = "".join(f"&{key}={value}" for key, value in wanted.items() if value)
        return f"/my/invoices/{move['id']}?access_token={move['access_token']}{query}"

    def action_post(self, model: str, ids: list[int] | int) -> bool:
        """Post drafts."""
        for move in self._to_change(model, ids):
            if move["state"] != "draft":
                raise user_error(f"The entry {move['name']} (id {move['id']}) must be in draft.")
            self.database.repost(move["id"])
        return False

    def button_draft(self, model: str, ids: list[int] | int) -> None:
        """Reset documents to draft."""
        for move in self._to_change(model, ids):
            self.database.reset_to_draft(move["id"])

    def button_cancel(self, model: str, ids: list[int] | int) -> None:
        """Cancel documents."""
        for move in self._to_change(model, ids):
            self.database.cancel(move["id"])

    def action_send_and_print(self, model: str, ids: list[int] | int, **_keywords: Any) -> None:
        """Mail documents to the customers, which nobody should do by RPC; it is counted."""
        if self.user.group != "billing":
            raise no_right(self.database.version, model, "modify")
        self.database.mailed += len(ids) if isinstance(ids, list) else 1

    # -- searching and formatting ----------------------------------------------------------------------------------

    def _matching(self, model: str, domain: Any) -> list[Row]:
        tests = [*tests_of(self.database, model, domain), self._visible(model)]
        mentioned = names_in(domain)
        if model == "ir.attachment" and mentioned.isdisjoint({"id", "res_field"}):
            tests.append(lambda row: not row["res_field"])
        has_active = "active" in self.database.fields(model)
        if has_active and self.context.get("active_test", True) and "active" not in mentioned:
            tests.append(lambda row: bool(row.get("active", True)))
        rows = self.database.table(model)
        # Most rows fail the first of them: it is asked of all rows, and each of the others of what is left.
        for test in tests:
            rows = [row for row in rows if test(row)]
        return rows

    def _found(self, model: str, domain: Any, offset: int, limit: int | str | None, order: str | None) -> list[Row]:
        if model != "ir.attachment":
            self._check_readable(model)
        if offset < 0:
            raise OdooError("psycopg2.errors.InvalidRowCountInResultOffsetClause", "OFFSET must not be negative\n")
        rows = sort_rows(self.database, model, self._matching(model, domain), order)
        return rows[offset : offset + int(limit)] if limit and int(limit) else rows[offset:]

    def _field_names(self, model: str, fields: list[str] | None) -> list[str]:
        known = self.database.fields(model)
        for name in fields or []:
            if name not in known:
                raise invalid_field(self.database.version, model, name)
        wanted = fields or [name for name, info in known.items() if not info.get("unrecorded")]
        return [name for name in wanted if name != "id"]

    def _formatted(self, model: str, rows: list[Row], names: list[str], load: str | None) -> list[Row]:
        many2one = {name for name in names if self.database.fields(model)[name]["type"] == "many2one"}
        formatted = []
        for row in rows:
            answer = {"id": row["id"]}
            for name in names:
                value = self.database.value(model, row, name)
                if name in _BINARY and value:
                    value = self._content(row, name)
                elif name in many2one and value and load != "_classic_read":
                    value = value[0]
                answer[name] = value
            formatted.append(answer)
        return formatted

    def _content(self, row: Row, name: str) -> str | Base64:
        content = self.database.files[row["id"]] if name == "datas" else self.database.legal_pdf(row) or b""
        if self.context.get("bin_size") or self.context.get(f"bin_size_{name}"):
            size, units = float(len(content)), ["bytes", "Kb", "Mb"]
            while size >= 1024 and len(units) > 1:
                size, units = size / 1024, units[1:]
            return f"{size:.2f} {units[0]}"
        return Base64(content)

    # -- rendering -------------------------------------------------------------------------------------------------

    def _composer(self, values: Row) -> int:
        """Render the reports of a template for one document, and attach them to the composer."""
        template = self.database.row("mail.template", int(values["template_id"]))
        ids = json.loads(values.get("res_ids") or "[]")
        moves = self._records("account.move", ids)
        if len(moves) != len(ids):
            gone = sorted(set(ids) - {move["id"] for move in moves})
            self.database.move(gone[0])
        attachments = []
        if len(moves) == 1:
            attachments = [self._rendered(moves[0]) for _report in template["report_template_ids"]]
        row = {**values, "template_id": [template["id"], template["name"]], "attachment_ids": attachments}
        row.update(subject=self._subject(template, moves), create_uid=self.user.shown)
        return self.database.add("mail.compose.message", row)

    def _rendered(self, move: Row) -> int:
        content = self.database.render(move, (self.user.uid, self.user.name))
        name = f"{move['name'] or move['display_name']}.pdf"
        return self.database.add_rendered(name, content, self.user.shown)

    @staticmethod
    def _subject(template: Row, moves: list[Row]) -> str | bool:
        if not str(template["subject"]).startswith("{{") or len(moves) != 1:
            return str(template["subject"]) if template["subject"] else False
        move = moves[0]
        kind = "Credit Note" if move["move_type"] == "out_refund" else "Invoice"
        return f"{move['company_id'][1]} {kind} (Ref {move['name'] or 'n/a'})"

    def _template(self, values: Row) -> int:
        known = {row["model_id"][0]: row for row in self.database.table("mail.template") if row["model_id"]}
        like = known.get(values.get("model_id", 0))
        stamp = self.database.stamp()
        row = {
            "name": False,
            "subject": False,
            "report_template_ids": [],
            **{name: _linked(value) for name, value in values.items()},
            "model": like["model"] if like else False,
            "model_id": like["model_id"] if like else False,
            "create_uid": self.user.shown,
            "write_uid": self.user.shown,
            "create_date": stamp,
            "write_date": stamp,
        }
        return self.database.add("mail.template", row)


def _linked(value: Any) -> Any:
    """Return the ids that the commands for an x2many field leave; other values as they are."""
    if not isinstance(value, list) or not all(isinstance(command, list) for command in value):
        return value
    ids: list[int] = []
    for command in value:
        if command[0] == 6:
            ids = list(command[2])
        elif command[0] == 4:
            ids.append(command[1])
        elif command[0] == 5:
            ids = []
    return ids
