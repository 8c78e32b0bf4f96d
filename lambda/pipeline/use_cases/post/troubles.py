"""What an error of one document means: its own trouble, the company's, or nobody's.

A document that needs a person fails by itself. What is the company's (a throttle, a lost connection, the same trouble
with several documents in a row) pauses the realm. Everything else puts one document off.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pipeline.domain import attempts
from pipeline.domain.alert import POSTER
from pipeline.domain.entry import OUTCOME_SETTLES_S, Entry, Status
from pipeline.domain.errors import (
    Deferred,
    Disconnected,
    Misconfigured,
    NeedsAttention,
    OutcomeUnknown,
    OutOfTime,
    RetryLater,
    Throttled,
    Unavailable,
)
from pipeline.domain.exhausted import exhausted
from pipeline.domain.lease import backoff_s
from pipeline.domain.unanswered import own_trouble, put_off, tries_alone
from pipeline.use_cases.post.collaborators import Collaborators
from pipeline.use_cases.post.outcomes import Outcomes
from pipeline.use_cases.post.posting import Posting
from pipeline.use_cases.post.record import Superseded

logger = logging.getLogger(__name__)

# If this many documents in a row had no trouble before and get no answer, it is the company's trouble, not theirs.
CONSECUTIVE_FAILURES_MAX = 3


class Troubles:
    """The troubles of one realm in one run.

    `pause` is what pauses it, and `through_at` when a document last went through.
    """

    def __init__(
        self,
        collaborators: Collaborators,
        outcomes: Outcomes,
        companies: Sequence[str],
        through_at: datetime | None,
    ) -> None:
        self.pause: RetryLater | None = None
        self.is_out_of_time = False
        self.through_at = through_at
        self._with = collaborators
        self._outcomes = outcomes
        self._companies = companies
        self._consecutive_failures = 0

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is begun in this run."""
        return self.pause is not None or self.is_out_of_time

    def guard[T](
        self, posting: Posting, before: Entry, work: Callable[[], T], *, is_spoken_for: bool = False
    ) -> T | None:
        """Do a part of the work for a document; return what comes of it, or None when its posting has ended.

        `before` is the entry as it was before this try. `is_spoken_for` says that a call for many documents had no
        answer, and another of them counts for all. No error of one document ends the work for the others.
        """
        try:
            return work()
        except Superseded as superseded:
            logger.info("document superseded", extra={"entry_id": before.entry_id, "reason": str(superseded)})
        except Misconfigured as error:
            # A secret or a right is missing, for which no document is to blame.
            self._put_off(attempts.ended(posting.entry), Disconnected(str(error), code=error.code), before)
        except NeedsAttention as error:
            self._outcomes.fail(posting.entry, error)
            self._consecutive_failures = 0
        except OutOfTime as error:
            self.stop(error)
            self._with.table.save(attempts.ended(posting.entry))
        except RetryLater as error:
            is_answered = posting.found.is_answered
            ended = attempts.ended(posting.entry)
            self._put_off(ended, error, before, is_answered=is_answered, is_spoken_for=is_spoken_for)
        except Exception as error:  # a fault of ours: it stops this document, and none of the others
            logger.exception("unexpected fault", extra={"entry_id": before.entry_id})
            used_up = exhausted(error, POSTER)
            if used_up:
                # Its attempt stays counted: so it comes last and alone next time, and is not tried for ever.
                self._put_off(posting.entry, used_up, before)
                return None
            text = f"the pipeline met something unexpected ({type(error).__name__}). Report it with the entry's id."
            self._outcomes.fail(posting.entry, NeedsAttention(text, code="unexpected"))
        return None

    def went_through(self, before: Entry, finished: Entry) -> None:
        """Count a document that is where Odoo wants it."""
        self._consecutive_failures = 0
        self.through_at = self._with.clock.now()
        self._outcomes.done(before, finished)

    def stop(self, error: OutOfTime) -> None:
        """End the work for the realm in this run without a pause: the next run goes on at once."""
        self.is_out_of_time = True
        self._outcomes.results.remaining = True
        logger.info("too little time left", extra={"company": ", ".join(self._companies), "reason": str(error)})

    def _put_off(
        self, entry: Entry, error: RetryLater, before: Entry, *, is_answered: bool = False, is_spoken_for: bool = False
    ) -> None:
        """Put an entry off. Nothing is wrong with it, so it is no attempt of its own unless it alone has trouble.

        An entry that was in trouble before shows nothing about the company. It fails by itself if it gets no answer
        while the books answer others.
        """
        if entry.status is Status.POSTED and before.status is not Status.POSTED:
            # Only its last save got no answer. Its message is a note, and no trouble.
            if self._with.table.save(entry):
                self.went_through(before, entry)
            return
        was_in_trouble = before.attempts > 0
        with self._outcomes.lock:
            self._consecutive_failures += not (isinstance(error, Deferred) or was_in_trouble or is_spoken_for)
            is_the_companys = isinstance(error, Throttled | Disconnected) or (
                self._consecutive_failures >= CONSECUTIVE_FAILURES_MAX and not was_in_trouble
            )
            if is_the_companys and self.pause is None:
                self.pause = error
            others_at, is_alone = self.through_at, is_answered and self._consecutive_failures == 0
        has_no_answer = isinstance(error, Unavailable | OutcomeUnknown) and not is_the_companys
        why = own_trouble(before, others_at, is_answered=is_alone) if has_no_answer else ""
        if why:
            self._outcomes.fail_unanswered(entry, why, error)
            return
        with self._outcomes.lock:
            self._outcomes.results.later += 1
        logger.warning("document put off", extra={"entry_id": entry.entry_id, "reason": str(error)})
        wait_s = OUTCOME_SETTLES_S if isinstance(error, OutcomeUnknown) else 0
        count = entry.attempts
        if not is_the_companys:
            count += 1
            wait_s = max(wait_s, error.wait_s, backoff_s(entry.attempts, self._with.random.random()))
        now = self._with.clock.now()
        due_at = now + timedelta(seconds=wait_s) if wait_s else None
        # It was sent just now, so it is known when.
        is_open = entry.step is not None and not isinstance(error, OutcomeUnknown)
        if is_open and (due_at is None or (entry.next_attempt_at and entry.next_attempt_at > due_at)):
            due_at = entry.next_attempt_at
        self._with.table.save(
            put_off(
                entry, error.code, str(error), attempts=count, due_at=due_at, now=now,
                tries_alone=tries_alone(before, others_at) if has_no_answer else entry.tries_alone,
            )
        )  # fmt: skip
