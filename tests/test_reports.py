"""What a worker of a quiet run says of its tests: all that is wrong, and of what passes that it did."""

from __future__ import annotations

import pytest

from tests.conftest import what_is_read


def said(when, outcome):
    return {"data": {"nodeid": "test", "when": when, "outcome": outcome, "sections": [("log", "x")], "keywords": {}}}


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_what_does_not_pass_is_reported_whole(when, outcome):
    assert what_is_read("testreport", said(when, outcome)) == said(when, outcome)


def test_what_passes_is_reported_once_without_what_it_printed():
    reported = [what_is_read("testreport", said(when, "passed")) for when in ("setup", "call", "teardown")]

    (report,) = filter(None, reported)
    assert (report["data"]["when"], report["data"]["sections"]) == ("call", [])


@pytest.mark.parametrize("event", ["logfinish", "warning_recorded", "collectionfinish", "workerfinished"])
def test_all_else_is_said(event):
    assert what_is_read(event, {"nodeid": "test"}) == {"nodeid": "test"}
