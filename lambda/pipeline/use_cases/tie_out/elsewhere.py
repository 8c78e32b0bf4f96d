"""What a tie-out looks up beside the month itself: documents that are dated otherwise, and files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

from pipeline.domain.document import DocumentType
from pipeline.domain.identity import make_entry_id
from pipeline.domain.tie_out.facts import LedgerTransaction, PdfSizes
from pipeline.domain.tie_out.matching import LOOKED_UP_MAX, Place, Scope, missing_entries, own_entries, place_of
from pipeline.domain.tie_out.month import Month
from pipeline.domain.values import replace
from pipeline.use_cases.tie_out.collaborators import File, Ledger, Reports

# For documents that are not looked up by id, the months are read in which most of the others are dated.
MONTHS_READ_MAX = 2


def with_elsewhere(scope: Scope, ledger: Ledger, unread: Collection[DocumentType] = ()) -> Scope:
    """Look up what should be in the month and is not: it may be dated otherwise, or a page has shifted.

    A thousand of a type are looked up by their ids. More may be missing, as when the month was closed in the books
    before it was posted. Then the months that the first ones are dated in are read as well, at a call for a thousand.
    What is in none of them is in `not_looked_up`. The `unread` types are not asked about.
    """
    kinds = {make_entry_id(scope.database, document.odoo_id): document.document_type for document in scope.documents}
    wanted: defaultdict[DocumentType, dict[str, str]] = defaultdict(dict)
    for entry in missing_entries(scope):
        if kinds[entry.entry_id] not in unread:
            wanted[kinds[entry.entry_id]][entry.qb_id] = entry.entry_id
    elsewhere: dict[str, LedgerTransaction] = {}
    overlooked: list[LedgerTransaction] = []
    not_looked_up: set[str] = set()
    for kind, ids in wanted.items():
        asked = sorted(ids)
        found = ledger.by_ids(kind, asked[:LOOKED_UP_MAX])
        rest = set(asked[LOOKED_UP_MAX:])
        for transaction in _of_months(kind, rest, found, scope.month, ledger):
            found.append(transaction)
            rest.discard(transaction.qb_id)
        not_looked_up |= {ids[qb_id] for qb_id in rest}
        overlooked += [transaction for transaction in found if transaction.dated_on in scope.month]
        elsewhere |= {
            ids[transaction.qb_id]: transaction for transaction in found if transaction.dated_on not in scope.month
        }
    transactions = (*scope.transactions, *overlooked)
    return replace(scope, elsewhere=elsewhere, transactions=transactions, not_looked_up=frozenset(not_looked_up))


def _of_months(
    kind: DocumentType, ids: set[str], like: Sequence[LedgerTransaction], but: Month, ledger: Ledger
) -> Iterator[LedgerTransaction]:
    """Yield the transactions with some ids that are dated in the months in which most of `like` are."""
    months = Counter(Month.of(transaction.dated_on) for transaction in like)
    months.pop(but, None)
    missing = set(ids)
    for month, _ in months.most_common(MONTHS_READ_MAX):
        start, is_last = 1, not missing
        while not is_last:
            page, is_last = ledger.page(kind, month, start=start)
            start += len(page)
            found = [transaction for transaction in page if transaction.qb_id in missing]
            missing -= {transaction.qb_id for transaction in found}
            is_last = is_last or not missing
            yield from found


def pdf_sizes(scope: Scope, ledger: Ledger, reports: Reports) -> dict[Place, PdfSizes | None]:
    """Return the sizes of the PDFs of everything the pipeline has posted, None where they were not looked up."""
    entries = own_entries(scope)
    own = [transaction for transaction in scope.transactions if place_of(transaction) in entries]
    files: dict[Place, Sequence[File]] = dict(ledger.files(own))
    # A file that was replaced later is not among those made with the transactions.
    later = sorted(entry.attachable_id for place, entry in entries.items()
                   if entry and entry.attachable_id and place not in files)  # fmt: skip
    for place, found in ledger.files_by_ids(later[:LOOKED_UP_MAX]).items():
        # A person may have moved it to a document that has files of its own.
        files.setdefault(place, found)
    unknown = set(later[LOOKED_UP_MAX:])
    filed = reports.pdf_sizes(entry.pdf_key for entry in entries.values() if entry and entry.pdf_key)
    return {
        place: PdfSizes(
            filed.get(entry.pdf_key) if entry else None, tuple(file.size_bytes for file in files.get(place, ()))
        )
        if place in files or entry is None or entry.attachable_id not in unknown
        else None
        for place, entry in entries.items()
    }
