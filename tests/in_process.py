"""QuickBooks' stand-in without sockets: requests are answered where they are made, for tests that make thousands."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import BaseAdapter

from local.stand_ins.in_process import read, request_of, response_to, worded
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.qbo.client import Client
from tests.books_world import Served


class InProcess(BaseAdapter):
    """Hands a session's requests to a stand-in."""

    def __init__(self, stand_in: QuickBooksStandIn) -> None:
        super().__init__()
        self._stand_in = stand_in

    def send(self, request: requests.PreparedRequest, **_arguments: Any) -> requests.Response:
        return response_to(request, self._stand_in._answer(request_of(request)))

    def close(self) -> None:
        """Nothing is open."""


class Near(Served):
    """A company served without sockets."""

    def new_client(self) -> Client:
        client = super().new_client()
        session = client._wire._session
        session.mount("http://", InProcess(self.stand_in))
        by_requests = session.request

        def request(method: str, url: str, **arguments: Any) -> Any:
            asked = worded(session, method, url, arguments)
            if asked is None:
                return by_requests(method, url, **arguments)
            return read(session, method, url, self.stand_in._answer(asked))

        session.request = request  # type: ignore[method-assign]
        return client
