"""A tracking table that was lost: nothing is pulled into it before it is restored or rebuilt.

A document is found in the books by its entry, or else by the number that it has in Odoo now. Without its entry one that
was renumbered since it was posted would be posted a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.domain.document import Company
from pipeline.domain.errors import NeedsAttention

NAMED_MAX = 5


class Progress(Protocol):
    """How far the companies were read."""

    def was_read(self, database: str, company: str) -> bool:
        """Whether it is known how far a company was read."""


class Copies(Protocol):
    """The bucket, which outlives a table."""

    def has_copies(self) -> bool:
        """Whether a document was ever stored."""


def lost_companies(progress: Progress, store: Copies, database: str, companies: Sequence[Company]) -> frozenset[str]:
    """Return the names of the companies that a table without a known database must be rebuilt for, if it was lost.

    It was if documents of `database` were ever stored. A table of an earlier release knows how far each was read.
    """
    if not store.has_copies():
        return frozenset()
    return frozenset(company.name for company in companies if not progress.was_read(database, company.name))


def table_lost(companies: Sequence[str]) -> NeedsAttention:
    """Return the error for companies that are not pulled because the table was lost."""
    named = ", ".join(companies[:NAMED_MAX])
    more = f" and {len(companies) - NAMED_MAX} more" if len(companies) > NAMED_MAX else ""
    return NeedsAttention(
        f"The tracking table was lost: it knows nothing of {named}{more}, and the bucket has documents. Restore the "
        "table from its backup, or rebuild it. Nothing is pulled until then: what was renumbered since would be posted "
        "twice.",
        code="table_lost",
    )
