"""Odoo's journal items as the tie-out reads them, of every version."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from local.demo.documents import load
from local.stand_ins.odoo import versions
from local.stand_ins.odoo.stand_in import OdooStandIn
from pipeline.domain.errors import Unavailable
from pipeline.domain.tie_out.facts import ItemKind, NotCarried
from pipeline.domain.tie_out.month import Month
from pipeline.odoo.client import Odoo
from pipeline.odoo.journal import Journal
from pipeline.runtime import SystemClock
from tests.pipeline.odoo.test_client import PASSWORD

RECORDINGS = Path(os.environ.get("ODOO_RECORDINGS", Path(__file__).parents[4] / "shared/odoo"))
JULY = Month(2026, 7)
ROWS, FILES = load()


def served(version=18):
    return OdooStandIn(ROWS, FILES, version=version, password=PASSWORD)


def journal_of(odoo):
    client = Odoo(odoo.url, database="odoo_demo", username="sync_ro", secret=PASSWORD, clock=SystemClock())
    journal = Journal(client)
    return journal, {company.name: company for company in journal.companies()}


@pytest.fixture
def odoo():
    odoo = served()
    yield odoo
    odoo.close()


def whole_month(journal, company, month):
    found, after_id = [], 0
    while page := journal.page(company, month, after_id=after_id):
        found += page
        after_id = page[-1].odoo_id
    return found


@pytest.mark.parametrize("version", versions.VERSIONS)
def test_every_version_of_odoo_answers_the_same_month(version):
    odoo = served(version)
    try:
        journal, companies = journal_of(odoo)
        found = whole_month(journal, companies["companyB"], JULY)
        counted = journal.count(companies["companyB"], JULY)
    finally:
        odoo.close()

    assert len(found) == counted == 3
    for document in found:
        moves = {move["id"]: move for move in odoo.rows["account.move"]}
        assert document.total == Decimal(str(moves[document.odoo_id]["amount_total"]))
        added = sum(item.amount for item in document.items if item.kind in (ItemKind.LINE, ItemKind.TAX))
        assert added == document.total


@pytest.mark.parametrize("version", [18, 19])
def test_recorded_journal_items_balance_and_add_up_to_what_odoo_says(version):
    path = RECORDINGS / f"dataset{version}.json"
    if not path.exists():
        pytest.skip(f"no recordings in {RECORDINGS}")
    recorded = json.loads(path.read_text())["rows"]
    odoo = OdooStandIn(recorded, {}, version=version, password=PASSWORD)
    try:
        journal, companies = journal_of(odoo)
        months = sorted({Month(int(move["date"][:4]), int(move["date"][5:7])) for move in recorded["account.move"]})
        found = [
            document
            for company in companies.values()
            for month in months
            for document in whole_month(journal, company, month)
        ]
    finally:
        odoo.close()

    moves = {move["id"]: move for move in recorded["account.move"]}
    posted = {move["id"] for move in moves.values() if move["state"] == "posted"}
    assert {document.odoo_id for document in found if document.is_posted} == posted
    for document in found:
        move = moves[document.odoo_id]
        assert document.total == Decimal(str(move["amount_total"]))
        assert document.home_total == abs(Decimal(str(move["amount_total_signed"])))


def lines_of(odoo, move_id):
    return [line for line in odoo.rows["account.move.line"] if line["move_id"][0] == move_id]


def test_the_cost_of_stock_is_neither_a_line_nor_owed(odoo):
    journal, companies = journal_of(odoo)
    first = whole_month(journal, companies["companyB"], JULY)[0]
    own = lines_of(odoo, first.odoo_id)[0]
    last = max(line["id"] for line in odoo.rows["account.move.line"])
    for offset, amount in ((1, 40.0), (2, -40.0)):
        cost = {**own, "id": last + offset, "display_type": "cogs", "tax_line_id": False}
        odoo.rows["account.move.line"].append({**cost, "balance": amount, "amount_currency": amount})

    again = whole_month(journal, companies["companyB"], JULY)[0]

    assert again.total == first.total
    assert sum(item.kind is ItemKind.STOCK for item in again.items) == 2


def test_items_that_do_not_balance_were_not_all_read(odoo):
    journal, companies = journal_of(odoo)
    odoo.rows["account.move.line"] = [
        line for line in odoo.rows["account.move.line"] if line["display_type"] != "payment_term"
    ]

    with pytest.raises(Unavailable, match="do not balance"):
        whole_month(journal, companies["companyB"], JULY)


def test_what_is_not_carried_is_counted_per_journal(odoo):
    journal, companies = journal_of(odoo)
    company = companies["companyA"]
    own = [company.odoo_id, company.name]
    for amount in (100.0, 0.5):
        odoo.post(
            {"move_type": "entry", "company_id": own, "date": "2026-07-31", "journal_id": [9, "Bank"], "name": "",
             "amount_total_signed": amount, "partner_id": False, "ref": False},
            [],
        )  # fmt: skip

    assert journal.not_carried(company, JULY) == [NotCarried("Bank", 2, Decimal("100.5"))]
    assert journal.not_carried(company, JULY.previous) == []


def test_documents_are_found_by_their_ids_in_any_company_and_any_state(odoo):
    journal, _ = journal_of(odoo)
    ids = [move["id"] for move in odoo.rows["account.move"]][:40]

    found = journal.by_ids([*ids, 999_999])

    assert set(found) == set(ids)
    assert {state.company for state in found.values()} == {"companyA", "companyB"}


def test_missing_numbers_are_looked_up_with_where_they_are(odoo):
    journal, companies = journal_of(odoo)
    move = next(move for move in odoo.rows["account.move"] if move["state"] == "cancel" and move["posted_before"])
    place = (move["journal_id"][1], move["name"])

    found = journal.with_numbers(companies[move["company_id"][1]], [place, ("Bills", "BILL/NONE")])

    assert found == {place: f"It is cancelled, dated {move['date']}."}


def test_odoos_own_mark_of_a_gap_is_read_where_the_version_has_it(odoo, monkeypatch):
    journal, companies = journal_of(odoo)
    assert not any(document.sequence_gap for document in whole_month(journal, companies["companyB"], JULY))

    fields = odoo.fields("account.move") | {"made_sequence_gap": {"type": "boolean", "store": True}}
    monkeypatch.setitem(odoo._fields, "account.move", fields)
    for move in odoo.rows["account.move"]:
        move["made_sequence_gap"] = True
    journal, companies = journal_of(odoo)

    assert all(document.sequence_gap for document in whole_month(journal, companies["companyB"], JULY))


def test_a_currency_of_three_places_keeps_them_and_a_binary_fraction_adds_none(odoo):
    journal, companies = journal_of(odoo)
    first = whole_month(journal, companies["companyA"], JULY)[0]
    rows = [row for row in odoo.rows["account.move.line"] if row["move_id"][0] == first.odoo_id]
    line, owed = (next(row for row in rows if row["display_type"] == what) for what in ("product", "payment_term"))
    line.update(amount_currency=line["amount_currency"] + 0.004, balance=line["balance"] + 1e-11)
    owed.update(amount_currency=owed["amount_currency"] - 0.004)

    document = whole_month(journal, companies["companyA"], JULY)[0]

    assert abs(document.total - first.total) == Decimal("0.004")
    assert document.home_total == first.home_total
    assert {item.home_amount.as_tuple().exponent for item in document.items} == {-2}
