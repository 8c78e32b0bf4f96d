"""The server of the stand-ins ends when it is told to, whatever becomes of the connection that wakes it."""

from __future__ import annotations

import socket
import threading
from unittest.mock import patch

from local.stand_ins import http_server
from local.stand_ins.http_server import Response, StandInServer


def test_a_server_stops_although_the_connection_that_wakes_it_first_fails():
    server = StandInServer(lambda _request: Response.json({}))
    connect, failures = socket.create_connection, [OSError("no port is free")]

    def sometimes(*arguments, **options):
        if failures:
            raise failures.pop()
        return connect(*arguments, **options)

    with patch.object(http_server, "STOPS_WITHIN_S", 0.01), patch.object(socket, "create_connection", sometimes):
        closing = threading.Thread(target=server.close, daemon=True)
        closing.start()
        closing.join(10)

    assert not closing.is_alive()
    assert failures == []
