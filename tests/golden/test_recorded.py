"""Every recorded document, whatever its state, through both translations into QuickBooks' books, and found there to the
cent: once in a company in the US and once in one with tax codes.

The rows are the demo's (Odoo 18) and `recorded/odoo19.json`. Each document has a folder with what it becomes:
`document.json`, and for either kind of company what is sent and what the books then say, or the refusal. After a change
on purpose `GOLDEN=update make unit` writes them again, and a person reads the diff.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.domain.codec import encode
from pipeline.domain.document import check_adds_up
from pipeline.domain.errors import NeedsAttention
from pipeline.domain.mapping_file import MappingFile
from pipeline.qbo.payloads import ENTITIES
from tests.books_world import Served
from tests.golden.golden_case import assert_golden
from tests.golden.recorded_case import (
    FOLDER,
    MODELS,
    US,
    VAT,
    accounts_of,
    booked_on,
    brief,
    cases,
    compact,
    new_stand_in,
    readable,
    recording,
    said,
    tax_of,
)

CASES = cases()
TAXED_SALES = [case for case in CASES if case.document().document_type.is_sale and case.document().tax]
RECORDINGS = Path(os.environ.get("ODOO_RECORDINGS") or Path(__file__).parents[3] / "shared" / "odoo")


@pytest.fixture(params=CASES, ids=lambda case: f"odoo{case.version}-{case}")
def case(request):
    return request.param


@pytest.fixture(params=[US, VAT])
def kind(request):
    return request.param


@pytest.fixture
def company(case, kind):
    realm = case.realm(kind)
    stand_in = new_stand_in(realm)
    yield Served(stand_in, realm)
    stand_in.close()


def test_recorded_rows_become_this_document_with_odoos_own_totals(case):
    document = case.document()

    check_adds_up(document)
    assert (document.untaxed, document.tax, document.total) == _recorded(
        case, "amount_untaxed", "amount_tax", "amount_total"
    )
    assert document.home_total == abs(Decimal(str(case.move["amount_total_signed"])))
    assert document.withdrawn is (case.move["state"] != "posted")
    assert_golden(case.folder / "document.json", compact(brief(encode(document))) + "\n")


def test_a_recorded_document_is_in_the_books_to_the_cent_or_is_refused_with_a_reason(case, kind, company):
    # One that is withdrawn by now was posted before, or is posted next; then it must fit as well.
    document = replace(case.document(), withdrawn=False)
    path = case.folder / f"{kind}.json"
    try:
        draft = company.books.draft(document)
    except NeedsAttention as error:
        assert_golden(path, compact({"refused": {"code": error.code, "text": str(error)}}) + "\n")
        assert company.book.documents() == []
        return
    booked = company.books.create(draft, "request-1")
    again = company.books.create(draft, "request-1")

    (row,) = company.book.documents()
    untaxed, tax, total = _recorded(case, "amount_untaxed", "amount_tax", "amount_total")
    # What Odoo booked on an expense account is cost, whatever it is called there.
    as_tax = tax_of(case, kind)
    assert again == booked
    assert company.stand_in.replays == 1
    assert company.books.difference(document, draft, booked) == ""
    assert company.books.find(document) == booked
    assert (row["TotalAmt"], row["CurrencyRef"]["value"]) == (total, case.move["currency_id"][1])
    assert row.get("TxnTaxDetail", {}).get("TotalTax", 0) == as_tax
    assert row["HomeTotalAmt"] == abs(Decimal(str(case.move["amount_total_signed"])))
    assert accounts_of(row, company.book) == booked_on(case, kind)
    assert sum(accounts_of(row, company.book).values()) == untaxed + tax - as_tax
    sent = readable(json.loads(json.dumps(draft.body, default=float), parse_float=Decimal), company.book)
    entity = ENTITIES[document.document_type]
    assert_golden(path, compact({"books": said(row, company.book), "sent": {entity: sent}}) + "\n")


@pytest.mark.parametrize("withdrawn", [case for case in CASES if case.document().withdrawn], ids=str)
def test_a_recorded_document_that_is_withdrawn_leaves_nothing_in_the_books(withdrawn):
    realm = withdrawn.realm(US)
    stand_in = new_stand_in(realm)
    company = Served(stand_in, realm)
    document = withdrawn.document()
    booked = company.books.create(company.books.draft(document), "request-1")

    assert company.books.remove(document, booked, "request-2")
    assert company.book.documents() == []
    stand_in.close()


def test_no_golden_file_is_left_without_its_document():
    kept = {path for path in FOLDER.glob("*/*/*") if path.is_file()}

    assert kept == {case.folder / name for case in CASES for name in ("document.json", "us.json", "vat.json")}


def test_the_golden_documents_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 2_500_000


def test_every_kind_of_recorded_document_is_among_them():
    assert len(CASES) == 115
    assert {case.move["move_type"] for case in CASES} == {"out_invoice", "out_refund", "in_invoice", "in_refund"}
    assert {case.move["state"] for case in CASES} == {"posted", "draft", "cancel"}


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings: set ODOO_RECORDINGS to their folder")
@pytest.mark.parametrize("version", [18, 19])
def test_the_rows_are_those_that_were_recorded(version):
    recorded = json.loads((RECORDINGS / f"dataset{version}.json").read_text(), parse_float=Decimal)["rows"]
    # The demo has small files in place of the recorded ones.
    models = [model for model in MODELS if version == 19 or model != "ir.attachment"]

    for model in models:
        ours = sorted(recording(version).rows[model], key=lambda row: row["id"])
        assert json.loads(json.dumps(ours, default=float)) == sorted(
            json.loads(json.dumps(recorded[model], default=float)), key=lambda row: row["id"]
        )


def _recorded(case, *names):
    return tuple(Decimal(str(case.move[name])) for name in names)


@pytest.mark.parametrize("taxed", TAXED_SALES, ids=str)
@pytest.mark.parametrize("works_out", [False, True], ids=["honours what it is given", "works it out by itself"])
def test_a_recorded_us_sale_with_its_taxes_as_lines_is_right_whatever_quickbooks_does_about_sales_tax(taxed, works_out):
    document = replace(taxed.document(), withdrawn=False)
    realm = replace(taxed.realm(US), automated_tax_percent=Decimal("3.75"))
    stand_in = new_stand_in(realm)
    stand_in.us_tax_worked_out = works_out
    company = Served(stand_in, realm)
    rules = MappingFile.parse(f'["{document.company.name}"]\nsales_tax = "line"\n').rules(document.company.name)
    books = replace(company.books, references=company.new_references(rules=rules))

    draft = books.draft(document)
    booked = books.create(draft, "request-1")

    (row,) = company.book.documents()
    assert books.difference(document, draft, booked) == ""
    assert (row["TotalAmt"], row["TxnTaxDetail"]["TotalTax"]) == (document.total, 0)
    assert accounts_of(row, company.book) == booked_on(taxed, as_lines=True)
    stand_in.close()


@pytest.mark.parametrize("taxed", TAXED_SALES, ids=str)
@pytest.mark.parametrize("works_out", [False, True], ids=["honours what it is given", "works it out by itself"])
def test_a_recorded_us_sale_is_right_as_it_is_sent_or_its_difference_is_seen(taxed, works_out):
    document = replace(taxed.document(), withdrawn=False)
    realm = replace(taxed.realm(US), automated_tax_percent=Decimal("3.75"))
    stand_in = new_stand_in(realm)
    stand_in.us_tax_worked_out = works_out
    company = Served(stand_in, realm)

    draft = company.books.draft(document)
    difference = company.books.difference(document, draft, company.books.create(draft, "request-1"))

    assert ('sales_tax = "line"' in difference) is works_out
    stand_in.close()
