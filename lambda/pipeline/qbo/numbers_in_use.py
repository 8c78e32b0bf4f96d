"""The document numbers of a realm, stored, so that one question tells which new documents nobody can have typed in.

A query is about one kind of document. A company with few documents a day would pay a metered read for almost each of
them, only to learn that it is not there. So the numbers of small books are read once and stored; afterwards one call of
change data capture says which were taken since. A document whose number is free need not be looked for. Whether one is
there is never concluded from stored numbers: then, and whenever they are not known, a query asks.

Sources: Intuit's page about change data capture (everything created or changed, at most 30 days back, at most 1,000
objects an answer).
"""

from __future__ import annotations

import hashlib
import json
import logging
from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pipeline.domain.clock import Clock
from pipeline.domain.errors import NotOffered, PipelineError
from pipeline.domain.values import dataclass, replace
from pipeline.qbo.changes import BACK_MAX, OBJECTS_MAX
from pipeline.qbo.client import Client
from pipeline.qbo.faults import Refused
from pipeline.qbo.lists import RealmKeyValues
from pipeline.qbo.payloads import ENTITIES
from pipeline.qbo.rows import Json

logger = logging.getLogger(__name__)

# For fewer kinds a query costs no more.
KINDS_MIN = 2
# More documents than these are looked for by queries: what they had changed would be read again by the next run.
FEW = 20
# To read larger books costs more than it saves. Stored, a number takes six characters.
NUMBERS_MAX = 5_000
# What was deleted stays among the numbers until all are read again.
KEPT = timedelta(days=90)
# What was read is stored again when it is a day old: until then the next question covers that day once more.
STORED_EVERY = timedelta(days=1)
# After a refusal, or when there are too many numbers, the next try comes in a month.
NOT_TRIED_FOR = timedelta(days=30)
# QuickBooks' clock and ours need not agree.
OVERLAP = timedelta(minutes=10)
_HASH_BYTES, _HASH_LENGTH = 4, 6
_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The hashes of all numbers in use by kind, as they were at `until`. They are all read again after `read_at`."""

    read_at: datetime
    until: datetime
    hashes: Mapping[str, frozenset[str]]


class NumbersInUse:
    """The numbers of one realm while its lease is held."""

    def __init__(self, client: Client, key_values: RealmKeyValues, clock: Clock) -> None:
        self._client = client
        self._key_values = key_values
        self._clock = clock
        self._key = numbers_key(client.realm)
        self._was_asked = False

    def free(self, wanted: Mapping[str, Collection[str]]) -> set[tuple[str, str]]:
        """Return which of the wanted numbers, by kind, are free: no document of that kind has them.

        Nothing is known, and nothing returned, if QuickBooks does not answer. Nothing is asked if queries cost no more,
        or if this run has asked before: then it has many documents, and most of what changed would be its own.
        """
        was_asked, self._was_asked = self._was_asked, True
        if was_asked or len(wanted) < KINDS_MIN or sum(map(len, wanted.values())) > FEW:
            return set()
        try:
            hashes = self._hashes_by_now()
        except PipelineError as error:
            # The queries that follow say what is wrong, if it concerns them as well.
            logger.info("the numbers in use are not known", extra={"reason": str(error)})
            return set()
        return {
            (entity, number)
            for entity, numbers in wanted.items()
            if entity in hashes
            for number in numbers
            if _hash(number) not in hashes[entity]
        }

    def _hashes_by_now(self) -> Mapping[str, frozenset[str]]:
        """Return the hashes of all numbers by kind; none if they cannot be known."""
        now = self._clock.now()
        known, not_before = self._stored()
        is_of_use = known and now - known.read_at <= KEPT and now - known.until <= BACK_MAX - OVERLAP
        if not is_of_use and now < not_before:
            return {}
        try:
            current = self._changed(known, now) if known and is_of_use else self._read(now)
        except Refused as error:
            logger.warning("QuickBooks does not say which numbers are in use", extra={"reason": str(error)})
            current = None
        if current is None:
            kept = {"not_before": (now + NOT_TRIED_FOR).isoformat()}
            self._key_values.keep(self._key, json.dumps(kept))
            return {}
        if not known or current.read_at > known.read_at or now - known.until > STORED_EVERY:
            self._key_values.keep(self._key, worded(current))
        return current.hashes

    def _changed(self, known: Numbers, now: datetime) -> Numbers | None:
        """Return the numbers with those taken since.

        Return None if there are too many now, or if the answer is full, because then anything may be missing in it.
        """
        changed = self._client.changes(known.hashes, known.until - OVERLAP)
        if len(changed) >= OBJECTS_MAX:
            return None
        taken = {entity: _hashes(row for name, row in changed if name == entity) for entity in known.hashes}
        hashes = {entity: numbers | taken[entity] for entity, numbers in known.hashes.items()}
        is_small = sum(map(len, hashes.values())) <= NUMBERS_MAX
        return replace(known, until=now, hashes=hashes) if is_small else None

    def _read(self, now: datetime) -> Numbers | None:
        """Return all numbers, read page by page; None if there are too many.

        Raises OutOfTime if there is no time for a new name either: then it is for the documents.
        """
        self._client.check_time_for_name()
        hashes: dict[str, frozenset[str]] = {}
        count = 0
        for entity in ENTITIES.values():
            try:
                found: set[str] = set()
                for row in self._client.rows(entity):
                    found |= _hashes([row])
                    count += 1
                    if count > NUMBERS_MAX:
                        return None
                hashes[entity] = frozenset(found)
            except NotOffered:
                continue
        return Numbers(now, now, hashes)

    def _stored(self) -> tuple[Numbers | None, datetime]:
        """Return the stored numbers if there are any, and the instant before which they are not to be read again."""
        try:
            kept = json.loads(self._key_values.value(self._key) or "{}")
            if "not_before" in kept or not kept:
                return None, datetime.fromisoformat(kept["not_before"]) if kept else _NEVER
            hashes = {str(entity): _parts(text) for entity, text in kept["hashes"].items()}
            read_at, until = (datetime.fromisoformat(kept[name]) for name in ("read_at", "until"))
            return Numbers(read_at, until, hashes), _NEVER
        except (LookupError, TypeError, ValueError, AttributeError):
            return None, _NEVER  # stored by another version of this code


def numbers_key(realm: str) -> str:
    """Return the key under which the numbers of a realm are stored."""
    return f"reference#{realm}#numbers"


def worded(numbers: Numbers) -> str:
    """Return numbers as they are stored."""
    hashes = {entity: "".join(sorted(hashes)) for entity, hashes in numbers.hashes.items()}
    instants = {"read_at": numbers.read_at.isoformat(), "until": numbers.until.isoformat()}
    return json.dumps({**instants, "hashes": hashes})


def _hashes(rows: Iterable[Json]) -> frozenset[str]:
    return frozenset(_hash(str(row["DocNumber"])) for row in rows if row.get("DocNumber"))


def _hash(number: str) -> str:
    """Return six characters for a number, whatever its case. Two numbers with the same are a query too many."""
    digest = hashlib.blake2b(number.casefold().encode(), digest_size=_HASH_BYTES).digest()
    return b64encode(digest)[:_HASH_LENGTH].decode()


def _parts(text: str) -> frozenset[str]:
    return frozenset(text[at : at + _HASH_LENGTH] for at in range(0, len(text), _HASH_LENGTH))
