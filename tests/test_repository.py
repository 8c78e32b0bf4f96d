"""What the repository must hold, and what it must never hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pipeline.domain.entry import Status
from pipeline.domain.lifecycle import TRANSITIONS, Transition

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
TEXTS = [
    name for name in TRACKED if Path(name).suffix in {".py", ".tf", ".hcl", ".md", ".sh", ".toml", ".txt", ".in", ""}
]
SECRETS = (
    r"AKIA[0-9A-Z]{16}",  # AWS access key
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"hooks\.slack\.com/services/T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/\w{20,}",
    r"\beyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}",  # a signed token
)


@pytest.mark.parametrize(
    "name",
    [
        "main.tf", "variables.tf", "outputs.tf", "build.sh", "terraform.tfvars.example", "README.md", "QbWorkflow.png",
        "lambda/odoo_extractor.py", "lambda/qb_poster.py", "lambda/odoo_order_sync.py", "lambda/requirements.txt",
    ],
)  # fmt: skip
def test_every_file_the_seeds_name_is_there(name):
    assert name in TRACKED


@pytest.mark.parametrize("pattern", SECRETS)
def test_no_secret_is_committed(pattern):
    holding = [name for name in TEXTS if re.search(pattern, (ROOT / name).read_text(errors="replace"))]

    assert holding == []


@pytest.mark.parametrize("name", ["terraform.tfvars", "terraform.tfstate", "lambda/qb_poster.zip", "response.json"])
def test_what_may_hold_a_secret_or_is_built_is_ignored(name):
    assert _is_ignored(name)


@pytest.mark.parametrize("name", ["lambda/odoo_extractor.py", "lambda/qb_poster.py", "terraform.tfvars.example"])
def test_the_code_is_not_ignored(name):
    assert not _is_ignored(name)


def test_every_requirement_is_in_the_tests_own_list():
    listed = (ROOT / "tests/README.md").read_text()
    named = {int(number) for number in re.findall(r"\bA(\d+)", listed)}
    for first, last in re.findall(r"\bA(\d+)–A(\d+)", listed):
        named |= set(range(int(first), int(last) + 1))
    orders = {int(number) for number in re.findall(r"\bB(\d+)", listed)}
    for first, last in re.findall(r"\bB(\d+)–B(\d+)", listed):
        orders |= set(range(int(first), int(last) + 1))

    assert set(range(1, 75)) <= named
    assert set(range(1, 25)) <= orders


def test_the_readme_lists_the_changes_of_status_as_the_code_does():
    readme = (ROOT / "README.md").read_text()
    head = "| from | to | by | when |\n|---|---|---|---|\n"
    table = readme.partition(head)[2].partition("\n\n")[0]

    assert table.splitlines() == [_row(change) for change in TRANSITIONS]


@pytest.mark.parametrize("status", list(Status))
def test_the_readme_says_what_each_status_means(status):
    assert f"**{status}** (" in (ROOT / "README.md").read_text()


def test_every_test_the_list_names_exists():
    names = set(re.findall(r"(test_\w+)`", (ROOT / "tests/README.md").read_text()))
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    missing = {
        name for name in names if f"def {name}" not in sources and not list((ROOT / "tests").rglob(f"{name}.py"))
    }

    assert missing == set()


def test_every_file_the_architecture_names_exists():
    named = set(re.findall(r"`([\w./]+/[\w./]*|[\w.]+\.(?:tf|example))`", (ROOT / "docs/architecture.md").read_text()))

    assert len(named) > 30
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_flow_of_one_invoice_is_read_in_eight_files():
    flow = (ROOT / "docs/architecture.md").read_text().partition("## The flow of one invoice")[2]
    files = re.findall(r"^\d\. `([^`]+)`", flow, flags=re.MULTILINE)

    assert len(files) == len(set(files)) <= 8


def test_nothing_unfinished_is_committed():
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b")
    found = [
        name for name in TRACKED
        if not name.startswith("tests/") and name.endswith((".py", ".tf", ".sh"))
        and marks.search((ROOT / name).read_text())
    ]  # fmt: skip

    assert found == []


def _row(change: Transition) -> str:
    """Return a change of status as a row of the README's table."""
    previous = ", ".join(f"`{status}`" if status else "(new)" for status in change.previous)
    return f"| {previous} | `{change.to}` | {change.by} | {change.when} |"


def _is_ignored(name: str) -> bool:
    return subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False).returncode == 0
