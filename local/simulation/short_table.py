"""The conditional writes and the reads of a table, done to moto's items without moto's parsing, validating and copying.

Only what is common is done here; `answer` returns None for all else, and moto does it. Moto also judges: a request is
answered here only after moto has accepted one of the same shape (the same expressions, names and placeholders).
`tests/contracts` compares the two.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import RESULT_SIZE_LIMIT

from local.stand_ins.aws import ACCOUNT, REGION

type Parameters = dict[str, Any]
type Value = dict[str, Any]
type Write = Callable[[], Parameters]
# Whether a condition holds for the attributes of an item.
type Condition = Callable[[dict[str, DynamoType], Parameters], bool]

# An item has at most 400 KB and a page at most 1 MB: moto measures them, and nothing near them is done here.
FAR_BELOW_THE_LIMITS_BYTES = 50_000
PAGE_FAR_BELOW_THE_LIMIT_BYTES = 500_000
BATCH_MAX = 100
KEY_LENGTH_MAX = 500
_NO_LIMIT = 1_000_000_000
# A version of `marshal` that writes what occurs twice twice, and equal values alike.
WITHOUT_REFERENCES = 2
_SCALARS = {"S", "N", "BOOL", "NULL"}
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,19})(\.\d{1,10})?")
_TOKEN = re.compile(
    r"\s*(attribute_not_exists|attribute_exists|begins_with|IN\b|AND\b|OR\b|<>|<=|>=|[=<>(),]|[#:]?\w+)"
)
_NAME = re.compile(r"#?\w+")
_ASSIGNMENT = re.compile(r"\s*(#?\w+)\s*=\s*(:\w+)\s*")
_EQUALITY = re.compile(r"\s*(#?\w+) = (:\w+)\s*")
_WORDED = (
    "UpdateExpression", "ConditionExpression", "KeyConditionExpression", "FilterExpression", "ProjectionExpression",
    "ReturnValues", "ReturnValuesOnConditionCheckFailure", "IndexName", "Select",
)  # fmt: skip

# What is said of items that are whole, though an index may hold only their keys.
_OF_WHOLE_ITEMS = {"FilterExpression", "ProjectionExpression", "Select"}

_accepted: set[Any] = set()


class _LeftToMoto(Exception):
    """What was asked is not among what is done here."""


class _DoesNotHold(_LeftToMoto):
    """The condition of a write does not hold."""

    def __init__(self, shown: Parameters) -> None:
        text = "The conditional request failed"
        error = {"Code": "ConditionalCheckFailedException", "Message": text}
        self.response = {"Error": error, "message": text, **shown, "ResponseMetadata": {"HTTPStatusCode": 400}}


def answer(operation: str, parameters: Parameters, *, refuses: bool = False) -> Parameters | None:
    """Return what moto would answer, as new texts, lists and maps; or None, with nothing done, when moto must do it.

    With `refuses`, a write of one item whose condition does not hold is answered too: with its `Error`, as botocore
    reads it.
    """
    do = _OPERATIONS.get(operation)
    if do is None:
        return None
    try:
        if operation != "BatchGetItem" and not _accepted.issuperset(_shapes(operation, parameters)):
            return None
        return do(parameters)
    except _DoesNotHold as refused:
        return refused.response if refuses and operation != "TransactWriteItems" else None
    except _LeftToMoto:
        return None


def accepted(operation: str, parameters: Parameters) -> None:
    """Remember that moto has accepted a request: the next of its shape may be answered here."""
    if operation in _OPERATIONS and operation != "BatchGetItem":
        _accepted.update(_shapes(operation, parameters))


def _shapes(operation: str, parameters: Parameters) -> list[Any]:
    """Return the shapes of a request: of a transaction those of its writes, which moto judges one by one."""
    if operation == "TransactWriteItems":
        return [_shape(kind, asked) for one in parameters["TransactItems"] for kind, asked in one.items()]
    return [_shape(operation, parameters)]


def _shape(operation: str, parameters: Parameters) -> Any:
    table = _tables().get(parameters["TableName"])
    schema = (
        (table.hash_key_attr, table.range_key_attr, *(index.name for index in table.all_indexes())) if table else ()
    )
    return (
        operation,
        schema,
        *map(parameters.get, _WORDED),
        # In the order given: it is nearly always the same.
        tuple(parameters.get("ExpressionAttributeNames", {}).items()),
        tuple([(name, *value) for name, value in parameters.get("ExpressionAttributeValues", {}).items()]),
        tuple(parameters),
    )


# -- the operations ----------------------------------------------------------------------------------------------------


def _get_item(parameters: Parameters) -> Parameters:
    _only(parameters, "Key", "ConsistentRead")
    _check_flag(parameters)
    table = _table(parameters, ranges=True)
    found = table.items.get(_key(table, parameters["Key"]))
    if table.range_key_attr:
        found = (found or {}).get(_text(parameters["Key"][table.range_key_attr]))
    return {} if found is None else {"Item": _plain_item(found)}


def _batch_get_item(parameters: Parameters) -> Parameters:
    ((name, asked),) = parameters["RequestItems"].items() if len(parameters["RequestItems"]) == 1 else _leave()
    _only({**asked, "RequestItems": 0, **parameters}, "Keys", "ConsistentRead", "RequestItems")
    _check_flag(asked)
    table = _table({"TableName": name})
    keys = [_key(table, key) for key in asked["Keys"]]
    if not 0 < len(keys) <= BATCH_MAX or len({key.value for key in keys}) < len(keys):
        _leave()
    found = _page([table.items[key] for key in keys if key in table.items])
    if found is None:
        _leave()
    return {
        "ConsumedCapacity": [{"CapacityUnits": len(keys), "TableName": name}],
        "Responses": {name: found},
        "UnprocessedKeys": {},
    }


def _put_item(parameters: Parameters) -> Parameters:
    return _put(parameters)()


def _put(parameters: Parameters) -> Write:
    """Return what puts an item, now that its condition holds."""
    _only(
        parameters, "Item", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
        "ReturnValuesOnConditionCheckFailure",
    )  # fmt: skip
    table, item = _table(parameters, ranges=True), parameters["Item"]
    if not {table.hash_key_attr, table.range_key_attr or table.hash_key_attr} <= set(item):
        _leave()
    _check_values(table, item.items())
    key = _text(item[table.hash_key_attr])
    beside = _text(item[table.range_key_attr]) if table.range_key_attr else None
    found = table.items.get(key)
    if beside is not None:
        found = (found or {}).get(beside)
    _check_condition(found, parameters)
    made = Item(key, beside, {})
    for name, value in item.items():
        # Not by moto, which would measure the whole item at each attribute.
        dict.__setitem__(made.attrs, name, _kept(value))

    def write() -> Parameters:
        if beside is None:
            table.items[key] = made
        else:
            table.items[key][beside] = made
        return {}

    return write


def _update_item(parameters: Parameters) -> Parameters:
    return _change(parameters)()


def _change(parameters: Parameters) -> Write:
    """Return what updates an item, now that its condition holds."""
    _only(
        parameters, "Key", "UpdateExpression", "ConditionExpression", "ExpressionAttributeNames",
        "ExpressionAttributeValues", "ReturnValues",
    )  # fmt: skip
    table = _table(parameters)
    key = _key(table, parameters["Key"])
    found = table.items.get(key)
    returned = parameters.get("ReturnValues", "NONE")
    if returned not in ("NONE", "UPDATED_OLD", "ALL_NEW"):
        _leave()
    values = parameters.get("ExpressionAttributeValues", {})
    assigned, removed = _update(parameters["UpdateExpression"])
    new = {_named(name, parameters): values[placeholder] for name, placeholder in assigned}
    gone = [_named(name, parameters) for name in removed]
    if table.hash_key_attr in (*new, *gone):
        _leave()
    _check_values(table, new.items())
    _check_condition(found, parameters)

    def write() -> Parameters:
        item = table.items.setdefault(key, found or Item(key, None, parameters["Key"]))
        before = {name: _plain(item.attrs[name]) for name in (*new, *gone) if name in item.attrs}
        for name, value in new.items():
            dict.__setitem__(item.attrs, name, _kept(value))
        for name in gone:
            item.attrs.pop(name, None)
        # moto says it, asked or not.
        done: Parameters = {"ConsumedCapacity": {"TableName": parameters["TableName"], "CapacityUnits": 0.5}}
        changed = {name: value for name, value in before.items() if new.get(name) != value}
        if returned == "ALL_NEW":
            done["Attributes"] = _plain_item(item)
        elif returned == "UPDATED_OLD" and changed:
            done["Attributes"] = changed
        return done

    return write


def _delete_item(parameters: Parameters) -> Parameters:
    _only(parameters, "Key", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")
    table = _table(parameters)
    key = _key(table, parameters["Key"])
    _check_condition(table.items.get(key), parameters)
    table.items.pop(key, None)
    return {"ConsumedCapacityUnits": 0.5}


def _transact_write_items(parameters: Parameters) -> Parameters:
    """Write all or none: every condition is looked at before the first write."""
    _only(parameters, "TransactItems")
    asked = [next(iter(one.items())) if len(one) == 1 else _leave() for one in parameters["TransactItems"]]
    if not 0 < len(asked) <= BATCH_MAX or not {kind for kind, _ in asked} <= set(_WRITES):
        _leave()
    keys = {_key_in(one) for _, one in asked}
    if len(keys) < len(asked):
        _leave()
    for write in [_WRITES[kind](one) for kind, one in asked]:
        write()
    return {"ConsumedCapacity": [], "ItemCollectionMetrics": {}}


def _key_in(asked: Parameters) -> tuple[str, str]:
    """Return table and key of a write."""
    key = (asked.get("Item") or asked.get("Key") or {}).get(_table(asked).hash_key_attr, {}).get("S")
    return (asked["TableName"], key) if isinstance(key, str) else _leave()


_WRITES: dict[str, Callable[[Parameters], Write]] = {"Put": _put, "Update": _change}


def _query(parameters: Parameters) -> Parameters:
    _only(
        parameters, "IndexName", "KeyConditionExpression", "ProjectionExpression", "ExpressionAttributeNames",
        "ExpressionAttributeValues", "Select", "Limit", "FilterExpression", "ExclusiveStartKey", "ScanIndexForward",
    )  # fmt: skip
    table, index, wanted = _asked_index(parameters)
    found, whole, is_cut = _page_of_index(table, index, wanted, parameters)
    keys = (*table.table_key_attrs, *wanted)
    done: Parameters = {"ScannedCount": len(found)}
    if is_cut:
        done["LastEvaluatedKey"] = {name: whole[-1][name] for name in keys}
    if index.projection["ProjectionType"] == "KEYS_ONLY":
        whole = [{name: one[name] for name in one if name in keys} for one in whole]
    filtered = parameters.get("FilterExpression")
    if filtered is not None:
        holds = _condition(filtered)
        whole = [one for item, one in zip(found, whole, strict=True) if holds(item.attrs, parameters)]
    done["Count"] = len(whole)
    if parameters.get("Select") != "COUNT":
        names = [_named(name.strip(), parameters) for name in parameters.get("ProjectionExpression", "").split(",")]
        done["Items"] = (
            [{name: item[name] for name in names if name in item} for item in whole] if names != [""] else whole
        )
    return done


def _asked_index(parameters: Parameters) -> tuple[Any, Any, dict[str, str]]:
    """Return the table, the index that is queried, and what its keys have to be."""
    table = _table(parameters, ranges=True)
    index = next((index for index in table.global_indexes if index.name == parameters.get("IndexName")), None)
    if index is None:
        _leave()
    projected = (index.projection or {}).get("ProjectionType")
    if projected != "ALL" and (projected != "KEYS_ONLY" or set(parameters) & _OF_WHOLE_ITEMS):
        _leave()
    wanted = _equal(parameters)
    if set(wanted) != {key["AttributeName"] for key in index.schema}:
        # Then the order would be that of the key left open.
        _leave()
    return table, index, wanted


def _page_of_index(
    table: Any, index: Any, wanted: dict[str, str], parameters: Parameters
) -> tuple[list[Item], list[dict[str, Value]], bool]:
    """Return the items of a page, also as plain values, and whether it was cut off."""
    is_ascending, limit = parameters.get("ScanIndexForward") is not False, parameters.get("Limit", _NO_LIMIT)
    if type(limit) is not int or limit < 1:
        _leave()
    found = _having(wanted, _items(table))
    if "ExclusiveStartKey" in parameters:
        start = _start(table, wanted, parameters["ExclusiveStartKey"])
        found = [item for item in found if _is_after(_hash_key(item), start, is_ascending=is_ascending)]
    found.sort(key=_hash_key, reverse=not is_ascending)
    whole = _page(found) if len(found) < limit else None
    if whole is not None:
        return found, whole, False
    others = _after(table, index, wanted, is_ascending=is_ascending)
    count, is_cut = _cut_off(found, others, limit)
    return found[:count], [_plain_item(item) for item in found[:count]], is_cut


def _cut_off(found: list[Item], others: list[Item], limit: int) -> tuple[int, bool]:
    """Return how many of the items are on a page, and whether moto ends it before it has looked at the others, too."""
    size = 0
    for place, item in enumerate((*found, *others)):
        count, own = min(place, len(found)), item.size()
        if count == limit or size + own > RESULT_SIZE_LIMIT:
            return count, True
        size += own if place < len(found) else 0
    return len(found), False


def _after(table: Any, index: Any, wanted: dict[str, str], *, is_ascending: bool) -> list[Item]:
    """Return what moto looks at after the last item that is wanted: what has another second key, in any order."""
    if len(wanted) == 1:
        return []
    *_, second = [key["AttributeName"] for key in index.schema]
    of_the_first = {name: text for name, text in wanted.items() if name != second}
    found = [item for item in _having(of_the_first, _items(table)) if second in item.attrs]
    texts = [(item, item.attrs[second].value) for item in found]
    return [item for item, text in texts if _is_after(text, wanted[second], is_ascending=is_ascending)]


def _start(table: Any, wanted: dict[str, str], key: dict[str, Value]) -> str:
    """Return the key of the item after which a page begins, if it is one of those that are wanted."""
    if set(key) != {*table.table_key_attrs, *wanted} or any(key[name] != {"S": wanted[name]} for name in wanted):
        _leave()
    text: str = _text(key[table.hash_key_attr]).value
    return text


def _is_after(text: str, other: str, *, is_ascending: bool) -> bool:
    return text > other if is_ascending else text < other


def _having(wanted: dict[str, str], items: list[Item]) -> list[Item]:
    """Return the items with these texts: key by key, because a call for each item takes twice as long."""
    for name, text in wanted.items():
        items = [item for item in items if (found := item.attrs.get(name)) is not None and found.value == text]
    return items


def _scan(parameters: Parameters) -> Parameters:
    """Return all there is, when nothing else is asked."""
    _only(parameters, "ConsistentRead")
    _check_flag(parameters)
    table = _table(parameters, ranges=True)
    items = _items(table)
    # As moto sorts them, but by texts: its own values work out at each comparison what they are.
    items.sort(key=lambda item: (item.hash_key.value, item.range_key.value if item.range_key else ""))
    found = _page(items)
    return _leave() if found is None else {"Count": len(found), "ScannedCount": len(found), "Items": found}


def _items(table: Any) -> list[Item]:
    """Return what a table holds, in no order: moto sorts it, by values that it reads again at each comparison."""
    if table.range_key_attr:
        return [item for kept in table.items.values() for item in kept.values()]
    return list(table.items.values())


def _hash_key(item: Item) -> str:
    text: str = item.hash_key.value
    return text


_OPERATIONS: dict[str, Callable[[Parameters], Parameters]] = {
    "GetItem": _get_item,
    "BatchGetItem": _batch_get_item,
    "PutItem": _put_item,
    "UpdateItem": _update_item,
    "DeleteItem": _delete_item,
    "Query": _query,
    "Scan": _scan,
    "TransactWriteItems": _transact_write_items,
}


# -- tables and values -------------------------------------------------------------------------------------------------


def _leave() -> NoReturn:
    raise _LeftToMoto


def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = at_home(dynamodb_backends, REGION).tables
    return tables


def at_home(backends: Any, region: str) -> Any:
    """Return the backend of our account. moto's own way to one that is there takes a lock, and goes through lists."""
    account = dict.get(backends, ACCOUNT) or backends[ACCOUNT]
    return dict.get(account, region) or account[region]


def _table(parameters: Parameters, *, ranges: bool = False) -> Any:
    """Return a table whose only key is a text, or, where that is understood, whose two keys are."""
    table = _tables().get(parameters["TableName"])
    if table is None or table.hash_key_type != "S" or table.stream_shard is not None:
        _leave()
    if table.range_key_attr and not (ranges and table.range_key_type == "S"):
        _leave()
    return table


def _only(parameters: Parameters, *known: str) -> None:
    if not set(parameters) <= {"TableName", *known}:
        _leave()


def _key(table: Any, key: dict[str, Value]) -> DynamoType:
    names = {table.hash_key_attr, table.range_key_attr or table.hash_key_attr}
    return _text(key[table.hash_key_attr]) if set(key) == names else _leave()


def _text(value: Value) -> DynamoType:
    """Return a value of a key."""
    text = value.get("S")
    return DynamoType({"S": text}) if isinstance(text, str) and 0 < len(text) < KEY_LENGTH_MAX else _leave()


def _check_flag(parameters: Parameters) -> None:
    if not isinstance(parameters.get("ConsistentRead", False), bool):
        _leave()


def _check_values(table: Any, values: Any) -> None:
    """Leave to moto what it might refuse: other types, numbers of many digits, keys of an index that are none."""
    size = 0
    keys = table.attribute_keys
    for name, value in values:
        size += len(name) + _size(value)
        if name in keys and not (value.get("S") and len(value["S"]) < KEY_LENGTH_MAX):
            _leave()
    if size > FAR_BELOW_THE_LIMITS_BYTES:
        _leave()


def _size(value: Value) -> int:
    if len(value) != 1:
        _leave()
    ((kind, content),) = value.items()
    if kind == "S" and isinstance(content, str):
        # At most four bytes a character.
        return 4 * len(content)
    if kind == "N" and isinstance(content, str) and _NUMBER.fullmatch(content):
        return len(content)
    if kind in ("BOOL", "NULL") and isinstance(content, bool):
        return 1
    if kind == "L" and isinstance(content, list):
        return sum(map(_size, content))
    if kind == "M" and isinstance(content, dict):
        return sum(4 * len(name) + _size(inner) for name, inner in content.items())
    _leave()


def _kept(value: Value) -> DynamoType:
    """Return a value that was checked as moto keeps it. Most are texts and numbers, of which nothing else is asked."""
    ((kind, content),) = value.items()
    if kind not in _SCALARS:
        return DynamoType(value)
    kept = DynamoType.__new__(DynamoType)
    kept.type, kept.value = kind, content
    return kept


def _plain_item(item: Item) -> dict[str, Value]:
    return {name: _plain(value) for name, value in item.attrs.items()}


def _plain(value: DynamoType) -> Value:
    content = value.value
    if value.type in _SCALARS:
        return {value.type: content}
    if isinstance(content, list):
        return {value.type: [_plain(inner) if isinstance(inner, DynamoType) else inner for inner in content]}
    if isinstance(content, dict):
        return {value.type: {name: _plain(inner) for name, inner in content.items()}}
    return {value.type: content} if value.type != "B" else _leave()


def _page(items: list[Item]) -> list[dict[str, Value]] | None:
    """Return the items as plain values, or None if they may be more than one page has."""
    page, size = list[dict[str, Value]](), 0
    for item in items:
        plain = _plain_item(item)
        page.append(plain)
        # Never less than DynamoDB counts, and sooner done than JSON.
        size += len(marshal.dumps(plain, WITHOUT_REFERENCES))
        if size > PAGE_FAR_BELOW_THE_LIMIT_BYTES:
            return None
    return page


# -- expressions -------------------------------------------------------------------------------------------------------


def _named(name: str, parameters: Parameters) -> str:
    if not name.startswith("#"):
        return name
    found: str = parameters["ExpressionAttributeNames"].get(name) or _leave()
    return found


def _equal(parameters: Parameters) -> dict[str, str]:
    """Return the attributes that a key condition wants to be equal to texts, and the texts."""
    values = parameters.get("ExpressionAttributeValues", {})
    wanted: dict[str, str] = {}
    for part in parameters.get("KeyConditionExpression", "").split(" AND "):
        found = _EQUALITY.fullmatch(part)
        if found is None:
            _leave()
        text = values[found[2]].get("S")
        wanted[_named(found[1], parameters)] = text if text and isinstance(text, str) else _leave()
    return wanted


@lru_cache(500)
def _update(expression: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what an update expression assigns, as names and placeholders, and the names it removes."""
    found = re.fullmatch(r"\s*(?:SET (?P<set>[^()+\[\].]+?))??\s*(?:REMOVE (?P<remove>[\w#, ]+))?\s*", expression)
    if found is None or "-" in expression:
        _leave()
    parts = [_ASSIGNMENT.fullmatch(part) for part in found["set"].split(",")] if found["set"] else []
    removed = [name.strip() for name in found["remove"].split(",")] if found["remove"] else []
    if not all(parts) or not all(_NAME.fullmatch(name) for name in removed):
        _leave()
    return [(part[1], part[2]) for part in parts if part], removed


def _check_condition(item: Item | None, parameters: Parameters) -> None:
    """Raise for a condition that does not hold; leave to moto one that is not understood here."""
    expression = parameters.get("ConditionExpression")
    if expression is not None and not _condition(expression)(item.attrs if item else {}, parameters):
        is_shown = parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        raise _DoesNotHold({"Item": _plain_item(item)} if item and is_shown else {})


@lru_cache(500)
def _condition(expression: str) -> Condition:
    tokens: list[str] = []
    position = 0
    while position < len(expression.rstrip()):
        found = _TOKEN.match(expression, position)
        if found is None:
            _leave()
        tokens.append(found[1])
        position = found.end()
    tokens.reverse()
    condition = _any_of(tokens)
    return _leave() if tokens else condition


def _any_of(tokens: list[str]) -> Condition:
    parts = [_all_of(tokens)]
    while tokens and tokens[-1] == "OR":
        tokens.pop()
        parts.append(_all_of(tokens))
    return lambda item, given: any(part(item, given) for part in parts)


def _all_of(tokens: list[str]) -> Condition:
    parts = [_one(tokens)]
    while tokens and tokens[-1] == "AND":
        tokens.pop()
        parts.append(_one(tokens))
    return lambda item, given: all(part(item, given) for part in parts)


def _one(tokens: list[str]) -> Condition:
    first = _next(tokens)
    if first == "(":
        inner = _any_of(tokens)
        _next(tokens, ")")
        return inner
    if first in ("attribute_exists", "attribute_not_exists"):
        _next(tokens, "(")
        name = _next(tokens)
        _next(tokens, ")")
        wanted = first == "attribute_exists"
        return lambda item, given: (_named(name, given) in item) is wanted
    if first == "begins_with":
        _next(tokens, "(")
        name = _next(tokens)
        _next(tokens, ",")
        beginning = _next(tokens)
        _next(tokens, ")")
        return lambda item, given: _begins(item.get(_named(name, given)), given, beginning)
    operator = _next(tokens)
    if operator == "IN":
        among = _list_of(tokens)
        return lambda item, given: any(_compared("=", item.get(_named(first, given)), given, one) for one in among)
    placeholder = _next(tokens)
    if operator not in _COMPARISONS or first.startswith(":") or not placeholder.startswith(":"):
        _leave()
    return lambda item, given: _compared(operator, item.get(_named(first, given)), given, placeholder)


def _list_of(tokens: list[str]) -> list[str]:
    _next(tokens, "(")
    found = [_next(tokens)]
    while (separator := _next(tokens)) == ",":
        found.append(_next(tokens))
    if separator != ")" or not all(one.startswith(":") for one in found):
        _leave()
    return found


def _next(tokens: list[str], wanted: str = "") -> str:
    token = tokens.pop() if tokens else _leave()
    return _leave() if wanted and token != wanted else token


def _begins(attribute: DynamoType | None, parameters: Parameters, placeholder: str) -> bool:
    value = parameters.get("ExpressionAttributeValues", {}).get(placeholder) or _leave()
    if attribute is None:
        return False if value.get("S") else _leave()
    if list(value) != ["S"] or attribute.type != "S" or not isinstance(value["S"], str):
        _leave()
    return str(attribute.value).startswith(value["S"])


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: one == other,
    "<>": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def _compared(operator: str, attribute: DynamoType | None, parameters: Parameters, placeholder: str) -> bool:
    """Compare texts with texts and numbers with numbers; what compares otherwise is left to moto."""
    value = parameters.get("ExpressionAttributeValues", {}).get(placeholder) or _leave()
    if attribute is None:
        # What is not there is neither equal nor less nor more. Whether it differs, or is nothing, moto says.
        return _leave() if operator == "<>" or not (value.get("S") or value.get("N")) else False
    if list(value) != [attribute.type] or attribute.type not in ("S", "N"):
        _leave()
    if not isinstance(value[attribute.type], str):
        _leave()
    read = Decimal if attribute.type == "N" else str
    return bool(_COMPARISONS[operator](read(attribute.value), read(value[attribute.type])))
