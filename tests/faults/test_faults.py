"""A short run of the explorer; `make faults RUNS=…` is the long one, `local.faults.mutations` its own check."""

from __future__ import annotations

import pytest

from local.faults.scenario import run


@pytest.mark.parametrize("first_seed", range(1, 25, 4))
def test_nothing_is_lost_and_nothing_doubled_whatever_breaks(first_seed):
    complaints = [
        f"seed {seed}: {complaint}" for seed in range(first_seed, first_seed + 4) for complaint in run(seed).complaints
    ]

    assert complaints == []
