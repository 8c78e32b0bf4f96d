"""What `requests` would send to a stand-in and get from it, without a connection, for whoever asks in its process."""

from __future__ import annotations

import io
from email.message import Message
from urllib.parse import parse_qsl, urlsplit

import requests
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
    original = _Original(headers) if any(name.lower() == "set-cookie" for name in answer.headers) else None
    raw = HTTPResponse(
        io.BytesIO(answer.body), headers=headers, status=answer.status, preload_content=False,
        original_response=original,  # type: ignore[arg-type]
    )  # fmt: skip
    return _ADAPTER.build_response(prepared, raw)


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
