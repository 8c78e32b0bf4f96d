from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from local.stand_ins.memory import MemoryKeyValues
from local.stand_ins.quickbooks.faults import throttled
from pipeline.domain.errors import Disconnected, Throttled
from pipeline.qbo.allowance import GAP_MAX, USED_UP_AFTER, Allowance
from pipeline.runtime import SystemThreads
from tests.books_world import COMPANY, answered, served

SLOW_DOWN = Throttled("QuickBooks asks to slow down", wait_s=60)
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self):
        self.moment = datetime(2026, 11, 29, 6, tzinfo=UTC)

    def now(self):
        return self.moment


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def key_values():
    return MemoryKeyValues()


@pytest.fixture
def session(clock, key_values):
    """Return a function that opens the realm once more, as the next run does."""
    return lambda realm="1": Allowance(key_values, realm, clock, SystemThreads())


def refused(allowance):
    return allowance.read_refused(COMPANY, SLOW_DOWN)


def test_a_throttle_of_some_minutes_is_a_throttle(session, clock):
    for _ in range(10):
        assert refused(session()) is SLOW_DOWN
        clock.moment += timedelta(minutes=1)


def test_refusals_for_six_hours_are_an_allowance_that_is_used_up(session, clock):
    errors = []
    for _ in range(7):
        errors.append(refused(session()))
        clock.moment += HOUR

    assert errors[:6] == [SLOW_DOWN] * 6
    assert type(errors[6]) is Disconnected
    assert errors[6].code == "allowance_used_up"
    for part in (COMPANY, "2026-11-29 06:00 UTC", "month's allowance of reads", "follow by themselves", "higher tier"):
        assert part in str(errors[6])


def test_one_answered_read_begins_it_again(session, clock):
    refused(session())
    clock.moment += HOUR
    session().read_answered()
    clock.moment += USED_UP_AFTER - HOUR
    error = refused(session())

    assert error is SLOW_DOWN


def test_a_gap_of_which_nothing_is_known_begins_it_again(session, clock):
    refused(session())
    clock.moment += max(USED_UP_AFTER, GAP_MAX) + HOUR

    assert refused(session()) is SLOW_DOWN


def test_realms_are_told_apart(session, clock):
    for _ in range(7):
        error = refused(session("1"))
        clock.moment += HOUR

    assert type(error) is Disconnected
    assert refused(session("2")) is SLOW_DOWN


def test_answered_reads_cost_one_look_per_session(session, key_values, monkeypatch):
    looks = []
    real = key_values.value
    monkeypatch.setattr(key_values, "value", lambda key: looks.append(key) or real(key))
    allowance = session()

    for _ in range(5):
        allowance.read_answered()

    assert len(looks) == 1


@pytest.mark.parametrize(("is_write", "expected"), [(False, Disconnected), (True, Throttled)])
def test_only_refused_reads_count_because_writes_are_not_metered(session, clock, is_write, expected):
    with served() as world:
        for _ in range(6):
            refused(session())
            clock.moment += HOUR
        world.client.limiter.allowance = session()
        world.break_next(lambda _request: True, answered(throttled()), times=9)
        call = (
            partial(world.client.write, "Customer", {"DisplayName": "Azure"}, request_id="r-1")
            if is_write
            else partial(world.client.query, "Account")
        )

        with pytest.raises(expected) as raised:
            call()

    assert type(raised.value) is expected


def test_a_read_that_is_answered_forgets_the_refusals(session, key_values):
    refused(session())
    with served() as world:
        world.client.limiter.allowance = session()

        world.client.query("Account")

    assert not key_values.value("throttled#1")
