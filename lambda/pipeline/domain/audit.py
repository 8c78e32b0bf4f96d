"""Verify the history: find a record that was changed, removed or inserted, and work that was not recorded.

A person who may write to the table can replace the whole history. Only a head of the chain that was kept elsewhere, or
AWS' audit trail, shows that. Everything else shows here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from pipeline.domain.history import (
    DAYS_BRIDGED,
    DAYS_BRIDGED_AT_LEAST,
    LINKS,
    RECORDS,
    TEXT_LENGTH_MAX,
    hash_of,
    link_key,
    record_key,
)
from pipeline.domain.values import dataclass

_ONE_OF_TWO = "one of the two was changed or put in."
_OF_A_LINK = {"before", "records", "run"}
_OF_A_RECORD = {"before", "entry_id", "number", "moments", "begins"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one record or link: its key, its day (empty if it is not known), and a sentence."""

    key: str
    day: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found. `head` is the key and the hash of the last link, empty if there is none."""

    records: int
    links: int
    head: tuple[str, str]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """When an entry was created and last written, and whether it is in QuickBooks, as the table has it."""

    created_at: str
    updated_at: str
    is_posted: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision of a person that is stored beside the history: its name there, when, and what its record must say."""

    name: str
    at: str
    says: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a link says of a record: its hash, and the day of the link."""

    hash: str
    day: str


def verified(
    texts: Mapping[str, str], written: Mapping[str, Written], decisions: Iterable[Decision] = (), *, day: str = ""
) -> Verified:
    """Verify the history, of one `day` (like 2026-11-29) or all of it.

    `texts` are all records and links by key, `written` when each entry was written, by entry id, `decisions` what
    persons decided as the table has it. A finding whose day is not known belongs to every day.
    """
    records = {key: text for key, text in texts.items() if key.startswith(RECORDS)}
    links = {key: text for key, text in texts.items() if key.startswith(LINKS)}
    listed: dict[str, _Listed] = {}
    found = [*_chain_of_days(links, listed), *_listed(records, listed), *_chains_of_entries(records, listed)]
    found += [*_unrecorded(records, written), *_without_a_record(records, links, written)]
    found += _undecided(records, links, decisions)
    if not records and not links:
        found += _without_a_history(written)
    last = max(links, default="")
    return Verified(
        records=len(records),
        links=len(links),
        head=(last, hash_of(links[last])) if last else ("", ""),
        findings=tuple(dict.fromkeys(finding for finding in found if not day or finding.day in ("", day))),
    )


def _chain_of_days(links: Mapping[str, str], listed: dict[str, _Listed]) -> Iterator[Finding]:
    """Follow the links from day to day, and add the hashes of the records they list."""
    by_day: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for key, text in links.items():
        day, number = _numbered(key.removeprefix(LINKS))
        by_day[day][number] = text
    before, last_day = "", ""
    for day, chain in sorted(by_day.items()):
        gap = date.fromisoformat(day) - date.fromisoformat(last_day) if last_day else timedelta(0)
        begins = (_read(chain.get(1, "")) or {}).get("before") == ""
        if gap > timedelta(days=DAYS_BRIDGED) or (begins and gap > timedelta(days=DAYS_BRIDGED_AT_LEAST)):
            before = ""
        for number in range(1, max(chain) + 1):
            key = link_key(date.fromisoformat(day), number)
            if number not in chain:
                yield Finding(key, day, f"{key} was removed: a later link of that day is there.")
                before = "?"
                continue
            link = _read(chain[number])
            if link is None:
                yield Finding(key, day, f"{key} is no link: it was changed.")
                before = hash_of(chain[number])
                continue
            if before not in ("?", link["before"]):
                yield Finding(key, day, f"{key} does not follow the link before it: {_ONE_OF_TWO}")
            if link.get("lost"):
                yield Finding(
                    key,
                    day,
                    f"{key}: run {link['run']} could not keep {link['lost']} records; its log says why.",
                )
            listed.update({key: _Listed(known, day) for key, known in link["records"].items()})
            before = hash_of(chain[number])
        last_day = day


def _listed(records: Mapping[str, str], listed: Mapping[str, _Listed]) -> Iterator[Finding]:
    for key, known in listed.items():
        if key not in records:
            yield Finding(key, known.day, f"{key} was removed: a link lists it.")
        elif hash_of(records[key]) != known.hash:
            yield Finding(key, known.day, f"{key} was changed after it was written.")
    for key in records.keys() - listed.keys():
        yield Finding(
            key,
            _day(records[key]),
            f"{key} is listed by no link: it was put in, or its run was killed.",
        )


def _chains_of_entries(records: Mapping[str, str], listed: Mapping[str, _Listed]) -> Iterator[Finding]:
    chains: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for key, text in records.items():
        entry_id, number = _numbered(key.removeprefix(RECORDS))
        chains[entry_id][number] = text
    for entry_id, chain in chains.items():
        before: str | None = ""
        for number in range(1, max(chain) + 1):
            key = record_key(entry_id, number)
            day = listed[key].day if key in listed else ""
            if number not in chain:
                yield Finding(key, day, f"{key} was removed: a later record of the entry is there.")
                before = None
                continue
            record = _read(chain[number])
            if record is None or (record["entry_id"], record["number"]) != (entry_id, number):
                yield Finding(key, day, f"{key} is not the record of its key: it was changed.")
            elif before is not None and record["before"] != before:
                yield Finding(
                    key,
                    _day(chain[number]),
                    f"{key} does not follow the record before it: {_ONE_OF_TWO}",
                )
            before = hash_of(chain[number])


def _without_a_history(written: Mapping[str, Written]) -> Iterator[Finding]:
    """Find that entries were posted, and nothing at all is recorded: whoever wipes the history wipes its chain, too."""
    posted = [entry.updated_at for entry in written.values() if entry.is_posted]
    if posted:
        count = "1 entry is" if len(posted) == 1 else f"{len(posted):,} entries are"
        yield Finding(
            "history", "",
            f"{count} posted, the last one written at {max(posted)}, and there is no history at all: it was removed, "
            "or no run has worked since the release that keeps it.",
        )  # fmt: skip


def _without_a_record(
    records: Mapping[str, str], links: Mapping[str, str], written: Mapping[str, Written]
) -> Iterator[Finding]:
    """Find entries that were created after the history had begun and have no record: those of a day may be removed."""
    recorded = {_numbered(key.removeprefix(RECORDS))[0] for key in records}
    began_at = min((str((_read(text) or {}).get("at", "~")) for text in links.values()), default="~")
    for entry_id, entry in written.items():
        if entry_id not in recorded and entry.created_at > began_at:
            yield Finding(
                entry_id, entry.created_at[:10],
                f"{entry_id} was created at {entry.created_at}, and has no record: removed, or its run was killed.",
            )  # fmt: skip


def _undecided(
    records: Mapping[str, str], links: Mapping[str, str], decisions: Iterable[Decision]
) -> Iterator[Finding]:
    """Find decisions that no record tells: the last ones of a day may be removed with their links."""
    began_at = min((str((_read(text) or {}).get("at", "~")) for text in links.values()), default="~")
    steps: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for key, text in records.items():
        steps[_numbered(key.removeprefix(RECORDS))[0]] += (_read(text) or {}).get("steps", [])
    for decision in decisions:
        told = any(all(step.get(field) == value[:TEXT_LENGTH_MAX] for field, value in decision.says.items())
                   for step in steps[decision.name])  # fmt: skip
        if not told and decision.at > began_at:
            yield Finding(
                decision.name, decision.at[:10],
                f"{decision.name} was decided at {decision.at}, which is in no record: removed, or its run was killed.",
            )  # fmt: skip


def _unrecorded(records: Mapping[str, str], written: Mapping[str, Written]) -> Iterator[Finding]:
    """Find writes of entries that are in no record. What was written before an entry's first record is not known."""
    chains: defaultdict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for key, text in records.items():
        entry_id, number = _numbered(key.removeprefix(RECORDS))
        record = _read(text)
        if record is not None:
            chains[entry_id].append((number, record))
    for entry_id, chain in chains.items():
        chain.sort(key=lambda one: one[0])
        known = {moment for _number, record in chain for moment in record["moments"]} | set(chain[0][1]["begins"])
        for number, record in chain[1:]:
            key = record_key(entry_id, number)
            for moment in record["begins"]:
                if moment not in known:
                    yield Finding(key, moment[:10], f"{key}: what was written at {moment} is in no record.")
        moment = written[entry_id].updated_at if entry_id in written else ""
        if moment and any(record["moments"] for _number, record in chain) and moment not in known:
            yield Finding(
                record_key(entry_id, chain[-1][0]), moment[:10],
                f"{entry_id} was written at {moment}, which is in no record.",
            )  # fmt: skip


def _numbered(text: str) -> tuple[str, int]:
    name, _, number = text.rpartition("#")
    return name, int(number) if number.isdigit() else 0


def _read(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    needed = _OF_A_LINK if "day" in found else _OF_A_RECORD
    return found if needed <= set(found) else None


def _day(text: str) -> str:
    record = _read(text) or {}
    moments = [str(step.get("at", "")) for step in record.get("steps", [])] or record.get("moments", [])
    return moments[-1][:10] if moments else ""
