"""A fault of the posting cannot hide: each is found although the poster's own checks are off and no entry is left."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.domain.document import DocumentType
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.qbo import books
from tests.tie_out_world import TieOutWorld

US, BELGIUM = "companyA", "companyB"
SOMEBODY_ELSE = "Somebody Else"


def _lines(body):
    return [line for line in body["Line"] if line.get("Amount")]


def wrong_account(document, body, references):
    detail = _lines(body)[0]["AccountBasedExpenseLineDetail"]
    other = next(row for row in references._list_cache.current().accounts if row.name == "Bank")
    detail["AccountRef"] = {"value": other.qb_id}


def tax_as_cost(document, body, references):
    """The tax becomes an expense on the account of the first line, as if it could not be claimed."""
    first = _lines(body)[0]
    tax = body.pop("TxnTaxDetail")["TotalTax"]
    code = next(code for code in references._list_cache.current().tax_codes if code.name == "No VAT")
    for line in body["Line"]:
        line["AccountBasedExpenseLineDetail"]["TaxCodeRef"] = {"value": code.qb_id}
    body["Line"].append({**first, "Amount": tax})


def rate_of_one(document, body, references):
    body["ExchangeRate"] = Decimal(1)


def line_dropped(document, body, references):
    body["Line"].remove(_lines(body)[0])


def party_swapped(document, body, references):
    rows = references._client.query("Vendor")
    body["VendorRef"] = {"value": next(row["Id"] for row in rows if row["DisplayName"] == SOMEBODY_ELSE)}


def number_of(world, fault):
    if fault is rate_of_one:
        return world.foreign()
    candidates = [
        document for document in world.documents.values()
        if document.document_type is DocumentType.BILL and document.currency == world.company.currency
        and document.taxes and len(document.lines) > (fault is line_dropped)
    ]  # fmt: skip
    return candidates[-1].number


@pytest.fixture(params=[US, BELGIUM])
def world(request):
    world = TieOutWorld(request.param)
    yield world
    world.close()


@pytest.fixture
def belgian_world():
    world = TieOutWorld(BELGIUM)
    yield world
    world.close()


def posted_with(fault, world, monkeypatch):
    """Post the month with a fault in one document, the poster's checks off, and forget the entries."""
    number = number_of(world, fault)
    real = books.payload
    expected = {}

    def faulty(document, references, *, is_booked=False):
        body = real(document, references, is_booked=is_booked)
        if document.number == number:
            fault(document, body, references)
        expected[id(body)] = document.total
        return body

    monkeypatch.setattr(books, "payload", faulty)
    monkeypatch.setattr(books, "sent_total", lambda body: expected[id(body)])
    monkeypatch.setattr(books, "difference", lambda *_: "")
    currency = {"value": world.company.currency}
    world.books._tables.insert("Vendor", {"DisplayName": SOMEBODY_ELSE, "CurrencyRef": currency, "Active": True})
    world.post()
    world.poster._table.stored.clear()
    return number


def check_only_one_is_found(world, number, field):
    different = [one for one in world.tie_out().findings if one.difference_class is not DifferenceClass.EQUAL]

    assert [(one.difference_class, one.number) for one in different] == [(DifferenceClass.UNEXPLAINED, number)]
    assert field in " ".join(difference.field for difference in different[0].differences)


@pytest.mark.parametrize(
    ("fault", "field"),
    [(wrong_account, "account"), (rate_of_one, "total in"), (line_dropped, "total"), (party_swapped, "vendor")],
)
def test_a_fault_in_the_posting_is_found_without_help_from_the_entries(world, monkeypatch, fault, field):
    number = posted_with(fault, world, monkeypatch)

    check_only_one_is_found(world, number, field)


def test_a_tax_booked_as_cost_is_found_although_the_total_agrees(belgian_world, monkeypatch):
    number = posted_with(tax_as_cost, belgian_world, monkeypatch)

    check_only_one_is_found(belgian_world, number, "tax")


def test_a_document_posted_twice_is_found_without_help_from_the_entries(world):
    number = number_of(world, line_dropped)
    world.post()
    world.add(number)
    world.poster._table.stored.clear()

    assert world.different() == [(DifferenceClass.TWICE, number)]


def test_a_tie_out_of_a_month_with_no_entries_at_all_finds_nothing_in_a_clean_month(world):
    world.post().poster._table.stored.clear()

    assert world.different() == []
