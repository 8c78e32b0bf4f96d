"""QuickBooks takes three seconds a call, and a run has fifty: each run brings something to an end, within its time."""

from __future__ import annotations

import time

from local.demo.documents import many
from local.stand_ins.aws import Context
from pipeline.runtime import SystemClock
from tests.poster_world import make_due

CALL_S, LIFE_S, RUNS = 3.0, 50.0, 3
# The clock of the functions goes five times as fast, so that the test takes seconds.
FASTER = 5


def test_with_slow_calls_and_many_new_names_every_run_posts_something_and_ends_in_time(start_machine, monkeypatch):
    monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: FASTER * time.monotonic())
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, seconds: time.sleep(seconds / FASTER))
    left_s = lambda context: context.timeout_s - FASTER * (time.monotonic() - context._began_at)
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda context: int(1000 * left_s(context)))
    machine = start_machine(many(48, parties=24))
    machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
    machine.time_left_s = 3_000.0
    machine.extract()
    # A run with less time than a refresh of the token may take renews none.
    machine.time_left_s = 300.0
    machine.post({"watch": True})
    ended_s: list[float] = []
    machine.quickbooks.server.fault = lambda _request: time.sleep(CALL_S / FASTER)
    machine.time_left_s = LIFE_S
    results = []
    for _ in range(RUNS):
        began = time.monotonic()
        results.append(machine.post())
        ended_s.append(FASTER * (time.monotonic() - began))
        make_due(machine)

    assert min(result["posted"] for result in results) > 0
    assert max(ended_s) < LIFE_S
    assert not any(result["paused"] for result in results)
