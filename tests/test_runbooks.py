"""Every alarm has a page that says what it means, how to see, and what to do."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import botocore.session
import jmespath
import pytest
from botocore import xform_name

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


# Of the command line alone: what is no call of AWS, and what says how a call is made.
NO_CALLS = {("logs", "tail"), ("s3", "cp"), ("s3", "ls"), ("s3", "sync")}
OF_EVERY_CALL = {"--query", "--output", "--region", "--cli-binary-format", "--cli-read-timeout"}


def calls_in(text: str) -> list[list[str]]:
    """Return the words of every command for AWS, those inside of others too."""
    text = text.replace("\\\n", " ")
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()] + re.findall(r"`(aws [^`]+)`", text)
    found = []
    for line in lines:
        found += re.findall(r"\$\((aws [^()]+)\)", line)
        outside = re.sub(r"\$\(aws [^()]+\)", "x", line)
        found += [part for part in re.split(r"&&|\||;", outside) if part.strip().startswith("aws ")]
    return [shlex.split(call) for call in found]


def test_the_calls_of_every_page_are_found():
    assert sum(len(calls_in((PAGES / name).read_text())) for name in NAMES) > 25


@pytest.mark.parametrize("name", NAMES)
def test_every_call_is_one_that_aws_has_with_what_it_takes(name):
    session = botocore.session.get_session()
    for words in calls_in((PAGES / name).read_text()):
        service, command, options = words[1], words[2], words[3:]
        if service.startswith("--"):
            raise AssertionError(f"{words}: options come after the command")
        given = {option: value for option, value in zip(options, [*options[1:], ""], strict=True) if option[:2] == "--"}
        if "--query" in given:
            jmespath.compile(given["--query"])
        if (service, command) in NO_CALLS:
            continue
        model = session.get_service_model(service)
        operations = {xform_name(operation, "-"): operation for operation in model.operation_names}
        shape = model.operation_model(operations[command]).input_shape
        known = {f"--{xform_name(member, '-')}": member for member in (shape.members if shape else {})}
        assert set(given) - OF_EVERY_CALL <= set(known), words
        missing = {
            member for member in (shape.required_members if shape else ()) if member not in map(known.get, given)
        }
        assert not missing, words
