"""A QuickBooks Online for one machine: its HTTP surface over the books of several companies.

It refuses what QuickBooks refuses, in QuickBooks' words. What is not established about the real service is a switch
(`realm.Switches`), and a test sets it on the stand-in itself: `stand_in.throttle = True`.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from itertools import count
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from local.stand_ins.http_server import Request, Response, StandInServer
from local.stand_ins.quickbooks import batch, cdc, uploads
from local.stand_ins.quickbooks import query as queries
from local.stand_ins.quickbooks.books import Books, unsupported
from local.stand_ins.quickbooks.checks import body_of
from local.stand_ins.quickbooks.currencies import CURRENCIES
from local.stand_ins.quickbooks.faults import (
    Refused,
    business,
    fault_body,
    forced,
    refusal,
    throttled,
    unauthenticated,
    unauthorized,
)
from local.stand_ins.quickbooks.realm import PLANS, Realm, Row, Switches
from local.stand_ins.quickbooks.schema import ENTITIES, PEOPLE, READ_ONLY
from local.stand_ins.quickbooks.tokens import CONSENT_PATH, REVOKE_PATH, TOKEN_PATH, Tokens, discovery
from pipeline.domain.values import replace

REQUEST_ID_LENGTH_MAX = 50
_DISCOVERY = ("/.well-known/openid_configuration", "/.well-known/openid_sandbox_configuration")
_PATHS = {entity.lower(): entity for entity in (*ENTITIES, *READ_ONLY)}
# A refusal of the connection, a busy or a broken QuickBooks are no answers of the books, and so never remembered.
_NO_ANSWER_OF_THE_BOOKS = ("120", "3001", "3100", "3200", "10000")
_SYSTEM_FAILURE = {
    "Fault": {
        "Error": [
            {
                "Message": "An application error has occurred while processing your request",
                "Detail": "System Failure Error: null",
                "code": "10000",
            }
        ],
        "type": "SystemFault",
    }
}
_XML = "http://schema.intuit.com/finance/v3"


@dataclass(frozen=True, slots=True)
class _Call:
    """One authorised call: what it asks of which company."""

    request: Request
    books: Books
    path: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class _Forced:
    """A refusal on purpose: of the next write, or, if it is of a `text`, of every write that contains it."""

    code: str
    entity: str
    detail: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Remembered:
    at: float
    content: str
    response: Response


class QuickBooksStandIn(Switches):
    """Serves QuickBooks' API, its OAuth endpoints and its downloads at `url` until closed.

    `calls` counts authorised calls by kind (create, update, delete, void, query, read, cdc, upload, batch) and
    `token`; `metered` counts the successful reads, queries and changes, which Intuit bills; `replays` the answers given
    again.
    """

    def __init__(
        self,
        realms: list[Realm],
        *,
        client_id: str = "client-id",
        client_secret: str = "client-secret",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.metered = 0
        self.replays = 0
        self.refusals: Counter[str] = Counter()
        self._clock = clock
        self._books = {realm.realm_id: Books(realm, self, clock) for realm in realms}
        self.tokens = Tokens(realms, (client_id, client_secret), self, clock)
        self._remembered: dict[tuple[str, str], _Remembered] = {}
        self._recent: dict[str, deque[float]] = {realm.realm_id: deque() for realm in realms}
        self._batches: dict[str, deque[float]] = {realm.realm_id: deque() for realm in realms}
        self._lock = threading.Lock()
        self._tids = count(1)
        self._forced: list[_Forced] = []
        self.server = StandInServer(self._answer)
        self.url = self.server.url
        self.discovery_url = f"{self.url}{_DISCOVERY[0]}"

    def close(self) -> None:
        """Stop serving."""
        self.server.close()

    def books(self, realm_id: str) -> Books:
        """Return the books of a company."""
        return self._books[realm_id]

    def expire_access_tokens(self) -> None:
        """Make every access token expired."""
        self.tokens.expire_access_tokens()

    def revoke(self, realm_id: str) -> None:
        """End the connection of a company, as a person does under Apps."""
        self.tokens.revoke(realm_id)

    def refuse(self, code: str, *, entity: str = "", detail: str = "", times: int = 1) -> None:
        """Refuse the next writes with a code, in QuickBooks' own words; `entity` says of what, empty is of anything."""
        with self._lock:
            self._forced += [_Forced(code, entity, detail)] * times

    def refuse_text(self, code: str, text: str, *, entity: str = "", detail: str = "") -> None:
        """Refuse every write that contains a text with a code, until `accept_texts`. Arguments as of `refuse`."""
        with self._lock:
            self._forced.append(_Forced(code, entity, detail, text))

    def accept_texts(self) -> None:
        """End what `refuse_text` began."""
        with self._lock:
            self._forced = [wanted for wanted in self._forced if not wanted.text]

    def _refused_on_purpose(self, call: _Call, *, of_books: bool) -> Response | None:
        if call.kind in ("read", "query", "cdc"):
            return None
        entity = _PATHS.get(call.path[0], call.path[0])
        with self._lock:
            for place, wanted in enumerate(self._forced):
                is_due = of_books == (wanted.code not in _NO_ANSWER_OF_THE_BOOKS)
                if is_due and wanted.entity in ("", entity) and _contains(call.request, wanted.text):
                    if not wanted.text:
                        del self._forced[place]
                    self.refusals[wanted.code] += 1
                    return forced(wanted.code, wanted.detail)
        return None

    def _cannot_handle(self, call: _Call) -> bool:
        """Whether a write contains the text that this QuickBooks fails at."""
        text = self.unhandled_text
        return bool(text) and call.kind not in ("read", "query", "cdc") and _contains(call.request, text)

    def _answer(self, request: Request) -> Response:
        if request.path in _DISCOVERY or request.path.rstrip("/") in _DISCOVERY:
            return discovery(self.url)
        if request.path == CONSENT_PATH:
            return self.tokens.consent.answer(request)
        if request.path in (TOKEN_PATH, REVOKE_PATH) and request.method == "POST":
            self._count("token")
            time.sleep(self.latency_s)
            return self.tokens.answer(request)
        parts = tuple(request.path.strip("/").split("/"))
        if parts[:1] == ("download",) and len(parts) == 3:
            return self._download(*parts[1:])
        if parts[:2] != ("v3", "company") or len(parts) < 4:
            return Response.html("<h1>Not Found</h1>", 404)
        response = self._gate(request, parts[2])
        if response is None:
            response = self._company_call(request, parts)
        tid = f"1-{next(self._tids):08x}-stand-in"
        return replace(response, headers={**response.headers, "intuit_tid": tid})

    def _download(self, realm_id: str, row_id: str) -> Response:
        books = self._books.get(realm_id)
        content = books.content(row_id) if books else None
        if content is None:
            return Response.html("<h1>Not Found</h1>", 404)
        return Response(200, content, "application/octet-stream")

    def _gate(self, request: Request, realm_id: str) -> Response | None:
        """Return what the gateway refuses before QuickBooks sees the call: token, company, pace."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        connection = self.tokens.realm_of(token) if kind == "Bearer" else None
        if connection is None:
            return unauthenticated(f"Token expired: {token[:4]}" if token else "Token is missing")
        if connection != (realm_id, True):
            return unauthorized()
        if self.throttle and not self._within_limits(realm_id, is_batch=request.path.endswith("/batch")):
            return throttled(capitalised=self.throttle_capitalised)
        return None

    def _within_limits(self, realm_id: str, *, is_batch: bool) -> bool:
        with self._lock:
            now = self._clock()
            recent, batches = self._recent[realm_id], self._batches[realm_id]
            for made in (recent, batches):
                while made and now - made[0] >= 60:
                    made.popleft()
            if is_batch and len(batches) >= self.throttle_batches_per_minute:
                return False
            last_second = sum(1 for at in recent if now - at < 1)
            if last_second >= self.throttle_per_second or len(recent) >= self.throttle_per_minute:
                return False
            recent.append(now)
            if is_batch:
                batches.append(now)
            return True

    def _company_call(self, request: Request, parts: tuple[str, ...]) -> Response:
        books = self._books[parts[2]]
        call = _Call(request, books, parts[3:], _kind(request, parts[3:]))
        self._count(call.kind)
        if self._cannot_handle(call):
            return Response(500, json.dumps(_SYSTEM_FAILURE).encode(), "application/json")
        if self.latency_s:
            # Not for no time at all, either: that gives the processor away.
            time.sleep(self.latency_s)
        response = self._batch(call) if call.kind == "batch" else self._alone(call)
        if response.status == 200 and call.kind in ("read", "query", "cdc"):
            with self._lock:
                self.metered += 1
        return response if _wants_json(request) else _as_xml(response)

    def _batch(self, call: _Call) -> Response:
        """Answer a batch: each of its writes as if it were alone, with none of them counted as a call."""

        def write(request: Request) -> Response:
            parts = tuple(request.path.strip("/").split("/"))[3:]
            return self._alone(_Call(request, call.books, parts, _kind(request, parts)))

        try:
            return Response.json({**batch.batched(call.request, write), "time": self._now()})
        except Refused as problem:
            return self._refused(problem)

    def _alone(self, call: _Call) -> Response:
        on_purpose = self._refused_on_purpose(call, of_books=False)
        if on_purpose is not None:
            return on_purpose
        try:
            with self._pen(call), call.books.lock:
                return self._once(call)
        except Refused as problem:
            return self._refused(problem)

    @contextmanager
    def _pen(self, call: _Call) -> Iterator[None]:
        """Let one request at a time write a name of a company; another must try again."""
        if call.request.method != "POST" or _PATHS.get(call.path[0]) not in PEOPLE:
            yield
            return
        if self.names_busy or not call.books.name_pen.acquire(blocking=False):
            raise business("You can only add or edit one name at a time. Please try again.")
        try:
            if self.name_edit_s:
                time.sleep(self.name_edit_s)
            yield
        finally:
            call.books.name_pen.release()

    def _once(self, call: _Call) -> Response:
        """Answer a call, or give again the answer the same request id got before."""
        request_id = call.request.query.get("requestid")
        if request_id is None:
            return self._answered(call)
        if not request_id or len(request_id) > REQUEST_ID_LENGTH_MAX:
            raise refusal("2130", f"Request Id format is invalid. Supplied value:{request_id}")
        honoured = self.upload_honours_request_id if call.kind == "upload" else self.remembers_request_ids
        if not honoured or call.request.method != "POST":
            return self._answered(call)
        key = (call.books.realm.realm_id, request_id)
        content = f"{call.request.path} {sha256(call.request.body).hexdigest()}"
        before = self._remembered.get(key)
        window_s = self.request_id_window_s
        if before and (window_s is None or self._clock() - before.at < window_s):
            if self.refuses_reused_request_id and before.content != content:
                raise refusal("600", f"Duplicate Request ID : {request_id}")
            self.replays += 1
            return before.response
        try:
            response = self._answered(call)
        except Refused as problem:
            response = self._refused(problem)
        if response.status != 200 and not self.remembers_faults:
            return response
        self._remembered[key] = _Remembered(self._clock(), content, response)
        return response

    def _answered(self, call: _Call) -> Response:
        on_purpose = self._refused_on_purpose(call, of_books=True)
        if on_purpose is not None:
            return on_purpose
        if call.books.realm.subscription_ended:
            raise refusal("6190", "The subscription period for this QuickBooks company has ended.")
        if call.kind == "upload":
            content_type = call.request.headers.get("content-type", "")
            body = uploads.uploaded(call.books, call.request.body, content_type, self.url)
        elif call.kind == "query":
            body = self._queried(call)
        elif call.kind == "cdc":
            if not self.plan_answers_changes:
                self._check_plan(call, *call.request.query.get("entities", "").split(","))
            body = cdc.changed(call.books, call.request.query, self._clock(), self.cdc_refuses)
        elif call.request.method == "GET":
            body = self._read(call)
        elif call.request.method == "POST":
            body = self._written(call)
        else:
            raise unsupported(f"{call.request.method} {'/'.join(call.path)}")
        return Response.json({**body, "time": self._now()})

    def _queried(self, call: _Call) -> Row:
        text = call.request.query.get("query", "")
        if call.request.method == "POST":
            if call.request.headers.get("content-type", "").partition(";")[0] not in ("application/text", "text/plain"):
                raise refusal("1050", "Invalid Content Type : a query is sent as application/text")
            text = call.request.body.decode("utf-8", "replace")
        query = queries.parsed(text)
        self._check_plan(call, query.entity)
        # Without an order nothing is promised; the newest comes first, so that no client gets used to another.
        return queries.answer(query, reversed(call.books.rows(query.entity)))

    def _read(self, call: _Call) -> Row:
        path = call.path
        if path == ("preferences",):
            return {"Preferences": call.books.rows("Preferences")[0]}
        if path == ("exchangerate",):
            currency = call.request.query.get("sourcecurrencycode", "")
            if currency not in CURRENCIES:
                raise refusal("2220", f"Currency type is invalid. Supplied value:{currency}")
            return {"ExchangeRate": call.books.exchange_rate(currency, call.request.query.get("asofdate"))}
        if len(path) != 2 or path[0] not in _PATHS:
            raise unsupported("/".join(path))
        entity = _PATHS[path[0]]
        self._check_plan(call, entity)
        return {entity: call.books.read(entity, path[1])}

    def _check_plan(self, call: _Call, *entities: str) -> None:
        """Refuse what the plan of the company does not offer."""
        lacking = PLANS[call.books.realm.plan] | set(self.also_not_in_plan)
        for entity in entities:
            if entity in lacking:
                text = f"Permission Denied Error : You do not have permission to access this feature: {entity}."
                if self.plan_code == "5030":
                    text = f"Feature Not Supported : Requested feature is not supported: {entity}."
                raise refusal(self.plan_code, text, status=self.plan_status)

    def _written(self, call: _Call) -> Row:
        entity = _PATHS.get(call.path[0])
        if entity is None or len(call.path) != 1 or entity in READ_ONLY:
            raise unsupported("/".join(call.path))
        self._check_plan(call, entity)
        if call.request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise refusal("1050", "Invalid Content Type : only XML and JSON are supported")
        if self.body_bytes_max is not None and len(call.request.body) > self.body_bytes_max:
            raise refusal("6030", "The request is too large.", status=413)
        body = body_of(call.request.body)
        written = {
            "create": call.books.create,
            "update": call.books.update,
            "delete": call.books.delete,
            "void": call.books.void,
        }
        operation = call.request.query.get("operation", call.kind)
        if operation not in written or call.request.query.get("include") == "void":
            raise unsupported(f"{operation} on {call.path[0]}")
        return {entity: written[operation](entity, body)}

    def _refused(self, problem: Refused) -> Response:
        with self._lock:
            self.refusals.update(error["code"] for error in problem.errors)
        return Response.json(fault_body(problem.errors), problem.status)

    def _count(self, kind: str) -> None:
        with self._lock:
            self.calls[kind] += 1

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")


def _contains(request: Request, text: str) -> bool:
    """Whether a body contains a text, written out or escaped."""
    return any(form in request.body for form in (text.encode(), json.dumps(text)[1:-1].encode()))


def _kind(request: Request, path: tuple[str, ...]) -> str:
    """Return what a call counts as: a POST with an Id is an update, without one a create."""
    if path[0] in ("query", "upload", "batch", "cdc"):
        return path[0]
    if request.method != "POST":
        return "read"
    operation = request.query.get("operation", "")
    if operation in ("delete", "void", "update"):
        return operation
    try:
        return "update" if body_of(request.body).get("Id") is not None else "create"
    except Refused:
        return "create"


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "").lower()


def _as_xml(response: Response) -> Response:
    """Return the answer as XML, which QuickBooks sends to whoever does not ask for JSON."""
    body: Row = Request("", "", {}, {}, response.body).json()
    time_sent = quoteattr(str(body.pop("time", "")))
    text = f"<IntuitResponse xmlns={quoteattr(_XML)} time={time_sent}>{_elements(body)}</IntuitResponse>"
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    return replace(response, body=(head + text).encode(), content_type="application/xml;charset=UTF-8")


def _elements(value: Any) -> str:
    if not isinstance(value, dict):
        text = (
            str(value).lower()
            if isinstance(value, bool)
            else format(value, "f")
            if isinstance(value, Decimal)
            else value
        )
        return escape(str(text))
    return "".join(
        f"<{name}>{_elements(one)}</{name}>"
        for name, part in value.items()
        for one in (part if isinstance(part, list) else [part])
    )
