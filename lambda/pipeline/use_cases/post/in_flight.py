"""How many bytes of PDFs are worked on at once: the function's memory is bounded by bytes, not by documents."""

from __future__ import annotations

from typing import Any

from pipeline.domain.entry import Entry
from pipeline.domain.threads import Threads

# A PDF is in memory once. The poster has 256 MB, of which it takes about 90 by itself.
BYTES_MAX = 32 * 2**20
# An entry without a stored size counts as the largest PDF that is carried.
UNKNOWN_BYTES = 25 * 2**20


class InFlight:
    """The bytes of all documents that a run works on, over all realms."""

    def __init__(self, threads: Threads) -> None:
        self._lock: Any = threads.lock()
        self._bytes = 0

    def take(self, entry: Entry) -> bool:
        """Count an entry and return True if there is room for it. One larger than the whole room is worked on alone."""
        size = _bytes_of(entry)
        with self._lock:
            if size and self._bytes and self._bytes + size > BYTES_MAX:
                return False
            self._bytes += size
            return True

    def give_back(self, entry: Entry) -> None:
        """Stop counting an entry."""
        with self._lock:
            self._bytes -= _bytes_of(entry)


def _bytes_of(entry: Entry) -> int:
    if entry.withdrawn:
        return 0
    return UNKNOWN_BYTES if entry.pdf_bytes is None else entry.pdf_bytes
