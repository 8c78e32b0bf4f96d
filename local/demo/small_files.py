"""Small valid files made by code: a PDF page with a few words, and a one-colour PNG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

LINES_MAX = 40


def pdf_page(lines: Sequence[str], *, title: str = "", created: str = "20261120210000") -> bytes:
    """Return a one-page PDF showing `lines` in Helvetica; `created` (YYYYMMDDHHMMSS) is kept in the file."""
    shown = "\n".join(f"({_escaped(line)}) Tj T*" for line in lines[:LINES_MAX])
    content = f"BT /F1 11 Tf 14 TL 56 780 Td\n{shown}\nET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 7 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({_escaped(title)}) /CreationDate (D:{created}Z) >>".encode("latin-1"),
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    pdf = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table_at = len(pdf)
    pdf += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    pdf += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    pdf += b"trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\n" % (len(objects) + 1)
    pdf += b"startxref\n%d\n%%%%EOF\n" % table_at
    return bytes(pdf)


def png_image(width: int, height: int, rgb: tuple[int, int, int]) -> bytes:
    """Return a PNG of one colour."""
    rows = (b"\x00" + bytes(rgb) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _escaped(text: str) -> str:
    """Return `text` as the inside of a PDF string; what Latin-1 lacks becomes a question mark."""
    latin = text.encode("latin-1", "replace").decode("latin-1")
    return latin.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").replace("\n", " ")
