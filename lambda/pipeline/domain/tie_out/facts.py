"""What was read for a tie-out: journal items of Odoo, transactions of QuickBooks, and what the entries say.

Amounts of one document have the same sign on both sides: an amount owed, and a line or a tax that adds to it, is
positive for all four types. Nothing here comes from a payload that was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pipeline.domain.document import Account, DocumentType
from pipeline.domain.money import ZERO
from pipeline.domain.values import dataclass


class ItemKind(StrEnum):
    """What a journal item of a document is."""

    LINE = "line"
    TAX = "tax"
    OWED = "owed"
    # The cost of stock, booked beside the document: it stays in Odoo.
    STOCK = "stock"


@dataclass(frozen=True, slots=True)
class JournalItem:
    """One journal item: its account, and its amount in document and in home currency. `tax` names a tax item's tax."""

    account: Account
    kind: ItemKind
    amount: Decimal
    home_amount: Decimal
    tax: str = ""


@dataclass(frozen=True, slots=True)
class JournalDocument:
    """One document as Odoo's journal has it. `state` is posted, cancel or draft. `dated_on` is its accounting date."""

    odoo_id: int
    document_type: DocumentType
    state: str
    number: str
    reference: str
    dated_on: date
    issued_on: date
    due_on: date | None
    currency: str
    party_id: int
    party: str
    journal: str
    written_at: datetime
    journal_id: int = 0
    is_receipt: bool = False
    sequence_gap: bool = False
    items: tuple[JournalItem, ...] = ()

    @property
    def is_posted(self) -> bool:
        """Whether it counts."""
        return self.state == "posted"

    @property
    def total(self) -> Decimal:
        """The amount owed, in document currency."""
        return sum((item.amount for item in self.items if item.kind is ItemKind.OWED), ZERO)

    @property
    def home_total(self) -> Decimal:
        """The amount owed, in home currency."""
        return sum((item.home_amount for item in self.items if item.kind is ItemKind.OWED), ZERO)


@dataclass(frozen=True, slots=True)
class NotCarried:
    """Posted journal entries of one kind that are not documents: how many, and their sum in home currency."""

    kind: str
    count: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of a transaction: the id of the account it is booked on (empty if QuickBooks does not say)."""

    account_id: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class TaxOfLedger:
    """The amount of one tax rate on a transaction."""

    rate_id: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LedgerTransaction:
    """One transaction as it is in QuickBooks. `entry_id` is what its marker says, or empty.

    `home_total` is None in a company with one currency. `changes` is QuickBooks' own count of its changes.
    """

    qb_id: str
    document_type: DocumentType
    doc_number: str
    dated_on: date
    due_on: date | None
    party_id: str
    party: str
    currency: str
    rate: Decimal
    total: Decimal
    home_total: Decimal | None
    tax: Decimal
    lines: tuple[LedgerLine, ...]
    taxes: tuple[TaxOfLedger, ...]
    entry_id: str
    changes: int
    open_amount: Decimal
    is_voided: bool
    created_at: str
    updated_at: str
    # The receivable or payable account, where QuickBooks says it.
    owed_account_id: str = ""
    # The last closed day when it was posted, as the pipeline's note on it says: only if that made its date a later one.
    closed_to: date | None = None

    @property
    def is_paid(self) -> bool:
        """Whether something is paid or credited on it."""
        return self.open_amount != self.total

    @property
    def was_never_changed(self) -> bool:
        """Whether it is still as it was created: neither we nor a person wrote it since."""
        return self.changes == 0


@dataclass(frozen=True, slots=True)
class Unread:
    """A type of document that QuickBooks does not offer to this company, and why."""

    document_type: DocumentType
    reason: str


@dataclass(frozen=True, slots=True)
class EntryState:
    """What an entry says of a document: who waits, for what and since when, and where it is. No figures.

    With `has_successor` another document has its id in Odoo now: what it says is about the former one.
    """

    entry_id: str
    company: str
    status: str
    reason: str
    since: datetime
    updated_at: datetime
    realm: str
    qb_id: str
    former: str = ""
    pdf_key: str = ""
    attachable_id: str = ""
    has_successor: bool = False

    def is_of_former(self, qb_id: str) -> bool:
        """Whether a transaction is of the former document of its id, and not of the one Odoo has now."""
        return self.has_successor and qb_id == self.qb_id

    @property
    def is_open(self) -> bool:
        """Whether the pipeline has work to do on it."""
        return self.status in ("pending", "posting")


@dataclass(frozen=True, slots=True)
class OdooState:
    """Where a document is that was looked up by its id: its state, company, accounting and own date, and last write."""

    state: str
    dated_on: date
    company: str
    number: str
    issued_on: date | None = None
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """An account in QuickBooks."""

    qb_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Names:
    """Names of both sides brought together: the mapping of accounts, QuickBooks' accounts, and its tax rates.

    `account_of` returns the account in QuickBooks of one in Odoo, or None. `owner_of` returns the Odoo partner that a
    customer or vendor in QuickBooks was bound to, or 0; its arguments are the type of a document and QuickBooks' id.
    `owed_account_of` returns the id of QuickBooks' receivable or payable account for one in Odoo, a type of document
    and a currency; it is empty if QuickBooks has but one, or none of that number or name. `rate_names` are the names of
    the tax codes of rates that belong to one code alone, by the rate's id; `tax_of` returns such a name for a tax of
    Odoo on sales or on purchases, or an empty text.
    `partners` are the Odoo partners of the month by name, in lower case. `taxes_unread` is why the tax codes could not
    be read, and empty if they were. `inactive_accounts` are the names of accounts that are inactive in QuickBooks.
    """

    account_of: Callable[[Account], LedgerAccount | None]
    account_names: Mapping[str, str]
    rate_names: Mapping[str, str] = field(default_factory=dict)
    tax_of: Callable[[str, bool], str] = lambda _name, _is_sale: ""
    owner_of: Callable[[DocumentType, str], int] = lambda _kind, _qb_id: 0
    owed_account_of: Callable[[Account, DocumentType, str], str] = lambda _account, _kind, _currency: ""
    partners: Mapping[str, frozenset[int]] = field(default_factory=dict)
    taxes_unread: str = ""
    inactive_accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policies:
    """What the mapping says of a company that explains a difference.

    `closed_since` are the last closed days that the pipeline's notes name, each with the first instant at which it was
    one: when the first transaction with such a note was created.
    """

    go_live: date | None = None
    dates_on_first_open_day: bool = False
    skips_receipts: bool = False
    closed_since: Mapping[date, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PdfSizes:
    """The sizes of a document's PDFs in bytes: the filed one (None if unknown), and those attached in QuickBooks."""

    filed: int | None
    attached: tuple[int, ...]
