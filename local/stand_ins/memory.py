"""The tracking table, the bucket and the key-value table in memory: one double of each, for the demo and for tests.

They keep the conditions of the real ones: `tests/contracts` holds both to the same rules. Whoever needs a journal, a
count or a crash after a write takes a subclass that calls the double.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, islice
from typing import Any

from pipeline.aws.document_store import DOCUMENTS, PENDING, POSTED, pending_key, posted_key
from pipeline.domain.books import Filed
from pipeline.domain.codec import dumps, encode
from pipeline.domain.contact import ContactState, write_answer
from pipeline.domain.cursor import Cursor
from pipeline.domain.document import Document
from pipeline.domain.entry import BooksPart, DriftPart, Entry, OdooPart, PdfPart, Seen, Status, WorkPart, names_of
from pipeline.domain.errors import InvalidDocument, PipelineError, outcome
from pipeline.domain.history import Wrote
from pipeline.domain.identity import make_entry_id, odoo_id_of
from pipeline.domain.lease import Lease
from pipeline.domain.source import Copy, Pdf, PdfDigest, StoredPdf
from pipeline.domain.stored import COPY_BYTES_MAX, changed, stored_document
from pipeline.domain.transitions import Actor, ForbiddenTransition, is_allowed
from pipeline.domain.values import replace
from pipeline.domain.waiting import Waiting

# Where nothing follows: such a decision holds only as long as the entry has the status it was taken on.
DECIDED = (Status.SKIPPED, Status.VOIDED)


class MemoryTable:
    """The tracking table; `stored` are the entries by id.

    `extracted_by` and `posted_by` say for whom each half of it writes.
    """

    extracted_by: tuple[Actor, ...] = (Actor.EXTRACTOR, Actor.COMPARISON, Actor.REBUILD)
    posted_by: tuple[Actor, ...] = (Actor.POSTER, Actor.PERSON, Actor.REBUILD)

    def __init__(self) -> None:
        self.stored: dict[str, Entry] = {}
        self.wrote: Wrote = lambda _entry, _names, _before: None
        self._lock = threading.RLock()
        self.run = "1"
        self._saves = count(1)

    def beside(self) -> MemoryTable:
        """Return the same table as another run of the poster sees it, which believes to hold the lease as well."""
        other = copy(self)
        other.run = f"{self.run}1"
        return other

    def put(self, entry: Entry) -> Entry:
        """Store an entry unconditionally."""
        self.stored[entry.entry_id] = entry
        return entry

    # -- reading ---------------------------------------------------------------------------------------------------

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry as it is now, or None."""
        return self.stored.get(entry_id)

    def entries(self, entry_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, by id."""
        return {entry_id: self.stored[entry_id] for entry_id in entry_ids if entry_id in self.stored}

    def with_status(self, company: str, status: Status) -> Iterator[Entry]:
        """Yield the entries of a company that have a status."""
        return iter(
            [entry for entry in list(self.stored.values()) if (entry.company, entry.status) == (company, status)]
        )

    def ids(self, database: str, company: str) -> dict[int, Seen]:
        """Return the Odoo id of every entry of a company, its status and when Odoo wrote it."""
        beginning = make_entry_id(database, 0)[:-1]
        return {
            odoo_id_of(entry.entry_id): Seen(entry.status, entry.odoo_write_date)
            for entry in self.stored.values()
            if entry.company == company and entry.entry_id.startswith(beginning)
        }

    def any_entry_id(self) -> str | None:
        """Return the id of some entry, or None when there is none."""
        return next(iter(self.stored), None)

    def unfinished(self, company: str, limit: int) -> list[Entry]:
        """Return at most `limit` pending entries that lack their PDF, and failed ones that could not be read."""
        found = (
            entry
            for status in (Status.PENDING, Status.FAILED)
            for entry in self.with_status(company, status)
            if entry.is_unfinished
        )
        return list(islice(found, limit))

    def backlog(self, company: str, limit: int) -> int:
        """Return how many documents wait to be posted, counting no further than `limit`."""
        return sum(1 for _ in islice(self.with_status(company, Status.PENDING), limit))

    def due(self, company: str, now: datetime) -> Iterator[Entry]:
        """Yield what is to be processed now, what was left in the middle first."""
        for status in (Status.POSTING, Status.PENDING):
            yield from (entry for entry in self.with_status(company, status) if entry.is_due(now))

    def failed(self, limit: int) -> list[Entry]:
        """Return at most `limit` failed entries of all companies."""
        return [entry for entry in list(self.stored.values()) if entry.status is Status.FAILED][:limit]

    def with_qb_ids(self, company: str, qb_ids: Collection[str]) -> Iterator[Entry]:
        """Yield the entries of a company that are in the books under one of these ids."""
        found = [entry for entry in self.stored.values() if entry.company == company and entry.qb_id in set(qb_ids)]
        return iter(found)

    def with_name(self, company: str, name: str) -> Iterator[Entry]:
        """Yield the entries of a company with this number, or this id or number in the books."""
        own = [entry for entry in self.stored.values() if entry.company == company]
        return iter([entry for entry in own if name in (entry.number, entry.qb_id, entry.qb_doc_number)])

    def note_drift(self, entry: Entry, *, drift: str, qb_open: Decimal | None) -> bool:
        """Note what was found in the books, unless the note, or where the document is, changed meanwhile."""
        with self._lock:
            stored = self.stored.get(entry.entry_id)
            if stored is None or (stored.drift, stored.qb_id) != (entry.drift, entry.qb_id):
                return False
            after = replace(stored, drift=drift, qb_open=qb_open)
            self.stored[entry.entry_id] = after
            self.wrote(after, names_of(DriftPart), _stored_values(stored, names_of(DriftPart)))
            return True

    def mark_reported(self, entry: Entry, *, reported_at: datetime | None, letter_at: datetime | None) -> None:
        """Store that a failure was reported, unless the entry has changed since."""
        with self._lock:
            stored = self.stored.get(entry.entry_id)
            if stored and stored.status is Status.FAILED and stored.updated_at == entry.updated_at:
                self.stored[entry.entry_id] = replace(
                    stored, reported_at=reported_at or stored.reported_at, letter_at=letter_at or stored.letter_at
                )

    def waiting(self) -> Iterator[Waiting]:
        """Yield the entries of all companies that are not done, interrupted ones first."""
        for status in (Status.POSTING, Status.PENDING):
            yield from (Waiting.of(entry) for entry in list(self.stored.values()) if entry.status is status)

    # -- writing ---------------------------------------------------------------------------------------------------

    def save_extracted(self, entry: Entry, *, previous: Entry | None) -> None:
        """Write a new entry, or what Odoo says now of an existing one, unless another run was faster."""
        with self._lock:
            stored = self.stored.get(entry.entry_id)
            if previous is None:
                if stored is None:
                    self._write(None, entry, self.extracted_by, names_of(Entry))
                return
            if stored is None or stored.version != previous.version:
                return
            if entry.status in DECIDED and stored.status is not previous.status:
                return
            names = self._extracted_fields(stored, is_as_read=stored.status is previous.status)
            self._write(stored, _with(stored, entry, names), self.extracted_by, names)

    def save_new(self, entry: Entry, *, attached: Entry | None) -> None:
        """Write a new entry, and with it what `attach_pdf` stores of another one."""
        if attached is not None:
            self.attach_pdf(attached)
        self.save_extracted(entry, previous=None)

    def _extracted_fields(self, stored: Entry, *, is_as_read: bool) -> list[str]:
        """Return what the extractor may write: not when a write of unknown outcome can be looked for, nor its type."""
        kept = {
            *(("next_attempt_at",) if stored.step else ()),
            *(() if is_as_read and stored.step is None else ("document_type",)),
        }
        names = ("document_type", *names_of(OdooPart, PdfPart, WorkPart))
        return [name for name in names if name not in kept]

    def attach_pdf(self, entry: Entry) -> None:
        """Store the key of this version's PDF, or how attempts to get it went, while the entry waits for it."""
        with self._lock:
            stored = self.stored.get(entry.entry_id)
            if stored and stored.version == entry.version and stored.status is Status.PENDING:
                names = [*names_of(PdfPart), "pdf_key", "attempts", "killed_attempts", "error_message"]
                self._write(stored, _with(stored, entry, names), self.extracted_by, names)

    def keep_seen(self, entry: Entry) -> None:
        """Store when Odoo created and wrote a document, while its entry has this version."""
        with self._lock:
            stored = self.stored.get(entry.entry_id)
            if stored and stored.version == entry.version:
                names = ("odoo_created_at", "odoo_write_date")
                self._write(stored, _with(stored, entry, names), self.extracted_by, names)

    def ask_for_pdf(self, entry: Entry) -> None:
        """Store an entry whose PDF is to be fetched again, while it has this version."""
        with self._lock:
            stored = self.stored.get(entry.entry_id)
            if stored and stored.version == entry.version and self._may_save(entry, stored):
                self._save(stored, entry, names_of(BooksPart, WorkPart, PdfPart))

    def save(self, entry: Entry) -> bool:
        """Store what the poster did; of an older version only what the books have, and then return False.

        Over the save of another run than the one that the entry was read after nothing is stored.
        """
        with self._lock:
            stored = self.stored.get(entry.entry_id)
            if stored is None or not self._may_save(entry, stored):
                return False
            is_same_version = stored.version == entry.version
            self._save(stored, entry, names_of(BooksPart, WorkPart) if is_same_version else names_of(BooksPart))
            return is_same_version

    def save_together(self, entries: Sequence[Entry]) -> list[bool | PipelineError]:
        """Store some entries; return for each what `save` returns or raises."""
        return [outcome(self.save, entry) for entry in entries]

    def _may_save(self, entry: Entry, stored: Entry) -> bool:
        return stored.save_id == entry.save_id or stored.save_id.startswith(f"{self.run}-")

    def _save(self, stored: Entry, entry: Entry, names: Collection[str]) -> None:
        after = replace(_with(stored, entry, names), save_id=f"{self.run}-{next(self._saves)}")
        self._write(stored, after, self.posted_by, names)

    def _write(self, before: Entry | None, after: Entry, by: tuple[Actor, ...], names: Collection[str]) -> None:
        self.stored[after.entry_id] = after
        self.wrote(after, names, _stored_values(before, names) if before else {})
        previous = before.status if before else None
        if not is_allowed(previous, after.status, *by):
            self.on_forbidden(previous, after, by)

    def on_forbidden(self, previous: Status | None, entry: Entry, by: tuple[Actor, ...]) -> None:
        """Raise, because a status was changed as no rule allows. By then it is stored, as in the real table."""
        actors = " or ".join(by)
        raise ForbiddenTransition(f"{actors} may not move {entry.entry_id} from {previous} to {entry.status}")


def _pdf_missing(entry: Entry) -> InvalidDocument:
    return InvalidDocument(f"{entry.title}: its PDF is missing. Retry it.", code="pdf_missing")


def _stored_values(entry: Entry, names: Collection[str]) -> dict[str, Any]:
    """Return the values of an entry as the table answers with them: what is empty is not stored."""
    values = {name: encode(getattr(entry, name)) for name in names}
    return {name: value for name, value in values.items() if value not in ("", None)}


def _with(stored: Entry, entry: Entry, names: Collection[str]) -> Entry:
    """Return the stored entry with some fields as another has them."""
    return replace(stored, **{name: getattr(entry, name) for name in names})


class MemoryStore:
    """The bucket; `objects` are documents and the contents of PDFs, by key, the one written last at the end."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        # What is kept beside the PDF under a key: how its document was in the books, and the version it was stored for.
        self.filed_as: dict[str, Filed] = {}
        self.stored_for: dict[str, int] = {}

    def put(self, key: str, content: Document | bytes) -> None:
        """Have an object under a key, and nothing kept beside it."""
        for kept in (self.objects, self.filed_as, self.stored_for):
            kept.pop(key, None)
        self.objects[key] = content

    # -- documents -------------------------------------------------------------------------------------------------

    def put_document(self, document: Document, version: int) -> str:
        """Store a version of a document and return its key."""
        key = f"{DOCUMENTS}{document.entry_id}/{version}.json"
        self.put(key, document)
        return key

    def document(self, entry: Entry, *, bytes_max: int | None = None) -> Document:
        """Return the document of this version of an entry; raises InvalidDocument when it is gone, or another."""
        if entry.document_key not in self.objects:
            raise InvalidDocument(f"{entry.title}: its copy is missing. Save it in Odoo again.", code="copy_missing")
        content = dumps(self.document_at(entry.document_key)).encode()
        if len(content) > (bytes_max or COPY_BYTES_MAX):
            raise changed(entry, f"it has {len(content)} bytes")
        return stored_document(content, entry)

    def document_at(self, key: str) -> Document:
        """Return the document under a key; raises InvalidDocument when it is gone."""
        if key not in self.objects:
            raise InvalidDocument(f"The copy {key} is missing.", code="copy_missing")
        document: Document = self.objects[key]
        return document

    def has_copies(self) -> bool:
        """Whether a document was ever stored."""
        return any(key.startswith(DOCUMENTS) for key in self.objects)

    def copies(self) -> list[Copy]:
        """Return the last copy of every document with the key of its PDF: the waiting one, or the last filed."""
        latest: dict[str, tuple[int, str]] = {}
        for key in self.objects:
            found = re.fullmatch(rf"{DOCUMENTS}(.+)/(\d+)\.json", key)
            if found:
                latest[found[1]] = max(latest.get(found[1], (0, "")), (int(found[2]), key))
        return [
            Copy(entry_id, version, key, self._pdf_key(entry_id), self._filed_key(entry_id))
            for entry_id, (version, key) in sorted(latest.items())
        ]

    def _pdf_key(self, entry_id: str) -> str:
        return pending_key(entry_id) if pending_key(entry_id) in self.objects else self._filed_key(entry_id)

    def _filed_key(self, entry_id: str) -> str:
        filed = [key for key in self.objects if key.startswith(POSTED) and key.endswith(f"__{entry_id}.pdf")]
        return filed[-1] if filed else ""

    # -- PDFs ------------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> list[str]:
        """The keys of the PDFs that wait: work outstanding."""
        return [key for key in self.objects if key.startswith(PENDING)]

    def put_pdf(self, entry: Entry, pdf: Pdf) -> StoredPdf:
        """Store the PDF of a version of an entry where it waits."""
        key = pending_key(entry.entry_id)
        self.put(key, pdf.content)
        self.stored_for[key] = entry.version
        return StoredPdf(key, pdf.sha256)

    def pdf(self, entry: Entry) -> bytes:
        """Return the PDF of an entry, pending or posted; raises InvalidDocument when it is gone."""
        for key in (pending_key(entry.entry_id), entry.pdf_key, posted_key(entry)):
            if key in self.objects:
                content: bytes = self.objects[key]
                return content
        raise _pdf_missing(entry)

    def pdf_digest_at(self, key: str) -> PdfDigest | None:
        """Return what is known of the PDF under a key, or None."""
        content = self.objects.get(key)
        if content is None:
            return None
        return PdfDigest(hashlib.sha256(content).hexdigest(), len(content), self.stored_for.get(key, 0))

    def copy_posted(self, entry: Entry) -> str:
        """Copy the PDF to where a person looks for it, and return its key; raises InvalidDocument when it is gone."""
        target = posted_key(entry)
        for source in (pending_key(entry.entry_id), entry.pdf_key):
            if source != target and source in self.objects:
                self.put(target, self.objects[source])
                self.filed_as[target] = Filed(entry.qb_id, entry.qb_sync_token, entry.qb_fingerprint)
                self.stored_for[target] = entry.version
                return target
        if target not in self.objects:
            raise _pdf_missing(entry)
        return target

    def filed(self, entry: Entry) -> Filed | None:
        """Return how the document was in the books when its PDF was filed, or None."""
        return self.filed_at(posted_key(entry))

    def filed_at(self, key: str) -> Filed | None:
        """Return how a document was in the books when its PDF was filed under a key, or None."""
        filed = self.filed_as.get(key)
        return filed if filed and filed.qb_id and filed.fingerprint else None

    def drop_pending(self, entry: Entry) -> None:
        """Remove the PDF that waits."""
        self.objects.pop(pending_key(entry.entry_id), None)

    def drop_pending_together(self, entries: Sequence[Entry]) -> list[PipelineError | None]:
        """Remove the PDFs that wait; return the error of each, or None."""
        errors = [outcome(self.drop_pending, entry) for entry in entries]
        return [error if isinstance(error, PipelineError) else None for error in errors]


class MemoryTokens:
    """The tokens of each realm, as JSON there and back."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}

    def tokens(self, realm: str) -> Mapping[str, Any] | None:
        """Return the stored tokens of a realm, or None."""
        found = self.stored.get(realm)
        return json.loads(found) if found else None

    def keep_tokens(self, realm: str, tokens: Mapping[str, Any]) -> None:
        """Store the tokens of a realm."""
        self.stored[realm] = json.dumps(tokens)


class MemoryKeyValues:
    """The key-value table; `values` are texts by key, `cursors` and `compared` are by database and company.

    `contacts` are those that were asked about, by database; `leases` and `paused_until` are by realm.
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.cursors: dict[tuple[str, str], Cursor] = {}
        self.compared: dict[tuple[str, str], datetime] = {}
        self.contacts: dict[str, dict[int, str]] = {}
        self.leases: dict[str, Lease] = {}
        self.paused_until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""
        return self.values.get(key)

    def keep(self, key: str, value: str, *, expires_at: int | None = None) -> None:
        """Keep a text under a key; nothing lasts long enough here to be forgotten."""
        del expires_at
        self.values[key] = value

    def change(self, key: str, of: Callable[[str | None], str]) -> None:
        """Keep what `of` makes of the text under a key; no other change is lost."""
        while True:
            before = self.values.get(key)
            after = of(before)
            with self._lock:
                if self.values.get(key) == before:
                    self.values[key] = after
                    return

    def values_of(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the texts kept under some keys, by key."""
        return {key: self.values[key] for key in keys if key in self.values}

    def claim(self, key: str, value: str) -> str:
        """Keep a text under a key unless another is kept there already; return the one that is."""
        with self._lock:
            return self.values.setdefault(key, value)

    def claim_together(self, values: Mapping[str, str]) -> dict[str, str]:
        """Keep texts under keys that have none; return what is kept under each."""
        return {key: self.claim(key, value) for key, value in values.items()}

    def cursor(self, database: str, company: str) -> Cursor:
        """Return how far a company was read; a new Cursor when it never was."""
        return self.cursors.get((database, company), Cursor())

    def move_cursor(self, database: str, company: str, cursor: Cursor) -> None:
        """Keep how far a company was read."""
        self.cursors[database, company] = cursor

    def was_read(self, database: str, company: str) -> bool:
        """Whether it is known how far a company was read."""
        return (database, company) in self.cursors

    def begin_cursor(self, database: str, company: str) -> None:
        """Have a company read from the beginning, if it is not known how far it was read."""
        self.cursors.setdefault((database, company), Cursor())

    def database(self) -> str | None:
        """Return the database whose documents are known here, or None before the first."""
        return self.value("database#")

    def keep_database(self, database: str) -> None:
        """Keep the database whose documents are known here."""
        self.keep("database#", database)

    def contacts_asked(self, database: str) -> dict[int, str]:
        """Return the contacts that were asked about, with their names in QuickBooks."""
        return dict(self.contacts.get(database, {}))

    def ask_contact(self, database: str, contact: int, name: str) -> None:
        """Ask what became of a contact."""
        self.contacts[database] = {**self.contacts_asked(database), contact: name}

    def answer_contacts(self, database: str, answers: Mapping[int, ContactState], now: datetime) -> None:
        """Keep what became of contacts; what was asked meanwhile stays asked."""
        for contact, state in answers.items():
            self.keep(f"contact#{database}#{contact}", write_answer(state, now))
            self.contacts.get(database, {}).pop(contact, None)

    def realm(self, company: str) -> str | None:
        """Return the realm that a company is posted to, or None before its first document."""
        return self.value(f"realm#{company}")

    def keep_realm(self, company: str, realm: str) -> None:
        """Keep the realm that a company is posted to."""
        self.keep(f"realm#{company}", realm)

    def compared_at(self, database: str, company: str) -> datetime | None:
        """Return when a company was last compared with Odoo, or None."""
        return self.compared.get((database, company))

    def keep_compared(self, database: str, company: str, moment: datetime) -> None:
        """Keep when a company was compared with Odoo."""
        self.compared[database, company] = moment

    def connection(self, key: str) -> Mapping[str, Any] | None:
        """Return how a server is spoken to, or None."""
        kept = self.values.get(f"connection#{key}")
        return json.loads(kept) if kept else None

    def keep_connection(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep how a server is spoken to."""
        self.values[f"connection#{key}"] = json.dumps(value)

    def forget_connection(self, key: str) -> None:
        """Forget how a server is spoken to."""
        self.values.pop(f"connection#{key}", None)

    def take_lease(
        self, realm: str, holder: str, now: datetime, until: datetime, *, force: bool, companies: Sequence[str] = ()
    ) -> Lease | None:
        """Take a realm's lease until an instant; return None if another run holds it or the realm is paused."""
        del companies
        with self._lock:
            kept = self.leases.get(realm)
            is_paused = realm in self.paused_until and self.paused_until[realm] >= now
            is_ours = kept is not None and (kept.holder, kept.until) == (holder, until)
            if kept and not is_ours and (kept.until >= now or (is_paused and not force)):
                return None
            self.leases[realm] = replace(kept or Lease(realm, "", now), holder=holder, until=until)
            return self.leases[realm]

    def free_realms(self, realms: Sequence[str], now: datetime) -> set[str]:
        """Return those of the realms whose lease nobody holds and that are not paused."""
        with self._lock:
            held = {realm for realm, lease in self.leases.items() if lease.until >= now}
            held |= {realm for realm, until in self.paused_until.items() if until >= now}
            return set(realms) - held

    def release_lease(self, lease: Lease, now: datetime, *, paused_for_s: int = 0) -> None:
        """Release the lease with what the next holder must know, unless another run holds it by now."""
        with self._lock:
            if lease.realm not in self.leases or self.leases[lease.realm].holder != lease.holder:
                return
            self.leases[lease.realm] = replace(lease, until=now - timedelta(seconds=1))
            self.paused_until.pop(lease.realm, None)
            if paused_for_s:
                self.paused_until[lease.realm] = now + timedelta(seconds=paused_for_s)
