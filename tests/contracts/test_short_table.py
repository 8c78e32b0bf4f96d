"""What is done to a table without moto is what moto does: the same requests in the same order, the same answers."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from operator import itemgetter

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as some
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.responses import DynamoHandler

from local.simulation import short_table, short_way
from local.stand_ins.aws import _make_order_table, make_tracking_table

SHORT, MOTO = "done-here", "done-by-moto"

KEYS = some.sampled_from(["a", "b", "lease#1", ""]).map(lambda name: {"entry_id": {"S": name}})
STATUSES = some.sampled_from(["pending", "posted", ""]).map(lambda text: {"S": text})
NUMBERS = some.one_of(
    some.integers(-3, 3).map(str), some.sampled_from(["1.0", "1E2", "0.10", "9" * 40, "nan"])
).map(lambda text: {"N": text})  # fmt: skip
TEXTS = some.sampled_from(["", "2026-11-30T00:00", "2026-12", "2026", "ü", "x" * 13_000]).map(lambda text: {"S": text})
FLAT = some.one_of(TEXTS, NUMBERS, some.booleans().map(lambda value: {"BOOL": value}), some.just({"NULL": True}))
# Mostly texts: a request is done here only when another with values of the same types has been accepted.
VALUES = some.one_of(
    TEXTS,
    TEXTS,
    FLAT,
    some.lists(FLAT, max_size=2).map(lambda parts: {"L": parts}),
    some.dictionaries(some.sampled_from("ab"), FLAT, max_size=2).map(lambda parts: {"M": parts}),
    some.just({"SS": ["one", "two"]}),
)
ATTRIBUTES = ["holder", "until", "calls", "status"]
INDEXES = {"status-index": ("status",), "company-status-index": ("company", "status")}
CONDITIONS = [
    None,
    None,
    "attribute_not_exists(entry_id)",
    "attribute_exists(entry_id)",
    "attribute_exists(entry_id) AND #until = :now",
    "attribute_not_exists(entry_id) OR #until < :now",
    "attribute_not_exists(entry_id) OR (#until < :now AND (attribute_not_exists(calls) OR calls >= :one))",
    "attribute_not_exists(calls) OR calls <> :one",
    "calls <= :one AND attribute_exists(#until) OR holder > :now",
    "NOT calls = :one",
    "begins_with(holder, :now)",
    "attribute_not_exists(entry_id) OR (attribute_not_exists(holder) OR begins_with(holder, :now))",
    "calls BETWEEN :one AND :one",
    "holder IN (:now, :first) OR #until = :now",
]
UPDATES = [
    "SET holder = :first, #until = :second",
    "SET holder = :first, #until = :second REMOVE calls, #status",
    "SET #status = :first, calls = :second",
    "REMOVE holder, #until",
    " SET calls=:second ",
    "SET calls = calls + :one",
    "SET holder = if_not_exists(holder, :first)",
    "SET entry_id = :first",
    "SET holder = :first, holder = :second",
    "ADD calls :one",
]


def _asked(parameters, *expressions, **values):
    """Return a request with the names and the placeholders that its expressions use, and no others."""
    text = " ".join(filter(None, expressions))
    names = {f"#{name}": name for name in ATTRIBUTES if f"#{name}" in text}
    used = {f":{name}": value for name, value in values.items() if f":{name}" in text}
    return {
        **parameters,
        **({"ExpressionAttributeNames": names} if names else {}),
        **({"ExpressionAttributeValues": used} if used else {}),
    }


@some.composite
def puts(draw):
    item = {**draw(KEYS), **draw(some.dictionaries(some.sampled_from(ATTRIBUTES), VALUES, max_size=4))}
    condition = draw(some.sampled_from(CONDITIONS))
    parameters = {"Item": item, **({"ConditionExpression": condition} if condition else {})}
    return "PutItem", _asked(parameters, condition, now=draw(TEXTS), first=draw(TEXTS), one=draw(NUMBERS))


@some.composite
def updates(draw):
    update, condition = draw(some.sampled_from(UPDATES)), draw(some.sampled_from(CONDITIONS))
    parameters = {
        "Key": draw(KEYS),
        "UpdateExpression": update,
        "ReturnValues": draw(some.sampled_from(["UPDATED_OLD", "UPDATED_OLD", "NONE", "ALL_NEW", "ALL_OLD"])),
        **({"ConditionExpression": condition} if condition else {}),
    }
    return "UpdateItem", _asked(
        parameters, update, condition, first=draw(VALUES), second=draw(VALUES), now=draw(TEXTS), one=draw(NUMBERS)
    )


@some.composite
def deletes(draw):
    condition = draw(some.sampled_from(CONDITIONS))
    parameters = {
        "Key": draw(KEYS),
        **({"ConditionExpression": condition} if condition else {}),
        **draw(some.sampled_from([{}, {}, {"ReturnValues": "ALL_OLD"}])),
    }
    return "DeleteItem", _asked(parameters, condition, first=draw(TEXTS), now=draw(TEXTS), one=draw(NUMBERS))


@some.composite
def queries(draw):
    index, condition = draw(some.sampled_from([
        ("status-index", "#status = :status"),
        ("company-status-index", "company = :company AND #status = :status"),
        ("company-status-index", "company = :company"),
        ("company-status-index", "company = :company"),
        ("company-status-index", "company = :company AND begins_with(#status, :status)"),
    ]))  # fmt: skip
    projected = draw(some.sampled_from([None, "entry_id", "entry_id, holder, calls"]))
    parameters = {
        "IndexName": index,
        "KeyConditionExpression": condition,
        **({"ProjectionExpression": projected} if projected else {}),
        **draw(
            some.sampled_from([{}, {}, {"Limit": 1}, {"Limit": 3}, {"Select": "COUNT"}, {"ScanIndexForward": False}])
        ),
    }
    if draw(some.booleans()):
        start = {**draw(KEYS), "company": {"S": "A"}, "status": draw(STATUSES)}
        parameters["ExclusiveStartKey"] = {name: start[name] for name in ("entry_id", *INDEXES[index])}
    filtered = draw(some.sampled_from([None, None, *CONDITIONS]))
    if filtered:
        parameters["FilterExpression"] = filtered
    given = {"now": draw(TEXTS), "first": draw(TEXTS), "one": draw(NUMBERS)}
    return "Query", _asked(
        parameters, condition, projected, filtered, status=draw(STATUSES), company={"S": "A"}, **given
    )


@some.composite
def transactions(draw):
    """Puts and updates of one transaction, mostly of different items."""
    asked = draw(some.lists(some.one_of(puts(), updates()), min_size=1, max_size=3))
    members = [{name: value for name, value in one.items() if name != "ReturnValues"} for _, one in asked]
    return "TransactWriteItems", [
        {operation.removesuffix("Item"): member} for (operation, _), member in zip(asked, members, strict=True)
    ]


READS = some.one_of(
    KEYS.map(lambda key: ("GetItem", {"Key": key, "ConsistentRead": True})),
    some.lists(KEYS, max_size=4).map(lambda keys: ("BatchGetItem", {"Keys": keys, "ConsistentRead": True})),
    some.sampled_from([{}, {"ConsistentRead": True}, {"Limit": 1}]).map(lambda asked: ("Scan", asked)),
)
ONES_OF_THE_INDEX = some.tuples(KEYS, STATUSES).map(
    lambda drawn: ("PutItem", {"Item": {**drawn[0], "company": {"S": "A"}, "status": drawn[1]}})
)


def done_by_moto(operation, parameters):
    return short_way._answered(DynamoHandler(), operation, parameters)


def done(do, table, operation, parameters):
    """Return what a request answers, or the code with which it is refused."""
    if operation == "TransactWriteItems":
        asked = {"TransactItems": [
            {kind: {"TableName": table, **member} for kind, member in one.items()} for one in parameters
        ]}  # fmt: skip
    elif operation == "BatchGetItem":
        asked = {"RequestItems": {table: parameters}}
    else:
        asked = {"TableName": table, **parameters}
    try:
        answer = do(operation, asked)
    except ClientError as error:
        return error.response["Error"]["Code"]
    except Exception as error:  # noqa: BLE001 - moto does not survive every number
        return type(error).__name__
    return json.dumps(answer, sort_keys=True).replace(table, "table")


@pytest.fixture
def tables(empty_aws):
    for name in (SHORT, MOTO):
        make_tracking_table(empty_aws.client("dynamodb"), name)
    return [short_table._tables()[name] for name in (SHORT, MOTO)]


@pytest.fixture
def answered_here(monkeypatch):
    """Count the answers without moto, by operation."""
    counted = []
    answer = short_table.answer

    def noted(operation, parameters, **how):
        found = answer(operation, parameters, **how)
        if found is not None:
            counted.append(operation)
        return found

    monkeypatch.setattr(short_table, "answer", noted)
    return counted


def test_any_requests_in_any_order_are_answered_as_by_moto(tables, answered_here):
    @settings(max_examples=300)
    @given(
        some.lists(
            some.one_of(puts(), updates(), deletes(), transactions(), queries(), READS, ONES_OF_THE_INDEX),
            min_size=1,
            max_size=25,
        )
    )
    def check(requests):
        for table in tables:
            table.items.clear()
        # Twice, because of each shape the first is done by moto.
        for operation, parameters in (*requests, *requests):
            here = done(lambda *what: short_way.call("dynamodb", *what), SHORT, operation, parameters)
            assert here == done(done_by_moto, MOTO, operation, parameters), (operation, parameters)
        assert repr(tables[0].items) == repr(tables[1].items)

    check()

    assert set(answered_here) == set(short_table._OPERATIONS)
    assert len(answered_here) > 500


def test_a_page_ends_where_moto_ends_it(tables):
    """What comes to more than a megabyte is not answered in one."""
    for number in range(30):
        item = {"entry_id": {"S": f"{number:02}"}, "holder": {"S": "x" * 40_000}}
        for table in tables:
            table.items[DynamoType(item["entry_id"])] = Item(DynamoType(item["entry_id"]), None, item)

    for _ in range(2):
        here = done(lambda *what: short_way.call("dynamodb", *what), SHORT, "Scan", {})
        assert "LastEvaluatedKey" in here
        assert here == done(done_by_moto, MOTO, "Scan", {})


def pages(do, table, asked):
    """Return the pages of a query, one after the other."""
    start, answers = {}, []
    while True:
        answer = do("Query", {"TableName": table, **asked, **start})
        answers.append(json.dumps(answer, sort_keys=True))
        if "LastEvaluatedKey" not in answer:
            return answers
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


@pytest.mark.parametrize("more", [{}, {"Limit": 4}, {"FilterExpression": "is_odd = :yes"}])
@pytest.mark.parametrize("is_ascending", [True, False])
@pytest.mark.parametrize(
    "index",
    [("status-index", "#status = :status"), ("company-status-index", "company = :company AND #status = :status")],
)
def test_the_pages_of_an_index_are_those_of_moto(tables, answered_here, index, is_ascending, more):
    for number in range(60):
        item = {
            "entry_id": {"S": f"{number * 37 % 60:02}"}, "company": {"S": "AB"[number % 7 == 0]},
            "status": {"S": ["pending", "posted", "posted"][number % 3]}, "is_odd": {"S": ["no", "yes"][number % 2]},
            "words": {"S": "ü" * (20_000 + 100 * number)},
        }  # fmt: skip
        for table in tables:
            table.items[DynamoType(item["entry_id"])] = Item(DynamoType(item["entry_id"]), None, item)
    name, condition = index
    values = {":status": {"S": "posted"}, ":company": {"S": "A"}, ":yes": {"S": "yes"}}
    asked = {
        "IndexName": name, "KeyConditionExpression": condition, "ProjectionExpression": "entry_id, is_odd",
        "ScanIndexForward": is_ascending, **more, "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {
            name: value for name, value in values.items() if name in condition + more.get("FilterExpression", "")
        },
    }  # fmt: skip
    by_moto = pages(done_by_moto, MOTO, asked)
    pages(lambda *what: short_way.call("dynamodb", *what), SHORT, asked)
    del answered_here[:]

    assert pages(lambda *what: short_way.call("dynamodb", *what), SHORT, asked) == by_moto
    assert len(answered_here) == len(by_moto) > 1


def _put(name, **values):
    return "PutItem", {"Item": {"entry_id": {"S": name}, "company": {"S": "A"}, **values}}


def _new(name, **values):
    operation, asked = _put(name, **values)
    return operation, {**asked, "ConditionExpression": "attribute_not_exists(entry_id)"}


def _status(text, condition, **values):
    parameters = {
        "Key": {"entry_id": {"S": "a"}}, "UpdateExpression": "SET #status = :first, calls = :second",
        "ConditionExpression": condition, "ReturnValues": "UPDATED_OLD",
    }  # fmt: skip
    given = {"first": {"S": text}, "second": {"N": "1"}, "now": {"S": "2026-11"}, **values}
    return "UpdateItem", _asked(parameters, parameters["UpdateExpression"], condition, **given)


def _query(condition, **more):
    parameters = {"IndexName": "company-status-index", "KeyConditionExpression": condition, **more}
    texts = {"now": {"S": "2026-11"}, "first": {"S": "one"}}
    return "Query", _asked(
        parameters, condition, more.get("FilterExpression"), status={"S": "posted"}, company={"S": "A"}, **texts
    )


def _after(name, status, **more):
    """Return a query that goes on after an item."""
    start = {"entry_id": {"S": name}, "company": {"S": "A"}, "status": {"S": status}, **more}
    return _query("company = :company AND #status = :status", ExclusiveStartKey=start)


def _together(*requests):
    """Return a transaction of puts and updates."""
    members = [
        (operation.removesuffix("Item"), {name: value for name, value in asked.items() if name != "ReturnValues"})
        for operation, asked in requests
    ]
    return "TransactWriteItems", [{kind: member} for kind, member in members]


def _held(name, holder):
    return _put(name, holder={"S": holder}, **POSTED)


def _begun(name):
    operation, asked = _status("posted", "begins_with(holder, :now)")
    return operation, {**asked, "Key": {"entry_id": {"S": name}}}


POSTED = {"status": {"S": "posted"}}
MORE_THAN_A_PAGE = [_put(name, words={"S": "x" * 100_000}, **POSTED) for name in "bcdefghijklm"]
# moto ends a page where the next item would be too much, also one that is not wanted.
OF_ANOTHER_STATUS = [_put("z", words={"S": "x" * 300_000}, status={"S": "zero"})]
BOTH = "company = :company AND #status = :status"
ANY_OF, IS_NOW = {"FilterExpression": "holder IN (:first, :now)"}, {"FilterExpression": "holder = :now"}
EXISTS, OTHER, LATER = "attribute_exists(entry_id)", "holder <> :now", "attribute_exists(entry_id) AND holder = :now"


@pytest.mark.parametrize(
    ("requests", "done_here"),
    [
        ([_put("a"), _status("posted", EXISTS), _status("", EXISTS)], 0),
        ([_put("a"), _status("posted", EXISTS), _status("pending", EXISTS, second={"N": "9" * 40})], 0),
        ([_put("a", holder={"S": "2026-11"}), _status("posted", LATER), _status("posted", LATER)], 1),
        ([_put("a", holder={"S": "2026-11"}), _status("posted", LATER), _put("a"), _status("pending", LATER)], 1),
        ([_put("a", holder={"S": "x"}), _status("posted", OTHER), _put("a"), _status("pending", OTHER)], 0),
        ([_put("b", **POSTED), _query(BOTH), _put("a", **POSTED),
          _query(BOTH)], 1),
        ([_put("a", **POSTED), _query(BOTH), *MORE_THAN_A_PAGE, _query(BOTH)], 1),
        ([_put("a", **POSTED), _query(BOTH), *MORE_THAN_A_PAGE[:8], *OF_ANOTHER_STATUS, _query(BOTH)], 1),
        ([_query(BOTH, Limit=0), _query(BOTH, Limit=0)], 0),
        ([_put("b", **POSTED), _after("a", "posted"), _put("c", **POSTED), _after("b", "posted")], 1),
        ([_put("b", **POSTED), _after("a", "posted"), _after("a", "zero")], 0),
        ([_put("b", **POSTED), _after("a", "posted", holder={"S": "x"}), _after("a", "posted", holder={"S": "x"})], 0),
        ([_put("a", **POSTED), _query(ONE := "company = :company"), _put("b", status={"S": "pending"}),
          _query(ONE)], 0),
        ([_put("a"), _new("a"), _new("b")], 1),
        ([_new("a", calls={"N": "nan"}), _new("b")], 0),
        ([_held("a", "2026-11-30"), _begun("a"), _held("b", "2026-11"), _begun("b")], 1),
        ([_held("a", "2026-11-30"), _begun("a"), _held("b", "2026-1"), _begun("b")], 1),
        ([_held("a", "2026-11"), _query(BOTH, **IS_NOW), _held("b", "x"), _query(BOTH, **IS_NOW)], 1),
        ([_held("a", "2026-11"), _held("b", "x"), _query(BOTH, **ANY_OF), _held("c", "one"), _held("d", "x"),
          _query(BOTH, **ANY_OF)], 1),
        ([_held("a", "x"), _query(BOTH, Limit=2), _query(BOTH, Limit=2)], 1),
        ([_held("a", "x"), _query(BOTH, Limit=2), _held("b", "x"), _query(BOTH, Limit=2)], 1),
        ([_held("a", "x"), _query(BOTH, Limit=2), _held("b", "x"), _held("c", "x"), _query(BOTH, Limit=2)], 1),
        ([_held("a", "x"), _query(BOTH, Limit=1), _put("b", status={"S": "zero"}), _query(BOTH, Limit=1)], 1),
        ([_together(_held("a", "x"), _held("b", "y")), _together(_held("b", "x"), _held("c", "y"))], 1),
        ([_together(_held("a", "x"), _held("b", "y")), _together(_held("c", "x"), _held("c", "y"))], 0),
        ([_held("a", "2026-11"), _together(_begun("a")), _together(_held("b", "x")),
          _together(_held("b", "2026-11"), _begun("a"))], 1),
        ([_held("a", "2026-11"), _together(_held("b", "x")), _together(_begun("a"), _held("b", "x"))], 0),
        ([_held("a", "2026-11"), _held("b", "2026-11"), _together(_begun("a"), _begun("b")), _held("b", "x"),
          _together(_begun("a"), _begun("b"))], 0),
        ([_held("a", "2026-11"), _held("b", "2026-11"), _together(_begun("a"), _begun("b")),
          _together(_begun("b"), _begun("a"))], 1),
    ],
)  # fmt: skip
def test_once_a_shape_is_accepted_the_next_of_it_is_answered_as_by_moto(
    tables, answered_here, monkeypatch, requests, done_here
):
    monkeypatch.setattr(short_table, "_accepted", set())
    before = [done(lambda *what: short_way.call("dynamodb", *what), SHORT, *request) for request in requests[:-1]]
    del answered_here[:]

    last = done(lambda *what: short_way.call("dynamodb", *what), SHORT, *requests[-1])

    assert [*before, last] == [done(done_by_moto, MOTO, *request) for request in requests]
    assert repr(tables[0].items) == repr(tables[1].items)
    assert len(answered_here) == done_here


def test_of_a_new_shape_moto_is_asked_first(tables, answered_here, monkeypatch):
    monkeypatch.setattr(short_table, "_accepted", set())
    request = {"TableName": SHORT, "Item": {"entry_id": {"S": "a"}, "calls": {"N": str(Decimal(1))}}}

    short_way.call("dynamodb", "PutItem", request)
    first = list(answered_here)
    short_way.call("dynamodb", "PutItem", request)

    assert (first, answered_here) == ([], ["PutItem"])


def test_what_was_answered_is_nobody_elses_afterwards(tables):
    request = {"TableName": SHORT, "Item": {"entry_id": {"S": "a"}, "parts": {"L": [{"M": {"a": {"S": "x"}}}]}}}
    for _ in range(2):
        short_way.call("dynamodb", "PutItem", request)
    get = {"TableName": SHORT, "Key": {"entry_id": {"S": "a"}}}
    short_way.call("dynamodb", "GetItem", get)

    short_way.call("dynamodb", "GetItem", get)["Item"]["parts"]["L"][0]["M"]["a"]["S"] = "changed"
    request["Item"]["parts"]["L"][0]["M"]["a"]["S"] = "changed"

    assert short_way.call("dynamodb", "GetItem", get)["Item"]["parts"] == {"L": [{"M": {"a": {"S": "x"}}}]}


def test_a_table_of_two_keys_is_written_and_read_as_by_moto(empty_aws, answered_here, monkeypatch):
    monkeypatch.setattr(short_table, "_accepted", set())
    for name in (SHORT, MOTO):
        _make_order_table(empty_aws.client("dynamodb"), name)
    changed = "attribute_not_exists(content_hash) OR content_hash <> :hash"

    def order(name, number, content, condition=changed):
        item = {"order_name": {"S": name}, "order_id": {"S": number}, "content_hash": {"S": content}}
        request = {"Item": item, **({"ConditionExpression": condition} if condition else {})}
        return "PutItem", {**request, **({"ExpressionAttributeValues": {":hash": {"S": content}}} if condition else {})}

    def of_id(number, **more):
        condition = {"KeyConditionExpression": "order_id = :id", "ExpressionAttributeValues": {":id": {"S": number}}}
        return "Query", {"IndexName": "order-id-index", **condition, **more}

    def named(name, number):
        return "GetItem", {"Key": {"order_name": {"S": name}, "order_id": {"S": number}}}

    requests = [
        *(order("S1", "1", "a"), order("S1", "2", "a"), order("S1", "1", "a"), order("S1", "1", "b")),
        *(order("S2", "1", "a"), order("S2", "", "a"), order("", "2", "a"), order("S1", "2", "a", "")),
        *(order("S1", "2", "c", ""), ("PutItem", {"Item": {"order_name": {"S": "S1"}}})),
        *(order("S0", "1", "a", ""), order("S9", "1", "a", ""), of_id("1"), of_id("1"), of_id("2"), of_id("3")),
        *(of_id("1", Select="COUNT"), of_id("2", Select="COUNT"), of_id("1", Limit=3), of_id("1", Limit=4)),
        *(named("S1", "1"), named("S1", "2"), named("S1", "3"), named("S3", "1"), named("S1", "")),
        *(("GetItem", {"Key": {"order_name": {"S": "S1"}}}), ("GetItem", {"Key": {"order_name": {"S": "S1"}}})),
    ]
    for request in requests:
        here = done(lambda *what: short_way.call("dynamodb", *what), SHORT, *request)
        assert here == done(done_by_moto, MOTO, *request), request

    here, there = (short_table._tables()[name] for name in (SHORT, MOTO))
    # moto keeps an empty place for a name that was asked for.
    assert repr(dict(filter(itemgetter(1), here.items.items()))) == repr(
        dict(filter(itemgetter(1), there.items.items()))
    )
    assert repr(here.all_items()) == repr(there.all_items())
    assert Counter(answered_here) == {"PutItem": 7, "GetItem": 3, "Query": 4}
