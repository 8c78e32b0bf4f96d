"""One request to Odoo and what its answer says: JSON-RPC, JSON-2, and pages, within the time of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import PipelineError, Unavailable
from pipeline.domain.retry import growing, repeated
from pipeline.http import NO_ANSWER, Answer, TooLarge, new_session, send
from pipeline.odoo.answers import complaint, mapping, no_odoo, parsed, redacted

TIMEOUT_S = 60.0
# Reads are retried: a worker that Odoo recycles closes the connection, and the next call succeeds.
TRIES = 3
# JSON-RPC is scheduled for removal, and may be hidden before: such an Odoo is spoken to by JSON-2.
NO_JSONRPC = "no_jsonrpc"
# Reserved from the function's time, so that it ends with our error and not with Lambda's time-out.
RESERVE_S = 5.0
# Rows take about seven times their size once they are read. Files, which hardly grow, may have more.
ROWS_BYTES_MAX = 16 * 2**20
_NOT_NOW = (429, 502, 503, 504)


class Wire:
    """The requests of one user to one database. `calls` counts them."""

    def __init__(
        self, url: str, database: str, username: str, secret: str, clock: Clock, deadline: Deadline | None
    ) -> None:
        self.url = url.rstrip("/")
        self.database = database
        self.username = username
        self.clock = clock
        self.calls = 0
        self._secret = secret
        self._deadline = deadline
        self._session = new_session()

    def _repeat[T](self, attempt: Callable[[], T], *, also_without_answer: bool = True) -> T:
        """Return what an attempt returns; made again while Odoo is unavailable, if so also where no answer came."""
        return repeated(
            attempt,
            tries=TRIES,
            wait_s=growing(0.5, by=4),
            clock=self.clock,
            on=lambda error: (
                isinstance(error, Unavailable)
                and not isinstance(error, TooLarge)
                and error.code != NO_JSONRPC
                and (also_without_answer or error.code != NO_ANSWER)
            ),
            may_wait=lambda seconds: self._deadline is None or self._deadline.allows(2 * RESERVE_S + seconds),
        )

    def _jsonrpc(self, service: str, method: str, arguments: list[Any], bytes_max: int = ROWS_BYTES_MAX) -> Any:
        params = {"service": service, "method": method, "args": arguments}
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": self.calls + 1}
        answer = self._post("/jsonrpc", body, bytes_max=bytes_max)
        if answer.status in (404, 410):
            raise Unavailable(str(no_odoo(self.url, answer)), code=NO_JSONRPC)
        if answer.is_html or answer.status != 200:
            raise self._no_odoo(answer)
        envelope = parsed(answer, self.url)
        if not isinstance(envelope, dict):
            raise Unavailable(f"Odoo at {self.url} answered with JSON that is not JSON-RPC")
        if envelope.get("error"):
            error = mapping(envelope["error"])
            data = mapping(error.get("data")) or error
            raise self._complaint(str(data.get("name", "")), str(data.get("message", "")))
        if "result" in envelope and envelope.get("id", body["id"]) != body["id"]:
            raise Unavailable(f"Odoo at {self.url} answered another request than this one")
        # A method that returns nothing is answered without a result key at all (18).
        return envelope.get("result")

    def _json2(self, path: str, body: dict[str, Any], bytes_max: int = ROWS_BYTES_MAX) -> Any:
        headers = {"Authorization": f"Bearer {self._secret}", "X-Odoo-Database": self.database}
        answer = self._post(f"/json/2/{path}", body, headers=headers, bytes_max=bytes_max)
        if answer.is_html or answer.status in _NOT_NOW:
            raise self._no_odoo(answer)
        value = parsed(answer, self.url)
        if answer.status == 200:
            return value
        name, message = mapping(value).get("name", ""), mapping(value).get("message", "")
        if answer.status == 401:
            name = "odoo.exceptions.AccessDenied"
        raise self._complaint(str(name), str(message))

    def _post(self, path: str, body: Any, **options: Any) -> Answer:
        return self._send("POST", path, json=body, **options)

    def _send(self, method: str, path: str, *, timeout_s: float = TIMEOUT_S, **arguments: Any) -> Answer:
        self.calls += 1
        if self._deadline:
            timeout_s = min(timeout_s, max(1.0, self._deadline.remaining_s - RESERVE_S))
        return send(
            self._session,
            method,
            self.url + path,
            who=f"Odoo at {self.url}",
            timeout_s=timeout_s,
            clock=self.clock,
            **arguments,
        )

    def _no_odoo(self, answer: Answer) -> Unavailable:
        return no_odoo(self.url, answer, answer.retry_after_s(self.clock.now()))

    def _complaint(self, name: str, message: str) -> PipelineError:
        # A failing module or proxy may quote the request, and with it the login.
        name, message = (redacted(text, self._secret) for text in (name, message))
        return complaint(name, message, url=self.url, username=self.username, database=self.database)
