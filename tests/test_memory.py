"""What people attach and what a server may send stay far below the function's memory, in a process that has no more."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from local.demo.small_files import pdf_page
from tests.limited_process import EXTRACTOR_MB, SHARE_MAX, WarmProcess, run_limited
from tests.pipeline.test_http import raw_server
from tests.scans import scan_of

PEAK_MAX_MB = SHARE_MAX * EXTRACTOR_MB
# What a run has loaded anyway, and then a file as the papers of a bill are worked on.
AS_PAPER = """
import odoo_extractor
from pipeline.domain.document import Attachment
from pipeline.domain.errors import InvalidDocument
from pipeline.odoo.papers import as_pdf
from pipeline.files.pdf import acting, merged
contents = []
for path in sys.argv[2:]:
    content = open(path, "rb").read()
    try:
        contents.append(as_pdf(Attachment(1, path, "", len(content), ""), content))
    except InvalidDocument as error:
        print("REFUSED", error)
try:
    print("BYTES", len(merged(contents)) if contents else 0)
    print(*map(acting, contents))
except InvalidDocument as error:
    print("REFUSED", error)
"""


@pytest.fixture(scope="module")
def extractor():
    """One process for all papers: to start it and to import what a run imports takes longer than most of them."""
    process = WarmProcess(memory_mb=EXTRACTOR_MB)
    yield process
    process.close()


def squeezed(megabytes):
    """Return so many megabytes of nothing, compressed, without ever holding them."""
    squeeze = zlib.compressobj(1)
    return b"".join([squeeze.compress(bytes(2**20)) for _ in range(megabytes)] + [squeeze.flush()])


def pdf_of(*streams, page_count=1, page=b"", claims=None):
    """Return a PDF of some pages and streams (their entries and data). The tree of pages claims to have `claims`."""
    made, offsets = bytearray(b"%PDF-1.4\n"), []

    def add(body):
        offsets.append(len(made))
        made.extend(b"%d 0 obj\n%s\nendobj\n" % (len(offsets), body))

    kids = b" ".join(b"%d 0 R" % (3 + number) for number in range(page_count))
    add(b"<< /Type /Catalog /Pages 2 0 R >>")
    add(b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, claims or page_count))
    for _ in range(page_count):
        add(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] %s >>" % page)
    for entries, data in streams:
        add(b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data))
    table = len(made)
    made.extend(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
    made.extend(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
    made.extend(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, table))
    return bytes(made)


# To make a picture is not what is tested.
QUICKLY = {"PNG": {"compress_level": 1}, "WEBP": {"method": 0}}


def image(form, size=(8_944, 6_704), mode="RGB", color="white", **options):
    target = io.BytesIO()
    Image.new(mode, size, color).save(target, form, **QUICKLY.get(form, {}), **options)
    return target.getvalue()


def frames(count):
    """Return a scan of so many pages of A4 at 200 dpi, in colour, which decoded come to 11 MB each."""
    return scan_of(image("TIFF", (1_654, 2_339), compression="jpeg"), count)


def a_scan_as_pdf():
    return pdf_of(
        (b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /Filter /DCTDecode", os.urandom(20 * 2**20)),
        page=b"/Resources << /XObject << /Im0 4 0 R >> >>",
    )


def zipped(megabytes, part="mimetype", kind=b"application/vnd.oasis.opendocument.text"):
    """Return an archive in which one part unpacks to so many megabytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made, made.open(part, "w") as written:
        written.write(kind)
        for _ in range(megabytes):
            written.write(bytes(2**20))
    return target.getvalue()


def crowded(parts):
    """Return an archive whose table names so many parts of Word, in the same number of times fifty bytes."""
    start = b"PK\x03\x04" + bytes(26)
    row = (b"PK\x01\x02" + bytes(24) + b"\x06\0").ljust(46, b"\0") + b"word/a"
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, parts % 2**16, parts % 2**16, parts * len(row), len(start), 0)
    return start + row * parts + end


def references(count):
    return b" ".join(b"%d 0 R" % (4 + number) for number in range(count))


SMALL = pdf_page(["another"], title="another")
MADE = {
    "a JPEG of 60 megapixels": (lambda: [image("JPEG")], "BYTES"),
    "a progressive JPEG of 60 megapixels": (lambda: [image("JPEG", progressive=True)], "BYTES"),
    "a progressive JPEG of 60 megapixels in full colour": (
        lambda: [image("JPEG", progressive=True, subsampling=0)], "8944 by 6704 pixels of a kind that takes 343 MB",
    ),
    "a PNG of 60 megapixels": (lambda: [image("PNG")], "8944 by 6704 pixels of a kind that takes 229 MB"),
    "a WebP of 60 megapixels": (lambda: [image("WEBP", quality=1)], "8944 by 6704 pixels of a kind that takes 686 MB"),
    "the largest PNG that is converted, beside a scan": (
        lambda: [a_scan_as_pdf(), image("PNG", (6_400, 6_400))], "BYTES",
    ),
    "the largest PNG with transparency": (lambda: [image("PNG", (6_400, 6_400), mode="RGBA")], "BYTES"),
    "the largest WebP that is converted": (lambda: [image("WEBP", (3_700, 3_700), quality=1)], "BYTES"),
    "the largest TIFF that is converted": (
        lambda: [image("TIFF", (4_800, 4_800), compression="tiff_adobe_deflate", tiffinfo={278: 4_800})], "BYTES",
    ),
    "the largest gray PNG of 16 bits": (lambda: [image("PNG", (5_200, 5_200), mode="I;16", color=9)], "BYTES"),
    "a TIFF of 100 frames": (lambda: [frames(100)], "BYTES"),
    "three scans of 20 MB, merged": (lambda: [a_scan_as_pdf() for _ in range(3)], "BYTES 6"),
    "a flate bomb of 256 MB": (
        lambda: [pdf_of((b"/Filter /FlateDecode", squeezed(256)), page=b"/Contents 4 0 R"), SMALL], "BYTES",
    ),
    "60,000 objects that may be active": (
        lambda: [pdf_of(*[(b"/Subtype /Text", b"")] * 60_000, page=b"/Annots [%s]" % references(60_000))],
        "is_complete=False",
    ),
    "an archive that says what it is in 600 MB": (lambda: [zipped(600)], "REFUSED is a text document (ODT)"),
    "an archive of 500,000 parts": (lambda: [crowded(500_000)], "REFUSED is an archive (ZIP)"),
    "100,000 pages": (lambda: [pdf_of(page_count=100_000)], "more than 2000 pages"),
    "100,000 pages that claim to be one": (lambda: [pdf_of(page_count=100_000, claims=1)], "more than 2000 pages"),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_paper_is_converted_or_refused_by_name_within_the_memory(extractor, tmp_path, name):
    make, outcome = MADE[name]
    paths = []
    for number, content in enumerate(make()):
        paths.append(str(tmp_path / f"paper {number}"))
        (tmp_path / f"paper {number}").write_bytes(content)

    ended = extractor.run(AS_PAPER, *paths)

    assert outcome in ended.output
    assert ended.peak_mb < PEAK_MAX_MB


EMBEDDED = """
import odoo_extractor
from pipeline.files.embeddable import check_embeddable
from pipeline.files.pdf import embedding, merged
paper, beside = (open(path, "rb").read() for path in sys.argv[2:])
check_embeddable("a.xml", beside)
print("ADDED", len(embedding(paper, [("a.xml", beside)])) > len(paper))
print("ANEW", len(merged([paper], [("a.xml", beside)])) > len(paper))
"""


def test_a_large_file_is_embedded_in_a_large_pdf_within_the_memory(extractor, tmp_path):
    (tmp_path / "paper").write_bytes(a_scan_as_pdf())
    (tmp_path / "beside").write_bytes(b"<Invoice>" + b"xmlns:a =" * (5 * 2**20 // 9) + b"</Invoice>")

    ended = extractor.run(EMBEDDED, str(tmp_path / "paper"), str(tmp_path / "beside"))

    assert ended.output.split() == ["ADDED", "True", "ANEW", "True"]
    assert ended.peak_mb < PEAK_MAX_MB


READ = """
import odoo_extractor
from pipeline.http import TooLarge
from pipeline.odoo.client import Odoo
from pipeline.runtime import SystemClock
odoo = Odoo(sys.argv[2], database="d", username="u", secret="s", clock=SystemClock(), json2=False)
odoo._connection = __import__("pipeline.odoo.client", fromlist=["x"]).Connection(18, 2, "jsonrpc")
for model in ("account.move", "ir.attachment"):
    try:
        odoo.read(model, [1], ["id"], companies=[1])
    except TooLarge as error:
        print(error)
"""


def test_an_answer_of_200_mb_is_refused_by_its_size_while_it_streams():
    piece = b"x" * 2**20
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", *[piece] * 200) as url:
        ended = run_limited(READ, url, memory_mb=EXTRACTOR_MB)

    assert "sent more than 16 MB in one answer" in ended.output
    assert "sent more than 48 MB in one answer" in ended.output
    assert ended.peak_mb < PEAK_MAX_MB / 2


def test_the_peak_of_a_warm_process_is_of_its_last_run_alone(extractor):
    large = extractor.run("print('x' * (200 * 2**20) == '')")
    small = extractor.run("print('small')")

    assert (large.output, small.output) == ("False\n", "small\n")
    assert large.peak_mb > 200 > small.peak_mb


def test_a_warm_process_has_no_more_memory_than_its_limit_and_dies_by_name(extractor):
    with pytest.raises(AssertionError, match=r"ended with 1: [\s\S]*MemoryError"):
        extractor.run(f"bytearray({EXTRACTOR_MB} * 2**20)")

    assert extractor.run("print('anew')").output == "anew\n"
