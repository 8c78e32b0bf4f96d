"""QuickBooks Online over the wire: one realm, within its call budget, with every answer and error turned into ours."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus

from pipeline.domain.clock import Clock
from pipeline.domain.codec import exact_json
from pipeline.domain.errors import Disconnected, OutcomeUnknown, Unavailable
from pipeline.domain.threads import Threads
from pipeline.http import NOT_SENT, Answer, new_session, send
from pipeline.qbo.faults import AUTHENTICATION_FAILED, error_for, faults
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.text import cleaned
from pipeline.qbo.tokens import Tokens

logger = logging.getLogger(__name__)

# QuickBooks itself gives up after 120 s. A document takes a second or two.
TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 60.0
MINOR_VERSION = "75"
PAGE_ROWS = 1_000
# A query is part of the URL. Its maximum length is not documented; 8 kB is a common limit of servers.
LIST_LENGTH_MAX = 4_000
READ_TRIES = 2

type Json = dict[str, Any]


class Client:
    """Reads and writes one realm. `calls` counts the calls by kind (query, read, create, update, ...).

    Raises Throttled, Disconnected or Unavailable if the failure is not about the document, OutcomeUnknown if a write
    was sent and no answer says whether it took effect, and Refused if QuickBooks says no.
    """

    def __init__(
        self,
        api_url: str,
        realm: str,
        company: str,
        tokens: Tokens,
        limiter: Limiter,
        *,
        clock: Clock,
        threads: Threads,
    ) -> None:
        self.realm = realm
        self.company = company
        self.limiter = limiter
        self.calls: Counter[str] = Counter()
        self._base = f"{api_url}/v3/company/{realm}"
        self._tokens = tokens
        self._clock = clock
        self._session = new_session()
        self._counting = threads.lock()

    def query(self, entity: str, where: str = "") -> list[Json]:
        """Return all matching rows of an entity, a thousand to a call. Reads are metered: ask for many at once."""
        rows: list[Json] = []
        while True:
            page = self.query_page(entity, len(rows) + 1, where)
            rows += page
            if len(page) < PAGE_ROWS:
                return rows

    def query_page(self, entity: str, start: int, where: str = "") -> list[Json]:
        """Return at most a thousand matching rows of an entity, from the `start`th on: one metered read."""
        statement = f"select * from {entity}{' where ' + where if where else ''}"  # noqa: S608 - values are quoted
        statement += f" startposition {start} maxresults {PAGE_ROWS}"
        body = self._read("query", "/query", {"query": statement})
        page: list[Json] = body.get("QueryResponse", {}).get(entity, [])
        return page

    def query_any(self, entity: str, attribute: str, values: Iterable[str], where: str = "") -> list[Json]:
        """Return all rows with an attribute among the values, in as few queries as the URL length allows."""
        rows: list[Json] = []
        for listed in _listed(values):
            rows += self.query(entity, f"{attribute} in ({listed}){' and ' + where if where else ''}")
        return rows

    def read(self, entity: str, qb_id: str) -> Json:
        """Return one object as it is now."""
        return _part(self._read("read", f"/{entity.lower()}/{qb_id}", {}), entity)

    def write(self, entity: str, body: Mapping[str, Any], *, request_id: str, operation: str = "") -> Json:
        """Create, update or (by `operation`) delete one object. Return QuickBooks' version of it."""
        kind = operation or ("update" if "Id" in body else "create")
        parameters = {"requestid": request_id} | ({"operation": operation} if operation else {})
        answer = self._call(
            kind,
            "POST",
            f"/{entity.lower()}",
            parameters,
            is_write=True,
            data=exact_json(cleaned(body)),
            headers={"Content-Type": "application/json"},
        )
        try:
            return _part(answer, entity)
        except Unavailable as error:
            raise OutcomeUnknown(str(error)) from error

    def upload(self, metadata: Mapping[str, Any], name: str, content: bytes, *, request_id: str) -> Json:
        """Upload one file, linked as its metadata says. Return its attachable. The bytes are sent unchanged."""
        body = self._call(
            "upload",
            "POST",
            "/upload",
            {"requestid": request_id},
            is_write=True,
            timeout_s=UPLOAD_TIMEOUT_S,
            files={
                "file_metadata_01": ("metadata.json", exact_json(cleaned(metadata)), "application/json"),
                "file_content_01": (name, content, "application/pdf"),
            },
        )
        responses = body.get("AttachableResponse")
        response = responses[0] if isinstance(responses, list) and len(responses) == 1 else {}
        # A file may be refused inside an answer of HTTP 200.
        found = faults(response)
        if found:
            raise error_for(found, 400, self.company)
        try:
            return _part(response, "Attachable")
        except Unavailable as error:
            raise OutcomeUnknown(str(error)) from error

    def _read(self, kind: str, path: str, parameters: dict[str, str]) -> Json:
        for tried in range(READ_TRIES):
            try:
                return self._call(kind, "GET", path, parameters, is_write=False)
            except Unavailable:
                if tried == READ_TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def _call(
        self,
        kind: str,
        method: str,
        path: str,
        parameters: dict[str, str],
        *,
        is_write: bool,
        timeout_s: float = TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> Json:
        refused = ""
        for _ in range(2):
            token = self._tokens.access_token(refused=refused)
            self.limiter.wait()
            with self._counting:
                self.calls[kind] += 1
            answer = self._send(
                method,
                path,
                is_write=is_write,
                timeout_s=timeout_s,
                params={**parameters, "minorversion": MINOR_VERSION},
                headers={"Accept": "application/json", "Authorization": f"Bearer {token}", **(headers or {})},
                **arguments,
            )
            body = self._read_out(kind, answer)
            if answer.status != 401 and all(fault.code != AUTHENTICATION_FAILED for fault in faults(body)):
                return self._understood(body, answer.status, is_write=is_write)
            refused = token
        raise Disconnected(
            f"QuickBooks refuses a freshly renewed token for {self.company} (code {AUTHENTICATION_FAILED}). Reconnect "
            "the company and store the new refresh token in the QuickBooks secret; the documents wait and follow by "
            "themselves.",
            code="token_refused",
        )

    def _send(self, method: str, path: str, *, is_write: bool, timeout_s: float, **arguments: Any) -> Answer:
        try:
            return send(
                self._session,
                method,
                self._base + path,
                who="QuickBooks",
                timeout_s=timeout_s,
                clock=self._clock,
                **arguments,
            )
        except Unavailable as error:
            if is_write and error.code != NOT_SENT:
                raise OutcomeUnknown(str(error)) from error
            raise

    def _read_out(self, kind: str, answer: Answer) -> Any:
        """Return the JSON of an answer, or None. Every answer is logged with the id that Intuit's support asks for."""
        try:
            body = None if answer.is_html else answer.json()
        except ValueError:
            body = None
        logger.info(
            "QuickBooks answered",
            extra={
                "company": self.company,
                "call": kind,
                "status": answer.status,
                "intuit_tid": answer.headers.get("intuit_tid", ""),
                "codes": [fault.code for fault in faults(body)],
            },
        )
        return body

    def _understood(self, body: Any, status: int, *, is_write: bool) -> Json:
        found = faults(body)
        error: Exception
        if found:
            error = error_for(found, status, self.company)
        elif status == 429:
            error = error_for(faults(_THROTTLED), status, self.company)
        elif status == 200 and isinstance(body, dict):
            return body
        else:
            error = Unavailable(f"QuickBooks answered HTTP {status} with something that is not its JSON")
        if is_write and isinstance(error, Unavailable):
            raise OutcomeUnknown(str(error))
        raise error


_THROTTLED = {"fault": {"error": [{"message": "ThrottleExceeded", "detail": "", "code": "3001"}]}}


def _part(body: Any, name: str) -> Json:
    part = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(part, dict):
        raise Unavailable(f"QuickBooks answered without the {name} it was asked for")
    return part


def _listed(values: Iterable[str]) -> Iterator[str]:
    """Yield the values as lists of literals, each list short enough for a URL."""
    listed: list[str] = []
    length = 0
    for literal in map(quoted, values):
        taken = len(quote_plus(f"{literal}, "))
        if listed and length + taken > LIST_LENGTH_MAX:
            yield ", ".join(listed)
            listed, length = [], 0
        listed.append(literal)
        length += taken
    if listed:
        yield ", ".join(listed)


def quoted(value: str) -> str:
    r"""Return a text as a literal of QuickBooks' query language. Escape ' and \ by a backslash; doubling is refused."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
