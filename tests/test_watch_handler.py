"""What people do in QuickBooks to documents of ours, from the change to the digest, through the real handlers."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from local.demo.books import REALM_A, REALM_B
from local.demo.documents import many
from pipeline.qbo import limiter
from pipeline.use_cases import report

WATCH = {"watch": True}


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Lift the limits of QuickBooks' pace, which have tests of their own."""
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))


@pytest.fixture
def machine(machine_after):
    """Five documents of two companies, posted and looked at once."""
    return machine_after(_posted_and_looked_at, _five)


def _five():
    return many(5, parties=4)


def _posted_and_looked_at(machine):
    machine.time_left_s = 120.0
    machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
    machine.extract()
    machine.post()
    machine.post(WATCH)
    machine.alerts()


def books(machine):
    return machine.quickbooks.books(REALM_A)


def an_invoice(machine, place=0):
    """Return an invoice of ours as it is stored in QuickBooks."""
    rows = books(machine)._tables.table("Invoice").values()
    return [row for row in rows if "account.move-" in row["PrivateNote"]][place]


def edit(machine, row, **changes):
    """Change a transaction as a person does."""
    row.update(changes)
    books(machine)._touch(row)


def key_of(row):
    return {"Id": row["Id"], "SyncToken": row["SyncToken"]}


def entry_of(machine, row):
    return next(entry for entry in machine.deployment.entries() if entry.get("qb_id") == row["Id"]
                and entry["document_type"] == "invoice")  # fmt: skip


def drift_of(machine, row):
    return json.loads(entry_of(machine, row).get("drift", "{}"))


def said(machine):
    return [alert["text"] for alert in machine.alerts()]


def writes(machine):
    calls = machine.quickbooks.calls
    return {kind: calls[kind] for kind in ("create", "update", "delete", "void", "upload", "batch")}


def test_a_look_is_one_metered_call_a_company_and_changes_nothing(machine):
    before, entries, metered = writes(machine), machine.deployment.entries(), machine.quickbooks.metered
    queries, looks = machine.quickbooks.calls["query"], machine.quickbooks.calls["cdc"]

    result = machine.post(WATCH)

    assert machine.quickbooks.calls["cdc"] - looks == 2
    assert machine.quickbooks.metered - metered == 2
    assert machine.quickbooks.calls["query"] == queries
    assert (writes(machine), machine.deployment.entries()) == (before, entries)
    assert (result["drift_noticed"], result["drift_open"]) == (0, 0)
    assert said(machine) == []


def test_an_edit_is_noted_with_both_values_and_said_once(machine):
    row = an_invoice(machine)
    due, before = row["DueDate"], writes(machine)
    edit(machine, row, DueDate="2031-01-01")

    results = [machine.post(WATCH), machine.post(WATCH)]

    assert [result["drift_noticed"] for result in results] == [1, 0]
    assert [result["drift_open"] for result in results] == [1, 1]
    drift = drift_of(machine, row)
    assert (drift["kind"], drift["differences"]) == (
        "changed",
        [{"name": "due date", "posted": due, "in_books": "2031-01-01"}],
    )
    (text,) = said(machine)
    assert f"it was changed in QuickBooks: due date 2031-01-01 there, {due} as posted" in text
    assert f"/app/invoice?txnId={row['Id']}" in text
    assert f'"accept": "{entry_of(machine, row)["entry_id"]}"' in text
    assert an_invoice(machine)["DueDate"] == "2031-01-01"
    assert writes(machine) == before


def test_an_edited_line_is_shown_as_it_was_posted_and_as_it_is(machine):
    row = an_invoice(machine)
    lines = [dict(line) for line in row["Line"]]
    lines[0]["Description"] = "Consulting in May"
    edit(machine, row, Line=lines)

    machine.post(WATCH)

    (difference,) = drift_of(machine, row)["differences"]
    assert difference["name"] == "lines or note"
    assert "Consulting in May" in difference["in_books"]
    amount = next(line["Amount"] for line in lines if "Amount" in line)
    assert str(amount) in difference["posted"]
    assert "Consulting in May" not in difference["posted"]


def test_a_deleted_one_is_noticed_by_its_id_alone_and_not_posted_again(machine):
    row = an_invoice(machine)
    entry_id = entry_of(machine, row)["entry_id"]
    books(machine).delete("Invoice", key_of(row))
    before = writes(machine)

    machine.post(WATCH)
    machine.extract()
    machine.post()
    machine.post(WATCH)

    assert drift_of(machine, row)["kind"] == "deleted"
    (text,) = said(machine)
    assert "it was deleted in QuickBooks" in text
    assert entry_id in text
    assert writes(machine) == before
    assert row["Id"] not in [one["Id"] for one in books(machine).rows("Invoice")]


def test_a_voided_one_is_noticed(machine):
    row = an_invoice(machine)
    books(machine).void("Invoice", key_of(row))

    machine.post(WATCH)

    assert drift_of(machine, row)["kind"] == "voided"
    assert "it was voided in QuickBooks" in said(machine)[0]


def test_a_payment_is_noted_as_what_is_left_and_is_no_difference(machine):
    row = an_invoice(machine)
    books(machine).pay("Invoice", row["Id"], Decimal("1.00"))

    result = machine.post(WATCH)

    assert Decimal(entry_of(machine, row)["qb_open"]) == Decimal(str(row["TotalAmt"])) - 1
    assert drift_of(machine, row) == {}
    assert result["drift_open"] == 0
    assert said(machine) == []


def test_one_that_lost_its_mark_is_found_by_its_id(machine):
    row = an_invoice(machine)
    edit(machine, row, PrivateNote="paid in cash")

    machine.post(WATCH)

    (difference,) = drift_of(machine, row)["differences"]
    assert (difference["name"], difference["in_books"]) == ("mark of the pipeline", "")


def test_a_copy_that_carries_the_mark_of_another_is_not_the_document(machine):
    row = an_invoice(machine)
    copied = {key: value for key, value in row.items() if key not in ("Id", "SyncToken", "MetaData")}
    copied = books(machine)._tables.insert("Invoice", copied)
    edit(machine, copied, DueDate="2031-01-01")

    assert machine.post(WATCH)["drift_noticed"] == 0
    assert drift_of(machine, row) == {}


def test_it_ends_by_itself_when_both_agree_again(machine):
    row = an_invoice(machine)
    due = row["DueDate"]
    edit(machine, row, DueDate="2031-01-01")
    machine.post(WATCH)
    edit(machine, row, DueDate=due)

    result = machine.post(WATCH)

    assert drift_of(machine, row) == {}
    assert result["drift_open"] == 0


def test_a_person_accepts_it_and_who_and_why_are_kept(machine):
    row = an_invoice(machine)
    edit(machine, row, DueDate="2031-01-01")
    machine.post(WATCH)
    entry_id = entry_of(machine, row)["entry_id"]

    answer = machine.post({"accept": entry_id, "because": "agreed with the customer", "by": "Ann"})
    result = machine.post(WATCH)

    assert answer["drift"]["accepted"]["because"] == "agreed with the customer"
    accepted = drift_of(machine, row)["accepted"]
    assert (accepted["by"], accepted["because"]) == ("Ann", "agreed with the customer")
    assert (result["drift_noticed"], result["drift_open"]) == (0, 0)


def test_what_is_changed_once_more_after_it_was_accepted_is_open_again(machine):
    row = an_invoice(machine)
    edit(machine, row, DueDate="2031-01-01")
    machine.post(WATCH)
    machine.post({"accept": entry_of(machine, row)["entry_id"], "because": "agreed"})
    edit(machine, row, DueDate="2032-02-02")

    assert machine.post(WATCH)["drift_open"] == 1
    assert drift_of(machine, row)["accepted"] is None


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"accept": "nobody", "because": "so"}, "There is no entry 'nobody'"),
        ({"accept": "odoo_demo-account.move-1"}, "accept names an entry and says why"),
        ({"because": "so"}, "accept names an entry and says why"),
        ({"accept": "x", "because": "  "}, "accept names an entry and says why"),
        ({"accept": "x", "because": "so", "company": "companyA"}, "takes nothing else"),
        ({"watch": True, "company": "companyA"}, "takes nothing else"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(machine, event, words):
    assert words in machine.post(event)["error"]
    assert said(machine) == []


def test_what_agrees_cannot_be_accepted(machine):
    answer = machine.post({"accept": entry_of(machine, an_invoice(machine))["entry_id"], "because": "so"})

    assert "There is nothing to accept" in answer["error"]


def test_a_run_that_ends_before_the_alert_state_is_stored_loses_no_notice(machine, monkeypatch):
    row = an_invoice(machine)
    edit(machine, row, DueDate="2031-01-01")

    class Killed(BaseException):
        pass

    def killed(*_arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(report, "_finish", killed)
        with pytest.raises(Killed):
            machine.post(WATCH)
    noted_before = drift_of(machine, row)

    result = machine.post(WATCH)

    assert noted_before == drift_of(machine, row) != {}
    assert result["drift_noticed"] == 1
    assert len(said(machine)) == 1


def test_the_minutely_sweep_without_work_asks_quickbooks_nothing(machine):
    edit(machine, an_invoice(machine), DueDate="2031-01-01")
    before = machine.quickbooks.calls.copy()

    machine.post()

    assert machine.quickbooks.calls == before


def test_metrics_say_how_many_nobody_has_accepted(machine):
    edit(machine, an_invoice(machine), DueDate="2031-01-01")
    machine.output = ""

    machine.post(WATCH)

    (line,) = machine.metrics
    assert (line["DriftOpen"], line["DriftNoticed"], line["QuickBooksCdcCalls"]) == (1, 1, 2)


def test_each_look_writes_the_days_left_of_each_connection_for_the_dashboard(machine):
    machine.post()
    machine.output = ""

    machine.post(WATCH)

    lines = [line for line in machine.log if line.get("message") == "connection"]
    assert [line["company"] for line in lines] == ["companyA", "companyB"]
    assert all(99 < line["days_left"] <= 101 and line["consent_days_left"] > 1800 for line in lines)


def test_a_refused_look_pauses_the_realm_and_the_next_one_begins_where_it_began(machine):
    row = an_invoice(machine)
    edit(machine, row, DueDate="2031-01-01")
    machine.quickbooks.throttle, machine.quickbooks.throttle_per_minute = True, 0

    first = machine.post(WATCH)
    machine.quickbooks.throttle = False
    for item in machine.items(machine.deployment.table):
        key = item["entry_id"]["S"]
        if key.startswith("lease#"):
            machine.client("dynamodb").update_item(
                TableName=machine.deployment.table, Key={"entry_id": {"S": key}}, UpdateExpression="REMOVE paused_until"
            )
    second = machine.post(WATCH)

    assert first["paused"] != []
    assert first["drift_open"] is None
    assert second["drift_noticed"] == 1


def test_a_posting_run_looks_itself_when_the_last_look_is_too_long_ago(machine):
    row = an_invoice(machine)
    edit(machine, row, DueDate="2031-01-01")
    looked_at = (datetime.now(UTC) - timedelta(minutes=21)).isoformat()
    for realm in (REALM_A, REALM_B):
        machine.client("dynamodb").put_item(
            TableName=machine.deployment.table,
            Item={"entry_id": {"S": f"drift#{realm}"},
                  "value": {"S": json.dumps({"looked_at": looked_at, "open": []})}},
        )  # fmt: skip
    machine.client("dynamodb").update_item(
        TableName=machine.deployment.table,
        Key={"entry_id": {"S": entry_of(machine, row)["entry_id"]}},
        UpdateExpression="SET #status = :pending",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":pending": {"S": "pending"}},
    )
    looks = machine.quickbooks.calls["cdc"]

    first, second = machine.post(), machine.post()

    assert (first["drift_noticed"], second["drift_noticed"]) == (1, 0)
    assert machine.quickbooks.calls["cdc"] - looks == 1


def test_a_look_whose_notices_the_alerts_could_not_take_over_is_repeated(machine, monkeypatch):
    edit(machine, an_invoice(machine), DueDate="2031-01-01")
    monkeypatch.setattr(report, "LEASE_TRIES", 1)
    key = {"entry_id": {"S": "lease##alerts"}}
    held = {**key, "holder": {"S": "another run"}, "until": {"S": "2999-01-01T00:00:00.000000Z"}}
    machine.client("dynamodb").put_item(TableName=machine.deployment.table, Item=held)

    first = machine.post(WATCH)
    before = said(machine)
    machine.client("dynamodb").delete_item(TableName=machine.deployment.table, Key=key)
    second = machine.post(WATCH)

    assert (first["drift_noticed"], before) == (1, [])
    assert second["drift_noticed"] == 1
    assert len(said(machine)) == 1


# -- explain ---------------------------------------------------------------------------------------------------------


def test_a_document_is_explained_by_its_number_its_entry_and_its_id_in_quickbooks(machine):
    row = an_invoice(machine)
    entry = entry_of(machine, row)
    calls, requests = machine.quickbooks.calls.copy(), len(machine.odoo.calls)

    answers = [machine.post({"explain": name}) for name in (entry["number"], entry["entry_id"], row["Id"])]

    for answer in answers:
        (document,) = [one for one in answer["documents"] if one["entry_id"] == entry["entry_id"]]
        text = " ".join(document["explained"])
        assert entry["number"] in text
        assert f"(Id {row['Id']})" in text
        assert "with its PDF" in text
        assert document["explained"][-1] == "Nothing is to be done. A change in Odoo follows by itself."
    assert (machine.quickbooks.calls, len(machine.odoo.calls)) == (calls, requests)


def test_what_a_person_changed_and_who_accepted_it_is_part_of_its_life(machine):
    row = an_invoice(machine)
    edit(machine, row, DueDate="2031-01-01")
    machine.post(WATCH)
    entry_id = entry_of(machine, row)["entry_id"]

    before = machine.post({"explain": entry_id})["documents"][0]["explained"]
    machine.post({"accept": entry_id, "because": "agreed", "by": "Ann"})
    after = machine.post({"explain": entry_id})["documents"][0]["explained"]

    assert "due date 2031-01-01 there" in " ".join(before)
    assert before[-1].startswith(
        f"Nothing follows by itself. Make the two agree, or accept it with `./oqb accept {entry_id}"
    )
    assert any("Ann accepted that on" in sentence and "agreed" in sentence for sentence in after)
    assert after[-1] == "Nothing is to be done. A change in Odoo is not written over it: it then needs a person."


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"explain": "INV/1999/1"}, "No document is known by 'INV/1999/1'"),
        ({"explain": "odoo_demo-account.move-999999"}, "No document is known by"),
        ({"explain": "INV/1", "company": "companyA"}, "takes nothing else"),
        ({"explain": 7}, "explain must be a text"),
    ],
)
def test_what_cannot_be_explained_is_answered_with_a_sentence(machine, event, words):
    assert words in machine.post(event)["error"]


def test_a_look_posts_nothing_whatever_is_due(machine):
    row = an_invoice(machine)
    machine.client("dynamodb").update_item(
        TableName=machine.deployment.table,
        Key={"entry_id": {"S": entry_of(machine, row)["entry_id"]}},
        UpdateExpression="SET #status = :pending",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":pending": {"S": "pending"}},
    )

    result = machine.post(WATCH)

    assert result["posted"] == 0
    assert entry_of(machine, row)["status"] == "pending"


# -- a merge -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def merged(machine_after):
    """Twelve documents of two companies; two customers of companyA were merged, which touched their documents."""
    return machine_after(_posted_and_merged, _of_two_parties)


def _of_two_parties():
    return many(24, parties=2)


def _posted_and_merged(machine):
    machine.quickbooks.merge_touches_documents = True
    _posted_and_looked_at(machine)
    counted = Counter(row["CustomerRef"]["value"] for row in books(machine).rows("Invoice"))
    (one, _), (other, _) = counted.most_common(2)
    machine.moved = [row["Id"] for row in books(machine).rows("Invoice") if row["CustomerRef"]["value"] == one]
    machine.names = [books(machine)._tables.table("Customer")[one]["DisplayName"] for one in (one, other)]
    books(machine).merge("Customer", one, other)


def of_customers(machine):
    found = []
    for entry in machine.deployment.entries():
        if entry["document_type"] in ("invoice", "credit_note") and entry["company"] == "companyA" and "drift" in entry:
            found.append(json.loads(entry["drift"]))
    return found


def accept_of(machine, **changes):
    party, into = machine.names
    return {"accept_party": party, "into": into, "company": "companyA", "because": "one now", "by": "Ann", **changes}


def test_a_merge_is_one_notice_and_nothing_is_written(merged):
    before = writes(merged)

    results = [merged.post(WATCH), merged.post(WATCH)]

    assert [result["drift_noticed"] for result in results] == [1, 0]
    assert len(of_customers(merged)) == results[1]["drift_open"] >= len(merged.moved) > 1
    (text,) = said(merged)
    party, into = merged.names
    assert f"{party}: {len(of_customers(merged))} documents of it are on {into} in QuickBooks now" in text
    assert '"accept_party": ' in text
    assert "it was changed in QuickBooks" not in text
    assert writes(merged) == before


def test_a_merge_is_accepted_for_all_of_its_documents_at_once(merged):
    merged.post(WATCH)

    answer = merged.post(accept_of(merged))
    result = merged.post(WATCH)

    assert answer["documents"] == len(of_customers(merged))
    assert {drift["accepted"]["by"] for drift in of_customers(merged)} == {"Ann"}
    assert (result["drift_noticed"], result["drift_open"]) == (0, 0)


def test_a_merge_that_was_accepted_before_it_was_noticed_is_said_to_nobody(merged):
    merged.post(accept_of(merged))

    result = merged.post(WATCH)

    assert (result["drift_noticed"], result["drift_open"]) == (0, 0)
    assert {drift["accepted"]["because"] for drift in of_customers(merged)} == {"one now"}
    assert said(merged) == []


def test_what_else_was_changed_of_a_document_is_told_beside_the_merge_and_not_accepted_with_it(merged):
    row = books(merged)._tables.table("Invoice")[merged.moved[0]]
    edit(merged, row, DueDate="2031-01-01")

    first = merged.post(WATCH)
    merged.post(accept_of(merged))

    assert first["drift_noticed"] == 2
    assert merged.post(WATCH)["drift_open"] == 1
    assert drift_of(merged, row)["accepted"] is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"because": " "}, "accept_party names a party in Odoo"),
        ({"into": ""}, "accept_party names a party in Odoo"),
        ({"accept": "x"}, "takes nothing else"),
        ({"company": "companyC"}, "has no company 'companyC'"),
    ],
)
def test_a_merge_is_accepted_by_names_of_a_company_with_a_reason(merged, changes, words):
    assert words in merged.post(accept_of(merged, **changes))["error"]
