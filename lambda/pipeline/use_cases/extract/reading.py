"""Read a page of documents, and find the one for which the source gives no usable answer.

A server may fail on one document every time: a module raises an error on it, or reading its lines takes too long. Such
a page is read again in smaller parts, down to that document alone. It is then noted by its name, and the others go on.

If the server fails on every document, the document is not the cause. So before one is noted, another one must be
readable: one of its company or, if there is no other, of another company.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice

from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.entry import Entry
from pipeline.domain.from_odoo import UNANSWERED_BY_ODOO
from pipeline.domain.source import Page, Selection, TooMany
from pipeline.use_cases.extract.collaborators import ExtractorSource

logger = logging.getLogger(__name__)

# In practice a page (8 reads) never takes longer than this. The next tick goes on.
PAGE_ALLOWANCE_S = 45.0
# How many times smaller a page is read again.
FEWER = 8
# How many of the following documents, or else of the other companies' first ones, are tried to see whether the source
# answers for others.
OTHERS_TRIED_MAX = 3
# A document without an answer may cost minutes of a run, so it is tried again after this, and last.
TRIED_AGAIN_AFTER = timedelta(hours=1)


def pages(
    source: ExtractorSource, company: Company, selection: Selection, *,
    deadline: Deadline, companies: Sequence[Company], limit: int,
) -> Iterator[Page]:  # fmt: skip
    """Yield the documents of a selection in pages of at most `limit`, smaller ones where one breaks the answer.

    The last one has no `last_id`; without it, time ran out. Raises what `read_page` raises, but no TooMany.
    """
    after_id, size = 0, limit
    while deadline.allows(PAGE_ALLOWANCE_S):
        try:
            page = read_page(
                source, company, selection, after_id=after_id, limit=size, deadline=deadline, companies=companies
            )
        except TooMany:
            size = max(1, size // FEWER)
            continue
        yield page
        if not page.last_id:
            return
        after_id, size = page.last_id, min(2 * size, limit)


def read_page(
    source: ExtractorSource, company: Company, selection: Selection, *,
    after_id: int, limit: int, deadline: Deadline, companies: Sequence[Company],
) -> Page:  # fmt: skip
    """Return a page of at most `limit` documents. Raises TooMany if a smaller one should be asked for.

    A document that is alone is tried twice, and then returned as unreadable. Without time for that it raises TooMany.
    If no other document of the `companies` can be read either, or there is none, it raises what the source said:
    nothing shows that it is this one.
    """
    try:
        return source.page(company, selection, after_id=after_id, limit=limit)
    except TooMany as error:
        too_many = error
        logger.warning("page not answered", extra={"company": company.name, "after_id": after_id, "limit": limit,
                                                   "reason": str(error)})  # fmt: skip
        # What is left of the time may itself be the reason.
        if limit > 1 or not deadline.allows(PAGE_ALLOWANCE_S):
            raise
    answers = _answers_for_others(source, company, selection, after_id, deadline, companies)
    if not answers:
        raise too_many if answers is None else too_many.reason
    try:
        return source.page(company, selection, after_id=after_id, limit=1)
    except TooMany as error:
        return source.unanswered_page(company, selection, after_id=after_id, reason=error.reason)


def _answers_for_others(
    source: ExtractorSource, company: Company, selection: Selection, after_id: int, deadline: Deadline,
    companies: Sequence[Company],
) -> bool | None:  # fmt: skip
    """Whether a document can be read that is not the next one. None without time to try any."""
    is_tried = False
    for where, chosen, other in _others(source, company, selection, after_id, companies):
        if not deadline.allows(PAGE_ALLOWANCE_S):
            return False if is_tried else None
        is_tried = True
        with suppress(TooMany):
            if source.page(where, chosen, after_id=other - 1, limit=1).last_id:
                return True
    return False


def _others(
    source: ExtractorSource, company: Company, selection: Selection, after_id: int, companies: Sequence[Company]
) -> Iterator[tuple[Company, Selection, int]]:
    """Yield a few documents that come after the next one, and then the first of the company.

    Where the company has no other document, yield the first ones of a few other companies.
    """
    is_alone = True
    suspect = last = source.next_id(company, selection, after_id)
    for _ in range(OTHERS_TRIED_MAX):
        last = source.next_id(company, selection, last) if last else 0
        if last:
            is_alone = False
            yield company, selection, last
    first = source.next_id(company, Selection(), 0)
    if first not in (0, suspect):
        is_alone = False
        yield company, Selection(), first
    if is_alone:
        firsts = ((other, source.next_id(other, Selection(), 0)) for other in companies if other != company)
        for other, first in islice(((other, first) for other, first in firsts if first), OTHERS_TRIED_MAX):
            yield other, Selection(), first


def unanswered(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries of documents for which there was no usable answer."""
    return [entry for entry in entries if entry.is_unreadable and entry.error_code == UNANSWERED_BY_ODOO]


def to_try_again(entries: Iterable[Entry], now: datetime) -> tuple[int, ...]:
    """Return the ids of those that are due to be tried again."""
    return tuple(sorted(entry.odoo_id for entry in entries if now - entry.updated_at >= TRIED_AGAIN_AFTER))
