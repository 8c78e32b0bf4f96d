from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest

from pipeline.aws.events import extractor_command, is_from_s3, is_schedule, poster_command, sweep_of
from pipeline.domain.commands import (
    AcceptDrift,
    PostDue,
    PostEntries,
    Pull,
    RebuildEntries,
    Redrive,
    RedrivePulls,
    RetryFailed,
    ShowDrafts,
    WakeUp,
    WatchBooks,
    is_by_a_person,
)
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.source import Selection

TICK = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
S3_TEST = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-20T09:00:00.000Z", "Bucket": "documents"}


def created(*keys):
    """Return an event as S3 words it: keys are encoded as in a query."""
    return {
        "Records": [
            {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
             "s3": {"bucket": {"name": "documents"}, "object": {"key": quote_plus(key, safe="/")}}}
            for key in keys
        ]
    }  # fmt: skip


def test_a_created_pdf_wakes_the_poster_for_its_entry():
    assert poster_command(created("pending/odoo-account.move-17.pdf")) == WakeUp(("odoo-account.move-17",))


@pytest.mark.parametrize(
    "entry_id",
    ["my db-account.move-1", "a+b-account.move-1", "株式-account.move-1", "100%-account.move-1", "é-account.move-1"],
)
def test_a_key_with_spaces_plus_signs_or_unicode_is_read_as_it_was_written(entry_id):
    assert poster_command(created(f"pending/{entry_id}.pdf")).entry_ids == (entry_id,)


@pytest.mark.parametrize(
    "key", ["posted/companyA/a.pdf", "documents/a/1.json", "pending/a.json", "pending/", "config/mapping.toml", "a.pdf"]
)
def test_a_key_outside_pending_wakes_it_for_nobody(key):
    request = poster_command(created(key))

    assert request == WakeUp(())
    assert is_by_a_person(request) is False


def test_one_event_may_name_several_objects():
    event = created("pending/a-account.move-1.pdf", "posted/x.pdf", "pending/a-account.move-2.pdf")

    assert poster_command(event).entry_ids == ("a-account.move-1", "a-account.move-2")


@pytest.mark.parametrize(
    "event", [S3_TEST, {"Records": []}, {"Records": [{"s3": {}}]}, {"Records": [{"s3": {"object": 7}}]}]
)
def test_the_test_event_of_a_new_notification_and_empty_ones_do_nothing(event):
    assert is_from_s3(event)
    assert poster_command(event) == WakeUp(())


@pytest.mark.parametrize("event", [TICK, {}, {"sweep": True}])
def test_a_tick_the_sweep_and_an_empty_payload_ask_for_everything_due(event):
    assert poster_command(event) == PostDue()


@pytest.mark.parametrize(
    ("asked", "command"),
    [
        ({}, PostEntries(("a", "b"), "companyA")),
        ({"retry_failed": True}, RetryFailed(("a", "b"), "companyA")),
        ({"dry_run": True}, ShowDrafts(("a", "b"), "companyA")),
        ({"retry_failed": True, "dry_run": True}, ShowDrafts(("a", "b"), "companyA")),
    ],
)
def test_a_person_asks_for_certain_entries_or_failed_ones_or_a_trial(asked, command):
    asked_for = poster_command({"company": "companyA", "entry_ids": ["a", "b"], **asked})

    assert asked_for == command
    assert is_by_a_person(asked_for)


@pytest.mark.parametrize("read", [poster_command, extractor_command])
@pytest.mark.parametrize("event", [None, [], "text", 7, ["company"]])
def test_what_is_no_object_is_refused_with_what_is_known(read, event):
    with pytest.raises(InvalidRequest, match=r"must be a JSON object with any of .*company, dry_run"):
        read(event)


FOREIGN = {
    "sqs": {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
    "sns": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]},
    "broken s3": {"Records": [{"s3": "text"}]},
    "mixed": {"Records": [{"s3": {}}, {"eventSource": "aws:sqs"}]},
    "records of text": {"Records": ["a"]},
    "api gateway": {"httpMethod": "POST", "body": "{}"},
    "a typo": {"compny": "companyA"},
    "anything": {"Service": "Amazon S3"},
}


@pytest.mark.parametrize("case", sorted(FOREIGN))
def test_a_payload_that_is_not_ours_is_refused_with_what_is_known(case):
    with pytest.raises(InvalidRequest) as raised:
        poster_command(FOREIGN[case])

    known = (
        "accept, accept_party, because, by, company, dry_run, entry_ids, explain, into, realm, rebuild, redrive, "
        "retry_failed, start_over, sweep"
    )
    assert f"which this function does not know; it knows {known}" in str(raised.value)
    assert str(next(iter(FOREIGN[case]))) in str(raised.value)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"company": 7}, "company must be a text"),
        ({"entry_ids": "a"}, "entry_ids must be a list of at most 1000 texts"),
        ({"entry_ids": [7]}, "entry_ids must be a list"),
        ({"entry_ids": ["x"] * 1001}, "at most 1000"),
        ({"retry_failed": "yes"}, "retry_failed must be true or false"),
        ({"dry_run": 1}, "dry_run must be true or false"),
        ({"sweep": None}, "sweep must be true or false"),
        ({"sweep": True, "realm": 7}, "realm must be a text"),
        ({"sweep": True, "realm": ""}, "realm limits the sweep to one realm"),
        ({"sweep": False, "realm": "7"}, "realm limits the sweep to one realm"),
        ({"realm": "7"}, "realm limits the sweep to one realm"),
        ({"explain": ""}, "explain names a document"),
        ({"explain": "", "company": "A"}, "explain names a document"),
        ({"start_over": "", "company": "A"}, "start_over names the new realm"),
        ({"sweep": True, "realm": "7", "company": "A"}, "takes nothing else"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(event, words):
    with pytest.raises(InvalidRequest, match=words):
        poster_command(event)


def test_a_sweep_starts_another_for_one_realm():
    assert poster_command(sweep_of("7")) == PostDue(realm="7")


def test_the_extractor_is_asked_for_what_is_new_by_a_tick_and_by_an_empty_payload():
    assert extractor_command(TICK) == extractor_command({}) == Pull()


def test_the_extractor_is_asked_for_a_selection():
    event = {"company": "A", "since": "2026-11-01", "until": "2026-11-02T10:00:00Z", "numbers": ["INV/1"], "ids": [7]}

    request = extractor_command({**event, "dry_run": True})

    assert (request.company, request.is_trial) == ("A", True)
    assert request.selection == Selection(
        since=datetime(2026, 11, 1, tzinfo=UTC),
        until=datetime(2026, 11, 2, 10, tzinfo=UTC),
        numbers=("INV/1",),
        ids=(7,),
    )


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"since": "yesterday"}, "since must be an instant like 2026-11-01T00:00:00Z"),
        ({"until": 20261101}, "until must be an instant"),
        ({"ids": ["7"]}, "ids must be a list of at most 1000 whole numbers"),
        ({"ids": [True]}, "ids must be a list"),
        ({"numbers": "INV/1"}, "numbers must be a list"),
        ({"entry_ids": ["a"]}, "has entry_ids, which this function does not know"),
    ],
)
def test_a_selection_of_the_wrong_kind_is_named(event, words):
    with pytest.raises(InvalidRequest, match=words):
        extractor_command(event)


def test_both_functions_put_their_dead_letters_back():
    assert extractor_command({"redrive": True}) == RedrivePulls()
    assert poster_command({"redrive": True}) == Redrive()
    assert is_by_a_person(poster_command({"redrive": True}))


def test_the_table_is_rebuilt_for_all_companies_or_one():
    assert poster_command({"rebuild": True}) == RebuildEntries()
    assert poster_command({"rebuild": True, "company": "A"}) == RebuildEntries("A")


@pytest.mark.parametrize("event", [{"redrive": True, "company": "A"}, {"redrive": True, "dry_run": True}])
def test_a_redrive_takes_nothing_beside_it(event):
    for read in (extractor_command, poster_command):
        with pytest.raises(InvalidRequest, match="redrive puts all dead letters back"):
            read(event)


def test_a_rebuild_takes_nothing_but_a_company_beside_it():
    with pytest.raises(InvalidRequest, match="rebuild takes nothing else but a company"):
        poster_command({"rebuild": True, "dry_run": True})


@pytest.mark.parametrize(
    "event", [{"explain": ""}, {"explain": " "}, {"company": "A", "start_over": ""}, {"start_over": "7"}]
)
def test_what_is_asked_for_without_a_name_is_refused_and_no_wish_to_post(event):
    with pytest.raises(InvalidRequest, match="names"):
        poster_command(event)


def test_a_time_that_ends_before_it_begins_is_refused():
    with pytest.raises(InvalidRequest, match="until is before since"):
        extractor_command({"since": "2026-05-01", "until": "2026-01-01"})


@pytest.mark.parametrize("event", [None, [], "aws.events", {"source": "aws.s3"}])
def test_only_eventbridges_own_words_are_a_tick(event):
    assert is_schedule(event) is False


def test_an_event_survives_json():
    event = created("pending/my db-account.move-1.pdf")

    assert poster_command(json.loads(json.dumps(event))).entry_ids == ("my db-account.move-1",)


def test_the_watch_is_nobodys_wish_and_an_acceptance_says_why():
    assert poster_command({"watch": True}) == WatchBooks()
    assert is_by_a_person(WatchBooks()) is False
    assert poster_command({"accept": "a-account.move-1", "because": "agreed", "by": "Ann"}) == AcceptDrift(
        "a-account.move-1", "agreed", "Ann"
    )
