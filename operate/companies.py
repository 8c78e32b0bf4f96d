"""The two sides of a company, read from here with the settings and secrets of the functions: Odoo's and QuickBooks'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from operate.deployment import Deployment
from operate.errors import NeedsAPerson, WrongUse
from pipeline.aws.key_values import KeyValueTable
from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.errors import NeedsAttention
from pipeline.domain.history import Origin
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import Rules
from pipeline.odoo import secret as odoo_secret
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource
from pipeline.qbo.client import Client
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.realms import companies_by_realm, realm_of
from pipeline.runtime import Runtime, SystemClock, SystemThreads
from qb_poster import Poster

# A poster lives for two minutes, so nobody holds a lease for longer.
LEASE_S = 120.0
LEASE_WAITED_S = 150.0
LEASE_TRIED_EVERY_S = 5.0
# QuickBooks names a country by its code, Odoo by its name in English.
COUNTRIES = {
    "US": "United States", "CA": "Canada", "GB": "United Kingdom", "AU": "Australia", "IN": "India", "FR": "France",
    "BE": "Belgium", "NL": "Netherlands", "DE": "Germany", "ES": "Spain", "IT": "Italy", "IE": "Ireland",
    "SG": "Singapore", "ZA": "South Africa", "MX": "Mexico", "NZ": "New Zealand", "CH": "Switzerland",
}  # fmt: skip
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
    secret = secret or deployment.secrets.read(settings.odoo_secret_arn, odoo_secret.SECRET_KEYS)
    return odoo_secret.odoo_of(settings.odoo_api_url, secret, clock=deployment.clock)


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


# -- the books, as the poster opens them -----------------------------------------------------------------------------


class ReadOnlyKeyValues:
    """The stored references, only read; the lists are always new, because a person may just have changed them."""

    def __init__(self, stored: KeyValueTable) -> None:
        self._stored = stored
        self._known: dict[str, str | None] = {}

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""
        if key.endswith("#lists"):
            return None
        if key not in self._known:
            self._known[key] = self._stored.value(key)
        return self._known[key]

    def keep(self, key: str, value: str, *, expires_at: int | None = None) -> None:
        """Keep nothing."""

    def claim(self, key: str, value: str) -> str:  # noqa: ARG002 - the Protocol's signature
        """Claim nothing: everything is free."""
        return value

    def ask_contact(self, database: str, contact: int, name: str) -> None:
        """Ask nobody."""


class StillClock(SystemClock):
    """Time at rest at one instant: lists that were read once are new until the end."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        """Return the instant."""
        return self._moment


class _WithoutRules(Poster):
    """The poster's wiring. What the mapping says is looked at elsewhere: a wrong one must not keep the books closed."""

    def rules(self, company: str) -> Rules:  # noqa: ARG002 - those of every company
        """Return no rules."""
        return Rules()


@contextmanager
def opened(deployment: Deployment, company: str, clock: Clock, *, waits: bool = True) -> Iterator[Client | None]:
    """Yield a client of a company's realm with the poster's own connection, while its lease is held.

    If the poster holds the lease, wait for it, or without `waits` yield None. Raises NeedsAPerson if the poster holds
    it for longer than its own life, and Disconnected or Unavailable if the connection cannot be used.
    """
    runtime = Runtime(client=deployment.client)
    deadline = Deadline(lambda: int(LEASE_S * 1000))
    origin = Origin("oqb", "", "person")
    poster = _WithoutRules(deployment.poster, deadline, runtime, origin)
    secret = poster.secret()
    realm = realm_of(secret, company)
    shared = companies_by_realm(secret)[realm]
    lease = _lease(poster, realm, shared, clock, waits=waits)
    if lease is None:
        yield None
        return
    try:
        yield poster.open_session(lease, shared, dry_run=True).books(company).client
    finally:
        poster.key_values.release_lease(lease, clock.now())


def _lease(poster: Poster, realm: str, companies: Sequence[str], clock: Clock, *, waits: bool) -> Lease | None:
    give_up_at = clock.monotonic() + LEASE_WAITED_S
    while True:
        now = clock.now()
        until = now + timedelta(seconds=LEASE_S)
        lease = poster.key_values.take_lease(
            realm, poster.runtime.new_name(), now, until, force=True, companies=companies
        )
        if lease is not None or not waits:
            return lease
        if clock.monotonic() > give_up_at:
            raise NeedsAPerson(f"The poster is at work in the realm {realm} all the time: try again later.")
        clock.sleep(LEASE_TRIED_EVERY_S)
