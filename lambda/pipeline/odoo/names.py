"""Odoo's names for everything a mapping may name, in bulk: one call per mapped table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from pipeline.domain.document import Company
from pipeline.domain.errors import NeedsAttention
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
# There may be too many of these to read all of them: only the wanted ones are read.
_MANY = ("products",)


def names(odoo: Odoo, company: Company, wanted: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Return Odoo's names for each mapped table, archived ones too. A table the user may not read is absent."""
    found = {}
    for table, keys in wanted.items():
        if not keys:
            continue
        model, fields = _MODELS[table]
        domain: Domain = []
        if table in _MANY:
            alternatives = [[field, "in", sorted(keys)] for field in fields]
            domain = [*["|"] * (len(alternatives) - 1), *alternatives]
        with suppress(NeedsAttention):
            rows = odoo.search_all(model, domain, ["id", *fields], companies=[company.odoo_id])
            found[table] = frozenset(str(row[field]).strip() for row in rows for field in fields if row[field])
    return found
