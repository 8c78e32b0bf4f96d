"""How the poster, a person and the rebuild change the status of an entry: each of their transitions as a function.

A transition takes an entry and returns the changed entry. One that is not allowed raises ForbiddenTransition, so the
code cannot make a forbidden one; the tracking table checks the stored status again when it writes. What Odoo says about
a document changes its entry by the functions of `from_odoo.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipeline.domain.advice import DELETED_IN_QUICKBOOKS
from pipeline.domain.entry import BooksPart, Entry, Intent, PdfPart, Status, Step, names_of
from pipeline.domain.transitions import (
    FAILED,
    PENDING,
    PERSON,
    POSTED,
    POSTER,
    POSTING,
    REBUILD,
    VOIDED,
    ForbiddenTransition,
    moved,
)
from pipeline.domain.values import replace

# How many former realms of a document are kept as history.
FORMER_MAX = 10


# -- by the poster -----------------------------------------------------------------------------------------------------


def intended(entry: Entry, intent: Intent, realm: str, *, settles_at: datetime, now: datetime) -> Entry:
    """Return the entry with what is about to be sent to a realm. It is not due before the outcome has settled."""
    return moved(
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
    return moved(
        entry, POSTED, POSTER, now, pdf_key=pdf_key, step=None, attempts=0, pdf_losses=0, next_attempt_at=None,
        error_code="", error_message=" ".join(notes), posted_at=now,
    )  # fmt: skip


def voided(entry: Entry, now: datetime) -> Entry:
    """Return the entry of a withdrawn document that is not (or no longer) in the books.

    If another document has its id in Odoo now, it is pending: the extractor pulls that one.
    """
    status, since = (PENDING, now) if entry.successor else (VOIDED, entry.pending_since)
    return moved(
        entry, status, POSTER, now, step=None, pending_since=since, error_code="", error_message="",
        next_attempt_at=None,
    )  # fmt: skip


def let_go(entry: Entry, now: datetime) -> Entry:
    """Return the entry of a document that a person keeps in the books without our marker. It goes to `former`."""
    return replace(deleted_in_books(entry, now), former=_with_former(entry))


def failed(entry: Entry, code: str, message: str, now: datetime) -> Entry:
    """Return the entry of a document that needs attention. `message` says what to do."""
    return moved(
        entry, FAILED, POSTER, now, attempts=entry.attempts + 1, next_attempt_at=entry.settles_at, error_code=code,
        error_message=message,
    )  # fmt: skip


def pdf_lost(entry: Entry, now: datetime) -> Entry:
    """Return the entry waiting for the extractor to fetch its PDF again."""
    empty = PdfPart()
    return moved(entry, PENDING, POSTER, now, pdf_key="", **{name: getattr(empty, name) for name in names_of(PdfPart)})


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
    return moved(
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
    return moved(
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
    return moved(entry, status, REBUILD, now, is_new=is_new, **changes)
