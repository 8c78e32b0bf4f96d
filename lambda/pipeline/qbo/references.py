"""QuickBooks' ids for what a document names: accounts, tax codes, customers, vendors and items.

Reads are metered and writes are free, so names are created first and looked for only when QuickBooks says they exist;
what was found is kept in the tracking table. An exact match or a clear refusal, never a guess.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from pipeline.codec import dumps, loads
from pipeline.document import Account, Document, Party, Tax
from pipeline.errors import Rejected, Unavailable, Unmapped
from pipeline.money import ZERO, decimal, plain
from pipeline.qbo.client import Client, Json, quoted
from pipeline.qbo.faults import DUPLICATE_NAME, ONE_NAME_AT_A_TIME, Refused

# Preferences and lists change rarely, and a miss always looks again.
KEPT_S = 6 * 3600
NAME_LENGTH_MAX = 500
ITEM_NAME_LENGTH_MAX = 100
NAME_TRIES = 4
# An item of DynamoDB holds 400 KB; longer lists are read anew at every shift.
KEPT_BYTES_MAX = 350_000
HOME_COUNTRY_WITHOUT_CODES = "US"
NO_TAX_NAMES = ("no vat", "no tax", "out of scope")


class Memory(Protocol):
    """Where references are kept between runs."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str, *, expires_at: int | None = None) -> None:
        """Keep a text under a key."""

    def claim(self, key: str, value: str) -> str:
        """Keep a text under a key unless another is there already; return the one that is."""


@dataclass(frozen=True, slots=True)
class Realm:
    """What a QuickBooks company is like, read once from its preferences."""

    country: str
    home_currency: str
    multicurrency: bool
    sales_tax: bool

    @property
    def is_us(self) -> bool:
        """Whether tax codes are TAX and NON, and purchases carry no tax."""
        return self.country == HOME_COUNTRY_WITHOUT_CODES


@dataclass(frozen=True, slots=True)
class BookAccount:
    """An account as QuickBooks has it."""

    identity: str
    name: str
    number: str
    currency: str


@dataclass(frozen=True, slots=True)
class TaxCode:
    """A tax code outside the US, with the one rate it stands for on sales or on purchases."""

    identity: str
    name: str
    rate_identity: str
    rate: Decimal
    is_sale: bool


@dataclass(frozen=True, slots=True)
class _Lists:
    read_at: int
    realm: Realm
    accounts: tuple[BookAccount, ...]
    tax_codes: tuple[TaxCode, ...]


class References:
    """Resolves names for one realm; safe to use from several threads of one shift."""

    def __init__(
        self, client: Client, memory: Memory, *, dry_run: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._dry_run = dry_run
        self._memory = memory
        self._clock = clock
        self._lists: _Lists | None = None
        self._reading = threading.Lock()
        # QuickBooks takes one name at a time, per company.
        self._naming = threading.Lock()
        self._known: dict[str, str] = {}

    # -- lists -----------------------------------------------------------------------------------------------------

    @property
    def realm(self) -> Realm:
        """What the company is like."""
        return self._current().realm

    def account(self, account: Account) -> BookAccount:
        """Return the account with the same number, else the one with the same name; raises Unmapped."""
        return self._look(lambda lists: _account(lists.accounts, account), lambda: self._no_account(account))

    def tax_code(self, tax: Tax | None, *, is_sale: bool) -> TaxCode:
        """Return the tax code of the same name, else the only one of the same rate and side; raises Unmapped.

        A line without tax needs a code too outside the US: the only one whose rate is zero, or among several the one
        that says so by its name.
        """
        return self._look(
            lambda lists: _tax_code(lists.tax_codes, tax, is_sale=is_sale), lambda: self._no_code(tax, is_sale=is_sale)
        )

    def _look[T](self, find: Callable[[_Lists], T | None], error: Callable[[], Unmapped]) -> T:
        """Return what is in the lists; a miss reads them anew once, because a person may just have added it."""
        lists = self._current()
        found = find(lists)
        if found is None:
            found = find(self._current(older_than=lists))
        if found is None:
            raise error()
        return found

    def _current(self, *, older_than: _Lists | None = None) -> _Lists:
        with self._reading:
            if self._lists is None:
                self._lists = self._kept_lists()
            stale = self._lists is None or self._clock() > self._lists.read_at + KEPT_S
            # Lists read within this very minute are as new as they get: many misses are one reading.
            missed = self._lists is not None and self._lists is older_than and self._clock() > self._lists.read_at + 60
            if self._lists is None or stale or missed:
                self._lists = self._read()
                text = dumps(self._lists)
                if len(text.encode()) <= KEPT_BYTES_MAX:
                    self._memory.keep(self._lists_key, text)
            return self._lists

    def _kept_lists(self) -> _Lists | None:
        kept = self._memory.value(self._lists_key)
        try:
            return loads(_Lists, kept) if kept else None
        except ValueError:
            return None  # kept by another version of this code

    @property
    def _lists_key(self) -> str:
        return f"reference#{self._client.realm}#lists"

    def _read(self) -> _Lists:
        preferences = self._client.query("Preferences")[0]
        company = self._client.query("CompanyInfo")[0]
        currency = preferences.get("CurrencyPrefs", {})
        tax = preferences.get("TaxPrefs", {})
        realm = Realm(
            country=str(company.get("Country", "")),
            home_currency=str(currency.get("HomeCurrency", {}).get("value", "")),
            multicurrency=bool(currency.get("MultiCurrencyEnabled")),
            sales_tax=bool(tax.get("UsingSalesTax")),
        )
        accounts = tuple(
            BookAccount(
                str(row["Id"]),
                str(row["Name"]),
                str(row.get("AcctNum", "")),
                str(row.get("CurrencyRef", {}).get("value", "")),
            )
            for row in self._client.query("Account")
        )
        codes = () if realm.is_us else self._read_tax_codes()
        return _Lists(int(self._clock()), realm, accounts, codes)

    def _read_tax_codes(self) -> tuple[TaxCode, ...]:
        rates = {str(row["Id"]): decimal(row.get("RateValue", 0)) for row in self._client.query("TaxRate")}
        found = []
        for row in self._client.query("TaxCode"):
            for side, is_sale in (("SalesTaxRateList", True), ("PurchaseTaxRateList", False)):
                details = row.get(side, {}).get("TaxRateDetail", [])
                if len(details) == 1:
                    rate = str(details[0]["TaxRateRef"]["value"])
                    found.append(TaxCode(str(row["Id"]), str(row["Name"]), rate, rates.get(rate, ZERO), is_sale))
        return tuple(found)

    def _no_account(self, account: Account) -> Unmapped:
        names = {each.name for each in self._current().accounts}
        near = difflib.get_close_matches(account.name, sorted(names), n=1)
        return Unmapped(
            f"account {account} has no QuickBooks account with that number or name"
            + (f"; nearest by name: '{near[0]}'" if near else "")
            + f". Give an account of {self._client.company} in QuickBooks this number or name.",
            code="account_unmapped",
        )

    def _no_code(self, tax: Tax | None, *, is_sale: bool) -> Unmapped:
        side = "sales" if is_sale else "purchases"
        what = f"tax '{tax.name}' ({plain(tax.rate)}%)" if tax else "a line without tax"
        return Unmapped(
            f"{what} has no QuickBooks tax code for {side} of the same name, nor a single one of the same rate. Name a "
            f"tax code of {self._client.company} in QuickBooks {'like the tax in Odoo' if tax else 'No VAT'}.",
            code="tax_unmapped",
        )

    # -- names -----------------------------------------------------------------------------------------------------

    def party(self, document: Document) -> str:
        """Return the id of the customer or vendor of a document, found by its Odoo partner or created.

        A party's currency is fixed in QuickBooks: a partner invoiced in two has a second name, ending in the currency.
        """
        entity = "Customer" if document.document_type.is_sale else "Vendor"
        realm = self.realm
        foreign = realm.multicurrency and document.currency != realm.home_currency
        owner = f"{document.party.odoo_id}{'#' + document.currency if foreign else ''}"
        key = f"party#{self._client.realm}#{entity.lower()}#{document.database}#{owner}"
        known = self._remembered(key)
        if known:
            return known
        if self._dry_run:
            return _to_be_created(entity, document.party.name)
        with self._naming:
            known = self._remembered(key)
            if known:
                return known
            suffix = f" ({document.currency})" if foreign else ""
            body = _party_body(document.party, document.currency if realm.multicurrency else "", entity)
            names = _names(document.party, suffix, entity)
            identity = self._named(entity, body, "DisplayName", names, key, document.currency)
            return self._remember(key, identity)

    def item(self, account: BookAccount) -> str:
        """Return the id of the service item that books to an income account: one item per account.

        A line then lands on its own account whatever product it names; an item per product would put it on the
        product's account instead, which in Odoo a person may have changed on the line.
        """
        key = f"item#{self._client.realm}#{account.identity}"
        known = self._remembered(key)
        if known:
            return known
        if self._dry_run:
            return _to_be_created("Item", account.name)
        with self._naming:
            known = self._remembered(key)
            if known:
                return known
            name = _cleaned(f"{account.number} {account.name}")[:ITEM_NAME_LENGTH_MAX]
            body = {"Type": "Service", "IncomeAccountRef": {"value": account.identity}}
            short = name[: ITEM_NAME_LENGTH_MAX - 20]
            identity = self._named("Item", body, "Name", [name, f"{short} [{account.identity}]"], key, "")
            return self._remember(key, identity)

    def _named(self, entity: str, body: Json, name_field: str, names: list[str], key: str, currency: str) -> str:
        """Create an object under the first of the names that is free, or adopt one that is nobody else's."""
        refusal: Refused | None = None
        for name in names:
            try:
                created = self._create(entity, {**body, name_field: name}, f"{key}#{name}")
            except Refused as error:
                if error.fault.code != DUPLICATE_NAME:
                    raise
                refusal = error
                taken = error.fault.named_id
                # Without an id the name belongs to another kind (a vendor, an employee): the next name is tried.
                if taken and self._may_adopt(entity, taken, currency) and self._claim(entity, taken, key):
                    return taken
            else:
                identity = str(created["Id"])
                self._claim(entity, identity, key)
                return identity
        raise Rejected(
            f"the names {' and '.join(repr(name) for name in names)} are taken in QuickBooks by others. Rename "
            "one of them in Odoo or in QuickBooks.",
            code="name_taken",
        ) from refusal

    def _create(self, entity: str, body: Json, seed: str) -> Json:
        request_id = _request_id(seed, body)
        for tried in range(NAME_TRIES):
            try:
                return self._client.write(entity, body, request_id=request_id)
            except Refused as error:
                if ONE_NAME_AT_A_TIME not in error.fault.detail:
                    raise
                time.sleep(0.5 * 2**tried)
        # A person is working in the books: nothing is wrong with the document.
        raise Unavailable(f"Somebody is editing names in the QuickBooks books of {self._client.company}")

    def _may_adopt(self, entity: str, identity: str, currency: str) -> bool:
        rows = self._client.query(entity, f"Id = {quoted(identity)} and Active in (true, false)")
        if not rows:
            return False
        row = rows[0]
        theirs = row.get("CurrencyRef", {}).get("value", currency)
        return bool(row.get("Active", True)) and (not currency or not theirs or theirs == currency)

    def _claim(self, entity: str, identity: str, key: str) -> bool:
        """Bind an object to one Odoo partner; two partners of the same name never share one."""
        return self._memory.claim(f"owner#{self._client.realm}#{entity.lower()}#{identity}", key) == key

    def _remembered(self, key: str) -> str:
        if key not in self._known:
            kept = self._memory.value(key)
            if not kept:
                return ""
            self._known[key] = str(json.loads(kept)["id"])
        return self._known[key]

    def _remember(self, key: str, identity: str) -> str:
        self._memory.keep(key, json.dumps({"id": identity}))
        self._known[key] = identity
        return identity

    def forget(self) -> None:
        """Forget the lists: QuickBooks has just refused something in them as gone."""
        with self._reading:
            self._lists = None
            self._memory.keep(self._lists_key, "")


def _to_be_created(entity: str, name: str) -> str:
    return f"({entity} '{_cleaned(name)}', to be found or created)"


def _account(accounts: tuple[BookAccount, ...], account: Account) -> BookAccount | None:
    by_number = [each for each in accounts if account.code and each.number == account.code]
    if by_number:
        return by_number[0]
    by_name = [each for each in accounts if each.name.casefold() == account.name.casefold()]
    return by_name[0] if len(by_name) == 1 else None


def _tax_code(codes: tuple[TaxCode, ...], tax: Tax | None, *, is_sale: bool) -> TaxCode | None:
    rate = tax.rate if tax else ZERO
    same_rate = [code for code in codes if code.is_sale == is_sale and code.rate == rate]
    if tax:
        by_name = [code for code in same_rate if code.name.casefold() == tax.name.casefold()]
        if by_name:
            return by_name[0]
    elif len(same_rate) > 1:
        same_rate = [code for code in same_rate if code.name.casefold() in NO_TAX_NAMES]
    return same_rate[0] if len(same_rate) == 1 else None


def _names(party: Party, suffix: str, entity: str) -> list[str]:
    """Return the name a party gets, and those for when that is taken: with its Odoo id, which is nobody else's.

    One that is customer and vendor may need the id for both, because another partner has the plain name.
    """
    name = _cleaned(party.name)
    marks = (f" [{party.odoo_id}]{suffix}", f" [{party.odoo_id} {entity.lower()}]{suffix}")
    first = f"{name}{suffix}"
    others = [f"{name[: NAME_LENGTH_MAX - len(mark)]}{mark}" for mark in marks]
    return [first, *others] if len(first) <= NAME_LENGTH_MAX else others


def _cleaned(name: str) -> str:
    """Return a name without what QuickBooks refuses in one: colons, tabs, line breaks, outer and double spaces."""
    return " ".join(re.sub(r"[:\x00-\x1f\x7f]", " ", name).split())


def _party_body(party: Party, currency: str, entity: str) -> Json:
    body: Json = {"CompanyName": _cleaned(party.name)[:100]}
    if currency:
        body["CurrencyRef"] = {"value": currency}
    if re.fullmatch(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+", party.email) and len(party.email) <= 100:
        body["PrimaryEmailAddr"] = {"Address": party.email}
    if party.phone:
        body["PrimaryPhone"] = {"FreeFormNumber": party.phone[:30]}
    address = {
        "Line1": party.address.street[:500],
        "Line2": party.address.street2[:500],
        "City": party.address.city[:255],
        "CountrySubDivisionCode": party.address.state[:255],
        "PostalCode": party.address.postal_code[:30],
        "Country": party.address.country[:255],
    }
    filled = {name: value for name, value in address.items() if value}
    if filled:
        body["BillAddr"] = filled
    if entity == "Customer":
        body["Notes"] = f"Odoo contact {party.odoo_id}"
    return body


def _request_id(seed: str, body: Json) -> str:
    text = f"{seed}|{json.dumps(body, sort_keys=True, default=str)}"
    return f"odoo-name-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
