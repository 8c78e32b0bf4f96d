"""Dataclasses to DynamoDB items and back. Empty text and None are left out; amounts are text, to keep their cents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from pipeline.domain.codec import decode, encode

type Item = dict[str, Any]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def item(values: Mapping[str, Any]) -> Item:
    """Return the item of plain values, without those that are empty."""
    # Most are texts, which are what they are: to find out the kind of each takes ten times as long.
    return {
        name: {"S": value} if type(value) is str else _serializer.serialize(value)
        for name, value in values.items()
        if value not in ("", None)
    }


def plain_values(stored: Item) -> dict[str, Any]:
    """Return an item's values, whole numbers as int."""
    return {name: value["S"] if "S" in value else _plain(value) for name, value in stored.items()}


def _plain(value: Any) -> Any:
    found = _deserializer.deserialize(value)
    return int(found) if hasattr(found, "as_tuple") else found


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
