"""The report a controller opens."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from local.demo.refusals import Consequence, Refusal
from local.demo.report import Sheet, causes, summary, text_table, totals, write
from operate.commands.check import Books, Checked
from operate.onboarding import Kind, Need, Verdict
from pipeline.domain.document import Company
from pipeline.domain.mapping import Rules
from pipeline.qbo.lists import Lists
from pipeline.qbo.lists import Realm as RealmPreferences
from tests.operate.browser import Browser

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


def sheet(status: str, total: str = "100.00", booked: str | None = None, **entry: object) -> Sheet:
    row = {
        "entry_id": f"db-account.move-{entry.get('odoo_id', 1)}",
        "status": status,
        "total": total,
        "company": "companyA",
        "document_type": "invoice",
        "currency": "USD",
        "number": "INV/1",
        "party": "Acme",
        "document_date": "2026-11-01",
        **entry,
    }
    return Sheet(row, None if booked is None else Decimal(booked), b"%PDF-1.4")


def test_the_last_line_counts_what_belongs_into_the_books():
    sheets = [sheet("posted", booked="100.00"), sheet("failed"), sheet("pending"), sheet("voided"), sheet("skipped")]

    assert summary(sheets) == "1 of 3 documents posted, 1 need attention"


def test_a_difference_is_what_odoo_has_and_the_books_have_not():
    (row,) = totals([sheet("posted", "100.00", "100.00"), sheet("failed", "20.00"), sheet("voided", "7.00")])

    assert (row.documents, row.odoo, row.books, row.difference, row.waiting) == (2, 120, 100, 20, 1)


def test_what_was_taken_back_but_still_is_in_the_books_shows():
    (row,) = totals([sheet("voided", "7.00", "7.00")])

    assert row.difference == -7


def test_the_table_of_the_terminal_lines_up():
    lines = text_table(totals([sheet("posted", "1234.50", "1234.50"), sheet("failed", currency="EUR")])).splitlines()

    assert lines[0].split() == [
        "company",
        "type",
        "currency",
        "documents",
        "Odoo",
        "QuickBooks",
        "difference",
        "unposted",
    ]
    assert "1,234.50" in lines[3]
    assert len({len(line) for line in lines}) == 1


@pytest.fixture
def page(tmp_path):
    sheets = [
        sheet("posted", booked="100.00", qb_id="7", qb_doc_number="INV/1", odoo_id=1, party="<b>HTML</b> & Co"),
        sheet("failed", odoo_id=2, error_message="invoice INV/1 of Acme (100.00 USD): account X has no counterpart."),
    ]
    path = tmp_path / "report.html"
    write(path, sheets, alerts=[{"subject": "[demo] </script>", "text": "what to do"}], source="Odoo", at=AT)
    return path.read_text()


def test_the_report_needs_nothing_beside_it(page):
    assert re.findall(r"(?:src|href)=", page) == []
    assert "http" not in page.replace("http-equiv", "")


def test_names_are_shown_and_never_run(page):
    assert "&lt;b&gt;HTML&lt;/b&gt; &amp; Co" in page
    assert "</script>\n" not in page.partition("[demo]")[2].partition("</summary>")[0]


def test_a_browser_runs_the_reports_own_script_and_nothing_else(page):
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page)[1]
    sources = dict(part.strip().split(" ", 1) for part in policy.split(";"))

    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert sources[f"{tag}-src"] == f"'sha256-{digest}'"
    assert sources["default-src"] == "'none'"
    assert "unsafe" not in policy
    # A policy by hash allows neither an attribute that is a script nor one that is a style.
    assert re.findall(r"<[^>]*\s(?:on\w+|style)=", page.partition('id="pdfs"')[0]) == []


def test_each_document_has_its_pdf_a_click_away(page):
    pdfs = json.loads(re.search(r'id="pdfs">(.*?)</script>', page)[1])

    assert set(pdfs) == set(re.findall(r'data-pdf="([^"]+)"', page)) == {"db-account.move-1", "db-account.move-2"}


def test_what_needs_a_person_says_why_without_repeating_the_document(page):
    assert "<p>Account X has no counterpart.</p>" in page


def test_what_is_noted_of_a_posted_document_stands_beside_its_number(tmp_path):
    posted = sheet("posted", booked="100.00", qb_id="7", qb_doc_number="INV/1", error_message="'a.eml' stays in Odoo.")

    write(tmp_path / "report.html", [posted], alerts=[], refusals=[], source="Odoo", at=AT)

    (cell,) = re.findall('<td class="booked".*?</td>', (tmp_path / "report.html").read_text(), re.DOTALL)
    assert "stays in Odoo." in cell


def a_refusal(**changes: object) -> Refusal:
    values = {
        "code": "6540",
        "words": "Deposited Transaction Cannot Be Changed",
        "document": "invoice INV/7 of <i>Acme</i> (1.00 USD)",
        "reported": "it is deposited in QuickBooks.",
        "consequence": Consequence.FIX,
        "fixed": True,
    }
    return Refusal(**{**values, **changes})


@pytest.fixture
def refusals(tmp_path):
    path = tmp_path / "report.html"
    found = [
        a_refusal(),
        a_refusal(code="3001", reported="QuickBooks asks to slow down", consequence=Consequence.WAIT, fixed=False),
    ]
    write(path, [sheet("posted", booked="100.00")], alerts=[], refusals=found, source="Odoo", at=AT)
    return path.read_text().partition('<details id="refusals">')[2].partition("</details>")[0]


def test_the_refusals_are_folded_under_what_each_stops(refusals):
    headings = re.findall("<h3>(.*?)</h3>", refusals)

    assert headings == [Consequence.FIX.value, Consequence.WAIT.value]
    assert "What may be refused, and what you would read" in refusals.partition("</summary>")[0]


def test_each_refusal_shows_code_words_document_message_and_what_became_of_it(refusals):
    text = [re.sub(r"<[^>]+>|\s+", " ", row).split() for row in re.findall("<tr>(.*?)</tr>", refusals, re.DOTALL)]

    first, second = [" ".join(words) for words in text if words[:1] in (["6540"], ["3001"])]
    assert first == (
        "6540 Deposited Transaction Cannot Be Changed invoice INV/7 of &lt;i&gt;Acme&lt;/i&gt; (1.00 USD) It is "
        "deposited in QuickBooks. ✓ posted"
    )
    assert second.endswith("✗ open")


def test_without_refusals_nothing_is_said_of_them(page):
    assert "may refuse" not in page


def lacking(number: int, amount: str, **entry: object) -> Sheet:
    message = f"invoice INV/{number} of Acme (1.00 USD): it carries sales tax of {amount} USD, but sales tax is off."
    return sheet("failed", "10.00", odoo_id=number, number=f"INV/{number}", error_message=message, **entry)


def test_reasons_that_differ_in_amounts_alone_are_one():
    found = causes([lacking(1, "1.00"), lacking(2, "1,234.50"), lacking(3, "7"), lacking(4, "8", company="companyB")])

    assert [(cause.company, len(cause.sheets), cause.money) for cause in found] == [
        ("companyA", 3, "30.00 USD"),
        ("companyB", 1, "10.00 USD"),
    ]
    assert found[0].reason == "It carries sales tax of 1.00 USD, but sales tax is off."


def test_reasons_that_differ_in_a_name_or_a_number_of_an_account_stay_apart():
    message = "invoice INV/1 of Acme (1.00 USD): account {} has no counterpart."
    found = causes([sheet("failed", error_message=message.format(account)) for account in ("400000 'A'", "400001 'A'")])

    assert len(found) == 2


def test_documents_with_one_reason_are_one_card_that_names_each(tmp_path):
    path = tmp_path / "report.html"
    write(path, [lacking(number, "1.00") for number in range(1, 4)], alerts=[], source="Odoo", at=AT)

    (card,) = re.findall(r'<div class="card">(.*?)</div>', path.read_text(), re.DOTALL)
    assert "<strong>3 documents</strong>" in card
    assert "INV/1, INV/2, INV/3" in card


class NoRules:
    rules = Rules()


def a_check(*needs: Need) -> Checked:
    realm = RealmPreferences(country="US", home_currency="USD", multicurrency=False, sales_tax=True)
    lists = Lists(0, realm, (), (), (), (), (), (), ())
    books = Books("1", lists, NoRules(), {}, {}, (), 7, {})
    verdict = Verdict(list(needs), documents=5, postable=2, money=Decimal("50.00"), held_up=Decimal("30.00"))
    return Checked(Company(1, "companyA", "USD"), verdict, books, [], [])


SALES = Need(
    Kind.ACCOUNT, "400000 'Sales'", key="400000", problem="account 400000 'Sales' has no account there.",
    code="account_unmapped", nearest=("Sales of <b>Product</b>",), documents=3, money=Decimal("1234.5"),
)  # fmt: skip


def test_the_report_of_a_trial_begins_with_what_check_found(tmp_path):
    path = tmp_path / "report.html"
    write(path, [lacking(1, "1.00")], alerts=[], source="Odoo", at=AT, checks=[a_check(SALES)], books="As new.")

    text = path.read_text()
    beginning = text.partition("<main>")[2].partition("Totals side by side")[0]
    assert "As new." in beginning
    assert "2 of 5 documents would be posted; 30.00 USD of 50.00 USD held up." in beginning
    assert "<strong>account 400000 &#39;Sales&#39;</strong>" in beginning
    assert ">Has no account there.</span>" in beginning  # without its name a second time
    assert "Sales of &lt;b&gt;Product&lt;/b&gt;" in beginning
    assert "1,234.50" in beginning
    assert "Account numbers are off" in beginning


def test_without_a_trial_the_report_begins_with_the_totals(page):
    assert "first posted document" not in page


LONG = "It is dated before the go-live date of this company, and was " + "carried over by hand into the books, " * 9


@pytest.mark.parametrize("statuses", [("skipped",), ("failed",), ("posted",), ("skipped", "failed", "posted")])
@pytest.mark.parametrize("is_each_its_own", [False, True])
def test_five_hundred_documents_with_long_reasons_fit_on_eight_pages_of_paper(
    browser, tmp_path, statuses, is_each_its_own
):
    reasons = [f"{LONG}{f' as number {number}' if is_each_its_own else ''}." for number in range(500)]
    kinds = itertools.cycle(statuses)
    sheets = [
        sheet(status, booked="100.00" if status == "posted" else None, odoo_id=number, number=f"BILL/2026/09/{number}",
              party=LONG[:70], error_message=reason, qb_doc_number="")
        for status, (number, reason) in zip(kinds, enumerate(reasons), strict=False)
    ]  # fmt: skip
    path = tmp_path / "report.html"
    write(path, sheets, alerts=[], source="Odoo", at=AT, checks=[a_check(SALES)] * 2, books="As new.")

    assert browser.pages_printed(path) <= 8


def test_documents_that_are_not_for_quickbooks_are_listed_by_reason_with_how_many_and_how_much(tmp_path):
    sheets = [
        *(sheet("skipped", "10.00", odoo_id=n, error_message=f"It is dated 2026-01-0{n}, too early.") for n in (1, 2)),
        sheet("voided", "7.00", odoo_id=3, company="companyB"),
    ]
    path = tmp_path / "report.html"
    write(path, sheets, alerts=[], source="Odoo", at=AT)

    listed = path.read_text().partition("<h2>Not for QuickBooks</h2>")[2].partition("<h2>Documents</h2>")[0]
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", listed, re.DOTALL)]
    assert rows[1:] == [
        ["It", "is", "dated", "2026-01-01,", "too", "early.", "companyA", "2", "20.00", "USD"],
        ["It", "was", "cancelled", "in", "Odoo.", "companyB", "1", "7.00", "USD"],
    ]


def test_five_hundred_documents_fit_on_eight_pages_of_paper(browser, tmp_path):
    """With as many reasons as a trial of two companies has, long names, and e-mails."""
    long = "A very long customer name of an international holding that goes on and on"
    sheets = [lacking(number, f"{number}.00", party=long, qb_doc_number="") for number in range(250)]
    sheets += [
        sheet("posted", booked="100.00", odoo_id=1000 + number, number=f"BILL/2026/09/{10_000 + number}", party=long,
              qb_id=str(number), qb_doc_number=f"BILL/2026/09/{10_000 + number}", company="companyB")
        for number in range(250)
    ]  # fmt: skip
    needs = [replace(SALES, name=f"40{number:04} 'Sales'") for number in range(15)]
    path = tmp_path / "report.html"
    write(path, sheets, alerts=[{"subject": "[demo] a mail", "text": "word " * 400}], source="Odoo", at=AT,
          checks=[a_check(*needs)] * 2, refusals=[a_refusal()] * 50, books="As new.")  # fmt: skip

    assert browser.pages_printed(path) <= 8
