"""The exchange rate of a document, as Odoo used it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pipeline.domain.document import Company
from pipeline.domain.money import ZERO, decimal
from pipeline.odoo.rows import Row, name_of

RATE_STEP = Decimal("1e-9")


def rate(move: Row, lines: Sequence[Row], own_company: Company, total: Decimal, home_total: Decimal) -> Decimal:
    """Return home currency per unit of document currency, or 0 if unknown. Odoo's own rate is the inverse.

    A zero total, as on a final invoice after a down payment, gives no rate; its journal items do.
    """
    if name_of(move["currency_id"]) == own_company.currency:
        return Decimal(1)
    per_home = decimal(move.get("invoice_currency_rate") or 0)
    if per_home > 0:
        return (1 / per_home).quantize(RATE_STEP)
    if total:
        return (home_total / total).quantize(RATE_STEP)
    foreign = sum((abs(decimal(line["amount_currency"])) for line in lines), ZERO)
    home = sum((abs(decimal(line["balance"])) for line in lines), ZERO)
    return (home / foreign).quantize(RATE_STEP) if foreign else ZERO
