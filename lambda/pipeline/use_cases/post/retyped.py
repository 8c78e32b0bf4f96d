"""A document that is another type in Odoo than it was posted as: an invoice that became a credit note."""

from __future__ import annotations

from pipeline.domain.document import Document
from pipeline.domain.entry import Entry
from pipeline.domain.errors import Rejected
from pipeline.domain.values import replace


def as_posted(document: Document, entry: Entry) -> Document:
    """Return a document with the type it has in the books, which its entry keeps while the document is there.

    Raises Rejected for one that is to stay in the books as another type: no transaction becomes another.
    """
    if document.document_type is entry.document_type or not (entry.qb_id or entry.step):
        return document
    if document.withdrawn or entry.withdrawn:
        return replace(document, document_type=entry.document_type)
    former, present = entry.document_type.noun, document.document_type.noun
    raise Rejected(
        f"it is a {present} in Odoo now, and is in QuickBooks as the {former} it was, which no transaction there can "
        f"change. Reset it to draft in Odoo, so that the next pull takes the {former} back, and post it again after "
        "that.",
        code="type_changed",
    )
