"""The cursor: how far a company was read in Odoo."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.domain.source import Page
from pipeline.domain.values import dataclass, replace

# By so much Odoo's clock may be behind ours. Write dates are by its clock, the beginning of a walk is by ours.
CLOCKS_DIFFER = timedelta(hours=1)
PAGE_DOCUMENTS = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a company was read: everything written before `since`, and in the current walk the ids up to `after_id`.

    `walk_began` is None between walks. `seen` is the latest write date met in this walk. `page_max` is how many
    documents make a page at most, after a larger page was not answered; 0 means a full page.
    """

    since: datetime | None = None
    after_id: int = 0
    walk_began: datetime | None = None
    seen: datetime | None = None
    page_max: int = 0

    def begun(self, now: datetime) -> Cursor:
        """Return the cursor at the start of a walk."""
        return replace(self, walk_began=now, after_id=0, seen=None)

    def with_page_of(self, documents: int) -> Cursor:
        """Return the cursor with a smaller page. It is stored, so that a run that ends here is not repeated whole."""
        return replace(self, page_max=max(1, documents))

    def after(self, page: Page) -> Cursor:
        """Return the cursor after a page.

        At the end of a walk it moves to the last change that was seen, but no further than when the walk began. And it
        follows the walks: what was last changed long ago is not read again by every later walk.
        """
        if page.last_id:
            written = [document.written_at for document in page.documents] + [row.written_at for row in page.unreadable]
            seen = max([*written, *([self.seen] if self.seen else [])])
            return replace(self, after_id=page.last_id, seen=seen, page_max=self._grown)
        if self.walk_began is None or (self.seen is None and self.since is None):
            # Where nothing was ever seen, whatever becomes visible later is new.
            return Cursor(since=self.since)
        if self.seen is None:
            return self._ended(self.since, self.walk_began)
        return self._ended(min(self.seen, self.walk_began), self.walk_began)

    @property
    def _grown(self) -> int:
        # What broke a page may be behind us. A page grows more slowly than it shrinks: it may be just ahead, too.
        return 2 * self.page_max if 2 * self.page_max < PAGE_DOCUMENTS else 0

    def _ended(self, seen: datetime | None, walk_began: datetime) -> Cursor:
        moments = (seen, self.since, walk_began - CLOCKS_DIFFER)
        return Cursor(since=max(moment for moment in moments if moment is not None))
