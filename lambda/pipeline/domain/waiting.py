"""What an index says of an entry that is not done: enough to know which company has work, and since when."""

from __future__ import annotations

from datetime import datetime

from pipeline.domain.entry import Entry, Status
from pipeline.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An entry that is pending or posting. `since` is when it became so."""

    entry_id: str
    company: str
    status: Status
    is_ready: bool
    next_attempt_at: datetime | None
    since: datetime

    @classmethod
    def of(cls, entry: Entry) -> Waiting:
        """Return what an index says of an entry."""
        return cls(
            entry_id=entry.entry_id,
            company=entry.company,
            status=entry.status,
            is_ready=entry.is_ready,
            next_attempt_at=entry.next_attempt_at,
            since=entry.pending_since or entry.created_at,
        )

    def is_due(self, now: datetime) -> bool:
        """Whether there is work to do on it now, as far as the index knows."""
        return self.is_ready and (self.next_attempt_at is None or self.next_attempt_at <= now)
