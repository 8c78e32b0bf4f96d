"""The invocations of the command line, against the deployed functions."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import boto3
import pytest

from local.stand_ins.http_server import Fault
from operate import entries
from operate.cli import cli
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.entry import Status
from pipeline.domain.errors import Unavailable
from tests.operate.conftest import LOGIN


def test_pulling_says_what_was_found(oqb):
    result = oqb("pull", "--company", "companyA")

    assert result.exit_code == 0
    assert oqb.invoked("odoo-extractor") == [{"company": "companyA"}]
    assert "documents found:" in result.stdout
    assert "new" in result.stdout


def test_a_pull_goes_on_while_something_remains(oqb):
    answers = iter([
        {"found": 200, "new": 200, "remaining": True},
        {"found": 200, "new": 200, "remaining": True},
        {"found": 7, "new": 7, "remaining": False},
    ])  # fmt: skip
    oqb.lambdas.replace("odoo-extractor-demo", lambda _event: next(answers))

    result = oqb("pull")

    assert len(oqb.invoked("odoo-extractor")) == 3
    assert "407 documents found: 407 new" in result.stdout


def test_a_pull_that_brings_nothing_more_ends_and_says_so(oqb):
    oqb.lambdas.replace("odoo-extractor-demo", lambda _event: {"found": 0, "remaining": True})

    result = oqb("pull")

    assert len(oqb.invoked("odoo-extractor")) == 1
    assert result.exit_code == 1
    assert "Pulling waits" in result.stdout


def test_a_dry_run_of_a_pull_writes_nothing(oqb):
    result = oqb("pull", "--dry-run")

    assert result.exit_code == 0
    assert "(would be pulled; nothing was written)" in result.stdout
    assert oqb.machine.entries() == {}


def test_a_number_that_odoo_does_not_have_is_no_success(oqb):
    result = oqb("pull", "--number", "INV/1999/1")

    assert result.exit_code == 1
    assert "Of 1 asked for, Odoo shows 0" in result.stdout


def test_posting_says_what_came_of_it_and_where_to_look_next(pulled):
    result = pulled("post")

    assert result.exit_code == 1
    assert "3 posted, 3 need a person" in result.stdout
    assert "./oqb list --status failed" in result.stdout


def test_posting_goes_on_while_it_gets_anywhere(oqb):
    answers = iter([
        {"posted": 90, "backlog": 100, "failed": 0},
        {"posted": 90, "backlog": 10, "failed": 0},
        {"posted": 0, "backlog": 10, "failed": 0},
    ])  # fmt: skip
    oqb.lambdas.replace("qb-poster-demo", lambda _event: next(answers))

    result = oqb("post", "--company", "companyA")

    assert oqb.invoked("qb-poster") == [{"company": "companyA"}] * 3
    assert "180 posted, 10 wait" in result.stdout


@pytest.mark.parametrize("why", ["paused", "busy"])
def test_posting_stops_where_the_poster_does(oqb, why):
    oqb.lambdas.replace("qb-poster-demo", lambda _event: {"posted": 3, "backlog": 5, why: ["companyA"]})

    result = oqb("post")

    assert len(oqb.invoked("qb-poster")) == 1
    assert result.exit_code == (1 if why == "paused" else 0)
    assert "companyA" in result.stdout


def test_a_retry_is_asked_for_once_and_then_only_what_is_due(posted):
    answers = iter([{"posted": 1, "failed": 1, "backlog": 2}, {"posted": 2, "failed": 0, "backlog": 0}])
    posted.lambdas.replace("qb-poster-demo", lambda _event: next(answers))

    posted("retry", "--company", "companyA")

    first, second = posted.invoked("qb-poster")[-2:]
    assert first["retry_failed"] is True
    assert len(first["entry_ids"]) == 2
    assert second == {"company": "companyA"}


def test_a_retry_of_one_cause_leaves_the_others(posted):
    result = posted("retry", "--cause", "period_closed")

    (payload,) = [event for event in posted.invoked("qb-poster") if event.get("retry_failed")]
    assert len(payload["entry_ids"]) == 1
    assert result.exit_code == 1  # the books are still closed
    assert "1 needs a person" in result.stdout


def test_what_a_retry_deletes_in_quickbooks_is_retried_only_by_its_cause_or_name(posted):
    (key,) = [entry["entry_id"] for entry in posted.machine.entries().values()
              if entry.get("error_code") == "period_closed"]  # fmt: skip
    posted.machine.client("dynamodb").update_item(
        TableName=posted.machine.deployment.table, Key={"entry_id": {"S": key}},
        UpdateExpression="SET successor = :other", ExpressionAttributeValues={":other": {"S": "bill 2"}},
    )  # fmt: skip

    posted("retry")
    posted("retry", "--cause", "period_closed")

    whole, by_cause = [event["entry_ids"] for event in posted.invoked("qb-poster") if event.get("retry_failed")]
    assert len(whole) == 2
    assert key not in whole
    assert by_cause == [key]


@pytest.mark.parametrize("code", ["deleted_in_odoo", "deleted_in_quickbooks"])
def test_what_a_person_may_want_to_leave_is_left_out_of_a_retry_of_all_and_named(posted, code):
    (key,) = [entry["entry_id"] for entry in posted.machine.entries().values()
              if entry.get("error_code") == "period_closed"]  # fmt: skip
    posted.machine.client("dynamodb").update_item(
        TableName=posted.machine.deployment.table, Key={"entry_id": {"S": key}},
        UpdateExpression="SET error_code = :code", ExpressionAttributeValues={":code": {"S": code}},
    )  # fmt: skip

    result = posted("retry")
    posted("retry", "--cause", code)

    whole, by_cause = [event["entry_ids"] for event in posted.invoked("qb-poster") if event.get("retry_failed")]
    assert key not in whole
    assert by_cause == [key]
    assert f"`./oqb retry --cause {code}`" in " ".join(result.stderr.split())


def test_there_may_be_nothing_to_retry(pulled):
    result = pulled("retry")

    assert result.exit_code == 0
    assert "Nothing has failed" in result.stdout
    assert pulled.invoked("qb-poster") == []


def test_the_plan_has_the_payloads_of_what_waits(pulled):
    plan = pulled.json("plan", "--company", "companyB")

    bodies = [document["body"] for document in plan["documents"] if "body" in document]
    assert plan["would_be_sent"] == len(bodies) == 1
    assert all({"Line", "TxnDate", "PrivateNote"} <= body.keys() for body in bodies)
    assert "account 'Sales for Export" in next(row["error"] for row in plan["documents"] if "error" in row)
    assert all(row["status"] == "pending" for row in plan["documents"])


def test_the_plan_has_what_failed(posted):
    plan = posted.json("plan")

    assert len(plan["documents"]) == 3
    assert {document["status"] for document in plan["documents"]} == {"failed"}
    closed = next(document for document in plan["documents"] if document.get("code") == "period_closed")
    assert "the books of companyA are closed" in closed["error"]


def test_the_plan_of_what_is_posted_says_that_nothing_would_be_sent(posted):
    entry_id = next(e["entry_id"] for e in posted.machine.deployment.entries() if e["status"] == "posted")

    plan = posted.json("plan", "--entry", entry_id)

    assert plan["documents"][0]["says"] == "nothing: it is posted"


def test_redriving_takes_the_dead_letters_of_both_functions(posted):
    result = posted("redrive")

    assert {"redrive": True} in posted.invoked("odoo-extractor")
    assert {"redrive": True} in posted.invoked("qb-poster")
    assert "The poster opened 3 dead letters again." in result.stdout


def test_a_redrive_for_which_the_extractor_had_not_the_time_says_so_and_is_not_fine(posted):
    posted.lambdas.replace("odoo-extractor-demo", lambda _event: {"found": 10, "remaining": True})

    result = posted("redrive")

    assert result.exit_code == 1
    assert "The extractor had not the time for all: `./oqb redrive` goes on." in result.stdout


def test_a_rebuild_goes_on_while_something_remains(oqb):
    answers = iter([{"rebuilt": 300, "remaining": True}, {"rebuilt": 20, "remaining": False}])
    oqb.lambdas.replace("qb-poster-demo", lambda _event: next(answers))

    result = oqb("rebuild", "--yes")

    assert oqb.invoked("qb-poster") == [{"rebuild": True}] * 2
    assert "320 rebuilt." in result.stdout
    assert result.exit_code == 0


def test_a_rebuild_that_nobody_confirms_does_nothing(oqb):
    result = oqb("rebuild")

    assert result.exit_code == 2
    assert "add --yes" in result.stderr
    assert oqb.invoked("qb-poster") == []


def test_starting_over_asks_for_the_realm_the_secret_names(oqb):
    result = oqb("start-over", "companyA", "1", "--yes")

    assert result.exit_code == 2
    assert "does not name 1 as the realm of companyA" in result.stderr


def test_orders_are_counted_by_what_became_of_them(oqb):
    bad = {"order_name": "S2", "sync_status": "dynamo_error", "error": "The table is throttled"}
    answer = {"records": [{"order_name": "S1", "sync_status": "success"}, bad]}
    oqb.lambdas.replace("odoo-order-sync-demo", lambda _event: answer)

    result = oqb("orders")

    assert result.exit_code == 1
    assert "2 orders: 1 success, 1 dynamo_error" in result.stdout
    assert "S2: The table is throttled" in result.stdout


def test_of_many_orders_that_were_not_copied_the_first_are_named_and_the_rest_is_counted(oqb):
    bad = {"order_name": "S2", "sync_status": "dynamo_error", "error": "The table is throttled"}
    oqb.lambdas.replace("odoo-order-sync-demo", lambda _event: {"records": [bad] * 12})

    result = oqb("orders")

    assert result.stdout.count("S2: The table is throttled") == 10
    assert "... and 2 more: --json has them all." in result.stdout


def test_a_plan_ends_where_the_function_answers_for_other_documents_than_were_asked_for(pulled):
    asked = []

    def answers(event):
        asked.append(event)
        return {"drafts": [{"entry_id": "other"}] if len(asked) < 9 else [], "paused": []}

    pulled.lambdas.replace("qb-poster-demo", answers)

    result = pulled("plan")

    assert "nothing could be planned" in " ".join(result.stderr.split())
    assert len({event["company"] for event in asked}) == len(asked)


def test_what_the_order_sync_does_not_understand_is_wrong_use(oqb):
    oqb.lambdas.replace(
        "odoo-order-sync-demo", lambda _event: {"error": "by must be a text.", "code": "invalid_request"}
    )

    result = oqb("orders")

    assert result.exit_code == 2
    assert "by must be a text." in result.stderr


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["post", "plan", "retry", "rebuild", "list"])
def test_a_company_nobody_knows_is_refused_with_those_that_exist(oqb, command):
    result = oqb(command, "--company", "companyC")

    assert result.exit_code == 2
    assert "has no company 'companyC'; it has 'companyA', 'companyB'" in result.stderr
    assert oqb.lambdas.invoked == []


def test_a_company_odoo_does_not_show_is_refused(oqb):
    result = oqb("pull", "--company", "companyC")

    assert result.exit_code == 2
    assert "Odoo shows this user no company 'companyC'" in result.stderr


@pytest.mark.parametrize("command", ["post", "plan", "retry"])
def test_an_entry_nobody_knows_is_refused(pulled, command):
    result = pulled(command, "--entry", "odoo_demo-account.move-99999")

    assert result.exit_code == 2
    assert "There is no entry odoo_demo-account.move-99999" in result.stderr
    assert pulled.invoked("qb-poster") == []


@pytest.mark.parametrize(("command", "says"), [("post", "nothing to post"), ("retry", "nothing to retry")])
def test_an_entry_of_the_wrong_status_is_refused(posted, command, says):
    entry_id = next(e["entry_id"] for e in posted.machine.deployment.entries() if e["status"] == "posted")

    result = posted(command, "--entry", entry_id)

    assert result.exit_code == 2
    assert says in result.stderr


def test_a_date_that_is_none_is_refused_before_anything_is_invoked(oqb):
    result = oqb("pull", "--since", "yesterday")

    assert result.exit_code == 2
    assert "like 2026-11-01" in result.stderr
    assert oqb.lambdas.invoked == []


def test_a_function_that_failed_says_why(oqb):
    def down(_event):
        raise Unavailable("Odoo cannot be reached: connection refused or unknown host")

    oqb.lambdas.replace("odoo-extractor-demo", down)

    result = oqb("pull")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "odoo-extractor-demo failed: Odoo cannot be reached: connection refused or unknown host"
    )


def test_a_function_that_was_stopped_is_no_loss(oqb):
    def stopped(_event):
        raise TimeoutError("2026-11-29T10:00:00Z 1234 Task timed out after 120.00 seconds")

    oqb.lambdas.replace("qb-poster-demo", stopped)

    result = oqb("post")

    assert result.exit_code == 1
    assert "What it did is stored" in result.stderr


def test_a_lost_answer_is_not_asked_for_again(oqb):
    """Two posters at once is what a client that repeats itself makes of one slow answer."""
    oqb.lambdas.server.fault = lambda request: (
        Fault("dropped", takes_effect=True) if request.path.endswith("/invocations") else None
    )

    result = oqb("orders")

    assert len(oqb.invoked("odoo-order-sync")) == 1
    assert result.exit_code == 1
    assert "look with `./oqb status` first" in result.stderr


def test_an_answer_is_waited_for_longer_than_the_function_may_run(oqb, monkeypatch):
    waited: list[Any] = []
    make = boto3.Session.client

    def noted(self, name, **options):
        waited.append((name, options.get("config")))
        return make(self, name, **options)

    monkeypatch.setattr(boto3.Session, "client", noted)
    oqb("orders")

    (config,) = [config for name, config in waited if name == "lambda" and config]
    assert config.read_timeout > 120


# -- looking ---------------------------------------------------------------------------------------------------------


def test_the_status_names_what_waits_and_what_needs_a_person(posted):
    result = posted("status")

    assert result.exit_code == 1
    assert "companyA: 2 need a person" in result.stdout
    companies = {state["company"]: state for state in posted.json("status")["companies"]}
    assert (companies["companyA"]["failed"], companies["companyB"]["failed"]) == (2, 1)
    assert companies["companyA"]["posted_today"] + companies["companyB"]["posted_today"] == 3
    assert 90 < companies["companyA"]["days_left"] < 102


def test_the_status_reads_no_posted_entry_as_a_whole(posted, monkeypatch):
    read = TrackingTable.with_status

    def with_status(table, company, status):
        assert status is not Status.POSTED
        return read(table, company, status)

    monkeypatch.setattr(TrackingTable, "with_status", with_status)

    states = posted.json("status")["companies"]

    assert sum(state["posted"] for state in states) == 3


def test_the_status_of_what_waits_is_no_reason_for_a_person(pulled):
    states = pulled.json("status")["companies"]

    assert sum(state["waiting"] for state in states) == 6
    assert pulled("status").exit_code == 0


def test_a_company_that_is_paused_is_named(posted):
    posted.machine.quickbooks.revoke(posted.machine.quickbooks.books("9130357766900001").realm.realm_id)
    posted.machine.quickbooks.expire_access_tokens()
    posted("retry", "--company", "companyA")

    result = posted("status")

    assert "companyA is paused (" in result.stdout


def test_the_list_says_of_each_cause_what_to_do(posted):
    result = posted("list", "--status", "failed", "--company", "companyB")

    assert result.exit_code == 0
    assert "companyB: 1 document with account_unmapped" in result.stdout
    assert "name one in the mapping" in " ".join(result.stdout.split())


def test_the_list_is_narrowed_by_amount_month_and_cause(posted):
    def ids(*options):
        return {entry["entry_id"] for entry in posted.json("list", "--status", "posted", *options)["entries"]}

    every = posted.json("list", "--status", "posted")["entries"]

    assert len(every) == 3
    assert ids("--min", "31.27") == {"odoo_demo-account.move-10", "odoo_demo-account.move-218"}
    assert ids("--max", "31.27") == {"odoo_demo-account.move-10", "odoo_demo-account.move-310"}
    assert ids("--month", "2026-02") == {e["entry_id"] for e in every if e["document_date"].startswith("2026-02")}
    assert ids("--older-than", "1h") == set()
    assert len(posted.json("list", "--cause", "period_closed")["entries"]) == 1
    assert len(posted.json("list", "--status", "posted", "--limit", "2")["entries"]) == 2


def test_more_entries_than_are_read_are_noted_and_never_left_out_in_silence(posted, monkeypatch):
    monkeypatch.setattr(entries, "READ_MAX", 2)

    result = posted("list", "--status", "posted")

    assert "The first 2 entries were read, and no more" in " ".join(result.stderr.split())


def test_the_list_says_what_is_paid_and_what_is_open_where_a_payment_was_noticed(posted):
    open_amounts = {"odoo_demo-account.move-10": "0", "odoo_demo-account.move-310": "10.50"}
    for entry_id, amount in open_amounts.items():
        posted.machine.deployment.aws.client("dynamodb").update_item(
            TableName=posted.machine.deployment.table,
            Key={"entry_id": {"S": entry_id}},
            UpdateExpression="SET qb_open = :open",
            ExpressionAttributeValues={":open": {"S": amount}},
        )

    listed = {row["entry_id"]: row["qb_open"] for row in posted.json("list", "--status", "posted")["entries"]}
    text = posted("list", "--status", "posted").stdout

    assert listed == {**open_amounts, "odoo_demo-account.move-218": ""}
    assert "paid" in text
    assert "10.50 USD open" in text


def test_the_list_goes_into_a_spreadsheet_and_runs_nothing_there(posted):
    table = posted.machine.deployment.aws.client("dynamodb")
    entry_id = next(e["entry_id"] for e in posted.machine.deployment.entries() if e["status"] == "failed")
    table.update_item(
        TableName=posted.machine.deployment.table,
        Key={"entry_id": {"S": entry_id}},
        UpdateExpression="SET party = :party",
        ExpressionAttributeValues={":party": {"S": '=HYPERLINK("http://x")'}},
    )

    result = posted("list", "--status", "failed", "--csv")

    rows = {row["entry_id"]: row for row in csv.DictReader(io.StringIO(result.stdout))}
    assert len(rows) == 3
    assert rows[entry_id]["party"] == '\'=HYPERLINK("http://x")'


@pytest.mark.parametrize("options", [(), ("--csv",), ("--json",)], ids=str)
def test_the_list_obeys_nothing_of_a_partys_name_and_adds_no_line_for_it(posted, options):
    table = posted.machine.deployment.aws.client("dynamodb")
    entry_id = next(e["entry_id"] for e in posted.machine.deployment.entries() if e["status"] == "failed")
    name = "Acme\x1b[1A\x1b[2K\u202e"
    table.update_item(
        TableName=posted.machine.deployment.table,
        Key={"entry_id": {"S": entry_id}},
        UpdateExpression="SET party = :party",
        ExpressionAttributeValues={":party": {"S": f"{name}\nposted: everything"}},
    )

    result = posted("list", "--status", "failed", *options)

    assert "Acme" in result.stdout
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    assert not any(line.strip().startswith("posted: everything") for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--month", "November"), "2026-11"),
        (("--older-than", "soon"), "12h, 3d, 2w"),
        (("--min", "much"), "99.50"),
        (("--min", "nan"), "99.50"),
        (("--status", "lost"), "is not one of"),
        (("--csv", "--json"), "exclude each other"),
    ],
)
def test_what_makes_no_sense_in_a_list_is_refused(oqb, options, says):
    result = oqb("list", *options)

    assert result.exit_code == 2
    assert says in result.output


def test_json_is_all_that_standard_output_holds(posted):
    for command in ("status", "list", "plan", "post"):
        json.loads(posted(command, "--json").stdout)


def test_a_cause_that_nothing_has_failed_with_is_answered_with_those_there_are(posted):
    result = posted("retry", "--cause", "account_unmaped")

    assert result.exit_code == 2
    assert "No document has failed with account_unmaped; there is account_unmapped" in result.stderr


@pytest.mark.parametrize(("command", "function"), [("pull", "odoo-extractor"), ("redrive", "odoo-extractor")])
def test_a_function_that_waits_for_its_login_is_no_answer_of_zeros(oqb, monkeypatch, command, function):
    monkeypatch.setattr(oqb.machine, "invoke", lambda *_: {"found": 0, "new": 0, "waiting": "The secret x is empty."})

    result = oqb(command)

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "The secret x is empty."
    assert result.stdout == ""
    assert len(oqb.invoked(function)) == 1


INVOKES = {
    "odoo-extractor": ("pull",),
    "qb-poster": ("post",),
    "odoo-order-sync": ("orders",),
    "odoo-qb-tie-out": ("tie-out", "companyA", "2026-01"),
}


@pytest.mark.parametrize("function", INVOKES)
@pytest.mark.parametrize("answer", [None, [], "done", 7, {}])
def test_an_answer_that_is_none_of_ours_is_no_work_done(oqb, function, answer):
    oqb.lambdas.replace(f"{function}-demo", lambda _event: answer)

    result = oqb(*INVOKES[function])

    assert result.exit_code == 1
    assert f"{function}-demo answered with something that this command does not understand" in " ".join(
        result.stderr.split()
    )
    assert result.stdout == ""


def test_an_answer_of_a_function_that_cannot_explain_is_no_explanation(oqb):
    oqb.lambdas.replace("qb-poster-demo", lambda _event: {"posted": 0})

    result = oqb("explain", "INV/2026/00010")

    assert result.exit_code == 1
    assert "is another version deployed?" in " ".join(result.stderr.split())


ENTRY = "odoo_demo-account.move-310"
NOTHING = (
    (("retry", "--entry", ENTRY, "--cause", "period_closed"), "they exclude each other"),
    (("retry", "--entry", ENTRY, "--company", "companyB"), f"{ENTRY} is of 'companyA', and not of 'companyB'"),
    (("post", "--entry", ENTRY, "--company", "companyB"), f"{ENTRY} is of 'companyA', and not of 'companyB'"),
    (("plan", "--entry", ENTRY, "--company", "companyB"), f"{ENTRY} is of 'companyA', and not of 'companyB'"),
    (("pull", "--since", "2099-01-01"), "has not come yet"),
    (("pull", "--since", "2099-01-01T08:00:00+02:00"), "has not come yet"),
    (("pull", "--since", "2026-05-01", "--until", "2026-01-01"), "until is before since"),
    (("list", "--min", "5", "--max", "1"), "nothing could be between the two"),
    (("list", "--older-than", "99999999999999d"), "12h, 3d, 2w"),
    (("list", "--older-than", "²d"), "12h, 3d, 2w"),
    (("explain", ""), "explain names a document"),
    (("explain", "  "), "explain names a document"),
    (("start-over", "companyA", "", "--yes"), "start_over names the new realm"),
)


@pytest.mark.parametrize(("arguments", "says"), NOTHING)
def test_a_combination_that_means_nothing_is_a_sentence_and_posts_nothing(pulled, arguments, says):
    result = pulled(*arguments)

    assert result.exit_code == 2, result.output
    assert says in " ".join(result.stderr.split())
    assert {entry["status"] for entry in pulled.machine.deployment.entries()} == {"pending"}


# -- who asks --------------------------------------------------------------------------------------------------------

CHANGING = {
    "pull": ("pull",),
    "post": ("post", "--company", "companyA"),
    "retry": ("retry",),
    "redrive": ("redrive",),
    "rebuild": ("rebuild", "--yes"),
    "start-over": ("start-over", "companyA", "9130357766900001", "--yes"),
    "orders": ("orders",),
    "tie-out": ("tie-out", "companyA", "2026-01"),
    "close": ("close", "companyA", "2026-01"),
    "accept": ("accept", "odoo_demo-account.move-10", "--because", "agreed"),
}
LOOKING = (("plan",), ("explain", "INV/2026/00010"), ("status",), ("list",))


def test_every_command_that_invokes_a_function_to_change_something_is_in_the_list():
    asks_by = {name for name, one in cli.commands.items() if any(option.name == "by" for option in one.params)}

    assert asks_by == set(CHANGING)


@pytest.mark.parametrize("command", CHANGING)
def test_a_command_that_changes_something_says_who_runs_it(posted, command):
    before = len(posted.lambdas.invoked)
    posted(*CHANGING[command])
    posted(*CHANGING[command], "--by", "Bob")
    said = [event.get("by") for _name, event in posted.lambdas.invoked[before:]]

    assert len(said) >= 2
    assert set(said) == {LOGIN, "Bob"}


@pytest.mark.parametrize("arguments", LOOKING)
def test_a_command_that_only_looks_says_nobody(posted, arguments):
    before = len(posted.lambdas.invoked)
    posted(*arguments)

    assert all("by" not in event for _name, event in posted.lambdas.invoked[before:])


@pytest.mark.parametrize("command", ["pull", "post", "redrive", "orders"])
def test_where_the_machine_has_no_name_for_anybody_the_work_is_done_all_the_same(oqb, monkeypatch, command):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr("getpass.getuser", nameless)
    result = oqb(command)

    assert result.exit_code in (0, 1), result.output
    assert oqb.lambdas.invoked
    assert all("by" not in event for _name, event in oqb.lambdas.invoked)


def test_the_life_of_a_document_names_who_had_it_read_posted_and_retried(oqb):
    oqb("pull", "--by", "Ann")
    oqb("post", "--by", "Bob")
    oqb("retry", "--by", "Eve\n\x1b[2Jnobody")

    (document,) = oqb.json("explain", "odoo_demo-account.move-345")["documents"]
    told = "\n".join(document["history"])

    assert "(odoo-extractor, person: Ann, run" in told
    assert "(qb-poster, person: Bob, run" in told
    assert "(qb-poster, person: Eve [2Jnobody, run" in told
    assert "invocation" not in told


def test_a_name_that_is_too_long_is_refused_and_nothing_is_done(oqb):
    result = oqb("pull", "--by", "a" * 201)

    assert result.exit_code == 2
    assert "by is a name of at most 200 characters" in result.stderr
    assert oqb.machine.entries() == {}
