"""`make test` ends as what it runs ends: the style before all else, the types and the tests side by side."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.terraform_tools import ROOT


@pytest.fixture
def make_test(tmp_path):
    """Return a function that runs `make test` where one of its programs fails, or none; the others say who they are."""
    for name in ("Makefile", "tests/install_browser.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    for path in ("tests/requirements.txt", ".venv/test"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()

    def run(failing: str = "") -> subprocess.CompletedProcess[str]:
        for name in ("ruff", "mypy", "python"):
            program = tmp_path / ".venv/bin" / name
            program.parent.mkdir(exist_ok=True)
            said = f'{name} $@"\necho "compiles: ${{PYTHONDONTWRITEBYTECODE:-yes}}'
            program.write_text(f'#!/bin/sh\necho "{said}"\nexit {int(name == failing)}\n')
            program.chmod(0o755)
        (tmp_path / ".venv/test").touch()
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            ["make", "test"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=60
        )

    return run


def test_it_checks_style_types_and_tests(make_test):
    done = make_test()

    assert done.returncode == 0
    said = {line for line in done.stdout.splitlines() if not line.startswith(".venv")}
    assert {"ruff format --check .", "ruff check .", "mypy ", "compiles: yes"} < said
    assert "compiles: 1" not in said
    assert any(line.startswith("python -m pytest") for line in said)


@pytest.mark.parametrize("failing", ["ruff", "mypy", "python"])
def test_it_fails_as_soon_as_one_of_them_does(make_test, failing):
    done = make_test(failing)

    assert done.returncode != 0
    assert ("python -m pytest" in done.stdout) == (failing != "ruff")


@pytest.fixture
def install_browser(tmp_path):
    """Return a function that runs the installation on a machine with some programs, and what it had installed."""

    def run(*programs: str, user: int = 0, **environ: str) -> list[str]:
        asked = tmp_path / "asked"
        for name in (*programs, "id"):
            program = tmp_path / name
            program.write_text(f'#!/bin/sh\n[ {name} = id ] && echo {user} || echo "$@" >> {asked}\n')
            program.chmod(0o755)
        bash = shutil.which("bash")
        subprocess.run([bash, ROOT / "tests/install_browser.sh"], env={"PATH": str(tmp_path), **environ}, check=True)
        return asked.read_text().splitlines() if asked.exists() else []

    return run


def test_ci_installs_the_browser_that_is_missing(install_browser):
    assert install_browser("apt-get", CI="1") == ["install -qq -y --no-install-recommends chromium"]


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser", "google-chrome"])
def test_a_browser_that_is_there_is_enough(install_browser, browser):
    assert install_browser("apt-get", browser, CI="1") == []


def test_nothing_is_installed_on_somebodys_own_machine(install_browser):
    assert install_browser("apt-get") == []


def test_nothing_is_installed_where_it_may_not_be(install_browser):
    assert install_browser("apt-get", user=1000, CI="1") == []


def test_a_machine_without_such_packages_is_left_to_the_tests(install_browser):
    assert install_browser(CI="1") == []
