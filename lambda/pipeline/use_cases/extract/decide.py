"""What a document of Odoo means for its entry. Nothing here asks or changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from pipeline.domain import lifecycle
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry, Status
from pipeline.domain.lifecycle import BEFORE_GO_LIVE, LOST


class News(StrEnum):
    """What is new about a document."""

    NEW = "new"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is new, the entry as it should be, and whether its PDF has to be fetched."""

    news: News
    entry: Entry
    needs_pdf: bool


def decide(document: Document, previous: Entry | None, go_live: date | None, now: datetime) -> Decision:
    """Return what a document that was read means for its entry; `go_live` is None when a company has none.

    A document dated before the go-live is skipped, unless it was, or may have been, sent before.
    """
    is_early = go_live is not None and document.booked_on < go_live and (previous is None or previous.was_never_sent)
    if previous and previous.content_hash == document.content_hash and not _is_taken_up(previous, is_early=is_early):
        return Decision(News.UNCHANGED, previous, previous.status is Status.PENDING and not previous.is_ready)
    entry = lifecycle.extracted(document, previous, now)
    if is_early and go_live and entry.status is not Status.SKIPPED:
        entry = lifecycle.skipped_before_go_live(entry, previous, document, go_live)
    news = News.WITHDRAWN if document.withdrawn else News.CHANGED if previous else News.NEW
    return Decision(news, entry, not (entry.status is Status.SKIPPED or entry.withdrawn))


def _is_taken_up(previous: Entry, *, is_early: bool) -> bool:
    """Whether a document is taken up though its content has not changed.

    The go-live date was moved back since; or its copy or PDF was lost, and a person has saved it in Odoo once more.
    """
    return (previous.error_code == BEFORE_GO_LIVE and not is_early) or previous.error_code in LOST
