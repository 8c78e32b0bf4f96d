"""Where the demo's documents come from: the Odoo stand-in with recorded documents, or a person's own Odoo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from local.demo import documents as demo_documents
from local.demo.fresh_company import UNITED_STATES, fresh_company
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.realm import Realm, TaxRate
from operate.companies import COUNTRIES
from pipeline.domain.document import Company, Document
from pipeline.domain.source import Selection
from pipeline.odoo.answers import Row
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource
from pipeline.runtime import SystemClock

VARIABLES = ("ODOO_API_URL", "ODOO_DATABASE", "ODOO_USERNAME", "ODOO_PASSWORD")
BOOKS, FRESH, MIRROR = "BOOKS", "fresh", "mirror"
PASSWORD = "demo-password"
# Documents that are in the demo to show what happens when something changes later.
CANCELLED_LATER, CHANGED_LATER = 346, 330
_ACCOUNT_TYPES = {
    "income": ("Income", "SalesOfProductIncome"),
    "income_other": ("Other Income", "OtherMiscellaneousIncome"),
    "asset_receivable": ("Accounts Receivable", "AccountsReceivable"),
    "liability_payable": ("Accounts Payable", "AccountsPayable"),
    "expense_direct_cost": ("Cost of Goods Sold", "SuppliesMaterialsCogs"),
}


@dataclass(frozen=True, slots=True)
class OdooAddress:
    """Where an Odoo is, and how to log in."""

    url: str
    database: str
    username: str
    password: str
    shown: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self | None:
        """Return the address of a person's own Odoo, or None when none of the four variables is set."""
        values = [environ.get(name, "") for name in VARIABLES]
        if not any(values):
            return None
        missing = [name for name, value in zip(VARIABLES, values, strict=True) if not value]
        if missing:
            raise SystemExit(f"To read your own Odoo, set {', '.join(VARIABLES)}; missing: {', '.join(missing)}.")
        url, database, username, password = values
        return cls(url.rstrip("/"), database, username, password, f"Odoo at {url}, database {database}, only read")

    @property
    def secret(self) -> dict[str, str]:
        """The Odoo secret as the extractor reads it."""
        return {"database": self.database, "username": self.username, "password": self.password}


@dataclass(frozen=True, slots=True)
class BooksChoice:
    """What the QuickBooks companies of a trial are: `realms` makes them from those of Odoo, `words` say it."""

    realms: Callable[[Odoo, Sequence[Company]], list[Realm]]
    words: str


def books_from_env(environ: Mapping[str, str], *, is_own: bool) -> BooksChoice:
    """Return what BOOKS asks for. Raises SystemExit for a value that it cannot have, or without a person's own Odoo."""
    name = environ.get(BOOKS, "")
    if name and not is_own:
        raise SystemExit(f"{BOOKS} is for a trial with your own Odoo: set {', '.join(VARIABLES)}, too.")
    if name and name not in CHOICES:
        raise SystemExit(f"{BOOKS} is '{name}': say {' or '.join(CHOICES)}, or leave it out for {FRESH}.")
    return CHOICES[name or FRESH]


@dataclass(slots=True)
class DemoOdoo:
    """The stand-in with the recorded documents."""

    stand_in: OdooStandIn

    @property
    def address(self) -> OdooAddress:
        """Where it is."""
        return OdooAddress(
            self.stand_in.url, "odoo_demo", "sync_ro", PASSWORD, "Recorded documents of two companies, from Odoo 18"
        )

    def change_something(self) -> None:
        """Cancel one posted invoice, and give one posted bill another reference."""
        self.stand_in.cancel(CANCELLED_LATER)
        self.stand_in.edit(CHANGED_LATER, ref="INV-999384-B")

    def close(self) -> None:
        """Stop serving."""
        self.stand_in.close()


def demo_odoo() -> DemoOdoo:
    """Return the stand-in, serving the recorded documents."""
    rows, files = demo_documents.load()
    return DemoOdoo(OdooStandIn(rows, files, version=18, password=PASSWORD))


def real_odoo(address: OdooAddress) -> Odoo:
    """Return a client of a person's own Odoo."""
    return Odoo(
        address.url,
        database=address.database,
        username=address.username,
        secret=address.password,
        clock=SystemClock(),
    )


def realms_like(odoo: Odoo, companies: Sequence[Company]) -> list[Realm]:
    """Return QuickBooks companies that have the accounts and taxes of each Odoo company.

    So the trial shows how the documents would come out where numbers and names agree; what does not fit into
    QuickBooks for other reasons is still refused.
    """
    return [_realm(odoo, number, company) for number, company in enumerate(companies, start=1)]


def fresh_realms(_odoo: Odoo, companies: Sequence[Company]) -> list[Realm]:
    """Return a QuickBooks company for each Odoo company, as new as QuickBooks makes it, of its country and currency."""
    return [
        fresh_company(company.name, country=country_of(company), currency=company.currency, number=number)
        for number, company in enumerate(companies, start=1)
    ]


def country_of(company: Company) -> str:
    """Return the country's code, or its name if the code is not known; without a country, US dollars are of the US."""
    if not company.country:
        return UNITED_STATES if company.currency == "USD" else "XX"
    return next((code for code, name in COUNTRIES.items() if name == company.country), company.country)


def _realm(odoo: Odoo, number: int, company: Company) -> Realm:
    own = [company.odoo_id]
    accounts = odoo.search_all("account.account", [], ["code", "name", "account_type"], companies=own)
    taxes = odoo.search_all("account.tax", [], ["name", "amount", "type_tax_use", "amount_type"], companies=own)
    is_us = country_of(company) == UNITED_STATES
    return Realm(
        realm_id=f"90000000000000{number:02}",
        company_name=company.name,
        country=country_of(company),
        home_currency=company.currency,
        multicurrency=True,
        sales_tax="automated" if is_us else "global",
        refresh_token=f"trial-refresh-token-{number}",
        accounts=_unique([_account(row) for row in accounts]),
        tax_rates=[] if is_us else _tax_rates(taxes),
    )


def _account(row: Row) -> dict[str, Any]:
    kind, subtype = _ACCOUNT_TYPES.get(str(row["account_type"]), ("Expense", "OtherBusinessExpenses"))
    name = " ".join(str(row["name"]).replace(":", " ").split())[:100]
    number = {"AcctNum": str(row["code"])} if row["code"] else {}
    return {"Name": name, "AccountType": kind, "AccountSubType": subtype, **number}


def _unique(accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Account names are unique in QuickBooks; Odoo repeats them under different codes.
    seen: set[str] = set()
    found = []
    for account in accounts:
        name = account["Name"]
        if name.casefold() in seen:
            name = f"{name[:80]} {account.get('AcctNum', len(seen))}"
        seen.add(name.casefold())
        found.append({**account, "Name": name})
    return found


def _tax_rates(taxes: list[Row]) -> list[TaxRate]:
    found: dict[tuple[str, str], TaxRate] = {}
    for row in taxes:
        if row["amount_type"] == "percent" and row["type_tax_use"] in ("sale", "purchase"):
            key = (str(row["name"]).casefold(), str(row["type_tax_use"]))
            found.setdefault(key, TaxRate(str(row["name"]), row["amount"], row["type_tax_use"]))
    return [*found.values(), TaxRate("No VAT", 0, "both")]  # type: ignore[arg-type]


def recorded_documents(*odoo_ids: int) -> dict[int, Document]:
    """Return some of the recorded documents by their Odoo id, as the extractor reads them."""
    odoo = demo_odoo()
    try:
        source = OdooSource(real_odoo(odoo.address))
        pages = [source.page(company, Selection(ids=odoo_ids), after_id=0, limit=len(odoo_ids))
                 for company in source.companies()]  # fmt: skip
    finally:
        odoo.close()
    return {document.odoo_id: document for page in pages for document in page.documents}


CHOICES = {
    FRESH: BooksChoice(
        fresh_realms,
        "QuickBooks is a fresh company for each of Odoo's, in its country and currency: the default accounts and "
        "terms, account numbers, multicurrency and custom transaction numbers off, Automated Sales Tax on in the US, "
        "and elsewhere no sales tax until a person sets it up.",
    ),
    MIRROR: BooksChoice(
        realms_like,
        "QuickBooks has the accounts and taxes of each Odoo company, under the same numbers and names, and "
        "multicurrency is on.",
    ),
}
