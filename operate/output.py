"""What a command writes: results to standard output as tables or JSON, progress to standard error."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

type Cell = str | Text

# Below that, words of a table are broken into pieces.
TEXT_WIDTH_MIN = 8
# What is between backquotes is copied as a whole, and so is an address or a path.
_WORD = re.compile(r"(\s*)([^\s`]*`[^`\n]+`\S*|\S+)")


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
            self._console.print(wrapped(harmless(text), self._console.width), style=style or None, soft_wrap=True)

    def note(self, text: str) -> None:
        """Write a sentence about the progress to standard error."""
        self._notes.print(wrapped(harmless(text), self._notes.width), style="dim", soft_wrap=True)

    def error(self, text: str) -> None:
        """Write why the command ends: JSON to standard output where JSON was asked for, else to standard error.

        In a pipe it is one line, which can be searched.
        """
        if self.as_json:
            print(as_json({"error": text}))
        else:
            width = self._notes.width if self._notes.is_terminal else sys.maxsize
            self._notes.print(wrapped(harmless(text), width), soft_wrap=True)

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[str] = (),
        whole: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Write a table; nothing in JSON. `right` are the columns of figures, `whole` those whose cells are copied."""
        if self.as_json:
            return
        cells = [_widest(row[place] for row in rows) for place in range(len(columns))]
        gaps = (len(columns) - 1) * len("  ")
        is_tight = gaps + sum(map(max, cells, map(cell_len, columns))) > self._console.width
        # A head may wrap where the terminal is narrow, and neither a figure nor what is copied does.
        fixed = {
            place: max(cells[place], _widest(column.split()))
            for place, column in enumerate(columns)
            if is_tight and (column in right or column in whole)
        }
        if is_tight and gaps + sum(fixed.get(place, TEXT_WIDTH_MIN) for place in range(len(columns))) > (
            self._console.width
        ):
            self._blocks(columns, rows)
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 1, 0, 0))
        for place, column in enumerate(columns):
            table.add_column(
                column, justify="right" if column in right else "left", overflow="fold", width=fixed.get(place)
            )
        for row in rows:
            table.add_row(*map(_cell, row))
        self._console.print(table)

    def _blocks(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Write each row as lines of its own: the terminal is too narrow for what may not be broken."""
        for row in rows:
            for column, cell in zip(columns, row, strict=True):
                self.say(f"{column}: {', '.join(str(cell).splitlines())}" if column else str(cell))
            self.say("")

    def result(self, value: Any) -> None:
        """Write the result as JSON; nothing without `--json`."""
        if self.as_json:
            # Where the encoding lacks a letter, JSON has a way to write it, and a question mark would be data.
            is_utf8 = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
            print(as_json(value, indent=2, is_ascii=not is_utf8))

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

    A name may come from anywhere. An escape sequence in it can set the window's title, write over earlier output, or
    put a text on the clipboard, and rich lets it through.
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


def as_json(value: Any, *, indent: int | None = None, is_ascii: bool = False) -> str:
    """Return a value as JSON that says the same, with everything escaped that a terminal would obey or hide."""
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii, default=_plain)
    if text.isprintable():
        return text
    # What is below the space is escaped already, other than the line breaks of the indentation.
    return "".join(
        json.dumps(character)[1:-1] if character != "\n" and _acts(character) else character for character in text
    )


def _acts(character: str) -> bool:
    """Whether a character is not shown: a control character, or a mark that reverses or hides a text."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return harmless(cell)
    if not cell.plain.isprintable():
        cell.plain = harmless(cell.plain)
    return cell


def _widest(cells: Iterable[Cell]) -> int:
    return max((cell_len(line) for cell in cells for line in str(cell).splitlines()), default=0)


def wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most `width` columns, broken between words; further lines keep the indent.

    What is between backquotes, an address and a path are words: one that is longer than a line is left whole, on a line
    of its own, because it is copied.
    """
    return "\n".join(line for paragraph in text.split("\n") for line in _lines(paragraph, width))


def _lines(paragraph: str, width: int) -> Iterator[str]:
    indent = paragraph[: len(paragraph) - len(paragraph.lstrip())]
    line = ""
    for space, word in _WORD.findall(paragraph):
        if line.strip() and cell_len(f"{line}{space}{word}") > width:
            yield line
            line = f"{indent}{word}"
        else:
            line += f"{space}{word}"
    yield line


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


def need(number: int) -> str:
    """Return the verb of a number of documents that need something: `1 needs`, `2 need`."""
    return f"{number:,} need{'s' if number == 1 else ''}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 document`, `2,000 documents`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
