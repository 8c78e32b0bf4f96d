"""Count what is not carried: nothing that moves a receivable or payable is silently left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Protocol

from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.errors import PipelineError
from pipeline.domain.source import NotCarried

logger = logging.getLogger(__name__)

# The time for two counts, and for what a run has to do after them.
ALLOWANCE_S = 20.0


class NotCarriedSource(Protocol):
    """The journal entries in the system that documents come from."""

    def not_carried(self, company: Company, since: date | None = None) -> NotCarried:
        """Return how many journal entries, from a date on if given, move a receivable, payable or tax uncarried."""


def count_not_carried(
    source: NotCarriedSource, companies: Sequence[Company], go_live: Callable[[str], date | None], deadline: Deadline
) -> dict[str, dict[str, int]]:
    """Return the counts by company, and log them. One that cannot be counted, or not in time, is left out."""
    counts = {}
    for company in companies:
        if not deadline.allows(ALLOWANCE_S):
            break
        try:
            found = asdict(source.not_carried(company, go_live(company.name)))
        except PipelineError as error:
            logger.warning("not counted what is not carried", extra={"company": company.name, "reason": str(error)})
            continue
        logger.info("not carried", extra={"company": company.name, **found})
        counts[company.name] = found
    return counts
