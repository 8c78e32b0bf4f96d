"""A multipart body that is sent in pieces: the HTTP library's own would hold a file of 25 MB three times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from urllib3.fields import RequestField

PIECE_BYTES = 64 * 1024
_END = b"\r\n"


class Multipart:
    """Files as the body of one request. It can be sent more than once.

    `parts` are the field, the file's name, its content and its media type. The boundary must be in no content.
    """

    def __init__(self, parts: Sequence[tuple[str, str, bytes, str]], boundary: str) -> None:
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._pieces: list[bytes] = []
        for field, name, content, media_type in parts:
            head = RequestField.from_tuples(field, (name, content, media_type)).render_headers()
            self._pieces += [f"--{boundary}\r\n{head}".encode(), content, _END]
        self._pieces.append(f"--{boundary}--\r\n".encode())

    def release(self) -> None:
        """Release the files. The HTTP library's objects refer to each other, and would keep them in memory for long."""
        self._pieces.clear()

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __iter__(self) -> Iterator[memoryview]:
        for piece in self._pieces:
            view = memoryview(piece)
            for start in range(0, len(view), PIECE_BYTES):
                yield view[start : start + PIECE_BYTES]
