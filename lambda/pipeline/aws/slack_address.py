"""Where Slack takes alerts: an address that is a secret, in a SecureString of SSM's Parameter Store.

It is a parameter and no key of a secret, because all functions need it and no secret is read by all of them. It is read
when there is an alert to send, so a run with nothing to say makes no call for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from pipeline.aws.errors import Expected, errors_of
from pipeline.aws.token_parameters import ParameterClient
from pipeline.domain.errors import Misconfigured, PipelineError
from pipeline.domain.values import dataclass

logger = logging.getLogger(__name__)

LENGTH_MAX = 1_000
ADDRESSES = ("https://hooks.slack.com/", "http://localhost:", "http://127.0.0.1:")


@dataclass(frozen=True, slots=True)
class SlackAddress:
    """The webhook of Slack: the one of the function's environment, else that of the parameter named there."""

    given: str
    parameter: str
    client: Callable[[], ParameterClient]

    def read(self) -> str:
        """Return the address; empty if there is none or it cannot be read, which is logged: the e-mail has gone out."""
        if self.given or not self.parameter:
            return self.given
        try:
            with errors_of(f"The parameter {self.parameter}", expected=("ParameterNotFound",)):
                answer = self.client().get_parameter(Name=self.parameter, WithDecryption=True)
        except Expected:
            return ""
        except PipelineError as error:
            logger.error("address of Slack not read", extra={"reason": str(error)})  # noqa: TRY400
            return ""
        return str(answer["Parameter"]["Value"]).strip()

    @staticmethod
    def check(address: str) -> None:
        """Raise Misconfigured if an address is none of Slack's, or of this machine's."""
        if not address.startswith(ADDRESSES) or len(address.split()) != 1 or len(address) > LENGTH_MAX:
            raise Misconfigured("That is no incoming webhook of Slack: one begins with https://hooks.slack.com/.")

    def store(self, address: str) -> None:
        """Store the address. Raises Misconfigured if it is none of Slack's, or may not be stored."""
        self.check(address)
        with errors_of(f"The parameter {self.parameter}"):
            self.client().put_parameter(
                Name=self.parameter,
                Description="The incoming webhook of Slack that gets the alerts",
                Value=address,
                Type="SecureString",
                Overwrite=True,
            )
