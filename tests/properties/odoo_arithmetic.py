"""What Odoo computes of an invoice: line amounts, taxes and totals, in its own floats, and the rows it then gives.

Written after how Odoo 16 to 19 behave, to be another opinion than the pipeline's own: floats throughout, halves rounded
up by Odoo's epsilon, prices that include taxes taken apart, taxes on taxes, rounding per line or over the document.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local.demo.documents import load

type Row = dict[str, Any]

_DEMO, _ = load()
# Every column Odoo gives, all empty: a field that the pipeline begins to read is there already.
_MOVE = dict.fromkeys(_DEMO["account.move"][0], False)
_LINE = dict.fromkeys(_DEMO["account.move.line"][0], False)

PER_LINE, GLOBALLY, GLOBALLY_19 = "per line", "globally", "globally in 19"
# How much finer than the currency Odoo computes when it rounds over the whole document.
_FINER = 1e-5


@dataclass(frozen=True)
class Currency:
    id: int
    name: str
    places: int

    @property
    def rounding(self) -> float:
        return 10.0**-self.places

    def round(self, value: float) -> float:
        """Return what Odoo stores of an amount."""
        return float(f"{half_up(value, self.rounding):.{self.places}f}")

    @property
    def named(self) -> list[Any]:
        return [self.id, self.name]


@dataclass(frozen=True)
class Tax:
    """A tax; `shares` are its repartition: a factor in percent and an account, or None for the account of the line."""

    id: int
    name: str
    amount: float
    kind: str = "percent"
    price_include: bool = False
    include_base_amount: bool = False
    is_sale: bool = True
    shares: tuple[tuple[float, int | None], ...] = ()

    @property
    def row(self) -> Row:
        return {
            **dict.fromkeys(_DEMO["account.tax"][0], False),
            "id": self.id,
            "name": self.name,
            "amount": self.amount,
            "amount_type": self.kind,
            "type_tax_use": "sale" if self.is_sale else "purchase",
            "price_include": self.price_include,
            "include_base_amount": self.include_base_amount,
        }


@dataclass(frozen=True)
class Item:
    """A line as a person typed it; `deductible` is the percentage that is the company's own (19, bills)."""

    account: int
    price: float
    quantity: float
    discount: float = 0.0
    taxes: tuple[Tax, ...] = ()
    deductible: float = 100.0
    name: str = "Line"


@dataclass
class Invoice:
    """An invoice, bill or refund as a person typed it; `per_home` is units of its currency for one of home currency."""

    id: int
    move_type: str
    company: list[Any]
    home: Currency
    currency: Currency
    per_home: float
    partner: list[Any]
    items: Sequence[Item | str]  # a text is a section or a note
    rounding: str = PER_LINE
    cash_rounding: float = 0.0
    cash_rounding_on_tax: bool = False
    early_discount: float = 0.0
    installments: int = 1
    accounts: dict[str, int] = field(default_factory=dict)  # of discounts, rounding, private parts, what is owed


def half_up(value: float, rounding: float) -> float:
    """Return a float rounded half up as Odoo does: an epsilon of its own size lifts what should have been a half."""
    if not value:
        return 0.0
    normal = value / rounding
    epsilon = 2.0 ** (math.log2(abs(normal)) - 52)
    return round(normal + math.copysign(epsilon, normal)) * rounding


@dataclass(frozen=True)
class Taxed:
    """A line taken apart: what is left without tax, and each share of each tax."""

    excluded: float
    parts: tuple[tuple[Tax, int, float], ...]


def taxed(price: float, quantity: float, taxes: Sequence[Tax], step: float) -> Taxed:
    """Take a line apart, rounding to `step` as it goes."""
    base = half_up(price * quantity, step)
    sign, base = (-1.0, -base) if base < 0 else (1.0, base)
    size = abs(quantity)
    # Backwards, to find what is left when every included tax is taken out; each of them knows what it left behind.
    checkpoints: dict[int, float] = {}
    fixed = percent = division = 0.0
    is_new = True
    for place in reversed(range(len(taxes))):
        tax = taxes[place]
        if tax.include_base_amount:
            base = _without(base, fixed, percent, division)
            fixed = percent = division = 0.0
            is_new = True
        if tax.price_include:
            fixed += size * tax.amount if tax.kind == "fixed" else 0.0
            percent += tax.amount if tax.kind == "percent" else 0.0
            division += tax.amount if tax.kind == "division" else 0.0
            if is_new:
                checkpoints[place] = base
                is_new = False
    excluded = base = half_up(_without(base, fixed, percent, division), step)
    parts: list[tuple[Tax, int, float]] = []
    included = 0.0
    for place, tax in enumerate(taxes):
        if tax.price_include and place in checkpoints:
            amount = checkpoints[place] - (base + included)
            included = 0.0
        else:
            amount = _amount(tax, base, size)
        amount = half_up(amount, step)
        parts += [(tax, index, sign * share) for index, share in enumerate(_shares(tax, amount, step))]
        if tax.price_include and place not in checkpoints:
            included += amount
        if tax.include_base_amount:
            base += amount
    return Taxed(sign * excluded, tuple(parts))


def _without(base: float, fixed: float, percent: float, division: float) -> float:
    return (base - fixed) / (1.0 + percent / 100.0) * (100.0 - division) / 100.0


def _amount(tax: Tax, base: float, size: float) -> float:
    if tax.kind == "fixed":
        return size * tax.amount
    if tax.kind == "division":
        return base * tax.amount / 100.0 if tax.price_include else base / (1.0 - tax.amount / 100.0) - base
    return base - base / (1.0 + tax.amount / 100.0) if tax.price_include else base * tax.amount / 100.0


def _shares(tax: Tax, amount: float, step: float) -> list[float]:
    """Return a tax split over its accounts; the steps that rounding lost go to the first ones."""
    factors = [factor / 100.0 for factor, _ in tax.shares]
    shares = [half_up(amount * factor, step) for factor in factors]
    lost = half_up(amount * sum(factors), step) - sum(shares)
    for index in range(min(len(shares), round(abs(lost) / step))):
        shares[index] += math.copysign(step, lost)
    return shares


# -- rows --------------------------------------------------------------------------------------------------------------


class _Entry:
    """The journal items of one move, signed as Odoo signs them."""

    def __init__(self, invoice: Invoice) -> None:
        self.invoice = invoice
        self.sign = -1.0 if invoice.move_type in ("out_invoice", "in_refund", "out_receipt") else 1.0
        self.rows: list[Row] = []

    def add(self, display_type: str, amount: float, account: int | None, **fields: Any) -> Row:
        """Add a journal item of an amount of the document."""
        invoice = self.invoice
        signed = invoice.currency.round(self.sign * amount)
        # A line of a bill that is in home currency keeps its amount; others are converted one by one.
        balance = signed if invoice.currency == invoice.home else invoice.home.round(signed / invoice.per_home)
        row = {
            **_LINE,
            "id": invoice.id * 10_000 + len(self.rows),
            "move_id": [invoice.id, "the move"],
            "sequence": 10 + len(self.rows),
            "display_type": display_type,
            "name": display_type,
            "quantity": 0.0,
            "price_unit": 0.0,
            "discount": 0.0,
            "tax_ids": [],
            "account_id": [account, f"account {account}"] if account else False,
            "amount_currency": signed,
            "balance": balance,
            "company_id": invoice.company,
            "currency_id": invoice.currency.named,
            **fields,
        }
        self.rows.append(row)
        return row

    def total(self, field_name: str, kinds: Iterable[str]) -> float:
        """Return the sum over some kinds of items as Odoo adds them up, in floats and with their noise."""
        return sum(row[field_name] for row in self.rows if _kind(row) in kinds)


_UNTAXED = ("product", "rounding", "non_deductible_product", "non_deductible_product_total")
_TAX = ("tax", "non_deductible_tax")


def _kind(row: Row) -> str:
    return "tax" if row["display_type"] == "rounding" and row["tax_line_id"] else str(row["display_type"])


def rows_of(invoice: Invoice) -> tuple[Row, list[Row]]:
    """Return the `account.move` row and its `account.move.line` rows as they come over RPC."""
    entry = _Entry(invoice)
    step = invoice.currency.rounding * (1.0 if invoice.rounding == PER_LINE else _FINER)
    amounts: dict[tuple[Tax, int, int], float] = defaultdict(float)
    raw = 0.0
    for item in invoice.items:
        if isinstance(item, str):
            entry.add(item, 0.0, None)
            continue
        whole = taxed(item.price * (1.0 - item.discount / 100.0), item.quantity, item.taxes, step)
        raw += whole.excluded
        row = entry.add(
            "product",
            whole.excluded,
            item.account,
            name=item.name,
            quantity=item.quantity,
            price_unit=item.price,
            discount=item.discount,
            tax_ids=[tax.id for tax in item.taxes],
        )
        row["price_subtotal"] = entry.sign * row["amount_currency"]
        for tax, share, amount in whole.parts:
            amounts[tax, share, tax.shares[share][1] or item.account] += amount
    if invoice.rounding == GLOBALLY_19:
        _spread(entry, raw)
    _discounts(entry)
    _early_discount(entry, amounts, step)
    _private_parts(entry, amounts, step)
    for (tax, _share, account), amount in amounts.items():
        entry.add("tax", amount, account, name=tax.name, tax_line_id=[tax.id, tax.name])
    _cash_rounding(entry)
    _owed(entry)
    return _move(entry), entry.rows


def _spread(entry: _Entry, raw: float) -> None:
    """Book the units that rounding each line lost against rounding the document on the largest lines, one on each."""
    currency = entry.invoice.currency
    products = [row for row in entry.rows if row["display_type"] == "product"]
    lost = currency.round(raw) - sum(row["price_subtotal"] for row in products)
    units = round(lost / currency.rounding)
    for row in sorted(products, key=lambda line: -abs(line["price_subtotal"]))[: abs(units)]:
        more = entry.sign * math.copysign(currency.rounding, units)
        row["amount_currency"] = currency.round(row["amount_currency"] + more)
        if currency == entry.invoice.home:
            row["balance"] = row["amount_currency"]


def _discounts(entry: _Entry) -> None:
    """Show discounts on an account of their own, where the company has one."""
    account = entry.invoice.accounts.get("discount")
    if account is None:
        return
    for item in entry.invoice.items:
        if isinstance(item, Item) and item.discount:
            amount = entry.invoice.currency.round(item.price * item.quantity * item.discount / 100.0)
            entry.add("discount", amount, item.account, name="Discount")
            entry.add("discount", -amount, account, name="Discount")


def _early_discount(entry: _Entry, amounts: dict[tuple[Tax, int, int], float], step: float) -> None:
    """Lower the base of the taxes by a discount that is only taken later: a pair of items that come to nothing."""
    if not entry.invoice.early_discount:
        return
    products = [row for row in entry.rows if row["display_type"] == "product"]
    items = [item for item in entry.invoice.items if isinstance(item, Item)]
    for row, item in zip(products, items, strict=True):
        if item.taxes and all(tax.kind == "percent" for tax in item.taxes):
            off = entry.invoice.currency.round(row["price_subtotal"] * entry.invoice.early_discount / 100.0)
            entry.add("epd", -off, item.account, name="Early Payment Discount", tax_ids=row["tax_ids"])
            entry.add("epd", off, item.account, name="Early Payment Discount")
            _take_off(amounts, item, off, step)


def _take_off(amounts: dict[tuple[Tax, int, int], float], item: Item, off: float, step: float) -> float:
    """Take the taxes on a part of a line off what they come to; return how much that was."""
    excluding = tuple(replace(tax, price_include=False) for tax in item.taxes)
    typed = {tax.id: tax for tax in item.taxes}
    less = 0.0
    for tax, share, amount in taxed(off, 1.0, excluding, step).parts:
        amounts[typed[tax.id], share, tax.shares[share][1] or item.account] -= amount
        less += amount
    return less


def _private_parts(entry: _Entry, amounts: dict[tuple[Tax, int, int], float], step: float) -> None:
    """Take the private part of a bill's lines off their accounts, and its tax off what may be deducted."""
    products = [row for row in entry.rows if row["display_type"] == "product"]
    items = [item for item in entry.invoice.items if isinstance(item, Item)]
    private = private_tax = 0.0
    is_taxed = False
    for row, item in zip(products, items, strict=True):
        if item.deductible == 100.0:
            continue
        part = entry.invoice.currency.round(row["price_subtotal"] * (1.0 - item.deductible / 100.0))
        entry.add("non_deductible_product", -part, item.account, name=item.name, tax_ids=row["tax_ids"])
        private += part
        private_tax += _take_off(amounts, item, part, step)
        is_taxed = is_taxed or bool(item.taxes)
    if private:
        entry.add("non_deductible_product_total", private, entry.invoice.accounts["private"], name="private part")
    if is_taxed:
        entry.add("non_deductible_tax", private_tax, entry.invoice.accounts["private"], name="private part (taxes)")


def _cash_rounding(entry: _Entry) -> None:
    invoice = entry.invoice
    if not invoice.cash_rounding:
        return
    total = entry.sign * entry.total("amount_currency", (*_UNTAXED, *_TAX))
    difference = invoice.currency.round(half_up(total, invoice.cash_rounding) - total)
    taxes = [row for row in entry.rows if row["display_type"] == "tax"]
    if not difference:
        return
    if invoice.cash_rounding_on_tax and taxes:
        biggest = max(taxes, key=lambda row: abs(row["balance"]))
        fields = {"tax_line_id": biggest["tax_line_id"], "name": "Rounding"}
        entry.add("rounding", difference, biggest["account_id"][0], **fields)
    else:
        entry.add("rounding", difference, invoice.accounts["rounding"], name="Rounding", quantity=1.0)


def _owed(entry: _Entry) -> None:
    """Add what is owed, in installments: the entry comes to nothing in both currencies."""
    invoice = entry.invoice
    left = entry.sign * entry.total("amount_currency", (*_UNTAXED, *_TAX))
    balance = -sum(row["balance"] for row in entry.rows)
    for number in range(invoice.installments):
        part = left if number == invoice.installments - 1 else invoice.currency.round(left / invoice.installments)
        left -= part
        row = entry.add("payment_term", -part, invoice.accounts["owed"], date_maturity=f"2026-{number + 3:02}-15")
        if number == invoice.installments - 1:
            row["balance"] = invoice.home.round(balance)
        balance -= row["balance"]


def _move(entry: _Entry) -> Row:
    invoice = entry.invoice
    untaxed, tax = (entry.sign * entry.total("amount_currency", kinds) for kinds in (_UNTAXED, _TAX))
    return {
        **_MOVE,
        "id": invoice.id,
        "name": f"{invoice.move_type}/{invoice.id}",
        "move_type": invoice.move_type,
        "state": "posted",
        "posted_before": True,
        "date": "2026-02-03",
        "invoice_date": "2026-02-01",
        "invoice_date_due": "2026-03-15",
        "partner_id": invoice.partner,
        "commercial_partner_id": invoice.partner,
        "company_id": invoice.company,
        "currency_id": invoice.currency.named,
        "company_currency_id": invoice.home.named,
        "amount_untaxed": untaxed,
        "amount_tax": tax,
        "amount_total": entry.sign * entry.total("amount_currency", (*_UNTAXED, *_TAX)),
        "amount_total_signed": -entry.total("balance", (*_UNTAXED, *_TAX)),
        "invoice_currency_rate": invoice.per_home,
        "write_date": "2026-11-20 21:11:39",
    }
