"""Odoo's names for everything a mapping may name, in bulk: one call per mapped table.

For a name that is missing among the many, another call finds those that are like it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from pipeline.domain.document import Company
from pipeline.domain.errors import NeedsAttention
from pipeline.odoo.answers import Row
from pipeline.odoo.client import Domain, Odoo

# The tables of the mapping: the model, and the fields by which a row may be named.
_MODELS = {
    "accounts": ("account.account", ("code", "name")),
    "journals": ("account.journal", ("name", "display_name")),
    "analytics": ("account.analytic.account", ("name",)),
    "taxes": ("account.tax", ("name",)),
    "terms": ("account.payment.term", ("name", "display_name")),
    "products": ("product.product", ("default_code", "name")),
}
# There may be too many of these to read all of them: only the wanted ones are read, and those like one that is missing.
_MANY = ("products",)
MISSING_LOOKED_FOR_MAX = 10
LIKE_MAX = 200

logger = logging.getLogger(__name__)


def names(odoo: Odoo, company: Company, wanted: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Return Odoo's names for each mapped table, archived ones too. A table the user may not read is absent."""
    found = {}
    for table, keys in wanted.items():
        if not keys:
            continue
        model, fields = _MODELS[table]
        domain = _any_of(fields, "in", sorted(keys)) if table in _MANY else []
        try:
            rows = odoo.search_all(model, domain, ["id", *fields], companies=[company.odoo_id])
            found[table] = _named(rows, fields)
            if table in _MANY:
                found[table] |= _like(odoo, company, table, sorted(set(keys) - found[table]))
        except NeedsAttention as error:
            logger.warning("names of a table not read", extra={"company": company.name, "table": table,
                                                               "reason": str(error)})  # fmt: skip
    return found


def _like(odoo: Odoo, company: Company, table: str, missing: Sequence[str]) -> frozenset[str]:
    """Return names that begin as missing ones do, so that the nearest can be said of each."""
    model, fields = _MODELS[table]
    found: frozenset[str] = frozenset()
    for key in missing[:MISSING_LOOKED_FOR_MAX]:
        beginning = re.match(r"\w+", key.strip())
        if beginning:
            rows = odoo.search_read(
                model, _any_of(fields, "ilike", beginning[0]), ["id", *fields], companies=[company.odoo_id],
                limit=LIKE_MAX, order="id",
            )  # fmt: skip
            found |= _named(rows, fields)
    return found


def _any_of(fields: Sequence[str], operator: str, value: object) -> Domain:
    return [*["|"] * (len(fields) - 1), *([field, operator, value] for field in fields)]


def _named(rows: Iterable[Row], fields: Sequence[str]) -> frozenset[str]:
    return frozenset(str(row[field]).strip() for row in rows for field in fields if row[field])
