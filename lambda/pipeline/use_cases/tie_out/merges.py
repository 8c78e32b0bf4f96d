"""What a tie-out looks up of parties that differ: whether they were merged in one system and not in the other."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from pipeline.domain.accepted_parties import acceptance_key
from pipeline.domain.document import DocumentType
from pipeline.domain.identity import make_entry_id, party_key
from pipeline.domain.tie_out.comparison import has_other_party
from pipeline.domain.tie_out.facts import JournalDocument, LedgerTransaction
from pipeline.domain.tie_out.matching import Scope, matched
from pipeline.domain.tie_out.merges import (
    LedgerParty,
    MergedIn,
    Suspect,
    is_merged_in_quickbooks,
    merge_of,
    suspects,
)
from pipeline.domain.values import replace
from pipeline.use_cases.tie_out.collaborators import Journal, KeyValues, Ledger


def with_merges(scope: Scope, ledger: Ledger, journal: Journal, key_values: KeyValues) -> Scope:
    """Return the scope with the merges of parties that one of the two systems lacks.

    Nothing is asked while all parties agree. Otherwise it is one call of Odoo, and for customers and vendors each one
    metered read for some hundred parties, and one more if any of them was never bound.
    """
    found = suspects(_differing(scope))
    if not found:
        return scope
    merged = {
        **dict.fromkeys(_in_quickbooks(found, scope, ledger, key_values), MergedIn.QUICKBOOKS),
        **dict.fromkeys(_in_odoo(found, scope, journal), MergedIn.ODOO),
    }
    keys = {suspect: acceptance_key(scope.company, suspect.odoo_name, suspect.qb_name) for suspect in merged}
    kept = key_values.values_of(list(keys.values())) if keys else {}
    merges = {
        suspect.pair: merge_of(suspect, merged_in, kept.get(keys[suspect])) for suspect, merged_in in merged.items()
    }
    return replace(scope, merges=merges)


def _differing(scope: Scope) -> Iterator[tuple[JournalDocument, LedgerTransaction]]:
    by_document, _ = matched(scope)
    for document in scope.documents:
        if not document.is_posted:
            continue
        elsewhere = scope.elsewhere.get(make_entry_id(scope.database, document.odoo_id))
        for transaction in (*by_document.get(document.odoo_id, ()), *([elsewhere] if elsewhere else ())):
            if has_other_party(document, transaction, scope.names):
                yield document, transaction


def _in_quickbooks(found: list[Suspect], scope: Scope, ledger: Ledger, key_values: KeyValues) -> Iterator[Suspect]:
    in_use: defaultdict[bool, set[str]] = defaultdict(set)
    for transaction in scope.transactions:
        in_use[transaction.document_type.is_sale].add(transaction.party_id)
    for is_sale in (True, False):
        some = [suspect for suspect in found if suspect.pair.is_sale is is_sale]
        bound = {suspect: _bound(suspect, scope, key_values) for suspect in some}
        ids = {qb_id for ids in bound.values() for qb_id in ids}
        names = {name for suspect in some if not bound[suspect] for name in _names(suspect)}
        parties = ledger.parties(is_sale=is_sale, ids=ids, names=names) if ids or names else []
        for suspect in some:
            if is_merged_in_quickbooks(suspect, bound[suspect], _of(suspect, bound[suspect], parties), in_use[is_sale]):
                yield suspect


def _bound(suspect: Suspect, scope: Scope, key_values: KeyValues) -> set[str]:
    """Return the ids in QuickBooks that a contact was bound to when its documents were posted."""
    place = party_key(scope.realm, suspect.entity, scope.database, suspect.pair.odoo_id)
    keys = [
        place if currency == scope.home_currency else f"{place}#{currency}" for currency in sorted(suspect.currencies)
    ]
    return {str(json.loads(text)["id"]) for text in key_values.values_of(keys).values()}


def _names(suspect: Suspect) -> tuple[str, str]:
    return suspect.odoo_name, f"{suspect.odoo_name} (deleted)"


def _of(suspect: Suspect, bound: set[str], parties: list[LedgerParty]) -> list[LedgerParty]:
    names = {name.casefold() for name in _names(suspect)} if not bound else set()
    return [party for party in parties if party.qb_id in bound or party.name.casefold() in names]


def _in_odoo(found: list[Suspect], scope: Scope, journal: Journal) -> Iterator[Suspect]:
    owners = {
        suspect: scope.names.owner_of(
            DocumentType.INVOICE if suspect.pair.is_sale else DocumentType.BILL, suspect.pair.qb_id
        )
        for suspect in found
    }
    asked = {owner for suspect, owner in owners.items() if owner not in (0, suspect.pair.odoo_id)}
    existing = journal.existing_contacts(asked) if asked else set()
    for suspect, owner in owners.items():
        if owner in asked and owner != suspect.pair.odoo_id and owner not in existing:
            yield suspect
