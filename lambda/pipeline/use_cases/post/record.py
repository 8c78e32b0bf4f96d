"""The record of one posting: the entry as it changes, and the promise that an intent is stored before its act."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from pipeline.domain import attempts, lifecycle
from pipeline.domain.books import Booked
from pipeline.domain.clock import Clock
from pipeline.domain.entry import OUTCOME_SETTLES_S, Entry, Intent, proof_of
from pipeline.domain.errors import OutOfTime

# A step is a call to QuickBooks, which is cut off in time, and one to AWS.
STEP_ALLOWANCE_S = 8.0


class RecordTable(Protocol):
    """The tracking table, as the posting of one document needs it."""

    def save(self, entry: Entry) -> bool:
        """Store what was done to an entry; returns False when Odoo has changed the document meanwhile."""

    def ask_for_pdf(self, entry: Entry) -> None:
        """Store an entry whose PDF is to be fetched again."""


class Superseded(Exception):
    """What was being posted is out of date; what replaces it is processed next."""


@dataclass(slots=True)
class Record:
    """The entry of one posting. Nothing is sent any more after `sends_until`."""

    entry: Entry
    table: RecordTable
    clock: Clock
    sends_until: datetime
    realm: str

    def count_attempt(self) -> None:
        """Store that an attempt begins, before anything of the document is read: it may end the function."""
        self.save(attempts.begun(self.entry))

    def check_time(self) -> None:
        """Raise OutOfTime if the next step could go on after the lease has ended."""
        if self.clock.now() + timedelta(seconds=STEP_ALLOWANCE_S) > self.sends_until:
            raise OutOfTime("No time is left in this run for another step")

    def intend(self, intent: Intent) -> None:
        """Store what is about to be sent; raises Superseded when the document has changed in Odoo meanwhile.

        Until the outcome is known the entry is not due: a crash right after sending must not be followed by a look
        that comes too early to see what QuickBooks is still working on. And the request may be sent much later than
        this is stored: the budget of calls may be used up, tokens may have to be renewed.
        """
        before = self.entry
        settles_at = self.sends_until + timedelta(seconds=OUTCOME_SETTLES_S)
        self.entry = lifecycle.intended(before, intent, self.realm, settles_at=settles_at, now=self.clock.now())
        if not self.table.save(self.entry):
            self.entry = before
            self.table.save(before)
            raise Superseded("it changed in Odoo meanwhile")

    def forget_intent(self) -> None:
        """Store that what was intended was refused: whoever tries again does so with a new request id."""
        self.save(
            replace(
                self.entry, step=None, sent_at=None, sent_fingerprint="", refusals=self.entry.refusals + 1,
                updated_at=self.clock.now(),
            )
        )  # fmt: skip

    def note_booked(self, booked: Booked, payload_hash: str) -> None:
        """Note how the document is in the books now.

        The next write to the table stores it, which is the next intent at the latest; until then the intent that is
        stored leads whoever comes after a crash to a look.
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
        """Store the entry; raises Superseded when the document has changed in Odoo meanwhile."""
        self.entry = entry
        if not self.table.save(entry):
            raise Superseded("it changed in Odoo meanwhile")
