"""Each order is copied on its own, and its record says what became of it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import InvalidDocument, Misconfigured, Unavailable
from pipeline.domain.order import Order
from pipeline.runtime import Runtime
from pipeline.use_cases.sync_order_attempts import CursorInMemory, OrderAttempts
from pipeline.use_cases.sync_orders import ORDERS_MAX, WRITE_ALLOWANCE_S, Sync

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def an_order(row):
    if not isinstance(row, dict) or not row.get("name"):
        raise InvalidDocument("the order has no name")
    return Order(
        *(row["name"], str(row["id"]), "sale", "", "", "3", "Acme", "1", "companyA", "USD", "", "", "no"),
        *(Decimal("0.1"), Decimal("0.02"), Decimal("0.12")),
    )


class StoppedClock:
    def now(self):
        return NOW


class FakeOrders:
    def __init__(self, rows):
        self.rows = rows
        self.limit = None

    def newest(self, limit):
        self.limit = limit
        if isinstance(self.rows, Exception):
            raise self.rows
        return self.rows


class FakeTable:
    def __init__(self, refused=None):
        self.kept = {}
        self.refused = refused or {}

    def put(self, order, synced_at):
        if order.order_name in self.refused:
            raise self.refused[order.order_name]
        self.kept[order.order_name] = (order, synced_at)


def rows(count):
    return [{"id": 100 - number, "name": f"S{100 - number:05}"} for number in range(count)]


def sync_of(found, table, remaining_s=60.0):
    attempts = OrderAttempts.begin(CursorInMemory(), "odoo")
    deadline = Deadline(lambda: int(remaining_s * 1000))
    return Sync(FakeOrders(found), table, an_order, deadline, StoppedClock(), attempts)


def statuses(records):
    return {record["order_name"]: record["sync_status"] for record in records}


def test_a_hundred_orders_are_asked_for():
    sync = sync_of([], FakeTable())
    sync.run()

    assert sync.orders.limit == ORDERS_MAX == 100


def test_every_order_is_written_by_itself_with_the_instant_of_the_copy():
    table = FakeTable()

    records = sync_of(rows(3), table).run()

    assert list(table.kept) == ["S00100", "S00099", "S00098"]
    assert {synced_at for _, synced_at in table.kept.values()} == {NOW}
    assert [record["sync_status"] for record in records] == ["success"] * 3


def test_a_record_holds_the_order_its_status_and_its_instant_as_json():
    (record,) = sync_of(rows(1), FakeTable()).run()

    assert json.loads(json.dumps(record)) == {
        "order_name": "S00100",
        "order_id": "100",
        "state": "sale",
        "ordered_at": "",
        "changed_at": "",
        "partner_id": "3",
        "partner_name": "Acme",
        "company_id": "1",
        "company_name": "companyA",
        "currency": "USD",
        "salesperson": "",
        "customer_reference": "",
        "invoice_status": "no",
        "amount_untaxed": "0.1",
        "amount_tax": "0.02",
        "amount_total": "0.12",
        "sync_status": "success",
        "synced_at": NOW.isoformat(),
    }


@pytest.mark.parametrize("bad", [{"id": 50, "name": False}, {}, None, "S00050", []], ids=repr)
def test_one_invalid_order_among_ninety_nine_good_ones_fails_alone(bad):
    found = rows(99)
    found.insert(40, bad)
    table, sync = FakeTable(), None
    sync = sync_of(found, table)

    records = sync.run()

    assert len(table.kept) == 99
    assert [record["sync_status"] for record in records].count("success") == 99
    assert records[40]["sync_status"] == "invalid_record"
    assert records[40]["error"] == "the order has no name"
    assert len(sync.failures) == 1


@pytest.mark.parametrize("error", [Unavailable("throttled"), Misconfigured("no such table")])
def test_a_write_that_fails_is_a_dynamo_error_and_the_others_go_on(error):
    table = FakeTable({"S00099": error})
    sync = sync_of(rows(3), table)

    records = sync.run()

    assert statuses(records) == {"S00100": "success", "S00099": "dynamo_error", "S00098": "success"}
    assert records[1]["error"] == str(error)
    assert [failure.code for failure in sync.failures] == ["dynamo_error"]


def test_a_failed_record_names_its_order_and_when_it_was_tried():
    (record,) = sync_of(rows(1), FakeTable({"S00100": Unavailable("throttled")})).run()

    assert record == {
        "order_name": "S00100",
        "order_id": "100",
        "sync_status": "dynamo_error",
        "synced_at": NOW.isoformat(),
        "error": "throttled",
    }


def test_a_failure_names_the_order_for_a_person():
    sync = sync_of([{"id": 50, "name": False}], FakeTable())
    sync.run()

    (failure,) = sync.failures
    assert (failure.title, failure.code) == ("order (no name) (sale.order 50)", "invalid_record")


def test_what_could_not_be_read_at_all_is_an_error_and_no_empty_day():
    table = FakeTable()

    with pytest.raises(Unavailable, match="odoo_error: Odoo is down"):
        sync_of(Unavailable("Odoo is down"), table).run()

    assert table.kept == {}


def test_no_order_at_all_is_an_empty_list():
    assert sync_of([], FakeTable()).run() == []


def test_orders_for_which_no_time_is_left_say_so():
    table = FakeTable()

    records = sync_of(rows(2), table, remaining_s=WRITE_ALLOWANCE_S).run()

    assert table.kept == {}
    assert {record["sync_status"] for record in records} == {"dynamo_error"}
    assert records[0]["error"] == "Time ran out before it could be written."


class Killed(BaseException):
    """The function was ended from outside."""


def test_an_order_that_ends_the_function_at_every_run_is_not_always_in_front_of_the_others():
    class DeadlyTable(FakeTable):
        def put(self, order, synced_at):
            if order.order_name == "S00100":
                raise Killed
            super().put(order, synced_at)

    table, runtime = DeadlyTable(), Runtime(random=Random(7))  # noqa: S311 - a seed
    for _ in range(20):
        sync = sync_of(rows(100), table)
        sync.sequence = runtime.in_any_order
        with pytest.raises(Killed):
            sync.run()

    assert len(table.kept) == 99


def test_the_answer_is_in_the_order_of_the_orders_in_whichever_they_were_worked_on():
    sync = sync_of(rows(30), FakeTable())
    sync.sequence = Runtime(random=Random(7)).in_any_order  # noqa: S311 - a seed

    records = sync.run()

    assert [record["order_name"] for record in records] == [row["name"] for row in rows(30)]
    assert list(sync.table.kept) != [row["name"] for row in rows(30)]
