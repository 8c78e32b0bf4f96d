"""A month's allowance of reads, as distinct from a limit per minute: both are HTTP 429, but one lasts much longer.

Intuit meters reads per app and month; when they are used up, it refuses them until the next month. A throttle is over
after a minute. Source: Intuit's App Partner Program, and its page about limits and throttles.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.errors import Disconnected, RetryLater, Throttled
from pipeline.domain.threads import Threads

USED_UP_AFTER = timedelta(hours=6)
# A paused realm is tried again after 72 minutes at most. What happened in a longer gap is not known.
GAP_MAX = timedelta(hours=2)


class AllowanceKeyValues(Protocol):
    """Where it is stored since when reads are refused."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str) -> None:
        """Store a text under a key."""


class Allowance:
    """Whether a realm's reads were refused without a break for hours."""

    def __init__(self, key_values: AllowanceKeyValues, realm: str, clock: Clock, threads: Threads) -> None:
        self._key_values = key_values
        self._key = f"throttled#{realm}"
        self._clock = clock
        self._lock = threads.lock()
        self._is_known_good = False

    def read_answered(self) -> None:
        """Forget former refusals, because a read was answered. Only the first one of a session looks."""
        with self._lock:
            if self._is_known_good:
                return
            if self._key_values.value(self._key):
                self._key_values.keep(self._key, "")
            self._is_known_good = True

    def read_refused(self, company: str, error: Throttled) -> RetryLater:
        """Return the error for a read that was refused by 429: the given one, or Disconnected if it lasts for hours."""
        now = self._clock.now()
        with self._lock:
            self._is_known_good = False
            stored = json.loads(self._key_values.value(self._key) or "{}")
            since = datetime.fromisoformat(stored["since"]) if stored else now
            if stored and now - datetime.fromisoformat(stored["last"]) > GAP_MAX:
                since = now
            self._key_values.keep(self._key, json.dumps({"since": since.isoformat(), "last": now.isoformat()}))
        if now - since < USED_UP_AFTER:
            return error
        return Disconnected(
            f"QuickBooks refuses every read of {company} since {since:%Y-%m-%d %H:%M} UTC, and a limit per minute does "
            "not last that long: the month's allowance of reads of the Intuit app is used up. The documents wait and "
            "follow by themselves when the next month begins, or as soon as the app has a higher tier of Intuit's App "
            "Partner Program (developer.intuit.com shows the usage).",
            code="allowance_used_up",
            wait_s=error.wait_s,
        )
