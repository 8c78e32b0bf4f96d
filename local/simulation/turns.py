"""Turns: whatever runs at once runs one at a time, and a seeded random says who goes on at every call outside.

So two invocations, and the documents inside one, meet in every order there is, and a seed always in the same.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures._base import FINISHED
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

# Real time: whoever holds the turn for so long waits for a lock that somebody without the turn holds.
STUCK_S = 60.0


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class _Thread:
    """A thread that does one work after another: a scenario has a hundred, most of them short."""

    def __init__(self) -> None:
        self._go = _taken()
        self._work: Callable[[], None] = lambda: None
        threading.Thread(target=self._serve, daemon=True).start()

    def begin(self, work: Callable[[], None]) -> None:
        """Do a work."""
        self._work = work
        self._go.release()

    def _serve(self) -> None:
        while True:
            self._go.acquire()
            self._work()
            _idle.append(self)


_idle: list[_Thread] = []


def _in_a_thread(work: Callable[[], None]) -> None:
    try:
        thread = _idle.pop()
    except IndexError:
        thread = _Thread()
    thread.begin(work)


@dataclass(slots=True, eq=False)
class Task:
    """Something that runs among others; `process` is the invocation that it belongs to.

    It has a thread from its first turn on (`is_begun`). `go` is released when it has the turn again. A plain lock hands
    it over several times as fast as a semaphore.
    """

    work: Callable[[], None]
    process: Any = None
    go: threading.Lock = field(default_factory=_taken)
    ready: Callable[[], bool] | None = None
    is_begun: bool = False


class Turns:
    """Hands the turn from task to task. `eagerness` is how often it changes hands at a call outside."""

    def __init__(self, chance: random.Random) -> None:
        self._random = chance
        self._alive: list[Task] = []
        self._now: Task | None = None
        self._done = _taken()
        self._broken: BaseException | None = None
        self.eagerness = 1.0

    @property
    def process(self) -> Any:
        """The invocation whose turn it is."""
        return self._now.process if self._now else None

    def run(self, works: Iterable[tuple[Any, Callable[[], None]]]) -> None:
        """Run (process, work) pairs, all at once, and return when all are done; raises what any of them raised."""
        self._broken = None
        tasks = [self._start(process, work) for process, work in works]
        if not tasks:
            return
        self._turn_to(self._random.choice(tasks))
        if not self._done.acquire(timeout=STUCK_S):
            raise AssertionError("nobody goes on: a lock of the functions is held across a call and not a TurnLock")
        if self._broken is not None:
            raise self._broken

    def spawn(self, work: Callable[[], None], process: Any = None) -> None:
        """Let a task run along: of a process of its own, or of the invocation whose turn it is."""
        self._start(process or self.process, work)

    def give_way(self) -> None:
        """Perhaps let another go on first."""
        me = self._now
        if me is not None and len(self._alive) > 1 and self._random.random() < self.eagerness:
            self._hand_over(me)

    def wait(self, ready: Callable[[], bool]) -> None:
        """Let others go on until something holds."""
        me = self._now
        if me is None or ready():
            return
        me.ready = ready
        self._hand_over(me)
        me.ready = None

    def first_done(self, futures: set[Future[Any]]) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """In place of `concurrent.futures.wait`: return the futures that are done and the others, once one is done."""
        self.wait(lambda: any(future.done() for future in futures))
        done = {future for future in futures if future.done()}
        return done, futures - done

    def _start(self, process: Any, work: Callable[[], None]) -> Task:
        task = Task(work, process)
        self._alive.append(task)
        return task

    def _turn_to(self, task: Task) -> None:
        self._now = task
        if task.is_begun:
            task.go.release()
        else:
            _in_a_thread(partial(self._live, task))

    def _live(self, task: Task) -> None:
        """Do a task, and in the same thread whatever else has its first turn after it."""
        while not task.is_begun:
            task.is_begun = True
            try:
                Context().run(task.work)
            except BaseException as error:  # noqa: BLE001 - whoever started the tasks gets to see it
                self._broken = error
            self._alive.remove(task)
            if not self._alive:
                self._now = None
                self._done.release()
                return
            self._now = task = self._next()
        task.go.release()

    def _hand_over(self, me: Task) -> None:
        task = self._next()
        if task is not me:
            self._turn_to(task)
            me.go.acquire()

    def _next(self) -> Task:
        """Return whose turn it is now: anybody's who waits for nobody."""
        able = [task for task in self._alive if task.ready is None or task.ready()]
        if not able:
            self._broken = AssertionError("everybody waits for somebody else")
            self._done.release()
            threading.Semaphore(0).acquire()
        return able[0] if len(able) == 1 else self._random.choice(able)


class TurnThreads:
    """Threads, pools and locks of which one goes on at a time."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def pool(self, size: int, name: str) -> TurnPool:  # noqa: ARG002
        """Return a pool whose work takes turns with everything else."""
        return TurnPool(self._turns)

    def lock(self) -> TurnLock:
        """Return a lock whose holder may lose the turn while holding it."""
        return TurnLock(self._turns)

    def first_done(self, futures: set[Future[Any]]) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Wait until at least one future is done; return the done ones and the others."""
        return self._turns.first_done(futures)


class TurnLock:
    """A lock whose holder may lose the turn while holding it."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._held = False

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()

    def acquire(self) -> bool:
        """Wait until the lock is free and take it."""
        self._turns.wait(lambda: not self._held)
        self._held = True
        return True

    def release(self) -> None:
        """Give it back."""
        self._held = False


class TurnPool:
    """In place of ThreadPoolExecutor: what is submitted takes turns with everything else."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._futures: list[Future[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._turns.wait(lambda: all(future.done() for future in self._futures))

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Let the work run along and return its future, whose `result` waits as any future's does."""
        future = _Future(self._turns)
        self._futures.append(future)

        def run() -> None:
            try:
                future.set_result(work(*arguments))
            except BaseException as error:  # noqa: BLE001 - as the real pool does
                future.set_exception(error)

        self._turns.spawn(run)
        return future

    def map(self, work: Callable[[Any], Any], each: Iterable[Any]) -> Iterator[Any]:
        """Let the work run along for each of them and yield what comes of it, in their order."""
        futures = [self.submit(work, one) for one in each]
        return (future.result() for future in futures)


class _Future(Future[Any]):
    """A future that gives way until it is done."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns

    def done(self) -> bool:
        """Return whether there is a result. Whoever asks has the turn, so nobody is about to change it: no lock."""
        return self._state == FINISHED

    def result(self, timeout: float | None = None) -> Any:  # noqa: ARG002
        self._turns.wait(self.done)
        return super().result()
