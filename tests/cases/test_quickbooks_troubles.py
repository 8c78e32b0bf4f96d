"""QuickBooks answers strangely in the middle of the work: in parts, in another order, for one kind alone, not yet."""

from __future__ import annotations

import json

import pytest

from local.stand_ins.http_server import Response
from local.stand_ins.quickbooks.faults import error, fault_body, throttled, unauthenticated
from tests.cases.test_strange_answers import (
    add_documents,
    always,
    answering,
    booked,
    go_on,
    is_company,
    is_create,
    is_query,
    is_upload,
    statuses,
)
from tests.cases.world import REALM_A, REALM_B
from tests.conftest import CLIENT_SECRET
from tests.poster_world import says_nothing_secret


def listed(name, change):
    """Return what changes the list of this name in an answer that has it."""

    def changed(answer):
        body = json.loads(answer.body)
        return Response.json({**body, name: change(body[name])}, answer.status) if name in body else answer

    return changed


def without(*names):
    return lambda rows: [{name: value for name, value in row.items() if name not in names} for row in rows]


def is_token(request):
    return "tokens" in request.path


def is_of_bills(request):
    return request.path.endswith("/bill") or "from Bill" in request.query.get("query", "")


def no_max_results(answer):
    body = json.loads(answer.body)
    for name in ("maxResults", "startPosition", "totalCount"):
        body.get("QueryResponse", {}).pop(name, None)
    return Response.json(body, answer.status)


def later(seconds):
    answer = throttled()
    return Response(answer.status, answer.body, answer.content_type, {**answer.headers, "Retry-After": seconds})


BATCH = "BatchItemResponse"
BUSY = fault_body([error("10000", "An application error has occurred while processing your request")])
# Where something strange comes, what, and how many alerts are allowed meanwhile: one for each company at most.
STRANGE = {
    "429 for an hour": (is_company, always(later("3600")), 0),
    "429 until a date": (is_company, always(later("Wed, 21 Oct 2026 07:28:00 GMT")), 0),
    "429 for creates only": (is_create, always(later("60")), 0),
    "500 for bills only": (is_of_bills, always(Response.json(BUSY, 500)), 0),
    "500 for files only": (is_upload, always(Response.json(BUSY, 500)), 0),
    "a fault inside HTTP 200 for queries": (is_query, always(Response.json(BUSY, 200)), 0),
    "401 for ever": (is_company, always(unauthenticated()), 2),
    "403 without a fault": (is_company, always(Response.json({}, 403)), 2),
    "a batch in another order": (is_create, listed(BATCH, lambda rows: rows[::-1]), 0),
    "a batch with parts twice": (is_create, listed(BATCH, lambda rows: [*rows, *rows]), 0),
    "a batch without its ids": (is_create, listed(BATCH, without("bId")), 0),
    "a batch with parts that are null": (is_create, listed(BATCH, lambda rows: [None for _ in rows]), 0),
    "a batch with parts of other batches": (
        is_create, listed(BATCH, lambda rows: [{**row, "bId": "another"} for row in rows]), 0),
    "a batch with one part less": (is_create, listed(BATCH, lambda rows: rows[1:]), 0),
    "files in another order": (is_upload, listed("AttachableResponse", lambda rows: rows[::-1]), 0),
    "files with one less": (is_upload, listed("AttachableResponse", lambda rows: rows[1:]), 0),
    "files twice": (is_upload, listed("AttachableResponse", lambda rows: [*rows, *rows]), 0),
    "a query without its counts": (is_query, no_max_results, 0),
    "tokens without fields": (is_token, always(Response.json({}, 200)), 0),
    "tokens that are null": (is_token, always(Response.json({"access_token": None, "refresh_token": None}, 200)), 0),
    "tokens that are a list": (is_token, always(Response.json([], 200)), 0),
    "tokens of HTTP 500": (is_token, always(Response.json({"error": "server_error"}, 500)), 0),
    "tokens of HTTP 429": (is_token, always(Response.json({"error": "too_many_requests"}, 429)), 0),
}  # fmt: skip


@pytest.mark.parametrize("case", STRANGE)
def test_a_strange_answer_of_quickbooks_fails_no_document_and_all_follows_once(open_world, case):
    where, change, alerts_max = STRANGE[case]
    world = open_world()
    add_documents(world)
    world.extract()
    changed = []

    def strange(answer):
        changed.append(change(answer) != answer)
        return change(answer)

    with answering(world.qb.server, where, strange):
        results = [world.post()]
        world.let_pause_pass()
        results.append(world.post())
    alerts = [
        alert for alert in world.alerts() if "nothing moves" in alert["subject"] or "document" in alert["subject"]
    ]
    go_on(world)
    go_on(world)

    assert any(changed)
    assert sum(result["failed"] for result in results) == 0
    assert len(alerts) <= alerts_max
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}
    files = [len(world.qb.books(realm.realm_id)._tables.table("Attachable")) for realm in world.realms]
    assert files == [3, 1]
    says_nothing_secret(world.machine)


def test_two_realms_in_the_secret_that_are_swapped_post_nothing_until_they_are_put_right(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    secret = {
        "client_id": "client-id", "client_secret": CLIENT_SECRET,
        "refresh_tokens": {realm.company_name: realm.refresh_token for realm in world.realms},
        "realm_ids": {"companyA": REALM_A, "companyB": REALM_B},
    }  # fmt: skip
    world.machine.set_secret("quickbooks", {**secret, "realm_ids": {"companyA": REALM_B, "companyB": REALM_A}})

    results = [world.post(), world.post()]
    meanwhile, alerts = booked(world), world.alerts()
    world.machine.set_secret("quickbooks", secret)
    go_on(world)

    assert [result["posted"] + result["failed"] for result in results] == [0, 0]
    assert not meanwhile
    assert len(alerts) == 2
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}


@pytest.mark.parametrize("changed", [{"TotalAmt": 99.99}, {"TotalAmt": 100}])
def test_a_create_that_comes_back_under_another_number_is_known_by_its_id(open_world, changed):
    world = open_world()
    world.move(801, "out_invoice", [{"amount": 100.0}])
    world.extract()

    def renumbered(answer):
        body = json.loads(answer.body)
        body["Invoice"] |= {"DocNumber": "another", **changed}
        return Response.json(body, answer.status)

    with answering(world.qb.server, lambda request: request.path.endswith("/invoice"), renumbered):
        world.post()
    go_on(world)
    go_on(world)

    entry = world.entries()[801]
    is_right = changed["TotalAmt"] == 100
    assert entry["status"] == ("posted" if is_right else "failed")
    assert len(world.alerts()) == (0 if is_right else 1)
    assert len(booked(world)) == is_right
