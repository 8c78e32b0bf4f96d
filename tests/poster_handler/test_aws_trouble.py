"""AWS has trouble, through the poster's handler."""

from __future__ import annotations

import json

import pytest

from local.stand_ins.http_server import Response, StandInServer
from local.stand_ins.quickbooks.faults import MESSAGES, validation_fault
from pipeline.domain.entry import OUTCOME_SETTLES_S
from pipeline.domain.errors import PipelineError
from tests.poster_world import break_once, statuses


def test_a_pdf_that_is_gone_is_fetched_again_and_nobody_is_asked(machine):
    key = machine.keys("pending/")[0]
    machine.client("s3").delete_object(Bucket=machine.deployment.bucket, Key=key)

    first = machine.post()
    machine.extract()
    second = machine.post()

    assert (first["posted"], first["failed"]) == (3, 0)
    assert (second["posted"], second["failed"]) == (1, 0)
    assert machine.alerts() == []


def test_a_stored_document_that_does_not_open_fails_alone(machine):
    entries = list(machine.entries().values())
    for entry, content in zip(entries[:3], (b"not json", b"{}", b'{"database": 7}'), strict=True):
        machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key=entry["document_key"], Body=content)

    result = machine.post()
    machine.output = ""  # a fault of ours is logged with our own traceback

    assert (result["posted"], result["failed"]) == (1, 3)


def test_a_bucket_that_is_not_there_fails_no_document(machine):
    machine.set_environ("qb-poster", S3_BUCKET="nowhere")

    result = machine.post()

    assert result["paused"] == ["companyA"]
    assert statuses(machine) == {"pending": 4}
    assert "The bucket nowhere does not exist" in machine.alerts()[0]["text"]


@pytest.mark.usefixtures("one_by_one")
def test_an_alert_that_cannot_be_sent_is_counted_and_never_fails_the_run(machine):
    machine.set_environ("qb-poster", SNS_ALERT_TOPIC="arn:aws:sns:us-west-2:123456789012:nowhere")
    break_once(machine, validation_fault("6000", MESSAGES["6000"], "No."))

    result = machine.post()

    assert (result["posted"], result["failed"]) == (3, 1)
    assert machine.metrics[0]["AlertsUndelivered"] == [1]


@pytest.mark.usefixtures("one_by_one")
def test_slack_gets_it_too_when_it_is_configured(machine):
    slack = StandInServer(lambda _request: Response(200, b"ok"))
    machine.set_environ("qb-poster", SLACK_WEBHOOK_URL=f"{slack.url}/services/secret-part")
    break_once(machine, validation_fault("6000", MESSAGES["6000"], "No."))

    machine.post()
    slack.close()

    assert "1 document for a person" in json.loads(slack.requests[0].body)["text"]
    assert len(machine.alerts()) == 1
    assert "secret-part" not in machine.output


def test_an_error_that_nobody_can_fix_is_raised_for_the_dead_letter_queue(machine):
    machine.client("dynamodb").delete_table(TableName=machine.deployment.table)

    with pytest.raises(PipelineError):
        machine.post()
    machine.client("dynamodb").create_table(
        TableName=machine.deployment.table, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "entry_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "entry_id", "AttributeType": "S"}],
    )  # fmt: skip


def test_a_run_without_time_begins_nothing(machine):
    machine.time_left_s = 20.0

    result = machine.post()

    assert result["posted"] == 0
    assert statuses(machine) == {"pending": 4}


def test_the_settling_time_is_longer_than_quickbooks_may_take():
    assert OUTCOME_SETTLES_S > 120
