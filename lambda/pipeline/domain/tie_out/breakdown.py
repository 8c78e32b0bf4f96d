"""What both sides book of one document, by account and by tax.

QuickBooks does not say which account it books a tax on. So every account is compared as if the taxes were lines: what
is short of it in QuickBooks must be tax items of Odoo, and all that is short together must be what QuickBooks keeps as
tax. That holds whether a tax was sent as tax or as a line of its own, and fails if a tax became cost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pipeline.domain.money import ZERO, rounded
from pipeline.domain.tie_out.facts import ItemKind, JournalDocument, JournalItem, LedgerTransaction, Names
from pipeline.domain.values import dataclass

# Above so many tax items on one account, only all of them or none may be short. Fewer are tried in all combinations.
TAX_ITEMS_TRIED_MAX = 10
# Behind the name of an account of Odoo for which QuickBooks has none.
NO_COUNTERPART = " (none in QuickBooks)"


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

    `taxes` are there if all of the document's are known by name on both sides.
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
            account_name(key, names),
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
        tuple(_taxes_by_name(kept, document, transaction, names)),
        sum((item.amount for item in kept), ZERO),
        ledger_tax,
        sum((item.home_amount for item in kept), ZERO),
        rounded(ledger_tax * rate),
        tuple(wrong),
    )


def _taxes_by_name(
    kept: Sequence[JournalItem], document: JournalDocument | None, transaction: LedgerTransaction | None, names: Names
) -> Iterable[TaxAmounts]:
    """Yield what each tax comes to if every tax of the document is known by name. If not, only all together compare."""
    if document is None or transaction is None:
        return
    odoo: defaultdict[str, list[JournalItem]] = defaultdict(list)
    for item in kept:
        odoo[names.tax_of(item.tax, document.document_type.is_sale)].append(item)
    booked: defaultdict[str, Decimal] = defaultdict(Decimal)
    for tax in transaction.taxes:
        if tax.amount:
            booked[names.rate_names.get(tax.rate_id, "")] += tax.amount
    if "" in booked or any(item.amount for item in odoo.get("", ())) or not booked:
        return
    for name in sorted({*odoo, *booked} - {""}):
        yield TaxAmounts(
            name,
            sum((item.amount for item in odoo.get(name, ())), ZERO),
            booked[name],
            sum((item.home_amount for item in odoo.get(name, ())), ZERO),
            rounded(booked[name] * transaction.rate),
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


def account_name(key: str, names: Names) -> str:
    """Return how a person names an account by its id in QuickBooks, or by `?` and Odoo's name where it has none."""
    if key.startswith("?"):
        return f"{key[1:]}{NO_COUNTERPART}"
    return names.account_names.get(key, "an account QuickBooks does not name" if not key else f"account with Id {key}")
