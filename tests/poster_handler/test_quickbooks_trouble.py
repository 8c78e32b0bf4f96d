"""QuickBooks has trouble: no answers, throttling, connections that are gone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import botocore.client
import pytest
from botocore.exceptions import ClientError
from intuitlib.client import AuthClient

from local.demo.books import REALM_A, REALM_B
from local.demo.documents import many
from local.stand_ins.http_server import Fault, Response
from local.stand_ins.quickbooks.faults import (
    MESSAGES,
    html_error,
    throttled,
    unauthenticated,
    unauthorized,
    validation_fault,
)
from pipeline.aws.key_values import KeyValueTable
from pipeline.runtime import SystemClock
from tests.poster_world import (
    booked,
    break_once,
    good_secret,
    kept_tokens,
    make_due,
    move_id_of,
    of_company_a,
    open_companies,
    says_nothing_secret,
    statuses,
)

TROUBLE = {
    "500 HTML": html_error(500),
    "502 HTML": html_error(502),
    "503 JSON": Response.json({"message": "busy"}, 503),
    "200 HTML": Response.html("<html><body>Traceback of theirs</body></html>"),
    "10000": validation_fault("10000", MESSAGES["10000"], "Oops."),
    "dropped": None,
}


@pytest.mark.usefixtures("one_by_one")
def test_answers_that_say_nothing_are_resolved_and_nothing_doubles(start_machine):
    machine = start_machine(of_company_a(14))
    machine.quickbooks.name_edit_s = 0
    machine.extract()
    ours = sorted(machine.entries().values(), key=move_id_of)
    cases = [(case, took_effect) for case in sorted(TROUBLE) for took_effect in (True, False)]
    left = {entry["number"]: case for entry, case in zip(ours, cases, strict=False)}
    assert len(left) == len(cases)

    def broken(request):
        note = (
            request.json().get("PrivateNote", "") if request.method == "POST" and b"PrivateNote" in request.body else ""
        )
        case = left.pop(note.split()[2], None) if note else None
        return case and Fault(case[0], TROUBLE[case[0]], takes_effect=case[1])

    machine.quickbooks.server.fault = broken
    first = machine.post()
    for _ in range(12):
        open_companies(machine)
        make_due(machine)
        if not machine.post()["backlog"]:
            break

    assert first["later"] >= 3
    assert left == {}
    assert statuses(machine) == {"posted": 14}
    assert len(booked(machine)) == len(machine.quickbooks.books(REALM_A).attachables()) == len(ours)
    says_nothing_secret(machine)


@pytest.mark.usefixtures("one_by_one")
def test_a_create_without_an_answer_is_not_looked_for_before_it_has_settled(machine):
    break_once(machine, None, takes_effect=True)

    first = machine.post()
    early = machine.post()
    make_due(machine)
    late = machine.post()

    assert (first["posted"], first["later"], first["failed"]) == (3, 1, 0)
    assert (early["posted"], early["calls"]) == (0, {})
    assert late["posted"] == 1
    assert len(booked(machine)) == 4
    assert machine.alerts() == []


@pytest.mark.usefixtures("one_by_one")
def test_a_401_in_the_middle_is_renewed_and_nobody_notices(machine):
    break_once(machine, unauthenticated())

    result = machine.post()

    assert result["posted"] == 4
    assert machine.quickbooks.calls["token"] == 2 + 1
    assert machine.alerts() == []


@pytest.mark.usefixtures("one_by_one")
def test_a_429_pauses_the_company_and_everything_follows(machine):
    break_once(machine, throttled())

    first = machine.post()
    paused = machine.post()
    open_companies(machine)
    make_due(machine)
    machine.post()

    assert first["paused"] == ["companyA"]
    assert paused["calls"] == {}
    assert statuses(machine) == {"posted": 4}
    assert len(booked(machine)) == 4
    assert machine.alerts() == []


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize(
    ("retry_after", "least_s", "most_s"),
    [("1800", 1800, 1800), ("1000000000", 3600, 3600), ("-1", 60, 72), ("2", 60, 72)],
)
def test_how_long_a_company_pauses_is_what_quickbooks_asks_for_within_an_hour(machine, retry_after, least_s, most_s):
    answer = throttled()
    break_once(machine, Response(answer.status, answer.body, answer.content_type, {"Retry-After": retry_after}))

    machine.post()

    (pause,) = [line["seconds"] for line in machine.log if line.get("message") == "company paused"]
    assert least_s <= pause <= most_s


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (unauthorized(), "no longer lets the pipeline into companyA"),
        (validation_fault("6190", MESSAGES["6190"], "Ended."), "subscription of companyA has ended"),
    ],
)
def test_what_closes_a_company_is_one_alert_and_the_documents_wait(machine, fault, words):
    break_once(machine, fault, matches=lambda request: "/v3/company/" in request.path, times=99)
    for _ in range(3):
        machine.post()
        open_companies(machine)

    assert statuses(machine) == {"pending": 4}
    (alert,) = machine.alerts()
    assert words in alert["text"]
    break_once(machine, None, times=0)
    make_due(machine)
    assert machine.post()["posted"] == 4


def test_a_connection_that_is_gone_is_one_alert_that_says_how_to_reconnect(machine):
    machine.quickbooks.revoke(REALM_A)
    for _ in range(3):
        machine.post()
        open_companies(machine)

    (alert,) = machine.alerts()
    assert alert["subject"] == "[demo] companyA: nothing moves until a person acts: the QuickBooks connection is gone"
    assert "Connect the company again with `./oqb connect`" in alert["text"]
    assert statuses(machine) == {"pending": 4}


def test_after_a_person_reconnected_the_documents_follow_by_themselves(machine):
    machine.quickbooks.revoke(REALM_A)
    machine.post()
    secret = good_secret(machine)
    secret["refresh_tokens"]["companyA"] = machine.quickbooks.tokens.reconnect(REALM_A)
    machine.set_secret("quickbooks", secret)
    open_companies(machine)

    assert machine.post()["posted"] == 4


def test_keys_of_the_app_that_are_wrong_are_reported_as_such(machine):
    machine.set_secret("quickbooks", {**good_secret(machine), "client_secret": "another"})

    result = machine.post()

    assert sorted(result["paused"]) == ["companyA", "companyB"]
    for alert in machine.alerts():
        assert "client_id and client_secret" in alert["text"]
        assert "reconnecting does not help" in alert["text"]


def test_a_document_deleted_in_odoo_is_reported_and_a_retry_takes_it_out(machine):
    machine.post()
    number = min(machine.entries())
    machine.odoo.reset_to_draft(number)
    machine.odoo.delete(number)
    a_day_passes(machine)
    machine.alerts()
    machine.extract()

    assert machine.entries()[number]["error_code"] == "deleted_in_odoo"
    (alert,) = machine.alerts()
    assert "is still in QuickBooks" in alert["text"]
    assert machine.post()["voided"] == 0
    assert len(booked(machine)) == 4

    assert machine.post({"company": "companyA", "retry_failed": True})["voided"] == 1
    assert len(booked(machine)) == 3


def a_day_passes(machine) -> None:
    """Forget when the ids were last compared."""
    key = f"compared#{machine.odoo.database}#companyA"
    machine.client("dynamodb").delete_item(TableName=machine.deployment.table, Key={"entry_id": {"S": key}})


def test_the_end_of_a_consent_is_a_figure_and_an_answer_by_company(machine):
    machine.post()

    result = machine.post()

    assert set(result["consent_days_left"]) == {"companyA", "companyB"}
    assert 1820 < machine.metrics[-1]["ConsentDaysLeft"] < 1826


def test_where_intuit_does_not_say_when_a_consent_ends_there_is_no_metric(machine, monkeypatch):
    monkeypatch.setattr(AuthClient, "_apply_refresh_token_hard_expires_in_header", lambda _client, headers: headers)
    machine.post()

    result = machine.post()

    assert result["consent_days_left"] == {}
    assert not any("ConsentDaysLeft" in line for line in machine.metrics)


def test_a_secret_that_takes_no_change_costs_no_document_and_no_connection(machine, monkeypatch):
    """LimitExceededException at every write of the secret, and another refresh token at every refresh."""
    machine.quickbooks.new_refresh_token_every_s = 0
    before = good_secret(machine)
    refused = ClientError({"Error": {"Code": "LimitExceededException"}}, "PutSecretValue")
    real = botocore.client.BaseClient._make_api_call

    def call(client, operation, parameters):
        if operation in ("PutSecretValue", "UpdateSecretVersionStage"):
            raise refused
        return real(client, operation, parameters)

    with monkeypatch.context() as patched:
        patched.setattr(botocore.client.BaseClient, "_make_api_call", call)
        first = machine.post()
        machine.quickbooks.expire_access_tokens()
        machine.odoo.edit(min(machine.entries()), narration="<p>changed</p>")
        machine.extract()
        second = machine.post()

    assert (first["posted"], second["posted"]) == (4, 1)
    assert good_secret(machine) == before
    machine.quickbooks.expire_access_tokens()
    machine.odoo.edit(min(machine.entries()), narration="<p>changed again</p>")
    machine.extract()
    assert machine.post()["posted"] == 1
    realm = before["realm_ids"]["companyA"]
    assert good_secret(machine)["refresh_tokens"]["companyA"] == machine.quickbooks.tokens.refresh_token(realm)


def test_a_months_allowance_that_is_used_up_is_told_once_and_the_documents_follow(machine):
    realm = good_secret(machine)["realm_ids"]["companyA"]
    now = datetime.now(UTC)
    refused = {"since": (now - timedelta(hours=7)).isoformat(), "last": (now - timedelta(hours=1)).isoformat()}
    key_values = KeyValueTable(machine.client("dynamodb"), machine.deployment.table, SystemClock())
    key_values.keep(f"throttled#{realm}", json.dumps(refused))
    is_read = lambda request: request.method == "GET" and "/v3/company/" in request.path
    machine.quickbooks.server.fault = lambda request: Fault("429", throttled()) if is_read(request) else None

    first = machine.post({"company": "companyA", "retry_failed": True})
    second = machine.post({"company": "companyA", "retry_failed": True})

    (alert,) = machine.alerts()
    assert "the month's allowance of reads of the Intuit app is used up" in alert["text"]
    assert (first["paused"], second["paused"]) == (["companyA"], ["companyA"])
    assert {entry["status"] for entry in machine.entries().values()} == {"pending"}
    machine.quickbooks.server.fault = lambda _request: None
    assert machine.post({"company": "companyA", "retry_failed": True})["posted"] == 4
    assert not key_values.value(f"throttled#{realm}")


def test_a_company_without_documents_is_kept_connected(machine):
    machine.post()
    machine.post()

    assert machine.quickbooks.calls["token"] == 2
    assert all(kept_tokens(machine, realm) for realm in good_secret(machine)["realm_ids"].values())


def test_a_quickbooks_nobody_reaches_pauses_and_loses_nothing(machine):
    machine.set_environ("qb-poster", QB_API_URL="http://127.0.0.1:9")

    result = machine.post()

    assert result["paused"] == ["companyA"]
    assert statuses(machine) == {"pending": 4}
    assert machine.alerts() == []


def test_the_other_company_goes_on_while_one_is_gone(start_machine):
    machine = start_machine(many(8, parties=4))
    machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
    machine.extract()
    machine.quickbooks.revoke(REALM_A)

    result = machine.post()

    assert result["paused"] == ["companyA"]
    assert {entry["status"] for entry in machine.entries().values() if entry["company"] == "companyA"} == {"pending"}
    assert len(booked(machine, REALM_B)) == result["posted"] > 0
