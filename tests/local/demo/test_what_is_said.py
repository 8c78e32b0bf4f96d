"""What the demo says while it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.demo.__main__ import Setting, found_as, main
from tests.terraform_tools import ROOT, without_aws


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


# -- how it ends before its end --------------------------------------------------------------------------------------


def demo(folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the demo in a folder, as a process of its own."""
    environ = without_aws(os.environ) | {"PYTHONPATH": f"{ROOT}/lambda:{ROOT}"}
    command = [sys.executable, "-W", "ignore", "-m", "local.demo"]
    return subprocess.run(
        command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True, check=False, timeout=60, **options
    )


def test_a_folder_that_takes_no_report_is_a_sentence_before_anything_runs(tmp_path):
    (tmp_path / "build").write_text("")

    result = demo(tmp_path, stdout=subprocess.PIPE)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "build could not be read or written: file exists.\n"


def test_an_output_that_nobody_reads_to_its_end_is_no_traceback(tmp_path):
    read, write = os.pipe()
    os.close(read)

    result = demo(tmp_path, stdout=write)

    os.close(write)
    assert (result.returncode, result.stderr) == (1, "")


def test_ctrl_c_ends_the_demo_in_a_sentence(tmp_path, monkeypatch, capsys):
    def interrupted() -> Setting:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Setting, "chosen", interrupted)

    assert main() == 130
    assert capsys.readouterr().err == "\nStopped. Nothing outside this machine was changed.\n"
