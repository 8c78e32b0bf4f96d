"""The plain page always works, and shows the whole of what it says."""

import io
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth

from pipeline.domain.document import LineKind, Party
from pipeline.files import pdf as pages
from pipeline.files.plain_page import plain_page
from tests.builders import COMPANY, LINE, a_document

FONTS = ("Helvetica", "DejaVuSans", "HeiseiKakuGo-W5")
LONG = "The bill's file 'Rechnung Nr. 4711 der Firma Meier.pdf' is protected by a password, so it is not in here; "


def texts(content):
    return [page.extract_text().strip() for page in PdfReader(io.BytesIO(content)).pages]


def right_ends(content):
    """Return where each drawn text ends, in points from the left."""
    ends = []

    def visit(text, _cm, tm, font, size):
        if text.strip():
            name = next(known for known in FONTS if known in font["/BaseFont"])
            ends.append(tm[4] + stringWidth(text.strip(), name, size))

    for page in PdfReader(io.BytesIO(content)).pages:
        page.extract_text(visitor_text=visit)
    return ends


@pytest.mark.parametrize("word", ["word ", "x", "株式会社テスト", "W", "Łódź ", "Ж"])
def test_nothing_is_drawn_beyond_the_edge_of_the_paper(word):
    document = a_document(
        number=word * 90, reference=word * 90, party=Party(1, word * 90),
        lines=(replace(LINE, description=word * 90, amount=Decimal("123456789012.34"), quantity=Decimal("0.000123456")),
               replace(LINE, kind=LineKind.NOTE, description=word * 90)),
    )  # fmt: skip

    content = plain_page(document, [word * 90])

    assert max(right_ends(content)) < A4[0] - 40


def test_what_is_very_long_ends_in_an_ellipsis():
    document = a_document(reference="§" * 1_001, lines=(replace(LINE, description="¶" * 301),))

    shown = "".join(texts(plain_page(document, ["¥" * 1_001])))

    assert shown.count("…") == 3
    assert (shown.count("¶"), shown.count("¥")) == (299, 999)


def test_a_long_note_is_there_to_its_last_word():
    content = plain_page(a_document(), [LONG * 3 + "and this is its end."])

    assert "this is its end." in " ".join("\n".join(texts(content)).split())


@pytest.mark.parametrize(
    "name", ["Łódź Spółka", "Příliš žluťoučký kůň", "Ελληνική Εταιρεία", "ООО Ромашка", "Nguyễn", "₹ № 1"]
)
def test_a_european_name_brings_its_own_letters_because_a_viewer_may_lack_them(name):
    (page,) = PdfReader(io.BytesIO(plain_page(a_document(party=Party(1, name)), []))).pages

    assert name in page.extract_text()
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    assert any("/FontFile2" in font["/FontDescriptor"] for font in fonts if "DejaVuSans" in font["/BaseFont"])


def test_a_line_of_an_east_asian_name_shows_its_amount():
    line = replace(LINE, description="株式会社テスト" * 10, amount=Decimal("98765.43"))

    content = plain_page(a_document(lines=(line,)), [])

    assert "98,765.43 USD" in texts(content)[0]
    assert max(right_ends(content)) < A4[0] - 40


def test_numbers_too_wide_for_their_columns_are_shown_whole():
    line = replace(LINE, quantity=Decimal("123456789.123456"), unit_price=Decimal("123456789.123456789"))

    text = texts(plain_page(a_document(lines=(line,)), []))[0]

    assert "123456789.123456 x 123456789.123456789" in text


def test_a_plain_page_shows_the_document_and_why_it_was_made():
    content = plain_page(a_document(url="https://odoo.example/web#id=1"), ["rendered PDF: no report."])

    text = texts(content)[0]
    for expected in ("Invoice INV/2026/00001", "Acme Corp", "companyA", "2026-12-01", "110.00 USD", "no report."):
        assert expected in text


def test_the_same_document_makes_the_same_plain_page():
    assert plain_page(a_document(), ["a"]) == plain_page(a_document(), ["a"])


def test_a_document_of_many_lines_still_shows_its_totals_and_notes():
    content = plain_page(a_document(lines=(LINE,) * 1000), ["a note"])

    text = "\n".join(texts(content))
    assert "110.00 USD" in text.partition("Total")[2]
    assert "a note" in text
    assert "more lines" in text


@pytest.mark.parametrize(
    "name",
    [
        "ÄÖÜ Müller & Söhne <GmbH>",
        "株式会社テスト",
        "Ελληνική ООО Ромашка",
        "شركة الاختبار",
        "emoji 🚀🧾",
        "\ud800 half a character",
        "tab\tnew\nline\x00nul\x1b",
        "(\\)%&",
        "x" * 500,
        "../../etc/passwd",
    ],
)
def test_a_plain_page_can_be_made_for_any_name(name):
    document = a_document(
        number=name, reference=name, party=Party(1, name), company=replace(COMPANY, name=name),
        lines=(LINE, replace(LINE, kind=LineKind.SECTION, description=name)),
    )  # fmt: skip

    content = plain_page(document, [name])

    pages.check(content)


@settings(max_examples=60, deadline=None)
@given(st.text(), st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_a_plain_page_can_be_made_of_anything(text, amount):
    line = replace(LINE, description=text, amount=amount, unit_price=Decimal("1E+3"))

    pages.check(plain_page(a_document(number=text, lines=(line,)), [text]))
