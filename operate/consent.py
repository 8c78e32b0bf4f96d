"""The OAuth consent of one company: the address to open, what came back, and the tokens for it.

The code comes back in the address of the browser. A person pastes it; or, for keys of the sandbox, which take an
address on this machine, it is caught here. The `state` says that it is the answer to our own question.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError

from operate.errors import NeedsAPerson, WrongUse
from pipeline.domain.clock import Clock
from pipeline.domain.errors import Unavailable

PLAYGROUND = "https://developer.intuit.com/v2/OAuth2Playground/RedirectUrl"
SCOPE = "com.intuit.quickbooks.accounting"
LOCAL_PORT = 8137
LOCAL_PATH = "/callback"
TIMEOUT_S = 20.0
WAITED_S = 600.0
ADDRESS_LENGTH_MAX = 8_000
_PAGE = b"<!doctype html><title>oqb</title><p>Thank you. Go back to the terminal; this page may be closed.</p>"


class _BoundedClient(AuthClient):  # type: ignore[misc]
    """The client is a requests session without a time limit: give every request one."""

    def request(self, method: str, url: str, **arguments: Any) -> requests.Response:
        arguments.setdefault("timeout", TIMEOUT_S)
        response: requests.Response = super().request(method, url, **arguments)
        return response


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from Intuit: a code that works once, and the realm it is for."""

    code: str = field(repr=False)
    realm: str


@dataclass(frozen=True, slots=True)
class Issued:
    """The tokens of a consent."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


def answer_in(address: str, redirect: str, state: str) -> Answer:
    """Return the answer in the address the browser ended on.

    Raises WrongUse if it is another address than the one Intuit was to come back to, is the answer to another
    question, or lacks a part; NeedsAPerson if the person refused the consent.
    """
    address = address.strip()
    came, expected = urlsplit(address), urlsplit(redirect)
    if len(address) > ADDRESS_LENGTH_MAX or (came.scheme, came.netloc, came.path) != (
        expected.scheme, expected.netloc, expected.path
    ):  # fmt: skip
        raise WrongUse(f"That is not the address Intuit comes back to: it begins with {redirect}?code=")
    given: Mapping[str, str] = dict(parse_qsl(came.query))
    if not hmac.compare_digest(given.get("state", "").encode(), state.encode()):
        raise WrongUse(
            "That address answers another question (its state is another one): begin again, and paste the address of "
            "the browser that this command opened."
        )
    if "error" in given:
        raise NeedsAPerson(f"The consent was not given (Intuit says {given['error'][:60]}). Nothing was changed.")
    if not given.get("code") or not given.get("realmId", "").isdigit():
        raise WrongUse("That address holds no code and realmId: copy the whole address, up to its end.")
    return Answer(given["code"], given["realmId"])


class Consent:
    """One question to Intuit. Raises Unavailable if its discovery document cannot be read."""

    def __init__(self, client_id: str, client_secret: str, redirect: str, discovery_url: str) -> None:
        self.redirect = redirect
        self.state = secrets.token_urlsafe(32)
        try:
            self._client = _BoundedClient(client_id, client_secret, redirect, discovery_url)
        except (AuthClientError, requests.RequestException, ValueError, LookupError) as error:
            raise Unavailable(f"Intuit's discovery document cannot be read ({type(error).__name__}).") from None

    @property
    def address(self) -> str:
        """The address at which a person gives the consent."""
        return str(self._client.get_authorization_url([Scopes.ACCOUNTING], state_token=self.state))

    def exchange(self, answer: Answer) -> Issued:
        """Exchange the code for tokens; it works once. Raises NeedsAPerson if Intuit refuses it."""
        try:
            self._client.get_bearer_token(answer.code, realm_id=answer.realm)
        except AuthClientError as error:
            raise NeedsAPerson(_refusal(error)) from None
        except (requests.RequestException, ValueError) as error:
            # The foreign error may quote the request, and with it the code.
            raise Unavailable(
                f"Intuit's token endpoint did not answer ({type(error).__name__}). Begin again: the code works once."
            ) from None
        if not self._client.access_token or not self._client.refresh_token:
            raise Unavailable("Intuit's token endpoint answered without tokens.")
        return Issued(str(self._client.access_token), str(self._client.refresh_token))


def _refusal(error: AuthClientError) -> str:
    content = str(error.content)
    if "invalid_client" in content:
        return "Intuit does not know the client id and secret: copy them again from the app's keys (`--new-keys`)."
    if "invalid_grant" in content:
        return "Intuit does not take the code any more: it works once and for five minutes. Begin again."
    return f"Intuit refused the code (HTTP {error.status_code}). Begin again."


class Catcher:
    """Waits on this machine for the browser to come back. Raises WrongUse if the port is taken."""

    def __init__(self, port: int, clock: Clock) -> None:
        self._clock = clock
        self._came = ""
        catcher = self

        class Handler(BaseHTTPRequestHandler):
            # A browser may open a connection ahead and send nothing on it.
            timeout = 2.0

            def do_GET(self) -> None:
                is_it = urlsplit(self.path).path == LOCAL_PATH
                self.send_response(200 if is_it else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                if is_it:
                    self.wfile.write(_PAGE)
                    catcher._came = self.path

            def log_message(self, *_arguments: object) -> None:
                """Stay silent: the address holds the code."""

        try:
            self._server = HTTPServer(("127.0.0.1", port), Handler)
        except OSError:
            raise WrongUse(
                f"The port {port} of this machine is taken, by another `connect` perhaps: end that, or name another "
                "port with --port, and in the portal."
            ) from None
        self._server.timeout = 1.0
        self.redirect = f"http://localhost:{port}{LOCAL_PATH}"

    def wait(self) -> str:
        """Return the address the browser came back with. Raises NeedsAPerson after ten minutes."""
        until = self._clock.monotonic() + WAITED_S
        try:
            while not self._came:
                if self._clock.monotonic() > until:
                    raise NeedsAPerson("Nobody came back within ten minutes. Nothing was changed; begin again.")
                self._server.handle_request()
        finally:
            self._server.server_close()
        return f"{self.redirect}?{urlsplit(self._came).query}"

    def close(self) -> None:
        """Stop waiting."""
        self._server.server_close()
