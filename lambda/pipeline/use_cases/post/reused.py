"""The former document of an id that Odoo has given to another one, as after a restore from a backup."""

from __future__ import annotations

from pipeline.domain.books import Books
from pipeline.domain.document import Document
from pipeline.domain.errors import Rejected

# The code of the refusal to touch what does not carry the marker of the document.
NOT_OURS = "not_ours"
WHY = "another document has its id in Odoo now"


def is_let_go(books: Books, document: Document, qb_id: str) -> bool:
    """Whether a person has taken our marker off a document, so that it stays in the books: a metered read."""
    try:
        books.verify(document, qb_id)
    except Rejected as error:
        if error.code != NOT_OURS:
            raise
        return True
    return False
