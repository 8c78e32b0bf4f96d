"""One QuickBooks company with everything around it in memory, and the real poster, document by document.

It is for tests that need many small worlds in a few seconds. The demo's main run uses the handlers and embedded AWS.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from local.demo.small_files import pdf_page
from local.stand_ins.clock import StillClock
from local.stand_ins.memory import MemoryKeyValues, MemoryStore, MemoryTable, MemoryTokens
from local.stand_ins.quickbooks.books import Books
from local.stand_ins.quickbooks.realm import Realm, secret_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.alert import Failure
from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX
from pipeline.domain.commands import PostDue, RetryFailed
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import Rules
from pipeline.domain.source import Pdf, PdfSource
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.client import Client
from pipeline.qbo.issuer import IntuitIssuer
from pipeline.qbo.kept_tokens import KeptTokens
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.numbers_in_use import NumbersInUse
from pipeline.qbo.payloads import ENTITIES
from pipeline.qbo.references import References
from pipeline.qbo.tokens import Places, Tokens
from pipeline.runtime import SystemThreads
from pipeline.use_cases.extract.decide import News, decide
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.results import Results
from pipeline.use_cases.post.run import PostingRun

INVOCATION_S = 120
TOKEN_LIVES_S = 3_600
NO_RULES = Rules()


@dataclass(slots=True)
class Run:
    """What one run of the poster did and reported."""

    results: Results
    failures: list[Failure]


class SmallWorld:
    """A company of the stand-in, with a poster for it. Its clock, which begins at `now`, only moves by `wait`."""

    def __init__(self, realm: Realm, now: datetime | None = None) -> None:
        self.realm = realm
        self.quickbooks = QuickBooksStandIn([realm])
        self.quickbooks.name_edit_s = self.quickbooks.refresh_s = 0
        self._table = MemoryTable()
        self._store = MemoryStore()
        self._key_values = _NeverPaused()
        self._secret = Secret(self.quickbooks, realm)
        self._clock = StillClock(now)
        # The mapping of the company, and the companies that the QuickBooks secret knows.
        self.rules = NO_RULES
        self.companies = [realm.company_name]

    @property
    def books(self) -> Books:
        """The contents of QuickBooks."""
        return self.quickbooks.books(self.realm.realm_id)

    def arrive(self, document: Document) -> None:
        """Store a document as the extractor would: a new one, or a new version of an existing one.

        Another document with the id of one that may be in the books only makes that one's entry fail.
        """
        pdf = Pdf(pdf_page([document.number, document.party.name], title=document.number), PdfSource.PLAIN)
        previous = self._table.entry(document.entry_id)
        decision = decide(document, previous, None, self._clock.now())
        if decision.news is News.ANOTHER:
            self._table.save_extracted(decision.entry, previous=previous)
            return
        if decision.news is News.UNCHANGED:
            return
        entry = replace(decision.entry, document_key=self._store.put_document(document, decision.entry.version))
        self._table.save_extracted(entry, previous=previous)
        stored = self._store.put_pdf(entry, pdf)
        self._table.attach_pdf(replace(entry, pdf_key=stored.key, pdf_sha256=pdf.sha256, pdf_bytes=len(pdf.content)))

    def entry(self, document: Document) -> Entry:
        """Return the entry of a document."""
        return self._table.stored[document.entry_id]

    def end_of_attempts(self, document: Document) -> None:
        """Let as many attempts have ended with the function as an entry may have."""
        self._table.put(replace(self.entry(document), killed_attempts=KILLED_ATTEMPTS_MAX))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.sleep(seconds)

    def post(self, *, retry_failed: bool = False, entry_ids: tuple[str, ...] = ()) -> Run:
        """Run the poster: the sweep, or a person's retry of what has failed, of all or of some entries."""
        company = self.realm.company_name
        collaborators = Collaborators(
            table=self._table,
            store=self._store,
            leases=self._key_values,
            open_session=lambda _lease, _companies, _dry_run: _Session(self.open_books()),
            deadline=Deadline(lambda: INVOCATION_S * 1000),
            clock=self._clock,
            threads=SystemThreads(),
            random=random.Random(1),  # noqa: S311
        )
        run = PostingRun(collaborators)
        known = {self.realm.realm_id: self.companies} if self.companies else {}
        run.execute(known, RetryFailed(entry_ids, company) if retry_failed else PostDue(company if known else ""))
        return Run(run.outcomes.results, run.outcomes.failures)

    def open_books(self) -> QuickBooksBooks:
        """Return the books as a session opens them."""
        return open_books(self.quickbooks, self.realm, self.rules, secret=self._secret, key_values=self._key_values)

    def times_booked(self, document: Document) -> int:
        """Return how often a document is in the books with its PDF."""
        entry, entity = self.entry(document), ENTITIES[document.document_type]
        rows = [row for row in self.books.documents(entity) if row["Id"] == entry.qb_id]
        return sum(bool(self.books.attachables(entity, row["Id"])) for row in rows)

    def close(self) -> None:
        """Stop serving."""
        self.quickbooks.close()


def open_books(
    quickbooks: QuickBooksStandIn,
    realm: Realm,
    rules: Rules = NO_RULES,
    *,
    secret: Secret | None = None,
    key_values: MemoryKeyValues | None = None,
) -> QuickBooksBooks:
    """Return the books of a company as a session opens them, without waiting for QuickBooks' limits.

    Raises Misconfigured when the rules name what is not in them.
    """
    secret = secret or Secret(quickbooks, realm)
    clock, threads = StillClock(), SystemThreads()
    tokens = Tokens(
        Places(secret, "secret", secret.tokens, MemoryKeyValues()),
        realm.realm_id,
        [realm.company_name],
        IntuitIssuer(quickbooks.discovery_url, clock),
        clock=clock,
        threads=threads,
    )
    client = Client(
        quickbooks.url,
        realm.realm_id,
        realm.company_name,
        tokens,
        Limiter(clock, threads),
        clock=clock,
        threads=threads,
    )
    key_values = key_values or MemoryKeyValues()
    references = References(client, key_values, rules, clock=clock, threads=threads)
    references.check_rules()
    return QuickBooksBooks(client, references, NumbersInUse(client, key_values, clock))


class Secret:
    """The QuickBooks secret of one company; `tokens` has an access token it has been given."""

    def __init__(self, quickbooks: QuickBooksStandIn, realm: Realm) -> None:
        token = quickbooks.tokens.access_token(realm.realm_id)
        self._content: dict[str, Any] = secret_of([realm])
        self.tokens = MemoryTokens()
        kept = KeptTokens(token, time.time() + TOKEN_LIVES_S, realm.refresh_token)
        self.tokens.keep_tokens(realm.realm_id, kept.as_dict())

    def read(self, arn: str, required: tuple[str, ...]) -> dict[str, Any]:
        """Return it."""
        del arn, required
        return dict(self._content)

    def change(self, arn: str, change: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Replace it with the result of `change`."""
        del arn
        self._content = change(self._content)
        return self._content


class _NeverPaused(MemoryKeyValues):
    """Leases without pauses: a pause is over when the poster is invoked again."""

    def release_lease(self, lease: Lease, now: datetime, *, paused_for_s: int = 0) -> None:
        del paused_for_s
        super().release_lease(lease, now)


class _Session:
    def __init__(self, books: QuickBooksBooks) -> None:
        self._books = books
        self.recent_calls: tuple[int, ...] = ()
        self.recent_batches: tuple[int, ...] = ()
        self.calls: Counter[str] = Counter()
        self.refresh_days_left: float | None = None

    def books(self, company: str) -> QuickBooksBooks:
        del company
        return self._books
