"""Which order ended the function: counted before the work on it begins, so that it cannot stop the others for ever.

A run that is killed can store nothing. So each run stores a mark beside the cursor when it begins, and removes it when
it ends by itself. A run that finds the mark of another is careful: it stores the name of each order before it reads and
writes it. If such a run is killed, the named order is counted, together with the earlier kill that had no name. That
order comes last from then on. After three times it is left out until it is saved in Odoo.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, Self

from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX, REASON
from pipeline.domain.errors import InvalidDocument, PipelineError
from pipeline.domain.order import OrderCursor
from pipeline.domain.values import dataclass, replace

SOMETHING = "*"
# If more orders than this seem to end the function, the cause is something else.
KILLED_KEPT_MAX = 50
REPORTED_KEPT_MAX = 500


class OrderCursorTable(Protocol):
    """Where the cursor is stored."""

    def cursor(self, database: str) -> OrderCursor:
        """Return how far orders were read."""

    def move_cursor(self, database: str, cursor: OrderCursor) -> None:
        """Store how far orders were read."""


class CursorInMemory:
    """Keeps the cursor as long as the container lives, for runs whose table cannot be used."""

    def __init__(self) -> None:
        self._cursor = OrderCursor()

    def cursor(self, database: str) -> OrderCursor:
        """Return what was kept last."""
        del database
        return self._cursor

    def move_cursor(self, database: str, cursor: OrderCursor) -> None:
        """Keep it."""
        del database
        self._cursor = cursor


@dataclass(slots=True)
class OrderAttempts:
    """The cursor of a run, and with it what the run works on."""

    table: OrderCursorTable
    database: str
    cursor: OrderCursor
    is_careful: bool

    @classmethod
    def begin(cls, table: OrderCursorTable, database: str) -> Self:
        """Store that a run works. Raises PipelineError if it cannot be stored."""
        cursor = table.cursor(database)
        killed = _killed(cursor)
        kept = dict(list(killed.items())[-KILLED_KEPT_MAX:])
        attempts = cls(table, database, replace(cursor, killed=kept), is_careful=bool(cursor.at_work))
        attempts._store(at_work=SOMETHING)
        return attempts

    def move(self, cursor: OrderCursor) -> None:
        """Store how far orders were read in a walk."""
        self._store(since=cursor.since, walk_began=cursor.walk_began, after_id=cursor.after_id)

    def finish(self, since: str) -> None:
        """Store that a walk is complete. A run does this last."""
        self._store(since=since, walk_began="", after_id=0, at_work="", killed=_named(self.cursor.killed))

    def end(self) -> None:
        """Store that the run has ended by itself, unless that is stored already."""
        if self.cursor.at_work:
            killed = _named(self.cursor.killed)
            self._store(at_work="", killed=killed, reported=self.cursor.reported if killed else ())

    def report(self, what: Iterable[str]) -> None:
        """Store which left-out orders were reported and are still left out."""
        reported = tuple(sorted(what))[:REPORTED_KEPT_MAX] if self.cursor.killed else ()
        if reported != self.cursor.reported:
            self._store(reported=reported)

    def last_of_all(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the orders with those last that may have ended the function."""
        return sorted(rows, key=self.count)

    def shared(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the orders that may be read together: none of them is known to have ended the function."""
        return [] if self.is_careful else [row for row in rows if not self.count(row)]

    def count(self, row: Any) -> int:
        """Return how often the work on an order ended the function."""
        return self.cursor.killed.get(_name(row), 0) if isinstance(row, Mapping) else 0

    @contextmanager
    def working_on(self, row: Any) -> Iterator[None]:
        """Store that this order is worked on, where that may matter, and remove the mark when the work ends by itself.

        Raises InvalidDocument for an order to leave out. What ends the run at this order is counted, memory that is
        used up among it.
        """
        if self.count(row) >= KILLED_ATTEMPTS_MAX:
            raise InvalidDocument(
                f"it {REASON}. Look for very many lines or very long texts, and save it in Odoo once more"
            )
        is_stored = isinstance(row, Mapping) and bool(self.is_careful or self.count(row))
        if is_stored:
            self._store(at_work=_name(row))
        try:
            yield
        except PipelineError:
            if is_stored:
                self._store(at_work=SOMETHING)
            raise
        # It is not to blame for what was counted, or the cause is repaired.
        others = {name: count for name, count in self.cursor.killed.items() if not _is_of(row, name)}
        if is_stored or len(others) < len(self.cursor.killed):
            self._store(at_work=SOMETHING, killed=others)

    def _store(self, **changes: Any) -> None:
        cursor = replace(self.cursor, **changes)
        self.table.move_cursor(self.database, cursor)
        self.cursor = cursor


def _killed(cursor: OrderCursor) -> dict[str, int]:
    """Return how often which order ended the function, with the run that has just been found not to have ended."""
    killed = dict(cursor.killed)
    if cursor.at_work == SOMETHING:
        killed[SOMETHING] = 1
    elif cursor.at_work:
        # The run before it was killed as well and could not say at what: most likely at the same.
        killed[cursor.at_work] = killed.get(cursor.at_work, 0) + 1 + killed.pop(SOMETHING, 0)
    return killed


def _named(killed: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in killed.items() if name != SOMETHING}


def _is_of(row: Any, name: str) -> bool:
    return isinstance(row, Mapping) and name.startswith(f"{row.get('id')}@")


def _name(row: Mapping[str, Any]) -> str:
    # The instant of its last change is included, so that an order that is saved again is tried again.
    return f"{row.get('id')}@{row.get('write_date')}"
