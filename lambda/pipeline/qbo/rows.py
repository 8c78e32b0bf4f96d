"""QuickBooks' JSON read strictly: rows of a query, one object, and changes, each a record with its Id.

Anything else that QuickBooks answers, such as null in the place of rows or an object without Id, is neither an empty
answer nor a refusal: it cannot be used, so nothing follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline.domain.errors import Unavailable

type Json = dict[str, Any]


def rows_of(body: Mapping[str, Any], entity: str) -> list[Json]:
    """Return the rows of a query, none if the answer has none. Raises Unavailable if it is no answer to a query."""
    found = body.get("QueryResponse")
    if not isinstance(found, Mapping):
        raise Unavailable("QuickBooks answered a query without its QueryResponse")
    return _records(found.get(entity, []), entity)


def changes_of(body: Mapping[str, Any]) -> list[tuple[str, Json]]:
    """Return each changed object with its entity. Raises Unavailable if it is no answer to a question for changes."""
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
    return _records([part], entity)[0]


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
    if not all(isinstance(row, dict) and isinstance(row.get("Id"), str | int) and str(row["Id"]) for row in rows):
        raise Unavailable(f"QuickBooks answered without an Id where {entity} was asked for")
    return [_without_nulls(row) for row in rows]


def _without_nulls(value: Any) -> Any:
    """Return a value without the properties that are null: to QuickBooks that is the same as no property."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not None] if _is_nested(value) else value
    return value


def _is_nested(values: Iterable[Any]) -> bool:
    return any(inner is None or isinstance(inner, dict | list) for inner in values)
