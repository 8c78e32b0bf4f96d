"""Threads as a collaborator: code that runs work in parallel is given a pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Pool(Protocol):
    """A pool of threads. Leaving it waits for all submitted work."""

    def submit[T](self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Start a call and return its future."""

    def map[A, T](self, work: Callable[[A], T], values: Iterable[A], /) -> Iterator[T]:
        """Start the call for all values at once, and yield the results in order."""


class Threads(Protocol):
    """The only source of threads and locks."""

    def pool(self, size: int, name: str) -> AbstractContextManager[Pool]:
        """Return a pool of at most `size` threads."""

    def lock(self) -> AbstractContextManager[Any]:
        """Return a lock."""

    def first_done(self, futures: set[Future[Any]]) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Wait until at least one future is done. Return the done ones and the others."""
