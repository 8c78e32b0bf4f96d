"""The report of a tie-out: a page that loads nothing, a workbook of numbers, and JSON of the same."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from pipeline.domain.document import DocumentType
from pipeline.domain.tie_out.classes import DifferenceClass, Finding
from pipeline.domain.tie_out.closed import Change, Closure, Side
from pipeline.domain.tie_out.comparison import Difference
from pipeline.domain.tie_out.facts import NotCarried
from pipeline.domain.tie_out.merges import Merge, MergedIn
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.numbers import NumberGap
from pipeline.domain.tie_out.sums import Sum, Sums
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.pages import page as page_module
from pipeline.pages.report import files_of
from pipeline.pages.workbook import ONE_PAGE_SCALE_MIN, PAPER_INCHES

EVIL = '=1+1 <script>alert(1)</script> "quoted"'
XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def a_finding(which=DifferenceClass.EQUAL, number="INV/2026/00001", **changes):
    values = {
        "difference_class": which,
        "document_type": DocumentType.INVOICE,
        "number": number,
        "party": EVIL,
        "dated_on": date(2026, 10, 5),
        "currency": "USD",
        "odoo_total": Decimal("1234.50"),
        "booked_total": Decimal("1234.50"),
        "odoo_id": 7,
        "qb_id": "145",
        "doc_number": number,
    }
    return Finding(**(values | changes))


def a_tie_out(*findings, **changes):
    row = Sum("600000 Expenses", "600000 'Expenses'", "USD", Decimal(516), Decimal(0), documents=("bill B/1 of X",))
    values = {
        "company": "companyA",
        "month": Month(2026, 10),
        "at": datetime(2026, 11, 2, 6, 0, tzinfo=UTC),
        "home_currency": "USD",
        "realm": "4620816365001",
        "odoo_url": "https://example.odoo.com",
        "findings": findings,
        "sums": Sums((), (row,), (), (), ()),
        "gaps": (NumberGap("Bills", "BILL/9", "Odoo has no such document.", is_explained=False),),
        "not_carried": (NotCarried("Bank", 3, Decimal("99.90")),),
    }
    return TieOut(**(values | changes))


@pytest.fixture
def tie_out():
    changed = a_finding(
        DifferenceClass.CHANGED,
        "INV/2026/00002",
        reason="It was changed.",
        booked_total=Decimal(1000),
        differences=(Difference("total", "1,234.50", "1,000.00"),),
    )
    return a_tie_out(a_finding(), changed)


def html_of(tie_out, **arguments):
    return files_of(tie_out, **arguments)["html"].decode()


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]


def parsed(html):
    reader = _Reader()
    reader.feed(html)
    return reader


# -- the page --------------------------------------------------------------------------------------------------------


def test_the_verdict_stands_first_then_what_needs_a_person_then_sums_documents_and_the_rest(tie_out):
    html = html_of(tie_out)

    heads = re.findall(r"<h[12][^>]*>([^<]+)</h[12]>", html)

    assert heads[0].startswith("October 2026 does not tie out yet: 1 document was changed in QuickBooks")
    assert "516.00 USD on account 600000 Expenses" in heads[0]
    assert heads[1:] == ["What needs a person", "Sums side by side", "Documents", "Numbers", "What is not carried"]


def test_the_page_allows_its_own_style_and_script_by_their_hashes_and_nothing_else(tie_out):
    html = html_of(tie_out)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1].replace("&#39;", "'")

    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_loads_nothing_and_names_from_outside_are_texts(tie_out):
    reader = parsed(html_of(tie_out))

    assert reader.tags.count("script") == 1
    assert not {"img", "link", "iframe", "object"} & set(reader.tags)
    assert not [name for _, name, _ in reader.attributes if name in ("src", "style") or name.startswith("on")]


def test_links_lead_into_odoo_and_to_the_right_quickbooks(tie_out):
    links = {value for tag, name, value in parsed(html_of(tie_out)).attributes if (tag, name) == ("a", "href")}
    sandbox = html_of(tie_out, is_sandbox=True)

    assert "https://example.odoo.com/web#id=7&model=account.move&view_type=form" in links
    assert "https://app.qbo.intuit.com/app/invoice?txnId=145&deeplinkcompanyid=4620816365001" in links
    assert "https://app.sandbox.qbo.intuit.com/app/invoice" in sandbox


def test_what_is_gone_has_words_and_no_link(tie_out):
    gone = a_finding(gone_in_odoo="deleted in Odoo", gone_in_books="voided in QuickBooks")
    reader = parsed(html_of(a_tie_out(gone)))

    links = [value for tag, name, value in reader.attributes if (tag, name) == ("a", "href")]
    assert not [link for link in links if link.startswith("http")]
    assert "<span>deleted in Odoo</span> <span>voided in QuickBooks</span>" in html_of(a_tie_out(gone))


def test_an_address_of_odoo_that_is_no_web_address_is_no_link(tie_out):
    html = html_of(a_tie_out(a_finding(), odoo_url="javascript:alert(1)//"))

    assert "javascript:" not in html


def test_a_month_that_is_not_known_says_why_and_shows_no_sums():
    html = html_of(a_tie_out(not_known=("Odoo does not answer.", "And more.")))

    assert "It is not known whether October 2026 ties out: Odoo does not answer." in html
    assert "And more." in html
    assert "<h2" not in html.replace('<h2 id="numbers"', "")


def test_a_month_with_more_documents_than_a_browser_sorts_shows_what_differs_and_says_how_many_are_left_out(
    monkeypatch,
):
    monkeypatch.setattr(page_module, "ROWS_MAX", 3)
    many = [a_finding(number=f"INV/{number}") for number in range(9)]

    html = html_of(a_tie_out(*many, a_finding(DifferenceClass.MISSING, "LOST", booked_total=None, qb_id="")))

    rows = re.findall(r'<tr data-class="([^"]+)"', html)
    assert rows == ["missing in QuickBooks", "equal", "equal"]
    assert "7 documents are left out here; the workbook has all of them." in html


def test_customers_beyond_what_a_browser_shows_are_counted(tie_out, monkeypatch):
    monkeypatch.setattr(page_module, "ROWS_MAX", 1)
    (row, *_) = tie_out.sums.accounts

    html = html_of(replace(tie_out, sums=replace(tie_out.sums, receivable=(row, row, row))))

    assert "2 more are in the workbook." in html


def test_every_table_has_heads_and_every_control_a_name(tie_out):
    html = html_of(tie_out)

    assert html.count("<table") == html.count("<thead>")
    assert '<html lang="en">' in html
    assert "<label>Search <input" in html
    assert "<label>Show <select" in html
    assert "@media print" in html
    assert "@media screen and (max-width" in html


# -- the workbook ----------------------------------------------------------------------------------------------------


def sheets_of(content):
    """Return each sheet's rows: texts as texts, numbers as floats."""
    book = zipfile.ZipFile(io.BytesIO(content))
    listed = ET.fromstring(book.read("xl/workbook.xml"))  # noqa: S314 - we wrote it
    found = {}
    for index, sheet in enumerate(listed.iter(f"{XML}sheet"), start=1):
        name = sheet.get("name")
        root = ET.fromstring(book.read(f"xl/worksheets/sheet{index}.xml"))  # noqa: S314 - we wrote it
        assert list(root.iter(f"{XML}f")) == []
        assert list(root.iter(f"{XML}autoFilter"))
        found[name] = [[_cell(cell) for cell in row] for row in root.iter(f"{XML}row")]
    return found


def _cell(cell):
    if cell.get("t") == "inlineStr":
        return "".join(text.text or "" for text in cell.iter(f"{XML}t"))
    value = cell.find(f"{XML}v")
    return None if value is None else float(value.text)


def test_the_workbook_has_a_sheet_per_class_and_sum_with_amounts_as_numbers(tie_out):
    sheets = sheets_of(files_of(tie_out)["xlsx"])

    assert list(sheets) == [
        *("Verdict", "Documents", "Changed in QuickBooks", "Equal", "Sums by type", "Sums by account", "Sums by tax"),
        *("Receivable by customer", "Payable by vendor", "Numbers", "Not carried"),
    ]
    head, row = sheets["Changed in QuickBooks"]
    values = dict(zip(head, row, strict=False))
    assert values["Odoo"] == 1234.5
    assert values["Difference"] == 234.5
    assert sheets["Sums by account"][1][3:7] == [516.0, 0.0, 0.0, 516.0]


def test_a_party_named_like_a_formula_stays_a_text(tie_out):
    sheets = sheets_of(files_of(tie_out)["xlsx"])

    assert sheets["Documents"][1][3] == EVIL


def test_control_characters_do_not_break_the_workbook():
    content = files_of(a_tie_out(a_finding(number="INV\x01\ud800\x0b1")))["xlsx"]

    assert sheets_of(content)["Equal"][1][1].startswith("INV ")


def test_a_text_that_is_too_long_for_a_cell_ends_in_an_ellipsis():
    content = files_of(a_tie_out(a_finding(number="1" * 40_000)))["xlsx"]

    number = sheets_of(content)["Equal"][1][1]
    assert (len(number), number[-2:]) == (32_000, "1…")


def papers_of(content):
    """Return how each sheet is printed: its page setup, whether it is fitted, and its repeated rows and columns."""
    book = zipfile.ZipFile(io.BytesIO(content))
    root = ET.fromstring(book.read("xl/workbook.xml"))  # noqa: S314 - we wrote it
    titles = {
        int(name.get("localSheetId")): name.text.replace("'", "").split("!", 1)[1]
        for name in root.iter(f"{XML}definedName")
        if name.get("name") == "_xlnm.Print_Titles"
    }
    found = {}
    for index, sheet in enumerate(root.iter(f"{XML}sheet")):
        page = ET.fromstring(book.read(f"xl/worksheets/sheet{index + 1}.xml"))  # noqa: S314 - we wrote it
        (setup,) = page.iter(f"{XML}pageSetup")
        found[sheet.get("name")] = (setup, bool(list(page.iter(f"{XML}pageSetUpPr"))), titles[index])
    return found


def widths_of(content):
    """Return the width of each column of each sheet, in characters."""
    book = zipfile.ZipFile(io.BytesIO(content))
    root = ET.fromstring(book.read("xl/workbook.xml"))  # noqa: S314 - we wrote it
    found = {}
    for index, sheet in enumerate(root.iter(f"{XML}sheet")):
        page = ET.fromstring(book.read(f"xl/worksheets/sheet{index + 1}.xml"))  # noqa: S314 - we wrote it
        found[sheet.get("name")] = [
            float(column.get("width"))
            for column in page.iter(f"{XML}col")
            for _ in range(int(column.get("min")), int(column.get("max")) + 1)
        ]
    return found


def test_every_sheet_is_one_page_wide_and_stays_readable(tie_out):
    content = files_of(tie_out)["xlsx"]

    for setup, is_fitted, titles in papers_of(content).values():
        assert (setup.get("orientation"), setup.get("fitToHeight"), titles) == ("landscape", "0", "$1:$1")
        assert is_fitted
    for widths in widths_of(content).values():
        # A character is seven pixels, of which 96 make an inch.
        assert PAPER_INCHES * 96 / (sum(widths) * 7) * 100 >= ONE_PAGE_SCALE_MIN


def test_a_row_is_as_high_as_its_longest_text_needs(tie_out):
    """LibreOffice and a printer take the height that is stored; a text of several lines covered its neighbours."""
    long = replace(tie_out, findings=[a_finding(DifferenceClass.CHANGED, reason="it lacks an account " * 8)])
    with zipfile.ZipFile(io.BytesIO(files_of(long)["xlsx"])) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet2.xml"))  # noqa: S314 - we wrote it

    head, row = (float(row.get("ht", 15)) for row in sheet.iter(f"{XML}row"))

    assert head >= 2 * 15
    assert 409 >= row >= 8 * 15


def test_the_first_sheet_says_what_to_do_about_each_class(tie_out):
    rows = dict(row[:2] for row in sheets_of(files_of(tie_out)["xlsx"])["Verdict"])

    assert rows["Changed in QuickBooks"].startswith("1. Set it back in QuickBooks")
    assert rows["Equal"] == "1"


def test_a_long_reason_is_wrapped_and_not_cut_off_on_paper(tie_out):
    with zipfile.ZipFile(io.BytesIO(files_of(tie_out)["xlsx"])) as book:
        styles = ET.fromstring(book.read("xl/styles.xml"))  # noqa: S314 - we wrote it
        sheet = ET.fromstring(book.read("xl/worksheets/sheet3.xml"))  # noqa: S314 - we wrote it
    formats = list(styles.find(f"{XML}cellXfs"))
    texts = [cell for cell in sheet.iter(f"{XML}c") if cell.get("t") == "inlineStr"]

    assert {formats[int(cell.get("s"))].find(f"{XML}alignment").get("wrapText") for cell in texts} == {"1"}


def test_a_company_whose_name_has_signs_of_a_header_prints_them(tie_out):
    content = files_of(replace(tie_out, company="Salt & Sons &P" + "x" * 300))["xlsx"]

    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - we wrote it
    (header,) = sheet.iter(f"{XML}oddHeader")
    assert header.text.startswith("&LSalt && Sons &&Px")
    assert len(header.text) <= 255


# -- JSON ------------------------------------------------------------------------------------------------------------


def test_the_json_has_the_verdict_every_document_and_exact_amounts(tie_out):
    data = json.loads(files_of(tie_out)["json"])

    assert data["verdict"] == "does not tie out"
    assert data["sentence"] == tie_out.sentence
    assert data["month"] == "2026-10"
    assert [finding["difference"] for finding in data["findings"]] == ["0.00", "234.50"]
    assert data["sums"]["accounts"][0]["difference"] == "516"
    assert data["counts"] == {"changed in QuickBooks": 1, "equal": 1}


def a_closure(**changes):
    return Closure(EVIL, datetime(2026, 11, 5, 8, 0, tzinfo=UTC), "reports/companyA/x", "abc", **changes)


def test_a_closed_month_says_by_whom_and_when_and_that_nothing_has_changed_since():
    files = files_of(a_tie_out(a_finding(), closure=a_closure()))

    page = files["html"].decode()
    assert "on 2026-11-05 at 08:00 UTC. Nothing has changed since." in page
    assert "<script>alert" not in page
    assert json.loads(files["json"])["closure"]["sentence"].endswith("Nothing has changed since.")


def test_a_closed_month_lists_what_has_changed_since_on_the_page_in_the_workbook_and_as_json():
    change = Change(Side.ODOO, EVIL, "came into Odoo since")
    files = files_of(a_tie_out(a_finding(), closure=a_closure(changes=(change,), left_out=4)))

    page = files["html"].decode()
    assert "5 changes since." in page
    assert "came into Odoo since." in page
    assert "And 4 more." in page
    assert "<script>alert" not in page
    assert json.loads(files["json"])["closure"]["changes"][0]["side"] == "Odoo"
    with zipfile.ZipFile(io.BytesIO(files["xlsx"])) as book:
        assert any(b"came into Odoo since." in book.read(name) for name in book.namelist())


def test_a_month_that_is_not_closed_says_nothing_of_closing():
    files = files_of(a_tie_out(a_finding()))

    assert b"Closed month" not in files["html"]
    assert json.loads(files["json"])["closure"] is None


def test_a_merge_is_one_card_with_its_command_for_all_of_its_documents():
    merge = Merge("vendor", "Acme <Corp>", "Acme Holding", MergedIn.QUICKBOOKS)
    findings = [a_finding(DifferenceClass.MERGED, f"BILL/{n}", merge=merge, reason=merge.sentence) for n in range(3)]

    html = html_of(a_tie_out(*findings))

    to_do = html.partition("What needs a person</h2>")[2].partition("Sums side by side")[0]
    assert to_do.count("<article") == 1
    assert "3 documents: BILL/0, BILL/1, BILL/2." in to_do
    assert "./oqb accept --company companyA --party &#39;Acme &lt;Corp&gt;&#39; --into &#39;Acme Holding&#39;" in to_do
    assert "Accepted" not in html


def test_a_merge_that_is_accepted_needs_no_person_and_says_who_accepted_it():
    merge = Merge("vendor", "Acme", "Bolt", MergedIn.ODOO, accepted="Accepted by Ann on 2026-11-02: one now")
    finding = a_finding(DifferenceClass.MERGED, merge=merge, is_explained=True)

    html = html_of(a_tie_out(finding))

    assert "What needs a person" not in html
    assert "Accepted by Ann on 2026-11-02: one now" in html


def test_an_account_without_a_counterpart_is_named_once():
    row = replace(a_tie_out(a_finding()).sums.accounts[0], name="'Export' (none in QuickBooks)", odoo_name="'Export'")
    tie_out = a_tie_out(a_finding())

    html = html_of(replace(tie_out, sums=replace(tie_out.sums, accounts=(row,))))

    assert html.count("Export") == 1
