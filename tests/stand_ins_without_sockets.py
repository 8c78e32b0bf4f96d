"""Odoo's and QuickBooks' stand-ins asked without a socket, by this process: the connection costs more than the answer.

Whoever asks words the request and reads the answer as over the network; our own plain requests are not even worded
(`requests_at_once.py`). What is broken on purpose (`server.fault`) goes over the socket, where time-outs and dropped
connections are real, and so does what another process asks. A test asks both ways and compares:
`contracts/test_stand_ins_without_sockets.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import requests

from local.stand_ins.http_server import Request, Response, StandInServer, no_fault
from local.stand_ins.in_process import request_of, response_to
from local.stand_ins.odoo import stand_in as odoo
from local.stand_ins.quickbooks import stand_in as quickbooks
from tests import requests_at_once

_served: dict[str, StandInServer] = {}


class NearServer(StandInServer):
    """A server that is also asked without its socket, while it is open."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        super().__init__(answer)
        _served[self.url] = self

    def close(self) -> None:
        """Stop serving, either way."""
        _served.pop(self.url, None)
        super().close()


_over_a_socket = requests.adapters.HTTPAdapter.send


def _send(adapter: Any, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
    """Answer a request to a stand-in of this process; any other goes over the network."""
    parts = urlsplit(request.url or "")
    server = _served.get(f"{parts.scheme}://{parts.netloc}")
    if server is None or server.fault is not no_fault:
        return _over_a_socket(adapter, request, *arguments, **options)
    return response_to(request, _given.get() or _answer(server, request_of(request)))


def _answer(server: StandInServer, asked: Request) -> Response:
    server.requests.append(asked)
    try:
        return server.answer(asked)
    except Exception as error:
        # As over a socket: the connection ends without an answer.
        raise requests.exceptions.ConnectionError(repr(error)) from error


# The answer to the request that this thread is making, when only reading it is left to `requests`.
_given: ContextVar[Response | None] = ContextVar("given", default=None)
_with_words = requests.Session.request


def _request(session: requests.Session, method: str, url: str, *arguments: Any, **options: Any) -> Any:
    """Answer a request of ours to a stand-in of this process before `requests` words it, if it is a plain one."""
    server = _served.get(requests_at_once.address_of(url) or "")
    if server is None or server.fault is not no_fault or arguments or requests.adapters.HTTPAdapter.send is not _send:
        return _with_words(session, method, url, *arguments, **options)
    asked = requests_at_once.worded(session, method, url, options)
    if asked is None:
        return _with_words(session, method, url, **options)
    answer = _answer(server, asked)
    if requests_at_once.is_plain(answer):
        return requests_at_once.Answered(answer)
    token = _given.set(answer)
    try:
        return _with_words(session, method, url, **options)
    finally:
        _given.reset(token)


requests.adapters.HTTPAdapter.send = _send  # type: ignore[method-assign]
requests.Session.request = _request  # type: ignore[method-assign]
for module in (odoo, quickbooks):
    module.StandInServer = NearServer  # type: ignore[attr-defined]
