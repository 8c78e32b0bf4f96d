"""Report names in a mapping that Odoo does not have: they would be silently ignored.

Errors that keep everything from being posted come in one message with these names.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.document import Company
from pipeline.domain.errors import PipelineError
from pipeline.domain.mapping import FILE, Rules
from pipeline.domain.mapping_file import MappingFile, broken, identity_of, in_order, shown
from pipeline.domain.mapping_keys import mapped, unknown_keys

logger = logging.getLogger(__name__)

UNKNOWN_IN_ODOO = "mapping_unknown_in_odoo"
UNKNOWN_COMPANY = "that the Odoo user may see"
_REMEDY = "Correct the file, then run terraform apply; documents that were posted meanwhile follow when they change."


class MappedNamesSource(Protocol):
    """The names in the system that documents come from."""

    def names(self, company: Company, wanted: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
        """Return the existing names for each table of the mapping that is not empty."""


def check_mapping(source: MappedNamesSource, companies: Sequence[Company], mapping: MappingFile) -> None:
    """Raise Misconfigured for a mapping that is wrong as a file, or has companies that are not among `companies`.

    The error lists that, and every name of Odoo that can be read in the file and that Odoo does not have.
    """
    unknown = mapping.unknown_companies([company.name for company in companies], UNKNOWN_COMPANY)
    if mapping.errors or unknown:
        names = [
            line for company in companies for line in unknown_in_odoo(source, company, mapping.readable(company.name))
        ]
        raise broken([*mapping.errors, *unknown, *names])


def check_mapping_keys(source: MappedNamesSource, companies: Sequence[Company], mapping: MappingFile) -> list[Failure]:
    """Return a failure for each company whose mapping names what Odoo does not have. It stops nothing.

    Unlike a name that QuickBooks lacks, a name that was archived or renamed in Odoo may concern no document of this
    month. Documents that it concerns are still right to the cent. Only class and terms are missing; the rest follows
    the conventions.
    """
    failures = []
    for company in companies:
        found = unknown_in_odoo(source, company, mapping.rules(company.name))
        if found:
            failure = Failure(
                company.name, UNKNOWN_IN_ODOO, "", without_effect(found), stops=False, identity=identity_of(found)
            )
            failures.append(failure)
    return failures


def unknown_in_odoo(source: MappedNamesSource, company: Company, rules: Rules) -> list[str]:
    """Return a line for each name in a company's rules that Odoo does not have; none if Odoo cannot say."""
    wanted = {table: [target.source for target in targets] for table, targets in mapped(rules).items() if targets}
    if not wanted:
        return []
    try:
        return in_order(unknown_keys(rules, source.names(company, wanted)))
    except PipelineError as error:
        logger.warning("mapping not compared", extra={"company": company.name, "reason": str(error)})
        return []


def without_effect(found: Sequence[str]) -> str:
    """Return the message about names that Odoo does not have."""
    return (
        f"The mapping ({FILE}) names what Odoo does not have, so these lines have no effect. Names are read in English "
        "(en_US), whatever language a screen shows. " + _REMEDY + "\n" + shown(found)
    )
