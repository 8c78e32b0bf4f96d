"""Terraform for tests: the program, its AWS provider without the network, and a copy of the tree to work in."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bundling import package

ROOT = Path(__file__).resolve().parent.parent
HANDLERS = tuple(package.handlers(ROOT / "lambda"))
PROVIDER = "registry.terraform.io/hashicorp/aws"
NETWORK_INIT_TIMEOUT_S = 90
COMMAND_TIMEOUT_S = 300
PROVIDER_STARTS_IN_S = 60
# Terraform and its provider are short-lived: a quarter of their processor time is garbage collection of schemas that
# they keep until they end. Below this size they do without.
WITHOUT_COLLECTION = {"GOGC": "off", "GOMEMLIMIT": "1GiB"}

# Asked for by hand, the provider writes every request and answer of AWS into its log.
WITHOUT_LOG = {"TF_LOG_PROVIDER": "ERROR", "TF_LOG_SDK": "ERROR", "TF_LOG_PROVIDER_AWS": "ERROR"}


def unavailable(reason: str) -> NoReturn:
    """Fail where Terraform must be tested (CI, or REQUIRE_TERRAFORM=1); elsewhere skip, and say why."""
    if {os.environ.get("CI", "").lower(), os.environ.get("REQUIRE_TERRAFORM", "").lower()} & {"1", "true"}:
        pytest.fail(reason)
    pytest.skip(reason)


@functools.cache
def program() -> str | None:
    """Return the path of terraform, if it is installed."""
    return shutil.which("terraform")


@functools.cache
def mirror() -> Path | None:
    """Return a filesystem mirror that holds the AWS provider, looked for where such mirrors lie."""
    return next((folder for folder in _places() if _holds_provider(folder)), None)


def _holds_provider(folder: Path) -> bool:
    # Unpacked (5.100.0/linux_amd64/) or packed (terraform-provider-aws_5.100.0_linux_amd64.zip).
    return any((folder / PROVIDER).glob("*5.1[0-9][0-9].*"))


def _places() -> Iterator[Path]:
    home = Path.home()
    if named := os.environ.get("TF_PLUGIN_DIR"):
        yield Path(named)
    configuration = Path(os.environ.get("TF_CLI_CONFIG_FILE") or home / ".terraformrc")
    if configuration.is_file():
        text = configuration.read_text()
        yield from (
            Path(found) for found in re.findall(r'^\s*(?:path|plugin_cache_dir)\s*=\s*"([^"]+)"', text, re.MULTILINE)
        )
    if cache := os.environ.get("TF_PLUGIN_CACHE_DIR"):
        yield Path(cache)
    yield home / ".terraform.d/plugins"
    yield Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "terraform/plugins"
    for shared in ("/usr/local/share", "/usr/share"):
        yield Path(shared) / "terraform/plugins"
    for parent in ("/opt", "/usr/local/share", "/srv", "/var/lib"):
        yield from sorted(Path(parent).glob("*"))


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without anything that could reach a real account or a person's Terraform settings."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("AWS_", "TF_"))}
    configuration = environment.get("TF_CLI_CONFIG_FILE", "")
    if Path(configuration).is_file():
        kept["TF_CLI_CONFIG_FILE"] = configuration
    return (
        kept
        | WITHOUT_COLLECTION
        | {
            "AWS_EC2_METADATA_DISABLED": "true",
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }
    )


@dataclass(frozen=True)
class Terraform:
    """Terraform in one folder with one environment."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: without_aws(os.environ))

    def run(
        self, command: str, *arguments: str, timeout_s: int = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever its exit status."""
        return subprocess.run(
            [program() or "terraform", command, "-no-color", *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def must(self, command: str, *arguments: str) -> str:
        """Run a command that has to succeed and return what it said."""
        done = self.run(command, *arguments)
        assert done.returncode == 0, f"terraform {command} failed:\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
        return done.stdout

    def init(self) -> None:
        """Make the provider available, from a mirror or, where there is none, from the network."""
        found = mirror()
        arguments = ["-input=false", *([f"-plugin-dir={found}"] if found else [])]
        try:
            done = self.run("init", *arguments, timeout_s=NETWORK_INIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            unavailable("terraform init took too long: no provider mirror was found (name one in TF_PLUGIN_DIR)")
        if done.returncode != 0:
            unavailable(f"terraform init failed (a provider mirror can be named in TF_PLUGIN_DIR):\n{done.stderr}")

    def show(self, plan: str) -> dict[str, Any]:
        """Return a stored plan as JSON."""
        return json.loads(self.must("show", "-json", plan))


@contextmanager
def provider_kept_running(terraform: Terraform) -> Iterator[Terraform]:
    """Yield Terraform in the same folder with one process of its provider for all commands.

    Otherwise each run of `terraform test` starts the provider twice, which takes longer than what it is asked. For
    the commands of one configuration with one AWS: a provider that is kept running keeps its settings as well.
    """
    (binary,) = (terraform.folder / ".terraform/providers" / PROVIDER).glob("*/*/terraform-provider-aws*")
    command = [str(binary), "-debug"]
    with subprocess.Popen(
        command, cwd=terraform.folder, env={**terraform.environment, **WITHOUT_LOG}, stdout=subprocess.PIPE, text=True
    ) as running:
        # It says where it can be asked among other lines, and ends if it cannot be.
        stuck = threading.Timer(PROVIDER_STARTS_IN_S, running.kill)
        stuck.start()
        said = ""
        try:
            while not (found := re.search(r"TF_REATTACH_PROVIDERS='(.*)'", said)):
                line = running.stdout.readline() if running.stdout else ""
                assert line, f"the provider did not start:\n{said[-4000:]}"
                said += line
            stuck.cancel()
            yield Terraform(terraform.folder, {**terraform.environment, "TF_REATTACH_PROVIDERS": found[1]})
        finally:
            stuck.cancel()
            running.kill()


def configuration_files() -> list[Path]:
    """Return every file of the configuration: whatever Terraform reads at the top level, by whatever name."""
    return sorted(ROOT.glob("*.tf"))


def configuration_text() -> str:
    """Return the whole configuration as one text, for rules that no file may break."""
    return "\n".join(path.read_text() for path in configuration_files())


def function_names() -> list[str]:
    """Return the names of the functions: the rows of local.functions, in the indentation that `fmt -check` holds."""
    (rows,) = re.findall(r"^  functions = \{\n(.*?)^  \}$", configuration_text(), re.MULTILINE | re.DOTALL)
    return re.findall(r"^    ([\w-]+) = \{$", rows, re.MULTILINE)


def working_copy(folder: Path, environment: Mapping[str, str] | None = None) -> Terraform:
    """Copy the configuration, its tests and the zips into a folder and initialise it there; the tree stays clean."""
    if program() is None:
        unavailable("terraform is not installed")
    (folder / "lambda").mkdir(parents=True)
    (folder / "tests").mkdir()
    # pyproject.toml is a TOML file that is there, as a mapping must be.
    for path in (*configuration_files(), ROOT / "terraform.tfvars.example", ROOT / "pyproject.toml"):
        shutil.copy(path, folder)
    for path in (ROOT / "tests").glob("*.tftest.hcl"):
        shutil.copy(path, folder / "tests")
    for path in built_zips():
        shutil.copy(path, folder / "lambda")
    terraform = Terraform(folder, environment or without_aws(os.environ))
    terraform.init()
    return terraform


def built_zips() -> list[Path]:
    """Return the zips of this tree, built first where one is missing or older than a source."""
    zips = [ROOT / "lambda" / f"{handler}.zip" for handler in HANDLERS]
    with build_lock():
        sources = [*(ROOT / "lambda").rglob("*.py"), ROOT / "lambda/requirements.txt", Path(package.__file__)]
        newest = max(path.stat().st_mtime for path in sources)
        if not all(path.is_file() and path.stat().st_mtime >= newest for path in zips):
            run_build(ROOT)
    return zips


def run_build(tree: Path, *, umask: int = -1, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run build.sh of a tree with this Python, and with more in its environment, and return what it printed."""
    done = subprocess.run(
        ["bash", str(tree / "build.sh")],
        env={**os.environ, "PYTHON": sys.executable, **environ},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"build.sh failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


@contextmanager
def build_lock() -> Iterator[None]:
    """Hold the tree's build for this process; test workers run side by side."""
    lock = ROOT / "build" / "zips.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
