"""Dead letters put back: what a function could not handle is tried again, once, when a person says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from pipeline.domain.dead_letter import Letter
from pipeline.domain.document import odoo_id_of
from pipeline.domain.entry import Entry, Status


class Letters(Protocol):
    """A function's dead-letter queue."""

    def take(self) -> Iterator[Letter]:
        """Yield the letters there are; what is not removed is there again after some minutes."""

    def remove(self, letter: Letter) -> None:
        """Remove a letter."""


class Table(Protocol):
    """The tracking table, as redriving needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry."""


def reopen(letters: Letters, open_again: Callable[[Sequence[str]], None]) -> int:
    """Open the entries of every letter again, and return how many letters there were.

    A letter goes once its entries are open: who is stopped in between opens them a second time, which changes nothing.
    """
    count = 0
    for letter in letters.take():
        open_again(letter.entry_ids)
        letters.remove(letter)
        count += 1
    return count


def odoo_ids(taken: Sequence[Letter]) -> tuple[int, ...]:
    """Return the documents that letters are about, as Odoo knows them."""
    return tuple(sorted({odoo_id_of(entry_id) for letter in taken for entry_id in letter.entry_ids}))


def settle(letters: Letters, table: Table, taken: Sequence[Letter]) -> int:
    """Remove the letters of which nothing is failed any more, and return how many those were."""
    settled = [
        letter for letter in taken if not any(_is_failed(table.entry(entry_id)) for entry_id in letter.entry_ids)
    ]
    for letter in settled:
        letters.remove(letter)
    return len(settled)


def _is_failed(entry: Entry | None) -> bool:
    return entry is not None and entry.status is Status.FAILED
