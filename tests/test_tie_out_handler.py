"""The tie-out as Lambda runs it: events, secrets, leases and reports, through the handler."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from local.demo.books import REALM_A
from local.demo.documents import many
from pipeline.domain.errors import Misconfigured, Unauthorized
from pipeline.qbo import limiter
from pipeline.use_cases.tie_out import mail
from tests.conftest import CLIENT_SECRET, PASSWORD

OCTOBER = {"company": "companyA", "month": "2026-10"}


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Lift the limits of QuickBooks' pace, which have tests of their own."""
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))


def _of_october():
    rows, files = many(5, parties=4)
    for move in rows["account.move"]:
        move.update(date="2026-10-05", invoice_date="2026-10-05", invoice_date_due="2026-11-05")
    return rows, files


def _posted(machine):
    machine.time_left_s = 900.0
    machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
    machine.extract()
    machine.post()
    machine.output = ""


@pytest.fixture
def machine(machine_after):
    """Five documents of two companies, dated in October, pulled and posted; what is not said is nobody's secret."""
    machine = machine_after(_posted, _of_october)
    yield machine
    tokens = machine.quickbooks.tokens._connections.values()
    secrets = {CLIENT_SECRET, PASSWORD, *(connection.refresh_token for connection in tokens)}
    for connection in tokens:
        secrets |= set(connection.access_tokens)
    reports = [machine.object(key).decode(errors="replace") for key in machine.keys("reports/")]
    for where in (machine.output, json.dumps(machine.alerts()), *reports):
        assert "Traceback" not in where
        assert [secret for secret in secrets if secret in where] == []


def an_invoice(machine):
    """Return a transaction of ours as it is stored: changing it changes the books."""
    rows = machine.quickbooks.books(REALM_A)._tables.table("Invoice").values()
    return next(row for row in rows if "account.move-" in row["PrivateNote"])


def test_a_month_is_compared_and_its_report_stored_as_the_newest_and_in_the_history(machine):
    result = machine.tie_out(OCTOBER)

    (found,) = result["tie_outs"]
    assert found["verdict"] == "ties out"
    assert found["documents"] == {"equal": 4}
    keys = machine.keys("reports/companyA/2026-10/")
    newest = [key for key in keys if "/history/" not in key]
    assert newest == [f"reports/companyA/2026-10/tie-out.{ending}" for ending in ("html", "json", "xlsx")]
    assert len([key for key in keys if "/history/" in key]) == 3
    assert found["sentence"] in machine.object(found["report"]["html"]).decode()
    assert json.loads(machine.object(found["report"]["json"]))["verdict"] == "ties out"


def test_a_tie_out_changes_no_entry_no_document_and_nothing_in_the_books(machine):
    before = machine.deployment.entries(), machine.keys("posted/"), machine.keys("documents/")
    calls = machine.quickbooks.calls.copy()

    machine.tie_out(OCTOBER)

    assert (machine.deployment.entries(), machine.keys("posted/"), machine.keys("documents/")) == before
    made = machine.quickbooks.calls - calls
    assert set(made) == {"query"}
    assert made["query"] == 6


def test_the_schedule_compares_this_month_and_the_last_of_every_company_with_a_realm(machine):
    result = machine.tie_out({"source": "aws.events"})

    compared = {(found["company"], found["month"]) for found in result["tie_outs"]}
    assert {company for company, _ in compared} == {"companyA", "companyB"}
    assert len(compared) == 4


def test_a_month_that_did_not_tie_out_is_compared_again_until_it_does(machine):
    row = an_invoice(machine)
    row["DueDate"], row["SyncToken"] = "2027-01-01", "1"
    machine.tie_out({"company": "companyA", "month": "2026-10"})
    kept = json.loads(value(machine, "tie-outs#companyA"))

    assert kept["2026-10"]["verdict"] == "does not tie out"

    row["DueDate"] = "2026-11-05"
    machine.tie_out({"company": "companyA", "month": "2026-10"})

    assert json.loads(value(machine, "tie-outs#companyA"))["2026-10"]["verdict"] == "ties out"


def value(machine, key):
    found = machine.client("dynamodb").get_item(TableName=machine.deployment.table, Key={"entry_id": {"S": key}})
    return found["Item"]["value"]["S"]


def test_what_nothing_explains_is_an_alert_once(machine):
    row = an_invoice(machine)
    row["DueDate"] = "2027-01-01"  # and its token says that nobody has changed it

    machine.alerts()
    machine.tie_out(OCTOBER)
    (alert,) = machine.alerts()
    machine.tie_out(OCTOBER)

    assert "a month does not tie out" in alert["subject"]
    assert "October 2026 does not tie out yet: 1 document is unexplained" in alert["text"]
    assert "reports/companyA/2026-10/tie-out[.]html" in alert["text"]
    assert machine.alerts() == []


def test_metrics_say_what_alarms_watch(machine):
    an_invoice(machine)["DueDate"] = "2027-01-01"

    machine.tie_out(OCTOBER)

    (line,) = machine.metrics
    assert line["service"] == "odoo-qb-tie-out"
    assert line["TieOutUnexplained"] == [1.0]
    assert line["MonthsOverdue"] == [1.0]
    assert line["MeteredReads"] == 6


def test_a_lost_connection_is_not_known_and_says_what_to_do(machine):
    machine.quickbooks.revoke(REALM_A)
    machine.quickbooks.expire_access_tokens()
    machine.set_secret("quickbooks", {**secret(machine), "access_tokens": {}})

    (found,) = machine.tie_out(OCTOBER)["tie_outs"]

    assert found["verdict"] == "not known"
    assert "Connect the company again" in found["sentence"]


def test_an_expired_access_token_is_renewed_and_stored_as_the_poster_does(machine):
    machine.quickbooks.expire_access_tokens()
    machine.set_secret("quickbooks", {**secret(machine), "access_tokens": {}})
    renewed = machine.quickbooks.calls["token"]

    first, second = machine.tie_out(OCTOBER), machine.tie_out(OCTOBER)

    assert [run["tie_outs"][0]["verdict"] for run in (first, second)] == ["ties out", "ties out"]
    assert machine.quickbooks.calls["token"] == renewed + 1


def secret(machine):
    client = machine.client("secretsmanager")
    return json.loads(client.get_secret_value(SecretId=machine.deployment.quickbooks_secret)["SecretString"])


def test_the_lease_is_free_afterwards_so_that_posting_goes_on(machine):
    machine.tie_out(OCTOBER)

    lease = machine.client("dynamodb").get_item(
        TableName=machine.deployment.table, Key={"entry_id": {"S": f"lease#{REALM_A}"}}
    )["Item"]
    assert datetime.fromisoformat(lease["until"]["S"]) <= datetime.now(UTC)
    assert "paused_until" not in lease


def test_nothing_to_go_on_with_asks_neither_odoo_nor_quickbooks(machine):
    machine.odoo.calls.clear()
    calls = machine.quickbooks.calls.copy()

    assert machine.tie_out({"continue": True}) == {"tie_outs": [], "remaining": False, "left_out": []}
    assert machine.odoo.calls == []
    assert machine.quickbooks.calls == calls


def test_a_month_that_ran_out_of_time_is_finished_by_the_next_run(machine):
    machine.time_left_s = 100.0
    begun = machine.tie_out(OCTOBER)
    machine.time_left_s = 900.0

    finished = machine.tie_out({"continue": True})

    assert begun == {"tie_outs": [], "remaining": True, "left_out": []}
    assert [found["verdict"] for found in finished["tie_outs"]] == ["ties out"]
    assert [key for key in machine.keys("reports/") if "unfinished" in key] == []


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"company": "companyA", "month": "2099-01"}, "January 2099 has not begun"),
        ({"month": "soon"}, "'soon' is no month"),
        (
            {"company": "companyX", "month": "2026-10"},
            "no company 'companyX'. The Odoo user sees 'companyA', 'companyB'",
        ),
        ({"continue": True, "month": "2026-10"}, "takes nothing else"),
        (
            {"realm": "1"},
            "which this function does not know; it knows because, by, close, company, continue, month, undo",
        ),
        ([], "must be a JSON object"),
        ({"close": "2026-10"}, "close names a month, its company and who closes it"),
        ({"close": "2026-10", "company": "companyA"}, "close names a month, its company and who closes it"),
        ({"close": "2026-10", "company": "companyA", "by": "  "}, "close names a month, its company and who closes it"),
        ({"close": "2026-10", "company": "companyA", "by": "Ann", "month": "2026-10"}, "takes nothing else but undo"),
        ({"close": "2026-10", "company": "companyA", "by": "A" * 201}, "at most 200 characters"),
        ({"close": "2026-10", "company": "companyA", "by": "Ann", "undo": True}, "needs a reason in because"),
        ({"close": "2026-10", "company": "companyA", "by": "Ann", "because": "so"}, "because belongs to undo"),
        ({"close": "2026-10", "company": "companyA", "by": "Ann", "undo": "yes"}, "undo must be true or false"),
        ({"close": 7, "company": "companyA", "by": "Ann"}, "close must be a text"),
        ({"close": "soon", "company": "companyA", "by": "Ann"}, "'soon' is no month"),
        ({"close": "2099-01", "company": "companyA", "by": "Ann"}, "January 2099 has not begun"),
        ({"close": "2026-10", "company": "companyX", "by": "Ann"}, "no company 'companyX'"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(machine, event, said):
    machine.alerts()

    answer = machine.tie_out(event)

    assert said in answer["error"]
    assert machine.alerts() == []


def test_the_schedule_mails_the_verdicts_of_the_last_month_once_and_a_person_gets_no_mail(machine, monkeypatch):
    monkeypatch.setattr(mail, "is_mail_day", lambda _today: True)
    machine.alerts()

    machine.tie_out(OCTOBER)
    asked = machine.alerts()
    machine.tie_out({})
    (alert,) = [alert for alert in machine.alerts() if "of 2" in alert["subject"]]
    machine.tie_out({})

    assert not [alert for alert in asked if "of 2" in alert["subject"]]
    assert "./oqb report companyA" in alert["text"].replace('"', "")
    assert "./oqb report companyB" in alert["text"].replace('"', "")
    assert not [alert for alert in machine.alerts() if "of 2" in alert["subject"]]


@pytest.mark.parametrize(("days", "overdue"), [("1", [2.0]), ("90", 0)])
def test_a_month_is_overdue_so_many_days_after_its_end(machine, days, overdue):
    machine.set_environ("odoo-qb-tie-out", TIE_OUT_OVERDUE_DAYS=days)
    for row in machine.quickbooks.books(REALM_A)._tables.table("Invoice").values():
        row["DueDate"] = "2027-01-01"

    machine.tie_out({"month": "2026-10"})

    line = next(json.loads(line) for line in reversed(machine.output.splitlines()) if "MonthsOverdue" in line)
    assert line["MonthsOverdue"] == overdue


def test_days_that_are_no_days_are_refused_by_name(machine):
    machine.set_environ("odoo-qb-tie-out", TIE_OUT_OVERDUE_DAYS="soon")

    with pytest.raises(Misconfigured, match="TIE_OUT_OVERDUE_DAYS is 'soon': give whole days, 1 to 90"):
        machine.tie_out(OCTOBER)


def test_an_odoo_that_refuses_the_login_is_an_error_and_an_alert(machine):
    machine.set_secret("odoo", {"database": machine.odoo.database, "username": "sync_ro", "password": "wrong"})

    machine.alerts()

    with pytest.raises(Unauthorized):
        machine.tie_out(OCTOBER)

    (alert,) = machine.alerts()
    assert "check username and password" in alert["text"]


def test_a_missing_setting_is_named(machine):
    machine.set_environ("odoo-qb-tie-out", QB_SECRET_ARN="")

    with pytest.raises(Misconfigured, match="QB_SECRET_ARN"):
        machine.tie_out(OCTOBER)


CLOSE = {"close": "2026-10", "company": "companyA", "by": "Ann"}


def test_a_month_is_closed_and_what_changes_in_it_later_is_an_alert_once(machine):
    machine.alerts()

    closed = machine.tie_out(CLOSE)
    quiet = machine.tie_out({"source": "aws.events"})
    an_invoice(machine).update(DueDate="2027-01-01", SyncToken="1")
    machine.tie_out({"source": "aws.events"})
    said = [alert for alert in machine.alerts() if "a closed month has changed" in alert["subject"]]
    machine.tie_out({"source": "aws.events"})
    machine.tie_out({"company": "companyA", "month": "2026-11"})

    assert closed["closed"]
    assert closed["pack"] in {key.rpartition("/")[0] for key in machine.keys("reports/companyA/2026-10/closed/")}
    october = next(one for one in quiet["tie_outs"] if (one["company"], one["month"]) == ("companyA", "2026-10"))
    assert october["changes"] == []
    (alert,) = said
    assert "was changed in QuickBooks" in alert["text"]
    assert "--undo --because" in alert["text"]
    assert [alert for alert in machine.alerts() if "closed month" in alert["subject"]] == []


def test_a_month_is_closed_once_and_opened_again_with_a_reason(machine):
    machine.tie_out(CLOSE)
    keys = machine.keys("reports/companyA/2026-10/")

    again = machine.tie_out(CLOSE | {"by": "Bob"})
    unchanged = machine.keys("reports/companyA/2026-10/") == keys
    undone = machine.tie_out(CLOSE | {"undo": True, "because": "a late bill", "by": "Bob"})

    assert "is closed already. Closed by Ann on" in again["sentence"]
    assert unchanged
    assert undone["reopened"]
    assert machine.tie_out(CLOSE)["closed"]
