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
