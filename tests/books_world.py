"""Documents, entries, noted doubles and a served QuickBooks company, for the tests of the QuickBooks side."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from local.demo.small_files import pdf_page
from local.stand_ins.clock import StillClock
from local.stand_ins.http_server import Fault, Request, Response
from local.stand_ins.memory import MemoryKeyValues, MemoryStore, MemoryTable, MemoryTokens
from local.stand_ins.quickbooks.realm import Realm, TaxRate
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.aws.document_store import pending_key
from pipeline.domain.document import (
    Account,
    Address,
    Company,
    Document,
    DocumentType,
    Line,
    LineKind,
    Party,
    Product,
    Tax,
    TaxAmount,
)
from pipeline.domain.entry import Entry, Status
from pipeline.domain.money import rounded
from pipeline.domain.source import Pdf, PdfSource
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.client import Client
from pipeline.qbo.kept_tokens import KeptTokens
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.numbers_in_use import NumbersInUse
from pipeline.qbo.references import References
from pipeline.qbo.tokens import Places, Tokens
from pipeline.runtime import SystemClock, SystemThreads

REALM_ID = "4620816365001"
COMPANY = "companyA"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PDF = pdf_page(["INV/2026/00001", "for the tests"], title="INV/2026/00001")

SALES = Account(1, "400000", "Product Sales")
COSTS = Account(2, "600000", "Expenses")
TAX_PAID = Account(3, "251000", "Tax Paid")
TAX_DUE = Account(4, "252000", "Tax Payable")
US_TAX = Tax(1, "8.25% Sales Tax", Decimal("8.25"))
US_PURCHASE_TAX = Tax(2, "8.25% Use Tax", Decimal("8.25"), is_sale=False)
VAT_SALE = Tax(3, "21%", Decimal(21))
VAT_PURCHASE = Tax(4, "21% M", Decimal(21), is_sale=False)

ACCOUNTS = [
    {"Name": "Receivable", "AccountType": "Accounts Receivable"},
    {"Name": "Payable", "AccountType": "Accounts Payable"},
    {"Name": "Product Sales", "AccountType": "Income", "AcctNum": "400000"},
    {"Name": "Export Sales", "AccountType": "Income", "AcctNum": "400100"},
    {"Name": "Expenses", "AccountType": "Expense", "AcctNum": "600000"},
    {"Name": "Tax Paid", "AccountType": "Other Current Asset", "AcctNum": "251000"},
    {"Name": "Tax Payable", "AccountType": "Other Current Liability", "AcctNum": "252000"},
]
CLOCK, THREADS = SystemClock(), SystemThreads()
VAT_RATES = [
    TaxRate("21%", Decimal(21), "sale"),
    TaxRate("6%", Decimal(6), "sale"),
    TaxRate("21% M", Decimal(21), "purchase"),
    TaxRate("No VAT", Decimal(0), "both"),
]


def money(text: str | int) -> Decimal:
    return Decimal(text)


def line(amount: str | int = 100, **changes: Any) -> Line:
    """Return a line of one piece at its amount."""
    values: dict[str, Any] = {
        "kind": LineKind.ITEM,
        "description": "Consulting",
        "amount": money(amount),
        "quantity": Decimal(1),
        "unit_price": money(amount),
        "account": SALES,
        "product": Product(7, "Consulting"),
    }
    return Line(**{**values, **changes})


def tax_amount(tax: Tax, base: str | int, amount: str | int, account: Account = TAX_DUE) -> TaxAmount:
    return TaxAmount(tax, money(base), money(amount), account)


def a_document(document_type: DocumentType = DocumentType.INVOICE, **changes: Any) -> Document:
    """Return a document whose totals follow from its lines and taxes."""
    sale = document_type.is_sale
    lines = changes.pop("lines", None) or (line(account=SALES if sale else COSTS),)
    taxes = changes.pop("taxes", ())
    untaxed = sum((line.amount for line in lines), Decimal(0))
    tax = sum((tax_amount.amount for tax_amount in taxes), Decimal(0))
    values: dict[str, Any] = {
        "database": "odoo",
        "odoo_id": 17,
        "document_type": document_type,
        "company": Company(1, COMPANY, "USD", "US"),
        "number": "INV/2026/00001" if sale else "BILL/2026/01/0001",
        "reference": "" if sale else "V-1001",
        "issued_on": date(2026, 3, 2),
        "accounting_on": date(2026, 3, 5),
        "due_on": date(2026, 4, 1),
        "currency": "USD",
        "decimal_places": 2,
        "exchange_rate": Decimal(1),
        "party": Party(7, "Azure Interior", email="a@azure.example", address=Address("1 Main St", city="Pleasanton")),
        "lines": tuple(lines),
        "taxes": tuple(taxes),
        "installments": (),
        "untaxed": untaxed,
        "tax": tax,
        "total": untaxed + tax,
        "home_total": rounded((untaxed + tax) * changes.get("exchange_rate", 1)),
        "written_at": NOW,
        "url": "https://odoo.example/web#id=17",
    }
    return Document(**{**values, **changes})


def an_entry(document: Document, *, pdf: bytes = PDF, **changes: Any) -> Entry:
    """Return the entry the extractor makes of a document, ready to post."""
    values: dict[str, Any] = {
        "entry_id": document.entry_id,
        "company": document.company.name,
        "status": Status.PENDING,
        "document_type": document.document_type,
        "number": document.number,
        "party": document.party.name,
        "document_date": document.issued_on,
        "currency": document.currency,
        "total": document.total,
        "odoo_id": document.odoo_id,
        "odoo_write_date": document.written_at,
        "content_hash": document.content_hash,
        "created_at": NOW,
        "updated_at": NOW,
        "withdrawn": document.withdrawn,
        "document_key": f"documents/{document.entry_id}/1.json",
        "pdf_key": f"pending/{document.entry_id}.pdf",
        "pdf_sha256": hashlib.sha256(pdf).hexdigest(),
        "pdf_bytes": len(pdf),
        "pending_since": NOW,
    }
    return Entry(**{**values, **changes})


class Clock(StillClock):
    """A clock that begins at `NOW`."""

    def __init__(self, now: datetime = NOW) -> None:
        super().__init__(now)


class KeyValues(MemoryKeyValues):
    """References kept in memory, and an Odoo that still has every contact unless a test says otherwise."""

    def value(self, key: str) -> str | None:
        default = f"exists {CLOCK.now().isoformat()}" if key.startswith("contact#") else None
        return self.values.get(key, default)


class SecretBox:
    """A secret in memory; `changes` counts what was stored."""

    def __init__(self, **secret: Any) -> None:
        self.secret: dict[str, Any] = {"client_id": "client-id", "client_secret": "client-secret", **secret}
        self.changes = 0

    def read(self, arn: str, required: tuple[str, ...]) -> dict[str, Any]:
        return dict(self.secret)

    def change(self, arn: str, change: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        self.secret = change(self.secret)
        self.changes += 1
        return self.secret


class NotedTable(MemoryTable):
    """The tracking table; `events` is what happened, in order, shared with whoever else notes there."""

    def __init__(self, events: list[str] | None = None) -> None:
        super().__init__()
        self.events = events if events is not None else []

    def save(self, entry: Entry) -> bool:
        saved = super().save(entry)
        self.events.append(f"save {entry.status.value} {entry.step.value if entry.step else '-'}")
        return saved


class NotedStore(MemoryStore):
    """The bucket; `events` is what happened, in order, shared with whoever else notes there."""

    def __init__(self, events: list[str] | None = None) -> None:
        super().__init__()
        self.events = events if events is not None else []

    def put_all(self, entry: Entry, document: Document, pdf: bytes = PDF) -> None:
        """Have a document and its waiting PDF, as the extractor leaves them."""
        self.put(entry.document_key, document)
        self.put_pdf(entry, Pdf(pdf, PdfSource.ATTACHED))

    def lose(self, entry_id: str, content: bytes | None) -> None:
        """Let the waiting PDF of an entry be another, or gone."""
        self.objects.pop(pending_key(entry_id), None)
        if content is not None:
            self.put(pending_key(entry_id), content)

    def copy_posted(self, entry: Entry) -> str:
        self.events.append("file")
        return super().copy_posted(entry)

    def drop_pending(self, entry: Entry) -> None:
        self.events.append("drop")
        super().drop_pending(entry)


class Served:
    """One company of the QuickBooks stand-in, with our code opened on it as a run opens it."""

    clock: Any = SystemClock()

    def __init__(self, stand_in: QuickBooksStandIn, realm: Realm) -> None:
        self.stand_in = stand_in
        self.realm = realm
        self.key_values = KeyValues()
        self.tokens = MemoryTokens()
        self.box = SecretBox(realm_ids={COMPANY: realm.realm_id}, refresh_tokens={COMPANY: "unused"})
        self.give_access_token()
        self.client = self.new_client()
        self.references = self.new_references()
        self.books = self.books_with(self.references)

    def books_with(self, references: References) -> QuickBooksBooks:
        """Return the books as a new run opens them, with these references."""
        return QuickBooksBooks(self.client, references, NumbersInUse(self.client, self.key_values, self.clock))

    def give_access_token(self) -> None:
        token = self.stand_in.tokens.access_token(self.realm.realm_id)
        self.tokens.keep_tokens(self.realm.realm_id, KeptTokens(token, 4_000_000_000, "unused").as_dict())

    def new_client(self) -> Client:
        clock = Clock()
        realm_id = self.realm.realm_id
        places = Places(self.box, "arn", self.tokens, KeyValues())
        tokens = Tokens(places, realm_id, [COMPANY], NoIssuer(), clock=clock, threads=THREADS)
        limiter = Limiter(clock, THREADS)
        return Client(self.stand_in.url, realm_id, COMPANY, tokens, limiter, clock=CLOCK, threads=THREADS)

    def new_references(self, **arguments: Any) -> References:
        """Return references as the next run would open them: the memory stays."""
        return References(self.new_client(), self.key_values, **{"clock": CLOCK, "threads": THREADS, **arguments})

    @property
    def book(self) -> Any:
        """What stands in the books."""
        return self.stand_in.books(self.realm.realm_id)

    def edit_by_hand(self, entity: str, qb_id: str, **changes: Any) -> None:
        """Change a transaction as a person does in QuickBooks."""
        row = self.book._tables.table(entity)[qb_id]
        row.update(changes, SyncToken=str(int(row["SyncToken"]) + 1))

    @property
    def writes(self) -> dict[str, int]:
        counts = self.stand_in.calls
        return {kind: counts[kind] for kind in ("create", "update", "delete", "void", "upload") if counts[kind]}

    def requests(self, method: str = "POST", part: str = "/v3/") -> list[Request]:
        return [
            request for request in self.stand_in.server.requests if request.method == method and part in request.path
        ]

    def break_next(self, matches: Callable[[Request], bool], fault: Fault, *, times: int = 1) -> None:
        """Break the next answers to requests that match."""
        left = [times]

        def unreadable(request: Request) -> Fault | None:
            if left[0] and matches(request):
                left[0] -= 1
                return fault
            return None

        self.stand_in.server.fault = unreadable

    def heal(self) -> None:
        self.stand_in.server.fault = lambda _request: None


class NoIssuer:
    """An issuer nobody should ask."""

    def issue(self, client_id: str, client_secret: str, refresh_token: str) -> Any:
        raise AssertionError("no refresh is due")


@contextmanager
def served(**changes: Any) -> Iterator[Served]:
    """Serve one company, in the US unless a test wants another."""
    realm = Realm(**{"realm_id": REALM_ID, "company_name": COMPANY, "accounts": ACCOUNTS, **changes})
    stand_in = QuickBooksStandIn([realm])
    stand_in.name_edit_s = stand_in.refresh_s = 0
    try:
        yield Served(stand_in, realm)
    finally:
        stand_in.close()


VAT = {"country": "BE", "home_currency": "EUR", "sales_tax": "global", "tax_rates": VAT_RATES}
BELGIAN = Company(1, COMPANY, "EUR", "BE")


def is_write_to(entity: str) -> Callable[[Request], bool]:
    """Whether a request writes an entity (or, for `upload`, a file)."""
    return lambda request: request.method == "POST" and request.path.endswith(f"/{entity.lower()}")


def dropped(*, takes_effect: bool) -> Fault:
    """A connection that ends without an answer."""
    return Fault("dropped", None, takes_effect=takes_effect)


def answered(response: Response, *, takes_effect: bool = False) -> Fault:
    return Fault("answered", response, takes_effect=takes_effect)


@contextmanager
def log_of(name: str = "pipeline") -> Iterator[list[logging.LogRecord]]:
    """Collect the log records of a module and those below it."""
    records: list[logging.LogRecord] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger = logging.getLogger(name)
    handler, level = Collector(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
