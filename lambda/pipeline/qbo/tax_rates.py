"""Which rate of a tax code an amount of tax belongs to where its percentage alone does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pipeline.domain.document import Document, LineKind, Tax
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.money import ZERO, plain, shown
from pipeline.qbo.lists import Rate, TaxCode

# By how much an amount of tax may differ from its rate because of cash rounding or a correction by hand, in the
# currency's smallest units. Rounding of lines may add one more for each line.
_BY_HAND = 5


def own_rate(tax: Tax, alike: Sequence[Tax], rates: Sequence[Rate]) -> Rate:
    """Return the rate of one of several taxes of the same percentage: CGST and SGST of 9% each are two rates.

    `alike` are the taxes of that percentage on the same lines. A name that only one rate shares a word with decides;
    otherwise taxes and rates are paired in their order, so that each has one of its own.
    """
    words = _words(tax.name)
    named = [rate for rate in rates if words & _words(rate.name) - _common(rates)]
    if len(named) == 1:
        return named[0]
    place = alike.index(tax) if tax in alike else 0
    return rates[min(place, len(rates) - 1)]


def check_rates(document: Document, codes: Iterable[TaxCode]) -> None:
    """Raise InvalidDocument if a tax is not of its own rate on the document, but of that of another tax code.

    Odoo lets a tax get another rate after documents were posted with it. They keep their amounts, and would go to the
    code of the new rate. An amount that a person has corrected by a cent, or to that of no rate, is left alone; so is
    a tax beside others on a line, which may be a tax on a tax, and one that is booked in parts.
    """
    singles = {
        code.rates[0].percent for code in codes
        if code.is_sale == document.document_type.is_sale and len(code.rates) == 1 and code.rates[0].percent > 0
    }  # fmt: skip
    for tax in dict.fromkeys(amount.tax for amount in document.taxes):
        if tax.has_rate and tax.rate:
            _check_rate(tax, document, singles)


def _check_rate(tax: Tax, document: Document, percents: Iterable[Decimal]) -> None:
    lines = [line for line in document.lines if line.kind is LineKind.ITEM and tax in line.taxes]
    parts = [amount.amount for amount in document.taxes if amount.tax == tax]
    # A reverse charge is booked with both signs.
    is_whole = len(parts) == 1 or (len(parts) == 2 and not sum(parts))
    if not is_whole or any(len(line.taxes) > 1 for line in lines):
        return
    base = abs(sum((line.amount for line in lines), ZERO))
    charged = abs(parts[0])
    tolerance = (_BY_HAND + len(lines)) * Decimal(1).scaleb(-document.decimal_places)

    def fits(percent: Decimal) -> bool:
        return abs(charged - base * percent / 100) <= tolerance

    fitting = sorted(filter(fits, percents)) if base and charged and not fits(tax.rate) else []
    if fitting:
        raise InvalidDocument(
            f"its tax '{tax.name}' is {plain(tax.rate)}% in Odoo, but {shown(charged, document.currency)} on "
            f"{shown(base, document.currency)} is {plain(fitting[0])}%: the tax probably got another rate after the "
            "document was posted, and would be reported under the new one. Give the tax its former rate back in Odoo, "
            "and make another tax for the new one; or put the tax of the right rate on the lines. Then retry.",
            code="tax_rate_changed",
        )


def _words(name: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", name.casefold()))


def _common(rates: Sequence[Rate]) -> set[str]:
    return set.intersection(*(_words(rate.name) for rate in rates))
