"""Documents to QuickBooks' JSON: the only file that knows the field names of its four transactions."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any, Protocol

from pipeline.document import Account, Document, DocumentType, Line, LineKind, Tax
from pipeline.errors import InvalidDocument, Unmapped
from pipeline.money import ZERO, plain, rounded, shown
from pipeline.qbo.references import BookAccount, Realm, TaxCode

type Json = dict[str, Any]

ENTITIES = {
    DocumentType.INVOICE: "Invoice",
    DocumentType.CREDIT_NOTE: "CreditMemo",
    DocumentType.BILL: "Bill",
    DocumentType.VENDOR_CREDIT: "VendorCredit",
}
DOC_NUMBER_LENGTH_MAX = 21
NOTE_LENGTH_MAX = 4_000
MEMO_LENGTH_MAX = 1_000
DESCRIPTION_LENGTH_MAX = 4_000
TAXABLE_SALES_LINES_MAX = 750
# How many decimals QuickBooks keeps of a price or a quantity is not documented: five are seen to pass.
FACTOR_DECIMALS_MAX = 5
TAXABLE, NOT_TAXABLE = "TAX", "NON"


class Resolver(Protocol):
    """Who knows QuickBooks' ids."""

    @property
    def realm(self) -> Realm:
        """What the company is like."""

    def account(self, account: Account) -> BookAccount:
        """Return an account."""

    def tax_code(self, tax: Tax | None, *, is_sale: bool) -> TaxCode:
        """Return a tax code."""

    def party(self, document: Document) -> str:
        """Return the id of the customer or vendor."""

    def item(self, account: BookAccount) -> str:
        """Return the id of the item that books to an account."""


def payload(document: Document, references: Resolver) -> Json:
    """Return the body that creates (or, with Id and SyncToken, replaces) the document in QuickBooks.

    Everything that can be refused without a call is: raises Unmapped for an account, tax or currency without a
    counterpart, and InvalidDocument for what QuickBooks has no form for.
    """
    realm = references.realm
    _check(document, realm)
    is_sale = document.document_type.is_sale
    lines = _sales_lines(document, references) if is_sale else _purchase_lines(document, references)
    tax = _tax_detail(document, references)
    # The party last: it may create a name, and a document that fails before leaves none behind.
    body: Json = {
        "CustomerRef" if is_sale else "VendorRef": {"value": references.party(document)},
        "DocNumber": doc_number(document),
        "TxnDate": document.issued_on.isoformat(),
        "PrivateNote": private_note(document),
        "Line": lines,
    }
    if document.document_type in (DocumentType.INVOICE, DocumentType.BILL):
        body["DueDate"] = document.due_on.isoformat()
    if is_sale and document.memo:
        body["CustomerMemo"] = {"value": document.memo[:MEMO_LENGTH_MAX]}
    if realm.multicurrency:
        body["CurrencyRef"] = {"value": document.currency}
        if document.currency != realm.home_currency:
            body["ExchangeRate"] = document.exchange_rate
    if tax is not None:
        body["TxnTaxDetail"] = tax
    if not realm.is_us:
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


def marker(document: Document) -> str:
    """Return the text by which a transaction is known to be ours, whatever its number: `[<entry_id>]`."""
    return f"[{document.entry_id}]"


def private_note(document: Document) -> str:
    """Return the note to the bookkeeper: number, marker and address in Odoo, then the memo."""
    parts = [f"Odoo {document.number} {marker(document)}", document.url]
    if document.reference:
        parts.append(f"Reference: {document.reference}")
    if document.memo:
        parts.append(document.memo)
    return "\n".join(parts)[:NOTE_LENGTH_MAX]


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


# -- sales -----------------------------------------------------------------------------------------------------------


def _sales_lines(document: Document, references: Resolver) -> list[Json]:
    lines = [_sales_line(line, references) for line in document.lines if _says_something(line)]
    if document.tax and len(lines) > TAXABLE_SALES_LINES_MAX:
        raise InvalidDocument(
            f"it has {len(lines)} lines, and QuickBooks takes {TAXABLE_SALES_LINES_MAX} on a taxable sale. Split it.",
            code="too_many_lines",
        )
    return lines


def _says_something(line: Line) -> bool:
    return line.kind is LineKind.ITEM or bool(line.description.strip())


def _sales_line(line: Line, references: Resolver) -> Json:
    if line.kind is not LineKind.ITEM:
        return {
            "DetailType": "DescriptionOnly",
            "Description": line.description[:DESCRIPTION_LENGTH_MAX],
            "DescriptionLineDetail": {},
        }
    detail: Json = {"ItemRef": {"value": references.item(_booked_on(line, references))}}
    detail["TaxCodeRef"] = {"value": _line_tax(line, references, is_sale=True)}
    quantity_and_price = _multiplies_back(line)
    if quantity_and_price:
        detail["Qty"], detail["UnitPrice"] = quantity_and_price
    return {
        "DetailType": "SalesItemLineDetail",
        "Amount": line.amount,
        "Description": _description(line, is_priced=quantity_and_price is not None),
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


def _description(line: Line, *, is_priced: bool) -> str:
    """Return the line's text, with what QuickBooks has no field for."""
    text = line.description.strip() or (line.product.name if line.product else "")
    is_rounded = _decimals(line.unit_price) > FACTOR_DECIMALS_MAX
    if line.kind is LineKind.ITEM and (not is_priced or is_rounded or line.discount_percentage):
        calculation = f"{plain(line.quantity)} x {plain(line.unit_price)}"
        if line.discount_percentage:
            calculation += f" - {plain(line.discount_percentage)}%"
        text = f"{text[: DESCRIPTION_LENGTH_MAX - 60]} ({calculation})"
    return text[:DESCRIPTION_LENGTH_MAX]


# -- purchases -------------------------------------------------------------------------------------------------------


def _purchase_lines(document: Document, references: Resolver) -> list[Json]:
    # Bills have no lines for text: sections and notes have no place there.
    lines = [_purchase_line(line, references) for line in document.lines if line.kind is LineKind.ITEM]
    if references.realm.is_us:
        # US companies have no purchase tax: it is an expense like any other, on the account Odoo booked it to.
        lines += [
            _expense(tax.amount, tax.tax.name, references.account(tax.account), None)
            for tax in document.taxes
            if tax.amount
        ]
    return lines


def _purchase_line(line: Line, references: Resolver) -> Json:
    code = None if references.realm.is_us else _line_tax(line, references, is_sale=False)
    description = _description(line, is_priced=line.quantity == 1 and not line.discount_percentage)
    return _expense(line.amount, description, _booked_on(line, references), code)


def _expense(amount: Decimal, description: str, account: BookAccount, tax_code: str | None) -> Json:
    detail: Json = {"AccountRef": {"value": account.identity}}
    if tax_code:
        detail["TaxCodeRef"] = {"value": tax_code}
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


def _is_taxed(line: Line) -> bool:
    """Whether a line carries a tax of more than nothing; of a group or a formula Odoo names no rate."""
    return any(tax.rate or not tax.is_percentage for tax in line.taxes)


def _line_tax(line: Line, references: Resolver, *, is_sale: bool) -> str:
    """Return the tax code of a line: TAX or NON in the US, elsewhere the id of the code of its one tax."""
    if references.realm.is_us:
        return TAXABLE if _is_taxed(line) else NOT_TAXABLE
    if len(line.taxes) > 1:
        raise Unmapped(
            f"its line '{line.description.strip()[:60]}' carries {len(line.taxes)} taxes "
            f"({', '.join(tax.name for tax in line.taxes)}), and a line has one tax code in QuickBooks. Use one "
            "combined tax on the line in Odoo.",
            code="several_taxes",
        )
    return references.tax_code(line.taxes[0] if line.taxes else None, is_sale=is_sale).identity


def _tax_detail(document: Document, references: Resolver) -> Json | None:
    """Return the tax as Odoo has it. QuickBooks' own may differ by a cent, and Odoo's is on the paper."""
    realm = references.realm
    is_sale = document.document_type.is_sale
    if realm.is_us:
        if not is_sale:
            return None
        taxable = any(_is_taxed(line) for line in document.lines)
        if document.tax and not realm.sales_tax:
            raise Unmapped(
                f"it carries sales tax of {shown(document.tax, document.currency)}, but sales tax is turned off for "
                f"{document.company.name} in QuickBooks. Turn it on there under Taxes.",
                code="sales_tax_off",
            )
        if document.tax and not taxable:
            raise InvalidDocument(
                f"it carries tax of {shown(document.tax, document.currency)}, but no line of it has a tax of more than "
                "0 %, and QuickBooks takes no tax without one. Correct the taxes of its lines in Odoo.",
                code="tax_without_line",
            )
        return {"TotalTax": document.tax} if taxable else None
    private = sum((each.amount for each in document.taxes if each.is_private), ZERO)
    if private:
        raise InvalidDocument(
            f"a part of it is private, with {shown(private, document.currency)} of tax that may not be deducted; a tax "
            "code in QuickBooks deducts all of it. Book it by hand.",
            code="private_part",
        )
    # One line per rate of QuickBooks, which may stand for several taxes of Odoo, each booked to several accounts.
    codes: dict[str, TaxCode] = {}
    amounts: dict[str, Decimal] = {}
    bases: dict[str, dict[Tax, Decimal]] = {}
    for each in document.taxes:
        code = references.tax_code(each.tax, is_sale=is_sale)
        rate = code.rate_identity
        codes[rate] = code
        amounts[rate] = amounts.get(rate, ZERO) + each.amount
        bases.setdefault(rate, {})[each.tax] = each.base
    lines = [
        {
            "DetailType": "TaxLineDetail",
            "Amount": amounts[rate],
            "TaxLineDetail": {
                "TaxRateRef": {"value": rate},
                "PercentBased": True,
                "TaxPercent": code.rate,
                "NetAmountTaxable": sum(bases[rate].values(), ZERO),
            },
        }
        for rate, code in codes.items()
    ]
    return {"TotalTax": document.tax, "TaxLine": lines} if lines else None


def sent_total(body: Json) -> Decimal:
    """Return what the lines and taxes of a body add up to."""
    amounts = sum((line.get("Amount", ZERO) for line in body["Line"]), ZERO)
    tax: Decimal = body.get("TxnTaxDetail", {}).get("TotalTax", ZERO)
    return amounts + tax
