"""Custody of one realm's tokens: one refresher, the rotated token stored before the new access token is used."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import Disconnected, OutOfTime, Unavailable
from pipeline.domain.retry import growing, repeated
from pipeline.domain.threads import Threads

logger = logging.getLogger(__name__)

REQUIRED_KEYS = ("client_id", "client_secret", "realm_ids")
TIMEOUT_S = 20.0
# Refreshed a little early, so that a token does not expire between here and QuickBooks.
EARLY_S = 180
STORE_TRIES = 4
# The time a refresh may take until it is stored: discovery and token at their time-outs, and the attempts to store.
REFRESH_ALLOWANCE_S = 50.0
DAY_S = 86_400


class TokenRefused(Exception):
    """The token endpoint refused; `reason` is its `error` (invalid_grant, invalid_client ...)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Issued:
    """What the token endpoint issued. Lifetimes are in seconds."""

    access_token: str
    expires_in_s: int
    refresh_token: str
    refresh_expires_in_s: int


class Issuer(Protocol):
    """The OAuth token endpoint."""

    def issue(self, client_id: str, client_secret: str, refresh_token: str) -> Issued:
        """Return new tokens. Raises TokenRefused, or Unavailable if it does not answer."""


class SecretStore(Protocol):
    """Where the secret is stored."""

    def read(self, arn: str, required: tuple[str, ...]) -> dict[str, Any]:
        """Return the secret."""

    def change(self, arn: str, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Replace the secret with the result of `change`, never losing another writer's change."""


class IntuitIssuer:
    """Intuit's own OAuth client with our time limits. It is imported only when a refresh is due."""

    def __init__(self, discovery_url: str) -> None:
        self._discovery_url = discovery_url

    def issue(self, client_id: str, client_secret: str, refresh_token: str) -> Issued:
        """Return new tokens. Raises TokenRefused, or Unavailable if Intuit does not answer."""
        import requests
        from intuitlib.client import AuthClient
        from intuitlib.exceptions import AuthClientError

        class BoundedClient(AuthClient):  # type: ignore[misc]
            """The client is a requests session without a time limit: give every request one."""

            def request(self, method: str, url: str, **arguments: Any) -> requests.Response:
                arguments.setdefault("timeout", TIMEOUT_S)
                response: requests.Response = super().request(method, url, **arguments)
                return response

        try:
            client = BoundedClient(client_id, client_secret, "", self._discovery_url)
            client.refresh(refresh_token)
        except AuthClientError as error:
            # The body gives the reason, not the status. Without one it is not about the token: an outage, a proxy.
            reason = "" if error.status_code >= 500 else _reason(error.content)
            if not reason:
                raise Unavailable(f"Intuit's token endpoint answered HTTP {error.status_code}") from None
            raise TokenRefused(reason) from None
        except (requests.RequestException, ValueError, LookupError, TypeError) as error:
            # The foreign error may quote the request, and with it the token.
            raise Unavailable(f"Intuit's token endpoint did not answer ({type(error).__name__})") from None
        if not client.access_token or not client.refresh_token or not client.expires_in:
            raise Unavailable("Intuit's token endpoint answered without tokens")
        return Issued(
            access_token=client.access_token,
            expires_in_s=int(client.expires_in),
            refresh_token=client.refresh_token,
            refresh_expires_in_s=int(client.x_refresh_token_expires_in or 0),
        )


def _reason(content: Any) -> str:
    text = content.decode(errors="replace") if isinstance(content, bytes) else str(content)
    reasons = ("invalid_grant", "invalid_client", "invalid_request", "unsupported_grant_type")
    return next((reason for reason in reasons if reason in text), "")


def _mark(refresh_token: str) -> str:
    return hashlib.sha256(refresh_token.encode()).hexdigest()[:16]


def connection_days(secret: Mapping[str, Any], now: float) -> dict[str, float]:
    """Return how many days each company's connection lasts without being used, if Intuit has ever said."""
    kept: Mapping[str, Mapping[str, Any]] = secret.get("access_tokens") or {}
    return {
        company: (kept[company]["refresh_expires_at"] - now) / DAY_S
        for company in secret["realm_ids"]
        if kept.get(company, {}).get("refresh_expires_at")
    }


def idle_companies(secret: Mapping[str, Any], now: float) -> set[str]:
    """Return the companies whose refresh token has not been used for a day.

    A token dies after a hundred days without use. If it is used every day, a lost connection is noticed that day and
    not when the next invoice of a quiet company is due.
    """
    kept: Mapping[str, Mapping[str, Any]] = secret.get("access_tokens") or {}
    connected = set(secret.get("refresh_tokens") or {})
    if secret.get("refresh_token"):
        connected |= set(secret["realm_ids"])
    renewed_at = {company: kept.get(company, {}).get("renewed_at", 0) for company in connected}
    return {company for company, moment in renewed_at.items() if now - moment >= DAY_S}


class Tokens:
    """The access token of one realm, valid for the next call, regardless of which function used it last.

    Several companies may be posted to one realm and share its tokens. What Intuit issues is stored for all of them, so
    that every reader finds the newest.
    """

    def __init__(
        self,
        store: SecretStore,
        arn: str,
        companies: Sequence[str],
        issuer: Issuer,
        *,
        clock: Clock,
        threads: Threads,
        deadline: Deadline | None = None,
    ) -> None:
        self._store = store
        self._arn = arn
        self._companies = tuple(companies)
        self._company = " and ".join(companies)
        self._issuer = issuer
        self._deadline = deadline
        self._clock = clock
        self._lock = threads.lock()
        self._access_token = ""
        self._expires_at = 0.0
        self.refresh_days_left: float | None = None

    def access_token(self, *, refused: str = "") -> str:
        """Return an access token. `refused` is one that QuickBooks has just refused; it is then replaced.

        Raises Disconnected if only a person can reconnect the company, and Unavailable if Intuit or the secret does not
        answer.
        """
        with self._lock:
            if self._access_token in ("", refused) or self._clock.now().timestamp() > self._expires_at - EARLY_S:
                self._renew(refused)
            return self._access_token

    def _renew(self, refused: str) -> None:
        secret = self._store.read(self._arn, REQUIRED_KEYS)
        if self._use_kept(secret, refused):
            return
        refresh_token = self._refresh_token(secret)
        try:
            self._refresh(secret, refresh_token)
        except TokenRefused as refusal:
            if refusal.reason == "invalid_client":
                raise Disconnected(
                    "Intuit does not know the client_id and client_secret of the QuickBooks secret. Copy them again "
                    "from the app's keys; reconnecting does not help.",
                    code="invalid_client",
                ) from None
            # Another run may have refreshed between our reading and asking: what is stored now decides. Within a day
            # Intuit returns the same refresh token, so compare the access token.
            again = self._store.read(self._arn, REQUIRED_KEYS)
            if self._use_kept(again, refused):
                return
            # Of the companies that share a realm, perhaps only one was connected again.
            for other in self._refresh_tokens(again):
                if other != refresh_token:
                    try:
                        self._refresh(again, other)
                    except TokenRefused:
                        continue
                    return
            raise self._disconnected(refusal.reason) from None

    def _use_kept(self, secret: Mapping[str, Any], refused: str) -> bool:
        """Use the access token in the secret. Return False if it is about to expire or is the refused one.

        It must also have been issued with the stored refresh token: a person who connects the company again stores
        another one, and the access token of the former connection is then useless.
        """
        refresh_token = self._refresh_token(secret)
        for company in self._companies:
            kept = (secret.get("access_tokens") or {}).get(company) or {}
            came_with = kept.get("came_with", _mark(refresh_token))
            is_usable = kept.get("value") not in (None, "", refused) and came_with == _mark(refresh_token)
            if is_usable and self._clock.now().timestamp() < kept.get("expires_at", 0) - EARLY_S:
                self._use(str(kept["value"]), float(kept["expires_at"]), kept.get("refresh_expires_at"))
                return True
        return False

    def _refresh(self, secret: Mapping[str, Any], refresh_token: str) -> None:
        # Once a day Intuit issues another refresh token and forgets the old one. If a function is stopped before it has
        # stored the new one, the connection is lost. So do not refresh near the end of a run.
        if self._deadline is not None and not self._deadline.allows(REFRESH_ALLOWANCE_S):
            raise OutOfTime(f"No time is left in this run to renew the access token of {self._company}")
        issued = self._issuer.issue(secret["client_id"], secret["client_secret"], refresh_token)
        now = self._clock.now().timestamp()
        self._keep(issued, refresh_token, now)
        self._use(issued.access_token, now + issued.expires_in_s, now + issued.refresh_expires_in_s)
        logger.info("access token renewed", extra={"company": self._company})

    def _disconnected(self, reason: str) -> Disconnected:
        return Disconnected(
            f"The QuickBooks connection of {self._company} is gone (Intuit says {reason}). Connect the company again "
            "in the Intuit app and store the new refresh token in the QuickBooks secret; the documents wait and "
            "follow by themselves.",
            code="connection_gone",
        )

    def _refresh_token(self, secret: Mapping[str, Any]) -> str:
        tokens = self._refresh_tokens(secret)
        if not tokens:
            raise Disconnected(
                f"The QuickBooks secret holds no refresh token for {self._company}: add it under refresh_tokens.",
                code="no_refresh_token",
            )
        return tokens[0]

    def _refresh_tokens(self, secret: Mapping[str, Any]) -> list[str]:
        """Return the distinct refresh tokens of the realm's companies, or the shared one."""
        by_company = secret.get("refresh_tokens") or {}
        tokens = [str(by_company[company]) for company in self._companies if by_company.get(company)]
        shared = [str(secret["refresh_token"])] if secret.get("refresh_token") else []
        return list(dict.fromkeys(tokens or shared))

    def _keep(self, issued: Issued, used: str, now: float) -> None:
        """Store the issued tokens. The old refresh token may be dead by now, so try several times."""

        def with_issued(current: Mapping[str, Any]) -> dict[str, Any]:
            changed = dict(current)
            if used not in self._refresh_tokens(current):
                return changed  # a person has connected the company again meanwhile: that token is newer
            by_company = current.get("refresh_tokens") or {}
            mine = [company for company in self._companies if by_company.get(company)]
            if mine:
                changed["refresh_tokens"] = {**by_company, **dict.fromkeys(mine, issued.refresh_token)}
            else:
                changed["refresh_token"] = issued.refresh_token
            if used != issued.refresh_token:
                previous = current.get("previous_refresh_tokens") or {}
                changed["previous_refresh_tokens"] = {**previous, **dict.fromkeys(self._companies, used)}
            kept = {
                "value": issued.access_token,
                "renewed_at": int(now),
                "expires_at": int(now + issued.expires_in_s),
                "refresh_expires_at": int(now + issued.refresh_expires_in_s),
                "came_with": _mark(issued.refresh_token),
            }
            changed["access_tokens"] = {
                **(current.get("access_tokens") or {}),
                **{company: dict(kept) for company in self._companies},
            }
            return changed

        repeated(
            lambda: self._store.change(self._arn, with_issued),
            tries=STORE_TRIES,
            wait_s=growing(0.2),
            clock=self._clock,
            on=lambda error: isinstance(error, Unavailable),
        )

    def _use(self, access_token: str, expires_at: float, refresh_expires_at: float | None) -> None:
        self._access_token = access_token
        self._expires_at = expires_at
        if refresh_expires_at:
            self.refresh_days_left = (refresh_expires_at - self._clock.now().timestamp()) / DAY_S
