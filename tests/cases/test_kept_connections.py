"""A server closes a connection that was kept open just when the next request is on its way: nobody hears of it.

Over real sockets: each connection of `Closing` is answered some times and is reset by the request after that, which the
server has not read. To the sender a request that was heard looks the same.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import urllib3

from local.stand_ins.http_server import stop_at_once
from tests.cases.test_deployment_troubles import ends_well
from tests.cases.test_strange_answers import add_documents, booked, go_on

AT_ONCE = struct.pack("ii", 1, 0)


class Closing:
    """Stands before a server at `url`; `resets` counts the requests that a connection ended with."""

    def __init__(self, behind: str, *, answered: int, resets_max: int) -> None:
        self.resets = 0
        self._lock = threading.Lock()
        parts, outer = urlsplit(behind), self
        pool = urllib3.HTTPConnectionPool(parts.hostname, parts.port, maxsize=16, retries=False)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1
            count = 0

            def _serve(self) -> None:
                self.count += 1
                if self.count > answered and outer._may_reset(resets_max):
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                    self.close_connection = True
                    self.connection.close()
                    return
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = pool.urlopen(
                    self.command, self.path, content, dict(self.headers), redirect=False, decode_content=False
                )
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.data)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_arguments: object) -> None:
                """A connection that was reset cannot be closed as others are."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _may_reset(self, resets_max: int) -> bool:
        with self._lock:
            if self.resets == resets_max:
                return False
            self.resets += 1
            return True

    def close(self) -> None:
        stop_at_once(self._server)
        self._server.server_close()


@contextmanager
def closing(behind, *, answered, resets_max):
    server = Closing(behind, answered=answered, resets_max=resets_max)
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("answered", [1, 2, 3])
def test_quickbooks_that_resets_kept_connections_has_each_document_and_file_once(open_world, answered):
    world = open_world()
    add_documents(world)
    world.extract()

    with closing(world.qb.url, answered=answered, resets_max=5) as server:
        world.machine.set_environ("qb-poster", QB_API_URL=server.url)
        for _ in range(4):
            go_on(world)

    files = [len(world.qb.books(realm.realm_id)._tables.table("Attachable")) for realm in world.realms]
    assert server.resets
    assert files == [3, 1]
    ends_well(world)


@pytest.mark.parametrize("answered", [1, 2, 3])
def test_odoo_that_resets_kept_connections_is_pulled_all_the_same(open_world, answered):
    world = open_world()
    add_documents(world)

    with closing(world.odoo.url, answered=answered, resets_max=5) as server:
        for function, name in (("odoo-extractor", "ODOO_API_URL"), ("odoo-order-sync", "ODOO_URL")):
            world.machine.set_environ(function, **{name: server.url})
        counts = world.extract()
        orders = world.machine.sync_orders()
    go_on(world)

    assert server.resets
    assert counts["failed"] == 0
    assert orders["statusCode"] == 200
    ends_well(world)


def test_aws_that_resets_kept_connections_loses_and_doubles_nothing(open_world):
    world = open_world()
    add_documents(world)
    world.extract()

    with closing(world.aws.url, answered=5, resets_max=3) as server:
        world.machine.set_environ("qb-poster", AWS_ENDPOINT_URL=server.url)
        world.post()
        world.machine.set_environ("qb-poster", AWS_ENDPOINT_URL=world.aws.url)
    world.free_lease()
    world.extract()
    go_on(world)

    assert server.resets
    assert set(booked(world).values()) == {1}
    ends_well(world)
