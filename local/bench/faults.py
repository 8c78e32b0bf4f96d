"""What a scenario of `make faults` takes, start and all."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from local.bench.world import Row

SCENARIOS = 300
# Others than `make faults` plays when it is not told which.
SEED = 8_000_000


def a_scenario(count: int) -> list[Row]:
    """Play scenarios on all processors. Raises CalledProcessError when a document was lost or doubled in one."""
    command = [sys.executable, "-W", "ignore", "-m", "local.simulation", "--runs", str(count), "--seed", str(SEED)]
    began, used_s = time.monotonic(), _children_s()
    subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ours
    seconds, cpu_s = time.monotonic() - began, _children_s() - used_s
    return [
        (f"seconds a scenario of make faults, of {count}", f"{seconds / count:.2f}", "<= 0.3"),
        ("  seconds of processor", f"{cpu_s / count:.2f}", ""),
    ]


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
