"""Odoo's and QuickBooks' stand-ins asked without a socket, by this process: the connection costs more than the answer.

Whoever asks words the request and reads the answer as over the network. What is broken on purpose (`server.fault`) goes
over the socket, where time-outs and dropped connections are real, and so does what another process asks. A test asks
both ways and compares: `contracts/test_stand_ins_without_sockets.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from local.stand_ins.http_server import Request, Response, StandInServer, no_fault
from local.stand_ins.in_process import read, request_of, response_to, worded
from local.stand_ins.odoo import stand_in as odoo
from local.stand_ins.quickbooks import stand_in as quickbooks

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
_by_requests = requests.Session.request


def _request(session: requests.Session, method: str, url: str, **arguments: Any) -> Any:
    """Ask a stand-in of this process without `requests` where nothing but its words would be different."""
    server = _server_at(url)
    adapter = session.get_adapter(url) if server else None
    # Whatever a test has put in the place of the way is asked.
    is_usual = isinstance(adapter, requests.adapters.HTTPAdapter) and getattr(adapter.send, "__func__", None) is _send
    asked = worded(session, method, url, arguments) if is_usual else None
    if server is None or asked is None:
        return _by_requests(session, method, url, **arguments)
    return read(session, method, url, _answered(server, asked))


def _send(adapter: Any, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
    """Answer a request to a stand-in of this process; any other goes over the network."""
    server = _server_at(request.url or "")
    if server is None:
        return _over_a_socket(adapter, request, *arguments, **options)
    return response_to(request, _answered(server, request_of(request)))


def _server_at(url: str) -> StandInServer | None:
    """Return the stand-in of this process that answers at an address, if it breaks nothing on purpose."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None  # no address: `requests` says so
    server = _served.get(f"{parts.scheme}://{parts.netloc}")
    return None if server is None or server.fault is not no_fault else server


def _answered(server: StandInServer, asked: Request) -> Response:
    server.requests.append(asked)
    try:
        return server.answer(asked)
    except Exception as error:
        # As over a socket: the connection ends without an answer.
        raise requests.exceptions.ConnectionError(repr(error)) from error


requests.Session.request = _request  # type: ignore[method-assign]
requests.adapters.HTTPAdapter.send = _send  # type: ignore[method-assign]
for module in (odoo, quickbooks):
    module.StandInServer = NearServer  # type: ignore[attr-defined]
