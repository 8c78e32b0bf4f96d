"""One run of the extractor: the companies one after the other. If one fails, the others are still pulled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from pipeline.domain.alert import Failure
from pipeline.domain.document import Company
from pipeline.domain.errors import InvalidRequest, NeedsAttention, PipelineError
from pipeline.domain.source import Selection
from pipeline.use_cases.extract.lost_table import table_lost
from pipeline.use_cases.extract.pull import Extraction
from pipeline.use_cases.extract.reading import PAGE_ALLOWANCE_S

logger = logging.getLogger(__name__)

# The poster processes a backlog within a minute, or it is paused and waiting would not help.
BACKLOG_WAIT_S = 10.0
BACKLOG_WAITS_MAX = 6


def chosen(companies: Sequence[Company], name: str) -> list[Company]:
    """Return the company with that name, or all for an empty name. Raises InvalidRequest if there is none."""
    found = [company for company in companies if name in ("", company.name)]
    if not found:
        names = ", ".join(f"'{company.name}'" for company in companies) or "none"
        raise InvalidRequest(f"Odoo shows this user no company '{name}'; it shows {names}.")
    return found


def _in_turn(extraction: Extraction, companies: Sequence[Company]) -> Iterator[Company]:
    """Yield the companies, and then those that were held up, after a wait each time, until waiting does not help."""
    yield from companies
    waits = BACKLOG_WAITS_MAX if extraction.wait else 0
    while extraction.held_up and waits and extraction.wait:
        if not extraction.deadline.allows(BACKLOG_WAIT_S + PAGE_ALLOWANCE_S):
            return
        extraction.wait(BACKLOG_WAIT_S)
        held_up, extraction.held_up = extraction.held_up, []
        yield from held_up
        waits = waits - 1 if len(extraction.held_up) == len(held_up) else BACKLOG_WAITS_MAX


def run(
    extraction: Extraction,
    companies: Sequence[Company],
    selection: Selection | None,
    afterwards: Callable[[Company], None] = lambda _company: None,
) -> None:
    """Pull several companies. If one fails, the others are still pulled.

    `afterwards` is called for each company that was pulled by its cursor. Companies that are held up by their backlog
    are tried again after the others. The documents on which a run was killed come last. What a lost table knows nothing
    of is not pulled, but for documents that somebody names.

    Raises the first PipelineError at the end, so that the alarm, the retries and the dead letter see it.
    """
    errors: list[PipelineError] = []
    lost = [company.name for company in companies if company.name in extraction.lost and selection is None]
    if lost:
        errors.append(table_lost(lost))
        extraction.failures.append(Failure.of("", errors[0]))
    for company in _in_turn(extraction, [company for company in companies if company.name not in lost]):
        try:
            if selection is None:
                extraction.pull(company)
                afterwards(company)
            else:
                extraction.pull_selected(company, selection)
            extraction.checked.add(company.name)
        except PipelineError as error:
            logger.warning("company not pulled", extra={"company": company.name, "reason": str(error)})
            errors.append(error)
            extraction.counts.remaining = True
            if isinstance(error, NeedsAttention):
                extraction.checked.add(company.name)
                extraction.failures.append(Failure.of(company.name, error))
    try:
        extraction.pdfs.fetch_suspects()
    except PipelineError as error:
        logger.warning("PDFs not fetched", extra={"reason": str(error)})
        errors.append(error)
    if errors:
        raise errors[0]
