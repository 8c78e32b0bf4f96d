"""Whether Odoo has what a mapping names: a left side that matches nothing would be silently ignored."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from pipeline.domain.mapping import AND, BETWEEN_PLANS, Rules, Target

_NOUNS = {
    "accounts": "account",
    "journals": "journal",
    "analytics": "analytic account",
    "taxes": "tax",
    "terms": "payment terms",
    "products": "product",
}


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
    found = [
        (target.line, _sentence(table, target, part, names))
        for table, targets in mapped(rules).items()
        if (names := known.get(table)) is not None
        for target in targets
        for part in _parts(table, target.source)
        if part not in names
    ]
    return [text for _, text in sorted(dict.fromkeys(found))]


def _parts(table: str, source: str) -> list[str]:
    """Return the names that make up a left side: taxes of one line, or analytic accounts of several plans."""
    between = {"taxes": AND, "analytics": BETWEEN_PLANS}.get(table)
    return [part.strip() for part in source.split(between)] if between else [source.strip()]


def _sentence(table: str, target: Target, part: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(part, sorted(names), n=1)
    return f"line {target.line}: {_NOUNS[table]} '{part}' matches nothing in Odoo" + (
        f"; nearest: '{near[0]}'" if near else ""
    )
