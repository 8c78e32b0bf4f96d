"""Books of dictionaries, which do as QuickBooks does: the one double of the Protocol `Books`."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipeline.domain.books import Attached, Booked, Draft
from pipeline.domain.document import Document
from pipeline.domain.entry import OUR_FILE
from pipeline.domain.errors import Rejected, outcome

TAKEN, STALE, GONE = "quickbooks_6140", "quickbooks_5010", "quickbooks_610"


@dataclass
class Row:
    """A document as it stands in the books; without a `marker` a person has typed it in."""

    qb_id: str
    marker: str
    number: str
    total: Decimal
    fingerprint: str
    created_at: datetime
    token: int = 0
    party: str = ""
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)


class MemoryBooks:
    """One company's books. `rows` are its documents by id, `paid` the ids of those that a payment is applied to.

    `adopts_typed` takes a document that was typed in for ours. A request id that is remembered is answered as before,
    refusals too. A subclass may make trouble in `_write`.
    """

    keeps_replaced_files = False
    adopts_typed = False
    has_unique_numbers = False

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC), *, realm: str = "9130",
                 first_id: int = 1, remembers_ids: bool = True) -> None:  # fmt: skip
        self.realm = realm
        self.rows: dict[str, Row] = {}
        self.paid: set[str] = set()
        self._clock = clock
        self._remembers_ids = remembers_ids
        self._answers: dict[str, Any] = {}
        self._ids = itertools.count(first_id)
        self._lock = threading.RLock()

    def of(self, key: str) -> list[Row]:
        """Return how often a document stands there."""
        return [row for row in self.rows.values() if row.marker == key]

    # -- people in QuickBooks --------------------------------------------------------------------------------------

    def type_in(self, document: Document) -> Row:
        """Let a person type a document in."""
        row = Row(self._new_id(), "", document.number, document.total, "by hand", self._clock())
        self.rows[row.qb_id] = row
        return row

    def edit_by_hand(self, qb_id: str) -> None:
        """Let a person change what we wrote of a document."""
        self.rows[qb_id].token += 1
        self.rows[qb_id].fingerprint += " by hand"

    def touch(self, qb_id: str) -> None:
        """Let a person change what we do not write of a document."""
        self.rows[qb_id].token += 1

    # -- reading ---------------------------------------------------------------------------------------------------

    def draft(self, document, *, is_booked=False):
        said = f"{document.entry_id} {document.number} {document.total} {document.memo} {document.party.odoo_id}"
        hashed = hashlib.sha256(said.encode()).hexdigest()
        body = {"Marker": document.entry_id, "Total": document.total}
        return Draft("Invoice", body, hashed, document.number, hashed, party=str(document.party.odoo_id))

    def find(self, document, *, qb_id="", doc_number="", since=None):
        if qb_id in self.rows:
            row = self.rows[qb_id]
            if row.marker:
                self._check_is_ours(row, document)
            return self._booked(row)
        for row in self.of(document.entry_id):
            if row.number in (document.number, doc_number) or (since is not None and row.created_at >= since):
                return self._booked(row)
        return None

    def rule_out(self, documents):
        pass

    def look_for(self, documents):
        pass

    def verify(self, document, qb_id):
        row = self.rows.get(qb_id)
        if row is None:
            return None
        self._check_is_ours(row, document)
        return self._booked(row)

    def find_existing(self, document, draft):
        found = [row for row in list(self.rows.values()) if row.number == draft.doc_number]
        for row in found:
            if row.marker == document.entry_id:
                return self._booked(row)
        for row in found:
            if not row.marker and row.total == draft.body["Total"]:
                if self.adopts_typed:
                    return self._booked(row)
                raise Rejected("it was typed in by hand. Delete that one and retry.", code="already_there")
        return None

    def check_not_typed_in(self, draft, booked):
        ours = self.rows.get(booked.qb_id)
        is_there = ours and (ours.number, ours.total) == (draft.doc_number, draft.body["Total"])
        typed = [row for row in self.rows.values() if row.qb_id != booked.qb_id and not row.marker]
        if not is_there and any((row.number, row.total) == (draft.doc_number, draft.body["Total"]) for row in typed):
            raise Rejected("it was typed in by hand. Delete that one and retry.", code="already_there")

    def explained(self, document, error):
        return error

    def holder(self, document, error):
        found = sorted({row.marker for row in self.rows.values() if row.number == document.number}, reverse=True)
        return next((marker for marker in found if marker != document.entry_id), None)

    def set_aside(self, draft, document):
        number = f"{draft.doc_number}~{document.odoo_id}"
        hashed = hashlib.sha256(f"{draft.hash} {number}".encode()).hexdigest()
        return replace(draft, doc_number=number, hash=hashed, fingerprint=hashed)

    def is_paid(self, document, qb_id):
        return qb_id in self.paid

    def attachments(self, document_type, qb_id):
        row = self.rows.get(qb_id)
        files = row.files if row else {}
        return [Attached(file_id, name, len(content)) for file_id, (name, content) in files.items()]

    def difference(self, document, draft, booked):
        return "" if booked.total == document.total else f"QuickBooks makes it {booked.total}, Odoo {document.total}"

    # -- what a refusal says ---------------------------------------------------------------------------------------

    def is_number_taken(self, error):
        return getattr(error, "code", "") == TAKEN

    def is_stale(self, error):
        return getattr(error, "code", "") == STALE

    def is_gone(self, error, document, qb_id):
        return getattr(error, "code", "") == GONE and qb_id not in self.rows

    # -- writing ---------------------------------------------------------------------------------------------------

    def create(self, draft, request_id):
        def effect():
            if self.has_unique_numbers and draft.doc_number in {row.number for row in self.rows.values()}:
                raise Rejected("its number is taken. Give it another.", code=TAKEN)
            row = Row(self._new_id(), draft.body["Marker"], draft.doc_number, self._total(draft), draft.hash,
                      self._clock(), party=draft.party)  # fmt: skip
            self.rows[row.qb_id] = row
            return self._booked(row)

        return self._write("create", request_id, effect)

    def create_together(self, drafts, batch_id):
        return [outcome(self.create, draft, f"{batch_id}#{request_id}") for draft, request_id in drafts]

    def update(self, draft, booked, request_id):
        def effect():
            row = self._existing(booked.qb_id, booked.sync_token)
            others = {other.number for other in self.rows.values() if other is not row}
            if self.has_unique_numbers and draft.doc_number in others:
                raise Rejected("its number is taken. Give it another.", code=TAKEN)
            # One that is adopted gets our marker.
            row.marker = draft.body["Marker"]
            row.number, row.total, row.fingerprint = draft.doc_number, self._total(draft), draft.hash
            row.token, row.party = row.token + 1, draft.party
            return self._booked(row)

        return self._write("update", request_id, effect)

    def remove(self, document, booked, request_id):
        row = self.rows.get(booked.qb_id)
        if row is None:
            return None
        if row.qb_id in self.paid:
            raise Rejected("a payment is applied to it. Take that off there.", code="payment_applied")
        if booked.fingerprint not in ("", row.fingerprint) and booked.sync_token != str(row.token):
            raise Rejected("somebody has changed it in QuickBooks. Delete it there.", code="changed_in_quickbooks")
        self._check_is_ours(row, document)
        token = str(row.token)

        def effect():
            self._existing(booked.qb_id, token)
            del self.rows[booked.qb_id]
            return "1-removed"

        return self._write("remove", request_id, effect)

    def attach(self, pdfs):
        return [outcome(self._attach, pdf) for pdf in pdfs]

    def _attach(self, pdf):
        def effect():
            file_id = self._new_id()
            self._existing(pdf.qb_id).files[file_id] = (pdf.name, pdf.content)
            return Attached(file_id, pdf.name, len(pdf.content), "1-attached")

        return self._write("attach", pdf.request_id, effect)

    def detach(self, document_type, qb_id, attachable_id, request_id):
        row = self.rows.get(qb_id)
        owner = next((other for other in self.rows.values() if attachable_id in other.files), None)
        if owner is None:
            return ""
        if owner is not row or not OUR_FILE.search(owner.files[attachable_id][0]):
            raise Rejected("the file is not ours on this document. Remove it there.", code="file_not_ours")
        del owner.files[attachable_id]
        return "1-detached"

    def _write(self, call: str, request_id: str, effect: Callable[[], Any]) -> Any:
        """Do a write, or answer it as before."""
        with self._lock:
            if self._remembers_ids and request_id in self._answers:
                answer = self._answers[request_id]
            else:
                answer = self._answers[request_id] = _tried(effect)
        if isinstance(answer, Rejected):
            raise answer
        return answer

    def _existing(self, qb_id: str, token: str | None = None) -> Row:
        row = self.rows.get(qb_id)
        if row is None:
            raise Rejected("it is not there any more. Make it active again.", code=GONE)
        if token not in (None, str(row.token)):
            raise Rejected("it was changed at the same moment. Look at it.", code=STALE)
        return row

    def _total(self, draft: Draft) -> Decimal:
        """Return what the books make of a document's total."""
        return draft.body["Total"]

    def _new_id(self) -> str:
        return str(next(self._ids))

    @staticmethod
    def _check_is_ours(row: Row, document: Document) -> None:
        if row.marker != document.entry_id:
            raise Rejected("it is another document, so nothing was changed. Look at it.", code="not_ours")

    @staticmethod
    def _booked(row: Row) -> Booked:
        return Booked(row.qb_id, str(row.token), row.number, row.total, Decimal("10.00"), "USD",
                      fingerprint=row.fingerprint, party=row.party)  # fmt: skip


def _tried(effect: Callable[[], Any]) -> Any:
    """Return what a request is answered: a refusal too."""
    try:
        return effect()
    except Rejected as error:
        return error
