"""Amounts of money: Decimal from the wire on, rounded half up to the currency's decimal places."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from pipeline.domain.errors import InvalidDocument

ZERO = Decimal(0)
# No invoice comes near this: a larger amount is a corrupt value, not money. A smaller one has at most fifteen digits,
# which every JSON reader keeps exactly.
AMOUNT_MAX = Decimal(10) ** 12
# Nor any quantity or rate: written out, such a number fills the memory.
MAGNITUDE_MAX = 400


def decimal(value: Any) -> Decimal:
    """Return a finite Decimal for a number from the wire (int, str, Decimal or float by its shortest repr).

    Raises InvalidDocument for anything else. A bool is not a number here: Odoo's `false` means zero only in numeric
    fields, so the caller decides.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise InvalidDocument(f"{value!r} is not a number. Open it in Odoo and save it.")
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise InvalidDocument(f"{value!r:.40} is not a number. Open it in Odoo and save it.") from error
    if not number.is_finite() or abs(number.adjusted()) > MAGNITUDE_MAX:
        raise InvalidDocument(f"{str(value)[:40]} is not a finite number. Correct it in Odoo.")
    return number


def rounded(value: Decimal, decimal_places: int = 2) -> Decimal:
    """Return the amount rounded half up, as both Odoo and QuickBooks round; raises InvalidDocument beyond 10^12."""
    if abs(value) > AMOUNT_MAX:
        raise InvalidDocument(f"{value} is larger than any amount of money. Correct it in Odoo.")
    return value.quantize(Decimal(1).scaleb(-decimal_places), rounding=ROUND_HALF_UP)


def as_precise_as(other: Decimal, value: Decimal) -> Decimal:
    """Return the value with at least as many decimal places as the other: QuickBooks answers 516 for 516.00."""
    missing = int(value.as_tuple().exponent) - int(other.as_tuple().exponent)
    return value.quantize(other) if missing > 0 and abs(value) <= AMOUNT_MAX else value


def plain(value: Decimal) -> str:
    """Return the number without exponent and without trailing zeros (1.5, 100, 0.005)."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def figure(value: Decimal) -> str:
    """Return the amount with two decimal places, or as many more as it has: `1,234.50`, `1.234`."""
    places = max(2, -int(value.normalize().as_tuple().exponent)) if value else 2
    return f"{value:,.{places}f}"


def shown(value: Decimal, currency: str) -> str:
    """Return the amount as a person reads it: `1,234.50 USD`."""
    places = max(0, -int(value.as_tuple().exponent))
    return f"{value:,.{places}f} {currency}"
