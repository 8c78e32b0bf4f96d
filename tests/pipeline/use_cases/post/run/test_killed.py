"""Attempts that end with the function."""

from __future__ import annotations

import pytest

from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX
from pipeline.domain.entry import Status
from pipeline.domain.errors import Misconfigured, OutcomeUnknown, Throttled, Unavailable
from tests.books_world import COMPANY
from tests.posting_run_world import OTHER


class Killed(BaseException):
    """The function is stopped from outside."""


def kill_at(world, *numbers):
    """Let whoever drafts one of these documents be killed."""
    for number in numbers:
        world.books[COMPANY].trouble[world.entry(number).entry_id] = Killed()


def killed_runs(world, count):
    """Run so many times, each after the lease of the one before has ended; return how many were killed."""
    killed = 0
    for _ in range(count):
        world.leases.leases.clear()
        try:
            world.run()
        except Killed:
            killed += 1
    return killed


def test_a_document_that_ends_the_function_three_times_fails_with_its_reason(world):
    world.add(1)
    kill_at(world, 1)

    assert killed_runs(world, 5) == KILLED_ATTEMPTS_MAX

    entry = world.entry(1)
    assert (entry.status, entry.error_code, entry.killed_attempts) == (Status.FAILED, "ended_the_function", 0)
    assert "working on it ended the function 3 times" in entry.error_message


def test_everything_else_goes_on_meanwhile(world):
    for number in range(1, 31):
        world.add(number)
    world.add(99, OTHER)
    kill_at(world, 7)

    # The second run works on them one by one, up to the same end; the third begins with those that were in one only.
    killed_runs(world, 3)

    assert [number for number in range(1, 31) if world.status(number) is not Status.POSTED] == [7]
    assert world.status(99) is Status.POSTED


def test_two_that_end_the_function_do_not_take_each_other_along(world):
    world.add(1)
    world.add(2)
    kill_at(world, 1)
    killed_runs(world, 5)

    assert world.status(2) is Status.POSTED


def test_an_attempt_is_counted_before_the_document_is_read(world):
    world.add(1)
    counted = []
    read = world.store.document

    def noted(entry, **options):
        counted.append((world.entry(1).killed_attempts, options))
        return read(entry, **options)

    world.store.document = noted
    world.run()

    assert all(count == 1 or "bytes_max" in options for count, options in counted)
    assert world.entry(1).killed_attempts == 0


@pytest.mark.parametrize("error", [Unavailable("down"), OutcomeUnknown("?"), Throttled("slow"), Misconfigured("right")])
def test_an_attempt_that_ends_with_an_error_did_not_end_the_function(world, error):
    world.add(1)
    world.books[COMPANY].trouble[world.entry(1).entry_id] = error

    world.run()

    assert world.entry(1).killed_attempts == 0
