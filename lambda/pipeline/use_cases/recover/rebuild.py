"""Rebuild a lost tracking table from the documents in the bucket and in the books.

The bucket has each document as it was last read from Odoo, so the next pull finds nothing changed. Documents in the
books carry our marker, so nothing is posted twice. Entries that already exist are only completed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date
from functools import partial
from itertools import batched
from typing import Protocol

from pipeline.domain import from_odoo, lifecycle
from pipeline.domain.books import Attached, Draft, Existing, Filed, as_filed
from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Document
from pipeline.domain.entry import OUR_FILE, UNKNOWN_HASH, Entry, Status, file_name, proof_of
from pipeline.domain.errors import Deferred, NeedsAttention, PipelineError
from pipeline.domain.identity import database_of
from pipeline.domain.source import Copy, PdfDigest
from pipeline.domain.threads import Threads
from pipeline.domain.transitions import Actor
from pipeline.domain.values import dataclass, replace

logger = logging.getLogger(__name__)

THREADS = 8
BATCH_DOCUMENTS = 100
# How many copies of a document are compared with the books if those do not have what was filed.
COPIES_READ_MAX = 5
# The time for a batch: to read a hundred copies and PDFs, draft as many bodies, and create a name or two.
BATCH_ALLOWANCE_S = 30.0


class RebuildBooks(Protocol):
    """The books, as rebuilding needs them."""

    @property
    def realm(self) -> str:
        """The id of the company in the books."""

    def inventory(self) -> dict[str, Existing]:
        """Return every document of ours in the books, by entry id."""

    def remember_party(self, document: Document, qb_id: str) -> None:
        """Store which customer or vendor a document's party is."""

    def draft(self, document: Document, *, is_booked: bool) -> Draft:
        """Return what would be sent for a document."""


class RebuildStore(Protocol):
    """The bucket, as rebuilding needs it."""

    def copies(self) -> list[Copy]:
        """Return the last stored copy of every document."""

    def document_at(self, key: str) -> Document:
        """Return the document of a copy."""

    def pdf_digest_at(self, key: str) -> PdfDigest | None:
        """Return what is known of the PDF under a key, or None."""

    def filed_at(self, key: str) -> Filed | None:
        """Return how a document was in the books when its PDF was filed under a key, or None if that is not known."""

    def drop_pending(self, entry: Entry) -> None:
        """Remove the PDF that waits for an entry."""


class RebuildTable(Protocol):
    """The tracking table, as rebuilding needs it."""

    def entries(self, entry_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the existing ones of these entries, by id."""

    def save_extracted(self, entry: Entry, *, previous: Entry | None) -> None:
        """Write a new entry, unless there is one."""

    def save(self, entry: Entry) -> bool:
        """Store what the poster knows of an entry."""


class _Unreadable(Exception):
    """A stored copy or its PDF cannot be read."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it: how many entries, whether time ran out before the end, and which copies could not be read.

    `databases` are those of Odoo that the copies are from.
    """

    count: int = 0
    remaining: bool = False
    unreadable: Mapping[str, str] = field(default_factory=dict)
    databases: frozenset[str] = frozenset()


@dataclass(slots=True)
class Rebuild:
    """Rebuilds one company's entries. `count` is how many, `remaining` whether time ran out before the end.

    `unreadable` has the entry ids of the copies that could not be read, with the reason. They may be another company's:
    only the copy itself says whose it is.
    """

    company: str
    books: RebuildBooks
    store: RebuildStore
    table: RebuildTable
    clock: Clock
    threads: Threads
    deadline: Deadline
    go_live: date | None = None
    skips_receipts: bool = False
    count: int = 0
    remaining: bool = False
    unreadable: dict[str, str] = field(default_factory=dict)

    def run(self) -> Rebuilt:
        """Create or complete the entries of all documents. Complete entries are left unchanged."""
        existing = self.books.inventory()
        with self.threads.pool(THREADS, "rebuild") as pool:
            every = self.store.copies()
            for copies in batched(every, BATCH_DOCUMENTS):
                if not self.deadline.allows(BATCH_ALLOWANCE_S):
                    self.remaining = True
                    break
                known = self.table.entries([copy.entry_id for copy in copies])
                missing = [
                    copy for copy in copies
                    if copy.entry_id not in known or _is_incomplete(known[copy.entry_id], existing)
                ]  # fmt: skip
                for done in pool.map(partial(self._one, existing, known), missing):
                    self.count += done
        logger.info("entries rebuilt", extra={"company": self.company, "count": self.count,
                                              "unreadable": len(self.unreadable)})  # fmt: skip
        databases = frozenset(filter(None, (database_of(copy.entry_id) for copy in every)))
        return Rebuilt(self.count, self.remaining, dict(sorted(self.unreadable.items())), databases)

    def _one(self, existing: Mapping[str, Existing], known: Mapping[str, Entry], copy: Copy) -> bool:
        try:
            return self._rebuild(existing, known, copy)
        except _Unreadable as error:
            # One that cannot be read must not stop the others. Threads can add items to a dict.
            self.unreadable[copy.entry_id] = str(error)
            return False
        except Deferred:
            # Nor must one that waits, such as for what became of its contact in Odoo.
            self.remaining = True
            return False

    def _read[T](self, read: Callable[[str], T], key: str) -> T:
        """Return what is under a key. Raises _Unreadable for any trouble with it, which is then reported by name."""
        try:
            return read(key)
        except PipelineError as error:
            raise _Unreadable(str(error)) from error
        except Exception as error:
            raise _Unreadable(f"{key} is not what was stored ({type(error).__name__})") from error

    def _rebuild(self, existing: Mapping[str, Existing], known: Mapping[str, Entry], copy: Copy) -> bool:
        found = existing.get(copy.entry_id)
        previous = known.get(copy.entry_id)
        if previous is not None:
            if found is None or previous.company != self.company:
                return False
            return self.table.save(self._completed(previous, self._as_left(found, copy), is_new=False))
        document = self._read(self.store.document_at, copy.document_key)
        if document.company.name != self.company:
            return False
        entry = from_odoo.extracted(document, None, self.clock.now(), by=Actor.REBUILD)
        entry = replace(entry, version=copy.version, document_key=copy.document_key)
        if found is not None:
            found = self._as_left(found, copy)
            self.books.remember_party(document, found.party)
        entry = self._entry(entry, document, copy, found)
        if copy.pdf_waits and entry.status in (Status.VOIDED, Status.SKIPPED):
            # Before the entry is stored, which no later rebuild looks at: an object in pending/ always means work.
            self.store.drop_pending(entry)
        self.table.save_extracted(entry, previous=None)
        return True

    def _entry(self, entry: Entry, document: Document, copy: Copy, found: Existing | None) -> Entry:
        """Return the lost entry of a document, rebuilt from the bucket and the books."""
        if found is None and document.withdrawn:
            return lifecycle.rebuilt(entry, Status.VOIDED, self.clock.now(), is_new=True, error_message="")
        if found is None and self.go_live is not None and document.booked_on < self.go_live:
            return from_odoo.skipped_before_go_live(entry, None, document, self.go_live, by=Actor.REBUILD)
        if found is None and self.skips_receipts and document.is_receipt:
            return from_odoo.skipped_receipt(entry, None, document, by=Actor.REBUILD)
        pdf = self._read(self.store.pdf_digest_at, copy.pdf_key) if copy.pdf_key and not document.withdrawn else None
        # Until the PDF of a version is fetched, that of the former one is there.
        if pdf is not None and pdf.version in (copy.version, 0):
            entry = replace(
                entry, pdf_key=copy.pdf_key, pdf_sha256=pdf.sha256, pdf_bytes=pdf.size_bytes, stored_sha256=pdf.sha256
            )
        if found is None:
            return entry
        entry = self._completed(entry, found, is_new=True)
        try:
            draft = self._draft(document)
        except Deferred:
            draft = None  # it waits at its next posting as well
        if draft is None or not (draft.is_dated_by_close or draft.fingerprint == found.booked.fingerprint):
            return entry
        entry = replace(entry, payload_hash=draft.hash)
        if not entry.pdf_sha256 or [file.file_name for file in _our_files(found)] != [file_name(entry)]:
            return entry
        # A waiting one is posted next, and noted then.
        omitted = [] if copy.pdf_waits else [*document.about_files, *draft.omitted]
        return lifecycle.rebuilt(
            entry,
            Status.PENDING if copy.pdf_waits else Status.POSTED,
            self.clock.now(),
            is_new=True,
            pdf_attached=True,
            attached_sha256=entry.pdf_sha256,
            error_message=" ".join(omitted),
        )

    def _completed(self, entry: Entry, found: Existing, *, is_new: bool) -> Entry:
        """Return an entry with what the books have of it. The next posting finds out whether that is up to date."""
        files = _our_files(found)
        # A skipped one was withdrawn before we knew that it is in the books.
        status = Status.PENDING if entry.status is Status.SKIPPED else entry.status
        return lifecycle.rebuilt(
            entry,
            status,
            self.clock.now(),
            is_new=is_new,
            realm=self.books.realm,
            qb_proof=proof_of(self.books.realm, entry.entry_id, found.booked.qb_id),
            payload_hash=UNKNOWN_HASH,
            attachable_id=files[-1].qb_id if files else "",
            **found.booked.entry_fields,
        )

    def _as_left(self, found: Existing, copy: Copy) -> Existing:
        """Return what is in the books as we left it, if a person has changed it since.

        What was filed beside the PDF says how that was. A later version may have been posted without a new PDF. So
        whatever equals one of the last copies was not changed by a person.
        """
        filed = self._read(self.store.filed_at, copy.filed_key) if copy.filed_key else None
        if filed is None or filed.fingerprint == found.booked.fingerprint:
            return found
        booked = as_filed(found.booked, filed, self._fingerprints(copy))
        return found if booked is found.booked else replace(found, booked=booked)

    def _fingerprints(self, copy: Copy) -> Iterator[str]:
        """Yield what the last copies of a document would be in the books, the newest first.

        Raises RetryLater if one cannot be drafted now: if it was the one that was sent, our own change would be taken
        for a person's.
        """
        for key in copy.last_keys(COPIES_READ_MAX):
            try:
                draft = self._draft(self.store.document_at(key))
            except NeedsAttention:
                continue  # one that is damaged was not sent, or can be compared with nothing
            if draft is not None:
                yield draft.fingerprint

    def _draft(self, document: Document) -> Draft | None:
        """Return what would be sent, or None if nothing is, or it cannot be drafted: the next posting says why."""
        if document.withdrawn:
            return None
        try:
            return self.books.draft(document, is_booked=True)
        except NeedsAttention:
            return None


def _our_files(found: Existing) -> list[Attached]:
    return [file for file in found.files if OUR_FILE.search(file.file_name)]


def _is_incomplete(entry: Entry, existing: Mapping[str, Existing]) -> bool:
    """Whether an entry was created since and does not yet record that its document is in the books."""
    return not entry.qb_id and entry.step is None and entry.entry_id in existing
