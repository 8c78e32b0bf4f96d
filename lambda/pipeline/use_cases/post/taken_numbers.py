"""Numbers that change hands: Odoo's resequencing gives a document the number that another one has in the books.

As long as that one is still to be worked on, it may leave the number, and nobody has to do anything. A document that is
in the books already takes a number of its own meanwhile. Otherwise two that swap their numbers would wait for each
other for ever.
"""

from __future__ import annotations

from pipeline.domain.books import Books
from pipeline.domain.document import Document
from pipeline.domain.errors import Deferred, NeedsAttention
from pipeline.use_cases.post.record import Record

# After so many tries, some nine hours, a person is asked.
WAITS_MAX = 15
# The number was free when it was looked up, perhaps because its holder has just left it. After this many tries that is
# no accident.
FREE_MAX = 2


def refusal_of_number(
    record: Record, books: Books, document: Document, error: NeedsAttention
) -> Deferred | NeedsAttention:
    """Return what the refusal of a number means: wait for the document that has it, or ask a person."""
    if not books.is_number_taken(error):
        return error
    tries = record.entry.attempts
    # That one may leave it between the two questions, so a second answer decides before a person is asked.
    for _ in range(2):
        holder = books.holder(document, error)
        if holder is None and tries < FREE_MAX:
            return Deferred("its number was in use in QuickBooks, and is free now", code="number_of_another")
        other = record.table.entry(holder) if holder else None
        if other is None:
            break
        if other.is_open and tries < WAITS_MAX:
            return Deferred(
                f"its number is in QuickBooks still that of {other.title}, which is worked on first",
                code="number_of_another",
            )
    return books.explained(document, error)
