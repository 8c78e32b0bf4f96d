"""What a command writes: results to standard output as tables or JSON, progress to standard error."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

type Cell = str | Text


class Output:
    """Writes a command's results. With `as_json` standard output holds one JSON document and nothing else.

    Rich decides by itself: colours only on a terminal and unless NO_COLOR is set, 80 columns in a pipe.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        for stream in (sys.stdout, sys.stderr):
            # A name that the terminal's encoding lacks is worth a question mark, not a crash.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._notes = Console(highlight=False, markup=False, emoji=False, stderr=True)

    def say(self, text: str, *, style: str = "") -> None:
        """Write a sentence for a person; nothing in JSON."""
        if not self.as_json:
            self._console.print(harmless(text), style=style or None)

    def note(self, text: str) -> None:
        """Write a sentence about the progress to standard error."""
        self._notes.print(harmless(text), style="dim")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[str] = ()) -> None:
        """Write a table; nothing in JSON. `right` are the columns of figures."""
        if self.as_json:
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
        for place, column in enumerate(columns):
            is_figure = column in right
            # The head of a figure may wrap where the terminal is narrow, and the figure never does.
            width = max((len(str(row[place])) for row in rows), default=0) if is_figure else None
            table.add_column(column, justify="right" if is_figure else "left", overflow="fold", min_width=width)
        for row in rows:
            table.add_row(*map(_cell, row))
        self._console.print(table)

    def result(self, value: Any) -> None:
        """Write the result as JSON; nothing without `--json`."""
        if self.as_json:
            print(as_json(value, indent=2))

    @contextmanager
    def progress(self, text: str) -> Iterator[None]:
        """Show on standard error that something is going on: a spinner on a terminal, a line in a pipe."""
        if self._notes.is_terminal:
            with self._notes.status(harmless(text)):
                yield
        else:
            self.note(f"{text} ...")
            yield


def harmless(text: str) -> str:
    """Return a text without what a terminal would obey or hide: each control character but a line break is a space.

    A name may come from anybody. An escape sequence in it would set the window's title, move what is written over what
    stands there, or put a text on the clipboard; and so does rich let it through.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character == "\n" or not _acts(character)
        else " "
        if unicodedata.category(character) == "Cc"
        else ""
        for character in text
    )


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON that says the same, with everything escaped that a terminal would obey or hide."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_plain)
    if text.isprintable():
        return text
    # What is below the space is escaped already, other than the line breaks of the indentation.
    return "".join(
        json.dumps(character)[1:-1] if character != "\n" and _acts(character) else character for character in text
    )


def _acts(character: str) -> bool:
    """Whether a character is none that is shown: a control character, or a mark that turns or hides a text."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return harmless(cell)
    if not cell.plain.isprintable():
        cell.plain = harmless(cell.plain)
    return cell


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago an instant was, in words of one unit: `3 min ago`."""
    return f"{span(now - moment)} ago" if moment else "never"


def span(time: timedelta) -> str:
    """Return a length of time in its largest unit: `40 s`, `3 min`, `5 h`, `12 days`."""
    seconds = max(0, int(time.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 2 * 86_400 else f"{seconds // 86_400} days"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 document`, `2,000 documents`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
