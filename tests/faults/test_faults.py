"""A short run of the explorer, and whether it notices a safeguard that is switched off."""

from __future__ import annotations

import pytest

from local.faults.mutations import MUTATIONS
from local.faults.scenario import run


@pytest.mark.parametrize("first_seed", range(1, 33, 4))
def test_nothing_is_lost_and_nothing_doubled_whatever_breaks(first_seed):
    complaints = [complaint for seed in range(first_seed, first_seed + 4) for complaint in run(seed).complaints]

    assert complaints == []


def test_the_scenarios_break_things_in_at_least_twenty_ways():
    struck = set()
    for seed in range(100, 112):
        struck |= {kind for kind in run(seed).struck if not kind.startswith("(")}

    assert len(struck) >= 20


@pytest.mark.parametrize("safeguard", ["unfinished entries taken up again"])
def test_a_safeguard_that_is_switched_off_is_noticed(safeguard):
    with MUTATIONS[safeguard]():
        assert any(run(seed).complaints for seed in range(1, 13))
