"""Every command of `./oqb` that a text of ours shows is one that exists: the command line's own parser is asked."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

from operate.cli import cli
from operate.commands import check, connect, doctor, look, month_end, run  # noqa: F401 - each adds its commands
from pipeline.domain.alert import Failure, Place, Waiting, documents_alert, trouble_alert
from pipeline.domain.causes import WORDS
from pipeline.domain.digest import alert_of
from pipeline.domain.open_alerts import Message, Occasion, OpenAlert
from pipeline.domain.remedies import remedies
from tests.books_world import NOW

ROOT = Path(__file__).parents[2]
DATE = "2026-01-01"
PLACE = Place("qb-poster", "prod", "eu-west-1")
COMPANIES = ("", "companyA", "Süd GmbH & Co. KG", "O'Neill", "-x", "a\nb", "https://evil.example", "acme.example")
SHOWN = re.compile(r"\./oqb(?P<rest>[^\n`;|>]*)")


def commands(text):
    """Return the arguments of every command in a text; what follows a `#` is a comment."""
    return [shlex.split(found["rest"], comments=True) for found in SHOWN.finditer(text)]


def _strings(path):
    """Return the texts of a module. A date is in place of everything that is put in at run time."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(getattr(part, "value", "")) if _is_text(part) else DATE for part in node.values))
        elif _is_text(node) and id(node) not in parts:
            found.append(node.value)
    return "\n".join(found)


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def parse(arguments):
    """Parse arguments as the command line does, without running the command. Raises UsageError for wrong ones."""
    group = cli.make_context("oqb", list(arguments), resilient_parsing=False)
    name, found, rest = cli.resolve_command(group, [*group._protected_args, *group.args])
    return found.make_context(name, rest, parent=group).params


def digest(code, company):
    alerts = (
        OpenAlert(company, code, "", NOW, count=1),
        OpenAlert(company, code, "qb-poster", NOW, texts=("It is so.",)),
    )
    return alert_of(Message(Occasion.LASTS, company, alerts), [], PLACE, NOW).text


def texts_of(code, company):
    waiting = [Waiting("bill 1", "It lacks something.")]
    return [
        documents_alert(company, code, waiting, PLACE).text,
        trouble_alert(company, code, ["It is so."], PLACE, stops=True).text,
        digest(code, company),
    ]


@pytest.mark.parametrize("company", COMPANIES)
@pytest.mark.parametrize("code", sorted(WORDS))
def test_every_command_of_an_alert_exists_and_names_the_deployment(code, company):
    for text in texts_of(code, company):
        for arguments in commands(text):
            params = parse(arguments)

            assert params["environment"] == "prod"
            assert params.get("company") in (company, "COMPANY", None)


def functions():
    # The commands in alerts are put together of parts, so finished alerts are parsed above.
    kept = [path for path in ROOT.glob("lambda/**/*.py") if path.name != "remedies.py"]
    return sorted(path for path in kept if "./oqb" in path.read_text())


def documents():
    kept = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]
    return sorted(path for path in kept if "./oqb" in path.read_text())


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_command_in_a_document_exists(path):
    for arguments in commands(path.read_text().replace("DATE", DATE)):
        # The program by its name alone is no command.
        assert not arguments or parse(arguments)


@pytest.mark.parametrize("path", sorted(ROOT.glob("operate/**/*.py")), ids=lambda path: path.name)
def test_every_command_in_a_text_of_the_command_line_exists(path):
    for arguments in commands(_strings(path).replace("DATE", DATE)):
        if arguments and arguments[0] not in (":", "COMMAND"):
            # A sentence may speak of a command by its name alone.
            assert arguments[0] in cli.commands
            assert len(arguments) == 1 or parse(arguments)


@pytest.mark.parametrize("path", functions(), ids=lambda path: path.name)
def test_every_command_in_a_text_of_the_functions_exists(path):
    for arguments in commands(_strings(path)):
        assert not arguments or parse(arguments)


@pytest.mark.parametrize("wrong", [["conect", "companyA"], ["connect", "--odo"], ["retry", "companyA"], ["check"]])
def test_a_command_that_does_not_exist_is_noticed(wrong):
    with pytest.raises(click.UsageError):
        parse(wrong)


HELPS = {
    "connection_gone": ["./oqb connect companyA --env prod"],
    "no_refresh_token": ["./oqb connect companyA --env prod"],
    "no_realm": ["./oqb connect companyA --env prod"],
    "not_authorized": ["./oqb connect companyA --env prod"],
    "token_refused": ["./oqb connect companyA --env prod"],
    "invalid_client": ["./oqb connect companyA --new-keys --env prod"],
    "waiting_for_first_value": ["./oqb connect companyA --env prod", "./oqb connect --odoo --env prod"],
    "login_refused": ["./oqb connect --odoo --env prod"],
    "access_denied": ["./oqb connect --odoo --env prod"],
    "odoo_key_ends": ["./oqb connect --odoo --env prod"],
    "mapping": ["./oqb check companyA --env prod"],
    "tax_unmapped": [
        "./oqb check companyA --env prod",
        "./oqb retry --company companyA --cause tax_unmapped --env prod",
    ],
    "booked_otherwise": [],
}


@pytest.mark.parametrize("code", HELPS)
def test_each_kind_of_alert_names_the_commands_that_help(code):
    for text in texts_of(code, "companyA"):
        # The digest has the cause twice, once for a company and once for its documents.
        shown = dict.fromkeys(line.strip() for line in text.splitlines() if "./oqb" in line)

        retry = ["./oqb retry --company companyA --env prod"] if "retry_failed" in text else []
        assert list(shown) == [*HELPS[code], *retry]


def test_what_lacks_a_counterpart_is_checked_and_retried_whatever_it_is():
    lacking = [code for code in WORDS if code.endswith("unmapped") and code != "party_unmapped"]

    assert len(lacking) > 5
    for code in lacking:
        assert f"  ./oqb retry --company companyA --cause {code}" in remedies(code, "companyA")


def test_what_a_retry_of_everything_leaves_out_is_never_advised_to_be_retried_so():
    texts = [
        *texts_of("id_reused", "companyA"),
        Failure("companyA", "id_reused", "bill 1", "It has another id.").what_to_do,
    ]

    for text in texts:
        assert "./oqb retry --company companyA --cause id_reused" in text
        assert "retry_failed" not in text
        assert "./oqb retry --company companyA --env" not in text


def test_the_command_to_invoke_the_function_is_there_as_before():
    (text, *_) = texts_of("tax_unmapped", "companyA")

    assert "aws lambda invoke --function-name qb-poster-prod" in text
    assert '"retry_failed": true' in text


def test_a_letter_names_the_command_too():
    fix = Failure("companyA", "tax_unmapped", "bill 1", "It lacks something.").what_to_do

    assert '"retry_failed": true' in fix
    assert "./oqb retry --company companyA --cause tax_unmapped" in fix


@pytest.mark.parametrize("company", ["a\nb", "https://evil.example", "-x"])
def test_a_company_whose_name_could_be_more_than_a_name_is_left_for_the_reader_to_fill_in(company):
    assert remedies("connection_gone", company)[1] == "  ./oqb connect COMPANY"
