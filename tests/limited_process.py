"""A process of its own whose memory is limited as Lambda limits a function's, and the most it has taken."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRACTOR_MB, POSTER_MB = 512, 256
SHARE_MAX = 0.7
# The limit is on what the process may write to: beyond it Python raises MemoryError, and a library fails.
_BEGINNING = """
import resource, sys
limit = int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
"""
_END = """
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("PEAK", int(peak.split()[1]) // 1024)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process printed, without its last line, and the most memory it has taken, in MB."""

    output: str
    peak_mb: int


def run_limited(code: str, *arguments: str, memory_mb: int, environ: dict[str, str] | None = None) -> Ended:
    """Run code in a fresh Python whose memory is limited. Its own arguments begin at `sys.argv[2]`."""
    # The peak of a process starts again where its program does, so the size of this one does not count.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _BEGINNING + code + _END, str(memory_mb), *arguments],
        cwd=ROOT, env={**os.environ, **(environ or {}), "PYTHONPATH": "lambda:."}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    output, _, peak = done.stdout.rpartition("PEAK ")
    return Ended(output, int(peak))
