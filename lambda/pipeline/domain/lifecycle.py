"""How the status of an entry changes: each transition of `transitions.py` as a function.

A transition takes an entry and returns the changed entry. One that is not allowed raises ForbiddenTransition, so the
code cannot make a forbidden change; the tracking table checks the stored status again when it writes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pipeline.domain import advice
from pipeline.domain.advice import DELETED_IN_ODOO, DELETED_IN_QUICKBOOKS, ID_REUSED
from pipeline.domain.document import Company, Document, DocumentType
from pipeline.domain.entry import COPY_CHANGED, BooksPart, Entry, Intent, PdfPart, Status, Step, names_of
from pipeline.domain.money import ZERO
from pipeline.domain.source import UnreadableDocument
from pipeline.domain.transitions import (
    COMPARISON,
    EXTRACTOR,
    FAILED,
    PENDING,
    PERSON,
    POSTED,
    POSTER,
    POSTING,
    REBUILD,
    SKIPPED,
    VOIDED,
    Actor,
    ForbiddenTransition,
    is_allowed,
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
# How many former realms of a document are kept as history.
FORMER_MAX = 10


def _moved(entry: Entry, to: Status, by: Actor, now: datetime, *, is_new: bool = False, **changes: Any) -> Entry:
    previous = None if is_new else entry.status
    if not is_allowed(previous, to, by):
        raise ForbiddenTransition(f"{by} may not move {entry.entry_id} from {previous} to {to}")
    if changes.get("attempts") == 0:
        changes["tries_alone"] = 0
    # A run that changes the status is alive, so its attempt has not ended the function. Only while something is sent is
    # the attempt not over.
    changes = {"killed_attempts": entry.killed_attempts if to is POSTING else 0, **changes}
    letter_at = None if to in (POSTED, VOIDED, SKIPPED) else entry.letter_at
    return replace(entry, status=to, updated_at=now, reported_at=None, letter_at=letter_at, **changes)


# -- by the extractor --------------------------------------------------------------------------------------------------


def extracted(document: Document, previous: Entry | None, now: datetime, *, by: Actor = EXTRACTOR) -> Entry:
    """Return the entry of a document as Odoo has it now, keeping what QuickBooks has of it.

    The entry waits for its PDF. If the document was withdrawn before it was first pulled, skip it.
    """
    status, reason = PENDING, ""
    if document.withdrawn and (previous is None or previous.status is SKIPPED):
        # We never saw it while it was posted, so there is nothing to take back.
        status, reason = SKIPPED, "It was cancelled or reset to draft in Odoo before it was first pulled."
    base = previous or _blank(document.entry_id, document.odoo_id, document.document_type, document.company, now)
    return _moved(
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
    return _moved(
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
    return _moved(
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
    return _moved(
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


# -- by the poster -----------------------------------------------------------------------------------------------------


def intended(entry: Entry, intent: Intent, realm: str, *, settles_at: datetime, now: datetime) -> Entry:
    """Return the entry with what is about to be sent to a realm. It is not due before the outcome has settled."""
    return _moved(
        entry,
        POSTING,
        POSTER,
        now,
        realm=realm,
        step=intent.step,
        request_id=intent.request_id,
        batch_id=intent.batch_id,
        payload_hash=intent.payload_hash,
        qb_doc_number=intent.doc_number or entry.qb_doc_number,
        next_attempt_at=settles_at,
        # When it may first have taken effect, no matter how often it is repeated.
        sent_at=(entry.sent_at or now) if intent.step is Step.CREATE else None,
        sent_fingerprint=intent.fingerprint,
    )


def posted(entry: Entry, pdf_key: str, now: datetime, noted: Sequence[str] = ()) -> Entry:
    """Return the entry of a document that is in the books with its PDF.

    It says what was `noted`, such as the files that are not in the PDF, and which files have active content.
    """
    notes = [*noted, entry.active_content] if entry.active_content else noted
    return _moved(
        entry, POSTED, POSTER, now, pdf_key=pdf_key, step=None, attempts=0, pdf_losses=0, next_attempt_at=None,
        error_code="", error_message=" ".join(notes), posted_at=now,
    )  # fmt: skip


def voided(entry: Entry, now: datetime) -> Entry:
    """Return the entry of a withdrawn document that is not (or no longer) in the books.

    If another document has its id in Odoo now, it is pending: the extractor pulls that one.
    """
    status, since = (PENDING, now) if entry.successor else (VOIDED, entry.pending_since)
    return _moved(
        entry, status, POSTER, now, step=None, pending_since=since, error_code="", error_message="",
        next_attempt_at=None,
    )  # fmt: skip


def let_go(entry: Entry, now: datetime) -> Entry:
    """Return the entry of a document that a person keeps in the books without our marker. It goes to `former`."""
    return replace(deleted_in_books(entry, now), former=_with_former(entry))


def failed(entry: Entry, code: str, message: str, now: datetime) -> Entry:
    """Return the entry of a document that needs attention. `message` says what to do."""
    return _moved(
        entry, FAILED, POSTER, now, attempts=entry.attempts + 1, next_attempt_at=entry.settles_at, error_code=code,
        error_message=message,
    )  # fmt: skip


def pdf_lost(entry: Entry, now: datetime) -> Entry:
    """Return the entry waiting for the extractor to fetch its PDF again."""
    empty = PdfPart()
    return _moved(entry, PENDING, POSTER, now, pdf_key="", **{name: getattr(empty, name) for name in names_of(PdfPart)})


def deleted_in_books(entry: Entry, now: datetime, *, tid: str = "") -> Entry:
    """Return the entry after a confirmed delete: the document is not in the books. `tid` is the id of the answer.

    Raise its generation: otherwise QuickBooks would answer the next create with the deleted document.
    """
    kept = ("realm", "generation", "refusals", "request_id", "posted_at", "pdf_losses", "former", "qb_tid")
    empty = BooksPart()
    forgotten = {name: getattr(empty, name) for name in names_of(BooksPart) if name not in kept}
    return replace(entry, **forgotten, qb_tid=tid, generation=entry.generation + 1, updated_at=now)


# -- by a person -------------------------------------------------------------------------------------------------------


def reopened(entry: Entry, now: datetime) -> Entry:
    """Return a failed entry pending again, because a person has fixed the cause.

    If a person deleted the document in QuickBooks, it is posted again, as a new generation.
    """
    if entry.status not in (FAILED, PENDING):
        # A person may also move others to pending, but only by starting over, which also clears what the books had.
        raise ForbiddenTransition(f"{PERSON} may not retry {entry.entry_id}, which is {entry.status}")
    if entry.error_code == DELETED_IN_QUICKBOOKS:
        entry = deleted_in_books(entry, now)
    return _moved(
        entry,
        PENDING,
        PERSON,
        now,
        attempts=0,
        next_attempt_at=entry.settles_at,
        pending_since=now,
        pdf_losses=0,
    )


def started_over(entry: Entry, now: datetime) -> Entry:
    """Return the entry of a document that must be posted again, to another realm. The former place goes to `former`.

    Nothing in the former realm is touched. A document that was never sent, or was deleted there, has no history.
    """
    if not (entry.qb_id or entry.step):
        return replace(entry, realm="", updated_at=now)
    again = replace(deleted_in_books(entry, now), realm="", former=_with_former(entry), pdf_losses=0)
    return _moved(
        again, PENDING, PERSON, now, attempts=0, next_attempt_at=None, pending_since=now, error_code="",
        error_message="",
    )  # fmt: skip


def _with_former(entry: Entry) -> str:
    former = json.loads(entry.former) if entry.former else []
    former.append({"realm": entry.realm, "qb_id": entry.qb_id, "doc_number": entry.qb_doc_number})
    return json.dumps(former[-FORMER_MAX:])


# -- by the rebuild ----------------------------------------------------------------------------------------------------


def rebuilt(entry: Entry, status: Status, now: datetime, *, is_new: bool, **changes: Any) -> Entry:
    """Return an entry of a lost table, rebuilt from the bucket and the books."""
    return _moved(entry, status, REBUILD, now, is_new=is_new, **changes)
