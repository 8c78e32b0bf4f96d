from __future__ import annotations

import io
import json
import zipfile
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from operate.checks import companies
from operate.deployment import Deployment
from operate.doctor import Doctor
from pipeline.qbo.connections import ConnectionDates
from pipeline.runtime import SystemClock

ENVIRONMENT = "trial"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def deploy(aws):
    """Make what the Terraform configuration makes of a row, as far as dead letters go."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("function.py", "")

    def deploy(name: str, *, environment: str = ENVIRONMENT, redrives: bool = False, dead_letters: int = 0) -> None:
        full_name = f"{name}-{environment}"
        iam = boto3.client("iam")
        role = iam.create_role(RoleName=full_name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        # Terraform writes a single action as a text, several as a list.
        actions = ["sqs:SendMessage", ["sqs:DeleteMessage", "sqs:ReceiveMessage"]][: 2 if redrives else 1]
        statements = [{"Effect": "Allow", "Action": action, "Resource": "arn:aws:sqs:::x"} for action in actions]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=full_name, PolicyName=full_name, PolicyDocument=policy)
        topic = f"arn:aws:sns:us-west-2:123456789012:odoo-qb-alerts-{environment}"
        boto3.client("lambda").create_function(
            FunctionName=full_name,
            Runtime="python3.12",
            Role=role,
            Handler="function.lambda_handler",
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": {"SNS_ALERT_TOPIC": topic}},
        )
        sqs = boto3.client("sqs")
        queue = sqs.create_queue(QueueName=f"{name}-dlq-{environment}")["QueueUrl"]
        for _ in range(dead_letters):
            sqs.send_message(QueueUrl=queue, MessageBody="an event that failed")

    return deploy


def alarms() -> list[str]:
    return list(Doctor(Deployment(ENVIRONMENT, boto3.Session(), SystemClock()))._alarms())


def test_the_dead_letters_of_a_function_it_does_not_know_are_found(deploy):
    deploy("qb-poster", redrives=True)
    deploy("odoo-qb-tie-out", dead_letters=2)

    (text,) = alarms()

    assert text.startswith("2 dead letters of odoo-qb-tie-out wait in odoo-qb-tie-out-dlq-trial:")


def test_the_remedy_is_one_that_the_function_understands(deploy):
    deploy("qb-poster", redrives=True, dead_letters=1)
    deploy("odoo-order-sync", dead_letters=1)

    orders, poster = alarms()

    assert orders.endswith("Fix it, then purge the queue; the schedule repeats the work.")
    assert poster.endswith("Fix it, then `./oqb redrive`.")


def test_other_deployments_and_other_functions_of_the_account_are_left_alone(deploy):
    deploy("qb-poster")
    deploy("qb-poster", environment="another-trial", dead_letters=1)

    assert alarms() == []


def test_where_no_function_is_deployed_it_says_so(aws):
    (text,) = alarms()

    assert text.startswith("No function says that it is of the environment trial:")


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        ({}, None),
        ({"refresh_expires_at": 15, "hard_expires_at": 91}, None),
        ({"refresh_expires_at": 13}, "The QuickBooks connection of A ends in 13 days: `./oqb connect A`."),
        (
            {"refresh_expires_at": 99, "hard_expires_at": 89},
            "The QuickBooks consent, which use does not extend, of A ends in 89 days: `./oqb connect A`.",
        ),
    ],
)
def test_a_connection_that_ends_soon_is_named(dates, text):
    clock = SystemClock()
    ends = {name: clock.now().timestamp() + days * 86_400 + 60 for name, days in dates.items()}
    deployment = SimpleNamespace(clock=clock, connection_dates=lambda: {"A": ConnectionDates(**ends)})

    assert list(companies.ends(deployment)) == ([text] if text else [])
