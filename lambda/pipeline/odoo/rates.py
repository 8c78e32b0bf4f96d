"""The exchange rate of a document, as Odoo used it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pipeline.domain.document import Company
from pipeline.domain.money import ZERO, decimal
from pipeline.odoo.rows import Row, name_of

RATE_STEP = Decimal("1e-9")
# The lines and the amount owed come to twice the total, unless some are negative.
OFFSETTING = 4
BELOW_HALF_A_CENT = Decimal("0.004")


def rate(move: Row, lines: Sequence[Row], own_company: Company, total: Decimal, home_total: Decimal) -> Decimal:
    """Return home currency per unit of document currency, or 0 if unknown. Odoo's own rate is the inverse.

    16 and 17 do not name it. The two totals give it, and the journal items where the total is zero or small beside
    them, as on a final invoice after a down payment. Where all of it is below half a cent of home currency, it is a
    rate at which it is worth nothing, as in Odoo: without one, the books would take a rate of their own.
    """
    if name_of(move["currency_id"]) == own_company.currency:
        return Decimal(1)
    per_home = decimal(move.get("invoice_currency_rate") or 0)
    if per_home > 0:
        return (1 / per_home).quantize(RATE_STEP)
    foreign = sum((abs(decimal(line["amount_currency"])) for line in lines), ZERO)
    home = sum((abs(decimal(line["balance"])) for line in lines), ZERO)
    if home_total and total and home <= OFFSETTING * home_total:
        return (home_total / total).quantize(RATE_STEP)
    worth = home or home_total or BELOW_HALF_A_CENT
    return max((worth / (foreign or total)).quantize(RATE_STEP), RATE_STEP) if foreign or total else ZERO
