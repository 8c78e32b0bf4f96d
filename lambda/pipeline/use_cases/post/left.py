"""A document in the books as we left it, where somebody has changed it since."""

from __future__ import annotations

from pipeline.domain.books import FIRST_SYNC_TOKEN, Booked, came_of
from pipeline.domain.entry import Entry
from pipeline.domain.values import replace


def as_we_left_it(found: Booked, entry: Entry) -> Booked:
    """Return a found document with the token that we last knew, if somebody has changed it since.

    The books refuse a write with that earlier token as stale, so the posting looks again before it writes.
    """
    ours = {entry.sent_fingerprint, entry.qb_fingerprint} - {""}
    is_new = not entry.qb_id and found.sync_token == FIRST_SYNC_TOKEN
    if is_new or not ours or found.fingerprint in ours or came_of(found.fingerprint, entry.sent_fingerprint):
        return found
    before = entry.qb_sync_token or FIRST_SYNC_TOKEN
    return replace(found, sync_token=before, fingerprint=entry.sent_fingerprint or entry.qb_fingerprint)
