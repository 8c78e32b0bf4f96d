"""Every document of a month, on either side, into exactly one class."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from pipeline.domain.identity import make_entry_id, odoo_id_of
from pipeline.domain.tie_out.breakdown import NO_COUNTERPART
from pipeline.domain.tie_out.classes import DifferenceClass, Finding, sign_of
from pipeline.domain.tie_out.comparison import Difference, differences
from pipeline.domain.tie_out.facts import (
    EntryState,
    JournalDocument,
    LedgerTransaction,
    OdooState,
    PdfSizes,
)
from pipeline.domain.tie_out.findings import Maker, finding_of, why_dated_otherwise
from pipeline.domain.tie_out.matching import (
    PULLED_WITHIN,
    Alike,
    Scope,
    TypedIn,
    copies_of,
    documents_alike,
    documents_like,
    is_of,
    matched,
    merge_between,
    place_of,
    typed_in,
)
from pipeline.domain.tie_out.merges import Merge, is_party
from pipeline.domain.tie_out.reasons import hint_at, why_missing
from pipeline.domain.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Pair:
    """A finding with the two sides it is about, of which one may be absent. `extra` are further transactions."""

    finding: Finding
    document: JournalDocument | None
    transaction: LedgerTransaction | None
    extra: tuple[LedgerTransaction, ...] = ()


def classify(scope: Scope) -> list[Pair]:
    """Return how every document of the month came out, in the order of Odoo and then of QuickBooks."""
    by_document, rest = matched(scope)
    typed = typed_in(rest)
    pairs = []
    for document in scope.documents:
        found = by_document.get(document.odoo_id, [])
        if document.is_posted or found:
            pairs.append(_of_document(document, found, typed, scope))
    copies = {place_of(transaction) for pair in pairs for transaction in pair.extra}
    alike = documents_alike(scope)
    pairs += [
        Pair(_of_transaction(transaction, scope, alike), None, transaction)
        for transaction in rest
        if place_of(transaction) not in copies and not _is_of_neighbour(transaction, scope)
    ]
    return pairs


# -- a document of Odoo ------------------------------------------------------------------------------------------------


def _of_document(document: JournalDocument, found: list[LedgerTransaction], typed: TypedIn, scope: Scope) -> Pair:
    entry = scope.entries.get(make_entry_id(scope.database, document.odoo_id))
    if not document.is_posted:
        return _withdrawn(document, found, entry, scope)
    # What is voided is not there: whoever typed it in again after that has no copy too many.
    copies = copies_of(document, typed) if any(not transaction.is_voided for transaction in found) else []
    if len(found) + len(copies) > 1:
        where = ", ".join(
            f"Id {transaction.qb_id}{' (voided)' if transaction.is_voided else ''}" for transaction in [*found, *copies]
        )
        note = " One was typed in by a person." if copies else ""
        finding = finding_of(DifferenceClass.TWICE, document, found[0], reason=f"It is there as {where}.{note}")
        booked = sum((transaction.total for transaction in [*found, *copies]), Decimal(0))
        finding = replace(finding, booked_total=sign_of(document.document_type) * booked)
        return Pair(finding, document, found[0], (*found[1:], *copies))
    if found:
        return Pair(_compared(document, found[0], entry, scope), document, found[0])
    return Pair(_absent(document, entry, scope), document, None)


def _compared(
    document: JournalDocument, transaction: LedgerTransaction, entry: EntryState | None, scope: Scope
) -> Finding:
    sizes = _sizes(transaction, scope)
    found = differences(document, transaction, scope.names, home_currency=scope.home_currency, pdf=sizes)
    found = (*found, *_mark(document, transaction, scope))
    make = Maker(document, transaction, found, _pdf_word(sizes, found))
    if entry is not None and entry.status == "failed":
        return make(DifferenceClass.NEEDS_A_PERSON, entry.reason, entry.since)
    if not found:
        return make(DifferenceClass.EQUAL)
    if entry is None or entry.is_open or entry.updated_at >= scope.began_at:
        if entry is not None or document.written_at > scope.pulled_to:
            return make(DifferenceClass.WAITING, "Its change in Odoo is on its way.", entry.since if entry else None)
        return make(DifferenceClass.UNEXPLAINED, "It is there, and the pipeline has no entry of it.")
    if _is_not_pulled_yet(document, entry, scope):
        return make(DifferenceClass.WAITING, "Its change in Odoo is on its way.", document.written_at)
    merge = merge_between(scope, document, transaction)
    rest = tuple(difference for difference in found if not (merge and is_party(difference.field)))
    is_dated = {difference.field for difference in rest} == {"date"} and _is_otherwise_dated(
        document, transaction, scope
    )
    dated = _dated_otherwise(make, transaction, document, scope) if is_dated else None
    if merge and rest != found and (not rest or (dated and dated.is_explained)):
        return _merged(make, merge)
    return dated or _changed(make, transaction, rest, scope)


def _merged(make: Maker, merge: Merge) -> Finding:
    finding = make(DifferenceClass.MERGED, merge.sentence)
    return replace(finding, merge=merge, is_explained=bool(merge.accepted))


def _mark(document: JournalDocument, transaction: LedgerTransaction, scope: Scope) -> list[Difference]:
    """Return a difference if a transaction carries the mark of another document. One without a mark tells nothing."""
    own = make_entry_id(scope.database, document.odoo_id)
    return [] if transaction.entry_id in ("", own) else [Difference("mark", own, transaction.entry_id)]


def _changed(make: Maker, transaction: LedgerTransaction, found: Sequence[Difference], scope: Scope) -> Finding:
    if transaction.is_voided:
        return make(DifferenceClass.CHANGED, "It was voided in QuickBooks.")
    # Neither a file nor a mark that was written over counts as a change of the transaction for certain.
    only_beside = {difference.field for difference in found} <= {"PDF", "mark"}
    without = [difference.field for difference in found if difference.field.endswith(NO_COUNTERPART)]
    if without:
        # It had one when it was posted: without an account nothing is.
        name = without[0].removesuffix(NO_COUNTERPART)
        reason = f"QuickBooks has no {name} any more: it was renamed or removed there, or mapped otherwise."
        return make(DifferenceClass.CHANGED, reason)
    emptied = [difference.field for difference in found
               if difference.field.removeprefix("account ") in scope.names.inactive_accounts]  # fmt: skip
    if emptied:
        reason = f"QuickBooks' {emptied[0]} is not active any more, and this is on another: the two were merged there."
        return make(DifferenceClass.CHANGED, reason)
    if transaction.was_never_changed and not only_beside:
        reason = f"It is in QuickBooks as it was created: nobody has changed it since.{hint_at(found)}"
        return make(DifferenceClass.UNEXPLAINED, reason)
    return make(DifferenceClass.CHANGED, "It was changed in QuickBooks since it was created.")


def _is_not_pulled_yet(document: JournalDocument, entry: EntryState | None, scope: Scope) -> bool:
    """Whether Odoo wrote a document so lately that its entry cannot know of it."""
    return _is_on_its_way(document.written_at, entry, scope)


def _is_on_its_way(written_at: datetime | None, entry: EntryState | None, scope: Scope) -> bool:
    if written_at is None or written_at <= scope.pulled_to:
        return False
    return entry is None or entry.updated_at < written_at


def _is_otherwise_dated(document: JournalDocument, transaction: LedgerTransaction, scope: Scope) -> bool:
    why = why_dated_otherwise(transaction, document.dated_on, document.issued_on, scope.policies)
    return bool(why) or transaction.dated_on not in scope.month


def _dated_otherwise(make: Maker, transaction: LedgerTransaction, document: JournalDocument, scope: Scope) -> Finding:
    why = why_dated_otherwise(transaction, document.dated_on, document.issued_on, scope.policies)
    reason = why or f"It is dated {transaction.dated_on} in QuickBooks."
    return replace(make(DifferenceClass.DATED_OTHERWISE, reason), is_explained=bool(why))


def _absent(document: JournalDocument, entry: EntryState | None, scope: Scope) -> Finding:
    make = Maker(document, None)
    if entry is None:
        return _never_pulled(make, document, scope)
    if entry.company and entry.company != scope.company:
        reason = f"Its entry belongs to {entry.company}, and Odoo has it in {scope.company}."
        return make(DifferenceClass.UNEXPLAINED, reason, entry.since)
    if entry.status == "failed":
        return make(DifferenceClass.NEEDS_A_PERSON, entry.reason, entry.since)
    if entry.status == "skipped":
        return make(DifferenceClass.SKIPPED, entry.reason or "It is not for QuickBooks.")
    if entry.is_open or entry.updated_at >= scope.began_at:
        return make(DifferenceClass.WAITING, "It is to be posted.", entry.since)
    other = entry.realm not in ("", scope.realm)
    if entry.qb_id and other:
        reason = f"It was posted to the realm {entry.realm}, where {scope.company} had its books before."
        return make(DifferenceClass.FORMER_REALM, reason, entry.updated_at)
    moved = scope.elsewhere.get(entry.entry_id)
    if moved is not None:
        return _moved(document, moved, entry, scope)
    finding = make(DifferenceClass.MISSING, why_missing(entry, scope), entry.updated_at)
    was_there = entry.qb_id and entry.entry_id not in scope.not_looked_up
    return replace(finding, gone_in_books="deleted in QuickBooks" if was_there else "")


def _never_pulled(make: Maker, document: JournalDocument, scope: Scope) -> Finding:
    policies = scope.policies
    if policies.go_live and document.dated_on < policies.go_live and document.issued_on < policies.go_live:
        return make(DifferenceClass.SKIPPED, f"It is dated before the go-live date {policies.go_live}.")
    if policies.skips_receipts and document.is_receipt:
        return make(DifferenceClass.SKIPPED, 'It is a receipt, and the mapping says receipts = "skip".')
    if document.written_at > scope.pulled_to:
        return make(DifferenceClass.WAITING, _not_pulled_yet(document, scope), document.written_at)
    return make(DifferenceClass.MISSING, "It was never pulled from Odoo: pull it by its number.", document.written_at)


def _not_pulled_yet(document: JournalDocument, scope: Scope) -> str:
    if scope.read_to is None or document.written_at > scope.began_at - PULLED_WITHIN:
        return "It was just written in Odoo and is pulled next."
    return f"It is pulled next: Odoo was read up to {scope.read_to:%Y-%m-%d %H:%M} UTC so far."


def _moved(document: JournalDocument, moved: LedgerTransaction, entry: EntryState, scope: Scope) -> Finding:
    found = differences(document, moved, scope.names, home_currency=scope.home_currency)
    found = (*found, *_mark(document, moved, scope))
    merge = merge_between(scope, document, moved)
    others = tuple(
        difference for difference in found if difference.field != "date" and not (merge and is_party(difference.field))
    )
    make = Maker(document, moved, found)
    if _is_not_pulled_yet(document, entry, scope):
        finding = make(DifferenceClass.WAITING, "Its change in Odoo is on its way.", document.written_at)
    elif others and not moved.is_voided and moved.was_never_changed:
        finding = make(DifferenceClass.UNEXPLAINED, f"It is dated {moved.dated_on} in QuickBooks, and differs.")
    elif others:
        finding = make(DifferenceClass.CHANGED, f"It was changed in QuickBooks, and is dated {moved.dated_on} there.")
    else:
        finding = _dated_otherwise(make, moved, document, scope)
        if finding.is_explained and merge:
            finding = _merged(make, merge)
    # What is in another month is not in this month's sums.
    return replace(finding, booked_total=None)


def _withdrawn(
    document: JournalDocument, found: list[LedgerTransaction], entry: EntryState | None, scope: Scope
) -> Pair:
    words = {"cancel": "cancelled", "draft": "reset to draft"}
    reason = f"It was {words.get(document.state, document.state)} in Odoo."
    make = Maker(document, found[0])
    finding = _still_there(make, reason, entry, scope)
    if finding.difference_class is DifferenceClass.DELETED_IN_ODOO and _is_not_pulled_yet(document, entry, scope):
        finding = make(DifferenceClass.WAITING, f"{reason} It is to be taken back.", document.written_at)
    booked = sum((transaction.total for transaction in found), Decimal(0))
    is_explained = finding.is_explained and all(transaction.is_voided for transaction in found)
    finding = replace(finding, odoo_total=None, booked_total=sign_of(document.document_type) * booked)
    finding = replace(finding, is_explained=is_explained)
    return Pair(finding, None, found[0], tuple(found[1:]))


def _still_there(make: Maker, reason: str, entry: EntryState | None, scope: Scope) -> Finding:
    if entry is not None and entry.status == "failed":
        return make(DifferenceClass.NEEDS_A_PERSON, entry.reason, entry.since)
    if entry is not None and (entry.is_open or entry.updated_at >= scope.began_at):
        return make(DifferenceClass.WAITING, f"{reason} It is to be taken back.", entry.since)
    finding = make(DifferenceClass.DELETED_IN_ODOO, reason, entry.updated_at if entry else None)
    if make.transaction is None or not make.transaction.is_voided:
        return finding
    # Whoever may not delete voids: nothing is left of it on either side.
    return replace(finding, reason=f"{reason} It is voided in QuickBooks.", is_explained=True)


# -- a transaction of QuickBooks ---------------------------------------------------------------------------------------


def _is_of_neighbour(transaction: LedgerTransaction, scope: Scope) -> bool:
    if not is_of(transaction.entry_id, scope.database):
        return False
    state, entry = scope.in_odoo.get(odoo_id_of(transaction.entry_id)), scope.entries.get(transaction.entry_id)
    company = state.company if state else entry.company if entry else ""
    return company in scope.neighbours


def _of_transaction(transaction: LedgerTransaction, scope: Scope, alike: Alike) -> Finding:
    make = Maker(None, transaction)
    if not transaction.entry_id:
        reason = "A person typed it in: it carries no mark of the pipeline."
        same = documents_like(transaction, alike)
        if same:
            reason += f" Is it {same[0].number or same[0].reference} once more? Party, date and total are the same."
        return make(DifferenceClass.ONLY_IN_QUICKBOOKS, reason)
    if not is_of(transaction.entry_id, scope.database):
        other = transaction.entry_id.rpartition("-account.move-")[0]
        return make(DifferenceClass.UNEXPLAINED, f"It carries the mark of another Odoo database, {other}.")
    odoo_id = odoo_id_of(transaction.entry_id)
    make = Maker(None, transaction, odoo_id=odoo_id)
    state = scope.in_odoo.get(odoo_id)
    entry = scope.entries.get(transaction.entry_id)
    if state is None or (entry is not None and entry.is_of_former(transaction.qb_id)):
        return replace(_still_there(make, "It was deleted in Odoo.", entry, scope), gone_in_odoo="deleted in Odoo")
    if state.company != scope.company:
        return make(DifferenceClass.UNEXPLAINED, f"It belongs to {state.company} in Odoo.")
    is_on_its_way = _is_on_its_way(state.written_at, entry, scope)
    if state.state != "posted":
        finding = _still_there(make, "It was withdrawn in Odoo.", entry, scope)
        if is_on_its_way and finding.difference_class is DifferenceClass.DELETED_IN_ODOO:
            return make(DifferenceClass.WAITING, f"{finding.reason} It is to be taken back.", state.written_at)
        return finding
    if is_on_its_way:
        return make(DifferenceClass.WAITING, f"Its date in Odoo is now {state.dated_on}.", state.written_at)
    return _of_another_month(make, transaction, state, entry, scope)


def _of_another_month(
    make: Maker, transaction: LedgerTransaction, state: OdooState, entry: EntryState | None, scope: Scope
) -> Finding:
    if state.dated_on in scope.month:
        # It was posted in Odoo after Odoo's month was read.
        return make(DifferenceClass.WAITING, "It was changed while this was read.", entry.since if entry else None)
    if entry is not None and (entry.is_open or entry.updated_at >= scope.began_at):
        return make(DifferenceClass.WAITING, f"Its date in Odoo is now {state.dated_on}.", entry.since)
    if entry is not None and entry.qb_id not in ("", transaction.qb_id) and entry.realm in ("", scope.realm):
        # A copy that a person makes in QuickBooks has the note, too.
        return make(DifferenceClass.TWICE, f"It carries the mark of Id {entry.qb_id}, dated {state.dated_on} in Odoo.")
    difference = Difference("date", state.dated_on.isoformat(), transaction.dated_on.isoformat())
    why = why_dated_otherwise(transaction, state.dated_on, state.issued_on, scope.policies)
    finding = make(DifferenceClass.DATED_OTHERWISE, f"It is dated {state.dated_on} in Odoo. {why}".strip())
    return replace(finding, differences=(difference,), is_explained=bool(why))


def _sizes(transaction: LedgerTransaction, scope: Scope) -> PdfSizes | None:
    return None if scope.pdfs is None else scope.pdfs.get(place_of(transaction), PdfSizes(None, ()))


def _pdf_word(sizes: PdfSizes | None, found: Sequence[Difference]) -> str:
    if sizes is None:
        return "not known"
    return "differs" if any(difference.field == "PDF" for difference in found) else "there"
