"""Where the numberings of a month began, of every version of Odoo."""

from __future__ import annotations

import pytest

from local.stand_ins.odoo import versions
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.numbers import begun_before, missing_before
from tests.pipeline.odoo.test_journal import journal_of, served, whole_month

NOVEMBER = Month(2026, 11)
SALES, BILLS = [1, "Customer Invoices"], [9, "Vendor Bills"]


@pytest.fixture(params=versions.VERSIONS)
def odoo(request):
    odoo = served(request.param)
    odoo.rows["account.move.line"].clear()
    template = next(move for move in odoo.rows["account.move"] if move["move_type"] == "out_invoice")
    odoo.rows["account.move"].clear()
    odoo.template = template
    yield odoo
    odoo.close()


def number(odoo, name, date, *, journal=SALES, state="posted", move_type="out_invoice"):
    odoo_id = len(odoo.rows["account.move"]) + 1
    odoo.rows["account.move"].append(
        {**odoo.template, "id": odoo_id, "name": name, "date": date, "invoice_date": date, "journal_id": journal,
         "state": state, "posted_before": True, "move_type": move_type, "company_id": [1, "companyA"]}
    )  # fmt: skip


def missing(odoo):
    journal, companies = journal_of(odoo)
    documents = whole_month(journal, companies["companyA"], NOVEMBER)
    found = missing_before(journal.numbers_before(companies["companyA"], NOVEMBER, begun_before(documents)))
    return [name for _, name in found]


def test_a_hole_between_the_last_number_before_the_month_and_the_first_in_it_is_found(odoo):
    number(odoo, "INV/2026/00007", "2026-10-20")
    number(odoo, "INV/2026/00010", "2026-11-02")
    number(odoo, "INV/2026/00011", "2026-11-03")

    assert missing(odoo) == ["INV/2026/00008", "INV/2026/00009"]


@pytest.mark.parametrize("state", ["posted", "cancel", "draft"])
@pytest.mark.parametrize("date", ["2026-10-31", "2026-12-01"])
def test_a_number_that_odoo_has_anywhere_leaves_no_hole(odoo, date, state):
    number(odoo, "INV/2026/00009", date, state=state)
    number(odoo, "INV/2026/00010", "2026-11-02")

    assert missing(odoo) == []


@pytest.mark.parametrize("former", ["INV/2025/00001", "INV/2026/10/0001"])
def test_a_new_year_or_month_begins_at_one_if_the_one_before_it_did(odoo, former):
    prefix = "INV/2026/" if former.startswith("INV/2025") else "INV/2026/11/"
    number(odoo, former, "2026-10-02")
    number(odoo, former[:-1] + "2", "2026-10-03")
    number(odoo, f"{prefix}0003", "2026-11-02")

    assert missing(odoo) == [f"{prefix}0001", f"{prefix}0002"]


@pytest.mark.parametrize(
    ("earlier", "first"),
    [
        pytest.param((), "INV/2026/00012", id="Odoo was begun in mid year"),
        pytest.param(("INV/2025/00500",), "INV/2026/00012", id="nor did the former year begin at one"),
        pytest.param(("INV/2025/00001",), "INV/2026/01000", id="the year was begun by hand"),
        pytest.param(("INV/2026/10/0001",), "INV/2026/00012", id="the format has changed from months to years"),
        pytest.param(("INV/2025/00001",), "INV/2026/11/0004", id="the format has changed from years to months"),
        pytest.param(("OLD/2025/00001",), "INV/2026/00012", id="the prefix has changed"),
        pytest.param(("RINV/2025/00001",), "INV/2026/00012", id="credit notes have a prefix of their own"),
        pytest.param(("INV0001",), "FAC0012", id="a series without a year or month never begins again"),
        pytest.param(("INV/2026/00001",), "INV/2026/00900", id="it was renumbered by hand"),
        pytest.param((), "INV2026110007", id="more digits than Odoo counts"),
    ],
)
def test_where_nobody_knows_that_a_number_is_missing_none_is_named(odoo, earlier, first):
    for name in earlier:
        number(odoo, name, "2026-10-02")
    number(odoo, first, "2026-11-02")

    assert missing(odoo) == []


def test_a_number_of_another_journal_is_none_of_this_one(odoo):
    number(odoo, "2026/00009", "2026-10-02", journal=BILLS, move_type="in_invoice")
    number(odoo, "2026/00007", "2026-10-02")
    number(odoo, "2026/00009", "2026-11-02")

    assert missing(odoo) == ["2026/00008"]


def test_a_prefix_with_signs_that_mean_something_in_sql_is_itself(odoo):
    number(odoo, "INVX2026/00009", "2026-10-02")
    number(odoo, "INV_2026/00007", "2026-10-02")
    number(odoo, "INV_2026/00009", "2026-11-02")

    assert missing(odoo) == ["INV_2026/00008"]


def test_of_series_without_a_hole_one_question_is_asked(odoo):
    for place in range(9):
        number(odoo, f"S{place}/2026/00001", "2026-10-02")
        number(odoo, f"S{place}/2026/00002", "2026-11-02")
    journal, companies = journal_of(odoo)
    documents = whole_month(journal, companies["companyA"], NOVEMBER)
    odoo.calls.clear()

    journal.numbers_before(companies["companyA"], NOVEMBER, begun_before(documents))

    assert odoo.calls == [("account.move", "search_read")]
