from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.stand_ins.aws import make_tracking_table
from pipeline.aws import batch_read
from pipeline.aws.drift_table import DriftTable
from pipeline.domain.entry import (
    BooksPart,
    DriftPart,
    Entry,
    KeyPart,
    OdooPart,
    PdfPart,
    SavePart,
    Status,
    Step,
    WorkPart,
    names_of,
)
from pipeline.domain.errors import Misconfigured, Unavailable
from pipeline.domain.transitions import ForbiddenTransition
from tests.books_world import COMPANY, NOW, a_document, an_entry, log_of

NAME = "tracking"
ALL_PARTS = (KeyPart, OdooPart, PdfPart, BooksPart, WorkPart, DriftPart, SavePart)


@pytest.fixture
def client(empty_aws):
    client = empty_aws.client("dynamodb")
    make_tracking_table(client, NAME)
    return client


@pytest.fixture
def table(client):
    return DriftTable(client, NAME, lambda: "run")


def entry_of(number=17, **changes):
    return an_entry(a_document(odoo_id=number), **changes)


def stored(client, entry_id="odoo-account.move-17"):
    return client.get_item(TableName=NAME, Key={"entry_id": {"S": entry_id}}).get("Item")


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


def test_of_two_extractors_the_slower_one_changes_nothing(table):
    first = entry_of()
    table.save_extracted(first, previous=None)
    table.save_extracted(replace(first, version=2, number="second"), previous=first)

    with log_of() as records:
        table.save_extracted(replace(first, version=2, number="late"), previous=first)

    assert table.entry(first.entry_id).number == "second"
    assert [record.message for record in records] == ["another run was faster"]


@pytest.mark.parametrize(
    ("previous", "status", "logs"),
    [
        (Status.PENDING, Status.POSTING, False),
        (Status.POSTING, Status.POSTING, False),
        (Status.POSTED, Status.FAILED, True),
        (Status.VOIDED, Status.POSTED, True),
    ],
)
def test_a_change_of_status_that_no_rule_foresees_is_reported_and_written_all_the_same(table, previous, status, logs):
    entry = entry_of(status=Status.PENDING)
    table.save_extracted(entry, previous=None)
    table.save(replace(entry, status=previous))

    with log_of() as records:
        table.save(replace(entry, status=status, qb_id="55"))

    forbidden = [
        (record.was, record.status) for record in records if record.message == "status changed as no rule says"
    ]
    assert forbidden == ([(previous.value, status.value)] if logs else [])
    assert (table.entry(entry.entry_id).status, table.entry(entry.entry_id).qb_id) == (status, "55")


def test_an_extractor_that_calls_a_document_posted_is_reported(table):
    entry = entry_of()
    table.save_extracted(entry, previous=None)

    with log_of() as records:
        table.save_extracted(replace(entry, version=2, status=Status.POSTED), previous=entry)

    assert [record.message for record in records] == ["status changed as no rule says"]


def test_values_that_became_empty_are_removed(table, client):
    entry = entry_of(error_message="old", error_code="old", next_attempt_at=NOW)
    table.save_extracted(entry, previous=None)

    table.save(replace(entry, error_message="", error_code="", next_attempt_at=None))

    assert {"error_message", "error_code", "next_attempt_at"} & set(stored(client)) == set()


class Writes:
    """The client of the table, which notes what each update sets or removes and may leave one without an answer."""

    def __init__(self, client):
        self._client = client
        self.names = []
        self.is_lost = False

    def __getattr__(self, name):
        return getattr(self._client, name)

    def update_item(self, **arguments):
        self.names.append(set(arguments["ExpressionAttributeNames"].values()))
        if self.is_lost:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        return self._client.update_item(**arguments)


def test_only_what_has_changed_is_written_again(client):
    writes = Writes(client)
    table = DriftTable(writes, NAME, lambda: "run")
    entry = entry_of(status=Status.PENDING)
    table.save_extracted(entry, previous=None)

    table.save(entry)
    sent = replace(entry, status=Status.POSTING, step=Step.CREATE, request_id="r-1")
    table.save(sent)
    table.save(replace(sent, step=None, qb_id="5"))

    first, second, third = writes.names
    assert set(names_of(BooksPart)) | set(names_of(WorkPart)) <= first
    assert second & set(names_of(BooksPart)) == {"step", "request_id"}
    assert third & set(names_of(BooksPart)) == {"step", "qb_id"}
    assert second & set(names_of(WorkPart)) == {"status", "updated_at"}
    assert third & set(names_of(WorkPart)) == {"updated_at"}
    kept = table.entry(entry.entry_id)
    assert (kept.step, kept.request_id, kept.qb_id) == (None, "r-1", "5")


def test_after_a_write_without_an_answer_everything_is_written_again(client):
    writes = Writes(client)
    table = DriftTable(writes, NAME, lambda: "run")
    entry = entry_of(status=Status.PENDING)
    table.save_extracted(entry, previous=None)
    table.save(entry)
    writes.is_lost = True
    with pytest.raises(Unavailable):
        table.save(replace(entry, request_id="r-1"))
    writes.is_lost = False

    table.save(replace(entry, request_id="r-2"))

    assert set(names_of(BooksPart)) <= writes.names[-1]


def test_after_another_run_was_faster_everything_is_written_again(client):
    writes = Writes(client)
    table = DriftTable(writes, NAME, lambda: "run")
    entry = entry_of(status=Status.PENDING)
    table.save_extracted(entry, previous=None)
    table.save(entry)
    table.save_extracted(replace(entry, version=2), previous=entry)

    assert not table.save(replace(entry, request_id="r-1"))
    assert set(names_of(BooksPart)) <= writes.names[-1]
    assert table.entry(entry.entry_id).request_id == "r-1"
    assert table.save(replace(entry, version=2, request_id="r-2"))
    assert set(names_of(BooksPart)) <= writes.names[-1]


def test_pages_are_followed_to_the_end(table, client, monkeypatch):
    for number in range(1, 8):
        table.save_extracted(entry_of(number), previous=None)
    query = client.query
    monkeypatch.setattr(client, "query", lambda **arguments: query(**arguments, Limit=2))

    assert len(list(table.with_status(COMPANY, Status.PENDING))) == 7


def test_of_what_was_posted_only_the_instant_is_read(table, client, monkeypatch):
    for number in range(1, 6):
        table.save_extracted(entry_of(number, status=Status.POSTED, posted_at=NOW), previous=None)
    table.save_extracted(entry_of(6), previous=None)
    table.save_extracted(entry_of(7, company="companyB", status=Status.POSTED, posted_at=NOW), previous=None)
    query, answered = client.query, []

    def noted(**arguments):
        answer = query(**arguments, Limit=2)
        answered.extend(answer["Items"])
        return answer

    monkeypatch.setattr(client, "query", noted)

    assert list(table.posted_at(COMPANY)) == [NOW] * 5
    assert {name for stored in answered for name in stored} == {"posted_at"}


def test_notes_beside_the_entries_are_in_no_index(table, client):
    client.put_item(TableName=NAME, Item={"entry_id": {"S": "shift#companyA"}, "holder": {"S": "x"}})
    table.save_extracted(entry_of(), previous=None)

    assert len(list(table.waiting())) == 1


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


class Written:
    """A client that notes which attributes each call writes."""

    def __init__(self):
        self.names = set()

    def put_item(self, **request):
        self.names = set(request["Item"])
        return {}

    def update_item(self, **request):
        placeholders = re.findall(r"#\w+", request["UpdateExpression"])
        self.names = {request["ExpressionAttributeNames"][name] for name in placeholders}
        return {"Attributes": {}}


WRITERS = {
    "the first save": (lambda table, entry: table.save_extracted(entry, previous=None), ALL_PARTS),
    "the extractor": (
        lambda table, entry: table.save_extracted(replace(entry, version=2), previous=entry),
        (OdooPart, PdfPart, WorkPart),
    ),
    "the poster": (lambda table, entry: table.save(entry), (BooksPart, WorkPart, SavePart)),
    "a lost PDF": (lambda table, entry: table.ask_for_pdf(entry), (BooksPart, WorkPart, PdfPart, SavePart)),
    "the watch": (
        lambda table, entry: table.note_drift(entry, drift="{}", qb_open=entry.total),
        (DriftPart,),
    ),
}


def full_entry():
    """Return an entry with a value in every field, because an empty one is not written at the first save."""
    entry = entry_of()
    blank = [name for name in names_of(Entry) if getattr(entry, name) in ("", None)]
    values = dict.fromkeys(blank, "x") | {name: NOW for name in blank if name.endswith("_at")}
    return replace(entry, **values | {"expires_at": 1, "step": Step.CREATE, "qb_total": entry.total})


@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_each_writer_writes_its_parts_and_nothing_else(writer):
    client = Written()
    write, parts = WRITERS[writer]

    write(DriftTable(client, NAME, lambda: "run"), full_entry())

    assert client.names == set(names_of(*parts))


def test_every_part_but_the_key_has_a_writer_after_the_first_save():
    later = {part for writer, (_, parts) in WRITERS.items() if writer != "the first save" for part in parts}

    assert later == set(ALL_PARTS) - {KeyPart}


class BrokenClient:
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
    "waiting": lambda table: list(table.waiting()),
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
def test_trouble_with_dynamodb_is_reported_as_ours(call, error, kind, words):
    with pytest.raises(kind, match=f"The table {NAME} .*{words}"):
        CALLS[call](DriftTable(BrokenClient(error), NAME, lambda: "run"))


def test_the_batch_is_what_dynamodb_takes():
    assert batch_read.KEYS_MAX == 100


@pytest.mark.parametrize("sent", [{"qb_id": "7"}, {"realm": "9341"}], ids=str)
@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.VOIDED])
def test_that_something_was_sent_shows_whatever_else_is_in_the_table(table, sent, status):
    def keep(number, **changes):
        with suppress(ForbiddenTransition):
            table.save_extracted(replace(entry_of(), entry_id=f"odoo-account.move-{number}", **changes), previous=None)

    for number in range(3):
        keep(number)
    before = table.has_sent()
    keep(9, status=status, **sent)

    assert (before, table.has_sent()) == (False, True)
