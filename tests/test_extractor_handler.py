"""The extractor as Lambda runs it: what it stores, what it tells whom, and what becomes of bad input."""

import hashlib
import io
import json
import traceback
from functools import partial

import pytest
from pypdf import PdfReader

import odoo_extractor
from local.demo.small_files import pdf_page
from local.stand_ins.http_server import Fault, Response, StandInServer
from local.stand_ins.odoo.rights import User
from local.stand_ins.odoo.stand_in import CONNECTION_CLOSED, POOL_EXHAUSTED
from pipeline.aws.key_values import KeyValueTable
from pipeline.domain.codec import dumps, loads
from pipeline.domain.errors import Misconfigured, PipelineError, Unauthorized, Unavailable
from pipeline.domain.open_alerts import AlertState, OpenAlert
from pipeline.runtime import Runtime, SystemClock, aws_client
from pipeline.use_cases.recover.redrive import Taking
from pipeline.use_cases.report import STATE_KEY
from tests.builders import demo_documents
from tests.conftest import API_KEY, PASSWORD

INVOICE, CREDIT_NOTE, BILL, VENDOR_CREDIT, BILL_OF_B = 310, 26, 330, 1, 340
DOCUMENTS = (INVOICE, CREDIT_NOTE, BILL, VENDOR_CREDIT, BILL_OF_B)
SCHEDULE = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
REQUIRED = ("ENVIRONMENT", "ODOO_API_URL", "ODOO_SECRET_ARN", "DYNAMODB_TABLE", "S3_BUCKET", "SNS_ALERT_TOPIC")
SECRET = {"database": "odoo_demo", "username": "sync_ro", "password": PASSWORD}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)


@pytest.fixture
def machine(start_machine):
    return start_machine(demo_documents(*DOCUMENTS))


@pytest.fixture
def small(start_machine):
    """The pipeline with one bill of each company."""
    return start_machine(demo_documents(BILL, BILL_OF_B))


@pytest.fixture
def slack():
    server = StandInServer(lambda _request: Response(200, b"ok", "text/plain"))
    yield server
    server.close()


def failing(machine, event=None, expected=PipelineError):
    """Let the extractor fail, check that nothing foreign or secret left it, and return the error's text."""
    with pytest.raises(expected) as raised:
        machine.extract(event)
    everything = "".join(traceback.format_exception(raised.value)) + machine.output
    for secret in (PASSWORD, API_KEY, "wrong-password"):
        assert secret not in everything
    assert "Traceback" not in machine.output
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


def stored(machine):
    """Return everything the pipeline keeps of documents."""
    notes = ("connection#", "alerts#", "lease##alerts")
    items = [item for item in machine.items(machine.deployment.table) if not item["entry_id"]["S"].startswith(notes)]
    return sorted(items, key=lambda item: item["entry_id"]["S"]), machine.keys()


# -- a good day --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [{}, SCHEDULE], ids=["invoked", "scheduled"])
def test_every_document_becomes_an_entry_a_json_and_a_pdf(machine, event):
    counts = machine.extract(event)

    entries = machine.entries()
    assert {key: counts[key] for key in ("found", "new", "pdfs", "failed", "remaining")} == {
        "found": 5, "new": 5, "pdfs": 5, "failed": 0, "remaining": False,
    }  # fmt: skip
    assert {odoo_id: entry["document_type"] for odoo_id, entry in entries.items()} == {
        INVOICE: "invoice",
        CREDIT_NOTE: "credit_note",
        BILL: "bill",
        VENDOR_CREDIT: "vendor_credit",
        BILL_OF_B: "bill",
    }
    assert {entry["status"] for entry in entries.values()} == {"pending"}
    assert machine.keys("pending/") == sorted(f"pending/odoo_demo-account.move-{odoo_id}.pdf" for odoo_id in DOCUMENTS)
    assert machine.keys("documents/") == sorted(
        f"documents/odoo_demo-account.move-{odoo_id}/1.json" for odoo_id in DOCUMENTS
    )
    assert machine.alerts() == []


def test_a_pull_of_the_schedule_that_runs_out_of_time_starts_the_next_part_of_it(machine, monkeypatch):
    started = []

    class Lambda:
        def invoke(self, **arguments):
            started.append((arguments["FunctionName"], json.loads(arguments["Payload"])))

    def client(service):
        return Lambda() if service == "lambda" else aws_client(service)

    def handler(event, context):
        return odoo_extractor.handle(event, context, Runtime(client=client))

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "odoo-extractor-demo")
    for event in ({"go_on_for_s": 900}, {}):
        counts = machine.deployment.invoke("odoo-extractor", handler, event, timeout_s=40)
        assert (counts["found"], counts["remaining"]) == (0, True)

    ((name, event),) = started
    assert name == "odoo-extractor-demo"
    assert set(event) == {"go_on_until"}
    assert machine.extract(event)["new"] == len(DOCUMENTS)


def test_an_entry_holds_what_the_contract_says(machine):
    machine.extract()

    entry = machine.entries()[INVOICE]
    assert entry["entry_id"] == "odoo_demo-account.move-310"
    assert (entry["company"], entry["number"], entry["currency"]) == ("companyA", "INV/2026/00129", "USD")
    assert (entry["total"], entry["odoo_id"], entry["version"]) == ("17.85", 310, 1)
    for name in ("odoo_write_date", "content_hash", "document_key", "document_date", "created_at", "updated_at"):
        assert entry[name], name
    assert "expires_at" not in entry


def test_the_recorded_hash_is_that_of_the_object_in_s3_and_every_pdf_opens(machine):
    machine.extract()

    for entry in machine.entries().values():
        content = machine.object(entry["pdf_key"])
        assert entry["pdf_sha256"] == hashlib.sha256(content).hexdigest()
        assert PdfReader(io.BytesIO(content)).pages
        assert entry["pdf_source"] in ("legal", "attached", "rendered")


def test_a_second_run_finds_nothing_new_and_touches_no_document(machine):
    machine.extract()
    # The cursor moves with every walk; nothing else does.
    before = machine.entries(), machine.keys()

    counts = machine.extract()

    assert (counts["new"], counts["changed"], counts["pdfs"]) == (0, 0, 0)
    assert (machine.entries(), machine.keys()) == before


@pytest.mark.parametrize("version", [16, 17, 19])
def test_other_versions_are_pulled_as_completely(start_machine, version):
    machine = start_machine(demo_documents(*DOCUMENTS), version=version)

    counts = machine.extract()

    assert (counts["new"], counts["pdfs"], counts["failed"]) == (5, 5, 0)


def test_odoo_19_that_writes_what_it_renders_is_not_pulled_for_ever(start_machine):
    machine = start_machine(demo_documents(*DOCUMENTS), version=19, secret=API_KEY)
    machine.extract()
    assert machine.odoo.rendered > 0
    rendered = machine.odoo.rendered

    counts = machine.extract()

    assert (counts["changed"], counts["pdfs"], machine.odoo.rendered) == (0, 0, rendered)


def test_the_way_into_odoo_is_found_out_once_and_kept(machine):
    machine.extract()
    machine.odoo.calls.clear()

    machine.extract()

    assert ("common", "authenticate") not in machine.odoo.calls
    assert ("common", "version") not in machine.odoo.calls


def test_what_lies_beside_the_entries_has_no_status_and_shows_in_no_index(machine):
    machine.extract()

    notes = [item for item in machine.items(machine.deployment.table) if "#" in item["entry_id"]["S"]]
    assert {item["entry_id"]["S"].split("#")[0] for item in notes} >= {"cursor", "connection"}
    assert all("status" not in item for item in notes)
    assert PASSWORD not in json.dumps(notes)


def test_a_change_and_a_withdrawal_are_pulled(machine):
    machine.extract()
    machine.odoo.edit(BILL, ref="INV-999384-B")
    machine.odoo.cancel(INVOICE)

    counts = machine.extract()

    entries = machine.entries()
    assert (counts["changed"], counts["withdrawn"]) == (1, 1)
    assert (entries[BILL]["version"], entries[BILL]["status"]) == (2, "pending")
    assert entries[INVOICE]["withdrawn"] is True


def test_a_second_file_on_a_bill_is_pulled_though_odoo_does_not_write_the_bill(machine):
    machine.extract()
    written = machine.odoo.move(BILL)["write_date"]
    machine.odoo.attach(BILL, "delivery note.pdf", "application/pdf", machine.odoo.files[457], chatter=False)
    assert machine.odoo.move(BILL)["write_date"] == written

    counts = machine.extract()

    assert counts["changed"] == 1
    assert len(PdfReader(io.BytesIO(machine.object(machine.entries()[BILL]["pdf_key"]))).pages) == 2


# -- asked for by a person ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"company": "companyB"}, {BILL_OF_B}),
        ({"ids": [INVOICE, BILL]}, {INVOICE, BILL}),
        ({"numbers": ["INV/2026/00129"]}, {INVOICE}),
        ({"since": "2026-11-20T21:12:20Z"}, {BILL, BILL_OF_B}),
        ({"until": "2026-11-20T21:11:39"}, {VENDOR_CREDIT, CREDIT_NOTE}),
        ({"since": "2026-11-21"}, set()),
    ],
    ids=["company", "ids", "numbers", "since", "until", "nothing"],
)
def test_a_person_may_ask_for_certain_documents(machine, event, expected):
    machine.extract(event)

    assert set(machine.entries()) == expected


def test_a_selection_leaves_the_cursor_alone(machine):
    machine.extract({"ids": [INVOICE]})

    assert not [item for item in machine.items(machine.deployment.table) if item["entry_id"]["S"].startswith("cursor#")]
    assert machine.extract()["new"] == 4


def test_a_dry_run_counts_and_writes_nothing_at_all(machine):
    counts = machine.extract({"dry_run": True})

    assert (counts["new"], counts["pdfs"]) == (5, 0)
    assert machine.items(machine.deployment.table) == []
    assert machine.keys() == []
    assert machine.odoo.rendered == 0


def test_a_dry_run_that_fails_writes_nothing_either(machine):
    machine.set_secret("odoo", {**SECRET, "password": "wrong-password"})

    failing(machine, {"dry_run": True}, Unauthorized)

    assert machine.items(machine.deployment.table) == []


NOT_OURS = [
    (None, "must be a JSON object"),
    ([], "must be a JSON object"),
    ("pull", "must be a JSON object"),
    ({"compny": "companyA"}, "has compny, which this function does not know; it knows by, company"),
    ({"company": 1}, "company must be a text"),
    ({"company": "companyC"}, "no company 'companyC'; it shows 'companyA', 'companyB'"),
    ({"since": "yesterday"}, "since must be an instant like"),
    ({"until": 5}, "until must be an instant like"),
    ({"numbers": "INV/1"}, "numbers must be a list"),
    ({"numbers": [1]}, "numbers must be a list"),
    ({"ids": ["1"]}, "ids must be a list"),
    ({"ids": [True]}, "ids must be a list"),
    ({"ids": [1] * 1001}, "at most 1000"),
    ({"dry_run": "yes"}, "dry_run must be true or false"),
    ({"Records": [{"s3": {"object": {"key": "pending/x.pdf"}}}]}, "has Records"),
]


def put_mapping(machine, text):
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key="config/mapping.toml", Body=text.encode())


def test_what_is_dated_before_the_go_live_is_skipped_and_taken_up_when_that_moves_back(small):
    put_mapping(small, "[companyA]\ngo_live = 2099-01-01")
    skipped = small.extract()
    put_mapping(small, "[companyA]\ngo_live = 2000-01-01")

    taken_up = small.extract({"since": "2000-01-01"})

    mine = [entry for entry in small.entries().values() if entry["company"] == "companyA"]
    assert skipped["skipped"] == taken_up["changed"] == len(mine) > 0
    assert {entry["status"] for entry in mine} == {"pending"}
    assert all(f"pending/{entry['entry_id']}.pdf" in small.keys("pending/") for entry in mine)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[companyA]\ngo_live = 1", "line 2: 'go_live' must be a date"),
        ("[companyX]", "line 1: there is no company 'companyX' that the Odoo user may see; did you mean 'company"),
    ],
)
def test_with_a_mapping_that_is_wrong_nothing_is_pulled_and_one_alert_says_why(small, text, words):
    put_mapping(small, text)
    for _ in range(2):
        with pytest.raises(Misconfigured, match="cannot be used"):
            small.extract()

    assert small.entries() == {}
    (alert,) = small.alerts()
    assert words in alert["text"]


def test_a_payload_that_is_not_ours_is_refused_with_what_is(small):
    for event, words in NOT_OURS:
        answer = small.invoke("odoo-extractor", event)

        assert words in answer["error"]
    assert stored(small) == ([], [])
    assert small.alerts() == []


# -- Odoo does not do its part -----------------------------------------------------------------------------------------


def no_rights(machine):
    known = machine.odoo.users[0]
    machine.odoo.users[0] = User(known.uid, known.login, known.name, PASSWORD, API_KEY, (1, 3), "none")


def always(fault):
    def break_(machine):
        machine.odoo.server.fault = lambda _request: fault

    return break_


def database_down(machine):
    machine.odoo.database_down = True


def slow(machine):
    machine.time_left_s = 6.5
    machine.odoo.server.fault = lambda _request: Fault("slow", Response.json({"result": []}), delay_s=2)


TROUBLE = {
    "wrong password": (
        lambda machine: machine.set_secret("odoo", {**SECRET, "password": "wrong-password"}),
        Unauthorized,
        ("'sync_ro'", "'odoo_demo'", "check username and password"),
    ),
    "wrong user": (
        lambda machine: machine.set_secret("odoo", {**SECRET, "username": "nobody"}),
        Unauthorized,
        ("'nobody'", "check username and password"),
    ),
    "wrong database": (
        lambda machine: machine.set_secret("odoo", {**SECRET, "database": "nowhere"}),
        Unavailable,
        ("cannot open the database 'nowhere'", "the name in the Odoo secret is wrong"),
    ),
    "no rights": (no_rights, Unauthorized, ("'sync_ro' lacks a right", "Journal Entry", "Accounting / Read-only")),
    "server down": (lambda machine: machine.odoo.close(), Unavailable, ("cannot be reached: connection refused",)),
    "database down": (database_down, Unavailable, ("cannot open the database 'odoo_demo'", "it is down")),
    "HTML": (always(Fault("html", Response.html("<h1>Maintenance</h1>"))), Unavailable, ("with a web page",)),
    "overloaded": (always(POOL_EXHAUSTED), Unavailable, ("HTTP 500 with a web page", "overloaded")),
    "dropped connection": (always(CONNECTION_CLOSED), Unavailable, ("closed the connection without an answer",)),
    "slow answer": (slow, Unavailable, ("did not answer within 1 s",)),
    "missing result": (always(Fault("none", Response.json({"jsonrpc": "2.0", "id": 1}))), Unavailable, ("result",)),
    "no JSON": (always(Fault("text", Response(200, b"hello"))), Unavailable, ("something that is not JSON",)),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_with_odoo_is_reported_clearly_and_nothing_is_lost(small, trouble):
    break_, expected, words = TROUBLE[trouble]
    small.extract()
    before = stored(small)
    break_(small)

    text = failing(small, expected=expected)

    for word in (*words, "Odoo"):
        assert word in text
    assert stored(small) == before


@pytest.mark.parametrize("trouble", ["wrong password", "no rights", "HTML"])
def test_after_trouble_on_the_first_day_everything_is_pulled(small, trouble):
    users = list(small.odoo.users)
    TROUBLE[trouble][0](small)
    failing(small)
    small.set_secret("odoo", SECRET)
    small.odoo.users, small.odoo.database_down = users, False
    small.odoo.server.fault = lambda _request: None

    assert small.extract()["new"] == 2


def test_trouble_that_passes_is_not_even_noticed(small):
    left = [2]

    def first_two(_request):
        left[0] -= 1
        return CONNECTION_CLOSED if left[0] >= 0 else None

    small.odoo.server.fault = first_two

    assert small.extract()["new"] == 2


def test_one_company_that_cannot_be_read_does_not_keep_the_other(small):
    def refuse_a(request):
        if b'"allowed_company_ids": [1]' not in request.body:
            return None
        data = {"name": "odoo.exceptions.AccessError", "message": "Access to unauthorized or invalid companies."}
        return Fault("refused", Response.json({"error": {"data": data}}))

    small.odoo.server.fault = refuse_a

    text = failing(small, expected=Unauthorized)

    assert "unauthorized or invalid companies" in text
    assert set(small.entries()) == {BILL_OF_B}
    (alert,) = small.alerts()
    assert "companyA" in alert["subject"]


def test_a_broken_document_fails_alone_and_is_reported_once(machine):
    machine.odoo.row("account.move", BILL)["currency_id"] = False

    counts = machine.extract()
    again = machine.extract()

    entries = machine.entries()
    assert (counts["failed"], counts["new"], again["failed"]) == (1, 4, 0)
    assert entries[BILL]["status"] == "failed"
    assert "BILL/2026/09/0008 (account.move 330) cannot be read" in entries[BILL]["error_message"]
    assert {entries[entry_id]["status"] for entry_id in DOCUMENTS if entry_id != BILL} == {"pending"}
    (alert,) = machine.alerts()
    assert "companyA: 1 document for a person" in alert["subject"]
    assert "BILL/2026/09/0008" in alert["text"]
    assert "pulls it again by itself" in alert["text"]
    assert "poster" not in alert["text"]


def test_a_broken_document_waits_in_the_queue_until_a_redrive_finds_it_fixed(machine):
    move = machine.odoo.row("account.move", BILL)
    currency, move["currency_id"] = move["currency_id"], False
    machine.extract()
    (letter,) = machine.deployment.dead_letters("odoo-extractor")
    assert letter["entry_id"] == machine.entries()[BILL]["entry_id"]
    move["currency_id"] = currency

    machine.extract({"redrive": True})

    assert machine.entries()[BILL]["status"] == "pending"
    assert machine.deployment.dead_letters("odoo-extractor") == []


def test_a_redrive_that_leaves_letters_says_that_something_remains(machine, monkeypatch):
    machine.odoo.row("account.move", BILL)["currency_id"] = False
    machine.extract()
    machine.extract()
    taken_none = machine.extract()
    monkeypatch.setattr(odoo_extractor, "Taking", partial(Taking, count_max=1))

    result = machine.extract({"redrive": True})

    assert (taken_none["remaining"], result["remaining"]) == (False, True)


@pytest.mark.parametrize("field", ["partner_id", "currency_id", "amount_total", "invoice_date", "write_date", "name"])
def test_false_in_a_document_never_keeps_the_others(small, field):
    small.odoo.row("account.move", BILL)[field] = False
    if field == "partner_id":
        small.odoo.row("account.move", BILL)["commercial_partner_id"] = False

    small.extract()

    assert small.entries()[BILL_OF_B]["status"] == "pending"


def test_a_damaged_file_costs_the_document_nothing_but_its_own_paper(machine):
    # So it was uploaded: what Odoo sends is what it has.
    content = b"%PDF-1.4 and then nothing"
    machine.odoo.files[457] = content
    machine.odoo.row("ir.attachment", 457)["checksum"] = hashlib.sha1(content, usedforsecurity=False).hexdigest()

    counts = machine.extract()

    assert counts["pdfs"] == 5
    assert machine.entries()[BILL]["pdf_source"] == "rendered"
    (notes,) = [line["notes"] for line in machine.log if line.get("message") == "PDF with notes"]
    assert "is damaged and does not open" in notes[0]


def test_a_file_that_arrives_other_than_odoo_has_it_is_fetched_again_and_never_posted(machine):
    sound, machine.odoo.files[457] = machine.odoo.files[457], pdf_page(["another bill"])

    machine.extract()

    entry = machine.entries()[BILL]
    assert "arrived damaged" in entry["error_message"]
    assert not entry.get("pdf_key")

    machine.odoo.files[457] = sound
    machine.extract()

    entry = machine.entries()[BILL]
    assert (entry["pdf_source"], entry.get("error_message", "")) == ("attached", "")
    assert machine.object(entry["pdf_key"]) == sound


# -- secrets and environment -------------------------------------------------------------------------------------------


INCOMPLETE = [
    ("not json", "is not a JSON object"),
    ('["a list"]', "is not a JSON object"),
    ("{}", "lacks database, username, password"),
    *(({key: value for key, value in SECRET.items() if key != gone}, f"lacks {gone}") for gone in SECRET),
    *(({**SECRET, empty: ""}, f"lacks {empty}") for empty in SECRET),
]


def test_a_secret_that_is_incomplete_is_named_with_what_it_lacks(small):
    for value, words in INCOMPLETE:
        small.set_secret("odoo", value)

        text = failing(small, expected=Misconfigured)

        assert "odoo-qb-integration/odoo-credentials-demo" in text
        assert words in text
    texts = [alert["text"] for alert in small.alerts()]
    assert "is not a JSON object" in texts[0]
    assert len(set(texts)) == len(texts) == 5
    assert stored(small) == ([], [])


def test_a_secret_without_a_value_says_how_to_store_one(small):
    empty = small.client("secretsmanager").create_secret(Name="odoo-qb-integration/odoo-credentials-new")
    small.set_environ("odoo-extractor", ODOO_SECRET_ARN=empty["ARN"])

    answers = [small.extract() for _ in range(3)]

    for text in (*(answer["waiting"] for answer in answers), small.alerts()[0]["text"]):
        assert "has no value yet" in text
        assert "odoo-qb-integration/odoo-credentials-new has no value yet: `./oqb connect --odoo` fills it" in text
    assert small.alerts() == []


def test_a_missing_variable_is_named(small):
    environ = small.deployment.environs["odoo-extractor"]
    for name in REQUIRED:
        value = environ[name]
        small.set_environ("odoo-extractor", **{name: ""})

        assert failing(small, expected=Misconfigured) == f"The environment variable {name} is missing."
        small.set_environ("odoo-extractor", **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DYNAMODB_TABLE", "no-such-table", "The table no-such-table does not exist"),
        ("S3_BUCKET", "no-such-bucket", "no-such-bucket"),
        ("ODOO_API_URL", "odoo.example.com", "its address is not a web address"),
    ],
)
def test_a_variable_that_names_nothing_is_reported(small, name, value, words):
    small.set_environ("odoo-extractor", **{name: value})

    assert words in failing(small)


# -- alerts, logs, metrics ---------------------------------------------------------------------------------------------


def test_trouble_of_a_whole_company_is_reported_once_although_it_flickers(small):
    alerts = []
    for password in ("wrong-password", "wrong-password", PASSWORD, "wrong-password"):
        small.set_secret("odoo", {**SECRET, "password": password})
        if password == PASSWORD:
            small.extract()
        else:
            failing(small, expected=Unauthorized)
        alerts.append(len(small.alerts()))

    assert alerts == [1, 0, 0, 0]


def open_trouble(machine, company):
    """Store that people know of a company's trouble, and return how to look whether it is over."""
    key_values = KeyValueTable(machine.client("dynamodb"), machine.deployment.table, SystemClock())
    alert = OpenAlert(company, "login_refused", "odoo-extractor", SystemClock().now(), reported=("hash",))
    key_values.keep(STATE_KEY, dumps(AlertState((alert,))))
    return lambda: loads(AlertState, key_values.value(STATE_KEY)).alerts[0].clear_since


def test_a_run_for_one_company_forgets_nothing_of_anothers_trouble(small):
    clear_since = open_trouble(small, "companyB")

    small.extract({"company": "companyA"})
    still = clear_since()
    small.extract()

    assert still is None
    assert clear_since() is not None


def test_an_alert_names_environment_cause_and_remedy(small):
    small.set_secret("odoo", {**SECRET, "password": "wrong-password"})
    failing(small, expected=Unauthorized)

    (alert,) = small.alerts()
    assert alert["subject"] == "[demo] All companies: nothing moves until a person acts: Odoo refuses the login"
    assert "check username and password (or API key) in the Odoo secret" in alert["text"]
    assert "wrong-password" not in alert["text"]


def test_trouble_that_passes_by_itself_is_reported_to_nobody(small):
    small.odoo.server.fault = lambda _request: CONNECTION_CLOSED
    failing(small, expected=Unavailable)

    assert small.alerts() == []


def test_slack_gets_it_too_when_it_is_configured(small, slack):
    small.set_environ("odoo-extractor", SLACK_WEBHOOK_URL=f"{slack.url}/services/T0/B0/the-webhook-secret")
    small.set_secret("odoo", "{}")
    failing(small, expected=Misconfigured)

    (request,) = slack.requests
    assert "lacks database, username, password" in request.json()["text"]
    assert len(small.alerts()) == 1


def test_an_alert_that_cannot_be_sent_is_logged_and_counted_and_fails_nothing(small, slack):
    slack.fault = lambda _request: Fault("dropped")
    small.set_environ(
        "odoo-extractor",
        SLACK_WEBHOOK_URL=f"{slack.url}/services/T0/B0/the-webhook-secret",
        SNS_ALERT_TOPIC="arn:aws:sns:us-west-2:123456789012:no-such-topic",
    )
    small.odoo.row("account.move", BILL)["currency_id"] = False

    counts = small.extract()

    assert (counts["new"], counts["failed"]) == (1, 1)
    assert [line["message"] for line in small.log if line.get("level") == "ERROR"] == ["alert not sent by e-mail"]
    assert small.metrics[-1]["AlertsUndelivered"] == [1.0]
    assert slack.requests == []
    assert "the-webhook-secret" not in small.output


def test_every_run_writes_its_metrics(machine):
    machine.extract()

    (line,) = machine.metrics
    (declared,) = line["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "OdooToQuickBooks"
    assert declared["Dimensions"] == [["service", "environment"]]
    assert (line["service"], line["environment"]) == ("odoo-extractor", "demo")
    assert {name: line[name] for name in ("DocumentsFound", "DocumentsFailed", "Pdfs", "AlertsUndelivered")} == {
        "DocumentsFound": 5, "DocumentsFailed": 0, "Pdfs": 5, "AlertsUndelivered": 0,
    }  # fmt: skip


def test_every_log_line_is_json_with_its_entry_and_company(machine):
    machine.extract()

    assert all(line.startswith("{") for line in machine.output.splitlines())
    stored_ = [line for line in machine.log if line.get("message") == "document stored"]
    assert {(line["entry_id"], line["company"]) for line in stored_} >= {("odoo_demo-account.move-310", "companyA")}
    assert all(line["service"] == "odoo-extractor" for line in stored_)
    assert PASSWORD not in machine.output


def test_a_run_without_time_says_that_more_is_left(small):
    small.time_left_s = 30.0

    counts = small.extract()

    assert (counts["found"], counts["remaining"]) == (0, True)


def test_an_odoo_without_json_rpc_is_pulled_by_json2(start_machine):
    machine = start_machine(demo_documents(*DOCUMENTS), version=19, secret=API_KEY)
    machine.odoo.has_jsonrpc = False

    counts = machine.extract()

    assert counts["new"] == len(DOCUMENTS)
    assert all(request.path != "/jsonrpc" for request in machine.odoo.server.requests)
