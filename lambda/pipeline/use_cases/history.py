"""Keep the history of what a run writes to entries. A failure to keep it never stops the work.

The cost is one small write for each document and run (up to a hundred to a call), one write for each run, and one read
for every 25 documents. Nothing is replaced: a record is written only under a free key, and a second writer continues
after the first.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import batched, count
from typing import Any, Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.codec import encode
from pipeline.domain.entry import Entry
from pipeline.domain.errors import PipelineError, Unavailable, outcome
from pipeline.domain.history import (
    DAYS_BRIDGED,
    TEXT_LENGTH_MAX,
    Collected,
    Origin,
    hash_of,
    head_key,
    link_key,
    link_text,
    record_key,
)
from pipeline.domain.threads import Threads

logger = logging.getLogger(__name__)

# This many settled entries are recorded together. A run that is killed loses these and what is in progress, no more.
TOGETHER_MAX = 100
# Most entries have fewer records than this; DynamoDB gives a hundred values in one read.
READ_TOGETHER = 4
# After this many keys that other runs have taken, a record or link is given up and counted as lost.
TRIES_MAX = 20
# After this many links, the hint where the chain of a day ends is renewed.
HINTED_EVERY = 8
# How many days back the end of the chain is looked for: as many as one read takes.
HEAD_LOOKED_FOR_DAYS = 90


class HistoryReader(Protocol):
    """Small values by key, to read."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def values_of(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the texts kept under some keys, by key."""


class HistoryValues(HistoryReader, Protocol):
    """Small values by key."""

    def claim(self, key: str, value: str) -> str:
        """Store a text under a key unless one is stored there already; return the stored one."""

    def claim_together(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """Do as `claim` for several keys, in as few calls as possible. Return what is stored under each key."""

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""


class History:
    """The history of one run; safe to use from several threads. `lost` counts the records that could not be kept."""

    def __init__(self, values: HistoryValues, clock: Clock, threads: Threads, origin: Origin) -> None:
        self.lost = 0
        self._values = values
        self._clock = clock
        self._origin = origin
        self._lock = threads.lock()
        self._chain = threads.lock()
        self._collected: dict[str, Collected] = {}
        self._settled = 0

    def wrote(self, entry: Entry, names: Collection[str], before: Mapping[str, Any]) -> None:
        """Note that some fields of an entry were written over the stored values `before`, empty if it is new."""
        with self._lock:
            collected = self._collected.setdefault(entry.entry_id, Collected(entry.entry_id))
            was_settled = collected.is_settled
            collected.add(entry, names, before, self._clock.now())
            self._settled += collected.is_settled - was_settled
            taken = self._taken() if self._settled >= TOGETHER_MAX else []
        self._keep(taken)

    def decided(self, name: str, **what: str) -> None:
        """Note a decision of a person that is about no entry, such as the closing of a month, under its name."""
        with self._lock:
            step = {"at": encode(self._clock.now()), **{key: text[:TEXT_LENGTH_MAX] for key, text in what.items()}}
            self._collected.setdefault(name, Collected(name)).steps.append(step)

    def flush(self) -> None:
        """Keep what is collected. Raises nothing: what cannot be kept is logged and counted."""
        with self._lock:
            taken, self._collected, self._settled = list(self._collected.values()), {}, 0
        self._keep(taken)

    def _taken(self) -> list[Collected]:
        done = [collected for collected in self._collected.values() if collected.is_settled]
        for collected in done:
            del self._collected[collected.entry_id]
        self._settled = 0
        return done

    def _keep(self, taken: Sequence[Collected]) -> None:
        changed = [collected for collected in taken if collected.steps or collected.moments]
        for some in batched(changed, TOGETHER_MAX):
            kept: dict[str, str] = {}
            reason = "other runs wrote first"
            try:
                kept.update(self._records(some))
            except PipelineError as error:
                reason = str(error)
            lost = len(some) - len(kept)
            if lost:
                logger.warning("history not kept", extra={"records": lost, "reason": reason})
            try:
                with self._chain:
                    self._add_link(kept, lost)
            except PipelineError as error:
                lost = max(lost, 1)
                logger.warning("link of the history not kept", extra={"records": len(kept), "reason": str(error)})
            with self._lock:
                self.lost += lost

    def _records(self, some: Sequence[Collected]) -> Iterator[tuple[str, str]]:
        """Keep the record of each entry; yield its key and hash once it is kept. One without a free key is left out."""
        heads = self._heads([collected.entry_id for collected in some])
        claimed = self._claimed_together(some, heads)
        for collected in some:
            last, before = heads.get(collected.entry_id, (0, ""))
            for number in range(last + 1, last + 1 + TRIES_MAX):
                key, text = record_key(collected.entry_id, number), collected.text(self._origin, number, before)
                stored = claimed.get(key) or self._values.claim(key, text)
                before = hash_of(stored)
                if stored == text:
                    yield key, before
                    break

    def _claimed_together(self, some: Sequence[Collected], heads: Mapping[str, tuple[int, str]]) -> Mapping[str, str]:
        """Write the records in one call and return what is stored under their keys; without an answer, nothing."""
        texts = {}
        for collected in some:
            last, before = heads.get(collected.entry_id, (0, ""))
            texts[record_key(collected.entry_id, last + 1)] = collected.text(self._origin, last + 1, before)
        found = outcome(self._values.claim_together, texts)
        # Then each is written by itself. One that was stored without an answer is found.
        return {} if isinstance(found, PipelineError) else found

    def _heads(self, entry_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return the number and the hash of the last record of each entry that has one."""
        wanted = [record_key(entry_id, number) for entry_id in entry_ids for number in range(1, READ_TOGETHER + 1)]
        found = self._values.values_of(wanted)
        heads = {}
        for entry_id in entry_ids:
            last = ""
            for number in count(1):
                key = record_key(entry_id, number)
                if number > READ_TOGETHER and key not in found and number % READ_TOGETHER == 1:
                    further = [record_key(entry_id, number + offset) for offset in range(READ_TOGETHER * 8)]
                    found |= self._values.values_of(further)
                if key not in found:
                    break
                last = found[key]
                heads[entry_id] = number, hash_of(last)
        return heads

    def _add_link(self, kept: Mapping[str, str], lost: int) -> None:
        """Add the link of some records to the chain of the day. Raises Unavailable if it cannot be kept."""
        now = self._clock.now()
        day = now.date()
        last, before = _end_of(self._values, day)
        if last == 0:
            before = _end_before(self._values, day)
        for number in range(last + 1, last + 1 + TRIES_MAX):
            text = link_text(self._origin, day, number, before, kept, lost, now)
            stored = self._values.claim(link_key(day, number), text)
            before = hash_of(stored)
            if stored == text:
                if number % HINTED_EVERY == 0:
                    self._values.keep(head_key(day), str(number))
                return
        raise Unavailable("Other runs wrote first")


def _end_of(values: HistoryReader, day: date) -> tuple[int, str]:
    """Return the number and the hash of the last link of a day, or zero and an empty text."""
    hint = values.value(head_key(day)) or ""
    end: tuple[int, str] = (0, "")
    found: dict[str, str] = {}
    number = max(1, int(hint)) if hint.isdigit() else 1
    while True:
        key = link_key(day, number)
        if key not in found:
            found = values.values_of([link_key(day, number + offset) for offset in range(HINTED_EVERY + 2)])
        if key not in found:
            return end
        end = number, hash_of(found[key])
        number += 1


def _last_day(values: HistoryReader, days: Sequence[date]) -> date | None:
    """Return the first of these days that has a link, or None."""
    begun = values.values_of([link_key(day, 1) for day in days])
    return next((day for day in days if link_key(day, 1) in begun), None)


def _end_before(values: HistoryReader, day: date) -> str:
    """Return the hash of the last link before a day, or an empty text if there was none for three months."""
    latest = _last_day(values, [day - timedelta(days=back) for back in range(1, DAYS_BRIDGED + 1)])
    return _end_of(values, latest)[1] if latest else ""


def head_of(values: HistoryReader, today: date) -> tuple[str, str]:
    """Return the key and the hash of the last link of the history, both empty if there was none for three months."""
    latest = _last_day(values, [today - timedelta(days=back) for back in range(HEAD_LOOKED_FOR_DAYS)])
    if latest is None:
        return "", ""
    number, hashed = _end_of(values, latest)
    return link_key(latest, number), hashed


@contextmanager
def keeping(history: History) -> Iterator[None]:
    """Keep what was collected when the work ends, also by an error."""
    try:
        yield
    finally:
        history.flush()


def history_of(values: HistoryValues, entry_id: str, limit: int) -> list[str]:
    """Return the records of an entry as texts, from the first on, at most `limit`."""
    texts: list[str] = []
    while len(texts) < limit:
        keys = [record_key(entry_id, len(texts) + offset) for offset in range(1, READ_TOGETHER * 8 + 1)]
        found = values.values_of(keys)
        for key in keys:
            if key not in found:
                return texts[:limit]
            texts.append(found[key])
    return texts[:limit]
