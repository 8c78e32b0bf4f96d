"""The tracking table, with what people did in the books noted on the entries."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import batched

from pipeline.aws.items import from_dataclass, item
from pipeline.aws.tracking_table import COMPANY_STATUS_INDEX, TrackingTable
from pipeline.domain.entry import DriftPart, Entry, Status, names_of

# DynamoDB compares with at most a hundred values.
IDS_AT_ONCE = 100
_NAMES = names_of(DriftPart)


class DriftTable(TrackingTable):
    """Entries by their id in the books, and the notes about what people did there."""

    def with_qb_ids(self, company: str, qb_ids: Collection[str]) -> Iterator[Entry]:
        """Yield the entries of a company that are in the books under one of these ids.

        It reads all entries of the company, some five seconds for 50,000: ask only for ids that carry no mark.
        """
        for some in batched(sorted(set(qb_ids)), IDS_AT_ONCE):
            ids = {f":id{number}": {"S": qb_id} for number, qb_id in enumerate(some)}
            for status in Status:
                yield from self._query(
                    IndexName=COMPANY_STATUS_INDEX,
                    KeyConditionExpression="company = :company AND #status = :status",
                    FilterExpression=f"qb_id IN ({', '.join(ids)})",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={":company": {"S": company}, ":status": {"S": status.value}, **ids},
                )

    def note_drift(self, entry: Entry, *, drift: str, qb_open: Decimal | None) -> bool:
        """Note what was found in the books. Return False if the note, or where the document is, changed meanwhile."""
        values = from_dataclass(replace(entry, drift=drift, qb_open=qb_open))
        kept = item({name: values[name] for name in _NAMES})
        empty = [name for name in _NAMES if name not in kept]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in kept) if kept else ""
        expression += " REMOVE " + ", ".join(f"#{name}" for name in empty) if empty else ""
        placeholders = {f":{name}": value for name, value in kept.items()}
        was = "attribute_not_exists(#drift)"
        if entry.drift:
            was, placeholders[":was"] = "#drift = :was", {"S": entry.drift}
        placeholders[":qb_id"] = {"S": entry.qb_id}
        done = self._conditional(
            lambda: self._client.update_item(
                TableName=self._name,
                Key={"entry_id": {"S": entry.entry_id}},
                UpdateExpression=expression.strip(),
                ConditionExpression=f"qb_id = :qb_id AND {was}",
                ExpressionAttributeNames={f"#{name}": name for name in _NAMES},
                ExpressionAttributeValues=placeholders,
            )
        )
        return done is not None
