"""A document: one posted invoice, credit note, bill or vendor credit, free of Odoo's and QuickBooks' field names."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pipeline.domain.codec import encode
from pipeline.domain.content import content_hash
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.identity import make_entry_id
from pipeline.domain.money import ZERO, rounded, shown
from pipeline.domain.quoting import document_title
from pipeline.domain.values import dataclass

LINES_MAX = 10_000


class DocumentType(StrEnum):
    """The type of a document: the four that carry money between a company and its parties."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    BILL = "bill"
    VENDOR_CREDIT = "vendor_credit"

    @property
    def is_sale(self) -> bool:
        """Whether the party is a customer."""
        return self in (DocumentType.INVOICE, DocumentType.CREDIT_NOTE)

    @property
    def noun(self) -> str:
        """The words a person uses for it."""
        return self.value.replace("_", " ")


class LineKind(StrEnum):
    """Whether a line carries money or only text."""

    ITEM = "item"
    SECTION = "section"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Company:
    """The Odoo company a document belongs to. `name` is the key of its realm."""

    odoo_id: int
    name: str
    currency: str
    country: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address. Every part may be empty. `state_code` is known where addresses are written with it."""

    street: str = ""
    street2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    state_code: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """How somebody can be reached."""

    email: str = ""
    phone: str = ""
    address: Address = Address()


@dataclass(frozen=True, slots=True)
class Party:
    """The customer or vendor: Odoo's commercial partner, with the contact the document was addressed to.

    If that contact is somebody else, `own` is how the customer or vendor itself is reached. `created_at` is when it was
    created in Odoo.
    """

    odoo_id: int
    name: str
    contact: str = ""
    email: str = ""
    phone: str = ""
    tax_id: str = ""
    reference: str = ""
    address: Address = Address()
    own: Contact | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the chart. `code` may be empty, the name never is."""

    odoo_id: int
    code: str
    name: str

    def __str__(self) -> str:
        return f"{self.code} '{self.name}'" if self.code else f"'{self.name}'"


@dataclass(frozen=True, slots=True)
class Product:
    """What was sold or bought, if Odoo names it. `created_at` is when it was created in Odoo."""

    odoo_id: int
    name: str
    code: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax as Odoo defines it; `rate` is a percentage of the price without tax when `is_percentage`.

    Otherwise it is a fixed amount, a percentage of the price with tax, a formula, or a group of taxes. Its number then
    cannot be compared with a rate.
    """

    odoo_id: int
    name: str
    rate: Decimal
    is_percentage: bool = True
    is_sale: bool = True

    @property
    def has_rate(self) -> bool:
        """Whether its number is a rate: it is a percentage, charged and not withheld."""
        return self.is_percentage and self.rate >= 0


class TaxPlace(StrEnum):
    """What kind of account Odoo books an amount of a tax on."""

    # An account for taxes. Also the default if Odoo does not say, and for documents stored before it was read.
    TAX = ""
    # A current asset on a sale: tax on a sale is owed, not claimed.
    ASSET = "asset"
    # Not an account for taxes: the amount is cost or income, or owed to somebody else.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TaxAmount:
    """One tax on one document: its base and amount in document currency, and where it is booked."""

    tax: Tax
    base: Decimal
    amount: Decimal
    account: Account
    place: TaxPlace = TaxPlace.TAX

    @property
    def is_private(self) -> bool:
        """Whether it is the tax on the private part of a bill, which Odoo counts as tax but which is not deductible."""
        return not self.tax.odoo_id


def private_tax(name: str) -> Tax:
    """Return the tax used if Odoo names none: for the private part of a bill."""
    return Tax(0, name, ZERO, is_percentage=False, is_sale=False)


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a line on an analytic account (or on several of different plans, joined)."""

    analytic: str
    percentage: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `amount` is without tax, in document currency. It is authoritative: price times quantity may differ."""

    kind: LineKind
    description: str
    amount: Decimal = ZERO
    quantity: Decimal = ZERO
    unit_price: Decimal = ZERO
    discount_percentage: Decimal = ZERO
    account: Account | None = None
    product: Product | None = None
    taxes: tuple[Tax, ...] = ()
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class Installment:
    """A part of the total, and the day it is due."""

    due_on: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class EarlyDiscount:
    """The discount that the terms give for payment by a certain day."""

    percentage: Decimal
    until: date


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to the document in Odoo. `is_legal` marks the PDF that Odoo made for the customer.

    With `is_link` it is only a link to a file elsewhere.
    """

    odoo_id: int
    name: str
    media_type: str
    size_bytes: int
    sha1: str
    is_legal: bool = False
    is_main: bool = False
    is_link: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One `account.move` as accounting sees it. Amounts are positive for all four types, in document currency.

    `exchange_rate` is home currency per unit of document currency (1 if they are the same, 0 if unknown). `ship_to` is
    where a sale goes, None on purchases. `withdrawn` is True if the document was posted and is now cancelled or back
    in draft. `left_out` names the files that are not in its PDF, one sentence with the reason per file. It is known
    once the PDF is fetched, and is not part of what Odoo says; so is `embedded`, which names those that are no pages
    and are embedded in the PDF. `owed_on` is the receivable or payable account on which
    the amount owed is booked. A receipt is an invoice or a bill with `is_receipt`. `created_at` is when the document
    was created in Odoo, which nothing changes: after a restore from a backup Odoo gives its id to another document.
    """

    database: str
    odoo_id: int
    document_type: DocumentType
    company: Company
    number: str
    reference: str
    issued_on: date
    accounting_on: date
    due_on: date
    currency: str
    decimal_places: int
    exchange_rate: Decimal
    party: Party
    lines: tuple[Line, ...]
    taxes: tuple[TaxAmount, ...]
    installments: tuple[Installment, ...]
    untaxed: Decimal
    tax: Decimal
    total: Decimal
    home_total: Decimal
    written_at: datetime
    withdrawn: bool = False
    ship_to: Address | None = None
    terms: str = ""
    journal: str = ""
    salesperson: str = ""
    origin: str = ""
    memo: str = ""
    url: str = ""
    attachments: tuple[Attachment, ...] = ()
    left_out: tuple[str, ...] = ()
    is_receipt: bool = False
    early_discount: EarlyDiscount | None = None
    owed_on: Account | None = None
    embedded: tuple[str, ...] = ()
    created_at: datetime | None = None

    @property
    def entry_id(self) -> str:
        """The key of its entry. Numbers change and repeat across companies; Odoo's id does neither."""
        return make_entry_id(self.database, self.odoo_id)

    @property
    def about_files(self) -> tuple[str, ...]:
        """What is to be said of its files: those that are not in the PDF, then those embedded in it."""
        return (*self.left_out, *self.embedded)

    @property
    def booked_on(self) -> date:
        """The date it has in the books: for a sale its own, as on the customer's copy, otherwise the accounting date.

        A vendor's bill of last month may arrive this month and is then booked this month. With the accounting date
        every month ties out with Odoo; with the vendor's own date it would not.
        """
        return self.issued_on if self.document_type.is_sale else self.accounting_on

    @property
    def title(self) -> str:
        """How messages name it: type, number, party and amount."""
        return document_title(self.document_type.noun, self.number, self.party.name, shown(self.total, self.currency))

    @property
    def content_hash(self) -> str:
        """A hash of everything that matters to the books; `content.py` says what does not count."""
        return content_hash(encode(self))


def check_adds_up(document: Document) -> None:
    """Raise InvalidDocument unless lines and taxes add up to the document's own totals, to the cent.

    Nothing is ever adjusted to make them fit: if a document does not add up in Odoo, a person must look at it.
    """
    places = document.decimal_places
    if len(document.lines) > LINES_MAX:
        raise InvalidDocument(
            f"{document.title}: has {len(document.lines)} lines; QuickBooks takes {LINES_MAX} at most"
        )
    untaxed = rounded(sum((line.amount for line in document.lines), ZERO), places)
    tax = rounded(sum((amount.amount for amount in document.taxes), ZERO), places)
    for name, found, expected in (
        ("lines", untaxed, document.untaxed),
        ("taxes", tax, document.tax),
        ("untaxed amount and tax", document.untaxed + document.tax, document.total),
    ):
        if found != expected:
            raise InvalidDocument(
                f"{document.title}: its {name} add up to {shown(found, document.currency)}, but Odoo says "
                f"{shown(expected, document.currency)}. Open it in Odoo, correct the lines and save it again.",
                code="does_not_add_up",
            )
