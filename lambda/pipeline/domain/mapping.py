"""The mapping of each company: Odoo's names, QuickBooks' names for the same things, and how documents are posted.

It is data (`config/mapping.toml`), exact, and validated as a whole before anything is posted with it: as a file in
`mapping_file.py`, its names in Odoo in `mapping_keys.py`, and its names in QuickBooks when the books open. Without a
mapping, or for a company that is not in it, conventions apply.
"""

from __future__ import annotations

import unicodedata
from collections import abc
from collections.abc import Iterable
from dataclasses import field
from datetime import date
from enum import StrEnum
from functools import lru_cache

from pipeline.domain.values import dataclass

FILE = "config/mapping.toml"
# Joins the names of Odoo's taxes on one line.
AND = " + "
# Stands for a line without any tax on the left side of `taxes`.
NO_TAX = "(no tax)"
# Joins the names of analytic accounts of several plans.
BETWEEN_PLANS = " / "


class Parties(StrEnum):
    """What to do with a customer or vendor that QuickBooks does not have."""

    CREATE = "create"
    FAIL = "fail"


class ClosedPeriod(StrEnum):
    """What to do with a document dated in a period that is closed in QuickBooks."""

    HOLD = "hold"
    FIRST_OPEN_DAY = "first_open_day"


class TypedByHand(StrEnum):
    """What to do with a document that somebody has already typed into QuickBooks."""

    REPORT = "report"
    ADOPT = "adopt"


class ReplacedPdf(StrEnum):
    """What to do with the PDF of an earlier version."""

    REMOVE = "remove"
    KEEP = "keep"


class Items(StrEnum):
    """What a sales line names in QuickBooks: an item per income account, or one per product."""

    ACCOUNT = "account"
    PRODUCT = "product"


class SalesTax(StrEnum):
    """How a US company's sales tax is sent: as the document's tax, or each tax as a line on its account."""

    OVERRIDE = "override"
    LINE = "line"


class Receipts(StrEnum):
    """What to do with a sales or purchase receipt: carry it as an invoice or bill, or skip it."""

    CARRY = "carry"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the mapping: from Odoo's `source` to `name` in QuickBooks, on `line` of the file."""

    source: str
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class JournalRule:
    """The class and the department of everything booked in a journal. Either may be absent."""

    book_class: Target | None = None
    department: Target | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How one company's documents are posted. The defaults here apply without a mapping."""

    realm: Target | None = None
    go_live: date | None = None
    parties: Parties = Parties.CREATE
    closed_period: ClosedPeriod = ClosedPeriod.HOLD
    typed_by_hand: TypedByHand = TypedByHand.REPORT
    replaced_pdf: ReplacedPdf = ReplacedPdf.REMOVE
    items: Items = Items.ACCOUNT
    sales_tax: Target | None = None
    receipts: Receipts = Receipts.CARRY
    accounts: abc.Mapping[str, Target] = field(default_factory=dict)
    taxes: abc.Mapping[str, Target] = field(default_factory=dict)
    terms: abc.Mapping[str, Target] = field(default_factory=dict)
    journals: abc.Mapping[str, JournalRule] = field(default_factory=dict)
    analytics: abc.Mapping[str, Target] = field(default_factory=dict)
    products: abc.Mapping[str, Target] = field(default_factory=dict)

    def account(self, code: str, name: str) -> Target | None:
        """Return the target of an Odoo account: by its code, otherwise by its name."""
        return _first(self.accounts, code, name)

    def tax(self, names: Iterable[str]) -> Target | None:
        """Return the tax code of the taxes of one line, in any order."""
        wanted = combination(AND.join(names))
        return next((target for source, target in self.taxes.items() if combination(source) == wanted), None)

    def no_tax(self, *, is_sale: bool) -> Target | None:
        """Return the tax code of a line without any tax: that of its side, otherwise the one of both."""
        return _first(self.taxes, no_tax_on(is_sale=is_sale), NO_TAX)

    def term(self, name: str) -> Target | None:
        """Return the target of Odoo payment terms."""
        return _first(self.terms, name)

    def journal(self, name: str) -> JournalRule:
        """Return the class and department of a journal. A journal without a rule has neither."""
        return self.journals.get(spelled(name), JournalRule())

    def analytic(self, name: str) -> Target | None:
        """Return the class of an analytic account, or of several that are joined by ` / `."""
        return _first(self.analytics, name)

    def product(self, code: str, name: str) -> Target | None:
        """Return the item of a product: by its code, otherwise by its name."""
        return _first(self.products, code, name)

    @property
    def has_tax_in_lines(self) -> bool:
        """Whether a US company wants its sales tax sent as lines, because QuickBooks computes a different one."""
        return self.sales_tax is not None and self.sales_tax.name == SalesTax.LINE

    @property
    def classes(self) -> list[Target]:
        """Every class it points to."""
        of_journals = [rule.book_class for rule in self.journals.values() if rule.book_class]
        return [*of_journals, *self.analytics.values()]

    @property
    def departments(self) -> list[Target]:
        """Every department it points to."""
        return [rule.department for rule in self.journals.values() if rule.department]


def no_tax_on(*, is_sale: bool) -> str:
    """Return what stands for a line without any tax on sales alone, or on purchases alone."""
    return f"{NO_TAX} on {'sales' if is_sale else 'purchases'}"


def sides_without_tax(source: str) -> tuple[bool, ...]:
    """Return the sides on which a left side of `taxes` stands for no tax, sales as True; none if it names taxes."""
    return tuple(is_sale for is_sale in (True, False) if spelled(source) in (NO_TAX, no_tax_on(is_sale=is_sale)))


def spelled(name: str) -> str:
    """Return a name of Odoo as both sides are compared: composed letters, and no more than single spaces.

    Odoo keeps outer, double and no-break spaces, which nobody sees. Upper and lower case stay different.
    """
    return " ".join(unicodedata.normalize("NFC", name).split())


@lru_cache(1_000)
def combination(names: str) -> tuple[str, ...]:
    """Return the taxes that a left side names, in an order that does not depend on how they are written."""
    return tuple(sorted(spelled(part) for part in names.split(AND)))


def _first[T](table: abc.Mapping[str, T], *keys: str) -> T | None:
    # Most tables are empty, and every line of every document is looked up.
    return next((table[key] for key in map(spelled, keys) if key and key in table), None) if table else None
