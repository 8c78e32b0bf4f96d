"""What the functions are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.domain.source import Selection


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What the extractor is asked for: a company or all, certain documents or what is new, dead letters again."""

    company: str = ""
    selection: Selection | None = None
    dry_run: bool = False
    redrive: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What the poster is asked for: a company or all, certain entries or all that are due, failed ones again.

    `redrive` puts dead letters back first, `rebuild` fills an empty table from the books and the bucket. `woken_by`
    names entries of an event: they say which companies to look at, not what to do.
    """

    company: str = ""
    entry_ids: tuple[str, ...] = ()
    retry_failed: bool = False
    dry_run: bool = False
    redrive: bool = False
    rebuild: bool = False
    woken_by: tuple[str, ...] | None = None

    @property
    def by_a_person(self) -> bool:
        """Whether a person asked, who does not care for a pause."""
        return bool(self.entry_ids or self.retry_failed or self.dry_run or self.redrive or self.rebuild)
