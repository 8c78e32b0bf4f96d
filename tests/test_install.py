"""bundling/install.sh: uv installs from where pip would, and pip does whatever uv cannot."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.terraform_tools import ROOT

PIP = "-m pip install -q --disable-pip-version-check --no-compile --require-hashes"
FETCHED = f"{PIP} --only-binary=:all: -r {ROOT}/bundling/requirements.txt"
UV = "-m uv pip install -q --python {python} --require-hashes --system-certs"
INDEX, CERTIFICATES = "https://somebody:secret@pins.example.com/simple", "/etc/own.pem"


@pytest.fixture
def install(tmp_path):
    """Return a function that installs with a Python that says what it is asked, and with which index and certificates.

    `fails` is what that Python refuses (a pattern), `configured` what pip says of its configuration.
    """

    def run(*arguments: str, fails: str = "^$", configured: str = "", **environ: str) -> tuple[list[str], str]:
        python = tmp_path / "python"
        python.write_text(f"""#!/bin/sh
case "$*" in
  *"pip config list") echo "{configured}"; exit 0 ;;
  *"-m uv"*) echo "$* from ${{UV_DEFAULT_INDEX:-its own}}, ${{SSL_CERT_FILE:-its own}}" ;;
  *) echo "$*" ;;
esac
! echo "$*" | grep -qE "{fails}"
""")
        python.chmod(0o755)
        kept = {"PATH": os.environ["PATH"], **environ}
        done = subprocess.run(
            [str(ROOT / "bundling/install.sh"), str(python), "pins.txt", *arguments],
            cwd=tmp_path, env=kept, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        said = done.stdout.replace(str(python), "{python}").splitlines()
        return [line for line in said if line != "-c import uv"], done.stderr

    return run


def test_pip_fetches_uv_which_installs(install):
    said, warned = install()

    assert said == [FETCHED, f"{UV} -r pins.txt from its own, its own"]
    assert warned == ""


def test_for_lambda_nothing_is_fetched(install):
    (installed,), _ = install("site")

    assert installed.startswith(f"{UV} --target site --no-deps --only-binary=:all: ")


@pytest.mark.parametrize("section", ["global", "install", ":env:"])
def test_uv_takes_the_index_and_the_certificates_that_pip_is_told(install, section):
    said, _ = install(configured=f"{section}.cert='{CERTIFICATES}'\n{section}.index-url='{INDEX}'")

    assert said[-1].endswith(f"from {INDEX}, {CERTIFICATES}")
    # Whoever lists the processes reads their arguments.
    assert INDEX not in said[-1].partition(" from ")[0]


def test_the_environment_goes_before_the_files_of_pip_and_what_is_meant_for_uv_before_both(install):
    configured = f":env:.index-url='{INDEX}'\nglobal.index-url='https://other.example.com/simple'"

    said, _ = install(configured=configured)
    meant, _ = install(configured=configured, UV_DEFAULT_INDEX="https://uv.example.com", SSL_CERT_FILE="/uv.pem")

    assert said[-1].endswith(f"from {INDEX}, its own")
    assert meant[-1].endswith("from https://uv.example.com, /uv.pem")


@pytest.mark.parametrize(
    ("fails", "warning"),
    [
        ("bundling/requirements.txt|import uv", "There is no uv for this machine"),
        ("import uv", ""),
        ("uv pip", "uv could not install pins.txt: pip tries."),
    ],
)
def test_pip_installs_where_uv_is_not_to_be_had_or_fails(install, fails, warning):
    said, warned = install(fails=fails)

    assert said[-1] == f"{PIP} -r pins.txt"
    assert warned.strip().startswith(warning)


def test_uv_is_not_asked_where_pip_may_ask_no_index(install):
    said, _ = install(configured="global.no-index='true'")

    assert said == [FETCHED, f"{PIP} -r pins.txt"]


def test_a_folder_that_uv_left_unfinished_is_made_anew(install, tmp_path):
    left = tmp_path / "site/left"
    left.parent.mkdir()
    left.touch()

    install("site", fails="uv pip")

    assert not left.exists()
