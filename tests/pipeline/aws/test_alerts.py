from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.stand_ins.http_server import Fault, Response, StandInServer
from pipeline.aws import alerts as module
from pipeline.aws.alerts import Alerts
from pipeline.domain.alert import Alert, Failure, alerts_for
from pipeline.runtime import SystemClock
from tests.books_world import COMPANY, log_of

TOPIC = "arn:aws:sns:us-west-2:123456789012:alerts"


class Sns:
    def __init__(self, error=None):
        self.published = []
        self._error = error

    def publish(self, **message):
        if self._error:
            raise self._error
        self.published.append(message)


@pytest.fixture
def slack():
    server = StandInServer(lambda _request: Response(200, b"ok"))
    yield server
    server.close()


def failure(number=1, *, company=COMPANY, code="unmapped", title=None, message="account 400100 has no counterpart."):
    return Failure(company, code, f"invoice INV/{number} of Azure (10.00 USD)" if title is None else title, message)


# -- what is said ----------------------------------------------------------------------------------------------------


def test_there_is_one_alert_per_company_and_cause_not_per_document():
    failures = [failure(1), failure(2), failure(3, company="companyB"), failure(4, code="booked_otherwise")]

    subjects = [alert.subject for alert in alerts_for(failures, environment="prod")]

    assert subjects == [
        "[prod] companyA: 1 document for a person (booked_otherwise)",
        "[prod] companyA: 2 documents for a person (unmapped)",
        "[prod] companyB: 1 document for a person (unmapped)",
    ]


def test_an_alert_names_company_documents_amounts_and_what_to_do():
    (alert,) = alerts_for([failure(1), failure(2)], environment="prod")

    assert "Company: companyA" in alert.text
    assert "- invoice INV/1 of Azure (10.00 USD)\n  account 400100 has no counterpart." in alert.text
    assert "- invoice INV/2 of Azure (10.00 USD)" in alert.text
    assert '{"company": "companyA", "retry_failed": true}' in alert.text


def test_at_most_twenty_documents_are_listed_and_the_rest_is_counted():
    (alert,) = alerts_for([failure(number) for number in range(1, 31)], environment="prod")

    assert "30 documents" in alert.subject
    assert "INV/20 " in alert.text
    assert "INV/21 " not in alert.text
    assert "... and 10 more" in alert.text


def test_trouble_of_a_whole_company_names_no_document():
    (alert,) = alerts_for([failure(title="", message="The connection is gone.", code="gone")], environment="prod")

    assert alert.subject == "[prod] companyA: nothing moves until a person acts (gone)"
    assert "The connection is gone." in alert.text
    assert "retry_failed" not in alert.text


def test_no_failures_are_no_alert():
    assert alerts_for([], environment="prod") == []


# -- e-mail ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("Łódź 株式会社", "??d? ????"),
        ("a\x07b\x7f", "a?b?"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_subject_is_printable_ascii_of_at_most_a_hundred_characters(subject, sent):
    sns = Sns()

    failed = Alerts(sns, TOPIC, SystemClock()).send([Alert(subject, "text")])

    assert failed == 0
    assert sns.published == [{"TopicArn": TOPIC, "Subject": sent, "Message": "text"}]


def test_a_text_of_any_length_fits_into_a_message():
    sns = Sns()

    Alerts(sns, TOPIC, SystemClock()).send([Alert("s", "é" * 200_000)])

    assert len(sns.published[0]["Message"].encode()) <= 250_000


@pytest.mark.parametrize(
    "error",
    [ClientError({"Error": {"Code": "AuthorizationError"}}, "Publish"), EndpointConnectionError(endpoint_url="x")],
)
def test_an_alert_that_cannot_be_sent_is_logged_and_counted_and_never_raised(error):
    with log_of() as records:
        failed = Alerts(Sns(error), TOPIC, SystemClock()).send([Alert("one", "text"), Alert("two", "text")])

    assert failed == 2
    assert [(record.message, record.subject) for record in records] == [
        ("alert not sent by e-mail", "one"),
        ("alert not sent by e-mail", "two"),
    ]


# -- Slack -----------------------------------------------------------------------------------------------------------


def test_without_a_webhook_slack_is_off(slack):
    Alerts(Sns(), TOPIC, SystemClock()).send([Alert("s", "t")])

    assert slack.requests == []


def test_with_a_webhook_slack_gets_it_too(slack):
    sns = Sns()

    failed = Alerts(sns, TOPIC, SystemClock(), slack_webhook_url=f"{slack.url}/services/T0/B0/secret-part").send(
        [Alert("A <b> & c", "1 < 2")]
    )

    (request,) = slack.requests
    assert failed == 0
    assert json.loads(request.body) == {"text": "*A &lt;b&gt; &amp; c*\n1 &lt; 2"}
    assert len(sns.published) == 1


@pytest.mark.parametrize(
    "fault", [Fault("dropped"), Fault("404", Response(404, b"no_team")), Fault("slow", delay_s=0.6)]
)
def test_a_slack_that_fails_is_counted_and_its_address_is_never_logged(slack, monkeypatch, fault):
    monkeypatch.setattr(module, "SLACK_TIMEOUT_S", 0.2)
    slack.fault = lambda _request: fault
    sns = Sns()

    with log_of() as records:
        failed = Alerts(sns, TOPIC, SystemClock(), slack_webhook_url=f"{slack.url}/services/secret-part").send(
            [Alert("s", "t")]
        )

    assert failed == 1
    assert len(sns.published) == 1
    assert [record.message for record in records] == ["alert not sent to Slack"]
    assert "secret-part" not in str([vars(record) for record in records])


@pytest.mark.parametrize("url", ["no address: secret-part", "http://[secret-part", "ftp://x/secret-part", "http://"])
def test_a_webhook_that_is_no_address_is_counted_and_not_shown(url):
    with log_of() as records:
        failed = Alerts(Sns(), TOPIC, SystemClock(), slack_webhook_url=url).send([Alert("s", "t")])

    assert failed == 1
    assert "secret-part" not in str([vars(record) for record in records])


def test_a_long_text_is_cut_for_slack(slack):
    Alerts(Sns(), TOPIC, SystemClock(), slack_webhook_url=slack.url).send([Alert("s", "x" * 9_000)])

    assert len(json.loads(slack.requests[0].body)["text"]) == 3_000
