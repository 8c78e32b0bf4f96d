"""QuickBooks' stand-in without sockets: requests are answered where they are made, for tests that make thousands."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import BaseAdapter

from local.stand_ins.in_process import request_of, response_to
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
        client._wire._session.mount("http://", InProcess(self.stand_in))
        return client
