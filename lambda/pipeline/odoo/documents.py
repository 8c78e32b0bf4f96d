"""Odoo's rows to documents: the only file that knows the field names of `account.move` and its related models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pipeline.domain.document import (
    Account,
    Attachment,
    Company,
    Document,
    DocumentType,
    EarlyDiscount,
    Installment,
    Line,
    LineKind,
    Product,
    Share,
    Tax,
)
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.mapping import BETWEEN_PLANS
from pipeline.domain.money import decimal, rounded
from pipeline.domain.values import dataclass
from pipeline.odoo.parties import party, ship_to
from pipeline.odoo.rates import rate
from pipeline.odoo.rows import Row, day, id_of, instant, maybe_instant, name_of, plain_text, required, text
from pipeline.odoo.taxes import TAX_TYPES, is_tax, tax_amounts

TYPES = {
    "out_invoice": DocumentType.INVOICE,
    "out_refund": DocumentType.CREDIT_NOTE,
    "in_invoice": DocumentType.BILL,
    "in_refund": DocumentType.VENDOR_CREDIT,
    # Receipts are booked, numbered and owed like the two above. Odoo 19 makes one of every expense that an employee
    # has paid.
    "out_receipt": DocumentType.INVOICE,
    "in_receipt": DocumentType.BILL,
}
RECEIPTS = ("out_receipt", "in_receipt")
# Odoo keeps debits positive. On these two types a line with a positive amount is a credit.
_CREDITED = (DocumentType.INVOICE, DocumentType.VENDOR_CREDIT)

MOVE_FIELDS = (
    *("id", "name", "ref", "move_type", "state", "posted_before", "date", "invoice_date", "invoice_date_due"),
    *("partner_id", "commercial_partner_id", "company_id", "journal_id", "currency_id", "company_currency_id"),
    *("invoice_payment_term_id", "invoice_user_id", "invoice_origin", "narration", "amount_untaxed", "amount_tax"),
    *(
        "amount_total",
        "amount_total_signed",
        "message_main_attachment_id",
        "write_date",
        "partner_shipping_id",
        "create_date",
    ),
)
# 16 and 17 do not have this field. Without it the rate follows from the two totals, or from the journal items.
MOVE_FIELDS_SINCE_18 = ("invoice_currency_rate",)
LINE_FIELDS = (
    *("id", "move_id", "sequence", "display_type", "name", "product_id", "quantity", "price_unit", "discount"),
    *("tax_ids", "tax_line_id", "account_id", "amount_currency", "balance", "date_maturity"),
    "analytic_distribution",
)
PARTNER_FIELDS = (
    *("id", "name", "display_name", "email", "phone", "vat", "ref", "street", "street2", "city", "zip"),
    *("state_id", "country_id", "create_date"),
)
ACCOUNT_FIELDS = ("id", "code", "name", "account_type")
PRODUCT_FIELDS = ("id", "name", "default_code", "create_date")
ANALYTIC_FIELDS = ("id", "name", "code")
CURRENCY_FIELDS = ("id", "name", "decimal_places")
COMPANY_FIELDS = ("id", "name", "currency_id", "country_id")
# In 16 these are different, on each line.
TERM_FIELDS = ("id", "name", "early_discount", "discount_percentage", "discount_days")
ATTACHMENT_FIELDS = ("id", "name", "mimetype", "file_size", "checksum", "res_id", "res_field", "type")

NAME_LENGTH_MAX = 200

# Lines that carry money to an account. Only the first is a person's own; the others Odoo adds in pairs that come to
# nothing (a discount shown on its own account, an early-payment discount that lowers the base of the tax, from 19 the
# private part of a bill), but for cash rounding.
_ITEM_TYPES = (
    *("product", "rounding", "discount", "epd"),
    *("non_deductible_product", "non_deductible_product_total"),
)
_SECTION_TYPES = ("line_section", "line_subsection")
# The amount owed, which QuickBooks books itself, and the cost of stock, which stays in Odoo.
_LEFT_OUT_TYPES = ("payment_term", "cogs")
LEGAL_PDF_FIELD = "invoice_pdf_report_file"


@dataclass(slots=True)
class Lookups:
    """The rows that moves refer to, by id."""

    companies: dict[int, Company] = field(default_factory=dict)
    currencies: dict[int, Row] = field(default_factory=dict)
    partners: dict[int, Row] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    account_kinds: dict[int, str] = field(default_factory=dict)
    taxes: dict[int, Tax] = field(default_factory=dict)
    closing: dict[int, dict[int, bool]] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    analytics: dict[int, str] = field(default_factory=dict)
    terms: dict[int, Row] = field(default_factory=dict)

    def account(self, row: Row) -> Account:
        """Return the account of an `account.account` row, and remember its type."""
        self.account_kinds[row["id"]] = text(row.get("account_type"))
        return account(row)


def company(row: Row) -> Company:
    """Return the company of a `res.company` row."""
    return Company(row["id"], text(row["name"]), name_of(row["currency_id"]), name_of(row["country_id"]))


def account(row: Row) -> Account:
    """Return the account of an `account.account` row. Its code is that of the reading company, and may be empty."""
    return Account(row["id"], text(row["code"]), text(row["name"]))


def product(row: Row) -> Product:
    """Return the product of a `product.product` row."""
    created_at = maybe_instant(row.get("create_date"))
    return Product(row["id"], text(row["name"]), text(row["default_code"]), created_at)


def document(
    move: Row, lines: Iterable[Row], attachments: Iterable[Row], lookups: Lookups, *, database: str, base_url: str
) -> Document:
    """Return the document of one move with its lines and attachments.

    Raises InvalidDocument, naming move and field, if a row lacks what a posted document always has.
    """
    try:
        return _document(move, sorted(lines, key=_line_order), attachments, lookups, database, base_url)
    except InvalidDocument as error:
        raise InvalidDocument(f"{title_of(move)} cannot be read: {error}", code=error.code) from error
    except Exception as error:  # whatever it is, it is in this document, and stops no other
        raise InvalidDocument(
            f"{title_of(move)} cannot be read: {type(error).__name__} at {str(error)[:200]}. Open it in Odoo and look "
            "for what is missing.",
        ) from error


def title_of(move: Row) -> str:
    """Return how an unreadable move is named."""
    return f"{text(move.get('name'))[:NAME_LENGTH_MAX] or 'a document'} (account.move {move.get('id')})"


def _document(
    move: Row, lines: Sequence[Row], attachments: Iterable[Row], lookups: Lookups, database: str, base_url: str
) -> Document:
    document_type = TYPES[move["move_type"]]
    own_company = required(lookups.companies, id_of(move["company_id"]), "company", "res.company")
    currency = required(lookups.currencies, id_of(move["currency_id"]), "currency", "res.currency")
    places = int(decimal(currency["decimal_places"]))
    if not text(currency["name"]):
        raise InvalidDocument(f"its currency has no name (res.currency {id_of(move['currency_id'])}). Give it one.")
    sign = -1 if document_type in _CREDITED else 1
    total = rounded(decimal(move["amount_total"]), places)
    home_total = rounded(abs(decimal(move["amount_total_signed"])))
    issued_on = day(move["invoice_date"]) or day(move["date"])
    if issued_on is None:
        raise InvalidDocument("it has no date. Give it one in Odoo.")
    due_on = day(move["invoice_date_due"]) or issued_on
    items = tuple(_line(line, lookups, places, sign) for line in lines if _is_shown(line))
    is_sale = document_type.is_sale
    main = id_of(move["message_main_attachment_id"])
    return Document(
        database=database,
        odoo_id=move["id"],
        document_type=document_type,
        company=own_company,
        number=_number(move),
        reference=text(move["ref"]).strip(),
        issued_on=issued_on,
        accounting_on=day(move["date"]) or issued_on,
        due_on=due_on,
        currency=text(currency["name"]),
        decimal_places=places,
        exchange_rate=rate(move, lines, own_company, total, home_total),
        party=party(move, lookups.partners),
        lines=items,
        taxes=tax_amounts(lines, items, lookups, places, sign, is_sale=is_sale),
        installments=_installments(lines, places, sign, due_on),
        untaxed=rounded(decimal(move["amount_untaxed"]), places),
        tax=rounded(decimal(move["amount_tax"]), places),
        total=total,
        home_total=home_total,
        written_at=instant(move["write_date"]),
        withdrawn=move["state"] != "posted",
        ship_to=ship_to(move, lookups.partners) if is_sale else None,
        terms=name_of(move["invoice_payment_term_id"]),
        journal=name_of(move["journal_id"]),
        salesperson=name_of(move["invoice_user_id"]),
        origin=text(move["invoice_origin"]),
        memo=plain_text(text(move["narration"])),
        url=f"{base_url}/web#id={move['id']}&model=account.move&view_type=form",
        attachments=tuple(
            _attachment(row, main)
            for row in sorted(attachments, key=lambda row: int(row["id"]))
            if _is_file(row, document_type)
        ),
        is_receipt=move["move_type"] in RECEIPTS,
        early_discount=_early_discount(lookups.terms.get(id_of(move["invoice_payment_term_id"])), issued_on),
        owed_on=_owed_on(lines, lookups),
        created_at=maybe_instant(move.get("create_date")),
    )


_KINDS = {
    **dict.fromkeys(_ITEM_TYPES, LineKind.ITEM),
    **dict.fromkeys(_SECTION_TYPES, LineKind.SECTION),
    "line_note": LineKind.NOTE,
}


def _is_shown(row: Row) -> bool:
    """Whether a journal item is a line of the document. Raises InvalidDocument for an unknown kind."""
    kind = row["display_type"]
    if kind in _KINDS:
        return not is_tax(row)
    if kind not in (*TAX_TYPES, *_LEFT_OUT_TYPES) and row["amount_currency"]:
        raise InvalidDocument(
            f"it has '{kind}' of {row['amount_currency']}, a kind of line that is not known here. Book it by hand",
            code="unknown_line",
        )
    return False


_ACCOUNT = ("account", "account.account")
_TAX = ("tax", "account.tax")


def _line(row: Row, lookups: Lookups, places: int, sign: int) -> Line:
    kind = _KINDS[row["display_type"]]
    description = text(row["name"])
    if kind is not LineKind.ITEM:
        return Line(kind, description)
    # Use what was booked, not `price_subtotal`: 19 rounds over the whole document and books the cent on one line, and a
    # rounding line has no price at all.
    amount = rounded(sign * decimal(row["amount_currency"]), places)
    is_product = row["display_type"] == "product"
    return Line(
        kind=kind,
        description=description,
        amount=amount,
        quantity=decimal(row["quantity"]) if is_product else Decimal(1),
        unit_price=decimal(row["price_unit"]) if is_product else amount,
        discount_percentage=decimal(row["discount"] or 0),
        account=required(lookups.accounts, id_of(row["account_id"]), *_ACCOUNT) if row["account_id"] else None,
        product=lookups.products.get(id_of(row["product_id"])),
        taxes=tuple(required(lookups.taxes, tax_id, *_TAX) for tax_id in row["tax_ids"]),
        shares=_shares(row["analytic_distribution"], lookups),
    )


def _installments(lines: Sequence[Row], places: int, sign: int, due_on: date) -> tuple[Installment, ...]:
    return tuple(
        Installment(day(row["date_maturity"]) or due_on, rounded(-sign * decimal(row["amount_currency"]), places))
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
    """Return the account that the amount owed is booked on, or None if there is none or several."""
    accounts = {id_of(row["account_id"]) for row in lines if row["display_type"] == "payment_term"}
    return lookups.accounts.get(accounts.pop()) if len(accounts) == 1 else None


def _shares(distribution: Any, lookups: Lookups) -> tuple[Share, ...]:
    """Return the analytic shares of a line: `{"2": 60.0}`, or `{"2,3": 100.0}` over several plans."""
    shares = []
    for ids, percentage in (distribution or {}).items():
        names = [
            lookups.analytics.get(int(analytic_id), f"analytic account {analytic_id}") for analytic_id in ids.split(",")
        ]
        shares.append(Share(BETWEEN_PLANS.join(names), decimal(percentage)))
    return tuple(shares)


def analytic_ids(lines: Iterable[Row]) -> set[int]:
    """Return the analytic accounts of the lines."""
    return {
        int(analytic_id)
        for line in lines
        for ids in (line["analytic_distribution"] or {})
        for analytic_id in ids.split(",")
        if analytic_id.isdigit()
    }


def _attachment(row: Row, main: int) -> Attachment:
    return Attachment(
        odoo_id=row["id"],
        name=text(row["name"]),
        media_type=text(row["mimetype"]),
        size_bytes=int(row["file_size"] or 0),
        sha1=text(row["checksum"]),
        is_legal=row["res_field"] == LEGAL_PDF_FIELD,
        is_main=row["id"] == main,
        is_link=row["type"] != "binary",
    )


def _is_file(row: Row, document_type: DocumentType) -> bool:
    # Other fields hold pictures and e-invoices. Our own e-invoices are made from the document; a vendor's is a paper.
    if row["res_field"] in (False, LEGAL_PDF_FIELD):
        return row["type"] == "binary" or not document_type.is_sale
    return not document_type.is_sale and not text(row["mimetype"]).startswith("image/")


def _number(move: Row) -> str:
    # A draft that was never posted has "/" in 18 and false in 19.
    number = text(move["name"]).strip()
    return number if number not in ("", "/") else f"draft {move['id']}"


def _line_order(line: Row) -> tuple[int, int]:
    return int(line["sequence"] or 0), int(line["id"])
