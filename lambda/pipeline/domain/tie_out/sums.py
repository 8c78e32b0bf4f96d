"""Sums side by side: per type and currency, per account, per tax, per party, each with the documents that make it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import field
from decimal import Decimal

from pipeline.domain.money import ZERO, rounded
from pipeline.domain.tie_out.breakdown import Breakdown, breakdown
from pipeline.domain.tie_out.classes import DifferenceClass, sign_of
from pipeline.domain.tie_out.classify import Pair
from pipeline.domain.tie_out.comparison import is_rounding
from pipeline.domain.tie_out.facts import JournalDocument, LedgerTransaction, Names
from pipeline.domain.tie_out.merges import is_party
from pipeline.domain.values import dataclass

# Of a difference so many documents are named; the list of documents has all of them.
DOCUMENTS_NAMED_MAX = 20


@dataclass(frozen=True, slots=True)
class Sum:
    """One row of sums. `name` is QuickBooks' name of what is added up, `odoo_name` Odoo's where it has another one.

    `rounding` is what rounding single lines in home currency comes to: Odoo rounds each line, QuickBooks the
    transaction. `documents` name what makes the difference, at most twenty.
    """

    name: str
    odoo_name: str
    currency: str
    odoo: Decimal
    quickbooks: Decimal
    rounding: Decimal = ZERO
    odoo_count: int = 0
    quickbooks_count: int = 0
    documents: tuple[str, ...] = ()

    @property
    def difference(self) -> Decimal:
        """Odoo's sum less QuickBooks', without what is rounding."""
        return self.odoo - self.quickbooks - self.rounding


@dataclass(frozen=True, slots=True)
class Sums:
    """All sums of a month."""

    types: tuple[Sum, ...]
    accounts: tuple[Sum, ...]
    taxes: tuple[Sum, ...]
    receivable: tuple[Sum, ...]
    payable: tuple[Sum, ...]

    @property
    def all(self) -> tuple[Sum, ...]:
        """Every row."""
        return (*self.types, *self.accounts, *self.taxes, *self.receivable, *self.payable)


@dataclass(slots=True)
class _Row:
    odoo_names: set[str]
    documents: dict[str, None]
    odoo: Decimal = ZERO
    quickbooks: Decimal = ZERO
    rounding: Decimal = ZERO
    odoo_count: int = 0
    quickbooks_count: int = 0

    def name(self, title: str) -> None:
        """Name a document as what makes a difference. An empty title is one that is equal: it explains nothing."""
        if title:
            self.documents[title] = None

    def sum(self, name: str, currency: str) -> Sum:
        shown = " and ".join(sorted(self.odoo_names))
        return Sum(
            name,
            shown,
            currency,
            self.odoo,
            self.quickbooks,
            self.rounding,
            self.odoo_count,
            self.quickbooks_count,
            tuple(self.documents)[:DOCUMENTS_NAMED_MAX],
        )


class _Table(defaultdict[tuple[str, str], _Row]):
    """Rows by name and currency."""

    def __init__(self) -> None:
        super().__init__(lambda: _Row(set(), {}))

    def sums(self) -> tuple[Sum, ...]:
        return tuple(
            row.sum(name, currency)
            for (name, currency), row in sorted(self.items())
            if row.odoo or row.quickbooks or row.odoo_count or row.quickbooks_count
        )


def sums(pairs: Iterable[Pair], names: Names, *, home_currency: str) -> Sums:
    """Return the sums of everything that was found on either side in the month."""
    tables = _Tables(names, home_currency)
    for pair in pairs:
        tables.add(pair)
    return tables.sums()


def _sides(pair: Pair) -> tuple[JournalDocument | None, list[LedgerTransaction]]:
    """Return what counts on either side: a posted document, and the transactions of the month."""
    document = pair.document if pair.document and pair.document.is_posted else None
    counted = pair.transaction is not None and pair.finding.booked_total is not None
    return document, [pair.transaction, *pair.extra] if counted and pair.transaction else list(pair.extra)


@dataclass(slots=True)
class _Tables:
    """The sums of a month while its documents are added, one after the other. `home` is the company's currency."""

    names: Names
    home: str
    types: _Table = field(default_factory=_Table)
    accounts: _Table = field(default_factory=_Table)
    taxes: _Table = field(default_factory=_Table)
    receivable: _Table = field(default_factory=_Table)
    payable: _Table = field(default_factory=_Table)

    def add(self, pair: Pair) -> None:
        """Add one document, with what is booked of it."""
        document, transactions = _sides(pair)
        title = pair.finding.title if pair.finding.difference_class is not DifferenceClass.EQUAL else ""
        self._add_types(document, transactions, title)
        self._add_accounts(document, transactions, title)
        is_accepted = pair.finding.merge is not None and pair.finding.is_explained
        is_same = is_accepted or not any(is_party(difference.field) for difference in pair.finding.differences)
        self._add_parties(document, transactions, title, is_same_party=is_same)

    def sums(self) -> Sums:
        """Return what was added up."""
        return Sums(
            self.types.sums(), self.accounts.sums(), self.taxes.sums(), self.receivable.sums(), self.payable.sums()
        )

    def _add_types(
        self, document: JournalDocument | None, transactions: Sequence[LedgerTransaction], title: str
    ) -> None:
        for side in [document] if document else []:
            row = self.types[side.document_type.noun, side.currency]
            row.odoo += side.total
            row.odoo_count += 1
        for transaction in transactions:
            row = self.types[transaction.document_type.noun, transaction.currency]
            row.quickbooks += transaction.total
            row.quickbooks_count += 1
        places = {(side.document_type.noun, side.currency) for side in (document, *transactions) if side}
        odoo = document.total if document else ZERO
        if len(places) > 1 or odoo != sum((transaction.total for transaction in transactions), ZERO):
            for place in places:
                self.types[place].name(title)

    def _add_accounts(
        self, document: JournalDocument | None, transactions: Sequence[LedgerTransaction], title: str
    ) -> None:
        """Add one document to the accounts: debits positive, so that income and expenses have their usual signs."""
        first = transactions[0] if transactions else None
        for own, transaction in [(document, first), *((None, extra) for extra in transactions[1:])]:
            parts = breakdown(own, transaction, self.names)
            side = own or transaction
            if side is None:
                continue
            sign = -sign_of(side.document_type) if side.document_type.is_sale else sign_of(side.document_type)
            for amounts in parts.accounts:
                row = self.accounts[amounts.account, self.home]
                row.odoo_names.update(amounts.odoo_names)
                row.odoo += sign * amounts.odoo_home
                row.quickbooks += sign * amounts.quickbooks_home
                short = amounts.odoo_home - amounts.quickbooks_home
                if own and transaction and amounts.odoo == amounts.quickbooks and is_rounding(short, own):
                    row.rounding += sign * short
                else:
                    row.name(title)
            self._add_taxes(parts, own, sign, title)
            total = self.taxes["all that is kept as tax", self.home]
            total.odoo += sign * parts.odoo_tax_home
            total.quickbooks += sign * parts.quickbooks_tax_home
            short = parts.odoo_tax_home - parts.quickbooks_tax_home
            if own and transaction and parts.odoo_tax == parts.quickbooks_tax and is_rounding(short, own):
                total.rounding += sign * short
            elif parts.odoo_tax or parts.quickbooks_tax:
                total.name(title)

    def _add_taxes(self, parts: Breakdown, own: JournalDocument | None, sign: int, title: str) -> None:
        """Add the taxes by name where both sides name one tax alike; the total of all is compared in any case."""
        for tax in parts.taxes:
            row = self.taxes[tax.name, self.home]
            row.odoo += sign * tax.odoo_home
            row.quickbooks += sign * tax.quickbooks_home
            short = tax.odoo_home - tax.quickbooks_home
            if own and is_rounding(short, own):
                row.rounding += sign * short
            elif short:
                row.name(title)

    def _add_parties(
        self,
        document: JournalDocument | None,
        transactions: Sequence[LedgerTransaction],
        title: str,
        *,
        is_same_party: bool,
    ) -> None:
        touched: list[_Row] = []
        balance: defaultdict[int, Decimal] = defaultdict(Decimal)
        for side in (document, *transactions):
            if side is None:
                continue
            # One party may have another name in QuickBooks; it is added up under Odoo's.
            name = document.party if document and is_same_party else side.party
            row = (self.receivable if side.document_type.is_sale else self.payable)[name.strip(), self.home]
            sign = sign_of(side.document_type)
            if isinstance(side, LedgerTransaction):
                booked = side.home_total if side.home_total is not None else rounded(side.total * side.rate)
                row.quickbooks += sign * booked
                row.quickbooks_count += 1
                balance[id(row)] -= sign * booked
            else:
                row.odoo += sign * side.home_total
                row.odoo_count += 1
                balance[id(row)] += sign * side.home_total
            touched.append(row)
        for row in touched:
            if balance[id(row)]:
                row.name(title)


def unexplained(all_sums: Sums) -> tuple[Sum, ...]:
    """Return the sums that differ although no document says why."""
    return tuple(row for row in all_sums.all if row.difference and not row.documents)
