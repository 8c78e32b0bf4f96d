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
from local.stand_ins.in_process import request_of, response_to
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


def _send(adapter: Any, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
    """Answer a request to a stand-in of this process; any other goes over the network."""
    parts = urlsplit(request.url or "")
    server = _served.get(f"{parts.scheme}://{parts.netloc}")
    if server is None or server.fault is not no_fault:
        return _over_a_socket(adapter, request, *arguments, **options)
    asked = request_of(request)
    server.requests.append(asked)
    try:
        answer = server.answer(asked)
    except Exception as error:
        # As over a socket: the connection ends without an answer.
        raise requests.exceptions.ConnectionError(repr(error)) from error
    return response_to(request, answer)


requests.adapters.HTTPAdapter.send = _send  # type: ignore[method-assign]
for module in (odoo, quickbooks):
    module.StandInServer = NearServer  # type: ignore[attr-defined]
