"""Dataclasses to DynamoDB items and back. Empty text and None are left out; amounts are text, to keep their cents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.domain.codec import decode, encode
from pipeline.domain.errors import Misconfigured, PipelineError, Unavailable

type Item = dict[str, Any]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()

CONDITION_FAILED = "ConditionalCheckFailedException"
_FINAL = {
    "ResourceNotFoundException": "does not exist: is the environment variable that names it right?",
    "NoSuchBucket": "does not exist: is the environment variable that names it right?",
    "AccessDeniedException": "may not be used by this function: look at its IAM policy",
    "AccessDenied": "may not be used by this function: look at its IAM policy",
    "ValidationException": "was asked in a way it does not understand",
}


def item(values: Mapping[str, Any]) -> Item:
    """Return the item of plain values, without those that are empty."""
    return {name: _serializer.serialize(value) for name, value in values.items() if value not in ("", None)}


def plain_values(stored: Item) -> dict[str, Any]:
    """Return an item's values, whole numbers as int."""
    found = {name: _deserializer.deserialize(value) for name, value in stored.items()}
    return {name: int(value) if hasattr(value, "as_tuple") else value for name, value in found.items()}


def from_dataclass(value: Any) -> dict[str, Any]:
    """Return a dataclass as plain values."""
    plain: dict[str, Any] = encode(value)
    return plain


def to_dataclass[T](kind: type[T], stored: Item, names: Iterable[str]) -> T:
    """Return the dataclass whose fields are `names`, from an item that may hold more."""
    known = set(names)
    values = {name: value for name, value in plain_values(stored).items() if name in known}
    result: T = decode(kind, values)
    return result


def error_code(error: ClientError) -> str:
    """Return AWS' name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def our_error(error: ClientError | BotoCoreError, what: str) -> PipelineError:
    """Return our error for one of AWS: final for what a person must mend, retry later for everything else."""
    code = error_code(error) if isinstance(error, ClientError) else type(error).__name__
    if code in _FINAL:
        return Misconfigured(f"{what} {_FINAL[code]} ({code}).")
    return Unavailable(f"{what} did not answer ({code}).")
