"""Redrive dead letters: if a person asks, retry once what a function could not handle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from pipeline.domain.dead_letter import Letter
from pipeline.domain.document import odoo_id_of
from pipeline.domain.entry import Entry, Status


class RedriveLetters(Protocol):
    """A function's dead-letter queue."""

    def take(self) -> Iterator[Letter]:
        """Yield the letters. A letter that is not removed reappears after some minutes."""

    def remove(self, letter: Letter) -> None:
        """Remove a letter."""

    def put_back(self, letter: Letter) -> None:
        """Let a letter that was taken be seen again at once."""


class RedriveTable(Protocol):
    """The tracking table, as redriving needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry."""


def reopen(letters: RedriveLetters, open_again: Callable[[Sequence[str]], None]) -> int:
    """Reopen the entries of every letter, and return how many letters there were.

    Remove a letter after its entries are open. If the run is stopped in between, they are reopened again, which changes
    nothing.
    """
    count = 0
    for letter in letters.take():
        open_again(letter.entry_ids)
        letters.remove(letter)
        count += 1
    return count


def odoo_ids(taken: Sequence[Letter]) -> tuple[int, ...]:
    """Return the Odoo ids of the documents that letters are about."""
    return tuple(sorted({odoo_id_of(entry_id) for letter in taken for entry_id in letter.entry_ids}))


def settle(letters: RedriveLetters, table: RedriveTable, taken: Sequence[Letter]) -> int:
    """Remove the letters without a failed entry, put the others back, and return how many were removed."""
    removed = 0
    for letter in taken:
        if any(_is_failed(table.entry(entry_id)) for entry_id in letter.entry_ids):
            letters.put_back(letter)
        else:
            letters.remove(letter)
            removed += 1
    return removed


def _is_failed(entry: Entry | None) -> bool:
    return entry is not None and entry.status is Status.FAILED
