"""Odoo's `sale.order` rows to orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipeline.domain.errors import InvalidDocument
from pipeline.domain.money import decimal
from pipeline.domain.order import Order, OrderDetail, OrderLine
from pipeline.odoo.client import Domain, Odoo
from pipeline.odoo.rows import text

ORDER_FIELDS = (
    *("id", "name", "state", "date_order", "write_date", "partner_id", "company_id", "currency_id", "user_id"),
    *("client_order_ref", "invoice_status", "amount_untaxed", "amount_tax", "amount_total"),
)
# Where the whole history is copied, a former name of an order is told by when it was created.
HISTORY_FIELDS = (*ORDER_FIELDS, "create_date")
LINE_FIELDS = (
    *("id", "order_id", "sequence", "product_id", "name", "product_uom_qty", "price_unit", "discount"),
    *("price_subtotal", "price_total"),
)
# What a DynamoDB number keeps exactly: 38 significant digits, well within its range.
DIGITS_MAX = 38
EXPONENT_MAX = 100


class OdooOrders:
    """The newest sale orders of a database, read with some fields."""

    def __init__(self, odoo: Odoo, fields: Sequence[str] = ORDER_FIELDS) -> None:
        self._odoo = odoo
        self._fields = fields

    def newest(self, limit: int) -> list[Mapping[str, Any]]:
        """Return the rows of the newest orders of every company, highest id first."""
        return list(
            self._odoo.search_read(
                "sale.order",
                [],
                self._fields,
                companies=self._companies(),
                limit=limit,
                order="id desc",
                checked=False,  # one malformed order must not stop the others
            )
        )

    def written_since(self, since: str, *, after_id: int, limit: int) -> list[Mapping[str, Any]]:
        """Return the rows of orders that were written since then, or had a line written, in order of id."""
        domain: Domain = [["id", ">", after_id]]
        if since:
            domain += ["|", ["write_date", ">=", since], ["order_line.write_date", ">=", since]]
        return list(
            self._odoo.search_read(
                "sale.order", domain, self._fields, companies=self._companies(), limit=limit, order="id asc",
            )
        )  # fmt: skip

    def lines(self, order_ids: Sequence[int]) -> dict[int, list[Mapping[str, Any]]]:
        """Return the rows of the lines of orders, by order, in their sequence."""
        rows = self._odoo.search_all(
            "sale.order.line", [["order_id", "in", list(order_ids)]], LINE_FIELDS, companies=self._companies()
        )
        found: dict[int, list[Mapping[str, Any]]] = {order_id: [] for order_id in order_ids}
        for row in sorted(rows, key=lambda row: (int(row["sequence"] or 0), row["id"])):
            found.setdefault(row["order_id"][0], []).append(row)
        return found

    def _companies(self) -> list[int]:
        rows = self._odoo.search_all("res.company", [], ["id"], companies=[])
        return [int(row["id"]) for row in rows]


def order(row: Mapping[str, Any]) -> Order:
    """Return the order of a row. Raises InvalidDocument, naming the field that is missing or has the wrong shape."""
    if not isinstance(row, Mapping):
        raise InvalidDocument("the order is no record")
    partner_id, partner_name = _pair(row, "partner_id")
    company_id, company_name = _pair(row, "company_id")
    name = _text(row, "name").strip()
    if not name:
        raise InvalidDocument("the order has no name")
    return Order(
        order_name=name,
        order_id=_identity(row),
        state=_text(row, "state"),
        ordered_at=_instant(row, "date_order"),
        changed_at=_instant(row, "write_date"),
        partner_id=partner_id,
        partner_name=partner_name,
        company_id=company_id,
        company_name=company_name,
        currency=_pair(row, "currency_id")[1],
        salesperson=_pair(row, "user_id")[1],
        customer_reference=_text(row, "client_order_ref"),
        invoice_status=_text(row, "invoice_status"),
        amount_untaxed=_amount(row, "amount_untaxed"),
        amount_tax=_amount(row, "amount_tax"),
        amount_total=_amount(row, "amount_total"),
    )


def order_detail(row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], database: str) -> OrderDetail:
    """Return what is stored beside an order. Raises InvalidDocument, naming the line and field that is malformed."""
    created_at = _instant(row, "create_date") if row.get("create_date") else ""
    return OrderDetail(tuple(order_line(line) for line in lines), database, created_at)


def order_line(row: Mapping[str, Any]) -> OrderLine:
    """Return the line of a row. Raises InvalidDocument, naming the line and the field that is missing or malformed."""
    try:
        return _order_line(row)
    except InvalidDocument as error:
        raise InvalidDocument(f"its line {row.get('id') or '(no id)'}: {error}", code=error.code) from error


def _order_line(row: Mapping[str, Any]) -> OrderLine:
    product_id, product_name = _pair(row, "product_id")
    return OrderLine(
        line_id=_identity(row),
        product_id=product_id,
        product_name=product_name,
        description=_text(row, "name"),
        quantity=_amount(row, "product_uom_qty"),
        unit_price=_amount(row, "price_unit"),
        discount_percentage=_amount(row, "discount"),
        amount_untaxed=_amount(row, "price_subtotal"),
        amount_total=_amount(row, "price_total"),
    )


def _identity(row: Mapping[str, Any]) -> str:
    value = row.get("id")
    if type(value) is not int or value <= 0:
        raise InvalidDocument("it has no id")
    return str(value)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is False:
        return ""
    if not isinstance(value, str):
        raise InvalidDocument(f"{name} is missing or no text")
    return text(value)


def _pair(row: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return the id and name of a many2one as texts, both empty if Odoo says false."""
    value = row.get(name)
    if value is False:
        return "", ""
    if not isinstance(value, list) or len(value) != 2 or type(value[0]) is not int:
        raise InvalidDocument(f"{name} is missing or no [id, name]")
    return str(value[0]), text(str(value[1] or ""))


def _amount(row: Mapping[str, Any], name: str) -> Decimal:
    try:
        number = decimal(row.get(name))
    except InvalidDocument as error:
        raise InvalidDocument(f"{name} is missing or no number") from error
    _, digits, exponent = number.as_tuple()
    if len(digits) > DIGITS_MAX or abs(int(exponent)) > EXPONENT_MAX:
        raise InvalidDocument(f"{name} is no amount of money: it has too many digits")
    return number


def _instant(row: Mapping[str, Any], name: str) -> str:
    said = _text(row, name)
    try:
        return f"{datetime.fromisoformat(said).isoformat()}Z" if said else ""
    except ValueError as error:
        raise InvalidDocument(f"{name} is no date") from error
