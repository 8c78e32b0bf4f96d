"""The mapping as a file: which companies it has, which object in S3 it is, and everything that is wrong with it.

A file with errors is read as far as it can be, so that whoever checks the names in it can report all errors in one
message. It is never posted with: `rules` raises.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import tomllib
from collections import abc
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Self

from pipeline.domain.errors import Misconfigured
from pipeline.domain.mapping import FILE, Rules
from pipeline.domain.mapping_reader import meant, read_content
from pipeline.domain.toml_lines import line_numbers, there_twice
from pipeline.domain.values import dataclass, replace

ERRORS_SHOWN_MAX = 30
# Some ten thousand lines: every run of both functions reads them.
FILE_LENGTH_MAX = 2**20
# A character takes up to four bytes.
FILE_BYTES_MAX = 4 * FILE_LENGTH_MAX
_NESTED = "it is nested too deeply, or has a number that is none"
# tomllib's messages end with the place.
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)$")
_LINE = re.compile(r"line (\d+)\b")


@dataclass(frozen=True, slots=True)
class CompanyMapping:
    """What could be read of one company's rules, and the errors of the file, for which nothing may be posted."""

    rules: Rules = field(default_factory=Rules)
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MappingFile:
    """The mapping of all companies, by the name of the Odoo company, and which object in S3 it came from.

    `errors` are sentences, each with its line where it has one.
    """

    companies: abc.Mapping[str, Rules] = field(default_factory=dict)
    lines: abc.Mapping[str, int] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    sha256: str = ""
    object_version: str = ""

    @classmethod
    def of_object(cls, content: bytes, object_version: str) -> Self:
        """Return what an object in S3 says, with all errors in it, its hash and its version.

        Of one with more than `FILE_BYTES_MAX` bytes, `content` may be the beginning.
        """
        if len(content) > FILE_BYTES_MAX:
            found = cls(
                errors=(f"it has more than {FILE_BYTES_MAX} bytes; {FILE_LENGTH_MAX} characters are read at most",)
            )
            return replace(found, sha256=hashlib.sha256(content).hexdigest(), object_version=object_version)
        # Windows editors begin a file with a byte order mark.
        own = content.removeprefix(codecs.BOM_UTF8)
        try:
            found = cls.read(own.decode())
        except UnicodeDecodeError as error:
            before = own[: error.start].decode()
            number = before.count("\n") + 1
            found = cls._until(number, before, f"line {number}: it is not UTF-8: save it as UTF-8")
        return replace(found, sha256=hashlib.sha256(content).hexdigest(), object_version=object_version)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what a TOML text says, with all errors in it."""
        if len(text) > FILE_LENGTH_MAX:
            return cls(errors=(f"it has {len(text)} characters; {FILE_LENGTH_MAX} are read at most",))
        try:
            return cls(*read_content(tomllib.loads(text), line_numbers(text)))
        except tomllib.TOMLDecodeError as error:
            message = str(error)
            twice, at = there_twice(message, text), _AT_LINE.search(message)
            if at is None:
                return cls(errors=(f"it is not TOML: {message}; what else is wrong is not known yet",))
            number = int(at[1])
            return cls._until(number, text, twice or f"line {number}: it is not TOML: {message}")
        except (RecursionError, ValueError):
            return cls(errors=(_NESTED,))

    @classmethod
    def _until(cls, number: int, text: str, what: str) -> Self:
        """Return what the lines before one say, at which the reading ends: tomllib goes on after no error."""
        before = "\n".join(text.splitlines()[: number - 1])
        what = f"{what}; errors after line {number} are not known yet"
        try:
            companies, lines, errors = read_content(tomllib.loads(before), line_numbers(before))
        except (RecursionError, ValueError):
            return cls(errors=(f"{what}, nor those before it",))
        return cls(companies, lines, (*errors, what))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the mapping in a TOML text. Raises Misconfigured with all errors and their lines."""
        found = cls.read(text)
        found.check()
        return found

    def check(self) -> None:
        """Raise Misconfigured with all errors, if there are any."""
        if self.errors:
            raise broken(self.errors)

    def rules(self, company: str) -> Rules:
        """Return the rules of a company, or the defaults if it is not in the mapping. Raises as `check` does."""
        self.check()
        return self.readable(company)

    def readable(self, company: str) -> Rules:
        """Return what could be read of a company's rules: to look for further errors, and for nothing else."""
        return self.companies.get(company, Rules())

    def unknown_companies(self, known: Iterable[str], where: str) -> list[str]:
        """Return an error for each unknown company. `where` says where it is unknown, such as "in Odoo".

        Without this check a mistyped name would silently leave a company without its go-live date.
        """
        names = sorted(known)
        return [
            f"line {self.lines[name]}: there is no company '{name}' {where}{meant(name, names)}"
            for name in self.companies
            if name not in names
        ]


def broken(errors: Iterable[str]) -> Misconfigured:
    """Return one error that lists everything that is wrong with the mapping, in the order of the lines.

    It names the list by a hash over all of it: more errors than are shown make another error, too.
    """
    found = in_order(errors)
    return Misconfigured(
        f"The mapping ({FILE}) cannot be used, so nothing is posted with it. Correct the file, then run terraform "
        "apply:\n" + shown(found),
        code="mapping",
        identity=identity_of(found),
    )


def in_order(errors: Iterable[str]) -> list[str]:
    """Return each error once and as one line, in the order of the lines they are on."""
    return sorted(dict.fromkeys(" ".join(error.split()) for error in errors), key=_line_of)


def shown(errors: Sequence[str]) -> str:
    """Return errors as a message shows them: some, and how many more there are."""
    more = len(errors) - ERRORS_SHOWN_MAX
    return "\n".join([*errors[:ERRORS_SHOWN_MAX], *([f"... and {more} more"] if more > 0 else [])])


def identity_of(errors: Iterable[str]) -> str:
    """Return what tells one list of errors from another."""
    return hashlib.sha256("\n".join(errors).encode("utf-8", "surrogatepass")).hexdigest()


def _line_of(error: str) -> int:
    found = _LINE.match(error)
    return int(found[1]) if found else 0
