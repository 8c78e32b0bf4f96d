"""Where every field of a document goes in QuickBooks: a field in none of these lists is a field that is dropped."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import get_args, get_type_hints

import pytest

from pipeline.domain import document as parts
from pipeline.domain.document import Document
from pipeline.qbo.payloads import private_note
from tests.builders import a_document

# Sent as a property of its own.
SENT = {
    "Document.number": "DocNumber",
    "Document.reference": "DocNumber of a purchase, and the note",
    "Document.issued_on": "TxnDate of a sale, else the note",
    "Document.accounting_on": "TxnDate of a purchase",
    "Document.due_on": "DueDate",
    "Document.currency": "CurrencyRef",
    "Document.exchange_rate": "ExchangeRate",
    "Document.party": "CustomerRef, VendorRef",
    "Document.lines": "Line",
    "Document.taxes": "TxnTaxDetail, or lines",
    "Document.tax": "TotalTax",
    "Document.terms": "SalesTermRef",
    "Document.journal": "ClassRef and DepartmentRef, by the mapping",
    "Document.memo": "CustomerMemo, and the note",
    "Document.owed_on": "APAccountRef, ARAccountRef",
    "Party.name": "DisplayName",
    "Party.email": "PrimaryEmailAddr",
    "Party.phone": "PrimaryPhone",
    "Party.tax_id": "the name's tax identifier",
    "Party.address": "BillAddr",
    "Document.ship_to": "ShipAddr",
    "Contact.email": "PrimaryEmailAddr",
    "Contact.phone": "PrimaryPhone",
    "Contact.address": "BillAddr of the customer or vendor",
    "Address.street": "Line1",
    "Address.street2": "Line2",
    "Address.city": "City",
    "Address.state": "CountrySubDivisionCode",
    "Address.state_code": "CountrySubDivisionCode, instead of the name",
    "Address.postal_code": "PostalCode",
    "Address.country": "Country",
    "Line.description": "Description",
    "Line.amount": "Amount",
    "Line.quantity": "Qty, or the description",
    "Line.unit_price": "UnitPrice, or the description",
    "Line.discount_percentage": "the description",
    "Line.account": "AccountRef, or the item's account",
    "Line.product": "ItemRef, where the company has items per product",
    "Line.taxes": "TaxCodeRef",
    "Line.shares": "ClassRef, by the mapping; a share stands in the description",
    "TaxAmount.tax": "TaxRateRef, or the description of a line",
    "TaxAmount.base": "NetAmountTaxable",
    "TaxAmount.amount": "Amount of a tax line, or of a line",
    "TaxAmount.account": "AccountRef of a line in the US",
    "Product.name": "the item's name",
}
# Said in the note to the bookkeeper.
IN_THE_NOTE = {
    "Document.url", "Document.odoo_id", "Document.database", "Document.installments", "Document.early_discount",
    "Document.left_out", "Document.embedded", "Document.is_receipt", "Document.origin", "Document.salesperson",
    "Party.contact", "Installment.due_on", "Installment.amount", "EarlyDiscount.percentage",
    "EarlyDiscount.until",
}  # fmt: skip
# Used for these only, with the reason.
USED_FOR = {
    "Document.document_type": "which transaction it is",
    "Document.company": "which realm it goes to",
    "Document.decimal_places": "rounding",
    "Document.untaxed": "compared before anything is sent",
    "Document.total": "compared before anything is sent, and after",
    "Document.home_total": "the rate, and compared after",
    "Document.written_at": "the cursor",
    "Document.created_at": "whether it is the document that had its id before",
    "Party.created_at": "whether it is the contact that had its id before",
    "Product.created_at": "whether it is the product that had its id before",
    "Document.withdrawn": "whether it is taken out",
    "Document.attachments": "the PDF",
    "Company.odoo_id": "reading",
    "Company.name": "the realm",
    "Company.currency": "compared with the realm's",
    "Company.country": "messages",
    "Party.own": "what the customer or vendor itself is reached by",
    "Party.odoo_id": "which customer or vendor it is",
    "Party.reference": "nothing: an inner number of Odoo's contacts",
    "Account.odoo_id": "reading",
    "Account.code": "which account it is",
    "Account.name": "which account it is",
    "Product.code": "which item it is, by the mapping",
    "Product.odoo_id": "which item it is",
    "Tax.odoo_id": "which tax it is",
    "Tax.name": "which code it is",
    "Tax.rate": "which code it is",
    "Tax.is_percentage": "which code it is",
    "Tax.is_sale": "which code it is",
    "TaxAmount.place": "whether it is sent as tax or as a line",
    "Share.analytic": "the class",
    "Share.percentage": "the class",
    "Line.kind": "which line it is",
    **{f"Attachment.{name}": "the PDF" for name in (
        "odoo_id", "name", "media_type", "size_bytes", "sha1", "is_legal", "is_main", "is_link"
    )},
}  # fmt: skip


def every_field(kind, seen=None):
    """Return the fields of a dataclass and of the dataclasses in it, as `Kind.name`."""
    seen = set() if seen is None else seen
    found = {f"{kind.__name__}.{field.name}" for field in fields(kind)}
    seen.add(kind)
    for hint in get_type_hints(kind, vars(parts)).values():
        for inner in (hint, *get_args(hint)):
            if is_dataclass(inner) and inner not in seen:
                found |= every_field(inner, seen)
    return found


def test_every_field_of_a_document_goes_somewhere_and_nothing_is_listed_that_is_no_field():
    listed = [*SENT, *IN_THE_NOTE, *USED_FOR]

    assert sorted(listed) == sorted(every_field(Document))


NOTES = {
    "installments": (
        (parts.Installment(a_document().due_on, a_document().total / 2),) * 2,
        "Due in 2 installments: 55.00 USD on 2026-12-01, 55.00 USD on 2026-12-01",
    ),
    "early_discount": (
        parts.EarlyDiscount(a_document().tax / 5, a_document().issued_on),
        "Early payment: 2% off when paid by 2026-11-01",
    ),
    "left_out": (("'a.zip' is an archive.",), "Not in the PDF: 'a.zip' is an archive."),
    "embedded": (("'a.xml' is embedded in the PDF.",), "In the PDF: 'a.xml' is embedded in the PDF."),
    "is_receipt": (True, "A sales receipt in Odoo"),
    "url": ("https://odoo.example/1", "https://odoo.example/1"),
    "origin": ("S00012", "Source: S00012"),
    "salesperson": ("Mitchell", "Salesperson: Mitchell"),
    "party": (replace(a_document().party, contact="Jane"), "Contact: Jane"),
    "reference": ("PO-7", "Reference: PO-7"),
    "memo": ("Thank you", "Thank you"),
}


@pytest.mark.parametrize("name", NOTES)
def test_what_is_said_in_the_note_is_said_there_a_line_each(name):
    value, line = NOTES[name]

    assert line in private_note(a_document(**{name: value})).split("\n")


def test_one_installment_is_the_due_date_and_not_said_again():
    assert "installment" not in private_note(a_document())


def test_many_files_left_out_do_not_take_the_room_of_the_memo():
    note = private_note(a_document(left_out=("'x.zip' is an archive.",) * 400, memo="Thank you"))

    assert note.endswith("...\nThank you")
