"""Odoo's rows to documents: the only file that knows the field names of `account.move` and what hangs on it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from pipeline.domain.document import (
    Account,
    Address,
    Attachment,
    Company,
    Document,
    DocumentType,
    EarlyDiscount,
    Installment,
    Line,
    LineKind,
    Party,
    Product,
    Share,
    Tax,
    TaxAmount,
    private_tax,
)
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.mapping import BETWEEN_PLANS
from pipeline.domain.money import ZERO, decimal, rounded

type Row = Mapping[str, Any]

TYPES = {
    "out_invoice": DocumentType.INVOICE,
    "out_refund": DocumentType.CREDIT_NOTE,
    "in_invoice": DocumentType.BILL,
    "in_refund": DocumentType.VENDOR_CREDIT,
    # Booked, numbered and owed like the two above, whatever the screen calls them: Odoo 19 makes one of every expense
    # that an employee has paid.
    "out_receipt": DocumentType.INVOICE,
    "in_receipt": DocumentType.BILL,
}
RECEIPTS = ("out_receipt", "in_receipt")
# Odoo keeps debits positive; on these two types a line of positive amount is a credit.
_CREDITED = (DocumentType.INVOICE, DocumentType.VENDOR_CREDIT)

MOVE_FIELDS = (
    *("id", "name", "ref", "move_type", "state", "posted_before", "date", "invoice_date", "invoice_date_due"),
    *("partner_id", "commercial_partner_id", "company_id", "journal_id", "currency_id", "company_currency_id"),
    *("invoice_payment_term_id", "invoice_user_id", "invoice_origin", "narration", "amount_untaxed", "amount_tax"),
    *("amount_total", "amount_total_signed", "message_main_attachment_id", "write_date"),
)
# What 16 and 17 do not have yet; without it the rate follows from the two totals.
MOVE_FIELDS_SINCE_18 = ("invoice_currency_rate",)
LINE_FIELDS = (
    *("id", "move_id", "sequence", "display_type", "name", "product_id", "quantity", "price_unit", "discount"),
    *("tax_ids", "tax_line_id", "account_id", "amount_currency", "balance", "date_maturity"),
    "analytic_distribution",
)
PARTNER_FIELDS = (
    *("id", "name", "display_name", "email", "phone", "vat", "ref", "street", "street2", "city", "zip"),
    *("state_id", "country_id"),
)
ACCOUNT_FIELDS = ("id", "code", "name")
TAX_FIELDS = ("id", "name", "amount", "amount_type", "type_tax_use")
PRODUCT_FIELDS = ("id", "name", "default_code")
ANALYTIC_FIELDS = ("id", "name", "code")
CURRENCY_FIELDS = ("id", "name", "decimal_places")
COMPANY_FIELDS = ("id", "name", "currency_id", "country_id")
# What 16 has otherwise, on each of its lines.
TERM_FIELDS = ("id", "name", "early_discount", "discount_percentage", "discount_days")
ATTACHMENT_FIELDS = ("id", "name", "mimetype", "file_size", "checksum", "res_id", "res_field", "type")

RATE_STEP = Decimal("1e-9")

# Lines that carry money to an account. Only the first is a person's own; the others Odoo adds in pairs that come to
# nothing (a discount shown on its own account, an early-payment discount that lowers the base of the tax, from 19 the
# private part of a bill), but for cash rounding.
_ITEM_TYPES = (
    *("product", "rounding", "discount", "epd"),
    *("non_deductible_product", "non_deductible_product_total"),
)
_TAX_TYPES = ("tax", "non_deductible_tax")
_SECTION_TYPES = ("line_section", "line_subsection")
# What is owed, and what stock cost: QuickBooks books the one itself, and Odoo keeps the stock.
_LEFT_OUT_TYPES = ("payment_term", "cogs")
LEGAL_PDF_FIELD = "invoice_pdf_report_file"


@dataclass(slots=True)
class Lookups:
    """The rows that moves point to, by id."""

    companies: dict[int, Company] = field(default_factory=dict)
    currencies: dict[int, Row] = field(default_factory=dict)
    partners: dict[int, Row] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    taxes: dict[int, Tax] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    analytics: dict[int, str] = field(default_factory=dict)
    terms: dict[int, Row] = field(default_factory=dict)


def company(row: Row) -> Company:
    """Return the company of a `res.company` row."""
    return Company(row["id"], _text(row["name"]), _name(row["currency_id"]), _name(row["country_id"]))


def account(row: Row) -> Account:
    """Return the account of an `account.account` row; its code belongs to the company that read it and may be empty."""
    return Account(row["id"], _text(row["code"]), _text(row["name"]))


def tax(row: Row) -> Tax:
    """Return the tax of an `account.tax` row."""
    is_percentage = row["amount_type"] in ("percent", "division")
    return Tax(row["id"], _text(row["name"]), decimal(row["amount"]), is_percentage, row["type_tax_use"] == "sale")


def product(row: Row) -> Product:
    """Return the product of a `product.product` row."""
    return Product(row["id"], _text(row["name"]), _text(row["default_code"]))


def document(
    move: Row, lines: Iterable[Row], attachments: Iterable[Row], lookups: Lookups, *, database: str, base_url: str
) -> Document:
    """Return the document of one move with its lines and attachments.

    Raises InvalidDocument, naming move and field, when a row lacks what a posted document always has.
    """
    try:
        return _document(move, sorted(lines, key=_line_order), attachments, lookups, database, base_url)
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise InvalidDocument(
            f"{_text(move.get('name')) or 'a document'} (account.move {move.get('id')}) cannot be read: "
            f"{type(error).__name__} at {error}. Open it in Odoo and look for what is missing.",
        ) from error
    except InvalidDocument as error:
        raise InvalidDocument(
            f"{_text(move.get('name')) or 'a document'} (account.move {move.get('id')}) cannot be read: {error}",
            code=error.code,
        ) from error


def _document(
    move: Row, lines: Sequence[Row], attachments: Iterable[Row], lookups: Lookups, database: str, base_url: str
) -> Document:
    document_type = TYPES[move["move_type"]]
    own_company = _row(lookups.companies, _id(move["company_id"]), "company", "res.company")
    currency = _row(lookups.currencies, _id(move["currency_id"]), "currency", "res.currency")
    places = int(decimal(currency["decimal_places"]))
    if not _text(currency["name"]):
        raise InvalidDocument(f"its currency has no name (res.currency {_id(move['currency_id'])})")
    sign = -1 if document_type in _CREDITED else 1
    total = rounded(decimal(move["amount_total"]), places)
    home_total = rounded(abs(decimal(move["amount_total_signed"])))
    issued_on = _date(move["invoice_date"]) or _date(move["date"])
    if issued_on is None:
        raise InvalidDocument("it has no date")
    due_on = _date(move["invoice_date_due"]) or issued_on
    items = tuple(_line(line, lookups, places, sign) for line in lines if _is_shown(line))
    main = _id(move["message_main_attachment_id"])
    return Document(
        database=database,
        odoo_id=move["id"],
        document_type=document_type,
        company=own_company,
        number=_number(move),
        reference=_text(move["ref"]).strip(),
        issued_on=issued_on,
        accounting_on=_date(move["date"]) or issued_on,
        due_on=due_on,
        currency=_text(currency["name"]),
        decimal_places=places,
        exchange_rate=_rate(move, own_company, total, home_total),
        party=_party(move, lookups),
        lines=items,
        taxes=_tax_amounts(lines, items, lookups, places, sign),
        installments=_installments(lines, places, sign, due_on),
        untaxed=rounded(decimal(move["amount_untaxed"]), places),
        tax=rounded(decimal(move["amount_tax"]), places),
        total=total,
        home_total=home_total,
        written_at=instant(move["write_date"]),
        withdrawn=move["state"] != "posted",
        terms=_name(move["invoice_payment_term_id"]),
        journal=_name(move["journal_id"]),
        salesperson=_name(move["invoice_user_id"]),
        origin=_text(move["invoice_origin"]),
        memo=plain_text(_text(move["narration"])),
        url=f"{base_url}/web#id={move['id']}&model=account.move&view_type=form",
        attachments=tuple(
            _attachment(row, main)
            for row in sorted(attachments, key=lambda row: int(row["id"]))
            if _is_file(row, document_type)
        ),
        is_receipt=move["move_type"] in RECEIPTS,
        early_discount=_early_discount(lookups.terms.get(_id(move["invoice_payment_term_id"])), issued_on),
        owed_on=_owed_on(lines, lookups),
    )


_KINDS = {
    **dict.fromkeys(_ITEM_TYPES, LineKind.ITEM),
    **dict.fromkeys(_SECTION_TYPES, LineKind.SECTION),
    "line_note": LineKind.NOTE,
}


def _is_tax(row: Row) -> bool:
    # Cash rounding may be booked on the biggest tax; Odoo then counts it as tax.
    return row["display_type"] in _TAX_TYPES or (row["display_type"] == "rounding" and bool(row["tax_line_id"]))


def _is_shown(row: Row) -> bool:
    """Whether a journal item is a line of the document; raises InvalidDocument for a kind that nobody here knows."""
    kind = row["display_type"]
    if kind in _KINDS:
        return not _is_tax(row)
    if kind not in (*_TAX_TYPES, *_LEFT_OUT_TYPES) and row["amount_currency"]:
        raise InvalidDocument(
            f"it has '{kind}' of {row['amount_currency']}, a kind of line that is not known here. Book it by hand",
            code="unknown_line",
        )
    return False


_ACCOUNT = ("account", "account.account")
_TAX = ("tax", "account.tax")


def _row[T](known: Mapping[int, T], row_id: int, what: str, model: str) -> T:
    """Return a row that must be there; one that is not was hidden from the Odoo user, or is unreadable itself."""
    if row_id not in known:
        raise InvalidDocument(f"its {what} cannot be read ({model} {row_id})")
    return known[row_id]


def _line(row: Row, lookups: Lookups, places: int, sign: int) -> Line:
    kind = _KINDS[row["display_type"]]
    description = _text(row["name"])
    if kind is not LineKind.ITEM:
        return Line(kind, description)
    # What was booked, not `price_subtotal`: 19 rounds over the whole document and books the cent on one of the lines,
    # and a rounding line has no price at all.
    amount = rounded(sign * decimal(row["amount_currency"]), places)
    is_product = row["display_type"] == "product"
    return Line(
        kind=kind,
        description=description,
        amount=amount,
        quantity=decimal(row["quantity"]) if is_product else Decimal(1),
        unit_price=decimal(row["price_unit"]) if is_product else amount,
        discount_percentage=decimal(row["discount"] or 0),
        account=_row(lookups.accounts, _id(row["account_id"]), *_ACCOUNT) if row["account_id"] else None,
        product=lookups.products.get(_id(row["product_id"])),
        taxes=tuple(_row(lookups.taxes, tax_id, *_TAX) for tax_id in row["tax_ids"]),
        shares=_shares(row["analytic_distribution"], lookups),
    )


def _tax_amounts(
    lines: Sequence[Row], items: Sequence[Line], lookups: Lookups, places: int, sign: int
) -> tuple[TaxAmount, ...]:
    """Return what each tax comes to. Odoo may split a tax into several lines (by analytic account): they are summed.

    The base is summed from the lines, because Odoo's own `tax_base_amount` is in company currency.
    """
    amounts: dict[tuple[Tax, int], Decimal] = defaultdict(lambda: ZERO)
    for row in lines:
        if _is_tax(row):
            is_private = row["display_type"] == "non_deductible_tax"
            own = private_tax(_text(row["name"])) if is_private else _row(lookups.taxes, _id(row["tax_line_id"]), *_TAX)
            amounts[own, _id(row["account_id"])] += sign * decimal(row["amount_currency"])
    found = []
    for (own, account_id), amount in amounts.items():
        base = sum((line.amount for line in items if own in line.taxes), ZERO)
        account_ = _row(lookups.accounts, account_id, *_ACCOUNT)
        found.append(TaxAmount(own, rounded(base, places), rounded(amount, places), account_))
    return tuple(each for each in found if each.amount or not each.is_private)


def _installments(lines: Sequence[Row], places: int, sign: int, due_on: date) -> tuple[Installment, ...]:
    return tuple(
        Installment(_date(row["date_maturity"]) or due_on, rounded(-sign * decimal(row["amount_currency"]), places))
        for row in lines
        if row["display_type"] == "payment_term"
    )


def _early_discount(terms: Row | None, issued_on: date) -> EarlyDiscount | None:
    if not terms or not terms["early_discount"]:
        return None
    return EarlyDiscount(
        decimal(terms["discount_percentage"]), issued_on + timedelta(days=int(terms["discount_days"] or 0))
    )


def _owed_on(lines: Sequence[Row], lookups: Lookups) -> Account | None:
    """Return the account of what is owed; None where nothing is, or on several."""
    accounts = {_id(row["account_id"]) for row in lines if row["display_type"] == "payment_term"}
    return lookups.accounts.get(accounts.pop()) if len(accounts) == 1 else None


def _party(move: Row, lookups: Lookups) -> Party:
    contact_id = _id(move["partner_id"])
    owner_id = _id(move["commercial_partner_id"]) or contact_id
    if not owner_id:
        raise InvalidDocument("it has no customer or vendor")
    owner = _row(lookups.partners, owner_id, "customer or vendor", "res.partner")
    contact = lookups.partners.get(contact_id, owner)
    name = _text(owner["name"]) or _text(owner["display_name"])
    if not name.strip():
        raise InvalidDocument(f"the name of its customer or vendor (res.partner {owner_id}) is empty")
    # The address is the one the document was sent to; the books are kept by the commercial partner.
    return Party(
        odoo_id=owner_id,
        name=name,
        contact=_text(contact["name"]) if contact_id != owner_id else "",
        email=_text(contact["email"]) or _text(owner["email"]),
        phone=_text(contact["phone"]) or _text(owner["phone"]),
        tax_id=_text(owner["vat"]),
        reference=_text(owner["ref"]),
        address=Address(
            street=_text(contact["street"]),
            street2=_text(contact["street2"]),
            city=_text(contact["city"]),
            state=_name(contact["state_id"]),
            postal_code=_text(contact["zip"]),
            country=_name(contact["country_id"]),
        ),
    )


def _rate(move: Row, own_company: Company, total: Decimal, home_total: Decimal) -> Decimal:
    """Return home currency per unit of document currency. Odoo's own rate is the other way round."""
    if _name(move["currency_id"]) == own_company.currency:
        return Decimal(1)
    per_home = decimal(move.get("invoice_currency_rate") or 0)
    if per_home > 0:
        return (1 / per_home).quantize(RATE_STEP)
    return (home_total / total).quantize(RATE_STEP) if total else Decimal(1)


def _shares(distribution: Any, lookups: Lookups) -> tuple[Share, ...]:
    """Return the analytic shares of a line: `{"2": 60.0}`, or `{"2,3": 100.0}` over several plans."""
    shares = []
    for ids, percentage in (distribution or {}).items():
        names = [lookups.analytics.get(int(each), f"analytic account {each}") for each in ids.split(",")]
        shares.append(Share(BETWEEN_PLANS.join(names), decimal(percentage)))
    return tuple(shares)


def analytic_ids(lines: Iterable[Row]) -> set[int]:
    """Return the analytic accounts that lines are distributed to."""
    return {
        int(each)
        for line in lines
        for ids in (line["analytic_distribution"] or {})
        for each in ids.split(",")
        if each.isdigit()
    }


def _attachment(row: Row, main: int) -> Attachment:
    return Attachment(
        odoo_id=row["id"],
        name=_text(row["name"]),
        media_type=_text(row["mimetype"]),
        size_bytes=int(row["file_size"] or 0),
        sha1=_text(row["checksum"]),
        is_legal=row["res_field"] == LEGAL_PDF_FIELD,
        is_main=row["id"] == main,
        is_link=row["type"] != "binary",
    )


def _is_file(row: Row, document_type: DocumentType) -> bool:
    # Other fields hold pictures, and e-invoices: ours to a customer are made of the document, a vendor's is a paper.
    if row["res_field"] in (False, LEGAL_PDF_FIELD):
        return row["type"] == "binary" or not document_type.is_sale
    return not document_type.is_sale and not _text(row["mimetype"]).startswith("image/")


def _number(move: Row) -> str:
    # A draft that was never posted has "/" in 18 and false in 19.
    number = _text(move["name"]).strip()
    return number if number not in ("", "/") else f"draft {move['id']}"


def _line_order(line: Row) -> tuple[int, int]:
    return int(line["sequence"] or 0), int(line["id"])


def _id(value: Any) -> int:
    """Return the id of a many2one (`[id, name]` or false), 0 for none."""
    return int(value[0]) if value else 0


def _name(value: Any) -> str:
    return str(value[1]) if value else ""


def _text(value: Any) -> str:
    """Return a string field: Odoo says false for an empty one."""
    return value if isinstance(value, str) else ""


def _date(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None


def instant(value: Any) -> datetime:
    """Return an Odoo datetime, which is UTC and in whole seconds."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            # A line break in the source is a space to a reader.
            self.parts.append(re.sub(r"\s+", " ", data))

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self._hidden += tag in _HIDDEN_TAGS
        if tag == "br":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN_TAGS))
        if tag in ("p", "div", "li", "tr"):
            self.parts.append("\n")


_HIDDEN_TAGS = ("style", "script")


def plain_text(html: str) -> str:
    """Return the text of an HTML field, a paragraph to a line."""
    reader = _Text()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)
