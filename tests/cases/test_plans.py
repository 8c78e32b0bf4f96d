"""A QuickBooks plan without a feature: what cannot be read is not known, and who needs none of it notices nothing."""

from __future__ import annotations

from datetime import date

import pytest

from pipeline.domain.document import DocumentType
from pipeline.domain.mapping import Rules
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.tie_out import Verdict
from tests.cases.world import us
from tests.tie_out_world import posted_month

PURCHASES = (DocumentType.BILL, DocumentType.VENDOR_CREDIT)
# By their texts both say it, and with which status is not documented.
REFUSALS = [(code, status) for code in ("5020", "5030") for status in (400, 403)]


@pytest.fixture(scope="module")
def posted():
    with posted_month("companyB") as world:
        yield world


@pytest.fixture
def world(posted):
    world = posted.restore()
    yield world
    quickbooks = world.poster.quickbooks
    world.books.realm.plan = "plus"
    quickbooks.plan_code, quickbooks.plan_status, quickbooks.also_not_in_plan = "5020", 400, ()


def without_purchases(world):
    """Let the company have no bills and vendor credits, in Odoo or in QuickBooks."""
    kept = {move["id"] for move in world.odoo.rows["account.move"] if move["move_type"].startswith("out_")}
    for name, key in (("account.move", lambda row: row["id"]), ("account.move.line", lambda row: row["move_id"][0])):
        world.odoo.rows[name] = [row for row in world.odoo.rows[name] if key(row) in kept]


@pytest.mark.parametrize(("code", "status"), REFUSALS)
def test_a_month_with_bills_is_not_known_where_the_plan_has_none_and_it_says_what_to_do(world, code, status):
    world.books.realm.plan = "simple_start"
    world.poster.quickbooks.plan_code, world.poster.quickbooks.plan_status = code, status

    found = world.run()

    assert found is not None
    assert found.verdict is Verdict.NOT_KNOWN
    assert "Odoo has bills and vendor credits of this month, which cannot be read in QuickBooks." in found.sentence
    assert "upgrade it in QuickBooks" in found.sentence
    assert found.findings == ()


@pytest.mark.parametrize(("code", "status"), REFUSALS)
def test_a_company_without_bills_ties_out_on_a_plan_without_bills(world, code, status):
    without_purchases(world)
    world.books.realm.plan = "simple_start"
    world.poster.quickbooks.plan_code, world.poster.quickbooks.plan_status = code, status

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert {finding.document_type for finding in found.findings} == {DocumentType.INVOICE, DocumentType.CREDIT_NOTE}
    assert "QuickBooks offers no bills to this company, and Odoo has none to compare." in found.notes


def test_bills_that_are_skipped_need_no_plan_that_has_them(world):
    world.rules = Rules(go_live=date(2027, 1, 1))
    world.poster._table.stored.clear()
    for entity in ("Invoice", "CreditMemo"):
        world.books._tables.table(entity).clear()
    world.books.realm.plan = "simple_start"

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert {finding.difference_class for finding in found.findings} == {DifferenceClass.SKIPPED}


def test_a_plan_without_classes_and_locations_is_compared_like_any_other(world):
    world.books.realm.plan = "essentials"

    assert world.tie_out().verdict is Verdict.TIES_OUT


def test_taxes_compare_per_document_where_quickbooks_does_not_show_its_tax_codes_and_the_report_says_so(world):
    world.poster.quickbooks.also_not_in_plan = ("TaxCode", "TaxRate")

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert any(note.startswith("Taxes were compared per document, and not by name.") for note in found.notes)


# -- posting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "status"), REFUSALS)
def test_a_plan_without_bills_fails_the_bills_alone_and_says_what_to_do(open_world, code, status):
    world = open_world(realms=[us(plan="simple_start")])
    world.qb.plan_code, world.qb.plan_status = code, status
    world.move(801, "out_invoice", [{"amount": 100.0}])
    world.move(802, "in_invoice", [{"amount": 50.0}], ref="B-1")
    world.move(803, "out_refund", [{"amount": 10.0}])
    world.move(804, "in_refund", [{"amount": 5.0}], ref="C-1")
    world.extract()

    result = world.post()

    entries = world.entries()
    assert result["paused"] == []
    assert [entries[number]["status"] for number in (801, 802, 803, 804)] == ["posted", "failed", "posted", "failed"]
    for number in (802, 804):
        assert entries[number]["error_code"] == f"quickbooks_{code}"
        assert "upgrade it in QuickBooks" in entries[number]["error_message"]


def test_bills_follow_by_a_retry_once_the_plan_has_them(open_world):
    world = open_world(realms=[us(plan="simple_start")])
    world.move(802, "in_invoice", [{"amount": 50.0}], ref="B-1")
    world.extract()
    world.post()
    world.realms[0].plan = "plus"

    world.post({"company": "companyA", "retry_failed": True})

    assert world.entries()[802]["status"] == "posted"
