"""Whoever waits sees how far it is, and after a while that it still goes on."""

from __future__ import annotations

import re
import time

import pytest

from local.demo import progress as module
from local.demo.progress import progress


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "LOOKED_EVERY_S", 0.005)
    monkeypatch.setattr(module, "SAID_AGAIN_S", 0.1)


def waited_for(done):
    until = time.monotonic() + 10
    while not done() and time.monotonic() < until:
        time.sleep(0.005)


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_a_count_is_printed_whenever_it_has_changed(capsys):
    seen = []

    def count():
        seen.append(len(seen) // 3)
        return f"{seen[-1]} documents"

    with progress("pulled", count):
        waited_for(lambda: len(seen) >= 9)

    assert lines(capsys)[:3] == ["  pulled: 0 documents", "  pulled: 1 documents", "  pulled: 2 documents"]


def test_what_does_not_change_is_said_again_after_a_while_with_its_seconds(capsys):
    looks = []
    with progress("posted", lambda: looks.append(1) or "0 documents"):
        time.sleep(0.35)

    first, *again = lines(capsys)
    assert first == "  posted: 0 documents"
    assert 1 <= len(again) <= 4 < len(looks)
    assert all(re.fullmatch(r"  posted: 0 documents \(\d+ s\)", line) for line in again)


def test_without_a_count_the_seconds_are_said(capsys):
    with progress("the tie-out"):
        time.sleep(0.35)

    found = lines(capsys)
    assert found
    assert all(re.fullmatch(r"  the tie-out: \(\d+ s\)", line) for line in found)


def test_looking_takes_a_small_share_of_the_time(capsys):
    looks = []

    def slow():
        looks.append(1)
        time.sleep(0.02)
        return "0 documents"

    with progress("posted", slow):
        time.sleep(0.4)

    # Without a limit every other moment would be spent on looking: sixteen times.
    assert len(looks) <= 6


def test_looking_that_takes_long_does_not_keep_it_silent(capsys, monkeypatch):
    monkeypatch.setattr(module, "LOOKING_SHARE_MAX", 0.0001)
    looks = []

    with progress("posted", lambda: looks.append(time.sleep(0.01)) or "0 documents"):
        waited_for(lambda: len(looks) >= 2)

    assert len(looks) >= 2
