"""A number that is in use in QuickBooks: which document of ours has it, and which number another one has meanwhile."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from pipeline.domain.books import Draft
from pipeline.domain.document import Document, DocumentType
from pipeline.domain.errors import NeedsAttention, Rejected
from pipeline.domain.values import replace
from pipeline.qbo.booked import fingerprint
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.faults import DUPLICATE_DOC_NUMBER, Refused, holder_named_in
from pipeline.qbo.marker import entry_id_of
from pipeline.qbo.payloads import DOC_NUMBER_LENGTH_MAX, ENTITIES, doc_number, payload_hash

# Separates a number from the mark of the document that has it for a while.
_ASIDE = "~"
_MARK_LENGTH = 8
# Two vendors may well use the same number. No call can read or turn off this setting.
_ALLOW_BILLS = ", or turn off the warning about duplicate bill numbers in QuickBooks (Account and settings, Advanced)"


def is_number_taken(error: Exception) -> bool:
    """Whether a refusal says that the document's number is in use."""
    return isinstance(error, Refused) and error.fault.code == DUPLICATE_DOC_NUMBER


class Holder(NamedTuple):
    """Who has a number: its entry (empty if a person typed it in), and its kind and id in QuickBooks."""

    entry_id: str
    entity: str
    qb_id: str = ""


def holder(client: Client, document: Document, error: NeedsAttention) -> Holder | None:
    """Return who else has the number of a document, or None if nobody has it any more. It costs a metered read.

    QuickBooks names the kind: a credit note may have the number of an invoice.
    """
    entity = holder_named_in(error) or ENTITIES[document.document_type]
    if entity not in ENTITIES.values():
        return Holder("", entity)
    rows = client.query(entity, f"DocNumber = {quoted(doc_number(document))}")
    found = [Holder(entry_id_of(row), entity, str(row["Id"])) for row in rows]
    # One of ours is asked first: it may leave the number by itself.
    return next(iter(sorted((other for other in found if other.entry_id != document.entry_id), reverse=True)), None)


def explained(client: Client, document: Document, error: NeedsAttention) -> NeedsAttention:
    """Return the refusal of a number with the document of ours that has it, or as it is."""
    if not is_number_taken(error):
        return error
    found = holder(client, document, error)
    if found is None or not found.entry_id:
        return error
    allow = _ALLOW_BILLS if found.entity == ENTITIES[DocumentType.BILL] else ""
    return Rejected(
        f"its number {doc_number(document)} is taken in QuickBooks by another document of Odoo: {found.entry_id} "
        f"({found.entity} Id {found.qb_id}). If that one was deleted or given another number in Odoo, retry it first, "
        f"so that it leaves the number free; else give one of the two another number in Odoo{allow}. Then retry this "
        "one.",
        code="number_of_another",
    )


def set_aside(draft: Draft, entry_id: str) -> Draft:
    """Return a draft under a number that nobody else has, always the same for an entry."""
    mark = _ASIDE + hashlib.sha256(entry_id.encode()).hexdigest()[:_MARK_LENGTH]
    number = draft.doc_number[: DOC_NUMBER_LENGTH_MAX - len(mark)] + mark
    body = {**draft.body, "DocNumber": number}
    return replace(draft, body=body, hash=payload_hash(body), doc_number=number, fingerprint=fingerprint(body))
