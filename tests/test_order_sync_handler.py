"""The order sync as Lambda runs it, row by row of its requirements (B1 to B24)."""

import ast
import json
import re
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import odoo_order_sync
from local.demo.documents import load
from local.stand_ins.http_server import Fault, Response
from local.stand_ins.odoo.rights import User
from local.stand_ins.odoo.stand_in import CONNECTION_CLOSED
from pipeline.aws.order_table import OrderTable
from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX
from pipeline.domain.errors import Misconfigured, PipelineError, Unauthorized, Unavailable
from pipeline.runtime import SystemClock
from pipeline.use_cases.remembered import Remembered
from pipeline.use_cases.sync_order_attempts import CursorInMemory
from tests.conftest import API_KEY, PASSWORD

CODE = Path(__file__).parents[1] / "lambda"
VARIABLES = ("ODOO_URL", "ODOO_DB", "ODOO_EMAIL", "ODOO_API_KEY", "ODDO_RESPONSE_TABLE")
ATTRIBUTES = {
    *("order_name", "order_id", "state", "ordered_at", "changed_at", "partner_id", "partner_name", "company_id"),
    *("company_name", "currency", "salesperson", "customer_reference", "invoice_status"),
    *("amount_untaxed", "amount_tax", "amount_total", "sync_status", "synced_at"),
}
AMOUNTS = ("amount_untaxed", "amount_tax", "amount_total")
ROWS, _ = load()


def orders(count):
    """Return the database with so many orders, ids from 1000 on."""
    (template, *_rest) = ROWS["sale.order"]
    made = [{**template, "id": 1000 + number, "name": f"S{1000 + number}", "order_line": []} for number in range(count)]
    return {"res.company": ROWS["res.company"], "sale.order": made}, {}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)


@pytest.fixture
def start(start_machine):
    """Return a function that starts the pipeline over so many orders, with the seed's own environment."""

    def started(count=3, version=18):
        machine = start_machine(orders(count), version=version)
        machine.time_left_s = 120.0
        machine.set_environ("odoo-order-sync", ODOO_SECRET_ARN="", ODOO_API_KEY=API_KEY)
        return machine

    return started


def items(machine):
    """Return the table's items as plain values, by order."""
    found = machine.items(machine.deployment.order_table)
    return {
        item["order_name"]["S"]: {name: next(iter(value.values())) for name, value in item.items()} for item in found
    }


def row(machine, number):
    return machine.odoo.row("sale.order", number)


def calls(machine):
    """Return what was called over JSON-RPC, as (service or model, method, arguments, keywords)."""
    found = []
    for request in machine.odoo.server.requests:
        if request.path == "/jsonrpc":
            envelope = request.json()
            assert envelope["jsonrpc"] == "2.0"
            params = envelope["params"]
            if params["method"] == "execute_kw":
                *_login, model, method, arguments, keywords = params["args"]
                found.append((model, method, arguments, keywords))
            else:
                found.append((params["service"], params["method"], params["args"], {}))
    return found


def failing(machine, expected=PipelineError):
    """Let the sync fail, check that nothing foreign or secret left it, and return the error's text."""
    with pytest.raises(expected) as raised:
        machine.sync_orders()
    everything = "".join(traceback.format_exception(raised.value)) + machine.output + json.dumps(machine.alerts())
    for secret in (PASSWORD, API_KEY, "wrong-key"):
        assert secret not in everything
    assert "Traceback" not in machine.output
    assert raised.value.__cause__ is None
    return str(raised.value)


@pytest.mark.parametrize("version", [16, 18, 19])
def test_b01_orders_are_read_by_search_read_over_json_rpc_whatever_the_version(start, version):
    machine = start(version=version)
    machine.sync_orders()

    assert [method for model, method, *_ in calls(machine) if model == "sale.order"] == ["search_read"]
    assert not [request for request in machine.odoo.server.requests if request.path.startswith("/json/2")]


def test_b02_authenticate_gives_the_uid_that_is_used(start):
    machine = start()
    machine.sync_orders()

    assert [method for model, method, *_ in calls(machine) if model == "common"] == ["version", "authenticate"]
    request = next(sent for sent in machine.odoo.server.requests if b"sale.order" in sent.body)
    assert request.json()["params"]["args"][:3] == ["odoo_demo", machine.odoo.users[0].uid, API_KEY]


def test_b02_a_wrong_key_stops_everything_there(start):
    machine = start()
    machine.set_environ("odoo-order-sync", ODOO_API_KEY="wrong-key")

    text = failing(machine, Unauthorized)

    assert [method for _, method, *_ in calls(machine)] == ["version", "authenticate"]
    assert len(machine.odoo.server.requests) == 2
    assert items(machine) == {}
    for named in (machine.odoo.url, "'sync_ro'", "'odoo_demo'"):
        assert named in text


def test_b03_to_b07_a_missing_variable_is_named(start):
    machine = start()
    environ = machine.deployment.environs["odoo-order-sync"]
    for name in VARIABLES:
        value = environ[name]
        machine.set_environ("odoo-order-sync", **{name: ""})

        assert failing(machine, Misconfigured).startswith(f"The environment variable {name} is missing")
        assert machine.odoo.server.requests == []
        machine.set_environ("odoo-order-sync", **{name: value})


def test_b06_the_key_may_come_from_a_secret_instead(start):
    machine = start()
    machine.set_environ("odoo-order-sync", ODOO_API_KEY="", ODOO_SECRET_ARN=machine.deployment.odoo_secret)

    assert len(machine.sync_orders()["records"]) == 3


@pytest.mark.parametrize(
    ("secret", "words"), [("not json", "is not a JSON object"), ({"username": "x"}, "lacks password")], ids=str
)
def test_b06_a_secret_that_is_incomplete_is_named(start, secret, words):
    machine = start()
    machine.set_environ("odoo-order-sync", ODOO_API_KEY="", ODOO_SECRET_ARN=machine.deployment.odoo_secret)
    machine.set_secret("odoo", secret)

    text = failing(machine, Misconfigured)

    assert words in text
    assert "odoo-qb-integration/odoo-credentials-demo" in text


def test_b08_the_newest_hundred_orders_are_asked_for_highest_id_first(start):
    machine = start(130)

    records = machine.sync_orders()["records"]

    ((_, _, arguments, keywords),) = [call for call in calls(machine) if call[0] == "sale.order"]
    assert (arguments, keywords["limit"], keywords["order"]) == ([[]], 100, "id desc")
    assert [record["order_id"] for record in records] == [str(number) for number in range(1129, 1029, -1)]


def test_b09_only_named_fields_are_asked_for(start):
    machine = start()
    machine.sync_orders()

    for model, method, _, keywords in calls(machine):
        if method == "search_read":
            assert keywords["fields"], model
            assert "allowed_company_ids" in keywords["context"]
    fields = next(keywords["fields"] for model, _, _, keywords in calls(machine) if model == "sale.order")
    assert sorted(fields) == sorted(
        ["id", "name", "state", "date_order", "write_date", "partner_id", "company_id", "currency_id", "user_id",
         "client_order_ref", "invoice_status", "amount_untaxed", "amount_tax", "amount_total"]
    )  # fmt: skip


def test_b10_nested_values_are_flattened_and_a_false_partner_is_empty(start):
    machine = start(2)
    row(machine, 1000)["partner_id"] = [42, "Acme Corp, Jane"]
    row(machine, 1001)["partner_id"] = False

    records = {record["order_name"]: record for record in machine.sync_orders()["records"]}

    assert (records["S1000"]["partner_id"], records["S1000"]["partner_name"]) == ("42", "Acme Corp, Jane")
    assert (records["S1001"]["partner_id"], records["S1001"]["partner_name"]) == ("", "")
    assert records["S1001"]["sync_status"] == "success"
    assert items(machine)["S1001"]["partner_id"] == items(machine)["S1001"]["partner_name"] == ""


def test_b11_ids_are_texts(start):
    machine = start(1)
    (record,) = machine.sync_orders()["records"]

    (item,) = machine.items(machine.deployment.order_table)
    for name in ("order_id", "partner_id", "company_id"):
        assert type(record[name]) is str
        assert list(item[name]) == ["S"]


def test_b12_and_b24_an_item_has_exactly_the_attributes_of_the_contract(start):
    machine = start(1)
    row(machine, 1000)["client_order_ref"] = "PO-1"
    (record,) = machine.sync_orders()["records"]

    (item,) = machine.items(machine.deployment.order_table)
    assert set(item) == ATTRIBUTES
    assert set(record) == ATTRIBUTES
    assert {name: next(iter(item[name])) for name in item} == {
        name: "N" if name in AMOUNTS else "S" for name in ATTRIBUTES
    }


def test_b13_each_order_is_an_item_under_its_name_and_id(start):
    machine = start(3)
    machine.sync_orders()
    row(machine, 1001)["name"] = "S1000"
    machine.sync_orders()

    keys = {(item["order_name"]["S"], item["order_id"]["S"]) for item in machine.items(machine.deployment.order_table)}
    assert keys == {("S1000", "1000"), ("S1001", "1001"), ("S1002", "1002"), ("S1000", "1001")}


def test_b14_each_item_says_that_and_when_it_was_copied(start):
    began = datetime.now(UTC)
    machine = start(2)
    records = machine.sync_orders()["records"]

    for record in [*items(machine).values(), *records]:
        assert record["sync_status"] == "success"
        assert began <= datetime.fromisoformat(record["synced_at"]) <= datetime.now(UTC)


@pytest.mark.parametrize(("field", "value"), [("name", False), ("amount_total", False)])
def test_b15_and_b17_one_bad_order_among_ninety_nine_good_ones_fails_alone(start, field, value):
    machine = start(100)
    row(machine, 1050)[field] = value

    result = machine.sync_orders()

    statuses = [record["sync_status"] for record in result["records"]]
    assert (statuses.count("success"), statuses.count("invalid_record")) == (99, 1)
    bad = result["records"][49]
    assert (bad["order_id"], bad["sync_status"]) == ("1050", "invalid_record")
    assert field in bad["error"]
    assert len(items(machine)) == 99
    assert result["statusCode"] == 200


def test_b16_a_failed_read_is_an_odoo_error_and_raises(start):
    machine = start()
    machine.odoo.server.fault = lambda request: CONNECTION_CLOSED if b"sale.order" in request.body else None

    text = failing(machine, Unavailable)

    assert text.startswith("odoo_error: Odoo at http://")
    assert items(machine) == {}


def no_rights(machine):
    known = machine.odoo.users[0]
    machine.odoo.users[0] = User(known.uid, known.login, known.name, PASSWORD, API_KEY, (1, 3), "none")


def always(fault):
    def break_(machine):
        machine.odoo.server.fault = lambda _request: fault

    return break_


def slow(machine):
    machine.time_left_s = 6.5
    machine.odoo.server.fault = lambda _request: Fault("slow", Response.json({"result": []}), delay_s=2)


def database_down(machine):
    machine.odoo.database_down = True


TROUBLE = {
    "wrong database": (
        lambda machine: machine.set_environ("odoo-order-sync", ODOO_DB="nowhere"),
        "cannot open the database 'nowhere'",
    ),
    "wrong user": (
        lambda machine: machine.set_environ("odoo-order-sync", ODOO_EMAIL="nobody"),
        "does not let the user 'nobody'",
    ),
    "wrong address": (
        lambda machine: machine.set_environ("odoo-order-sync", ODOO_URL="odoo.example.com"),
        "its address is not a web address",
    ),
    "no rights": (no_rights, "lacks a right: You are not allowed to access 'Sales Order' (sale.order)"),
    "server down": (lambda machine: machine.odoo.close(), "cannot be reached: connection refused"),
    "database down": (database_down, "cannot open the database 'odoo_demo'"),
    "HTML": (always(Fault("html", Response.html("<h1>Maintenance</h1>"))), "with a web page in place of data"),
    "dropped connection": (always(CONNECTION_CLOSED), "closed the connection without an answer"),
    "slow answer": (slow, "did not answer within 1 s"),
    "missing result": (always(Fault("none", Response.json({"jsonrpc": "2.0", "id": 1}))), "Odoo"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_b21_what_goes_wrong_with_odoo_is_reported_clearly_and_without_a_secret(start, trouble):
    break_, words = TROUBLE[trouble]
    machine = start(2)
    machine.sync_orders()
    before = items(machine)
    break_(machine)

    text = failing(machine)

    assert words in text
    assert items(machine) == before


def test_b18_a_write_that_fails_is_a_dynamo_error_and_leaves_the_good_item(start):
    machine = start(3)
    machine.sync_orders()
    before = items(machine)["S1001"]
    for number in (1000, 1001, 1002):
        row(machine, number)["state"] = "cancel"
    row(machine, 1001)["client_order_ref"] = "x" * 500_000

    records = {record["order_name"]: record for record in machine.sync_orders()["records"]}

    assert {name: record["sync_status"] for name, record in records.items()} == {
        "S1000": "success", "S1001": "dynamo_error", "S1002": "success",
    }  # fmt: skip
    assert items(machine)["S1001"] == before
    assert items(machine)["S1000"]["state"] == "cancel"


def test_b18_a_table_that_does_not_exist_is_a_dynamo_error_of_every_order(start):
    machine = start(2)
    machine.set_environ("odoo-order-sync", ODDO_RESPONSE_TABLE="no-such-table")

    records = machine.sync_orders()["records"]

    assert [record["sync_status"] for record in records] == ["dynamo_error"] * 2
    assert "The table no-such-table does not exist" in records[0]["error"]


def test_b19_the_response_is_status_200_and_the_records_as_json(start):
    result = start(2).sync_orders()

    assert set(result) == {"statusCode", "records"}
    assert result["statusCode"] == 200
    assert json.loads(json.dumps(result)) == result
    assert [record["order_name"] for record in result["records"]] == ["S1001", "S1000"]


def test_b19_without_any_order_the_list_is_empty(start):
    assert start(0).sync_orders() == {"statusCode": 200, "records": []}


def test_b20_floats_become_decimals_safely(start):
    machine = start(3)
    for number, value in ((1000, 0.1), (1001, 1e16), (1002, float("nan"))):
        row(machine, number)["amount_total"] = value

    records = {record["order_name"]: record for record in machine.sync_orders()["records"]}

    found = items(machine)
    assert found["S1000"]["amount_total"] == "0.1"
    assert Decimal(found["S1001"]["amount_total"]) == 10**16
    assert "S1002" not in found
    assert records["S1002"]["sync_status"] == "invalid_record"
    assert records["S1000"]["amount_total"] == "0.1"


def test_b22_no_credentials_are_in_the_code():
    secret = re.compile(r"""(?i)(password|api_?key|secret|token)\w*["']?\s*[:=]\s*f?["'][^"'{}\s]{8,}["']""")
    allowed = {"the Odoo secret"}

    found = [
        (path.name, match[0])
        for path in sorted(CODE.rglob("*.py"))
        for match in secret.finditer(path.read_text())
        if not any(word in match[0] for word in allowed)
    ]

    assert found == []


def test_b23_the_order_syncs_own_code_imports_nothing_beyond_what_is_allowed():
    own = ("odoo_order_sync.py", "pipeline/domain/order.py", "pipeline/use_cases/sync_orders.py",
           "pipeline/odoo/orders.py", "pipeline/aws/order_table.py", "pipeline/aws/errors.py",
           "pipeline/odoo/client.py", "pipeline/odoo/answers.py", "pipeline/http.py",
           "pipeline/runtime.py")  # fmt: skip
    imported = set()
    for name in own:
        for node in ast.walk(ast.parse((CODE / name).read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])

    foreign = imported - __import__("sys").stdlib_module_names
    assert foreign == {"boto3", "botocore", "mypy_boto3_dynamodb", "pipeline", "requests", "urllib3"}


@pytest.mark.parametrize("event", [{}, None, {"by": "Ann"}, {"source": "aws.events", "detail": {}}], ids=str)
def test_an_empty_event_and_a_tick_mean_now(start, event):
    assert len(start(1).invoke("odoo-order-sync", event)["records"]) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client_order_ref": "x" * 450_000}, "its customer_reference alone has 439 kB"),
        ({"name": "N" * 3_000}, "its order_name has 3,002 bytes, and a key takes 2,048"),
    ],
)
def test_an_order_that_no_item_can_hold_says_what_is_too_long(start, changes, says):
    machine = start(3)
    row(machine, 1001).update(changes)

    records = machine.sync_orders()["records"]

    assert [record["sync_status"] for record in records] == ["success", "dynamo_error", "success"]
    assert says in records[1]["error"]


def test_half_a_character_is_left_out_of_every_text(start):
    machine = start(1)
    row(machine, 1000).update(name="S\ud8001", partner_id=[5, "An\udfffna"], client_order_ref="\ud83d")

    (record,) = machine.sync_orders()["records"]

    kept = [record[name] for name in ("order_name", "partner_name", "customer_reference", "sync_status")]
    assert kept == ["S1", "Anna", "", "success"]
    assert list(items(machine)) == ["S1"]


def test_a_bad_order_is_reported_to_a_person_and_the_metrics_count_it(start):
    machine = start(3)
    row(machine, 1001)["amount_total"] = False

    machine.sync_orders()

    (alert,) = machine.alerts()
    assert alert["subject"] == "[demo] sale orders: 1 document for a person: a record in Odoo cannot be read"
    assert "order S1001 (sale.order 1001)" in alert["text"]
    assert "amount_total is missing or no number" in alert["text"]
    assert "copied again on every run" in alert["text"]
    assert "poster" not in alert["text"]
    (line,) = machine.metrics
    assert (line["service"], line["OrdersCopied"], line["OrdersFailed"]) == ("odoo-order-sync", 2, 1)


def test_a_bad_order_is_reported_once_and_again_when_it_breaks_again(start):
    machine = start(3)
    counts = []
    for total in (False, False, 5.0, False):
        row(machine, 1001)["amount_total"] = total
        machine.sync_orders()
        counts.append(len(machine.alerts()))

    assert counts == [1, 0, 0, 1]
    assert [line["OrdersFailed"] for line in machine.metrics] == [1, 1, 0, 1]


def test_a_run_takes_four_calls_and_no_login_that_must_fail(start):
    machine = start(3)
    machine.sync_orders()

    assert [request.path for request in machine.odoo.server.requests] == ["/jsonrpc"] * 4
    assert [call[0] for call in calls(machine)] == ["common", "common", "res.company", "sale.order"]


def test_trouble_of_the_whole_sync_is_reported_once(start):
    machine = start()
    machine.set_environ("odoo-order-sync", ODOO_API_KEY="wrong-key")
    counts = []
    for _ in range(3):
        with pytest.raises(Unauthorized):
            machine.sync_orders()
        counts.append(len(machine.alerts()))

    assert counts == [1, 0, 0]


def test_log_lines_are_json_and_hold_no_secret(start):
    machine = start(2)
    row(machine, 1001)["name"] = False
    machine.sync_orders()

    assert [line["sync_status"] for line in machine.log if line.get("message") == "order not copied"] == [
        "invalid_record"
    ]
    assert all(line.startswith("{") for line in machine.output.splitlines())
    assert API_KEY not in machine.output


def test_orders_of_every_company_are_copied(start):
    machine = start(2)
    row(machine, 1000)["company_id"] = [1, "companyA"]
    row(machine, 1001)["company_id"] = [3, "companyB"]

    records = machine.sync_orders()["records"]

    assert {record["company_name"] for record in records} == {"companyA", "companyB"}


def test_orders_of_the_last_of_many_companies_are_copied(start):
    machine = start(1)
    first = machine.odoo.rows["res.company"][0]
    more = [{**first, "id": 1_000 + number, "name": f"company {number}"} for number in range(300)]
    machine.odoo.rows["res.company"] += more
    everything = tuple(company["id"] for company in machine.odoo.rows["res.company"])
    machine.odoo.users = [replace(user, company_ids=everything) for user in machine.odoo.users]
    row(machine, 1000)["company_id"] = [1_299, "company 299"]

    records = machine.sync_orders()["records"]

    assert [record["company_name"] for record in records] == ["company 299"]


def test_an_odoo_without_json_rpc_is_read_by_json2(start_machine):
    machine = start_machine(version=19)
    machine.set_environ("odoo-order-sync", ODOO_SECRET_ARN="", ODOO_API_KEY=API_KEY)
    machine.odoo.has_jsonrpc = False

    answer = machine.sync_orders()

    assert {record["sync_status"] for record in answer["records"]} == {"success"}
    assert API_KEY not in machine.output


# -- an order that ends the function ----------------------------------------------------------------------------------


class Killed(BaseException):
    """The function was ended from outside."""


@pytest.fixture
def deadly(monkeypatch):
    """Return the names of orders that end the function when they are read, and those that end it when written."""
    when_read, when_written = set(), set()
    read, put = odoo_order_sync.order, OrderTable.put

    def reading(row):
        if row["name"] in when_read:
            raise Killed
        return read(row)

    def writing(table, order, synced_at):
        if order.order_name in when_written:
            raise Killed
        put(table, order, synced_at)

    monkeypatch.setattr(odoo_order_sync, "order", reading)
    monkeypatch.setattr(OrderTable, "put", writing)
    return when_read, when_written


@pytest.mark.parametrize("when", [0, 1], ids=["read", "written"])
def test_an_order_that_ends_the_function_three_times_is_left_out_and_named_once(start, deadly, monkeypatch, when):
    machine = start(4)
    deadly[when].add("S1003")
    for _ in range(KILLED_ATTEMPTS_MAX):
        with pytest.raises(Killed):
            machine.sync_orders()

    records = machine.sync_orders()["records"]

    assert [record["sync_status"] for record in records] == ["invalid_record", *["success"] * 3]
    (alert,) = machine.alerts()
    assert "order S1003 (sale.order 1003)" in alert["text"]
    assert "it ended the function 3 times" in alert["text"]
    # Another container's memory knows nothing of the alert.
    monkeypatch.setattr(odoo_order_sync, "_reported", Remembered())
    machine.sync_orders()
    assert machine.alerts() == []
    for names in deadly:
        names.clear()
    row(machine, 1003)["write_date"] = machine.odoo.stamp()
    assert {record["sync_status"] for record in machine.sync_orders()["records"]} == {"success"}
    assert set(items(machine)) == {"S1000", "S1001", "S1002", "S1003"}


def test_an_order_that_ended_the_function_comes_after_all_others_until_it_is_copied(start, deadly):
    machine = start(30)
    deadly[1].add("S1029")
    for _ in range(2):
        with pytest.raises(Killed):
            machine.sync_orders()

    with pytest.raises(Killed):
        machine.sync_orders()
    copied = set(items(machine))
    deadly[1].clear()
    row(machine, 1029)["write_date"] = machine.odoo.stamp()
    machine.sync_orders()

    assert len(copied - {"cursor#odoo_demo"}) == 29
    # With the order all that was kept of it is gone.
    assert len(items(machine)) == 30


def test_a_run_that_was_ended_once_for_another_reason_blames_no_order(start, deadly):
    machine = start(3)
    deadly[1].add("S1002")
    with pytest.raises(Killed):
        machine.sync_orders()
    deadly[1].clear()

    for _ in range(2):
        assert {record["sync_status"] for record in machine.sync_orders()["records"]} == {"success"}

    assert len(items(machine)) == 3
    assert machine.alerts() == []


def test_memory_used_up_at_an_order_counts_as_an_end_of_the_function(start, monkeypatch):
    read = odoo_order_sync.order

    def reading(row):
        if row["name"] == "S1000":
            raise MemoryError
        return read(row)

    monkeypatch.setattr(odoo_order_sync, "order", reading)
    machine = start(3)
    for _ in range(KILLED_ATTEMPTS_MAX):
        with pytest.raises(PipelineError):
            machine.sync_orders()

    statuses = [record["sync_status"] for record in machine.sync_orders()["records"]]

    assert statuses == ["success", "success", "invalid_record"]


def test_where_attempts_cannot_be_stored_no_order_is_always_behind_one_that_ends_the_function(
    start, deadly, monkeypatch
):
    def refused(_table, _database):
        raise Misconfigured("may not read")

    monkeypatch.setattr(OrderTable, "cursor", refused)
    deadly[1].add("S1003")
    machine = start(4)

    # Each of the others comes before it in every other run. A killed container keeps nothing.
    for _ in range(30):
        monkeypatch.setattr(odoo_order_sync, "_in_memory", CursorInMemory())
        with pytest.raises(Killed):
            machine.sync_orders()

    assert set(items(machine)) == {"S1000", "S1001", "S1002"}


def test_what_is_wrong_with_an_order_counts_as_reported_only_when_sns_has_taken_it(start):
    machine = start(3)
    row(machine, 1001)["amount_total"] = False
    topic = machine.deployment.environs["odoo-order-sync"]["SNS_ALERT_TOPIC"]
    machine.set_environ("odoo-order-sync", SNS_ALERT_TOPIC=f"{topic}-gone")
    machine.sync_orders()
    machine.set_environ("odoo-order-sync", SNS_ALERT_TOPIC=topic)
    counts = []
    for _ in range(2):
        machine.sync_orders()
        counts.append(len(machine.alerts()))

    assert counts == [1, 0]


@pytest.mark.parametrize(
    "event", [{"company": "A"}, {"dry_run": True, "by": "Ann"}, [], "x", 7, {"by": ["Ann"]}], ids=str
)
def test_an_event_that_is_not_understood_is_answered_and_nothing_is_copied(start, event):
    machine = start(1)

    answer = machine.invoke("odoo-order-sync", event)

    assert answer["code"] == "invalid_request"
    assert "by" in answer["error"]
    assert (items(machine), machine.alerts(), machine.odoo.server.requests) == ({}, [], [])


@pytest.mark.parametrize(("event", "names"), [({"by": "Ann\nBob"}, ["Ann Bob"]), ({}, []), (None, [])])
def test_the_log_has_who_asked_for_the_orders(start_machine, event, names):
    machine = start_machine()
    machine.invoke("odoo-order-sync", event)

    assert [line["by"] for line in machine.log if line.get("message") == "orders asked for"] == names


def test_a_name_that_is_none_is_answered_and_nothing_is_copied(start_machine):
    machine = start_machine()

    answer = machine.invoke("odoo-order-sync", {"by": 7})

    assert answer["error"] == "by must be a text."
    assert items(machine) == {}
