"""The fingerprints of a closed month: what counts as a change, and that a release does not change them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from pipeline.domain.document import Account, DocumentType
from pipeline.domain.tie_out.closed import booked_fingerprint, odoo_fingerprint
from pipeline.domain.tie_out.facts import (
    ItemKind,
    JournalDocument,
    JournalItem,
    LedgerLine,
    LedgerTransaction,
    TaxOfLedger,
)

ITEM = JournalItem(Account(4, "400000", "Sales"), ItemKind.LINE, Decimal("100.00"), Decimal("100.00"))
OWED = JournalItem(Account(5, "100000", "Receivable"), ItemKind.OWED, Decimal("100.00"), Decimal("100.00"))
DOCUMENT = JournalDocument(
    odoo_id=7, document_type=DocumentType.INVOICE, state="posted", number="INV/1", reference="PO 1",
    dated_on=date(2026, 10, 5), issued_on=date(2026, 10, 5), due_on=date(2026, 11, 5), currency="USD", party_id=3,
    party="Azure", journal="Sales", written_at=datetime(2026, 10, 5, tzinfo=UTC), items=(ITEM, OWED),
)  # fmt: skip
TRANSACTION = LedgerTransaction(
    qb_id="145", document_type=DocumentType.INVOICE, doc_number="INV/1", dated_on=date(2026, 10, 5),
    due_on=date(2026, 11, 5), party_id="9", party="Azure", currency="USD", rate=Decimal(1), total=Decimal("100.00"),
    home_total=None, tax=Decimal(0), lines=(LedgerLine("4", Decimal("60.00")), LedgerLine("6", Decimal("40.00"))),
    taxes=(TaxOfLedger("2", Decimal(0)),), entry_id="db-account.move-7", changes=0, open_amount=Decimal("100.00"),
    is_voided=False, created_at="2026-10-05", updated_at="2026-10-05",
)  # fmt: skip


def test_a_release_does_not_change_the_fingerprints_of_months_that_are_closed():
    assert (odoo_fingerprint(DOCUMENT), booked_fingerprint(TRANSACTION)) == ("03538b128da6470c", "624453d1d5d99c0b")


@pytest.mark.parametrize(
    "changes",
    [
        {"party": "Azure Interior"},
        {"written_at": datetime(2026, 12, 1, tzinfo=UTC)},
        {"items": (OWED, replace(ITEM, account=Account(4, "400001", "Sales of goods")))},
        {"items": (replace(ITEM, amount=Decimal("100.0")), OWED)},
    ],
)
def test_a_new_name_another_order_or_a_save_in_odoo_changes_nothing(changes):
    assert odoo_fingerprint(replace(DOCUMENT, **changes)) == odoo_fingerprint(DOCUMENT)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "INV/2"}, {"reference": "PO 2"}, {"dated_on": date(2026, 10, 6)}, {"issued_on": date(2026, 10, 6)},
        {"due_on": None}, {"currency": "EUR"}, {"party_id": 4}, {"document_type": DocumentType.BILL},
        {"items": (ITEM,)}, {"items": (replace(ITEM, account=Account(8, "400000", "Sales")), OWED)},
        {"items": (replace(ITEM, amount=Decimal("99.99")), OWED)},
        {"items": (replace(ITEM, home_amount=Decimal("99.99")), OWED)}, {"state": "cancel"},
    ],
)  # fmt: skip
def test_every_field_that_counts_changes_the_fingerprint_of_a_document(changes):
    assert odoo_fingerprint(replace(DOCUMENT, **changes)) != odoo_fingerprint(DOCUMENT)


@pytest.mark.parametrize(
    "changes", [{"open_amount": Decimal(0), "changes": 1, "updated_at": "2026-12-01"}, {"party": "Azure Interior"}]
)
def test_a_payment_or_a_new_name_in_quickbooks_changes_nothing(changes):
    assert booked_fingerprint(replace(TRANSACTION, **changes)) == booked_fingerprint(TRANSACTION)


@pytest.mark.parametrize(
    "changes",
    [
        {"doc_number": "INV/2"}, {"dated_on": date(2026, 10, 6)}, {"due_on": None}, {"party_id": "10"},
        {"currency": "EUR"}, {"rate": Decimal("1.1")}, {"total": Decimal("99.99")}, {"tax": Decimal("0.01")},
        {"lines": (LedgerLine("4", Decimal("100.00")),)}, {"taxes": ()}, {"is_voided": True},
    ],
)  # fmt: skip
def test_every_field_that_counts_changes_the_fingerprint_of_a_transaction(changes):
    assert booked_fingerprint(replace(TRANSACTION, **changes)) != booked_fingerprint(TRANSACTION)
