"""How the extractor and the daily comparison change the status of an entry: each of their transitions as a function.

A transition takes what Odoo says and the entry as it was, and returns the changed entry. One that is not allowed raises
ForbiddenTransition. The transitions of those who come afterwards are in `lifecycle.py`.
"""

from __future__ import annotations

from datetime import date, datetime

from pipeline.domain import advice
from pipeline.domain.advice import DELETED_IN_ODOO, ID_REUSED
from pipeline.domain.document import Company, Document, DocumentType
from pipeline.domain.entry import COPY_CHANGED, Entry, PdfPart, names_of
from pipeline.domain.money import ZERO
from pipeline.domain.source import UnreadableDocument
from pipeline.domain.transitions import (
    COMPARISON,
    EXTRACTOR,
    FAILED,
    PENDING,
    SKIPPED,
    VOIDED,
    Actor,
    ForbiddenTransition,
    is_allowed,
    moved,
)
from pipeline.domain.values import replace

# The objects of an entry that may be reported lost in S3. They come back if the document is pulled again.
LOST = frozenset(("copy_missing", COPY_CHANGED, "pdf_missing", "pdf_changed"))

BEFORE_GO_LIVE = "before_go_live"
# A document for which Odoo gives no usable answer, though it answers for others.
UNANSWERED_BY_ODOO = "unanswered_by_odoo"
# A number and a name are shown to people, and a text of Odoo may be longer than an item of the table.
SHOWN_LENGTH_MAX = 300
RECEIPT_SKIPPED = "receipt_skipped"


def extracted(document: Document, previous: Entry | None, now: datetime, *, by: Actor = EXTRACTOR) -> Entry:
    """Return the entry of a document as Odoo has it now, keeping what QuickBooks has of it.

    The entry waits for its PDF. If the document was withdrawn before it was first pulled, skip it.
    """
    status, reason = PENDING, ""
    if document.withdrawn and (previous is None or previous.status is SKIPPED):
        # We never saw it while it was posted, so there is nothing to take back.
        status, reason = SKIPPED, "It was cancelled or reset to draft in Odoo before it was first pulled."
    base = previous or _blank(document.entry_id, document.odoo_id, document.document_type, document.company, now)
    return moved(
        base,
        status,
        by,
        now,
        is_new=previous is None,
        # The type that it has in the books stays until it is taken back.
        document_type=base.document_type if base.qb_id or base.step else document.document_type,
        company=document.company.name,
        number=document.number[:SHOWN_LENGTH_MAX],
        party=document.party.name[:SHOWN_LENGTH_MAX],
        document_date=document.issued_on,
        currency=document.currency,
        total=document.total,
        odoo_write_date=document.written_at,
        odoo_created_at=document.created_at,
        successor="",
        content_hash=document.content_hash,
        version=base.version + 1,
        withdrawn=document.withdrawn,
        pdf_key="",
        pdf_sha256="",
        pdf_bytes=None,
        pdf_source="",
        stored_sha256="",
        active_content="",
        attempts=0,
        # A create with an unknown outcome must settle before anybody looks for it, even after an edit.
        next_attempt_at=base.settles_at,
        pending_since=now,
        error_code="",
        error_message=reason,
    )


def skipped_before_go_live(
    entry: Entry, previous: Entry | None, document: Document, go_live: date, *, by: Actor = EXTRACTOR
) -> Entry:
    """Return the extracted entry of a document dated before its company's go-live, as skipped."""
    reason = f"It is dated {document.booked_on}, and {document.company.name} goes live on {go_live}."
    return _skipped(entry, previous, BEFORE_GO_LIVE, reason, by)


def skipped_receipt(entry: Entry, previous: Entry | None, document: Document, *, by: Actor = EXTRACTOR) -> Entry:
    """Return the extracted entry of a receipt, as skipped, because its company wants no receipts in its books."""
    reason = f'It is a receipt, and the mapping of {document.company.name} says receipts = "skip".'
    return _skipped(entry, previous, RECEIPT_SKIPPED, reason, by)


def _skipped(entry: Entry, previous: Entry | None, code: str, reason: str, by: Actor) -> Entry:
    if not is_allowed(previous.status if previous else None, SKIPPED, by):
        raise ForbiddenTransition(f"{by} may not skip {entry.entry_id}")
    return replace(entry, status=SKIPPED, error_code=code, error_message=reason, letter_at=None)


def succeeded(entry: Entry, document: Document, now: datetime) -> Entry:
    """Return the entry of a document in the books whose id another has in Odoo now: that of the former, withdrawn."""
    successor = f"{document.title} of {document.issued_on}"[:SHOWN_LENGTH_MAX]
    empty = PdfPart()
    return moved(
        entry,
        FAILED,
        EXTRACTOR,
        now,
        successor=successor,
        withdrawn=True,
        version=entry.version + 1,
        attempts=0,
        next_attempt_at=entry.settles_at,
        error_code=ID_REUSED,
        error_message=advice.id_reused(entry, successor),
        **{name: getattr(empty, name) for name in names_of(PdfPart)},
    )


def unreadable(
    row: UnreadableDocument, entry_id: str, company: Company, previous: Entry | None, now: datetime
) -> Entry:
    """Return the entry of a row that is not a readable document: failed, with what a person must do."""
    base = previous or _blank(entry_id, row.odoo_id, row.document_type, company, now)
    return moved(
        base,
        FAILED,
        EXTRACTOR,
        now,
        is_new=previous is None,
        number=base.number or row.number[:SHOWN_LENGTH_MAX],
        odoo_write_date=row.written_at,
        content_hash="",
        version=base.version + 1,
        # Whether it is withdrawn cannot be read either.
        withdrawn=False,
        error_code=row.error.code,
        error_message=str(row.error),
    )


def _blank(entry_id: str, odoo_id: int, document_type: DocumentType, company: Company, now: datetime) -> Entry:
    """Return the entry of a document that is seen for the first time, before anything else is known of it."""
    return Entry(
        entry_id=entry_id,
        company=company.name,
        status=PENDING,
        document_type=document_type,
        document_date=now.date(),
        currency=company.currency,
        total=ZERO,
        odoo_id=odoo_id,
        odoo_write_date=now,
        created_at=now,
        updated_at=now,
        version=0,
    )


# -- by the daily comparison -------------------------------------------------------------------------------------------


def deleted_in_odoo(entry: Entry, document_key: str, *, has_copy: bool, now: datetime) -> Entry:
    """Return the entry of a deleted document as a withdrawal.

    If anything was sent, a person must decide. Otherwise it is voided next, or now if there is no stored copy.
    """
    if entry.qb_id or entry.step is not None:
        status, code, message = FAILED, DELETED_IN_ODOO, advice.deleted_in_odoo(entry)
    else:
        status, code = (PENDING if has_copy else VOIDED), ""
        message = "It was deleted in Odoo before it was posted."
    return moved(
        entry,
        status,
        COMPARISON,
        now,
        withdrawn=True,
        successor="",
        version=entry.version + 1,
        document_key=document_key,
        content_hash="",
        attempts=0,
        error_code=code,
        error_message=message,
        pending_since=now,
    )
