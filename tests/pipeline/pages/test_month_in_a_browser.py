"""The page of a month in a real browser: axe, a phone, the keyboard, and paper."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pypdf import PdfReader

from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.comparison import Difference
from pipeline.domain.tie_out.sums import Sum, Sums
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.pages.report import files_of
from tests.operate.browser import Browser
from tests.pipeline.pages.test_month_report import a_closure, a_finding, a_tie_out

DESKTOP, PHONE = 1280, 390
LONG = "it lacks an account. Give the mapping one for it, upload the mapping, and retry the document"


def every_class() -> TieOut:
    """Return a month with every class, long texts, every kind of sum, and what has changed since it was closed."""
    findings = [
        a_finding(kind, f"BILL/2026/01/{number:04}", reason=LONG, odoo_total=Decimal("1110446.66"), pdf="there",
                  booked_total=Decimal("1110436.66"), doc_number="DUP-2026-001",
                  differences=(Difference("total", "1,234.50", "1,000.00"),))
        for number, kind in enumerate(DifferenceClass)
    ]  # fmt: skip
    made_by = ("bill BILL/2026/01/0006 of Harbor Foods Supply",) * 9
    row = Sum("600000 Expenses", "600000 'Expenses'", "USD", Decimal(1110516), Decimal(0), documents=made_by)
    return a_tie_out(*findings, sums=Sums(*[(row, row)] * 5), unexplained_sums=(row,), closure=a_closure())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Browser:
    file = tmp_path / "month.html"
    file.write_bytes(files_of(every_class())["html"])
    browser.show_on(width=DESKTOP)
    browser.open(file.as_uri())
    browser.text()
    return browser


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_desk_or_a_phone_in_light_or_dark(shown, width, scheme):
    shown.show_on(width=width, scheme=scheme)

    assert shown.violations() == []


def test_axe_is_at_work(shown):
    shown.run("document.querySelector('#search').closest('label').replaceWith(document.querySelector('#search'))")
    shown.run("document.body.style.color = '#ddd'; document.querySelector('#search').placeholder = ''")

    rules = [found.partition(":")[0] for found in shown.violations()]

    assert {"label", "color-contrast"} <= set(rules)


@pytest.mark.parametrize("width", [DESKTOP, 1000, 820, PHONE])
def test_nothing_is_wider_than_the_screen(shown, width):
    shown.show_on(width=width)

    assert shown.run("document.documentElement.scrollWidth") <= width
    wider = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
    assert shown.run(wider) == 0


def test_a_date_that_differs_is_not_broken_on_a_phone(browser, tmp_path):
    dates = (Difference("due date", "2026-03-06", "2026-04-05"), Difference("tax of that line", "1,234.50", "1,000.00"))
    file = tmp_path / "dates.html"
    file.write_bytes(files_of(a_tie_out(a_finding(DifferenceClass.CHANGED, differences=dates)))["html"])
    browser.show_on(width=PHONE)
    browser.open(file.as_uri())
    browser.text()

    lines = """[...document.querySelectorAll('.differences td')].map(cell => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return range.getClientRects().length;
    })"""
    assert browser.run(f"JSON.stringify({lines})") == "[1,1,1,1]"
    assert browser.run("document.documentElement.scrollWidth") <= PHONE


def test_the_keyboard_reaches_the_documents_and_sorts_them(shown):
    shown.press("Tab")
    assert shown.run("document.activeElement.textContent") == "To the documents"
    assert shown.run("document.activeElement.getBoundingClientRect().left") >= 0
    assert shown.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    shown.press("Enter")
    for _ in range(5):
        shown.press("Tab")
    assert shown.run("document.activeElement.textContent") == "Type"
    assert shown.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    shown.press("Enter")

    assert shown.run("document.activeElement.closest('th').getAttribute('aria-sort')") == "ascending"


def test_on_paper_tables_have_their_heads_and_nothing_is_there_to_be_clicked(shown):
    pages = PdfReader(io.BytesIO(shown.printed())).pages

    text = "\n".join(page.extract_text() for page in pages)
    assert "Made by" in text
    assert "Search" not in text
    assert "To the documents" not in text
    assert {page.mediabox.width > page.mediabox.height for page in pages} == {True}
    # On a phone's layout each figure would have its head beside it instead.
    assert text.count("Made by") < 2 * 5
