"""Every image comes out readable, upright and on white, and none takes more memory than the function has."""

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat
from PIL.TiffImagePlugin import TiffImageFile
from pypdf import PdfReader

from pipeline.domain.errors import InvalidDocument
from pipeline.files import images
from pipeline.files.images import image_page
from pipeline.odoo.papers import PDF_BYTES_MAX
from tests.scans import scan_of

ROOT = Path(__file__).parents[3]
WHITE, BLACK = 255, 0


def file(image, form, **options):
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def pictures(content):
    return [page.images[0].image for page in PdfReader(io.BytesIO(image_page(content))).pages]


def gray_at(picture, place):
    return picture.convert("L").getpixel(place)


def halves(mode, dark, light, size=(80, 60)):
    """Return an image whose left half is dark and whose right half is light."""
    made = Image.new(mode, size, light)
    made.paste(dark, (0, 0, size[0] // 2, size[1]))
    return made


# What is dark and what is light in each mode that Pillow opens from a file, and a format that keeps it.
MODES = {
    "1": (0, 1, "PNG"),
    "1 of a fax": (0, 1, "TIFF", {"compression": "group4"}),
    "L": (0, 255, "PNG"),
    "P": (0, 255, "BMP"),
    "RGB": ((0, 0, 0), (255, 255, 255), "JPEG"),
    "CMYK": ((0, 0, 0, 255), (0, 0, 0, 0), "JPEG"),
    "CMYK of a scan": ((0, 0, 0, 255), (0, 0, 0, 0), "TIFF"),
    "YCbCr": ((0, 128, 128), (255, 128, 128), "TIFF"),
    "LAB": ((0, 128, 128), (255, 128, 128), "TIFF"),
    "RGBX": ((0, 0, 0, 0), (255, 255, 255, 0), "TIFF"),
    "I;16": (0, 65_535, "PNG"),
    "I;16B": (0, 65_535, "TIFF"),
    "I": (0, 65_535, "TIFF"),
    "I;16 of a scan": (0, 65_535, "TIFF"),
    "F": (0.0, 1.0, "TIFF"),
    "P of the web": (0, 255, "GIF"),
    "RGB of a scan": ((0, 0, 0), (255, 255, 255), "TIFF", {"compression": "jpeg"}),
    "LA": ((0, 255), (0, 0), "PNG"),
    "RGBA": ((0, 0, 0, 255), (0, 0, 0, 0), "PNG"),
    "RGBA of the web": ((0, 0, 0, 255), (255, 0, 0, 0), "WEBP", {"lossless": True}),
}


@pytest.mark.parametrize("name", MODES)
def test_dark_stays_dark_and_what_is_light_or_transparent_is_white(name):
    dark, light, form, *options = MODES[name]
    image = halves(name.split(" ", maxsplit=1)[0], dark, light)
    if image.mode == "P":
        image.putpalette([gray for gray in range(256) for _ in range(3)])

    (picture,) = pictures(file(image, form, **(options[0] if options else {})))

    assert picture.size == (80, 60)
    assert gray_at(picture, (10, 30)) < 40
    assert gray_at(picture, (70, 30)) > 215


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_colour_that_is_declared_transparent_comes_out_white(mode):
    dark, light = ((0, 0, 0), (9, 9, 9)) if mode == "RGB" else (0, 9)

    (picture,) = pictures(file(halves(mode, dark, light), "PNG", transparency=light))

    assert gray_at(picture, (10, 30)) < 40
    assert gray_at(picture, (70, 30)) > 215


def test_a_palette_with_transparency_comes_out_on_white():
    image = halves("P", 0, 1)
    image.putpalette([0, 0, 0, 0, 0, 0])

    (picture,) = pictures(file(image, "PNG", transparency=1))

    assert gray_at(picture, (10, 30)) < 40
    assert gray_at(picture, (70, 30)) > 215


@pytest.mark.parametrize(("dark", "light"), [(1_000, 3_000), (-5.0, 5.0), (0.0, 1e6), (0.0, 200.0)])
def test_grays_of_any_range_are_distinguished(dark, light):
    (picture,) = pictures(file(halves("F", dark, light), "TIFF"))

    assert gray_at(picture, (10, 30)) < 40 or dark > 0
    assert gray_at(picture, (70, 30)) - gray_at(picture, (10, 30)) > 40


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_picture_is_kept(form):
    first, second = halves("RGB", (0, 0, 0), (255, 255, 255)), Image.new("RGB", (80, 60), "white")
    options = {"lossless": True} if form == "WEBP" else {}

    found = pictures(file(first, form, save_all=True, append_images=[second], **options))

    assert len(found) == 1
    assert gray_at(found[0], (10, 30)) < 40


def test_a_scan_keeps_all_its_pages_also_where_their_kinds_differ():
    pages = [Image.new("1", (40, 30), 1), Image.new("L", (60, 30), 255), Image.new("CMYK", (20, 90))]

    found = pictures(file(pages[0], "TIFF", save_all=True, append_images=pages[1:]))

    assert [picture.size for picture in found] == [(40, 30), (60, 30), (20, 90)]


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (2, 2), (100, 100)])
def test_a_scan_may_have_a_hundred_pages(count, kept):
    pages = [Image.new("1", (10, 10), place % 2) for place in range(count)]

    content = image_page(file(pages[0], "TIFF", save_all=True, append_images=pages[1:]))

    assert len(PdfReader(io.BytesIO(content)).pages) == kept


def bare_scan(count):
    """Return a TIFF of so many pages of one pixel each, the last of which refers to nothing."""
    tags = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 1), (279, 1))
    size = 2 + 12 * len(tags) + 4
    pages = [
        struct.pack("<H", len(tags))
        + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        + struct.pack("<I", 8 + (place + 1) * size if place < count - 1 else 0)
        for place in range(count)
    ]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(pages)


def test_the_pages_of_a_scan_of_very_many_are_not_counted(monkeypatch):
    sought = []
    seek = TiffImageFile.seek
    monkeypatch.setattr(TiffImageFile, "seek", lambda opened, page: (sought.append(page), seek(opened, page)))

    with pytest.raises(InvalidDocument, match="more than 100 pages"):
        image_page(bare_scan(20_000))

    assert max(sought) == images.SCAN_PAGES_MAX


def test_small_print_is_as_sharp_as_the_slowest_filter_makes_it():
    image = Image.new("L", (3_600, 900), 255)
    draw = ImageDraw.Draw(image)
    for row in range(0, 900, 24):
        draw.text((0, row), "delivered goods, quantity, price and amount as agreed " * 6, fill=0, font_size=20)
    sharpest = image.resize((3_000, 750), Image.Resampling.LANCZOS)

    (picture,) = pictures(file(image, "PNG"))

    # Of this, 5 are the JPEG's. Faster filters than the one that is used differ by 11 and more.
    assert ImageStat.Stat(ImageChops.difference(picture, sharpest)).rms[0] < 8


def in_steps(count):
    """Return a progressive JPEG with so many more steps than it needs: a repeated last one changes nothing."""
    content = file(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    return content[:-2] + content[content.rfind(b"\xff\xda") : -2] * count + content[-2:]


def test_an_image_that_appears_in_very_many_steps_is_refused_without_decoding_them():
    for steps in (0, 50):
        assert len(pictures(in_steps(steps))) == 1
    with pytest.raises(InvalidDocument, match="too many steps"):
        image_page(in_steps(images.STEPS_MAX))


def test_what_looks_like_steps_behind_an_image_or_in_its_notes_counts_for_nothing():
    """A phone puts a film behind a photograph, and a preview into it."""
    content = file(Image.new("L", (64, 64), 128), "JPEG")
    notes = b"\xff\xe1" + (2_002).to_bytes(2) + b"\xff\xda" * 1_000

    assert len(pictures(content + b"\xff\xda" * 1_000)) == 1
    assert len(pictures(content[:2] + notes + content[2:])) == 1


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "TIFF", "WEBP", "PNG"])
def test_however_the_camera_was_held_the_picture_is_upright(form, turn):
    upright = Image.new("RGB", (120, 60), "white")
    upright.paste((0, 0, 0), (0, 0, 30, 15))
    undo = {2: 0, 3: 1, 4: 5, 5: 5, 6: 2, 7: 6, 8: 4}
    ways = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}  # fmt: skip
    held = upright.transpose(ways[turn]) if turn in undo else upright
    exif = Image.Exif()
    exif[0x0112] = turn

    (picture,) = pictures(file(held, form, exif=exif))

    assert picture.size == (120, 60)
    assert gray_at(picture, (5, 5)) < 60
    assert min(gray_at(picture, place) for place in ((115, 5), (5, 55), (115, 55))) > 200


def test_a_phones_picture_of_several_parts_is_one_page():
    first, second = halves("RGB", (0, 0, 0), (255, 255, 255), (300, 200)), Image.new("RGB", (30, 20))

    (picture,) = pictures(file(first, "MPO", save_all=True, append_images=[second]))

    assert picture.size == (300, 200)


def test_text_on_a_large_photograph_stays_readable_and_sharp_at_the_edges_of_strips(monkeypatch):
    image = Image.new("L", (3_600, 2_400), 255)
    draw = ImageDraw.Draw(image)
    for row in range(0, 2_400, 60):
        draw.line((0, row, 3_600, row), fill=0, width=6)
    content = file(image, "PNG")

    (whole,) = pictures(content)
    monkeypatch.setattr(images, "STRIP_PIXELS", 100_000)
    (in_strips,) = pictures(content)

    assert whole.size == (3_000, 2_000)
    assert in_strips.tobytes() == whole.tobytes()


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_a_page_as_scanners_make_them_keeps_every_pixel_and_a_larger_one_is_made_smaller(mode):
    def size_kept(*size):
        (picture,) = pictures(file(Image.new(mode, size, "white"), "TIFF"))
        return picture.size

    assert size_kept(2_480, 3_508) == (2_480, 3_508)
    assert size_kept(2_550, 3_300) == (2_550, 3_300)
    assert size_kept(2_480, 3_509) == (2_120, 3_000)


def test_a_scan_as_scanners_make_them_is_made_smaller_where_its_pages_come_to_too_much(monkeypatch):
    content = file(Image.effect_noise((2_480, 3_508), 20), "TIFF")
    monkeypatch.setattr(images, "PDF_BYTES_MAX", len(image_page(content)) * 9 // 10)

    (picture,) = pictures(content)

    assert picture.size == (2_121, 3_000)


def test_a_note_in_a_photograph_is_not_in_the_page():
    content = file(Image.new("RGB", (80, 60), "white"), "JPEG", comment=b"from my phone")

    assert b"from my phone" in content
    assert b"from my phone" not in image_page(content)


@pytest.mark.parametrize(("width", "height"), [(1_080, 12_000), (600, 9_000), (12_000, 1_080)])
def test_a_till_receipt_is_not_made_too_narrow_to_read(width, height):
    (picture,) = pictures(file(Image.new("L", (width, height), 255), "JPEG"))

    assert min(picture.size) >= min(width, 750) * 0.98


def test_a_scan_whose_pages_come_to_too_much_is_made_smaller_and_in_the_end_refused(monkeypatch):
    page = Image.effect_noise((1_200, 1_600), 90)
    content = file(page, "TIFF", save_all=True, append_images=[page] * 4, compression="jpeg")
    whole = len(image_page(content))
    monkeypatch.setattr(images, "SIZES", ((3_000, 80, 3_000), (500, 60, 500)))
    monkeypatch.setattr(images, "PDF_BYTES_MAX", whole // 2)

    assert {picture.size for picture in pictures(content)} == {(750, 1_000)}

    monkeypatch.setattr(images, "PDF_BYTES_MAX", 100)
    with pytest.raises(InvalidDocument, match="too large for pages"):
        image_page(content)


@pytest.mark.parametrize(
    ("name", "limit", "reason"),
    [
        ("pixels", ("IMAGE_PIXELS_MAX", 1_000), "80 by 60 pixels, too large to convert"),
        ("bytes", ("DECODED_BYTES_MAX", 1_000), "80 by 60 pixels of a kind that takes"),
    ],
)
def test_what_would_not_fit_into_the_memory_is_refused_before_it_is_unpacked(monkeypatch, name, limit, reason):
    content = file(halves("RGB", (0, 0, 0), (255, 255, 255)), "PNG")
    monkeypatch.setattr(images, *limit)
    monkeypatch.setattr(Image.Image, "load", lambda _image: pytest.fail("it was unpacked"))

    with pytest.raises(InvalidDocument, match=reason):
        image_page(content)


def test_an_animation_counts_twice_for_the_picture_that_is_kept_beside_it(monkeypatch):
    first, second = halves("RGB", (0, 0, 0), (255, 255, 255)), Image.new("RGB", (80, 60), "white")
    monkeypatch.setattr(images, "DECODED_BYTES_MAX", 80 * 60 * 4)

    assert pictures(file(first, "PNG"))
    with pytest.raises(InvalidDocument, match="too large to convert"):
        image_page(file(first, "PNG", save_all=True, append_images=[second]))


def test_a_photograph_that_appears_step_by_step_is_refused_where_its_steps_would_not_fit(monkeypatch):
    image = halves("RGB", (0, 0, 0), (255, 255, 255))
    monkeypatch.setattr(images, "STEPS_BYTES_MAX", 80 * 60 * 3 - 1)

    assert pictures(file(image, "JPEG"))
    with pytest.raises(InvalidDocument, match="too large to convert"):
        image_page(file(image, "JPEG", progressive=True))


# -- memory, measured in a process of its own ------------------------------------------------------------------------

MEASURE = """
import resource, sys
import odoo_extractor
from pipeline.files.images import image_page
from pipeline.odoo.papers import PDF_BYTES_MAX
content = open(sys.argv[1], "rb").read()
image_page(content)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
PEAK_MAX_MB = 200


def peak_mb(path):
    # By way of a shell that stays: a child that is forked here would begin with this process' own peak.
    command = f'"{sys.executable}" -c "$CODE" "{path}"; exit $?'
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, env={**os.environ, "CODE": MEASURE, "PYTHONPATH": "lambda:."},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def a_photograph(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    small = Image.effect_noise((1_118, 838), 60).convert("RGB")
    small.resize((8_944, 6_704)).save(path, "JPEG", quality=85, exif=exif)


def a_scan(path):
    page = Image.new("RGB", (2_480, 3_508), (244, 240, 230))
    draw = ImageDraw.Draw(page)
    for row in range(150, 3_400, 800):
        draw.text((250, row), "delivered goods, quantity, price and amount as agreed", fill=(40, 40, 60), font_size=50)
    path.write_bytes(scan_of(file(page, "TIFF", compression="tiff_adobe_deflate"), 100))
    assert path.stat().st_size < PDF_BYTES_MAX


def a_scan_of_large_pages(path):
    page = Image.new("RGB", (3_000, 4_000), (244, 240, 230))
    path.write_bytes(scan_of(file(page, "TIFF", compression="tiff_adobe_deflate"), 6))


def a_long_strip(path):
    Image.new("RGB", (60_000, 1_000), "white").save(path, "JPEG")


def a_fax(path):
    page = Image.new("1", (1_728, 2_200), 1)
    ImageDraw.Draw(page).text((100, 100), "delivered goods, quantity", fill=0, font_size=40)
    path.write_bytes(scan_of(file(page, "TIFF", compression="group4"), 100))


@pytest.mark.parametrize(
    "make", [a_photograph, a_scan, a_scan_of_large_pages, a_long_strip, a_fax], ids=lambda make: make.__name__
)
def test_the_largest_images_there_may_be_stay_far_below_the_functions_memory(tmp_path, make):
    make(tmp_path / "paper")

    assert peak_mb(tmp_path / "paper") < PEAK_MAX_MB
