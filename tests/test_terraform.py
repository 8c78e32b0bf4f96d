"""The configuration is formatted, valid, and plans what the requirements say; without an account or the network."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator

import pytest

from pipeline.domain.mapping_file import MappingFile
from tests import terraform_tools
from tests.terraform_tools import (
    HANDLERS,
    ROOT,
    Terraform,
    configuration_files,
    configuration_text,
    function_names,
    provider_kept_running,
    working_copy,
)

EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())
# What Terraform 1.0 does not know: 1.1 brought moved, nullable and cloud, 1.2 preconditions and replace_triggered_by,
# 1.3 optional() and startswith(), 1.4 terraform_data, 1.5 import and check, 1.7 removed, 1.8 functions of providers,
# 1.10 ephemeral values.
NEWER_THAN_1_0 = (
    r"^\s*(moved|cloud|import|removed) \{",
    r'^\s*(check|ephemeral) "',
    r"^\s*(nullable|replace_triggered_by|ephemeral)\s*=",
    r"\b(precondition|postcondition|terraform_data)\b",
    r"\b(optional|startswith|endswith|strcontains|timecmp|plantimestamp|issensitive|templatestring)\(",
    r"\bprovider::",
)


@pytest.fixture(scope="module")
def terraform(tmp_path_factory) -> Iterator[Terraform]:
    with provider_kept_running(working_copy(tmp_path_factory.mktemp("terraform") / "tree")) as terraform:
        yield terraform


def test_the_configuration_is_formatted(terraform):
    done = terraform.run("fmt", "-check", "-diff", "-recursive")

    assert (done.returncode, done.stdout) == (0, "")


def test_the_configuration_is_valid(terraform):
    done = terraform.run("validate")

    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_calls_the_configuration_with_values_it_takes(terraform, example):
    folder = terraform.folder / "examples" / example.name
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".terraform*"))
    called = Terraform(folder, terraform.environment)
    called.init()

    done = called.run("validate")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("example", "companies"), [("one-company", 1), ("two-companies", 2)])
def test_the_mapping_of_an_example_can_be_used(example, companies):
    mapping = MappingFile.parse((ROOT / "examples" / example / "mapping.toml").read_text())

    assert len(mapping.companies) == companies
    assert all(rules.go_live for rules in mapping.companies.values())


def test_the_plan_keeps_every_row_and_every_validation_refuses(terraform):
    done = terraform.run("test")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! \d+ passed, 0 failed\.", done.stdout)


def test_nothing_is_planned_without_an_alert_email(terraform):
    done = terraform.run("plan", "-input=false")

    assert done.returncode != 0
    assert 'The root module input variable "alert_email" is not set' in done.stderr


def test_a_reservation_for_what_is_no_function_is_refused_and_named(terraform):
    # No variable's validation, so no expect_failures: a run of its own, which has to fail.
    mocked = (ROOT / "tests/validations.tftest.hcl").read_text().partition("\nrun ")[0]
    run = 'run "mistyped" {\n  command = plan\n\n  variables {\n    reserved_concurrency = { poster = 1 }\n  }\n}\n'
    trial = terraform.folder / "tests/mistyped.tftest.hcl"
    trial.write_text(f"{mocked}\n{run}")
    try:
        done = terraform.run("test", "-filter=tests/mistyped.tftest.hcl")
    finally:
        trial.unlink()

    assert done.returncode != 0
    assert "`poster` is no function. Allowed:" in done.stdout + done.stderr


def test_a_function_is_one_row_and_one_handler():
    rows = function_names()

    assert len(rows) >= 3
    assert sorted(row.removeprefix("odoo-qb-").replace("-", "_") for row in rows) == sorted(HANDLERS)


def test_the_rules_below_see_the_whole_configuration(terraform):
    read = {path.name for path in configuration_files()}

    # Terraform would read this kind of file too, and no rule here could.
    assert [*ROOT.glob("*.tf.json")] == []
    assert {"main.tf", "variables.tf", "outputs.tf"} <= read
    assert {path.name for path in terraform.folder.glob("*.tf")} == read


def test_no_file_of_the_configuration_is_longer_than_450_lines():
    lengths = {path.name: len(path.read_text().splitlines()) for path in configuration_files()}

    assert {name: length for name, length in lengths.items() if length > 450} == {}


def test_the_configuration_asks_for_nothing_newer_than_terraform_1_0():
    text = configuration_text()

    assert re.findall(r"^\s*required_version\s*=\s*(.*)$", text, re.MULTILINE) == ['">= 1.0"']
    assert [found[0] for newer in NEWER_THAN_1_0 for found in re.finditer(newer, text, re.MULTILINE)] == []
    # Before 1.2 a message had to be whole sentences.
    messages = re.findall(r'error_message = "(.*)"', text)
    assert messages
    assert [message for message in messages if not re.fullmatch(r"[A-Z].*[.?]", message)] == []


@pytest.mark.parametrize(
    "newer",
    [
        "moved {",
        "  import {",
        'check "health" {',
        "  nullable = false",
        "    precondition {",
        "  type = optional(string)",
        'resource "terraform_data" "x" {',
        "x = startswith(var.y, z)",
        "  replace_triggered_by = [x]",
    ],
)
def test_what_is_newer_than_terraform_1_0_is_recognised(newer):
    assert any(re.search(pattern, newer, re.MULTILINE) for pattern in NEWER_THAN_1_0)


def test_every_variable_is_described_and_every_secret_one_is_sensitive():
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', configuration_text(), re.MULTILINE | re.DOTALL)

    assert [name for name, body in blocks if "description" not in body] == []
    sensitive = {name for name, body in blocks if re.search(r"sensitive\s*=\s*true", body)}
    assert sensitive == {"odoo_api_key", "slack_webhook_url"}


def _attribute(body: str, name: str) -> str | None:
    found = re.search(rf"^  {name}\s*=\s*(.*)$", body, re.MULTILINE)
    return found[1] if found else None


def _blocks(kind: str) -> list[tuple[str, str]]:
    return re.findall(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', configuration_text(), re.MULTILINE | re.DOTALL)


def _row_of_input(name: str, body: str) -> str:
    default = _attribute(body, "default")
    shown = {None: "required", '""': "empty"}.get(default, f"`{(default or '').strip(chr(34))}`")
    return f"| `{name}` | {_attribute(body, 'type')} | {shown} | {_described(body)} |"


def _described(body: str) -> str:
    return (_attribute(body, "description") or "").strip('"')


def test_the_documentation_has_every_input_and_output_as_it_is():
    page = (ROOT / "docs/terraform.md").read_text()
    rows = re.findall(r"^\| `.*$", page, re.MULTILINE)

    inputs = [_row_of_input(name, body) for name, body in _blocks("variable")]
    outputs = [f"| `{name}` | {_described(body)} |" for name, body in _blocks("output")]
    assert len(inputs) > 20
    assert rows == inputs + outputs


def test_the_example_has_the_six_values_of_the_seed():
    text = (ROOT / "terraform.tfvars.example").read_text()

    assert dict(re.findall(r'^(\w+)\s*=\s*"(.*)"$', text, re.MULTILINE)) == {
        "aws_region": "us-west-2",
        "environment": "prod",
        "odoo_api_url": "https://scalemedia.odoo.com",
        "alert_email": "data-engineering@scalemedia.com",
        "schedule_rate": "rate(15 minutes)",
        "slack_webhook_url": "",
    }


def test_no_secret_value_is_ever_in_the_configuration():
    text = configuration_text()

    assert 'resource "aws_secretsmanager_secret" "quickbooks"' in text
    assert "aws_secretsmanager_secret_version" not in text


def test_no_statement_is_for_everything_but_the_ones_that_must_be():
    # checkov does not see into the rows of local.functions.
    broad = re.findall(r'^[^#\n]*"(?:\*|[\w-]+:\w*\*)".*$', configuration_text(), re.MULTILINE)

    assert Counter(" ".join(line.split()) for line in broad) == {
        'actions = ["s3:*"]': 2,  # the two buckets' denial of anything without TLS
        'type = "*"': 3,  # whom the buckets and the topic deny
        'identifiers = ["*"]': 3,
        'resources = ["*"]': 1,  # X-Ray, for which AWS knows no resource
    }


# What is granted for AWS' own part of a function, or to CloudTrail; and the calls that have another name.
NO_CALL_OF_OURS = {
    "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments", "s3:GetBucketAcl",
    "dynamodb:LeadingKeys", "sts:AssumeRole",
}  # fmt: skip
CALLED = {"lambda:InvokeFunction": "invoke", "s3:ListBucket": "list_objects_v2"}


def uncalled(text: str) -> list[str]:
    """Return the actions in a text of the configuration that no code of the functions calls."""
    code = "\n".join(path.read_text() for path in sorted((ROOT / "lambda").rglob("*.py")))
    granted = set(re.findall(r'"((?!aws:)[a-z0-9]+:[A-Z][A-Za-z]+)"', text)) - NO_CALL_OF_OURS
    assert len(granted) > 15
    calls = {name: CALLED.get(name) or re.sub(r"(?<!^)([A-Z])", r"_\1", name.split(":")[1]).lower() for name in granted}
    return sorted(name for name, call in calls.items() if not re.search(rf"\b{call}\b", code))


def test_nothing_is_granted_that_no_function_calls():
    assert uncalled(configuration_text()) == []


def test_a_grant_that_is_not_used_is_found():
    unused = configuration_text() + 'actions = ["secretsmanager:DescribeSecret"]'

    assert uncalled(unused) == ["secretsmanager:DescribeSecret"]


def alarms() -> dict[str, str]:
    """Return the text of each alarm by its name in the configuration."""
    parts = re.split(r'^resource "aws_cloudwatch_metric_alarm" "(\w+)" \{$', configuration_text(), flags=re.MULTILINE)
    return {name: text.partition("\n}\n")[0] for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def setting(text: str, name: str) -> list[str]:
    """Return what a setting is set to, once for each time that it is."""
    return re.findall(rf"^  {name} += (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", alarms())
def test_every_alarm_tells_the_topic_when_it_begins_and_when_it_is_over(name):
    found = alarms()[name]

    assert setting(found, "alarm_actions") == setting(found, "ok_actions") == ["[aws_sns_topic.alerts.arn]"]
    assert setting(found, "actions_enabled") == []
    assert "Runbook: docs/runbooks/" in setting(found, "alarm_description")[0]


@pytest.mark.parametrize("name", alarms())
def test_no_data_is_a_breach_where_completed_runs_are_counted_and_nowhere_else(name):
    found = alarms()[name]

    wanted = "breaching" if setting(found, "metric_name") == ['"RunsCompleted"'] else "notBreaching"
    assert setting(found, "treat_missing_data") == [f'"{wanted}"']


OUR_FIGURES, ALARM_S, DAY_S = "local.metrics_namespace", "local.alarm_period_s", "local.day_s"
MORE, LESS = "GreaterThanThreshold", "LessThanThreshold"
# What each alarm is on: namespace, metric, statistic, period, comparison, threshold; and of which it is a figure.
FIGURES = {
    "errors": ('"AWS/Lambda"', '"Errors"', "Sum", ALARM_S, MORE, "0", "FunctionName"),
    "dead_letter": ('"AWS/SQS"', '"ApproximateNumberOfMessagesVisible"', "Maximum", ALARM_S, MORE, "0", "QueueName"),
    "backlog_age": (
        OUR_FIGURES, '"BacklogAgeSeconds"', "Maximum", ALARM_S, MORE, "var.backlog_age_alarm_minutes * 60", "qb-poster",
    ),
    "refresh_token": (OUR_FIGURES, '"RefreshTokenDaysLeft"', "Minimum", DAY_S, LESS, "14", "qb-poster"),
    "silence": (
        OUR_FIGURES, '"RunsCompleted"', "Sum", "local.silence_period_s[each.key]", LESS, "1", "each.value.function",
    ),
    "alerts_undelivered": (OUR_FIGURES, '"AlertsUndelivered"', "Sum", ALARM_S, MORE, "0", "each.key"),
    "notifications_failed": (
        '"AWS/SNS"', '"NumberOfNotificationsFailed"', "Sum", ALARM_S, MORE, "0", "aws_sns_topic.alerts.name",
    ),
    "consent": (OUR_FIGURES, '"ConsentDaysLeft"', "Minimum", DAY_S, LESS, "90", "qb-poster"),
    "drift": (OUR_FIGURES, '"DriftAgeSeconds"', "Maximum", DAY_S, MORE, "3 * local.day_s", "qb-poster"),
    "tie_out": (OUR_FIGURES, "each.key", "Maximum", DAY_S, MORE, "0", "odoo-qb-tie-out"),
}  # fmt: skip


def test_every_alarm_is_on_its_figure():
    names = ("namespace", "metric_name", "statistic", "period", "comparison_operator", "threshold")
    found = {
        name: (*(setting(text, one)[0].partition(" #")[0] for one in names), text.partition("dimensions = {")[2])
        for name, text in alarms().items()
    }

    assert found.keys() == FIGURES.keys()
    for name, (namespace, metric, statistic, period, comparison, threshold, of) in FIGURES.items():
        *figures, dimensions = found[name]
        assert figures == [namespace, metric, f'"{statistic}"', period, f'"{comparison}"', threshold], name
        assert of in dimensions


@pytest.mark.parametrize("name", [name for name, figures in FIGURES.items() if figures[0] == OUR_FIGURES])
def test_every_figure_of_ours_that_an_alarm_is_on_is_written_by_a_function(name):
    code = "\n".join(path.read_text() for path in sorted((ROOT / "lambda").rglob("*.py")))
    metric = setting(alarms()[name], "metric_name")[0]
    metrics = (
        [metric.strip('"')]
        if metric != "each.key"
        else re.findall(r"^    (\w+) += \{ name", alarms()[name], re.MULTILINE)
    )

    assert metrics
    assert [one for one in metrics if f'"{one}"' not in code] == []


def test_the_alarm_on_silence_is_made_after_the_schedule_whose_runs_it_counts():
    silence = alarms()["silence"]

    assert setting(silence, "metric_name") == ['"RunsCompleted"']
    assert setting(silence, "depends_on") == ["[aws_cloudwatch_event_target.schedule, aws_lambda_permission.schedule]"]


def test_every_exception_to_checkov_has_a_reason():
    skips = re.findall(r"#\s*checkov:skip=(\w+)(.*)", configuration_text())

    assert skips
    assert [check for check, reason in skips if not re.fullmatch(r":.{20,}\.|:.{20,}\)\.", reason)] == []


def test_a_mirror_is_found_where_the_command_line_configuration_names_it(tmp_path, monkeypatch):
    provider = tmp_path / "plugins" / terraform_tools.PROVIDER / "5.100.0" / "linux_amd64"
    provider.mkdir(parents=True)
    configuration = tmp_path / "terraformrc"
    configuration.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}/plugins"\n  }}\n}}\n'
    )
    monkeypatch.delenv("TF_PLUGIN_DIR", raising=False)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(configuration))

    found = terraform_tools.mirror.__wrapped__()

    assert found == tmp_path / "plugins"
