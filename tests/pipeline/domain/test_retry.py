"""What may go through a moment later is tried once more."""

from __future__ import annotations

import pytest

from pipeline.domain.errors import Rejected, Unavailable
from pipeline.domain.retry import ASKED_WAIT_S_MAX, growing, repeated

DOWN, REFUSED = Unavailable("no answer"), Rejected("no")


class Attempts:
    """Outcomes one after the other, and a clock that notes the waits between them."""

    def __init__(self, *outcomes) -> None:
        self.left = list(outcomes)
        self.waits: list[float] = []

    def __call__(self):
        outcome = self.left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sleep(self, seconds):
        self.waits.append(seconds)

    def run(self, **options):
        is_down = lambda error: isinstance(error, Unavailable)
        return repeated(self, tries=3, wait_s=growing(1, by=10), clock=self, on=is_down, **options)


def test_what_goes_through_at_once_is_not_repeated():
    attempts = Attempts("done")

    assert attempts.run() == "done"
    assert attempts.waits == []


def test_what_fails_is_repeated_after_growing_waits():
    attempts = Attempts(DOWN, DOWN, "done")

    assert attempts.run() == "done"
    assert attempts.waits == [1.0, 10.0]


def test_after_the_last_try_its_error_is_raised_without_another_wait():
    attempts = Attempts(DOWN, DOWN, last := Unavailable("the last"), "never")

    with pytest.raises(Unavailable) as raised:
        attempts.run()

    assert raised.value is last
    assert (attempts.waits, attempts.left) == ([1.0, 10.0], ["never"])


@pytest.mark.parametrize("before", [(), (DOWN,)])
def test_an_error_that_no_try_could_change_is_raised_at_once(before):
    attempts = Attempts(*before, REFUSED, "never")

    with pytest.raises(Rejected):
        attempts.run()

    assert attempts.left == ["never"]


def test_where_there_is_no_time_to_wait_the_error_is_raised_at_once():
    attempts = Attempts(DOWN, DOWN, "never")

    with pytest.raises(Unavailable):
        attempts.run(may_wait=lambda seconds: seconds < 5)

    assert (attempts.waits, attempts.left) == ([1.0], ["never"])


@pytest.mark.parametrize(("asked_s", "waited_s"), [(1, 1.0), (3, 3.0), (ASKED_WAIT_S_MAX, 10.0)])
def test_the_other_side_may_ask_for_a_longer_wait_than_ours_and_for_no_shorter_one(asked_s, waited_s):
    attempts = Attempts(Unavailable("busy", wait_s=asked_s), "done")

    assert attempts.run() == "done"
    assert attempts.waits == [waited_s]


def test_a_long_wait_that_the_other_side_asks_for_is_for_the_next_run():
    attempts = Attempts(Unavailable("busy", wait_s=ASKED_WAIT_S_MAX + 1), "never")

    with pytest.raises(Unavailable):
        attempts.run()

    assert (attempts.waits, attempts.left) == ([], ["never"])
