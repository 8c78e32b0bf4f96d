"""What the demo says while it runs."""

from __future__ import annotations

import re

import pytest

from local.demo.__main__ import found_as


@pytest.mark.parametrize(
    "counts",
    [
        {"found": 53, "new": 50, "changed": 0, "unchanged": 0, "withdrawn": 3},
        {"found": 53, "new": 0, "changed": 1, "unchanged": 49, "withdrawn": 1},
        {"found": 0, "new": 0, "changed": 0, "unchanged": 0, "withdrawn": 0},
    ],
)
def test_the_documents_that_are_named_add_up_to_those_found(counts):
    assert sum(map(int, re.findall(r"\d+", found_as(counts)))) == counts["found"]
