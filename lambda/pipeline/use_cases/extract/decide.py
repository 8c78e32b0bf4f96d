"""Decides what a document means for its entry. Pure: it reads and changes nothing."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pipeline.domain import from_odoo
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry, Status
from pipeline.domain.from_odoo import BEFORE_GO_LIVE, LOST, RECEIPT_SKIPPED
from pipeline.domain.values import dataclass


class News(StrEnum):
    """What is new about a document."""

    NEW = "new"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    # Another document has the id of one that is in the books: a person must decide.
    ANOTHER = "failed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is new, the resulting entry, and whether its PDF must be fetched."""

    news: News
    entry: Entry
    needs_pdf: bool


def decide(
    document: Document,
    previous: Entry | None,
    go_live: date | None,
    now: datetime,
    *,
    skips_receipts: bool = False,
) -> Decision:
    """Return the decision for a document that was read. `go_live` is None if the company has none.

    A document dated before the go-live is skipped, and so is a receipt with `skips_receipts`, unless it was (or may
    have been) sent before. After a restore from a backup, another document may have the entry's id. It waits for a
    person while the former one may be in the books.
    """
    is_another = previous is not None and _is_another(document, previous)
    if previous and is_another and previous.may_be_in_books:
        if previous.successor:
            return Decision(News.UNCHANGED, previous, needs_pdf=False)
        return Decision(News.ANOTHER, from_odoo.succeeded(previous, document, now), needs_pdf=False)
    was_never_sent = previous is None or previous.was_never_sent or is_another
    is_early = go_live is not None and document.booked_on < go_live and was_never_sent
    is_unwanted = skips_receipts and document.is_receipt and was_never_sent
    skip_code = BEFORE_GO_LIVE if is_early else RECEIPT_SKIPPED if is_unwanted else ""
    is_same = previous is not None and previous.content_hash == document.content_hash and not previous.successor
    if previous and is_same and not _is_taken_up(previous, skip_code):
        return Decision(News.UNCHANGED, previous, previous.status is Status.PENDING and not previous.is_ready)
    entry = from_odoo.extracted(document, previous, now)
    if is_early and go_live and entry.status is not Status.SKIPPED:
        entry = from_odoo.skipped_before_go_live(entry, previous, document, go_live)
    elif is_unwanted and entry.status is not Status.SKIPPED:
        entry = from_odoo.skipped_receipt(entry, previous, document)
    news = News.WITHDRAWN if document.withdrawn else News.CHANGED if previous else News.NEW
    return Decision(news, entry, not (entry.status is Status.SKIPPED or entry.withdrawn))


def _is_another(document: Document, previous: Entry) -> bool:
    """Whether a document shares only the id with the entry's. One that was entered again unchanged is the same."""
    if previous.successor:
        return True
    return previous.is_another(document.created_at) and previous.content_hash != document.content_hash


def _is_taken_up(previous: Entry, skip_code: str) -> bool:
    """Whether a document is taken up although its content has not changed.

    Either the reason to skip it no longer applies, because the mapping changed. Or its copy or PDF was lost, and a
    person has saved it in Odoo again.
    """
    is_skipped = previous.error_code in (BEFORE_GO_LIVE, RECEIPT_SKIPPED)
    return (is_skipped and previous.error_code != skip_code) or previous.error_code in LOST


def is_news_of_itself(document: Document, entry: Entry) -> bool:
    """Whether Odoo's dates of a document differ from those of the entry.

    An entry of an earlier release does not say when its document was created. Odoo also writes a document when nothing
    of it changes for us (a payment, an e-mail), or when it is cancelled and posted again. Unless the entry says so, a
    restored backup does not show that it has set the document back to what it was in between.
    """
    is_new = document.created_at is not None and document.created_at != entry.odoo_created_at
    if entry.successor or not (is_new or document.written_at != entry.odoo_write_date):
        return False
    # Last, because it takes longer than all else, and most documents are read again unchanged.
    return entry.content_hash == document.content_hash
