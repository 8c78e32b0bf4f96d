"""Intuit's token endpoint: a refresh token in, new tokens out."""

from __future__ import annotations

from typing import Any, Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.errors import Unavailable
from pipeline.domain.values import dataclass
from pipeline.http import new_session, send

TIMEOUT_S = 20.0
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
        """Return new tokens. Raises TokenRefused, or Unavailable if it does not answer."""


class IntuitIssuer:
    """Intuit's own OAuth client over our own HTTP. It is imported only when a refresh is due."""

    def __init__(self, discovery_url: str, clock: Clock) -> None:
        self._discovery_url = discovery_url
        self._clock = clock

    def issue(self, client_id: str, client_secret: str, refresh_token: str) -> Issued:
        """Return new tokens. Raises TokenRefused, or Unavailable if Intuit does not answer."""
        import requests
        from intuitlib.client import AuthClient
        from intuitlib.exceptions import AuthClientError

        clock = self._clock

        class OurClient(AuthClient):  # type: ignore[misc]
            """Intuit's client is a requests session without limits, so its requests are sent by ours."""

            def request(self, method: str, url: str, **arguments: Any) -> requests.Response:
                asked = {name: arguments.get(name) for name in ("params", "data", "headers")}
                with new_session() as session:
                    answer = send(session, method, url, who=WHO, timeout_s=TIMEOUT_S, clock=clock, **asked)
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
            reason = "" if error.status_code >= 500 else _reason(error.content)
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
