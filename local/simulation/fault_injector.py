"""Everything the functions reach for, through one door: where a fault can be put in the way of any call.

HTTP to the two stand-ins and calls to AWS are answered in this process, without a socket; so a scenario takes a
fraction of a second, and a fault can come before a call or after it took effect. At the door the turn may go to
whatever else runs at the same time.
"""

from __future__ import annotations

import json
import marshal
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import botocore.client
import requests
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from local.simulation import short_table, short_way
from local.simulation.turns import Turns
from local.stand_ins.http_server import Request, Response
from local.stand_ins.in_process import read, request_of, response_to, worded

type Answer = Callable[[Request], Response]


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no `except` and no further call."""


class Clock:
    """Time as the functions see it; sleeping moves it on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)

    def pass_by(self, seconds: float) -> None:
        """Let time pass. Less than a microsecond is one, or whoever waits for so little waits for ever."""
        if seconds > 0:
            self.now += _duration(seconds)

    def utc_now(self) -> datetime:
        """Return the present instant."""
        return self.now

    def time(self) -> float:
        """Return it as seconds."""
        return self.now.timestamp()


@lru_cache(100)
def _duration(seconds: float) -> timedelta:
    # The same few over and over: a call to AWS, one to a stand-in.
    return max(timedelta(seconds=seconds), timedelta.resolution)


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a call is broken, by what it is: to AWS, any other, and a write to the books.

    With `only`, writes are broken in this one way: an outage mostly has one face.
    """

    aws: float = 0.0
    http: float = 0.0
    write: float = 0.0
    only: str = ""


@dataclass(slots=True, eq=False)
class Process:
    """One invocation; `ends_at` is when Lambda stops it, in seconds of the world's clock."""

    ends_at: float
    dead: bool = False


# Kinds of fault by where they can come; "after" means that the call took effect and its answer was lost.
HTTP_FAULTS = (
    *("kill before", "kill after", "time-out before", "time-out after", "dropped before", "dropped after"),
    *("refused connection", "no connection in time", "429", "500 before", "500 after", "503 before"),
    *("html 200 before", "html 502 after", "fault in 200 before", "answer cut after", "401", "takes effect late"),
    *("slow answer", "kill, and takes effect late"),
)
# QuickBooks itself gives up on a request after two minutes; until then one without an answer may still count.
LATE_S = (100.0, 118.0)
# A write to the books is where a fault can double something, most of all one that took effect without an answer.
WRITE_FAULTS = (
    *HTTP_FAULTS,
    *(
        "kill after",
        "kill after",
        "time-out after",
        "dropped after",
        "takes effect late",
        "kill, and takes effect late",
    ),
)
# A batch may end within: its first half took effect, and nobody answers.
BATCH_WRITE_FAULTS = (*WRITE_FAULTS, "half done, time-out after", "half done, dropped after", "half done, killed")
AWS_FAULTS = (
    *("kill before", "kill after", "aws throttled", "aws 500 before", "aws 500 after", "aws time-out before"),
    "aws time-out after",
)
BATCH_FAULTS = (*AWS_FAULTS, "keys left unprocessed")
# A transaction may be refused as a whole, and an item refuses a write while it is written in a transaction.
TRANSACTION_FAULTS = (*AWS_FAULTS, "transaction cancelled", "transaction cancelled")
ENTRY_FAULTS = (*AWS_FAULTS, "item in a transaction")
INDEX_FAULTS = (*AWS_FAULTS, "index behind", "index behind")
THROTTLED = {"dynamodb": "ProvisionedThroughputExceededException", "s3": "SlowDown"}
# How far behind an index may be.
INDEX_LAG_S = 20.0
# What a call takes, and one that has to be waited for in vain.
HTTP_S, AWS_S, TIME_OUT_S, SLOW_S = 0.2, 0.01, 30.0, 25.0
# A host that fails takes every function on it; more often it is one alone.
HOST_FAILS = 0.3


@dataclass(slots=True)
class FaultInjector:
    """The door. `rates` is how often a call is broken; `injected` counts faults by kind.

    With `wire` calls to AWS go the long way, through botocore and the whole of moto.
    """

    random: random.Random
    clock: Clock
    turns: Turns
    servers: dict[str, Answer] = field(default_factory=dict)
    rates: Rates = Rates()
    wire: bool = False
    injected: Counter[str] = field(default_factory=Counter)
    running: list[Process] = field(default_factory=list)
    late: list[tuple[float, Request]] = field(default_factory=list)
    _seen: dict[bytes, tuple[float, bytes]] = field(default_factory=dict)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the door between the functions and everything outside of them."""
        real_call = getattr(botocore.client.BaseClient, "_make_api_call")  # noqa: B009 - private, and hooked by moto too

        def call_aws(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            service = client.meta.service_model.service_name

            def call(asked: dict[str, Any]) -> Any:
                if self.wire:
                    return real_call(client, operation, asked)
                return short_way.call(service, operation, asked)

            return self._aws_call(service, operation, parameters, call)

        real_request = requests.Session.request

        def request(session: requests.Session, method: str, url: str, **arguments: Any) -> Any:
            asked = None if self.wire else worded(session, method, url, arguments)
            if asked is None:
                return real_request(session, method, url, **arguments)
            return read(session, method, url, self._http_call(asked))

        def send(_adapter: Any, prepared: requests.PreparedRequest, **_arguments: Any) -> requests.Response:
            return response_to(prepared, self._http_call(request_of(prepared)))

        with (
            patch.object(botocore.client.BaseClient, "_make_api_call", call_aws),
            patch.object(requests.Session, "request", request),
            patch.object(requests.adapters.HTTPAdapter, "send", send),
        ):
            yield

    def settle(self) -> None:
        """Let every request that takes effect late arrive, if its time has come."""
        self._let_late_ones_arrive()

    def forget_index(self) -> None:
        """Let no index show what was in a table that is lost."""
        self._seen.clear()

    def sleep(self, seconds: float) -> None:
        """Sleep as the functions do: others go on meanwhile."""
        self.clock.pass_by(seconds)
        self.turns.give_way()

    # -- AWS -------------------------------------------------------------------------------------------------------

    def _aws_call(
        self, service: str, operation: str, parameters: dict[str, Any], call: Callable[[dict[str, Any]], Any]
    ) -> Any:
        on_index = "IndexName" in parameters
        kind = self._kind(_faults_of(operation, parameters), AWS_S, self.rates.aws)
        self._inject_before(kind)
        if kind == "aws throttled":
            raise _aws_error(THROTTLED.get(service, "ThrottlingException"), 400, operation)
        if kind == "aws 500 before":
            raise _aws_error("InternalServerError", 500, operation)
        if kind == "aws time-out before":
            raise ConnectTimeoutError(endpoint_url="aws")
        if kind == "transaction cancelled":
            raise _aws_error("TransactionCanceledException", 400, operation)
        if kind == "item in a transaction":
            raise _aws_error("TransactionConflictException", 400, operation)
        if kind == "keys left unprocessed":
            return _half_a_batch(parameters, call)
        answer = self._indexed(parameters, call, behind=kind == "index behind") if on_index else call(parameters)
        self._inject_after(kind)
        if kind == "aws 500 after":
            raise _aws_error("InternalServerError", 500, operation)
        if kind == "aws time-out after":
            raise ReadTimeoutError(endpoint_url="aws")
        return answer

    def _indexed(self, parameters: dict[str, Any], call: Callable[[dict[str, Any]], Any], *, behind: bool) -> Any:
        """Return the rows of an index: as they are, or as they were when it was last asked, a moment ago."""
        # Both are texts, numbers, lists and maps, and whoever asks for the same words it the same.
        asked, now = marshal.dumps(parameters, short_table.WITHOUT_REFERENCES), self.clock.time()
        seen_at, seen = self._seen.get(asked, (0.0, b""))
        if behind and now - seen_at < INDEX_LAG_S:
            return marshal.loads(seen)  # noqa: S302 - our own
        answer = call(parameters)
        self._seen[asked] = (now, marshal.dumps(answer))
        return answer

    # -- HTTP ------------------------------------------------------------------------------------------------------

    def _http_call(self, request: Request) -> Response:
        is_write = request.method == "POST" and "/v3/company/" in request.path
        if is_write:
            is_batch = request.path.endswith("/batch")
            only = self.rates.only if is_batch else self.rates.only.removeprefix("half done, ")
            kinds = (only,) if only else BATCH_WRITE_FAULTS if is_batch else WRITE_FAULTS
            kind = self._kind(kinds, HTTP_S, self.rates.write)
        else:
            kind = self._kind(HTTP_FAULTS, HTTP_S, self.rates.http)
        self._let_late_ones_arrive()
        self._inject_before(kind)
        if kind.endswith("takes effect late"):
            self.late.append((self.clock.time() + self.random.uniform(*LATE_S), request))
        if kind == "kill, and takes effect late":
            self._kill()
        broken = _BROKEN.get(kind)
        if not kind.endswith(("after", "half done, killed")):
            self._break_off(kind)
            if broken is not None:
                return broken()
        answer = self._answer(_half_of(request) if kind.startswith("half done") else request)
        self._inject_after(kind)
        if kind == "slow answer":
            self._wait_in_vain(SLOW_S)
        if kind.endswith("after"):
            self._break_off(kind)
        if kind == "answer cut after":
            answer = Response(answer.status, answer.body[: len(answer.body) // 2], answer.content_type)
        return broken() if broken else answer

    def _break_off(self, kind: str) -> None:
        """Raise what `requests` raises for a call that gets no answer."""
        found = _BREAKS.get(kind)
        if found is not None:
            after_s, error, text = found
            self._wait_in_vain(after_s)
            raise error(text)

    def _wait_in_vain(self, seconds: float) -> None:
        """Let time pass in a call; a function whose time runs out in it is stopped."""
        self.clock.pass_by(seconds)
        self._check_alive()

    def _let_late_ones_arrive(self) -> None:
        now = self.clock.time()
        arrived = [request for due_at, request in self.late if due_at <= now]
        self.late = [(due_at, request) for due_at, request in self.late if due_at > now]
        for request in arrived:
            self._answer(request)

    def _answer(self, request: Request) -> Response:
        return self.servers[f"http://{request.headers['host']}"](request)

    # -- faults ----------------------------------------------------------------------------------------------------

    def _kind(self, kinds: tuple[str, ...], takes_s: float, likelihood: float) -> str:
        """Return the fault that befalls a call, or an empty text; what the world itself asks for is never broken."""
        if self.turns.process is None:
            return ""
        self.turns.give_way()
        self.clock.pass_by(takes_s)
        self._check_alive()
        if self.random.random() >= likelihood:
            return ""
        kind = self.random.choice(kinds)
        self.injected[kind] += 1
        return kind

    def _check_alive(self) -> None:
        process = self.turns.process
        if not process.dead and self.clock.time() >= process.ends_at:
            self.injected["function timed out"] += 1
            process.dead = True
        if process.dead:
            raise Killed

    def _inject_before(self, kind: str) -> None:
        if kind == "kill before":
            self._kill()

    def _inject_after(self, kind: str) -> None:
        if kind in ("kill after", "half done, killed"):
            self._kill()

    def _kill(self) -> None:
        host_fails = len(self.running) > 1 and self.random.random() < HOST_FAILS
        for process in self.running if host_fails else [self.turns.process]:
            process.dead = True
        raise Killed


# A call without an answer: after how long, and what `requests` raises.
_LOST = requests.exceptions
_BREAKS: dict[str, tuple[float, type[_LOST.RequestException], str]] = {
    "takes effect late": (TIME_OUT_S, _LOST.ReadTimeout, ""),
    "time-out before": (TIME_OUT_S, _LOST.ReadTimeout, ""),
    "time-out after": (TIME_OUT_S, _LOST.ReadTimeout, ""),
    "no connection in time": (5.0, _LOST.ConnectTimeout, ""),
    "refused connection": (0.0, _LOST.ConnectionError, "NewConnectionError: refused"),
    "dropped before": (0.0, _LOST.ConnectionError, "RemoteDisconnected"),
    "dropped after": (0.0, _LOST.ConnectionError, "RemoteDisconnected"),
    "half done, time-out after": (TIME_OUT_S, _LOST.ReadTimeout, ""),
    "half done, dropped after": (0.0, _LOST.ConnectionError, "RemoteDisconnected"),
}


def _half_of(request: Request) -> Request:
    """Return a batch with the first half of its writes, at least one."""
    items = json.loads(request.body)["BatchItemRequest"]
    return replace(request, body=json.dumps({"BatchItemRequest": items[: max(1, len(items) // 2)]}).encode())


def _faults_of(operation: str, parameters: dict[str, Any]) -> tuple[str, ...]:
    """Return the faults that may befall a call to AWS."""
    if "IndexName" in parameters:
        return INDEX_FAULTS
    if operation == "UpdateItem" and "#" not in parameters["Key"]["entry_id"]["S"]:
        return ENTRY_FAULTS
    return {"BatchGetItem": BATCH_FAULTS, "TransactWriteItems": TRANSACTION_FAULTS}.get(operation, AWS_FAULTS)


def _half_a_batch(parameters: dict[str, Any], call: Callable[[dict[str, Any]], Any]) -> Any:
    """Answer for the first half of the keys only, as DynamoDB may at any time."""
    ((table, request),) = parameters["RequestItems"].items()
    keys = request["Keys"]
    if len(keys) < 2:
        return call(parameters)
    half = len(keys) // 2
    answer = call({"RequestItems": {table: {**request, "Keys": keys[:half]}}})
    return {**answer, "UnprocessedKeys": {table: {**request, "Keys": keys[half:]}}}


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
