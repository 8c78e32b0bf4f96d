"""What has come of the documents of a run: counted, stored with what a person has to do, and reported."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import field
from typing import Any

from pipeline.domain import lifecycle
from pipeline.domain.alert import Failure
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import NeedsAttention, RetryLater
from pipeline.domain.values import dataclass, replace
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.in_flight import InFlight
from pipeline.use_cases.post.results import Results

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Outcomes:
    """The results of a run and the failures to report; safe to use from several threads.

    `checked` are the companies that the run has checked: nothing else is wrong with them.
    """

    collaborators: Collaborators
    results: Results = field(default_factory=Results)
    failures: list[Failure] = field(default_factory=list)
    checked: set[str] = field(default_factory=set)
    lock: Any = field(init=False)
    # Held by whoever works on a document that may end the function.
    alone: Any = field(init=False)
    in_flight: InFlight = field(init=False)

    def __post_init__(self) -> None:
        threads = self.collaborators.threads
        self.lock, self.alone, self.in_flight = threads.lock(), threads.lock(), InFlight(threads)

    def fail(self, entry: Entry, error: NeedsAttention) -> None:
        """Set an entry to failed, with what a person has to do, and report it."""
        message = f"{entry.title}: {error}" if not str(error).startswith(entry.title) else str(error)
        failed = lifecycle.failed(entry, error.code, message, self.collaborators.clock.now())
        if not self.collaborators.table.save(failed):
            return  # it has changed in Odoo meanwhile, and is processed again
        logger.warning("document failed", extra={"entry_id": entry.entry_id, "company": entry.company,
                                                 "code": error.code, "reason": str(error)})  # fmt: skip
        with self.lock:
            self.results.failed += 1
            self.failures.append(Failure(entry.company, error.code, entry.title, str(error), entry_id=entry.entry_id))

    def fail_unanswered(self, entry: Entry, why: str, last: RetryLater) -> None:
        """Fail a document that the books never answer, though they answer others."""
        text = (
            f"QuickBooks gave no usable answer to it {why}. The last was: {str(last).rstrip('.')}. So it is something "
            "in this document that QuickBooks cannot handle, such as an emoji in a text, very many lines, or its PDF. "
            "Look whether it is in QuickBooks, change it in Odoo, and retry it."
        )
        self.fail(entry, NeedsAttention(text, code="unanswered"))

    def done(self, previous: Entry, finished: Entry) -> None:
        """Count a document that is where Odoo wants it."""
        logger.info("document done", extra={"entry_id": finished.entry_id, "company": finished.company,
                                            "status": finished.status.value, "qb_id": finished.qb_id})  # fmt: skip
        with self.lock:
            self.results.recovered += bool(previous.error_code)
            if finished.status is Status.VOIDED or finished.is_vacated:
                self.results.voided += 1
            else:
                self.results.posted += 1
                self.results.noted += bool(finished.error_message)

    def reopen(self, entry_ids: Sequence[str], *, has_letter: bool = True) -> None:
        """Set failed entries to pending again; others are left as they are.

        `has_letter` is False where their dead letters are removed: if they fail again, they get new ones.
        """
        for entry_id in entry_ids:
            entry = self.collaborators.table.entry(entry_id)
            # Nobody has looked at each dead letter. Deleting something in the books needs a person who has.
            if entry and entry.can_be_retried and (has_letter or not entry.successor):
                again = lifecycle.reopened(entry, self.collaborators.clock.now())
                self.collaborators.table.save(again if has_letter else replace(again, letter_at=None))
