"""Report names in a mapping that Odoo does not have, once per company: they would be silently ignored."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.document import Company
from pipeline.domain.errors import PipelineError
from pipeline.domain.mapping import FILE, MappingFile
from pipeline.domain.mapping_keys import mapped, unknown_keys

logger = logging.getLogger(__name__)

UNKNOWN_IN_ODOO = "mapping_unknown_in_odoo"
ERRORS_SHOWN_MAX = 30
_REMEDY = "Correct the file, then run terraform apply; documents that were posted meanwhile follow when they change."


class MappedNamesSource(Protocol):
    """The names in the system that documents come from."""

    def names(self, company: Company, wanted: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
        """Return the existing names for each table of the mapping that is not empty."""


def check_mapping_keys(source: MappedNamesSource, companies: Sequence[Company], mapping: MappingFile) -> list[Failure]:
    """Return a failure for each company whose mapping names what Odoo does not have. It stops nothing.

    Unlike a name that QuickBooks lacks, a name that was archived or renamed in Odoo may concern no document of this
    month. Documents that it concerns are still posted right to the cent; only class and terms are missing, and the rest
    follows the conventions.
    """
    failures = []
    for company in companies:
        rules = mapping.rules(company.name)
        wanted = {table: [target.source for target in targets] for table, targets in mapped(rules).items() if targets}
        if not wanted:
            continue
        try:
            found = unknown_keys(rules, source.names(company, wanted))
        except PipelineError as error:
            logger.warning("mapping not compared", extra={"company": company.name, "reason": str(error)})
            continue
        if found:
            failures.append(Failure(company.name, UNKNOWN_IN_ODOO, "", _message(found), stops=False))
    return failures


def _message(found: Sequence[str]) -> str:
    shown = [*found[:ERRORS_SHOWN_MAX], *([f"... and {len(found) - ERRORS_SHOWN_MAX} more"]
             if len(found) > ERRORS_SHOWN_MAX else [])]  # fmt: skip
    return (
        f"The mapping ({FILE}) names what Odoo does not have, so these lines have no effect. Names are read in English "
        "(en_US), whatever language a screen shows. " + _REMEDY + "\n" + "\n".join(shown)
    )
