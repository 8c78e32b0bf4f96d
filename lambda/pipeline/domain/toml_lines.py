"""The line of each table and key in a TOML text, which `tomllib` does not report."""

from __future__ import annotations

import re
import tomllib

_KEY = re.compile(r"""\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_.-]|\s*\.\s*)+?)\s*=""")


def line_numbers(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of each table and key of a valid TOML text."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    quotes = ""  # the closing quotes of a text over several lines
    for number, line in enumerate(text.splitlines(), 1):
        if quotes:
            quotes = "" if quotes in line else quotes
            continue
        quotes = next((quote for quote in ('"""', "'''") if line.count(quote) == 1), "")
        if line.lstrip().startswith("["):
            table = _path(line)
            path = table
        else:
            key = _KEY.match(line)
            path = (*table, *_path(f"{key[1]} = 0")) if key else ()
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], number)
    return found


def _path(line: str) -> tuple[str, ...]:
    try:
        value = tomllib.loads(line)
    except (tomllib.TOMLDecodeError, RecursionError):
        return ()
    path: tuple[str, ...] = ()
    while isinstance(value, dict) and value:
        ((key, value),) = value.items()
        path = (*path, key)
    return path
