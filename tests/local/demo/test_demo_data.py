"""The demo data is varied, small, and adds up."""

import hashlib
import io
from decimal import Decimal

import pytest
from pypdf import PdfReader

from local.demo.documents import FOLDER, labels, load, many
from local.stand_ins.odoo.versions import display_name


@pytest.fixture(scope="module")
def demo():
    return load()


def _sum(lines, field):
    return sum((Decimal(str(line[field])) for line in lines), Decimal())


def _lines_of(rows):
    lines = {}
    for line in rows["account.move.line"]:
        lines.setdefault(line["move_id"][0], []).append(line)
    return lines


def _assert_adds_up(rows):
    lines = _lines_of(rows)
    for move in rows["account.move"]:
        sold = [line for line in lines[move["id"]] if line["display_type"] == "product"]
        taxes = [line for line in lines[move["id"]] if line["display_type"] == "tax"]
        assert _sum(sold, "price_subtotal") == Decimal(str(move["amount_untaxed"])), move["name"]
        assert abs(_sum(taxes, "amount_currency")) == Decimal(str(move["amount_tax"])), move["name"]
        assert _sum([move], "amount_untaxed") + _sum([move], "amount_tax") == Decimal(str(move["amount_total"]))
        assert sum(Decimal(str(line["balance"])) for line in lines[move["id"]]) == 0, move["name"]
        assert sorted(move["line_ids"]) == sorted(line["id"] for line in lines[move["id"]])


def test_there_are_at_least_forty_documents_of_every_kind(demo):
    moves = demo[0]["account.move"]

    assert len(moves) >= 40
    assert {row["move_type"] for row in moves} == {"out_invoice", "out_refund", "in_invoice", "in_refund"}
    assert {row["company_id"][1] for row in moves} == {"companyA", "companyB"}
    assert {row["currency_id"][1] for row in moves} == {"USD", "EUR", "GBP", "JPY"}
    assert {row["state"] for row in moves} == {"posted", "draft", "cancel"}
    assert labels()[301] == ["big_500_lines"]


def test_the_demo_data_stays_small():
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())

    assert size <= 3_000_000


def test_every_file_has_the_checksum_and_size_of_its_attachment(demo):
    rows, files = demo

    assert sorted(files) == sorted(row["id"] for row in rows["ir.attachment"])
    for row in rows["ir.attachment"]:
        assert hashlib.sha1(files[row["id"]], usedforsecurity=False).hexdigest() == row["checksum"], row["name"]
        assert len(files[row["id"]]) == row["file_size"], row["name"]


def test_every_pdf_can_be_opened(demo):
    rows, files = demo
    pdfs = [row for row in rows["ir.attachment"] if row["mimetype"] == "application/pdf"]

    pages = [len(PdfReader(io.BytesIO(files[row["id"]])).pages) for row in pdfs]

    assert min(pages) >= 1


def test_the_totals_of_every_document_are_the_sums_of_its_lines(demo):
    _assert_adds_up(demo[0])


def test_every_document_is_shown_as_odoo_shows_it(demo):
    for move in demo[0]["account.move"]:
        assert display_name(move, 18) == move["display_name"]


def test_what_a_document_refers_to_is_there(demo):
    rows = demo[0]
    known = {model: {row["id"] for row in table} for model, table in rows.items()}
    for line in rows["account.move.line"]:
        assert not line["account_id"] or line["account_id"][0] in known["account.account"]
        assert not line["partner_id"] or line["partner_id"][0] in known["res.partner"]
        assert set(line["tax_ids"]) <= known["account.tax"]
    for move in rows["account.move"]:
        assert set(move["attachment_ids"]) <= known["ir.attachment"]


def test_many_makes_as_many_documents_of_as_many_parties_as_wanted():
    rows, files = many(200, parties=20)

    assert len(rows["account.move"]) == len(files) == 200
    assert len({row["partner_id"][0] for row in rows["account.move"]}) == 20
    assert len({(row["company_id"][0], row["name"]) for row in rows["account.move"]}) == 200
    assert len({row["id"] for row in rows["account.move.line"]}) == len(rows["account.move.line"])
    assert {row["move_type"] for row in rows["account.move"]} == {
        "out_invoice",
        "out_refund",
        "in_invoice",
        "in_refund",
    }
    _assert_adds_up(rows)


def test_many_is_the_same_every_time():
    assert many(50) == many(50)


def test_many_documents_may_share_one_write_date():
    spread = {row["write_date"] for row in many(100)[0]["account.move"]}
    shared = {row["write_date"] for row in many(100, one_write_date=True)[0]["account.move"]}

    assert len(spread) == 5
    assert len(shared) == 1


def test_what_is_done_to_clones_is_done_to_no_others():
    before = repr(many(20))
    rows, _ = many(20)
    for kept in rows.values():
        for row in kept:
            for value in row.values():
                if isinstance(value, list | dict):
                    value.clear()
            row.clear()

    # Not compared in the assert: what is different would be shown, all of it.
    is_the_same = repr(many(20)) == before
    assert is_the_same
