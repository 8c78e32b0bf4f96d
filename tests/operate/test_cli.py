"""The frame of the command line: help, wrong use, credentials, pipes, colours, and the script that starts it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib import import_module

import pytest
from click.testing import CliRunner

from operate import cli as frame
from operate.cli import World, cli
from operate.commands import MODULES
from operate.deployment import Deployment
from operate.output import Output, wrapped
from tests.terraform_tools import ROOT, without_aws

COMMANDS = sorted(cli.commands)


def environ_of(**environ: str) -> dict[str, str]:
    """Return the environment of a process that finds our modules, and of AWS nothing but what is given."""
    return without_aws(os.environ) | {"PYTHONPATH": f"{ROOT}/lambda:{ROOT}"} | environ


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process that is started for it, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "operate", *arguments], env=environ_of(**environ), capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_within_eighty_columns(command):
    result = CliRunner().invoke(cli, [command, "--help"], obj=World())

    assert result.exit_code == 0
    assert f"Example:\n    ./oqb {command}" in result.stdout
    assert {"--env", "--region", "--profile", "--json"} <= set(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_no_line_of_the_list_of_commands_is_cut_off():
    result = CliRunner().invoke(cli, ["--help"], obj=World(), terminal_width=80)

    (_, *lines) = result.stdout.splitlines()
    assert len(lines) > len(MODULES)
    assert [line for line in lines if line.endswith("...")] == []
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_every_module_of_commands_is_found_by_the_names_of_its_commands():
    here = {path.stem for path in (ROOT / "operate/commands").glob("*.py")} - {"__init__"}
    for module in here:
        import_module(f"operate.commands.{module}")

    assert set(MODULES) == set(cli.commands)
    assert set(MODULES.values()) == here
    assert list(MODULES) == cli.list_commands(None)


def test_a_command_does_without_what_the_others_import():
    code = (
        "import sys; from operate.cli import cli; cli.get_command(None, 'status')\n"
        "print(*(name for name in sys.modules if name.startswith('operate.commands.')))"
    )
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}/lambda:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["operate.commands.look"]


def test_the_commands_are_all_in_the_documentation():
    text = (ROOT / "docs/cli.md").read_text()

    assert [name for name in COMMANDS if f"`{name}" not in text] == []


@pytest.mark.parametrize(
    "arguments", [["lok"], ["status", "--evn", "prod"], ["start-over", "companyA"], ["doctor", "x"]]
)
def test_wrong_use_ends_with_two(arguments):
    assert CliRunner().invoke(cli, arguments, obj=World()).exit_code == 2


@pytest.mark.parametrize("command", ["status", "doctor", "pull", "list"])
def test_without_credentials_it_is_one_sentence(commands, command, tmp_path):
    nothing = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}

    result = commands.run(command, "--region", "us-west-2", environ=environ_of(**nothing))

    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("There are no AWS credentials here: add --profile")
    assert "Traceback" not in result.stderr


def test_without_a_region_it_is_one_sentence(commands, tmp_path):
    environ = environ_of(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_CONFIG_FILE=str(tmp_path / "none"))

    result = commands.run("status", environ=environ)

    assert (result.returncode, result.stderr.splitlines()[-1][:21]) == (2, "No AWS region is set:")


def test_a_profile_that_does_not_exist_is_one_sentence(commands, tmp_path):
    environ = environ_of(AWS_CONFIG_FILE=str(tmp_path / "none"))

    result = commands.run("status", "--profile", "accounting", environ=environ)

    assert result.returncode == 2
    assert result.stderr.startswith("The config profile (accounting) could not be found: look at `aws configure")


@pytest.mark.parametrize("command", ["status", "doctor", "pull", "post", "plan"])
def test_a_mistyped_environment_is_answered_with_those_that_exist(oqb, command):
    result = oqb(command, "--env", "dmeo")

    assert result.exit_code == 2
    assert (
        "There is no deployment 'dmeo' in us-west-2 (account 123456789012); there is demo: name it with --env."
        in result.stderr
    )
    assert oqb.lambdas.invoked == []


def test_an_error_is_json_where_json_was_asked_for(oqb):
    assert oqb.json("status", "--env", "dmeo")["error"].startswith("There is no deployment 'dmeo'")


def test_the_options_may_stand_before_the_command(oqb):
    before = oqb("--env", "dmeo", "status")

    assert "no deployment 'dmeo'" in before.stderr


@pytest.mark.parametrize("extra", [{}, {"NO_COLOR": "1", "TERM": "xterm-256color"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_in_a_pipe_it_is_plain_text_of_eighty_columns(oqb, extra):
    oqb("pull")

    result = run("list", **oqb.machine.deployment.aws.environ, AWS_ENDPOINT_URL_LAMBDA=oqb.lambdas.url,
                 ENVIRONMENT="demo", **extra)  # fmt: skip

    assert result.returncode == 0, result.stderr
    assert "INV/2026/00007" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_where_eighty_columns_are_too_few_heads_wrap_and_neither_names_nor_figures_do(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    figures = ("waiting", "needs a person", "today", "posted", "days left")
    row = ["companyA", "60 min ago", "3 s ago", "1,234", "0", "3", "12,345", "101"]

    Output().table(("company", "read up to", "last post", *figures), [row], right=figures)

    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert {"companyA", "1,234", "12,345", "101"} <= set(printed.split())


def test_a_question_without_a_terminal_is_answered_with_no():
    world = World()
    out = frame.Output()

    assert frame.Call(None, out, world).ask("Sure?", yes=True)  # type: ignore[arg-type]


WRONG = (
    ["lok"], ["list", "--stauts", "failed"], ["start-over", "companyA"], ["doctor", "x"], ["list", "--min", "much"],
    ["list", "--status", "lost"], ["--evn", "prod", "status"], ["connect", "--port", "0"], [],
)  # fmt: skip


@pytest.mark.parametrize("arguments", WRONG)
@pytest.mark.parametrize("place", ["before", "after"])
def test_wrong_use_is_json_where_json_was_asked_for(arguments, place):
    given = ["--json", *arguments] if place == "before" else [*arguments, "--json"]

    result = CliRunner().invoke(cli, given, obj=World())

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]
    assert result.stderr == ""


def test_wrong_use_is_explained_to_a_person_as_before():
    result = CliRunner().invoke(cli, ["list", "--stauts", "failed"], obj=World())

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")
    assert "No such option '--stauts'" in result.stderr


# -- the script ------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path):
    """A checkout in which `.venv/bin/python` says what it is asked, and is this Python otherwise."""
    for name in ("oqb", "Makefile", "operate", "lambda", "bundling"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "oqb").unlink()
    (tmp_path / "oqb").write_bytes((ROOT / "oqb").read_bytes())
    (tmp_path / "oqb").chmod(0o755)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\ncase "$*" in *pip*) exit 0;; esac\nexec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    return tmp_path


def test_the_script_makes_its_environment_once_from_pins_with_hashes(checkout):
    results = [
        subprocess.run([f"{checkout}/oqb", "--help"], capture_output=True, text=True, check=False, cwd="/")
        for _ in range(2)
    ]

    asked = (checkout / "asked").read_text().splitlines()
    (installed,) = [line for line in asked if line.endswith("-r operate/requirements.txt")]
    assert "--require-hashes" in installed
    assert len([line for line in asked if "pip install" in line]) == 2  # the other is for what installs
    assert asked.count("-m operate --help") == 2
    assert all(result.returncode == 0 and result.stdout.startswith("Usage: ./oqb") for result in results)
    assert "Installing what operating a deployment needs" in results[0].stderr


def test_the_script_hands_on_the_exit_status(checkout):
    result = subprocess.run([f"{checkout}/oqb", "lok"], capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert "No such command 'lok'" in result.stderr


# -- how it reads on a terminal, and how it ends ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three four", ["one two three", "four"]),
        ("  one two three four", ["  one two three", "  four"]),
        ("Then: `./oqb list --status failed` now", ["Then:", "`./oqb list --status failed`", "now"]),
        ("see https://example.com/a/long/address here", ["see", "https://example.com/a/long/address", "here"]),
        ("scope   a", ["scope   a"]),
        ("Müller Söhne 東京都港区", ["Müller Söhne", "東京都港区"]),
        ("", [""]),
    ],
)
def test_a_text_is_broken_between_words_and_a_command_or_an_address_never(text, lines):
    assert wrapped(text, 15).split("\n") == lines


def test_a_table_keeps_whole_what_is_copied(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    row = [
        "failed",
        "invoice INV/2026/00128 of a customer with a long name",
        "1,092.50 USD",
        "production-account.move-30912",
    ]

    Output().table(("status", "document", "total", "entry"), [row], right=("total",), whole=("entry",))

    printed = capsys.readouterr().out
    assert "production-account.move-30912" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_a_terminal_too_narrow_for_a_table_gets_a_line_for_each_cell(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    row = ["failed", "invoice INV/1\nAcme", "1,092.50 USD", "production-account.move-309"]

    Output().table(("status", "document", "total", "entry"), [row], right=("total",), whole=("entry",))

    assert capsys.readouterr().out.splitlines()[:4] == [
        "status: failed", "document: invoice INV/1, Acme", "total: 1,092.50 USD", "entry: production-account.move-309"
    ]  # fmt: skip


def test_ctrl_c_ends_with_130_and_says_what_goes_on_without_the_command(oqb, monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", interrupted)
    monkeypatch.setattr(Deployment, "configuration", lambda *_: {"Timeout": 300})

    result = oqb("pull")

    assert result.exit_code == 130
    assert "Stopped. odoo-extractor-demo works on for at most 300 s" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("arguments", [("explain", "INV/2026/00010"), ("pull", "--dry-run")])
def test_ctrl_c_while_a_function_only_answers_says_of_nothing_that_it_goes_on(oqb, monkeypatch, arguments):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", interrupted)
    monkeypatch.setattr(Deployment, "configuration", lambda *_: {"Timeout": 300})

    result = oqb(*arguments)

    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "Stopped.")


def test_ctrl_c_while_only_reading_says_no_more_than_that_it_stopped(oqb, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Deployment, "quickbooks_secret", interrupted)

    result = oqb("status")

    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "Stopped.")


@pytest.mark.parametrize(
    ("options", "says"), [((), "Stopped.\n"), (("--json",), '{"error": "Stopped."}\n')], ids=["a sentence", "JSON"]
)
def test_ctrl_c_while_a_command_is_imported_says_the_same(monkeypatch, options, says):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(frame, "import_module", interrupted)
    result = CliRunner().invoke(cli, ["check", "companyA", *options], obj=World())

    assert (result.exit_code, result.output) == (130, says)


def test_a_question_that_nobody_answers_ends_the_command_and_nothing_is_stored(oqb):
    result = oqb("connect", "--odoo", answers="")

    assert result.exit_code == 2
    assert "nobody is there to answer: run it at a terminal. Nothing was stored." in result.stderr


def test_a_folder_that_cannot_be_written_is_a_sentence(oqb, tmp_path):
    (tmp_path / "file").write_text("")

    result = oqb("check", "companyA", "--from", "2026-01-01", "--write", "--mapping", str(tmp_path / "file" / "m.toml"))

    assert result.exit_code == 2
    assert "m.toml could not be read or written: not a directory." in result.stderr.replace("\n", " ")


@pytest.fixture
def onto_a_full_disk(oqb, commands):
    """Return a function that runs a command whose standard output takes nothing."""
    environ = without_aws(os.environ) | oqb.machine.deployment.aws.environ
    environ |= {"AWS_ENDPOINT_URL_LAMBDA": oqb.lambdas.url, "ENVIRONMENT": "demo"}
    return lambda *arguments: commands.run(*arguments, environ=environ, stdout="/dev/full")


@pytest.mark.parametrize("options", [(), ("--csv",), ("--json",)])
def test_a_full_disk_is_a_sentence_and_ends_with_one(onto_a_full_disk, options):
    result = onto_a_full_disk("list", *options)

    assert result.returncode == 1
    said = "" if "--json" in options else result.stderr.splitlines()[-1]
    assert "--json" in options or said == "The result could not be read or written: no space left on device."
    assert "Exception" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status"), [(("list", "--env", "dmeo"), 2), (("report", "companyA", "2026-01"), 1), (("lok",), 2)]
)
def test_an_error_that_a_full_disk_does_not_take_as_json_is_said_elsewhere(onto_a_full_disk, arguments, status):
    result = onto_a_full_disk(*arguments, "--json")

    assert result.returncode == status, result.stderr
    assert "Exception" not in result.stderr
    assert any(word in result.stderr for word in ("no deployment 'dmeo'", "There is no report", "No such command"))


def test_json_keeps_every_letter_where_the_encoding_lacks_it(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

    Output(as_json=True).result({"party": "Müller"})
    sys.stdout.flush()

    assert json.loads(written.getvalue()) == {"party": "Müller"}
