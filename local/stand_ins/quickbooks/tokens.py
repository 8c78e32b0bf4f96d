"""Intuit's token endpoint: rolling refresh tokens bound to one company, access tokens of an hour."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from local.stand_ins.http_server import Request, Response
from local.stand_ins.quickbooks.consent import Consent
from local.stand_ins.quickbooks.faults import oauth_error
from local.stand_ins.quickbooks.realm import DAY_S, Realm, Switches

ACCESS_TOKEN_S = 3600
REFRESH_TOKEN_S = 8_726_400
HARD_EXPIRY_S = 5 * 365 * DAY_S

TOKEN_PATH = "/oauth2/v1/tokens/bearer"
CONSENT_PATH = "/connect/oauth2"
REVOKE_PATH = "/v2/oauth2/tokens/revoke"


def discovery(url: str) -> Response:
    """Return the discovery document of the stand-in."""
    return Response.json(
        {
            "issuer": f"{url}/v1/op",
            "authorization_endpoint": f"{url}{CONSENT_PATH}",
            "token_endpoint": f"{url}{TOKEN_PATH}",
            "userinfo_endpoint": f"{url}/v1/openid_connect/userinfo",
            "revocation_endpoint": f"{url}{REVOKE_PATH}",
            "jwks_uri": f"{url}/v1/op/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "com.intuit.quickbooks.accounting"],
        }
    )


@dataclass
class Connection:
    """One consent of one company: its current refresh token, those it superseded, and its access tokens."""

    realm_id: str
    refresh_token: str
    issued_at: float
    used_at: float
    consented_at: float
    revoked: bool = False
    superseded: dict[str, float] = field(default_factory=dict)
    access_tokens: dict[str, float] = field(default_factory=dict)
    pen: threading.Lock = field(default_factory=threading.Lock)  # whoever refreshes holds it


class Tokens:
    """The connections of all companies, and the endpoint that refreshes and revokes them."""

    def __init__(
        self,
        realms: list[Realm],
        credentials: tuple[str, str],
        switches: Switches,
        clock: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._switches = switches
        self._clock = clock
        self._numbers = count(1)
        self._lock = threading.Lock()
        self.consent = Consent(realms, credentials[0], switches, clock)
        self._connections = {realm.realm_id: self._connection(realm.realm_id, realm.refresh_token) for realm in realms}

    def _connection(self, realm_id: str, refresh_token: str) -> Connection:
        now = self._clock()
        return Connection(realm_id, refresh_token or f"refresh-{realm_id}-{next(self._numbers)}", now, now, now)

    def refresh_token(self, realm_id: str) -> str:
        """Return the refresh token that is valid now."""
        return self._connections[realm_id].refresh_token

    def access_token(self, realm_id: str) -> str:
        """Return a new access token without the endpoint, for a test that is about something else."""
        with self._lock:
            return self._issue(self._connections[realm_id])

    def expire_access_tokens(self) -> None:
        """Make every access token expired."""
        with self._lock:
            for connection in self._connections.values():
                connection.access_tokens = dict.fromkeys(connection.access_tokens, float("-inf"))

    def revoke(self, realm_id: str) -> None:
        """End the connection of a company, as a person does under Apps."""
        self._connections[realm_id].revoked = True

    def reconnect(self, realm_id: str) -> str:
        """Return the refresh token of a new consent; the old connection is gone."""
        with self._lock:
            self._connections[realm_id] = self._connection(realm_id, "")
        return self._connections[realm_id].refresh_token

    def realm_of(self, access_token: str) -> tuple[str, bool] | None:
        """Return the company an access token is for and whether it is still connected; None when it is no good."""
        with self._lock:
            for connection in self._connections.values():
                expires_at = connection.access_tokens.get(access_token)
                if expires_at is not None:
                    return (connection.realm_id, not connection.revoked) if self._clock() < expires_at else None
        return None

    def answer(self, request: Request) -> Response:
        """Answer the token or the revocation endpoint."""
        if not self._is_client(request.headers.get("authorization", "")):
            return oauth_error("invalid_client", self._switches.invalid_client_status)
        if request.path == REVOKE_PATH:
            return self._revoke(request)
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return oauth_error("invalid_request")
        form = dict(parse_qsl(request.body.decode("ascii", "replace")))
        if form.get("grant_type") == "authorization_code":
            return self._exchange(form, request)
        if form.get("grant_type") != "refresh_token":
            return oauth_error("unsupported_grant_type" if "grant_type" in form else "invalid_request")
        if "refresh_token" not in form:
            return oauth_error("invalid_request")
        return self._refresh(form["refresh_token"], request)

    def _exchange(self, form: dict[str, str], request: Request) -> Response:
        """Exchange the code of a consent for tokens. A code that is used again ends what it began."""
        given = self.consent.take(form.get("code", ""), form.get("redirect_uri", ""))
        if given is None:
            return oauth_error("invalid_grant")
        if given.was_used:
            self.revoke(given.realm_id)
            return oauth_error("invalid_grant")
        self.reconnect(given.realm_id)
        with self._lock:
            body = self._refreshed(self._connections[given.realm_id])
        if request.headers.get("x-include-refresh-token-hard-expires-in") == "true":
            body["x_refresh_token_hard_expires_in"] = int(HARD_EXPIRY_S)
        return Response.json(body)

    def _is_client(self, header: str) -> bool:
        kind, _, encoded = header.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return kind.lower() == "basic" and (user, password) == self._credentials

    def _refresh(self, sent: str, request: Request) -> Response:
        connection = next((one for one in self._connections.values() if self._accepts(one, sent)), None)
        # Of two refreshes at the same time the second gets invalid_grant.
        if connection is None or not connection.pen.acquire(blocking=False):
            return oauth_error("invalid_grant")
        try:
            time.sleep(self._switches.refresh_s)
            with self._lock:
                body = self._refreshed(connection)
        finally:
            connection.pen.release()
        if request.headers.get("x-include-refresh-token-hard-expires-in") == "true":
            left = connection.consented_at + HARD_EXPIRY_S - self._clock()
            body["x_refresh_token_hard_expires_in"] = int(left)
        return Response.json(body)

    def _accepts(self, connection: Connection, sent: str) -> bool:
        now = self._clock()
        if connection.revoked or now - connection.used_at > REFRESH_TOKEN_S:
            return False
        if now - connection.consented_at > HARD_EXPIRY_S:
            return False
        until = connection.superseded.get(sent, float("-inf")) + self._switches.superseded_token_grace_s
        return sent == connection.refresh_token or now < until

    def _refreshed(self, connection: Connection) -> dict[str, Any]:
        now = self._clock()
        connection.used_at = now
        if now - connection.issued_at >= self._switches.new_refresh_token_every_s:
            connection.superseded[connection.refresh_token] = now
            connection.refresh_token = f"refresh-{connection.realm_id}-{next(self._numbers)}"
            connection.issued_at = now
        return {
            "token_type": "bearer",
            "access_token": self._issue(connection),
            "expires_in": ACCESS_TOKEN_S,
            "refresh_token": connection.refresh_token,
            "x_refresh_token_expires_in": REFRESH_TOKEN_S,
        }

    def _issue(self, connection: Connection) -> str:
        token = f"access-{connection.realm_id}-{next(self._numbers)}"
        connection.access_tokens[token] = self._clock() + ACCESS_TOKEN_S
        return token

    def _revoke(self, request: Request) -> Response:
        try:
            sent = str(request.json().get("token"))
        except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
            return oauth_error("invalid_request")
        for connection in self._connections.values():
            if sent == connection.refresh_token or sent in connection.access_tokens:
                connection.revoked = True
                return Response(200)
        return oauth_error("invalid_request")
