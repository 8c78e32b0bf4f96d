"""The entry of a document, the statuses it goes through, the request ids it is posted with, and a company's shift.

`CHANGES` is the state machine, whole: which status follows which, who sees to it, and when.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from pipeline.domain.document import DocumentType
from pipeline.domain.money import shown

# QuickBooks gives a request 120 seconds. Before that has passed, a create without an answer may still take effect, so
# a look for it proves nothing: wait a little longer, then look, then act.
OUTCOME_SETTLES_S = 150


class Status(StrEnum):
    """Where an entry stands."""

    PENDING = "pending"  # there is work to do
    POSTING = "posting"  # something was, or is about to be, sent to QuickBooks
    POSTED = "posted"  # stands in QuickBooks with its PDF
    FAILED = "failed"  # a person must act; `error_message` says what to do
    SKIPPED = "skipped"  # is not for QuickBooks; `error_message` says why
    VOIDED = "voided"  # withdrawn in Odoo, and not (or no longer) in QuickBooks


class Actor(StrEnum):
    """Who changes the status of entries."""

    EXTRACTOR = "extractor"
    COMPARISON = "daily comparison"
    POSTER = "poster"
    PERSON = "person"
    REBUILD = "rebuild"


class Transition(NamedTuple):
    """A change of status: from which ones (None is an entry that is new), to which, by whom, and when."""

    previous: tuple[Status | None, ...]
    to: Status
    by: Actor
    when: str


PENDING, POSTING, POSTED, FAILED, SKIPPED, VOIDED = Status
EXTRACTOR, COMPARISON, POSTER, PERSON, REBUILD = Actor

# The state machine. Whoever writes an entry as none of these says is a fault of ours (`is_foreseen`).
TRANSITIONS: tuple[Transition, ...] = (
    Transition((None,), PENDING, EXTRACTOR, "it is posted in Odoo"),
    Transition(
        (None,), SKIPPED, EXTRACTOR, "it was withdrawn before it was ever pulled, or is dated before the go-live"
    ),
    Transition((None,), FAILED, EXTRACTOR, "what Odoo has of it cannot be read"),
    Transition((PENDING,), POSTING, POSTER, "before anything is sent to QuickBooks"),
    Transition((POSTING,), POSTED, POSTER, "it stands in QuickBooks as in Odoo, with its PDF"),
    Transition((PENDING,), POSTED, POSTER, "so it did already; nothing had to be sent"),
    Transition((PENDING, POSTING), VOIDED, POSTER, "it is withdrawn, and not, or no longer, in QuickBooks"),
    Transition((PENDING, POSTING), FAILED, POSTER, "a person must act"),
    Transition((POSTING,), PENDING, POSTER, "its PDF was lost, and is fetched from Odoo anew"),
    Transition((FAILED,), PENDING, PERSON, "retried: `retry_failed` or `redrive`"),
    Transition((POSTING, POSTED, VOIDED), PENDING, EXTRACTOR, "changed, withdrawn or posted again in Odoo"),
    Transition((FAILED,), PENDING, EXTRACTOR, "changed in Odoo, or readable again"),
    Transition((SKIPPED,), PENDING, EXTRACTOR, "posted after all, or no longer before the go-live"),
    Transition((FAILED,), SKIPPED, EXTRACTOR, "changed, never sent, and dated before the go-live"),
    Transition(
        (PENDING, POSTING, POSTED, SKIPPED, VOIDED), FAILED, EXTRACTOR, "what Odoo has of it can no longer be read"
    ),
    Transition(
        (PENDING, POSTING, POSTED), FAILED, COMPARISON, "deleted in Odoo, perhaps in QuickBooks: a person decides"
    ),
    Transition((POSTING, FAILED), PENDING, COMPARISON, "deleted in Odoo, nowhere in QuickBooks: voided next"),
    Transition((PENDING, FAILED), VOIDED, COMPARISON, "the same, and without a copy that could ever have been sent"),
    Transition((None,), PENDING, REBUILD, "the table was lost; it is not in QuickBooks, or not as it is in Odoo"),
    Transition((None,), POSTED, REBUILD, "the table was lost; it stands in QuickBooks with its PDF"),
    Transition((None,), SKIPPED, REBUILD, "the table was lost; it is dated before the go-live"),
    Transition((None,), VOIDED, REBUILD, "the table was lost; it is withdrawn, and not in QuickBooks"),
    Transition((SKIPPED,), PENDING, REBUILD, "it was skipped since the table was lost, and stands in QuickBooks"),
)

_ALLOWED = frozenset((previous, change.to, change.by) for change in TRANSITIONS for previous in change.previous)


def is_allowed(previous: Status | None, to: Status, *by: Actor) -> bool:
    """Whether one of these may change an entry's status so; that it stays as it is always may be."""
    return previous is to or any((previous, to, each) in _ALLOWED for each in by)


# What a person may be told is lost of an entry in S3: it comes anew when the document is pulled once more.
LOST = frozenset(("copy_missing", "pdf_missing", "pdf_changed"))
# A document that still stood in QuickBooks when Odoo had it no more.
DELETED_IN_ODOO = "deleted_in_odoo"


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

    @property
    def is_unfinished(self) -> bool:
        """Whether the extractor sees to it at every run: its PDF is still to come, or Odoo has it, but unreadably.

        What makes a row readable again, a name given to its customer, need not touch the row itself.
        """
        return (self.status is Status.PENDING and not self.is_ready) or self.is_unreadable

    @property
    def is_unreadable(self) -> bool:
        """Whether what Odoo has of it cannot be read; what is stored of it, if anything, is out of date."""
        return self.status is Status.FAILED and not self.content_hash and not self.withdrawn

    @property
    def can_be_retried(self) -> bool:
        """Whether a person may have it tried again; there is nothing to send of one that cannot be read in Odoo."""
        return self.status is Status.FAILED and not self.is_unreadable and bool(self.document_key)

    def is_due(self, now: datetime) -> bool:
        """Whether there is work to do on it now."""
        open_ = self.status in (Status.PENDING, Status.POSTING)
        return open_ and self.is_ready and (self.next_attempt_at is None or self.next_attempt_at <= now)

    @property
    def title(self) -> str:
        """How alerts name it: type, number, party and amount."""
        return f"{self.document_type.noun} {self.number} of {self.party.strip()} ({shown(self.total, self.currency)})"


def make_request_id(realm: str, entry: Entry, step: Step, payload_hash: str) -> str:
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
class Lease:
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
