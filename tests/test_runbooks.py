"""Every alarm has a page that says what it means, how to see, and what to do."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from pipeline.aws.events import poster_command, tie_out_command

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs/runbooks"
ALARMS = dict(
    re.findall(
        r'^resource "aws_cloudwatch_metric_alarm" "(\w+)" \{\n(.*?)^\}',
        "".join(path.read_text() for path in sorted(ROOT.glob("*.tf"))),
        flags=re.DOTALL | re.MULTILINE,
    )
)
NAMES = sorted(path.name for path in PAGES.glob("*.md") if path.name != "README.md")


def page_of(alarm: str) -> str:
    found = re.search(r'alarm_description\s*=\s*".*Runbook: docs/runbooks/([\w-]+\.md)"', ALARMS[alarm])
    return found[1] if found else ""


@pytest.mark.parametrize("alarm", sorted(ALARMS))
def test_every_alarm_names_its_page_and_the_page_names_the_alarm(alarm):
    page = PAGES / page_of(alarm)

    name = re.search(r'alarm_name\s*=\s*"(.*)"', ALARMS[alarm])[1]
    shown = re.sub(r"\$\{each\.\w+(\.\w+)?\}", "<function>", name).replace("${var.environment}", "<env>")
    assert page.is_file()
    pattern = "`" + re.escape(shown.removesuffix("-<env>")).replace("<function>", r"[\w<>-]+")
    assert re.search(pattern, page.read_text().splitlines()[0])
    assert re.search(pattern, (PAGES / "README.md").read_text())


def test_every_page_belongs_to_an_alarm_and_is_listed():
    listed = (PAGES / "README.md").read_text()

    assert {page_of(alarm) for alarm in ALARMS} == set(NAMES)
    assert all(f"({name})" in listed for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_says_what_it_means_how_to_see_and_what_to_do(name):
    headings = re.findall(r"^## (.*)$", (PAGES / name).read_text(), flags=re.MULTILINE)

    assert headings == ["What it means", "How to see", "What to do"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_one_that_a_shell_and_the_functions_understand(name):
    text = (PAGES / name).read_text().replace("\\\n", " ")
    commands = [
        line for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()
    ]
    commands += re.findall(r"`(aws [^`]+)`", text)

    assert commands
    for command in commands:
        words = shlex.split(command)
        if "--payload" in words:
            understood = tie_out_command if "odoo-qb-tie-out-prod" in words else poster_command
            understood(json.loads(words[words.index("--payload") + 1]))
