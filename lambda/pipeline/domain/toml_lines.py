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


NAME_SHOWN_MAX = 120
# What tomllib says of a key or a table that is there already.
_TWICE = re.compile(
    r"Cannot (?:overwrite a value|declare .* twice|mutate immutable namespace .*) \(at (line (\d+))", re.DOTALL
)


def there_twice(error: str, text: str) -> str:
    """Return in words that a key or table is there twice, with its line; empty if the error is another."""
    found = _TWICE.match(error)
    if not found:
        return ""
    written = text.splitlines()[int(found[2]) - 1].strip()
    name = written if written.startswith("[") else written.rpartition("=")[0].strip()
    return f"{found[1]}: {name[:NAME_SHOWN_MAX]} is there already, further up: keep one of the two"
