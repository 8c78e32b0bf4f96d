"""Where the demo's documents come from: the Odoo stand-in with recorded documents, or a person's own Odoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from local.demo import documents as demo_documents
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.realm import Realm, TaxRate
from pipeline.domain.document import Document
from pipeline.domain.source import Selection
from pipeline.odoo.answers import Row
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource
from pipeline.runtime import SystemClock

VARIABLES = ("ODOO_API_URL", "ODOO_DATABASE", "ODOO_USERNAME", "ODOO_PASSWORD")
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


def realms_like(odoo: Odoo) -> list[Realm]:
    """Return QuickBooks companies that have the accounts and taxes of each Odoo company.

    So the trial shows how the documents would come out where numbers and names agree; what does not fit into
    QuickBooks for other reasons is still refused.
    """
    companies = odoo.search_read(
        "res.company", [], ["name", "currency_id", "country_id"], companies=[], limit=20, order="id asc"
    )
    return [_realm(odoo, number, company) for number, company in enumerate(companies, start=1)]


def _realm(odoo: Odoo, number: int, company: Row) -> Realm:
    own = [company["id"]]
    accounts = odoo.search_all("account.account", [], ["code", "name", "account_type"], companies=own)
    taxes = odoo.search_all("account.tax", [], ["name", "amount", "type_tax_use", "amount_type"], companies=own)
    is_us = bool(company["country_id"]) and company["country_id"][1] == "United States"
    return Realm(
        realm_id=f"90000000000000{number:02}",
        company_name=str(company["name"]),
        country="US" if is_us else "XX",
        home_currency=str(company["currency_id"][1]),
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
