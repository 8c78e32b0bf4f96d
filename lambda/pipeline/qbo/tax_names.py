"""Which tax of Odoo is which rate of QuickBooks, by names alone: for the comparison, and for nothing else.

A tax code is called like Odoo's tax, or the mapping names it. Its rate has a name of its own. Only a rate that belongs
to one code, which has no other rate on that side, is known from its code. Other rates are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from pipeline.domain.mapping import AND, Rules, combination
from pipeline.qbo.rows import Json
from pipeline.qbo.text import clean_line

_LISTS = {True: "SalesTaxRateList", False: "PurchaseTaxRateList"}


def names_of_rates(codes: Iterable[Json]) -> dict[str, tuple[str, bool]]:
    """Return the code of each rate that has one of its own, and whether it is one of sales, by the rate's id."""
    found: defaultdict[str, list[tuple[str, bool, bool]]] = defaultdict(list)
    for code in codes:
        for is_sale, name in _LISTS.items():
            details = (code.get(name) or {}).get("TaxRateDetail") or []
            for detail in details:
                rate = str((detail.get("TaxRateRef") or {}).get("value", ""))
                found[rate].append((str(code.get("Name", "")), is_sale, len(details) == 1))
    return {
        rate: (name, is_sale) for rate, [(name, is_sale, is_alone), *others] in found.items() if is_alone and not others
    }


def finder(rates: Mapping[str, tuple[str, bool]], rules: Rules) -> Callable[[str, bool], str]:
    """Return what gives the code's name of one of Odoo's taxes on sales or on purchases, or an empty text."""
    known = {(clean_line(name).casefold(), is_sale): name for name, is_sale in rates.values()}
    # A tax that the mapping brings together with another may be booked under the code of both.
    together = [combination(source) for source in rules.taxes if AND in source]

    def find(name: str, is_sale: bool) -> str:
        (spelled,) = combination(name.replace(AND, " "))
        if any(spelled in parts for parts in together):
            return ""
        target = rules.tax([name])
        wanted = target.name if target else name
        return known.get((clean_line(wanted).casefold(), is_sale), "")

    return cache(find)
