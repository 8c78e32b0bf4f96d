"""An alert state for a function that has no table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline.domain.lease import Lease


class Remembered:
    """An alert state that lives as long as the container, and that nobody else reads."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""
        return self._values.get(key)

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""
        self._values[key] = value

    def take_lease(
        self, realm: str, holder: str, now: datetime, until: datetime, *, force: bool, companies: Sequence[str]
    ) -> Lease | None:
        """Return a lease. There is no other run."""
        del now, force, companies
        return Lease(realm, holder, until)

    def release_lease(self, lease: Lease, now: datetime) -> None:
        """Do nothing. No other run waits for it."""
