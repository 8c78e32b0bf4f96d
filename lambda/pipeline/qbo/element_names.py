"""Names in place of the ids by which QuickBooks' refusals speak of objects (`Accounts element id 5`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.qbo.lists import Lists

_ELEMENT = re.compile(r"\b(Names|Accounts|Klasses|Items|Departments|Terms|TaxCodes) element id (\d+)")
_NOUNS = {
    "Names": "the customer or vendor",
    "Accounts": "the account",
    "Klasses": "the class",
    "Items": "the item",
    "Departments": "the location",
    "Terms": "the terms",
    "TaxCodes": "the tax code",
}
ACCOUNTS_NAMED_MAX = 10
_ENTITIES = {"Names": ("Customer", "Vendor"), "Items": ("Item",)}


def with_names(text: str, lists: Lists, name_of: Callable[[str, str], str]) -> str:
    """Return a refusal's text with the names of what it speaks of, where they are known.

    `name_of` gives the name of a customer, vendor or item by its entity and id, or an empty text.
    """
    rows: dict[str, Sequence[Any]] = {
        "Accounts": lists.accounts,
        "Klasses": lists.classes,
        "Departments": lists.departments,
        "Terms": lists.terms,
        "TaxCodes": lists.tax_codes,
        "Items": lists.items,
    }

    def named(found: re.Match[str]) -> str:
        table, qb_id = found.groups()
        name = next((str(row.name) for row in rows.get(table, ()) if row.qb_id == qb_id), "")
        name = name or next(filter(None, (name_of(entity, qb_id) for entity in _ENTITIES.get(table, ()))), "")
        return f"{_NOUNS[table]} '{name}' ({found[0]})" if name else found[0]

    return _ELEMENT.sub(named, text)


def accounts_of(body: Mapping[str, Any], lists: Lists) -> str:
    """Return the accounts that the lines of a purchase name, each once; of many the first ones."""
    details = [line.get("AccountBasedExpenseLineDetail", {}) for line in body.get("Line", [])]
    ids = dict.fromkeys(str(detail["AccountRef"]["value"]) for detail in details if "AccountRef" in detail)
    named = [str(account) for account in lists.accounts if account.qb_id in ids]
    return ", ".join(named[:ACCOUNTS_NAMED_MAX]) or "items of other accounts"
