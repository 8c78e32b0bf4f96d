"""Embed files into one PDF by adding to its end: every byte of it stays, so that a signature in it still holds.

A PDF is changed by an incremental update (ISO 32000-1, 7.5.6): new objects, a new catalogue that names them, and a
table of where they are. Of a signed file, viewers show that something was added after the signature and that the signed
part is unchanged.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Sequence
from typing import Any

# How many files a PDF may have embedded already. With more it is written again as a whole.
EMBEDDED_BEFORE_MAX = 1_000
_NESTED_MAX = 20
# The largest number of an object that every viewer reads.
_NUMBER_MAX = 8_000_000
_STARTXREF = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*$")
_TAIL_BYTES = 2_048


def with_appended(content: bytes, reader: Any, files: Sequence[tuple[str, bytes]]) -> bytes | None:
    """Return the PDF with files (name, bytes) embedded, or None if nothing can be added to the end of this one.

    That is so for an encrypted PDF and for one that viewers have to repair. `reader` is the open PDF.
    """
    found = _STARTXREF.search(content[-_TAIL_BYTES:])
    if reader.is_encrypted or not found or not content.startswith(b"%PDF-"):
        return None
    begins_at = int(found[1])
    if content[begins_at : begins_at + 4] != b"xref" and not re.match(
        rb"\d+\s+\d+\s+obj", content[begins_at : begins_at + 40]
    ):
        return None
    try:
        return _Update(content, reader, begins_at).finished(files)
    except Exception:  # noqa: BLE001 - pypdf raises many kinds of errors for a broken file
        return None


class _NotPossible(Exception):
    """Nothing can be added to the end of this PDF."""


class _Update:
    """The objects that are added to the end of a PDF."""

    def __init__(self, content: bytes, reader: Any, begins_at: int) -> None:
        self._content = content
        self._reader = reader
        self._begins_at = begins_at
        self._target = io.BytesIO()
        self._target.write(content)
        self._target.write(b"\n")
        self._offsets: dict[int, int] = {}
        known = [*reader.xref_objStm, *(number for table in reader.xref.values() for number in table)]
        self._next: int = max(int(reader.trailer["/Size"]), *known, 0) + 1
        if self._next > _NUMBER_MAX:
            raise _NotPossible

    def finished(self, files: Sequence[tuple[str, bytes]]) -> bytes:
        from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

        root = self._reader.trailer.raw_get("/Root")
        if getattr(root, "generation", 1) != 0:
            raise _NotPossible
        named = _embedded_before(self._reader.root_object)
        for name, data in files:
            stream = self._add_stream(data)
            entries = {
                "/Type": NameObject("/Filespec"),
                "/F": TextStringObject(name),
                "/UF": TextStringObject(name),
                "/EF": DictionaryObject({NameObject("/F"): stream}),
            }
            filespec = DictionaryObject({NameObject(key): value for key, value in entries.items()})
            named.append((TextStringObject(name), self._add(filespec)))
        named.sort(key=lambda pair: _sorted_as(pair[0]))
        leaf = DictionaryObject({NameObject("/Names"): ArrayObject([part for pair in named for part in pair])})
        catalogue = DictionaryObject(dict.items(self._reader.root_object))
        names = DictionaryObject(dict.items(_dictionary(catalogue, "/Names")))
        names[NameObject("/EmbeddedFiles")] = self._add(leaf)
        catalogue[NameObject("/Names")] = self._add(names)
        self._add(catalogue, root.idnum)
        self._write_table(root)
        return self._target.getvalue()

    def _add(self, value: Any, number: int | None = None) -> Any:
        from pypdf.generic import IndirectObject

        number = self._number() if number is None else number
        self._offsets[number] = self._target.tell()
        self._target.write(b"%d 0 obj\n" % number)
        value.write_to_stream(self._target)
        self._target.write(b"\nendobj\n")
        return IndirectObject(number, 0, self._reader)

    def _add_stream(self, data: bytes) -> Any:
        from pypdf.generic import IndirectObject

        number, packed = self._number(), zlib.compress(data)
        self._offsets[number] = self._target.tell()
        entries = b"/Type /EmbeddedFile /Filter /FlateDecode /Length %d /Params << /Size %d >>" % (
            len(packed),
            len(data),
        )
        self._target.write(b"%d 0 obj\n<< %s >>\nstream\n" % (number, entries))
        self._target.write(packed)
        self._target.write(b"\nendstream\nendobj\n")
        return IndirectObject(number, 0, self._reader)

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _write_table(self, root: Any) -> None:
        """Write where the new objects are, in the form that the file has already: the two must not be mixed."""
        is_table = self._content[self._begins_at : self._begins_at + 4] == b"xref"
        own = None if is_table else self._number()
        at = self._target.tell()
        rest = b" /Size %d /Prev %d /Root %d 0 R" % (self._next, self._begins_at, root.idnum)
        for key in ("/Info", "/ID"):
            if key in self._reader.trailer:
                kept = io.BytesIO()
                self._reader.trailer.raw_get(key).write_to_stream(kept)
                rest += b" " + key.encode() + b" " + kept.getvalue()
        if own is None:
            self._target.write(b"xref\n")
            for number, offset in sorted(self._offsets.items()):
                self._target.write(b"%d 1\n%010d 00000 n \n" % (number, offset))
            self._target.write(b"trailer\n<<%s >>\n" % rest)
        else:
            self._offsets[own] = at
            index = b" ".join(b"%d 1" % number for number in sorted(self._offsets))
            rows = b"".join(b"\x01" + offset.to_bytes(4, "big") + b"\0" for _, offset in sorted(self._offsets.items()))
            entries = b"/Type /XRef /W [1 4 1] /Index [%s] /Length %d%s" % (index, len(rows), rest)
            self._target.write(b"%d 0 obj\n<< %s >>\nstream\n%s\nendstream\nendobj\n" % (own, entries, rows))
        self._target.write(b"startxref\n%d\n%%%%EOF\n" % at)


def _embedded_before(catalogue: Any) -> list[tuple[Any, Any]]:
    """Return the names and objects of the files that are embedded already."""
    found: list[tuple[Any, Any]] = []
    waiting = [(_dictionary(_dictionary(catalogue, "/Names"), "/EmbeddedFiles"), 0)]
    while waiting:
        node, depth = waiting.pop()
        pairs = _array(node, "/Names")
        found += zip(pairs[::2], pairs[1::2], strict=False)
        waiting += [(_opened(kid, dict), depth + 1) for kid in _array(node, "/Kids")]
        if depth > _NESTED_MAX or len(found) + len(waiting) > EMBEDDED_BEFORE_MAX:
            raise _NotPossible
    return found


def _dictionary(entries: Any, key: str) -> Any:
    # Do not use the mapping's `get`: it would follow a reference to itself for ever.
    return _opened(dict.get(entries, key, {}), dict)


def _array(entries: Any, key: str) -> list[Any]:
    return list(_opened(dict.get(entries, key, []), list))


def _opened(value: Any, kind: type) -> Any:
    value = value.get_object() if hasattr(value, "get_object") else value
    if not isinstance(value, kind):
        raise _NotPossible
    return value


def _sorted_as(name: Any) -> bytes:
    written = getattr(_opened(name, str), "original_bytes", None)
    return written if isinstance(written, bytes) else str(name).encode("utf-16-be")
