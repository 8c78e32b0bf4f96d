"""The report for a controller: totals side by side, what needs attention, and every document with its PDF."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from local.demo.refusals import Consequence, Refusal
from operate.commands.check import SHOWN_MAX, Checked, in_the_way, notes, verdict_of
from operate.onboarding import Need

PDF_EMBEDDED_BYTES_MAX = 2 * 1024 * 1024
PDFS_EMBEDDED_BYTES_MAX = 40 * 1024 * 1024
DOCUMENTS_SHOWN_MAX = 5_000

_VARIABLE = re.compile(r"-?\d[\d,]*(\.\d+)? [A-Z]{3}\b|\b\d{4}-\d\d-\d\d\b")
# More reasons are on the screen and not on paper, which has at most eight pages for five hundred documents.
REASONS_PRINTED_MAX = 8

STATUS_WORDS = {
    "posted": "posted",
    "failed": "needs a person",
    "pending": "waits",
    "posting": "waits",
    "skipped": "not for QuickBooks",
    "voided": "taken back",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One document in the report: the entry, what the books hold of it, and its PDF."""

    entry: dict[str, Any]
    booked: Decimal | None
    pdf: bytes | None

    @property
    def status(self) -> str:
        """Its status in the tracking table."""
        return str(self.entry["status"])

    @property
    def total(self) -> Decimal:
        """Its total in Odoo."""
        return Decimal(self.entry["total"])

    @property
    def difference(self) -> Decimal:
        """Odoo's total less the books' total, or zero if it does not belong in the books."""
        return self.expected - (self.booked or Decimal(0))

    @property
    def expected(self) -> Decimal:
        """The total that should be in the books."""
        return Decimal(0) if self.status in ("skipped", "voided") else self.total

    @property
    def reason(self) -> str:
        """Why it needs a person, without its own name in front, which the report shows already."""
        text = str(self.entry.get("error_message", ""))
        _, separator, rest = text.partition(f"{self.entry['currency']}): ")
        return _sentence(rest if separator else text)

    @property
    def type_words(self) -> str:
        """Its type in words."""
        return str(self.entry["document_type"]).replace("_", " ")


@dataclass(frozen=True, slots=True)
class Total:
    """One row of the totals: a company, a type and a currency."""

    company: str
    type_words: str
    currency: str
    documents: int
    odoo: Decimal
    books: Decimal
    waiting: int

    @property
    def difference(self) -> Decimal:
        """Odoo's total less the books' total."""
        return self.odoo - self.books


@dataclass(frozen=True, slots=True)
class Cause:
    """Why documents of a company need a person: one reason, in the words for the first of the documents it holds up."""

    company: str
    reason: str
    sheets: list[Sheet]

    @property
    def money(self) -> str:
        """Their totals by currency, in words."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for sheet in self.sheets:
            sums[str(sheet.entry["currency"])] += sheet.total
        return ", ".join(f"{_amount(total)} {currency}" for currency, total in sorted(sums.items()))


def causes(sheets: Sequence[Sheet], statuses: Sequence[str] = ("failed",)) -> list[Cause]:
    """Return why documents of these statuses are not posted, most documents first.

    Reasons that differ in amounts and dates alone are one.
    """
    groups: dict[tuple[str, str], list[Sheet]] = defaultdict(list)
    for sheet in sorted(sheets, key=_reading_order):
        if sheet.status in statuses:
            groups[str(sheet.entry["company"]), _VARIABLE.sub("", sheet.reason)].append(sheet)
    found = [
        Cause(company, group[0].reason or "It was cancelled in Odoo.", group) for (company, _), group in groups.items()
    ]
    return sorted(found, key=lambda cause: -len(cause.sheets))


def totals(sheets: Sequence[Sheet]) -> list[Total]:
    """Return the totals by company, type and currency, of what belongs into the books."""
    groups: dict[tuple[str, str, str], list[Sheet]] = defaultdict(list)
    for sheet in sheets:
        if sheet.status not in ("skipped", "voided") or sheet.booked:
            key = (str(sheet.entry["company"]), sheet.type_words, str(sheet.entry["currency"]))
            groups[key].append(sheet)
    return [
        Total(
            company,
            type_words,
            currency,
            len(group),
            sum((sheet.expected for sheet in group), Decimal(0)),
            sum((sheet.booked or Decimal(0) for sheet in group), Decimal(0)),
            sum(sheet.status != "posted" for sheet in group),
        )
        for (company, type_words, currency), group in sorted(groups.items())
    ]


def text_table(rows: Sequence[Total]) -> str:
    """Return the totals as a table for a terminal."""
    head = ("company", "type", "currency", "documents", "Odoo", "QuickBooks", "difference", "unposted")
    lines = [
        (
            row.company, row.type_words, row.currency, str(row.documents), _amount(row.odoo), _amount(row.books),
            _amount(row.difference), str(row.waiting),
        )
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]

    def laid_out(line: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([laid_out(head), "  ".join("-" * width for width in widths), *map(laid_out, lines)])


def summary(sheets: Sequence[Sheet]) -> str:
    """Return the last line: `N of M documents posted, K need attention`."""
    belonging = [sheet for sheet in sheets if sheet.status not in ("skipped", "voided")]
    posted = sum(sheet.status == "posted" for sheet in belonging)
    failed = sum(sheet.status == "failed" for sheet in belonging)
    return f"{posted} of {len(belonging)} documents posted, {failed} need attention"


def write(
    path: Path,
    sheets: Sequence[Sheet],
    *,
    alerts: Sequence[dict[str, str]],
    source: str,
    at: datetime,
    refusals: Sequence[Refusal] = (),
    checks: Sequence[Checked] = (),
    books: str = "",
) -> None:
    """Write one HTML file that needs nothing beside it.

    `checks` are what `check` found for each company, with which the report begins; `books` says what QuickBooks is.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(default=True), trim_blocks=True
    )
    environment.filters["amount"] = _amount
    environment.filters["sentence"] = _sentence
    environment.filters["problem"] = _problem
    page = environment.get_template("report.html.j2").render(
        summary=summary(sheets),
        totals=totals(sheets),
        sheets=sorted(sheets, key=_reading_order)[:DOCUMENTS_SHOWN_MAX],
        causes=causes(sheets),
        unposted=causes(sheets, ("skipped", "voided")),
        printed_max=REASONS_PRINTED_MAX,
        checks=[CheckShown.of(found) for found in checks],
        books=books,
        counts={status: sum(sheet.status == status for sheet in sheets) for status in STATUS_WORDS},
        words=STATUS_WORDS,
        pdfs=_embedded(sheets),
        alerts=alerts,
        refusals=refusals,
        consequences=_by_consequence(refusals),
        source=source,
        at=at,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page.replace("POLICY", _policy(page), 1), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class CheckShown:
    """What `check` found for one company, as the report shows it: `left_out` of its problems are not in `needs`."""

    company: str
    currency: str
    verdict: str
    is_clear: bool
    in_the_way: list[str]
    notes: list[str]
    needs: list[Need]
    left_out: int

    @classmethod
    def of(cls, found: Checked) -> CheckShown:
        """Return it for a company."""
        verdict = found.verdict
        return cls(
            found.company.name,
            found.company.currency,
            verdict_of(found),
            is_clear=not verdict.problems and not found.wrong,
            in_the_way=[*found.wrong, *found.without_effect, *in_the_way(found.books, verdict)],
            notes=notes(found),
            needs=verdict.problems[:SHOWN_MAX],
            left_out=max(0, len(verdict.problems) - SHOWN_MAX),
        )


def _policy(page: str) -> str:
    """Return a Content-Security-Policy for a page: its own script and style, PDFs out of the page, and nothing else.

    Names and messages come from other systems. They are escaped; if one ever were not, the browser would not run it.
    """

    def source(tag: str) -> str:
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    # The browser's own PDF viewer is an object in the frame.
    return (
        f"default-src 'none'; script-src {source('script')}; style-src {source('style')}; frame-src blob:; "
        "object-src blob:; base-uri 'none'; form-action 'none'"
    )


def _by_consequence(refusals: Sequence[Refusal]) -> list[tuple[Consequence, list[Refusal]]]:
    groups = ((kind, [refusal for refusal in refusals if refusal.consequence is kind]) for kind in Consequence)
    return [(consequence, group) for consequence, group in groups if group]


def _reading_order(sheet: Sheet) -> tuple[Any, ...]:
    entry = sheet.entry
    return (list(STATUS_WORDS).index(sheet.status), str(entry["company"]), str(entry["document_date"]),
            str(entry["number"]))  # fmt: skip


def _embedded(sheets: Sequence[Sheet]) -> dict[str, str]:
    """Return the PDFs as base64 by entry, as far as they fit into a page that still opens quickly."""
    found, size = {}, 0
    for sheet in sheets:
        if sheet.pdf and len(sheet.pdf) <= PDF_EMBEDDED_BYTES_MAX and size + len(sheet.pdf) <= PDFS_EMBEDDED_BYTES_MAX:
            size += len(sheet.pdf)
            found[str(sheet.entry["entry_id"])] = base64.b64encode(sheet.pdf).decode()
    return found


def _amount(value: Decimal | None) -> str:
    return "" if value is None else f"{value:,.2f}"


def _problem(need: Need) -> str:
    """Return what is wrong with a need, without its own name in front, which the report shows already."""
    return _sentence(need.problem.removeprefix(f"{need.kind} {need.name} "))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
