"""A US company in which QuickBooks works sales tax out by itself: told once, forgotten when one comes out right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.domain.document import Tax
from pipeline.domain.errors import Deferred
from pipeline.qbo.sales_tax import DOCUMENTS_MAX, TRIED_AGAIN_S
from tests.books_world import US_TAX, Clock, a_document, line, served, tax_amount

FEE = Tax(9, "Fee", 5, is_percentage=False)


def taxed(odoo_id=17):
    lines = (line("100.00", taxes=(US_TAX, FEE)),)
    taxes = (tax_amount(US_TAX, 100, "8.25"), tax_amount(FEE, 100, "5.00"))
    return a_document(odoo_id=odoo_id, number=f"INV/{odoo_id}", lines=lines, taxes=taxes)


@pytest.fixture
def world():
    with served(automated_tax_percent=9) as world:
        yield world


def came_out_otherwise(world, *odoo_ids):
    for odoo_id in odoo_ids:
        world.references.sales_tax.differed(taxed(odoo_id))


def test_several_documents_in_a_row_are_the_companys_trouble_for_every_later_session_too(world):
    came_out_otherwise(world, *range(1, DOCUMENTS_MAX))
    world.books.draft(taxed())

    came_out_otherwise(world, DOCUMENTS_MAX)

    for references in (world.references, world.new_references()):
        with pytest.raises(Deferred, match=r'Say sales_tax = "line" under \["companyA"\]') as raised:
            replace(world.books, references=references).draft(taxed())
        assert raised.value.code == "sales_tax_differs"


def test_the_same_document_again_is_one(world):
    came_out_otherwise(world, *[1] * DOCUMENTS_MAX)

    assert world.books.draft(taxed())


def test_a_document_that_came_out_right_clears_the_company(world):
    came_out_otherwise(world, *range(1, DOCUMENTS_MAX))
    draft = world.books.draft(taxed())

    assert world.books.difference(taxed(), draft, world.books.create(draft, "r-1")) == ""

    came_out_otherwise(world, DOCUMENTS_MAX)
    assert world.books.draft(taxed())


def test_what_is_only_remembered_of_a_document_clears_nobody_and_is_no_difference(world):
    came_out_otherwise(world, *range(1, DOCUMENTS_MAX))
    document = taxed()
    draft = world.books.draft(document)
    kept = replace(world.books.create(draft, "r-1"), tax=document.tax, line_amounts=(), item_accounts=())

    assert world.books.difference(document, draft, kept) == ""

    came_out_otherwise(world, DOCUMENTS_MAX)
    with pytest.raises(Deferred):
        world.books.draft(taxed())


def test_after_a_day_one_more_document_is_tried(world):
    clock = Clock()
    references = world.new_references(clock=clock)
    for odoo_id in range(DOCUMENTS_MAX):
        references.sales_tax.differed(taxed(odoo_id))

    with pytest.raises(Deferred):
        references.sales_tax.check(taxed())
    clock.sleep(TRIED_AGAIN_S + 1)

    references.sales_tax.check(taxed(98))

    with pytest.raises(Deferred):
        references.sales_tax.check(taxed(99))


def test_one_that_failed_may_be_retried_at_once(world):
    came_out_otherwise(world, *range(DOCUMENTS_MAX))

    assert world.books.draft(taxed(1))


def test_documents_without_sales_tax_go_on(world):
    came_out_otherwise(world, *range(DOCUMENTS_MAX))

    assert world.books.draft(a_document())
