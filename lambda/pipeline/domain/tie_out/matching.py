"""What was read of one company and month, and which transaction is of which document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, timedelta
from decimal import Decimal

from pipeline.domain.document import DocumentType
from pipeline.domain.identity import make_entry_id, odoo_id_of
from pipeline.domain.tie_out.comparison import expected_dates, same_party
from pipeline.domain.tie_out.facts import (
    EntryState,
    JournalDocument,
    LedgerTransaction,
    Names,
    OdooState,
    PdfSizes,
    Policies,
)
from pipeline.domain.tie_out.merges import Merge, Pair, pair_of
from pipeline.domain.tie_out.month import Month
from pipeline.domain.values import dataclass

# More ids of a type are not looked up one by one: so many missing documents are one fault, not thousands.
LOOKED_UP_MAX = 1_000
# A document is pulled every quarter of an hour, and Odoo's own transaction may take minutes. Of a slower schedule the
# extractor's cursor tells.
PULLED_WITHIN = timedelta(hours=1)
_NO_POLICIES = Policies()

type Place = tuple[DocumentType, str]
# Posted documents, by type, total and date.
type Alike = Mapping[tuple[DocumentType, Decimal, date], Sequence[JournalDocument]]
# Transactions that people typed in, by type, number and total.
type TypedIn = Mapping[tuple[DocumentType, str, Decimal], Sequence[LedgerTransaction]]


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything that was read of one company and month. `began_at` is when reading began.

    `entries` are by entry id, `elsewhere` are transactions dated outside the month by entry id, `in_odoo` are documents
    by Odoo id that transactions of this month are of but that are not in Odoo's month, `pdfs` are by type and
    QuickBooks id, None where they are not known. `not_looked_up` are entries that are not in the month and too many to
    look up.
    """

    company: str
    month: Month
    database: str
    realm: str
    home_currency: str
    began_at: datetime
    documents: Sequence[JournalDocument]
    transactions: Sequence[LedgerTransaction]
    entries: Mapping[str, EntryState]
    names: Names
    elsewhere: Mapping[str, LedgerTransaction] = field(default_factory=dict)
    not_looked_up: frozenset[str] = frozenset()
    in_odoo: Mapping[int, OdooState] = field(default_factory=dict)
    pdfs: Mapping[Place, PdfSizes | None] | None = None
    policies: Policies = _NO_POLICIES
    # Up to when the extractor has read Odoo; None if it never has.
    read_to: datetime | None = None
    # Other companies with the same realm, as branches have: what is theirs is in their own tie-outs.
    neighbours: frozenset[str] = frozenset()
    # Merges of parties that one of the two systems lacks.
    merges: Mapping[Pair, Merge] = field(default_factory=dict)

    @property
    def pulled_to(self) -> datetime:
        """Up to when what was written in Odoo must have been pulled. What was written later may wait to be."""
        soon = self.began_at - PULLED_WITHIN
        return min(soon, self.read_to) if self.read_to else soon


def merge_between(scope: Scope, document: JournalDocument, transaction: LedgerTransaction) -> Merge | None:
    """Return the merge that moved a document to the party its transaction is on, or None."""
    return scope.merges.get(pair_of(document, transaction))


def unmatched_ids(scope: Scope) -> set[int]:
    """Return the Odoo ids of transactions whose document is not in Odoo's month."""
    known = {document.odoo_id for document in scope.documents}
    _, rest = matched(scope)
    return {_marked(transaction, scope) for transaction in rest} - known - {0}


def missing_entries(scope: Scope) -> list[EntryState]:
    """Return the entries of posted documents that say where they are in this realm, but are not there this month."""
    by_document, _ = matched(scope)
    entries = (
        scope.entries.get(make_entry_id(scope.database, document.odoo_id))
        for document in scope.documents
        if document.odoo_id not in by_document
    )
    there = (entry for entry in entries if entry and entry.qb_id and not entry.has_successor)
    return [entry for entry in there if entry.realm in ("", scope.realm)]


def matched(scope: Scope) -> tuple[dict[int, list[LedgerTransaction]], list[LedgerTransaction]]:
    """Return the transactions of each document of the month by Odoo id, and the others.

    The marker decides. A person may have removed it, or written another one over it: a document whose marker is on no
    transaction is where its entry says.
    """
    known = {document.odoo_id for document in scope.documents}
    marked = [_marked(transaction, scope) for transaction in scope.transactions]
    found = set(marked)
    places = {
        (document.document_type, entry.qb_id): document.odoo_id
        for document in scope.documents
        if document.odoo_id not in found
        and (entry := scope.entries.get(make_entry_id(scope.database, document.odoo_id))) is not None
        and entry.realm in ("", scope.realm)
        and not entry.has_successor
    }
    by_document: defaultdict[int, list[LedgerTransaction]] = defaultdict(list)
    rest = []
    for transaction, by_marker in zip(scope.transactions, marked, strict=True):
        odoo_id = places.get(place_of(transaction), by_marker)
        entry = scope.entries.get(transaction.entry_id)
        if odoo_id in known and not (entry and entry.is_of_former(transaction.qb_id)):
            by_document[odoo_id].append(transaction)
        else:
            rest.append(transaction)
    return dict(by_document), rest


def own_entries(scope: Scope) -> dict[Place, EntryState | None]:
    """Return the entry of every transaction that the pipeline has posted, with or without its marker."""
    by_document, rest = matched(scope)
    own = {
        place_of(transaction): scope.entries.get(make_entry_id(scope.database, odoo_id))
        for odoo_id, transactions in by_document.items()
        for transaction in transactions
    }
    marked = [transaction for transaction in rest if transaction.entry_id]
    return own | {place_of(transaction): scope.entries.get(transaction.entry_id) for transaction in marked}


def place_of(transaction: LedgerTransaction) -> Place:
    """Return what tells a transaction from all others of a realm: its type and its id."""
    return transaction.document_type, transaction.qb_id


def is_of(entry_id: str, database: str) -> bool:
    """Whether an entry is of a document of this Odoo database."""
    return entry_id.rpartition("-account.move-")[0] == database


def typed_in(rest: Sequence[LedgerTransaction]) -> TypedIn:
    """Return what people typed in, by what a document must share with it: a month may have thousands of both."""
    typed: defaultdict[tuple[DocumentType, str, Decimal], list[LedgerTransaction]] = defaultdict(list)
    for transaction in rest:
        if transaction.doc_number and not transaction.entry_id:
            key = (transaction.document_type, transaction.doc_number.casefold(), transaction.total)
            typed[key].append(transaction)
    return typed


def copies_of(document: JournalDocument, typed: TypedIn) -> list[LedgerTransaction]:
    """Return what a person typed in although the pipeline posted it as well."""
    number = document.number if document.document_type.is_sale else document.reference
    same = typed.get((document.document_type, number.casefold(), document.total), ())
    return [transaction for transaction in same if same_party(document, transaction)]


def documents_alike(scope: Scope) -> Alike:
    """Return the posted documents of the month by what a transaction shares with one that was copied of it."""
    alike: defaultdict[tuple[DocumentType, Decimal, date], list[JournalDocument]] = defaultdict(list)
    for document in scope.documents:
        if document.is_posted:
            for day in expected_dates(document):
                alike[document.document_type, document.total, day].append(document)
    return alike


def documents_like(transaction: LedgerTransaction, alike: Alike) -> list[JournalDocument]:
    """Return the documents of the party, the date and the total of a transaction, whatever its number."""
    same = alike.get((transaction.document_type, transaction.total, transaction.dated_on), ())
    return [document for document in same if same_party(document, transaction)]


def _marked(transaction: LedgerTransaction, scope: Scope) -> int:
    """Return the Odoo id that a transaction's marker names, or 0."""
    return odoo_id_of(transaction.entry_id) if is_of(transaction.entry_id, scope.database) else 0
