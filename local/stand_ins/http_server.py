"""A small HTTP/1.1 server for the stand-ins: one function answers, a hook may break the answer on purpose."""

from __future__ import annotations

import base64
import json
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import requests


def _number(value: Any) -> Any:
    """Write a Decimal as the JSON number it is (2047.48, never "2047.48")."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


_HALF = re.compile(r"[\ud800-\udfff]")
# After so long a server that was asked to stop is asked again.
STOPS_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Base64:
    """A file inside JSON. Its letters are put between the others: an encoder looks at each of 33 million."""

    content: bytes


# Stands for a file until all else is written. No value has it by accident.
_FILE = f"file {secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; header names are lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON with Decimal numbers; raise ValueError when it is none."""
        return json.loads(self.body, parse_float=Decimal)


@dataclass(frozen=True, slots=True)
class Response:
    """What a stand-in answers."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Self:
        """Return a JSON response."""
        files: list[bytes] = []

        def written(value: Any) -> Any:
            if not isinstance(value, Base64):
                return _number(value)
            files.append(base64.b64encode(value.content))
            return _FILE

        # Half of a pair has no bytes of its own: it is written as Odoo writes all that is not ASCII.
        text = json.dumps(value, default=written, ensure_ascii=False)
        body = (text if text.isascii() else _HALF.sub(lambda found: f"\\u{ord(found[0]):04x}", text)).encode()
        if files:
            between = body.split(_FILE.encode())
            body = b"".join(piece for pair in zip(between, [*files, b""], strict=True) for piece in pair)
        return cls(status, body, headers=headers)

    @classmethod
    def html(cls, text: str, status: int = 200) -> Self:
        """Return an HTML response."""
        return cls(status, text.encode(), "text/html; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken answer: `response` None drops the connection; `takes_effect` lets the request do its work first.

    Of a response that is `cut` only the first half arrives, and then the connection ends.
    """

    kind: str
    response: Response | None = None
    takes_effect: bool = False
    delay_s: float = 0.0
    cut: bool = False


def body_of(prepared: requests.PreparedRequest) -> bytes:
    """Return the body of a request as it goes over the wire: a text, bytes, or pieces."""
    body: Any = prepared.body or b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else b"".join(body)


def no_fault(_request: Request) -> Fault | None:
    """Break nothing."""
    return None


def stop_at_once(server: BaseServer) -> None:
    """Stop what `serve_forever` serves. By itself that looks only twice a second whether it is to stop."""
    stopping = threading.Thread(target=server.shutdown)
    stopping.start()
    with suppress(OSError):
        socket.create_connection(server.server_address[:2]).close()  # type: ignore[arg-type,index]
    stopping.join()


class _UntilClosed(ThreadingHTTPServer):
    """Waits for requests without a clock: `serve_forever` wakes up a hundred times a second, or stops late."""

    daemon_threads = True
    _is_closed = False

    def serve_until_closed(self) -> None:
        """Serve until `stop`, which may come before."""
        while not self._is_closed:
            self.handle_request()

    def stop(self) -> None:
        """End what serves, by a connection that asks nothing. It may fail to arrive: ask again until nobody serves."""
        self._is_closed = True
        with suppress(OSError):
            socket.create_connection(self.server_address[:2]).close()  # type: ignore[arg-type]

    def verify_request(self, *_arguments: Any) -> bool:
        """Take no connection after the end."""
        return not self._is_closed


class StandInServer:
    """Serves `answer` on 127.0.0.1 at a free port until closed; `requests` is the log of what was asked."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Fault | None] = no_fault
        self.answer = answer
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def _serve(self) -> None:
                server._serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

            def handle_expect_100(self) -> bool:
                """Ask for the body at once: what is written is sent when the buffer is flushed."""
                done = super().handle_expect_100()
                self.wfile.flush()
                return done

            def log_message(self, *_arguments: object) -> None:
                """Stay silent: the log of requests is kept by the server."""

        self._http = _UntilClosed(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._serving = threading.Thread(target=self._http.serve_until_closed, daemon=True)
        self._serving.start()

    def _serve(self, connection: BaseHTTPRequestHandler) -> None:
        length = int(connection.headers.get("Content-Length") or 0)
        parts = urlsplit(connection.path)
        request = Request(
            connection.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in connection.headers.items()},
            connection.rfile.read(length) if length else b"",
        )
        self.requests.append(request)
        fault = self.fault(request)
        response: Response | None
        if fault is None:
            response = self.answer(request)
        else:
            if fault.takes_effect:
                self.answer(request)
            if fault.delay_s:
                time.sleep(fault.delay_s)
            response = fault.response
        if response is None:
            connection.close_connection = True
            return
        connection.send_response(response.status)
        for name, value in {"Content-Type": response.content_type, **response.headers}.items():
            connection.send_header(name, value)
        connection.send_header("Content-Length", str(len(response.body)))
        connection.end_headers()
        if fault is not None and fault.cut:
            connection.wfile.write(response.body[: len(response.body) // 2])
            connection.close_connection = True
            return
        connection.wfile.write(response.body)

    def close(self) -> None:
        """Stop serving."""
        while self._serving.is_alive():
            self._http.stop()
            self._serving.join(STOPS_WITHIN_S)
        self._http.server_close()
