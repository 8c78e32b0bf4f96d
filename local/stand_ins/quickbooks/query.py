"""QuickBooks Online's query language: no OR, no parentheses, a backslash before an apostrophe, active names only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from local.stand_ins.quickbooks.faults import Refused, refusal
from local.stand_ins.quickbooks.realm import Row
from local.stand_ins.quickbooks.schema import ENTITIES

PAGE_DEFAULT = 100
PAGE_MAX = 1000

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z][A-Za-z0-9_.]*)|(?P<number>-?\d+(?:\.\d+)?)"""
    r"""|(?P<sign><=|>=|!=|<>|[=<>,()*]))""",
    re.DOTALL,
)

_META = {"Id", "MetaData.CreateTime", "MetaData.LastUpdatedTime"}
_DOCUMENT = _META | {"DocNumber", "TxnDate", "TotalAmt", "Balance"}
_NAME = _META | {"DisplayName", "GivenName", "FamilyName", "MiddleName", "CompanyName", "Active", "PrintOnCheckName"}
_LIST = _META | {"Name", "Active", "FullyQualifiedName"}
FILTERABLE: dict[str, set[str]] = {
    "Customer": _NAME | {"Balance", "FullyQualifiedName", "PrimaryEmailAddr", "PrimaryPhone", "Job"},
    "Vendor": _NAME | {"Balance", "PrimaryEmailAddr", "PrimaryPhone", "Vendor1099"},
    "Employee": _NAME,
    "Item": _LIST | {"Type", "Sku"},
    "Account": _LIST | {"AccountType", "AccountSubType", "Classification", "CurrentBalance", "SubAccount", "ParentRef"},
    "Term": _LIST,
    "Class": _LIST,
    "Department": _LIST,
    "TaxCode": _META | {"Name", "Active"},
    "TaxRate": _META | {"Name", "Active"},
    "TaxAgency": _META | {"Name"},
    "CompanyInfo": _META,
    "Preferences": _META,
    "CompanyCurrency": _META | {"Code", "Name", "Active"},
    "Invoice": _DOCUMENT | {"CustomerRef", "DueDate"},
    "CreditMemo": _DOCUMENT | {"CustomerRef"},
    "Bill": _DOCUMENT | {"VendorRef", "DueDate"},
    "VendorCredit": _DOCUMENT | {"VendorRef"},
    "Attachable": _META
    | {
        "FileName",
        "Note",
        "Category",
        "ContentType",
        "AttachableRef.EntityRef.Type",
        "AttachableRef.EntityRef.value",
    },
}
_KEYWORDS = {"select", "from", "where", "and", "in", "like", "orderby", "asc", "desc", "startposition", "maxresults"}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `values` are texts or booleans."""

    path: str
    operator: str
    values: tuple[str | bool, ...]


@dataclass
class Query:
    """A parsed query; `columns` empty means all."""

    entity: str = ""
    columns: list[str] = field(default_factory=list)
    counts: bool = False
    conditions: list[Condition] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    start: int = 1
    size: int = PAGE_DEFAULT


def _encountered(token: tuple[str, str, int] | None) -> Refused:
    if token is None:
        return refusal("4000", 'QueryParserError: Encountered "<EOF>"')
    kind, text, position = token
    name = {"string": " <STRING> ", "word": " <IDENTIFIER> ", "number": " <INTEGER> "}.get(kind, "")
    return refusal("4000", f'QueryParserError: Encountered "{name}"{text} "" at line 1, column {position + 1}.')


def _tokens(text: str) -> list[tuple[str, str, int]]:
    tokens = []
    position = 0
    end = len(text.rstrip().removesuffix(";"))
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise refusal("4000", f"QueryParserError: Lexical error at line 1, column {position + 1}.")
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind], match.start(kind)))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def parse(self) -> Query:
        query = Query()
        self._keyword("select")
        self._columns(query)
        self._keyword("from")
        query.entity = self._name()
        if query.entity not in FILTERABLE:
            raise refusal("4001", f"QueryValidationError: Invalid context declaration: {query.entity}")
        self._check_columns(query)
        if self._is("where"):
            query.conditions.append(self._condition(query.entity))
            while self._is("and"):
                query.conditions.append(self._condition(query.entity))
        if self._is("orderby"):
            query.order.append(self._ordering(query.entity))
            while self._is(","):
                query.order.append(self._ordering(query.entity))
        if self._is("startposition"):
            query.start = self._integer(1, None)
        if self._is("maxresults"):
            query.size = self._integer(0, PAGE_MAX)
        if self._at < len(self._tokens):
            raise _encountered(self._tokens[self._at])
        return query

    def _next(self) -> tuple[str, str, int]:
        if self._at >= len(self._tokens):
            raise _encountered(None)
        self._at += 1
        return self._tokens[self._at - 1]

    def _is(self, wanted: str) -> bool:
        if self._at < len(self._tokens):
            kind, text, _ = self._tokens[self._at]
            if kind in ("word", "sign") and text.lower() == wanted:
                self._at += 1
                return True
        return False

    def _keyword(self, wanted: str) -> None:
        if not self._is(wanted):
            raise _encountered(self._tokens[self._at] if self._at < len(self._tokens) else None)

    def _name(self) -> str:
        token = self._next()
        if token[0] != "word" or token[1].lower() in _KEYWORDS:
            raise _encountered(token)
        return token[1]

    def _columns(self, query: Query) -> None:
        if self._is("*"):
            return
        first = self._name()
        if first.lower() == "count" and self._is("("):
            self._keyword("*")
            self._keyword(")")
            query.counts = True
            return
        query.columns.append(first)
        while self._is(","):
            query.columns.append(self._name())

    def _check_columns(self, query: Query) -> None:
        known = {name.lower() for name in (*ENTITIES.get(query.entity, ()), *FILTERABLE[query.entity])}
        for column in query.columns:
            if column.partition(".")[0].lower() not in known | {"metadata"}:
                raise refusal("4001", f"QueryValidationError: Property {column} not found for Entity {query.entity}")

    def _property(self, entity: str) -> str:
        name = self._name()
        known = {candidate.lower(): candidate for candidate in FILTERABLE[entity]}
        if name.lower() not in known:
            raise refusal("4001", f"QueryValidationError: Property {name} not found for Entity {entity}")
        return known[name.lower()]

    def _condition(self, entity: str) -> Condition:
        path = self._property(entity)
        token = self._next()
        operator = token[1].lower()
        if operator == "in":
            self._keyword("(")
            values = [self._value()]
            while self._is(","):
                values.append(self._value())
            self._keyword(")")
        elif operator in ("=", "<", ">", "<=", ">=", "like"):
            values = [self._value()]
        else:
            raise _encountered(token)
        if path == "Id" and operator not in ("=", "in"):
            raise refusal("4001", f"QueryValidationError: Operator {token[1]} is not supported for property Id")
        return Condition(path, operator, tuple(values))

    def _value(self) -> str | bool:
        token = self._next()
        if token[0] == "string":
            return re.sub(r"\\(.)", r"\1", token[1][1:-1], flags=re.DOTALL)
        if token[1].lower() in ("true", "false"):
            return token[1].lower() == "true"
        raise _encountered(token)

    def _ordering(self, entity: str) -> tuple[str, bool]:
        path = self._property(entity)
        if self._is("desc"):
            return path, True
        self._is("asc")
        return path, False

    def _integer(self, least: int, most: int | None) -> int:
        token = self._next()
        if token[0] != "number" or not token[1].isdigit():
            raise _encountered(token)
        number = int(token[1])
        if number < least or (most is not None and number > most):
            raise refusal("4001", f"QueryValidationError: value {number} is out of range")
        return number


def parsed(text: str) -> Query:
    """Return the query, or refuse it with 4000 (does not parse) or 4001 (not a property one may ask for)."""
    return _Parser(text).parse()


def values_at(row: Row, path: str) -> list[Any]:
    """Return the values under a dotted path; names are matched without case, lists give each of theirs."""
    found: list[Any] = [row]
    for name in path.lower().split("."):
        deeper: list[Any] = []
        for value in found:
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    deeper += [part[key] for key in part if key.lower() == name]
        found = deeper
    # A reference is compared by its id, an e-mail address and a telephone number by what is written.
    return [
        next((value[key] for key in ("value", "Address", "FreeFormNumber") if key in value), None)
        if isinstance(value, dict)
        else value
        for value in found
    ]


def _comparable(stored: Any, wanted: str | bool) -> tuple[Any, Any] | None:
    """Return both sides in one form: numbers, instants or texts without case; None when they cannot be compared."""
    if stored is None:
        return None
    if isinstance(stored, bool) or isinstance(wanted, bool):
        return str(stored).lower(), str(wanted).lower()
    if isinstance(stored, int | Decimal):
        try:
            number = Decimal(wanted)
        except InvalidOperation:
            return None
        return (Decimal(stored), number) if number.is_finite() else None
    if isinstance(stored, str) and "T" in stored and re.match(r"\d{4}-\d\d-\d\dT", stored):
        try:
            instant = datetime.fromisoformat(wanted)
        except ValueError:
            return stored.casefold(), wanted.casefold()
        then = datetime.fromisoformat(stored)
        return then, instant if instant.tzinfo else instant.replace(tzinfo=then.tzinfo)
    return str(stored).casefold(), wanted.casefold()


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
    "in": lambda a, b: bool(a == b),
}


def _holds(condition: Condition, row: Row) -> bool:
    for stored in values_at(row, condition.path):
        for wanted in condition.values:
            if condition.operator == "like":
                pattern = ".*".join(re.escape(part) for part in str(wanted).casefold().split("%"))
                if isinstance(stored, str) and re.fullmatch(pattern, stored.casefold(), re.DOTALL):
                    return True
                continue
            pair = _comparable(stored, wanted)
            if pair is not None and _COMPARISONS[condition.operator](*pair):
                return True
    return False


def _order_key(row: Row, path: str) -> tuple[int, Any]:
    value = next(iter(values_at(row, path)), None)
    if value is None:
        return 0, ""
    if isinstance(value, bool | int | Decimal):
        return 1, Decimal(value)
    return (1, Decimal(value)) if path == "Id" and value.isdigit() else (2, str(value).casefold())


def answer(query: Query, rows: Iterable[Row]) -> Row:
    """Return the QueryResponse of a query over the rows of its entity."""
    found = list(rows)
    if not any(condition.path == "Active" for condition in query.conditions):
        found = [row for row in found if row.get("Active", True)]
    found = [row for row in found if all(_holds(condition, row) for condition in query.conditions)]
    if query.counts:
        return {"QueryResponse": {"totalCount": len(found)}}
    for path, descending in reversed(query.order):
        found.sort(key=lambda row, path=path: _order_key(row, path), reverse=descending)  # type: ignore[misc]
    page = found[query.start - 1 : query.start - 1 + query.size]
    if not page:
        return {"QueryResponse": {}}
    body: Row = {query.entity: [_selected(row, query) for row in page]}
    return {"QueryResponse": {**body, "startPosition": query.start, "maxResults": len(page)}}


def _selected(row: Row, query: Query) -> Row:
    if not query.columns:
        return row
    wanted = {column.lower().partition(".")[0] for column in query.columns}
    return {key: value for key, value in row.items() if key.lower() in wanted or key in ("domain", "sparse")}
