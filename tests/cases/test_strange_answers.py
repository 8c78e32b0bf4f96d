"""Answers that are no answers: nothing is lost or doubled, nobody is blamed for them, and all follows by itself."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from local.stand_ins.http_server import Response
from local.stand_ins.quickbooks.faults import error, fault_body, html_error
from pipeline.domain.errors import Misconfigured
from tests.cases.world import B

OUR_MARK = re.compile(r"\[odoo_demo-account\.move-\d+\]")


def is_company(request):
    return "/v3/company/" in request.path


def is_query(request):
    return request.path.endswith("/query")


def is_write(request):
    return is_company(request) and request.method == "POST"


def is_create(request):
    return is_write(request) and request.path.rsplit("/", 1)[-1] in ("batch", "invoice", "bill", "creditmemo")


def is_upload(request):
    return request.path.endswith("/upload")


def without(*names):
    """Return what renames properties in an answer, as a new minor version may."""

    def changed(answer):
        body = answer.body
        for name in names:
            body = body.replace(b'"%s"' % name.encode(), b'"Former%s"' % name.encode())
        return Response(answer.status, body, answer.content_type, answer.headers)

    return changed


def empty_rows(answer):
    body = json.loads(answer.body)
    rows = dict.fromkeys(body.get("QueryResponse", {}))
    return Response.json({**body, "QueryResponse": rows or None}, answer.status)


def another_shape(entity, **changes):
    """Return what gives the rows of an entity properties of another shape."""

    def changed(answer):
        body = json.loads(answer.body)
        for row in (body.get("QueryResponse") or {}).get(entity, []):
            row.update(changes)
        return Response.json(body, answer.status)

    return changed


def everywhere(changes):
    """Return what changes properties wherever they occur in an answer, at any depth."""

    def put(value):
        if isinstance(value, dict):
            return {name: changes[name] if name in changes else put(inner) for name, inner in value.items()}
        return [put(inner) for inner in value] if isinstance(value, list) else value

    return lambda answer: Response.json(put(json.loads(answer.body)), answer.status)


def always(response):
    return lambda _answer: response


# Where something strange comes, and what: from what QuickBooks has answered, having done what it was asked for.
STRANGE = {
    "rows that are null": (is_query, empty_rows),
    "rows without Id": (is_query, without("Id")),
    "no rows where there is always one": (is_query, always(Response.json({"QueryResponse": {}}))),
    "preferences of another shape": (is_query, another_shape("Preferences", CurrencyPrefs=["USD"])),
    "accounts of another shape": (is_query, another_shape("Account", CurrencyRef="USD")),
    "accounts without names": (is_query, another_shape("Account", Name=None)),
    "rows that are texts": (is_query, always(Response.json({"QueryResponse": {"CompanyInfo": ["x"]}}))),
    "a query answered by a list": (is_query, always(Response.json([]))),
    "a create without Id": (is_create, without("Id")),
    "a create without SyncToken and Id": (is_create, without("Id", "SyncToken")),
    "a create with a list for its total": (is_create, everywhere({"TotalAmt": [100]})),
    "a create with a text for its lines": (is_create, everywhere({"Line": "SubTotal"})),
    "a create with an object for its Id": (is_create, everywhere({"Id": {"value": "7"}})),
    "a create with lists for texts": (is_create, everywhere({"SyncToken": ["0"], "DocNumber": ["1"]})),
    "a create with a text for its customer or vendor": (
        is_create, everywhere({"CustomerRef": "58", "VendorRef": "58"}),
    ),
    "a create with a text for when it was changed": (is_create, everywhere({"MetaData": "now"})),
    "a file with a word for its size": (is_upload, everywhere({"Size": "large"})),
    "a file with a text for what it is attached to": (is_upload, everywhere({"AttachableRef": ["58"]})),
    "a batch without its parts": (is_create, without("BatchItemResponse")),
    "a file without Id": (is_upload, without("Id")),
    "a file without its part": (is_upload, without("AttachableResponse")),
    "a fault that is null": (is_write, always(Response.json({"Fault": None}, 400))),
    "a fault that is one object": (is_write, always(Response.json({"Fault": {"Error": {"code": "6000"}}}, 400))),
    "a web page of HTTP 200": (is_company, always(Response.html("<h1>Scheduled maintenance</h1>", 200))),
    "a web page of HTTP 403": (is_company, always(html_error(403))),
    "a web page of HTTP 404": (is_company, always(html_error(404))),
    "a web page of HTTP 429": (is_company, always(html_error(429))),
    "a web page of HTTP 503": (is_company, always(html_error(503))),
    "a redirect": (is_company, always(Response(302, b"", "text/html", {"Location": "https://status.example"}))),
    "a discovery document without addresses": (
        lambda request: "well-known" in request.path, always(Response.json({"issuer": None})),
    ),
    "a web page in place of tokens": (lambda request: "tokens" in request.path, always(html_error(503))),
}  # fmt: skip


@contextmanager
def answering(server, where, change):
    real = server.answer
    server.answer = lambda request: change(real(request)) if where(request) else real(request)
    try:
        yield
    finally:
        server.answer = real


def add_documents(world):
    world.move(801, "out_invoice", [{"amount": 100.0}])
    world.move(802, "in_invoice", [{"amount": 50.0}], ref="B-1")
    world.move(803, "out_refund", [{"amount": 20.0}])
    world.move(804, "out_invoice", [{"amount": 77.0}], company=B)


def statuses(world):
    return Counter(entry["status"] for entry in world.entries().values())


def booked(world):
    """Return how often each document of ours is in QuickBooks."""
    found = Counter()
    for realm in world.realms:
        for row in world.books(realm.realm_id):
            found.update(OUR_MARK.findall(str(row.get("PrivateNote", ""))))
    return found


def go_on(world):
    """Let the times pass that companies and documents wait for, and two runs come."""
    for _ in range(2):
        world.let_pause_pass()
        world.due()
        world.post()


@pytest.mark.parametrize("case", STRANGE)
def test_a_strange_answer_blames_no_document_and_ends_no_run_and_all_follows_once(open_world, case):
    where, change = STRANGE[case]
    world = open_world()
    add_documents(world)
    world.extract()

    with answering(world.qb.server, where, change):
        result = world.post()
        meanwhile = statuses(world)
    go_on(world)

    assert result["failed"] == 0
    assert meanwhile["failed"] == 0
    assert meanwhile["posted"] < 4
    assert world.alerts() == []
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}
    files = [len(world.qb.books(realm.realm_id)._tables.table("Attachable")) for realm in world.realms]
    assert files == [3, 1]


def test_a_plan_that_lacks_bills_fails_the_bill_and_pauses_nobody_though_it_says_so_by_403(open_world):
    world = open_world()
    world.move(802, "in_invoice", [{"amount": 50.0}], ref="B-1")
    world.extract()
    refusal = fault_body([error("5020", "Permission Denied Error : Bills are not included in this plan.")])

    with answering(
        world.qb.server, lambda request: request.path.endswith("/bill"), always(Response.json(refusal, 403))
    ):
        result = world.post()

    bill = world.entries()[802]
    assert result["paused"] == []
    assert (bill["status"], bill["error_code"]) == ("failed", "quickbooks_5020")
    assert "Bills are not included in this plan." in bill["error_message"]


# What AWS answers, and what the message must say.
OF_SECRETS = {
    "deleted, and can be taken back": (
        "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.",
        "restore-secret",
    ),
    "deleted for good": ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.",
                         "does not exist"),
    "made again, and empty": (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT", "It had one before",
    ),
    "its key disabled": ("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text.",
                         "its key in KMS cannot be used"),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_SECRETS)
@pytest.mark.parametrize("function", ["extract", "post"])
def test_a_secret_that_is_gone_is_an_error_of_every_run_and_says_what_to_do(open_world, case, function):
    code, text, says = OF_SECRETS[case]
    world = open_world()
    add_documents(world)
    world.run()
    world.move(805, "out_invoice", [{"amount": 9.0}])
    real = BaseClient._make_api_call

    def call(client, operation, parameters):
        if operation == "GetSecretValue":
            raise ClientError({"Error": {"Code": code, "Message": text}}, operation)
        return real(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", call):
        for _ in range(2):
            with pytest.raises(Misconfigured, match=says):
                getattr(world, function)()
    alerts = world.alerts()
    world.extract()
    go_on(world)

    assert len(alerts) == 1
    assert says in alerts[0]["text"]
    assert statuses(world) == {"posted": 5}
