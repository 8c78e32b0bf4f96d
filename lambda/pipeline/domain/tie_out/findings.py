"""Findings, made of a document, a transaction or both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from pipeline.domain.tie_out.classes import DifferenceClass, Finding, sign_of
from pipeline.domain.tie_out.closed import booked_fingerprint, odoo_fingerprint
from pipeline.domain.tie_out.comparison import Difference, expected_dates
from pipeline.domain.tie_out.facts import JournalDocument, LedgerTransaction, Policies
from pipeline.domain.values import dataclass, replace

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the finding about a document, a transaction or both, in the class that was decided."""

    document: JournalDocument | None
    transaction: LedgerTransaction | None
    found: tuple[Difference, ...] = ()
    pdf: str = ""
    odoo_id: int = 0

    def __call__(self, which: DifferenceClass, reason: str = "", since: datetime | None = None) -> Finding:
        """Return the finding."""
        finding = finding_of(which, self.document, self.transaction, reason=reason, since=since, found=self.found)
        return replace(finding, pdf=self.pdf, odoo_id=finding.odoo_id or self.odoo_id)


def finding_of(
    which: DifferenceClass,
    document: JournalDocument | None,
    transaction: LedgerTransaction | None,
    *,
    reason: str = "",
    since: datetime | None = None,
    found: tuple[Difference, ...] = (),
) -> Finding:
    """Return a finding in a class; at least one of both sides is given."""
    one = next(side for side in (document, transaction) if side is not None)
    number = document.number if document else transaction.doc_number if transaction else ""
    return Finding(
        difference_class=which,
        document_type=one.document_type,
        number=number,
        party=one.party,
        dated_on=min(expected_dates(document)) if document else one.dated_on,
        currency=one.currency,
        odoo_total=sign_of(document.document_type) * document.total if document else None,
        booked_total=sign_of(transaction.document_type) * transaction.total if transaction else None,
        odoo_id=document.odoo_id if document else 0,
        qb_id=transaction.qb_id if transaction else "",
        doc_number=transaction.doc_number if transaction else "",
        reason=reason,
        since=since.date() if since else None,
        differences=found,
        is_paid=transaction.is_paid if transaction else False,
        odoo_fingerprint=odoo_fingerprint(document) if document else "",
        gone_in_books="voided in QuickBooks" if transaction and transaction.is_voided else "",
        booked_fingerprint=booked_fingerprint(transaction) if transaction else "",
    )


def why_dated_otherwise(
    transaction: LedgerTransaction, dated_on: date, issued_on: date | None, policies: Policies
) -> str:
    """Return why a transaction may have another date than Odoo's accounting date, or an empty text.

    `issued_on` is the document's own date. Odoo books a sale later than that if a lock date is in between.
    """
    is_sale = transaction.document_type.is_sale
    if is_sale and transaction.dated_on == issued_on != dated_on:
        return f"A sale has its own date in QuickBooks, as on the customer's copy. Odoo booked it on {dated_on}."
    expected = issued_on if is_sale and issued_on else dated_on
    if not policies.dates_on_first_open_day:
        return ""
    closed_to = transaction.closed_to or _closed_by_others(transaction, policies)
    # Exactly what the rule gave when it was posted. Any other later date is a person's.
    if closed_to is None or expected > closed_to or transaction.dated_on != closed_to + _DAY:
        return ""
    told = "" if transaction.closed_to else " Its own note is gone; those of others created before it say so."
    return f'The books were closed to {closed_to}, and the mapping says closed_period = "first_open_day".{told}'


def closed_since(transactions: Iterable[LedgerTransaction]) -> dict[date, datetime]:
    """Return the last closed days that notes on transactions name, each with when the first of those was created."""
    found: dict[date, datetime] = {}
    for transaction in transactions:
        if transaction.closed_to is not None and transaction.created_at:
            created = datetime.fromisoformat(transaction.created_at)
            found[transaction.closed_to] = min(found.get(transaction.closed_to, created), created)
    return found


def _closed_by_others(transaction: LedgerTransaction, policies: Policies) -> date | None:
    """Return the day before a transaction's date if the books were closed to it when the transaction was created.

    Then QuickBooks would not have taken an earlier date, whatever a person has made of its note since.
    """
    day = transaction.dated_on - _DAY
    since = policies.closed_since.get(day)
    if since is None or not transaction.created_at or datetime.fromisoformat(transaction.created_at) < since:
        return None
    return day
