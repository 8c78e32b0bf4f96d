"""The lines of a document for QuickBooks: items on sales, accounts on purchases, and taxes sent as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, Protocol

from pipeline.domain.document import Account, Document, Line, LineKind, Product, Tax
from pipeline.domain.errors import InvalidDocument, Unmapped
from pipeline.domain.mapping import Rules, Target
from pipeline.domain.money import plain, rounded
from pipeline.qbo.classes import Classes
from pipeline.qbo.lists import BookAccount, Realm, TaxCode
from pipeline.qbo.taxes import Taxes

type Json = dict[str, Any]

DESCRIPTION_LENGTH_MAX = 4_000
TAXABLE_SALES_LINES_MAX = 750
# How many decimals QuickBooks keeps of a price or a quantity is not documented. Five are known to pass.
FACTOR_DECIMALS_MAX = 5
UNIT_PRICE_MAX = Decimal(99_999_999_999)


class LineResolver(Protocol):
    """Resolves names to QuickBooks' ids."""

    @property
    def realm(self) -> Realm:
        """What the company is like."""

    @property
    def rules(self) -> Rules:
        """The company's mapping."""

    def account(self, account: Account) -> BookAccount:
        """Return an account."""

    @property
    def tax_codes(self) -> Sequence[TaxCode]:
        """All tax codes of the company."""

    def tax_code(self, taxes: Sequence[Tax], *, is_sale: bool) -> TaxCode:
        """Return the tax code of the taxes of one line."""

    def term(self, name: str) -> str:
        """Return the id of payment terms, or an empty text."""

    def book_class(self, target: Target) -> str:
        """Return the id of a class."""

    def department(self, target: Target) -> str:
        """Return the id of a location."""

    def closed_to(self, day: date) -> date | None:
        """Return the last closed day if a day is in a closed period."""

    def party(self, document: Document) -> str:
        """Return the id of the customer or vendor."""

    def item(self, account: BookAccount, product: Product | None, database: str) -> str:
        """Return the id of the item of a line that is booked to an account."""


def check_lines(document: Document, references: LineResolver, classes: Classes, taxes: Taxes) -> None:
    """Check that all lines can be sent, without creating anything."""
    for line in document.lines:
        if line.kind is LineKind.ITEM:
            account = _booked_on(line, references)
            _check_currency(account, document, references)
            taxes.code(line)
            classes.parts(line)
    for tax_amount in taxes.as_lines:
        _check_currency(references.account(tax_amount.account), document, references)
    if taxes.as_lines:
        taxes.code_without_tax  # noqa: B018 - raises if there is none


def _check_currency(account: BookAccount, document: Document, references: LineResolver) -> None:
    if account.currency not in ("", references.realm.home_currency, document.currency):
        raise Unmapped(
            f"account {account} is kept in {account.currency} in QuickBooks, and the document is in "
            f"{document.currency}. Map the account of Odoo to one in {references.realm.home_currency}.",
            code="currency_unmapped",
        )


# -- sales -----------------------------------------------------------------------------------------------------------


def sales_lines(document: Document, references: LineResolver, classes: Classes, taxes: Taxes) -> list[Json]:
    """Return the lines of a sale with their items. Raises InvalidDocument if there are too many."""
    lines = [
        part
        for line in document.lines
        if _says_something(line)
        for part in _sales_line(line, references, classes, taxes)
    ]
    lines += _own_sales_lines(references, classes, taxes)
    if taxes.total and len(lines) > TAXABLE_SALES_LINES_MAX:
        raise InvalidDocument(
            f"it has {len(lines)} lines, and QuickBooks takes {TAXABLE_SALES_LINES_MAX} on a taxable sale. Split it.",
            code="too_many_lines",
        )
    return lines


def _own_sales_lines(references: LineResolver, classes: Classes, taxes: Taxes) -> Iterator[Json]:
    """Yield a line for every amount that is a tax in Odoo but cannot be one in QuickBooks."""
    for tax_amount in taxes.as_lines:
        item = references.item(references.account(tax_amount.account), None, taxes.document.database)
        detail: Json = {"ItemRef": {"value": item}}
        if taxes.code_without_tax:
            detail["TaxCodeRef"] = {"value": taxes.code_without_tax}
        if classes.of_journal:
            detail["ClassRef"] = {"value": classes.of_journal}
        yield {
            "DetailType": "SalesItemLineDetail",
            "Amount": tax_amount.amount,
            "Description": tax_amount.tax.name,
            "SalesItemLineDetail": detail,
        }


def _says_something(line: Line) -> bool:
    return line.kind is LineKind.ITEM or bool(line.description.strip())


def _sales_line(line: Line, references: LineResolver, classes: Classes, taxes: Taxes) -> Iterator[Json]:
    if line.kind is not LineKind.ITEM:
        yield {
            "DetailType": "DescriptionOnly",
            "Description": line.description[:DESCRIPTION_LENGTH_MAX],
            "DescriptionLineDetail": {},
        }
        return
    item = references.item(_booked_on(line, references), line.product, taxes.document.database)
    tax_code = taxes.code(line)
    parts = classes.parts(line)
    # A part of a line has only its amount: price and quantity belong to the whole line.
    quantity_and_price = multiplied_back(line) if len(parts) == 1 else None
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


def multiplied_back(line: Line) -> tuple[Decimal, Decimal] | None:
    """Return a quantity and a unit price whose product, rounded half up, is the amount, or None.

    QuickBooks refuses any other product (6070). Odoo's price is without discount and may include tax, so the unit price
    is computed from the amount. If none fits, the line is sent with its amount only.
    """
    if line.quantity <= 0 or _decimals(line.quantity) > FACTOR_DECIMALS_MAX:
        return None
    # The first mostly fits.
    computed = (
        (line.amount / line.quantity).quantize(Decimal(1).scaleb(-places))
        for places in range(2, FACTOR_DECIMALS_MAX + 1)
    )
    for price in chain([] if line.discount_percentage else [line.unit_price], computed):
        is_sendable = _decimals(price) <= FACTOR_DECIMALS_MAX and abs(price) <= UNIT_PRICE_MAX
        if is_sendable and rounded(price * line.quantity) == rounded(line.amount):
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


def purchase_lines(document: Document, references: LineResolver, classes: Classes, taxes: Taxes) -> list[Json]:
    """Return the lines of a purchase with their accounts."""
    # Bills have no text lines, so sections and notes are left out.
    lines = [
        part
        for line in document.lines
        if line.kind is LineKind.ITEM
        for part in _purchase_line(line, references, classes, taxes)
    ]
    # An amount that is not tax is an expense on the account Odoo booked it to. In the US every tax on a purchase is.
    code = "" if references.realm.is_us or not taxes.as_lines else taxes.code_without_tax
    lines += [
        _expense(
            tax_amount.amount, tax_amount.tax.name, references.account(tax_amount.account), code, classes.of_journal
        )
        for tax_amount in taxes.as_lines
    ]
    return lines


def _purchase_line(line: Line, references: LineResolver, classes: Classes, taxes: Taxes) -> Iterator[Json]:
    code = "" if references.realm.is_us else taxes.code(line)
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


def _booked_on(line: Line, references: LineResolver) -> BookAccount:
    if line.account is None:
        raise InvalidDocument(f"its line '{line.description.strip()[:60]}' has no account.", code="no_account")
    return references.account(line.account)
