"""Taxes in Odoo: how a tax is computed, its amount on a document, and whether that is booked as tax."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Protocol

from pipeline.domain.document import Account, Line, Tax, TaxAmount, TaxPlace, private_tax
from pipeline.domain.money import ZERO, decimal, rounded
from pipeline.odoo.rows import Row, id_of, required, text

TAX_FIELDS = ("id", "name", "amount", "amount_type", "type_tax_use")
REPARTITION_FIELDS = ("id", "tax_id", "repartition_type", "account_id", "use_in_tax_closing")
TAX_TYPES = ("tax", "non_deductible_tax")

_ACCOUNT = ("account", "account.account")
_TAX = ("tax", "account.tax")


def tax(row: Row) -> Tax:
    """Return the tax of an `account.tax` row. Only for a percentage of the price without tax is its number a rate."""
    is_percentage = row["amount_type"] == "percent"
    return Tax(row["id"], text(row["name"]), decimal(row["amount"]), is_percentage, row["type_tax_use"] == "sale")


def closing(rows: Iterable[Row]) -> dict[int, dict[int, bool]]:
    """Return the accounts in the repartition lines of each tax, with whether the tax closing counts them.

    A share without an account is booked to the account of the line it is charged on.
    """
    found: dict[int, dict[int, bool]] = {}
    for row in rows:
        accounts = found.setdefault(id_of(row["tax_id"]), {})
        if row["repartition_type"] == "tax" and row["account_id"]:
            named = id_of(row["account_id"])
            accounts[named] = accounts.get(named, False) or bool(row["use_in_tax_closing"])
    return found


def is_tax(row: Row) -> bool:
    """Whether a journal item is tax. Cash rounding may be booked on the biggest tax; Odoo then counts it as tax."""
    return row["display_type"] in TAX_TYPES or (row["display_type"] == "rounding" and bool(row["tax_line_id"]))


class Known(Protocol):
    """Looked-up rows: taxes and accounts by id, the types of accounts, and what the tax closing counts by tax.

    The last two may be incomplete: a user may not see them, and an older Odoo does not have them.
    """

    accounts: dict[int, Account]
    account_kinds: dict[int, str]
    taxes: dict[int, Tax]
    closing: dict[int, dict[int, bool]]


def tax_amounts(
    lines: Sequence[Row], items: Sequence[Line], known: Known, decimal_places: int, sign: int, *, is_sale: bool
) -> tuple[TaxAmount, ...]:
    """Return the amount of each tax. If Odoo splits a tax into several lines (by analytic account), sum them.

    The base is summed from the lines, because Odoo's own `tax_base_amount` is in company currency.
    """
    amounts: dict[tuple[Tax, int], Decimal] = defaultdict(lambda: ZERO)
    for row in lines:
        if is_tax(row):
            is_private = row["display_type"] == "non_deductible_tax"
            own = (
                private_tax(text(row["name"]))
                if is_private
                else required(known.taxes, id_of(row["tax_line_id"]), *_TAX)
            )
            amounts[own, id_of(row["account_id"])] += sign * decimal(row["amount_currency"])
    found = []
    for (own, account_id), amount in amounts.items():
        base = sum((line.amount for line in items if own in line.taxes), ZERO)
        account = required(known.accounts, account_id, *_ACCOUNT)
        booked_on = [place for other, place in amounts if other == own]
        found.append(
            TaxAmount(
                own,
                rounded(base, decimal_places),
                rounded(amount, decimal_places),
                account,
                _place(own, account_id, booked_on, items, known, is_sale=is_sale),
            )
        )
    return tuple(tax_amount for tax_amount in found if tax_amount.amount or not tax_amount.is_private)


def _place(
    own: Tax, account_id: int, booked_on: Iterable[int], items: Sequence[Line], known: Known, *, is_sale: bool
) -> TaxPlace:
    """Return what kind of account an amount of a tax is booked on, which is one of those the tax is `booked_on`."""
    if not own.odoo_id:
        return TaxPlace.TAX  # the private part, which is handled separately
    named = known.closing.get(own.odoo_id)
    if named and account_id in named and not named[account_id]:
        return TaxPlace.OTHER
    # A part of a group is on no line itself.
    carrying = [line for line in items if own in line.taxes] or [line for line in items if line.taxes]
    of_lines = {line.account.odoo_id for line in carrying if line.account}
    # Elsewhere without being named: the account of a tax that waits for its payment, or one a person put there.
    if account_id in of_lines and account_id not in (named or {}):
        # A company that never gave its sales taxes an account charges them all the same. But where a part has
        # one, or on a purchase, what is booked on the line's own account is meant to be no tax.
        is_unplaced = is_sale and own.is_percentage and not named and set(booked_on) <= of_lines
        return TaxPlace.TAX if is_unplaced else TaxPlace.OTHER
    kind = known.account_kinds.get(account_id, "")
    if kind == "asset_current":
        return TaxPlace.ASSET if is_sale else TaxPlace.TAX
    is_known = account_id in (named or {}) or kind in ("", "liability_current")
    return TaxPlace.TAX if is_known else TaxPlace.OTHER
