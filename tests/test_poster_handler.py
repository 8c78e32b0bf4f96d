"""The poster as Lambda runs it: events, secrets and QuickBooks' refusals, through the handler."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import botocore.client
import pytest
from botocore.exceptions import ClientError
from intuitlib.client import AuthClient

import qb_poster
from local.demo.books import REALM_A, REALM_B, demo_realms
from local.demo.documents import many
from local.stand_ins.http_server import Fault, Response, StandInServer
from local.stand_ins.quickbooks.faults import (
    MESSAGES,
    fault_in_200,
    html_error,
    throttled,
    unauthenticated,
    unauthorized,
    validation_fault,
)
from pipeline.aws import dead_letters
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.token_parameters import TokenParameters
from pipeline.domain.codec import dumps, loads
from pipeline.domain.entry import OUTCOME_SETTLES_S
from pipeline.domain.errors import Misconfigured, PipelineError
from pipeline.domain.open_alerts import AlertState, OpenAlert
from pipeline.qbo import limiter
from pipeline.runtime import SystemClock
from pipeline.use_cases.post import company
from pipeline.use_cases.recover.redrive import Taking
from pipeline.use_cases.report import STATE_KEY
from tests.conftest import CLIENT_SECRET, PASSWORD

TICK = {"source": "aws.events", "detail-type": "Scheduled Event"}
# Of each kind of refusal one; the whole list is checked in tests/pipeline/qbo/test_faults.py.
ONE_A_DOCUMENT = ("610", "2010", "2020", "2040", "2050", "2060", "2210", "2500", "5020", "6000", "6070", "6100",
                  "6170", "6200", "6210", "6240", "6430")  # fmt: skip


@pytest.fixture
def one_by_one(monkeypatch):
    """Have each document sent alone, where a test breaks the call of one. Batches are in `test_group.py`."""
    monkeypatch.setattr(company, "TOGETHER_MAX", 1)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Lift the limits of QuickBooks' pace, which have tests of their own."""
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))


@pytest.fixture
def machine(start_machine):
    """Four documents of companyA, one of each type, pulled and waiting; what is not said is nobody's secret."""
    machine = start_machine(many(4, parties=2))
    machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
    machine.extract()
    machine.output = ""
    yield machine
    says_nothing_secret(machine)


def of_company_a(count: int):
    """Return so many documents of companyA, of all types."""
    rows, files = many(2 * count, parties=4)
    moves = [move for move in rows["account.move"] if move["company_id"][1] == "companyA"][:count]
    kept = {move["id"] for move in moves}
    lines = [line for line in rows["account.move.line"] if line["move_id"][0] in kept]
    return {**rows, "account.move": moves, "account.move.line": lines}, files


def says_nothing_secret(machine) -> None:
    """Fail when a secret, a token or another system's traceback was written, returned or sent."""
    tokens = machine.quickbooks.tokens._connections.values()
    secrets = {CLIENT_SECRET, PASSWORD, "demo-refresh-token"}
    for connection in tokens:
        secrets |= {connection.refresh_token, *connection.superseded, *connection.access_tokens}
    entries = json.dumps(machine.deployment.entries(), default=str)
    for where in (machine.output, entries, json.dumps(machine.alerts())):
        assert "Traceback" not in where
        assert [secret for secret in secrets if secret in where] == []


def _number(entry: dict) -> int:
    return int(entry["odoo_id"])


def _entity(entry: dict) -> str:
    return "".join(word.capitalize() for word in entry["document_type"].split("_")).replace("Note", "Memo")


def statuses(machine) -> Counter[str]:
    return Counter(entry["status"] for entry in machine.entries().values())


def failed(machine) -> list[dict]:
    return [entry for entry in machine.entries().values() if entry["status"] == "failed"]


def booked(machine, realm=REALM_A) -> list[dict]:
    rows = machine.quickbooks.books(realm).documents()
    return [row for row in rows if "[odoo_demo-account.move-" in row.get("PrivateNote", "")]


def is_invoice(request) -> bool:
    return request.method == "POST" and request.path.endswith("/invoice")


def break_once(machine, response: Response | None, *, matches=is_invoice, takes_effect=False, times=1) -> None:
    left = [times]

    def fault(request):
        if left[0] and matches(request):
            left[0] -= 1
            return Fault("broken", response, takes_effect=takes_effect)
        return None

    machine.quickbooks.server.fault = fault


def make_due(machine) -> None:
    """Let the settling time pass: nobody waits for it here."""
    for entry in machine.deployment.entries():
        machine.client("dynamodb").update_item(
            TableName=machine.deployment.table, Key={"entry_id": {"S": entry["entry_id"]}},
            UpdateExpression="REMOVE next_attempt_at",
        )  # fmt: skip


def open_companies(machine) -> None:
    """Let the pauses pass."""
    for realm in demo_realms():
        machine.client("dynamodb").update_item(
            TableName=machine.deployment.table, Key={"entry_id": {"S": f"lease#{realm.realm_id}"}},
            UpdateExpression="REMOVE paused_until",
        )  # fmt: skip


# -- the way it should go --------------------------------------------------------------------------------------------


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


def kept_tokens(machine, realm):
    return TokenParameters(lambda: machine.client("ssm"), "demo").tokens(realm)


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


# -- what a person asks for ------------------------------------------------------------------------------------------


def test_a_trial_shows_every_body_and_writes_nothing(machine):
    entries, keys = machine.entries(), machine.keys()

    result = machine.post({"dry_run": True})

    assert len(result["drafts"]) == 4
    assert {draft["entity"] for draft in result["drafts"]} == {"Invoice", "Bill", "CreditMemo", "VendorCredit"}
    assert all("to be found or created" in json.dumps(draft["body"]) for draft in result["drafts"])
    assert machine.entries() == entries
    assert machine.keys() == keys
    calls = machine.quickbooks.calls
    assert [calls[kind] for kind in ("create", "update", "delete", "void", "upload")] == [0] * 5


def test_an_unknown_company_is_refused_with_those_there_are(machine):
    answer = machine.post({"company": "companyX"})

    assert "no company 'companyX'; it has 'companyA', 'companyB'" in answer["error"]
    assert machine.alerts() == []


def test_a_merged_customer_is_followed_without_an_alert(start_machine):
    machine = start_machine(of_company_a(2))
    machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
    machine.extract()
    first = min(machine.entries().values(), key=_number)
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
    qb_id = machine.entries()[_number(first)]["qb_id"]
    (document,) = [row for row in booked(machine) if row["Id"] == qb_id]
    assert document[f"{entity}Ref"]["value"] == new["Id"]
    assert machine.alerts() == []


# -- the mapping -----------------------------------------------------------------------------------------------------


def put_mapping(machine, text):
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key="config/mapping.toml", Body=text.encode())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[companyA]\nclosed = 1", "line 2: 'closed' is not known; did you mean 'closed_period'?"),
        ("[compnayA]", "line 1: there is no company 'compnayA' in the QuickBooks secret"),
        ('[companyA.accounts]\n"1" = "9999"', "line 2: account 1 → '9999': QuickBooks has no account with that number"),
        ('[companyA]\nrealm = "5"', "line 2: the realm of companyA is 5 here"),
    ],
)
def test_a_mapping_that_is_wrong_pauses_the_company_with_one_alert_and_nothing_is_posted(machine, text, words):
    put_mapping(machine, text)
    for _ in range(3):
        machine.post()
        open_companies(machine)

    assert statuses(machine) == {"pending": 4}
    (alert,) = machine.alerts()
    assert alert["subject"] == "[demo] companyA: nothing moves until a person acts: the mapping cannot be used"
    assert words in alert["text"]
    assert machine.quickbooks.calls["create"] == 0

    put_mapping(machine, '[companyA]\nclosed_period = "hold"')
    assert machine.post()["posted"] == 4


def test_the_mapping_decides_what_is_sent(machine):
    put_mapping(machine, '[companyA]\nparties = "fail"')

    result = machine.post()

    assert result["failed"] == 4
    assert {entry["error_code"] for entry in failed(machine)} == {"party_unmapped"}
    assert machine.quickbooks.books(REALM_A).creates["Customer"] == 0


def test_a_trial_with_a_mapping_that_is_wrong_says_so_and_writes_nothing(machine):
    put_mapping(machine, '[companyA.accounts]\n"1" = "9999"')

    result = machine.post({"dry_run": True, "company": "companyA"})

    assert result["paused"] == ["companyA"]
    assert result["drafts"] == []
    assert machine.quickbooks.calls["create"] == 0


# -- events that are not ours ----------------------------------------------------------------------------------------


CONCERN_NOBODY = (
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
    {"Records": [{"s3": {"object": {"key": "posted/companyA/a.pdf"}}}]},
    {"Records": [{"s3": {"object": {"key": "pending/nobody-account.move-1.pdf"}}}]},
    {"Records": [{"s3": {"object": {"key": "pending/my+db%2Bx+%E6%A0%AA-account.move-1.pdf"}}}]},
    {"Records": []},
)
NOT_OURS = ({"Records": [{"eventSource": "aws:sqs"}]}, {"compny": "A"}, [], "text", {"entry_ids": "x"})


def test_an_event_that_concerns_nobody_does_nothing_and_is_no_error(machine):
    results = [machine.post(event) for event in CONCERN_NOBODY]

    assert [(result["posted"], result["failed"]) for result in results] == [(0, 0)] * len(CONCERN_NOBODY)
    assert machine.quickbooks.calls == {}
    assert statuses(machine) == {"pending": 4}


def test_a_payload_that_is_not_ours_is_answered_with_what_is_and_alarms_nobody(machine):
    answers = [machine.post(event) for event in NOT_OURS]

    for answer in answers:
        assert re.search(r"must be|does not know; it knows accept", answer["error"])
        assert answer["code"] == "invalid_request"
    assert machine.alerts() == []
    assert statuses(machine) == {"pending": 4}


# -- secrets and settings --------------------------------------------------------------------------------------------


def without(key):
    def change(secret):
        return {name: value for name, value in secret.items() if name != key}

    return change


def good_secret(machine) -> dict:
    stored = machine.client("secretsmanager").get_secret_value(
        SecretId=machine.deployment.quickbooks_secret, VersionStage="AWSCURRENT"
    )  # fmt: skip
    return json.loads(stored["SecretString"])


BAD_SECRETS = {
    "not JSON": (lambda _: "client_id=x", "odoo-qb-integration/quickbooks-credentials-demo is not a JSON object"),
    "a list": (lambda _: [1], "is not a JSON object"),
    "no client_id": (without("client_id"), r"lacks client_id\."),
    "no client_secret": (without("client_secret"), r"lacks client_secret\."),
    "no realm_ids": (without("realm_ids"), r"lacks realm_ids\."),
    "realm_ids a text": (lambda secret: {**secret, "realm_ids": "123"}, "realm_ids must map companies to realms"),
}


def test_a_run_ends_only_the_trouble_of_companies_it_has_posted_for(machine):
    key_values = KeyValueTable(machine.client("dynamodb"), machine.deployment.table, SystemClock())
    began = SystemClock().now()
    alerts = [
        OpenAlert(company, "mapping", "qb-poster", began, reported=("hash",)) for company in ("companyA", "companyB")
    ]
    key_values.keep(STATE_KEY, dumps(AlertState(tuple(alerts))))

    machine.post({"company": "companyA"})

    state = loads(AlertState, key_values.value(STATE_KEY))
    assert [(alert.company, alert.clear_since is None) for alert in state.alerts] == [
        ("companyA", False),
        ("companyB", True),
    ]


def test_a_secret_that_is_wrong_is_named_raised_and_every_error_reported_once(machine):
    good = good_secret(machine)

    for change, words in BAD_SECRETS.values():
        machine.set_secret("quickbooks", change(good))
        with pytest.raises(Misconfigured, match=words):
            machine.post()

    alerts = machine.alerts()
    assert {alert["subject"].split(" acts")[0] for alert in alerts} == {
        "[demo] All companies: nothing moves until a person"
    }
    assert len({alert["text"] for alert in alerts}) == len(alerts) > 1
    assert statuses(machine) == {"pending": 4}


def test_once_the_secret_is_fixed_everything_follows(machine):
    secret = good_secret(machine)
    machine.set_secret("quickbooks", "broken")
    with pytest.raises(Misconfigured):
        machine.post()
    machine.set_secret("quickbooks", secret)

    assert machine.post()["posted"] == 4


def test_an_empty_secret_says_how_to_fill_it(machine):
    arn = machine.client("secretsmanager").create_secret(Name="empty")["ARN"]
    machine.set_environ("qb-poster", QB_SECRET_ARN=arn)

    answers = [machine.post() for _ in range(3)]

    assert all(
        "The secret empty has no value yet: `./oqb connect` fills it." in answer["waiting"] for answer in answers
    )
    (alert,) = machine.alerts()
    assert "waits for its first value" in alert["subject"]
    assert [line["RunsCompleted"] for line in machine.metrics] == [[1.0]] * 3


def test_a_missing_variable_is_named(machine):
    for name in ("QB_SECRET_ARN", "SNS_ALERT_TOPIC", "S3_BUCKET", "DYNAMODB_TABLE", "ENVIRONMENT"):
        machine.set_environ("qb-poster", **{name: ""})
        with pytest.raises(Misconfigured, match=f"The environment variable {name} is missing"):
            machine.post()


def test_a_table_that_is_not_there_is_named(machine):
    machine.set_environ("qb-poster", DYNAMODB_TABLE="nowhere")

    with pytest.raises(Misconfigured, match="The table nowhere does not exist"):
        machine.post()


def test_a_company_without_a_realm_fails_with_what_to_do_and_follows_when_it_has_one(machine):
    secret = good_secret(machine)
    machine.set_secret("quickbooks", {**secret, "realm_ids": {"companyB": REALM_B}})
    machine.post()
    alerts = machine.alerts()

    assert statuses(machine) == {"failed": 4}
    assert [alert["subject"] for alert in alerts] == [
        "[demo] companyA: 4 documents for a person: the company has no QuickBooks company"
    ]
    assert "Add it there under realm_ids" in alerts[0]["text"]

    machine.set_secret("quickbooks", secret)
    assert machine.post({"company": "companyA", "retry_failed": True})["posted"] == 4


def test_a_company_with_an_empty_realm_pauses_and_is_reported_once(machine):
    secret = good_secret(machine)
    machine.set_secret("quickbooks", {**secret, "realm_ids": {"companyA": "", "companyB": REALM_B}})

    for _ in range(3):
        machine.post()
        open_companies(machine)

    assert statuses(machine) == {"pending": 4}
    (alert,) = machine.alerts()
    assert "'companyA' has no realm in the QuickBooks secret" in alert["text"]


# -- QuickBooks says no ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("one_by_one")
def test_each_refusal_fails_its_document_alone_and_says_which_and_why(start_machine):
    machine = start_machine(of_company_a(20))
    machine.quickbooks.name_edit_s = 0
    machine.extract()
    ours = sorted(machine.entries().values(), key=_number)
    codes = {entry["number"]: code for entry, code in zip(ours, ONE_A_DOCUMENT, strict=False)}
    assert len(ours) > len(codes) == len(ONE_A_DOCUMENT)

    def refused(request):
        note = (
            request.json().get("PrivateNote", "") if request.method == "POST" and b"PrivateNote" in request.body else ""
        )
        number = note.split()[2] if note else ""
        if number not in codes:
            return None
        code = codes[number]
        return Fault(code, validation_fault(code, MESSAGES[code], f"What QuickBooks says of {number}"))

    machine.quickbooks.server.fault = refused
    machine.post()

    entries = {entry["number"]: entry for entry in machine.entries().values()}
    alerts = "\n".join(alert["text"] for alert in machine.alerts())
    for number, code in codes.items():
        assert entries[number]["status"] == "failed"
        assert entries[number]["error_code"] == f"quickbooks_{code}"
        assert f" {number} of " in entries[number]["error_message"]
        # Of a closed period QuickBooks says nothing that would help a person.
        said = "closed period of QuickBooks" if code in ("6200", "6210") else f"What QuickBooks says of {number}"
        assert said in entries[number]["error_message"]
        assert f" {number} of " in alerts
        assert said in alerts
        assert f"For whoever runs the pipeline: quickbooks_{code}\n" in alerts + "\n"
    others = [entry for entry in ours if entry["number"] not in codes]
    assert {entries[entry["number"]]["status"] for entry in others} == {"posted"}
    waiting = {f"pending/{entry['entry_id']}.pdf" for entry in entries.values() if entry["status"] == "failed"}
    assert set(machine.keys("pending/")) == waiting
    says_nothing_secret(machine)


@pytest.mark.usefixtures("one_by_one")
def test_what_was_refused_is_posted_once_when_the_cause_is_fixed(machine):
    break_once(machine, fault_in_200("6000", MESSAGES["6000"], "Something is off."))
    machine.post()

    result = machine.post({"retry_failed": True})

    assert result["posted"] == 1
    assert statuses(machine) == {"posted": 4}
    assert all("error_message" not in entry for entry in machine.entries().values())
    assert len(booked(machine)) == 4


# -- the table lost ---------------------------------------------------------------------------------------------------


def lose_the_table(machine) -> None:
    """Restore it empty, as a person would who has no backup."""
    dynamodb = machine.client("dynamodb")
    for item in machine.items(machine.deployment.table):
        dynamodb.delete_item(TableName=machine.deployment.table, Key={"entry_id": item["entry_id"]})


@pytest.mark.parametrize("pulls_first", [False, True], ids=["rebuilt at once", "rebuilt after a pull"])
def test_a_lost_table_is_rebuilt_by_one_command_and_nothing_is_posted_twice(machine, pulls_first):
    machine.post()
    before = booked(machine)
    lose_the_table(machine)
    if pulls_first:
        machine.extract()

    result = machine.post({"rebuild": True})
    machine.extract()
    machine.post()

    assert (result["rebuilt"], result["remaining"]) == (4, False)
    assert statuses(machine) == {"posted": 4}
    assert [row["Id"] for row in booked(machine)] == [row["Id"] for row in before]
    assert len(machine.quickbooks.books(REALM_A).attachables()) == 4
    assert machine.alerts() == []


def test_a_rebuild_that_could_not_read_all_is_never_finished_and_says_what_to_do(machine):
    machine.post()
    number = min(machine.entries())
    key = machine.entries()[number]["document_key"]
    lose_the_table(machine)
    content = machine.object(key)
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key=key, Body=b"[" * 100_000)

    result = machine.post({"rebuild": True})

    assert (result["rebuilt"], result["remaining"]) == (3, True)
    assert list(result["unreadable"]) == [f"odoo_demo-account.move-{number}"]
    (alert,) = machine.alerts()
    assert "The rebuild is not finished: 1 stored copies could not be read" in alert["text"]
    assert f'invoke the extractor with {{"ids": [{number}]}}' in alert["text"]
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key=key, Body=content)
    again = machine.post({"rebuild": True})
    assert (again["rebuilt"], again["remaining"], again["not_rebuilt"]) == (1, False, [])


def test_what_could_not_be_read_comes_from_odoo_again(machine):
    machine.post()
    number = min(machine.entries())
    key = machine.entries()[number]["document_key"]
    lose_the_table(machine)
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key=key, Body=b"not JSON")
    machine.post({"rebuild": True})

    machine.extract({"ids": [number]})
    again = machine.post({"rebuild": True})
    machine.post()

    assert again["remaining"] is False
    assert statuses(machine) == {"posted": 4}
    assert len(booked(machine)) == 4


@pytest.mark.parametrize("trouble", ["QuickBooks", "lease", "time"])
def test_a_rebuild_that_was_stopped_is_not_finished(machine, trouble):
    machine.post()
    lose_the_table(machine)
    if trouble == "QuickBooks":
        machine.quickbooks.server.fault = lambda request: (
            Fault("500", html_error(500)) if "/v3/company/" in request.path else None
        )
    elif trouble == "lease":
        now = datetime.now(UTC)
        key_values = KeyValueTable(machine.client("dynamodb"), machine.deployment.table, SystemClock())
        for realm in (REALM_A, REALM_B):
            key_values.take_lease(realm, "another", now, now + timedelta(hours=1), force=True)
    else:
        machine.time_left_s = 20.0

    result = machine.post({"rebuild": True})

    assert result["remaining"] is True
    assert result["not_rebuilt"] == ["companyA", "companyB"]


def test_even_without_a_rebuild_nothing_is_posted_twice(machine):
    machine.post()
    before = booked(machine)
    lose_the_table(machine)

    machine.extract()
    machine.post()

    assert statuses(machine) == {"posted": 4}
    assert [row["Id"] for row in booked(machine)] == [row["Id"] for row in before]


# -- dead letters ----------------------------------------------------------------------------------------------------


def refuse_one(machine) -> None:
    break_once(machine, fault_in_200("6000", MESSAGES["6000"], "Something is off."))
    assert machine.post()["failed"] == 1


@pytest.mark.usefixtures("one_by_one")
def test_a_failed_document_waits_in_the_queue_with_its_error_and_what_to_do(machine):
    refuse_one(machine)

    (letter,) = machine.deployment.dead_letters("qb-poster")
    (entry,) = failed(machine)
    assert letter["entry_id"] == entry["entry_id"]
    assert letter["error"] in entry["error_message"]
    assert "retry_failed" in letter["fix"]


@pytest.mark.usefixtures("one_by_one")
def test_a_redrive_puts_everything_back_and_each_is_applied_once(machine):
    refuse_one(machine)

    first = machine.post({"redrive": True})
    second = machine.post({"redrive": True})

    assert (first["redriven"], first["posted"]) == (1, 1)
    assert (second["redriven"], second["posted"]) == (0, 0)
    assert len(booked(machine)) == 4
    assert machine.deployment.dead_letters("qb-poster") == []


@pytest.mark.usefixtures("one_by_one")
def test_the_event_of_a_function_that_died_is_put_back_like_any_other(machine):
    refuse_one(machine)
    sqs = machine.client("sqs")
    url = sqs.get_queue_url(QueueName="qb-poster-dlq-demo")["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    (entry,) = failed(machine)
    killed = {"Records": [{"s3": {"object": {"key": f"pending/{entry['entry_id']}.pdf"}}}]}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(killed), MessageAttributes={
        "ErrorMessage": {"DataType": "String", "StringValue": "Task timed out after 120.00 seconds"}})  # fmt: skip

    result = machine.post({"redrive": True})

    assert (result["redriven"], result["posted"]) == (1, 1)


def test_a_redrive_that_leaves_letters_says_that_something_remains(machine, monkeypatch):
    machine.quickbooks.books(REALM_A).realm.book_close_date = "2099-12-31"
    machine.post()
    monkeypatch.setattr(qb_poster, "Taking", partial(Taking, count_max=1))
    monkeypatch.setattr(dead_letters, "MESSAGES_MAX", 1)

    result = machine.post({"redrive": True})

    assert (result["redriven"], result["remaining"]) == (1, True)


def test_what_fails_again_is_in_the_queue_again(machine):
    machine.quickbooks.books(REALM_A).realm.book_close_date = "2099-12-31"
    machine.post()

    result = machine.post({"redrive": True})

    assert (result["redriven"], result["failed"], result["remaining"]) == (4, 4, False)
    assert len(machine.deployment.dead_letters("qb-poster")) == 4


@pytest.mark.usefixtures("one_by_one")
def test_a_document_that_came_right_by_a_retry_leaves_no_letter_behind(machine):
    refuse_one(machine)

    machine.post({"retry_failed": True})

    assert machine.deployment.dead_letters("qb-poster") == []


@pytest.mark.usefixtures("one_by_one")
def test_many_documents_of_one_cause_are_one_alert(machine):
    def every_document(request):
        return request.method == "POST" and request.path.rpartition("/")[2] in (
            "invoice", "bill", "creditmemo", "vendorcredit")  # fmt: skip

    break_once(machine, validation_fault("6210", MESSAGES["6210"], "Closed."), matches=every_document, times=99)

    machine.post()

    (alert,) = machine.alerts()
    assert alert["subject"] == "[demo] companyA: 4 documents for a person: QuickBooks refuses it"


@pytest.mark.usefixtures("one_by_one")
def test_a_refused_pdf_leaves_the_document_and_is_reported(machine):
    error = {"Message": MESSAGES["6041"], "Detail": "No such type.", "code": "6041"}
    entry_fault = {"AttachableResponse": [{"Fault": {"Error": [error], "type": "ValidationFault"}}]}
    break_once(machine, Response.json(entry_fault), matches=lambda request: request.path.endswith("/upload"))

    result = machine.post()
    again = machine.post({"retry_failed": True})

    assert (result["posted"], result["failed"], again["posted"]) == (3, 1, 1)
    assert len(booked(machine)) == len(machine.quickbooks.books(REALM_A).attachables()) == 4


# -- QuickBooks has trouble ------------------------------------------------------------------------------------------

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
    ours = sorted(machine.entries().values(), key=_number)
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
    assert "Connect the company again in the Intuit app" in alert["text"]
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


# -- AWS has trouble -------------------------------------------------------------------------------------------------


def test_a_pdf_that_is_gone_is_fetched_again_and_nobody_is_asked(machine):
    key = machine.keys("pending/")[0]
    machine.client("s3").delete_object(Bucket=machine.deployment.bucket, Key=key)

    first = machine.post()
    machine.extract()
    second = machine.post()

    assert (first["posted"], first["failed"]) == (3, 0)
    assert (second["posted"], second["failed"]) == (1, 0)
    assert machine.alerts() == []


def test_a_stored_document_that_does_not_open_fails_alone(machine):
    entries = list(machine.entries().values())
    for entry, content in zip(entries[:3], (b"not json", b"{}", b'{"database": 7}'), strict=True):
        machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key=entry["document_key"], Body=content)

    result = machine.post()
    machine.output = ""  # a fault of ours is logged with our own traceback

    assert (result["posted"], result["failed"]) == (1, 3)


def test_a_bucket_that_is_not_there_fails_no_document(machine):
    machine.set_environ("qb-poster", S3_BUCKET="nowhere")

    result = machine.post()

    assert result["paused"] == ["companyA"]
    assert statuses(machine) == {"pending": 4}
    assert "The bucket nowhere does not exist" in machine.alerts()[0]["text"]


@pytest.mark.usefixtures("one_by_one")
def test_an_alert_that_cannot_be_sent_is_counted_and_never_fails_the_run(machine):
    machine.set_environ("qb-poster", SNS_ALERT_TOPIC="arn:aws:sns:us-west-2:123456789012:nowhere")
    break_once(machine, validation_fault("6000", MESSAGES["6000"], "No."))

    result = machine.post()

    assert (result["posted"], result["failed"]) == (3, 1)
    assert machine.metrics[0]["AlertsUndelivered"] == [1]


@pytest.mark.usefixtures("one_by_one")
def test_slack_gets_it_too_when_it_is_configured(machine):
    slack = StandInServer(lambda _request: Response(200, b"ok"))
    machine.set_environ("qb-poster", SLACK_WEBHOOK_URL=f"{slack.url}/services/secret-part")
    break_once(machine, validation_fault("6000", MESSAGES["6000"], "No."))

    machine.post()
    slack.close()

    assert "1 document for a person" in json.loads(slack.requests[0].body)["text"]
    assert len(machine.alerts()) == 1
    assert "secret-part" not in machine.output


def test_an_error_that_is_nobodys_to_mend_is_raised_for_the_dead_letter_queue(machine):
    machine.client("dynamodb").delete_table(TableName=machine.deployment.table)

    with pytest.raises(PipelineError):
        machine.post()
    machine.client("dynamodb").create_table(
        TableName=machine.deployment.table, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "entry_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "entry_id", "AttributeType": "S"}],
    )  # fmt: skip


def test_a_run_without_time_begins_nothing(machine):
    machine.time_left_s = 20.0

    result = machine.post()

    assert result["posted"] == 0
    assert statuses(machine) == {"pending": 4}


def test_the_settling_time_is_longer_than_quickbooks_may_take():
    assert OUTCOME_SETTLES_S > 120
