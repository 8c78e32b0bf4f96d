"""The commands of the month end, through the real functions."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.builders import demo_documents
from tests.conftest import CLIENT_SECRET, PASSWORD

MONTH = "2026-01"
COMPARED = {
    "tie_outs": [{"sentence": "January 2026 ties out.", "verdict": "ties out"}],
    "remaining": False,
    "left_out": [],
}


def test_a_month_is_compared_until_nothing_remains_and_the_verdict_is_said(oqb):
    answers = [{"tie_outs": [], "remaining": True, "left_out": []}, COMPARED]
    oqb.lambdas.replace("odoo-qb-tie-out-demo", lambda _event: answers.pop(0))

    result = oqb("tie-out", "companyA", MONTH)

    assert oqb.invoked("odoo-qb-tie-out") == [{"company": "companyA", "month": MONTH}] * 2
    assert "January 2026 ties out." in result.stdout
    assert result.exit_code == 0


def test_a_month_that_does_not_tie_out_ends_with_one(oqb):
    open_month = {**COMPARED, "tie_outs": [{"sentence": "It does not tie out yet.", "verdict": "open"}]}
    oqb.lambdas.replace("odoo-qb-tie-out-demo", lambda _event: open_month)

    assert oqb("tie-out", "companyA", MONTH).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tie-out", "companyA", "soon"), "'soon' is no month"),
        (("tie-out", "companyC", MONTH), "has no company 'companyC'"),
        (("report", "companyA", "2999-01"), "has not begun"),
    ],
)
def test_a_month_or_a_company_that_is_none_is_refused(oqb, arguments, said):
    result = oqb(*arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert oqb.lambdas.invoked == []


def test_a_report_is_fetched_and_opened(oqb, tmp_path):
    bucket = oqb.machine.deployment.bucket
    key = f"reports/companyA/{MONTH}/tie-out.html"
    oqb.machine.client("s3").put_object(Bucket=bucket, Key=key, Body=b"<h1>January</h1>")
    opened = []
    oqb.world = replace(oqb.world, open_browser=lambda address: opened.append(address) or True)

    result = oqb("report", "companyA", MONTH, "--to", str(tmp_path))

    assert (tmp_path / f"tie-out-{MONTH}.html").read_bytes() == b"<h1>January</h1>"
    assert opened == [(tmp_path / f"tie-out-{MONTH}.html").resolve().as_uri()]
    assert result.exit_code == 0


def test_a_report_that_does_not_exist_says_how_to_make_it(oqb):
    result = oqb("report", "companyA", MONTH, "--no-browser")

    assert result.exit_code == 1
    assert f"./oqb tie-out companyA {MONTH}" in result.stderr


def test_a_document_is_explained_by_its_number(oqb):
    oqb.machine.extract()
    entry = next(iter(oqb.machine.entries().values()))

    result = oqb("explain", entry["entry_id"])

    assert entry["number"] in result.stdout
    assert result.exit_code == 0


def test_a_document_nobody_knows_is_refused(oqb):
    result = oqb("explain", "INV/0000")

    assert result.exit_code == 2
    assert "No document is known by" in result.stderr


def test_a_difference_is_accepted_with_who_and_why(oqb):
    oqb.lambdas.replace("qb-poster-demo", lambda _event: {"accepted": True})

    result = oqb("accept", "odoo-account.move-17", "--because", "agreed", "--by", "Ann")

    assert oqb.invoked("qb-poster") == [{"accept": "odoo-account.move-17", "because": "agreed", "by": "Ann"}]
    assert result.exit_code == 0


def test_a_document_is_explained_with_its_links_and_what_was_recorded(oqb):
    oqb.machine.extract()
    oqb.machine.post()
    entry = next(entry for entry in oqb.machine.entries().values() if entry["qb_id"])

    text = " ".join(oqb("explain", entry["entry_id"]).stdout.split())

    assert f"/mail/view?model=account.move&res_id={entry['odoo_id']}" in text
    assert f"txnId={entry['qb_id']}" in text
    assert f"request id {entry['request_id']}" in text
    assert "(odoo-extractor, schedule, or an invocation without a name, run " in text
    assert "status posted" in text


def test_a_history_is_verified_and_a_changed_record_is_named(oqb):
    oqb.machine.extract()
    oqb.machine.post()
    assert oqb("audit", "verify").exit_code == 0
    entry_id = next(iter(oqb.machine.entries().values()))["entry_id"]
    key = f"history#{entry_id}#000001"
    client = oqb.machine.client("dynamodb")
    table = oqb.machine.deployment.table
    stored = client.get_item(TableName=table, Key={"entry_id": {"S": key}})["Item"]
    stored["value"]["S"] = stored["value"]["S"].replace("odoo-extractor", "nobody")
    client.put_item(TableName=table, Item=stored)

    result = oqb("audit", "verify")

    assert f"{key} was changed after it was written" in result.stdout
    assert result.exit_code == 1
    assert oqb("audit", "verify", "--day", "2001-01-01").exit_code == 0
    assert oqb("audit", "verify", "--day", "soon").exit_code == 2


def test_the_history_of_a_document_is_two_small_items_without_a_secret(oqb):
    oqb.machine.extract()
    oqb.machine.post()

    items = [item for item in oqb.machine.items(oqb.machine.deployment.table) if "history" in item["entry_id"]["S"]]
    records = [item["value"]["S"] for item in items if item["entry_id"]["S"].startswith("history#")]
    assert len(records) == 2 * len(oqb.machine.entries())
    assert max(map(len, records)) < 3_000
    tokens = [one.refresh_token for one in oqb.machine.quickbooks.tokens._connections.values()]
    assert [secret for secret in (CLIENT_SECRET, PASSWORD, *tokens) if secret in json.dumps(items)] == []


def test_a_month_is_closed_and_its_pack_is_named(oqb):
    answer = {"closed": True, "sentence": "January 2026 is closed.", "open": [], "pack": "reports/companyA/x",
              "manifest_sha256": "abc"}  # fmt: skip
    unfinished = {"closed": False, "sentence": "Not yet.", "remaining": True}
    answers = [unfinished, answer]
    oqb.lambdas.replace("odoo-qb-tie-out-demo", lambda _event: answers.pop(0))

    result = oqb("close", "companyA", MONTH, "--by", "Ann")

    assert oqb.invoked("odoo-qb-tie-out") == [{"close": MONTH, "company": "companyA", "by": "Ann"}] * 2
    assert "January 2026 is closed." in result.stdout
    assert "Its pack is reports/companyA/x/, the SHA-256 of its manifest abc." in result.stdout
    assert result.exit_code == 0


def test_a_month_in_which_something_is_open_is_refused_with_the_list(oqb):
    oqb.machine.time_left_s = 900.0
    oqb.machine.extract()

    result = oqb("close", "companyA", MONTH)

    assert "cannot be closed" in result.stdout
    assert ": waiting." in result.stdout
    assert result.exit_code == 1
    assert not [key for key in oqb.machine.keys("reports/") if "/closed/" in key]


def test_a_closed_month_is_opened_again_with_a_reason(oqb):
    oqb.lambdas.replace("odoo-qb-tie-out-demo", lambda _event: {"reopened": True, "sentence": "It is open again."})

    result = oqb("close", "companyA", MONTH, "--undo", "--because", "a late bill", "--by", "Ann")

    assert oqb.invoked("odoo-qb-tie-out") == [
        {"close": MONTH, "company": "companyA", "by": "Ann", "undo": True, "because": "a late bill"}
    ]
    assert "It is open again." in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize("options", [("--undo",), ("--because", "a late bill"), ("--undo", "--because", " ")])
def test_an_undo_without_a_reason_and_a_reason_without_an_undo_are_refused(oqb, options):
    result = oqb("close", "companyA", MONTH, *options)

    assert result.exit_code == 2
    assert "--undo needs a reason" in result.stderr
    assert oqb.lambdas.invoked == []


def test_a_history_that_was_wiped_is_not_called_one_that_never_was(oqb):
    oqb.machine.extract()
    oqb.machine.post()
    client, table = oqb.machine.client("dynamodb"), oqb.machine.deployment.table
    for row in client.scan(TableName=table, ProjectionExpression="entry_id")["Items"]:
        if row["entry_id"]["S"].startswith("history"):
            client.delete_item(TableName=table, Key=row)
    posted = sum(bool(entry.get("qb_id")) for entry in oqb.machine.entries().values())

    result = oqb("audit", "verify")

    assert f"{posted} entries are posted, the last one written at " in " ".join(result.stdout.split())
    assert result.exit_code == 1


def test_a_history_without_a_record_is_not_called_unharmed(oqb):
    result = oqb("audit", "verify")

    assert "nothing was recorded yet, so there is nothing to verify" in result.stdout
    assert "nothing was changed" not in result.stdout


@pytest.mark.parametrize(
    "arguments", [("close", "companyA", MONTH), ("accept", "odoo-account.move-1", "--because", "x")]
)
def test_a_login_without_a_name_is_asked_for_one(oqb, monkeypatch, arguments):
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr("getpass.getuser", nameless)

    result = oqb(*arguments)

    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2, "This machine does not say who you are: add --by NAME."
    )  # fmt: skip


MERGED = ("accept", "--company", "companyA", "--party", "Acme Corp", "--into", "Acme Holding")


def test_a_merge_is_accepted_by_the_names_of_both_parties(oqb):
    oqb.lambdas.replace("qb-poster-demo", lambda _event: {"documents": 3})

    result = oqb(*MERGED, "--because", "one now", "--by", "Ann")

    assert oqb.invoked("qb-poster") == [
        {
            "accept_party": "Acme Corp", "into": "Acme Holding", "company": "companyA", "because": "one now",
            "by": "Ann",
        }
    ]  # fmt: skip
    assert "documents of Acme Corp may be on Acme Holding in QuickBooks" in " ".join(result.stdout.split())
    assert "3 documents" in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("accept", "--because", "so"), "takes an ENTRY_ID, or --party, --into and --company together"),
        (("accept", "x", "--party", "Acme", "--because", "so"), "takes an ENTRY_ID, or --party"),
        ((*MERGED[:-2], "--because", "so"), "takes an ENTRY_ID, or --party"),
        ((*MERGED, "--because", "  "), "--because is empty"),
        (("accept", "--company", "companyC", *MERGED[3:], "--because", "so"), "has no company 'companyC'"),
    ],
)
def test_a_merge_that_is_named_in_part_is_refused(oqb, arguments, said):
    result = oqb(*arguments, "--by", "Ann")

    assert said in " ".join(result.stderr.split())
    assert result.exit_code == 2
    assert oqb.lambdas.invoked == []


def test_explain_has_no_link_to_a_document_that_was_deleted_in_odoo(oqb):
    oqb.machine.extract()
    oqb.machine.post()
    entry = next(entry for entry in oqb.machine.entries().values() if entry["qb_id"])
    oqb.machine.client("dynamodb").update_item(
        TableName=oqb.machine.deployment.table,
        Key={"entry_id": {"S": entry["entry_id"]}},
        UpdateExpression="SET withdrawn = :yes REMOVE content_hash",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )

    text = " ".join(oqb("explain", entry["entry_id"]).stdout.split())

    assert "deleted in Odoo" in text
    assert "/mail/view" not in text
    assert f"txnId={entry['qb_id']}" in text


def test_the_next_command_has_the_options_that_this_one_was_given(oqb, monkeypatch):
    oqb.lambdas.replace("odoo-qb-tie-out-demo", lambda _event: COMPARED)
    without = oqb("tie-out", "companyA", MONTH).stdout
    monkeypatch.delenv("ENVIRONMENT")

    text = " ".join(oqb("tie-out", "companyA", MONTH, "--env", "demo").stdout.split())

    assert f"`./oqb report companyA {MONTH}` opens" in without
    assert f"`./oqb report companyA {MONTH} --env demo` opens the report." in text


def test_what_keeps_a_month_open_is_said_with_amount_and_where_to_read_on(oqb):
    oqb.machine.time_left_s = 900.0
    oqb.machine.extract()

    text = " ".join(oqb("close", "companyA", MONTH).stdout.split())

    assert " USD): waiting. It is to be posted." in text
    assert f"`./oqb report companyA {MONTH}` shows what to do about each." in text


def test_a_tie_out_of_a_closed_month_says_by_whom_it_was_closed_and_what_has_changed_since(oqb):
    closed = {"sentence": "It ties out.", "verdict": "ties out", "closed": "Closed by Ann. 1 change since.",
              "changes": ["Bill 7 of Acme: changed in QuickBooks."]}  # fmt: skip
    oqb.lambdas.replace("odoo-qb-tie-out-demo", lambda _event: {**COMPARED, "tie_outs": [closed]})

    text = oqb("tie-out", "companyA", MONTH).stdout

    assert "Closed by Ann. 1 change since." in text
    assert "Bill 7 of Acme: changed in QuickBooks." in text


def test_a_month_that_was_closed_and_has_changed_since_ends_with_one_and_the_way_out(oqb):
    answer = {"closed": True, "sentence": "It is closed already. 1 change since.", "open": [], "pack": "reports/x",
              "manifest_sha256": "abc", "changes": ["Bill 7 of Acme: changed in QuickBooks."]}  # fmt: skip
    oqb.lambdas.replace("odoo-qb-tie-out-demo", lambda _event: answer)

    result = oqb("close", "companyA", MONTH)

    assert "Bill 7 of Acme: changed in QuickBooks." in result.stdout
    assert f'`./oqb close companyA {MONTH} --undo --because "…"`' in " ".join(result.stdout.split())
    assert result.exit_code == 1


def remove_the_last_link(oqb):
    """Remove the last link of the history and the records that it lists, as somebody who may write the table."""
    client, table = oqb.machine.client("dynamodb"), oqb.machine.deployment.table
    items = {item["entry_id"]["S"]: item for item in oqb.machine.items(table)}
    last = max(key for key in items if key.startswith("history-day#"))
    for key in (last, *json.loads(items[last]["value"]["S"])["records"]):
        client.delete_item(TableName=table, Key={"entry_id": {"S": key}})


def test_an_acceptance_whose_record_was_removed_with_its_link_is_found(oqb):
    oqb.machine.extract()
    oqb(*MERGED, "--because", "one now", "--by", "Ann")
    before = oqb("audit", "verify")
    remove_the_last_link(oqb)

    result = oqb("audit", "verify")

    assert before.exit_code == 0, before.stdout
    assert "merge#companyA#" in result.stdout
    assert "which is in no record: removed" in " ".join(result.stdout.split())
    assert result.exit_code == 1


@pytest.mark.parametrize("undo", [False, True])
def test_a_closed_month_whose_record_was_removed_with_its_link_is_found(start_shell, undo):
    oqb = start_shell(demo_documents(16))
    oqb.machine.time_left_s = 900.0
    oqb.machine.extract()
    oqb.machine.post()
    assert oqb("close", "companyA", "2026-05", "--by", "Ann").exit_code == 0
    if undo:
        oqb("close", "companyA", "2026-05", "--undo", "--because", "a late bill", "--by", "Ann")
    before = oqb("audit", "verify")
    remove_the_last_link(oqb)

    result = oqb("audit", "verify")

    assert before.exit_code == 0, before.stdout
    assert "month#companyA#2026-05 was decided at" in " ".join(result.stdout.split())
    assert result.exit_code == 1
