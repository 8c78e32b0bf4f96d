"""moto without the wire: what a call does to moto's state, but nothing is serialised, signed, matched and parsed.

Nine tenths of a call's time go there. A test plays the same scenarios both ways and compares.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, lru_cache
from typing import Any
from unittest.mock import patch

import requests
from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import LimitedSizeDict
from moto.dynamodb.parsing import ast_nodes, expressions, validators
from moto.dynamodb.responses import DynamoHandler
from moto.s3.models import FakeKey, S3Backend, s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.sns.models import sns_backends
from moto.sqs.responses import SQSResponse

from local.simulation import short_table
from local.stand_ins.aws import ACCOUNT, REGION
from local.stand_ins.parameter_store import SimpleSystemManagerResponse
from local.stand_ins.transactions import write_together

type Parameters = dict[str, Any]

# What moto has no types for.
_nodes: Any = ast_nodes
_Node, _Expression, _Traverser = _nodes.Node, _nodes.UpdateExpression, _nodes.DepthFirstTraverser
_Parser: Any = getattr(expressions, "UpdateExpressionParser")  # noqa: B009


def copied(value: Any) -> Any:
    """Return a deep copy, ten times as fast as `copy.deepcopy`."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


def call(service: str, operation: str, parameters: Parameters) -> Any:
    """Do what botocore and moto do for a call, and return or raise what they would."""
    return _SERVICES[service](operation, parameters)


def _dynamodb(operation: str, parameters: Parameters) -> Any:
    answer = short_table.answer(operation, parameters, refuses=True)
    if answer is None:
        try:
            answer = _answered(DynamoHandler(), operation, parameters)
        except ClientError as error:
            if operation == "PutItem" and error.response["Error"]["Code"] == _DOES_NOT_HOLD:
                # moto reads all of it before it looks whether its condition holds.
                short_table.accepted(operation, parameters)
            raise
        short_table.accepted(operation, parameters)
    elif "Error" in answer:
        raise ClientError(answer, operation)  # type: ignore[arg-type]
    return answer


_DOES_NOT_HOLD = "ConditionalCheckFailedException"


def _sqs(operation: str, parameters: Parameters) -> Any:
    if "WaitTimeSeconds" in parameters:
        # The queue answers at once when it is empty, too.
        parameters = {**parameters, "WaitTimeSeconds": 0}
    handler = SQSResponse()
    handler.uri = f"https://sqs.{REGION}.amazonaws.com/"
    return _answered(handler, operation, parameters)


def _answered(handler: Any, operation: str, parameters: Parameters) -> Any:
    # Texts, numbers as text, lists and maps: what goes through JSON unchanged, and is nobody else's afterwards.
    handler.body = handler.params = json.loads(json.dumps(parameters))
    _at_home(handler)
    try:
        answer: Any = getattr(handler, _method_of(operation))().result
    except JsonRESTError as error:
        raise _client_error(error.relative_error_type, operation) from error
    except ServiceException as error:
        raise _client_error(error.code, operation) from error
    return copied(answer)


def _secretsmanager(operation: str, parameters: Parameters) -> Any:
    try:
        if operation == "GetSecretValue":
            # As the handler does, which reads the request three times.
            of: Any = (parameters["SecretId"], parameters.get("VersionId"), parameters.get("VersionStage"))
            return copied(short_table.at_home(secretsmanager_backends, REGION).get_secret_value(*of))
        handler = SecretsManagerResponse()
        handler.body = json.dumps(parameters)
        _at_home(handler)
        return json.loads(getattr(handler, _method_of(operation))())
    except JsonRESTError as error:
        # Of a secret without a value and of none at all only the text is different.
        raise _client_error(error.relative_error_type, operation, str(error.message)) from error


def _ssm(operation: str, parameters: Parameters) -> Any:
    handler = SimpleSystemManagerResponse()
    handler.body = json.dumps(parameters)
    _at_home(handler)
    try:
        answer: Any = getattr(handler, _method_of(operation))().result
    except ServiceException as error:
        raise _client_error(type(error).__name__, operation) from error
    return copied(answer)


# moto finds it out anew for each request, which takes longer than most of them.
_method_of = cache(camelcase_to_underscores)


def _at_home(handler: Any) -> None:
    handler.current_account, handler.region = ACCOUNT, REGION
    handler.headers = handler.querystring = handler.uri_match = {}


def _s3(operation: str, parameters: Parameters) -> Any:
    if operation not in _S3:
        raise LookupError(f"there is no short way for {operation}")
    return _S3[operation](s3_backends[ACCOUNT]["aws"], parameters)


def _create_bucket(backend: S3Backend, parameters: Parameters) -> Any:
    backend.create_bucket(parameters["Bucket"], REGION)
    return {}


def _put_object(backend: S3Backend, parameters: Parameters) -> Any:
    content = bytes(parameters["Body"])
    made = backend.put_object(parameters["Bucket"], parameters["Key"], content)
    made.set_metadata(dict(parameters.get("Metadata", {})))
    return {"ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()}


def _get_object(backend: S3Backend, parameters: Parameters) -> Any:
    found = _found(backend, parameters, "GetObject", "NoSuchKey")
    answer = {"Body": io.BytesIO(found.value), "ContentLength": len(found.value), "VersionId": "1"}
    return {**answer, "Metadata": {name: found.metadata[name] for name in found.metadata}}


def _head_object(backend: S3Backend, parameters: Parameters) -> Any:
    metadata = _found(backend, parameters, "HeadObject", "404").metadata
    return {"Metadata": {name: metadata[name] for name in metadata}}


def _copy_object(backend: S3Backend, parameters: Parameters) -> Any:
    source = _found(backend, parameters["CopySource"], "CopyObject", "NoSuchKey")
    backend.copy_object(source, parameters["Bucket"], parameters["Key"])
    copy = _found(backend, parameters, "CopyObject", "NoSuchKey")
    copy.set_metadata(dict(parameters["Metadata"]), replace=True)
    return {"CopyObjectResult": {}}


def _delete_objects(backend: S3Backend, parameters: Parameters) -> Any:
    for deleted in parameters.get("Delete", {"Objects": [parameters]})["Objects"]:
        backend.delete_object(parameters["Bucket"], deleted["Key"])
    return {}


def _list_objects(backend: S3Backend, parameters: Parameters) -> Any:
    kept = backend.get_bucket(parameters["Bucket"]).keys
    names = sorted(name for name in kept if name.startswith(parameters["Prefix"]))
    contents = [{"Key": name, "LastModified": kept[name].last_modified} for name in names]
    return {"Contents": contents, "IsTruncated": False}


def _found(backend: S3Backend, place: Parameters, operation: str, missing: str) -> FakeKey:
    found = backend.get_object(place["Bucket"], place["Key"])
    if found is None:
        raise _client_error(missing, operation)
    return found


_S3: dict[str, Callable[[S3Backend, Parameters], Any]] = {
    "CreateBucket": _create_bucket,
    "PutObject": _put_object,
    "GetObject": _get_object,
    "HeadObject": _head_object,
    "CopyObject": _copy_object,
    "DeleteObject": _delete_objects,
    "DeleteObjects": _delete_objects,
    "ListObjectsV2": _list_objects,
}


def _sns(operation: str, parameters: Parameters) -> Any:
    backend = sns_backends[ACCOUNT][REGION]
    if operation == "CreateTopic":
        return {"TopicArn": backend.create_topic(parameters["Name"]).arn}
    if operation == "Subscribe":
        arn = backend.subscribe(parameters["TopicArn"], parameters["Endpoint"], parameters["Protocol"]).arn
        return {"SubscriptionArn": arn}
    if operation != "Publish":
        raise LookupError(f"there is no short way for {operation}")
    return {
        "MessageId": backend.publish(parameters["Message"], arn=parameters["TopicArn"], subject=parameters["Subject"])
    }


_SERVICES: dict[str, Callable[[str, Parameters], Any]] = {
    "dynamodb": _dynamodb,
    "secretsmanager": _secretsmanager,
    "s3": _s3,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _ssm,
}


def _client_error(code: str, operation: str, text: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text or code}}, operation)


# -- moto's slowest parts ----------------------------------------------------------------------------------------------


@contextmanager
def in_a_hurry() -> Iterator[None]:
    """Make moto read the same few update expressions once, and walk through them without asking what it knows."""
    with ExitStack() as stack:
        # Its validator works on a copy, so that what was read can be kept.
        stack.enter_context(patch.object(_Parser, "make", _read))
        stack.enter_context(patch.object(validators, "deepcopy", _copied_tree))
        stack.enter_context(patch.object(_Traverser, "traverse_node_recursively", _traverse))
        stack.enter_context(patch.object(DynamoDBBackend, "transact_write_items", write_together))
        # The same few addresses over and over.
        stack.enter_context(patch.object(requests.models, "parse_url", _parsed_url))
        # An item is far from DynamoDB's limit of 400 KB.
        stack.enter_context(patch.object(LimitedSizeDict, "__setitem__", dict.__setitem__))
        yield


_read = lru_cache(500)(_Parser.make)
_parsed_url = lru_cache(1_000)(requests.models.parse_url)
_pickled = lru_cache(500)(pickle.dumps)


def _copied_tree(tree: Any) -> Any:
    return pickle.loads(_pickled(tree) if isinstance(tree, _Node) else pickle.dumps(tree))  # noqa: S301 - our own


def _traverse(traverser: Any, node: Any, child_id: int = -1) -> Any:
    """Do what moto's own traversal does; what is asked of the whole is not asked of every part again."""
    kinds = tuple(traverser._processing_map())  # noqa: SLF001
    if kinds == (_Expression,):
        return traverser.process(node)

    def walk(node: Any, child_id: int) -> Any:
        kind: Any = type(node)
        if not _is_a(kind, _Node):
            return node
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, number)
            walk(child, number)
        if _is_a(kind, kinds):
            node = traverser.process(node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
        return node

    return walk(node, child_id)


@cache
def _is_a(kind: Any, kinds: Any) -> bool:
    return issubclass(kind, kinds)
