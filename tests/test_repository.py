"""What the repository must hold, and what it must never hold."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.domain.entry import Status
from pipeline.domain.transitions import TRANSITIONS, Transition

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
TEXTS = [
    name for name in TRACKED if Path(name).suffix in {".py", ".tf", ".hcl", ".md", ".sh", ".toml", ".txt", ".in", ""}
]
PAGES = [name for name in TRACKED if name.endswith(".md")]
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


@pytest.mark.parametrize(
    "name",
    [
        "terraform.tfvars", "prod.tfvars", "prod.auto.tfvars.json", "terraform.tfstate", "lambda/qb_poster.zip",
        "response.json", "odoo.json", "qb.json", "secret.json", "quickbooks-credentials-prod.json", ".env",
    ],
)  # fmt: skip
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


def test_the_documentation_lists_the_changes_of_status_as_the_code_does():
    page = (ROOT / "docs/how-it-works.md").read_text()
    head = "| from | to | by | when |\n|---|---|---|---|\n"
    table = page.partition(head)[2].partition("\n\n")[0]

    assert table.splitlines() == [_row(change) for change in TRANSITIONS]


@pytest.mark.parametrize("status", list(Status))
def test_the_documentation_says_what_each_status_means(status):
    assert f"**{status}** (" in (ROOT / "docs/how-it-works.md").read_text()


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


def test_every_name_the_architecture_gives_is_in_the_file_it_gives_with_it():
    page = (ROOT / "docs/architecture.md").read_text()
    named = {(name, path) for path, name in re.findall(r"`([\w/]+\.py)` \(`(\w+)`\)", page)}
    named |= set(re.findall(r"`(\w+)` in `([\w/]+\.py)`", page))

    assert len(named) >= 9
    assert {(name, path) for name, path in named if not re.search(rf"\b{name}\b", (ROOT / path).read_text())} == set()


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
    """Return a change of status as a row of the documentation's table."""
    previous = ", ".join(f"`{status}`" if status else "(new)" for status in change.previous)
    return f"| {previous} | `{change.to}` | {change.by} | {change.when} |"


def _is_ignored(name: str) -> bool:
    return subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False).returncode == 0


def test_every_file_the_documentation_has_people_fill_with_credentials_is_ignored():
    pages = "".join((ROOT / name).read_text() for name in PAGES)
    named = set(re.findall(r"--secret-string file://([\w./-]+)", pages))

    assert {"odoo.json", "qb.json"} <= named
    assert [name for name in sorted(named) if not _is_ignored(name)] == []


def test_the_readme_is_read_in_one_sitting():
    assert len((ROOT / "README.md").read_text().splitlines()) < 250


@pytest.mark.parametrize("page", PAGES)
def test_every_link_between_the_pages_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    broken = [
        target for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if "://" not in target and not target.startswith("mailto:") and not _leads_somewhere(page, target)
    ]  # fmt: skip

    assert broken == []


def _leads_somewhere(page: str, target: str) -> bool:
    """Tell whether a link of a page names a file that is there and, after a `#`, a heading of it as GitHub names it."""
    name, _, anchor = target.partition("#")
    file = (ROOT / page).parent / name if name else ROOT / page
    if not file.exists() or not anchor:
        return file.exists()
    headings = re.findall(r"^#+ (.*)$", file.read_text(), flags=re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# -- what runs by itself ---------------------------------------------------------------------------------------------


def test_the_workflow_runs_what_every_change_must_pass_and_nothing_else():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())

    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert workflow["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] > 0


def test_the_workflow_has_the_python_of_the_functions():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]

    assert f'runtime                        = "python{python}"' in (ROOT / "main.tf").read_text()


def test_every_hook_runs_a_program_that_the_tests_pin():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    pinned = (ROOT / "tests/requirements.txt").read_text()

    entries = [hook["entry"].split()[0] for repo in hooks for hook in repo["hooks"]]
    assert {repo["repo"] for repo in hooks} == {"local"}
    assert entries
    for entry in entries:
        folder, _, program = entry.rpartition("/")
        assert folder == ".venv/bin"
        assert re.search(rf"^{program}==", pinned, flags=re.MULTILINE)


def test_dependabot_looks_at_every_file_of_pins():
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    looked_at = {
        (update["package-ecosystem"], folder)
        for update in updates for folder in update.get("directories", [update.get("directory")])
    }  # fmt: skip

    rooms = {f"/{Path(name).parent}" for name in TRACKED if name.endswith("requirements.txt")}
    assert looked_at == {("pip", room) for room in rooms} | {("github-actions", "/"), ("terraform", "/")}


def test_there_is_no_licence_file_and_the_readme_says_so():
    assert [name for name in TRACKED if re.match(r"(?i)(licen[cs]e|copying)", name)] == []
    assert "There is no licence file" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", [name for name in TRACKED if name.startswith(".github/ISSUE_TEMPLATE/")])
def test_every_issue_template_can_be_read(name):
    template = yaml.safe_load((ROOT / name).read_text())

    assert name.endswith("config.yml") or {"name", "description", "body"} <= set(template)
