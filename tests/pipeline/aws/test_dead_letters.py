from __future__ import annotations

import json

import pytest

from pipeline.aws.dead_letters import DeadLetters
from pipeline.domain.alert import Failure
from pipeline.domain.errors import PipelineError
from tests.books_world import log_of

NAME = "qb-poster-dlq-demo"
FAILED = Failure("companyA", "unmapped", "invoice INV/1 of Ä (10.00 USD)", "account 1 has none.",
                 entry_id="odoo-account.move-17")  # fmt: skip


@pytest.fixture
def sqs(empty_aws):
    return empty_aws.client("sqs")


@pytest.fixture
def url(sqs):
    return sqs.create_queue(QueueName=NAME)["QueueUrl"]


def test_a_failed_document_waits_there_with_its_error_and_what_to_do(sqs, url):
    assert DeadLetters(lambda: sqs, NAME).put(FAILED)

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    body = json.loads(message["Body"])
    assert body["entry_id"] == "odoo-account.move-17"
    assert (body["document"], body["error"]) == ("invoice INV/1 of Ä (10.00 USD)", "account 1 has none.")
    assert '"retry_failed": true' in body["fix"]


S3_EVENT = {"Records": [{"s3": {"object": {"key": "pending/my+db-account.move-18.pdf"}}}]}


@pytest.mark.parametrize(
    ("body", "entry_ids"),
    [
        (json.dumps({"entry_id": "odoo-account.move-17"}), ("odoo-account.move-17",)),
        (json.dumps(S3_EVENT), ("my db-account.move-18",)),
        (json.dumps({"sweep": True}), ()),
        (json.dumps({"entry_id": "nobodys"}), ()),
        (json.dumps([1]), ()),
        ("not JSON", ()),
        ("[" * 100_000, ()),
        ('{"entry_id": ' + '{"a":' * 50_000, ()),
        (json.dumps({"entry_id": "odoo-account.move-" + "9" * 10_000}), ()),
        (json.dumps({"Records": [{"s3": {"object": {"key": "pending/nobodys.pdf"}}}]}), ()),
        (json.dumps({"Records": [{"s3": {"object": "pending/nobodys.pdf"}}, {"s3": {"object": {"key": ["a"]}}}]}), ()),
    ],
)
def test_a_letter_says_which_entries_it_is_about(sqs, url, body, entry_ids):
    sqs.send_message(QueueUrl=url, MessageBody=body)

    (letter,) = DeadLetters(lambda: sqs, NAME).take()

    assert letter.entry_ids == entry_ids


def test_every_letter_is_taken_once_and_what_is_removed_is_gone(sqs, url):
    for number in range(25):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"entry_id": f"odoo-account.move-{number}"}))
    letters = DeadLetters(lambda: sqs, NAME)

    taken = [letter for some in iter(letters.take, []) for letter in some]
    for letter in taken[:20]:
        letters.remove(letter)

    assert len({letter.entry_ids for letter in taken}) == 25
    left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    assert left["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "5"


def test_a_letter_that_is_put_back_is_there_at_once(sqs, url):
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"entry_id": "odoo-account.move-1"}))
    letters = DeadLetters(lambda: sqs, NAME)
    (taken,) = letters.take()
    while_taken = letters.take()

    letters.put_back(taken)

    assert while_taken == []
    assert [letter.entry_ids for letter in letters.take()] == [("odoo-account.move-1",)]


def test_a_letter_that_cannot_be_sent_never_fails_the_run_and_is_logged(empty_aws):
    with log_of("pipeline.aws.dead_letters") as records:
        sent = DeadLetters(lambda: empty_aws.client("sqs"), "nowhere").put(FAILED)

    assert sent is False
    assert records[0].entry_id == "odoo-account.move-17"


def test_a_queue_that_is_not_there_is_ours_to_tell(empty_aws):
    with pytest.raises(PipelineError, match="The queue nowhere"):
        DeadLetters(lambda: empty_aws.client("sqs"), "nowhere").take()
