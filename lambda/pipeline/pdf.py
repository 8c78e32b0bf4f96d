"""PDFs as bytes: open one, merge several, turn an image into a page, draw a plain page.

The libraries are imported where they are used: a run that only finds unchanged documents needs none of them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from pipeline.domain.document import Document, LineKind
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.money import plain, shown

PAGES_MAX = 2_000
IMAGE_PIXELS_MAX = 60_000_000
IMAGE_SIDE_MAX = 3_000
SCAN_PAGES_MAX = 100
# Viewers look for the header in the first kilobyte.
_HEADER_WITHIN = 1024
_IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "TIFF", "WEBP")
_PLAIN_LINES_MAX = 300


def check(content: bytes) -> None:
    """Raise InvalidDocument unless the bytes are a PDF that opens without a password and has a page."""
    _reader(content)


def merged(contents: Sequence[bytes]) -> bytes:
    """Return one PDF with the pages of all; a single one is returned byte for byte."""
    if len(contents) == 1:
        check(contents[0])
        return contents[0]
    from pypdf import PdfWriter

    readers = [_reader(content) for content in contents]
    target = io.BytesIO()
    try:
        writer = PdfWriter()
        for reader in readers:
            for page in reader.pages:
                writer.add_page(page)
        writer.write(target)
    except Exception as error:  # a page that is damaged inside shows only when it is copied
        raise InvalidDocument("do not merge: one of them is damaged inside") from error
    return target.getvalue()


def _reader(content: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202
    # Named so that it is packed: with it pypdf opens print-protected files, which need no password to be read.
    from Crypto.Cipher import AES  # noqa: F401
    from pypdf import PasswordType, PdfReader

    if b"%PDF-" not in content[:_HEADER_WITHIN]:
        raise InvalidDocument("is not a PDF" if content else "is empty")
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise InvalidDocument("is protected by a password")
        pages = len(reader.pages)
        if pages:
            _ = reader.pages[0].mediabox
    except InvalidDocument:
        raise
    except Exception as error:  # pypdf raises whatever a broken file leads it to
        raise InvalidDocument("is damaged and does not open") from error
    if not 0 < pages <= PAGES_MAX:
        raise InvalidDocument(f"has {pages} pages")
    return reader


def image_page(content: bytes) -> bytes:
    """Return a PDF of a JPEG, PNG, GIF, TIFF or WebP image, upright, at most 3,000 pixels a side.

    A scan of several pages (TIFF) keeps them all. Raises InvalidDocument for anything that is not such an image, is
    larger than 60 megapixels, or has more than 100 pages.
    """
    from PIL import Image

    try:
        # Only these formats: others would hand the file to a program such as Ghostscript.
        with Image.open(io.BytesIO(content), formats=_IMAGE_FORMATS) as opened:
            count = getattr(opened, "n_frames", 1) if opened.format == "TIFF" else 1
            if count > SCAN_PAGES_MAX:
                raise InvalidDocument(f"is a scan of {count} pages, too many to convert")
            found = []
            for number in range(count):
                if number:
                    opened.seek(number)
                if opened.width * opened.height > IMAGE_PIXELS_MAX:
                    raise InvalidDocument(
                        f"is an image of {opened.width} by {opened.height} pixels, too large to convert"
                    )
                found.append(_upright(opened))
            target = io.BytesIO()
            found[0].save(target, "PDF", resolution=150.0, save_all=True, append_images=found[1:])
            return target.getvalue()
    except InvalidDocument:
        raise
    except Exception as error:  # Pillow raises whatever a broken file leads it to
        raise InvalidDocument("is not a readable image") from error


def _upright(opened: Any) -> Any:
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(opened)
    if upright.mode in ("RGBA", "LA", "P", "PA"):
        # Transparent parts would come out black.
        see_through = upright.convert("RGBA")
        image = Image.new("RGB", see_through.size, "white")
        image.paste(see_through, mask=see_through.getchannel("A"))
    else:
        image = upright.convert("L" if upright.mode in ("1", "L") else "RGB")
    image.thumbnail((IMAGE_SIDE_MAX, IMAGE_SIDE_MAX))
    return image


def plain_page(document: Document, notes: Sequence[str]) -> bytes:
    """Return a PDF made of the document's own data, for when Odoo has none; the notes say why it had to be made."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    # Viewers bring this font themselves; with it Latin, Greek, Cyrillic and East Asian names can be shown.
    wide_font = "HeiseiKakuGo-W5"
    pdfmetrics.registerFont(UnicodeCIDFont(wide_font))
    target = io.BytesIO()
    # `invariant` leaves out the time of day, so that the same document makes the same bytes.
    canvas = Canvas(target, pagesize=A4, invariant=1)
    canvas.setTitle(_drawable(f"{document.document_type.noun} {document.number}"))
    top = A4[1] - 60
    y = top
    for given, size in _plain_text(document, notes):
        text = _drawable(given)
        if y < 60:
            canvas.showPage()
            y = top
        canvas.setFont("Helvetica" if _is_latin(text) else wide_font, size)
        canvas.drawString(50, y, text[:110])
        y -= size + 6
    canvas.save()
    return target.getvalue()


def _drawable(text: str) -> str:
    # Half a surrogate pair is no character, in no font.
    return text.encode("utf-8", "replace").decode()


def _is_latin(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _plain_text(document: Document, notes: Sequence[str]) -> list[tuple[str, int]]:
    """Return the lines of the plain page with their sizes in points."""
    currency = document.currency
    facts = [
        ("Company", document.company.name),
        ("Party", document.party.name.strip()),
        ("Reference", document.reference),
        ("Date", document.issued_on.isoformat()),
        ("Due", document.due_on.isoformat()),
        ("Odoo", document.url),
    ]
    lines = [(f"{document.document_type.noun.capitalize()} {document.number}", 16), ("", 10)]
    lines += [(f"{name}: {value}", 10) for name, value in facts if value]
    lines.append(("", 10))
    for line in document.lines[:_PLAIN_LINES_MAX]:
        description = " ".join(line.description.split())[:70]
        if line.kind is LineKind.ITEM:
            quantity = f"{plain(line.quantity)} x {plain(line.unit_price)}"
            lines.append((f"{description}   {quantity}   {shown(line.amount, currency)}", 9))
        elif description:
            lines.append((description, 9))
    if len(document.lines) > _PLAIN_LINES_MAX:
        lines.append((f"... and {len(document.lines) - _PLAIN_LINES_MAX} more lines", 9))
    lines += [
        ("", 10),
        (f"Untaxed {shown(document.untaxed, currency)}", 10),
        (f"Tax {shown(document.tax, currency)}", 10),
        (f"Total {shown(document.total, currency)}", 12),
        ("", 10),
        ("This page was made from the document's data, because Odoo gave no PDF of it.", 8),
    ]
    return lines + [(note, 8) for note in notes]
