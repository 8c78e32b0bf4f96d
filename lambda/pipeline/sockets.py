"""Connections on which a whole call is bounded: every read and write gets only what is left of its time and bytes.

The HTTP library's own time limit starts again with every byte that arrives. A server that sends its header, one line of
it, the size of a chunk or `100 Continue` a byte at a time would keep a function busy until it is stopped. So the socket
itself asks, at each read and write, how much of the call's allowance is left.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import requests
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from pipeline.domain.clock import Clock

# Beside the body of an answer: its header, and the framing of its chunks.
FRAMING_BYTES_MAX = 2**20


class Exceeded(Exception):
    """The answer of a call has more bytes than it may have."""


class Allowance:
    """What is left of one call: seconds, by the clock, and bytes of its answer on the wire.

    `is_sent` is whether anything of the request has been handed to the network, and `has_begun` whether anything of
    the answer has arrived.
    """

    def __init__(self, clock: Clock, timeout_s: float, bytes_max: int) -> None:
        self._clock = clock
        self._give_up_at = clock.monotonic() + timeout_s
        self._bytes_left = bytes_max + FRAMING_BYTES_MAX
        self.is_sent = False
        self.has_begun = False

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self._clock.monotonic() >= self._give_up_at

    def seconds(self) -> float:
        """Return the seconds left. Raises TimeoutError if there are none."""
        left_s = self._give_up_at - self._clock.monotonic()
        if left_s <= 0:
            raise TimeoutError("no time is left for this call")
        return left_s

    def take(self, count: int) -> None:
        """Count bytes that have arrived. Raises Exceeded beyond the limit."""
        self.has_begun = self.has_begun or count > 0
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise Exceeded


# The call that this thread is making. The library opens and keeps connections by itself and passes nothing of ours on.
_CALL: ContextVar[Allowance | None] = ContextVar("call", default=None)


@contextmanager
def allowed(allowance: Allowance) -> Iterator[None]:
    """Bound everything that this thread sends and receives inside by the allowance."""
    token = _CALL.set(allowance)
    try:
        yield
    finally:
        _CALL.reset(token)


class _Reader(io.RawIOBase):
    """The receiving end of a socket."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        # Python's own reader keeps the socket open until the answer is read, even if the connection is closed before.
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        call = _CALL.get()
        if call is not None:
            self._sock.settimeout(call.seconds())
        count = self._raw.readinto(buffer) or 0
        if call is not None:
            call.take(count)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Socket:
    """A connected socket whose reads and writes take the remaining time of the call."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, mode: str, **_options: Any) -> io.BufferedReader:
        if mode != "rb":
            raise ValueError(f"an HTTP connection opens no file with mode {mode}")
        return io.BufferedReader(_Reader(self._sock))

    def sendall(self, data: Any) -> None:
        call = _CALL.get()
        rest = memoryview(data).cast("B")
        while rest:
            if call is not None:
                self._sock.settimeout(call.seconds())
                call.is_sent = True
            rest = rest[self._sock.send(rest) :]


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = cast("Any", _Socket(self.sock))


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        # The handshake has one time limit for all of it: the library's own, for connecting.
        super().connect()
        self.sock = cast("Any", _Socket(self.sock))


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class BoundedAdapter(requests.adapters.HTTPAdapter):
    """An adapter for a session whose connections obey the allowance of the call."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Open pools of bounded connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
