"""The tie-out of one company and month: read, compare, write the report."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from pipeline.domain.document import Company, DocumentType
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import Misconfigured, OutOfTime, PipelineError, Throttled, Unavailable
from pipeline.domain.identity import ENTRY_ID, make_entry_id, party_key
from pipeline.domain.lease import Lease, lease_until
from pipeline.domain.mapping import ClosedPeriod, Receipts, Rules
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.classify import Pair, classify
from pipeline.domain.tie_out.comparison import same_party
from pipeline.domain.tie_out.facts import EntryState, Names, Policies, Unread
from pipeline.domain.tie_out.findings import closed_since
from pipeline.domain.tie_out.matching import Scope, unmatched_ids
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.numbers import (
    GAPS_LOOKED_UP_MAX,
    SERIES_LOOKED_UP_MAX,
    begun_before,
    missing_before,
    missing_count,
    missing_numbers,
    number_gaps,
)
from pipeline.domain.tie_out.sums import sums, unexplained
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.domain.values import replace
from pipeline.use_cases.tie_out.collaborators import Collaborators, Ledger
from pipeline.use_cases.tie_out.elsewhere import pdf_sizes, with_elsewhere
from pipeline.use_cases.tie_out.merges import with_merges
from pipeline.use_cases.tie_out.reading import PAGE_ALLOWANCE_S, Reader, Reading

# The poster holds a realm for seconds when little is due, and for two minutes at most.
LEASE_TRIES = 24
LEASE_WAIT_S = 5.0
# If a realm was not free for this long, over several runs, the month is not known: the newest report would only grow
# old.
LEASE_PATIENCE = timedelta(hours=1)
THROTTLED_FOR_S = 60
# This many parties with another name in QuickBooks are named in the report. The others are counted.
RENAMED_SHOWN_MAX = 20
# A message names its document first, which the report has named already.
_OWN_TITLE = re.compile(r"\A[a-z ]+ .{1,600}? \(-?[\d,.]+ [A-Z]{3}\): ", re.DOTALL)


class Comparison:
    """The work on one company and month. `metered_reads` counts what QuickBooks was asked."""

    def __init__(self, collaborators: Collaborators, company: Company, month: Month) -> None:
        self._with = collaborators
        self._company = company
        self._month = month
        self._reader = Reader(collaborators, company, month)

    def run(self) -> TieOut | None:
        """Return the tie-out, or None if time ran out and the next run goes on.

        What cannot be read is not known. Then the tie-out says why, and has no figures that could look like an answer.
        """
        try:
            realm = self._realm()
            rules = self._with.rules(self._company.name)
            self._reader.read_journal()
            return self._compared(realm, rules)
        except OutOfTime:
            self._reader.keep()
            return None
        except PipelineError as error:
            return self._not_known(str(error))

    def _realm(self) -> str:
        realm = self._with.realm_of(self._company.name)
        if not realm:
            raise Misconfigured(
                f"The company {self._company.name} has no realm in the QuickBooks secret, so there are no books to "
                "compare with."
            )
        return realm

    def _compared(self, realm: str, rules: Rules) -> TieOut:
        lease = self._take(realm)
        ledger, paused_for_s = None, 0
        try:
            ledger = self._with.open_ledger(lease, self._company)
            self._reader.read_ledger(ledger)
            found = self._found(realm, rules, ledger)
        except (Throttled, Unavailable) as error:
            paused_for_s = error.wait_s or (THROTTLED_FOR_S if isinstance(error, Throttled) else 0)
            raise
        finally:
            now = self._with.clock.now()
            if ledger is not None:
                lease = replace(lease, recent_calls=ledger.recent_calls, recent_at=now)
                reading = self._reader.reading
                reads = reading.metered_reads + ledger.metered_reads
                self._reader.reading = replace(reading, metered_reads=reads)
            self._with.key_values.release_lease(lease, now, paused_for_s=paused_for_s)
        return replace(found, metered_reads=self._reader.reading.metered_reads)

    def _take(self, realm: str) -> Lease:
        """Take the realm's lease. Raises OutOfTime if the poster holds it, or has paused the realm, all the time.

        It waits two minutes, and only while there is time for a page after that.
        """
        clock = self._with.clock
        for _ in range(LEASE_TRIES):
            now = clock.now()
            until = lease_until(now, self._with.deadline.remaining_s)
            lease = self._with.key_values.take_lease(realm, self._with.holder, now, until, force=False)
            if lease is not None:
                return lease
            if not self._with.deadline.allows(LEASE_WAIT_S + PAGE_ALLOWANCE_S):
                break
            clock.sleep(LEASE_WAIT_S)
        if clock.now() - self._reader.reading.began_at > LEASE_PATIENCE:
            raise Unavailable(
                f"The realm {realm} was not free for an hour: the poster works in it, or it is paused after an error "
                "that an alert has named."
            )
        raise OutOfTime(f"Another run holds the realm {realm}, or it is paused after an error.")

    # -- comparing -------------------------------------------------------------------------------------------------

    def _found(self, realm: str, rules: Rules, ledger: Ledger) -> TieOut:
        reading = self._reader.reading
        reason = self._nothing_read(reading)
        if reason:
            return self._not_known(reason)
        scope = self._scope(realm, rules, ledger, reading)
        pairs = classify(scope)
        reason = _cannot_be_read(reading.unread, pairs)
        if reason:
            return self._not_known(reason)
        all_sums = sums(pairs, scope.names, home_currency=scope.home_currency)
        series = begun_before(scope.documents)
        begun = self._with.journal.numbers_before(self._company, self._month, series[:SERIES_LOOKED_UP_MAX])
        before = missing_before(begun)
        left_out = missing_count(scope.documents) + len(before) - GAPS_LOOKED_UP_MAX
        missing = (missing_numbers(scope.documents) + before)[:GAPS_LOOKED_UP_MAX]
        elsewhere = self._with.journal.with_numbers(self._company, missing)
        return TieOut(
            company=self._company.name,
            month=self._month,
            at=self._with.clock.now(),
            home_currency=self._company.currency,
            realm=realm,
            odoo_url=self._with.journal.url,
            findings=tuple(pair.finding for pair in pairs),
            sums=all_sums,
            unexplained_sums=unexplained(all_sums),
            gaps=tuple(number_gaps(scope.documents, missing, elsewhere)),
            not_carried=tuple(self._with.journal.not_carried(self._company, self._month)),
            notes=(*_notes(pairs, scope), *_not_offered(reading.unread), *_left_out(left_out, len(series))),
        )

    def _nothing_read(self, reading: Reading) -> str:
        """Return why what was read is no answer, or an empty text."""
        name, month = self._company.name, self._month.name
        own = [transaction.entry_id for transaction in reading.transactions if transaction.entry_id]
        # They may be dated in this month in QuickBooks only, as documents of a closed month are on the first day after
        # it.
        if not reading.documents and own and not self._are_elsewhere(own):
            return (
                f"Odoo shows no document of {month} for {name}, and QuickBooks holds {len(own)} that came from there: "
                "does the Odoo user still see the company?"
            )
        if not reading.documents and not reading.transactions:
            return f"Neither Odoo nor QuickBooks has a document of {month} for {name}."
        return ""

    def _are_elsewhere(self, entry_ids: Iterable[str]) -> bool:
        """Whether Odoo shows some of these documents to be the company's, in any month."""
        found = filter(None, map(ENTRY_ID.fullmatch, entry_ids))
        states = self._with.journal.by_ids({int(match[1]) for match in found})
        return any(state.company == self._company.name for state in states.values())

    def _scope(self, realm: str, rules: Rules, ledger: Ledger, reading: Reading) -> Scope:
        entries = self._entries(reading)
        scope = Scope(
            company=self._company.name,
            month=self._month,
            database=self._with.database,
            realm=realm,
            home_currency=self._company.currency,
            began_at=reading.began_at,
            read_to=self._with.key_values.cursor(self._with.database, self._company.name).since,
            documents=reading.documents,
            transactions=reading.transactions,
            entries=entries,
            names=self._names(realm, ledger, reading),
            neighbours=frozenset(self._with.in_realm(realm)) - {self._company.name},
            policies=Policies(
                go_live=rules.go_live,
                dates_on_first_open_day=rules.closed_period is ClosedPeriod.FIRST_OPEN_DAY,
                skips_receipts=rules.receipts is Receipts.SKIP,
            ),
        )
        scope = with_elsewhere(scope, ledger, {one.document_type for one in reading.unread})
        noted = closed_since((*scope.transactions, *scope.elsewhere.values()))
        scope = replace(scope, policies=replace(scope.policies, closed_since=noted))
        in_odoo = self._with.journal.by_ids(unmatched_ids(scope))
        scope = with_merges(scope, ledger, self._with.journal, self._with.key_values)
        return replace(scope, in_odoo=in_odoo, pdfs=pdf_sizes(scope, ledger, self._with.reports))

    def _entries(self, reading: Reading) -> dict[str, EntryState]:
        ids = {make_entry_id(self._with.database, document.odoo_id): None for document in reading.documents}
        marked = (transaction.entry_id for transaction in reading.transactions if transaction.entry_id)
        found = self._with.entries.entries(list(ids | dict.fromkeys(marked)))
        return {entry_id: _state(entry) for entry_id, entry in found.items()}

    def _names(self, realm: str, ledger: Ledger, reading: Reading) -> Names:
        owners: dict[str, int] = {}

        def owner_of(kind: DocumentType, qb_id: str) -> int:
            entity = "customer" if kind.is_sale else "vendor"
            key = f"owner#{realm}#{entity}#{qb_id}"
            if key not in owners:
                bound = self._with.key_values.value(key) or ""
                partner = bound.removeprefix(party_key(realm, entity, self._with.database, "")).partition("#")[0]
                owners[key] = int(partner) if partner.isdigit() else 0
            return owners[key]

        partners: defaultdict[str, set[int]] = defaultdict(set)
        for document in reading.documents:
            partners[document.party.strip().casefold()].add(document.party_id)
        by_name = {name: frozenset(ids) for name, ids in partners.items()}
        return replace(ledger.names(reading.transactions), owner_of=owner_of, partners=by_name)

    def _not_known(self, reason: str) -> TieOut:
        return TieOut(
            company=self._company.name,
            month=self._month,
            at=self._with.clock.now(),
            home_currency=self._company.currency,
            not_known=(reason,),
            metered_reads=self._reader.reading.metered_reads,
        )


def _state(entry: Entry) -> EntryState:
    """Return what an entry says of its document, without any figure of it."""
    is_open = entry.status in (Status.PENDING, Status.POSTING)
    return EntryState(
        entry_id=entry.entry_id,
        company=entry.company,
        status=entry.status.value,
        reason=_OWN_TITLE.sub("", entry.error_message),
        since=(entry.pending_since or entry.updated_at) if is_open else entry.updated_at,
        updated_at=entry.updated_at,
        realm=entry.realm,
        qb_id=entry.qb_id,
        former=entry.former,
        pdf_key=entry.pdf_key,
        attachable_id=entry.attachable_id,
        has_successor=bool(entry.successor),
    )


def _cannot_be_read(unread: Iterable[Unread], pairs: Iterable[Pair]) -> str:
    """Return why what Odoo has cannot be looked for in QuickBooks, or an empty text."""
    needed = {
        pair.finding.document_type for pair in pairs if pair.finding.difference_class is not DifferenceClass.SKIPPED
    }
    found = [one for one in unread if one.document_type in needed]
    kinds = " and ".join(f"{one.document_type.noun}s" for one in found)
    return f"Odoo has {kinds} of this month, which cannot be read in QuickBooks. {found[0].reason}" if found else ""


def _not_offered(unread: Iterable[Unread]) -> Iterable[str]:
    for one in unread:
        yield f"QuickBooks offers no {one.document_type.noun}s to this company, and Odoo has none to compare."


def _left_out(numbers: int, series: int) -> Iterable[str]:
    if numbers > 0:
        yield (
            f"{numbers + GAPS_LOOKED_UP_MAX:,} numbers are missing, as where a series was renumbered. The first "
            f"{GAPS_LOOKED_UP_MAX:,} are listed."
        )
    if series > SERIES_LOOKED_UP_MAX:
        yield (
            f"{series} series of numbers are in use. Which number came before the month was not looked up of "
            f"{series - SERIES_LOOKED_UP_MAX}, so one that is missing there does not show."
        )


def _notes(pairs: Iterable[Pair], scope: Scope) -> Iterable[str]:
    """Yield what was compared less closely, in sentences."""
    by_qb: Mapping[str, set[str]] = defaultdict(set)
    stock = sum(item.kind == "stock" for document in scope.documents for item in document.items)
    if stock:
        yield f"{stock} journal items for the cost of stock stay in Odoo and are not compared."
    if scope.names.taxes_unread:
        yield f"Taxes were compared per document, and not by name. {scope.names.taxes_unread}"
    unknown = sum(sizes is None for sizes in scope.pdfs.values()) if scope.pdfs else 0
    if unknown:
        yield f"PDFs that were replaced long after they were posted, and were not looked up: {unknown:,}."
    for pair in pairs:
        document, transaction = pair.document, pair.transaction
        is_merged = pair.finding.merge is not None
        if document and transaction and not is_merged and not same_party(document, transaction):
            by_qb[document.party.strip()].add(transaction.party.strip())
    renamed = sorted(by_qb.items())
    for name, others in renamed[:RENAMED_SHOWN_MAX]:
        yield f"{name} is called {' and '.join(sorted(others))} in QuickBooks."
    if len(renamed) > RENAMED_SHOWN_MAX:
        yield f"{len(renamed) - RENAMED_SHOWN_MAX} more customers or vendors have another name in QuickBooks."
