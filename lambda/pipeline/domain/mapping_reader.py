"""Reads the keys and values of a mapping out of parsed TOML, and every error in them with its line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pipeline.domain.mapping import (
    NO_TAX,
    ClosedPeriod,
    Items,
    JournalRule,
    Parties,
    Receipts,
    ReplacedPdf,
    Rules,
    SalesTax,
    Target,
    TypedByHand,
    combination,
    sides_without_tax,
    spelled,
)


def read_content(
    content: dict[str, Any], lines: dict[tuple[str, ...], int]
) -> tuple[dict[str, Rules], dict[str, int], tuple[str, ...]]:
    """Return the rules by company, the line of each company, and every error with its line.

    What has an error is left out of the rules. `lines` are those of each table and key.
    """
    return _Reader(lines).read(content)


def meant(word: str, known: Iterable[str]) -> str:
    """Return a question for the nearest known word, or an empty text."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


class _Reader:
    """Reads the parsed TOML and collects every error on the way."""

    def __init__(self, lines: dict[tuple[str, ...], int]) -> None:
        self._lines = lines
        self._errors: list[str] = []

    def read(self, content: dict[str, Any]) -> tuple[dict[str, Rules], dict[str, int], tuple[str, ...]]:
        companies = {}
        for name, value in content.items():
            if isinstance(value, dict):
                companies[name] = self._rules(name, value)
            else:
                self._error((name,), f"'{name}' is outside of a company: put it under [\"name of the company\"]")
        return companies, {name: self._line((name,)) for name in companies}, tuple(self._errors)

    def _rules(self, company: str, content: dict[str, Any]) -> Rules:
        values: dict[str, Any] = {}
        for key, value in content.items():
            path = (company, key)
            read = _KEYS.get(key)
            if read is None:
                self._error(path, f"'{key}' is not known{meant(key, _KEYS)}")
            else:
                values[key] = read(self, path, value)
        return Rules(**{key: value for key, value in values.items() if value is not None})

    def text(self, path: tuple[str, ...], value: Any) -> str | None:
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, dict):
            hint = ": a name with a dot in it needs quotes"
        else:
            hint = "" if isinstance(value, str) else f': write {path[-1]} = "{value}"'
        self._error(path, f"'{path[-1]}' must be a text in quotes{hint}")
        return None

    def day(self, path: tuple[str, ...], value: Any) -> date | None:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        self._error(path, f"'{path[-1]}' must be a date without quotes, like {path[-1]} = 2026-01-01")
        return None

    def choice(self, kind: type[StrEnum], path: tuple[str, ...], value: Any) -> StrEnum | None:
        known = [str(member) for member in kind]
        if value in known:
            return kind(value)
        words = " or ".join(f'"{word}"' for word in known)
        self._error(path, f"'{path[-1]}' must be {words}{meant(str(value), known)}")
        return None

    def sales_tax(self, path: tuple[str, ...], value: Any) -> Target | None:
        chosen = self.choice(SalesTax, path, value)
        return Target(path[-1], chosen, self._line(path)) if chosen else None

    def names(self, path: tuple[str, ...], value: Any) -> dict[str, Target] | None:
        if not self._is_table(path, value):
            return None
        found = {source: self.target((*path, source), name) for source, name in value.items()}
        return self._by_name(path, {source: target for source, target in found.items() if target})

    def taxes(self, path: tuple[str, ...], value: Any) -> dict[str, Target] | None:
        found = self.names(path, value)
        seen: dict[tuple[str, ...], str] = {}
        for source in found or {}:
            parts = combination(source)
            if len(parts) > 1 and any(map(sides_without_tax, parts)):
                self._error((*path, source), f"'{source}' joins taxes with '{NO_TAX}', which stands alone")
            other = seen.setdefault(parts, source)
            if other != source:
                self._error((*path, source), f"'{source}' names the same taxes as '{other}'")
        return found

    def journals(self, path: tuple[str, ...], value: Any) -> dict[str, JournalRule] | None:
        if not self._is_table(path, value):
            return None
        found: dict[str, JournalRule] = {}
        for journal, rule in value.items():
            own = (*path, journal)
            if not self._is_table(own, rule):
                continue
            for key in rule:
                if key not in ("class", "department"):
                    self._error((*own, key), f"'{key}' is not known{meant(key, ('class', 'department'))}")
            parts = {key: self.target((*own, key), rule[key], journal) for key in ("class", "department")
                     if key in rule}  # fmt: skip
            found[journal] = JournalRule(parts.get("class"), parts.get("department"))
        return self._by_name(path, found)

    def _by_name[T](self, path: tuple[str, ...], found: dict[str, T]) -> dict[str, T]:
        """Return rows by the name they are about. Two that differ in spaces only are about one."""
        rows: dict[str, T] = {}
        for source, row in found.items():
            name = spelled(source)
            if not name:
                self._error((*path, source), "a name of Odoo is missing before the =")
            elif name in rows:
                self._error((*path, source), f"'{source}' is there twice, with other spaces or accents")
            else:
                rows[name] = row
        return rows

    def target(self, path: tuple[str, ...], value: Any, source: str = "") -> Target | None:
        name = self.text(path, value)
        return Target(source or path[-1], name, self._line(path)) if name else None

    def _is_table(self, path: tuple[str, ...], value: Any) -> bool:
        if isinstance(value, dict):
            return True
        example = '{ class = "…" }' if path[1:2] == ("journals",) and len(path) > 2 else f"[{path[0]}.{path[-1]}]"
        self._error(path, f"'{path[-1]}' must be a table: {example}")
        return False

    def _error(self, path: tuple[str, ...], text: str) -> None:
        self._errors.append(f"line {self._line(path)}: {text}")

    def _line(self, path: tuple[str, ...]) -> int:
        while path and path not in self._lines:
            path = path[:-1]  # a key inside braces is on the line of the braces
        return self._lines.get(path, 0)


def _choice(kind: type[StrEnum]) -> Callable[[_Reader, tuple[str, ...], Any], Any]:
    return lambda reader, path, value: reader.choice(kind, path, value)


_KEYS: dict[str, Callable[[_Reader, tuple[str, ...], Any], Any]] = {
    "realm": _Reader.target,
    "go_live": _Reader.day,
    "parties": _choice(Parties),
    "closed_period": _choice(ClosedPeriod),
    "typed_by_hand": _choice(TypedByHand),
    "replaced_pdf": _choice(ReplacedPdf),
    "items": _choice(Items),
    "sales_tax": _Reader.sales_tax,
    "receipts": _choice(Receipts),
    "accounts": _Reader.names,
    "taxes": _Reader.taxes,
    "terms": _Reader.names,
    "journals": _Reader.journals,
    "analytics": _Reader.names,
    "products": _Reader.names,
}
