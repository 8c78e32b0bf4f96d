"""Which order ended the function: counted before the work on it begins, so that it stops no other for ever.

A run that is killed can store nothing. So each run stores that it works, with the cursor, and takes that back when it
ends by itself, in the write that moves the cursor: one write more than without. A run that finds it there is careful:
it stores the name of each order before it reads that order's lines and writes it. What was stored when such a run is
killed is counted, that order comes last from then on, and after three times it is left out until it is saved in Odoo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX, REASON
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.order import OrderCursor
from pipeline.domain.values import dataclass, replace

SOMETHING = "*"
# More orders than that do not end the function: what does is then something else.
KILLED_KEPT_MAX = 50


class OrderCursorTable(Protocol):
    """Where the cursor is stored."""

    def cursor(self, database: str) -> OrderCursor:
        """Return how far orders were read."""

    def move_cursor(self, database: str, cursor: OrderCursor) -> None:
        """Store how far orders were read."""


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
        killed = dict(cursor.killed)
        if cursor.at_work not in ("", SOMETHING):
            killed[cursor.at_work] = killed.get(cursor.at_work, 0) + 1
        kept = dict(list(killed.items())[-KILLED_KEPT_MAX:])
        attempts = cls(table, database, replace(cursor, killed=kept), is_careful=bool(cursor.at_work))
        attempts._store(at_work=SOMETHING)
        return attempts

    def move(self, cursor: OrderCursor) -> None:
        """Store how far orders were read in a walk."""
        self._store(since=cursor.since, walk_began=cursor.walk_began, after_id=cursor.after_id)

    def finish(self, since: str) -> None:
        """Store that a walk is complete, which is the last that a run does."""
        self._store(since=since, walk_began="", after_id=0, at_work="")

    def end(self) -> None:
        """Store that the run has ended by itself, unless that is stored already."""
        if self.cursor.at_work:
            self._store(at_work="")

    def last_of_all(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the orders with those last that may have ended the function."""
        return sorted(rows, key=self._count)

    def shared(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the orders that may be read together: none of them is known to have ended the function."""
        return [] if self.is_careful else [row for row in rows if not self._count(row)]

    def begin_one(self, row: Mapping[str, Any]) -> None:
        """Store that this order is worked on, where that may matter. Raises InvalidDocument for one to leave out."""
        if self._count(row) >= KILLED_ATTEMPTS_MAX:
            raise InvalidDocument(
                f"it {REASON}. Look for very many lines or very long texts, and save it in Odoo once more"
            )
        if self.is_careful or self._count(row):
            self._store(at_work=_name(row))

    def end_one(self, row: Mapping[str, Any]) -> None:
        """Store that the work on it has ended by itself, where its beginning was stored."""
        if self.cursor.at_work == _name(row):
            self._store(at_work=SOMETHING)

    def _count(self, row: Any) -> int:
        return self.cursor.killed.get(_name(row), 0) if isinstance(row, Mapping) else 0

    def _store(self, **changes: Any) -> None:
        cursor = replace(self.cursor, **changes)
        self.table.move_cursor(self.database, cursor)
        self.cursor = cursor


def _name(row: Mapping[str, Any]) -> str:
    # With the instant of its last change: one that was saved once more is tried once more.
    return f"{row.get('id')}@{row.get('write_date')}"
