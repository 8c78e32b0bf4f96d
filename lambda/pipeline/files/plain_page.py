"""A plain page: a PDF made from a document's own data, for one that Odoo has no PDF of.

It is the last resort, so it shows what the document says and why there is nothing better. What does not fit into a line
goes on in the next. A very long text ends in an ellipsis.
"""

from __future__ import annotations

import io
from collections.abc import Container, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.domain.document import Document, Line, LineKind
from pipeline.domain.money import plain, shown
from pipeline.domain.quoting import cut

LINES_MAX = 300
TEXT_LENGTH_MAX = 1_000
DESCRIPTION_LENGTH_MAX = 300
# In points, from the left and the bottom of an A4 page.
_LEFT, _TOP, _BOTTOM = 50, 782, 60
# Where a description ends, and where quantities and amounts end.
_DESCRIPTION_TO, _QUANTITY_TO, _AMOUNT_TO = 300, 430, 545
_LATIN_FONT = "Helvetica"
# The European scripts of DejaVu Sans (`DejaVuSans-LICENSE.txt`), without hinting. Only the letters in use are embedded.
_EUROPEAN_FONT = "DejaVuSans"
_EUROPEAN_FILE = Path(__file__).with_name("DejaVuSans.ttf")
# Shows East Asian names in viewers that have a font for them: one of our own would be ten times the function.
_WIDE_FONT = "HeiseiKakuGo-W5"


def plain_page(document: Document, notes: Sequence[str]) -> bytes:
    """Return a PDF made from the document's data, because Odoo has none. The notes say why it was made.

    The same document makes the same bytes. Of more than 300 lines the others are counted.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfgen.canvas import Canvas

    european = _registered_fonts()
    target = io.BytesIO()
    # `invariant` leaves out the time of day.
    canvas = Canvas(target, pagesize=A4, invariant=1)
    canvas.setTitle(_drawable(_heading(document)))
    page = _Page(canvas, pdfmetrics.stringWidth, european)
    _draw(page, document, notes)
    canvas.save()
    return target.getvalue()


@cache
def _registered_fonts() -> Container[int]:
    """Register the fonts and return the characters that the European one has.

    Once in a process: reading it takes longer than drawing a page. reportlab keeps what a document uses of a font by
    document, and keeps a registered font in any case.
    """
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont

    european = TTFont(_EUROPEAN_FONT, _EUROPEAN_FILE)
    pdfmetrics.registerFont(european)
    pdfmetrics.registerFont(UnicodeCIDFont(_WIDE_FONT))
    characters: Container[int] = european.face.charToGlyph
    return characters


def _draw(page: _Page, document: Document, notes: Sequence[str]) -> None:
    currency = document.currency
    page.text(_heading(document), 16)
    page.space(10)
    for name, value in (
        ("Company", document.company.name),
        ("Party", document.party.name.strip()),
        ("Reference", document.reference),
        ("Date", document.issued_on.isoformat()),
        ("Due", document.due_on.isoformat()),
        ("Odoo", document.url),
    ):
        if value:
            page.text(f"{name}: {value}", 10)
    page.space(10)
    for line in document.lines[:LINES_MAX]:
        _draw_line(page, line, currency)
    if len(document.lines) > LINES_MAX:
        page.text(f"... and {len(document.lines) - LINES_MAX} more lines", 9)
    page.space(10)
    for name, amount, size in (
        ("Untaxed", document.untaxed, 10),
        ("Tax", document.tax, 10),
        ("Total", document.total, 12),
    ):
        page.row("", name, shown(amount, currency), size)
    page.space(10)
    page.text("This page was made from the document's data, because Odoo gave no PDF of it.", 8)
    for note in notes:
        page.text(note, 8)


def _draw_line(page: _Page, line: Line, currency: str) -> None:
    description = cut(" ".join(line.description.split()), DESCRIPTION_LENGTH_MAX)
    if line.kind is LineKind.ITEM:
        quantity = f"{plain(line.quantity)} x {plain(line.unit_price)}"
        page.row(description, quantity, shown(line.amount, currency), 9)
    elif description:
        page.text(description, 9)


def _heading(document: Document) -> str:
    return f"{document.document_type.noun.capitalize()} {document.number}"


class _Page:
    """Draws from top to bottom, and begins another page when one is full."""

    def __init__(self, canvas: Any, width_of: Any, european: Container[int]) -> None:
        self._canvas = canvas
        self._width_of = width_of
        self._european = european
        self._y = _TOP

    def space(self, points: int) -> None:
        """Leave some space."""
        self._y -= points

    def text(self, text: str, size: int) -> None:
        """Draw a text over the whole width, in as many lines as it takes."""
        for part in self._wrapped(cut(text, TEXT_LENGTH_MAX), size, _AMOUNT_TO - _LEFT):
            self._begin_line(size)
            self._put(part, size)

    def row(self, description: str, quantity: str, amount: str, size: int) -> None:
        """Draw a description at the left, and beside its first line a quantity and an amount that end in columns."""
        # Numbers that are too wide for their columns have lines of their own.
        quantity_from = _QUANTITY_TO - self._width(quantity, size)
        amount_from = _AMOUNT_TO - self._width(amount, size)
        is_wide = quantity_from < _DESCRIPTION_TO or amount_from < _QUANTITY_TO
        parts = list(self._wrapped(description, size, _DESCRIPTION_TO - _LEFT)) or [""]
        for place, part in enumerate(parts):
            self._begin_line(size)
            self._put(part, size)
            if place == 0 and not is_wide:
                self._put(quantity, size, quantity_from)
                self._put(amount, size, amount_from)
        if is_wide:
            self.text(f"{quantity}   {amount}", size)

    def _begin_line(self, size: int) -> None:
        if self._y < _BOTTOM:
            self._canvas.showPage()
            self._y = _TOP
        self._y -= size + 6

    def _put(self, text: str, size: int, x: float = _LEFT) -> None:
        self._canvas.setFont(self._font_of(text), size)
        self._canvas.drawString(x, self._y, text)

    def _width(self, text: str, size: int) -> float:
        width: float = self._width_of(text, self._font_of(text), size)
        return width

    def _font_of(self, text: str) -> str:
        try:
            text.encode("cp1252")
        except UnicodeEncodeError:
            return _EUROPEAN_FONT if all(ord(letter) in self._european for letter in text) else _WIDE_FONT
        return _LATIN_FONT

    def _wrapped(self, given: str, size: int, width: int) -> Iterator[str]:
        """Yield the lines of a text. It is broken between words, or anywhere in a word that is too long."""
        rest = " ".join(_drawable(given).split())
        font = self._font_of(rest)
        while rest:
            end, used = 0, 0.0
            while end < len(rest) and (used := used + self._width_of(rest[end], font, size)) <= width:
                end += 1
            end = max(1, end)
            if end < len(rest) and " " in rest[: end + 1]:
                end = rest.rindex(" ", 0, end + 1)
            yield rest[:end]
            rest = rest[end:].lstrip(" ")


def _drawable(text: str) -> str:
    # A lone surrogate is not a character in any font.
    return text.encode("utf-8", "replace").decode()
