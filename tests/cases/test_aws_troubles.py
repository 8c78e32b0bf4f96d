"""AWS refuses in the middle of the work: nothing is lost or doubled, nobody is blamed, and the next runs go on."""

from __future__ import annotations

import errno
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from local.demo.small_files import pdf_page
from pipeline.domain.codec import dumps, loads
from pipeline.domain.errors import PipelineError
from pipeline.domain.open_alerts import AlertState
from pipeline.files import pdf
from pipeline.qbo import books
from pipeline.use_cases.report import STATE_KEY
from tests.cases.test_strange_answers import add_documents, booked, go_on, statuses
from tests.poster_world import says_nothing_secret

ALWAYS = 10**9


def refusal(code, **more):
    return lambda operation: ClientError({"Error": {"Code": code, "Message": "Rate exceeded"}, **more}, operation)


def broken(error):
    return lambda _operation: error


@contextmanager
def refusing(operations, error, *, skip=0, times=ALWAYS, where=""):
    """Have AWS refuse some operations after `skip` of them, so many `times`; the list yielded has what was refused."""
    real, seen, refused = BaseClient._make_api_call, [0], []

    def call(client, operation, parameters):
        if operation in operations and where in str(parameters):
            seen[0] += 1
            if skip < seen[0] <= skip + times:
                refused.append(operation)
                raise error(operation)
        return real(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", call):
        yield refused


def cancelled(code):
    reasons = [{"Code": code, "Message": "Throughput exceeds the current capacity"}]
    return refusal("TransactionCanceledException", CancellationReasons=reasons)


TABLE_WRITES = ("UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems")
TABLE_READS = ("GetItem", "BatchGetItem", "Query")
EVERYTHING = (*TABLE_WRITES, *TABLE_READS, "GetObject", "PutObject", "CopyObject", "DeleteObject", "GetSecretValue",
              "GetParameter", "PutParameter")  # fmt: skip
TROUBLES = {
    "DynamoDB throttles transactions": (("TransactWriteItems",), cancelled("ThrottlingError")),
    "DynamoDB has a conflict in each transaction": (("TransactWriteItems",), cancelled("TransactionConflict")),
    "DynamoDB refuses transactions of one id": (
        ("TransactWriteItems",), refusal("IdempotentParameterMismatchException")),
    "DynamoDB throttles its indexes": (("Query",), refusal("ProvisionedThroughputExceededException")),
    "DynamoDB throttles reads": (TABLE_READS, refusal("ThrottlingException")),
    "DynamoDB throttles writes": (TABLE_WRITES, refusal("RequestLimitExceeded")),
    "DynamoDB has an error of its own": (TABLE_WRITES, refusal("InternalServerError")),
    "DynamoDB finds conditions that do not hold": (("UpdateItem",), refusal("ConditionalCheckFailedException")),
    "S3 asks to slow down": (("PutObject", "CopyObject"), refusal("SlowDown")),
    "S3 cannot read": (("GetObject",), refusal("503")),
    "S3 has an error of its own": (("GetObject", "PutObject"), refusal("InternalError")),
    "S3 does not copy": (("CopyObject",), refusal("InternalError")),
    "S3 does not delete": (("DeleteObject",), refusal("ServiceUnavailable")),
    "KMS throttles S3": (("GetObject", "PutObject"), refusal("KMS.ThrottlingException")),
    "KMS throttles DynamoDB": (TABLE_WRITES, refusal("KMSThrottlingException")),
    "KMS throttles secrets": (("GetSecretValue",), refusal("KMSInternalException")),
    "SSM throttles": (("GetParameter", "PutParameter"), refusal("ThrottlingException")),
    "SSM stores too many versions": (("PutParameter",), refusal("ParameterMaxVersionLimitExceeded")),
    "Secrets Manager throttles": (("GetSecretValue",), refusal("ThrottlingException")),
    "the clock is wrong for S3": (("GetObject", "PutObject"), refusal("RequestTimeTooSkewed")),
    "the clock is wrong for all": (EVERYTHING, refusal("SignatureDoesNotMatch")),
    "the credentials expire": (EVERYTHING, refusal("ExpiredTokenException")),
    "the credentials are not known": (EVERYTHING, refusal("UnrecognizedClientException")),
    "there are no credentials": (EVERYTHING, broken(NoCredentialsError())),
    "no connection": (EVERYTHING, broken(EndpointConnectionError(endpoint_url="https://aws.example"))),
    "no answer in time": (EVERYTHING, broken(ReadTimeoutError(endpoint_url="https://aws.example"))),
    "connections that end": (EVERYTHING, broken(ConnectionClosedError(endpoint_url="https://aws.example"))),
}  # fmt: skip


@pytest.mark.usefixtures("waits_pass")
@pytest.mark.parametrize("skip", [0, 7])
@pytest.mark.parametrize("case", TROUBLES)
def test_trouble_of_aws_loses_and_doubles_nothing_and_is_over_when_it_is_over(open_world, case, skip):
    operations, error = TROUBLES[case]
    world = open_world()
    add_documents(world)

    refused = []
    for run in (world.extract, world.post):
        with refusing(operations, error, skip=skip) as some, suppress(PipelineError):
            run()
        refused += some
    world.free_lease()  # a lease that could not be released ends with the time of its run
    world.extract()
    go_on(world)

    assert refused or skip
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}
    files = [len(world.qb.books(realm.realm_id)._tables.table("Attachable")) for realm in world.realms]
    assert files == [3, 1]
    assert world.alerts() == []
    says_nothing_secret(world.machine)


# -- the queues of dead letters ----------------------------------------------------------------------------------------


def with_failures(open_world):
    """Return a world with a bill for a person in QuickBooks' terms, one that cannot be read, and an invoice."""
    world = open_world()
    world.move(801, "out_invoice", [{"amount": 100.0}])
    world.account(999, "999999", "Nowhere")
    world.move(802, "in_invoice", [{"amount": 50.0, "account": 999}], ref="B-2")
    world.move(803, "in_invoice", [{"amount": 50.0}], ref="B-3", invoice_date="bad date")
    return world


def undelivered(world, service):
    """Return how much each run so far has not delivered."""
    found = [line["AlertsUndelivered"] for line in world.machine.metrics if line["service"] == service]
    return [sum(value) if isinstance(value, list) else value for value in found]


@contextmanager
def deleted(sqs):
    """Delete the queues, and make them again, empty, at the end."""
    names = [url.rsplit("/", 1)[-1] for url in sqs.list_queues()["QueueUrls"] if "-dlq-" in url]
    for name in names:
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
    yield
    for name in names:
        sqs.create_queue(QueueName=name)


QUEUES_GONE = {
    "deleted": deleted,
    "denied": lambda _sqs: refusing(
        ("GetQueueUrl", "SendMessage", "ReceiveMessage"), refusal("AccessDenied"), where="-dlq-"
    ),
    "throttled": lambda _sqs: refusing(("SendMessage", "ReceiveMessage"), refusal("RequestThrottled"), where="-dlq-"),
    "its key cannot be used": lambda _sqs: refusing(
        ("SendMessage", "ReceiveMessage"), refusal("KMS.DisabledException"), where="-dlq-"
    ),
}


@pytest.mark.parametrize("case", QUEUES_GONE)
def test_without_its_queue_a_function_works_and_counts_it_and_the_letters_follow(open_world, case):
    world = with_failures(open_world)

    with QUEUES_GONE[case](world.machine.client("sqs")):
        extracted = [world.extract()["failed"], world.extract()["failed"]]
        posted = [world.post()["posted"], world.post()["posted"]]
        counted = [undelivered(world, service) for service in ("odoo-extractor", "qb-poster")]
    alerts = world.alerts()
    with_letters = world.machine.deployment.dead_letters
    look_again(world)

    assert (extracted, posted) == ([1, 0], [1, 0])
    assert all(runs and runs[0] >= 1 for runs in counted)
    assert len(alerts) == 2  # one for each document
    assert world.alerts() == []
    assert [len(with_letters(service)) for service in ("odoo-extractor", "qb-poster")] == [1, 1]


def look_again(world):
    """Let the time pass after which a function looks again at what it has not delivered, and run both."""
    client, table = world.machine.client("dynamodb"), world.machine.deployment.table
    key = {"entry_id": {"S": STATE_KEY}}
    item = client.get_item(TableName=table, Key=key)["Item"]
    (name,) = [name for name, value in item.items() if "look" in str(value)]
    state = replace(loads(AlertState, item[name]["S"]), looks=())
    client.put_item(TableName=table, Item={**item, name: {"S": dumps(state)}})
    world.extract()
    world.post()


@pytest.mark.parametrize("case", QUEUES_GONE)
def test_without_its_queue_what_came_right_by_a_retry_is_posted_and_no_run_ends_by_it(open_world, case):
    world = with_failures(open_world)
    world.run()
    world.mapping('["companyA".accounts]\n"999999" = "600000"\n')
    world.machine.output = ""

    with QUEUES_GONE[case](world.machine.client("sqs")):
        result = world.post({"retry_failed": True})

    assert (result["posted"], result["failed"]) == (1, 0)
    assert undelivered(world, "qb-poster") == [1]


def test_a_redrive_without_its_queue_says_that_terraform_makes_it_again(open_world):
    world = with_failures(open_world)
    world.run()

    with deleted(world.machine.client("sqs")):
        answer = world.post({"redrive": True})

    assert "`terraform apply` makes it again" in answer["error"]
    assert statuses(world) == {"posted": 1, "failed": 2}


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_one_message_that_sns_refuses_is_sent_by_the_next_run_that_can_and_only_once(open_world):
    world = with_failures(open_world)
    world.extract()
    world.alerts()

    with refusing(("Publish",), refusal("InvalidParameter"), where="Nowhere"):
        world.post()
        during = world.alerts()
    look_again(world)
    look_again(world)

    assert during == []
    assert [alert["subject"] for alert in world.alerts()] == [
        "[demo] companyA: 1 document for a person: an account has no counterpart in QuickBooks"
    ]


def test_a_function_that_lambda_does_not_start_beside_it_does_the_work_itself(open_world):
    world = open_world()
    add_documents(world)
    world.machine.set_environ("qb-poster", AWS_LAMBDA_FUNCTION_NAME="qb-poster-demo")
    world.extract()

    with refusing(("Invoke",), refusal("TooManyRequestsException")) as refused:
        world.post()

    assert refused
    assert statuses(world) == {"posted": 4}


def test_memory_that_is_not_there_for_one_document_ends_no_run_and_the_others_are_posted(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    real = books.payload

    def payload(document, *arguments, **options):
        if document.odoo_id == 802:
            raise MemoryError
        return real(document, *arguments, **options)

    with patch.object(books, "payload", payload):
        world.post()
    meanwhile = statuses(world)
    go_on(world)

    assert meanwhile == {"posted": 3, "pending": 1}
    assert world.alerts() == []
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}


def test_a_disk_that_is_full_costs_no_bill_its_paper_once_there_is_room(open_world):
    world = open_world()
    add_documents(world)
    world.odoo.attach(802, "second.pdf", "application/pdf", pdf_page("second"))

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with patch.object(pdf, "_write_merged", full):
        world.run()
    meanwhile = statuses(world)
    world.run()

    assert meanwhile == {"posted": 3, "pending": 1}
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}
    assert "stays in Odoo" not in str(world.entries()[802].get("error_message"))
    assert world.alerts() == []


@pytest.mark.parametrize("allowed", range(6))
def test_threads_that_cannot_be_started_lose_nothing_and_no_run_hangs(open_world, allowed):
    world = open_world()
    add_documents(world)
    real, left = threading.Thread.start, [allowed]

    def start(thread):
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        real(thread)

    with patch.object(threading.Thread, "start", start):
        for run in (world.extract, world.post):
            left[0] = allowed
            with suppress(PipelineError):
                run()
    world.machine.output = ""
    world.free_lease()
    world.extract()
    go_on(world)

    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}


@pytest.mark.parametrize("skip", [0, 6, 12, 18])
@pytest.mark.parametrize("code", ["ExpiredTokenException", "AccessDeniedException"])
def test_whatever_aws_refuses_the_order_sync_and_the_tie_out_its_end_is_a_sentence_and_the_next_run_is_whole(
    open_world, skip, code
):
    world = open_world()
    add_documents(world)
    world.run()
    world.alerts()

    for run in (world.machine.sync_orders, world.machine.tie_out):
        with refusing(EVERYTHING, refusal(code), skip=skip), suppress(PipelineError):
            run()
    meanwhile = world.alerts()
    world.free_lease()  # a lease that could not be released ends with the time of its run
    world.machine.sync_orders()
    result = world.machine.tie_out()

    assert len(meanwhile) <= 2  # one of each function at most
    assert "unexpected" not in str(meanwhile)
    assert result["remaining"] is False
    says_nothing_secret(world.machine)
