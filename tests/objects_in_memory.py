"""Objects of embedded AWS, kept as the bytes that came: moto writes each, and each copy of it, to a file of its own.

A bill's papers have 25 MB. Whoever reads an object gets its bytes, and a copy shares them, with the hash of them.
"""

from __future__ import annotations

import io
from typing import Any

from moto.s3.models import FakeKey, S3Backend


def _keep(key: Any, content: bytes) -> None:
    # It shares what it begins with until somebody writes to it.
    key._value_buffer = io.BytesIO(content)
    key.contentsize = len(content)


_copy = S3Backend.copy_object


def _copy_with_hash(backend: Any, source: Any, bucket: str, name: str, *arguments: Any, **options: Any) -> None:
    _copy(backend, source, bucket, name, *arguments, **options)
    if not source.multipart:
        backend.get_bucket(bucket).keys[name]._etag = source._etag


FakeKey.value = property(lambda key: key._value_buffer.getvalue(), _keep)  # type: ignore[method-assign, assignment]
S3Backend.copy_object = _copy_with_hash  # type: ignore[method-assign]
