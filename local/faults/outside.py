"""Everything the functions reach for, through one door: where a fault can be put in the way of any call.

HTTP to the two stand-ins and calls to AWS are answered in this process, without a socket; so a scenario takes a
fraction of a second, and a fault can strike before a call or after it took effect.
"""

from __future__ import annotations

import io
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import botocore.client
import requests
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from requests.structures import CaseInsensitiveDict

from local.http_server import Request, Response

type Answer = Callable[[Request], Response]


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no `except` and no further call."""


class Clock:
    """Time as the functions see it; sleeping moves it on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
        self._lock = threading.Lock()

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.now += timedelta(seconds=max(0.0, seconds))

    def utc_now(self) -> datetime:
        """Return the present instant."""
        return self.now

    def time(self) -> float:
        """Return it as seconds."""
        return self.now.timestamp()


# Kinds of fault by where they can strike; "after" means that the call took effect and its answer was lost.
HTTP_FAULTS = (
    *("kill before", "kill after", "time-out before", "time-out after", "dropped before", "dropped after"),
    *("refused connection", "429", "500 before", "500 after", "503 before", "html 200 before", "html 502 after"),
    *("fault in 200 before", "answer cut after", "401", "takes effect late"),
)
# QuickBooks itself gives up on a request after two minutes; until then one without an answer may still count.
LATE_S = 100
# A write to the books is where a fault can double something: it is broken more often than other calls.
WRITE_WEIGHT = 5
AWS_FAULTS = (
    *("kill before", "kill after", "throttled", "aws 500 before", "aws 500 after", "aws time-out before"),
    "aws time-out after",
)


@dataclass(slots=True)
class Outside:
    """The door. `likelihood` is how often a call is broken; `struck` counts faults by kind."""

    random: random.Random
    clock: Clock
    servers: dict[str, Answer] = field(default_factory=dict)
    likelihood: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    dead: bool = False
    late: list[tuple[float, requests.PreparedRequest]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _aws: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the door between the functions and everything outside of them."""
        real_call = getattr(botocore.client.BaseClient, "_make_api_call")  # noqa: B009 - private, and hooked by moto too

        def call_aws(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            return self._aws_call(operation, lambda: real_call(client, operation, parameters))

        def send(_adapter: Any, request: requests.PreparedRequest, **_arguments: Any) -> requests.Response:
            return self._http_call(request)

        with (
            patch.object(botocore.client.BaseClient, "_make_api_call", call_aws),
            patch.object(requests.adapters.HTTPAdapter, "send", send),
        ):
            yield

    # -- AWS -------------------------------------------------------------------------------------------------------

    def _aws_call(self, operation: str, call: Callable[[], Any]) -> Any:
        kind = self._kind(AWS_FAULTS)
        self._strike_before(kind)
        if kind == "throttled":
            raise _aws_error("ProvisionedThroughputExceededException", 400, operation)
        if kind == "aws 500 before":
            raise _aws_error("InternalServerError", 500, operation)
        if kind == "aws time-out before":
            raise ConnectTimeoutError(endpoint_url="aws")
        # moto's conditional writes are not atomic by themselves; those of AWS are.
        with self._aws:
            answer = call()
        self._strike_after(kind)
        if kind == "aws 500 after":
            raise _aws_error("InternalServerError", 500, operation)
        if kind == "aws time-out after":
            raise ReadTimeoutError(endpoint_url="aws")
        return answer

    # -- HTTP ------------------------------------------------------------------------------------------------------

    def _http_call(self, request: requests.PreparedRequest) -> requests.Response:
        self._let_late_ones_arrive()
        is_write = request.method == "POST" and "/v3/company/" in (request.url or "")
        kind = self._kind(HTTP_FAULTS, WRITE_WEIGHT if is_write else 1)
        self._strike_before(kind)
        if kind == "takes effect late":
            with self._lock:
                self.late.append((self.clock.time() + LATE_S, request))
            raise requests.exceptions.ReadTimeout
        if kind == "time-out before":
            raise requests.exceptions.ReadTimeout
        if kind == "refused connection":
            raise requests.exceptions.ConnectionError("NewConnectionError: refused")
        if kind == "dropped before":
            raise requests.exceptions.ConnectionError("RemoteDisconnected")
        broken = _BROKEN.get(kind)
        if broken is not None and "after" not in kind:
            return _as_requests(broken(), request)
        answer = self._answer(request)
        self._strike_after(kind)
        if kind == "time-out after":
            self.clock.pass_by(30)
            raise requests.exceptions.ReadTimeout
        if kind == "dropped after":
            raise requests.exceptions.ConnectionError("RemoteDisconnected")
        if kind == "answer cut after":
            answer = Response(answer.status, answer.body[: len(answer.body) // 2], answer.content_type)
        if broken is not None:
            answer = broken()
        return _as_requests(answer, request)

    def _let_late_ones_arrive(self) -> None:
        with self._lock:
            now = self.clock.time()
            arrived = [request for due_at, request in self.late if due_at <= now]
            self.late = [(due_at, request) for due_at, request in self.late if due_at > now]
        for request in arrived:
            self._answer(request)

    def _answer(self, prepared: requests.PreparedRequest) -> Response:
        parts = urlsplit(prepared.url or "")
        server = self.servers[f"{parts.scheme}://{parts.netloc}"]
        body = prepared.body or b""
        request = Request(
            prepared.method or "GET",
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): str(value) for name, value in prepared.headers.items()},
            body.encode() if isinstance(body, str) else bytes(body),
        )
        return server(request)

    # -- faults ----------------------------------------------------------------------------------------------------

    def _kind(self, kinds: tuple[str, ...], weight: int = 1) -> str:
        with self._lock:
            if self.dead:
                raise Killed
            if self.random.random() >= self.likelihood * weight:
                return ""
            kind = self.random.choice(kinds)
            self.struck[kind] += 1
            return kind

    def _strike_before(self, kind: str) -> None:
        if kind == "kill before":
            self.dead = True
            raise Killed

    def _strike_after(self, kind: str) -> None:
        if kind == "kill after":
            self.dead = True
        if self.dead:
            raise Killed


def _aws_error(code: str, status: int, operation: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


def _fault(code: str, message: str) -> dict[str, Any]:
    return {"Fault": {"Error": [{"Message": message, "Detail": message, "code": code}], "type": "SystemFault"}}


_BROKEN: dict[str, Callable[[], Response]] = {
    "429": lambda: Response.json(
        {"fault": {"error": [{"message": "message=ThrottleExceeded; errorCode=003001; statusCode=429", "detail": "",
                              "code": "3001"}]}}, 429),
    "401": lambda: Response.json(
        {"fault": {"error": [{"message": "message=AuthenticationFailed; errorCode=003200; statusCode=401",
                              "detail": "", "code": "3200"}]}}, 401),
    "500 before": lambda: Response.html("<h1>Internal Server Error</h1>", 500),
    "500 after": lambda: Response.json(_fault("10000", "An application error has occurred"), 500),
    "503 before": lambda: Response.html("<h1>Service Unavailable</h1>", 503),
    "html 200 before": lambda: Response.html("<h1>Maintenance</h1>", 200),
    "html 502 after": lambda: Response.html("<h1>Bad Gateway</h1>", 502),
    "fault in 200 before": lambda: Response.json(_fault("10000", "System Failure Error"), 200),
}  # fmt: skip


def _as_requests(answer: Response, request: requests.PreparedRequest) -> requests.Response:
    from urllib3.response import HTTPResponse

    headers = {"Content-Type": answer.content_type, **answer.headers}
    made = requests.Response()
    made.status_code = answer.status
    made.headers = CaseInsensitiveDict(headers)
    made.raw = HTTPResponse(io.BytesIO(answer.body), headers=headers, status=answer.status, preload_content=False)
    made.url = request.url or ""
    made.request = request
    return made
