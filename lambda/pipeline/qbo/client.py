"""What QuickBooks Online can be asked and told of one realm: queries, changes, writes, batches and files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from pipeline.domain.clock import Clock
from pipeline.domain.codec import exact_json
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import OutcomeUnknown, PipelineError, Unavailable
from pipeline.domain.retry import repeated
from pipeline.domain.threads import Threads
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.multipart import Multipart
from pipeline.qbo.rows import Json, changes_of, part_of, rows_of
from pipeline.qbo.text import cleaned
from pipeline.qbo.together import TID, Create, Upload, by_item, by_upload, item_id
from pipeline.qbo.tokens import Tokens
from pipeline.qbo.wire import Wire

UPLOAD_TIMEOUT_S = 60.0
BATCH_TIMEOUT_S = 60.0
PAGE_ROWS = 1_000
# A query is part of the URL. Its maximum length is not documented; 8 kB is a common limit of servers.
LIST_LENGTH_MAX = 4_000
READ_TRIES = 2


class Client:
    """Reads and writes one realm in the time of a run. Every method raises what `Wire.call` raises.

    `calls` counts the calls by kind (query, read, create, ...).
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
        deadline: Deadline | None = None,
    ) -> None:
        self._wire = Wire(api_url, realm, company, tokens, limiter, clock=clock, threads=threads, deadline=deadline)
        self.realm = realm
        self.company = company
        self.limiter = limiter
        self.calls: Counter[str] = self._wire.calls
        self._clock = clock

    @property
    def answered_reads(self) -> int:
        """How many reads were answered: those are what Intuit meters."""
        return self._wire.answered_reads

    def check_time_for_name(self) -> None:
        """Raise OutOfTime where the time that is left is for the documents whose names are known."""
        self._wire.check_time_for_name()

    def query(self, entity: str, where: str = "") -> list[Json]:
        """Return all matching rows of an entity, a thousand to a call. Reads are metered: ask for many at once."""
        return list(self.rows(entity, where))

    def rows(self, entity: str, where: str = "") -> Iterator[Json]:
        """Yield all matching rows of an entity, with one page of a thousand in memory at a time."""
        start = 1
        while True:
            page = self.page(entity, where, start=start)
            yield from page
            if len(page) < PAGE_ROWS:
                return
            start += len(page)

    def page(self, entity: str, where: str = "", *, start: int = 1) -> list[Json]:
        """Return at most a thousand matching rows, from a position on that counts from one."""
        statement = f"select * from {entity}{' where ' + where if where else ''}"  # noqa: S608 - values are quoted
        statement += f" startposition {start} maxresults {PAGE_ROWS}"
        return self._read("query", "/query", {"query": statement}, lambda body: rows_of(body, entity))

    def query_any(self, entity: str, attribute: str, values: Iterable[str], where: str = "") -> list[Json]:
        """Return all rows with an attribute among the values, in as few queries as the URL length allows."""
        rows: list[Json] = []
        for listed in _listed(values):
            rows += self.query(entity, f"{attribute} in ({listed}){' and ' + where if where else ''}")
        return rows

    def changes(self, entities: Iterable[str], since: datetime) -> list[tuple[str, Json]]:
        """Return each object that changed since an instant with its entity, at most a thousand: one metered call."""
        wanted = {"entities": ",".join(entities), "changedSince": since.isoformat(timespec="seconds")}
        return self._read("cdc", "/cdc", wanted, changes_of)

    def read(self, entity: str, qb_id: str) -> Json:
        """Return one object as it is now."""
        return self._read("read", f"/{entity.lower()}/{qb_id}", {}, lambda body: part_of(body, entity))

    def write(self, entity: str, body: Mapping[str, Any], *, request_id: str, operation: str = "") -> Json:
        """Create, update or (by `operation`) delete one object. Return QuickBooks' version of it."""
        kind = operation or ("update" if "Id" in body else "create")
        parameters = {"requestid": request_id} | ({"operation": operation} if operation else {})
        answer = self._wire.call(
            kind,
            "POST",
            f"/{entity.lower()}",
            parameters,
            is_write=True,
            data=exact_json(cleaned(body)),
            headers={"Content-Type": "application/json"},
        )
        try:
            return {**part_of(answer, entity), TID: answer[TID]}
        except Unavailable as error:
            raise OutcomeUnknown(str(error)) from error

    def create_together(self, creates: Sequence[Create], batch_id: str) -> list[Json | PipelineError]:
        """Create several objects in one call; return QuickBooks' version of each, or its error, in the same order.

        QuickBooks knows a write again by the ids of batch and item together. It answers each item alone and in any
        order; one without an answer has an unknown outcome. Raises what `write` raises where no item was answered.
        """
        items = [
            {"bId": item_id(create.request_id), "operation": "create", create.entity: cleaned(create.body)}
            for create in creates
        ]
        answer = self._wire.call(
            "batch",
            "POST",
            "/batch",
            {"requestid": batch_id},
            is_write=True,
            timeout_s=BATCH_TIMEOUT_S,
            data=exact_json({"BatchItemRequest": items}),
            headers={"Content-Type": "application/json"},
        )
        rows = answer.get("BatchItemResponse")
        found = by_item(creates, [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [])
        made = [self._item(row, create.entity) for row, create in zip(found, creates, strict=True)]
        return [item if isinstance(item, PipelineError) else {**item, TID: answer[TID]} for item in made]

    def _item(self, row: Json | None, name: str) -> Json | PipelineError:
        """Return one part of an answer to several writes, or its error."""
        try:
            if row is None:
                raise OutcomeUnknown("QuickBooks answered without the part for this document")
            return part_of(self._wire.understood(row, 200, is_write=True), name)
        except OutcomeUnknown as error:
            return error
        except Unavailable as error:
            return OutcomeUnknown(str(error))
        except PipelineError as error:
            return error

    def upload(self, metadata: Mapping[str, Any], name: str, content: bytes, *, request_id: str) -> Json:
        """Upload one file, linked as its metadata says. Return its attachable. The bytes are sent unchanged."""
        (answer,) = self.upload_together([Upload(metadata, name, content)], request_id=request_id)
        if isinstance(answer, PipelineError):
            raise answer
        return answer

    def upload_together(self, uploads: Sequence[Upload], *, request_id: str) -> list[Json | PipelineError]:
        """Upload several files in one call; return the attachable of each, or its error, in the same order.

        A file may be refused inside an answer of HTTP 200. QuickBooks does not say that it answers in the order of the
        request, and a refusal names no file: it counts for a file only if there is no other it can be for.
        """
        parts: list[tuple[str, str, bytes, str]] = []
        for number, upload in enumerate(uploads, 1):
            described = exact_json(cleaned(upload.metadata)).encode()
            parts.append((f"file_metadata_{number:02}", "metadata.json", described, "application/json"))
            parts.append((f"file_content_{number:02}", upload.name, upload.content, "application/pdf"))
        # A hash that nobody chooses: no file can hold it by accident.
        contents = b"".join(hashlib.sha256(content).digest() for _, _, content, _ in parts)
        files = Multipart(parts, hashlib.sha256(request_id.encode() + contents).hexdigest())
        try:
            body = self._wire.call(
                "upload",
                "POST",
                "/upload",
                {"requestid": request_id},
                is_write=True,
                timeout_s=UPLOAD_TIMEOUT_S,
                data=files,
                headers={"Content-Type": files.content_type},
            )
        finally:
            files.release()
        responses = body.get("AttachableResponse")
        rows = [row for row in responses if isinstance(row, dict)] if isinstance(responses, list) else []
        items = [self._item(row, "Attachable") for row in by_upload(uploads, rows)]
        return [item if isinstance(item, PipelineError) else {**item, TID: body[TID]} for item in items]

    def _read[T](self, kind: str, path: str, parameters: dict[str, str], of: Callable[[Json], T]) -> T:
        return repeated(
            lambda: of(self._wire.call(kind, "GET", path, parameters, is_write=False)),
            tries=READ_TRIES,
            wait_s=lambda _failures: 0.0,
            clock=self._clock,
            on=lambda error: isinstance(error, Unavailable),
            may_wait=lambda seconds: seconds == 0 or self._wire.has_time(seconds),
        )


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
