"""The poster as Lambda runs it, when everything is well."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from botocore.client import BaseClient

import qb_poster
from local.demo.books import REALM_A
from pipeline.aws.key_values import KeyValueTable
from pipeline.domain.errors import Unavailable
from pipeline.runtime import Runtime, SystemClock, aws_client
from tests.builders import demo_documents
from tests.poster_world import booked, good_secret, kept_tokens, make_due, move_id_of, of_company_a, statuses

TICK = {"source": "aws.events", "detail-type": "Scheduled Event"}


def _entity(entry: dict) -> str:
    return "".join(word.capitalize() for word in entry["document_type"].split("_")).replace("Note", "Memo")


# -- the way it should go ----------------------------------------------------------------------------------------------


def test_each_type_is_posted_with_its_pdf_and_filed_and_said_in_the_table(machine):
    result = machine.post()

    assert result["posted"] == 4
    assert statuses(machine) == {"posted": 4}
    rows = booked(machine)
    assert len(rows) == len(machine.quickbooks.books(REALM_A).attachables()) == 4
    for entry in machine.entries().values():
        row = next(row for row in rows if f"[{entry['entry_id']}]" in row["PrivateNote"])
        assert row["Id"] == entry["qb_id"]
        assert row["TotalAmt"] == Decimal(entry["total"])
        assert entry["qb_doc_number"] == row["DocNumber"]
        assert entry["pdf_attached"] is True
        assert entry["pdf_key"].startswith("posted/companyA/")
        filed = hashlib.sha256(machine.object(entry["pdf_key"])).hexdigest()
        (attached,) = machine.quickbooks.books(REALM_A).attachables(_entity(entry), row["Id"])
        assert hashlib.sha256(attached.content).hexdigest() == filed == entry["pdf_sha256"] == entry["attached_sha256"]
    assert machine.keys("pending/") == []
    assert len(machine.keys("posted/")) == 4
    assert machine.alerts() == []


def test_the_same_documents_twice_post_nothing_the_second_time(machine):
    machine.post()
    before = Counter(machine.quickbooks.calls)

    machine.extract()
    result = machine.post()

    assert result["posted"] == 0
    assert machine.quickbooks.calls == before
    assert len(booked(machine)) == 4


def test_a_doubled_late_event_changes_nothing(machine):
    events = machine.deployment.pending_events()
    for event in (*events, *reversed(events)):
        machine.post(event)

    assert len(booked(machine)) == len(machine.quickbooks.books(REALM_A).attachables()) == 4
    assert machine.quickbooks.calls["upload"] == 1


def test_filing_makes_no_event_that_wakes_it_again(machine):
    machine.post(TICK)
    before = Counter(machine.quickbooks.calls)

    for key in machine.keys("posted/"):
        machine.post({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": key}}}]})

    assert machine.quickbooks.calls == before


def test_a_run_says_what_it_did_in_its_result_its_metrics_and_its_log(machine):
    result = machine.post({"company": "companyA"})

    assert (result["posted"], result["backlog"], result["calls"]["upload"]) == (4, 0, 1)
    assert result["calls"]["query"] == machine.quickbooks.metered
    assert min(result["refresh_days_left"].values()) > 99
    (metrics,) = machine.metrics
    assert (metrics["service"], metrics["environment"]) == ("qb-poster", "demo")
    assert (metrics["DocumentsPosted"], metrics["BacklogAgeSeconds"]) == (4, 0)
    assert metrics["RefreshTokenDaysLeft"] > 99
    answers = [line for line in machine.log if line.get("message") == "QuickBooks answered"]
    assert len(answers) == sum(machine.quickbooks.calls.values()) - machine.quickbooks.calls["token"]
    assert all(line["intuit_tid"] and line["company"] == "companyA" for line in answers)


def test_the_renewed_token_is_kept_and_the_next_run_needs_no_refresh(machine):
    before = good_secret(machine)
    machine.post()
    machine.post({"dry_run": True, "company": "companyA"})

    secret = good_secret(machine)
    # One for each company: the one without documents is kept alive.
    assert machine.quickbooks.calls["token"] == 2
    assert kept_tokens(machine, secret["realm_ids"]["companyA"])["access_token"].startswith("access-")
    assert secret == before


def test_a_withdrawn_document_is_taken_out_again(machine):
    machine.post()
    number = min(machine.entries())
    machine.odoo.cancel(number)
    machine.extract()

    result = machine.post()

    assert result["voided"] == 1
    assert machine.entries()[number]["status"] == "voided"
    assert len(booked(machine)) == 3


# -- what a person asks for --------------------------------------------------------------------------------------------


def test_a_merged_customer_is_followed_without_an_alert(start_machine):
    machine = start_machine(of_company_a(2))
    machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
    machine.extract()
    first = min(machine.entries().values(), key=move_id_of)
    machine.post({"entry_ids": [first["entry_id"]]})
    books = machine.quickbooks.books(REALM_A)
    entity = "Customer" if first["document_type"] == "invoice" else "Vendor"
    (old,) = [row for row in books.rows(entity) if row["DisplayName"] == first["party"]]
    books.deactivate(entity, old["Id"])
    new = books.create(entity, {"DisplayName": first["party"], "CurrencyRef": {"value": first["currency"]}})

    # The same document once more, as an edit in Odoo would send it.
    machine.client("dynamodb").update_item(
        TableName=machine.deployment.table, Key={"entry_id": {"S": first["entry_id"]}},
        UpdateExpression="SET #status = :pending, payload_hash = :other, version = :two",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":pending": {"S": "pending"}, ":other": {"S": "x"}, ":two": {"N": "2"}},
    )  # fmt: skip
    put_off = machine.post({"entry_ids": [first["entry_id"]]})
    make_due(machine)
    machine.post()

    assert put_off["later"] == 1
    assert statuses(machine) == {"posted": 2}
    qb_id = machine.entries()[move_id_of(first)]["qb_id"]
    (document,) = [row for row in booked(machine) if row["Id"] == qb_id]
    assert document[f"{entity}Ref"]["value"] == new["Id"]
    assert machine.alerts() == []


def test_a_run_that_is_started_for_another_realm_is_of_whoever_asked(start_machine, monkeypatch):
    started = []

    class Lambda:
        def invoke(self, **arguments):
            started.append(json.loads(arguments["Payload"]))

    def client(service):
        return Lambda() if service == "lambda" else aws_client(service)

    def handler(event, context):
        return qb_poster.handle(event, context, Runtime(client=client))

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "qb-poster-demo")
    machine = start_machine(demo_documents(310, 218))
    machine.extract()
    assert machine.deployment.invoke("qb-poster", handler, {"by": "Ann"}, timeout_s=120)["started"] == 1

    (event,) = started
    assert event == {"sweep": True, "realm": event["realm"], "by": "Ann"}
    assert machine.post(event)["posted"] == 1


# -- events of a large pull --------------------------------------------------------------------------------------------


@pytest.fixture
def warm(machine):
    """Return a function that invokes a container that has worked for the other company before."""
    runtime = Runtime()

    def handler(event, context):
        return qb_poster.handle(event, context, runtime)

    def invoke(event):
        return machine.deployment.invoke("qb-poster", handler, event, timeout_s=120)

    invoke({"company": "companyB"})
    return invoke


def hold_lease(machine, lasts=timedelta(minutes=2)):
    leases = KeyValueTable(machine.client("dynamodb"), machine.deployment.table, SystemClock())
    now = SystemClock().now()
    assert leases.take_lease(REALM_A, "another run", now, now + lasts, force=True)


def test_an_event_that_finds_the_lease_held_costs_one_call(machine, warm, monkeypatch):
    (event, *_) = machine.deployment.pending_events()
    hold_lease(machine)
    calls, call = [], BaseClient._make_api_call

    def counted(client, operation, parameters):
        calls.append(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    answer = warm(event)

    assert (answer["busy"], answer["posted"]) == (["companyA"], 0)
    assert calls == ["BatchGetItem"]


def test_an_event_that_finds_the_lease_free_has_all_posted_that_is_due(machine, warm):
    (event, *_) = machine.deployment.pending_events()
    hold_lease(machine, lasts=-timedelta(seconds=1))

    assert warm(event)["posted"] == 4


def test_an_event_whose_one_read_fails_is_worked_on_as_ever(machine, warm, monkeypatch):
    (event, *_) = machine.deployment.pending_events()

    def unavailable(*_):
        raise Unavailable("The table does not answer")

    monkeypatch.setattr(KeyValueTable, "taken", unavailable)

    assert warm(event)["posted"] == 4
