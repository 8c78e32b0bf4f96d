"""A tie-out finds every kind of difference, in its class, and nothing else."""

from __future__ import annotations

import pytest

from pipeline.domain.document import DocumentType
from pipeline.domain.entry import Status
from pipeline.domain.mapping import ClosedPeriod, Rules
from pipeline.domain.tie_out.classes import OPEN, DifferenceClass
from pipeline.domain.tie_out.tie_out import Verdict
from tests.pipeline.use_cases.tie_out_kinds import KINDS
from tests.tie_out_world import COMPANIES, TieOutWorld


@pytest.fixture(params=COMPANIES)
def world(request, worlds):
    return worlds[request.param].restore()


def test_the_list_has_more_than_thirty_kinds_and_every_class():
    assert len(KINDS) >= 30
    assert {kind.difference_class for kind in KINDS} == set(DifferenceClass) - {DifferenceClass.EQUAL}


def test_a_clean_month_ties_out_to_zero_with_foreign_currency(world):
    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert {finding.difference_class for finding in found.findings} == {DifferenceClass.EQUAL}
    assert {finding.document_type for finding in found.findings} == set(DocumentType)
    assert len({finding.currency for finding in found.findings}) > 1
    assert {row.difference for row in found.sums.all} == {0}
    assert {finding.pdf for finding in found.findings} == {"there"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_difference_is_found_in_its_class_and_nothing_else_is(world, kind):
    number = kind.inject(world)

    found = world.tie_out()
    different = [one for one in found.findings if one.difference_class is not DifferenceClass.EQUAL]

    assert [(one.difference_class, one.number) for one in different] == [(kind.difference_class, number)]
    assert different[0].is_open is kind.is_open
    assert found.verdict is (Verdict.OPEN if kind.is_open else Verdict.TIES_OUT)
    assert kind.field in " ".join(difference.field for difference in different[0].differences)
    assert different[0].reason or different[0].differences
    # Whatever total differs, this document is named as what makes it.
    assert found.unexplained_sums == ()
    for row in found.sums.all:
        assert bool(row.difference) <= (different[0].title in row.documents)


@pytest.mark.parametrize(
    ("name", "in_odoo", "in_books"),
    [
        ("deleted in Odoo", "deleted in Odoo", ""),
        ("cancelled in Odoo", "", ""),
        ("invoice deleted in QuickBooks", "", "deleted in QuickBooks"),
        ("voided", "", "voided in QuickBooks"),
        ("never pulled", "", ""),
    ],
)
def test_a_finding_says_where_its_document_is_no_more(world, name, in_odoo, in_books):
    number = next(kind for kind in KINDS if kind.name == name).inject(world)

    finding = world.finding(number)

    assert (finding.gone_in_odoo, finding.gone_in_books) == (in_odoo, in_books)


def test_a_transaction_whose_id_in_odoo_is_another_documents_now_is_not_compared_with_that_one(world):
    number = world.number(DocumentType.BILL)
    qb_id = world.row(number)["Id"]
    world.set_entry(number, status=Status.FAILED, successor="bill 2 of Bolt", error_message="its id was reused")

    found = world.tie_out()

    different = [one for one in found.findings if one.difference_class is not DifferenceClass.EQUAL]
    assert [one.difference_class for one in different] == [DifferenceClass.NEEDS_A_PERSON] * 2
    assert [one.reason for one in different] == ["its id was reused"] * 2
    present, former = sorted(different, key=lambda one: one.booked_total is not None)
    assert (present.number, present.booked_total) == (number, None)
    assert (former.qb_id, former.odoo_total) == (qb_id, None)
    assert found.unexplained_sums == ()


def test_tax_under_the_rate_of_another_code_is_found_although_the_total_agrees(worlds):
    world = worlds["companyB"].restore()
    number = world.number(DocumentType.BILL, taxed=True)
    others = {row["Name"]: row["Id"] for row in world.books.rows("TaxRate")}
    row = world.row(number)
    (first, *_) = [line for line in row["TxnTaxDetail"]["TaxLine"] if line["Amount"]]
    is_high = first["TaxLineDetail"]["TaxRateRef"]["value"] == others["21% M (Purchase)"]
    first["TaxLineDetail"]["TaxRateRef"] = {"value": others["6% M (Purchase)" if is_high else "21% M (Purchase)"]}

    found = world.tie_out()
    (different,) = [one for one in found.findings if one.difference_class is not DifferenceClass.EQUAL]

    assert (different.difference_class, different.number) == (DifferenceClass.UNEXPLAINED, number)
    assert {difference.field for difference in different.differences} == {"tax 21% M", "tax 6% M"}
    assert {row.name for row in found.sums.taxes if row.difference} == {"21% M", "6% M"}


def test_a_transaction_whose_note_a_person_has_cut_is_equal_with_its_pdf(world):
    number = world.number(DocumentType.INVOICE)
    world.edit(number, lambda row: row.update(PrivateNote=""))

    finding = world.finding(number)

    assert (finding.difference_class, finding.pdf, finding.differences) == (DifferenceClass.EQUAL, "there", ())


def test_a_mark_of_another_document_on_what_was_posted_is_one_difference_of_one_document(world):
    number = world.number(DocumentType.INVOICE)
    world.edit(number, lambda row: row.update(PrivateNote="[odoo_demo-account.move-999999] Odoo INV/1"))

    found = world.tie_out()
    (different,) = [one for one in found.findings if one.difference_class is not DifferenceClass.EQUAL]

    assert (different.difference_class, different.number) == (DifferenceClass.CHANGED, number)
    assert [difference.field for difference in different.differences] == ["mark"]
    assert {row.difference for row in found.sums.all} == {0}


def test_what_is_open_is_what_a_person_does_something_about():
    from pipeline.domain.tie_out.classes import WHAT_TO_DO

    assert {which for which in OPEN if not WHAT_TO_DO[which]} == set()


def test_a_number_that_is_missing_between_two_months_is_in_the_report(world):
    moves = world.odoo.rows["account.move"]
    numbers = sorted((move["name"][:-5], int(move["name"][-5:])) for move in moves)
    beginning, number = next((beginning, number) for beginning, number in dict(reversed(numbers)).items() if number > 2)
    before = {gap.number for gap in world.tie_out().gaps}

    first = next(move for move in moves if move["name"] == f"{beginning}{number:05}")
    moves.append({**first, "id": 99_001, "name": f"{beginning}{number - 2:05}", "date": "2026-09-30"})

    assert {gap.number for gap in world.tie_out().gaps} - before == {f"{beginning}{number - 1:05}"}


@pytest.mark.parametrize("company", COMPANIES)
def test_a_month_posted_after_its_books_were_closed_is_explained_to_the_day_and_a_date_of_a_person_is_not(
    company,
):
    world = TieOutWorld(company, count=8)
    world.rules = world.poster.rules = Rules(closed_period=ClosedPeriod.FIRST_OPEN_DAY)
    world.books.realm.book_close_date = "2026-10-31"
    try:
        rules = world.rules
        world.post()
        found = world.tie_out()

        assert found.verdict is Verdict.TIES_OUT
        assert {finding.difference_class for finding in found.findings} == {DifferenceClass.DATED_OTHERWISE}

        number = world.number(DocumentType.BILL)
        note = world.row(number)["PrivateNote"].partition("\nDated")[0]
        assert note != world.row(number)["PrivateNote"]
        world.edit(number, lambda row: row.update(PrivateNote=note))
        finding = world.finding(number)

        assert (finding.difference_class, finding.is_explained) == (DifferenceClass.DATED_OTHERWISE, True)
        assert "Its own note is gone" in finding.reason

        # It was there before the books were closed, as far as anybody can tell: then the date is a person's.
        meta = world.row(number)["MetaData"]
        world.edit(number, lambda row: row.update(MetaData={**meta, "CreateTime": "2026-10-09T08:00:00+00:00"}))

        assert world.finding(number).is_open

        world.edit(number, lambda row: row.update(MetaData=meta, TxnDate="2026-11-02"))
        world.rules = rules
        opened = [finding.number for finding in world.tie_out().findings if finding.is_open]

        assert opened == [number]
    finally:
        world.close()
