"""QuickBooks' stand-in without sockets: requests are answered where they are made, for tests that make thousands."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter

from local.stand_ins.http_server import Request, body_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.qbo.client import Client
from tests.books_world import Served


class InProcess(BaseAdapter):
    """Hands a session's requests to a stand-in."""

    def __init__(self, stand_in: QuickBooksStandIn) -> None:
        super().__init__()
        self._stand_in = stand_in

    def send(self, request: requests.PreparedRequest, **_arguments: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        answer = self._stand_in._answer(
            Request(
                str(request.method),
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in request.headers.items()},
                body_of(request),
            )
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update({"Content-Type": answer.content_type, **answer.headers})
        response.raw = _Raw(answer.body)
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is open."""


class _Raw(io.BytesIO):
    def read1(self, size: int = -1, *, decode_content: bool = False) -> bytes:
        return super().read1(size)

    def release_conn(self) -> None:
        """There is no connection."""


class Near(Served):
    """A company served without sockets."""

    def new_client(self) -> Client:
        client = super().new_client()
        client._session.mount("http://", InProcess(self.stand_in))
        return client
