"""The history of documents: what was decided and sent, in records that each carry the hash of the one before.

Records are kept per entry and numbered from 1: `history#<entry id>#000001`. What one run kept is listed, with its
hashes, in a link of the chain of its day: `history-day#2026-11-29#000001`. The first link of a day goes on from the
last link of the day before. A record says when, which function and run, who asked, and what every write of the entry
changed. It holds names and amounts, and no line of the document, no token and no secret.

All of it is plain JSON with sorted keys. The hash of a record or link is the beginning of the SHA-256 of its text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from datetime import date, datetime
from typing import Any

from pipeline.domain.codec import encode
from pipeline.domain.entry import Entry
from pipeline.domain.values import dataclass

RECORDS = "history#"
LINKS = "history-day#"
HEADS = "history-head#"
# Records about a month of a company are kept as those of an entry of this name.
MONTHS = "month#"
# Who is given each write of an entry: the entry, the names of the written fields, and the stored values before.
type Wrote = Callable[[Entry, Collection[str], Mapping[str, Any]], None]

# A day without work is no end of the chain. After so many the next link begins a chain of its own. One read takes them.
DAYS_BRIDGED = 90
# The first release bridged a week only: after that a link may begin a chain of its own.
DAYS_BRIDGED_AT_LEAST = 7
HASH_LENGTH = 32
# A document whose posting takes more steps than this in one run is rare; further ones are counted, and not described.
STEPS_MAX = 40
TEXT_LENGTH_MAX = 300
# What is recorded of an entry, in this order.
TRACKED = (
    "status", "version", "content_hash", "number", "party", "total", "currency", "withdrawn", "pdf_sha256", "realm",
    "step", "request_id", "batch_id", "payload_hash", "qb_id", "qb_doc_number", "qb_sync_token", "qb_total", "qb_tid",
    "attached_sha256", "removed_tid", "generation", "error_code", "error_message", "drift", "qb_open",
)  # fmt: skip


_EMPTY = {"withdrawn": False, "generation": 0, "qb_total": None, "qb_open": None, "step": None}


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose work is recorded: the function, its run (AWS' request id), and who asked for it.

    `by` is the name of the person, as the payload says it; empty where it says none.
    """

    function: str
    run: str
    actor: str
    by: str = ""


@dataclass(slots=True)
class Collected:
    """What a run has written of one entry and not recorded yet.

    `begins` are the instants (`updated_at`) of the entry that the run found, `moments` those that it wrote: so a write
    that nobody recorded shows.
    """

    entry_id: str
    steps: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    begins: list[str] = field(default_factory=list)
    moments: list[str] = field(default_factory=list)
    is_settled: bool = False
    last: dict[str, Any] = field(default_factory=dict)

    def add(self, entry: Entry, names: Collection[str], before: Mapping[str, Any], at: datetime) -> None:
        """Add one write: the fields that were written, and the stored values that it replaced (empty if it is new)."""
        # An attempt that was counted has begun, and more will follow it.
        self.is_settled = not entry.is_open or (entry.step is None and entry.is_ready and not entry.killed_attempts)
        if "updated_at" in names:
            began = str(before.get("updated_at", ""))
            if began and began not in (*self.begins, *self.moments):
                self.begins.append(began)
            self._add_moment(str(encode(entry.updated_at)))
        now = {name: _shown(getattr(entry, name)) for name in TRACKED if name in names}
        changed = {name: value for name, value in now.items() if value != self.last.get(name, _former(before, name))}
        self.last |= now
        if not changed:
            return
        if len(self.steps) >= STEPS_MAX:
            self.left_out += 1
            return
        self.steps.append({"at": encode(at), **changed})

    def _add_moment(self, moment: str) -> None:
        if moment not in self.moments:
            self.moments.append(moment)

    def text(self, origin: Origin, number: int, before: str) -> str:
        """Return the record as text: the `number` of its entry, after a record with the hash `before`."""
        record = {
            "entry_id": self.entry_id,
            "number": number,
            "before": before,
            **_origin(origin),
            "steps": self.steps,
            "begins": self.begins,
            "moments": self.moments,
        }
        return canonical(record | ({"left_out": self.left_out} if self.left_out else {}))


def _shown(value: Any) -> Any:
    value = encode(value)
    if not isinstance(value, str) or len(value) <= TEXT_LENGTH_MAX:
        return value
    return f"{value[: TEXT_LENGTH_MAX - 1]}…"


def _former(before: Mapping[str, Any], name: str) -> Any:
    """Return what was stored, as `_shown` writes it; what is empty is not stored."""
    value = before.get(name)
    return _shown(value) if value is not None else _EMPTY.get(name, "")


def _origin(origin: Origin) -> dict[str, str]:
    return {"function": origin.function, "run": origin.run, "actor": origin.actor}


def link_text(
    origin: Origin, day: date, number: int, before: str, kept: Mapping[str, str], lost: int, at: datetime
) -> str:
    """Return a link of a day's chain: the hashes of the records that a run kept by key, and how many it could not."""
    return canonical(
        {
            "day": day.isoformat(),
            "number": number,
            "before": before,
            **_origin(origin),
            "at": encode(at),
            "records": dict(kept),
            "lost": lost,
        }
    )


def canonical(value: Mapping[str, Any]) -> str:
    """Return the one text of a record."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def hash_of(text: str) -> str:
    """Return the hash of a record or link."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]


def month_name(company: str, month: str) -> str:
    """Return the name under which a month of a company (like 2026-10) has its records."""
    return f"{MONTHS}{company}#{month}"


def record_key(entry_id: str, number: int) -> str:
    """Return the key of a record of an entry."""
    return f"{RECORDS}{entry_id}#{number:06d}"


def link_key(day: date, number: int) -> str:
    """Return the key of a link of a day."""
    return f"{LINKS}{day.isoformat()}#{number:06d}"


def head_key(day: date) -> str:
    """Return the key of the hint where the chain of a day ends. It proves nothing: whoever reads it goes on from it."""
    return f"{HEADS}{day.isoformat()}"
