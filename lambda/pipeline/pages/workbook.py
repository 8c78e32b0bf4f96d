"""The report as an Excel workbook: amounts as numbers, a sheet per class and per kind of sum, each with filters."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from math import ceil
from typing import Any

import xlsxwriter

from pipeline.domain.quoting import cut
from pipeline.domain.tie_out.classes import READING_ORDER, WHAT_TO_DO, DifferenceClass, Finding
from pipeline.domain.tie_out.sums import Sum
from pipeline.domain.tie_out.tie_out import TieOut, reading_order

# Excel takes 31 characters for a sheet's name and 32,767 in a cell.
SHEET_NAME_LENGTH_MAX = 31
CELL_LENGTH_MAX = 32_000
# It takes 255 for a header, of which an ampersand takes two.
HEADER_LENGTH_MAX = 100
# Every sheet is one page wide on A4 and on Letter, at 60 % or more. A character is seven pixels, of which 96 make an
# inch; the narrower of both has ten and a half inches between these margins.
_WIDTHS = {
    "Class": 12, "Currency": 8, "Date": 11, "Documents in Odoo": 11, "Documents in QuickBooks": 11, "Explained": 10,
    "Id in Odoo": 8, "Id in QuickBooks": 11, "In Odoo": 30, "Made by": 50, "Name": 30, "Number": 17,
    "Number in QuickBooks": 15, "PDF": 7, "Paid": 8, "Party": 18, "Reason": 24, "Sentence": 100, "Since": 11,
    "Type": 10, "What": 24, "What Odoo says": 60, "What differs": 24,
}  # fmt: skip
_WIDTH = 14
_FIGURES = frozenset({"Odoo", "QuickBooks", "Difference", "Rounding", "Documents in Odoo", "Documents in QuickBooks",
                      "Entries", "Sum of debits", "Id in Odoo"})  # fmt: skip
ONE_PAGE_SCALE_MIN = 60
MARGIN_INCHES = 0.25
PAPER_INCHES = 10.5
# A line of text is fifteen points high, and a row 409 at most. Words do not fill a line to its end.
_LINE_POINTS, _ROW_POINTS_MAX, _FILLED = 15, 409, 0.85
_DOCUMENT_COLUMNS = (
    *("Class", "Type", "Number", "Party", "Date", "Currency", "Odoo", "QuickBooks", "Difference", "Reason", "Since"),
    *("What differs", "Paid", "PDF", "Number in QuickBooks", "Id in QuickBooks", "Id in Odoo"),
)
_SUM_COLUMNS = (
    *("Name", "In Odoo", "Currency", "Odoo", "QuickBooks", "Rounding", "Difference", "Documents in Odoo"),
    *("Documents in QuickBooks", "Made by"),
)


def workbook(tie_out: TieOut) -> bytes:
    """Return the workbook. Texts stay texts: a party named `=1+1` is no formula."""
    content = io.BytesIO()
    # One row at a time is held in memory; the rest waits in temporary files.
    book = xlsxwriter.Workbook(content, {"constant_memory": True, "strings_to_formulas": False})
    title = f"{tie_out.company}, {tie_out.month.name}"
    book.set_properties({"title": title, "created": tie_out.at})
    writer = _Writer(book, title)
    writer.sheet("Verdict", ("What", "Sentence"), _verdict(tie_out))
    ordered = sorted(tie_out.findings, key=reading_order)
    writer.sheet("Documents", _DOCUMENT_COLUMNS, map(_document, ordered))
    for which in READING_ORDER:
        found = [finding for finding in ordered if finding.difference_class is which]
        if found:
            # Its name is the class.
            of_class = (_document(finding)[1:] for finding in found)
            writer.sheet(_sentence(which.value.partition(",")[0]), _DOCUMENT_COLUMNS[1:], of_class)
    for name, rows in (
        ("Sums by type", tie_out.sums.types),
        ("Sums by account", tie_out.sums.accounts),
        ("Sums by tax", tie_out.sums.taxes),
        ("Receivable by customer", tie_out.sums.receivable),
        ("Payable by vendor", tie_out.sums.payable),
    ):
        writer.sheet(name, _SUM_COLUMNS, map(_sum, rows))
    writer.sheet(
        "Numbers",
        ("Journal", "Number", "What Odoo says", "Explained"),
        ((gap.journal, gap.number, gap.explanation, "yes" if gap.is_explained else "no") for gap in tie_out.gaps),
    )
    writer.sheet(
        "Not carried",
        ("Name", "Entries", "Sum of debits", "Currency"),
        ((kind.kind, kind.count, kind.total, tie_out.home_currency) for kind in tie_out.not_carried),
    )
    book.close()
    return content.getvalue()


class _Writer:
    def __init__(self, book: Any, title: str) -> None:
        self._book = book
        self._title = title
        self._head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        # As accountants do, a figure ends before the edge of its cell.
        self._amount = book.add_format({"num_format": "#,##0.00##_);[Red]-#,##0.00##_)", "valign": "top"})
        self._count = book.add_format({"num_format": "0_)", "valign": "top"})
        self._text = book.add_format({"text_wrap": True, "valign": "top"})
        self._head_of_figures = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top",
                                                 "align": "right"})  # fmt: skip
        self._date = book.add_format({"num_format": "yyyy-mm-dd", "align": "left", "valign": "top"})

    def sheet(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Add a sheet with a head that stays, filters, and the rows."""
        sheet = self._book.add_worksheet(_sheet_name(name))
        sheet.freeze_panes(1, 0)
        self._set_up_paper(sheet)
        widths = [_WIDTHS.get(title, _WIDTH) for title in columns]
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        # Not every program fits a row to its text when it opens a workbook.
        sheet.set_row(0, _height(columns, widths))
        for column, title in enumerate(columns):
            sheet.write_string(0, column, title, self._head_of_figures if title in _FIGURES else self._head)
        last = 0
        for last, row in enumerate(rows, start=1):
            height = _height(row, widths)
            if height > _LINE_POINTS:
                sheet.set_row(last, height)
            for column, value in enumerate(row):
                self._write(sheet, last, column, value)
        sheet.autofilter(0, 0, last, len(columns) - 1)

    def _set_up_paper(self, sheet: Any) -> None:
        sheet.set_landscape()
        sheet.set_margins(left=MARGIN_INCHES, right=MARGIN_INCHES)
        sheet.set_header(f"&L{_clean(self._title)[:HEADER_LENGTH_MAX].replace('&', '&&')}&R&A")
        sheet.set_footer("&RPage &P of &N")
        sheet.repeat_rows(0)
        sheet.fit_to_pages(1, 0)

    def _write(self, sheet: Any, row: int, column: int, value: Any) -> None:
        if isinstance(value, Decimal):
            # A workbook has no other numbers: a double keeps fifteen digits, cents included.
            sheet.write_number(row, column, float(value), self._amount)
        elif isinstance(value, int):
            sheet.write_number(row, column, value, self._count)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, value, self._date)
        elif value:
            sheet.write_string(row, column, _clean(str(value)), self._text)


def _height(row: Sequence[Any], widths: Sequence[int]) -> int:
    """Return how high a row must be for its longest text, in points."""
    lines = max(
        sum(max(1, ceil(len(part) / (width * _FILLED))) for part in value.split("\n"))
        if isinstance(value, str) and len(value) > width * _FILLED
        else 1
        for value, width in zip(row, widths, strict=True)
    )
    return min(_LINE_POINTS * lines, _ROW_POINTS_MAX)


def _sheet_name(name: str) -> str:
    return name.replace("/", " ")[:SHEET_NAME_LENGTH_MAX]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _clean(text: str) -> str:
    """Return a text as a cell takes it: without control characters, which XML does not have, and not too long."""
    kept = "".join(character if character.isprintable() or character in "\n\t" else " " for character in text)
    return cut(kept.encode("utf-8", "replace").decode(), CELL_LENGTH_MAX)


def _verdict(tie_out: TieOut) -> Iterable[Sequence[Any]]:
    yield "Verdict", tie_out.sentence
    yield "Company", tie_out.company
    yield "Month", tie_out.month.name
    yield "Compared on", tie_out.at.strftime("%Y-%m-%d %H:%M UTC")
    if tie_out.closure is not None:
        yield "Closed", tie_out.closure.sentence
        for change in tie_out.closure.changes:
            yield "Since then", change.sentence
    for which, count in tie_out.counts.items():
        is_open = any(finding.what_to_do for finding in tie_out.findings if finding.difference_class is which)
        yield _sentence(which.value), f"{count}. {WHAT_TO_DO[which]}" if is_open and WHAT_TO_DO[which] else str(count)
    for merge, numbers in tie_out.merges.items():
        to_accept = "" if merge.accepted else f" To accept it: {merge.command(tie_out.company)}"
        yield _sentence(DifferenceClass.MERGED.value), f"{merge.sentence} {merge.documents(numbers)}{to_accept}"
    for reason in tie_out.not_known:
        yield "Not known", reason
    for note in tie_out.notes:
        yield "Note", note


def _document(finding: Finding) -> Sequence[Any]:
    return (
        finding.difference_class.value,
        finding.document_type.noun,
        finding.number,
        finding.party.strip(),
        finding.dated_on,
        finding.currency,
        finding.odoo_total,
        finding.booked_total,
        finding.difference,
        _sentence(finding.reason),
        finding.since,
        "; ".join(map(str, finding.differences)),
        ("paid or credited" if finding.is_paid else "open") if finding.qb_id else "",
        finding.pdf,
        finding.doc_number,
        finding.qb_id,
        finding.odoo_id or "",
    )


def _sum(row: Sum) -> Sequence[Any]:
    return (
        row.name,
        row.odoo_name,
        row.currency,
        row.odoo,
        row.quickbooks,
        row.rounding,
        row.difference,
        row.odoo_count if row.odoo_count or row.quickbooks_count else "",
        row.quickbooks_count if row.odoo_count or row.quickbooks_count else "",
        ", ".join(row.documents) if row.difference else "",
    )
