"""The entry of a document: our item in the tracking table, made of parts, and the ids of its requests."""

from __future__ import annotations

import hashlib
import re
from dataclasses import field, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from pipeline.domain.document import DocumentType
from pipeline.domain.money import shown
from pipeline.domain.quoting import document_title
from pipeline.domain.values import dataclass

# QuickBooks gives a request 120 seconds. Until then a create without an answer may still take effect, and looking for
# it proves nothing. Wait a little longer, then look, then act.
OUTCOME_SETTLES_S = 150
# The hash of a body that was not stored. It equals no other hash, so the document is sent again.
UNKNOWN_HASH = "unknown"
# The error code of an entry whose stored copy is not the one that the extractor stored.
COPY_CHANGED = "copy_changed"
# The end of a `file_name`: a part of the PDF's hash.
OUR_FILE = re.compile(r"_[0-9a-f]{8}\.pdf$")


class Status(StrEnum):
    """The status of an entry."""

    PENDING = "pending"  # there is work to do
    POSTING = "posting"  # something was, or is about to be, sent to QuickBooks
    POSTED = "posted"  # is in QuickBooks with its PDF
    FAILED = "failed"  # a person must act; `error_message` says what to do
    SKIPPED = "skipped"  # is not for QuickBooks; `error_message` says why
    VOIDED = "voided"  # withdrawn in Odoo, and not (or no longer) in QuickBooks


class Step(StrEnum):
    """What was about to be sent to QuickBooks when the entry was last written. Stored until its outcome is known."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ATTACH = "attach"


@dataclass(frozen=True, slots=True)
class Intent:
    """One write to the books that is about to be sent."""

    step: Step
    request_id: str
    payload_hash: str
    doc_number: str = ""
    fingerprint: str = ""
    batch_id: str = ""


@dataclass(frozen=True, kw_only=True)
class KeyPart:
    """Which document it is. Written once, when the entry is created."""

    entry_id: str
    odoo_id: int
    created_at: datetime
    expires_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class OdooPart:
    """What Odoo says about the document. Only the extractor writes it, and every change raises `version`.

    A draft may have become another type before it is posted again. `odoo_created_at` is when the document was created
    in Odoo. `successor` names another document that has the same id in Odoo now, as after a restore from a backup; all
    else is still about the former one, and it is withdrawn.
    """

    document_type: DocumentType
    company: str
    number: str = ""
    party: str = ""
    document_date: date
    currency: str = ""
    total: Decimal
    odoo_write_date: datetime
    content_hash: str = ""
    version: int = 1
    document_key: str = ""
    withdrawn: bool = False
    odoo_created_at: datetime | None = None
    successor: str = ""


@dataclass(frozen=True, kw_only=True)
class PdfPart:
    """The PDF of this version as the extractor stored it. Only the extractor writes it.

    There is one exception: if a PDF was lost in S3, the poster clears it, so that the extractor fetches it again.
    `active_content` names the files of a vendor that have active content, and says whether the PDF has it.
    """

    pdf_sha256: str = ""
    pdf_bytes: int | None = None  # None if it was stored before sizes were
    pdf_source: str = ""
    stored_sha256: str = ""
    active_content: str = ""


@dataclass(frozen=True, kw_only=True)
class BooksPart:
    """What QuickBooks has of the document, and what was sent with an unknown outcome. Only the poster writes it.

    It is true regardless of what Odoo says meanwhile, so it is stored regardless of the version. `step` is None if no
    outcome is open. `generation` counts confirmed deletes, `refusals` confirmed refusals: both change the request ids.

    `batch_id` is the batch that `request_id` was sent in, if it was: both together identify the write.

    `qb_omitted` says what of it QuickBooks refused and was left out.

    `realm` is the QuickBooks company it was sent to; nothing in another realm is ever touched. `qb_proof` proves that
    `qb_id` came from an answer about this very document. `qb_tid` is Intuit's id of its answer to the last write,
    `removed_tid` that of its answer to the removal of files that were replaced.
    `former` is JSON: where the document was before its company started over in another realm.
    """

    realm: str = ""
    step: Step | None = None
    request_id: str = ""
    batch_id: str = ""
    sent_at: datetime | None = None
    sent_fingerprint: str = ""
    generation: int = 0
    refusals: int = 0
    qb_id: str = ""
    qb_proof: str = ""
    qb_party: str = ""
    qb_sync_token: str = ""
    qb_doc_number: str = ""
    qb_total: Decimal | None = None
    qb_updated_at: str = ""
    qb_fingerprint: str = ""
    qb_omitted: str = ""
    qb_tid: str = ""
    removed_tid: str = ""
    payload_hash: str = ""
    pdf_attached: bool = False
    attachable_id: str = ""
    attached_sha256: str = ""
    posted_at: datetime | None = None
    pdf_losses: int = 0
    former: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkPart:
    """What to do next. Extractor and poster both write it, but only if the version is still the one they read.

    `tries_alone` counts the tries without an answer after which another document of its realm went through.
    `reported_at` is when this failure was reported to people; every change of status clears it. `letter_at` is when its
    dead letter was sent; only being done clears it.
    """

    status: Status
    pdf_key: str = ""
    attempts: int = 0
    tries_alone: int = 0
    next_attempt_at: datetime | None = None
    pending_since: datetime | None = None
    error_code: str = ""
    error_message: str = ""
    reported_at: datetime | None = None
    letter_at: datetime | None = None
    killed_attempts: int = 0  # attempts that ended with the function; `attempts.py` says how they are counted
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class DriftPart:
    """What people did to the document in QuickBooks. Only the watch of the books and `accept` write it.

    `drift` is JSON as `drift.py` writes it, empty if QuickBooks holds what was posted. `qb_open` is what is left to be
    paid, None while nothing is paid.
    """

    drift: str = ""
    qb_open: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class SavePart:
    """Which save of a poster the entry was read after. Only the table writes it, with every save of a poster.

    A save is done only over the one that was read, so of two runs that both believe to hold the lease the second
    changes nothing. It says nothing about the document, so it is left out when entries are compared.
    """

    save_id: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class Entry(KeyPart, OdooPart, PdfPart, BooksPart, WorkPart, DriftPart, SavePart):
    """Our item for one document in the tracking table: all parts together, flat like the item.

    Each field belongs to exactly one part, and each part says who writes it. Instants are UTC. What could not be read
    of an unreadable row is empty.
    """

    @property
    def is_ready(self) -> bool:
        """Whether the extractor is done with it: its PDF is stored, or it is a withdrawal and needs none."""
        return (self.withdrawn and not self.is_vacated) or bool(self.pdf_sha256)

    @property
    def is_vacated(self) -> bool:
        """Whether the former document of its id has left the books, and the one Odoo has now is to be pulled."""
        return bool(self.successor) and self.status is Status.PENDING and not self.may_be_in_books

    @property
    def may_be_in_books(self) -> bool:
        """Whether the document is in the books, or an open write may put it there."""
        return bool(self.qb_id) or self.step is not None

    def is_another(self, created_at: datetime | None) -> bool:
        """Whether a document of this id that was created at an instant is not the one that the entry is about.

        Odoo never changes when a document was created. Of an entry that was stored before that was kept, the document
        existed when it was last written.
        """
        if created_at is None:
            return False
        return created_at > self.odoo_write_date if self.odoo_created_at is None else created_at != self.odoo_created_at

    @property
    def is_unfinished(self) -> bool:
        """Whether the extractor tries it again on every run.

        Its PDF is missing, its stored copy was replaced, or Odoo's row is unreadable: what makes a row readable again,
        such as naming its customer, need not change the row itself.
        """
        is_replaced = self.status is Status.FAILED and self.error_code == COPY_CHANGED
        return (self.status is Status.PENDING and not self.is_ready) or is_replaced or self.is_unreadable

    @property
    def is_unreadable(self) -> bool:
        """Whether Odoo's row cannot be read. What is stored of the document, if anything, is out of date."""
        return self.status is Status.FAILED and not self.content_hash and not self.withdrawn

    @property
    def is_gone_from_odoo(self) -> bool:
        """Whether Odoo does not have the document any more; its id may be another document's now."""
        return bool(self.successor) or (self.withdrawn and not self.content_hash)

    @property
    def is_failed(self) -> bool:
        """Whether a person must act."""
        return self.status is Status.FAILED

    @property
    def can_be_retried(self) -> bool:
        """Whether a person may retry it. An unreadable one has nothing to send."""
        return self.status is Status.FAILED and not self.is_unreadable and bool(self.document_key)

    @property
    def is_open(self) -> bool:
        """Whether there is work to do on it, now or later."""
        return self.status in (Status.PENDING, Status.POSTING)

    def is_due(self, now: datetime) -> bool:
        """Whether there is work to do on it now."""
        return self.is_open and self.is_ready and (self.next_attempt_at is None or self.next_attempt_at <= now)

    @property
    def settles_at(self) -> datetime | None:
        """When a write of unknown outcome can be looked for, or None if no outcome is open."""
        return self.next_attempt_at if self.step is not None else None

    def is_proven(self, realm: str) -> bool:
        """Whether `qb_id` came from an answer of this realm about this very document."""
        return self.qb_proof == proof_of(realm, self.entry_id, self.qb_id)

    @property
    def was_never_sent(self) -> bool:
        """Whether the document was never in the books, and no open write may put it there.

        Nothing is skipped that was ever sent. What a skipped entry has of an earlier time is of another document.
        """
        was_sent = self.may_be_in_books or (
            self.status is not Status.SKIPPED and bool(self.posted_at or self.generation)
        )
        return self.status in (Status.SKIPPED, Status.FAILED) and not was_sent

    @property
    def title(self) -> str:
        """How alerts name it: type, number, party and amount."""
        return document_title(self.document_type.noun, self.number, self.party, shown(self.total, self.currency))


class Seen(NamedTuple):
    """The status of an entry, and when Odoo had written its document when that was read last."""

    status: Status
    written_at: datetime


@cache
def names_of(*parts: type) -> tuple[str, ...]:
    """Return the names of the fields of some parts."""
    return tuple(part_field.name for part in parts for part_field in fields(part))


def proof_of(realm: str, entry_id: str, qb_id: str) -> str:
    """Return what an entry stores to prove that a QuickBooks id came from an answer about its own document."""
    return hashlib.sha256(f"{realm}|{entry_id}|{qb_id}".encode()).hexdigest()[:16]


def file_name(entry: Entry) -> str:
    """Return the name of the PDF in the books. Part of its hash is in it, so that two versions have two names."""
    number = re.sub(r"[^\w.-]+", "-", entry.number, flags=re.ASCII).strip("-.") or f"document-{entry.odoo_id}"
    return f"{number[:100]}_{entry.pdf_sha256[:8]}.pdf"


def make_request_id(realm: str, entry: Entry, step: Step, payload_hash: str) -> str:
    """Return the request id of one write, at most 50 characters, the same on every retry of the same content.

    QuickBooks replays the answer of an id it has seen, even if that document was deleted since. So the entry's
    generation is part of the id; it rises only after QuickBooks has confirmed a delete. Whether QuickBooks also replays
    a refusal whose cause is fixed is not documented, so the number of confirmed refusals is part of the id. So is when
    the entry was created: after a loss of the table both counts start at zero again.
    """
    life = f"{entry.created_at.isoformat()} {entry.generation}.{entry.refusals}"
    parts = (realm, entry.entry_id, str(entry.version), step, life, payload_hash)
    return f"odoo-{entry.odoo_id}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:32]}"[:50]
