"""A realm, open while its lease is held: its tokens, its call budget, its references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import Misconfigured
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import ReplacedPdf, Rules, TypedByHand
from pipeline.domain.runtime import Host
from pipeline.qbo.allowance import Allowance
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.client import Client
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.lists import RealmKeyValues
from pipeline.qbo.references import References
from pipeline.qbo.tokens import Tokens


class QuickBooksSession:
    """Everything that belongs to one realm while its lease is held: tokens, call budget, and books."""

    def __init__(
        self,
        lease: Lease,
        *,
        api_url: str,
        tokens: Tokens,
        key_values: RealmKeyValues,
        rules: Callable[[str], Rules],
        host: Host,
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> None:
        self._deadline = deadline
        age_s = (host.clock.now() - lease.recent_at).total_seconds() if lease.recent_at else 0.0
        self._limiter = Limiter(
            host.clock,
            host.threads,
            recent_calls=lease.recent_calls,
            recent_batches=lease.recent_batches,
            recent_age_s=max(0.0, age_s),
            allowance=Allowance(key_values, lease.realm, host.clock, host.threads),
        )
        # A lost connection is noticed here, before any document is touched.
        tokens.access_token()
        self._api_url = api_url
        self._realm = lease.realm
        self._tokens = tokens
        self._key_values = key_values
        self._rules = rules
        self._host = host
        self._dry_run = dry_run
        self._opened: dict[str, QuickBooksBooks] = {}

    def books(self, company: str) -> QuickBooksBooks:
        """Return the books with a company's rules. Raises Misconfigured, naming everything wrong with the rules.

        Call it only if there is something to post: a run that only keeps the connection alive needs no rules.
        """
        if company not in self._opened:
            self._opened[company] = self._open(company)
        return self._opened[company]

    def _open(self, company: str) -> QuickBooksBooks:
        rules = self._rules(company)
        clock, threads = self._host.clock, self._host.threads
        client = Client(
            self._api_url, self._realm, company, self._tokens, self._limiter, clock=clock, threads=threads,
            deadline=self._deadline,
        )  # fmt: skip
        references = References(client, self._key_values, rules, clock=clock, threads=threads, dry_run=self._dry_run)
        references.check_rules()
        return QuickBooksBooks(
            client,
            references,
            adopts_typed=rules.typed_by_hand is TypedByHand.ADOPT,
            keeps_replaced_files=rules.replaced_pdf is ReplacedPdf.KEEP,
        )

    @property
    def recent_calls(self) -> tuple[int, ...]:
        """The number of calls in each of the last sixty seconds, the latest first."""
        return self._limiter.recent_calls

    @property
    def recent_batches(self) -> tuple[int, ...]:
        """The number of batches in each of the last sixty seconds, the latest first."""
        return self._limiter.recent_batches

    @property
    def calls(self) -> Counter[str]:
        """How many calls were made, by kind."""
        return sum((books.client.calls for books in self._opened.values()), Counter())

    @property
    def refresh_days_left(self) -> float | None:
        """How many days the connection lasts without being used, if known."""
        return self._tokens.refresh_days_left


def realm_of(secret: Mapping[str, Any], company: str) -> str:
    """Return the realm of a company. Raises Misconfigured if the secret names none."""
    realm = secret["realm_ids"].get(company) if isinstance(secret["realm_ids"], dict) else None
    if not realm:
        raise Misconfigured(f"The company '{company}' has no realm in the QuickBooks secret under realm_ids.")
    return str(realm)


def companies(secret: Mapping[str, Any]) -> list[str]:
    """Return the companies that have a realm. Raises Misconfigured if `realm_ids` is not a map."""
    if not isinstance(secret["realm_ids"], dict):
        raise Misconfigured("In the QuickBooks secret, realm_ids must map companies to realms.")
    return sorted(secret["realm_ids"])


def companies_by_realm(secret: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the companies of each realm. Several may share one, like a parent and its branches.

    A company without a realm is listed under its own name: opening it reports what is missing.
    """
    found: dict[str, list[str]] = {}
    for company in companies(secret):
        found.setdefault(str(secret["realm_ids"][company] or company), []).append(company)
    return found
