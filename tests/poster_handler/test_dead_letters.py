"""Dead letters and the redrive, through the poster's handler."""

from __future__ import annotations

import json
from functools import partial

import botocore.client
import pytest
from botocore.exceptions import ClientError

import qb_poster
from local.demo.books import REALM_A
from local.stand_ins.http_server import Response
from local.stand_ins.quickbooks.faults import MESSAGES, fault_in_200, validation_fault
from pipeline.aws import dead_letters
from pipeline.use_cases.recover.redrive import Taking
from tests.poster_world import booked, break_once, failed


def refuse_one(machine) -> None:
    break_once(machine, fault_in_200("6000", MESSAGES["6000"], "Something is off."))
    assert machine.post()["failed"] == 1


@pytest.mark.usefixtures("one_by_one")
def test_a_failed_document_waits_in_the_queue_with_its_error_and_what_to_do(machine):
    refuse_one(machine)

    (letter,) = machine.deployment.dead_letters("qb-poster")
    (entry,) = failed(machine)
    assert letter["entry_id"] == entry["entry_id"]
    assert letter["error"] in entry["error_message"]
    assert "retry_failed" in letter["fix"]


@pytest.mark.usefixtures("one_by_one")
def test_a_redrive_puts_everything_back_and_each_is_applied_once(machine):
    refuse_one(machine)

    first = machine.post({"redrive": True})
    second = machine.post({"redrive": True})

    assert (first["redriven"], first["posted"]) == (1, 1)
    assert (second["redriven"], second["posted"]) == (0, 0)
    assert len(booked(machine)) == 4
    assert machine.deployment.dead_letters("qb-poster") == []


@pytest.mark.usefixtures("one_by_one")
def test_the_event_of_a_function_that_died_is_put_back_like_any_other(machine):
    refuse_one(machine)
    sqs = machine.client("sqs")
    url = sqs.get_queue_url(QueueName="qb-poster-dlq-demo")["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    (entry,) = failed(machine)
    killed = {"Records": [{"s3": {"object": {"key": f"pending/{entry['entry_id']}.pdf"}}}]}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(killed), MessageAttributes={
        "ErrorMessage": {"DataType": "String", "StringValue": "Task timed out after 120.00 seconds"}})  # fmt: skip

    result = machine.post({"redrive": True})

    assert (result["redriven"], result["posted"]) == (1, 1)


def test_a_redrive_that_leaves_letters_says_that_something_remains(machine, monkeypatch):
    machine.quickbooks.books(REALM_A).realm.book_close_date = "2099-12-31"
    machine.post()
    monkeypatch.setattr(qb_poster, "Taking", partial(Taking, count_max=1))
    monkeypatch.setattr(dead_letters, "MESSAGES_MAX", 1)

    result = machine.post({"redrive": True})

    assert (result["redriven"], result["remaining"]) == (1, True)


def test_what_fails_again_is_in_the_queue_again(machine):
    machine.quickbooks.books(REALM_A).realm.book_close_date = "2099-12-31"
    machine.post()

    result = machine.post({"redrive": True})

    assert (result["redriven"], result["failed"], result["remaining"]) == (4, 4, False)
    assert len(machine.deployment.dead_letters("qb-poster")) == 4


@pytest.mark.usefixtures("one_by_one")
def test_a_document_that_came_right_by_a_retry_leaves_no_letter_behind(machine):
    refuse_one(machine)

    machine.post({"retry_failed": True})

    assert machine.deployment.dead_letters("qb-poster") == []


@pytest.mark.usefixtures("one_by_one")
def test_many_documents_of_one_cause_are_one_alert(machine):
    def every_document(request):
        return request.method == "POST" and request.path.rpartition("/")[2] in (
            "invoice", "bill", "creditmemo", "vendorcredit")  # fmt: skip

    break_once(machine, validation_fault("6210", MESSAGES["6210"], "Closed."), matches=every_document, times=99)

    machine.post()

    (alert,) = machine.alerts()
    assert alert["subject"] == "[demo] companyA: 4 documents for a person: QuickBooks refuses it"


@pytest.mark.usefixtures("one_by_one")
def test_a_refused_pdf_leaves_the_document_and_is_reported(machine):
    error = {"Message": MESSAGES["6041"], "Detail": "No such type.", "code": "6041"}
    entry_fault = {"AttachableResponse": [{"Fault": {"Error": [error], "type": "ValidationFault"}}]}
    break_once(machine, Response.json(entry_fault), matches=lambda request: request.path.endswith("/upload"))

    result = machine.post()
    again = machine.post({"retry_failed": True})

    assert (result["posted"], result["failed"], again["posted"]) == (3, 1, 1)
    assert len(booked(machine)) == len(machine.quickbooks.books(REALM_A).attachables()) == 4


def denied(machine, monkeypatch, function, operation):
    """Let SQS refuse one operation on a function's queue; with an empty one, remove the queue."""
    sqs = machine.client("sqs")
    if not operation:
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=f"{function}-dlq-demo")["QueueUrl"])
        return
    call = botocore.client.BaseClient._make_api_call

    def refusing(client, name, arguments):
        # moto's receipts are letters at random: three of them stand in one of a hundred.
        if name == operation and "-dlq-" in str(arguments):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "secret of theirs"}}, name)
        return call(client, name, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", refusing)


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("function", ["qb-poster", "odoo-extractor"])
@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ("GetQueueUrl", "its role needs sqs:GetQueueUrl on it"),
        ("ReceiveMessage", "its role needs sqs:ReceiveMessage on it"),
        ("", "does not exist: `terraform apply` makes it again"),
    ],
)
def test_a_redrive_whose_queue_cannot_be_used_is_answered_with_queue_and_permission(
    machine, monkeypatch, function, operation, says
):
    refuse_one(machine)
    machine.alerts()
    denied(machine, monkeypatch, function, operation)

    answer = machine.invoke(function, {"redrive": True})

    assert answer["code"] == "not_redriven"
    assert answer["error"].startswith(f"The dead letters are not put back. The queue {function}-dlq-demo ")
    assert says in answer["error"]
    assert machine.alerts() == []


@pytest.mark.usefixtures("one_by_one")
def test_a_redrive_that_may_not_remove_its_letters_says_so_and_what_it_opened_is_posted(machine, monkeypatch):
    refuse_one(machine)
    denied(machine, monkeypatch, "qb-poster", "DeleteMessage")

    answer = machine.post({"redrive": True})
    machine.post()

    assert "its role needs sqs:DeleteMessage on it" in answer["error"]
    assert failed(machine) == []
    assert len(booked(machine)) == 4
