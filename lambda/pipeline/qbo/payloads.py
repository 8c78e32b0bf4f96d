"""Documents to QuickBooks' JSON: the only file that knows the field names of its four transactions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Protocol

from pipeline.domain.document import Account, Document, DocumentType, Line, LineKind, Product, Tax
from pipeline.domain.errors import InvalidDocument, Rejected, Unmapped
from pipeline.domain.mapping import ClosedPeriod, Rules, Target
from pipeline.domain.money import ZERO, plain, rounded, shown
from pipeline.qbo.classes import Classes
from pipeline.qbo.lists import BookAccount, Realm, TaxCode
from pipeline.qbo.marker import marker, without_markers
from pipeline.qbo.note import without_a_field
from pipeline.qbo.owed import owed_on
from pipeline.qbo.taxes import line_tax, tax_detail

type Json = dict[str, Any]

ENTITIES = {
    DocumentType.INVOICE: "Invoice",
    DocumentType.CREDIT_NOTE: "CreditMemo",
    DocumentType.BILL: "Bill",
    DocumentType.VENDOR_CREDIT: "VendorCredit",
}
DOC_NUMBER_LENGTH_MAX = 21
NUMBER_SHOWN_MAX = 200
NOTE_LENGTH_MAX = 4_000
MEMO_LENGTH_MAX = 1_000
DESCRIPTION_LENGTH_MAX = 4_000
TAXABLE_SALES_LINES_MAX = 750
# How many decimals QuickBooks keeps of a price or a quantity is not documented: five are seen to pass.
FACTOR_DECIMALS_MAX = 5
# JSON readers keep fifteen digits of a number.
RATE_DIGITS_MAX = 15


class Resolver(Protocol):
    """Who knows QuickBooks' ids."""

    @property
    def realm(self) -> Realm:
        """What the company is like."""

    @property
    def rules(self) -> Rules:
        """The company's mapping."""

    def account(self, account: Account) -> BookAccount:
        """Return an account."""

    def tax_code(self, taxes: Sequence[Tax], *, is_sale: bool) -> TaxCode:
        """Return the tax code of the taxes of one line."""

    def term(self, name: str) -> str:
        """Return the id of payment terms, or an empty text."""

    def book_class(self, target: Target) -> str:
        """Return the id of a class."""

    def department(self, target: Target) -> str:
        """Return the id of a location."""

    def closed_to(self, day: date) -> date | None:
        """Return the last closed day when a day lies in a closed period."""

    def party(self, document: Document) -> str:
        """Return the id of the customer or vendor."""

    def item(self, account: BookAccount, product: Product | None, database: str) -> str:
        """Return the id of the item of a line that is booked to an account."""


def payload(document: Document, references: Resolver, *, is_booked: bool = False) -> Json:
    """Return the body that creates (or, with Id and SyncToken, replaces) the document in QuickBooks.

    Everything that can be refused without a call is: raises Unmapped for an account, tax or currency without a
    counterpart, InvalidDocument for what QuickBooks has no form for, and Rejected for a closed period, unless the
    document `is_booked` already.
    """
    realm = references.realm
    _check(document, realm)
    booked_on, closed = _open_day(document, references, is_booked=is_booked)
    is_sale = document.document_type.is_sale
    classes = Classes.of(document, references)
    tax = tax_detail(document, references)
    rule = references.rules.journal(document.journal).department
    department = references.department(rule) if rule else ""
    _check_lines(document, references, classes)
    # Items, then the party: they may be created, and a document that fails before leaves none behind.
    lines = (_sales_lines if is_sale else _purchase_lines)(document, references, classes)
    body: Json = {
        "CustomerRef" if is_sale else "VendorRef": {"value": references.party(document)},
        "DocNumber": doc_number(document),
        "TxnDate": booked_on.isoformat(),
        "PrivateNote": private_note(document, closed),
        "Line": lines,
    }
    if document.document_type in (DocumentType.INVOICE, DocumentType.BILL):
        # QuickBooks works a due date out from the terms only where none is sent: Odoo's own wins.
        body["DueDate"] = document.due_on.isoformat()
        term = references.term(document.terms)
        if term:
            body["SalesTermRef"] = {"value": term}
    if is_sale and document.memo:
        body["CustomerMemo"] = {"value": document.memo[:MEMO_LENGTH_MAX]}
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
    return body


def payload_hash(body: Json) -> str:
    """Return a hash of a body: equal bodies are one request, different ones are not."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def doc_number(document: Document) -> str:
    """Return the number it has in QuickBooks: its own, or on purchases the vendor's, in at most 21 characters.

    A longer one keeps its beginning and gets a hash of the whole, so that two long numbers stay different.
    """
    number = document.number if document.document_type.is_sale else document.reference or document.number
    number = " ".join(number.split())
    if len(number) <= DOC_NUMBER_LENGTH_MAX:
        return number
    mark = "~" + hashlib.sha256(number.encode()).hexdigest()[:8]
    return number[: DOC_NUMBER_LENGTH_MAX - len(mark)] + mark


def private_note(document: Document, closed: str = "") -> str:
    """Return the note to the bookkeeper: marker, number and address in Odoo, then what QuickBooks has no field for.

    `closed` says why it has another date than in Odoo. The marker comes first, where nothing from outside can reach it.
    """
    number = " ".join(document.number.split())[:NUMBER_SHOWN_MAX]
    parts = [f"Odoo {number}", document.url]
    if closed:
        parts.append(closed)
    parts += without_a_field(document)
    return f"{marker(document.entry_id)} {without_markers(chr(10).join(parts))}"[:NOTE_LENGTH_MAX]


def exchange_rate(document: Document) -> Decimal:
    """Return the rate at which the total comes out in home currency as Odoo booked it.

    That is Odoo's own rate, as a rule. But Odoo rounds each line in home currency and adds up what it rounded, and
    QuickBooks multiplies the total: where the two differ by a cent, the rate is what Odoo's two totals say it is, with
    as many digits as it takes. A rate that differs in its seventh digit harms nobody; books that do not tie out do.
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


def _open_day(document: Document, references: Resolver, *, is_booked: bool) -> tuple[date, str]:
    """Return the date it gets in QuickBooks, and what its note says when that is not its own.

    Raises Rejected when its period is closed and the company wants such documents held.
    """
    day = document.booked_on
    closed_to = references.closed_to(day)
    if closed_to is None:
        return day, ""
    if references.rules.closed_period is ClosedPeriod.FIRST_OPEN_DAY:
        return closed_to + timedelta(days=1), f"Dated {day} in Odoo; books are closed to {closed_to}"
    if is_booked:
        # Where its period was closed since, nothing may need to change; and if it does, QuickBooks itself says no.
        return day, ""
    raise Rejected(
        f"it is dated {day}, and the books of {document.company.name} are closed to {closed_to} in QuickBooks. Open "
        "the period there and retry, change the date in Odoo, or let the mapping say closed_period = "
        f'"first_open_day", which would date it {closed_to + timedelta(days=1)}.',
        code="period_closed",
    )


def _check(document: Document, realm: Realm) -> None:
    if document.currency != realm.home_currency and not realm.multicurrency:
        raise Unmapped(
            f"it is in {document.currency}, but {document.company.name} keeps its QuickBooks books in "
            f"{realm.home_currency} only. Turn on Multicurrency in QuickBooks, or invoice in {realm.home_currency}.",
            code="currency_unmapped",
        )
    if document.company.currency != realm.home_currency:
        raise Unmapped(
            f"{document.company.name} has {document.company.currency} in Odoo but {realm.home_currency} in QuickBooks: "
            "is its realm in the QuickBooks secret the right one?",
            code="realm_differs",
        )
    if document.total < 0:
        raise InvalidDocument(
            f"its total is {shown(document.total, document.currency)}, and QuickBooks takes no document below zero. "
            "Turn it into a credit note in Odoo.",
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
        raise InvalidDocument("it has no line with an amount.", code="no_lines")


def _check_lines(document: Document, references: Resolver, classes: Classes) -> None:
    """Find out whether all lines can be sent, without creating anything."""
    for line in document.lines:
        if line.kind is LineKind.ITEM:
            account = _booked_on(line, references)
            if account.currency not in ("", references.realm.home_currency, document.currency):
                raise Unmapped(
                    f"account {account} is kept in {account.currency} in QuickBooks, and the document is in "
                    f"{document.currency}. Map the account of Odoo to one in {references.realm.home_currency}.",
                    code="currency_unmapped",
                )
            line_tax(line, references, is_sale=document.document_type.is_sale)
            classes.parts(line)


def _currency(document: Document, realm: Realm) -> Json:
    """Return currency and rate, where the company has more than one."""
    if not realm.multicurrency:
        return {}
    own: Json = {"CurrencyRef": {"value": document.currency}}
    return own if document.currency == realm.home_currency else {**own, "ExchangeRate": exchange_rate(document)}


# -- sales -----------------------------------------------------------------------------------------------------------


def _sales_lines(document: Document, references: Resolver, classes: Classes) -> list[Json]:
    lines = [
        each
        for line in document.lines
        if _says_something(line)
        for each in _sales_line(line, document, references, classes)
    ]
    if document.tax and len(lines) > TAXABLE_SALES_LINES_MAX:
        raise InvalidDocument(
            f"it has {len(lines)} lines, and QuickBooks takes {TAXABLE_SALES_LINES_MAX} on a taxable sale. Split it.",
            code="too_many_lines",
        )
    return lines


def _says_something(line: Line) -> bool:
    return line.kind is LineKind.ITEM or bool(line.description.strip())


def _sales_line(line: Line, document: Document, references: Resolver, classes: Classes) -> Iterator[Json]:
    if line.kind is not LineKind.ITEM:
        yield {
            "DetailType": "DescriptionOnly",
            "Description": line.description[:DESCRIPTION_LENGTH_MAX],
            "DescriptionLineDetail": {},
        }
        return
    item = references.item(_booked_on(line, references), line.product, document.database)
    tax_code = line_tax(line, references, is_sale=True)
    parts = classes.parts(line)
    # A part of a line is sent by its amount alone: price and quantity are those of the whole.
    quantity_and_price = _multiplies_back(line) if len(parts) == 1 else None
    for part in parts:
        detail: Json = {"ItemRef": {"value": item}}
        if tax_code:
            detail["TaxCodeRef"] = {"value": tax_code}
        if part.book_class:
            detail["ClassRef"] = {"value": part.book_class}
        if quantity_and_price:
            detail["Qty"], detail["UnitPrice"] = quantity_and_price
        yield {
            "DetailType": "SalesItemLineDetail",
            "Amount": part.amount,
            "Description": _description(line, is_priced=quantity_and_price is not None, share=part.share),
            "SalesItemLineDetail": detail,
        }


def _multiplies_back(line: Line) -> tuple[Decimal, Decimal] | None:
    """Return quantity and unit price whose product, rounded half up, is the amount; None when there are none.

    QuickBooks refuses any other (6070). Odoo's own price is without discount and may include tax, so a price per unit
    is worked out from the amount; a line for which none fits is sent by its amount alone, which needs no product.
    """
    if line.quantity <= 0 or _decimals(line.quantity) > FACTOR_DECIMALS_MAX:
        return None
    candidates = [] if line.discount_percentage else [line.unit_price]
    candidates += [
        (line.amount / line.quantity).quantize(Decimal(1).scaleb(-places))
        for places in range(2, FACTOR_DECIMALS_MAX + 1)
    ]
    for price in candidates:
        if _decimals(price) <= FACTOR_DECIMALS_MAX and rounded(price * line.quantity) == rounded(line.amount):
            return line.quantity, price
    return None


def _decimals(value: Decimal) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent))


def _description(line: Line, *, is_priced: bool, share: str = "") -> str:
    """Return the line's text, with what QuickBooks has no field for."""
    text = line.description.strip() or (line.product.name if line.product else "")
    is_rounded = _decimals(line.unit_price) > FACTOR_DECIMALS_MAX
    if line.kind is LineKind.ITEM and (not is_priced or is_rounded or line.discount_percentage or share):
        calculation = f"{plain(line.quantity)} x {plain(line.unit_price)}"
        if line.discount_percentage:
            calculation += f" - {plain(line.discount_percentage)}%"
        if share:
            calculation = f"{share} of {calculation}"
        text = f"{text[: DESCRIPTION_LENGTH_MAX - 80]} ({calculation})"
    return text[:DESCRIPTION_LENGTH_MAX]


# -- purchases -------------------------------------------------------------------------------------------------------


def _purchase_lines(document: Document, references: Resolver, classes: Classes) -> list[Json]:
    # Bills have no lines for text: sections and notes have no place there.
    lines = [
        each
        for line in document.lines
        if line.kind is LineKind.ITEM
        for each in _purchase_line(line, references, classes)
    ]
    if references.realm.is_us:
        # US companies have no purchase tax: it is an expense like any other, on the account Odoo booked it to.
        lines += [
            _expense(tax.amount, tax.tax.name, references.account(tax.account), "", classes.of_journal)
            for tax in document.taxes
            if tax.amount
        ]
    return lines


def _purchase_line(line: Line, references: Resolver, classes: Classes) -> Iterator[Json]:
    code = "" if references.realm.is_us else line_tax(line, references, is_sale=False)
    account = _booked_on(line, references)
    for part in classes.parts(line):
        is_priced = line.quantity == 1 and not line.discount_percentage
        description = _description(line, is_priced=is_priced, share=part.share)
        yield _expense(part.amount, description, account, code, part.book_class)


def _expense(amount: Decimal, description: str, account: BookAccount, tax_code: str, book_class: str) -> Json:
    detail: Json = {"AccountRef": {"value": account.qb_id}}
    if tax_code:
        detail["TaxCodeRef"] = {"value": tax_code}
    if book_class:
        detail["ClassRef"] = {"value": book_class}
    return {
        "DetailType": "AccountBasedExpenseLineDetail",
        "Amount": amount,
        "Description": description,
        "AccountBasedExpenseLineDetail": detail,
    }


# -- both ------------------------------------------------------------------------------------------------------------


def _booked_on(line: Line, references: Resolver) -> BookAccount:
    if line.account is None:
        raise InvalidDocument(f"its line '{line.description.strip()[:60]}' has no account.", code="no_account")
    return references.account(line.account)


def sent_total(body: Json) -> Decimal:
    """Return what the lines and taxes of a body add up to."""
    amounts = sum((line.get("Amount", ZERO) for line in body["Line"]), ZERO)
    tax: Decimal = body.get("TxnTaxDetail", {}).get("TotalTax", ZERO)
    return amounts + tax
