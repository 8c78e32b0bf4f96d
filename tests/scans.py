"""Scans of many pages for tests: one page is compressed, and the others repeat it."""

from __future__ import annotations

import struct


def scan_of(page: bytes, count: int) -> bytes:
    """Return a TIFF of `count` pages like the one of a TIFF, with as many bytes as if each had its own.

    To compress a hundred large pages takes longer than the conversion that is tested. A reader decodes each of them.
    """
    order, magic, first = struct.unpack_from("<2sHI", page)
    assert (order, magic) == (b"II", 42)
    (tags,) = struct.unpack_from("<H", page, first)
    directory = page[first : first + 2 + 12 * tags]
    (following,) = struct.unpack_from("<I", page, first + len(directory))
    assert following == 0
    made = bytearray(page)
    link = first + len(directory)
    for _ in range(count - 1):
        # The data of this page, which nobody reads: the offsets in its directory are those of the first.
        made += page[8:first] if first > len(page) // 2 else page[link + 4 :]
        made += bytes(len(made) % 2)
        struct.pack_into("<I", made, link, len(made))
        link = len(made) + len(directory)
        made += directory + bytes(4)
    return bytes(made)
