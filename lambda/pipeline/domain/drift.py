"""What people do in the books to documents of ours: edits, deletions, voids and payments. A decision, nothing more.

Nothing is ever written over or posted again because of it. A difference is noted on the entry with both values and
reported once. It ends by itself when the books hold again what was sent, or when a person accepts it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pipeline.domain.advice import DELETED_IN_QUICKBOOKS
from pipeline.domain.codec import dumps, loads
from pipeline.domain.document import Document, DocumentType, LineKind
from pipeline.domain.entry import Entry
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.money import as_precise_as, shown
from pipeline.domain.quoting import one_line
from pipeline.domain.values import dataclass, replace

VALUE_LENGTH_MAX = 200
LINES_SHOWN_MAX = 10
DIFFERENCES_MAX = 12
REASON_LENGTH_MAX = 500
PERSON_LENGTH_MAX = 100
NOT_SAID = "not said"
PARTIES = ("customer", "vendor")


class DriftKind(StrEnum):
    """What happened to a document in the books."""

    CHANGED = "changed"
    VOIDED = "voided"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs: what it is, as it was posted, and as it is in the books now."""

    name: str
    posted: str
    in_books: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted a difference, why, and when."""

    by: str
    because: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Drift:
    """How a document in the books differs from what was posted.

    `seen` is a hash of what was found: an acceptance holds for that and nothing else. `qb_id` is what it was found at.
    With `is_party_only` the customer or vendor is another one, and nothing else of what was written was changed.
    """

    kind: DriftKind
    qb_id: str
    seen: str
    noticed_at: datetime
    differences: tuple[Difference, ...] = ()
    accepted: Acceptance | None = None
    is_party_only: bool = False

    @property
    def parties(self) -> tuple[str, str] | None:
        """The party as posted and the one in the books, if nothing else was changed: a merge looks like that."""
        if not self.is_party_only:
            return None
        return next(((one.posted, one.in_books) for one in self.differences if one.name in PARTIES), None)

    @property
    def sentence(self) -> str:
        """What happened, with both values."""
        if self.kind is not DriftKind.CHANGED:
            return f"it was {self.kind} in QuickBooks"
        values = "; ".join(
            f"{difference.name} {difference.in_books or 'nothing'} there, {difference.posted or 'nothing'} as posted"
            for difference in self.differences
        )
        return f"it was changed in QuickBooks: {values}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A transaction as the books say it is now. Of a deleted one only type and id are known.

    `fingerprint` is comparable with the entry's; `fingerprint_with` returns what it would be with another party.
    `lines` are amount, account or item, and text of each.
    """

    document_type: DocumentType
    qb_id: str
    is_deleted: bool = False
    is_voided: bool = False
    entry_id: str = ""
    sync_token: str = ""
    fingerprint: str = ""
    doc_number: str = ""
    dated_on: date | None = None
    due_on: date | None = None
    party_id: str = ""
    party: str = ""
    total: Decimal | None = None
    tax: Decimal | None = None
    open_amount: Decimal | None = None
    lines: tuple[str, ...] = ()
    fingerprint_with: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class DriftState:
    """Up to when a realm was looked at, for which companies, and the entries with a difference nobody has accepted.

    `unsaid` are those whose failure said it instead: when that ends and the difference does not, it is said.
    """

    looked_at: datetime | None = None
    open: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


def state_of(kept: str | None) -> DriftState:
    """Return the stored state of a realm. What another release stored is no state: the look begins again."""
    try:
        return loads(DriftState, kept) if kept else DriftState()
    except ValueError:
        return DriftState()


def noted(entry: Entry) -> Drift | None:
    """Return the difference that is noted on an entry, or None.

    What was noted about another transaction than the present one says nothing any more.
    """
    try:
        drift = loads(Drift, entry.drift) if entry.drift else None
    except ValueError:
        return None
    return drift if drift and drift.qb_id == entry.qb_id else None


def is_open(entry: Entry) -> bool:
    """Whether the books differ from what was posted, and nobody has accepted it."""
    drift = noted(entry)
    return drift is not None and drift.accepted is None


def may_be_judged(entry: Entry, seen: Seen, realm: str) -> bool:
    """Whether a transaction is the one of the entry, and no write of ours is without an answer."""
    is_it = entry.qb_id == seen.qb_id and entry.document_type is seen.document_type and entry.realm in ("", realm)
    return is_it and entry.step is None


def kind_of(entry: Entry, seen: Seen) -> DriftKind | None:
    """Return what people did to the document of an entry, or None if the books hold what was posted.

    A payment raises the sync token and leaves the fingerprint. With the token of our own write nobody has touched it.
    """
    if seen.is_deleted:
        return DriftKind.DELETED
    if seen.is_voided:
        return DriftKind.VOIDED
    if entry.qb_sync_token and seen.sync_token == entry.qb_sync_token:
        return None
    if entry.qb_fingerprint:
        return DriftKind.CHANGED if seen.fingerprint != entry.qb_fingerprint else None
    # Posted by a release that stored no fingerprint.
    return DriftKind.CHANGED if any(_of_entry(entry, seen)) else None


def judged(entry: Entry, seen: Seen, document: Document | None, now: datetime) -> Drift | None:
    """Return the difference between the books and what was posted, or None.

    `document` is what was posted, if its copy can be read: without it fewer values are named. What is noted already,
    accepted or not, stays as it is until something else is found.
    """
    kind = kind_of(entry, seen)
    if kind is None:
        return None
    found = seen.fingerprint if kind is DriftKind.CHANGED else kind.value
    mark = hashlib.sha256(f"{kind}|{found}|{entry.qb_fingerprint}".encode()).hexdigest()[:16]
    before = noted(entry)
    if before and before.seen == mark:
        return before
    differences = tuple(_differences(entry, seen, document))[:DIFFERENCES_MAX] if kind is DriftKind.CHANGED else ()
    return Drift(kind, entry.qb_id, mark, now, differences, is_party_only=_is_party_only(entry, seen))


def _is_party_only(entry: Entry, seen: Seen) -> bool:
    if seen.fingerprint_with is None or not entry.qb_party or seen.party_id in ("", entry.qb_party):
        return False
    return seen.fingerprint_with(entry.qb_party) == entry.qb_fingerprint


def open_amount(entry: Entry, seen: Seen) -> Decimal | None:
    """Return what is left to be paid, or None while nothing is paid: that is what a posted document begins with."""
    total = entry.total if entry.qb_total is None else entry.qb_total
    if seen.is_deleted or seen.is_voided or seen.open_amount in (None, total, seen.total):
        return None
    return seen.open_amount


def accepted(entry: Entry, *, by: str, because: str, now: datetime) -> Drift:
    """Return the noted difference as accepted by a person. Raises InvalidRequest if there is none to accept."""
    drift = noted(entry)
    if drift is None:
        raise InvalidRequest(
            f"{entry.title}: QuickBooks holds what was posted, as far as was looked. There is nothing to accept."
        )
    if drift.accepted is not None:
        raise InvalidRequest(f"{entry.title}: {drift.accepted.by} accepted it on {drift.accepted.at:%Y-%m-%d} already.")
    who, why = one_line(by, PERSON_LENGTH_MAX) or NOT_SAID, one_line(because, REASON_LENGTH_MAX)
    return replace(drift, accepted=Acceptance(who, why, now))


def paid_sentence(entry: Entry) -> str:
    """Say whether a document is paid, as noted last; nothing of one on which nothing is paid."""
    if entry.qb_open is None:
        return ""
    if not entry.qb_open:
        return "it is paid"
    return f"it is paid in part: {shown(as_precise_as(entry.total, entry.qb_open), entry.currency)} is open"


def gone(entry: Entry) -> tuple[str, str]:
    """Return in words that a document is gone from Odoo and from the books, where no link leads to it any more."""
    drift = noted(entry)
    in_books = ""
    if entry.error_code == DELETED_IN_QUICKBOOKS or (drift and drift.kind is DriftKind.DELETED):
        in_books = "deleted in QuickBooks"
    elif drift and drift.kind is DriftKind.VOIDED:
        in_books = "voided in QuickBooks"
    return "deleted in Odoo" if entry.is_gone_from_odoo else "", in_books


def text_of(drift: Drift | None) -> str:
    """Return the text an entry stores."""
    return dumps(drift) if drift else ""


def shown_drift(entry: Entry) -> dict[str, object]:
    """Return what is noted on an entry as an answer shows it."""
    return {"entry_id": entry.entry_id, "title": entry.title, "drift": json.loads(entry.drift or "{}")}


def _differences(entry: Entry, seen: Seen, document: Document | None) -> Iterator[Difference]:
    found = list(_of_entry(entry, seen))
    if seen.entry_id != entry.entry_id:
        found.append(Difference("mark of the pipeline", entry.entry_id, one_line(seen.entry_id, VALUE_LENGTH_MAX)))
    if document is not None:
        found += _of_document(document, seen)
    # The fingerprint says that something was changed. If no single value shows it, it is in the lines or the note.
    if not found or all(difference.name in ("total", "tax") for difference in found):
        posted = _shown_lines(_line(document, number) for number in range(len(document.lines))) if document else ""
        found.append(Difference("lines or note", posted or "not known", _shown_lines(seen.lines)))
    yield from found


def _of_entry(entry: Entry, seen: Seen) -> Iterator[Difference]:
    """Yield the values that differ and that the entry itself keeps."""
    total = entry.total if entry.qb_total is None else entry.qb_total
    if seen.total is not None and seen.total != total:
        before, now = (as_precise_as(entry.total, value) for value in (total, seen.total))
        yield Difference("total", shown(before, entry.currency), shown(now, entry.currency))
    if entry.qb_doc_number and seen.doc_number != entry.qb_doc_number:
        yield _texts("number", entry.qb_doc_number, seen.doc_number)
    if entry.qb_party and seen.party_id != entry.qb_party:
        yield _texts("customer" if entry.document_type.is_sale else "vendor", entry.party, seen.party)


def _of_document(document: Document, seen: Seen) -> Iterator[Difference]:
    currency = document.currency
    if seen.dated_on is not None and seen.dated_on != document.booked_on:
        yield Difference("date", str(document.booked_on), str(seen.dated_on))
    if seen.due_on is not None and seen.due_on != document.due_on:
        yield Difference("due date", str(document.due_on), str(seen.due_on))
    if seen.tax is not None and seen.total != document.total and seen.tax != document.tax:
        yield Difference("tax", shown(document.tax, currency), shown(as_precise_as(document.tax, seen.tax), currency))


def _texts(name: str, posted: str, in_books: str) -> Difference:
    return Difference(name, one_line(posted, VALUE_LENGTH_MAX), one_line(in_books, VALUE_LENGTH_MAX))


def _line(document: Document, number: int) -> str:
    line = document.lines[number]
    if line.kind is not LineKind.ITEM:
        return line.description
    return f"{line.amount} {line.account or ''} {line.description}"


def _shown_lines(lines: Iterable[str]) -> str:
    every = [one_line(line, 80) for line in lines]
    more = f" / and {len(every) - LINES_SHOWN_MAX} more" if len(every) > LINES_SHOWN_MAX else ""
    return " / ".join(every[:LINES_SHOWN_MAX]) + more
