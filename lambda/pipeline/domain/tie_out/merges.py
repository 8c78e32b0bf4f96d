"""Parties that were merged in one system and not in the other, and the documents that are on the other party by it.

A merge leaves the amounts as they are and moves every document of one party to another. QuickBooks keeps the merged one
as inactive, or does not answer for it any more; Odoo removes the contact and touches no write date. What makes it a
merge is the party that is left: it is gone or inactive, and none of the month's documents is on it. While it is active
a document on another party is a difference like any other.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from pipeline.domain.accepted_parties import read_acceptance
from pipeline.domain.quoting import plain_line
from pipeline.domain.remedies import argument
from pipeline.domain.tie_out.facts import JournalDocument, LedgerTransaction
from pipeline.domain.values import dataclass

# More pairs of parties are not looked up: so many are no merges, but a fault.
PAIRS_MAX = 200
NUMBERS_SHOWN_MAX = 20


class MergedIn(StrEnum):
    """The system in which two parties were merged."""

    ODOO = "Odoo"
    QUICKBOOKS = "QuickBooks"


@dataclass(frozen=True, slots=True)
class Pair:
    """A contact of Odoo and the other party that its documents are on in QuickBooks."""

    is_sale: bool
    odoo_id: int
    qb_id: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A pair that may be a merge, with both names and the currencies of its documents."""

    pair: Pair
    odoo_name: str
    qb_name: str
    currencies: frozenset[str]

    @property
    def entity(self) -> str:
        """What the party is in QuickBooks."""
        return "Customer" if self.pair.is_sale else "Vendor"


@dataclass(frozen=True, slots=True)
class LedgerParty:
    """A customer or vendor as it is in QuickBooks."""

    qb_id: str
    name: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge that one system lacks. `accepted` says who accepts it, when and why; it is empty while nobody does."""

    word: str
    odoo_party: str
    booked_party: str
    merged_in: MergedIn
    accepted: str = ""

    @property
    def sentence(self) -> str:
        """What happened, and whether a person accepts it."""
        if self.merged_in is MergedIn.QUICKBOOKS:
            said = (
                f"In QuickBooks the {self.word} {self.odoo_party} was merged into {self.booked_party}: it is not "
                "active there any more, and all its documents of the month are on the other."
            )
        else:
            said = (
                f"In Odoo the contact {self.booked_party} was merged into {self.odoo_party}: it is not there any more, "
                f"and in QuickBooks its documents are on the {self.word} of the old name."
            )
        return f"{said} {self.accepted}".strip()

    def documents(self, numbers: Sequence[str]) -> str:
        """Say which documents it is about, at most twenty by number."""
        shown = ", ".join(number or "without number" for number in numbers[:NUMBERS_SHOWN_MAX])
        more = len(numbers) - NUMBERS_SHOWN_MAX
        count = "One document" if len(numbers) == 1 else f"{len(numbers)} documents"
        return f"{count}: {shown}{f' and {more} more' if more > 0 else ''}."

    def command(self, company: str) -> str:
        """Return the command that accepts it for all of its documents."""
        names = f"--party {_quoted(self.odoo_party)} --into {_quoted(self.booked_party)}"
        return f'./oqb accept --company {argument(company)} {names} --because "…"'


def suspects(sides: Iterable[tuple[JournalDocument, LedgerTransaction]]) -> list[Suspect]:
    """Return the pairs of parties of documents whose party differs, at most `PAIRS_MAX`."""
    currencies: defaultdict[Pair, set[str]] = defaultdict(set)
    names: dict[Pair, tuple[str, str]] = {}
    for document, transaction in sides:
        pair = pair_of(document, transaction)
        currencies[pair].add(document.currency)
        names.setdefault(pair, (document.party.strip(), transaction.party.strip()))
    return [Suspect(pair, *names[pair], frozenset(currencies[pair])) for pair in list(names)[:PAIRS_MAX]]


def pair_of(document: JournalDocument, transaction: LedgerTransaction) -> Pair:
    """Return the pair of parties of a document and its transaction."""
    return Pair(document.document_type.is_sale, document.party_id, transaction.party_id)


def is_merged_in_quickbooks(
    suspect: Suspect, bound: Collection[str], parties: Sequence[LedgerParty], in_use: Collection[str]
) -> bool:
    """Whether the party that a contact had in QuickBooks was merged into the one its documents are on.

    `bound` are the ids that the contact was bound to, `parties` those of these ids or of its name that QuickBooks
    answers with, `in_use` the parties of the month's transactions of that kind.
    """
    former = set(bound) - {suspect.pair.qb_id}
    others = [party for party in parties if party.qb_id != suspect.pair.qb_id]
    known = former | {party.qb_id for party in others}
    if not known or known & set(in_use):
        return False
    return not any(party.is_active for party in others)


def merge_of(suspect: Suspect, merged_in: MergedIn, kept: str | None) -> Merge:
    """Return a merge; `kept` is what a person's acceptance of it is stored as, if there is one."""
    word = "customer" if suspect.pair.is_sale else "vendor"
    return Merge(word, suspect.odoo_name, suspect.qb_name, merged_in, _accepted(kept))


def by_merge(merges: Iterable[tuple[Merge, str]]) -> Mapping[Merge, list[str]]:
    """Return the numbers of the documents of each merge."""
    found: defaultdict[Merge, list[str]] = defaultdict(list)
    for merge, number in merges:
        found[merge].append(number)
    return found


def _accepted(kept: str | None) -> str:
    read = read_acceptance(kept)
    return f"Accepted by {read.by} on {read.at:%Y-%m-%d}: {read.because}" if read else ""


def _quoted(name: str) -> str:
    return shlex.quote(name) if plain_line(name) == name else '"…"'


def is_party(field: str) -> bool:
    """Whether a difference is one of the party."""
    return field in ("customer", "vendor")
