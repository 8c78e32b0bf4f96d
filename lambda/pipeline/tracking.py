"""The entry of a document, the statuses it goes through, the request ids it is posted with, and a company's shift.

The state machine, whole (an edit or a withdrawal in Odoo sends any entry back to `pending` with a higher version):

    pending ──▶ posting ──▶ posted        pending: work outstanding
       │          │  │                    posting: something was, or is about to be, sent to QuickBooks
       │          │  └────▶ voided        posted:  stands in QuickBooks with its PDF
       ├──────────┴───────▶ failed        failed:  a person must act; `error_message` says what to do
       ├──────────────────▶ voided        voided:  withdrawn in Odoo, and not (or no longer) in QuickBooks
       └──────────────────▶ skipped       skipped: is not for QuickBooks; `error_message` says why
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pipeline.document import DocumentType
from pipeline.money import shown

# QuickBooks gives a request 120 seconds. Before that has passed, a create without an answer may still take effect, so
# a look for it proves nothing: wait a little longer, then look, then act.
OUTCOME_SETTLES_S = 150


class Status(StrEnum):
    """Where an entry stands."""

    PENDING = "pending"
    POSTING = "posting"
    POSTED = "posted"
    FAILED = "failed"
    SKIPPED = "skipped"
    VOIDED = "voided"


# From each status to those it may change to; pending is open to all, because Odoo may change a document at any time.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset(Status),
    Status.POSTING: frozenset({Status.PENDING, Status.POSTING, Status.POSTED, Status.FAILED, Status.VOIDED}),
    Status.POSTED: frozenset({Status.PENDING}),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.SKIPPED: frozenset({Status.PENDING}),
    Status.VOIDED: frozenset({Status.PENDING}),
}


class Step(StrEnum):
    """What was about to be sent to QuickBooks when the entry was last written; kept until its outcome is known."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ATTACH = "attach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Our item for one document in the tracking table.

    The extractor owns what Odoo says and the PDF, the poster owns what QuickBooks says; both write only their part,
    so that neither undoes the other. Instants are UTC. What a row that cannot be read does not tell is empty.
    """

    entry_id: str
    company: str
    status: Status
    document_type: DocumentType
    number: str = ""
    party: str = ""
    document_date: date
    currency: str = ""
    total: Decimal
    odoo_id: int
    odoo_write_date: datetime
    content_hash: str = ""
    created_at: datetime
    updated_at: datetime
    version: int = 1
    document_key: str = ""
    withdrawn: bool = False
    pdf_key: str = ""
    pdf_sha256: str = ""
    pdf_source: str = ""
    stored_sha256: str = ""
    pdf_losses: int = 0
    attempts: int = 0
    next_attempt_at: datetime | None = None
    pending_since: datetime | None = None
    error_code: str = ""
    error_message: str = ""
    step: Step | None = None
    request_id: str = ""
    sent_at: datetime | None = None
    sent_fingerprint: str = ""
    generation: int = 0
    refusals: int = 0
    qb_id: str = ""
    qb_sync_token: str = ""
    qb_doc_number: str = ""
    qb_total: Decimal | None = None
    qb_updated_at: str = ""
    qb_fingerprint: str = ""
    payload_hash: str = ""
    pdf_attached: bool = False
    attachable_id: str = ""
    attached_sha256: str = ""
    posted_at: datetime | None = None
    expires_at: int | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the extractor has finished with it: its PDF is stored, or it is a withdrawal and needs none."""
        return self.withdrawn or bool(self.pdf_sha256)

    def is_due(self, now: datetime) -> bool:
        """Whether there is work to do on it now."""
        open_ = self.status in (Status.PENDING, Status.POSTING)
        return open_ and self.is_ready and (self.next_attempt_at is None or self.next_attempt_at <= now)

    @property
    def title(self) -> str:
        """How alerts name it: type, number, party and amount."""
        return f"{self.document_type.noun} {self.number} of {self.party.strip()} ({shown(self.total, self.currency)})"


def request_id(realm: str, entry: Entry, step: Step, payload_hash: str) -> str:
    """Return the request id of one write, at most 50 characters, the same on every retry of the same content.

    QuickBooks replays the answer of an id it has seen, even when that document was deleted since; so the entry's
    generation is part of it, which rises only after QuickBooks has confirmed a delete. Whether it replays a refusal
    too, when its cause is mended, is not documented; so the number of confirmed refusals is part of it as well. And so
    is when the entry was made: after the table was lost, both begin anew.
    """
    life = f"{entry.created_at.isoformat()} {entry.generation}.{entry.refusals}"
    parts = (realm, entry.entry_id, str(entry.version), step, life, payload_hash)
    return f"odoo-{entry.odoo_id}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:32]}"[:50]


def backoff_s(attempts: int, jitter: float) -> int:
    """Return how long to wait after so many attempts: 1, 2, 4 ... at most 60 minutes, plus up to a fifth by `jitter`.

    `jitter` is a random number from 0 to 1: companies and entries that failed together do not come back together.
    """
    wait_s = min(60 * 2 ** min(attempts, 10), 3600)
    return int(wait_s * (1 + 0.2 * jitter))


@dataclass(frozen=True, slots=True)
class Shift:
    """The lease on a company: who holds it may write to that company's books until `until`, alone.

    `recent_calls` were made to QuickBooks in each second before `recent_at`, the latest first, by this holder or the
    one before: the limits of a company do not start afresh with a new function.
    """

    company: str
    holder: str
    until: datetime
    pauses: int = 0
    pause_code: str = ""
    recent_calls: tuple[int, ...] = ()
    recent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a company was read: everything written before `since`, and of the walk under way the ids to `after_id`.

    `walk_began` is None between walks; `seen` is the latest write date met in this walk.
    """

    since: datetime | None = None
    after_id: int = 0
    walk_began: datetime | None = None
    seen: datetime | None = None


def lease_until(now: datetime, remaining_s: float) -> datetime:
    """Return the end of a lease taken now by a function with so much time left: never longer than it can live."""
    return now + timedelta(seconds=max(1.0, remaining_s))


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)
