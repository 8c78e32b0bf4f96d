"""A company's books, opened for as long as its lease is held: its tokens, its call budget, its references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from pipeline.domain.errors import Misconfigured
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import ReplacedPdf, Rules, TypedByHand
from pipeline.domain.runtime import Host
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.client import Client
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.lists import KeyValues
from pipeline.qbo.references import References
from pipeline.qbo.tokens import Tokens


class QuickBooksSession:
    """Everything that belongs to one company for as long as its lease is held."""

    def __init__(
        self,
        lease: Lease,
        *,
        api_url: str,
        realm: str,
        tokens: Tokens,
        key_values: KeyValues,
        rules: Callable[[], Rules],
        host: Host,
        dry_run: bool = False,
    ) -> None:
        age_s = (host.clock.now() - lease.recent_at).total_seconds() if lease.recent_at else 0.0
        limiter = Limiter(host.clock, host.threads, recent_calls=lease.recent_calls, recent_age_s=max(0.0, age_s))
        # A connection that is gone shows here, before any document is touched.
        tokens.access_token()
        self._tokens = tokens
        self._client = Client(api_url, realm, lease.company, tokens, limiter, clock=host.clock, threads=host.threads)
        self._key_values = key_values
        self._rules = rules
        self._host = host
        self._dry_run = dry_run

    @cached_property
    def books(self) -> QuickBooksBooks:
        """The books, with the company's rules; raises Misconfigured, naming all that is wrong with those.

        Opened when there is something to post: a run that only keeps the connection alive needs no rules.
        """
        rules = self._rules()
        references = References(
            self._client,
            self._key_values,
            rules,
            clock=self._host.clock,
            threads=self._host.threads,
            dry_run=self._dry_run,
        )
        references.check_rules()
        return QuickBooksBooks(
            self._client,
            references,
            adopts_typed=rules.typed_by_hand is TypedByHand.ADOPT,
            keeps_replaced_files=rules.replaced_pdf is ReplacedPdf.KEEP,
        )

    @property
    def recent_calls(self) -> tuple[int, ...]:
        """How many calls were made in each of the last sixty seconds, the latest first."""
        return self._client.limiter.recent_calls

    @property
    def calls(self) -> Counter[str]:
        """How many calls were made, by kind."""
        return self._client.calls

    @property
    def refresh_days_left(self) -> float | None:
        """How many days the connection lives on without being used, where it is known."""
        return self._tokens.refresh_days_left


def realm_of(secret: Mapping[str, Any], company: str) -> str:
    """Return the realm of a company; raises Misconfigured when the secret names none."""
    realm = secret["realm_ids"].get(company) if isinstance(secret["realm_ids"], dict) else None
    if not realm:
        raise Misconfigured(f"The company '{company}' has no realm in the QuickBooks secret under realm_ids.")
    return str(realm)


def companies(secret: Mapping[str, Any]) -> list[str]:
    """Return the companies that have a realm; raises Misconfigured when `realm_ids` is not a map."""
    if not isinstance(secret["realm_ids"], dict):
        raise Misconfigured("In the QuickBooks secret, realm_ids must map companies to realms.")
    return sorted(secret["realm_ids"])
