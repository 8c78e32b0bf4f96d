"""Redrive dead letters: if a person asks, retry once what a function could not handle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Protocol

from pipeline.domain.dead_letter import Letter
from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import Misconfigured, NotRedriven
from pipeline.domain.identity import odoo_id_of
from pipeline.domain.values import dataclass

# How many letters one run takes; the next one goes on.
LETTERS_MAX = 1_000
# Opening the entries of ten letters takes three seconds, and the documents must still be pulled or posted.
REOPEN_ALLOWANCE_S = 45.0
# The time that must be left to remove or put back one letter.
LETTER_ALLOWANCE_S = 5.0
# The time that must be left at the end of a run to take ten more letters and look at them.
SETTLE_ALLOWANCE_S = 10.0


class RedriveLetters(Protocol):
    """A function's dead-letter queue."""

    def take(self) -> Sequence[Letter]:
        """Return some letters, none if there are none. A letter that is not removed reappears after some minutes."""

    def remove(self, letter: Letter) -> None:
        """Remove a letter."""

    def put_back(self, letter: Letter) -> None:
        """Let a letter that was taken be seen again at once."""


class RedriveTable(Protocol):
    """The tracking table, as redriving needs it."""

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry."""


@dataclass(slots=True)
class Taking:
    """Takes letters within the count and the time of one run. `remaining` says that letters may be left then."""

    letters: RedriveLetters
    deadline: Deadline
    count_max: int = LETTERS_MAX
    allowance_s: float = REOPEN_ALLOWANCE_S
    count: int = field(default=0, init=False)
    remaining: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[Letter]:
        """Yield the letters. Those taken together are all yielded, because they are hidden from other readers."""
        while self.count < self.count_max and self.deadline.allows(self.allowance_s):
            some = self.letters.take()
            if not some:
                return
            self.count += len(some)
            yield from some
        self.remaining = True


def reopen(taking: Taking, open_again: Callable[[Sequence[str]], None]) -> int:
    """Reopen the entries of the letters, and return how many letters there were.

    Remove a letter after its entries are open. If the run is stopped in between, they are reopened again, which changes
    nothing.
    """
    for letter in asked_for(taking):
        open_again(letter.entry_ids)
        with _answered():
            taking.letters.remove(letter)
    return taking.count


def asked_for(taking: Taking) -> Iterator[Letter]:
    """Yield the letters that a person asks for. Raises NotRedriven, with what to do, if the queue cannot be used."""
    letters = iter(taking)
    while True:
        with _answered():
            letter = next(letters, None)
        if letter is None:
            return
        yield letter


@contextmanager
def _answered() -> Iterator[None]:
    """Answer a person if the queue is gone or denied: only the redrive stops."""
    try:
        yield
    except Misconfigured as error:
        raise NotRedriven(f"The dead letters are not put back. {error}") from None


def odoo_ids(taken: Sequence[Letter]) -> tuple[int, ...]:
    """Return the Odoo ids of the documents that letters are about."""
    return tuple(sorted({odoo_id_of(entry_id) for letter in taken for entry_id in letter.entry_ids}))


def settle(letters: RedriveLetters, table: RedriveTable, taken: Sequence[Letter], deadline: Deadline) -> int:
    """Remove the letters without a failed entry, put the others back, and return for how many there was time.

    The rest reappears by itself after some minutes.
    """
    for count, letter in enumerate(taken):
        if not deadline.allows(LETTER_ALLOWANCE_S):
            return count
        if any(_is_failed(table.entry(entry_id)) for entry_id in letter.entry_ids):
            letters.put_back(letter)
        else:
            letters.remove(letter)
    return len(taken)


def _is_failed(entry: Entry | None) -> bool:
    return entry is not None and entry.status is Status.FAILED
