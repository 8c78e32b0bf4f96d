"""A realm, open while its lease is held: its tokens, its call budget, its references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pipeline.domain.deadline import Deadline
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import ReplacedPdf, TypedByHand
from pipeline.domain.mapping_file import CompanyMapping
from pipeline.domain.runtime import Host
from pipeline.qbo.allowance import Allowance
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.changes import Changes
from pipeline.qbo.client import Client
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.list_watch import ListWatch
from pipeline.qbo.lists import RealmKeyValues
from pipeline.qbo.numbers_in_use import NumbersInUse
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
        mapping: Callable[[str], CompanyMapping],
        host: Host,
        dry_run: bool = False,
        deadline: Deadline | None = None,
    ) -> None:
        self._deadline = deadline
        allowance = Allowance(key_values, lease.realm, host.clock, host.threads)
        self._limiter = Limiter.of(lease, host.clock, host.threads, allowance)
        # A lost connection is noticed here, before any document is touched.
        tokens.access_token()
        self._api_url = api_url
        self._realm = lease.realm
        self._tokens = tokens
        self._key_values = key_values
        self._mapping = mapping
        self._host = host
        self._dry_run = dry_run
        self._opened: dict[str, QuickBooksBooks] = {}
        self._changes: Changes | None = None

    def books(self, company: str) -> QuickBooksBooks:
        """Return the books with a company's rules. Raises Misconfigured, naming everything wrong with the rules.

        Call it only if there is something to post: a run that only keeps the connection alive needs no rules.
        """
        if company not in self._opened:
            self._opened[company] = self._open(company)
        return self._opened[company]

    def changes(self, company: str) -> Changes:
        """Return what changed in the realm; messages name the company. No rules are needed for that."""
        if self._changes is None:
            self._changes = Changes(self._client(company), ListWatch(self._key_values, self._realm))
        return self._changes

    def _client(self, company: str) -> Client:
        return Client(
            self._api_url, self._realm, company, self._tokens, self._limiter, clock=self._host.clock,
            threads=self._host.threads, deadline=self._deadline,
        )  # fmt: skip

    def _open(self, company: str) -> QuickBooksBooks:
        mapping = self._mapping(company)
        rules = mapping.rules
        clock, threads = self._host.clock, self._host.threads
        client = self._client(company)
        references = References(client, self._key_values, rules, clock=clock, threads=threads, dry_run=self._dry_run)
        references.check_rules(mapping.errors)
        return QuickBooksBooks(
            client,
            references,
            NumbersInUse(client, self._key_values, clock),
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
        clients = [books.client for books in self._opened.values()]
        clients += [self._changes.client] if self._changes else []
        return sum((client.calls for client in clients), Counter())

    @property
    def refresh_days_left(self) -> float | None:
        """How many days the connection lasts without being used, if known."""
        return self._tokens.refresh_days_left
