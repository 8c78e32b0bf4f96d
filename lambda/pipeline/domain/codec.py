"""Frozen dataclasses to JSON and back, by their own type hints: Decimal as text, dates as ISO, enums by value.

It also writes the JSON that is sent to the books, in which amounts are numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pipeline.domain.errors import InvalidDocument


def dumps(value: Any) -> str:
    """Return the canonical JSON of a dataclass: keys sorted, no spaces, so that equal values have equal texts."""
    return json.dumps(encode(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def loads[T](kind: type[T], text: str | bytes) -> T:
    """Return the dataclass `kind` that `dumps` wrote. Raises ValueError if the text is something else."""
    try:
        value: T = decode(kind, json.loads(text))
    except (AttributeError, TypeError, KeyError, ArithmeticError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error
    return value


def encode(value: Any) -> Any:
    """Return plain JSON values for dataclasses, Decimals, dates, instants, enums and tuples of them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):  # a datetime is a date too
        return value.isoformat()
    return value


def decode(kind: Any, value: Any) -> Any:
    """Return `value` as `kind`: the reverse of `encode`."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if value is None:
            return None
        (kind,) = (option for option in get_args(kind) if option is not NoneType)
        return decode(kind, value)
    if origin is tuple:
        return tuple(decode(get_args(kind)[0], item) for item in value)
    if is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        return kind(**{name: decode(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    if kind is Decimal:
        return Decimal(value)
    if kind in (date, datetime):
        return kind.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def exact_json(body: Mapping[str, Any]) -> str:
    """Return the JSON of a body with Decimal amounts. Every amount keeps exactly its own digits.

    Raises InvalidDocument for an amount with more digits than a JSON number keeps. Up to fifteen digits, the text is
    exactly the Decimal's.
    """
    return json.dumps(body, default=_number, ensure_ascii=False, separators=(",", ":"))


def _number(value: Any) -> float | int:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not JSON")
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    if Decimal(repr(number)) != value:
        raise InvalidDocument(f"{value} has more digits than an amount can have")
    return number
