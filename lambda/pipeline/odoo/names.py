"""The names Odoo has for what a mapping may name, in bulk: a call for each table that is mapped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from pipeline.domain.document import Company
from pipeline.domain.errors import NeedsAttention
from pipeline.odoo.client import Domain, Odoo

# Each table of the mapping: the model it is about, and the fields by one of which a row is known.
_MODELS = {
    "accounts": ("account.account", ("code", "name")),
    "journals": ("account.journal", ("name", "display_name")),
    "analytics": ("account.analytic.account", ("name",)),
    "taxes": ("account.tax", ("name",)),
    "terms": ("account.payment.term", ("name", "display_name")),
    "products": ("product.product", ("default_code", "name")),
}
# There may be too many of these to read them all: only the wanted ones are asked for.
_MANY = ("products",)


def names(odoo: Odoo, company: Company, wanted: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Return the names Odoo has for each mapped table, archived ones too; a table the user may not read is absent."""
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
