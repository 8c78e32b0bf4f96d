"""Whether the body of a request has only properties QuickBooks knows, each of the right form and length."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

from local.stand_ins.quickbooks.faults import Error, Refused, error, refusal
from local.stand_ins.quickbooks.realm import Row
from local.stand_ins.quickbooks.shapes import Shape

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FORBIDDEN_IN_NAME = re.compile(r"[:\t\r\n]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
UNIT_PRICE_MAX = Decimal(99_999_999_999)


def body_of(data: bytes) -> Row:
    """Return a request's JSON object; invalid UTF-8 is an error 500, anything else that is no object is 2010."""
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        raise refusal("10000", "Invalid UTF-8 in the request", status=500) from problem
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except ValueError as problem:
        raise _unsupported() from problem
    if not isinstance(value, dict):
        raise _unsupported()
    return value


def _no_number(_word: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def conform(body: Row, shape: dict[str, Shape]) -> Row:
    """Return the body without nulls and read-only properties, or refuse it: 2010 at once, other errors together."""
    errors: list[Error] = []
    clean: Row = _checked(body, shape, "", errors)
    if errors:
        raise Refused(errors)
    return clean


def _unsupported() -> Refused:
    # QuickBooks never names the property here.
    return refusal("2010", "Property Name:failed to parse json object; a property specified is unsupported or invalid")


def _checked(value: Any, shape: Shape, name: str, errors: list[Error]) -> Any:
    if isinstance(shape, dict):
        if not isinstance(value, dict) or not value.keys() <= shape.keys():
            raise _unsupported()
        return {
            key: _checked(part, shape[key], f"{name}.{key}" if name else key, errors)
            for key, part in value.items()
            if part is not None and shape[key] != "read-only"
        }
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise _unsupported()
        return [_checked(part, shape[0], name, errors) for part in value]
    word, _, limit = shape.partition(":")
    if word in ("money", "number"):
        return _number(value, name, errors)
    if word == "bool":
        if not isinstance(value, bool):
            raise _unsupported()
        return value
    if not isinstance(value, str):
        raise _unsupported()
    problem = _text_problem(value, word, limit, name)
    if problem:
        errors.append(problem)
    return value


def _number(value: Any, name: str, errors: list[Error]) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _unsupported()
    number = Decimal(value)
    if abs(number) > UNIT_PRICE_MAX:
        errors.append(error("2110", f"Decimal value is out of range. Supplied value:{number}", _last(name)))
    return number


def _text_problem(value: str, word: str, limit: str, name: str) -> Error | None:
    """Return what is wrong with a text, if anything."""
    element = {"CustomerMemo.value": "Customer Memo"}.get(name, _last(name))
    length_max = {"email": 100, "id": 50}.get(word, int(limit) if word in ("text", "name") else 0)
    if length_max and len(value) > length_max:
        supplied = f"Min:0 Max:{length_max} supported. Supplied length:{len(value)}"
        return error("2050", f"String length specified does not match the supported length. {supplied}", element)
    if _FORBIDDEN.search(value) or (word == "name" and _FORBIDDEN_IN_NAME.search(value)):
        return error("2040", "Element contains invalid characters", element)
    if word == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return error("2210", f"Email Address does not conform to the syntax rules of RFC 822. Supplied value:{value}")
    if word == "date" and not _is_date(value):
        return error("2060", f"Date format is invalid. Supplied value:{value}", element)
    if word == "enum" and value not in limit.split("|"):
        return error("2170", f"Enumeration value is invalid. Supplied value:{value}", element)
    return None


def _is_date(value: str) -> bool:
    try:
        return bool(_DATE.fullmatch(value)) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _last(name: str) -> str:
    return name.rpartition(".")[2]
