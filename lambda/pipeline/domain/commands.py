"""What the functions are asked to do: one small type for each thing."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.domain.source import Selection

# -- the extractor -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pull:
    """Pull what is new and changed, of one company or (an empty name) of all; a trial writes nothing."""

    company: str = ""
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class PullSelected:
    """Pull certain documents, whatever was pulled before."""

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
    """Post what is due, of one company or (an empty name) of all: the sweep."""

    company: str = ""


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Post what is due of the companies of these entries: an event of S3 says where to look first, not what to do."""

    entry_ids: tuple[str, ...]
    company: str = ""


@dataclass(frozen=True, slots=True)
class PostEntries:
    """Post certain entries now, because a person asked for it."""

    entry_ids: tuple[str, ...]
    company: str = ""


@dataclass(frozen=True, slots=True)
class RetryFailed:
    """Post what has failed once more (these entries, or all), because a person has fixed the cause."""

    entry_ids: tuple[str, ...] = ()
    company: str = ""


@dataclass(frozen=True, slots=True)
class ShowDrafts:
    """Show what would be sent (for these entries, or for all that are due), and write nothing."""

    entry_ids: tuple[str, ...] = ()
    company: str = ""


@dataclass(frozen=True, slots=True)
class Redrive:
    """Reopen what the dead letters are about, and post it."""

    company: str = ""


@dataclass(frozen=True, slots=True)
class RebuildEntries:
    """Fill an empty tracking table from the bucket and the books."""

    company: str = ""


@dataclass(frozen=True, slots=True)
class StartOver:
    """Post all documents of a company once more, to another realm than before."""

    company: str
    realm: str


type PosterCommand = PostDue | WakeUp | PostEntries | RetryFailed | ShowDrafts | Redrive | RebuildEntries | StartOver


def is_by_a_person(command: PosterCommand) -> bool:
    """Whether a person asked, who does not want to wait for the end of a pause."""
    return not isinstance(command, PostDue | WakeUp)
