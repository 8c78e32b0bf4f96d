"""With ORDER_SYNC_ALL every order written since the last run is copied, with its lines, when it has changed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from local.demo.documents import load
from local.stand_ins.http_server import Fault
from pipeline.aws.order_table import BY_ID, OrderTable
from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX
from pipeline.domain.errors import PipelineError
from pipeline.runtime import SystemClock
from pipeline.use_cases import sync_order_history
from tests.conftest import API_KEY

ROWS, _ = load()
COUNT = 130


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(sync_order_history, "PAGE_ORDERS", 50)
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)


@pytest.fixture
def start(start_machine):
    def started(count=COUNT, version=18, **environ):
        order, line = ROWS["sale.order"][0], ROWS["sale.order.line"][0]
        orders = [
            {**order, "id": 1000 + number, "name": f"S{1000 + number}", "order_line": [9000 + number],
             "client_order_ref": False, "write_date": "2026-01-05 10:00:00"}
            for number in range(count)
        ]  # fmt: skip
        lines = [
            {**line, "id": 9000 + number, "order_id": [1000 + number, ""], "write_date": "2026-01-05 10:00:00"}
            for number in range(count)
        ]
        rows = {"res.company": ROWS["res.company"], "sale.order": orders, "sale.order.line": lines}
        machine = start_machine((rows, {}), version=version)
        machine.set_environ(
            "odoo-order-sync", ODOO_SECRET_ARN="", ODOO_API_KEY=API_KEY, **{"ORDER_SYNC_ALL": "true", **environ}
        )
        return machine

    return started


def items(machine):
    found = machine.items(machine.deployment.order_table)
    return {item["order_name"]["S"]: item for item in found if "#" not in item["order_name"]["S"]}


@pytest.mark.parametrize("version", [16, 18, 19])
def test_every_order_is_there_after_a_run_with_its_lines_and_the_newest_hundred_are_answered(start, version):
    machine = start(version=version)

    answer = machine.sync_orders()

    assert answer["history"] == {"found": 130, "written": 30, "unchanged": 100, "failed": 0, "remaining": False}
    assert [record["order_id"] for record in answer["records"]] == [str(1129 - place) for place in range(100)]
    assert len(items(machine)) == 130
    (line,) = items(machine)["S1000"]["lines"]["L"]
    row = ROWS["sale.order.line"][0]
    assert line["M"]["line_id"] == {"S": "9000"}
    assert Decimal(line["M"]["amount_untaxed"]["N"]) == Decimal(str(row["price_subtotal"]))


def test_a_second_run_writes_only_what_has_changed_an_order_or_one_of_its_lines(start):
    machine = start()
    machine.sync_orders()
    before = items(machine)
    now = machine.odoo.stamp()
    machine.odoo.row("sale.order", 1003).update(client_order_ref="PO-7", write_date=now)
    machine.odoo.row("sale.order.line", 9005).update(name="another text", write_date=now)

    answer = machine.sync_orders()

    after = items(machine)
    assert {name for name in after if after[name] != before[name]} == {"S1003", "S1005"}
    assert answer["history"] == {"found": 2, "written": 2, "unchanged": 0, "failed": 0, "remaining": False}


@pytest.mark.parametrize("every", ["true", ""])
def test_an_order_that_has_the_number_of_one_that_a_restored_backup_lost_takes_its_place(start, every):
    machine = start(3, ORDER_SYNC_ALL=every)
    machine.sync_orders()
    machine.odoo.row("sale.order", 1002).update(
        create_date=machine.odoo.stamp(), write_date=machine.odoo.stamp(), client_order_ref="ANOTHER"
    )

    machine.sync_orders()

    assert items(machine)["S1002"]["customer_reference"] == {"S": "ANOTHER"}
    assert len(items(machine)) == 3


# -- former names ------------------------------------------------------------------------------------------------------


def rename(machine, odoo_id, name):
    machine.odoo.row("sale.order", odoo_id).update(name=name, write_date=machine.odoo.stamp())


def states(machine):
    """Return of each item its status and, if it is one of a former name, the present one."""
    return {
        name: (item["sync_status"]["S"], item.get("renamed_to", {}).get("S")) for name, item in items(machine).items()
    }


HERE = ("success", None)


def test_the_item_of_a_former_name_says_so_and_names_the_present_one(start):
    machine = start(3)
    machine.sync_orders()
    before = items(machine)
    rename(machine, 1001, "S1001-B")

    machine.sync_orders()

    assert states(machine) == {"S1000": HERE, "S1001": ("renamed", "S1001-B"), "S1001-B": HERE, "S1002": HERE}
    former = items(machine)["S1001"]
    changed = {name for name in {*former, *before["S1001"]} if former.get(name) != before["S1001"].get(name)}
    assert changed == {"sync_status", "renamed_to", "synced_at", "content_hash"}


def test_an_order_that_gets_its_former_name_back_has_it_and_the_one_in_between_says_so(start):
    machine = start(1)
    for name in ("S1000", "B", "C", "S1000"):
        rename(machine, 1000, name)
        machine.sync_orders()

    answer = machine.sync_orders()

    assert states(machine) == {"S1000": HERE, "B": ("renamed", "C"), "C": ("renamed", "S1000")}
    assert answer["history"]["written"] == 0


def test_two_orders_that_swap_their_names_have_each_one_item_that_is_of_now(start):
    machine = start(2)
    machine.sync_orders()
    rename(machine, 1000, "S1001")
    rename(machine, 1001, "S1000")

    machine.sync_orders()

    found = [item for item in machine.items(machine.deployment.order_table) if "#" not in item["order_name"]["S"]]
    present = {
        item["order_id"]["S"]: item["order_name"]["S"] for item in found if item["sync_status"]["S"] == "success"
    }
    assert present == {"1000": "S1001", "1001": "S1000"}
    assert len(found) == 4


@pytest.mark.parametrize("what", ["of another database", "created at another time", "of an earlier release"])
def test_an_item_of_the_same_id_that_is_another_orders_or_may_be_is_left_as_it_is(start, what):
    machine = start(1)
    machine.sync_orders()
    if what == "of another database":
        machine.set_environ("odoo-order-sync", ODOO_DB="another")
        machine.odoo.database = "another"
    elif what == "created at another time":
        machine.odoo.row("sale.order", 1000).update(create_date="2026-11-01 08:00:00")
    else:
        machine.client("dynamodb").update_item(
            TableName=machine.deployment.order_table,
            Key={"order_name": {"S": "S1000"}, "order_id": {"S": "1000"}},
            UpdateExpression="REMOVE created_at",
        )
    before = items(machine)["S1000"]
    rename(machine, 1000, "NEW")

    machine.sync_orders()

    assert states(machine) == {"S1000": HERE, "NEW": HERE}
    assert items(machine)["S1000"] == before


def test_a_write_that_is_refused_leaves_both_names_as_they_were_and_the_next_run_does_both(start, monkeypatch):
    machine = start(1)
    machine.sync_orders()
    rename(machine, 1000, "NEW")
    marked = OrderTable._marked
    never = {"ConditionExpression": "attribute_not_exists(order_name)"}

    def refused(table, former, item):
        kept = {name: value for name, value in marked(table, former, item).items() if "Expression" not in name}
        return {**kept, **never}

    with monkeypatch.context() as patched:
        patched.setattr(OrderTable, "_marked", refused)
        with pytest.raises(PipelineError, match="did not answer"):
            machine.sync_orders()
    between = states(machine)

    machine.sync_orders()

    assert between == {"S1000": HERE}
    assert states(machine) == {"S1000": ("renamed", "NEW"), "NEW": HERE}


def test_without_its_index_the_table_is_named_with_what_makes_it(start):
    machine = start(1)
    machine.client("dynamodb").update_table(
        TableName=machine.deployment.order_table,
        GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": BY_ID}}],
    )

    with pytest.raises(PipelineError, match=f"lacks its index {BY_ID}.*terraform apply"):
        machine.sync_orders()


def test_without_the_variable_items_of_former_names_stay(start):
    machine = start(1, ORDER_SYNC_ALL="")
    machine.sync_orders()
    rename(machine, 1000, "NEW")

    machine.sync_orders()

    assert states(machine) == {"S1000": HERE, "NEW": HERE}


def test_what_is_read_once_more_because_of_the_lag_is_not_written_again(start):
    machine = start(3)
    machine.sync_orders()
    before = items(machine)
    for row in machine.odoo.rows["sale.order"]:
        row.update(write_date=machine.odoo.stamp())
    machine.sync_orders()
    written = items(machine)

    answer = machine.sync_orders()

    assert answer["history"] == {"found": 3, "written": 0, "unchanged": 3, "failed": 0, "remaining": False}
    assert items(machine) == written != before


def test_an_order_is_found_though_the_clock_of_odoo_is_behind_ours(start):
    machine = start()
    machine.sync_orders()
    behind = SystemClock().now() - timedelta(minutes=55)
    machine.odoo.row("sale.order", 1003).update(client_order_ref="PO-7", write_date=f"{behind:%Y-%m-%d %H:%M:%S}")

    answer = machine.sync_orders()

    assert answer["history"]["written"] == 1
    assert items(machine)["S1003"]["customer_reference"] == {"S": "PO-7"}


def test_without_the_variable_only_the_newest_hundred_are_copied_and_no_cursor_is_kept(start):
    machine = start(ORDER_SYNC_ALL="")

    answer = machine.sync_orders()

    assert set(answer) == {"statusCode", "records"}
    assert len(machine.items(machine.deployment.order_table)) == 100


def test_a_run_that_fails_in_the_middle_is_gone_on_with(start):
    machine = start()
    asked = []

    def fault(request):
        if b"order_line.write_date" not in request.body and b'"id", ">"' in request.body:
            asked.append(request)
            return Fault("dropped") if len(asked) > 2 else None
        return None

    machine.odoo.server.fault = fault
    with pytest.raises(PipelineError):
        machine.sync_orders()
    machine.odoo.server.fault = lambda _request: None

    assert machine.sync_orders()["history"]["found"] < 130
    assert len(items(machine)) == 130


def test_the_cursor_is_in_the_order_table_under_a_key_that_no_order_has(start):
    machine = start(3)
    machine.sync_orders()

    cursors = [item for item in machine.items(machine.deployment.order_table) if "#" in item["order_name"]["S"]]

    assert [(item["order_name"]["S"], item["order_id"]["S"]) for item in cursors] == [("cursor#odoo_demo", "#")]


def test_an_order_with_a_line_that_is_no_record_is_reported_and_the_others_are_copied(start):
    machine = start(3)
    machine.odoo.row("sale.order.line", 9001).update(price_subtotal="much")

    answer = machine.sync_orders()

    statuses = {record["order_name"]: record["sync_status"] for record in answer["records"]}
    assert statuses == {"S1000": "success", "S1001": "invalid_record", "S1002": "success"}
    assert answer["history"]["failed"] == 1
    assert len(machine.alerts()) == 1


def test_an_order_that_no_item_can_hold_with_its_lines_stops_no_other(start):
    machine = start(120)
    machine.odoo.row("sale.order.line", 9001).update(name="x" * 500_000)

    first, second = machine.sync_orders()["history"], machine.sync_orders()["history"]

    assert (first["written"] + first["unchanged"], first["failed"], first["remaining"]) == (119, 1, False)
    assert second["failed"] == 0
    assert "S1001" not in items(machine)
    assert len(items(machine)) == 119
    (alert,) = machine.alerts()
    assert "its lines alone has 4" in alert["text"]


@pytest.mark.parametrize("every", ["true", ""])
def test_an_empty_attribute_is_an_empty_text_in_the_item_as_in_the_record(start, every):
    machine = start(2, ORDER_SYNC_ALL=every)

    answer = machine.sync_orders()

    assert items(machine)["S1000"]["customer_reference"] == {"S": ""}
    assert answer["records"][0]["customer_reference"] == ""


# -- an order that ends the function ----------------------------------------------------------------------------------


class Killed(BaseException):
    """The function was ended from outside."""


@pytest.fixture
def deadly(monkeypatch):
    """Return the names of orders that end the function when they are written, and those that were written."""
    names, written = set(), []
    put = OrderTable._put

    def killing(table, values, **condition):
        if values["order_name"] in names:
            raise Killed
        written.append(values["order_name"])
        return put(table, values, **condition)

    monkeypatch.setattr(OrderTable, "_put", killing)
    return names, written


@pytest.mark.parametrize("bad", ["S1129", "S1100", "S1010"])
def test_an_order_that_ends_the_function_stops_no_other_and_is_left_out_by_name_after_three_times(start, deadly, bad):
    machine = start()
    names, _ = deadly
    names.add(bad)
    for _ in range(KILLED_ATTEMPTS_MAX):
        with pytest.raises(Killed):
            machine.sync_orders()

    answer = machine.sync_orders()

    assert set(items(machine)) == {f"S{1000 + number}" for number in range(COUNT)} - {bad}
    assert answer["history"]["failed"] == 1
    alerts = "\n".join(alert["text"] for alert in machine.alerts())
    assert f"order {bad} " in alerts
    assert "ended the function 3 times" in alerts
    # It stays left out without a further attempt, until it is saved once more.
    machine.sync_orders()
    names.clear()
    machine.odoo.row("sale.order", int(bad[1:])).update(write_date=machine.odoo.stamp())
    machine.sync_orders()
    assert bad in items(machine)


def test_an_order_that_ended_the_function_once_comes_last_and_is_forgiven_nothing_else(start, deadly):
    machine = start(10)
    names, written = deadly
    names.add("S1005")
    for _ in range(2):
        with pytest.raises(Killed):
            machine.sync_orders()
    names.clear()
    written.clear()

    answer = machine.sync_orders()

    assert [record["sync_status"] for record in answer["records"]] == ["success"] * 10
    assert answer["records"][-1]["order_name"] == "S1005"
    assert list(dict.fromkeys(name for name in written if "#" not in name))[9] == "S1005"


def test_a_run_that_ends_by_itself_costs_one_write_more_and_stores_no_order_by_name(start, deadly):
    machine = start(3)
    machine.sync_orders()
    _, written = deadly
    written.clear()

    machine.sync_orders()

    assert [name for name in written if "#" in name] == ["cursor#odoo_demo"] * 2
    (cursor,) = [item for item in machine.items(machine.deployment.order_table) if "#" in item["order_name"]["S"]]
    assert (cursor["at_work"], cursor["killed"]) == ({"S": ""}, {"S": "{}"})


def test_a_run_that_fails_is_none_that_was_killed(start):
    machine = start(3)
    machine.odoo.server.fault = lambda request: Fault("dropped") if b"sale.order" in request.body else None
    with pytest.raises(PipelineError):
        machine.sync_orders()

    # Nothing was read and nothing is to be said, so there is no item either.
    assert machine.items(machine.deployment.order_table) == []
