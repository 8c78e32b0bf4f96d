"""Threads, as a collaborator: whoever runs work side by side is given a way to do so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Pool(Protocol):
    """Some threads; leaving it waits for all that was submitted."""

    def submit[T](self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Start some work and return its future."""

    def map[A, T](self, work: Callable[[A], T], values: Iterable[A], /) -> Iterator[T]:
        """Start the work for every value at once, and yield the results in order."""


class Threads(Protocol):
    """The only source of threads and locks."""

    def pool(self, size: int, name: str) -> AbstractContextManager[Pool]:
        """Return a pool of at most `size` threads."""

    def lock(self) -> AbstractContextManager[Any]:
        """Return a lock."""

    def first_done(self, futures: set[Future[Any]]) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Wait until at least one future is done; return the done ones and the others."""
