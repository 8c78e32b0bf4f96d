"""PDFs are opened before they are kept; images become upright pages."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader, PdfWriter

from local.demo.small_files import pdf_page, png_image
from pipeline.domain.errors import InvalidDocument
from pipeline.files import images
from pipeline.files import pdf as pages

ONE, TWO = pdf_page(["first"]), pdf_page(["second"])


def encrypted(password, owner="owner", algorithm="RC4-128"):
    writer = PdfWriter(clone_from=io.BytesIO(ONE))
    writer.encrypt(password, owner, algorithm=algorithm)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def image(mode, size=(40, 30), form="PNG", color=None, **options):
    target = io.BytesIO()
    made = Image.new(mode, size, color) if color is not None else Image.new(mode, size)
    made.save(target, form, **options)
    return target.getvalue()


def texts(content):
    return [page.extract_text().strip() for page in PdfReader(io.BytesIO(content)).pages]


def picture(content):
    """Return the only image of a one-page PDF."""
    (page,) = PdfReader(io.BytesIO(content)).pages
    (found,) = page.images
    return found.image


def test_a_sound_pdf_passes():
    pages.check(ONE)


def test_junk_before_the_header_does_no_harm_as_in_every_viewer():
    pages.check(b"\xef\xbb\xbf\r\n" + ONE)


def test_a_pdf_that_only_forbids_changes_passes():
    pages.check(encrypted(""))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"<html><body>Sign in</body></html>", "is not a PDF"),
        (png_image(2, 2, (1, 2, 3)), "is not a PDF"),
        (b"%PDF-1.4 and then nothing", "is damaged and does not open"),
        (ONE[: len(ONE) // 3], "is damaged and does not open"),
        (encrypted("secret"), "is protected by a password"),
    ],
    ids=["empty", "web page", "image", "header only", "cut off", "encrypted"],
)
def test_what_does_not_open_is_refused_with_the_reason(content, reason):
    with pytest.raises(InvalidDocument, match=reason):
        pages.check(content)


def test_a_pdf_without_pages_is_refused():
    target = io.BytesIO()
    PdfWriter().write(target)

    with pytest.raises(InvalidDocument, match="has 0 pages"):
        pages.check(target.getvalue())


@pytest.mark.parametrize(("bytes_max", "times"), [(10_000, 1), (100, 2)])
def test_a_small_file_that_opens_is_opened_once_and_any_other_each_time(monkeypatch, bytes_max, times):
    opened = []
    read = pages._reader
    monkeypatch.setattr(pages, "_reader", lambda content: opened.append(content) or read(content))
    monkeypatch.setattr(pages, "KNOWN_AGAIN_BYTES_MAX", bytes_max)
    sound, damaged = pdf_page([f"asked about twice, opened {times} times"]), b"%PDF-1.7 damaged"

    for _ in range(2):
        pages.check(sound)
        with pytest.raises(InvalidDocument):
            pages.check(damaged)

    assert (opened.count(sound), opened.count(damaged)) == (times, 2)


def test_a_pdf_with_far_too_many_pages_is_refused(monkeypatch):
    monkeypatch.setattr(pages, "PAGES_MAX", 1)

    with pytest.raises(InvalidDocument, match="has 2 pages"):
        pages.check(pages.merged([ONE, TWO]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(ONE) - 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_a_damaged_pdf_is_refused_or_taken_and_never_breaks_the_run(damage):
    broken = bytearray(ONE)
    for place, byte in damage:
        broken[place] = byte
    try:
        pages.check(bytes(broken))
        pages.merged([TWO, bytes(broken)])
    except InvalidDocument:
        return


def test_a_pdf_that_opens_but_does_not_merge_is_refused(monkeypatch):
    def add_page(_writer, _page):
        raise RecursionError("a page that contains itself")

    monkeypatch.setattr(PdfWriter, "add_page", add_page)

    with pytest.raises(InvalidDocument, match="do not merge"):
        pages.merged([ONE, TWO])


def test_several_pdfs_are_merged_in_their_order():
    assert texts(pages.merged([TWO, ONE, TWO])) == ["second", "first", "second"]


def test_a_pdf_that_only_forbids_changes_is_merged():
    assert texts(pages.merged([encrypted(""), TWO])) == ["first", "second"]


def test_a_single_pdf_stays_as_it_is_byte_for_byte():
    assert pages.merged([ONE]) is ONE


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        *(("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG")),
        *(("RGB", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("1", "PNG"), ("I;16", "PNG")),
        *(("P", "GIF"), ("RGB", "TIFF"), ("CMYK", "TIFF"), ("1", "TIFF"), ("RGBA", "WEBP"), ("F", "TIFF")),
    ],
)
def test_every_kind_of_image_becomes_a_page(mode, form):
    content = pages.image_page(image(mode, form=form))

    pages.check(content)
    assert picture(content).size == (40, 30)


def test_transparent_parts_come_out_white():
    content = pages.image_page(image("RGBA", color=(0, 0, 0, 0)))

    assert picture(content).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_a_transparent_palette_comes_out_white():
    content = pages.image_page(image("P", form="GIF", color=0, transparency=0))

    assert picture(content).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_a_photo_taken_sideways_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6

    content = pages.image_page(image("RGB", size=(40, 30), form="JPEG", exif=exif))

    assert picture(content).size == (30, 40)


def test_a_large_photo_is_made_smaller():
    content = pages.image_page(image("L", size=(6000, 1500)))

    assert picture(content).size == (3000, 750)


def test_every_page_of_a_scanned_fax_is_kept():
    first, second = Image.new("1", (40, 30)), Image.new("1", (60, 30))
    target = io.BytesIO()
    first.save(target, "TIFF", save_all=True, append_images=[second])

    reader = PdfReader(io.BytesIO(pages.image_page(target.getvalue())))

    assert [page.images[0].image.size for page in reader.pages] == [(40, 30), (60, 30)]


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", image("RGB")[:60], ONE, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"],
    ids=["empty", "text", "cut off", "a PDF", "a program in PostScript"],
)
def test_what_is_no_readable_image_is_refused(content):
    with pytest.raises(InvalidDocument, match="is not a readable image"):
        pages.image_page(content)


def test_an_image_is_never_handed_to_another_program(monkeypatch):
    postscript = image("RGB", form="EPS")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    monkeypatch.setattr("subprocess.Popen", lambda *_a, **_k: pytest.fail("a program was started"))

    with pytest.raises(InvalidDocument, match="is not a readable image"):
        pages.image_page(postscript)


def test_an_image_too_large_for_the_memory_is_refused_before_it_is_unpacked(monkeypatch):
    content = image("RGB")
    monkeypatch.setattr(images, "IMAGE_PIXELS_MAX", 1199)
    monkeypatch.setattr(Image.Image, "load", lambda _image: pytest.fail("it was unpacked"))

    with pytest.raises(InvalidDocument, match="40 by 30 pixels, too large"):
        pages.image_page(content)
