"""How a part of an entry is written: the arguments of an update, alone or in a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.aws.items import item
from pipeline.domain.codec import encode
from pipeline.domain.entry import Entry, Status


def entry_update(
    entry: Entry, names: Sequence[str], *,
    version: int | None, status: Status | None = None, is_settled: bool = False, save_id: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return the key, the expressions and the values that write some attributes of an entry.

    The entry must still have `version` and `status`, where they are given. With `is_settled`, no outcome of a write may
    be open. With a `save_id`, of the form `<run>-<number>`, the last save must be the one that the entry was read
    after, or one of the same run: the SDK repeats a write without an answer, which may have been done.
    """
    kept = item(stored_values(entry, names))
    attributes = {f"#{name}": name for name in names}
    placeholders: dict[str, Any] = {f":{name}": value for name, value in kept.items()}
    sets = [f"#{name} = :{name}" for name in kept]
    empty = [f"#{name}" for name in names if name not in kept]
    conditions = ["attribute_exists(entry_id)"]
    # DynamoDB rejects a name or a value that no clause uses.
    if version is not None:
        conditions.append("#read_version = :read_version")
        attributes["#read_version"] = "version"
        placeholders[":read_version"] = {"N": str(version)}
    if status is not None:
        conditions.append("#read_status = :read_status")
        attributes["#read_status"] = "status"
        placeholders[":read_status"] = {"S": status.value}
    if is_settled:
        conditions.append("attribute_not_exists(#step)")
        attributes["#step"] = "step"
    if save_id:
        sets.append("#save_id = :save_id")
        the_one_read = "#save_id = :read_save" if entry.save_id else "attribute_not_exists(#save_id)"
        conditions.append(f"({the_one_read} OR begins_with(#save_id, :run))")
        attributes["#save_id"] = "save_id"
        placeholders[":save_id"] = {"S": save_id}
        placeholders[":run"] = {"S": save_id.partition("-")[0] + "-"}
        if entry.save_id:
            placeholders[":read_save"] = {"S": entry.save_id}
    expression = ("SET " + ", ".join(sets) if sets else "") + (" REMOVE " + ", ".join(empty) if empty else "")
    return {
        "Key": {"entry_id": {"S": entry.entry_id}},
        "UpdateExpression": expression,
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": attributes,
        "ExpressionAttributeValues": placeholders,
    }


def stored_values(entry: Entry, names: Sequence[str]) -> dict[str, Any]:
    """Return some attributes as they are stored: plain values, without those that are empty."""
    values = {name: encode(getattr(entry, name)) for name in names}
    return {name: value for name, value in values.items() if value not in ("", None)}
