from __future__ import annotations

import json
import weakref
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.stand_ins.http_server import Fault, Response
from local.stand_ins.quickbooks import query as queries
from local.stand_ins.quickbooks.faults import (
    fault_in_200,
    html_error,
    throttled,
    unauthenticated,
    unauthorized,
    validation_fault,
)
from pipeline.domain.codec import exact_json
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import Disconnected, InvalidDocument, OutcomeUnknown, OutOfTime, Throttled, Unavailable
from pipeline.http import ANSWER_BYTES_MAX
from pipeline.qbo import wire as module
from pipeline.qbo.booked import booked
from pipeline.qbo.client import quoted
from pipeline.qbo.faults import Refused
from pipeline.qbo.inventory import inventory
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.together import TID, TID_LENGTH_MAX, Create, item_id
from pipeline.runtime import SystemClock, SystemThreads
from tests.books_world import COMPANY, PDF, answered, dropped, is_write_to, log_of, served

NAME = {"DisplayName": "Azure Interior"}
ANY = lambda _request: True


@pytest.fixture
def world():
    with served() as served_world:
        yield served_world


def create(world, request_id="r-1", body=None):
    return world.client.write("Customer", body or NAME, request_id=request_id)


# -- what is sent ----------------------------------------------------------------------------------------------------


def test_every_write_carries_its_request_id(world):
    row = create(world)
    world.client.write("Customer", {**NAME, "Id": row["Id"], "SyncToken": "0"}, request_id="r-2")
    world.client.upload({"FileName": "a.pdf"}, "a.pdf", PDF, request_id="r-3")

    assert [request.query["requestid"] for request in world.requests()] == ["r-1", "r-2", "r-3"]


def test_a_repeated_write_with_its_request_id_is_answered_as_before(world):
    first = create(world)
    again = create(world)

    assert again.pop(TID) != first.pop(TID)
    assert again == first
    assert world.book.creates["Customer"] == 1


def test_what_is_written_comes_back_with_the_id_of_intuits_answer(world):
    alone = create(world)
    together = world.client.create_together([Create("Customer", {"DisplayName": "Deco"}, "r-2")], "batch-1")
    world.stand_in.server.fault = lambda _request: answered(
        Response.json({"Customer": {"Id": "7"}}, intuit_tid="1-" + "x" * 10_000)
    )

    assert alone[TID].endswith("-stand-in")
    assert together[0][TID].endswith("-stand-in")
    assert len(create(world)[TID]) == TID_LENGTH_MAX


def test_calls_are_counted_by_kind(world):
    row = create(world)
    world.client.read("Customer", row["Id"])
    world.client.query("Customer")
    world.client.write("Customer", {**NAME, "Id": row["Id"], "SyncToken": "0"}, request_id="r-2")

    assert world.client.calls == {"create": 1, "read": 1, "query": 1, "update": 1}
    assert world.stand_in.calls == {"create": 1, "read": 1, "query": 1, "update": 1}


def test_json_is_asked_for_and_the_minor_version_is_named(world):
    world.client.query("Account")

    (request,) = world.requests("GET")
    assert request.headers["accept"] == "application/json"
    assert request.query["minorversion"] == "75"


@pytest.mark.parametrize("text", ["0.10", "2047.48", "1861.08", "99999999999.99", "-0.01", "100", "0.30000", "1E+2"])
def test_an_amount_is_written_with_exactly_its_own_digits(text):
    body = exact_json({"Amount": Decimal(text)})

    assert Decimal(json.loads(body, parse_float=Decimal, parse_int=Decimal)["Amount"]) == Decimal(text)
    assert '"' + text + '"' not in body


@settings(deadline=None)
@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_no_amount_of_two_decimals_changes_on_the_way(amount):
    sent = json.loads(exact_json({"Amount": amount}), parse_float=Decimal, parse_int=Decimal)["Amount"]

    assert sent == amount


def test_more_digits_than_json_keeps_are_refused():
    with pytest.raises(InvalidDocument, match="more digits"):
        exact_json({"Amount": Decimal("123456789012345678.12")})


def test_what_is_no_json_is_an_error_of_ours():
    with pytest.raises(TypeError):
        exact_json({"Amount": object()})


def test_a_file_arrives_byte_for_byte(world):
    content = bytes(range(256)) * 40 + b"\r\n--boundary\r\n" + PDF
    world.client.upload({"FileName": "a.pdf"}, "a.pdf", content, request_id="r-1")

    (attached,) = world.book.attachables()
    assert attached.content == content
    assert attached.row["Size"] == len(content)


# -- the query language ----------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)


@settings(deadline=None)
@given(TEXTS | st.text("'\\\"%", max_size=12))
def test_a_literal_means_what_was_quoted(text):
    query = queries.parsed(f"select * from Customer where DisplayName = {quoted(text)}")  # noqa: S608 - the point

    assert query.conditions[0].values == (text,)


@pytest.mark.parametrize("name", ["Peet's", "back\\slash", "it's a \\' trap", "' OR '1'='1", "100% \\"])
def test_a_name_with_apostrophes_or_backslashes_is_found_and_nothing_else(world, name):
    create(world, "r-0", {"DisplayName": "Somebody else"})
    row = create(world, "r-1", {"DisplayName": name})

    found = world.client.query("Customer", f"DisplayName = {quoted(name)}")

    assert [found_row["Id"] for found_row in found] == [row["Id"]]


def test_a_query_goes_on_beyond_a_page_of_a_thousand():
    accounts = [{"Name": f"Account {number}", "AccountType": "Expense"} for number in range(2_100)]
    with served(accounts=accounts) as world:
        rows = world.client.query("Account")

        assert len({row["Id"] for row in rows}) == 2_100
        assert world.client.calls["query"] == 3


def test_rows_are_read_a_page_at_a_time_because_those_of_a_company_are_more_than_the_memory():
    accounts = [{"Name": f"Account {number}", "AccountType": "Expense"} for number in range(1_100)]
    with served(accounts=accounts) as world:
        rows = world.client.rows("Account")
        next(rows)

        assert world.client.calls["query"] == 1
        assert len(list(rows)) == 1_099
        assert world.client.calls["query"] == 2


class Pages:
    """A client that gives 20,000 rows, and counts those that are still in memory."""

    def __init__(self):
        self.kept = weakref.WeakSet()
        self.kept_max = 0

    def rows(self, entity):
        for number in range(20_000 if entity == "Invoice" else 0):
            row = Row({"Id": str(number), "PrivateNote": f"[odoo-account.move-{number}] Odoo INV/{number}", "Line": []})
            self.kept.add(row)
            self.kept_max = max(self.kept_max, len(self.kept))
            yield row


class Row(dict):
    __hash__ = object.__hash__


def test_an_inventory_keeps_what_it_needs_of_each_row_and_not_the_row():
    pages = Pages()

    assert len(inventory(pages)) == 20_000
    assert pages.kept_max < 10


def test_a_full_last_page_is_followed_by_one_more_question():
    accounts = [{"Name": f"Account {number}", "AccountType": "Expense"} for number in range(1_000)]
    with served(accounts=accounts) as world:
        assert len(world.client.query("Account")) == 1_000


@pytest.mark.parametrize(("name", "questions"), [("INV/2026/{:05}", 1), ("会计年度会计年度会计年度{:04}", 4)])
def test_many_values_are_asked_for_in_as_few_questions_as_an_address_has_room_for(name, questions):
    names = [name.format(number) for number in range(100)]
    with served(accounts=[{"Name": name, "AccountType": "Expense"} for name in [*names, "Another"]]) as world:
        rows = world.client.query_any("Account", "Name", names, "Active = true")

        assert sorted(row["Name"] for row in rows) == names
        assert world.client.calls["query"] == questions
        assert max(len(quote_plus(request.query["query"])) for request in world.requests("GET")) < 5_000


def test_no_values_are_no_question(world):
    assert world.client.query_any("Account", "Name", []) == []
    assert world.client.calls["query"] == 0


# -- tokens ----------------------------------------------------------------------------------------------------------


class Issuing:
    """An issuer that hands out tokens of the stand-in."""

    def __init__(self, world):
        self._world = world
        self.issued = 0

    def issue(self, client_id, client_secret, refresh_token):
        from pipeline.qbo.issuer import Issued

        self.issued += 1
        token = self._world.stand_in.tokens.access_token(self._world.realm.realm_id)
        return Issued(token, 3600, refresh_token, 8_726_400)


@pytest.fixture
def issuing(world):
    issuer = Issuing(world)
    world.client._wire._tokens._issuer = issuer
    return issuer


def test_an_expired_token_in_the_middle_is_renewed_once_and_the_write_goes_on(world, issuing):
    world.client.query("Account")
    world.stand_in.expire_access_tokens()

    row = create(world)

    assert row["DisplayName"] == "Azure Interior"
    assert issuing.issued == 1
    assert world.book.creates["Customer"] == 1


def test_a_repeat_after_401_carries_the_same_request_id(world, issuing):
    world.client.query("Account")
    world.stand_in.expire_access_tokens()

    create(world, "r-same")

    assert [request.query["requestid"] for request in world.requests()] == ["r-same", "r-same"]


def test_a_fresh_token_that_is_refused_too_means_disconnected(world, issuing):
    world.break_next(ANY, answered(unauthenticated()), times=2)

    with pytest.raises(Disconnected, match=r"refuses a freshly renewed token for companyA.*Connect the company again"):
        create(world)

    assert issuing.issued == 1
    assert world.book.creates["Customer"] == 0


def test_code_3200_under_another_status_is_a_refused_token_all_the_same(world, issuing):
    world.break_next(ANY, answered(fault_in_200("3200", "AuthenticationFailed", "Token expired")))

    row = create(world)

    assert issuing.issued == 1
    assert row["DisplayName"] == "Azure Interior"


def test_many_threads_with_one_expired_token_renew_it_once(world, issuing):
    from concurrent.futures import ThreadPoolExecutor

    world.client.query("Account")
    world.stand_in.expire_access_tokens()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: world.client.query("Account"), range(16)))

    assert issuing.issued == 1


def test_a_403_is_not_tried_again(world):
    world.break_next(ANY, answered(unauthorized()), times=9)

    with pytest.raises(Disconnected, match="realm in the QuickBooks secret") as raised:
        create(world)

    assert raised.value.code == "not_authorized"
    assert len(world.requests()) == 1


# -- trouble ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_write", [False, True])
def test_a_429_is_throttled_and_known_not_to_count(world, is_write):
    world.break_next(ANY, answered(throttled()), times=9)

    with pytest.raises(Throttled) as raised:
        create(world) if is_write else world.client.query("Account")

    assert raised.value.wait_s == 60
    assert len(world.stand_in.server.requests) == 1


def not_now(status, retry_after):
    answer = throttled() if status == 429 else Response.html("<h1>Busy</h1>", status)
    return Response(answer.status, answer.body, answer.content_type, {"Retry-After": retry_after})


@pytest.mark.parametrize(
    ("retry_after", "wait_s"), [("900", 900), ("5", 60), ("-5", 60), ("1000000000", 3600), ("whenever", 60)]
)
@pytest.mark.parametrize("is_write", [False, True])
def test_a_429_that_says_when_to_ask_again_is_obeyed_and_never_for_less_than_our_own_minute(
    world, is_write, retry_after, wait_s
):
    world.break_next(ANY, answered(not_now(429, retry_after)), times=9)

    with pytest.raises(Throttled) as raised:
        create(world) if is_write else world.client.query("Account")

    assert raised.value.wait_s == wait_s
    assert len(world.stand_in.server.requests) == 1


@pytest.mark.parametrize(("is_write", "expected"), [(False, Unavailable), (True, OutcomeUnknown)])
def test_a_503_that_asks_for_a_while_is_not_asked_again_meanwhile(world, is_write, expected):
    world.break_next(ANY, answered(not_now(503, "600")), times=9)

    with pytest.raises(expected) as raised:
        create(world) if is_write else world.client.query("Account")

    assert raised.value.wait_s == 600
    assert len(world.stand_in.server.requests) == 1


def test_a_read_waits_the_few_seconds_that_a_503_asks_for(world, monkeypatch):
    waits = []
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, seconds: waits.append(seconds))
    world.break_next(ANY, answered(not_now(503, "3")))

    assert world.client.query("Account")
    assert waits == [3]


def test_a_429_without_json_is_throttled(world):
    world.break_next(ANY, answered(Response.html("<h1>Too many</h1>", 429)))

    with pytest.raises(Throttled):
        create(world)


UNKNOWN = {
    "500 with a fault": answered(validation_fault("10000", "An application error", "Oops")),
    "500 HTML": answered(html_error(500)),
    "502 HTML": answered(html_error(502)),
    "503 JSON": answered(Response.json({"message": "busy"}, 503)),
    "200 HTML": answered(Response.html("<html>maintenance</html>")),
    "200 not JSON": answered(Response(200, b'{"Customer": {"Id"')),
    "200 without the object": answered(Response.json({"time": "now"})),
    "200 a list": answered(Response.json([])),
    "302": answered(Response(302, headers={"Location": "/"})),
    "dropped": dropped(takes_effect=False),
    "dropped, it took effect": dropped(takes_effect=True),
}


@pytest.mark.parametrize("case", sorted(UNKNOWN))
def test_a_write_without_a_clear_answer_has_an_unknown_outcome_and_is_not_sent_again(world, case):
    world.break_next(ANY, UNKNOWN[case], times=9)

    with pytest.raises(OutcomeUnknown):
        create(world)

    assert len(world.requests()) == 1


@pytest.mark.parametrize("case", sorted(set(UNKNOWN) - {"200 without the object"}))
def test_a_read_without_a_clear_answer_is_asked_once_more(world, case):
    world.break_next(ANY, UNKNOWN[case])

    rows = world.client.query("Account")

    assert rows
    assert len(world.requests("GET")) == 2


@pytest.mark.parametrize("case", ["502 HTML", "dropped"])
def test_a_read_that_fails_twice_is_unavailable(world, case):
    world.break_next(ANY, UNKNOWN[case], times=9)

    with pytest.raises(Unavailable):
        world.client.read("Customer", "1")

    assert len(world.requests("GET")) == 2


def test_a_read_that_lacks_what_was_asked_for_is_unavailable(world):
    world.break_next(ANY, answered(Response.json({"time": "now"})), times=9)

    with pytest.raises(Unavailable, match="without the Customer"):
        world.client.read("Customer", "1")

    assert len(world.requests("GET")) == 2


NO_ROWS = {
    "no response": {"time": "now"},
    "null for the response": {"QueryResponse": None},
    "null for the rows": {"QueryResponse": {"Customer": None}},
    "one object for the rows": {"QueryResponse": {"Customer": {"Id": "1"}}},
    "texts": {"QueryResponse": {"Customer": ["Azure Interior"]}},
    "null for a row": {"QueryResponse": {"Customer": [None]}},
    "a row without Id": {"QueryResponse": {"Customer": [{"Id": "1"}, {"DisplayName": "Deco"}]}},
    "a row with an empty Id": {"QueryResponse": {"Customer": [{"Id": ""}]}},
}


@pytest.mark.parametrize("case", NO_ROWS)
def test_an_answer_that_has_no_rows_as_they_should_be_is_unavailable_and_never_empty(world, case):
    world.break_next(ANY, answered(Response.json(NO_ROWS[case])), times=9)

    with pytest.raises(Unavailable, match="QuickBooks answered"):
        world.client.query("Customer")


NO_CHANGES = [
    {"CDCResponse": None}, {"CDCResponse": [None]}, {"CDCResponse": [{"QueryResponse": {"Bill": []}}]},
    {"CDCResponse": [{"QueryResponse": [None]}]}, {"CDCResponse": [{"QueryResponse": [{"Bill": [{}]}]}]},
]  # fmt: skip


@pytest.mark.parametrize("body", NO_CHANGES, ids=str)
def test_an_answer_that_has_no_changes_as_they_should_be_is_unavailable(world, body):
    world.break_next(ANY, answered(Response.json(body)), times=9)

    with pytest.raises(Unavailable, match="QuickBooks answered"):
        world.client.changes(["Bill"], datetime(2026, 11, 1, tzinfo=UTC))


def test_a_property_that_is_null_is_none(world):
    row = {
        "Id": "1",
        "Line": None,
        "TxnTaxDetail": None,
        "BillAddr": {"City": None, "Line1": "Rue 1"},
        "A": [None, {"B": None}],
    }
    world.break_next(ANY, answered(Response.json({"QueryResponse": {"Customer": [row]}})))

    assert world.client.query("Customer") == [{"Id": "1", "BillAddr": {"Line1": "Rue 1"}, "A": [{}]}]


@pytest.mark.parametrize("made", [{}, {"DisplayName": "Azure Interior"}, {"Id": None}, {"Id": ""}], ids=str)
def test_a_write_that_is_answered_without_the_id_has_an_unknown_outcome(world, made):
    world.break_next(ANY, answered(Response.json({"Customer": made})))

    with pytest.raises(OutcomeUnknown, match="without an Id"):
        create(world)


# What a property of a transaction or a file has never been. Whoever reads it on would stumble, or store it.
OF_NO_KNOWN_SHAPE = {
    "a list for the number": {"DocNumber": ["INV/1"]},
    "an object for the date": {"TxnDate": {"day": 1}},
    "a list for the note": {"PrivateNote": ["[x]"]},
    "an object for the SyncToken": {"SyncToken": {}},
    "a word for the total": {"TotalAmt": "ten"},
    "a truth value for the total": {"TotalAmt": True},
    "a text that is no number": {"TotalAmt": "NaN"},
    "a list for the tax": {"TxnTaxDetail": [1]},
    "a list for its sum": {"TxnTaxDetail": {"TotalTax": [1]}},
    "a text for the currency": {"CurrencyRef": "USD"},
    "a list for its code": {"CurrencyRef": {"value": ["USD"]}},
    "a text for the customer": {"CustomerRef": "58"},
    "an object for the lines": {"Line": {"Amount": 1}},
    "a text among the lines": {"Line": [{"Amount": 1}, "x"]},
    "an object for the amount of a line": {"Line": [{"Amount": {}}]},
    "a list for the kind of a line": {"Line": [{"DetailType": ["SalesItemLineDetail"]}]},
    "a text for the details of a line": {"Line": [{"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": "x"}]},
    "a text for the item of a line": {
        "Line": [{"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": "1"}}]
    },
    "a text for when it was changed": {"MetaData": "2026-11-02"},
    "a list for when it was changed": {"MetaData": {"LastUpdatedTime": []}},
    "a word for the size": {"Size": "large"},
    "a list for the name of a file": {"FileName": ["a.pdf"]},
    "a text for what a file is attached to": {"AttachableRef": ["58"]},
    "a text for which it is attached to": {"AttachableRef": [{"EntityRef": "58"}]},
    "a truth value for the Id": {"Id": True},
    "a list for the Id": {"Id": ["1"]},
}


@pytest.mark.parametrize("case", OF_NO_KNOWN_SHAPE)
def test_what_has_never_been_of_its_shape_leaves_a_write_unknown_and_a_read_without_an_answer(world, case):
    row = {"Id": "1", **OF_NO_KNOWN_SHAPE[case]}
    world.break_next(ANY, answered(Response.json({"Customer": row, "QueryResponse": {"Customer": [row]}})), times=9)

    for read in (lambda: world.client.read("Customer", "1"), lambda: world.client.query("Customer")):
        with pytest.raises(Unavailable, match="QuickBooks answered"):
            read()
    with pytest.raises(OutcomeUnknown, match="QuickBooks answered"):
        create(world)


def test_an_id_that_is_a_number_and_an_amount_that_is_a_text_are_what_they_say(world):
    row = {"Id": 7, "SyncToken": 0, "TotalAmt": "100.10", "Line": [{"Amount": "100.10"}]}
    world.break_next(ANY, answered(Response.json({"Customer": row})))

    found = booked(world.client.read("Customer", "7"))

    assert (found.qb_id, found.sync_token, found.total) == ("7", "0", Decimal("100.10"))


def test_of_writes_sent_together_the_one_answered_without_its_id_has_an_unknown_outcome(world):
    creates = [Create("Customer", {"DisplayName": name}, name) for name in ("Azure", "Deco")]
    rows = [
        {"bId": item_id("Azure"), "Customer": {"Id": "7"}},
        {"bId": item_id("Deco"), "Customer": {"SyncToken": "0"}},
    ]
    world.break_next(ANY, answered(Response.json({"BatchItemResponse": rows})))

    azure, deco = world.client.create_together(creates, "batch-1")

    assert azure["Id"] == "7"
    assert isinstance(deco, OutcomeUnknown)


def test_a_file_that_is_answered_without_its_id_has_an_unknown_outcome(world):
    world.break_next(ANY, answered(Response.json({"AttachableResponse": [{"Attachable": {"FileName": "a.pdf"}}]})))

    with pytest.raises(OutcomeUnknown, match="without an Id"):
        world.client.upload({"FileName": "a.pdf"}, "a.pdf", PDF, request_id="r-1")


def test_a_write_that_times_out_has_an_unknown_outcome(world, monkeypatch):
    world.break_next(ANY, Fault("slow", None, delay_s=0.5))
    monkeypatch.setattr(module.Wire.call, "__kwdefaults__", {"timeout_s": 0.1, "headers": None})

    with pytest.raises(OutcomeUnknown, match="did not answer"):
        create(world)


def test_an_upload_without_a_clear_answer_has_an_unknown_outcome(world):
    world.break_next(ANY, answered(Response.json({"AttachableResponse": []})))

    with pytest.raises(OutcomeUnknown):
        world.client.upload({"FileName": "a.pdf"}, "a.pdf", PDF, request_id="r-1")


def test_a_refused_connection_never_carried_the_write(world):
    world.stand_in.close()

    with pytest.raises(Unavailable) as raised:
        create(world)

    assert not isinstance(raised.value, OutcomeUnknown)
    assert "connection refused" in str(raised.value)


def test_a_fault_in_a_200_is_a_refusal(world):
    world.break_next(ANY, answered(fault_in_200("6000", "A business validation error", "Something is off.")))

    with pytest.raises(Refused, match=r"Something is off."):
        create(world)


def test_a_file_refused_inside_a_200_is_a_refusal(world):
    with pytest.raises(Refused, match="6041"):
        world.client.upload({"FileName": "a.exe"}, "a.exe", PDF, request_id="r-1")


def test_an_endless_answer_is_cut_off(world, monkeypatch):
    monkeypatch.setattr("pipeline.http.ANSWER_BYTES_MAX", 10_000)
    world.break_next(ANY, answered(Response(200, b" " * 20_000)), times=2)

    with pytest.raises(Unavailable, match="more than"):
        world.client.query("Account")

    assert ANSWER_BYTES_MAX > 10_000


# -- the log ---------------------------------------------------------------------------------------------------------


def test_every_answer_is_logged_with_intuits_id_and_no_token_ever(world, issuing):
    with log_of() as records:
        world.client.query("Account")
        world.stand_in.expire_access_tokens()
        create(world)
        with pytest.raises(Refused):
            create(world, "r-2")

    answers = [record for record in records if record.message == "QuickBooks answered"]
    assert [record.status for record in answers] == [200, 401, 200, 400]
    assert all(record.intuit_tid.startswith("1-") for record in answers)
    assert [record.codes for record in answers] == [[], ["3200"], [], ["6240"]]
    assert {record.company for record in answers} == {COMPANY}
    for token in world.stand_in.tokens._connections[world.realm.realm_id].access_tokens:
        assert token not in " ".join(str(vars(record)) for record in records)


def test_nothing_of_a_broken_answer_reaches_the_message(world):
    world.break_next(ANY, answered(Response.html("<html>Traceback of Intuit: secret-word</html>", 500)), times=2)

    with pytest.raises(Unavailable) as raised:
        world.client.query("Account")

    assert "secret-word" not in str(raised.value)
    assert "HTTP 500" in str(raised.value)


def test_only_the_write_that_matches_is_broken(world):
    world.break_next(is_write_to("Vendor"), dropped(takes_effect=False))

    create(world)

    assert world.book.creates["Customer"] == 1


# -- the time of a run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_s", [0.0, 4.5])
def test_no_call_is_made_for_which_no_time_is_left(world, left_s):
    world.client._wire._deadline = Deadline(lambda: int(left_s * 1000))
    before = len(world.stand_in.server.requests)

    with pytest.raises(OutOfTime):
        create(world)

    assert len(world.stand_in.server.requests) == before


def test_a_call_gets_no_more_time_than_is_left(world, monkeypatch):
    given = []
    real = module.send
    monkeypatch.setattr(
        module, "send", lambda *a, timeout_s, **k: given.append(timeout_s) or real(*a, timeout_s=9, **k)
    )
    world.client._wire._deadline = Deadline(lambda: 10_000)

    world.client.query("Account")

    assert given == [10.0 - module.RESERVE_S]


def test_the_limits_of_quickbooks_are_not_waited_for_beyond_the_time_of_the_run():
    limiter = Limiter(SystemClock(), SystemThreads(), recent_calls=(500,))

    with pytest.raises(OutOfTime, match="allows no further call"):
        limiter.wait(may_wait=lambda seconds: seconds < 5)
