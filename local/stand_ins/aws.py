"""Embedded AWS: moto in this process, with what Terraform deploys, and events delivered as AWS delivers them."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import boto3
from boto3.dynamodb.types import TypeDeserializer
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.dynamodb.models import DynamoDBBackend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.secretsmanager.exceptions import SecretHasNoValueException, SecretNotFoundException
from moto.secretsmanager.models import SecretsManagerBackend
from moto.sns.models import Subscription
from werkzeug.serving import WSGIRequestHandler, make_server

from local.stand_ins import (
    item_values,
    parameter_store,  # noqa: F401 - first, so that nobody imports it at length
)
from local.stand_ins.context import Context
from local.stand_ins.http_server import stop_at_once
from local.stand_ins.process import environment, forbidden_transitions
from local.stand_ins.transactions import write_together

ACCOUNT = "123456789012"
REGION = "us-west-2"
ENVIRONMENT = "demo"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "embedded",
    "AWS_SECRET_ACCESS_KEY": "embedded",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# A signature says which service it is for.
_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/")

type Handler = Callable[[Any, Any], Any]
type Environ = dict[str, str]


def signed_for(authorization: str) -> str:
    """Return the service an `Authorization` header is signed for, such as `s3`; an empty text when it is not signed."""
    found = _SERVICE.search(authorization)
    return found[1] if found else ""


class _OneAtATime:
    """Lets one request into moto at a time: its conditional writes are not atomic by themselves, those of AWS are."""

    def __init__(self, application: Any) -> None:
        self.calls: Counter[str] = Counter()
        self._application = application
        self.lock = threading.Lock()

    def __call__(self, environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
        with self.asked(signed_for(environ.get("HTTP_AUTHORIZATION", "")), environ["REQUEST_METHOD"]):
            return list(self._application(environ, start_response))

    @contextmanager
    def asked(self, service: str, method: str) -> Iterator[None]:
        """Count a request and keep the others out until it is answered."""
        with self.lock:
            self.count(service, method)
            yield

    def count(self, service: str, method: str) -> None:
        """Count a request, by whoever keeps the others out."""
        self.calls[f"{service or 'unsigned'} {method}"] += 1


_moto_secret_value = SecretsManagerBackend.get_secret_value


def _secret_value(
    backend: SecretsManagerBackend, secret_id: str, version_id: str, version_stage: str
) -> dict[str, Any]:
    """Return the value of a secret, and say of one without a value what AWS says: moto says that it does not exist."""
    try:
        return _moto_secret_value(backend, secret_id, version_id, version_stage)
    except SecretNotFoundException:
        if backend._is_valid_identifier(secret_id):  # noqa: SLF001 - moto asks it so
            raise SecretHasNoValueException(version_stage) from None
        raise


_moto_signing_key = Subscription.private_key.__wrapped__


@cache
def _signing_key() -> Any:
    return _moto_signing_key(None)


def _signing_key_of(_subscription: Subscription) -> Any:
    """Return the key that signs messages, the same for all subscriptions: making one takes a tenth of a second."""
    return _signing_key()


class _Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_arguments: object) -> None:
        """Log nothing: the demo prints its own progress."""


class AnyAws(Protocol):
    """An AWS of this machine: what a function's environment says of it, and clients of its services."""

    environ: Environ

    def client(self, name: str) -> Any:
        """Return a client of one service."""


class EmbeddedAws:
    """moto's server on a free port of this machine, and clients of it; a new one is empty.

    `calls` counts what it was asked, by service and method, such as `s3 PUT`. `asked` counts one more request and keeps
    the others out meanwhile; `lock` and `count` are its two halves.
    """

    def __init__(self) -> None:
        DynamoDBBackend.transact_write_items = write_together  # type: ignore[method-assign,assignment]
        SecretsManagerBackend.get_secret_value = _secret_value  # type: ignore[method-assign,assignment]
        item_values.word_once()
        Subscription.private_key = _signing_key_of  # type: ignore[method-assign,assignment]
        services = DomainDispatcherApplication(create_backend_app)
        # moto lists its own folder for each request, to find whose it is.
        services.get_backend_for_host = cache(services.get_backend_for_host)  # type: ignore[method-assign]
        application = _OneAtATime(services)
        self.calls, self.asked = application.calls, application.asked
        self.lock, self.count = application.lock, application.count
        self._server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Silent)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.environ: Environ = {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url}
        self._clients: dict[str, Any] = {}
        self.empty()

    def empty(self) -> None:
        """Forget everything: moto keeps its state per process, whichever server it is asked through."""
        with self.asked("moto", "reset"):
            BackendDict.reset()
            reset_model_data()

    def client(self, name: str) -> Any:
        """Return the client of one service; making one costs more than a hundred calls."""
        if name not in self._clients:
            self._clients[name] = boto3.client(
                name,  # type: ignore[call-overload]
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[name]

    def close(self) -> None:
        """Stop serving."""
        stop_at_once(self._server)
        self._server.server_close()


class InProcessAws:
    """AWS by `moto.mock_aws`, without a server: faster, if no socket is needed."""

    environ: Environ = CREDENTIALS

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    def client(self, name: str) -> Any:
        """Return a client of one service; making one costs more than a hundred calls."""
        if name not in self._clients:
            self._clients[name] = boto3.client(
                name,  # type: ignore[call-overload]
                region_name=REGION,
                aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[name]


@dataclass(slots=True)
class Deployment:
    """The pipeline's resources, and the environment of each function by its name."""

    aws: AnyAws
    bucket: str
    table: str
    order_table: str
    topic: str
    odoo_secret: str
    quickbooks_secret: str
    alerts_queue: str
    environs: dict[str, Environ]

    @contextmanager
    def environ_of(self, function: str) -> Iterator[None]:
        """Add a function's environment to this process' own for as long as it runs. Several functions may run at once.

        Raises AssertionError when an entry's status was changed meanwhile as no rule says.
        """
        with environment.of(self.aws.environ | self.environs[function]):
            with forbidden_transitions.heard() as found:
                yield
            if found:
                raise AssertionError(found)

    def invoke(self, function: str, handler: Handler, event: Any, *, timeout_s: float) -> Any:
        """Invoke a handler and return what Lambda would: its result as JSON, once there and back."""
        with self.environ_of(function):
            return json.loads(json.dumps(handler(event, Context(timeout_s, function)), default=_json_number))

    def pending_events(self) -> list[dict[str, Any]]:
        """Return the ObjectCreated events of the PDFs that wait, one per object, as S3 words them."""
        s3 = self.aws.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="pending/")
        return [object_created(self.bucket, item["Key"]) for page in pages for item in page.get("Contents", [])]

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries of the tracking table, as plain values."""
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        read = TypeDeserializer().deserialize
        # Notes have a # in their key and are none.
        items = [item for page in pages for item in page["Items"] if "#" not in item["entry_id"]["S"]]
        return [{name: value["S"] if "S" in value else read(value) for name, value in item.items()} for item in items]

    def statuses(self) -> Counter[str]:
        """Return how many entries have each status, without reading the entries."""
        names = {"#key": "entry_id", "#status": "status"}
        pages = (
            self.aws.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.table, ProjectionExpression="#key, #status", ExpressionAttributeNames=names)
        )
        # Notes have a # in their key and are none.
        return Counter(
            item["status"]["S"] for page in pages for item in page["Items"] if "#" not in item["entry_id"]["S"]
        )

    def dead_letters(self, function: str) -> list[Any]:
        """Return the messages in a function's dead-letter queue, and leave them there."""
        sqs = self.aws.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{function}-dlq-{ENVIRONMENT}")["QueueUrl"]
        found: list[Any] = []
        taken: list[str] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in messages]
            taken += [message["ReceiptHandle"] for message in messages]
        for receipt in taken:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
        return found

    def alerts(self) -> list[dict[str, str]]:
        """Return and remove the alerts that were sent, oldest first."""
        sqs = self.aws.client("sqs")
        found: list[dict[str, str]] = []
        while True:
            messages = sqs.receive_message(QueueUrl=self.alerts_queue, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return found
            for message in messages:
                body = json.loads(message["Body"])
                found.append({"subject": body.get("Subject", ""), "text": body["Message"]})
                sqs.delete_message(QueueUrl=self.alerts_queue, ReceiptHandle=message["ReceiptHandle"])


def deploy(
    aws: AnyAws,
    *,
    odoo_url: str,
    odoo_secret: Mapping[str, Any],
    quickbooks_url: str,
    discovery_url: str,
    quickbooks_secret: Mapping[str, Any],
    alerts_are_read: bool = True,
) -> Deployment:
    """Make what Terraform makes, with the secrets filled in, and return it.

    Without `alerts_are_read` nobody subscribes to the alerts, and `Deployment.alerts` has nothing to tell.
    """
    s3, dynamodb, sns = (aws.client(name) for name in ("s3", "dynamodb", "sns"))
    bucket, table, order_table = "odoo-qb-documents-demo", "odoo-qb-invoices-demo", "odoo-sale-orders-demo"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    make_tracking_table(dynamodb, table)
    _make_order_table(dynamodb, order_table)
    topic = sns.create_topic(Name="odoo-qb-alerts-demo")["TopicArn"]
    queue = _subscribed(aws, topic) if alerts_are_read else ""
    secrets = aws.client("secretsmanager")
    odoo_arn, quickbooks_arn = (
        secrets.create_secret(
            Name=f"odoo-qb-integration/{name}-credentials-demo", SecretString=json.dumps(dict(value))
        )["ARN"]
        for name, value in (("odoo", odoo_secret), ("quickbooks", quickbooks_secret))
    )
    shared = {"ENVIRONMENT": ENVIRONMENT, "SNS_ALERT_TOPIC": topic, "SLACK_WEBHOOK_URL": ""}
    tracking = {"DYNAMODB_TABLE": table, "S3_BUCKET": bucket}
    odoo = {"ODOO_API_URL": odoo_url, "ODOO_SECRET_ARN": odoo_arn}
    quickbooks = {"QB_SECRET_ARN": quickbooks_arn, "QB_API_URL": quickbooks_url, "QB_DISCOVERY_URL": discovery_url}
    environs = {
        "odoo-extractor": {**shared, **tracking, **odoo},
        "qb-poster": {**shared, **tracking, **quickbooks},
        "odoo-qb-tie-out": {**shared, **tracking, **odoo, **quickbooks},
        "odoo-order-sync": {
            **shared,
            "ODOO_URL": odoo_url,
            "ODOO_DB": str(odoo_secret["database"]),
            "ODOO_EMAIL": str(odoo_secret["username"]),
            "ODOO_SECRET_ARN": odoo_arn,
            "ODDO_RESPONSE_TABLE": order_table,
        },
    }
    for function in environs:
        aws.client("sqs").create_queue(QueueName=f"{function}-dlq-{ENVIRONMENT}")
    return Deployment(aws, bucket, table, order_table, topic, odoo_arn, quickbooks_arn, queue, environs)


def _subscribed(aws: AnyAws, topic: str) -> str:
    """Return the queue to which a topic's messages are copied."""
    sqs = aws.client("sqs")
    queue: str = sqs.create_queue(QueueName="alerts-read-by-the-demo")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    return queue


def make_tracking_table(dynamodb: Any, name: str) -> None:
    """Make the tracking table with its two indexes."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "entry_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("entry_id", "status", "company")
        ],
        GlobalSecondaryIndexes=[
            _index("status-index", ("status", "HASH")),
            _index("company-status-index", ("company", "HASH"), ("status", "RANGE")),
        ],
    )


def _index(name: str, *keys: tuple[str, str]) -> dict[str, Any]:
    schema = [{"AttributeName": attribute, "KeyType": kind} for attribute, kind in keys]
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}


def _make_order_table(dynamodb: Any, name: str) -> None:
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "order_name", "KeyType": "HASH"},
            {"AttributeName": "order_id", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=_text_attributes("order_name", "order_id"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "order-id-index",
                "KeySchema": [{"AttributeName": "order_id", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )


def _text_attributes(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": "S"} for name in names]


def object_created(bucket: str, key: str) -> dict[str, Any]:
    """Return the event that S3 sends for a new object."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
    }
    return {"Records": [record]}


def _json_number(value: Any) -> Any:
    raise TypeError(f"a function returned {type(value).__name__}, which Lambda cannot turn into JSON")
