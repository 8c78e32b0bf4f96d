"""An image as a PDF, of any mode and size: upright, readable, on white, and decoded in little memory.

A phone's photograph has sixty megapixels and a scan a hundred pages. So a JPEG is decoded at a fraction of its size, a
scan page by page, and each page is converted in strips: nothing is ever held twice in full.
"""

from __future__ import annotations

import io
import math
import re
import zlib
from typing import Any

from pipeline.domain.errors import InvalidDocument

IMAGE_PIXELS_MAX = 60_000_000
# The memory that one page may take while it is decoded: what a function of 512 MB has left beside itself, the other
# files of the bill and the page that is made, and still takes less than seven tenths of it.
DECODED_BYTES_MAX = 160 * 2**20
# The same for the steps of a progressive JPEG, of which a fraction is decoded and no other copy made.
STEPS_BYTES_MAX = 200 * 2**20
# A till receipt and a screenshot are long and narrow: do not make them too narrow to read.
IMAGE_SIDE_MIN = 750
IMAGE_SIDE_LONGEST = 28_000
PAGE_PIXELS_MAX = 9_000_000
SCAN_PAGES_MAX = 100
# A progressive JPEG has about ten steps, each over the whole picture. More only take time.
STEPS_MAX = 100
SEGMENTS_MAX = 10_000
# The largest PDF of one scan: no file above this is carried along.
PDF_BYTES_MAX = 25 * 2**20
STRIP_PIXELS = 1_000_000
DOTS_PER_INCH = 150
# The longer side that a larger page is given, its quality, and the longer side up to which a page is kept as it is. The
# first choice under which all pages are small enough is taken. A4 and Letter at 300 dots an inch are kept first: making
# them a seventh smaller takes longer than all else, and softens their text.
SIZES = ((3_000, 80, 3_508), (3_000, 80, 3_000), (2_000, 70, 2_000), (1_500, 60, 1_500))
# Only these formats: for others Pillow would start a program such as Ghostscript.
FORMATS = ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP")

# Bytes per pixel in memory. Pillow keeps every image with several bands in four.
_ONE_BYTE = ("1", "L", "P")
_DEEP_GRAY = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
# Of a picture in the colours of the eye its brightness is kept, which is one of its three bands.
_GRAY = ("1", "L", "LA", "La", "LAB", *_DEEP_GRAY)
# White in grays of one, 8, 12 and 16 bits: the file does not say how many of its bits are used.
_WHITES = (1, 255, 4_095, 65_535)
_SEE_THROUGH = ("LA", "La", "PA", "RGBA", "RGBa")
_WEBP_PIXEL_BYTES = 12
_ORIENTATION = 0x0112
# How to turn an image upright, by its EXIF orientation.
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


class TooLargeForPages(InvalidDocument):
    """It is an image, but converting it takes more memory or time than there is. The file itself is sound."""


def image_page(content: bytes) -> bytes:
    """Return a PDF of a JPEG, PNG, GIF, TIFF, WebP or BMP image, upright and on white.

    A scan of several pages (TIFF) keeps all of them, an animation its first frame. The longer side of a page has at
    most three thousand pixels, or more if the shorter side would become unreadable. Raises TooLargeForPages for one
    that would take too much memory or time, and another InvalidDocument for anything that is not such an image.
    """
    from PIL import Image

    _check_webp(content)
    _check_steps(content)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            count = _pages_of_scan(opened) if opened.format == "TIFF" else 1
            for side, quality, kept_up_to in SIZES:
                pages = _Pages(quality)
                for number in range(count):
                    if count > 1:
                        opened.seek(number)
                    _check_size(opened)
                    pages.add(_page(opened, kept_up_to if max(opened.size) <= kept_up_to else side))
                    # Stop if the first pages already show that all of them would be too large.
                    if pages.size / (number + 1) * count > PDF_BYTES_MAX and (pages.size > PDF_BYTES_MAX / 10):
                        break
                else:
                    return pages.finished()
            raise TooLargeForPages(f"comes to more than {PDF_BYTES_MAX / 2**20:.0f} MB as a PDF, too large for pages")
    except InvalidDocument:
        raise
    except Image.DecompressionBombError as error:
        raise TooLargeForPages("is an image of more pixels than can be converted") from error
    except Exception as error:  # Pillow raises whatever a broken file leads it to
        raise InvalidDocument("is not a readable image") from error


def _check_webp(content: bytes) -> None:
    """Raise TooLargeForPages for a WebP image that would not fit into memory: opening it takes room for all of it."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return
    kind, head = content[12:16], content[16:40]
    width = height = 0
    if kind == b"VP8X":
        width, height = 1 + int.from_bytes(head[8:11], "little"), 1 + int.from_bytes(head[11:14], "little")
    elif kind == b"VP8 ":
        width, height = (int.from_bytes(head[start : start + 2], "little") & 0x3FFF for start in (10, 12))
    elif kind == b"VP8L":
        bits = int.from_bytes(head[5:9], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    _check_bytes(width, height, width * height * _WEBP_PIXEL_BYTES)


_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_BEGIN, _END, _STEP = b"\xd8", b"\xd9", b"\xda"


def _check_steps(content: bytes) -> None:
    """Raise TooLargeForPages for a JPEG of very many steps: few bytes of them take minutes to decode."""
    if not content.startswith(b"\xff\xd8"):
        return
    steps = segments = 0
    at = 2
    while (found := _MARKER.search(content, at)) and found[1] != _END:
        steps, segments = steps + (found[1] == _STEP), segments + 1
        if steps > STEPS_MAX or segments > SEGMENTS_MAX:
            raise TooLargeForPages("is an image that appears in too many steps to convert")
        length = 0 if found[1] == _BEGIN else int.from_bytes(content[found.end() : found.end() + 2])
        at = found.end() + length


def _pages_of_scan(opened: Any) -> int:
    """Return how many pages a scan has. Raises TooLargeForPages for too many, without looking for the last one."""
    count = 1
    try:
        # One after the other: Pillow counts wrongly when it is sent beyond the last one.
        while count <= SCAN_PAGES_MAX:
            opened.seek(count)
            count += 1
    except EOFError:
        opened.seek(0)
        return count
    raise TooLargeForPages(f"is a scan of more than {SCAN_PAGES_MAX} pages, too many to convert")


def _check_size(opened: Any) -> None:
    """Raise TooLargeForPages for an image that would not fit into memory, before unpacking it."""
    pixels = opened.width * opened.height
    if opened.format in ("JPEG", "MPO"):
        # Decoded at a fraction of its size, but a progressive one is held whole until its last step.
        needed = _steps_bytes(opened) if opened.info.get("progressive") else 0
        _check_bytes(opened.width, opened.height, needed, STEPS_BYTES_MAX)
        return
    # The picture before it and what is drawn over it are kept beside a picture of an animation.
    copies = 2 if opened.format in ("PNG", "GIF") and getattr(opened, "is_animated", False) else 1
    _check_bytes(opened.width, opened.height, pixels * _bytes_of_a_pixel(opened) * copies)


def _check_bytes(width: int, height: int, needed: int, needed_max: int | None = None) -> None:
    shown = f"is an image of {width} by {height} pixels"
    if width * height > IMAGE_PIXELS_MAX:
        raise TooLargeForPages(f"{shown}, too large to convert")
    if needed > (DECODED_BYTES_MAX if needed_max is None else needed_max):
        raise TooLargeForPages(f"{shown} of a kind that takes {needed / 2**20:.0f} MB to unpack, too large to convert")


def _steps_bytes(opened: Any) -> int:
    most = max(across * down for _, across, down, _ in opened.layer)
    share = sum(across * down for _, across, down, _ in opened.layer) / most
    return int(opened.width * opened.height * share * 2)


def _bytes_of_a_pixel(opened: Any) -> int:
    # Grays of 16 bits are converted to 32 to find out how many of the bits are used.
    size = 1 if opened.mode in _ONE_BYTE else 6 if opened.mode.startswith("I;16") else 4
    # The libraries for these hold pixels of their own beside Pillow's: a strip, or the canvas of an animation.
    return size + {"TIFF": 3 if size > 1 else 0, "WEBP": _WEBP_PIXEL_BYTES - 4}.get(opened.format, 0)


def _page(opened: Any, side: int) -> Any:
    """Return the current page of an image as it is kept: in black and white, gray, or colour."""
    from PIL import Image

    if opened.format in ("JPEG", "MPO"):
        fraction = _fraction(opened.width, opened.height, side)
        opened.draft(None, (max(1, opened.width // fraction), max(1, opened.height // fraction)))
    opened.load()
    turn = _TURNS.get(opened.getexif().get(_ORIENTATION, 1))
    kept = _strips(opened, _size_kept(opened.width, opened.height, side))
    return kept.transpose(Image.Transpose[turn]) if turn else kept


def _fraction(width: int, height: int, side: int) -> int:
    """Return the fraction of its size at which a JPEG is decoded: as small as the result or the memory allows."""
    longer = max(_size_kept(width, height, side)) * 2 / 3
    shorter = min(width, height)
    readable = [part for part in (8, 4, 2) if max(width, height) / part >= longer and shorter / part >= IMAGE_SIDE_MIN]
    small_enough = [part for part in (1, 2, 4, 8) if width * height / part**2 <= 2 * PAGE_PIXELS_MAX]
    return max([*readable[:1], *small_enough[:1], 1])


def _size_kept(width: int, height: int, side: int) -> tuple[int, int]:
    shorter, longer = sorted((width, height))
    scale = min(1.0, max(side / longer, IMAGE_SIDE_MIN / shorter))
    scale = min(scale, math.sqrt(PAGE_PIXELS_MAX / (width * height)), IMAGE_SIDE_LONGEST / longer)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _strips(opened: Any, size: tuple[int, int]) -> Any:
    """Return an image in its final size, flattened and resized strip by strip."""
    from PIL import Image

    width, height = size
    if opened.mode in ("1", "L", "RGB") and size == opened.size and "transparency" not in opened.info:
        kept = opened.copy()
        # A note in the file would be written into the page.
        kept.info.clear()
        return kept
    kept = Image.new("L" if opened.mode in _GRAY else "RGB", size, "white")
    brightness = _brightness(opened)
    step = opened.height / height
    # How far the filter looks beyond the edge of a strip.
    margin = math.ceil(2 * step) + 1
    rows = max(8, int(STRIP_PIXELS / opened.width / step))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first = max(0, int(top * step) - margin)
        last = min(opened.height, math.ceil(bottom * step) + margin)
        strip = _flat(opened.crop((0, first, opened.width, last)), kept.mode, brightness)
        edges = (0, top * step - first, opened.width, min(bottom * step, opened.height) - first)
        # On scans as good as Lanczos' filter, which looks at half as many pixels again.
        kept.paste(strip.resize((width, bottom - top), Image.Resampling.BICUBIC, box=edges), (0, top))
    return kept


def _brightness(opened: Any) -> tuple[float, float]:
    """Return the factor and offset that scale an image's grays of more than eight bits to black and white."""
    if opened.mode not in _DEEP_GRAY:
        return 1.0, 0.0
    low, high = (opened.convert("I") if opened.mode.startswith("I;16") else opened).getextrema()
    if low >= 0:
        for white in _WHITES if opened.mode == "F" else _WHITES[1:]:
            if high <= white:
                return 255 / white, 0.0
    spread = (high - low) or 1
    return 255 / spread, -low * 255 / spread


def _flat(strip: Any, mode: str, brightness: tuple[float, float]) -> Any:
    """Return a strip in gray or colour, with transparent parts on white."""
    from PIL import Image

    if strip.mode in _DEEP_GRAY:
        factor, offset = brightness
        deep = strip if strip.mode == "F" else strip.convert("I").convert("F")
        return deep.point(lambda value: value * factor + offset).convert(mode)
    if strip.mode == "LAB":
        return strip.getchannel("L").convert(mode)
    if strip.mode in _SEE_THROUGH or "transparency" in strip.info:
        plain = {"La": "LA", "RGBa": "RGBA"}.get(strip.mode)
        see_through = (strip.convert(plain) if plain else strip).convert("RGBA")
        white = Image.new("RGBA", see_through.size, "white")
        return Image.alpha_composite(white, see_through).convert(mode)
    return strip if strip.mode == mode else strip.convert(mode)


class _Pages:
    """A PDF that grows page by page, so that only the current page is held as an image."""

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._target = io.BytesIO(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        self._target.seek(0, io.SEEK_END)
        self._offsets: dict[int, int] = {}
        self._pages: list[int] = []

    def add(self, image: Any) -> None:
        first = 3 + 3 * len(self._pages)
        picture, drawing, page = first, first + 1, first + 2
        colours, bits, compression, data = _compressed(image, self._quality)
        width, height = (side * 72 / DOTS_PER_INCH for side in image.size)
        self._stream(
            picture,
            f"/Type /XObject /Subtype /Image /Width {image.width} /Height {image.height} /ColorSpace /{colours} "
            f"/BitsPerComponent {bits} /Filter /{compression}",
            data,
        )
        self._stream(drawing, "", f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Im0 Do Q".encode())
        self._object(
            page,
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] "
            f"/Resources << /XObject << /Im0 {picture} 0 R >> >> /Contents {drawing} 0 R >>".encode(),
        )
        self._pages.append(page)

    @property
    def size(self) -> int:
        return self._target.tell()

    def finished(self) -> bytes:
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._object(1, b"<< /Type /Catalog /Pages 2 0 R >>")
        self._object(2, f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} >>".encode())
        begins_at = self._target.tell()
        count = len(self._offsets) + 1
        self._target.write(f"xref\n0 {count}\n0000000000 65535 f \n".encode())
        for number in range(1, count):
            self._target.write(f"{self._offsets[number]:010d} 00000 n \n".encode())
        trailer = f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{begins_at}\n%%EOF\n"
        self._target.write(trailer.encode())
        return self._target.getvalue()

    def _stream(self, number: int, entries: str, data: bytes) -> None:
        head = f"<< {entries} /Length {len(data)} >>\nstream\n".encode()
        self._object(number, head + data + b"\nendstream")

    def _object(self, number: int, body: bytes) -> None:
        self._offsets[number] = self._target.tell()
        self._target.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")


def _compressed(image: Any, quality: int) -> tuple[str, int, str, bytes]:
    """Return the colour space, bits, filter and bytes of a page."""
    if image.mode == "1":
        return "DeviceGray", 1, "FlateDecode", zlib.compress(image.tobytes())
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality)
    return "DeviceGray" if image.mode == "L" else "DeviceRGB", 8, "DCTDecode", target.getvalue()
