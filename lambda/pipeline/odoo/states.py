"""The codes of states: `CA` for California, as addresses in some countries are written.

A contact names its state, "California (US)", and only the state itself has the code. QuickBooks works out sales tax by
the code of the state in the US.
"""

from __future__ import annotations

import logging
import re

from pipeline.domain.document import Company
from pipeline.domain.errors import NeedsAttention
from pipeline.odoo.client import Odoo
from pipeline.odoo.rows import Row, id_of, name_of, text

# Countries in which an address is written with the code.
_WITH_CODES = re.compile(r" \((?:US|CA|AU)\)$")
# Where the code is put on the row of a contact.
CODE = "state_code"

logger = logging.getLogger(__name__)


class States:
    """The codes of the states that contacts name; each is read once."""

    def __init__(self, odoo: Odoo) -> None:
        self._odoo = odoo
        self._codes: dict[int, str] = {}
        self._may_read = True

    def add_codes(self, partners: dict[int, Row], company: Company) -> None:
        """Put the codes of states on the rows of contacts. Without the right to read states, their names stay."""
        named = {
            partner_id: id_of(row["state_id"])
            for partner_id, row in partners.items()
            if CODE not in row and _WITH_CODES.search(name_of(row["state_id"]))
        }
        missing = sorted(set(named.values()) - self._codes.keys())
        if missing and self._may_read:
            self._read(missing, company)
        for partner_id, state_id in named.items():
            partners[partner_id] = {**partners[partner_id], CODE: self._codes.get(state_id, "")}

    def _read(self, ids: list[int], company: Company) -> None:
        try:
            rows = self._odoo.search_all(
                "res.country.state", [["id", "in", ids]], ["id", "code"], companies=[company.odoo_id]
            )
            self._codes.update({int(row["id"]): text(row["code"]) for row in rows})
        except (NeedsAttention, LookupError, TypeError) as error:
            logger.warning("codes of states not read", extra={"company": company.name, "reason": str(error)})
            self._may_read = False
