"""What `requests` would send to a stand-in and get from it, without a connection, for whoever asks in its process.

`worded` and `read` do it for the calls of `pipeline.http.send` without `requests`, which takes longer over most of them
than the stand-in does; `tests/contracts` compares the two.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from email.message import Message
from functools import lru_cache
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.cookies import extract_cookies_to_jar
from urllib3.response import HTTPResponse

from local.stand_ins.http_server import Request, Response, body_of

_ADAPTER = requests.adapters.HTTPAdapter()


def request_of(prepared: requests.PreparedRequest) -> Request:
    """Return a prepared request as a stand-in's server would read it."""
    parts = urlsplit(prepared.url or "")
    headers = {name.lower(): str(value) for name, value in prepared.headers.items()}
    return Request(
        prepared.method or "GET",
        parts.path,
        dict(parse_qsl(parts.query, keep_blank_values=True)),
        {"host": parts.netloc, **headers},
        body_of(prepared),
    )


def response_to(prepared: requests.PreparedRequest, answer: Response) -> requests.Response:
    """Return an answer as `requests` would have read it."""
    headers = {"Content-Type": answer.content_type, **answer.headers, "Content-Length": str(len(answer.body))}
    # Without cookies `requests` need not look for any, three times.
    original = _Original(headers) if _sets_cookies(answer) else None
    raw = HTTPResponse(
        io.BytesIO(answer.body), headers=headers, status=answer.status, preload_content=False,
        original_response=original,  # type: ignore[arg-type]
    )  # fmt: skip
    return _ADAPTER.build_response(prepared, raw)


def worded(session: requests.Session, method: str, url: str, arguments: Mapping[str, Any]) -> Request | None:
    """Return what a session would send as a stand-in's server would read it; None where `requests` must word it.

    That is whatever needs more than a call of `pipeline.http.send` usually does: cookies, forms, files, hooks.
    """
    headers, params = arguments.get("headers") or {}, arguments.get("params") or {}
    is_usual = (
        arguments.keys() <= _USUAL
        and method.isupper()
        and isinstance(headers, dict)
        and isinstance(params, dict)
        and arguments.get("stream") is True
        and arguments.get("allow_redirects") is False
        and type(session) is requests.Session
        and not (session.trust_env or session.auth or session.params or any(session.hooks.values()))
        and not any(True for _ in session.cookies)
        and all(map(_is_plain, (*headers.values(), *params.values())))
    )
    sent = _body(arguments.get("data"), arguments.get("json")) if is_usual else None
    if sent is None:
        return None
    body, described = sent
    host, path, query = _place(url)
    if body or method not in ("GET", "HEAD"):
        described["content-length"] = str(len(body))
    ours = {name.lower(): value for name, value in headers.items()}
    usual = {name.lower(): str(value) for name, value in session.headers.items()}
    return Request(method, path, {**query, **params}, {"host": host, **usual, **described, **ours}, body)


_USUAL = {"timeout", "stream", "allow_redirects", "headers", "params", "data", "json"}


def _is_plain(value: Any) -> bool:
    """Whether a header or parameter arrives as it is."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value[:1] != " "


def _body(data: Any, value: Any) -> tuple[bytes, dict[str, str]] | None:
    """Return a body with the headers that describe it."""
    if data:
        data = data.encode() if isinstance(data, str) else data
        return (data, {}) if isinstance(data, bytes) else None
    if value is None:
        return b"", {}
    try:
        return json.dumps(value, allow_nan=False).encode(), {"content-type": "application/json"}
    except ValueError:
        return None


@lru_cache(1_000)
def _place(url: str) -> tuple[str, str, dict[str, str]]:
    """Return host, path and query of an address as `requests` words it."""
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    parts = urlsplit(str(prepared.url))
    return parts.netloc, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def read(session: requests.Session, method: str, url: str, answer: Response) -> Read | requests.Response:
    """Return what a session has of an answer to what was `worded`; it keeps the cookies."""
    said = {name.lower() for name in answer.headers}
    if said & _NOT_PLAIN:
        return response_to(session.prepare_request(requests.Request(method, url)), answer)
    if _sets_cookies(answer):
        prepared = session.prepare_request(requests.Request(method, url))
        extract_cookies_to_jar(session.cookies, prepared, response_to(prepared, answer).raw)  # type: ignore[no-untyped-call]
    return Read(answer)


# What is done about when an answer is read, or there twice.
_NOT_PLAIN = {"content-encoding", "transfer-encoding", "content-type", "content-length"}


def _sets_cookies(answer: Response) -> bool:
    return any(name.lower() == "set-cookie" for name in answer.headers)


class Read:
    """An answer as `pipeline.http.send` reads it."""

    def __init__(self, answer: Response) -> None:
        self.status_code = answer.status
        self.headers = {"Content-Type": answer.content_type, **answer.headers, "Content-Length": str(len(answer.body))}
        self.raw = self
        self._body = io.BytesIO(answer.body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """There is nothing to close."""

    def read1(self, size: int, *, decode_content: bool) -> bytes:  # noqa: ARG002 - no stand-in packs its answers
        """Return what has arrived, at most so many bytes."""
        return self._body.read1(size)


class _Original:
    """Where `requests` looks for cookies."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.msg = Message()
        for name, value in headers.items():
            self.msg[name] = value

    def isclosed(self) -> bool:
        """Say that all has been read."""
        return True

    def close(self) -> None:
        """There is nothing to close."""
