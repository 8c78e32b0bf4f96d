"""The record of one posting: the entry as it changes, and the promise that an intent is stored before its act."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from pipeline.domain import attempts, lifecycle
from pipeline.domain.books import Booked
from pipeline.domain.clock import Clock
from pipeline.domain.entry import OUTCOME_SETTLES_S, Entry, Intent, proof_of
from pipeline.domain.errors import OutOfTime, PipelineError
from pipeline.domain.values import dataclass, replace

# A step is a call to QuickBooks, which is cut off in time, and one to AWS.
STEP_ALLOWANCE_S = 8.0


class RecordTable(Protocol):
    """The tracking table, as the posting of one document needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry of a document as it is now."""

    def save(self, entry: Entry) -> bool:
        """Store what was done to an entry; returns False when Odoo or another run has changed it meanwhile."""

    def save_together(self, entries: Sequence[Entry]) -> Sequence[bool | PipelineError]:
        """Store what was done to some entries in one call; return for each what `save` returns or raises."""

    def ask_for_pdf(self, entry: Entry) -> None:
        """Store an entry whose PDF is to be fetched again."""


class Superseded(Exception):
    """What was being posted is out of date. Its replacement is processed next."""


@dataclass(slots=True)
class Record:
    """The entry of one posting. Nothing is sent after `sends_until`."""

    entry: Entry
    table: RecordTable
    clock: Clock
    sends_until: datetime
    realm: str
    # The entry as it was before the intent that is not stored yet.
    _before: Entry | None = None

    def count_attempt(self) -> None:
        """Note that an attempt begins. Store it before anything of the document is read: it may end the function."""
        self.entry = attempts.begun(self.entry)

    def check_time(self) -> None:
        """Raise OutOfTime if the next step could go on after the lease has ended."""
        if self.clock.now() + timedelta(seconds=STEP_ALLOWANCE_S) > self.sends_until:
            raise OutOfTime("No time is left in this run for another step")

    def intend(self, intent: Intent) -> None:
        """Store what is about to be sent; raises Superseded when the entry has changed meanwhile."""
        self.prepare(intent)
        self.stored(self.table.save(self.entry))

    def prepare(self, intent: Intent) -> None:
        """Note what is about to be sent. Nothing may be sent before it is stored, and `stored` says that it was.

        Until the outcome is known the entry is not due. After a crash right after sending, a look could come too early
        to see what QuickBooks is still working on. And the request may be sent much later than the intent is stored:
        the call budget may be used up, or tokens must be renewed.
        """
        self._before = self.entry
        settles_at = self.sends_until + timedelta(seconds=OUTCOME_SETTLES_S)
        self.entry = lifecycle.intended(self.entry, intent, self.realm, settles_at=settles_at, now=self.clock.now())

    def stored(self, answer: bool | Exception) -> None:
        """Go on when the entry was stored; else raise the error, or Superseded when it has changed meanwhile."""
        before, self._before = self._before, None
        if isinstance(answer, Exception):
            raise answer
        if not answer:
            if before is not None:
                # The books' part was stored, and with it an intent that is not acted on.
                self.entry = before
                self.table.save(before)
            raise Superseded("it was changed meanwhile")

    def forget_intent_after(self, error: Exception) -> None:
        """If what was intended was refused, store that: whoever tries again does so with a new request id.

        QuickBooks may answer an id that it has refused with the same refusal, even once its cause is gone.
        """
        if not (isinstance(error, PipelineError) and error.had_no_effect):
            return
        self.save(
            replace(
                self.entry, step=None, sent_at=None, sent_fingerprint="", refusals=self.entry.refusals + 1,
                updated_at=self.clock.now(),
            )
        )  # fmt: skip

    def note_booked(self, booked: Booked, payload_hash: str) -> None:
        """Note how the document is in the books now.

        The next write to the table stores it, which is the next intent at the latest. If the run crashes before, the
        stored intent makes the next run look.
        """
        self.note(
            **booked.entry_fields,
            realm=self.realm,
            qb_proof=proof_of(self.realm, self.entry.entry_id, booked.qb_id),
            payload_hash=payload_hash,
            step=None,
            sent_at=None,
            sent_fingerprint="",
        )

    def note(self, **changes: Any) -> None:
        """Note something of the books; the next write to the table stores it."""
        self.entry = replace(self.entry, updated_at=self.clock.now(), **changes)

    def save(self, entry: Entry) -> None:
        """Store the entry; raises Superseded when it has changed meanwhile."""
        self.entry = entry
        self.stored(self.table.save(entry))
