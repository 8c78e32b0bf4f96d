"""What is outside of the use cases, of dictionaries: an Odoo, the table, the bucket, the shifts, the books.

The table, the bucket and the shifts keep the conditions of the real ones; the books behave as QuickBooks does, trouble
included.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pipeline.aws.tracking_table import DECIDED
from pipeline.domain.books import Attached, Booked, Draft
from pipeline.domain.cursor import Cursor
from pipeline.domain.document import Document
from pipeline.domain.entry import BooksPart, Entry, OdooPart, PdfPart, Status, WorkPart, names_of
from pipeline.domain.errors import (
    Disconnected,
    InvalidDocument,
    Misconfigured,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unavailable,
    Unmapped,
)
from pipeline.domain.lease import Lease
from pipeline.domain.lifecycle import Actor, is_allowed
from pipeline.domain.source import Pdf, PdfSource, StoredPdf, UnreadableDocument
from tests.builders import COMPANY
from tests.odoo_world import FakeOdoo

# QuickBooks gives a request 120 seconds: what takes effect late does so before.
LATE_S = 100


class Odoo(FakeOdoo):
    """Documents that people work on. What is `hidden` its user may not see; `without_pdf` render nothing now."""

    def __init__(self) -> None:
        super().__init__()
        self.without_pdf: set[int] = set()
        self.deleted: set[int] = set()

    def _selects(self, odoo_id, company, selection):
        return odoo_id not in self.hidden and super()._selects(odoo_id, company, selection)

    def pdf(self, document, *, plain=False):
        if document.odoo_id in self.without_pdf and not plain:
            raise Unavailable("Odoo renders nothing just now")
        return Pdf(pdf_of(document), PdfSource.PLAIN if plain else PdfSource.RENDERED)

    def write(self, odoo_id: int, written_at: datetime, **changes: Any) -> None:
        self.put(replace(self.documents[odoo_id], written_at=written_at, **changes))
        if odoo_id in self.unreadable:
            self.unreadable[odoo_id] = replace(self.unreadable[odoo_id], written_at=written_at)

    def breaks(self, odoo_id: int, words: str) -> None:
        document = self.documents[odoo_id]
        error = InvalidDocument(f"{document.number}: {words} Give it one in Odoo.")
        self.unreadable[odoo_id] = UnreadableDocument(
            odoo_id, document.number, document.document_type, document.written_at, error
        )

    def delete(self, odoo_id: int) -> None:
        for kept in (self.documents, self.unreadable, self.attached_at):
            kept.pop(odoo_id, None)
        self.hidden.discard(odoo_id)
        self.deleted.add(odoo_id)


def pdf_of(document: Document) -> bytes:
    """Return what a document looks like: not every change of it shows."""
    return f"PDF of {document.number}, {document.memo}".encode()


class Table:
    """The tracking table: what is written under which condition as in the real one, every change of status noted."""

    def __init__(self) -> None:
        self.stored: dict[str, Entry] = {}
        self.complaints: list[str] = []
        self.seen: Counter[tuple[Status | None, Status, Actor]] = Counter()

    def entry(self, key):
        return self.stored.get(key)

    def entries(self, keys):
        return {each: self.stored[each] for each in keys if each in self.stored}

    def ids(self, database, company):
        return {each.odoo_id: each.status for each in self.stored.values() if each.company == company}

    def with_status(self, company, status):
        return iter([each for each in self.stored.values() if (each.company, each.status) == (company, status)])

    def due(self, company, now):
        return iter([each for each in self.stored.values() if each.company == company and each.is_due(now)])

    def waiting_elsewhere(self, companies):
        return [each for each in self.with_status(COMPANY.name, Status.PENDING) if each.company not in companies]

    def unfinished(self, company, limit):
        found = [each for each in self.stored.values() if each.company == company]
        return [each for each in found if each.is_unfinished][:limit]

    def backlog(self, company, limit):
        return min(limit, sum(1 for _ in self.with_status(company, Status.PENDING)))

    def save_extracted(self, entry, *, previous, by=Actor.EXTRACTOR):
        now = self.stored.get(entry.entry_id)
        if previous is None:
            if now is None:
                self._write(None, entry, by)
            return
        is_decided = entry.status in DECIDED and now.status is not previous.status
        if now.version == previous.version and not is_decided:
            self._write(now, _with(now, entry, self._kept(now)), by)

    def _kept(self, now):
        """Return what the extractor may write: not when a write of unknown outcome can be looked for."""
        return [each for each in names_of(OdooPart, PdfPart, WorkPart) if each != "next_attempt_at" or now.step is None]

    def attach_pdf(self, entry):
        now = self.stored[entry.entry_id]
        if now.version == entry.version and now.status is Status.PENDING:
            self.stored[entry.entry_id] = _with(
                now, entry, (*names_of(PdfPart), "pdf_key", "attempts", "error_message")
            )

    def save(self, entry):
        now = self.stored[entry.entry_id]
        same = now.version == entry.version
        self._write(
            now,
            _with(now, entry, names_of(BooksPart, WorkPart) if same else names_of(BooksPart)),
            Actor.POSTER,
            Actor.PERSON,
        )
        return same

    def ask_for_pdf(self, entry):
        now = self.stored[entry.entry_id]
        if now.version == entry.version:
            self._write(now, _with(now, entry, names_of(BooksPart, WorkPart, PdfPart)), Actor.POSTER)

    def _write(self, before, after, *by):
        previous = before.status if before else None
        self.stored[after.entry_id] = after
        if previous is after.status:
            return
        self.seen.update((previous, after.status, each) for each in by if is_allowed(previous, after.status, each))
        if not is_allowed(previous, after.status, *by):
            self.complaints.append(f"{after.title} went from {previous} to {after.status} by {' or '.join(by)}")


def _with(now, entry, names):
    return replace(now, **{name: getattr(entry, name) for name in names})


class ComparisonsTable:
    """The table as the daily comparison writes it."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.entry, self.entries, self.ids = table.entry, table.entries, table.ids

    def save_extracted(self, entry, *, previous):
        self._table.save_extracted(entry, previous=previous, by=Actor.COMPARISON)


class Store:
    """The bucket: copies of documents, PDFs that wait, PDFs that are filed."""

    def __init__(self) -> None:
        self.copies: dict[str, Document] = {}
        self.waiting: dict[str, bytes] = {}
        self.filed: dict[str, bytes] = {}
        self._lost: dict[str, Document] = {}

    def put_document(self, document, version):
        key = f"documents/{document.entry_id}/{version}.json"
        self.copies[key] = document
        return key

    def document(self, entry):
        if entry.document_key not in self.copies:
            raise InvalidDocument("its copy is missing. Save it in Odoo once more.", code="copy_missing")
        return self.copies[entry.document_key]

    def put_pdf(self, key, pdf):
        self.waiting[key] = pdf.content
        return StoredPdf(f"pending/{key}.pdf", pdf.sha256)

    def pdf(self, entry):
        found = self.waiting.get(entry.entry_id, self.filed.get(entry.pdf_key, self.filed.get(_filed(entry))))
        if found is None:
            raise InvalidDocument("its PDF is missing. Save it in Odoo once more.", code="pdf_missing")
        return found

    def file_posted(self, entry):
        if entry.entry_id in self.waiting:
            self.filed[_filed(entry)] = self.waiting.pop(entry.entry_id)
        return _filed(entry)

    def drop_pending(self, entry):
        self.waiting.pop(entry.entry_id, None)

    def lose_pdf(self, key):
        self.waiting.pop(key, None)
        self.filed = {name: content for name, content in self.filed.items() if not name.endswith(f"__{key}.pdf")}

    def lose_copies(self, key):
        for name in [name for name, copy in self.copies.items() if copy.entry_id == key]:
            self._lost[name] = self.copies.pop(name)

    def restore(self, key):
        """Put back what the bucket has kept of an object that was lost."""
        self.copies |= {name: copy for name, copy in self._lost.items() if copy.entry_id == key}


def _filed(entry):
    return f"posted/{entry.number}__{entry.entry_id}.pdf"


@dataclass
class Row:
    """A document as it stands in the books."""

    qb_id: str
    marker: str
    number: str
    total: Decimal
    fingerprint: str
    created_at: datetime
    token: int = 0
    party: str = ""
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)


class Books:
    """Books that do as QuickBooks does: a request id that is remembered is answered as before, refusals too.

    `trouble` says by call what happens to it, and how often; `settings` are what people get wrong there.
    """

    realm = "9130"
    keeps_replaced_files = False

    def __init__(self, clock: Callable[[], datetime], *, remembers_ids: bool) -> None:
        self._clock = clock
        self._remembers_ids = remembers_ids
        self._answers: dict[str, Any] = {}
        self._late: list[tuple[datetime, Callable[[], object]]] = []
        self._ids = 0
        self.rows: dict[str, Row] = {}
        self.trouble: dict[str, list[Any]] = {}
        self.settings: set[str] = set()
        self.paid: set[str] = set()

    def of(self, key: str) -> list[Row]:
        """Return how often a document stands there."""
        return [row for row in self.rows.values() if row.marker == key]

    def let_pass(self, until: datetime) -> None:
        """Let requests take effect that are still being worked on."""
        due = [each for each in self._late if each[0] <= until]
        self._late = [each for each in self._late if each[0] > until]
        for _, effect in due:
            with suppress(Rejected):
                effect()

    # -- reading ---------------------------------------------------------------------------------------------------

    def draft(self, document, *, is_booked=False):
        if "account unmapped" in self.settings:
            raise Unmapped("the account 400000 has no counterpart. Map it.", code="account_unmapped")
        self._meets("read")
        said = f"{document.entry_id} {document.number} {document.total} {document.memo} {document.party.odoo_id}"
        hashed = hashlib.sha256(said.encode()).hexdigest()
        return Draft("Invoice", {"Marker": document.entry_id, "Total": document.total}, hashed, document.number, hashed,
                     party=str(document.party.odoo_id))  # fmt: skip

    def find(self, document, *, qb_id="", doc_number="", since=None):
        self._meets("read")
        if qb_id in self.rows:
            return _booked(self.rows[qb_id])
        for row in self.of(document.entry_id):
            if row.number in (document.number, doc_number) or (since is not None and row.created_at >= since):
                return _booked(row)
        return None

    def look_for(self, documents):
        self._meets("read")

    def verify(self, document, qb_id):
        self._meets("read")
        return _booked(self.rows[qb_id]) if qb_id in self.rows else None

    def explained(self, document, error):
        return error

    def is_paid(self, document, qb_id):
        return qb_id in self.paid

    def is_gone(self, error, document, qb_id):
        return error.code == "quickbooks_610" and qb_id not in self.rows

    def find_existing(self, document, draft):
        found = [row for row in self.of(document.entry_id) if row.number == draft.doc_number]
        return _booked(found[0]) if found else None

    def attachments(self, document_type, qb_id):
        self._meets("read")
        row = self.rows.get(qb_id)
        files = row.files if row else {}
        return [Attached(each, name, len(content)) for each, (name, content) in files.items()]

    def difference(self, document, draft, booked):
        return "" if booked.total == document.total else f"QuickBooks makes it {booked.total}, Odoo {document.total}"

    def is_number_taken(self, error):
        return error.code == "taken"

    def is_stale(self, error):
        return error.code == "stale"

    # -- writing ---------------------------------------------------------------------------------------------------

    def create(self, draft, request_id):
        def effect():
            self._check_open()
            row = Row(self._new_id(), draft.body["Marker"], draft.doc_number, self._total(draft), draft.hash,
                      self._clock(), party=draft.party)  # fmt: skip
            self.rows[row.qb_id] = row
            return _booked(row)

        return self._write("create", request_id, effect)

    def update(self, draft, booked, request_id):
        def effect():
            self._check_open()
            row = self._standing(booked.qb_id, booked.sync_token)
            row.number, row.total, row.fingerprint = draft.doc_number, self._total(draft), draft.hash
            row.token, row.party = row.token + 1, draft.party
            return _booked(row)

        return self._write("update", request_id, effect)

    def remove(self, document, booked, request_id):
        self._meets("read")
        row = self.rows.get(booked.qb_id)
        if row is None:
            return False
        if booked.fingerprint not in ("", row.fingerprint) and booked.sync_token != str(row.token):
            raise Rejected("somebody has changed it in QuickBooks. Delete it there.", code="changed_in_quickbooks")
        token = str(row.token)

        def effect():
            self._check_open()
            self._standing(booked.qb_id, token)
            del self.rows[booked.qb_id]
            return True

        return self._write("remove", request_id, effect)

    def attach(self, document_type, qb_id, file_name, content, request_id):
        def effect():
            file_id = self._new_id()
            self._standing(qb_id).files[file_id] = (file_name, content)
            return Attached(file_id, file_name, len(content))

        return self._write("attach", request_id, effect)

    def detach(self, document_type, qb_id, attachable_id, request_id):
        self._meets("read")
        for row in self.rows.values():
            row.files.pop(attachable_id, None)

    def _write(self, call, request_id, effect):
        kind = self._meets(call)

        def once():
            if self._remembers_ids and request_id in self._answers:
                answer = self._answers[request_id]
            else:
                answer = self._answers[request_id] = _tried(refused if kind == "refused" else effect)
            if isinstance(answer, Rejected):
                raise answer
            return answer

        if kind == "unknown, done":
            with suppress(Rejected):
                once()
        if kind == "unknown, done late":
            self._late.append((self._clock() + timedelta(seconds=LATE_S), once))
        if kind.startswith("unknown"):
            raise OutcomeUnknown("QuickBooks has not answered")
        return once()

    def _meets(self, call) -> str:
        """Raise the trouble a call meets; return that which is not known to be any."""
        left = self.trouble.get(call)
        if not left or not left[1]:
            return ""
        left[1] -= 1
        error = TROUBLES.get(left[0])
        if error is not None:
            raise error()
        return str(left[0])

    def _check_open(self):
        if "books closed" in self.settings:
            raise Rejected("Its date lies in a closed period. Open it.", code="quickbooks_6210")

    def _standing(self, qb_id, token=None):
        row = self.rows.get(qb_id)
        if row is None:
            raise Rejected("it is not there any more. Make it active again.", code="quickbooks_610")
        if token not in (None, str(row.token)):
            raise Rejected("it was changed at the same moment. Look at it.", code="stale")
        return row

    def _total(self, draft):
        return draft.body["Total"] + (Decimal("0.01") if "tax computed otherwise" in self.settings else 0)

    def _new_id(self):
        self._ids += 1
        return str(self._ids)


def _booked(row: Row) -> Booked:
    return Booked(row.qb_id, str(row.token), row.number, row.total, Decimal("10.00"), "USD",
                  fingerprint=row.fingerprint, party=row.party)  # fmt: skip


def refused():
    raise Rejected("QuickBooks refuses it. Correct it.", code="quickbooks_6000")


def _tried(effect):
    """Return what a request is answered: a refusal too."""
    try:
        return effect()
    except Rejected as error:
        return error


TROUBLES: dict[str, Callable[[], Exception]] = {
    "throttled": lambda: Throttled("QuickBooks asks to slow down", wait_s=60),
    "disconnected": lambda: Disconnected("Reconnect the company.", code="connection_gone"),
    "unavailable": lambda: Unavailable("QuickBooks does not answer"),
    "misconfigured": lambda: Misconfigured("A right is missing. Grant it."),
}
UNKNOWN = ("unknown, done", "unknown, not done", "unknown, done late")
READS = ("throttled", "disconnected", "unavailable", "misconfigured")
WRITES = ("refused", *TROUBLES, *UNKNOWN, *UNKNOWN)
SETTINGS = ("account unmapped", "books closed", "tax computed otherwise")


class Leases:
    """The lease of each realm, and the realm of each company."""

    def __init__(self) -> None:
        self._held: dict[str, Lease] = {}
        self._paused_until: dict[str, datetime] = {}
        self._realms: dict[str, str] = {}

    def realm(self, company):
        return self._realms.get(company)

    def keep_realm(self, company, realm):
        self._realms[company] = realm

    def take_lease(self, realm, holder, now, until, *, force, companies):
        kept = self._held.get(realm)
        is_paused = realm in self._paused_until and self._paused_until[realm] >= now
        if kept and (kept.until >= now or (is_paused and not force)):
            return None
        self._held[realm] = replace(kept or Lease(realm, "", now), holder=holder, until=until)
        return self._held[realm]

    def release_lease(self, lease, now, *, paused_for_s=0):
        if self._held[lease.realm].holder == lease.holder:
            self._held[lease.realm] = replace(lease, until=now - timedelta(seconds=1))
            self._paused_until.pop(lease.realm, None)
            if paused_for_s:
                self._paused_until[lease.realm] = now + timedelta(seconds=paused_for_s)


class KeyValueTable:
    """How far the company was read, and when it was compared."""

    def __init__(self) -> None:
        self.kept = Cursor()
        self.moment: datetime | None = None

    def cursor(self, database, company):
        return self.kept

    def move_cursor(self, database, company, cursor):
        self.kept = cursor

    def compared_at(self, database, company):
        return self.moment

    def keep_compared(self, database, company, moment):
        self.moment = moment
