"""Alerts to people: e-mail by SNS and, where configured, Slack. An alert that cannot be sent never fails a run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, Self

from pipeline.aws.errors import errors_of
from pipeline.aws.slack_address import SlackAddress
from pipeline.domain.alert import SUBJECT_LENGTH_MAX, Alert
from pipeline.domain.clock import Clock
from pipeline.domain.errors import PipelineError
from pipeline.domain.quoting import ascii_line, cut
from pipeline.http import new_session, send

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

logger = logging.getLogger(__name__)

TEXT_BYTES_MAX = 250_000
_LONGER = b"\n[This message was longer than an e-mail of SNS may be, and is cut here.]"
SLACK_LENGTH_MAX = 3_000
SLACK_TIMEOUT_S = 5.0


class AlertSettings(Protocol):
    """Where the settings of a function say alerts go."""

    @property
    def topic(self) -> str:
        """The ARN of the topic."""

    @property
    def slack_webhook_url(self) -> str:
        """The webhook of Slack, or an empty text."""

    @property
    def slack_webhook_parameter(self) -> str:
        """The name of the parameter that has the webhook, or an empty text."""


class Alerts:
    """Sends alerts over every configured channel."""

    @classmethod
    def of(cls, settings: AlertSettings, client: Callable[[str], Any], clock: Clock) -> Self:
        """Return what sends alerts as the settings say; `client` makes the client of an AWS service by its name."""
        slack = SlackAddress(settings.slack_webhook_url, settings.slack_webhook_parameter, lambda: client("ssm"))
        return cls(client("sns"), settings.topic, clock, slack=slack.read)

    def __init__(self, client: SNSClient, topic: str, clock: Clock, *, slack: Callable[[], str] = str) -> None:
        self._client = client
        self._topic = topic
        self._clock = clock
        # Asked for the address only when there is something to send.
        self._slack = slack
        self.undelivered = 0

    def deliver(self, alert: Alert) -> bool:
        """Send an alert and return whether SNS has taken it. Each failed delivery is logged and counted."""
        is_taken = self._by_mail(alert)
        self.undelivered += not is_taken
        if is_taken and (address := self._slack()):
            self.undelivered += not self._by_slack(alert, address)
        return is_taken

    def _by_mail(self, alert: Alert) -> bool:
        # SNS refuses a subject that is not printable ASCII, or too long, with its whole message.
        subject = ascii_line(alert.subject, SUBJECT_LENGTH_MAX)
        try:
            with errors_of(f"The topic {self._topic}"):
                self._client.publish(TopicArn=self._topic, Subject=subject, Message=_within_bytes(alert.text))
        except PipelineError as error:
            logger.error("alert not sent by e-mail", extra={"subject": subject, "reason": str(error)})  # noqa: TRY400
            return False
        return True

    def _by_slack(self, alert: Alert, address: str) -> bool:
        # Cut before it is escaped: half an escaped character would show.
        text = _escaped(cut(f"*{alert.subject}*\n{alert.text}", SLACK_LENGTH_MAX))
        return post_to_slack(address, text, self._clock, subject=alert.subject)


def post_to_slack(address: str, text: str, clock: Clock, *, subject: str = "") -> bool:
    """Post a text to Slack's incoming webhook, and return whether it was taken; if not, why is logged."""
    try:
        with new_session() as session:
            answer = send(
                session, "POST", address, who="Slack", timeout_s=SLACK_TIMEOUT_S, clock=clock, json={"text": text}
            )
    except PipelineError as error:
        # The address is a secret: log only our own text about the failure.
        logger.error("alert not sent to Slack", extra={"subject": subject, "reason": str(error)})  # noqa: TRY400
        return False
    if answer.status != 200:
        logger.error("alert not sent to Slack", extra={"subject": subject, "status": answer.status})
    return answer.status == 200


def _within_bytes(text: str) -> str:
    """Return a text as SNS takes it. One that is too long is cut and says so."""
    content = text.encode("utf-8", "replace")
    if len(content) <= TEXT_BYTES_MAX:
        return content.decode()
    return content[: TEXT_BYTES_MAX - len(_LONGER)].decode(errors="ignore") + _LONGER.decode()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
