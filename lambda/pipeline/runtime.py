"""What a function's process provides: time, threads, chance, AWS clients. Tests and the simulation provide others."""

from __future__ import annotations

import ctypes
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from pipeline.cold_start import uncollected
from pipeline.domain.clock import Clock
from pipeline.domain.threads import Threads
from pipeline.domain.values import dataclass

# A parameter of glibc's `mallopt`.
_M_MMAP_THRESHOLD = -3
LARGE_BLOCK_BYTES = 2**20
# As many calls of one service as threads work side by side: a connection more would be made again for every call.
CONNECTIONS_MAX = 16
# DynamoDB itself refuses a request that is not as it must be; that the SDK looks through it first is 6 % of what
# posting a document costs. In S3's requests an empty key would ask for something else, so they are looked through.
NOT_CHECKED = frozenset({"dynamodb"})
# Without one of ours the SDK puts its own together for every call, a fourteenth of what the call costs.
USER_AGENT = f"odoo-to-quickbooks boto3/{boto3.__version__}"


class SystemClock:
    """The system's time."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class SystemThreads:
    """Threads of this process."""

    def pool(self, size: int, name: str) -> ThreadPoolExecutor:
        """Return a pool of at most `size` threads."""
        return ThreadPoolExecutor(size, thread_name_prefix=name)

    def lock(self) -> threading.Lock:
        """Return a lock."""
        return threading.Lock()

    def first_done(self, futures: set[Future[Any]]) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Wait until at least one future is done. Return the done ones and the others."""
        done, rest = wait(futures, return_when=FIRST_COMPLETED)
        return done, rest


@cache
def aws_client(name: str) -> Any:
    """Return the client of an AWS service. It is created once, because creating one takes longer than using it."""
    config = Config(
        max_pool_connections=CONNECTIONS_MAX, user_agent=USER_AGENT, parameter_validation=name not in NOT_CHECKED
    )
    with uncollected():
        return boto3.client(name, config=config)  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Runtime:
    """The collaborators that belong to the process.

    `realms` is what it remembers of the QuickBooks secret: the realm of each company, which may have changed since.
    """

    clock: Clock = field(default_factory=SystemClock)
    threads: Threads = field(default_factory=SystemThreads)
    random: random.Random = field(default_factory=random.SystemRandom)
    client: Callable[[str], Any] = aws_client
    realms: dict[str, str] = field(default_factory=dict)

    def new_name(self) -> str:
        """Return a unique name."""
        return f"{self.random.getrandbits(128):032x}"

    def in_any_order(self, count: int) -> list[int]:
        """Return the numbers below `count` in an order by chance."""
        return self.random.sample(range(count), count)


def return_large_blocks() -> None:
    """Have the C library give every large block back to the system as soon as it is freed.

    Of itself it stops doing so once such a block was freed, and keeps room of that size for each thread: after some
    papers of 20 MB a function of 256 MB has none left, although nothing uses it. Where there is no glibc, do nothing.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


@cache
def system() -> Runtime:
    """Return the runtime of this process."""
    return_large_blocks()
    return Runtime()
