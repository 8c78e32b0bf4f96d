"""A short run of the fault explorer: `make faults RUNS=10000` plays the long one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.faults.mutations import MUTATIONS
from local.faults.scenario import run

FIRST_SEED = 1
CHUNKS, CHUNK = 12, 25
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_breaks_nothing_is_lost_or_doubled(chunk):
    seeds = range(FIRST_SEED + chunk * CHUNK, FIRST_SEED + (chunk + 1) * CHUNK)
    complaints = {seed: verdict.complaints for seed in seeds if (verdict := run(seed)).complaints}

    assert complaints == {}


def test_a_seed_is_one_scenario_in_every_process():
    seeds = (2001, 2002, 2003)
    program = f"from local.faults.scenario import run\nfor seed in {seeds}: print(run(seed).as_text)"
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'lambda'}:{ROOT}", "PYTHONHASHSEED": "7"}
    elsewhere = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=environ, capture_output=True, text=True, check=True
    ).stdout

    assert elsewhere.splitlines() == [run(seed).as_text for seed in seeds]


def test_what_is_left_out_of_botocore_and_moto_makes_no_difference():
    for seed in (2004, 2005, 2006):
        assert run(seed, wire=True).as_text == run(seed).as_text


# A scenario each that finds the bug at once; `python -m local.faults.mutations` tries every safeguard.
FOUND_BY = {
    "one shift per company": 33,
    "tokens stored before they are used": 2,
}


@pytest.mark.parametrize(("safeguard", "seed"), FOUND_BY.items())
def test_a_safeguard_that_is_switched_off_is_found(safeguard, seed):
    with MUTATIONS[safeguard]():
        complaints = run(seed).complaints

    assert complaints
    assert run(seed).complaints == []
