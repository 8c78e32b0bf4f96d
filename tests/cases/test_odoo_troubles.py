"""Odoo answers strangely in the middle of the work: nothing is lost, no document is blamed, and the next runs go on."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from functools import cache

import pytest

from local.stand_ins.http_server import Response
from local.stand_ins.odoo.poison import proxy_page
from pipeline.domain.errors import PipelineError
from tests.cases.test_strange_answers import add_documents, answering, booked, go_on, statuses
from tests.conftest import API_KEY, PASSWORD
from tests.poster_world import says_nothing_secret


def of_rpc(change):
    """Return what changes the result of each JSON-RPC or JSON-2 answer that has rows."""

    def changed(answer):
        body = json.loads(answer.body)
        rows = body.get("result") if isinstance(body, dict) else body
        if not (isinstance(rows, list) and rows and isinstance(rows[0], dict)):
            return answer
        new = change(rows)
        return Response.json({**body, "result": new} if isinstance(body, dict) else new, answer.status)

    return changed


def envelope(**changes):
    """Return what changes the envelope of each JSON-RPC answer."""

    def changed(answer):
        body = json.loads(answer.body)
        return Response.json({**body, **changes}, answer.status) if isinstance(body, dict) else answer

    return changed


def always(response):
    return lambda _answer: response


@cache
def flate_bomb():
    return gzip.compress(b" " * (64 * 2**20))


ERROR = {"code": 200, "message": "Odoo Server Error",
         "data": {"name": "psycopg2.errors.ReadOnlySqlTransaction", "message": "cannot execute UPDATE"}}  # fmt: skip
LATER = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
# What each answer becomes, and whether that is to be seen over JSON-2 as well.
STRANGE = {
    "a page of maintenance of HTTP 200": (always(Response.html("<h1>Maintenance</h1>")), True),
    "a page of maintenance of HTTP 503": (always(proxy_page(503, "Service Unavailable")), True),
    "a redirect to the login": (always(Response(302, b"", "text/html", {"Location": "/web/login"})), True),
    "HTTP 429 until a date": (always(Response(429, b"{}", headers=LATER)), True),
    "HTTP 204 without a body": (always(Response(204, b"")), True),
    "result and error both": (envelope(error=ERROR), False),
    "the id of another request": (envelope(id=9_999_999), False),
    "a database that can only be read": (
        lambda answer: Response.json({"jsonrpc": "2.0", "id": 1, "error": ERROR}), False),
    "rows in another order": (of_rpc(lambda rows: rows[::-1] if len(rows) > 1 else [*rows, *rows]), True),
    "rows twice": (of_rpc(lambda rows: [*rows, *rows]), True),
    "rows with negative ids": (of_rpc(lambda rows: [{**row, "id": -row["id"]} for row in rows]), True),
    "rows with ids that are no numbers": (of_rpc(lambda rows: [{**row, "id": str(row["id"])} for row in rows]), True),
    "rows with ids that are truth values": (of_rpc(lambda rows: [{**row, "id": True} for row in rows]), True),
    "more rows than asked for": (of_rpc(lambda rows: [{**rows[0], "id": n} for n in range(1, 10_002)]), True),
    "rows that are null": (of_rpc(lambda rows: [None for _ in rows]), True),
    "an object in place of rows": (of_rpc(lambda rows: {"records": rows}), True),
    "false in place of rows": (of_rpc(lambda _rows: False), True),
    "an id of a thousand digits": (
        lambda answer: Response(answer.status, answer.body.replace(b'"id": ', b'"id": ' + b"9" * 1000)), True),
    "an id that is Infinity": (
        lambda answer: Response(answer.status, answer.body.replace(b'"id": ', b'"id": -Infinity, "was": ')), True),
    "half of the answer": (lambda answer: Response(answer.status, answer.body[: len(answer.body) // 2]), True),
    "a flate bomb": (
        lambda _answer: Response(200, flate_bomb(), headers={"Content-Encoding": "gzip"}), True),
}  # fmt: skip
CASES = [(name, version) for name, (_, over_json2) in STRANGE.items() for version in (18, 19)[: 1 + over_json2]]


@pytest.mark.parametrize("skip", [0, 6])
@pytest.mark.parametrize(("case", "version"), CASES)
def test_a_strange_answer_of_odoo_blames_no_document_and_all_follows_once(open_world, case, version, skip):
    change, _ = STRANGE[case]
    world = open_world(version=version, secret=API_KEY if version >= 19 else PASSWORD)
    add_documents(world)
    left = [skip]

    def is_next(_request):
        left[0] -= 1
        return left[0] < 0

    with answering(world.odoo.server, is_next, change), suppress(PipelineError):
        world.extract()
    meanwhile = statuses(world)
    alerts = world.alerts()
    world.extract()
    go_on(world)

    assert meanwhile["failed"] == 0
    assert alerts == []
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}
    says_nothing_secret(world.machine)


@pytest.mark.parametrize("version", [18, 19])
def test_an_odoo_that_takes_every_third_call_only_is_read_in_one_pull_and_never_by_two_at_once(open_world, version):
    """Odoo Online is said to take about a call a second and none in parallel: no answer of it establishes that."""
    world = open_world(version=version, secret=API_KEY if version >= 19 else PASSWORD)
    add_documents(world)
    real, calls, at_work, most = world.odoo.server.answer, [0], [0], [0]

    def answer(request):
        calls[0] += 1
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        try:
            return real(request) if calls[0] % 3 == 0 else Response(429, b"{}")
        finally:
            at_work[0] -= 1

    world.odoo.server.answer = answer
    counts = world.extract()
    world.odoo.server.answer = real
    go_on(world)

    assert (counts["new"], counts["failed"], most[0]) == (4, 0, 1)
    assert statuses(world) == {"posted": 4}
    assert world.alerts() == []
