"""Who may see what in Odoo: rights by model, and the records of one's companies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.stand_ins.odoo.api_keys import MODEL as API_KEYS
from local.stand_ins.odoo.documents import OdooDocuments
from local.stand_ins.odoo.domain import Row, Test
from local.stand_ins.odoo.errors import OdooError, access_error, no_right, other_company

# Nobody but an administrator reads these; an accountant's user is refused.
_ADMINISTRATIVE = frozenset(
    {"ir.model", "ir.model.data", "ir.module.module", "payment.transaction", "account.analytic.plan"}
)
_COMPANY_FIELDS = ("company_id", "company_ids")
# A branch reads these of its parents: Odoo's record rules say `parent_of` for them, since 17.
_SHARED_WITH_BRANCHES = (
    *("account.account", "account.fiscal.position", "account.journal", "account.payment.term", "account.tax"),
    *("account.tax.group", "account.tax.repartition.line", "product.product", "product.template", "res.partner"),
)


@dataclass(frozen=True, slots=True)
class User:
    """A user of Odoo; `group` is `readonly` (reads accounting), `billing` (also posts), or `none`."""

    uid: int
    login: str
    name: str
    password: str
    api_key: str
    company_ids: tuple[int, ...]
    group: str = "readonly"

    @property
    def shown(self) -> list[Any]:
        """How a many2one shows the user."""
        return [self.uid, self.name]


class Rights:
    """The database as one user sees it, with the companies the context allows."""

    def __init__(self, database: OdooDocuments, user: User, context: dict[str, Any]) -> None:
        self.database = database
        self.user = user
        self.context = context

    def _readable(self, model: str) -> bool:
        if self.user.group == "none":
            return not model.startswith(("account.", "sale.", "ir.model", "payment."))
        return model not in _ADMINISTRATIVE

    def _check_readable(self, model: str) -> None:
        if not self._readable(model):
            raise no_right(self.database.version, model)

    def _check_all_fields(self, model: str, fields: list[str] | None) -> None:
        """Refuse to read all fields of a document, some of which a reader may not see."""
        if model != "account.move" or fields:
            return
        if self.database.version >= 19:
            raise no_right(self.database.version, "payment.transaction")
        raise OdooError("builtins.KeyError", "amount_total")

    @property
    def _companies(self) -> tuple[int, ...]:
        allowed = self.context.get("allowed_company_ids")
        if not allowed:
            return self.user.company_ids
        if not set(allowed) <= set(self.user.company_ids):
            raise access_error("Access to unauthorized or invalid companies.")
        return tuple(allowed)

    def _visible(self, model: str) -> Test:
        """Return the test that rows of allowed companies pass."""
        companies = set(self._companies)
        if model == "res.company":
            return lambda row: row["id"] in companies
        if model == "ir.attachment":
            return self._attachment_visible()
        if model == API_KEYS:
            return lambda row: bool(row["user_id"][0] == self.user.uid)
        names = [name for name in _COMPANY_FIELDS if name in self.database.fields(model)]
        if not names:
            return lambda _row: True
        name = names[0]
        if model in _SHARED_WITH_BRANCHES:
            companies |= self._parents_of(companies)

        def visible(row: Row) -> bool:
            found = row.get(name)
            if not found:
                return True
            return found[0] in companies if name == "company_id" else not companies.isdisjoint(found)

        return visible

    def _parents_of(self, companies: set[int]) -> set[int]:
        parents = {row["id"]: row.get("parent_id") for row in self.database.table("res.company")}
        found: set[int] = set()
        for company in companies:
            parent = parents.get(company)
            while parent:
                found.add(parent[0])
                parent = parents.get(parent[0])
        return found

    def _attachment_visible(self) -> Test:
        visible_moves: set[int] = set()
        if self._readable("account.move"):
            visible = self._visible("account.move")
            visible_moves = {row["id"] for row in self.database.table("account.move") if visible(row)}

        def attachment_visible(row: Row) -> bool:
            if row["res_model"] == "account.move":
                return row["res_id"] in visible_moves
            return bool(row.get("create_uid") == self.user.shown or row.get("public"))

        return attachment_visible

    def _by_ids(self, model: str, ids: list[int] | int) -> list[Row]:
        wanted = ids if isinstance(ids, list) else [ids]
        rows = {row["id"]: row for row in self.database.table(model)}
        return [rows[row_id] for row_id in wanted if row_id in rows]

    def _records(self, model: str, ids: list[int] | int) -> list[Row]:
        rows = self._by_ids(model, ids)
        visible = self._visible(model)
        hidden = [row for row in rows if not visible(row)]
        if not hidden:
            return rows
        if model == "ir.attachment":
            raise access_error(
                "Sorry, you are not allowed to access this document. Please contact your system administrator.\n\n"
                f"(Operation: read)\n\nRecords: {[row['id'] for row in hidden]}, User: {self.user.uid}"
            )
        company = hidden[0].get("company_id")
        mine = (company[0], company[1]) if company and company[0] in self.user.company_ids else None
        raise other_company(model, f"{self.user.name} (id={self.user.uid})", mine)

    def _to_change(self, model: str, ids: list[int] | int) -> list[Row]:
        if self.user.group != "billing":
            raise no_right(self.database.version, model, "modify")
        return self._records(model, ids)
