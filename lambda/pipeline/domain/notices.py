"""What the next digest says of what people did in the books: one line a document, or one for a merge of two parties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from pipeline.domain.accepted_parties import acceptance_key
from pipeline.domain.document import DocumentType
from pipeline.domain.drift import Drift, DriftKind, gone, paid_sentence
from pipeline.domain.entry import Entry
from pipeline.domain.values import dataclass

type Parties = tuple[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of the next digest. Without `entry_id` it counts further documents that are not named.

    With `parties` it is about all documents of one party that are on another now; `entry_id` is a key of the pair.
    """

    company: str
    entry_id: str
    title: str
    sentence: str
    at: datetime
    odoo_id: int = 0
    document_type: DocumentType | None = None
    qb_id: str = ""
    count: int = 1
    parties: tuple[str, str] | None = None


def notice_of(entry: Entry, drift: Drift) -> Notice:
    """Return what the next digest says about a difference, and whether the document is paid."""
    in_odoo, _ = gone(entry)
    said = "; ".join(filter(None, (drift.sentence, paid_sentence(entry), in_odoo)))
    is_there = drift.kind is DriftKind.CHANGED
    return Notice(
        entry.company, entry.entry_id, entry.title, said, drift.noticed_at, 0 if in_odoo else entry.odoo_id,
        entry.document_type, entry.qb_id if is_there else "",
    )  # fmt: skip


def merge_notice(company: str, parties: tuple[str, str], count: int, now: datetime) -> Notice:
    """Return what the next digest says about documents that are on another party now, as after a merge."""
    posted, in_books = parties
    return Notice(
        company,
        acceptance_key(company, posted, in_books),
        posted,
        f"{count} documents of it are on {in_books} in QuickBooks now, as when the two are merged there; nothing else "
        "of them was changed",
        now,
        count=count,
        parties=parties,
    )


def notices_of(fresh: Iterable[tuple[Entry, Drift]], moved: Mapping[Parties, int], now: datetime) -> list[Notice]:
    """Return what the next digest says about differences that nobody was told of.

    `moved` says by company and pair of parties how many documents are on another party now. One that is alone is told
    with its links, as any other change is.
    """
    found: dict[str, Notice] = {}
    for entry, drift in fresh:
        count = moved.get((entry.company, drift.parties), 0) if drift.parties else 0
        if drift.parties and count > 1:
            notice = merge_notice(entry.company, drift.parties, count, now)
        else:
            notice = notice_of(entry, drift)
        found[notice.entry_id] = notice
    return list(found.values())
