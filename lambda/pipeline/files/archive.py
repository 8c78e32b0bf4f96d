"""Office files as the archives they are: opened with limits, and never unpacked beyond a fixed size."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pipeline.domain.errors import InvalidDocument
from pipeline.files.file_kinds import is_large_archive

# What the parts of an Office file may come to when somebody opens it, and the parts of it that are XML here.
UNPACKED_BYTES_MAX = 500 * 2**20
XML_BYTES_MAX = 32 * 2**20


@contextmanager
def opened(
    content: bytes, what: str, needed: Collection[str]
) -> Iterator[tuple[zipfile.ZipFile, list[tuple[zipfile.ZipInfo, str]]]]:
    """Open an archive, and give it with its parts and their names in small letters.

    Raises InvalidDocument with the reason if it is too large, lacks a needed part, has two of one name, or turns out to
    be damaged while it is read. `what` says what the file is ("a spreadsheet").
    """
    if is_large_archive(content):
        raise InvalidDocument(f"is {what} of too many parts")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [(part, part.filename.replace("\\", "/").lower()) for part in archive.infolist()]
            names = {name for _, name in parts}
            if not names >= set(needed) or len(names) < len(parts):
                raise InvalidDocument(f"is {what} that lacks its main part")
            if sum(part.file_size for part, _ in parts) > UNPACKED_BYTES_MAX:
                raise InvalidDocument(f"is {what} that unpacks to more than {UNPACKED_BYTES_MAX // 2**20} MB")
            yield archive, parts
    except InvalidDocument:
        raise
    except Exception as error:  # zipfile and the parser raise many kinds of errors for a broken file
        raise InvalidDocument(f"is {what} that is damaged") from error
