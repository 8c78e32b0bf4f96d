"""The cursor: how far a company was read in Odoo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.domain.source import Page


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a company was read: everything written before `since`, and in the current walk the ids up to `after_id`.

    `walk_began` is None between walks. `seen` is the latest write date met in this walk.
    """

    since: datetime | None = None
    after_id: int = 0
    walk_began: datetime | None = None
    seen: datetime | None = None

    def begun(self, now: datetime) -> Cursor:
        """Return the cursor at the start of a walk."""
        return replace(self, walk_began=now, after_id=0, seen=None)

    def after(self, page: Page) -> Cursor:
        """Return the cursor after a page. At the end of a walk it moves, but no further than when the walk began."""
        if page.last_id:
            written = [document.written_at for document in page.documents] + [row.written_at for row in page.unreadable]
            return replace(self, after_id=page.last_id, seen=max([*written, *([self.seen] if self.seen else [])]))
        if self.seen is None or self.walk_began is None:
            return Cursor(since=self.since)
        since = min(self.seen, self.walk_began)
        return Cursor(since=max(since, self.since) if self.since else since)
