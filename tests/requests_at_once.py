"""Our requests to a stand-in without the words of `requests`, which take longer than most answers.

`requests` words the first request of each shape: its method, the names of its headers, and whether it has a body, and
which. The next of that shape gets the same headers, with its own values. What is worded in a special way (files, forms,
cookies, odd addresses) or read in one (redirects, cookies, packed bodies) is left to `requests`.
`contracts/test_stand_ins_without_sockets.py` compares the two.
"""

from __future__ import annotations

import io
import re
from typing import Any, Self

import requests
from requests.models import complexjson

from local.stand_ins.http_server import Request, Response
from local.stand_ins.in_process import request_of
from pipeline.sockets import BoundedAdapter

type Options = dict[str, Any]

# An address that `requests` leaves as it is: of a stand-in, and its path.
_ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)((?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+)")
_HEADER = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_OPTIONS = {"params", "headers", "json", "data", "timeout", "stream", "allow_redirects"}
# What `requests` does something about when it reads an answer, or has twice.
_NOT_PLAIN = {"set-cookie", "location", "content-encoding", "transfer-encoding", "content-type", "content-length"}

# What `requests` made of the headers of each shape.
_worded: dict[Any, dict[str, str]] = {}


def address_of(url: str) -> str | None:
    """Return the address of the stand-in that a URL names; None where the URL is not a plain one."""
    parts = _ADDRESS.fullmatch(url)
    return parts and parts[1]


def worded(session: requests.Session, method: str, url: str, options: Options) -> Request | None:
    """Return what arrives at the stand-in, or None where the words are left to `requests`."""
    parts = _ADDRESS.fullmatch(url)
    query, headers = options.get("params") or {}, options.get("headers") or {}
    if parts is None or not _are_ours(session, options) or not all(map(_is_header, headers.values())):
        return None
    try:
        body = _body(options)
        # Raises for what is no text, or half of a pair.
        "".join(query.values()).encode()
    except (AttributeError, TypeError, ValueError):
        return None
    method = method.upper()
    shape = (method, tuple(headers), type(options.get("data")), options.get("json") is not None)
    if shape not in _worded:
        asked = {name: options[name] for name in ("params", "headers", "json", "data") if name in options}
        _worded[shape] = request_of(session.prepare_request(requests.Request(method, url, **asked))).headers
    own = {name.lower(): value for name, value in headers.items()}
    made = {**_worded[shape], **own, "host": parts[1].removeprefix("http://")}
    if body:
        made["content-length"] = str(len(body))
    return Request(method, parts[2], dict(query), made, body)


def _are_ours(session: requests.Session, options: Options) -> bool:
    """Whether `pipeline.http` asks, over its own kind of connection, with nothing kept from an earlier answer."""
    return (
        options.keys() <= _OPTIONS
        and options.get("stream") is True
        and options.get("allow_redirects") is False
        and type(session.adapters["http://"]) is BoundedAdapter
        and len(session.adapters) == 2
        and not (session.trust_env or session.cookies or session.auth or session.params)
    )


def _is_header(value: Any) -> bool:
    return isinstance(value, str) and _HEADER.fullmatch(value) is not None


def _body(options: Options) -> bytes:
    """Return the body as it is sent. Raises TypeError or ValueError where that is not plain."""
    data, json = options.get("data"), options.get("json")
    if data is None:
        return b"" if json is None else complexjson.dumps(json, allow_nan=False).encode()
    if not data or json is not None or not isinstance(data, str | bytes):
        raise TypeError
    return data.encode() if isinstance(data, str) else data


class Answered:
    """An answer as `pipeline.http.send` reads it."""

    def __init__(self, answer: Response) -> None:
        self.status_code = answer.status
        self.headers = {
            "Content-Type": answer.content_type, **answer.headers, "Content-Length": str(len(answer.body))
        }  # fmt: skip
        self.raw = self
        self._body = io.BytesIO(answer.body)

    def read1(self, count: int, *, decode_content: bool) -> bytes:
        """Return what comes next."""
        assert decode_content, "there is nothing to decode, but who reads has to ask"
        return self._body.read(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is open."""


def is_plain(answer: Response) -> bool:
    """Whether `requests` would read nothing else out of an answer."""
    return all(name.lower() not in _NOT_PLAIN for name in answer.headers)
