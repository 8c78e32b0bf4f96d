"""Embedded AWS asked without a socket, by clients of this process: the connection costs more than the answer.

botocore words, signs and sends every request as over the network, and reads the answer; but a request to a table whose
like moto has accepted before, and the commonest ones for objects, secrets and parameters (`aws_at_once.py`), are
answered at once, without being worded: botocore takes ten times as long as the answer.
A test asks each way and compares: `contracts/test_embedded_aws.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from botocore import handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.hooks import EventAliaser
from botocore.useragent import UserAgentString
from moto.core import responses
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.sqs import models as sqs_models

from local.simulation import short_table, short_way
from local.stand_ins.aws import REGION, EmbeddedAws, signed_for
from tests import aws_at_once

# What is done with items: texts in, texts out, so that moto need not read and word it field by field.
_ITEMS = re.compile(
    r"DynamoDB_20120810\.((?:Get|Put|Update|Delete|BatchGet|BatchWrite)Item|TransactWriteItems|Query|Scan)"
)
_HEADERS = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "without-a-socket"}
_METADATA = {"RequestId": "without-a-socket", "HTTPStatusCode": 200, "RetryAttempts": 0}

_moto = BotocoreStubber()
_served: dict[str, EmbeddedAws] = {}
# Those of which a known request is not even worded.
_served_at_once: dict[str, EmbeddedAws] = {}


@contextmanager
def without_sockets(aws: EmbeddedAws, *, at_once: bool = True) -> Iterator[None]:
    """Answer the requests that clients of this process send to `aws.url`; other processes go on using the socket.

    Without `at_once` botocore words every request, and whoever listens to its events hears of it.
    """
    _served[aws.url] = aws
    if at_once:
        _served_at_once[aws.url] = aws
    try:
        yield
    finally:
        del _served[aws.url]
        _served_at_once.pop(aws.url, None)


def _answer(request: AWSPreparedRequest, **_context: Any) -> AWSResponse | None:
    """Answer a request instead of sending it; None for those to an address that is not served here."""
    url = urlsplit(request.url)
    aws = _served.get(f"{url.scheme}://{url.netloc}")
    service = signed_for(_text(request.headers.get("Authorization", "")))
    if aws is None or not service:
        return None
    if _text(request.headers.get("X-Amz-Target", "")) == "AmazonSQS.ReceiveMessage":
        # moto waits for messages in real time, and nobody could send one meanwhile.
        request.body = json.dumps({**json.loads(request.body), "WaitTimeSeconds": 0}).encode()
    # In a hurry nothing measures an item: see to it that one over DynamoDB's limit still is refused.
    is_small = len(_bytes(request.body)) <= short_table.FAR_BELOW_THE_LIMITS_BYTES
    with aws.asked(service, request.method), short_way.in_a_hurry() if is_small else nullcontext():
        status, headers, body = (_short_answer(request) if is_small else None) or _moto.process_request(
            # moto finds its service by the name of the host.
            AWSPreparedRequest(
                request.method,
                url._replace(scheme="https", netloc=f"{service}.{REGION}.amazonaws.com").geturl(),
                request.headers,
                request.body,
                request.stream_output,
            )
        )
    return AWSResponse(request.url, status, headers, MockRawResponse(body))


def _short_answer(request: AWSPreparedRequest) -> tuple[int, dict[str, str], str] | None:
    target = _ITEMS.fullmatch(_text(request.headers.get("X-Amz-Target", "")))
    if target is None:
        return None
    try:
        return 200, _HEADERS, json.dumps(short_way.call("dynamodb", target[1], json.loads(request.body)))
    except ClientError:
        # A refused request changed nothing: moto refuses it once more, in its own words.
        return None


def _bytes(body: Any) -> bytes:
    """Return the body of a request as far as it is in memory: that of a file is an object of S3."""
    return body.encode() if isinstance(body, str) else body if isinstance(body, bytes | bytearray) else b""


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


_long_way = BaseClient._make_api_call


def _make_api_call(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
    """Answer a request at once, if it is one of those that are known; any other goes the long way."""
    aws = _served_at_once.get(client.meta.endpoint_url)
    if aws is not None:
        with aws.lock:
            known = _known(client.meta.service_model.service_name, operation, parameters)
            if known is not None:
                service, method, answer = known
                aws.count(service, method)
                metadata = {**_METADATA, "HTTPHeaders": {**_HEADERS}, **answer.get("ResponseMetadata", {})}
                answer = {**answer, "ResponseMetadata": metadata}
                if "Error" in answer:
                    raise client.exceptions.from_code(answer["Error"]["Code"])(answer, operation)
                return answer
    return _long_way(client, operation, parameters)


def _known(service: str, operation: str, parameters: dict[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """Return service, method and answer: of a table, if moto has accepted a request of this shape."""
    if service == "dynamodb":
        answer = short_table.answer(operation, parameters, refuses=True)
        if answer is None:
            return None
        # moto says it in a place where botocore does not look.
        answer.pop("ConsumedCapacityUnits", None)
        return service, "POST", answer
    found = aws_at_once.answer(service, operation, parameters)
    return None if found is None else (service, *found)


BaseClient._make_api_call = _make_api_call
# What both work out at each request, and what is always the same: who asks, what an event is called now, and the
# methods of a class.
UserAgentString.to_string = cache(UserAgentString.to_string)
EventAliaser._alias_event_name = lru_cache(10_000)(EventAliaser._alias_event_name)
for module, always_the_same in (
    (responses, "method_names_from_class"),
    (responses, "camelcase_to_underscores"),
    (sqs_models, "camelcase_to_underscores"),
):
    setattr(module, always_the_same, cache(getattr(module, always_the_same)))
# botocore gives these to every session it makes; moto does the same with its own.
handlers.BUILTIN_HANDLERS.append(("before-send", _answer))
