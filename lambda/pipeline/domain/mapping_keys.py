"""Whether Odoo has what a mapping names: a left side that matches nothing would be silently ignored."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from pipeline.domain.mapping import AND, BETWEEN_PLANS, NO_TAX, Rules, Target, no_tax_on, spelled

_NOUNS = {
    "accounts": "account",
    "journals": "journal",
    "analytics": "analytic account",
    "taxes": "tax",
    "terms": "payment terms",
    "products": "product",
}


# What a left side may be without being a name of Odoo.
_STANDING_IN = {"taxes": frozenset((NO_TAX, no_tax_on(is_sale=True), no_tax_on(is_sale=False)))}


def mapped(rules: Rules) -> dict[str, list[Target]]:
    """Return the Odoo names in a company's mapping, by table, with their targets."""
    journals = [rule.book_class or rule.department for rule in rules.journals.values()]
    return {
        "accounts": list(rules.accounts.values()),
        "journals": [target for target in journals if target],
        "analytics": list(rules.analytics.values()),
        "taxes": list(rules.taxes.values()),
        "terms": list(rules.terms.values()),
        "products": list(rules.products.values()),
    }


def unknown_keys(rules: Rules, known: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the names in a mapping that Odoo does not have, with their lines and the nearest names.

    `known` holds Odoo's names by table. A table that is not in it could not be read and is not checked.
    """
    found = []
    for table, targets in mapped(rules).items():
        if table in known:
            names = frozenset(map(spelled, known[table])) | _STANDING_IN.get(table, frozenset())
            found += [
                (target.line, _sentence(table, target, part, names))
                for target in targets
                for part in _unknown_parts(table, target.source, names)
            ]
    return [text for _, text in sorted(dict.fromkeys(found))]


def _unknown_parts(table: str, source: str, names: frozenset[str]) -> list[str]:
    """Return which names of a left side are unknown: it may join taxes of one line, or analytic accounts.

    A name may itself have what joins them in it, as `21% + 5.2% RE` has.
    """
    between = {"taxes": AND, "analytics": BETWEEN_PLANS}.get(table)
    parts = [spelled(part) for part in source.split(between)] if between else [spelled(source)]
    unknown: list[str] = []
    start = 0
    while start < len(parts):
        joined = (
            end for end in range(len(parts), start, -1) if spelled((between or "").join(parts[start:end])) in names
        )
        end = next(joined, 0)
        if not end:
            unknown.append(parts[start])
        start = end or start + 1
    return unknown


def _sentence(table: str, target: Target, part: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(part, sorted(names), n=1)
    return f"line {target.line}: {_NOUNS[table]} '{part}' matches nothing in Odoo" + (
        f"; nearest: '{near[0]}'" if near else ""
    )
