"""QuickBooks takes three seconds a call, and a run has fifty: each run brings something to an end, within its time.

In virtual time: how much is begun and ended does not depend on the machine.
"""

from __future__ import annotations

import random

import pytest
import requests

import qb_poster
from local.demo.documents import many
from local.stand_ins.aws import Context
from pipeline.qbo import call_time
from pipeline.runtime import Runtime
from tests.poster_world import make_due, statuses
from tests.virtual_time import VirtualTime

CALL_S, LIFE_S, RUNS = 3.0, 50.0, 3


@pytest.fixture
def slow_runs(start_machine, monkeypatch):
    """Return what makes runs over 48 documents of 24 new parties: their results and seconds, and open outcomes."""

    def runs(seed: int) -> tuple[list[dict], list[float], int]:
        machine = start_machine(many(48, parties=24))
        machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
        machine.extract()
        machine.post({"watch": True})
        virtual = VirtualTime(seed)
        began_s = [0.0]
        left_s = lambda _context: began_s[0] + LIFE_S - virtual.monotonic()
        with monkeypatch.context() as during:
            during.setattr(Context, "get_remaining_time_in_millis", lambda context: int(1000 * left_s(context)))
            runtime = Runtime(virtual, virtual.threads, random.Random(seed))  # noqa: S311
            during.setattr(qb_poster, "system", lambda: runtime)
            during.setattr(requests.adapters.HTTPAdapter, "send", taking_its_time(virtual))
            results, took_s = [], []
            for _ in range(RUNS):
                began_s[0] = virtual.monotonic()
                results.append(virtual.do(machine.post))
                took_s.append(virtual.monotonic() - began_s[0])
                make_due(machine)
        return results, took_s, statuses(machine)["posting"]

    def taking_its_time(virtual):
        near = requests.adapters.HTTPAdapter.send

        def send(adapter, request, *arguments, timeout, **options):
            """Answer after three seconds. Who waits for less gets no answer; the request takes effect all the same."""
            virtual.sleep(min(CALL_S, timeout[1]))
            answer = near(adapter, request, *arguments, timeout=timeout, **options)
            if timeout[1] < CALL_S:
                raise requests.exceptions.ReadTimeout
            return answer

        return send

    return runs


# The order in which the threads go on, by chance: each is another run.
@pytest.mark.parametrize("seed", range(4))
def test_with_slow_calls_and_many_new_names_every_run_ends_what_it_has_begun_and_ends_in_time(slow_runs, seed):
    results, took_s, open_outcomes = slow_runs(seed)

    assert min(result["posted"] for result in results) > 0
    assert max(took_s) < LIFE_S
    # An open outcome must settle, and then be looked for.
    assert open_outcomes == 0
    assert not any(result["paused"] for result in results)


def test_without_time_kept_for_documents_whose_names_are_known_runs_end_with_open_outcomes(slow_runs, monkeypatch):
    monkeypatch.setattr(call_time, "AFTER_NAME_S_MAX", 0.0)

    results, _took_s, open_outcomes = slow_runs(0)

    assert min(result["posted"] for result in results) == 0
    assert open_outcomes > 5
