"""Makes the Odoo stand-in fail on one document whenever its lines are read, over JSON-RPC and JSON-2 alike."""

from __future__ import annotations

import json
from typing import Any

from local.stand_ins.http_server import Fault, Request, Response
from local.stand_ins.odoo.errors import OdooError
from local.stand_ins.odoo.stand_in import OdooStandIn

LINES = "account.move.line"
_PROXY_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"


def proxy_page(status: int, title: str) -> Response:
    """Return what a web server in front of Odoo answers in its place."""
    return Response.html(_PROXY_PAGE.format(f"{status} {title}"), status)


BAD_GATEWAY = Fault("bad_gateway", proxy_page(502, "Bad Gateway"))
GATEWAY_TIMEOUT = Fault("gateway_timeout", proxy_page(504, "Gateway Time-out"))
CLOSED = Fault("closed")
CUT = Fault("cut", Response.json([{"id": 1, "name": "x" * 10_000}]), cut=True)


def too_large(size: int) -> Fault:
    """Return an answer of more than so many bytes."""
    return Fault("too_large", Response.json([{"id": 1, "name": "x" * size}]))


class Poison:
    """Breaks every answer in which the lines of `ids` are asked for: by a fault, or by an error of the server.

    It is set as the server's `fault`. Without ids it breaks every read of lines. `count` says how often it did.
    """

    def __init__(self, odoo: OdooStandIn, what: Fault | OdooError, *ids: int) -> None:
        self.count = 0
        self._odoo = odoo
        self._what = what
        self._ids = set(ids)
        odoo.server.fault = self

    def __call__(self, request: Request) -> Fault | None:
        """Return the fault, or None for a request that asks for something else."""
        domain = _domain_of_lines(request)
        if domain is None:
            return None
        asked = {odoo_id for term in domain if term[0] == "move_id" for odoo_id in term[2]}
        if self._ids and not self._ids & asked:
            return None
        self.count += 1
        if isinstance(self._what, Fault):
            return self._what
        return Fault("error", _answer_of(self._what, request, self._odoo.version))


def _domain_of_lines(request: Request) -> list[Any] | None:
    """Return the domain of a read of lines, or None for any other request."""
    if request.path == f"/json/2/{LINES}/search_read":
        return list(json.loads(request.body)["domain"])
    if request.path != "/jsonrpc":
        return None
    arguments = json.loads(request.body)["params"]["args"]
    is_read = len(arguments) > 5 and arguments[3:5] == [LINES, "search_read"]
    return list(arguments[5][0]) if is_read else None


def _answer_of(error: OdooError, request: Request, version: int) -> Response:
    data = error.data(version)
    if request.path != "/jsonrpc":
        return Response.json(data, error.status)
    found = {"code": 0 if version >= 19 else 200, "message": "Odoo Server Error", "data": data}
    return Response.json({"jsonrpc": "2.0", "id": 1, "error": found})
