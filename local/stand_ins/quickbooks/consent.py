"""Intuit's consent page: a person chooses a company, and the browser is sent back with a code that works once."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from local.stand_ins.http_server import Request, Response
from local.stand_ins.quickbooks.realm import Realm, Switches

SCOPE = "com.intuit.quickbooks.accounting"
CODE_LIVES_S = 300
PLAYGROUND = "https://developer.intuit.com/v2/OAuth2Playground/RedirectUrl"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass
class Granted:
    """One consent: its code belongs to a company and a redirect address, and works once within five minutes."""

    realm_id: str
    redirect_uri: str
    until: float
    was_used: bool = False


class Consent:
    """The page, the redirect addresses that are set for the app, and the codes it has given."""

    def __init__(self, realms: list[Realm], client_id: str, switches: Switches, clock: Callable[[], float]) -> None:
        self._realms = realms
        self._client_id = client_id
        self._switches = switches
        self._clock = clock
        self._codes: dict[str, Granted] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response:
        """Show the page, or send the browser back with a code, or with what a person refused."""
        form = dict(parse_qsl(request.body.decode("ascii", "replace"))) if request.method == "POST" else request.query
        wrong = self._wrong(form)
        if wrong:
            return Response.html(f"<h1>Sorry, but undefined didn't connect</h1><p id=error>{escape(wrong)}</p>", 400)
        if request.method != "POST":
            return Response.html(self._page(form))
        back = {"state": form.get("state", "")}
        if "realm" in form:
            code = secrets.token_hex(16)
            with self._lock:
                self._codes[code] = Granted(form["realm"], form["redirect_uri"], self._clock() + CODE_LIVES_S)
            back = {"code": code, **back, "realmId": form["realm"]}
        else:
            back = {"error": "access_denied", **back}
        return Response(302, headers={"Location": f"{form['redirect_uri']}?{urlencode(back)}"})

    def _wrong(self, form: dict[str, str]) -> str:
        if form.get("client_id") != self._client_id:
            return "The client_id is not known."
        if form.get("response_type") != "code" or form.get("scope") != SCOPE:
            return "The response_type or the scope is not valid."
        if not form.get("state"):
            return "The state query parameter is missing."
        redirect = form.get("redirect_uri", "")
        is_local = urlsplit(redirect).hostname in LOCAL_HOSTS or urlsplit(redirect).scheme != "https"
        if redirect not in self._switches.redirect_uris or (is_local and not self._switches.has_sandbox_keys):
            return "The redirect_uri query parameter value is invalid."
        return "The company is not known." if form.get("realm", self._realms[0].realm_id) not in self._ids else ""

    @property
    def _ids(self) -> set[str]:
        return {realm.realm_id for realm in self._realms}

    def _page(self, form: dict[str, str]) -> str:
        hidden = "".join(
            f'<input type=hidden name="{escape(name)}" value="{escape(value)}">' for name, value in form.items()
        )
        choices = "".join(
            f'<label><input type=radio name=realm value="{escape(realm.realm_id)}">{escape(realm.company_name)}</label>'
            for realm in self._realms
        )
        return (
            "<!doctype html><title>Intuit</title><h1>Choose a company to connect</h1>"
            f"<form method=post>{hidden}{choices}<button id=connect>Next</button></form>"
            f"<form method=post>{hidden}<button id=cancel>No thanks</button></form>"
        )

    def take(self, code: str, redirect_uri: str) -> Granted | None:
        """Return what a code was given for, as it was before it is used; None when it is no good here."""
        with self._lock:
            granted = self._codes.get(code)
            if granted is None or granted.redirect_uri != redirect_uri or self._clock() > granted.until:
                return None
            was_used, granted.was_used = granted.was_used, True
            return Granted(granted.realm_id, redirect_uri, granted.until, was_used)
