"""QuickBooks Online's /batch: up to thirty writes in one request, each accepted or refused alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

from local.stand_ins.http_server import Request, Response
from local.stand_ins.quickbooks.checks import body_of
from local.stand_ins.quickbooks.faults import refusal
from local.stand_ins.quickbooks.realm import Row
from pipeline.domain.values import replace

ITEMS_MAX = 30
REQUEST_ID_LENGTH_MAX = 36
ITEM_ID_LENGTH_MAX = 10
_OPERATIONS = ("create", "update", "delete")


def batched(request: Request, write: Callable[[Request], Response]) -> Row:
    """Return the BatchItemResponse of a batch. `write` answers one write as if it had been sent alone.

    Which writes are the same is decided by the ids of batch and item together. Nothing is promised about the order of
    the answers: here the last comes first, so that no client gets used to another.
    """
    items = body_of(request.body).get("BatchItemRequest")
    if not isinstance(items, list) or not items:
        raise refusal("2020", "Required parameter BatchItemRequest is missing in the request", "BatchItemRequest")
    if len(items) > ITEMS_MAX:
        raise refusal("1040", f"The number of items in the batch exceeds the limit. Max:{ITEMS_MAX}")
    batch_id = request.query.get("requestid", "")
    if len(batch_id) > REQUEST_ID_LENGTH_MAX:
        raise refusal("2130", f"Request Id format is invalid. Supplied value:{batch_id}")
    names = [str(item.get("bId", "")) for item in items]
    if any(not 0 < len(name) <= ITEM_ID_LENGTH_MAX for name in names) or len(set(names)) < len(names):
        raise refusal("2030", "Invalid ID : each bId must be present once and have at most 10 characters", "bId")
    answers = [_one(request, item, f"{batch_id}#{item['bId']}", write) for item in items]
    return {"BatchItemResponse": answers[::-1]}


def _one(request: Request, item: Row, request_id: str, write: Callable[[Request], Response]) -> Row:
    operation = str(item.get("operation", ""))
    bodies = [(name, part) for name, part in item.items() if name not in ("bId", "operation", "optionsData")]
    if operation not in _OPERATIONS or len(bodies) != 1 or not isinstance(bodies[0][1], dict):
        raise refusal("2010", "Property Name:failed to parse json object; a property specified is unsupported")
    ((entity, body),) = bodies
    query = {"requestid": request_id} | ({"operation": operation} if operation == "delete" else {})
    alone = replace(
        request,
        path=request.path.rpartition("/")[0] + f"/{entity.lower()}",
        query=query,
        body=json.dumps(body, default=_number).encode(),
    )
    answer = body_of(write(alone).body)
    found = answer.get("Fault") or (answer.get("fault") and _capitalised(answer["fault"]))
    return {"bId": item["bId"], **({"Fault": found} if found else {entity: answer.get(entity)})}


def _number(value: Decimal) -> float:
    return float(value)


def _capitalised(fault: Row) -> Row:
    errors = [{"Message": e["message"], "Detail": e["detail"], "code": e["code"]} for e in fault["error"]]
    return {"Error": errors, "type": fault["type"]}
