"""The tracking table, with what people did in the books noted on the entries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from itertools import batched
from types import MappingProxyType
from typing import Any

from pipeline.aws.items import from_dataclass, item, plain_values
from pipeline.aws.poster_table import PosterTable
from pipeline.aws.tracking_table import COMPANY_STATUS_INDEX
from pipeline.domain.entry import DriftPart, Entry, Status, names_of
from pipeline.domain.values import replace

# DynamoDB compares with at most a hundred values.
IDS_AT_ONCE = 100
_NAMES = names_of(DriftPart)


class DriftTable(PosterTable):
    """Entries by their id in the books, and the notes about what people did there."""

    def with_qb_ids(self, company: str, qb_ids: Collection[str]) -> Iterator[Entry]:
        """Yield the entries of a company that are in the books under one of these ids.

        It reads all entries of the company, some five seconds for 50,000: ask only for ids that carry no mark.
        """
        for some in batched(sorted(set(qb_ids)), IDS_AT_ONCE):
            ids = {f":id{number}": {"S": qb_id} for number, qb_id in enumerate(some)}
            yield from self._filtered(company, f"qb_id IN ({', '.join(ids)})", ids)

    def with_name(self, company: str, name: str) -> Iterator[Entry]:
        """Yield the entries of a company with this number, or this id or number in the books. Reads all of them."""
        condition = "#number = :name OR qb_id = :name OR qb_doc_number = :name"
        yield from self._filtered(company, condition, {":name": {"S": name}}, {"#number": "number"})

    def _filtered(
        self, company: str, condition: str, values: Mapping[str, Any], names: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[Entry]:
        for status in Status:
            yield from self._query(
                IndexName=COMPANY_STATUS_INDEX,
                KeyConditionExpression="company = :company AND #status = :status",
                FilterExpression=condition,
                ExpressionAttributeNames={"#status": "status", **names},
                ExpressionAttributeValues={":company": {"S": company}, ":status": {"S": status.value}, **values},
            )

    def note_drift(self, entry: Entry, *, drift: str, qb_open: Decimal | None) -> bool:
        """Note what was found in the books. Return False if the note, or where the document is, changed meanwhile."""
        values = from_dataclass(replace(entry, drift=drift, qb_open=qb_open))
        kept = item({name: values[name] for name in _NAMES})
        empty = [name for name in _NAMES if name not in kept]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in kept) if kept else ""
        expression += " REMOVE " + ", ".join(f"#{name}" for name in empty) if empty else ""
        placeholders = {f":{name}": value for name, value in kept.items()}
        unchanged = "attribute_not_exists(#drift)"
        if entry.drift:
            unchanged, placeholders[":previous"] = "#drift = :previous", {"S": entry.drift}
        placeholders[":qb_id"] = {"S": entry.qb_id}
        done = self._conditional(
            lambda: self._client.update_item(
                TableName=self._name,
                Key={"entry_id": {"S": entry.entry_id}},
                UpdateExpression=expression.strip(),
                ConditionExpression=f"qb_id = :qb_id AND {unchanged}",
                ExpressionAttributeNames={f"#{name}": name for name in _NAMES},
                ExpressionAttributeValues=placeholders,
                ReturnValues="UPDATED_OLD",
            )
        )
        if done is not None:
            self._wrote(replace(entry, drift=drift, qb_open=qb_open), _NAMES, plain_values(done))
        return done is not None
