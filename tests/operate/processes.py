"""Processes of the command line that are forked from one which has imported what all of them do.

A process takes most of its time for imports. Whatever depends on how Python starts (its encodings, its path) needs one
that is started: `python -m operate`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.terraform_tools import ROOT

ANSWERS_IN_S = 60


class Commands:
    """Runs commands in processes of their own, without a terminal, and says how they ended."""

    def __init__(self, asked: Any, said: Any, folder: Path) -> None:
        self._asked, self._said, self._folder = asked, said, folder

    def run(
        self, *arguments: str, environ: Mapping[str, str], stdout: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m operate` with nothing but these variables; `stdout` is a file that takes what it prints."""
        out, err = self._folder / "out", self._folder / "err"
        request = {"arguments": arguments, "environ": dict(environ), "to": [stdout or str(out), str(err)]}
        self._asked.write(json.dumps(request) + "\n")
        self._asked.flush()
        status = int(self._said.readline())
        printed = "" if stdout else out.read_text()
        return subprocess.CompletedProcess(arguments, status, printed, err.read_text())


@contextmanager
def forked(folder: Path) -> Iterator[Commands]:
    """Yield what runs commands, each in a process that is forked from one."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/lambda:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, "-c", _SERVES], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as serving:
        yield Commands(serving.stdin, serving.stdout, folder)


# Leaves the loop in each child, which then is as if it had been started to run the command, and ends as such a one.
_SERVES = f"""
import json, os, pkgutil, runpy, signal, sys
from importlib import import_module
import boto3, operate.cli, operate.commands
for module in pkgutil.iter_modules(operate.commands.__path__):
    import_module("operate.commands." + module.name)
while line := sys.stdin.readline():
    asked = json.loads(line)
    child = os.fork()
    if not child:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
os.setsid()
signal.alarm({ANSWERS_IN_S})
for number, path in enumerate([os.devnull, *asked["to"]]):
    opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(opened, number)
    os.close(opened)
os.environ.clear()
os.environ.update(asked["environ"])
sys.argv = ["operate", *asked["arguments"]]
runpy.run_module("operate", run_name="__main__", alter_sys=True)
"""
