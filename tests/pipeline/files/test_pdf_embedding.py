"""Files are embedded at the end of a PDF: all its bytes stay, and what is added is found where the table says."""

import io
import re

import pytest
from pypdf import PdfReader, PdfWriter

from local.demo.small_files import pdf_page
from pipeline.files import pdf as pages
from pipeline.files import pdf_embedding

PAPER = pdf_page(["the vendor's own paper"], title="paper")
FILES = [("bill.xml", b"<Invoice/>"), ("terms ü.txt", b"30 days"), ("a.docx", bytes(range(256)) * 40)]


def written(content, change=None, **options):
    """Return a PDF as pypdf writes it: by and by with its objects packed, and a stream as its table."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    if change:
        change(writer)
    target = io.BytesIO()
    writer.write(target, **options)
    return target.getvalue()


def with_a_stream_as_table(content=PAPER):
    """Return a PDF whose table is a stream: the update that pypdf adds has one."""
    writer = PdfWriter(io.BytesIO(content), incremental=True)
    writer.add_metadata({"/Author": "vendor"})
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def embedded(content):
    return {name: found for name, (found, *_) in PdfReader(io.BytesIO(content), strict=True).attachments.items()}


@pytest.mark.parametrize(
    "content", [PAPER, with_a_stream_as_table(), written(PAPER)], ids=["table", "stream", "written by pypdf"]
)
def test_all_bytes_of_the_pdf_stay_and_the_files_are_in_it(content):
    made = pages.embedding(content, FILES)

    assert made.startswith(content)
    assert embedded(made) == dict(FILES)
    reader = PdfReader(io.BytesIO(made), strict=True)
    assert reader.pages[0].extract_text() == PdfReader(io.BytesIO(content)).pages[0].extract_text()
    assert reader.metadata.title == PdfReader(io.BytesIO(content)).metadata.title


def test_each_row_of_the_added_table_points_to_its_object():
    made = pages.embedding(PAPER, FILES)

    begins_at = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", made)[1])
    rows = re.findall(rb"(\d+) 1\n(\d{10}) 00000 n \n", made[begins_at:])
    assert len(rows) == 2 * len(FILES) + 3
    for number, offset in rows:
        assert made[int(offset) :].startswith(number + b" 0 obj\n")


def test_files_that_are_embedded_already_stay_also_in_a_tree_of_names():
    def add(writer):
        writer.add_attachment("factur-x.xml", b"<CrossIndustryInvoice/>")

    before = pages.embedding(written(PAPER, add), FILES)

    after = pages.embedding(before, [("later.txt", b"later")])

    assert embedded(after) == {**dict(FILES), "factur-x.xml": b"<CrossIndustryInvoice/>", "later.txt": b"later"}


def test_names_that_are_taken_get_a_number():
    before = pages.embedding(PAPER, [("bill.xml", b"<a/>")])

    made = pages.embedding(before, [("bill.xml", b"<b/>"), ("bill.xml", b"<c/>")])

    assert embedded(made) == {"bill.xml": b"<a/>", "bill-2.xml": b"<b/>", "bill-3.xml": b"<c/>"}


def encrypted(content):
    return written(content, lambda writer: writer.encrypt("", "owner", algorithm="RC4-128"))


@pytest.mark.parametrize(
    "content",
    [
        encrypted(PAPER),
        b"junk\n" + PAPER,
        PAPER.replace(b"startxref\n", b"startxref\n9"),
        PAPER + b"junk",
    ],
    ids=["encrypted", "with bytes before it", "with a wrong place of its table", "with bytes after it"],
)
def test_nothing_is_added_to_a_pdf_that_viewers_decrypt_or_repair_and_it_can_be_written_again(content):
    assert pages.embedding(content, FILES) is None
    assert embedded(pages.merged([content], FILES)) == dict(FILES)


def test_a_pdf_with_too_many_embedded_files_is_left_alone(monkeypatch):
    monkeypatch.setattr(pdf_embedding, "EMBEDDED_BEFORE_MAX", 2)

    assert pages.embedding(pages.embedding(PAPER, FILES), FILES) is None


def test_an_update_that_does_not_open_is_not_used(monkeypatch):
    monkeypatch.setattr(pages, "with_appended", lambda content, _reader, _files: content[:-40])

    assert pages.embedding(PAPER, FILES) is None
