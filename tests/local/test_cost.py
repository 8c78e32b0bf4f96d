"""`make cost` prices what is counted."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from local import cost
from pipeline.aws.telemetry import WATCHED
from pipeline.use_cases.post.results import Results
from tests.terraform_tools import configuration_text


@pytest.mark.parametrize(
    ("service", "operation", "name"),
    [
        ("dynamodb", "Query", "dynamodb read"),
        ("dynamodb", "UpdateItem", "dynamodb write"),
        ("dynamodb", "TransactWriteItems", "dynamodb transaction"),
        ("s3", "GetObject", "s3 read"),
        ("s3", "PutObject", "s3 write"),
        ("s3", "DeleteObject", ""),
        ("secretsmanager", "GetSecretValue", "secretsmanager"),
        ("ssm", "GetParameter", ""),
    ],
)
def test_a_call_has_the_price_of_what_it_does(service, operation, name):
    assert cost.priced(service, operation) == name


def test_a_write_is_paid_for_in_the_table_and_in_each_index():
    assert cost.usd({"dynamodb write": 1_000_000}) == pytest.approx(3 * 0.625)
    assert cost.usd({"dynamodb read": 1_000_000, "": 5}) == pytest.approx(0.125)


def test_a_call_for_many_items_is_charged_for_each():
    assert cost.weight("TransactWriteItems", {"TransactItems": [{}, {}, {}]}) == 3
    assert cost.weight("BatchGetItem", {"RequestItems": {"t": {"Keys": [{}, {}]}}}) == 2
    assert cost.weight("UpdateItem", {}) == 1
    assert cost.usd({"dynamodb transaction": 1_000_000}) == pytest.approx(4 * 0.625)


def test_a_function_with_nothing_wrong_is_charged_for_one_metric():
    healthy = Results(
        backlog=3,
        backlog_age_s=0,
        refresh_days_left={"A": 99.9},
        consent_days_left={"A": 1825.0},
        calls=Counter(query=1),
        drift_open=0,
        drift_age_s=0,
    )
    figures = healthy.metrics() | {"AlertsUndelivered": 0, "RunsCompleted": 1}

    assert {name for name, is_sent in WATCHED.items() if name in figures and is_sent(figures[name])} == {
        "RunsCompleted"
    }
    assert cost.METRICS["qb-poster"] == 1.0


def test_every_schedule_of_the_deployment_is_priced_by_its_row():
    assert cost.RUNS_A_MONTH == {
        ("odoo-extractor", "{}"): 96 * 30,
        ("qb-poster", '{"sweep": true}'): 1440 * 30,
        ("qb-poster", '{"watch": true}'): 96 * 30,
        ("odoo-qb-tie-out", "{}"): 30,
        ("odoo-qb-tie-out", '{"continue": true}'): 96 * 30,
        ("odoo-order-sync", "{}"): 96 * 30,
    }
    assert {cost.PULL, cost.SWEEP} <= set(cost.RUNS_A_MONTH)
    assert cost.METRICS == {"odoo-extractor": 1, "qb-poster": 1, "odoo-qb-tie-out": 1 / 24, "odoo-order-sync": 1}
    assert cost.ALARMS["silence"] == 4


@pytest.mark.parametrize(
    ("expression", "runs"),
    [("rate(1 hour)", 720), ("rate(7 days)", 30 / 7), ("cron(30 6 * * ? *)", 30), ("var.schedule_rate", 96 * 30)],
)
def test_a_schedule_comes_as_often_as_its_expression_says(expression, runs):
    assert cost.runs_a_month(expression) == pytest.approx(runs)


@pytest.mark.parametrize("expression", ["cron(0 6 ? * MON-FRI *)", "var.no_such_rate"])
def test_a_schedule_of_which_nobody_knows_how_often_it_comes_is_not_guessed_at(expression):
    with pytest.raises(ValueError, match=r"not known here|no default"):
        cost.runs_a_month(expression)


def test_every_alarm_of_the_deployment_is_counted():
    text = configuration_text()

    assert set(cost.ALARMS) == set(re.findall(r'^resource "aws_cloudwatch_metric_alarm" "(\w+)"', text, re.MULTILINE))
