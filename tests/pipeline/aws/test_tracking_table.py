from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.stand_ins.aws import make_tracking_table
from pipeline.aws import tracking_table as module
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain import lifecycle
from pipeline.domain.entry import Status, Step
from pipeline.domain.errors import Misconfigured, Unavailable
from tests.books_world import COMPANY, NOW, a_document, an_entry, log_of

NAME = "tracking"


@pytest.fixture
def client(empty_aws):
    client = empty_aws.client("dynamodb")
    make_tracking_table(client, NAME)
    return client


@pytest.fixture
def table(client):
    return TrackingTable(client, NAME)


def entry_of(number=17, **changes):
    return an_entry(a_document(odoo_id=number), **changes)


def stored(client, entry_id="odoo-account.move-17"):
    return client.get_item(TableName=NAME, Key={"entry_id": {"S": entry_id}}).get("Item")


def test_an_entry_comes_back_as_it_was_written(table):
    entry = entry_of(qb_total=a_document().total, step=Step.CREATE, next_attempt_at=NOW)

    table.save_extracted(entry, previous=None)

    assert table.entry(entry.entry_id) == entry


def test_amounts_keep_their_cents_and_empty_values_are_left_out(table, client):
    table.save_extracted(entry_of(qb_total=a_document().total), previous=None)

    item = stored(client)
    assert item["total"] == item["qb_total"] == {"S": "100"}
    assert {"qb_id", "next_attempt_at", "error_message", "expires_at"} & set(item) == set()
    assert item["pdf_attached"] == {"BOOL": False}


def test_what_guards_against_a_second_posting_never_expires(table, client):
    entry = entry_of()
    table.save_extracted(entry, previous=None)
    table.save(replace(entry, status=Status.POSTED, qb_id="55"))

    assert "expires_at" not in stored(client)


def test_an_unknown_entry_is_none(table):
    assert table.entry("nobody") is None


def test_a_second_first_offer_changes_nothing(table):
    table.save_extracted(entry_of(number=17), previous=None)

    table.save_extracted(replace(entry_of(number=17), party="Somebody else"), previous=None)

    assert table.entry("odoo-account.move-17").party == "Azure Interior"


def test_of_two_extractors_the_slower_one_changes_nothing(table):
    first = entry_of()
    table.save_extracted(first, previous=None)
    table.save_extracted(replace(first, version=2, number="second"), previous=first)

    with log_of() as records:
        table.save_extracted(replace(first, version=2, number="late"), previous=first)

    assert table.entry(first.entry_id).number == "second"
    assert [record.message for record in records] == ["another run was faster"]


def test_the_extractor_leaves_alone_what_quickbooks_said(table):
    first = entry_of()
    table.save_extracted(first, previous=None)
    table.save(replace(first, qb_id="55", generation=3, step=Step.ATTACH, request_id="r"))

    table.save_extracted(replace(first, version=2, number="new"), previous=first)

    entry = table.entry(first.entry_id)
    assert (entry.number, entry.qb_id, entry.generation, entry.step, entry.request_id) == (
        "new",
        "55",
        3,
        Step.ATTACH,
        "r",
    )


def test_an_edit_keeps_when_a_write_can_be_looked_for_that_was_sent_since_the_entry_was_read(table):
    read = entry_of()
    table.save_extracted(read, previous=None)
    later = NOW + timedelta(seconds=150)
    table.save(replace(read, status=Status.POSTING, step=Step.CREATE, next_attempt_at=later))

    table.save_extracted(replace(read, version=2, number="new"), previous=read)

    entry = table.entry(read.entry_id)
    assert (entry.number, entry.step, entry.next_attempt_at) == ("new", Step.CREATE, later)


def test_an_edit_ends_a_wait_for_which_nothing_was_sent(table):
    read = entry_of(next_attempt_at=NOW + timedelta(hours=1))
    table.save_extracted(read, previous=None)

    table.save_extracted(replace(read, version=2, next_attempt_at=None), previous=read)

    assert table.entry(read.entry_id).next_attempt_at is None


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.VOIDED])
def test_nothing_is_skipped_that_a_person_has_retried_since_the_entry_was_read(table, status):
    read = entry_of(status=Status.FAILED)
    table.save_extracted(read, previous=None)
    table.save(replace(read, status=Status.PENDING))

    table.save_extracted(replace(read, version=2, status=status), previous=read)

    assert (table.entry(read.entry_id).status, table.entry(read.entry_id).version) == (Status.PENDING, 1)


def test_a_pdf_that_comes_late_does_not_take_away_what_a_person_has_to_do(table):
    entry = entry_of(pdf_sha256="", pdf_key="")
    table.save_extracted(entry, previous=None)
    table.save(replace(entry, status=Status.FAILED, error_message="Add its realm."))

    table.attach_pdf(replace(entry, pdf_key="k", pdf_sha256="s"))

    assert table.entry(entry.entry_id).error_message == "Add its realm."


def test_rows_that_cannot_be_read_are_unfinished_and_failed_ones_that_can_are_not(table):
    table.save_extracted(entry_of(1, status=Status.FAILED, content_hash=""), previous=None)
    table.save_extracted(entry_of(2, status=Status.FAILED), previous=None)
    table.save_extracted(entry_of(3, status=Status.FAILED, content_hash="", withdrawn=True), previous=None)

    assert [entry.odoo_id for entry in table.unfinished(COMPANY, 10)] == [1]


@pytest.mark.parametrize(
    ("previous", "status", "told"),
    [
        (Status.PENDING, Status.POSTING, False),
        (Status.POSTING, Status.POSTING, False),
        (Status.POSTED, Status.FAILED, True),
        (Status.VOIDED, Status.POSTED, True),
    ],
)
def test_a_change_of_status_that_no_rule_foresees_is_told_and_written_all_the_same(table, previous, status, told):
    entry = entry_of(status=Status.PENDING)
    table.save_extracted(entry, previous=None)
    table.save(replace(entry, status=previous))

    with log_of() as records:
        table.save(replace(entry, status=status, qb_id="55"))

    forbidden = [(each.was, each.status) for each in records if each.message == "status changed as no rule says"]
    assert forbidden == ([(previous.value, status.value)] if told else [])
    assert (table.entry(entry.entry_id).status, table.entry(entry.entry_id).qb_id) == (status, "55")


def test_an_extractor_that_calls_a_document_posted_is_told(table):
    entry = entry_of()
    table.save_extracted(entry, previous=None)

    with log_of() as records:
        table.save_extracted(replace(entry, version=2, status=Status.POSTED), previous=entry)

    assert [each.message for each in records] == ["status changed as no rule says"]


def test_the_poster_leaves_alone_what_odoo_says(table):
    entry = entry_of()
    table.save_extracted(entry, previous=None)

    table.save(replace(entry, number="not the poster's", total=entry.total + 1, status=Status.POSTED))

    assert table.entry(entry.entry_id) == replace(entry, status=Status.POSTED)


def test_a_poster_that_comes_second_keeps_what_quickbooks_said_and_nothing_else(table):
    first = entry_of()
    table.save_extracted(first, previous=None)
    second = replace(first, version=2, number="new", pdf_key="", pdf_sha256="")
    table.save_extracted(second, previous=first)

    saved = table.save(replace(first, status=Status.POSTED, qb_id="55", pdf_attached=True, error_message="old"))

    entry = table.entry(first.entry_id)
    assert saved is False
    assert (entry.status, entry.qb_id, entry.pdf_attached, entry.error_message, entry.version) == (
        Status.PENDING,
        "55",
        True,
        "",
        2,
    )


def test_values_that_became_empty_are_removed(table, client):
    entry = entry_of(error_message="old", error_code="old", next_attempt_at=NOW)
    table.save_extracted(entry, previous=None)

    table.save(replace(entry, error_message="", error_code="", next_attempt_at=None))

    assert {"error_message", "error_code", "next_attempt_at"} & set(stored(client)) == set()


def test_an_entry_that_is_gone_is_not_made_again_by_saving(table, client):
    assert table.save(entry_of()) is False
    assert stored(client) is None


def test_the_pdf_of_an_older_version_is_not_attached_to_a_newer_one(table):
    first = entry_of(pdf_sha256="", pdf_key="")
    table.save_extracted(first, previous=None)
    table.save_extracted(replace(first, version=2), previous=first)

    table.attach_pdf(replace(first, pdf_key="k", pdf_sha256="s"))

    assert table.entry(first.entry_id).is_ready is False


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, True),
        ({"status": Status.POSTING}, True),
        ({"status": Status.FAILED}, False),
        ({"next_attempt_at": NOW}, True),
        ({"next_attempt_at": NOW + timedelta(seconds=1)}, False),
        ({"pdf_sha256": ""}, False),
        ({"pdf_sha256": "", "withdrawn": True}, True),
        ({"company": "companyB"}, False),
    ],
)
def test_what_is_due_is_found_by_company_and_status(table, changes, due):
    table.save_extracted(entry_of(**changes), previous=None)

    assert [entry.odoo_id for entry in table.due(COMPANY, NOW)] == ([17] if due else [])


def test_what_was_left_in_the_middle_is_due_first(table):
    for number in range(1, 4):
        table.save_extracted(entry_of(number), previous=None)
    table.save_extracted(entry_of(9, status=Status.POSTING), previous=None)

    assert next(table.due(COMPANY, NOW)).odoo_id == 9


def test_pages_are_followed_to_the_end(table, client, monkeypatch):
    for number in range(1, 8):
        table.save_extracted(entry_of(number), previous=None)
    query = client.query
    monkeypatch.setattr(client, "query", lambda **arguments: query(**arguments, Limit=2))

    assert len(list(table.with_status(COMPANY, Status.PENDING))) == 7


@pytest.mark.parametrize(("companies", "found"), [([], {1, 2}), ([COMPANY], {2}), ([COMPANY, "companyB"], set())])
def test_what_waits_elsewhere_is_found(table, companies, found):
    table.save_extracted(entry_of(1), previous=None)
    table.save_extracted(entry_of(2, company="companyB"), previous=None)
    table.save_extracted(entry_of(3, company="companyC", status=Status.FAILED), previous=None)

    assert {entry.odoo_id for entry in table.waiting_elsewhere(companies)} == found


def test_the_ids_of_a_company_are_told_with_their_status_and_those_of_another_database_are_not(table):
    table.save_extracted(entry_of(1), previous=None)
    table.save_extracted(entry_of(2, status=Status.VOIDED), previous=None)
    table.save_extracted(entry_of(3, company="other"), previous=None)
    table.save_extracted(entry_of(4, entry_id="another-account.move-4"), previous=None)

    assert table.ids("odoo", COMPANY) == {1: Status.PENDING, 2: Status.VOIDED}


def test_an_entry_whose_pdf_was_lost_is_unfinished_again(table):
    entry = entry_of(qb_id="55", status=Status.POSTING)
    table.save_extracted(entry, previous=None)

    table.ask_for_pdf(lifecycle.pdf_lost(entry, NOW))

    (unfinished,) = table.unfinished(COMPANY, 10)
    assert (unfinished.pdf_sha256, unfinished.status, unfinished.qb_id) == ("", Status.PENDING, "55")


def test_the_pdf_of_a_newer_version_is_not_lost_with_an_older_one(table):
    entry = entry_of()
    table.save_extracted(replace(entry, version=2), previous=None)

    table.ask_for_pdf(lifecycle.pdf_lost(entry, NOW))

    assert table.entry(entry.entry_id).pdf_sha256


def test_notes_beside_the_entries_are_in_no_index(table, client):
    client.put_item(TableName=NAME, Item={"entry_id": {"S": "shift#companyA"}, "holder": {"S": "x"}})
    table.save_extracted(entry_of(), previous=None)

    assert len(table.waiting_elsewhere([])) == 1


def test_many_entries_are_read_a_hundred_to_a_call(table, client, monkeypatch):
    for number in range(150):
        table.save_extracted(entry_of(number), previous=None)
    calls = []
    batch_get = client.batch_get_item
    monkeypatch.setattr(client, "batch_get_item", lambda **arguments: calls.append(arguments) or batch_get(**arguments))

    found = table.entries([f"odoo-account.move-{number}" for number in range(160)])

    assert len(found) == 150
    assert len(calls) == 2


def test_what_a_throttled_batch_left_out_is_asked_for_again(table, client, monkeypatch):
    for number in range(3):
        table.save_extracted(entry_of(number), previous=None)
    batch_get = client.batch_get_item

    def half(**arguments):
        keys = arguments["RequestItems"][NAME]["Keys"]
        answer = batch_get(RequestItems={NAME: {"Keys": keys[:1], "ConsistentRead": True}})
        answer["UnprocessedKeys"] = {NAME: {"Keys": keys[1:]}} if keys[1:] else {}
        return answer

    monkeypatch.setattr(client, "batch_get_item", half)

    assert len(table.entries([f"odoo-account.move-{number}" for number in range(3)])) == 3


def test_a_batch_that_stays_throttled_is_no_silent_gap(table, client, monkeypatch):
    keys = [{"entry_id": {"S": "odoo-account.move-1"}}]
    answer = {"Responses": {}, "UnprocessedKeys": {NAME: {"Keys": keys}}}
    monkeypatch.setattr(client, "batch_get_item", lambda **_: answer)

    with pytest.raises(Unavailable, match="throttled"):
        table.entries(["odoo-account.move-1"])


class UnreadableDocument:
    """A client of which every call fails."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, _name):
        def call(**_arguments):
            raise self._error

        return call


CALLS = {
    "entry": lambda table: table.entry("x"),
    "entries": lambda table: table.entries(["x"]),
    "due": lambda table: list(table.due(COMPANY, NOW)),
    "save_extracted": lambda table: table.save_extracted(entry_of(), previous=None),
    "save": lambda table: table.save(entry_of()),
    "elsewhere": lambda table: table.waiting_elsewhere([]),
}


@pytest.mark.parametrize("call", sorted(CALLS))
@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "x"),
            Unavailable,
            "did not answer",
        ),
        (ClientError({"Error": {"Code": "InternalServerError"}}, "x"), Unavailable, "did not answer"),
        (EndpointConnectionError(endpoint_url="http://x"), Unavailable, "did not answer"),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "x"), Misconfigured, "look at its IAM policy"),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "x"), Misconfigured, "does not exist"),
    ],
)
def test_trouble_with_dynamodb_is_told_as_ours(call, error, kind, words):
    with pytest.raises(kind, match=f"The table {NAME} .*{words}"):
        CALLS[call](TrackingTable(UnreadableDocument(error), NAME))


def test_the_batch_is_what_dynamodb_takes():
    assert module.BATCH_KEYS_MAX == 100
