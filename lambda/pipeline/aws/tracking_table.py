"""The tracking table: the entries, and who may change which attributes.

The extractor and the poster work on the same item at the same time. Each writes only its own attributes. A write that
depends on the version that was read is conditional on that version: the second writer notices and changes nothing.

A change of status that is not in `TRANSITIONS` is logged and still written. It is a bug of ours, but the write may
hold all that is known of a document in QuickBooks. Tests, the simulation and the demo stop at it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline.aws.batch_read import read_items
from pipeline.aws.conditional import conditional
from pipeline.aws.entry_update import entry_update
from pipeline.aws.errors import CANCELLED, CONFLICT, Expected, errors_of
from pipeline.aws.items import Item, from_dataclass, item, plain_values, to_dataclass
from pipeline.domain.entry import Entry, OdooPart, PdfPart, Seen, Status, WorkPart, names_of
from pipeline.domain.history import Wrote
from pipeline.domain.identity import make_entry_id, odoo_id_of
from pipeline.domain.transitions import Actor, is_allowed
from pipeline.domain.values import replace
from pipeline.domain.waiting import Waiting

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)

STATUS_INDEX = "status-index"
COMPANY_STATUS_INDEX = "company-status-index"

_NOT_THERE = "attribute_not_exists(entry_id)"
_FIELDS = names_of(Entry)
# What each writer writes. The extractor writes Odoo's part and the PDF; the poster writes the books' part. Both write
# the work, and only if the version is still the one they read.
_EXTRACTED = (*names_of(OdooPart), *names_of(PdfPart), *names_of(WorkPart))
_PDF = (*names_of(PdfPart), "pdf_key", "attempts", "killed_attempts", "error_message")
_SEEN = ("odoo_created_at", "odoo_write_date")
_EXTRACTORS = (Actor.EXTRACTOR, Actor.COMPARISON, Actor.REBUILD)
_WAITING_INSTANTS = ("next_attempt_at", "pending_since", "created_at")
_WAITING = ("entry_id", "company", "withdrawn", "pdf_sha256", "successor", "qb_id", "step", *_WAITING_INSTANTS)
# Statuses after which nothing follows: a decision that holds only while the entry still has the status it was read at.
DECIDED = (Status.SKIPPED, Status.VOIDED)


class TrackingTable:
    """Entries by id, and by company and status. Raises Unavailable if DynamoDB cannot answer; never guesses.

    `wrote` is given every write that was done: the entry, the names of its written fields, and the values before.
    """

    def __init__(self, client: DynamoDBClient, name: str, wrote: Wrote = lambda _entry, _names, _before: None) -> None:
        self._client = client
        self._name = name
        self._wrote = wrote

    # -- for both --------------------------------------------------------------------------------------------------

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry as it is now, or None."""
        found = self._try(
            lambda: self._client.get_item(TableName=self._name, Key={"entry_id": {"S": entry_id}}, ConsistentRead=True)
        ).get("Item")
        return to_dataclass(Entry, found, _FIELDS) if found else None

    def entries(self, entry_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the existing ones of these entries, by id, read a hundred to a call."""
        stored = read_items(self._client, self._name, entry_ids)
        return {entry_id: to_dataclass(Entry, values, _FIELDS) for entry_id, values in stored.items()}

    def with_status(self, company: str, status: Status) -> Iterator[Entry]:
        """Yield the entries of a company that have a status. The index may lag a moment behind."""
        return self._query(**_having(company, status))

    def posted_at(self, company: str) -> Iterator[datetime]:
        """Yield when each posted document of a company was posted, in no order. Nothing else of an entry is read."""
        for stored in self._items(**_having(company, Status.POSTED), ProjectionExpression="posted_at"):
            if stored:
                yield datetime.fromisoformat(stored["posted_at"]["S"])

    def failed(self, limit: int) -> list[Entry]:
        """Return at most `limit` failed entries of all companies. The index may lag a moment behind."""
        found = self._query(
            IndexName=STATUS_INDEX,
            KeyConditionExpression="#status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": Status.FAILED.value}},
        )
        return list(islice(found, limit))

    def mark_reported(self, entry: Entry, *, reported_at: datetime | None, letter_at: datetime | None) -> None:
        """Store that a failure was reported and that its letter was sent, unless the entry changed since."""
        values = from_dataclass(replace(entry, reported_at=reported_at, letter_at=letter_at))
        marks = item({name: values[name] for name in ("reported_at", "letter_at")})
        read = item({":failed": Status.FAILED.value, ":read": values["updated_at"]})
        self._conditional(
            lambda: self._client.update_item(
                TableName=self._name,
                Key={"entry_id": {"S": entry.entry_id}},
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in marks),
                ConditionExpression="#status = :failed AND updated_at = :read",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={**{f":{name}": value for name, value in marks.items()}, **read},
            )
        )

    # -- for the extractor -----------------------------------------------------------------------------------------

    def save_extracted(self, entry: Entry, *, previous: Entry | None) -> None:
        """Write a new entry, or Odoo's new version of an existing one, unless another run was faster."""
        if previous is None:
            done = self._conditional(lambda: self._client.put_item(**self._put(entry)))
            if done is not None:
                self._note_new(entry)
        else:
            done = self._save_extracted_again(entry, previous)
        if done is None:
            logger.info("another run was faster", extra={"entry_id": entry.entry_id})

    def save_new(self, entry: Entry, *, attached: Entry | None) -> None:
        """Write a new entry, unless another run was faster, and with it what `attach_pdf` stores of another one."""
        if attached is None:
            self.save_extracted(entry, previous=None)
            return
        update = entry_update(attached, _PDF, version=attached.version, status=Status.PENDING)
        both: Any = ({"Update": {"TableName": self._name, **update}}, {"Put": self._put(entry)})
        try:
            with errors_of(f"The table {self._name}", expected=(CANCELLED, CONFLICT)):
                self._client.transact_write_items(TransactItems=both)
        except Expected:
            # The condition of one does not hold, or it is being written. Nothing was stored.
            self.attach_pdf(attached)
            self.save_extracted(entry, previous=None)
            return
        # The values before were noted when its attempt was counted.
        self._note(attached, _PDF, {}, ())
        self._note_new(entry)

    def _put(self, entry: Entry) -> Any:
        return {
            "TableName": self._name,
            "Item": item(from_dataclass(entry)),
            "ConditionExpression": _NOT_THERE,
        }

    def _note_new(self, entry: Entry) -> None:
        self._wrote(entry, _FIELDS, {})
        _check(entry, None, _EXTRACTORS)

    def _save_extracted_again(self, entry: Entry, previous: Entry) -> Item | None:
        status = previous.status if entry.status in DECIDED else None
        first = status if entry.document_type is previous.document_type else previous.status
        done = self._update(entry, _EXTRACTED, version=previous.version, status=first, is_settled=True, by=_EXTRACTORS)
        if done is None:
            # The poster has sent something since, as the type it was then, and has stored when to look for its outcome.
            names = [name for name in _EXTRACTED if name not in ("next_attempt_at", "document_type")]
            done = self._update(entry, names, version=previous.version, status=status, by=_EXTRACTORS)
        return done

    def ids(self, database: str, company: str) -> dict[int, Seen]:
        """Return the Odoo id of every entry of a company, its status and when Odoo wrote it, from the index."""
        beginning = make_entry_id(database, 0)[:-1]
        found: dict[int, Seen] = {}
        for status in Status:
            for stored in self._items(**_having(company, status), ProjectionExpression="entry_id, odoo_write_date"):
                key = str(stored["entry_id"]["S"])
                if key.startswith(beginning):
                    written_at = datetime.fromisoformat(stored["odoo_write_date"]["S"])
                    found[odoo_id_of(key)] = Seen(status, written_at)
        return found

    def any_entry_id(self) -> str | None:
        """Return the id of some entry, or None when there is none."""
        for status in Status:
            answer = self._try(
                lambda status=status: self._client.query(  # type: ignore[misc]
                    TableName=self._name,
                    IndexName=STATUS_INDEX,
                    KeyConditionExpression="#status = :status",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={":status": {"S": status.value}},
                    Limit=1,
                )
            )
            if answer["Items"]:
                return str(answer["Items"][0]["entry_id"]["S"])
        return None

    def attach_pdf(self, entry: Entry) -> None:
        """Store the key of this version's PDF, which makes the entry ready to post, or how attempts to get it went.

        Do this only while the entry waits for a PDF: if the poster has failed it meanwhile, the remedy must stay.
        """
        self._update(entry, _PDF, version=entry.version, status=Status.PENDING)

    def keep_seen(self, entry: Entry) -> None:
        """Store when Odoo created and wrote the document of an unchanged entry, unless the entry has changed since."""
        self._update(entry, _SEEN, version=entry.version)

    def unfinished(self, company: str, limit: int) -> list[Entry]:
        """Return at most `limit` entries: pending ones that lack their PDF, and failed ones that were unreadable."""
        found = (
            entry
            for status in (Status.PENDING, Status.FAILED)
            for entry in self.with_status(company, status)
            if entry.is_unfinished
        )
        return list(islice(found, limit))

    def backlog(self, company: str, limit: int) -> int:
        """Return how many documents wait to be posted, counting up to `limit`."""
        count = 0
        # To decode two thousand whole entries takes the extractor a second.
        for _ in self._items(**_having(company, Status.PENDING), ProjectionExpression="entry_id"):
            count += 1
            if count == limit:
                break
        return count

    # -- for the poster --------------------------------------------------------------------------------------------

    def due(self, company: str, now: datetime) -> Iterator[Entry]:
        """Yield the entries to process now, interrupted ones first."""
        for status in (Status.POSTING, Status.PENDING):
            for entry in self.with_status(company, status):
                if entry.is_due(now):
                    yield entry

    def waiting(self) -> Iterator[Waiting]:
        """Yield the entries of all companies that are not done, interrupted ones first, with one query a status.

        Few of their attributes are read: to decode whole entries takes longer than to fetch them.
        """
        for status in (Status.POSTING, Status.PENDING):
            for stored in self._items(
                IndexName=STATUS_INDEX,
                KeyConditionExpression="#status = :status",
                ProjectionExpression=", ".join(_WAITING),
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": status.value}},
            ):
                yield _waiting(stored, status)

    # -- the wire --------------------------------------------------------------------------------------------------

    def _update(
        self, entry: Entry, names: Sequence[str], *, version: int | None, status: Status | None = None,
        is_settled: bool = False, save_id: str = "", by: Sequence[Actor] = (),
    ) -> Item | None:  # fmt: skip
        """Write some attributes of an entry and return their previous values, or None if a condition does not hold.

        `entry_update` says what the conditions are.
        """
        update = entry_update(entry, names, version=version, status=status, is_settled=is_settled, save_id=save_id)
        before = self._conditional(
            lambda: self._client.update_item(TableName=self._name, ReturnValues="UPDATED_OLD", **update)
        )
        if before is not None:
            self._note(entry, names, plain_values(before), by)
        return before

    def _note(self, entry: Entry, names: Sequence[str], before: Mapping[str, Any], by: Sequence[Actor]) -> None:
        """Say that an entry was written over some stored values, and log a change of status that is not allowed."""
        self._wrote(entry, names, before)
        if "status" in before:
            _check(entry, Status(before["status"]), by)

    def _query(self, **arguments: Any) -> Iterator[Entry]:
        return (to_dataclass(Entry, stored, _FIELDS) for stored in self._items(**arguments))

    def _items(self, **arguments: Any) -> Iterator[Item]:
        start: Mapping[str, Any] = {}
        while True:
            page = self._try(
                lambda: self._client.query(TableName=self._name, **arguments, **start)  # noqa: B023 - called at once
            )
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _conditional(self, write: Callable[[], Any]) -> Item | None:
        """Return the attributes that a write answers with, or None if its condition does not hold."""
        answer = conditional(f"The table {self._name}", write)
        return None if answer is None else dict(answer.get("Attributes", {}))

    def _try[T](self, call: Callable[[], T]) -> T:
        with errors_of(f"The table {self._name}"):
            return call()


def _waiting(stored: Item, status: Status) -> Waiting:
    values = plain_values(stored)
    at = {name: datetime.fromisoformat(values[name]) for name in _WAITING_INSTANTS if name in values}
    is_vacated = bool(values.get("successor")) and not (values.get("qb_id") or values.get("step"))
    return Waiting(
        entry_id=values["entry_id"],
        company=values["company"],
        status=status,
        is_ready=bool(values.get("pdf_sha256") or (values.get("withdrawn") and not is_vacated)),
        next_attempt_at=at.get("next_attempt_at"),
        since=at.get("pending_since") or at["created_at"],
    )


def log_forbidden(entry: Entry, previous: Status | None) -> None:
    """Log that an entry's status was changed in a way no transition allows."""
    logger.error(
        "status changed as no rule says",
        extra={"entry_id": entry.entry_id, "was": previous.value if previous else "", "status": entry.status.value},
    )


def _check(entry: Entry, previous: Status | None, by: Sequence[Actor]) -> None:
    if not is_allowed(previous, entry.status, *by):
        log_forbidden(entry, previous)


def _having(company: str, status: Status) -> dict[str, Any]:
    """Return the query for the entries of a company that have a status."""
    return {
        "IndexName": COMPANY_STATUS_INDEX,
        "KeyConditionExpression": "company = :company AND #status = :status",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":company": {"S": company}, ":status": {"S": status.value}},
    }
