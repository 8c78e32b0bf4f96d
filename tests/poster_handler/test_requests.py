"""What a person asks the poster's handler for, and events that are not its own."""

from __future__ import annotations

import json
import re

from tests.poster_world import statuses

# -- what a person asks for --------------------------------------------------------------------------------------------


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


CONCERN_NOBODY = (
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
    {"Records": [{"s3": {"object": {"key": "posted/companyA/a.pdf"}}}]},
    {"Records": [{"s3": {"object": {"key": "pending/nobody-account.move-1.pdf"}}}]},
    {"Records": [{"s3": {"object": {"key": "pending/my+db%2Bx+%E6%A0%AA-account.move-1.pdf"}}}]},
    {"Records": []},
)

NOT_OURS = ({"Records": [{"eventSource": "aws:sqs"}]}, {"compny": "A"}, [], "text", {"entry_ids": "x"})


# -- events that are not ours ------------------------------------------------------------------------------------------


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
