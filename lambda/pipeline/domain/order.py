"""A sale order as other applications read it: flat, ids as text, amounts as Decimal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pipeline.domain.values import dataclass


class OrderStatus(StrEnum):
    """The result of one order in a sync. The last three are the categories of errors."""

    SUCCESS = "success"
    ODOO_ERROR = "odoo_error"
    INVALID_RECORD = "invalid_record"
    DYNAMO_ERROR = "dynamo_error"
    # Of an item, never of a record: the order has another name now, under which its item is.
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of an order. A line that is only text has no product and no amount."""

    line_id: str
    product_id: str
    product_name: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    discount_percentage: Decimal
    amount_untaxed: Decimal
    amount_total: Decimal


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """What is stored of an order beside itself where the whole history is copied.

    Database, id and creation tell an order from every other one: a name changes, and an id may come back as another
    order's after a restore from a backup. `created_at` is UTC, and empty if Odoo does not say it.
    """

    lines: tuple[OrderLine, ...]
    database: str
    created_at: str


@dataclass(frozen=True, slots=True)
class OrderCursor:
    """How far orders were read: everything written before `since`, and in the current walk the ids up to `after_id`.

    `at_work` is what a run works on that has not ended by itself, and `killed` how often that ended the function, by
    order. `reported` has what people were told of and is still so.
    """

    since: str = ""
    walk_began: str = ""
    after_id: int = 0
    at_work: str = ""
    killed: Mapping[str, int] = field(default_factory=dict)
    reported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One sale order. What is empty in Odoo is an empty text. `ordered_at` and `changed_at` are UTC."""

    order_name: str
    order_id: str
    state: str
    ordered_at: str
    changed_at: str
    partner_id: str
    partner_name: str
    company_id: str
    company_name: str
    currency: str
    salesperson: str
    customer_reference: str
    invoice_status: str
    amount_untaxed: Decimal
    amount_tax: Decimal
    amount_total: Decimal

    def record(self) -> dict[str, Any]:
        """Return its attributes by name."""
        return asdict(self)
