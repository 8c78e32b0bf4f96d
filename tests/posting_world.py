"""One document on its way into some books, for the tests of a posting."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from local.demo.small_files import pdf_page
from pipeline.aws.document_store import pending_key
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import OUTCOME_SETTLES_S, Entry, Status
from pipeline.domain.errors import RetryLater
from pipeline.use_cases.post.posting import Posting
from pipeline.use_cases.post.record import Superseded
from tests.books_world import PDF, REALM_ID, Clock, NotedStore, NotedTable, Served, a_document, an_entry, line, money
from tests.doubles.books import MemoryBooks

NEW_PDF = pdf_page(["the second version"], title="second")
BILL = DocumentType.BILL
LIFE = timedelta(seconds=120)


class NotedBooks(MemoryBooks):
    """Books that note what they are asked for; `refusals` are raised by the named calls, before they take effect."""

    def __init__(self, events: list[str]) -> None:
        super().__init__(realm=REALM_ID, first_id=55)
        self.events = events
        self.refusals: dict[str, BaseException] = {}

    def _note(self, what: str) -> None:
        self.events.append(what)
        if what in self.refusals:
            raise self.refusals[what]


def _noted(call: str) -> Callable:
    def noted(books: NotedBooks, *arguments, **keywords):
        books._note(call)
        return getattr(super(NotedBooks, books), call)(*arguments, **keywords)

    return noted


for call in ("draft", "find", "verify", "create", "update", "remove", "attach", "attachments", "detach"):
    setattr(NotedBooks, call, _noted(call))


class Session:
    """One document on its way into some books."""

    def __init__(self, books=None, document=None) -> None:
        self.events: list[str] = []
        self.table = NotedTable(self.events)
        self.store = NotedStore(self.events)
        self.books = books or NotedBooks(self.events)
        self.clock = Clock()
        self.document = document or a_document()
        self.entry_id = self.document.entry_id
        entry = an_entry(self.document)
        self.table.put(entry)
        self.store.put_all(entry, self.document)

    @property
    def entry(self) -> Entry:
        return self.table.stored[self.entry_id]

    def post(self, books=None) -> Entry:
        return Posting.of(self.entry, books or self.books, self.table, self.store, self.clock, self.sends_until).run()

    @property
    def sends_until(self) -> datetime:
        return self.clock.now() + LIFE

    def settle(self) -> None:
        self.clock.sleep(LIFE.total_seconds() + OUTCOME_SETTLES_S + 1)

    def edit(self, pdf: bytes = NEW_PDF, **changes) -> None:
        """Store a new version, as the extractor does."""
        before = self.entry
        self.document = replace(self.document, **changes)
        version = before.version + 1
        entry = replace(
            before,
            status=Status.PENDING,
            version=version,
            number=self.document.number,
            total=self.document.total,
            content_hash=self.document.content_hash,
            withdrawn=self.document.withdrawn,
            document_key=f"documents/{self.entry_id}/{version}.json",
            pdf_sha256="" if self.document.withdrawn else hashlib.sha256(pdf).hexdigest(),
            next_attempt_at=before.next_attempt_at if before.step else None,
        )
        self.table.put(entry)
        self.store.put_all(entry, self.document, pdf)

    def fetch_pdf(self, pdf: bytes = PDF) -> None:
        """Store a PDF for the version there is, as the extractor does."""
        self.table.put(replace(self.entry, pdf_sha256=hashlib.sha256(pdf).hexdigest()))
        self.store.put(pending_key(self.entry_id), pdf)

    def withdraw(self) -> None:
        self.edit(withdrawn=True)


def raising(kind: type[BaseException], *arguments) -> BaseException:
    return kind(*arguments)


def at(world: Served, document=None) -> Session:
    return Session(world.books, document)


def in_books(world: Served, document_type: str = "Invoice") -> tuple[list[Decimal], list[bytes]]:
    """Return what the books hold: the totals of the documents, and the files that hang on them."""
    rows = world.book.documents(document_type)
    files = [attachable.content for row in rows for attachable in world.book.attachables(document_type, row["Id"])]
    return [row["TotalAmt"] for row in rows], files


ONCE = ([money(100)], [PDF])


def until_done(session: Session, runs: int = 6) -> Entry:
    """Let one run follow the other, each after the settling time, as the sweep does."""
    for _ in range(runs):
        try:
            return session.post()
        except (RetryLater, Superseded):
            session.settle()
    raise AssertionError("it never came to rest")


EDITED = {"lines": (line("120.00"),), "untaxed": money(120), "total": money(120)}
