"""What is not carried, counted: nothing that moves what is owed is left out without a word."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Protocol

from pipeline.domain.document import Company
from pipeline.domain.errors import PipelineError
from pipeline.domain.source import NotCarried

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Where documents come from, and what else is there."""

    def not_carried(self, company: Company, since: date | None = None) -> NotCarried:
        """Return how many entries move what is owed, or a tax, and are not carried; from a date on, if given."""


def count_not_carried(
    source: Source, companies: Sequence[Company], go_live: Callable[[str], date | None]
) -> dict[str, dict[str, int]]:
    """Return the counts by company, and log them. A company that cannot be counted is left out, and the run goes on."""
    counts = {}
    for company in companies:
        try:
            found = asdict(source.not_carried(company, go_live(company.name)))
        except PipelineError as error:
            logger.warning("not counted what is not carried", extra={"company": company.name, "reason": str(error)})
            continue
        logger.info("not carried", extra={"company": company.name, **found})
        counts[company.name] = found
    return counts
