"""The report as an Excel workbook: amounts as numbers, a sheet per class and per kind of sum, each with filters."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import xlsxwriter

from pipeline.domain.tie_out.classes import READING_ORDER, Finding
from pipeline.domain.tie_out.sums import Sum
from pipeline.domain.tie_out.tie_out import TieOut, reading_order

# Excel takes 31 characters for a sheet's name and 32,767 in a cell.
SHEET_NAME_LENGTH_MAX = 31
CELL_LENGTH_MAX = 32_000
# It takes 255 for a header, of which an ampersand takes two.
HEADER_LENGTH_MAX = 100
_WIDTHS = {
    "Class": 20, "Currency": 9, "Date": 11, "In Odoo": 40, "Made by": 60, "Name": 40, "Number": 20, "Party": 28,
    "Reason": 50, "Sentence": 110, "Type": 13, "What Odoo says": 60, "What differs": 50, "What to do": 50,
}  # fmt: skip
_WIDTH = 14
# On paper: a sheet is one page wide where its text stays this large. A wider one breaks between columns, at this scale,
# and the columns that say which row it is are on every page. A character is seven pixels, of which 96 make an inch;
# the narrower of A4 and Letter has ten inches between these margins.
ONE_PAGE_SCALE_MIN = 60
BROKEN_SCALE = 70
MARGIN_INCHES = 0.4
PAPER_INCHES = 10.0
_PIXELS_A_CHARACTER, _PIXELS_A_COLUMN, _PIXELS_AN_INCH = 7, 5, 96
# The last column that is repeated, by the title of the first one.
_REPEATED_TO = {"Class": 2, "Name": 0}
_DOCUMENT_COLUMNS = (
    *("Class", "Type", "Number", "Party", "Date", "Currency", "Odoo", "QuickBooks", "Difference", "Reason", "Since"),
    *("What differs", "What to do", "Paid", "PDF", "Number in QuickBooks", "Id in QuickBooks", "Id in Odoo"),
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
            writer.sheet(_sentence(which.value.partition(",")[0]), _DOCUMENT_COLUMNS, map(_document, found))
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
        self._amount = book.add_format({"num_format": "#,##0.00##;[Red]-#,##0.00##", "valign": "top"})
        self._count = book.add_format({"valign": "top"})
        self._text = book.add_format({"text_wrap": True, "valign": "top"})
        self._date = book.add_format({"num_format": "yyyy-mm-dd", "align": "left", "valign": "top"})

    def sheet(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Add a sheet with a head that stays, filters, and the rows."""
        sheet = self._book.add_worksheet(_sheet_name(name))
        sheet.freeze_panes(1, 0)
        self._set_up_paper(sheet, columns)
        for column, title in enumerate(columns):
            sheet.set_column(column, column, _WIDTHS.get(title, _WIDTH))
            sheet.write_string(0, column, title, self._head)
        last = 0
        for last, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                self._write(sheet, last, column, value)
        sheet.autofilter(0, 0, last, len(columns) - 1)

    def _set_up_paper(self, sheet: Any, columns: Sequence[str]) -> None:
        sheet.set_landscape()
        sheet.set_margins(left=MARGIN_INCHES, right=MARGIN_INCHES)
        sheet.set_header(f"&L{_clean(self._title)[:HEADER_LENGTH_MAX].replace('&', '&&')}&R&A")
        sheet.set_footer("&RPage &P of &N")
        sheet.repeat_rows(0)
        widths = [_WIDTHS.get(title, _WIDTH) for title in columns]
        pixels = sum(_PIXELS_A_CHARACTER * width + _PIXELS_A_COLUMN for width in widths)
        if PAPER_INCHES * _PIXELS_AN_INCH / pixels * 100 >= ONE_PAGE_SCALE_MIN:
            sheet.fit_to_pages(1, 0)
            return
        sheet.set_print_scale(BROKEN_SCALE)
        sheet.repeat_columns(0, _REPEATED_TO.get(columns[0], 0))
        # The parts of one row after each other, then the next rows.
        sheet.print_across()

    def _write(self, sheet: Any, row: int, column: int, value: Any) -> None:
        if isinstance(value, Decimal):
            sheet.write_number(row, column, float(value), self._amount)
        elif isinstance(value, int):
            sheet.write_number(row, column, value, self._count)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, value, self._date)
        elif value:
            sheet.write_string(row, column, _clean(str(value)), self._text)


def _sheet_name(name: str) -> str:
    return name.replace("/", " ")[:SHEET_NAME_LENGTH_MAX]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _clean(text: str) -> str:
    """Return a text as a cell takes it: a workbook is XML, which has no control characters."""
    kept = "".join(character if character.isprintable() or character in "\n\t" else " " for character in text)
    return kept.encode("utf-8", "replace").decode()[:CELL_LENGTH_MAX]


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
        yield _sentence(which.value), str(count)
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
        finding.reason,
        finding.since,
        "; ".join(map(str, finding.differences)),
        finding.what_to_do,
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
        row.odoo_count,
        row.quickbooks_count,
        ", ".join(row.documents) if row.difference else "",
    )
