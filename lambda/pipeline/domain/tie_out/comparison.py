"""One document against its transaction: by account, by date, by party, to the cent."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from pipeline.domain.document import DocumentType
from pipeline.domain.money import figure, rounded
from pipeline.domain.tie_out.breakdown import Breakdown, account_name, breakdown
from pipeline.domain.tie_out.facts import (
    ItemKind,
    JournalDocument,
    LedgerTransaction,
    Names,
    PdfSizes,
)
from pipeline.domain.tie_out.texts import begins_alike, same_text, shown
from pipeline.domain.values import dataclass

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


def differences(
    document: JournalDocument,
    transaction: LedgerTransaction,
    names: Names,
    *,
    home_currency: str,
    pdf: PdfSizes | None = None,
) -> tuple[Difference, ...]:
    """Return every field on which a document and its transaction differ, the date last but for the PDF.

    Compared are type, party, number, currency, total, rate, accounts (the receivable or payable one if QuickBooks has
    several), tax, due date, date and PDF. Texts, quantities, terms and classes are not: they are on no journal item.
    """
    found = [
        *_kind(document, transaction),
        *_party(document, transaction, names),
        *_number(document, transaction),
        *_amounts(document, transaction, home_currency),
        *_accounts(document, transaction, names),
        *_owed_account(document, transaction, names),
        *_due(document, transaction),
        *_date(document, transaction),
        *(_pdf(pdf) if pdf is not None else ()),
    ]
    return tuple(found)


def _kind(document: JournalDocument, transaction: LedgerTransaction) -> list[Difference]:
    if document.document_type is transaction.document_type:
        return []
    return [Difference("type", document.document_type.noun, transaction.document_type.noun)]


def has_other_party(document: JournalDocument, transaction: LedgerTransaction, names: Names) -> bool:
    """Whether a transaction is on another party than its document."""
    return bool(_party(document, transaction, names))


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
        found.append(Difference("total", figure(document.total), figure(transaction.total)))
    ledger_home = transaction.home_total
    if ledger_home is None:
        ledger_home = rounded(transaction.total * transaction.rate)
    if rounded(document.home_total) != ledger_home and (found == [] or document.currency != home):
        name = f"total in {home}"
        found.append(Difference(name, figure(document.home_total), figure(ledger_home)))
    return found


def _accounts(document: JournalDocument, transaction: LedgerTransaction, names: Names) -> list[Difference]:
    parts = breakdown(document, transaction, names)
    found = [
        Difference(f"account {row.account}", figure(row.odoo), figure(row.quickbooks)) for row in parts.wrong_accounts
    ]
    if parts.odoo_tax != parts.quickbooks_tax:
        found.append(Difference("tax", figure(parts.odoo_tax), figure(parts.quickbooks_tax)))
    found += [
        Difference(f"tax {tax.name}", figure(tax.odoo), figure(tax.quickbooks))
        for tax in parts.taxes
        if not is_rounding(tax.odoo - tax.quickbooks, document)
    ]
    rate = _rounding(parts, document)
    return [*found, *([rate] if rate and not found else [])]


def _owed_account(document: JournalDocument, transaction: LedgerTransaction, names: Names) -> list[Difference]:
    accounts = {item.account for item in document.items if item.kind is ItemKind.OWED}
    wanted = {names.owed_account_of(account, document.document_type, document.currency) for account in accounts}
    if not transaction.owed_account_id or wanted & {"", transaction.owed_account_id}:
        return []
    word = "receivable account" if document.document_type.is_sale else "payable account"
    expected = " or ".join(sorted(account_name(qb_id, names) for qb_id in wanted))
    return [Difference(word, expected, account_name(transaction.owed_account_id, names))] if wanted else []


def _rounding(parts: Breakdown, document: JournalDocument) -> Difference | None:
    """Return a difference if the accounts differ in home currency by more than rounding each line can come to."""
    for row in parts.accounts:
        if not is_rounding(row.odoo_home - row.quickbooks_home, document):
            return Difference(
                f"account {row.account} in home currency", figure(row.odoo_home), figure(row.quickbooks_home)
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
