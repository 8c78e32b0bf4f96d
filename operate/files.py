"""Files on the machine of whoever runs a command: whole, or not there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes, *, is_new: bool = False) -> None:
    """Write a file whole or not at all: a full disk or Ctrl-C leaves what was there before.

    With `is_new` it raises FileExistsError where there is one already, also one that was made meanwhile. Every OSError
    names the file.
    """
    part, is_claimed = path.with_name(f".{path.name}.part"), False
    try:
        if is_new:
            path.open("xb").close()
            is_claimed = True
        part.write_bytes(content)
        part.replace(path)
        is_claimed = False
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        # What ended the writing may end this, too, and is the one to be said.
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if is_claimed:
            with suppress(OSError):
                path.unlink(missing_ok=True)
