"""What is outside of the use cases, of dictionaries: an Odoo, the table, the bucket, the shifts, the books.

Table, bucket and books are the doubles, with the trouble that the model makes: lost objects, and calls that go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from local.stand_ins.memory import MemoryStore, MemoryTable
from pipeline.domain.document import Document
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
from pipeline.domain.source import Pdf, PdfSource, UnreadableDocument
from pipeline.domain.transitions import Actor
from pipeline.domain.values import replace
from tests.doubles.books import MemoryBooks
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

    def will_ask_for_pdfs(self, documents):
        pass

    def pdf(self, document, *, plain=False):
        if document.odoo_id in self.without_pdf and not plain:
            raise Unavailable("Odoo renders nothing just now")
        return Pdf(pdf_of(document), PdfSource.PLAIN if plain else PdfSource.RENDERED)

    def write(self, odoo_id: int, written_at: datetime, **changes: Any) -> None:
        self.put(replace(self.documents[odoo_id], written_at=written_at, **changes))
        if odoo_id in self.unreadable:
            self.unreadable[odoo_id] = replace(self.unreadable[odoo_id], written_at=written_at)

    def breaks(self, odoo_id: int, words: str, code: str = "") -> None:
        document = self.documents[odoo_id]
        error = InvalidDocument(f"{document.number}: {words} Give it one in Odoo.", code=code)
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


class Table(MemoryTable):
    """The tracking table, which complains of every change of status that no rule allows."""

    extracted_by = (Actor.EXTRACTOR,)
    posted_by = (Actor.POSTER, Actor.PERSON)

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[str] = []

    def on_forbidden(self, previous, entry, by):
        self.complaints.append(f"{entry.title} went from {previous} to {entry.status} by {' or '.join(by)}")


class ComparisonsTable(Table):
    """The same table as the daily comparison writes it."""

    extracted_by = (Actor.COMPARISON,)

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.stored, self.complaints = table.stored, table.complaints


class Store(MemoryStore):
    """The bucket, in which objects get lost."""

    def __init__(self) -> None:
        super().__init__()
        self._lost: dict[str, Document] = {}

    def lose_pdf(self, key):
        for name in [name for name in self.objects if name.endswith((f"/{key}.pdf", f"__{key}.pdf"))]:
            del self.objects[name]

    def lose_copies(self, key):
        for name in [name for name in self.objects if name.startswith(f"documents/{key}/")]:
            self._lost[name] = self.objects.pop(name)

    def restore(self, key):
        """Put back what the bucket has kept of an object that was lost."""
        self.objects |= {name: copy for name, copy in self._lost.items() if copy.entry_id == key}


class Books(MemoryBooks):
    """Books with which something goes wrong.

    `trouble` says by call what happens to it, and how often; `settings` are what people get wrong there.
    """

    def __init__(self, clock: Callable[[], datetime], *, remembers_ids: bool) -> None:
        super().__init__(clock, remembers_ids=remembers_ids)
        self._late: list[tuple[datetime, Callable[[], object]]] = []
        self.trouble: dict[str, list[Any]] = {}
        self.settings: set[str] = set()

    def let_pass(self, until: datetime) -> None:
        """Let requests take effect that are still being worked on."""
        due = [late for late in self._late if late[0] <= until]
        self._late = [late for late in self._late if late[0] > until]
        for _, effect in due:
            with suppress(Rejected):
                effect()

    def draft(self, document, *, is_booked=False):
        if "account unmapped" in self.settings:
            raise Unmapped("the account 400000 has no counterpart. Map it.", code="account_unmapped")
        self._meets("read")
        return super().draft(document, is_booked=is_booked)

    def find(self, document, **known):
        self._meets("read")
        return super().find(document, **known)

    def look_for(self, documents):
        self._meets("read")

    def verify(self, document, qb_id):
        self._meets("read")
        return super().verify(document, qb_id)

    def attachments(self, document_type, qb_id):
        self._meets("read")
        return super().attachments(document_type, qb_id)

    def remove(self, document, booked, request_id):
        self._meets("read")
        return super().remove(document, booked, request_id)

    def detach(self, document_type, qb_id, attachable_id, request_id):
        self._meets("read")
        return super().detach(document_type, qb_id, attachable_id, request_id)

    def _write(self, call, request_id, effect):
        kind = self._meets(call)

        def checked():
            if call != "attach" and "books closed" in self.settings:
                raise Rejected("Its date is in a closed period. Open it.", code="quickbooks_6210")
            return effect()

        once = partial(super()._write, call, request_id, refused if kind == "refused" else checked)
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

    def _total(self, draft):
        return super()._total(draft) + (Decimal("0.01") if "tax computed otherwise" in self.settings else 0)


def refused():
    raise Rejected("QuickBooks refuses it. Correct it.", code="quickbooks_6000")


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
