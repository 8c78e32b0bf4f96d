from __future__ import annotations

import json
import logging
import re
from contextlib import redirect_stdout, suppress
from io import StringIO

import pytest

from local.demo.small_files import pdf_page
from pipeline.aws import telemetry
from pipeline.aws.telemetry import NAMESPACE, WATCHED, put_metrics
from pipeline.domain.errors import InvalidDocument
from pipeline.files import pdf
from pipeline.use_cases.post.results import Results
from tests.terraform_tools import configuration_text


@pytest.fixture
def output():
    """Log as a fresh container does, into a text."""
    package = logging.getLogger("pipeline")
    before = (package.handlers, package.propagate, package.level)
    telemetry.log_as_json.cache_clear()
    logging.Logger.manager.loggerDict.pop("telemetry-test", None)
    with redirect_stdout(StringIO()) as text:
        telemetry.log_as_json("telemetry-test")
        yield text
    package.handlers, package.propagate = before[:2]
    package.setLevel(before[2])
    for reader in ("PIL", "pypdf"):
        logging.getLogger(reader).setLevel(logging.NOTSET)
    telemetry.log_as_json.cache_clear()


def test_a_log_line_is_json_with_the_fields_it_was_given(output):
    logging.getLogger("pipeline.qbo.client").info("QuickBooks answered", extra={"company": "A", "intuit_tid": "1-x"})

    (line,) = map(json.loads, output.getvalue().splitlines())
    assert (line["message"], line["level"], line["service"]) == ("QuickBooks answered", "INFO", "telemetry-test")
    assert (line["company"], line["intuit_tid"]) == ("A", "1-x")


def test_what_reads_foreign_files_writes_nothing_of_them(output, caplog):
    """A PDF with a fault at each of a hundred thousand places would write as many lines, with pieces of it."""
    broken = pdf_page(["paper"], title="paper").replace(b"/Type /Catalog", b"/Type /Catalog /A 1 /A 2 /A ]")

    with suppress(InvalidDocument):
        pdf.check(broken)
    logging.getLogger("PIL.TiffImagePlugin").warning("a piece of the file")

    assert [record.name for record in caplog.records if record.name.startswith(("pypdf", "PIL"))] == []


def test_a_line_is_written_once_however_often_the_container_is_used(output):
    telemetry.log_as_json("telemetry-test")
    logging.getLogger("pipeline").warning("once")

    assert len(output.getvalue().splitlines()) == 1


def test_other_libraries_stay_silent(output):
    logging.getLogger("urllib3").warning("Retrying https://hooks.example/secret")

    assert output.getvalue() == ""


def test_metrics_are_one_line_with_service_and_environment_as_dimensions(capsys):
    put_metrics("qb-poster", "prod", {"MonthsOverdue": 3, "BacklogAgeSeconds": 90})

    (line,) = capsys.readouterr().out.splitlines()
    metrics = json.loads(line)
    (described,) = metrics["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == NAMESPACE
    assert described["Dimensions"] == [["service", "environment"]]
    assert (metrics["service"], metrics["environment"]) == ("qb-poster", "prod")
    assert metrics["MonthsOverdue"] == [3.0]
    assert {metric["Name"]: metric["Unit"] for metric in described["Metrics"]} == {
        "MonthsOverdue": "Count",
        "BacklogAgeSeconds": "Seconds",
    }


def test_what_nobody_watches_is_a_field_of_the_line_and_no_metric(capsys):
    put_metrics("odoo-extractor", "prod", {"RunsCompleted": 1, "Pdfs": 2})

    line = json.loads(capsys.readouterr().out)
    (described,) = line["_aws"]["CloudWatchMetrics"]
    assert [metric["Name"] for metric in described["Metrics"]] == ["RunsCompleted"]
    assert line["Pdfs"] == 2


def test_two_runs_do_not_add_up(capsys):
    put_metrics("qb-poster", "prod", {"MonthsOverdue": 3})
    put_metrics("qb-poster", "prod", {"MonthsOverdue": 4})

    assert [json.loads(line)["MonthsOverdue"] for line in capsys.readouterr().out.splitlines()] == [[3.0], [4.0]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AlertsUndelivered", 0), ("BacklogAgeSeconds", 0), ("DriftAgeSeconds", 0), ("MonthsOverdue", 0),
        ("TieOutUnexplained", 0), ("RefreshTokenDaysLeft", 99.9), ("ConsentDaysLeft", 1825.0),
    ],
)  # fmt: skip
def test_what_is_as_it_should_be_is_a_field_and_is_not_paid_for_as_a_metric(capsys, name, value):
    put_metrics("qb-poster", "prod", {name: value})

    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line == {"service": "qb-poster", "environment": "prod", name: value}


def test_a_value_that_an_alarm_waits_for_is_always_sent():
    alarms = re.findall(
        r'metric_name\s+=\s+"(\w+)".*?comparison_operator = "(\w+)"\s+threshold\s+= (.+?)\s',
        configuration_text(),
        re.DOTALL,
    )
    of_ours = [(name, operator, bound) for name, operator, bound in alarms if name in WATCHED]

    assert {name for name, _, _ in of_ours} == WATCHED.keys() - {"MonthsOverdue", "TieOutUnexplained"}
    for name, operator, bound in of_ours:
        number = int(re.match(r"\d+", bound.replace("var.", "1"))[0])
        breaching = number + 1 if operator == "GreaterThanThreshold" else number - 0.1
        # Of completed runs the missing value is the breach.
        assert WATCHED[name](breaching) or name == "RunsCompleted"


def test_only_completed_runs_are_an_alarm_by_being_missing():
    alarms = re.findall(
        r'metric_name\s+=\s+"?([\w.]+)"?.*?treat_missing_data  = "(\w+)"', configuration_text(), re.DOTALL
    )

    assert {name for name, missing in alarms if missing == "breaching"} == {"RunsCompleted"}


def test_the_alarms_of_the_deployment_watch_metrics_that_are_written():
    watched = set(re.findall(r'metric_name\s+=\s+"(\w+)"', configuration_text()))
    written = set(
        Results(
            backlog=0,
            backlog_age_s=0,
            refresh_days_left={"companyA": 1.0},
            consent_days_left={"companyA": 1.0},
            drift_open=0,
            drift_age_s=0,
        ).metrics()
    )

    assert {"BacklogAgeSeconds", "RefreshTokenDaysLeft"} <= watched
    of_aws = {"Errors", "ApproximateNumberOfMessagesVisible", "NumberOfNotificationsFailed"}
    of_every_run = {"AlertsUndelivered", "RunsCompleted"}
    assert watched - of_aws - of_every_run <= written
    assert f'"{NAMESPACE}"' in configuration_text()
