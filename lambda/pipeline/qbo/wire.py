"""One call to QuickBooks Online: with a token, within the call budget and the time of the run.

What is sent and what an answer holds is the client's; here every answer is a body in JSON or one of our errors.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import Disconnected, OutcomeUnknown, OutOfTime, PipelineError, Throttled, Unavailable
from pipeline.domain.threads import Threads
from pipeline.http import NOT_SENT, Answer, new_session, send
from pipeline.qbo.call_time import CallTime
from pipeline.qbo.faults import AUTHENTICATION_FAILED, error_for, faults
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.rows import Json
from pipeline.qbo.together import TID, TID_LENGTH_MAX
from pipeline.qbo.tokens import Tokens

logger = logging.getLogger(__name__)

# QuickBooks itself gives up after 120 s. A document takes a second or two.
TIMEOUT_S = 30.0
MINOR_VERSION = "75"
# Reserved from the function's time, so that what came of a call is stored before Lambda stops it.
RESERVE_S = 4.0


class Wire:
    """The connection to one realm in the time of a run; safe for several threads.

    `calls` counts the calls by kind (query, read, create, ...), `answered_reads` the reads that were answered.
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
        self.company = company
        self.calls: Counter[str] = Counter()
        self.answered_reads = 0
        self._base = f"{api_url}/v3/company/{realm}"
        self._tokens = tokens
        self._limiter = limiter
        self._clock = clock
        self._deadline = deadline
        self._session = new_session()
        self._counting = threads.lock()
        self._call_time = CallTime(clock, threads)

    def call(
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
        """Make one call and return the body of its answer, with Intuit's id of the answer under `TID`.

        Raises Throttled, Disconnected or Unavailable if the failure is not about the document, OutOfTime before a call
        for which no time is left, OutcomeUnknown if a write was sent and no answer says whether it took effect, and
        Refused if QuickBooks says no.
        """
        refused = ""
        for _ in range(2):
            token = self._tokens.access_token(refused=refused)
            self._limiter.wait(is_batch=kind == "batch", may_wait=self.has_time)
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
                wait_s = answer.retry_after_s(self._clock.now())
                understood = self.understood(body, answer.status, is_write=is_write, wait_s=wait_s)
                return {**understood, TID: answer.headers.get("intuit_tid", "")[:TID_LENGTH_MAX]}
            refused = token
        raise Disconnected(
            f"QuickBooks refuses a freshly renewed token for {self.company} (code {AUTHENTICATION_FAILED}). Connect "
            "the company again with `./oqb connect`; the documents wait and follow by themselves.",
            code="token_refused",
        )

    def check_time_for_name(self) -> None:
        """Raise OutOfTime where the time that is left is for the documents whose names are known."""
        if not self.has_time(self._call_time.after_name_s):
            raise OutOfTime("No time is left in this run to write a further name in QuickBooks")

    def has_time(self, seconds: float) -> bool:
        """Whether a run has so many seconds left beside its reserve."""
        return self._deadline is None or self._deadline.allows(RESERVE_S + seconds)

    def _send(self, method: str, path: str, *, is_write: bool, timeout_s: float, **arguments: Any) -> Answer:
        if not self.has_time(1.0):
            raise OutOfTime("No time is left in this run for a call to QuickBooks")
        if self._deadline:
            timeout_s = min(timeout_s, self._deadline.remaining_s - RESERVE_S)
        try:
            with self._call_time.measured():
                return send(
                    self._session, method, self._base + path, who="QuickBooks", timeout_s=timeout_s, clock=self._clock,
                    **arguments,
                )  # fmt: skip
        except Unavailable as error:
            if is_write and error.code != NOT_SENT:
                raise OutcomeUnknown(str(error)) from error
            raise

    def _read_out(self, kind: str, answer: Answer) -> Any:
        """Return the JSON of an answer, or None. Every answer is logged with the id that Intuit's support asks for."""
        try:
            body = None if answer.is_html else answer.json(is_strict=True)
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

    def understood(self, body: Any, status: int, *, is_write: bool, wait_s: int = 0) -> Json:
        """Return the body of an answer, or of one part of it. Raises what it says, as `call` does."""
        found = faults(body)
        error: PipelineError
        if found:
            error = error_for(found, status, self.company)
        elif status == 429:
            error = error_for(faults(_THROTTLED), status, self.company)
        elif status == 200 and isinstance(body, dict):
            if not is_write:
                with self._counting:
                    self.answered_reads += 1
                if self._limiter.allowance:
                    self._limiter.allowance.read_answered()
            return body
        else:
            error = Unavailable(f"QuickBooks answered HTTP {status} with something that is not its JSON")
        if isinstance(error, Throttled | Unavailable):
            error.wait_s = max(error.wait_s, wait_s)
        if is_write and isinstance(error, Unavailable):
            raise OutcomeUnknown(str(error), wait_s=error.wait_s)
        # Intuit meters reads only.
        if self._limiter.allowance and isinstance(error, Throttled) and not is_write:
            raise self._limiter.allowance.read_refused(self.company, error)
        raise error


_THROTTLED = {"fault": {"error": [{"message": "ThrottleExceeded", "detail": "", "code": "3001"}]}}
