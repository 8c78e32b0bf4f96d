"""Frozen dataclasses to JSON and back, by their own type hints: Decimal as text, dates as ISO, enums by value.

It also writes the JSON that is sent to the books, in which amounts are numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
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
    kind = type(value)
    return value if kind in _PLAIN else _encoder(kind)(value)  # type: ignore[arg-type]


def decode(kind: Any, value: Any) -> Any:
    """Return `value` as `kind`: the reverse of `encode`."""
    return _decoder(kind)(value)


# Most values are one of these, which need no look at what else they could be.
_PLAIN = frozenset((str, int, bool, float, NoneType))


@cache
def _encoder(kind: Any) -> Callable[[Any], Any]:
    """Return what makes plain values of a `kind`. What a kind is made of is found out once."""
    if is_dataclass(kind):
        return _fields_encoder(tuple(field.name for field in fields(kind)))
    if issubclass(kind, tuple | list):
        return lambda value: [item if type(item) in _PLAIN else encode(item) for item in value]
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, Decimal):
        return str
    if issubclass(kind, date):  # a datetime is a date too
        return lambda value: value.isoformat()
    return lambda value: value


def _fields_encoder(names: tuple[str, ...]) -> Callable[[Any], Any]:
    def encoded(value: Any) -> dict[str, Any]:
        made = {}
        for name in names:
            part = getattr(value, name)
            # Most fields are plain: a call for each of them would take longer than all else.
            made[name] = part if type(part) in _PLAIN else encode(part)
        return made

    return encoded


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    """Return what makes a `kind` of a plain value. What a kind is made of is found out once."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (option,) = (option for option in get_args(kind) if option is not NoneType)
        of_option = _decoder(option)
        return lambda value: None if value is None else of_option(value)
    if origin is tuple:
        of_item = _decoder(get_args(kind)[0])
        return lambda value: tuple(map(of_item, value))
    if is_dataclass(kind):
        # Found when it is first used, because a class may hold another of its own.
        return lambda value: _made(kind, value)
    if kind is Decimal:
        return Decimal
    if kind in (date, datetime):
        of_text: Callable[[Any], Any] = kind.fromisoformat
        return of_text
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return lambda value: value


def _made(kind: Any, value: Any) -> Any:
    decoders = _decoders(kind)
    return kind(**{name: decoders[name](item) for name, item in value.items()})


@cache
def _decoders(kind: Any) -> dict[str, Callable[[Any], Any]]:
    return {name: _decoder(hint) for name, hint in get_type_hints(kind).items()}


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


def long_json(value: Mapping[str, Any], name: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return an object as JSON whose list `name`, empty in `value`, has these rows. They are worded one at a time.

    It is the text that `json.dumps(indent=1)` makes of the whole: of fifty thousand rows at once that takes 250 MB.
    """
    before, _, after = json.dumps(value, ensure_ascii=False, indent=1).partition(f'\n "{name}": []')
    # A text in JSON has no line break of its own, so every one is between two parts.
    worded = [
        json.dumps(row, ensure_ascii=False, indent=1).replace("\n", "\n  ").encode("utf-8", "replace") for row in rows
    ]
    listed = b"[\n  " + b",\n  ".join(worded) + b"\n ]" if worded else b"[]"
    return b"".join(
        (f'{before}\n "{name}": '.encode("utf-8", "replace"), listed, after.encode("utf-8", "replace"))
    )  # fmt: skip
