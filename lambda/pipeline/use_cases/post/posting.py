"""Post one document: decide the next step, perform it, until nothing is left to do.

Intent before act, and a look before anything is repeated. Before each write the entry says what is about to be sent
(step, request id, hash). The intent stays until the outcome is known, so that whoever comes after a time-out or a
crash finds it, looks into the books, and only then acts. `steps.py` decides; this file acts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import field
from datetime import datetime
from typing import Protocol

from pipeline.domain import lifecycle
from pipeline.domain.advice import deleted_by_a_person
from pipeline.domain.books import Attached, Booked, Books, Draft, File, booked_of
from pipeline.domain.clock import Clock
from pipeline.domain.document import Document, check_adds_up
from pipeline.domain.entry import UNKNOWN_HASH, Entry, Intent, Step, make_request_id, proof_of
from pipeline.domain.errors import Deferred, NeedsAttention, PipelineError, Rejected, outcome
from pipeline.domain.quoting import continued
from pipeline.domain.values import dataclass, replace
from pipeline.use_cases.post import paper, reused
from pipeline.use_cases.post.left import as_we_left_it
from pipeline.use_cases.post.paper import Paper
from pipeline.use_cases.post.record import Record, RecordTable
from pipeline.use_cases.post.refusals import changed_in_quickbooks, check_party, realm_changed
from pipeline.use_cases.post.retyped import as_posted
from pipeline.use_cases.post.steps import Action, Found, next_step
from pipeline.use_cases.post.taken_numbers import refusal_of_number


class PostingStore(paper.PaperStore, Protocol):
    """Where documents and their PDFs are stored."""

    def document(self, entry: Entry, *, bytes_max: int | None = None) -> Document:
        """Return the document of an entry; raises InvalidDocument if it is not the one that was stored, or larger."""

    def drop_pending(self, entry: Entry) -> None:
        """Remove the PDF from the pending ones."""


@dataclass(slots=True)
class Posting:
    """One document on its way into the books, and how each step is performed."""

    record: Record
    books: Books
    store: PostingStore
    found: Found = field(default_factory=Found)
    document: Document | None = None
    pdf: File | None = None
    posted_key: str = ""
    # How a document that was sent to another realm leaves it, or None where nobody can open that.
    leave: Callable[[Record, Document], None] | None = None
    why_deleted: str = "it was withdrawn in Odoo"

    @classmethod
    def of(
        cls, entry: Entry, books: Books, table: RecordTable, store: PostingStore, clock: Clock,
        sends_until: datetime, leave: Callable[[Record, Document], None] | None = None,
    ) -> Posting:  # fmt: skip
        """Return the posting of an entry; nothing is sent after `sends_until`."""
        return cls(Record(entry, table, clock, sends_until, books.realm), books, store, leave=leave)

    @property
    def entry(self) -> Entry:
        """The entry as it is now, also after an error."""
        return self.record.entry

    def run(self, document: Document | None = None) -> Entry:
        """Bring the books to what Odoo says and return the entry; `document` is its document, if it was read before.

        Raises Superseded, RetryLater, or NeedsAttention, with the entry left so that the next run goes on from there.
        """
        self.begin(document)
        self.advance(stops=())
        return self.entry

    def begin(self, document: Document | None = None) -> None:
        """Find out what is to be sent. Raises as `run` does."""
        if self._is_in_another_realm and self.leave is None:
            raise realm_changed(self.entry.company, self.entry.realm, self.books.realm)
        self.document = as_posted(document or self.store.document(self.entry), self.entry)
        if self._is_in_another_realm and self.leave is not None:
            self.leave(self.record, self.document)
        if not self._is_withdrawn:
            check_adds_up(self.document)
            is_booked = bool(self.entry.qb_id or self.entry.step)
            self.found = replace(self.found, draft=self.books.draft(self.document, is_booked=is_booked))

    def advance(self, stops: Collection[Action]) -> Action:
        """Perform what is to be done until it is finished, or until one of the `stops` is next; return the next one."""
        while True:
            decision = next_step(self.entry, self.found, realm=self.books.realm, withdrawn=self._is_withdrawn)
            if decision.action is Action.FINISH or decision.action in stops:
                return decision.action
            self.record.check_time()
            self.perform(decision.action)

    @property
    def _is_withdrawn(self) -> bool:
        return self._document.withdrawn or self.entry.withdrawn

    @property
    def _document(self) -> Document:
        if self.document is None:
            raise RuntimeError("a posting begins before it goes on")
        return self.document

    def perform(self, action: Action) -> None:
        """Perform one action; what comes of it is in the entry and in `found`."""
        {
            Action.LOOK: self._look,
            Action.VERIFY: self._verify,
            Action.FIND_FILES: self._find_files,
            Action.FIND_EXISTING: self._find_existing,
            Action.CREATE: self._create,
            Action.UPDATE: self._update,
            Action.COMPARE: self._compare,
            Action.DELETE: self._withdraw,
            Action.VOID: self._void,
            Action.READ_PDF: self._read_pdf,
            Action.ATTACH: self._attach,
            Action.FILE: self._file,
        }[action](self._document)

    @property
    def _is_in_another_realm(self) -> bool:
        """Whether the document was sent to another realm, which this run must not touch."""
        entry = self.entry
        return entry.realm not in ("", self.books.realm) and bool(entry.qb_id or entry.step)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _look(self, document: Document) -> None:
        """Look for the document after an unknown outcome, and note what came of it."""
        entry = self.entry
        self.found = replace(self.found, was_looked_for=True)
        booked = self.books.find(document, qb_id=entry.qb_id, doc_number=entry.qb_doc_number, since=entry.sent_at)
        if booked is not None:
            booked = as_we_left_it(booked, entry)
            # An earlier version may be in the books: an unknown hash makes the update follow.
            sent_this = entry.step is Step.CREATE and entry.request_id == self._create_id(entry.payload_hash)
            self._note_booked(booked, entry.payload_hash if sent_this else UNKNOWN_HASH)
        elif entry.step is Step.DELETE:
            self.record.save(lifecycle.deleted_in_books(entry, self.record.clock.now()))

    def _verify(self, document: Document) -> None:
        """Check that the entry's id is that of this very document; raises Rejected if it is not."""
        booked = self.books.verify(document, self.entry.qb_id)
        self.found = replace(self.found, is_verified=True)
        if booked is not None:
            proof = proof_of(self.books.realm, self.entry.entry_id, booked.qb_id)
            self.record.note(realm=self.books.realm, qb_proof=proof)

    def _find_existing(self, document: Document) -> None:
        self.found = replace(self.found, existing_was_looked_for=True)
        existing = self.books.find_existing(document, self._draft)
        if existing is not None:
            self._note_booked(self._paper.as_filed(existing, self._draft.fingerprint), UNKNOWN_HASH)
            self.found = replace(self.found, is_adopted=True)

    def _find_files(self, document: Document) -> None:
        self._paper.find_left(document.document_type)
        self.found = replace(self.found, files_were_looked_for=True)

    # -- writing ---------------------------------------------------------------------------------------------------

    def prepare_create(self, batch_id: str = "") -> tuple[Draft, str]:
        """Note that the document is about to be created; return what is sent once that is stored, and its id."""
        draft, request_id = self._draft, self._create_id(self._draft.hash)
        sent = (draft.hash, draft.doc_number, draft.fingerprint)
        self.record.prepare(Intent(Step.CREATE, request_id, *sent, batch_id=batch_id))
        return draft, request_id

    @property
    def repeated_batch_id(self) -> str:
        """The batch that this very create was sent in without a known outcome, or an empty text."""
        entry = self.entry
        is_repeated = entry.step is Step.CREATE and entry.request_id == self._create_id(self._draft.hash)
        return entry.batch_id if is_repeated else ""

    def created(self, answer: Booked | Exception) -> None:
        """Note what became of the create; raises what it says."""
        if isinstance(answer, Booked):
            self._note_booked(answer, self._draft.hash)
            return
        # The number may be taken by this very document, when QuickBooks has forgotten the request id.
        found = self.books.find(self._document) if self.books.is_number_taken(answer) else None
        if found is None:
            self.record.forget_intent_after(answer)
            if isinstance(answer, NeedsAttention):
                raise refusal_of_number(self.record, self.books, self._document, answer) from answer
            raise answer
        # An earlier version of it may be in the books: the unknown hash makes the update follow.
        self._note_booked(found, UNKNOWN_HASH)

    def _create(self, _document: Document) -> None:
        sent = self.prepare_create()
        self.record.save(self.entry)
        self.created(outcome(self.books.create, *sent))

    def _update(self, document: Document) -> None:
        booked = self._booked(document)
        check_party(self.entry, self._draft, document, self.books)
        if not self.found.existing_was_looked_for:
            self.books.check_not_typed_in(self._draft, booked)
            self.record.check_time()
        try:
            self._send_update(booked)
        except NeedsAttention as error:
            if self.books.is_gone(error, document, booked.qb_id):
                raise deleted_by_a_person() from error
            if self.books.is_number_taken(error):
                self._step_aside(booked, error)
            if not self.books.is_stale(error):
                raise
        else:
            return
        # Somebody, or a payment, touched it in the books. Only what nobody has changed is written over.
        existing = self.books.find(document, qb_id=booked.qb_id)
        if existing is None or existing.fingerprint != booked.fingerprint:
            raise changed_in_quickbooks(existing, document)
        self._send_update(existing)

    def _step_aside(self, booked: Booked, error: NeedsAttention) -> None:
        """Take another number until the wanted one is free; raises what the refusal means."""
        meaning = refusal_of_number(self.record, self.books, self._document, error)
        aside = self.books.set_aside(self._draft, self._document)
        if isinstance(meaning, Deferred) and booked.doc_number != aside.doc_number:
            self._send_update(booked, aside)
        raise meaning from error

    def _send_update(self, booked: Booked, draft: Draft | None = None) -> None:
        draft = draft or self._draft
        request_id = make_request_id(self.books.realm, self.entry, Step.UPDATE, f"{draft.hash}{booked.sync_token}")
        self.record.intend(Intent(Step.UPDATE, request_id, self.entry.payload_hash, fingerprint=draft.fingerprint))
        try:
            updated = self.books.update(draft, booked, request_id)
        except PipelineError as error:
            self.record.forget_intent_after(error)
            raise
        self._note_booked(updated, draft.hash)

    def _compare(self, document: Document) -> None:
        """Compare the books with Odoo. A document that differs is deleted and fails: the books hold no wrong amount."""
        booked = self._booked(document)
        difference = self.books.difference(document, self._draft, booked)
        self.found = replace(self.found, is_compared=True)
        if difference:
            # One that cannot be taken back is sent once more at the next try: the cause may be fixed by then.
            self.record.note(payload_hash=UNKNOWN_HASH)
            self._delete(document, booked, f"{difference}. It should be taken back out of QuickBooks")
            raise Rejected(f"{difference}. It was taken back out of QuickBooks.", code="booked_otherwise")

    def _withdraw(self, document: Document) -> None:
        booked = self._booked(document)
        if self.entry.successor and reused.is_let_go(self.books, document, booked.qb_id):
            self.record.save(lifecycle.let_go(self.entry, self.record.clock.now()))
        else:
            self._delete(document, booked, reused.WHY if self.entry.successor else self.why_deleted)

    def _delete(self, document: Document, booked: Booked, why: str) -> None:
        """Delete it in the books; raises Rejected, saying why it should go, when a person has to do so."""
        request_id = make_request_id(self.books.realm, self.entry, Step.DELETE, booked.qb_id)
        self.record.intend(Intent(Step.DELETE, request_id, self.entry.payload_hash))
        try:
            tid = self.books.remove(document, booked, request_id)
        except PipelineError as error:
            self.record.forget_intent_after(error)
            if isinstance(error, Rejected):
                raise Rejected(f"{why}, but {continued(str(error))}", code=error.code) from error
            raise  # a missing right or setting concerns the company, not this document
        # Only now, confirmed: the next create must not be answered with the document that was deleted.
        self.record.save(lifecycle.deleted_in_books(self.entry, self.record.clock.now(), tid=tid or ""))

    def _void(self, _document: Document) -> None:
        # Before the entry is voided: an object in pending/ always means outstanding work.
        self.store.drop_pending(self.entry)
        self.record.save(lifecycle.voided(self.entry, self.record.clock.now()))

    # -- the PDF ---------------------------------------------------------------------------------------------------

    def _read_pdf(self, _document: Document) -> None:
        self.found = replace(self.found, pdf=self._paper.read())

    def prepare_attach(self) -> File | None:
        """Note that the PDF is about to be attached, and return it; None if it is attached already."""
        may_be_there = self.entry.step is Step.ATTACH or self.found.files_were_looked_for
        return self._paper.prepare(self._document.document_type, self.found.pdf or b"", may_be_there=may_be_there)

    def attached(self, answer: Attached | Exception) -> None:
        """Note what became of the PDF; raises what it says."""
        if isinstance(answer, Exception) and self.books.is_gone(answer, self._document, self.entry.qb_id):
            answer = deleted_by_a_person()
        self._paper.attached(answer)
        # Filing needs no bytes, and others need the memory.
        self.found, self.pdf = replace(self.found, pdf=b""), None

    def forget_content(self) -> None:
        """Let go of the PDF: the posting has ended, and others need the memory."""
        self.found, self.pdf = replace(self.found, pdf=None), None

    def _attach(self, _document: Document) -> None:
        pdf = self.prepare_attach()
        if pdf is not None:
            self.record.save(self.entry)
            (answer,) = self.books.attach([pdf])
            self.attached(answer)

    def copy_posted(self) -> None:
        """Copy the PDF to the posted ones, before it is removed from the pending ones."""
        self.posted_key = self._paper.copy_posted()

    def filed(self) -> None:
        """Note that the document is posted: an object in pending/ always means work outstanding, never the reverse."""
        now = self.record.clock.now()
        fields = [*self._draft.omitted, self.entry.qb_omitted] if self.entry.qb_omitted else self._draft.omitted
        self.record.entry = lifecycle.posted(self.entry, self.posted_key, now, [*self._document.about_files, *fields])

    def _file(self, _document: Document) -> None:
        self.copy_posted()
        self.store.drop_pending(self.entry)
        self.filed()
        self.record.save(self.entry)

    # -- what is known ---------------------------------------------------------------------------------------------

    @property
    def _paper(self) -> Paper:
        return Paper(self.record, self.books, self.store)

    @property
    def _draft(self) -> Draft:
        if self.found.draft is None:
            raise RuntimeError("a withdrawn document is never sent")
        return self.found.draft

    def _create_id(self, payload_hash: str) -> str:
        return make_request_id(self.books.realm, self.entry, Step.CREATE, payload_hash)

    def _note_booked(self, booked: Booked, payload_hash: str) -> None:
        self.record.note_booked(booked, payload_hash)
        self.found = replace(self.found, booked=booked)

    def _booked(self, document: Document) -> Booked:
        """Return how the document is in the books: as this run has seen it, else as the entry has kept it."""
        return self.found.booked or booked_of(self.entry, document)
