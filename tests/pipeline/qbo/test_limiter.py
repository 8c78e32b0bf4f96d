from __future__ import annotations

import threading
from collections import deque
from itertools import pairwise

import pytest

from pipeline.qbo.limiter import Limiter
from pipeline.runtime import SystemThreads
from tests.books_world import Clock


class Noted(deque):
    """The limiter's own memory of calls, which also remembers what falls out at the other end."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.all = list(self)

    def append(self, at):
        self.all.append(at)
        super().append(at)


def a_limiter(**arguments):
    clock = Clock()
    limiter = Limiter(clock, SystemThreads(), **arguments)
    limiter._calls = Noted(limiter._calls, maxlen=limiter._calls.maxlen)
    return limiter, clock


def most_within(calls: list[float], window_s: float) -> int:
    return max(sum(1 for at in calls if start <= at < start + window_s) for start in calls)


def test_it_never_lets_more_than_ten_through_in_any_second_or_five_hundred_in_any_minute():
    limiter, _ = a_limiter()

    for _ in range(1_100):
        limiter.wait()

    calls = limiter._calls.all
    assert len(calls) == 1_100
    assert most_within(calls, 1.0) == 10
    assert most_within(calls, 60.0) == 500


@pytest.mark.parametrize("calls", [11, 600])
def test_the_limits_hold_where_calls_arrive_when_some_are_a_fifth_of_a_second_longer_under_way(calls):
    limiter, _ = a_limiter()

    for _ in range(calls):
        limiter.wait()

    sent = limiter._calls.all
    # The slow ones arrive together with those sent later.
    arrived = [at + 0.19 * (number % 20 < 10) for number, at in enumerate(sent)]
    assert most_within(arrived, 1.0) <= 10
    assert most_within(arrived, 60.0) <= 500


def test_the_limits_hold_over_eight_threads():
    limiter, _ = a_limiter()

    threads = [threading.Thread(target=lambda: [limiter.wait() for _ in range(80)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    calls = limiter._calls.all
    assert len(calls) == 640
    assert all(before <= after for before, after in pairwise(calls))
    assert most_within(calls, 1.0) <= 10
    assert most_within(calls, 60.0) <= 500


def test_ten_calls_need_no_waiting():
    limiter, clock = a_limiter()
    began = clock.now()

    for _ in range(10):
        limiter.wait()

    assert clock.now() == began


def test_the_budget_carries_over_from_the_lease_before():
    limiter, clock = a_limiter(recent_calls=[495], recent_age_s=20.0)
    began = clock.monotonic()

    for _ in range(6):
        limiter.wait()

    assert clock.monotonic() - began >= 40.0


def test_what_is_handed_over_says_when_calls_were_made_so_that_old_ones_soon_count_no_longer():
    before, clock = a_limiter()
    for _ in range(490):
        before.wait()
    handed_over = before.recent_calls
    limiter, clock = a_limiter(recent_calls=handed_over)
    began = clock.monotonic()

    for _ in range(100):
        limiter.wait()

    # Ten may follow at once; then each waits for one of a minute ago, of which the oldest are 58 seconds old.
    assert sum(handed_over) == 490
    assert 5.0 <= clock.monotonic() - began < 20.0


def test_calls_of_more_than_a_minute_ago_count_no_longer():
    limiter, clock = a_limiter(recent_calls=[500], recent_age_s=61.0)
    began = clock.now()

    limiter.wait()

    assert clock.now() == began
    assert sum(limiter.recent_calls) == 1


@pytest.mark.parametrize(("age_s", "expected"), [(0.0, 3), (59.0, 3), (60.0, 0)])
def test_recent_calls_are_those_of_the_last_minute(age_s, expected):
    limiter, clock = a_limiter()
    for _ in range(3):
        limiter.wait()

    clock.sleep(age_s)

    assert sum(limiter.recent_calls) == expected


def test_more_calls_than_the_limit_are_never_carried_over_beyond_it():
    limiter, clock = a_limiter(recent_calls=[5_000], recent_age_s=0.0)
    began = clock.monotonic()

    limiter.wait()

    assert 60.0 <= clock.monotonic() - began < 62.0


def test_of_batches_no_more_than_forty_go_through_in_any_minute():
    limiter, _ = a_limiter()
    limiter._batches = Noted(limiter._batches, maxlen=limiter._batches.maxlen)

    for number in range(200):
        limiter.wait(is_batch=number % 2 == 0)

    assert len(limiter._calls.all) == 200
    assert most_within(limiter._batches.all, 60.0) == 40


def test_the_batches_carry_over_from_the_lease_before():
    first, _ = a_limiter()
    for _ in range(40):
        first.wait(is_batch=True)
    second, clock = a_limiter(recent_calls=first.recent_calls, recent_batches=first.recent_batches)
    before = clock.monotonic()

    second.wait()
    unhurried = clock.monotonic() - before
    second.wait(is_batch=True)

    assert unhurried < 2
    assert clock.monotonic() - before > 50
