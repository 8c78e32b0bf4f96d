"""The two sides of a company, read from here with the settings and secrets of the functions: Odoo's and QuickBooks'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operate.deployment import Deployment
from operate.errors import WrongUse
from pipeline.domain.clock import Clock
from pipeline.domain.document import Company
from pipeline.domain.errors import NeedsAttention
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource
from pipeline.qbo.client import Client
from pipeline.qbo.limiter import Limiter
from pipeline.runtime import SystemThreads

ODOO_KEYS = ("database", "username", "password")
# What the extractor reads, and what a person loses without it. Without the last three a document has no such part.
_READ_BY_EXTRACTOR = (
    *("account.move", "account.move.line", "account.account", "account.tax", "account.journal", "res.partner"),
    *("res.currency", "ir.attachment", "product.product", "account.payment.term", "account.analytic.account"),
    "account.tax.repartition.line",
)


class GivenToken:
    """An access token that was issued just now, for a few reads."""

    def __init__(self, value: str) -> None:
        self._value = value

    def access_token(self, *, refused: str = "") -> str:  # noqa: ARG002 - there is no other one
        """Return the token."""
        return self._value


@dataclass(frozen=True, slots=True)
class BookCompany:
    """A QuickBooks company as it calls itself."""

    realm: str
    name: str
    country: str
    currency: str


def odoo_of(deployment: Deployment, secret: Mapping[str, Any] | None = None) -> Odoo:
    """Return a client of the deployment's Odoo, with its secret or a given one."""
    settings = deployment.extractor
    secret = secret or deployment.secrets.read(settings.odoo_secret_arn, ODOO_KEYS)
    return Odoo(
        settings.odoo_api_url,
        database=str(secret["database"]),
        username=str(secret["username"]),
        secret=str(secret["password"]),
        clock=deployment.clock,
    )


def odoo_company(source: OdooSource, name: str) -> Company:
    """Return a company of Odoo by its name. Raises WrongUse, naming those that the user may see."""
    found = source.companies()
    for company in found:
        if company.name == name:
            return company
    names = ", ".join(f"'{company.name}'" for company in found) or "none"
    raise WrongUse(f"Odoo shows this user no company '{name}'; it shows {names}. Name it exactly as in Odoo.")


def rights_lacking(odoo: Odoo, companies: Sequence[Company]) -> list[str]:
    """Return the models of Odoo that the user may not read, as Odoo complains of each."""
    ids = [company.odoo_id for company in companies]
    return [model for model in _READ_BY_EXTRACTOR if not _may_read(odoo, model, ids)]


def _may_read(odoo: Odoo, model: str, companies: Sequence[int]) -> bool:
    try:
        odoo.search_read(model, [], ["id"], companies=companies, limit=1, order="id asc")
    except NeedsAttention:
        return False
    return True


def client_of(deployment: Deployment, realm: str, company: str, token: str, clock: Clock) -> Client:
    """Return a client of a realm with an access token of its own."""
    threads = SystemThreads()
    tokens: Any = GivenToken(token)
    return Client(
        deployment.poster.qb_api_url, realm, company, tokens, Limiter(clock, threads), clock=clock, threads=threads
    )


def book_company(client: Client) -> BookCompany:
    """Return what a QuickBooks company says of itself: two metered reads."""
    information, preferences = client.query("CompanyInfo")[0], client.query("Preferences")[0]
    return BookCompany(
        realm=client.realm,
        name=str(information.get("CompanyName", "")),
        country=str(information.get("Country", "")),
        currency=str(preferences.get("CurrencyPrefs", {}).get("HomeCurrency", {}).get("value", "")),
    )
