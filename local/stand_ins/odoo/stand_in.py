"""A stand-in for an Odoo server, version 16 to 19: answers over HTTP as real servers were recorded to answer."""

from __future__ import annotations

import inspect
import json
import secrets
from html import escape
from typing import Any
from urllib.parse import quote

from local.stand_ins.http_server import Fault, Request, Response, StandInServer
from local.stand_ins.odoo.documents import OdooDocuments
from local.stand_ins.odoo.domain import Row
from local.stand_ins.odoo.errors import (
    NO_DATABASE,
    NOT_FOUND,
    OVERLOADED,
    OdooError,
    access_denied,
    database_down,
    database_missing,
    html_page,
    type_error,
    user_error,
)
from local.stand_ins.odoo.methods import Methods
from local.stand_ins.odoo.rights import User
from pipeline.domain.values import replace

POOL_EXHAUSTED = Fault("pool_exhausted", OVERLOADED)
CONNECTION_CLOSED = Fault("connection_closed")
_REPORT = "/report/pdf/account.report_invoice_with_payments/"
_PORTAL = "/my/invoices/"
_CONTENT = "/web/content/"
_JSON_TYPES = ("application/json", "application/json-rpc")
_SECURE = {"X-Content-Type-Options": "nosniff"}


class OdooStandIn(OdooDocuments):
    """One Odoo server with one database and a user who reads the accounting of all companies.

    `users` may be extended; `calls` lists what was called as (model, method); `database_down` stops PostgreSQL;
    with more than one database on the host no web page is served before a database is chosen.
    """

    def __init__(
        self,
        rows: dict[str, list[Row]],
        files: dict[int, bytes],
        *,
        version: int = 18,
        database: str = "odoo_demo",
        login: str = "sync_ro",
        password: str = "demo-password",
        api_key: str = "demo-api-key",
        databases: int = 1,
    ) -> None:
        super().__init__(rows, files, version=version)
        companies = tuple(sorted(row["id"] for row in self.rows.get("res.company", [])))
        uid = 5 if version >= 19 else 6
        self.users = [User(uid, login, "QBO sync (read-only)", password, api_key, companies)]
        self.database = database
        self.databases = databases
        self.database_down = False
        # An open change of Odoo hides the deprecated services unless `rpc.use_deprecated_services` is set; 22 has none.
        self.has_jsonrpc = True
        self.calls: list[tuple[str, str]] = []
        self.sessions: dict[str, User] = {}
        self.server = StandInServer(self._answer)
        self.url = self.server.url

    def close(self) -> None:
        """Stop serving."""
        self.server.close()

    def expire_sessions(self) -> None:
        """Forget every web session."""
        self.sessions.clear()

    # -- routes ----------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        with self._lock:
            if request.path in ("/web/version", "/json/version") and self.version >= 19:
                return _json({"version_info": [self.version, 0, 0, "final", 0, ""], "version": f"{self.version}.0"})
            if request.path == "/jsonrpc" and not self.has_jsonrpc:
                return NOT_FOUND
            if request.path == "/jsonrpc":
                return self._json_route(request, self._rpc)
            if request.path == "/web/session/authenticate":
                return self._json_route(request, self._sign_in)
            if request.path.startswith("/json/2/") and self.version >= 19:
                return self._json2(request)
            if self.databases > 1 and self._session(request) is None and not self._names_database(request):
                return NOT_FOUND
            if request.path.startswith("/web/dataset/call_kw"):
                return self._json_route(request, self._call_kw)
            return self._page(request)

    def _page(self, request: Request) -> Response:
        for prefix, page in ((_REPORT, self._report), (_PORTAL, self._portal), (_CONTENT, self._web_content)):
            if request.method == "GET" and request.path.startswith(prefix):
                return page(request)
        return NOT_FOUND

    def _names_database(self, request: Request) -> bool:
        return self.version >= 19 and request.headers.get("x-odoo-database") == self.database

    def _json_route(self, request: Request, route: Any) -> Response:
        """Answer a JSON-RPC request: whatever goes wrong inside is an error envelope under HTTP 200."""
        if request.method != "POST" or not _is_json(request, _JSON_TYPES):
            return self._wrong_type(request.path, "jsonrpc" if self.version >= 19 else "json", ", ".join(_JSON_TYPES))
        try:
            envelope = json.loads(request.body)
        except ValueError:
            return Response(400, b"Invalid JSON data", "text/html; charset=utf-8", _SECURE)
        if not isinstance(envelope, dict):
            return Response(400, b"Invalid JSON-RPC data", "text/html; charset=utf-8", _SECURE)
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": envelope.get("id")}
        headers: dict[str, str] = {}
        try:
            result = route(request, envelope.get("params") or {}, headers)
        except OdooError as error:
            expired = error.name == "odoo.http.SessionExpiredException"
            if expired:
                answer["id"] = None
            answer["error"] = {
                "code": 100 if expired else 0 if self.version >= 19 else 200,
                "message": "Odoo Session Expired" if expired else "Odoo Server Error",
                "data": error.data(self.version),
            }
            return _json(answer)
        # A method that returns nothing is answered without a result.
        if result is not None:
            answer["result"] = result
        return _json(answer, headers={**_SECURE, **headers})

    def _wrong_type(self, route: str, kind: str, accepted: str) -> Response:
        text = (
            f"Request inferred type is compatible with [&#39;http&#39;] but &#39;{route}&#39; is type=&#39;{kind}&#39;."
        )
        if self.version < 19:
            return html_page(400, "Bad Request", text)
        text += "<br><br>Please verify the Content-Type request header and try again."
        page = html_page(415, "Unsupported Media Type", text)
        return replace(page, headers={"Accept": accepted})

    # -- JSON-RPC --------------------------------------------------------------------------------------------------

    def _rpc(self, _request: Request, params: dict[str, Any], _headers: dict[str, str]) -> Any:
        service, method, arguments = params.get("service"), params.get("method"), params.get("args", [])
        if service == "common":
            return self._common(str(method), arguments)
        if service != "object":
            raise OdooError("builtins.KeyError", repr(service))
        if method not in ("execute_kw", "execute"):
            raise OdooError("builtins.NameError", f"Method not available {method}")
        if len(arguments) < 5:
            raise type_error(f"execute_kw() missing {5 - len(arguments)} required positional arguments")
        database, uid, secret, model, name = arguments[:5]
        user = self._user(database, uid, secret)
        if method == "execute":
            return self._execute(user, model, name, list(arguments[5:]), {})
        positional = list(arguments[5]) if len(arguments) > 5 else []
        return self._execute(user, model, name, positional, dict(arguments[6]) if len(arguments) > 6 else {})

    def _common(self, method: str, arguments: list[Any]) -> Any:
        self.calls.append(("common", method))
        if method == "version":
            return self._version()
        if method not in ("authenticate", "login"):
            raise OdooError("builtins.Exception", f"Method not found: {method}")
        if len(arguments) < 3:
            raise type_error(f"exp_{method}() missing required positional arguments")
        database, login, secret = arguments[:3]
        self._check_database(database)
        found = [user.uid for user in self.users if user.login == login and self._lets_in(user, secret)]
        return found[0] if found else False

    def _version(self) -> dict[str, Any]:
        serie = f"{self.version}.0"
        return {
            "server_version": "18.0+e-20241005" if self.version == 18 else serie,
            "server_version_info": [self.version, 0, 0, "final", 0, ""],
            "server_serie": serie,
            "protocol_version": 1,
        }

    def _check_database(self, database: Any) -> None:
        if self.database_down:
            raise database_down()
        if database != self.database:
            raise database_missing(str(database))

    def _lets_in(self, user: User, secret: Any) -> bool:
        return secret == user.password or self.api_keys.is_valid(user.uid, secret, user.api_key)

    def table(self, model: str) -> list[Row]:
        """Return all rows of a model; the users who log in are known by more than their names."""
        found = super().table(model)
        if model != "res.users":
            return found
        own = [{"id": user.uid, "name": user.name, "login": user.login} for user in self.users]
        ids = {row["id"] for row in own}
        return [*own, *(row for row in found if row["id"] not in ids)]

    def _user(self, database: Any, uid: Any, secret: Any) -> User:
        self._check_database(database)
        for user in self.users:
            if user.uid == uid and self._lets_in(user, secret):
                return user
        raise access_denied()

    def _execute(self, user: User, model: str, method: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        self.calls.append((model, method))
        if not self.knows(model):
            raise user_error(f"Object {model} doesn't exist")
        context = keywords.pop("context", None) or {}
        return Methods(self, user, context).call(model, method, arguments, keywords)

    # -- JSON-2 ----------------------------------------------------------------------------------------------------

    def _json2(self, request: Request) -> Response:
        model, _, method = request.path.removeprefix("/json/2/").partition("/")
        named = request.headers.get("x-odoo-database")
        if self.database_down or (named or self.database) != self.database or (self.databases > 1 and not named):
            return NO_DATABASE
        if not _is_json(request, _JSON_TYPES[:1]):
            return self._wrong_type("/json/2/&lt;__model__&gt;/&lt;__method__&gt;", "json2", "application/json")
        try:
            return _json(self._json2_result(request, model, method), headers=_SECURE)
        except OdooError as error:
            headers = {"WWW-Authenticate": "Bearer "} if error.status == 401 else {}
            return _json(error.data(self.version), error.status, headers)

    def _json2_result(self, request: Request, model: str, method: str) -> Any:
        user = self._bearer(request)
        try:
            keywords = json.loads(request.body or b"{}")
        except ValueError as error:
            raise OdooError("werkzeug.exceptions.BadRequest", f"could not parse the body as json: {error}") from error
        self.calls.append((model, method))
        if not self.knows(model):
            raise OdooError("werkzeug.exceptions.NotFound", f"the model '{model}' does not exist")
        methods = Methods(self, user, keywords.pop("context", None) or {})
        try:
            function = methods.function(model, method)
        except OdooError as error:
            if error.name != "builtins.AttributeError":
                raise
            raise OdooError("werkzeug.exceptions.NotFound", error.message) from error
        arguments = []
        if methods.takes_ids(method):
            arguments.append(keywords.pop("ids", []))
        elif keywords.pop("ids", None):
            raise OdooError("werkzeug.exceptions.UnprocessableEntity", f"cannot call {model}.{method} with ids")
        try:
            inspect.signature(function).bind(model, *arguments, **keywords)
        except TypeError as error:
            raise OdooError("werkzeug.exceptions.UnprocessableEntity", str(error)) from error
        result = methods.run(function, model, arguments, keywords)
        # Records are answered as a list of ids, also the one record that was made of a single set of values.
        return [result] if method == "create" and isinstance(result, int) else result

    def _bearer(self, request: Request) -> User:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise OdooError(
                "werkzeug.exceptions.Unauthorized",
                "User not authenticated, use an API Key with a Bearer Authorization header.",
            )
        for user in self.users:
            if self.api_keys.is_valid(user.uid, key, user.api_key):
                return user
        raise OdooError("werkzeug.exceptions.Unauthorized", "Invalid apikey")

    # -- web sessions ----------------------------------------------------------------------------------------------

    def _sign_in(self, _request: Request, params: dict[str, Any], headers: dict[str, str]) -> Any:
        self._check_database(params.get("db"))
        for user in self.users:
            if user.login == params.get("login") and user.password == params.get("password"):
                session_id = secrets.token_hex(20)
                self.sessions[session_id] = user
                headers["Set-Cookie"] = f"session_id={session_id}; Max-Age=604800; HttpOnly; Path=/"
                return self._session_info(user)
        # A web session is opened for a password only: an API key is refused here.
        raise access_denied()

    def _session_info(self, user: User) -> dict[str, Any]:
        version = self._version()
        return {
            "uid": user.uid,
            "is_system": False,
            "is_admin": False,
            "is_public": False,
            "is_internal_user": True,
            "user_context": {"lang": "en_US", "tz": False, "uid": user.uid},
            "db": self.database,
            "server_version": version["server_version"],
            "server_version_info": version["server_version_info"],
            "name": user.name,
            "username": user.login,
        }

    def _session(self, request: Request) -> User | None:
        cookies = dict(part.strip().partition("=")[::2] for part in request.headers.get("cookie", "").split(";"))
        return self.sessions.get(cookies.get("session_id", ""))

    def _call_kw(self, request: Request, params: dict[str, Any], _headers: dict[str, str]) -> Any:
        user = self._session(request)
        if user is None:
            raise OdooError("odoo.http.SessionExpiredException", "Session expired")
        arguments, keywords = list(params.get("args", [])), dict(params.get("kwargs", {}))
        return self._execute(user, str(params.get("model")), str(params.get("method")), arguments, keywords)

    def _report(self, request: Request) -> Response:
        user = self._session(request)
        if user is None:
            return _redirect(f"/web/login?redirect={quote(request.path, safe='')}%3F")
        try:
            ids = [int(part) for part in request.path.removeprefix(_REPORT).split(",")]
            moves = Methods(self, user, {}).read("account.move", ids, ["id"])
            if len(moves) != 1:
                return NOT_FOUND if not moves else html_page(500, "Internal Server Error", "EmptyFileError")
            self.calls.append(("account.move", "report"))
            content = self.render(self.move(moves[0]["id"]), (user.uid, user.name))
        except ValueError:
            return NOT_FOUND
        except OdooError as error:
            page = html_page(403, "Forbidden", f"<pre>{escape(error.message)}</pre>")
            return replace(page, content_type="text/html;charset=utf-8", headers=_SECURE)
        return _pdf(content)

    def _portal(self, request: Request) -> Response:
        number = request.path.removeprefix(_PORTAL)
        moves = [row for row in self.rows["account.move"] if str(row["id"]) == number]
        token = request.query.get("access_token")
        if not moves or not token or moves[0].get("access_token") != token:
            return _redirect("/my")
        if request.query.get("report_type") != "pdf":
            return html_page(200, "Odoo", "A page for people.")
        move = moves[0]
        content = self.legal_pdf(move) or self.render(move, (self.users[0].uid, self.users[0].name), proforma=True)
        name = str(move["name"] or "invoice").replace("/", "_")
        return _pdf(content, {"Content-Disposition": f"attachment; filename*=UTF-8''{name}.pdf"})

    def _web_content(self, request: Request) -> Response:
        user = self._session(request)
        number = request.path.removeprefix(_CONTENT)
        if user is None or not number.isdecimal() or int(number) not in self.files:
            return NOT_FOUND
        try:
            row = Methods(self, user, {}).read("ir.attachment", [int(number)], ["mimetype", "checksum"])[0]
        except OdooError:
            return NOT_FOUND
        return Response(200, self.files[int(number)], row["mimetype"], {"ETag": f'"{row["checksum"]}"'})


def _is_json(request: Request, accepted: tuple[str, ...]) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in accepted


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    plain = Response.json(value, status)
    return replace(plain, content_type="application/json; charset=utf-8", headers=headers or {})


def _redirect(location: str) -> Response:
    page = html_page(
        303,
        "Redirecting...",
        f'You should be redirected automatically to the target URL: <a href="{location}">{location}</a>. If not, '
        "click the link.",
    )
    return replace(page, headers={"Location": location})


def _pdf(content: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(200, content, "application/pdf", {**_SECURE, **(headers or {})})
