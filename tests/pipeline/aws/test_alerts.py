from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.stand_ins.http_server import Fault, Response, StandInServer
from pipeline.aws import alerts as module
from pipeline.aws.alerts import Alerts
from pipeline.domain.alert import Alert
from pipeline.runtime import SystemClock
from tests.books_world import log_of

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


# -- e-mail ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("Łódź, Müller Süd 株式会社", "Lodz, Mueller Sued ?"),
        ("a\x07b\x7f", "a b"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_subject_is_printable_ascii_of_at_most_a_hundred_characters(subject, sent):
    sns = Sns()

    is_taken = Alerts(sns, TOPIC, SystemClock()).deliver(Alert(subject, "text"))

    assert is_taken
    assert sns.published == [{"TopicArn": TOPIC, "Subject": sent, "Message": "text"}]


def test_a_text_of_any_length_fits_into_a_message():
    sns = Sns()

    Alerts(sns, TOPIC, SystemClock()).deliver(Alert("s", "é" * 200_000))

    assert len(sns.published[0]["Message"].encode()) <= 250_000
    assert sns.published[0]["Message"].endswith("and is cut here.]")


@pytest.mark.parametrize(
    "error",
    [ClientError({"Error": {"Code": "AuthorizationError"}}, "Publish"), EndpointConnectionError(endpoint_url="x")],
)
def test_an_alert_that_cannot_be_sent_is_logged_and_counted_and_never_raised(error):
    alerts = Alerts(Sns(error), TOPIC, SystemClock())

    with log_of() as records:
        taken = [alerts.deliver(Alert("one", "text")), alerts.deliver(Alert("two", "text"))]

    assert (taken, alerts.undelivered) == ([False, False], 2)
    assert all(record.reason.startswith(f"The topic {TOPIC} ") for record in records)
    assert [(record.message, record.subject) for record in records] == [
        ("alert not sent by e-mail", "one"),
        ("alert not sent by e-mail", "two"),
    ]


# -- Slack -----------------------------------------------------------------------------------------------------------


def test_without_a_webhook_slack_is_off(slack):
    Alerts(Sns(), TOPIC, SystemClock()).deliver(Alert("s", "t"))

    assert slack.requests == []


def test_with_a_webhook_slack_gets_it_too(slack):
    sns = Sns()

    alerts = Alerts(sns, TOPIC, SystemClock(), slack=lambda: f"{slack.url}/services/T0/B0/secret-part")

    alerts.deliver(Alert("A <b> & c", "1 < 2"))

    (request,) = slack.requests
    assert alerts.undelivered == 0
    assert json.loads(request.body) == {"text": "*A &lt;b&gt; &amp; c*\n1 &lt; 2"}
    assert len(sns.published) == 1


@pytest.mark.parametrize(
    "fault", [Fault("dropped"), Fault("404", Response(404, b"no_team")), Fault("slow", delay_s=0.6)]
)
def test_a_slack_that_fails_is_counted_and_its_address_is_never_logged(slack, monkeypatch, fault):
    monkeypatch.setattr(module, "SLACK_TIMEOUT_S", 0.2)
    slack.fault = lambda _request: fault
    sns = Sns()

    alerts = Alerts(sns, TOPIC, SystemClock(), slack=lambda: f"{slack.url}/services/secret-part")

    with log_of() as records:
        is_taken = alerts.deliver(Alert("s", "t"))

    assert (is_taken, alerts.undelivered) == (True, 1)
    assert len(sns.published) == 1
    assert [record.message for record in records] == ["alert not sent to Slack"]
    assert "secret-part" not in str([vars(record) for record in records])


@pytest.mark.parametrize("url", ["no address: secret-part", "http://[secret-part", "ftp://x/secret-part", "http://"])
def test_a_webhook_that_is_no_address_is_counted_and_not_shown(url):
    alerts = Alerts(Sns(), TOPIC, SystemClock(), slack=lambda: url)

    with log_of() as records:
        alerts.deliver(Alert("s", "t"))

    assert alerts.undelivered == 1
    assert "secret-part" not in str([vars(record) for record in records])


def test_a_long_text_is_cut_for_slack(slack):
    Alerts(Sns(), TOPIC, SystemClock(), slack=lambda: slack.url).deliver(Alert("s", "x" * 9_000))

    text = json.loads(slack.requests[0].body)["text"]
    assert len(text) == 3_000
    assert text.endswith("xx…")


def test_no_character_is_cut_in_half_for_slack(slack):
    Alerts(Sns(), TOPIC, SystemClock(), slack=lambda: slack.url).deliver(Alert("s", "&" * 9_000))

    text = json.loads(slack.requests[0].body)["text"]
    assert text.removeprefix("*s*\n").removesuffix("…").replace("&amp;", "") == ""
