"""One document against its transaction: by account, by date, by party, to the cent.

QuickBooks does not say which account it books a tax on. So every account is compared as if the taxes were lines: what
is short of it in QuickBooks must be tax items of Odoo, and all that is short together must be what QuickBooks keeps as
tax. That holds whether a tax was sent as tax or as a line of its own, and fails if a tax became cost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from pipeline.domain.document import DocumentType
from pipeline.domain.money import ZERO, rounded
from pipeline.domain.tie_out.facts import (
    ItemKind,
    JournalDocument,
    JournalItem,
    LedgerTransaction,
    Names,
    PdfSizes,
)
from pipeline.domain.tie_out.texts import begins_alike, same_text, shown
from pipeline.domain.values import dataclass

# Above so many tax items on one account, only all of them or none may be short. Fewer are tried in all combinations.
TAX_ITEMS_TRIED_MAX = 10
# QuickBooks cuts a longer number; what was sent of it begins with the number's own beginning.
DOC_NUMBER_LENGTH_MAX = 21
_CUT_AT = 12
# Of a party's name so much is kept in any case.
_NAME_KEPT = 450
# A cent for each line is what rounding in another currency may come to.
ROUNDING_PER_LINE = Decimal("0.01")
# What the pipeline or QuickBooks itself puts behind a party's name: currency, Odoo's id, "(deleted)".
_SUFFIX = re.compile(r"( \[(?P<id>\d+)(?: customer| vendor)?\]| \([A-Z]{3}\)| \(deleted(?: \d+)?\))$")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field on which both sides differ, with both values in words."""

    field: str
    odoo: str
    quickbooks: str

    def __str__(self) -> str:
        return f"{self.field}: {self.odoo or 'nothing'} in Odoo, {self.quickbooks or 'nothing'} in QuickBooks"


@dataclass(frozen=True, slots=True)
class AccountAmounts:
    """What both sides book on one account of QuickBooks, in document and in home currency."""

    account: str
    odoo_names: tuple[str, ...]
    odoo: Decimal
    quickbooks: Decimal
    odoo_home: Decimal
    quickbooks_home: Decimal


@dataclass(frozen=True, slots=True)
class TaxAmounts:
    """What both sides keep as tax under one name, in document and in home currency."""

    name: str
    odoo: Decimal
    quickbooks: Decimal
    odoo_home: Decimal
    quickbooks_home: Decimal


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Both sides by account and the tax that is left. One side may be absent, and then counts nothing.

    `taxes` are those that both sides name alike.
    """

    accounts: tuple[AccountAmounts, ...]
    taxes: tuple[TaxAmounts, ...]
    odoo_tax: Decimal
    quickbooks_tax: Decimal
    odoo_tax_home: Decimal
    quickbooks_tax_home: Decimal
    wrong_accounts: tuple[AccountAmounts, ...]


def breakdown(document: JournalDocument | None, transaction: LedgerTransaction | None, names: Names) -> Breakdown:
    """Return what both sides book on each account, and the tax that no line carries."""
    booked: defaultdict[str, Decimal] = defaultdict(Decimal)
    taxes: defaultdict[str, list[JournalItem]] = defaultdict(list)
    booked_home: defaultdict[str, Decimal] = defaultdict(Decimal)
    odoo_names: defaultdict[str, set[str]] = defaultdict(set)
    for item in document.items if document else ():
        if item.kind in (ItemKind.OWED, ItemKind.STOCK):
            continue
        found = names.account_of(item.account)
        key = found.qb_id if found else f"?{item.account}"
        odoo_names[key].add(str(item.account))
        if item.kind is ItemKind.TAX:
            taxes[key].append(item)
        else:
            booked[key] += item.amount
            booked_home[key] += item.home_amount
    lines: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in transaction.lines if transaction else ():
        lines[line.account_id] += line.amount
    rate = transaction.rate if transaction else Decimal(1)
    rows, wrong = [], []
    kept: list[JournalItem] = []
    for key in sorted({*booked, *taxes, *lines}):
        as_tax = _as_tax(booked[key] - lines[key], taxes[key]) if transaction else taxes[key]
        kept += as_tax
        in_lines = [item for item in taxes[key] if not any(item is other for other in as_tax)]
        row = AccountAmounts(
            _account_name(key, names),
            tuple(sorted(odoo_names[key])),
            booked[key] + sum((item.amount for item in in_lines), ZERO),
            lines[key],
            booked_home[key] + sum((item.home_amount for item in in_lines), ZERO),
            rounded(lines[key] * rate),
        )
        rows.append(row)
        if row.odoo != row.quickbooks:
            wrong.append(row)
    ledger_tax = transaction.tax if transaction else ZERO
    return Breakdown(
        tuple(row for row in rows if any((row.odoo, row.quickbooks, row.odoo_home, row.quickbooks_home))),
        tuple(_taxes_by_name(kept, transaction, names)),
        sum((item.amount for item in kept), ZERO),
        ledger_tax,
        sum((item.home_amount for item in kept), ZERO),
        rounded(ledger_tax * rate),
        tuple(wrong),
    )


def _taxes_by_name(
    kept: Sequence[JournalItem], transaction: LedgerTransaction | None, names: Names
) -> Iterable[TaxAmounts]:
    """Yield what each tax comes to that both sides name alike. Of the others only all together can be compared."""
    odoo: defaultdict[str, list[JournalItem]] = defaultdict(list)
    for item in kept:
        odoo[item.tax].append(item)
    booked: defaultdict[str, Decimal] = defaultdict(Decimal)
    for tax in transaction.taxes if transaction else ():
        booked[names.rate_names.get(tax.rate_id, "")] += tax.amount
    for name in sorted((odoo.keys() & booked.keys()) - {""}):
        yield TaxAmounts(
            name,
            sum((item.amount for item in odoo[name]), ZERO),
            booked[name],
            sum((item.home_amount for item in odoo[name]), ZERO),
            rounded(booked[name] * (transaction.rate if transaction else 1)),
        )


def _as_tax(short: Decimal, taxes: Sequence[JournalItem]) -> Sequence[JournalItem]:
    """Return the tax items of an account that no line carries: all of them if what is short is not made of some.

    `short` is what QuickBooks' lines lack of the items that are not tax.
    """
    missing = short + sum((item.amount for item in taxes), ZERO)
    whole = [[], list(taxes)]
    tried: Iterable[list[JournalItem]] = whole if len(taxes) > TAX_ITEMS_TRIED_MAX else _subsets(taxes)
    # Of several combinations the largest: usually no line carries a tax.
    fitting = [subset for subset in tried if sum((item.amount for item in subset), ZERO) == missing]
    return max(fitting, key=len, default=taxes)


def _subsets(taxes: Sequence[JournalItem]) -> Iterable[list[JournalItem]]:
    for bits in range(2 ** len(taxes)):
        yield [item for position, item in enumerate(taxes) if bits >> position & 1]


def _account_name(key: str, names: Names) -> str:
    if key.startswith("?"):
        return f"{key[1:]} (none in QuickBooks)"
    return names.account_names.get(key, "an account QuickBooks does not name" if not key else f"account with Id {key}")


def differences(
    document: JournalDocument,
    transaction: LedgerTransaction,
    names: Names,
    *,
    home_currency: str,
    pdf: PdfSizes | None = None,
) -> tuple[Difference, ...]:
    """Return every field on which a document and its transaction differ, the date last but for the PDF.

    Compared are type, party, number, currency, total, rate, accounts, tax, due date, date and PDF. Texts, quantities,
    terms and classes are not: they are on no journal item.
    """
    found = [
        *_kind(document, transaction),
        *_party(document, transaction, names),
        *_number(document, transaction),
        *_amounts(document, transaction, home_currency),
        *_accounts(document, transaction, names),
        *_due(document, transaction),
        *_date(document, transaction),
        *(_pdf(pdf) if pdf is not None else ()),
    ]
    return tuple(found)


def _kind(document: JournalDocument, transaction: LedgerTransaction) -> list[Difference]:
    if document.document_type is transaction.document_type:
        return []
    return [Difference("type", document.document_type.noun, transaction.document_type.noun)]


def _party(document: JournalDocument, transaction: LedgerTransaction, names: Names) -> list[Difference]:
    if same_party(document, transaction) and not _is_namesake(document, transaction, names):
        return []
    # A person may call a customer otherwise in QuickBooks. Then it is still bound to the same contact of Odoo, and its
    # name is not that of another contact.
    others = names.partners.get(transaction.party.strip().casefold(), frozenset()) - {document.party_id}
    if not others and names.owner_of(transaction.document_type, transaction.party_id) == document.party_id:
        return []
    word = "customer" if document.document_type.is_sale else "vendor"
    return [Difference(word, document.party, transaction.party or f"Id {transaction.party_id}")]


def _is_namesake(document: JournalDocument, transaction: LedgerTransaction, names: Names) -> bool:
    """Whether the party in QuickBooks is bound to another contact of the same name with documents of its own."""
    others = names.partners.get(document.party.strip().casefold(), frozenset()) - {document.party_id}
    return bool(others) and names.owner_of(transaction.document_type, transaction.party_id) in others


def same_party(document: JournalDocument, transaction: LedgerTransaction) -> bool:
    """Whether both sides name the same party. A suffix of the pipeline or of QuickBooks does not count."""
    name, partner = transaction.party, 0
    while True:
        suffix = _SUFFIX.search(name)
        if suffix is None or _same_name(document.party, name):
            break
        partner = partner or int(suffix["id"] or 0)
        name = name[: suffix.start()]
    return _same_name(document.party, name) and partner in (0, document.party_id)


def _same_name(odoo: str, quickbooks: str) -> bool:
    # QuickBooks takes 500 characters, and the end gives way to a suffix.
    return same_text(odoo, quickbooks) or begins_alike(odoo, quickbooks, _NAME_KEPT)


def _number(document: JournalDocument, transaction: LedgerTransaction) -> list[Difference]:
    own = "" if document.document_type.is_sale else document.reference
    # A reference of which nothing can be seen is none.
    wanted = own if shown(own) else document.number
    is_same = same_text(wanted, transaction.doc_number) or (
        len(shown(wanted)) > DOC_NUMBER_LENGTH_MAX and begins_alike(wanted, transaction.doc_number, _CUT_AT)
    )
    return [] if is_same else [Difference("number", wanted, transaction.doc_number)]


def _amounts(document: JournalDocument, transaction: LedgerTransaction, home: str) -> list[Difference]:
    found = []
    currency = transaction.currency or home
    if document.currency != currency:
        found.append(Difference("currency", document.currency, currency))
    if document.total != transaction.total:
        found.append(Difference("total", _shown(document.total), _shown(transaction.total)))
    ledger_home = transaction.home_total
    if ledger_home is None:
        ledger_home = rounded(transaction.total * transaction.rate)
    if rounded(document.home_total) != ledger_home and (found == [] or document.currency != home):
        name = f"total in {home}"
        found.append(Difference(name, _shown(document.home_total), _shown(ledger_home)))
    return found


def _accounts(document: JournalDocument, transaction: LedgerTransaction, names: Names) -> list[Difference]:
    parts = breakdown(document, transaction, names)
    found = [
        Difference(f"account {row.account}", _shown(row.odoo), _shown(row.quickbooks)) for row in parts.wrong_accounts
    ]
    if parts.odoo_tax != parts.quickbooks_tax:
        found.append(Difference("tax", _shown(parts.odoo_tax), _shown(parts.quickbooks_tax)))
    found += [
        Difference(f"tax {tax.name}", _shown(tax.odoo), _shown(tax.quickbooks))
        for tax in parts.taxes
        if not is_rounding(tax.odoo - tax.quickbooks, document)
    ]
    rate = _rounding(parts, document)
    return [*found, *([rate] if rate and not found else [])]


def _rounding(parts: Breakdown, document: JournalDocument) -> Difference | None:
    """Return a difference if the accounts differ in home currency by more than rounding each line can come to."""
    for row in parts.accounts:
        if not is_rounding(row.odoo_home - row.quickbooks_home, document):
            return Difference(
                f"account {row.account} in home currency", _shown(row.odoo_home), _shown(row.quickbooks_home)
            )
    return None


def is_rounding(difference: Decimal, document: JournalDocument) -> bool:
    """Whether a difference in home currency or of one tax is no more than rounding each journal item can come to."""
    return abs(difference) <= ROUNDING_PER_LINE * max(1, len(document.items))


def _due(document: JournalDocument, transaction: LedgerTransaction) -> list[Difference]:
    is_due = document.document_type in (DocumentType.INVOICE, DocumentType.BILL)
    if not is_due or document.due_on is None or document.due_on == transaction.due_on:
        return []
    return [Difference("due date", document.due_on.isoformat(), _day(transaction.due_on))]


def expected_dates(document: JournalDocument) -> set[date]:
    """Return the dates a document may have in QuickBooks: a sale its own, a purchase its accounting date."""
    return {document.issued_on} if document.document_type.is_sale else {document.dated_on}


def _date(document: JournalDocument, transaction: LedgerTransaction) -> list[Difference]:
    expected = expected_dates(document)
    if transaction.dated_on in expected:
        return []
    return [Difference("date", min(expected).isoformat(), transaction.dated_on.isoformat())]


def _pdf(sizes: PdfSizes) -> list[Difference]:
    filed = f"{sizes.filed:,} bytes" if sizes.filed is not None else "a PDF"
    if not sizes.attached:
        return [Difference("PDF", filed, "no PDF")]
    if sizes.filed is not None and sizes.filed not in sizes.attached:
        return [Difference("PDF", filed, ", ".join(f"{size:,} bytes" for size in sizes.attached))]
    return []


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _shown(amount: Decimal) -> str:
    return f"{amount:,.2f}"
