"""README's steps from a fresh copy to the first posted document: its own commands, in its own order, and no other.

The commands run in a shell, the consent is given in a real browser, Terraform applies to moto, and QuickBooks and Odoo
are stand-ins. What README says in words (edit this line, confirm, choose the company) is done here as a person does it.
Then every command of the runbooks is run there.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import stat
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from local.demo.books import demo_realms
from local.stand_ins.aws import Context, EmbeddedAws
from local.stand_ins.lambdas import LambdaStandIn
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.runtime import aws_client
from tests import aws_command
from tests.aws_command import CommandLine
from tests.operate.browser import Browser
from tests.operate.conftest import few
from tests.terraform_tools import (
    ROOT,
    Terraform,
    function_names,
    mirror,
    program,
    provider_kept_running,
    unavailable,
    without_aws,
)
from tests.test_deployed_to_moto import FUNCTIONS

ENVIRONMENT = "prod"  # as the example has it
# Of companyA; the last is dated in a period that is closed in QuickBooks, which step 6 decides.
DOCUMENTS = (10, 310, 345)
REALM = "9130357766900001"
COMMAND_TIMEOUT_S = 300
COLUMNS = 80
REDIRECT = "http://localhost:8137/callback"
# A document of the runbooks' examples, and the one that is there in its place.
IN_PAGES = {"INV/2026/00012": "INV/2026/00010", "odoo-account.move-17": "odoo_demo-account.move-10"}
# What only this test has: where the stand-ins are, and what lets it be taken down.
STAND_INS = "stand-ins.auto.tfvars.json"


def commands() -> list[str]:
    """Return every command of README's section "Deploy it", in order."""
    section = (ROOT / "README.md").read_text().partition("\n## Deploy it\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```bash\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@dataclass
class Person:
    """Whoever follows README, in a folder, with a shell, and an answer to each question they are asked."""

    folder: Path
    environment: dict[str, str]
    typed: dict[str, list[tuple[str, str]]]
    outputs: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> None:
        """Run one command of README as it is written there."""
        exported = re.fullmatch(r"export (\w+)=(\S+)", command)
        if exported:
            self.environment[exported[1]] = exported[2]
            return
        said, status = self._at_a_terminal(command)
        self.outputs[command] = said
        # The first check finds what the mapping it writes has to decide.
        assert status == (1 if command.endswith("--write") else 0), f"{command}\n{said[-8000:]}"

    def _at_a_terminal(self, command: str) -> tuple[str, int]:
        """Run a command at a terminal of 80 columns, and type an answer whenever its last line asks for one."""
        terminal, device = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        # A session's first process that opens a terminal has it for its own: hidden answers are read from there.
        opens = f"exec 0<>{os.ttyname(device)} 1>&0 2>&0; {command}"
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", opens],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        answers = list(self.typed.get(command, ()))
        said, asked_at, until = "", 0, time.monotonic() + COMMAND_TIMEOUT_S
        while time.monotonic() < until:
            if select.select([terminal], [], [], 1)[0]:
                said += os.read(terminal, 65_536).decode("utf-8", "replace")
            if answers and re.search(answers[0][0], said[asked_at:]):
                asked_at = len(said)
                os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
            if shell.poll() is not None and not select.select([terminal], [], [], 0)[0]:
                break
        else:
            shell.kill()
        os.close(device)
        os.close(terminal)
        assert not answers, f"{command} never asked {answers[0][0]!r}:\n{said}"
        return said.replace("\r\n", "\n"), shell.wait(COMMAND_TIMEOUT_S)

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        """Change lines of a file, each given by a pattern that it has to have."""
        path = self.folder / name
        text = path.read_text()
        for pattern, line in changes:
            text, count = re.subn(pattern, line, text, flags=re.MULTILINE)
            assert count == 1, (name, pattern)
        path.write_text(text)


@pytest.fixture
def aws(monkeypatch) -> Iterator[EmbeddedAws]:
    # moto reads the effect of a bucket policy and not its condition: it would refuse every call, as if none used TLS.
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_arguments: PermissionResult.NEUTRAL)
    aws = EmbeddedAws()
    yield aws
    aws.close()


@pytest.fixture
def odoo() -> Iterator[OdooStandIn]:
    rows, files = few()
    moves = [row for row in rows["account.move"] if row["id"] in DOCUMENTS]
    odoo = OdooStandIn({**rows, "account.move": moves}, files)
    yield odoo
    odoo.close()


@pytest.fixture
def quickbooks() -> Iterator[QuickBooksStandIn]:
    quickbooks = QuickBooksStandIn(demo_realms())
    quickbooks.name_edit_s = quickbooks.refresh_s = 0
    quickbooks.has_sandbox_keys, quickbooks.redirect_uris = True, (REDIRECT,)
    yield quickbooks
    quickbooks.close()


@pytest.fixture
def lambdas(aws) -> Iterator[LambdaStandIn]:
    """Lambda: moto keeps the functions, and this process runs them."""

    def deployed(name: str) -> dict[str, Any]:
        return dict(aws.client("lambda").get_function_configuration(FunctionName=f"{name}-{ENVIRONMENT}"))

    def runs(name: str) -> Callable[[Any], Any]:
        return lambda event: _as_deployed(FUNCTIONS[name], aws, deployed(name), event)

    lambdas = LambdaStandIn({f"{name}-{ENVIRONMENT}": runs(name) for name in function_names()}, {}, behind=aws.url)
    yield lambdas
    lambdas.close()


def _as_deployed(function: Callable[..., Any], aws: EmbeddedAws, deployed: dict[str, Any], event: Any) -> Any:
    before = dict(os.environ)
    os.environ.update(aws.environ | deployed["Environment"]["Variables"])
    aws_client.cache_clear()
    boto3.setup_default_session()
    try:
        return function(event, Context(float(deployed["Timeout"])))
    finally:
        os.environ.clear()
        os.environ.update(before)
        aws_client.cache_clear()
        boto3.setup_default_session()


@pytest.fixture
def until_the_end() -> Iterator[ExitStack]:
    with ExitStack() as until_the_end:
        yield until_the_end


@pytest.fixture
def browser(tmp_path) -> Iterator[Browser]:
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.close()


@pytest.fixture
def aws_program(tmp_path, aws, lambdas) -> Iterator[Path]:
    commands = CommandLine(aws.environ | {"AWS_ENDPOINT_URL_LAMBDA": lambdas.url})
    with aws_command.program(commands, tmp_path / "bin") as folder:
        yield folder


@pytest.fixture
def person(tmp_path, aws, odoo, quickbooks, lambdas, browser, aws_program) -> Person:
    if program() is None:
        unavailable("terraform is not installed")
    folder = tmp_path / "clone"
    copy_of_the_tree(folder)
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    clicks = threading.Thread(target=give_consent, args=(browser, opened), daemon=True)
    clicks.start()
    environment = without_aws(os.environ) | aws.environ
    environment |= {
        "AWS_ENDPOINT_URL_LAMBDA": lambdas.url,
        "PATH": f"{aws_program}:{os.environ['PATH']}",
        "BROWSER": str(program_that_tells(opened, tmp_path / "browser")),
        "NO_COLOR": "1",
    }
    # Most of an apply is waiting for what is made: ten at a time, as by itself, would be a minute of it.
    environment["TF_CLI_ARGS_apply"] = "-parallelism=30"
    if found := mirror():
        environment["TF_CLI_ARGS_init"] = f"-plugin-dir={found}"
    (folder / STAND_INS).write_text(
        json.dumps(
            {
                "quickbooks_api_url": quickbooks.url,
                "quickbooks_discovery_url": quickbooks.discovery_url,
                "force_destroy": True,
                "deletion_protection_enabled": False,
                "secret_recovery_days": 0,
            }
        )
    )
    user = odoo.users[0]
    typed = {
        "./oqb connect --odoo": [
            ("Database.*: $", odoo.database),
            ("User.*: $", user.login),
            ("Password.*: $", user.password),
            (r"\[y/N\]: $", "y"),
        ],
        "./oqb connect companyA": [
            ("Client ID.*: $", "client-id"),
            ("Client secret.*: $", "client-secret"),
            (r"\[y/N\]: $", "y"),
        ],
    }
    return Person(folder, environment, typed)


def copy_of_the_tree(folder: Path) -> None:
    """Copy what is in the repository, with its times: the environment that is there counts as made."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, target)
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(ROOT / ".venv")


def program_that_tells(opened: Path, path: Path) -> Path:
    """Return a program that is a browser for `connect`: it passes the address on."""
    path.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {opened}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def give_consent(browser: Browser, opened: Path) -> None:
    """Do what a person does on Intuit's page: choose the company, and connect."""
    browser.open(opened.read_text())
    browser.click(f'input[value="{REALM}"]')
    browser.click("#connect")


def edit_in_quickbooks(quickbooks: QuickBooksStandIn) -> None:
    """Change the first document as a person does."""
    books = quickbooks.books(REALM)
    row = next(row for row in books._tables.table("Invoice").values() if "account.move-10]" in row["PrivateNote"])
    row["DueDate"] = "2031-01-01"
    books._touch(row)


def keep_provider(person: Person, until_the_end: ExitStack) -> None:
    """Keep the provider running that `init` has found: each command would start it once or twice otherwise."""
    terraform = until_the_end.enter_context(provider_kept_running(Terraform(person.folder, person.environment)))
    person.environment = dict(terraform.environment)


def what_terraform_keeps(person: Person) -> str:
    """Return all that Terraform has stored in the folder: state and plan, as files and as it shows them."""
    show = [str(program()), "show", "-json"]
    shown = [
        subprocess.run([*show, *which], cwd=person.folder, env=person.environment, capture_output=True, text=True,
                       check=True).stdout
        for which in ([], ["tfplan"])
    ]  # fmt: skip
    files = [path.read_text() for path in person.folder.glob("terraform.tfstate*")]
    assert files
    return "\n".join([*shown, *files])


def commands_of(page: str) -> str:
    """Return the commands of a runbook, in its order, as a script for the documents that are there.

    Left out is `connect`, for which a person gives a consent. A command of ours may say by its status 1 that something
    needs a person.
    """
    for shown, there in IN_PAGES.items():
        page = page.replace(shown, there)
    found = re.findall(r"^```bash\n(.*?)^```|`((?:aws|\./oqb) [^`]+)`", page, re.MULTILINE | re.DOTALL)
    lines = "".join(f"{block or inline}\n" for block, inline in found).replace("\\\n", " ").splitlines()
    kept = [line for line in lines if not line.startswith("./oqb connect")]
    return "\n".join(f"{line} || test $? -eq 1" if line.startswith("./oqb") else line for line in kept)


def test_readme_leads_from_a_fresh_copy_to_a_posted_document_and_the_runbooks_can_be_followed_there(
    person, aws, odoo, quickbooks, until_the_end
):
    steps = commands()
    assert steps[0] == "cp terraform.tfvars.example terraform.tfvars"
    in_words: dict[str, Callable[[], None]] = {
        # Step 2, and the redirect address of step 1.
        "cp terraform.tfvars.example terraform.tfvars": lambda: person.edit(
            "terraform.tfvars",
            (r'^odoo_api_url = ".*"$', f'odoo_api_url = "{odoo.url}"'),
            (r'^alert_email = ".*"$', 'alert_email = "you@example.com"\nquickbooks_environment = "sandbox"'),
            (r"^# schedules_enabled = false$", "schedules_enabled = false"),
        ),
        "terraform init": lambda: keep_provider(person, until_the_end),
        # Step 6, "fill in".
        "./oqb check companyA --from 2026-01-01 --write": lambda: person.edit(
            "mapping.toml", (r'^# (closed_period = "first_open_day")', r"\1")
        ),
        # Step 7.
        "./oqb check companyA --mapping mapping.toml": lambda: person.edit(
            "terraform.tfvars",
            (r'^# mapping_file = "mapping.toml"$', 'mapping_file = "mapping.toml"'),
            (r"^schedules_enabled = false$", ""),
        ),
    }

    for step in steps:
        person.run(step)
        in_words.get(step, lambda: None)()

    notes = "\n".join(row["PrivateNote"] for row in quickbooks.books(REALM).documents())
    assert [number for number in DOCUMENTS if f"[odoo_demo-account.move-{number}]" not in notes] == []
    assert "3 posted" in person.outputs["./oqb post"]
    assert re.search(r"companyA .* 3 ", person.outputs["./oqb status"])
    assert person.outputs["./oqb doctor"].rstrip().endswith("nothing wrong")
    kept = what_terraform_keeps(person)
    secrets = {"client-secret", odoo.users[0].password}
    for connection in quickbooks.tokens._connections.values():
        secrets |= {connection.refresh_token, *connection.access_tokens}
    assert "odoo_api_url" in kept
    assert len(secrets) > 3
    assert [secret for secret in secrets if secret in kept] == []

    edit_in_quickbooks(quickbooks)
    pages = {page.name: commands_of(page.read_text()) for page in sorted((ROOT / "docs/runbooks").glob("*.md"))}
    assert [name for name, script in pages.items() if not script] == ["README.md"]
    for script in filter(None, pages.values()):
        person.run(script)
