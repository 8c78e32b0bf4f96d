"""A dead letter: what a function could not handle, waiting to be put back."""

from __future__ import annotations

from pipeline.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """The entries it is about (none for a tick of a schedule), and the handle that removes it."""

    entry_ids: tuple[str, ...]
    receipt: str
