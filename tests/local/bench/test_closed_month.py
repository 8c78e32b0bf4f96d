"""A closed month of many documents stays within the function's memory, of which half is for what was read."""

from __future__ import annotations

import json
import os
import subprocess
import sys

DOCUMENTS = 10_000
# 50,000 take 233 MB (docs/figures.md), of which 26 MB is Python itself.
PEAK_MB_MAX = 26 + 60


def test_closing_and_comparing_a_month_takes_little_memory_for_each_document():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "local.bench.closed_month", str(DOCUMENTS)]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)

    found = json.loads(done.stdout)
    assert found["documents"] == DOCUMENTS
    assert found["peak_mb"] < PEAK_MB_MAX
