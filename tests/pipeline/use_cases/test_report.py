from __future__ import annotations

import pytest

from pipeline.domain.alert import Failure
from pipeline.domain.errors import InvalidDocument, Misconfigured, PipelineError, Unavailable
from pipeline.use_cases.report import Remembered, reporting

DOCUMENT = Failure("companyA", "unmapped", "invoice INV/1", "account 1 has no counterpart.")
COMPANY = Failure("companyA", "connection_gone", "", "The connection is gone.")


class Alerts:
    def __init__(self):
        self.subjects = []

    def send(self, alerts):
        self.subjects += [alert.subject for alert in alerts]
        return 0


class BrokenMemory:
    """A memory whose table does not answer."""

    def value(self, key):
        raise Unavailable("The table did not answer.")

    def keep(self, key, value):
        raise Unavailable("The table did not answer.")


def one_run(alerts, key_values, *failures, error=None, only=""):
    with reporting("qb-poster", "prod", alerts, key_values) as report:
        report.only = only
        report.failures += failures
        if error:
            raise error


def test_documents_are_reported_at_every_run_and_a_companys_trouble_once():
    alerts, key_values = Alerts(), Remembered()

    for _ in range(3):
        one_run(alerts, key_values, DOCUMENT, COMPANY)

    assert sum("connection_gone" in subject for subject in alerts.subjects) == 1
    assert sum("unmapped" in subject for subject in alerts.subjects) == 3


def test_trouble_that_comes_back_is_reported_again():
    alerts, key_values = Alerts(), Remembered()

    for failures in ((COMPANY,), (), (COMPANY,)):
        one_run(alerts, key_values, *failures)

    assert len(alerts.subjects) == 2


def test_a_run_that_did_not_look_at_a_company_says_nothing_of_its_trouble():
    alerts, key_values = Alerts(), Remembered()
    one_run(alerts, key_values, COMPANY)

    one_run(alerts, key_values, only="companyB")
    with pytest.raises(Unavailable):
        one_run(alerts, key_values, error=Unavailable("no answer"))
    one_run(alerts, key_values, COMPANY)
    assert len(alerts.subjects) == 1

    one_run(alerts, key_values, only="companyA")
    one_run(alerts, key_values, COMPANY)
    assert len(alerts.subjects) == 2


def test_a_company_may_have_any_name():
    alerts, key_values = Alerts(), Remembered()
    trouble = Failure("Smith; Sons: Ltd", "connection_gone", "", "The connection is gone.")
    for only in ("", "Smith; Sons: Ltd", "companyB"):
        one_run(alerts, key_values, *([trouble] if only != "companyB" else []), only=only)

    one_run(alerts, key_values, trouble)

    assert len(alerts.subjects) == 1


def test_a_second_trouble_is_reported_without_the_first_once_more():
    alerts, key_values = Alerts(), Remembered()
    one_run(alerts, key_values, COMPANY)

    one_run(alerts, key_values, COMPANY, Failure("companyB", "connection_gone", "", "The connection is gone."))

    assert len(alerts.subjects) == 2
    assert "companyB" in alerts.subjects[1]
    assert "companyA" not in alerts.subjects[1]


def test_a_setting_that_is_wrong_is_reported_once_and_raised_every_time():
    alerts, key_values = Alerts(), Remembered()

    for _ in range(3):
        with pytest.raises(Misconfigured, match="secret"):
            one_run(alerts, key_values, error=Misconfigured("The secret has no value yet."))

    assert alerts.subjects == ["[prod] All companies: nothing moves until a person acts (misconfigured)"]


def test_an_outage_is_raised_and_nobody_is_woken():
    alerts = Alerts()

    with pytest.raises(Unavailable):
        one_run(alerts, Remembered(), error=Unavailable("no answer"))

    assert alerts.subjects == []


def test_failures_are_reported_even_when_the_run_ends_in_an_error():
    alerts = Alerts()

    with pytest.raises(Unavailable):
        one_run(alerts, Remembered(), DOCUMENT, error=Unavailable("no answer"))

    assert len(alerts.subjects) == 1


@pytest.mark.parametrize("error", [None, Misconfigured("The table does not exist."), Unavailable("no answer")])
def test_a_memory_that_does_not_answer_hides_neither_the_alert_nor_the_error(error):
    alerts = Alerts()

    if error:
        with pytest.raises(type(error), match=str(error)):
            one_run(alerts, BrokenMemory(), COMPANY, error=error)
    else:
        one_run(alerts, BrokenMemory(), COMPANY)

    assert any("connection_gone" in subject for subject in alerts.subjects)


def test_nothing_of_a_foreign_error_leaves_the_function():
    def fails():
        try:
            raise ValueError("https://token@example")
        except ValueError as foreign:
            raise InvalidDocument("it is broken", code="broken") from foreign

    with pytest.raises(PipelineError) as told, reporting("qb-poster", "prod", Alerts(), None):
        fails()

    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert told.value.code == "broken"
