"""Intuit's token endpoint: a refresh token in, new tokens out."""

from __future__ import annotations

from typing import Any, Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import OutOfTime, Unavailable
from pipeline.domain.values import dataclass
from pipeline.http import NOT_NOW, Answer, new_session, send

TIMEOUT_S = 20.0
# What must be left of a run when tokens are asked for: the request at its time-out, and the attempts to store them.
ISSUE_ALLOWANCE_S = TIMEOUT_S + 10.0
# The least that the address of the endpoint is waited for before that.
DISCOVERY_S_MIN = 5.0
WHO = "Intuit's token endpoint"


class TokenRefused(Exception):
    """The token endpoint refused; `reason` is its `error` (invalid_grant, invalid_client ...)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Issued:
    """What the token endpoint issued. Lifetimes are in seconds.

    `hard_expires_in_s` is the time until the consent ends, five years after a person gave it and however often it is
    used; 0 if Intuit did not say.
    """

    access_token: str
    expires_in_s: int
    refresh_token: str
    refresh_expires_in_s: int
    hard_expires_in_s: int = 0


class Issuer(Protocol):
    """The OAuth token endpoint."""

    def issue(self, client_id: str, client_secret: str, refresh_token: str) -> Issued:
        """Return new tokens. Raises TokenRefused, Unavailable if it does not answer, or OutOfTime."""


class IntuitIssuer:
    """Intuit's own OAuth client over our own HTTP. It is imported only when a refresh is due."""

    def __init__(self, discovery_url: str, clock: Clock, deadline: Deadline | None = None) -> None:
        self._discovery_url = discovery_url
        self._clock = clock
        self._deadline = deadline

    def issue(self, client_id: str, client_secret: str, refresh_token: str) -> Issued:
        """Return new tokens.

        Raises TokenRefused; Unavailable if Intuit does not answer, with the wait that it asks for; OutOfTime if nothing
        was asked because the run might end before the tokens are stored.
        """
        answers: list[Answer] = []
        try:
            return self._issued(client_id, client_secret, refresh_token, answers)
        except Unavailable as error:
            if answers:
                error.wait_s = max(error.wait_s, answers[-1].retry_after_s(self._clock.now()))
            raise

    def _timeout_s(self, *, issues: bool) -> float:
        """Return how long a request may take: one that issues tokens, or one that only asks for the address."""
        if self._deadline is None:
            return TIMEOUT_S
        if not self._deadline.allows(ISSUE_ALLOWANCE_S):
            raise OutOfTime("No time is left in this run to ask Intuit for an access token and to store it")
        # A request that issues has its whole time: one that is given up may still have ended the old refresh token.
        return TIMEOUT_S if issues else min(TIMEOUT_S, self._deadline.remaining_s - ISSUE_ALLOWANCE_S)

    def _issued(self, client_id: str, client_secret: str, refresh_token: str, answers: list[Answer]) -> Issued:
        import requests
        from intuitlib.client import AuthClient
        from intuitlib.exceptions import AuthClientError

        clock, allowed_s = self._clock, self._timeout_s

        class OurClient(AuthClient):  # type: ignore[misc]
            """Intuit's client is a requests session without limits, so its requests are sent by ours."""

            def request(self, method: str, url: str, **arguments: Any) -> requests.Response:
                asked = {name: arguments.get(name) for name in ("params", "data", "headers")}
                timeout_s = allowed_s(issues=method.upper() == "POST")
                with new_session() as session:
                    answer = send(session, method, url, who=WHO, timeout_s=timeout_s, clock=clock, **asked)
                answers.append(answer)
                response = requests.Response()
                response.status_code = answer.status
                response.headers.update(answer.headers)
                response._content = bytes(answer.content)  # noqa: SLF001 - requests has no other way to make a response
                return response

        try:
            client = OurClient(client_id, client_secret, "", self._discovery_url)
            client.include_refresh_token_hard_expires_in = True
            client.refresh(refresh_token)
        except AuthClientError as error:
            # The body gives the reason, not the status. Without one it is not about the token: an outage, a proxy.
            is_about_the_token = error.status_code < 500 and error.status_code not in NOT_NOW
            reason = _reason(error.content) if is_about_the_token else ""
            if not reason:
                raise Unavailable(f"{WHO} answered HTTP {error.status_code}") from None
            raise TokenRefused(reason) from None
        except (requests.RequestException, ValueError, LookupError, TypeError) as error:
            # The foreign error may quote the request, and with it the token.
            raise Unavailable(f"{WHO} did not answer ({type(error).__name__})") from None
        if not client.access_token or not client.refresh_token or not client.expires_in:
            raise Unavailable(f"{WHO} answered without tokens")
        return Issued(
            access_token=client.access_token,
            expires_in_s=_seconds(client.expires_in),
            refresh_token=client.refresh_token,
            refresh_expires_in_s=_seconds(client.x_refresh_token_expires_in),
            # Intuit's own clients disagree about the name.
            hard_expires_in_s=_seconds(
                client.x_refresh_token_hard_expires_in or getattr(client, "x_refresh_token_lifetime_expires_in", 0)
            ),
        )


def _seconds(value: Any) -> int:
    """Return a lifetime, or 0 for one that is missing or no number."""
    try:
        return max(0, int(value or 0))
    except (ValueError, TypeError, OverflowError):
        return 0


def _reason(content: Any) -> str:
    text = content.decode(errors="replace") if isinstance(content, bytes) else str(content)
    reasons = ("invalid_grant", "invalid_client", "invalid_request", "unsupported_grant_type")
    return next((reason for reason in reasons if reason in text), "")
