"""What QuickBooks has no field for, as lines of the private note."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.domain.document import Document
from pipeline.domain.money import plain, shown

# The memo comes last and gets the remaining room.
FILES_LENGTH_MAX = 1_500
INSTALLMENTS_SHOWN_MAX = 24


def without_a_field(document: Document) -> Iterator[str]:
    """Yield a line for everything QuickBooks has no field for: dates, reference, payment, papers."""
    if document.issued_on != document.booked_on:
        yield f"Date of the {document.document_type.noun}: {document.issued_on}"
    if document.reference:
        yield f"Reference: {document.reference}"
    if document.party.contact:
        yield f"Contact: {document.party.contact}"
    if document.origin:
        yield f"Source: {document.origin}"
    if document.salesperson and document.document_type.is_sale:
        yield f"Salesperson: {document.salesperson}"
    if document.is_receipt:
        yield f"A {'sales' if document.document_type.is_sale else 'purchase'} receipt in Odoo"
    yield from _payment(document)
    if document.left_out:
        yield _cut(f"Not in the PDF: {' '.join(document.left_out)}", FILES_LENGTH_MAX)
    if document.embedded:
        yield _cut(f"In the PDF: {' '.join(document.embedded)}", FILES_LENGTH_MAX)
    if document.memo:
        yield document.memo


def _payment(document: Document) -> Iterator[str]:
    if len(document.installments) > 1:
        due = [
            f"{shown(installment.amount, document.currency)} on {installment.due_on}"
            for installment in document.installments[:INSTALLMENTS_SHOWN_MAX]
        ]
        if len(due) < len(document.installments):
            due.append(f"and {len(document.installments) - len(due)} more")
        yield f"Due in {len(document.installments)} installments: {', '.join(due)}"
    discount = document.early_discount
    if discount:
        yield f"Early payment: {plain(discount.percentage)}% off when paid by {discount.until}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
