"""The mapping of each company: Odoo's names, QuickBooks' names for the same things, and how documents are posted.

It is data (`config/mapping.toml`), exact, and validated as a whole before anything is posted with it. Syntax, keys,
types and companies are checked here; the names it points to are checked when the books open. Without a mapping, or for
a company that is not in it, conventions apply.
"""

from __future__ import annotations

import difflib
import tomllib
from collections import abc
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from pipeline.domain.errors import Misconfigured
from pipeline.domain.toml_lines import line_numbers, there_twice

FILE = "config/mapping.toml"
# Joins the names of Odoo's taxes on one line.
AND = " + "
# Joins the names of analytic accounts of several plans.
BETWEEN_PLANS = " / "
ERRORS_SHOWN_MAX = 30
# Some ten thousand lines: every run of both functions reads them.
FILE_LENGTH_MAX = 2**20


class Parties(StrEnum):
    """What to do with a customer or vendor that QuickBooks does not have."""

    CREATE = "create"
    FAIL = "fail"


class ClosedPeriod(StrEnum):
    """What to do with a document dated in a period that is closed in QuickBooks."""

    HOLD = "hold"
    FIRST_OPEN_DAY = "first_open_day"


class TypedByHand(StrEnum):
    """What to do with a document that somebody has already typed into QuickBooks."""

    REPORT = "report"
    ADOPT = "adopt"


class ReplacedPdf(StrEnum):
    """What to do with the PDF of an earlier version."""

    REMOVE = "remove"
    KEEP = "keep"


class Items(StrEnum):
    """What a sales line names in QuickBooks: an item per income account, or one per product."""

    ACCOUNT = "account"
    PRODUCT = "product"


class SalesTax(StrEnum):
    """How a US company's sales tax is sent: as the document's tax, or each tax as a line on its account."""

    OVERRIDE = "override"
    LINE = "line"


class Receipts(StrEnum):
    """What to do with a sales or purchase receipt: carry it as an invoice or bill, or skip it."""

    CARRY = "carry"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the mapping: from Odoo's `source` to `name` in QuickBooks, on `line` of the file."""

    source: str
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class JournalRule:
    """The class and the department of everything booked in a journal. Either may be absent."""

    book_class: Target | None = None
    department: Target | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How one company's documents are posted. The defaults here apply without a mapping."""

    realm: Target | None = None
    go_live: date | None = None
    parties: Parties = Parties.CREATE
    closed_period: ClosedPeriod = ClosedPeriod.HOLD
    typed_by_hand: TypedByHand = TypedByHand.REPORT
    replaced_pdf: ReplacedPdf = ReplacedPdf.REMOVE
    items: Items = Items.ACCOUNT
    sales_tax: Target | None = None
    receipts: Receipts = Receipts.CARRY
    accounts: abc.Mapping[str, Target] = field(default_factory=dict)
    taxes: abc.Mapping[str, Target] = field(default_factory=dict)
    terms: abc.Mapping[str, Target] = field(default_factory=dict)
    journals: abc.Mapping[str, JournalRule] = field(default_factory=dict)
    analytics: abc.Mapping[str, Target] = field(default_factory=dict)
    products: abc.Mapping[str, Target] = field(default_factory=dict)

    def account(self, code: str, name: str) -> Target | None:
        """Return the target of an Odoo account: by its code, otherwise by its name."""
        return _first(self.accounts, code, name)

    def tax(self, names: Iterable[str]) -> Target | None:
        """Return the tax code of the taxes of one line, in any order."""
        wanted = _combination(AND.join(names))
        return next((target for source, target in self.taxes.items() if _combination(source) == wanted), None)

    def term(self, name: str) -> Target | None:
        """Return the target of Odoo payment terms."""
        return self.terms.get(name)

    def journal(self, name: str) -> JournalRule:
        """Return the class and department of a journal. A journal without a rule has neither."""
        return self.journals.get(name, JournalRule())

    def product(self, code: str, name: str) -> Target | None:
        """Return the item of a product: by its code, otherwise by its name."""
        return _first(self.products, code, name)

    @property
    def has_tax_in_lines(self) -> bool:
        """Whether a US company wants its sales tax sent as lines, because QuickBooks computes a different one."""
        return self.sales_tax is not None and self.sales_tax.name == SalesTax.LINE

    @property
    def classes(self) -> list[Target]:
        """Every class it points to."""
        of_journals = [rule.book_class for rule in self.journals.values() if rule.book_class]
        return [*of_journals, *self.analytics.values()]

    @property
    def departments(self) -> list[Target]:
        """Every department it points to."""
        return [rule.department for rule in self.journals.values() if rule.department]


@dataclass(frozen=True, slots=True)
class MappingFile:
    """The mapping of all companies, by the name of the Odoo company, and which object in S3 it came from."""

    companies: abc.Mapping[str, Rules] = field(default_factory=dict)
    lines: abc.Mapping[str, int] = field(default_factory=dict)
    sha256: str = ""
    object_version: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the mapping in a TOML text. Raises Misconfigured with all errors and their lines."""
        if len(text) > FILE_LENGTH_MAX:
            raise broken([f"it has {len(text)} characters; {FILE_LENGTH_MAX} are read at most"])
        try:
            content = tomllib.loads(text)
            return cls(*_Reader(line_numbers(text)).read(content))
        except tomllib.TOMLDecodeError as error:
            # The parser's message ends with line and column.
            raise broken([there_twice(str(error), text) or f"it is not TOML: {error}"]) from error
        except (RecursionError, ValueError) as error:
            raise broken(["it is nested too deeply, or has a number that is none"]) from error

    def rules(self, company: str) -> Rules:
        """Return the rules of a company, or the defaults if it is not in the mapping."""
        return self.companies.get(company, Rules())

    def check_companies(self, known: Iterable[str], where: str) -> None:
        """Raise Misconfigured, naming every unknown company. `where` says where it is unknown, such as "in Odoo".

        Without this check a mistyped name would silently leave a company without its go-live date.
        """
        names = sorted(known)
        errors = [
            f"line {self.lines[name]}: there is no company '{name}' {where}{_meant(name, names)}"
            for name in self.companies
            if name not in names
        ]
        if errors:
            raise broken(errors)


def broken(errors: list[str]) -> Misconfigured:
    """Return one error that lists everything that is wrong with the mapping."""
    shown = [*errors[:ERRORS_SHOWN_MAX], *([f"... and {len(errors) - ERRORS_SHOWN_MAX} more"]
             if len(errors) > ERRORS_SHOWN_MAX else [])]  # fmt: skip
    return Misconfigured(
        f"The mapping ({FILE}) cannot be used, so nothing is posted with it. Correct the file, then run terraform "
        "apply:\n" + "\n".join(" ".join(error.split()) for error in shown),
        code="mapping",
    )


class _Reader:
    """Reads the parsed TOML and collects every error on the way."""

    def __init__(self, lines: dict[tuple[str, ...], int]) -> None:
        self._lines = lines
        self._errors: list[str] = []

    def read(self, content: dict[str, Any]) -> tuple[dict[str, Rules], dict[str, int]]:
        companies = {}
        for name, value in content.items():
            if isinstance(value, dict):
                companies[name] = self._rules(name, value)
            else:
                self._error((name,), f"'{name}' is outside of a company: put it under [\"name of the company\"]")
        if self._errors:
            raise broken(self._errors)
        return companies, {name: self._line((name,)) for name in companies}

    def _rules(self, company: str, content: dict[str, Any]) -> Rules:
        values: dict[str, Any] = {}
        for key, value in content.items():
            path = (company, key)
            read = _KEYS.get(key)
            if read is None:
                self._error(path, f"'{key}' is not known{_meant(key, _KEYS)}")
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
        self._error(path, f"'{path[-1]}' must be {words}{_meant(str(value), known)}")
        return None

    def sales_tax(self, path: tuple[str, ...], value: Any) -> Target | None:
        chosen = self.choice(SalesTax, path, value)
        return Target(path[-1], chosen, self._line(path)) if chosen else None

    def names(self, path: tuple[str, ...], value: Any) -> dict[str, Target] | None:
        if not self._is_table(path, value):
            return None
        found = {source: self.target((*path, source), name) for source, name in value.items()}
        return {source: target for source, target in found.items() if target}

    def taxes(self, path: tuple[str, ...], value: Any) -> dict[str, Target] | None:
        found = self.names(path, value)
        seen: dict[tuple[str, ...], str] = {}
        for source in found or {}:
            other = seen.setdefault(_combination(source), source)
            if other != source:
                self._error((*path, source), f"'{source}' names the same taxes as '{other}'")
        return found

    def journals(self, path: tuple[str, ...], value: Any) -> dict[str, JournalRule] | None:
        if not self._is_table(path, value):
            return None
        found = {}
        for journal, rule in value.items():
            own = (*path, journal)
            if not self._is_table(own, rule):
                continue
            for key in rule:
                if key not in ("class", "department"):
                    self._error((*own, key), f"'{key}' is not known{_meant(key, ('class', 'department'))}")
            parts = {key: self.target((*own, key), rule[key], journal) for key in ("class", "department")
                     if key in rule}  # fmt: skip
            found[journal] = JournalRule(parts.get("class"), parts.get("department"))
        return found

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


def _combination(names: str) -> tuple[str, ...]:
    return tuple(sorted(part.strip() for part in names.split(AND)))


def _first(table: abc.Mapping[str, Target], *keys: str) -> Target | None:
    return next((table[key] for key in keys if key and key in table), None)


def _meant(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
