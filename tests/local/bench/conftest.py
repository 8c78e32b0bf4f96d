"""What the tests of the benches share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def measured(bench: str, documents: int) -> dict[str, Any]:
    """Return what a bench measures for so many documents, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", f"local.bench.{bench}", str(documents)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
