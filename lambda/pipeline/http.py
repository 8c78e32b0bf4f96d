"""HTTP for Odoo and QuickBooks: every call has time and size limits, and an error says whether it was sent."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3

from pipeline.domain.clock import Clock
from pipeline.domain.errors import Misconfigured, PipelineError, Unavailable
from pipeline.domain.values import dataclass
from pipeline.sockets import Allowance, BoundedAdapter, Exceeded, allowed

CONNECT_TIMEOUT_S = 5
# Room for a PDF of 25 MB in base64 inside JSON. A larger answer would endanger the function's memory.
ANSWER_BYTES_MAX = 48 * 1024 * 1024
# No amount, id or rate has so many digits, before the point or after it. Arithmetic with such a number never ends.
DIGITS_MAX = 100

# Statuses by which a server says "not now", and the longest that it is believed to ask for.
NOT_NOW = (429, 503)
RETRY_AFTER_S_MAX = 3600
RETRY_AFTER_LENGTH_MAX = 40

NOT_SENT = "not_sent"
NO_ANSWER = "no_answer"

_NOT_A_NUMBER = Decimal("NaN")


class TooLarge(Unavailable):
    """An answer has more bytes than it may have. Asking for less helps, asking again does not."""

    code = "answer_too_large"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP response."""

    status: int
    headers: dict[str, str]
    content: bytes | bytearray

    @property
    def is_html(self) -> bool:
        """Whether a gateway or web server answered instead of the application."""
        return self.headers.get("content-type", "").startswith("text/html") or bool(re.match(rb"\s*<", self.content))

    def retry_after_s(self, now: datetime) -> int:
        """Return for how many seconds a server that says "not now" asks to be left alone; 0 if it does not say it.

        `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). No answer asks for more than an hour, and
        what is neither, or in the past, asks for nothing.
        """
        text = self.headers.get("retry-after", "").strip() if self.status in NOT_NOW else ""
        if not text or len(text) > RETRY_AFTER_LENGTH_MAX:
            return 0
        if text.isascii() and text.isdecimal():
            return min(int(text), RETRY_AFTER_S_MAX)
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return 0
        seconds = math.ceil(((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())
        return min(max(seconds, 0), RETRY_AFTER_S_MAX)

    def json(self, *, is_strict: bool = False) -> Any:
        """Return the body as JSON, with numbers as Decimal or int. Raises ValueError if it is not JSON.

        What no amount or id can be (NaN, Infinity, 1E+999999999, an integer of 100,000 digits) is the Decimal NaN: it
        fails the one document that it belongs to, and not the whole answer. With `is_strict` it is a ValueError.
        """
        refuse = _refuse if is_strict else _not_a_number
        try:
            return json.loads(
                self.content,
                parse_float=lambda text: refuse(text) if (number := _number(text)) is None else number,
                # The length comes first: a long integer takes Python minutes to read.
                parse_int=lambda text: int(text) if len(text) <= DIGITS_MAX else refuse(text),
                parse_constant=refuse,
            )
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


def _number(text: str) -> Decimal | None:
    number = Decimal(text) if len(text) <= DIGITS_MAX else _NOT_A_NUMBER
    return number if abs(number.adjusted()) <= DIGITS_MAX and number.is_finite() else None


def _not_a_number(_text: str) -> Decimal:
    return _NOT_A_NUMBER


def _refuse(text: str) -> Decimal:
    raise ValueError(f"the JSON has {text[:20]}, which is no number")


def new_session() -> requests.Session:
    """Return a session that keeps connections open for sixteen threads and ignores the environment's settings."""
    session = requests.Session()
    session.trust_env = False
    session.verify = True
    adapter = BoundedAdapter(pool_connections=4, pool_maxsize=16)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def send(
    session: requests.Session,
    method: str,
    url: str,
    *,
    who: str,
    timeout_s: float,
    clock: Clock,
    bytes_max: int | None = None,
    **arguments: Any,
) -> Answer:
    """Send one request and return its whole answer, never following a redirect.

    `timeout_s` bounds the whole exchange, from the connection to the last byte, however slowly it drips. `bytes_max`
    bounds the answer, unpacked (48 MB). Raises TooLarge for a larger one. Raises Unavailable: with code `not_sent` if
    the request cannot have reached the other side, with `no_answer` if it may have.
    """
    bytes_max = bytes_max or ANSWER_BYTES_MAX
    allowance = Allowance(clock, timeout_s, bytes_max)
    try:
        with (
            allowed(allowance),
            session.request(
                method, url, timeout=(min(CONNECT_TIMEOUT_S, timeout_s), timeout_s), stream=True,
                allow_redirects=False, **arguments,
            ) as response,
        ):  # fmt: skip
            content = _content(response, allowance, bytes_max)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, content)
    except Exceeded as error:
        raise TooLarge(f"{who} sent more than {bytes_max / 2**20:.0f} MB in one answer") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, TimeoutError) as error:
        if allowance.is_over and not isinstance(error, requests.exceptions.ConnectTimeout):
            what = "finish its answer" if allowance.has_begun else "answer"
            raise Unavailable(f"{who} did not {what} within {timeout_s:.0f} s", code=NO_ANSWER) from error
        ours = _our_error(error, who, timeout_s)
        if allowance.is_sent and ours.code == NOT_SENT:
            # The library names the cause, not the moment: TLS may also fail after the request has gone out.
            ours = Unavailable(f"{who} broke off the connection in place of an answer", code=NO_ANSWER)
        raise ours from error


def _content(response: requests.Response, allowance: Allowance, bytes_max: int) -> bytearray:
    content = bytearray()
    # `read1` returns what has arrived so far. Any other read waits for a whole chunk, however slowly it drips.
    while chunk := response.raw.read1(64 * 1024, decode_content=True):
        content += chunk
        if len(content) > bytes_max:
            raise Exceeded
        allowance.seconds()
    return content


def _our_error(error: Exception, who: str, timeout_s: float) -> PipelineError:
    """Return our error for one of the HTTP library. The order matters, because its errors inherit from each other."""
    wrong = requests.exceptions
    if isinstance(error, wrong.InvalidURL | wrong.InvalidSchema | wrong.MissingSchema):
        return Misconfigured(f"{who}: its address is not a web address like https://host.example")
    if isinstance(error, wrong.ConnectTimeout):
        return Unavailable(f"{who} cannot be reached: no connection in {CONNECT_TIMEOUT_S} s", code=NOT_SENT)
    if isinstance(error, wrong.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return Unavailable(f"{who} did not answer within {timeout_s:.0f} s", code=NO_ANSWER)
    if isinstance(error, wrong.SSLError):
        return Unavailable(f"{who} cannot be reached: its certificate is not valid", code=NOT_SENT)
    if isinstance(error, wrong.ConnectionError):
        if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
            return Unavailable(f"{who} cannot be reached: connection refused or unknown host", code=NOT_SENT)
        return Unavailable(f"{who} closed the connection without an answer", code=NO_ANSWER)
    return Unavailable(f"{who} sent an answer that breaks off or is not HTTP", code=NO_ANSWER)
