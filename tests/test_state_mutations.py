"""The list of guards that `python -m tests.state_mutations` switches off fits the code."""

from __future__ import annotations

import pytest

from tests.state_mutations import MUTATIONS


@pytest.mark.parametrize("guard", MUTATIONS)
def test_every_guard_is_still_where_it_is_switched_off(guard):
    with MUTATIONS[guard]():
        pass
