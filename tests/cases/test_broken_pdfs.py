"""A bill's PDF that is broken is opened or refused quickly, and the bill is posted either way."""

from __future__ import annotations

import time

import pytest

from pipeline.domain.errors import InvalidDocument
from pipeline.files import pdf as pages
from tests.cases.world import us

# What a run leaves for one PDF.
SECONDS_MAX = 20


def made_of(objects, *, stream=b"x" * 40, page_count=1):
    """Return a PDF of so many pages and objects, and where its cross-reference table begins."""
    content = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []

    def add(body):
        offsets.append(len(content))
        content.extend(b"%d 0 obj\n%s\nendobj\n" % (len(offsets), body))

    kids = b" ".join(b"%d 0 R" % (3 + number) for number in range(page_count))
    add(b"<< /Type /Catalog /Pages 2 0 R >>")
    add(b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, page_count))
    for _ in range(page_count):
        add(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>")
    for _ in range(objects):
        add(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    table = len(content)
    content.extend(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
    for offset in offsets:
        content.extend(b"%010d 00000 n \n" % offset)
    content.extend(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, table))
    return bytes(content)


def cut(content, by):
    return content[: content.rindex(b"startxref") - by]


def looping(content):
    at = content.rindex(b"startxref")
    return content[:at] + b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 9 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (at, at)  # noqa: E501  # fmt: skip


BROKEN = {
    "points nowhere": cut(made_of(20_000), 0) + b"startxref\n7\n%%EOF\n",
    "end cut off": cut(made_of(20_000), 400),
    "many pages": made_of(10, page_count=1_900),
    "one large image, cut off": cut(made_of(5, stream=b"\x00" * 4_000_000), 200),
    "a trailer that points to itself": looping(made_of(50)),
    "a page that is its own parent": made_of(1).replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]"),
    "a table of another file": made_of(5)[:60] + made_of(300)[60:],
}


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_opened_or_refused_in_the_time_there_is(name):
    began = time.monotonic()
    try:
        pages.check(BROKEN[name])
        pages.merged([BROKEN[name], made_of(1)])
    except InvalidDocument:
        pass

    assert time.monotonic() - began < SECONDS_MAX


@pytest.mark.parametrize("name", ["end cut off", "a page that is its own parent", "a trailer that points to itself"])
def test_the_bill_is_posted_with_it_or_with_its_name(open_world, name):
    world = open_world(realms=[us()])
    world.move(1, "in_invoice", [{"amount": 10.0}], ref="X-1", pdf=False)
    world.odoo.attach(1, "broken.pdf", "application/pdf", BROKEN[name])

    world.run()

    (bill,) = world.books(entity="Bill")
    entry = world.entries()[1]
    assert entry["status"] == "posted"
    assert entry["pdf_source"] == "attached" or "'broken.pdf'" in bill["PrivateNote"]
