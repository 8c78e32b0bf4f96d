"""Small valid things that tests change one field of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from local.demo.documents import load
from pipeline.domain.document import (
    Account,
    Company,
    Document,
    DocumentType,
    Installment,
    Line,
    LineKind,
    Party,
    Product,
    Tax,
    TaxAmount,
)
from pipeline.domain.entry import Entry, Status

WRITTEN_AT = datetime(2026, 11, 20, 21, 12, 11, tzinfo=UTC)
COMPANY = Company(1, "companyA", "USD", "United States")
SALES = Account(40, "400000", "Product Sales")
TAX_PAYABLE = Account(25, "252000", "Tax Payable")
SALES_TAX = Tax(7, "10%", Decimal(10))
LINE = Line(
    LineKind.ITEM, "Consulting", Decimal("100.00"), Decimal(2), Decimal("50.00"), account=SALES,
    product=Product(3, "Consulting", "CONS"), taxes=(SALES_TAX,),
)  # fmt: skip


def a_document(odoo_id: int = 1, **changes: Any) -> Document:
    """Return an invoice over 100.00 and 10.00 tax."""
    made = Document(
        database="odoo_demo",
        odoo_id=odoo_id,
        document_type=DocumentType.INVOICE,
        company=COMPANY,
        number=f"INV/2026/{odoo_id:05}",
        reference="",
        issued_on=date(2026, 11, 1),
        accounting_on=date(2026, 11, 1),
        due_on=date(2026, 12, 1),
        currency="USD",
        decimal_places=2,
        exchange_rate=Decimal(1),
        party=Party(11, "Acme Corp"),
        lines=(LINE,),
        taxes=(TaxAmount(SALES_TAX, Decimal("100.00"), Decimal("10.00"), TAX_PAYABLE),),
        installments=(Installment(date(2026, 12, 1), Decimal("110.00")),),
        untaxed=Decimal("100.00"),
        tax=Decimal("10.00"),
        total=Decimal("110.00"),
        home_total=Decimal("110.00"),
        written_at=WRITTEN_AT,
    )
    return replace(made, **changes)


def an_entry(odoo_id: int = 1, **changes: Any) -> Entry:
    """Return the entry of `a_document`, pending, with its PDF still to come."""
    document = a_document(odoo_id)
    made = Entry(
        entry_id=document.entry_id,
        company=document.company.name,
        status=Status.PENDING,
        document_type=document.document_type,
        number=document.number,
        party=document.party.name,
        document_date=document.issued_on,
        currency=document.currency,
        total=document.total,
        odoo_id=odoo_id,
        odoo_write_date=document.written_at,
        content_hash=document.content_hash,
        created_at=WRITTEN_AT,
        updated_at=WRITTEN_AT,
        version=1,
        document_key=f"documents/{document.entry_id}/1.json",
    )
    return replace(made, **changes)


_demo = cache(load)


def demo_documents(*odoo_ids: int) -> tuple[dict[str, list[dict[str, Any]]], dict[int, bytes]]:
    """Return the demo's rows and files with these documents only: fewer of them make faster tests.

    The rows are the same ones each time: a stand-in copies them, and so must whoever changes them.
    """
    rows, files = _demo()
    moves = [row for row in rows["account.move"] if row["id"] in odoo_ids]
    assert len(moves) == len(odoo_ids)
    lines = [row for row in rows["account.move.line"] if row["move_id"][0] in odoo_ids]
    attachments = [row for row in rows["ir.attachment"] if row["res_id"] in odoo_ids]
    return {**rows, "account.move": moves, "account.move.line": lines, "ir.attachment": attachments}, files
