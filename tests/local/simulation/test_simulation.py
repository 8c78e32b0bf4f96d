"""A short run of the fault explorer: `make faults RUNS=10000` plays the long one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from local.simulation import short_way
from local.simulation.__main__ import tell
from local.simulation.fault_injector import Clock
from local.simulation.mutations import MUTATIONS, scenarios_until_found
from local.simulation.scenario import run
from local.simulation.verdict import Verdict

FIRST_SEED = 1
CHUNKS, CHUNK = 12, 25
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_breaks_nothing_is_lost_or_doubled(chunk):
    seeds = range(FIRST_SEED + chunk * CHUNK, FIRST_SEED + (chunk + 1) * CHUNK)
    complaints = {seed: verdict.complaints for seed in seeds if (verdict := run(seed)).complaints}

    assert complaints == {}


def test_a_seed_is_one_scenario_in_every_process():
    seeds = (2001, 2002, 2003)
    program = f"from local.simulation.scenario import run\nfor seed in {seeds}: print(run(seed).as_text)"
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'lambda'}:{ROOT}", "PYTHONHASHSEED": "7"}
    elsewhere = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=environ, capture_output=True, text=True, check=True
    ).stdout

    assert elsewhere.splitlines() == [run(seed).as_text for seed in seeds]


@pytest.mark.parametrize(("complaints", "ended"), [([], 0), (["INV/1 stands there twice"], 1)])
def test_the_long_run_tells_its_figures_and_fails_on_any_complaint(capsys, complaints, ended):
    injected = Counter({"killed before a call": 2, "Odoo answers 503": 1, "(no fault): a usual day": 9})
    verdicts = [
        Verdict(7, 4, injected=injected),
        Verdict(8, 3, complaints, injected=injected, duplicates=len(complaints)),
    ]

    code = tell(verdicts, 7, 2.0)

    assert code == ended
    figures, verdict = capsys.readouterr().out.splitlines()[-2:]
    assert figures.endswith(": seed 7, 2 scenarios, 7 documents, 6 faults of 2 kinds, 2 s")
    assert verdict == f"0 losses, {ended} duplicates, {ended} scenarios with a complaint"


# The two that with the fewest calls made every kind of call that eighty scenarios made, which were 29.
OF_EVERY_KIND = (2019, 2062)


def test_what_is_left_out_of_botocore_and_moto_makes_no_difference(monkeypatch):
    kinds, call = set(), short_way.call

    def counted(service, operation, parameters):
        kinds.add((service, operation))
        return call(service, operation, parameters)

    monkeypatch.setattr(short_way, "call", counted)

    for seed in OF_EVERY_KIND:
        assert run(seed, wire=True).as_text == run(seed).as_text

    assert len(kinds) > 26


@pytest.mark.parametrize("safeguard", MUTATIONS)
def test_every_safeguard_is_still_where_its_mutation_switches_it_off(safeguard):
    with MUTATIONS[safeguard]():
        pass


# Those that a few scenarios find, and the scenario that found each last, where the search begins;
# `python -m local.simulation.mutations` tries every safeguard.
SOON_FOUND = {
    "intent before act": 14,
    "look before repeating": 14,
    "look before an update that makes another of it": 49,
    "look for the PDF before it is sent again": 91,
    "marker, not only number": 4,
    "lease no longer than its holder lives": 2,
    "nothing is pulled into a lost table": 9,
    "compared with Odoo once a day": 11,
    "compared by content": 3,
    "tokens stored before they are used": 8,
    "refused token replaced": 78,
    "what people do in QuickBooks is watched": 6,
    "what was noticed is reported": 6,
}
# Which scenario finds it changes with every call that the functions make (one was found by the 78th from the first): so
# there is room for that, which costs time only where it is needed.
SOON = 200


@pytest.mark.parametrize("safeguard", SOON_FOUND)
def test_a_safeguard_that_is_switched_off_is_found(safeguard):
    assert scenarios_until_found(safeguard, first_seed=SOON_FOUND[safeguard], tries=SOON)


def test_however_little_is_waited_for_time_goes_on():
    clock = Clock()
    before = clock.time()

    clock.pass_by(1e-9)

    assert clock.time() > before
