"""Odoo's search domains and orders, evaluated over rows in the shape RPC gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, Protocol

from local.stand_ins.odoo.errors import OdooError, type_error, user_error, value_error

type Row = dict[str, Any]
type Test = Callable[[Row], bool]
type FieldInfo = dict[str, Any]

# RPC shows whole seconds; the database holds microseconds, kept beside the field in a key of this form.
MICROSECONDS_KEY = "__{field}_us"
MICROSECONDS_DEFAULT = 52_561

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_LIKE = ("like", "ilike", "=like", "=ilike", "not like", "not ilike")
_OPERATORS = frozenset({"=", "!=", "=?", "in", "not in", "child_of", "parent_of", *_COMPARE, *_LIKE})
_X2MANY = ("one2many", "many2many")
_NUMBERS = ("integer", "float", "monetary", "many2one_reference")
# Computed without being stored, yet searchable: related fields and fields with a search method.
_SEARCHABLE = frozenset(
    {
        ("account.account", "code"),
        ("account.account", "internal_group"),
        ("account.move", "company_currency_id"),
        ("account.move.line", "account_type"),
        ("account.move.line", "move_type"),
        ("account.tax", "price_include"),
        ("ir.attachment", "datas"),
        ("sale.order", "invoice_ids"),
    }
)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6})\d*)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
_ORDER = re.compile(r"^(\s*[a-z0-9:_]+(\s+(desc|asc))?(\s+nulls\s+(first|last))?\s*(,|$))+(?<!,)$", re.IGNORECASE)


class Models(Protocol):
    """What the evaluation needs to know of the database."""

    version: int

    def fields(self, model: str) -> dict[str, FieldInfo]:
        """Return the fields of a model."""

    def table(self, model: str) -> list[Row]:
        """Return all rows of a model."""

    def value(self, model: str, row: Row, field: str) -> Any:
        """Return a field of a row as RPC gives it."""

    def default_order(self, model: str) -> str:
        """Return the order a model has by itself."""


def test_of(models: Models, model: str, domain: Any) -> Test:
    """Return the test a row passes when it matches the domain; raise what Odoo raises over a bad domain."""
    tests = tests_of(models, model, domain)
    return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)


def tests_of(models: Models, model: str, domain: Any) -> list[Test]:
    """Return the tests that a row must all pass to match the domain; raise what Odoo raises over a bad domain."""
    if not isinstance(domain, list):
        message = "Domains to normalize must have a 'domain' form: a list or tuple of domain components"
        raise (
            type_error(f"Domain() invalid argument type for domain: {domain!r}")
            if models.version >= 19
            else OdooError("builtins.AssertionError", message)
        )
    stack: list[Test] = []
    for item in reversed(domain):
        if item == "!":
            stack.append(_negated(_popped(stack, models, domain)))
        elif item in ("&", "|"):
            left, right = _popped(stack, models, domain), _popped(stack, models, domain)
            stack.append(_both(left, right) if item == "&" else _either(left, right))
        else:
            stack.append(_leaf(models, model, item))
    stack.reverse()
    return stack


def names_in(domain: Any) -> set[str]:
    """Return the field names a domain mentions."""
    leaves = domain if isinstance(domain, list) else []
    return {str(leaf[0]) for leaf in leaves if isinstance(leaf, list) and leaf}


def sort_rows(models: Models, model: str, rows: list[Row], order: str | None) -> list[Row]:
    """Return the rows in the given order, or in the model's own."""
    wanted = order or models.default_order(model)
    if not _ORDER.match(wanted):
        raise user_error(
            'Invalid "order" specified. A valid "order" specification is a comma-separated list of valid field names '
            "(optionally followed by asc/desc for the direction)"
        )
    for term in reversed(wanted.split(",")):
        name, *rest = term.split()
        direction = rest[0].lower() if rest else "asc"
        info = models.fields(model).get(name)
        if info is None:
            raise value_error(f"Invalid field {name!r} on model {model!r}")
        if not info.get("store", True) and (model, name) not in _SEARCHABLE:
            raise value_error(f"Cannot convert {model}.{name} to SQL because it is not stored")
        rows = sorted(rows, key=_sort_key(models, model, name, info), reverse=direction == "desc")
    return rows


def instant_of(row: Row, field: str) -> str | None:
    """Return a datetime of a row with the microseconds that RPC does not show."""
    shown = row.get(field)
    if not shown:
        return None
    return f"{shown}.{row.get(MICROSECONDS_KEY.format(field=field), MICROSECONDS_DEFAULT):06d}"


def _sort_key(models: Models, model: str, name: str, info: FieldInfo) -> Callable[[Row], tuple[bool, Any]]:
    kind = info["type"]
    if kind == "datetime":
        return lambda row: ((found := instant_of(row, name)) is None, found or "")
    if kind == "many2one":
        comodel = info["relation"]
        ranked = sort_rows(models, comodel, models.table(comodel), None)
        ranks = {row["id"]: rank for rank, row in enumerate(ranked)}
        return lambda row: (not row.get(name), ranks.get(row[name][0], row[name][0]) if row.get(name) else 0)
    if kind in _NUMBERS or kind == "boolean":
        return lambda row: (False, models.value(model, row, name) or 0)
    return lambda row: ((found := models.value(model, row, name)) is False, found or "")


def _popped(stack: list[Test], models: Models, domain: list[Any]) -> Test:
    if not stack:
        raise value_error(
            f"Domain() malformed domain {domain}"
            if models.version >= 19
            else f"Domain {domain} is syntactically not correct."
        )
    return stack.pop()


def _negated(test: Test) -> Test:
    return lambda row: not test(row)


def _both(left: Test, right: Test) -> Test:
    return lambda row: left(row) and right(row)


def _either(left: Test, right: Test) -> Test:
    return lambda row: left(row) or right(row)


def _leaf(models: Models, model: str, leaf: Any) -> Test:
    if not isinstance(leaf, list):
        if models.version >= 19:
            raise value_error(f"Domain() invalid item in domain: {leaf!r}")
        raise type_error(f"'{type(leaf).__name__}' object is not subscriptable")
    if leaf in ([1, "=", 1], [0, "=", 1]):
        return lambda _row: leaf[0] == 1
    known = _OPERATORS | ({"any", "not any"} if models.version >= 18 else set())
    if len(leaf) != 3 or not isinstance(leaf[0], str) or leaf[1] not in known:
        shown = tuple(leaf)
        raise value_error(f"Invalid operator in condition {shown}" if models.version >= 19 else f"Invalid leaf {shown}")
    return _condition(models, model, leaf[0], leaf)


def _condition(models: Models, model: str, path: str, leaf: list[Any]) -> Test:
    name, _, rest = path.partition(".")
    info = models.fields(model).get(name)
    operator, value = leaf[1], leaf[2]
    if info is None or (rest and "relation" not in info):
        where = "condition" if models.version >= 19 else "leaf"
        raise value_error(f"Invalid field {model}.{name} in {where} {tuple(leaf)}")
    if rest:
        return _related(models, name, info["relation"], _condition(models, info["relation"], rest, leaf))
    if not info.get("store", True) and name != "display_name" and (model, name) not in _SEARCHABLE:
        if models.version >= 19:
            raise value_error(f"Cannot convert {model}.{name} to SQL because it is not stored")
        return lambda _row: True
    if operator in ("any", "not any"):
        inside = _related(models, name, info["relation"], test_of(models, info["relation"], value))
        return inside if operator == "any" else _negated(inside)
    if operator == "=?":
        return (lambda _row: True) if value in (None, False) else _condition(models, model, name, [name, "=", value])
    if operator in ("child_of", "parent_of"):
        return _hierarchy(models, model, name, info, leaf)
    return _typed(models, model, name, info["type"], operator, value)


def _typed(models: Models, model: str, name: str, kind: str, operator: str, value: Any) -> Test:
    def found(row: Row) -> Any:
        return row[name] if name in row else models.value(model, row, name)

    if kind == "many2one":
        return _many2one(found, operator, value)
    if kind in _X2MANY:
        return _x2many(found, operator, value)
    if kind == "boolean":
        wanted = {bool(item) for item in value} if isinstance(value, list) else {bool(value)}
        positive = operator in ("=", "in")
        return lambda row: (bool(found(row)) in wanted) == positive
    if kind in ("datetime", "date"):
        return _moment(models, name, kind, operator, value)
    if kind in _NUMBERS:
        return _numeric(found, operator, value)
    return _text(found, operator, value)


def _ordered(found: Callable[[Row], Any], operator: str, wanted: Any) -> Test:
    compare = _COMPARE[operator]

    def test(row: Row) -> bool:
        have = found(row)
        return have is not False and have is not None and compare(have, wanted)

    return test


def _numeric(found: Callable[[Row], Any], operator: str, value: Any) -> Test:
    def have(row: Row) -> float:
        return _number(found(row))

    if operator in _LIKE:
        return _like(lambda row: str(found(row)), operator, value)
    if operator in _COMPARE:
        return _ordered(have, operator, _number(value))
    wanted = {_number(item) for item in (value if isinstance(value, list) else [value])}
    positive = operator in ("=", "in")
    return lambda row: (have(row) in wanted) == positive


def _number(value: Any) -> float:
    if isinstance(value, bool) or value is None:
        return int(bool(value))
    if isinstance(value, int | float):
        return value
    try:
        return float(Decimal(str(value)))
    except ArithmeticError as error:
        raise OdooError(
            "psycopg2.errors.InvalidTextRepresentation", f'invalid input syntax for type integer: "{value}"\n'
        ) from error


def _text(found: Callable[[Row], Any], operator: str, value: Any) -> Test:
    """Texts, selections, binaries and JSON: false means null, and null for the empty text."""
    if operator in _LIKE:
        return _like(found, operator, value)
    if operator in _COMPARE:
        return _ordered(found, operator, str(value))
    values = value if isinstance(value, list) else [value]
    null = any(item in (None, False, "") for item in values)
    wanted = {str(item) for item in values if item not in (None, False, "")}
    positive = operator in ("=", "in")

    def test(row: Row) -> bool:
        have = found(row)
        return (str(have) in wanted if have else null) == positive

    return test


def _like(found: Callable[[Row], Any], operator: str, value: Any) -> Test:
    text = str(value or "")
    positive = not operator.startswith("not ")
    kind = operator.removeprefix("not ")
    pattern = text if kind.startswith("=") else f"%{text}%"
    regex = "".join(".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern)
    flags = re.DOTALL | (re.IGNORECASE if "ilike" in kind else 0)
    matches = re.compile(regex, flags).fullmatch
    if not text and not kind.startswith("="):
        return lambda _row: positive

    def test(row: Row) -> bool:
        have = found(row)
        return (bool(have) and matches(str(have)) is not None) == positive

    return test


def _many2one(found: Callable[[Row], Any], operator: str, value: Any) -> Test:
    """Compare a many2one by id, and by its exact display name when the value is a text."""
    if operator in _LIKE:
        return _like(lambda row: (found(row) or (0, False))[1], operator, value)
    if operator in _COMPARE:
        return _ordered(lambda row: (found(row) or (False,))[0], operator, value)
    values = value if isinstance(value, list) else [value]
    wanted = frozenset(item or False for item in values)
    positive = operator in ("=", "in")

    def test(row: Row) -> bool:
        have = found(row)
        return ((have[0] in wanted or have[1] in wanted) if have else False in wanted) == positive

    return test


def _x2many(found: Callable[[Row], Any], operator: str, value: Any) -> Test:
    values = value if isinstance(value, list) else [value]
    null = any(item in (None, False) for item in values)
    wanted = frozenset(item for item in values if item not in (None, False))
    positive = operator in ("=", "in")

    def test(row: Row) -> bool:
        have = found(row) or []
        return (not wanted.isdisjoint(have) or (null and not have)) == positive

    return test


def _moment(models: Models, name: str, kind: str, operator: str, value: Any) -> Test:
    """Dates and datetimes: 18 compares the stored microseconds, 19 cuts both sides to the second."""
    if operator in _LIKE:
        return _like(lambda row: row.get(name), operator, value)
    digits = 10 if kind == "date" else 19 if models.version >= 19 else 26
    late = operator in ("<=", ">")

    def have(row: Row) -> Any:
        moment = row.get(name) if kind == "date" else instant_of(row, name)
        return moment[:digits] if moment else False

    if operator in _COMPARE:
        return _ordered(have, operator, _parsed(models, value, late=late)[:digits])
    values = value if isinstance(value, list) else [value]
    wanted = {_parsed(models, item, late=False)[:digits] if item else False for item in values}
    positive = operator in ("=", "in")
    return lambda row: (have(row) in wanted) == positive


def _parsed(models: Models, value: Any, *, late: bool) -> str:
    """Return a datetime of a domain as `YYYY-MM-DD HH:MM:SS.ffffff`."""
    found = _INSTANT.fullmatch(str(value))
    if found is None:
        raise (
            value_error(f"Invalid isoformat string: {value!r}")
            if models.version >= 19
            else OdooError(
                "psycopg2.errors.InvalidDatetimeFormat", f'invalid input syntax for type timestamp: "{value}"\n'
            )
        )
    day, time, fraction, zone = found.groups()
    if zone and models.version >= 19:
        raise value_error(f"expecting only datetimes with no timezone: {value!r}")
    if time is None:
        return f"{day} 23:59:59.999999" if late else f"{day} 00:00:00.000000"
    return f"{day} {time if len(time) == 8 else time + ':00'}.{(fraction or '').ljust(6, '0')}"


def _related(models: Models, name: str, comodel: str, test: Test) -> Test:
    """Match a row when any of the records its field points to matches."""
    if name == "line_ids" and comodel == "account.move.line":
        # The other side of a line's own field, which is what Odoo looks at.
        of_moves = {row["move_id"][0] for row in models.table(comodel) if row.get("move_id") and test(row)}
        return lambda row: row["id"] in of_moves
    matching = {row["id"] for row in models.table(comodel) if test(row)}

    def related(row: Row) -> bool:
        have = row.get(name)
        if not have:
            return False
        ids: Sequence[int] = have[:1] if isinstance(have[-1], str) else have
        return not matching.isdisjoint(ids)

    return related


def _hierarchy(models: Models, model: str, name: str, info: FieldInfo, leaf: list[Any]) -> Test:
    comodel = info.get("relation", model)
    if name != "id" and info["type"] != "many2one":
        raise value_error(f"Invalid operator in condition {tuple(leaf)}")
    table = models.table(comodel)
    parents = {row["id"]: (row.get("parent_id") or (0,))[0] for row in table}
    values = leaf[2] if isinstance(leaf[2], list) else [leaf[2]]
    wanted = {item for item in values if isinstance(item, int)}
    wanted |= {row["id"] for row in table if row.get("display_name", row.get("name")) in values}

    def ancestors(found: int) -> set[int]:
        chain: set[int] = set()
        while found and found not in chain:
            chain.add(found)
            found = parents.get(found, 0)
        return chain

    if leaf[1] == "child_of":
        matching = {found for found in parents if not wanted.isdisjoint(ancestors(found))} | wanted
    else:
        matching = set().union(*(ancestors(found) for found in wanted))
    if name == "id":
        return lambda row: row["id"] in matching
    return lambda row: bool(row.get(name)) and row[name][0] in matching
