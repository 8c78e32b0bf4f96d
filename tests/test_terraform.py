"""The configuration is formatted, valid, and plans what the requirements say; without an account or the network."""

from __future__ import annotations

import re

import pytest

from tests import terraform_tools
from tests.terraform_tools import ROOT, Terraform, working_copy


@pytest.fixture(scope="module")
def terraform(tmp_path_factory) -> Terraform:
    return working_copy(tmp_path_factory.mktemp("terraform") / "tree")


def test_the_configuration_is_formatted(terraform):
    done = terraform.run("fmt", "-check", "-diff", "-recursive")

    assert (done.returncode, done.stdout) == (0, "")


def test_the_configuration_is_valid(terraform):
    done = terraform.run("validate")

    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stdout


def test_the_plan_keeps_every_row_and_every_validation_refuses(terraform):
    done = terraform.run("test")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! \d+ passed, 0 failed\.", done.stdout)


def test_nothing_is_planned_without_an_alert_email(terraform):
    done = terraform.run("plan", "-input=false")

    assert done.returncode != 0
    assert 'The root module input variable "alert_email" is not set' in done.stderr


def test_the_configuration_asks_for_nothing_newer_than_terraform_1_0():
    text = (ROOT / "main.tf").read_text() + (ROOT / "variables.tf").read_text()

    assert 'required_version = ">= 1.0"' in text
    # precondition and postcondition came with 1.2, optional() and startswith() with 1.3, terraform_data with 1.4, ...
    newer = r"\b(precondition|postcondition|optional\(|startswith\(|endswith\(|terraform_data|strcontains\(|import \{)"
    assert re.findall(newer, text) == []
    # ... and before 1.2 a message had to be whole sentences.
    messages = re.findall(r'error_message = "(.*)"', text)
    assert [message for message in messages if not re.fullmatch(r"[A-Z].*[.?]", message)] == []


def test_every_variable_is_described_and_every_secret_one_is_sensitive():
    blocks = re.findall(
        r'^variable "(\w+)" \{\n(.*?)^\}', (ROOT / "variables.tf").read_text(), re.MULTILINE | re.DOTALL
    )

    assert [name for name, body in blocks if "description" not in body] == []
    sensitive = {name for name, body in blocks if re.search(r"sensitive\s*=\s*true", body)}
    assert sensitive == {"odoo_api_key", "slack_webhook_url"}


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
    text = (ROOT / "main.tf").read_text()

    assert "aws_secretsmanager_secret_version" not in text


def test_every_exception_to_checkov_has_a_reason():
    skips = re.findall(r"#\s*checkov:skip=(\w+)(.*)", (ROOT / "main.tf").read_text())

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
