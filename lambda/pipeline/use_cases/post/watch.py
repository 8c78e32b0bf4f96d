"""Find what people did in the books since the last look, and note it on the entries. Nothing is changed in the books.

A look is complete only when the alerts have stored what it found. Until then the next one begins where this one began,
so a run that is killed loses nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from pipeline.domain.accepted_parties import (
    NAME_LENGTH_MAX,
    AcceptedParties,
    acceptance,
    acceptance_key,
    read_acceptance,
)
from pipeline.domain.books import FIRST_SYNC_TOKEN
from pipeline.domain.clock import Clock
from pipeline.domain.codec import dumps
from pipeline.domain.commands import AcceptDrift, AcceptMerge
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Document
from pipeline.domain.drift import (
    NOT_SAID,
    PERSON_LENGTH_MAX,
    REASON_LENGTH_MAX,
    Acceptance,
    Drift,
    DriftKind,
    DriftState,
    Seen,
    accepted,
    is_open,
    judged,
    may_be_judged,
    noted,
    open_amount,
    shown_drift,
    state_of,
    text_of,
)
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import InvalidRequest, NeedsAttention, OutOfTime, RetryLater
from pipeline.domain.notices import Notice, Parties, notices_of
from pipeline.domain.quoting import one_line
from pipeline.domain.values import dataclass, replace

logger = logging.getLogger(__name__)

# The schedule looks as often as the extractor pulls. If a posting run held the realm then, it looks itself.
LATE_AFTER = timedelta(minutes=20)
# QuickBooks' clock and ours need not agree, and what is seen twice changes nothing.
OVERLAP = timedelta(minutes=10)
# A call and the entries of a thousand objects.
LOOK_ALLOWANCE_S = 45.0
NOTE_ALLOWANCE_S = 20.0
# So many open differences of a realm are kept in one item of the table. More are logged and not counted.
OPEN_MAX = 1_000
_NEVER = datetime.min.replace(tzinfo=UTC)


class WatchTable(Protocol):
    """The tracking table, as the watch needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry as it is now."""

    def entries(self, entry_ids: Sequence[str]) -> Mapping[str, Entry]:
        """Return the existing ones of these entries, by id."""

    def with_qb_ids(self, company: str, qb_ids: Collection[str]) -> Iterable[Entry]:
        """Yield the entries of a company that are in the books under one of these ids."""

    def note_drift(self, entry: Entry, *, drift: str, qb_open: Decimal | None) -> bool:
        """Note what was found, unless the note changed meanwhile."""


class WatchKeyValues(Protocol):
    """Where it is stored up to when a realm was looked at."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""


class Found(Protocol):
    """What changed in the books."""

    @property
    def seen(self) -> tuple[Seen, ...]:
        """The transactions that changed."""

    @property
    def deletions_since(self) -> datetime:
        """Since when deletions are among them."""


class Changes(Protocol):
    """The changes of one realm."""

    def since(self, moment: datetime, now: datetime) -> Found:
        """Return what changed from an instant until now."""


@dataclass(slots=True)
class Watch:
    """The looks of one run. `notices` is what to report, `gone` are entries about which there is nothing to say."""

    table: WatchTable
    key_values: WatchKeyValues
    document: Callable[[Entry], Document]
    clock: Clock
    deadline: Deadline
    notices: list[Notice] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    _looked: dict[str, DriftState] = field(default_factory=dict)
    _open_since: list[datetime] = field(default_factory=list)
    _accepted: dict[str, AcceptedParties | None] = field(default_factory=dict)

    @property
    def open(self) -> int | None:
        """How many differences nobody has accepted, None if nothing was looked at."""
        return sum(len(state.open) for state in self._looked.values()) if self._looked else None

    @property
    def age_s(self) -> int | None:
        """For how long nobody has accepted the oldest of them, 0 without any, None if nothing was looked at."""
        if not self._looked:
            return None
        return int(max((self.clock.now() - since for since in self._open_since), default=timedelta()).total_seconds())

    def look(self, changes: Callable[[str], Changes], realm: str, companies: Sequence[str], *, is_asked: bool) -> None:
        """Look at a realm whose lease is held, if it was asked for or the last look is too long ago.

        Raises RetryLater if it was asked for and the books do not answer. A look that nobody asked for fails nothing.
        """
        state = state_of(self.key_values.value(_key(realm)))
        now = self.clock.now()
        is_late = state.looked_at is not None and now - state.looked_at > LATE_AFTER
        if not (is_asked or is_late) or not self.deadline.allows(LOOK_ALLOWANCE_S):
            return
        try:
            # Nothing was looked at of a company that was in another realm then.
            last = state.looked_at if set(companies) <= set(state.companies) else None
            found = changes(companies[0]).since((last or _NEVER + OVERLAP) - OVERLAP, now)
            self._note(realm, companies, state, found, now)
        except (RetryLater, NeedsAttention) as error:
            if is_asked and isinstance(error, RetryLater):
                raise
            logger.warning("the books were not looked at", extra={"realm": realm, "reason": str(error)})

    def complete(self) -> None:
        """Store when each realm was looked at: the alerts have what was found."""
        for realm, state in self._looked.items():
            self.key_values.keep(_key(realm), dumps(state))

    def accept(self, command: AcceptDrift) -> dict[str, object]:
        """Note that a person accepts a difference; return it. Raises InvalidRequest if there is none."""
        entry = self.table.entry(command.entry_id)
        if entry is None:
            raise InvalidRequest(f"There is no entry '{command.entry_id[:200]}'. An alert names the entry it is about.")
        drift = accepted(entry, by=command.by, because=command.because, now=self.clock.now())
        done = replace(entry, drift=text_of(drift))
        if not self.table.note_drift(entry, drift=done.drift, qb_open=entry.qb_open):
            raise InvalidRequest(f"{entry.title}: it changed just now. Look at it again, then accept it.")
        logger.info("difference accepted", extra={"entry_id": entry.entry_id, "company": entry.company})
        self.gone.add(entry.entry_id)
        return shown_drift(done)

    def accept_merge(self, command: AcceptMerge, realm: str) -> dict[str, object]:
        """Note that a person accepts that documents of one party are on another; return it, with how many were noted.

        It holds for what was noticed before, for what is noticed later, and for the tie-out.
        """
        by, because = one_line(command.by, PERSON_LENGTH_MAX) or NOT_SAID, one_line(command.because, REASON_LENGTH_MAX)
        key = acceptance_key(command.company, command.party, command.into)
        now = self.clock.now()
        party, into = (one_line(name, NAME_LENGTH_MAX) for name in (command.party, command.into))
        self.key_values.keep(key, acceptance(AcceptedParties(party, into, by, because, now)))
        count = 0
        for entry in self.table.entries(state_of(self.key_values.value(_key(realm))).open).values():
            drift = noted(entry)
            if drift is None or drift.accepted or entry.company != command.company or _merge_key(entry, drift) != key:
                continue
            after = text_of(replace(drift, accepted=Acceptance(by, because, now)))
            count += self.table.note_drift(entry, drift=after, qb_open=entry.qb_open)
        self.gone.add(key)
        logger.info("merge accepted", extra={"company": command.company, "entries": count})
        return {"accepted_party": party, "into": into, "company": command.company, "documents": count}

    def _note(self, realm: str, companies: Sequence[str], state: DriftState, found: Found, now: datetime) -> None:
        begins = state.looked_at or _NEVER
        # What a person accepted, or another posting replaced, is not open any more.
        entries = dict(self.table.entries(state.open))
        still_open = {
            entry_id: drift.noticed_at
            for entry_id, entry in entries.items()
            if (drift := noted(entry)) and is_open(entry)
        }
        moved: Counter[Parties] = Counter()
        fresh: list[tuple[Entry, Drift]] = []
        for entry, seen in self._pairs(realm, companies, found.seen):
            if not self.deadline.allows(NOTE_ALLOWANCE_S):
                raise OutOfTime("No time is left to note what changed in the books; the next look goes on")
            drift = self._with_acceptance(entry, judged(entry, seen, self._copy(entry, seen), now))
            after = replace(entry, drift=text_of(drift), qb_open=open_amount(entry, seen))
            if after != entry and not self.table.note_drift(entry, drift=after.drift, qb_open=after.qb_open):
                continue  # a person has accepted it just now
            if drift is None or drift.accepted:
                self.gone.update({entry.entry_id} if entry.drift else ())
                still_open.pop(entry.entry_id, None)
                continue
            still_open[entry.entry_id], entries[entry.entry_id] = drift.noticed_at, after
            moved.update([(entry.company, drift.parties)] if drift.parties else [])
            # Noticed since the last complete look: a run that was killed has noted it and not reported it.
            fresh += [(after, drift)] if drift.noticed_at > begins else []
        # What has failed is said by its failure, until that ends.
        unsaid = ({*state.unsaid} | {entry.entry_id for entry, _ in fresh if entry.is_failed}) & still_open.keys()
        said = {entry_id for entry_id in unsaid if entries[entry_id].status is Status.POSTED}
        late = [(entries[entry_id], drift) for entry_id in sorted(said) if (drift := noted(entries[entry_id]))]
        self.notices += notices_of([*(one for one in fresh if not one[0].is_failed), *late], moved, now)
        if state.looked_at is not None and found.deletions_since > state.looked_at:
            logger.warning(
                "deletions may have been overlooked",
                extra={"realm": realm, "until": found.deletions_since.isoformat()},
            )
        if len(still_open) > OPEN_MAX:
            left_out = len(still_open) - OPEN_MAX
            logger.warning("too many open differences to keep", extra={"realm": realm, "left_out": left_out})
        kept = tuple(sorted(still_open)[:OPEN_MAX])
        self._looked[realm] = DriftState(now, kept, tuple(companies), tuple(sorted((unsaid - said) & set(kept))))
        self._open_since.extend(still_open.values())

    def _with_acceptance(self, entry: Entry, drift: Drift | None) -> Drift | None:
        """Return a difference as accepted if a person has accepted the merge that it comes from."""
        key = _merge_key(entry, drift) if drift and not drift.accepted else ""
        if drift is None or not key:
            return drift
        if key not in self._accepted:
            self._accepted[key] = read_acceptance(self.key_values.value(key))
        found = self._accepted[key]
        return replace(drift, accepted=Acceptance(found.by, found.because, found.at)) if found else drift

    def _copy(self, entry: Entry, seen: Seen) -> Document | None:
        """Return what was posted, for the values of a difference that is not noted yet."""
        drift = judged(entry, seen, None, self.clock.now())
        if drift is None or drift.kind is not DriftKind.CHANGED or drift == noted(entry):
            return None
        if entry.status is not Status.POSTED:
            return None  # its stored copy is a newer version, or not known to be what was posted
        try:
            return self.document(entry)
        except NeedsAttention:
            return None

    def _pairs(
        self, realm: str, companies: Sequence[str], transactions: Sequence[Seen]
    ) -> Iterator[tuple[Entry, Seen]]:
        """Yield the entry of each transaction of ours: by its mark, or by its id where the mark is gone."""
        by_mark = self.table.entries(list(dict.fromkeys(seen.entry_id for seen in transactions if seen.entry_id)))
        unmarked: dict[str, list[Seen]] = {}
        for seen in transactions:
            entry = by_mark.get(seen.entry_id)
            if entry is not None:
                if may_be_judged(entry, seen, realm):
                    yield entry, seen
            # What has no mark and was never changed is not ours: ours are created with it.
            elif not seen.entry_id and seen.sync_token != FIRST_SYNC_TOKEN:
                unmarked.setdefault(seen.qb_id, []).append(seen)
        if unmarked:
            for company in companies:
                for listed in list(self.table.with_qb_ids(company, unmarked)):
                    # The index may be behind.
                    entry = self.table.entry(listed.entry_id)
                    for seen in unmarked.get(listed.qb_id, ()):
                        if entry is not None and may_be_judged(entry, seen, realm):
                            yield entry, seen


def _merge_key(entry: Entry, drift: Drift) -> str:
    """Return the key of the acceptance that a difference would fall under; empty if it is no change of party alone."""
    return acceptance_key(entry.company, *drift.parties) if drift.parties else ""


def _key(realm: str) -> str:
    return f"drift#{realm}"
