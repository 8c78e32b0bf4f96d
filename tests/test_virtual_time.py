"""Virtual time: as long as the slowest of what happens at once, and none of what is computed."""

from __future__ import annotations

import time

import pytest

from tests.virtual_time import VirtualTime


@pytest.fixture
def virtual():
    return VirtualTime(seed=1)


@pytest.mark.parametrize(("size", "takes_s"), [(1, 18), (2, 9), (6, 3), (16, 3)])
def test_sleeps_at_once_take_as_long_as_one_in_as_many_threads_as_there_are(virtual, size, takes_s):
    def work():
        with virtual.threads.pool(size, "some") as pool:
            return list(pool.map(lambda number: virtual.sleep(3) or number, range(6)))

    done = virtual.do(work)

    assert done == list(range(6))
    assert virtual.monotonic() == takes_s


def test_what_is_computed_takes_no_time(virtual):
    virtual.do(lambda: time.sleep(0.01))

    assert virtual.monotonic() == 0


def test_a_lock_is_waited_for_in_virtual_time(virtual):
    def work():
        lock = virtual.threads.lock()

        def alone(_number):
            with lock:
                virtual.sleep(2)

        with virtual.threads.pool(4, "some") as pool:
            list(pool.map(alone, range(4)))

    virtual.do(work)

    assert virtual.monotonic() == 8
