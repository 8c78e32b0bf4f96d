"""A QuickBooks company's preferences and lists: accounts, tax codes, terms, classes, departments.

They are read in a handful of calls and stored for hours: reads are metered, and lists change rarely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.codec import dumps, loads
from pipeline.domain.document import Account, Tax
from pipeline.domain.money import ZERO, decimal
from pipeline.domain.threads import Threads
from pipeline.qbo.client import Client

# Preferences and lists change rarely, and a miss always reads them again.
KEPT_S = 6 * 3600
# Lists read within the last minute count as new, so that many misses cause one reading.
FRESH_S = 60
# A DynamoDB item holds 400 KB. Longer lists are read again under every lease.
KEPT_BYTES_MAX = 350_000
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
    """One rate of a tax code, in percent."""

    qb_id: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class TaxCode:
    """A tax code outside the US with its rates on sales or on purchases: one, or several together."""

    qb_id: str
    name: str
    rates: tuple[Rate, ...]
    is_sale: bool


@dataclass(frozen=True, slots=True)
class Lists:
    """All lists of a company, read at `read_at`. `items` are those named in `items_asked`."""

    read_at: int
    realm: Realm
    accounts: tuple[BookAccount, ...]
    tax_codes: tuple[TaxCode, ...]
    terms: tuple[Named, ...]
    classes: tuple[Named, ...]
    departments: tuple[Named, ...]
    items: tuple[BookItem, ...]
    items_asked: tuple[str, ...]


class ListCache:
    """The lists of one realm, read again when needed. Safe to use from several threads."""

    def __init__(
        self, client: Client, key_values: RealmKeyValues, items: Iterable[str], *, clock: Clock, threads: Threads
    ) -> None:
        self._client = client
        self._key_values = key_values
        self._items = tuple(sorted(set(items)))
        self._clock = clock
        self._lists: Lists | None = None
        self._reading = threads.lock()
        self._key = f"reference#{client.realm}#lists"

    def current(self, *, older_than: Lists | None = None) -> Lists:
        """Return the lists. With `older_than`, return newer ones, unless those were read within the last minute."""
        with self._reading:
            if self._lists is None:
                self._lists = self._kept()
            age_s = self._clock.now().timestamp() - self._lists.read_at if self._lists else 0.0
            is_no_newer = (
                self._lists is not None and older_than is not None and self._lists.read_at <= older_than.read_at
            )
            if self._lists is None or age_s > KEPT_S or (is_no_newer and age_s > FRESH_S):
                self._lists = self._read()
                text = dumps(self._lists)
                if len(text.encode()) <= KEPT_BYTES_MAX:
                    self._key_values.keep(self._key, text)
            return self._lists

    def look[T](self, find: Callable[[Lists], T | None]) -> T | None:
        """Look something up in the lists. A miss reads them again once: a person may just have added it."""
        lists = self.current()
        found = find(lists)
        return find(self.current(older_than=lists)) if found is None else found

    def forget(self) -> None:
        """Forget the lists: QuickBooks has just refused something because of them."""
        with self._reading:
            self._lists = None
            self._key_values.keep(self._key, "")

    def _kept(self) -> Lists | None:
        kept = self._key_values.value(self._key)
        try:
            lists = loads(Lists, kept) if kept else None
        except ValueError:
            return None  # stored by another version of this code
        # If the mapping names other items than before, those must be read, too.
        return lists if lists and set(self._items) <= set(lists.items_asked) else None

    def _read(self) -> Lists:
        preferences = self._client.query("Preferences")[0]
        company = self._client.query("CompanyInfo")[0]
        by_type = [(str(row.get("AccountType", "")), book_account(row)) for row in self._client.query("Account")]
        accounts = tuple(account for _, account in by_type)
        realm = replace(
            _realm(preferences, str(company.get("Country", ""))),
            receivables=tuple(account for kind, account in by_type if kind == RECEIVABLE),
            payables=tuple(account for kind, account in by_type if kind == PAYABLE),
        )
        return Lists(
            read_at=int(self._clock.now().timestamp()),
            realm=realm,
            accounts=accounts,
            tax_codes=self._tax_codes() if realm.sales_tax and not realm.is_us else (),
            terms=self._named("Term"),
            classes=self._named("Class") if realm.class_tracking is not ClassTracking.OFF else (),
            departments=self._named("Department") if realm.departments_tracked else (),
            items=tuple(self._read_items()),
            items_asked=self._items,
        )

    def _named(self, entity: str) -> tuple[Named, ...]:
        return tuple(
            Named(str(row["Id"]), str(row["Name"]), str(row.get("FullyQualifiedName", row["Name"])))
            for row in self._client.query(entity)
        )

    def _read_items(self) -> Iterable[BookItem]:
        # There may be thousands of items: read only those the mapping names, by the last part of their names.
        names = sorted({name.rpartition(":")[2] for name in self._items})
        return map(book_item, self._client.query_any("Item", "Name", names))

    def _tax_codes(self) -> tuple[TaxCode, ...]:
        rates = {str(row["Id"]): decimal(row.get("RateValue", 0)) for row in self._client.query("TaxRate")}
        found = []
        for row in self._client.query("TaxCode"):
            for side, is_sale in (("SalesTaxRateList", True), ("PurchaseTaxRateList", False)):
                details = row.get(side, {}).get("TaxRateDetail", [])
                ids = [str(detail["TaxRateRef"]["value"]) for detail in details]
                if ids:
                    own = tuple(Rate(rate_id, rates.get(rate_id, ZERO)) for rate_id in ids)
                    found.append(TaxCode(str(row["Id"]), str(row["Name"]), own, is_sale))
        return tuple(found)


def _realm(preferences: dict[str, Any], country: str) -> Realm:
    currency = preferences.get("CurrencyPrefs", {})
    accounting = preferences.get("AccountingInfoPrefs", {})
    closed_to = accounting.get("BookCloseDate")
    taxes = preferences.get("TaxPrefs", {})
    by_line, by_transaction = accounting.get("ClassTrackingPerTxnLine"), accounting.get("ClassTrackingPerTxn")
    return Realm(
        country=country,
        home_currency=str(currency.get("HomeCurrency", {}).get("value", "")),
        multicurrency=bool(currency.get("MultiCurrencyEnabled")),
        sales_tax=bool(taxes.get("UsingSalesTax")),
        closed_to=date.fromisoformat(str(closed_to)[:10]) if closed_to else None,
        class_tracking=ClassTracking.LINE
        if by_line
        else ClassTracking.TRANSACTION
        if by_transaction
        else ClassTracking.OFF,
        departments_tracked=bool(accounting.get("TrackDepartments")),
        works_out_tax=bool(taxes.get("PartnerTaxEnabled")),
    )


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


# -- finding, exactly ------------------------------------------------------------------------------------------------


def find_account(accounts: Sequence[BookAccount], account: Account) -> BookAccount | None:
    """Return the account with the same number, otherwise the only one with the same name."""
    by_number = [row for row in accounts if account.code and row.number == account.code]
    return by_number[0] if by_number else _only([row for row in accounts if _same(row.name, account.name)])


def find_target_account(accounts: Sequence[BookAccount], name: str) -> BookAccount | None:
    """Return the account a mapping points to: by its number, its full name, or its name if only one has it."""
    by_number = [account for account in accounts if account.number == name]
    by_full_name = [account for account in accounts if _same(account.full_name, name)]
    return _only(by_number or by_full_name or [account for account in accounts if _same(account.name, name)])


def find_named[T: (Named, BookItem)](rows: Sequence[T], name: str) -> T | None:
    """Return the row with this full name, otherwise the only one with this name."""
    by_full_name = [row for row in rows if _same(row.full_name, name)]
    return _only(by_full_name or [row for row in rows if _same(row.name, name)])


def find_target_code(codes: Sequence[TaxCode], name: str, *, is_sale: bool) -> TaxCode | None:
    """Return the tax code a mapping points to, on sales or on purchases."""
    return _only([code for code in codes if code.is_sale == is_sale and _same(code.name, name)])


def find_tax_code(codes: Sequence[TaxCode], tax: Tax | None, *, is_sale: bool) -> TaxCode | None:
    """Return the single-rate code with the tax's name and rate, otherwise the only one with its rate.

    A tax that is not a plain percentage has none, even if a name matches: a fee of 5.00 is not a tax of 5 %. Outside
    the US a line without tax needs a code, too: the only one with a rate of zero, or among several the one whose name
    says so.
    """
    if tax and not tax.has_rate:
        return None
    rate = tax.rate if tax else ZERO
    same_rate = [
        code for code in codes if code.is_sale == is_sale and [code_rate.percent for code_rate in code.rates] == [rate]
    ]
    if tax:
        by_name = [code for code in same_rate if _same(code.name, tax.name)]
        if by_name:
            return by_name[0]
    elif len(same_rate) > 1:
        same_rate = [code for code in same_rate if code.name.casefold() in NO_TAX_NAMES]
    return _only(same_rate)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _only[T](found: Sequence[T]) -> T | None:
    return found[0] if len(found) == 1 else None
