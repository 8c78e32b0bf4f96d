"""Key values, stored in the tracking table beside the entries. Their keys contain a `#`; they have no status.

They are cursors, connections to Odoo, references to names in QuickBooks, and the lease of each realm.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.aws.batch_read import KEYS_MAX, read_items
from pipeline.aws.conditional import conditional
from pipeline.aws.errors import CANCELLED, CONDITION_FAILED, Expected, errors_of
from pipeline.aws.items import Item, item, plain_values
from pipeline.domain.clock import Clock
from pipeline.domain.codec import dumps, loads
from pipeline.domain.contact import ContactState, write_answer
from pipeline.domain.cursor import Cursor
from pipeline.domain.errors import Unavailable
from pipeline.domain.lease import Lease

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A lost connection costs one probe. Of these values only the parties prevent a double posting; they never expire.
CONNECTION_KEPT_S = 30 * 24 * 3600
# DynamoDB takes a hundred writes of 4 MB in a transaction. A character has up to four bytes.
CLAIMED_TOGETHER_MAX = 100
CLAIMED_CHARACTERS_MAX = 800_000
# Runs that change one value at the same moment are few; each try is a read and a write.
CHANGE_TRIES_MAX = 10
_UNCLAIMED: Any = {"ConditionExpression": "attribute_not_exists(entry_id)"}


class KeyValueTable:
    """Values by key. Raises Unavailable if DynamoDB cannot answer."""

    def __init__(self, client: DynamoDBClient, name: str, clock: Clock) -> None:
        self._client = client
        self._name = name
        self._clock = clock

    # -- cursors ---------------------------------------------------------------------------------------------------

    def cursor(self, database: str, company: str) -> Cursor:
        """Return how far a company was read, or a new Cursor if it never was."""
        kept = self.value(f"cursor#{database}#{company}")
        return loads(Cursor, kept) if kept else Cursor()

    def move_cursor(self, database: str, company: str, cursor: Cursor) -> None:
        """Store how far a company was read."""
        self.keep(f"cursor#{database}#{company}", dumps(cursor))

    def was_read(self, database: str, company: str) -> bool:
        """Whether it is known how far a company was read."""
        return self.value(f"cursor#{database}#{company}") is not None

    def begin_cursor(self, database: str, company: str) -> None:
        """Have a company read from the beginning, if it is not known how far it was read."""
        self.claim(f"cursor#{database}#{company}", dumps(Cursor()))

    def database(self) -> str | None:
        """Return the database whose documents are known here, or None before the first."""
        return self.value("database#")

    def keep_database(self, database: str) -> None:
        """Keep the database whose documents are known here."""
        self.keep("database#", database)

    def contacts_asked(self, database: str) -> dict[int, str]:
        """Return the contacts the poster asked about, with the name each has in QuickBooks."""
        asked = json.loads(self.value(f"contacts-asked#{database}") or "{}")
        return {int(contact): str(name) for contact, name in asked.items()}

    def ask_contact(self, database: str, contact: int, name: str) -> None:
        """Ask the extractor what happened to a contact."""
        asked = {str(contact): name}
        self.change(f"contacts-asked#{database}", lambda text: json.dumps(json.loads(text or "{}") | asked))

    def answer_contacts(self, database: str, answers: Mapping[int, ContactState], now: datetime) -> None:
        """Store the answers about contacts. Questions asked meanwhile stay open."""
        for contact, state in answers.items():
            self.keep(f"contact#{database}#{contact}", write_answer(state, now))
        answered = set(map(str, answers))
        self.change(
            f"contacts-asked#{database}",
            lambda text: json.dumps(
                {contact: name for contact, name in json.loads(text or "{}").items() if contact not in answered}
            ),
        )

    def compared_at(self, database: str, company: str) -> datetime | None:
        """Return when a company was last compared with Odoo, or None."""
        kept = self.value(f"compared#{database}#{company}")
        return datetime.fromisoformat(kept) if kept else None

    def keep_compared(self, database: str, company: str, moment: datetime) -> None:
        """Keep when a company was compared with Odoo."""
        self.keep(f"compared#{database}#{company}", moment.isoformat())

    def realm(self, company: str) -> str | None:
        """Return the realm that a company is posted to, or None before its first document."""
        return self.value(f"realm#{company}")

    def keep_realm(self, company: str, realm: str) -> None:
        """Keep the realm that a company is posted to."""
        self.keep(f"realm#{company}", realm)

    # -- connections -----------------------------------------------------------------------------------------------

    def connection(self, key: str) -> Mapping[str, Any] | None:
        """Return the stored connection to a server, or None."""
        kept = self.value(f"connection#{key}")
        return json.loads(kept) if kept else None

    def keep_connection(self, key: str, value: Mapping[str, Any]) -> None:
        """Store the connection to a server for thirty days."""
        expires_at = int(self._clock.now().timestamp()) + CONNECTION_KEPT_S
        self.keep(f"connection#{key}", json.dumps(value), expires_at=expires_at)

    def forget_connection(self, key: str) -> None:
        """Forget the connection to a server."""
        self._try(lambda: self._client.delete_item(TableName=self._name, Key={"entry_id": {"S": f"connection#{key}"}}))

    # -- values ----------------------------------------------------------------------------------------------------

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""
        found = self._try(
            lambda: self._client.get_item(TableName=self._name, Key={"entry_id": {"S": key}}, ConsistentRead=True)
        ).get("Item")
        return plain_values(found).get("value") if found else None

    def values_of(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the texts kept under some keys, by key, read a hundred to a call."""
        found = read_items(self._client, self._name, keys)
        return {key: str(value) for key, stored in found.items() if (value := plain_values(stored).get("value"))}

    def keep(self, key: str, value: str, *, expires_at: int | None = None) -> None:
        """Store a text under a key, with `expires_at` only if it may be forgotten."""
        values = item({"entry_id": key, "value": value, "expires_at": expires_at})
        self._try(lambda: self._client.put_item(TableName=self._name, Item=values))

    def change(self, key: str, of: Callable[[str | None], str]) -> None:
        """Store what `of` makes of the text under a key, which is None if there is none. No other change is lost.

        `of` is asked again if another run has written meanwhile. Raises Unavailable if others are always first.
        """
        for _ in range(CHANGE_TRIES_MAX):
            before = self.value(key)
            after = of(before)
            if after == before or self._replace(key, before, after):
                return
        raise Unavailable(f"The table {self._name} was written by other runs {CHANGE_TRIES_MAX} times")

    def _replace(self, key: str, before: str | None, after: str) -> bool:
        """Store a text if another is there still. The SDK repeats a write without an answer: then `after` is there."""
        is_as_before: Any = _UNCLAIMED
        if before is not None:
            is_as_before = {
                "ConditionExpression": "#value IN (:before, :after)",
                "ExpressionAttributeNames": {"#value": "value"},
                "ExpressionAttributeValues": {":before": {"S": before}, ":after": {"S": after}},
            }
        values = item({"entry_id": key, "value": after})
        done = conditional(
            f"The table {self._name}",
            lambda: self._client.put_item(TableName=self._name, Item=values, **is_as_before),
        )
        return done is not None

    def claim(self, key: str, value: str) -> str:
        """Store a text under a key unless one is stored there already. Return the stored one."""
        values = item({"entry_id": key, "value": value})
        done = conditional(
            f"The table {self._name}",
            lambda: self._client.put_item(TableName=self._name, Item=values, **_UNCLAIMED),
        )
        return value if done is not None else self.value(key) or value

    def claim_together(self, values: Mapping[str, str]) -> dict[str, str]:
        """Store texts under keys that have none, a hundred to a call. Return what is stored under each."""
        return {key: text for part in _parts(values) for key, text in self._claim_in_one_call(part).items()}

    def _claim_in_one_call(self, values: Mapping[str, str]) -> Mapping[str, str]:
        if len(values) > 1:
            puts: list[Any] = [
                {"Put": {"TableName": self._name, "Item": item({"entry_id": key, "value": text}), **_UNCLAIMED}}
                for key, text in values.items()
            ]
            with suppress(Expected), self._errors(expected=(CANCELLED,)):
                self._client.transact_write_items(TransactItems=puts)
                return values
        # One of them is claimed already, and nothing was stored.
        return {key: self.claim(key, text) for key, text in values.items()}

    # -- leases ----------------------------------------------------------------------------------------------------

    def take_lease(
        self, realm: str, holder: str, now: datetime, until: datetime, *, force: bool, companies: Sequence[str] = ()
    ) -> Lease | None:
        """Take a realm's lease until an instant. Return None if another run holds it or the realm is paused.

        `force` ignores a pause, because a person asked. `companies` are those of the realm: a former release gave each
        company its own lease, which may still be held.
        """
        nobody_was_here = "attribute_not_exists(entry_id)"
        the_holder_is_gone = "#until < :now"
        the_pause_is_over = "(attribute_not_exists(paused_until) OR paused_until < :now)"
        free = the_holder_is_gone if force else f"({the_holder_is_gone} AND {the_pause_is_over})"
        # The SDK repeats a write that had no answer, although it may have been done.
        it_is_ours = "(holder = :holder AND #until = :until)"
        try:
            with self._errors(expected=(CONDITION_FAILED,)):
                answer = self._client.update_item(
                    TableName=self._name,
                    Key={"entry_id": {"S": _lease_key(realm)}},
                    UpdateExpression="SET holder = :holder, #until = :until",
                    ConditionExpression=f"{nobody_was_here} OR {free} OR {it_is_ours}",
                    ExpressionAttributeNames={"#until": "until"},
                    ExpressionAttributeValues={
                        ":holder": {"S": holder},
                        ":until": {"S": _instant(until)},
                        ":now": {"S": _instant(now)},
                    },
                    ReturnValues="ALL_NEW",
                )
        except Expected:
            return None
        lease = _lease(realm, holder, until, answer["Attributes"])
        is_first = "pauses" not in answer["Attributes"]
        if is_first and any(self._is_held_by_company(company, now) for company in companies):
            self.release_lease(lease, now)
            return None
        return lease

    def pause(self, realm: str, now: datetime) -> str:
        """Return the code of what pauses a realm now, or an empty text."""
        key = {"entry_id": {"S": _lease_key(realm)}}
        found = self._try(lambda: self._client.get_item(TableName=self._name, Key=key)).get("Item")
        values = plain_values(found) if found else {}
        is_paused = str(values.get("paused_until", "")) > _instant(now)
        return str(values.get("pause_code", "")) or "unknown" if is_paused else ""

    def _is_held_by_company(self, company: str, now: datetime) -> bool:
        key = {"entry_id": {"S": f"shift#{company}"}}
        found = self._try(lambda: self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True)).get("Item")
        return found is not None and str(plain_values(found).get("until", "")) > _instant(now)

    def free_realms(self, realms: Sequence[str], now: datetime) -> set[str]:
        """Return those of the realms whose lease nobody holds and that are not paused, read a hundred to a call."""
        leases = read_items(self._client, self._name, [_lease_key(realm) for realm in realms])
        return {realm for realm in realms if _is_free(leases.get(_lease_key(realm), {}), now)}

    def taken(self, entry_ids: Sequence[str], realms: Mapping[str, str], now: datetime) -> list[str]:
        """Return the companies of entries if somebody holds the lease of each one's realm, or it is paused; else none.

        `realms` has the realm of each company. It is one call, or none where it would be more.
        """
        leases = {company: _lease_key(realm) for company, realm in realms.items()}
        keys = dict.fromkeys((*entry_ids, *leases.values()))
        if not leases or len(keys) > KEYS_MAX:
            return []
        found = read_items(self._client, self._name, list(keys))
        companies = {str(found[one].get("company", {}).get("S", "")) if one in found else "" for one in entry_ids}
        is_taken = all(company in leases and not _is_free(found.get(leases[company], {}), now) for company in companies)
        return sorted(companies) if is_taken else []

    def release_lease(self, lease: Lease, now: datetime, *, paused_for_s: int = 0) -> None:
        """Release the lease and store what the next holder must know. A pause keeps the realm closed for a while.

        If the lease has expired and another run holds it, do nothing.
        """
        names = {field.name for field in fields(Lease)} - {"realm", "holder", "until", "recent_at", "through_at"}
        values: dict[str, Any] = {name: getattr(lease, name) for name in names}
        for name in ("recent_calls", "recent_batches"):
            values[name] = ",".join(map(str, values[name]))
        values["recent_at"] = _instant(lease.recent_at) if lease.recent_at else ""
        values["through_at"] = _instant(lease.through_at) if lease.through_at else ""
        # A past instant, never none: an absent one would sort as never used.
        values["until"] = _instant(now - timedelta(seconds=1))
        values["paused_until"] = _instant(now + timedelta(seconds=paused_for_s)) if paused_for_s else ""
        kept = item({"entry_id": _lease_key(lease.realm), "holder": lease.holder, **values})
        with suppress(Expected), self._errors(expected=(CONDITION_FAILED,)):
            self._client.put_item(
                TableName=self._name,
                Item=kept,
                ConditionExpression="holder = :holder",
                ExpressionAttributeValues={":holder": {"S": lease.holder}},
            )

    def _try[T](self, call: Callable[[], T]) -> T:
        with self._errors():
            return call()

    def _errors(self, *, expected: tuple[str, ...] = ()) -> AbstractContextManager[None]:
        return errors_of(f"The table {self._name}", expected=expected)


def _parts(values: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Yield texts by key, as many together as a transaction takes."""
    part: dict[str, str] = {}
    characters = 0
    for key, text in values.items():
        if part and (len(part) == CLAIMED_TOGETHER_MAX or characters + len(text) > CLAIMED_CHARACTERS_MAX):
            yield part
            part, characters = {}, 0
        part[key] = text
        characters += len(text)
    if part:
        yield part


def _lease_key(realm: str) -> str:
    return f"lease#{realm}"


def _instant(moment: datetime) -> str:
    # Fixed width, so that instants compare as text.
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _is_free(stored: Item, now: datetime) -> bool:
    values = plain_values(stored)
    return all(str(values.get(name, "")) < _instant(now) for name in ("until", "paused_until"))


def _lease(realm: str, holder: str, until: datetime, stored: Item) -> Lease:
    values = plain_values(stored)
    recent_at, through_at = values.get("recent_at"), values.get("through_at")
    return Lease(
        realm=realm,
        holder=holder,
        until=until,
        pauses=int(values.get("pauses", 0)),
        pause_code=str(values.get("pause_code", "")),
        recent_calls=_counts(values.get("recent_calls")),
        recent_batches=_counts(values.get("recent_batches")),
        recent_at=datetime.fromisoformat(recent_at) if recent_at else None,
        through_at=datetime.fromisoformat(through_at) if through_at else None,
    )


def _counts(stored: object) -> tuple[int, ...]:
    return tuple(int(count) for count in str(stored or "").split(",") if count)
