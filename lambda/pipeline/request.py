"""What the poster is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """A company or all, certain entries or all that are due, failed ones again.

    `woken_by` names entries of an event: they say which companies to look at, not what to do.
    """

    company: str = ""
    entry_ids: tuple[str, ...] = ()
    retry_failed: bool = False
    dry_run: bool = False
    woken_by: tuple[str, ...] | None = None

    @property
    def by_a_person(self) -> bool:
        """Whether a person asked, who does not care for a pause."""
        return bool(self.entry_ids or self.retry_failed or self.dry_run)
