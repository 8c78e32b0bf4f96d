from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from local.stand_ins.aws import make_tracking_table
from pipeline.aws.conditional import CONFLICT_TRIES
from pipeline.aws.poster_table import PosterTable
from pipeline.domain.entry import BooksPart, Status, Step, names_of
from pipeline.domain.errors import Misconfigured, Unavailable
from tests.books_world import a_document, an_entry

NAME = "tracking"


class Client:
    """The client of the table. It notes its calls, and answers the next ones of an operation with given errors.

    An error comes before the call has an effect, or after it if `is_done`.
    """

    def __init__(self, client):
        self._client = client
        self.calls = []
        self.errors = {}
        self.is_done = False

    def __getattr__(self, name):
        real = getattr(self._client, name)

        def call(**arguments):
            self.calls.append((name, arguments))
            waiting = self.errors.get(name)
            error = waiting.pop(0) if waiting else None
            if error is None:
                return real(**arguments)
            if self.is_done:
                real(**arguments)
            raise error

        return call

    def made(self):
        return [name for name, _ in self.calls]


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": code}}, "x")


@pytest.fixture
def client(empty_aws):
    client = empty_aws.client("dynamodb")
    make_tracking_table(client, NAME)
    return Client(client)


@pytest.fixture
def table(client):
    numbers = count(1)
    return PosterTable(client, NAME, lambda: f"run{next(numbers)}")


def known(table, how_many):
    """Return so many stored entries, as the table has just read them."""
    entries = [an_entry(a_document(odoo_id=number)) for number in range(1, how_many + 1)]
    for entry in entries:
        table.save_extracted(entry, previous=None)
    return list(table.entries([entry.entry_id for entry in entries]).values())


def sent(entries):
    return [replace(entry, status=Status.POSTING, step=Step.CREATE, request_id="r-1") for entry in entries]


def test_a_group_is_saved_in_one_call(table, client):
    entries = known(table, 30)
    client.calls.clear()

    assert table.save_together(sent(entries)) == [True] * 30
    assert client.made() == ["transact_write_items"]


def test_a_call_takes_no_more_than_dynamodb_does(table, client):
    entries = known(table, 101)
    client.calls.clear()

    assert table.save_together(sent(entries)) == [True] * 101
    assert client.made() == ["transact_write_items", "update_item"]


def test_one_entry_needs_no_transaction(table, client):
    entries = known(table, 1)
    client.calls.clear()

    assert table.save_together(sent(entries)) == [True]
    assert client.made() == ["update_item"]


def test_what_is_the_same_as_before_is_not_sent(table, client):
    entries = known(table, 2)

    table.save_together([replace(entry, killed_attempts=1) for entry in entries])

    name, asked = client.calls[-1]
    assert name == "transact_write_items"
    for one in asked["TransactItems"]:
        names = set(one["Update"]["ExpressionAttributeNames"].values())
        assert names == {"killed_attempts", "updated_at", "save_id", "version"}


@pytest.mark.parametrize("code", ["TransactionCanceledException", "TransactionConflictException"])
def test_of_a_refused_transaction_each_entry_is_saved_by_itself(table, client, code):
    entries = known(table, 3)
    client.calls.clear()
    client.errors["transact_write_items"] = [refused(code)]

    assert table.save_together(sent(entries)) == [True] * 3
    assert client.made() == ["transact_write_items", *["update_item"] * 3]


def test_where_one_entry_cannot_be_saved_the_others_are(table, client):
    entries = known(table, 3)
    client.errors["transact_write_items"] = [refused("TransactionCanceledException")]
    client.errors["update_item"] = [None, refused("ProvisionedThroughputExceededException")]

    first, second, third = table.save_together(sent(entries))

    assert (first, third) == (True, True)
    assert isinstance(second, Unavailable)


def test_without_an_answer_each_has_the_same_error_and_all_of_it_is_written_again(table, client):
    entries = known(table, 2)
    client.errors["transact_write_items"] = [ReadTimeoutError(endpoint_url="x")]
    client.is_done = True

    first, second = table.save_together(sent(entries))

    assert first is second
    assert isinstance(first, Unavailable)
    assert table.save_together(entries) == [True, True]
    names = set(client.calls[-1][1]["ExpressionAttributeNames"].values())
    assert set(names_of(BooksPart)) <= names
    assert table.entry(entries[0].entry_id).request_id == ""


def test_a_right_that_is_missing_is_named(table, client):
    entries = known(table, 2)
    client.errors["transact_write_items"] = [refused("AccessDeniedException")]

    assert [type(answer) for answer in table.save_together(sent(entries))] == [Misconfigured] * 2


def test_an_item_that_a_transaction_is_writing_is_tried_again(table, client):
    (entry,) = known(table, 1)
    client.errors["update_item"] = [refused("TransactionConflictException")] * (CONFLICT_TRIES - 1)

    assert table.save(replace(entry, request_id="r-1"))


def test_an_item_that_is_always_being_written_is_no_answer(table, client):
    (entry,) = known(table, 1)
    client.errors["update_item"] = [refused("TransactionConflictException")] * CONFLICT_TRIES

    with pytest.raises(Unavailable, match="TransactionConflict"):
        table.save(replace(entry, request_id="r-1"))


def test_a_save_that_was_done_without_an_answer_may_be_repeated(table, client):
    (entry,) = known(table, 1)
    client.errors["update_item"] = [ReadTimeoutError(endpoint_url="x")]
    client.is_done = True

    with pytest.raises(Unavailable):
        table.save(replace(entry, request_id="r-1"))
    assert table.save(replace(entry, request_id="r-2"))


def test_entries_of_a_former_release_have_no_save_and_are_saved(table, client):
    (entry,) = known(table, 1)

    assert "save_id" not in client.get_item(TableName=NAME, Key={"entry_id": {"S": entry.entry_id}})["Item"]
    assert table.save(replace(entry, request_id="r-1"))
    assert table.entry(entry.entry_id).save_id.startswith("run1-")
