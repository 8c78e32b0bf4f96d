"""The commands of the functions: one small type per request."""

from __future__ import annotations

from datetime import datetime

from pipeline.domain.source import Selection
from pipeline.domain.values import dataclass

# -- the extractor -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pull:
    """Pull what is new or changed, of one company or (an empty name) of all. A trial writes nothing.

    A pull of the schedule goes on in further invocations while there is more: for so many seconds, or until an instant.
    """

    company: str = ""
    is_trial: bool = False
    go_on_for_s: int = 0
    go_on_until: datetime | None = None

    @property
    def is_scheduled(self) -> bool:
        """Whether it pulls all companies, as the schedule does."""
        return not self.company and not self.is_trial


@dataclass(frozen=True, slots=True)
class PullSelected:
    """Pull certain documents, even if they were pulled before."""

    selection: Selection
    company: str = ""
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class RedrivePulls:
    """Pull the documents that the extractor's dead letters are about."""

    company: str = ""
    is_trial: bool = False


type ExtractorCommand = Pull | PullSelected | RedrivePulls

# -- the poster --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PostDue:
    """Post what is due, of one company or (an empty name) of all: the sweep.

    With `realm`, only its companies: so a sweep that finds work in several realms has each worked on by itself.
    """

    company: str = ""
    realm: str = ""


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Post what is due in the companies of these entries: an S3 event says where to look, not what to do."""

    entry_ids: tuple[str, ...]
    company: str = ""


@dataclass(frozen=True, slots=True)
class PostEntries:
    """Post certain entries now, because a person asked for it."""

    entry_ids: tuple[str, ...]
    company: str = ""


@dataclass(frozen=True, slots=True)
class RetryFailed:
    """Post failed entries again (these, or all), because a person has fixed the cause."""

    entry_ids: tuple[str, ...] = ()
    company: str = ""


@dataclass(frozen=True, slots=True)
class ShowDrafts:
    """Show what would be sent (for these entries, or for all that are due), and write nothing."""

    entry_ids: tuple[str, ...] = ()
    company: str = ""


@dataclass(frozen=True, slots=True)
class Redrive:
    """Reopen the entries of the dead letters, and post them."""

    company: str = ""


@dataclass(frozen=True, slots=True)
class RebuildEntries:
    """Fill an empty tracking table from the bucket and the books."""

    company: str = ""


@dataclass(frozen=True, slots=True)
class StartOver:
    """Post all documents of a company again, to another realm than before."""

    company: str
    realm: str


@dataclass(frozen=True, slots=True)
class WatchBooks:
    """Look what people changed, voided, deleted or paid in the books since the last look."""


@dataclass(frozen=True, slots=True)
class AcceptDrift:
    """Accept what a person did to a document in the books: who accepts it, and why."""

    entry_id: str
    because: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class AcceptMerge:
    """Accept that documents of one party of a company are on another in the books: who accepts it, and why."""

    company: str
    party: str
    into: str
    because: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Explain:
    """Tell the life of a document: by its number in Odoo, its entry, or its id in the books."""

    name: str


type PosterCommand = (
    PostDue | WakeUp | PostEntries | RetryFailed | ShowDrafts | Redrive | RebuildEntries | StartOver | WatchBooks
)


def is_by_a_person(command: PosterCommand) -> bool:
    """Whether a person asked. A person does not wait for the end of a pause."""
    return not isinstance(command, PostDue | WakeUp | WatchBooks)


# -- the tie-out -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CompareMonths:
    """Compare a month (`2026-10`) of one company or (an empty name) of all; without a month, every open one.

    With `is_continuation`, only what was begun and ran out of time is gone on with.
    """

    company: str = ""
    month: str = ""
    is_continuation: bool = False


@dataclass(frozen=True, slots=True)
class CloseMonth:
    """Close a month (`2026-10`) of a company: who closes it."""

    company: str
    month: str
    by: str


@dataclass(frozen=True, slots=True)
class ReopenMonth:
    """Open a closed month of a company again: who does, and why."""

    company: str
    month: str
    by: str
    because: str


type TieOutCommand = CompareMonths | CloseMonth | ReopenMonth
