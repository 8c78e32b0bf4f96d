"""QuickBooks' JSON read strictly: rows of a query, one object, and changes, each a record with its Id.

Anything else that QuickBooks answers, such as null in place of rows or an object without Id, is neither an empty answer
nor a refusal. It cannot be used, so no conclusion is drawn from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from pipeline.domain.errors import InvalidDocument, Unavailable
from pipeline.domain.money import decimal

type Json = dict[str, Any]

# The kind of each property that is read of transactions and files; it is the same wherever the property occurs.
_TEXTS = frozenset({
    "CreateTime", "Description", "DetailType", "DocNumber", "DueDate", "FileName", "LastUpdatedTime", "PrivateNote",
    "SyncToken", "TxnDate",
})  # fmt: skip
_AMOUNTS = frozenset({"Amount", "Balance", "HomeTotalAmt", "RemainingCredit", "Size", "TotalAmt", "TotalTax"})
_REFERENCES = frozenset({
    "AccountRef", "ClassRef", "CurrencyRef", "CustomerRef", "DepartmentRef", "EntityRef", "ItemAccountRef", "ItemRef",
    "TaxCodeRef", "VendorRef",
})  # fmt: skip
_OBJECTS = frozenset({"MetaData", "TxnTaxDetail"})
_LISTS = frozenset({"AttachableRef", "Line"})


def rows_of(body: Mapping[str, Any], entity: str) -> list[Json]:
    """Return the rows of a query, none if the answer has none. Raises Unavailable if it is no answer to a query."""
    found = body.get("QueryResponse")
    if not isinstance(found, Mapping):
        raise Unavailable("QuickBooks answered a query without its QueryResponse")
    return [_of_known_shape(row, entity) for row in _records(found.get(entity, []), entity)]


def changes_of(body: Mapping[str, Any]) -> list[tuple[str, Json]]:
    """Return each changed object with its entity. Raises Unavailable if it is no answer to a question for changes.

    What is in an object may have any shape: one must not hide the others.
    """
    parts = body.get("CDCResponse")
    if not isinstance(parts, list):
        raise Unavailable("QuickBooks answered without the changes it was asked for")
    found: list[tuple[str, Json]] = []
    for part in parts:
        answers = part.get("QueryResponse", []) if isinstance(part, Mapping) else None
        if not isinstance(answers, list) or not all(isinstance(answer, Mapping) for answer in answers):
            raise Unavailable("QuickBooks answered without the changes it was asked for")
        found += [
            (name, row)
            for answer in answers
            for name, rows in answer.items()
            if isinstance(rows, list)
            for row in _records(rows, name)
        ]
    return found


def part_of(body: Any, entity: str) -> Json:
    """Return the one object of an answer. Raises Unavailable if there is none, or one without its Id."""
    part = body.get(entity) if isinstance(body, Mapping) else None
    if not isinstance(part, dict):
        raise Unavailable(f"QuickBooks answered without the {entity} it was asked for")
    return _of_known_shape(_records([part], entity)[0], entity)


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Raise Unavailable, naming `what` was answered, if rows do not have the shape they always had."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Unavailable(
            f"QuickBooks answered with {what} of a shape that nobody knows ({type(error).__name__})"
        ) from error


def _records(rows: Any, entity: str) -> list[Json]:
    if not isinstance(rows, list):
        raise Unavailable(f"QuickBooks answered without a list where {entity} was asked for")
    if not all(isinstance(row, dict) and _is_id(row.get("Id")) for row in rows):
        raise Unavailable(f"QuickBooks answered without an Id where {entity} was asked for")
    return [_without_nulls(row) for row in rows]


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and bool(str(value).strip())


def _of_known_shape(row: Json, entity: str) -> Json:
    """Return a row if each property that is read of it has its usual kind. Raises Unavailable otherwise."""
    wrong = _wrong_in(row)
    if wrong:
        raise Unavailable(f"QuickBooks answered a {entity} whose {wrong} is of a shape that nobody knows")
    return row


def _wrong_in(value: Mapping[str, Any]) -> str:
    """Return the name of the first property that is not of its kind, at any depth, or an empty text."""
    for name, inner in value.items():
        if not _is_of_its_kind(name, inner, value):
            return name
        parts = inner if isinstance(inner, list) else [inner]
        wrong = next((found for part in parts if isinstance(part, dict) and (found := _wrong_in(part))), "")
        if wrong:
            return f"{name}.{wrong}"
    return ""


def _is_of_its_kind(name: str, value: Any, whole: Mapping[str, Any]) -> bool:
    if name in _TEXTS:
        return _is_text(value)
    if name in _AMOUNTS:
        return _is_amount(value)
    if name in _REFERENCES:
        return isinstance(value, dict) and _is_text(value.get("value", ""))
    # A line has its details under the name that its type says.
    if name in _OBJECTS or name == whole.get("DetailType"):
        return isinstance(value, dict)
    if name in _LISTS:
        return isinstance(value, list) and all(isinstance(part, dict) for part in value)
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | Decimal) and not isinstance(value, bool)


def _is_amount(value: Any) -> bool:
    try:
        decimal(value)
    except InvalidDocument:
        return False
    return True


def _without_nulls(value: Any) -> Any:
    """Return a value without the properties that are null: to QuickBooks that is the same as no property."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not None] if _is_nested(value) else value
    return value


def _is_nested(values: Iterable[Any]) -> bool:
    return any(inner is None or isinstance(inner, dict | list) for inner in values)
