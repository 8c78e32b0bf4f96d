from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.demo.books import demo_realms
from local.stand_ins.quickbooks import cdc
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.document import DocumentType
from pipeline.qbo import changes
from pipeline.qbo.changes import Changes
from pipeline.qbo.faults import Refused
from tests.books_world import Served

HOUR = timedelta(hours=1)
MONTH = timedelta(days=30)


class Plan:
    """What the plan was found to lack."""

    known: tuple[str, ...] = ()

    def lacking(self, _now):
        return self.known

    def lacks(self, entities, _now):
        self.known = tuple(entities)


class NoLists(Plan):
    """Lists that nobody asks about."""

    def kinds(self, _now):
        return ()


class AskedLists(Plan):
    """Lists that are asked about; `noted` is what came of it."""

    def kinds(self, _now):
        return ("Account",)

    def note(self, rows, since, now):
        self.noted = [entity for entity, _ in rows], since, now


def an_invoice(number: int) -> dict:
    return {
        "CustomerRef": {"name": "Typed In"},
        "DocNumber": f"T-{number}",
        "Line": [{"Amount": 10, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {}}],
    }


@pytest.fixture
def company():
    realm = demo_realms()[0]
    realm.customers.append({"DisplayName": "Typed In"})
    realm.documents = {"Invoice": [an_invoice(number) for number in range(6)]}
    stand_in = QuickBooksStandIn([realm])
    near = Served(stand_in, realm)
    yield near
    stand_in.close()


@pytest.fixture
def now():
    return datetime.now(UTC)


def test_what_changed_comes_with_one_call_and_deletions_with_their_id_only(company, now):
    company.book.delete("Invoice", {"Id": "1", "SyncToken": "0"})
    client = company.new_client()

    found = Changes(client, NoLists()).since(now - HOUR, now)

    assert [one.qb_id for one in found.seen if not one.is_deleted] == ["2", "3", "4", "5", "6"]
    assert [one.qb_id for one in found.seen if one.is_deleted] == ["1"]
    assert found.deletions_since == now - HOUR
    assert client.calls == {"cdc": 1}


def test_it_never_asks_further_back_than_quickbooks_looks(company, now):
    assert len(Changes(company.new_client(), NoLists()).since(datetime.min.replace(tzinfo=UTC), now).seen) == 6
    with pytest.raises(Refused, match="changedSince"):
        company.new_client().changes(["Invoice"], now - MONTH - HOUR)


def test_a_full_answer_is_halved_and_what_was_before_is_read_by_queries(company, now, monkeypatch):
    monkeypatch.setattr(cdc, "OBJECTS_MAX", 3)
    monkeypatch.setattr(changes, "OBJECTS_MAX", 3)
    rows = company.book._tables.table("Invoice").values()
    for hours, row in enumerate(rows, 1):
        row["MetaData"]["LastUpdatedTime"] = (now - hours * HOUR).isoformat(timespec="seconds")
    client = company.new_client()

    found = Changes(client, NoLists()).since(now - 8 * HOUR, now)

    assert sorted(one.qb_id for one in found.seen) == ["1", "2", "3", "4", "5", "6"]
    assert found.deletions_since == now - 2 * HOUR
    assert client.calls == {"cdc": 3, "query": 4}


def test_a_window_that_stays_full_is_not_halved_for_ever(company, now, monkeypatch):
    monkeypatch.setattr(cdc, "OBJECTS_MAX", 3)
    monkeypatch.setattr(changes, "OBJECTS_MAX", 3)
    client = company.new_client()

    found = Changes(client, NoLists()).since(now - HOUR, now + timedelta(seconds=1))

    assert len(found.seen) == 6
    assert client.calls["cdc"] <= 8


def test_a_transaction_that_cannot_be_read_does_not_hide_the_others(company, now):
    company.book._tables.table("Invoice")["2"]["TxnDate"] = "soon"

    found = Changes(company.new_client(), NoLists()).since(now - HOUR, now)

    assert [one.qb_id for one in found.seen] == ["1", "3", "4", "5", "6"]


@pytest.mark.parametrize(
    "wrong", [{"TotalAmt": "ten"}, {"Line": "x"}, {"CurrencyRef": 1}, {"TxnTaxDetail": [1]}], ids=str
)
def test_a_transaction_of_another_shape_does_not_hide_the_others(company, now, wrong):
    client = company.new_client()
    answered = client.changes(["Invoice"], now - HOUR)
    answered[1][1].update(wrong)
    client.changes = lambda *_: answered

    found = Changes(client, NoLists()).since(now - HOUR, now)

    assert len(found.seen) >= 5
    assert {one.qb_id for one in found.seen} >= {"1", "3", "4", "5", "6"}


def test_lists_are_asked_about_in_the_same_call_and_are_no_transactions(company, now):
    client, lists = company.new_client(), AskedLists()

    found = Changes(client, lists).since(now - HOUR, now)

    assert {one.document_type for one in found.seen} == {DocumentType.INVOICE}
    assert lists.noted == (["Account"] * len(company.realm.accounts), now - HOUR, now)
    assert client.calls == {"cdc": 1}


def test_of_a_full_answer_the_lists_are_known_only_since_it_was_not_full(company, now, monkeypatch):
    monkeypatch.setattr(cdc, "OBJECTS_MAX", 3)
    monkeypatch.setattr(changes, "OBJECTS_MAX", 3)
    company.book._tables.table("Account").clear()
    for hours, row in enumerate(company.book._tables.table("Invoice").values(), 1):
        row["MetaData"]["LastUpdatedTime"] = (now - hours * HOUR).isoformat(timespec="seconds")
    lists = AskedLists()

    found = Changes(company.new_client(), lists).since(now - 8 * HOUR, now)

    assert lists.noted == ([], found.deletions_since, now)
    assert found.deletions_since == now - 2 * HOUR


# -- a plan that lacks a type ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["5020", "5030"])
def test_a_plan_without_bills_does_not_hide_what_people_do_to_invoices(company, now, code):
    company.book.realm.plan, company.stand_in.plan_code = "simple_start", code
    lists = AskedLists()

    first, later = company.new_client(), company.new_client()
    found = Changes(first, lists).since(now - HOUR, now)
    again = Changes(later, lists).since(now - HOUR, now)

    assert len(found.seen) == len(again.seen) == 6
    assert lists.known == ("Bill", "VendorCredit")
    assert lists.noted[2] == now
    assert first.calls == {"cdc": 1 + 4 + 1}
    assert later.calls == {"cdc": 1}


def test_a_plan_that_answers_with_nothing_for_what_it_lacks_costs_one_call(company, now):
    company.book.realm.plan, company.stand_in.plan_answers_changes = "simple_start", True
    client = company.new_client()

    assert len(Changes(client, NoLists()).since(now - HOUR, now).seen) == 6
    assert client.calls == {"cdc": 1}


def test_a_plan_that_lacks_every_type_is_an_error_and_no_silence(company, now):
    company.stand_in.also_not_in_plan = ("Invoice", "CreditMemo", "Bill", "VendorCredit")

    with pytest.raises(Refused):
        Changes(company.new_client(), NoLists()).since(now - HOUR, now)


def test_what_a_plan_lost_since_is_found_out_on_the_next_look(company, now):
    lists = NoLists()
    lists.known = ("Bill",)
    company.book.realm.plan = "simple_start"

    assert len(Changes(company.new_client(), lists).since(now - HOUR, now).seen) == 6
    assert lists.known == ("Bill", "VendorCredit")
