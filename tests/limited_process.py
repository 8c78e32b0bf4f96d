"""A process of its own whose memory is limited as Lambda limits a function's, and the most it has taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRACTOR_MB, POSTER_MB = 512, 256
SHARE_MAX = 0.7
ANSWER_TIMEOUT_S = 300
# The limit is on what the process may write to: beyond it Python raises MemoryError, and a library fails.
_BEGINNING = """
import resource, sys
limit = int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
"""
_END = """
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("PEAK", int(peak.split()[1]) // 1024, flush=True)
"""
# What one run has left behind is no part of the next. "5" begins the count of the peak anew, at what is left then.
_WARM = f"""
import ctypes, gc, json
for asked in sys.stdin:
    code, *arguments = json.loads(asked)
    sys.argv[2:] = arguments
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as peak_so_far:
        peak_so_far.write("5")
    exec(code, {{"sys": sys}})
    exec({_END!r})
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
        [*_python(_BEGINNING + code + _END, memory_mb), *arguments],
        cwd=ROOT, env=_environ(environ), capture_output=True, text=True, check=False, timeout=ANSWER_TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    output, _, peak = done.stdout.rpartition("PEAK ")
    return Ended(output, int(peak))


class WarmProcess:
    """A Python whose memory is limited and that is asked time and again, as a warm function is.

    What it has imported stays, so it is imported once. One that has died is started anew for the next question.
    """

    def __init__(self, *, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._running: subprocess.Popen[str] | None = None
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe that nobody reads would fill up

    def run(self, code: str, *arguments: str) -> Ended:
        """Run code and return its own output and peak. Its own arguments begin at `sys.argv[2]`."""
        running = self._running = self._running or self._started()
        assert running.stdin
        assert running.stdout
        stuck = threading.Timer(ANSWER_TIMEOUT_S, running.kill)
        stuck.start()
        output = list[str]()
        try:
            print(json.dumps([code, *arguments]), file=running.stdin, flush=True)
            for line in running.stdout:
                if line.startswith("PEAK "):
                    return Ended("".join(output), int(line.split()[1]))
                output.append(line)
        finally:
            stuck.cancel()
        status = self._end()
        self._errors.seek(0)
        raise AssertionError(f"the process ended with {status}: {self._errors.read()[-2_000:]}")

    def close(self) -> None:
        """Let the process end."""
        if self._running:
            self._end()
        self._errors.close()

    def _started(self) -> subprocess.Popen[str]:
        self._errors.seek(0)
        self._errors.truncate()
        return subprocess.Popen(
            _python(_BEGINNING + _WARM, self._memory_mb),
            cwd=ROOT, env=_environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )  # fmt: skip

    def _end(self) -> int:
        running, self._running = self._running, None
        assert running
        with running:
            pass  # which closes the pipes and waits
        return running.returncode


def _python(code: str, memory_mb: int) -> list[str]:
    return [sys.executable, "-W", "ignore", "-c", code, str(memory_mb)]


def _environ(more: dict[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, **(more or {}), "PYTHONPATH": "lambda:."}
