"""`make bench`: all figures in one table. `python -m local.bench speed` prints only some of it; see `PARTS`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from local.bench import cloud, faults, nothing, pulls, rivals, speed, starts
from local.bench.world import Row

# What a process of its own does for a measurement.
APART: Mapping[str, Callable[..., None]] = {
    "cloud": cloud.serve_cloud,
    "post": speed.post_here,
    "pull": pulls.pull_here,
    "plain": lambda path: rivals.rival_here("plain", path),
    "bare": lambda path: rivals.rival_here("bare", path),
}
DOCUMENTS = 600
WIDTH = 104
# One at a time, a document takes more than a second.
PLAIN_DOCUMENTS = 30


def _speed(documents: str = str(DOCUMENTS)) -> list[Row]:
    count = int(documents)
    ours = speed.ours(count)
    bare = rivals.rival("bare", count)
    plain = rivals.rival("plain", PLAIN_DOCUMENTS)
    return [
        *speed.rows(ours, "", "900", is_detailed=True),
        *speed.rows(speed.ours(count, 256), " at the share of 256 MB", "450"),
        ("documents a minute of a bare batch loop, and ours ÷ its", _ratio(ours, bare), ""),
        ("documents a minute of one call at a time, and ours ÷ its", _ratio(ours, plain), ""),
        *speed.day_rows(speed.day()),
    ]


def _ratio(ours: speed.Measured, other: speed.Measured) -> str:
    return f"{other.a_minute:.0f}, {ours.a_minute / other.a_minute:.2f}"


def _starts() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return starts.zip_sizes() + starts.cold_starts(Path(folder))


PARTS: Mapping[str, Callable[..., list[Row]]] = {
    "speed": _speed,
    "nothing": lambda documents=str(nothing.DOCUMENTS): nothing.from_nothing(int(documents)),
    "rendered": lambda documents=str(nothing.RENDERED_DOCUMENTS): nothing.from_nothing_rendered(int(documents)),
    "starts": _starts,
    "faults": lambda scenarios=str(faults.SCENARIOS): faults.a_scenario(int(scenarios)),
    "calls": lambda: [pulls.odoo_calls()],
    "memory": lambda documents=str(pulls.PULLED_DOCUMENTS): pulls.peak_memory(int(documents)),
}


def main() -> None:
    """Print the table part by part, or the part that is asked for, with its number of documents."""
    asked = sys.argv[1:]
    if asked and asked[0] in APART:
        APART[asked[0]](*asked[1:])
        return
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}, {os.cpu_count()} cores", flush=True)
    for part in asked[:1] or PARTS:
        # Each part at once: all of them take a quarter of an hour.
        for what, figure, aim in PARTS[part](*asked[1:]):
            print(f"{what:<{WIDTH}}  {figure:>16}  {aim}", flush=True)
