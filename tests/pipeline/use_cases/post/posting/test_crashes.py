"""A crash at any outside call: the next runs make it whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from pipeline.domain.entry import Status
from pipeline.use_cases.post.posting import Posting
from tests.books_world import Served, money, served
from tests.posting_world import EDITED, NEW_PDF, ONCE, Session, at, in_books, until_done

CALLS = ("create", "update", "remove", "attach", "attachments", "detach", "find", "find_existing",
         "check_not_typed_in", "draft")  # fmt: skip


class Crashing:
    """Anything, which ends the process at the nth outside call: before it, or after it took effect."""

    def __init__(self, inner, counter, at_call, *, afterwards, calls) -> None:
        self._inner = inner
        self._counter = counter
        self._at_call = at_call
        self._afterwards = afterwards
        self._calls = calls

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        if name not in self._calls:
            return value

        def call(*arguments, **keywords):
            mine = next(self._counter) == self._at_call
            if mine and not self._afterwards:
                raise SystemExit
            result = value(*arguments, **keywords)
            if mine:
                raise SystemExit
            return result

        return call


def post_crashing(session: Session, at_call: int, *, afterwards: bool) -> bool:
    """Post, crashing at the nth outside call; return whether there was such a call."""
    counter = itertools.count()
    wrap: Callable = lambda inner, calls: Crashing(inner, counter, at_call, afterwards=afterwards, calls=calls)
    task = Posting.of(
        session.entry,
        wrap(session.books, CALLS),
        wrap(session.table, ("save",)),
        wrap(session.store, ("document", "pdf", "copy_posted", "drop_pending")),
        session.clock,
        session.sends_until,
    )
    try:
        task.run()
    except SystemExit:
        return True
    return False


def crash_everywhere(prepare: Callable[[], tuple[Served, Session]], check: Callable[[Served, Session], None]) -> int:
    """Crash once at each outside call, before and after it; after each crash the next runs must make it whole."""
    crashes = 0
    for afterwards in (False, True):
        for at_call in itertools.count():
            world, session = prepare()
            if not post_crashing(session, at_call, afterwards=afterwards):
                break
            crashes += 1
            session.settle()
            if session.entry.status in (Status.PENDING, Status.POSTING):
                until_done(session)
            check(world, session)
    return crashes


@pytest.fixture
def worlds():
    """Return a function that serves a new company and closes the one before."""
    opened = []

    def new(*, remembers: bool) -> Served:
        while opened:
            opened.pop().__exit__(None, None, None)
        context = served(custom_transaction_numbers=remembers)
        world = context.__enter__()
        opened.append(context)
        world.stand_in.remembers_request_ids = remembers
        return world

    yield new
    for context in opened:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("remembers", [True, False], ids=["ids remembered", "ids forgotten"])
def test_a_crash_at_any_outside_call_of_a_first_posting_is_made_whole(worlds, remembers):
    def prepare():
        world = worlds(remembers=remembers)
        return world, at(world)

    def check(world, session):
        assert session.entry.status is Status.POSTED
        assert in_books(world) == ONCE
        assert len(world.book.attachables()) == 1
        assert session.store.waiting == []

    assert crash_everywhere(prepare, check) >= 18


@pytest.mark.parametrize("remembers", [True, False], ids=["ids remembered", "ids forgotten"])
def test_a_crash_at_any_outside_call_of_an_edit_is_made_whole(worlds, remembers):
    def prepare():
        world = worlds(remembers=remembers)
        session = at(world)
        session.post()
        session.edit(**EDITED)
        return world, session

    def check(world, session):
        assert session.entry.status is Status.POSTED
        assert in_books(world) == ([money(120)], [NEW_PDF])
        assert len(world.book.attachables()) == 1

    assert crash_everywhere(prepare, check) >= 18


@pytest.mark.parametrize("remembers", [True, False], ids=["ids remembered", "ids forgotten"])
def test_a_crash_at_any_outside_call_of_a_withdrawal_is_made_whole(worlds, remembers):
    def prepare():
        world = worlds(remembers=remembers)
        session = at(world)
        session.post()
        session.withdraw()
        return world, session

    def check(world, session):
        assert session.entry.status is Status.VOIDED
        assert world.book.documents() == []

    assert crash_everywhere(prepare, check) >= 10
