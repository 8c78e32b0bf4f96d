"""A QuickBooks company's preferences and lists, as rows: accounts, tax codes, terms, classes, departments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

from pipeline.domain.document import Account, Tax
from pipeline.domain.money import ZERO
from pipeline.domain.values import dataclass
from pipeline.qbo.text import clean_line

HOME_COUNTRY_WITHOUT_CODES = "US"
NO_TAX_NAMES = ("no vat", "no tax", "out of scope")
# QuickBooks' types of receivable and payable accounts.
RECEIVABLE, PAYABLE = "Accounts Receivable", "Accounts Payable"


class RealmKeyValues(Protocol):
    """Where references are stored between runs."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str, *, expires_at: int | None = None) -> None:
        """Keep a text under a key."""

    def claim(self, key: str, value: str) -> str:
        """Keep a text under a key unless another is there already; return the one that is."""

    def ask_contact(self, database: str, contact: int, name: str) -> None:
        """Ask the extractor what happened to a contact in Odoo."""


class ClassTracking(StrEnum):
    """Where a QuickBooks company tracks classes."""

    OFF = "off"
    LINE = "line"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True)
class Realm:
    """The preferences of a QuickBooks company. `closed_to` is the last closed day.

    `receivables` and `payables` are its accounts of these types, in any currency.
    """

    country: str
    home_currency: str
    multicurrency: bool
    sales_tax: bool
    closed_to: date | None = None
    class_tracking: ClassTracking = ClassTracking.OFF
    departments_tracked: bool = False
    # Automated Sales Tax: QuickBooks computes sales tax by itself and ignores what is sent.
    works_out_tax: bool = False
    receivables: tuple[BookAccount, ...] = ()
    payables: tuple[BookAccount, ...] = ()

    @property
    def is_us(self) -> bool:
        """Whether tax codes are TAX and NON, and purchases carry no tax."""
        return self.country == HOME_COUNTRY_WITHOUT_CODES


@dataclass(frozen=True, slots=True)
class BookAccount:
    """An account in QuickBooks. `full_name` begins with its parent accounts (`Sales:Export`)."""

    qb_id: str
    name: str
    number: str
    currency: str
    full_name: str = ""

    def __str__(self) -> str:
        return f"{self.number} '{self.name}'" if self.number else f"'{self.name}'"


@dataclass(frozen=True, slots=True)
class Named:
    """A row of a list of names: a term, a class, a department."""

    qb_id: str
    name: str
    full_name: str


@dataclass(frozen=True, slots=True)
class BookItem:
    """A product or service in QuickBooks. `account` is the id of its income account, or empty."""

    qb_id: str
    name: str
    full_name: str
    account: str
    kind: str


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate of a tax code, in percent. Its name is empty in lists stored before it was read."""

    qb_id: str
    percent: Decimal
    name: str = ""


@dataclass(frozen=True, slots=True)
class TaxCode:
    """A tax code outside the US with its rates on sales or on purchases: one, or several together."""

    qb_id: str
    name: str
    rates: tuple[Rate, ...]
    is_sale: bool

    @property
    def is_free_of_tax(self) -> bool:
        """Whether every rate is zero: QuickBooks adds nothing to a line that has this code."""
        return all(rate.percent == ZERO for rate in self.rates)


@dataclass(frozen=True, slots=True)
class Lists:
    """All lists of a company, read at `read_at`, in seconds since 1970. `items` are those named in `items_asked`.

    `items_like` are names that begin as one of those does that QuickBooks does not have. `settings_read_at` is when its
    preferences and its tax codes were read again and were the same; 0 if they were not since.
    """

    read_at: int
    realm: Realm
    accounts: tuple[BookAccount, ...]
    tax_codes: tuple[TaxCode, ...]
    terms: tuple[Named, ...]
    classes: tuple[Named, ...]
    departments: tuple[Named, ...]
    items: tuple[BookItem, ...]
    items_asked: tuple[str, ...]
    items_like: tuple[str, ...] = ()
    settings_read_at: int = field(default=0, compare=False)


def realm_of_rows(preferences: dict[str, Any], country: str) -> Realm:
    """Return what a company is like, from its preferences and its country; without its accounts."""
    currency = preferences.get("CurrencyPrefs", {})
    accounting = preferences.get("AccountingInfoPrefs", {})
    closed_to = accounting.get("BookCloseDate")
    taxes = preferences.get("TaxPrefs", {})
    return Realm(
        country=country,
        home_currency=str(currency.get("HomeCurrency", {}).get("value", "")),
        multicurrency=bool(currency.get("MultiCurrencyEnabled")),
        sales_tax=bool(taxes.get("UsingSalesTax")),
        closed_to=date.fromisoformat(str(closed_to)[:10]) if closed_to else None,
        class_tracking=_class_tracking(accounting),
        departments_tracked=bool(accounting.get("TrackDepartments")),
        works_out_tax=bool(taxes.get("PartnerTaxEnabled")),
    )


def _class_tracking(accounting: dict[str, Any]) -> ClassTracking:
    if accounting.get("ClassTrackingPerTxnLine"):
        return ClassTracking.LINE
    return ClassTracking.TRANSACTION if accounting.get("ClassTrackingPerTxn") else ClassTracking.OFF


def book_account(row: dict[str, Any]) -> BookAccount:
    """Return the account of a row of QuickBooks."""
    return BookAccount(
        str(row["Id"]),
        str(row["Name"]),
        str(row.get("AcctNum", "")),
        str(row.get("CurrencyRef", {}).get("value", "")),
        str(row.get("FullyQualifiedName", "")),
    )


def book_item(row: dict[str, Any]) -> BookItem:
    """Return the item of a row of QuickBooks."""
    return BookItem(
        str(row["Id"]),
        str(row["Name"]),
        str(row.get("FullyQualifiedName", row["Name"])),
        str(row.get("IncomeAccountRef", {}).get("value", "")),
        str(row.get("Type", "")),
    )


def named_row(row: dict[str, Any]) -> Named:
    """Return the term, class or department of a row of QuickBooks."""
    return Named(str(row["Id"]), str(row["Name"]), str(row.get("FullyQualifiedName", row["Name"])))


# -- finding, exactly ------------------------------------------------------------------------------------------------


def find_account(accounts: Sequence[BookAccount], account: Account) -> BookAccount | None:
    """Return the account with the same number, otherwise the only one with the same name."""
    by_number = [row for row in accounts if account.code and row.number == account.code]
    return by_number[0] if by_number else _only([row for row in accounts if is_same_name(row.name, account.name)])


def find_target_account(accounts: Sequence[BookAccount], name: str) -> BookAccount | None:
    """Return the account a mapping points to: by its number, its full name, or its name if only one has it."""
    by_number = [account for account in accounts if account.number == name]
    by_full_name = [account for account in accounts if is_same_name(account.full_name, name)]
    return _only(by_number or by_full_name or [account for account in accounts if is_same_name(account.name, name)])


def find_named[T: (Named, BookItem)](rows: Sequence[T], name: str) -> T | None:
    """Return the row with this full name, otherwise the only one with this name."""
    by_full_name = [row for row in rows if is_same_name(row.full_name, name)]
    return _only(by_full_name or [row for row in rows if is_same_name(row.name, name)])


def find_target_code(codes: Sequence[TaxCode], name: str, *, is_sale: bool) -> TaxCode | None:
    """Return the tax code a mapping points to, on sales or on purchases."""
    return _only([code for code in codes if code.is_sale == is_sale and is_same_name(code.name, name)])


def find_tax_code(codes: Sequence[TaxCode], tax: Tax | None, *, is_sale: bool) -> TaxCode | None:
    """Return the code with the tax's name and rate, otherwise the only one with its rate alone.

    A tax that is not a plain percentage has none, even if a name matches: a fee of 5.00 is not a tax of 5 %. Outside
    the US a line without tax needs a code, too: the only one with a rate of zero, or, if there are several, the one
    that is named so.
    """
    if tax and not tax.has_rate:
        return None
    rate = tax.rate if tax else ZERO
    same_rate = [
        code for code in codes if code.is_sale == is_sale and [code_rate.percent for code_rate in code.rates] == [rate]
    ]
    if tax:
        # A code for a reverse charge has the rate twice, due and deducted, and is found by its name only.
        reverse = [
            code for code in codes if code.is_sale == is_sale and {own.percent for own in code.rates} == {rate, -rate}
        ]
        by_name = [code for code in (*same_rate, *reverse) if is_same_name(code.name, tax.name)]
        if by_name:
            return by_name[0]
    elif len(same_rate) > 1:
        same_rate = [code for code in same_rate if code.name.casefold() in NO_TAX_NAMES]
    return _only(same_rate)


def is_same_name(one: str, other: str) -> bool:
    """Whether two names read the same, without regard to capitals."""
    return _as_read(one) == _as_read(other)


# For every line of every document a name is compared with a whole list.
@lru_cache(4_000)
def _as_read(name: str) -> str:
    return clean_line(name).casefold()


def _only[T](found: Sequence[T]) -> T | None:
    return found[0] if len(found) == 1 else None
