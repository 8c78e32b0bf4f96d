"""Documents to QuickBooks' JSON: the only file that knows the field names of its four transactions."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from decimal import Decimal

from pipeline.domain.document import Address, Document, DocumentType, LineKind
from pipeline.domain.errors import InvalidDocument, Rejected, Unmapped
from pipeline.domain.mapping import ClosedPeriod
from pipeline.domain.money import ZERO, rounded, shown
from pipeline.qbo.addresses import address
from pipeline.qbo.classes import Classes
from pipeline.qbo.lines import Json, LineResolver, check_lines, purchase_lines, sales_lines
from pipeline.qbo.lists import Realm
from pipeline.qbo.marker import closed_line, marker, without_markers
from pipeline.qbo.note import without_a_field
from pipeline.qbo.owed import owed_on
from pipeline.qbo.taxes import Taxes
from pipeline.qbo.text import clean, clean_line, cleaned

ENTITIES = {
    DocumentType.INVOICE: "Invoice",
    DocumentType.CREDIT_NOTE: "CreditMemo",
    DocumentType.BILL: "Bill",
    DocumentType.VENDOR_CREDIT: "VendorCredit",
}
DOC_NUMBER_LENGTH_MAX = 21
NUMBER_SHOWN_MAX = 200
NOTE_LENGTH_MAX = 4_000
# JSON readers keep fifteen digits of a number.
RATE_DIGITS_MAX = 15


def payload(document: Document, references: LineResolver, *, is_booked: bool = False) -> Json:
    """Return the body that creates the document in QuickBooks (or, with Id and SyncToken, replaces it).

    Everything that can be checked without a call is checked. Raises Unmapped for an account, tax or currency without a
    counterpart, InvalidDocument for what QuickBooks cannot represent, and Rejected for a closed period unless the
    document `is_booked` already.
    """
    realm = references.realm
    _check(document, realm)
    booked_on, closed = _open_day(document, references, is_booked=is_booked)
    is_sale = document.document_type.is_sale
    classes = Classes.of(document, references)
    taxes = Taxes.of(document, references)
    tax = taxes.detail()
    rule = references.rules.journal(document.journal).department
    department = references.department(rule) if rule else ""
    check_lines(document, references, classes, taxes)
    # Items and the party come last: they may be created, and a document that fails earlier leaves none behind.
    lines = (sales_lines if is_sale else purchase_lines)(document, references, classes, taxes)
    body: Json = {
        "CustomerRef" if is_sale else "VendorRef": {"value": references.party(document)},
        "DocNumber": doc_number(document),
        "TxnDate": booked_on.isoformat(),
        "PrivateNote": private_note(document, closed),
        "Line": lines,
    }
    if document.document_type in (DocumentType.INVOICE, DocumentType.BILL):
        # QuickBooks computes a due date from the terms only if none is sent: Odoo's own wins.
        body["DueDate"] = document.due_on.isoformat()
        term = references.term(document.terms)
        if term:
            body["SalesTermRef"] = {"value": term}
    if is_sale:
        body |= _customers_side(document)
    if department:
        body["DepartmentRef"] = {"value": department}
    if classes.of_document:
        body["ClassRef"] = {"value": classes.of_document}
    body |= owed_on(document, realm, references.rules)
    body |= _currency(document, realm)
    if tax is not None:
        body["TxnTaxDetail"] = tax
    if not realm.is_us and realm.sales_tax:
        body["GlobalTaxCalculation"] = "TaxExcluded"
    return cleaned(body)


def _customers_side(document: Document) -> Json:
    """Return the memo and the addresses of a sale as they are on the document. Its sales tax depends on them."""
    parts = {
        "CustomerMemo": {"value": document.memo} if document.memo else {},
        "BillAddr": address(document.party.address),
        "ShipAddr": address(document.ship_to or Address()),
    }
    return {name: part for name, part in parts.items() if part}


def payload_hash(body: Json) -> str:
    """Return a hash of a body. Equal bodies are the same request."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def doc_number(document: Document) -> str:
    """Return the number in QuickBooks: the document's own, or on purchases the vendor's, in at most 21 characters.

    A longer one is cut and gets a hash of the whole, so that two long numbers stay different.
    """
    own = "" if document.document_type.is_sale else clean_line(document.reference)
    number = own or clean_line(document.number)
    if len(number) <= DOC_NUMBER_LENGTH_MAX:
        return number
    mark = "~" + hashlib.sha256(number.encode()).hexdigest()[:8]
    return number[: DOC_NUMBER_LENGTH_MAX - len(mark)] + mark


def private_note(document: Document, closed: str = "") -> str:
    """Return the private note: marker, number and URL in Odoo, then what QuickBooks has no field for.

    `closed` says why the date differs from Odoo's. The marker comes first, where no other text can interfere with it.
    """
    number = clean_line(document.number)[:NUMBER_SHOWN_MAX]
    parts = [f"Odoo {number}", document.url]
    if closed:
        parts.append(closed)
    parts += without_a_field(document)
    # Clean first: removing characters may join parts into a marker.
    text = without_markers(clean("\n".join(parts)))
    return f"{marker(document.entry_id)} {text}"[:NOTE_LENGTH_MAX]


def exchange_rate(document: Document) -> Decimal:
    """Return the rate at which the total in home currency equals what Odoo booked.

    Usually that is Odoo's own rate. But Odoo rounds each line in home currency and adds them up, while QuickBooks
    multiplies the total. If the two differ by a cent, derive the rate from Odoo's two totals, with as many digits as
    needed. A difference in the seventh digit of a rate is harmless; books that do not tie out are not.
    """
    rate, total = document.exchange_rate, document.total
    if not total or rounded(total * rate) == rounded(document.home_total):
        return rate
    exact = document.home_total / total
    for digits in range(6, RATE_DIGITS_MAX + 1):
        rate = exact.quantize(Decimal(1).scaleb(exact.adjusted() - digits + 1))
        if rounded(total * rate) == rounded(document.home_total):
            break
    return rate


def _open_day(document: Document, references: LineResolver, *, is_booked: bool) -> tuple[date, str]:
    """Return the date in QuickBooks, and the text for the note if that differs from the document's own.

    Raises Rejected if its period is closed and the company holds such documents.
    """
    day = document.booked_on
    closed_to = references.closed_to(day)
    if closed_to is None:
        return day, ""
    if references.rules.closed_period is ClosedPeriod.FIRST_OPEN_DAY:
        return closed_to + timedelta(days=1), closed_line(day, closed_to)
    if is_booked:
        # Its period may have been closed since. Perhaps nothing changes; if something does, QuickBooks itself refuses
        # it.
        return day, ""
    raise Rejected(
        f"it is dated {day}, and the books of {document.company.name} are closed to {closed_to} in QuickBooks. Open "
        "the period there and retry, change the date in Odoo, or let the mapping say closed_period = "
        f'"first_open_day", which would date it {closed_to + timedelta(days=1)}.',
        code="period_closed",
    )


def _check(document: Document, realm: Realm) -> None:
    # This comes first, because multicurrency would not help here, and cannot be turned off again.
    if document.company.currency != realm.home_currency:
        raise Unmapped(
            f"{document.company.name} has {document.company.currency} in Odoo but {realm.home_currency} in QuickBooks. "
            "If these are not its books, name the right realm under realm_ids in the QuickBooks secret and retry.",
            code="realm_differs",
        )
    if document.currency != realm.home_currency and not realm.multicurrency:
        raise Unmapped(
            f"it is in {document.currency}, but {document.company.name} keeps its QuickBooks books in "
            f"{realm.home_currency} only. Turn on Multicurrency in QuickBooks, or invoice in {realm.home_currency}.",
            code="currency_unmapped",
        )
    if document.total < 0:
        other = {
            DocumentType.INVOICE: "a credit note",
            DocumentType.BILL: "a refund",
            DocumentType.CREDIT_NOTE: "an invoice",
            DocumentType.VENDOR_CREDIT: "a bill",
        }[document.document_type]
        raise InvalidDocument(
            f"its total is {shown(document.total, document.currency)}, and QuickBooks takes no document below zero. "
            f"Turn it into {other} in Odoo.",
            code="below_zero",
        )
    amounts = (*(line.amount for line in document.lines), *(tax.amount for tax in document.taxes), document.total)
    if any(rounded(amount) != amount for amount in amounts):
        raise InvalidDocument(
            f"it is in {document.currency} with {document.decimal_places} decimals, and QuickBooks keeps two. Book it "
            "by hand.",
            code="too_many_decimals",
        )
    if not any(line.kind is LineKind.ITEM for line in document.lines):
        raise InvalidDocument("it has no line with an amount. Add one in Odoo, or cancel it there.", code="no_lines")


def _currency(document: Document, realm: Realm) -> Json:
    """Return currency and rate, if the company has more than one currency."""
    if not realm.multicurrency:
        return {}
    own: Json = {"CurrencyRef": {"value": document.currency}}
    if document.currency == realm.home_currency or not document.exchange_rate:
        return own
    return {**own, "ExchangeRate": exchange_rate(document)}


def sent_total(body: Json) -> Decimal:
    """Return the sum of the lines and taxes of a body."""
    amounts = sum((line.get("Amount", ZERO) for line in body["Line"]), ZERO)
    tax: Decimal = body.get("TxnTaxDetail", {}).get("TotalTax", ZERO)
    return amounts + tax
