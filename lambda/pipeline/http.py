"""HTTP for Odoo and QuickBooks: every call has time and size limits, and an error says whether it was sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests
import urllib3

from pipeline.domain.clock import Clock
from pipeline.domain.errors import Misconfigured, PipelineError, Unavailable

CONNECT_TIMEOUT_S = 5
# Room for a PDF of 25 MB in base64 inside JSON. A larger answer would endanger the function's memory.
ANSWER_BYTES_MAX = 48 * 1024 * 1024

NOT_SENT = "not_sent"
NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP response."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def is_html(self) -> bool:
        """Whether a gateway or web server answered instead of the application."""
        return self.headers.get("content-type", "").startswith("text/html") or self.content.lstrip()[:1] == b"<"

    def json(self) -> Any:
        """Return the body as JSON, with numbers as Decimal or int. Raises ValueError if it is not JSON."""
        return json.loads(self.content, parse_float=Decimal)


def new_session() -> requests.Session:
    """Return a session that keeps connections open for eight threads and ignores the environment's settings."""
    session = requests.Session()
    session.trust_env = False
    session.verify = True
    adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=8)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def send(
    session: requests.Session, method: str, url: str, *, who: str, timeout_s: float, clock: Clock, **arguments: Any
) -> Answer:
    """Send one request and return its whole answer, never following a redirect.

    `timeout_s` bounds the whole exchange, even if the answer drips slowly. Raises Unavailable: with code `not_sent` if
    the request cannot have reached the other side, with `no_answer` if it may have.
    """
    give_up_at = clock.monotonic() + timeout_s
    try:
        response = session.request(
            method, url, timeout=(CONNECT_TIMEOUT_S, timeout_s), stream=True, allow_redirects=False, **arguments
        )
        with response:
            content = _content(response, who, timeout_s, clock, give_up_at)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, content)
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _our_error(error, who, timeout_s) from error


def _content(response: requests.Response, who: str, timeout_s: float, clock: Clock, give_up_at: float) -> bytes:
    content = bytearray()
    # `read1` returns what has arrived so far. Any other read waits for a whole chunk, however slowly it drips.
    while chunk := response.raw.read1(64 * 1024, decode_content=True):
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            raise Unavailable(f"{who} sent more than {ANSWER_BYTES_MAX // 2**20} MB in one answer", code=NO_ANSWER)
        if clock.monotonic() > give_up_at:
            raise Unavailable(f"{who} did not finish its answer within {timeout_s:.0f} s", code=NO_ANSWER)
    return bytes(content)


def _our_error(error: Exception, who: str, timeout_s: float) -> PipelineError:
    """Return our error for one of the HTTP library. The order matters, because its errors inherit from each other."""
    wrong = requests.exceptions
    if isinstance(error, wrong.InvalidURL | wrong.InvalidSchema | wrong.MissingSchema):
        return Misconfigured(f"{who}: its address is not a web address like https://host.example")
    if isinstance(error, wrong.ConnectTimeout):
        return Unavailable(f"{who} cannot be reached: no connection in {CONNECT_TIMEOUT_S} s", code=NOT_SENT)
    if isinstance(error, wrong.Timeout | urllib3.exceptions.ReadTimeoutError):
        return Unavailable(f"{who} did not answer within {timeout_s:.0f} s", code=NO_ANSWER)
    if isinstance(error, wrong.SSLError):
        return Unavailable(f"{who} cannot be reached: its certificate is not valid", code=NOT_SENT)
    if isinstance(error, wrong.ConnectionError):
        if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
            return Unavailable(f"{who} cannot be reached: connection refused or unknown host", code=NOT_SENT)
        return Unavailable(f"{who} closed the connection without an answer", code=NO_ANSWER)
    return Unavailable(f"{who} sent an answer that breaks off or is not HTTP", code=NO_ANSWER)
