"""What functions share that run in one process, in several threads, where each has a container of its own in AWS."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from pipeline.aws import tracking_table
from pipeline.domain.entry import Entry, Status


class Environment:
    """The environment of this process, while functions run in it that each have one of their own.

    `os.environ` is one for all threads. So a function that runs beside others sees their variables, too. When it ends,
    only what no other one has is taken away, and after the last one the process has its own environment back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: dict[str, str] = {}
        self._running: list[dict[str, str]] = []

    @contextmanager
    def of(self, environ: dict[str, str]) -> Iterator[None]:
        """Add variables for as long as the block runs."""
        with self._lock:
            if not self._running:
                self._own = dict(os.environ)
            self._running.append(environ)
            os.environ.update(environ)
        try:
            yield
        finally:
            with self._lock:
                self._end(environ)

    def _end(self, environ: dict[str, str]) -> None:
        self._running.remove(environ)
        if not self._running:
            # Not by clearing it, which takes each variable away and sets most of them again.
            for name in os.environ.keys() - self._own.keys():
                del os.environ[name]
            os.environ.update(self._own.items() - os.environ.items())
            return
        rest = dict(self._own)
        for other in self._running:
            rest.update(other)
        for name in environ:
            if name in rest:
                os.environ[name] = rest[name]
            else:
                os.environ.pop(name, None)


class ForbiddenTransitions:
    """Changes of a status that are not among `pipeline.domain.transitions.TRANSITIONS`, for all who listen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[list[str]] = []
        self._patch = patch.object(tracking_table, "log_forbidden", self._reported)

    @contextmanager
    def heard(self) -> Iterator[list[str]]:
        """Collect, in words, those that happen while the block runs."""
        found: list[str] = []
        with self._lock:
            if not self._listeners:
                self._patch.start()
            self._listeners.append(found)
        try:
            yield found
        finally:
            with self._lock:
                self._listeners = [listener for listener in self._listeners if listener is not found]
                if not self._listeners:
                    self._patch.stop()

    def _reported(self, entry: Entry, previous: Status | None) -> None:
        with self._lock:
            for listener in self._listeners:
                listener.append(f"{entry.title} went from {previous} to {entry.status}, as no rule says")


environment = Environment()
forbidden_transitions = ForbiddenTransitions()
