"""Safeguards, each with a way to switch it off: the explorer must then find the bug, or it proves nothing.

`python -m local.simulation.mutations` tries each and says how many scenarios it took; a name tries that one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import odoo_extractor
from local.simulation.scenario import run
from pipeline.aws import poster_table, tracking_table
from pipeline.aws.entry_update import entry_update
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.poster_table import PosterTable
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain import notices
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry, make_request_id
from pipeline.domain.errors import OutcomeUnknown, Rejected
from pipeline.domain.lease import Lease
from pipeline.domain.values import replace
from pipeline.odoo.papers import Papers
from pipeline.odoo.source import OdooSource
from pipeline.qbo import books, client, finding, name_writes, names, naming
from pipeline.qbo.books import QuickBooksBooks
from pipeline.qbo.numbers_in_use import NumbersInUse
from pipeline.qbo.tokens import Tokens
from pipeline.use_cases.extract import pull as extract
from pipeline.use_cases.extract.counts import Progress
from pipeline.use_cases.extract.pull import Extraction
from pipeline.use_cases.post import paper, posting, realm_run, record, troubles
from pipeline.use_cases.post import run as run_module
from pipeline.use_cases.post.paper import Paper
from pipeline.use_cases.post.record import Record
from pipeline.use_cases.post.watch import Watch

TRIES_MAX = 1000

type Off = Callable[[], AbstractContextManager[Any]]


def _without(kind: type, name: str, result: Callable[[], Any] = lambda: None) -> Off:
    """Return a way to make a method do nothing but return something."""
    return lambda: patch.object(kind, name, lambda *_arguments, **_keywords: result())


def _constant(module: Any, name: str, value: Any) -> Off:
    return lambda: patch.object(module, name, value)


def _no_wait_before_the_look() -> AbstractContextManager[Any]:
    stack = ExitStack()
    for module in (record, troubles):
        stack.enter_context(patch.object(module, "OUTCOME_SETTLES_S", 0))
    return stack


def _no_lease() -> AbstractContextManager[Any]:
    """Let every run have the lease, and save over whatever another one has saved: either alone keeps runs apart."""

    def always(_key_values: Any, realm: str, holder: str, _now: Any, until: Any, **_how: Any) -> Lease:
        return Lease(realm, holder, until)

    return _all_of(patch.object(KeyValueTable, "take_lease", always), *_updates_without(save_id=""))


def _endless_lease() -> AbstractContextManager[Any]:
    return patch.object(run_module, "lease_until", lambda now, _remaining_s: now + timedelta(days=30))


def _no_version_check() -> AbstractContextManager[Any]:
    return _all_of(*_updates_without(version=None))


def _updates_without(**conditions: Any) -> list[AbstractContextManager[Any]]:
    """Return what leaves some conditions out of every update of an entry."""

    def careless(entry: Any, names: Any, **others: Any) -> Any:
        return entry_update(entry, names, **(others | conditions))

    return [patch.object(module, "entry_update", careless) for module in (poster_table, tracking_table)]


def _all_of(*patches: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for one in patches:
        stack.enter_context(one)
    return stack


def _cursor_first() -> AbstractContextManager[Any]:
    real = Extraction._take  # noqa: SLF001

    def forgetful(extraction: Extraction, company: Any, page: Any) -> Progress:
        with suppress(Exception):  # the bug: whatever happened to the page, the cursor goes on
            real(extraction, company, page)
        return Progress.COMPLETE

    # The daily comparison would find again what this loses: it is left with what was deleted.
    compare: Any = getattr(odoo_extractor, "compare")  # noqa: B009

    def of_known(extraction: Any, source: Any, table: Any, key_values: Any, company: Any) -> None:
        def written(_company: Any) -> dict[int, datetime]:
            seen = table.ids(source.database, company.name)
            # Set back by nothing: what a restored backup holds would be read again as well.
            return {odoo_id: seen[odoo_id].written_at for odoo_id in source.written(company).keys() & seen.keys()}

        known = SimpleNamespace(database=source.database, written=written, existing=source.existing)
        compare(extraction, known, table, key_values, company)

    stack = ExitStack()
    stack.enter_context(patch.object(odoo_extractor, "compare", of_known))
    stack.enter_context(patch.object(Extraction, "_take", forgetful))
    return stack


def _entry_before_its_document() -> AbstractContextManager[Any]:
    def hasty(extraction: Extraction, document: Document, entry: Entry, previous: Entry | None) -> Entry:
        entry = replace(entry, document_key=f"documents/{document.entry_id}/{entry.version}.json")
        extraction.table.save_extracted(entry, previous=previous)
        extraction.store.put_document(document, entry.version)
        return entry

    return patch.object(Extraction, "_save_extracted", hasty)


def _compared_by_write_date() -> AbstractContextManager[Any]:
    real: Any = Document.content_hash.fget  # type: ignore[attr-defined]

    def dated(document: Document) -> str:
        return hashlib.sha256(f"{real(document)}{document.written_at}".encode()).hexdigest()

    return patch.object(Document, "content_hash", property(dated))


def _same_id_after(**forgotten: Any) -> Off:
    """Return a way to leave something out of the request ids."""

    def forgetful(realm: str, entry: Entry, step: Any, payload_hash: str) -> str:
        return make_request_id(realm, replace(entry, **forgotten), step, payload_hash)

    def in_both() -> AbstractContextManager[Any]:
        stack = ExitStack()
        for module in (posting, paper):
            stack.enter_context(patch.object(module, "make_request_id", forgetful))
        return stack

    return in_both


def _refused_token_used_again() -> AbstractContextManager[Any]:
    real = Tokens.access_token
    return patch.object(Tokens, "access_token", lambda tokens, **_refused: real(tokens))


def _any_pdf() -> AbstractContextManager[Any]:
    return patch.object(Paper, "read", lambda paper: paper._store.pdf(paper._record.entry))  # noqa: SLF001


def _any_realm() -> AbstractContextManager[Any]:
    stack = ExitStack()
    stack.enter_context(patch.object(realm_run.RealmRun, "_check_realm", lambda *_run: None))
    stack.enter_context(patch.object(posting.Posting, "_is_in_another_realm", property(lambda _posting: False)))
    return stack


def _lost_batch_is_a_refusal() -> AbstractContextManager[Any]:
    real = QuickBooksBooks.create_together

    def careless(books: QuickBooksBooks, drafts: Any, batch_id: str) -> Any:
        refused = Rejected("it was not answered. Retry it.", code="unanswered")
        return [refused if isinstance(answer, OutcomeUnknown) else answer for answer in real(books, drafts, batch_id)]

    return patch.object(QuickBooksBooks, "create_together", careless)


def _answers_by_order() -> AbstractContextManager[Any]:
    return patch.object(client, "by_item", lambda creates, rows: [*rows, *[None] * len(creates)][: len(creates)])


def _nothing_set_back() -> AbstractContextManager[Any]:
    real = OdooSource.written
    late = datetime.max.replace(tzinfo=UTC)
    return patch.object(OdooSource, "written", lambda source, company: dict.fromkeys(real(source, company), late))


def _notices_of_nothing() -> AbstractContextManager[Any]:
    real = notices.notice_of
    return patch.object(notices, "notice_of", lambda *about: replace(real(*about), sentence="nothing"))


MUTATIONS: dict[str, Off] = {
    "a batch without an answer is thirty unknown outcomes": _lost_batch_is_a_refusal,
    "answers of a batch are known by their ids": _answers_by_order,
    "a company stays in its realm": _any_realm,
    "a renamed database is asked about": lambda: patch.object(
        odoo_extractor, "known_as", lambda named, *_, **__: named
    ),
    "an id that comes back may be another document's": lambda: patch.object(Entry, "is_another", lambda *_entry: False),
    "what a backup has set back is read again": _nothing_set_back,
    "a merged contact is followed": lambda: patch.object(naming, "takes_over", lambda *_, **__: False),
    "what carries a marker was not typed in": lambda: patch.object(finding, "_is_typed_in", lambda _row: True),
    "an id is trusted only with its proof": lambda: patch.object(Entry, "is_proven", lambda *_entry: True),
    "intent before act": _without(Record, "prepare"),
    "look before repeating": _without(QuickBooksBooks, "find"),
    "look before the first create": _without(QuickBooksBooks, "find_existing"),
    "look before an update that makes another of it": _without(QuickBooksBooks, "check_not_typed_in"),
    "a number is free only if nobody has taken it since": lambda: patch.object(
        NumbersInUse, "_changed", lambda _numbers, known, _now: known
    ),
    "look for the PDF before it is sent again": _without(QuickBooksBooks, "attachments", list),
    "wait until an outcome has settled": _no_wait_before_the_look,
    "marker, not only number": lambda: patch.object(finding, "_is_ours", lambda *_row: True),
    "one run at a time for a realm": _no_lease,
    "lease no longer than its holder lives": _endless_lease,
    "version checked on every write to an entry": _no_version_check,
    "document stored before its entry": _entry_before_its_document,
    "unfinished entries taken up again": _without(TrackingTable, "unfinished", list),
    "lookback": _constant(extract, "LOOKBACK", timedelta(0)),
    "cursor last": _cursor_first,
    "nothing is pulled into a lost table": lambda: patch.object(
        odoo_extractor, "lost_companies", lambda *_arguments: frozenset()
    ),
    "compared with Odoo once a day": lambda: patch.object(odoo_extractor, "compare", lambda *_arguments: None),
    "compared by content": _compared_by_write_date,
    "PDF compared by hash": _any_pdf,
    "lost PDF fetched again": _without(PosterTable, "ask_for_pdf"),
    "new request id after a delete": _same_id_after(generation=0),
    "new request id after a refusal": _same_id_after(refusals=0),
    "totals compared after posting": _without(QuickBooksBooks, "difference", str),
    "payments looked for before a delete": lambda: patch.object(books, "is_paid", lambda _row: False),
    "edits in QuickBooks distinguished from payments": lambda: patch.object(
        QuickBooksBooks, "is_stale", lambda *_error: False
    ),
    "tokens stored before they are used": _without(Tokens, "_keep"),
    # That the secret is changed and never overwritten does not show here any more: tokens are kept in two places.
    "refused token replaced": _refused_token_used_again,
    "reported from the table": _without(TrackingTable, "failed", list),
    "what people do in QuickBooks is watched": _without(Watch, "look"),
    "what QuickBooks refuses of a party stops no document": lambda: patch.object(
        name_writes, "without_refused", lambda body, _fault: body
    ),
    "what QuickBooks refuses of a party is noted": _without(names.PartyNames, "omitted", list),
    "an address that QuickBooks refuses stops no sale": lambda: patch.object(
        books, "without_refused_part", lambda _body, _fault: None
    ),
    "papers without pages go along": lambda: patch.object(Papers, "_with_beside", lambda _papers, one: (one, False)),
    "what was noticed is reported": _notices_of_nothing,
}


def scenarios_until_found(safeguard: str, first_seed: int = 1, tries: int = TRIES_MAX) -> int:
    """Return how many scenarios it took to find the bug with a safeguard switched off; 0 when none did."""
    with MUTATIONS[safeguard]():
        for tried in range(1, tries + 1):
            if run(first_seed + tried - 1).complaints:
                return tried
    return 0


def main() -> int:
    """Try every safeguard, on all cores; return 1 when one can be switched off unnoticed."""
    asked = sys.argv[1:] or list(MUTATIONS)
    if unknown := [name for name in asked if name not in MUTATIONS]:
        sys.exit(f"No safeguard is called {', '.join(unknown)}. There are:\n" + "\n".join(MUTATIONS))
    missed = 0
    with ProcessPoolExecutor() as pool:
        for safeguard, tried in zip(asked, pool.map(scenarios_until_found, asked), strict=True):
            missed += not tried
            print(f"{safeguard:<54}" + (f"found after {tried} scenarios" if tried else "NOT FOUND"), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
