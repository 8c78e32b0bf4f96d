"""Odoo over the wire: JSON-RPC while an Odoo has it, JSON-2 for 19 and later, chosen by probing once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import Unauthorized, Unavailable
from pipeline.domain.values import replace
from pipeline.http import ANSWER_BYTES_MAX, Answer, TooLarge
from pipeline.odoo.answers import (
    Row,
    check_page,
    key_only,
    login_refused,
    mapping,
    parsed,
    rows_of,
    version_of,
    web_version_of,
)
from pipeline.odoo.connection import Connection, ConnectionKeyValues
from pipeline.odoo.wire import NO_JSONRPC, ROWS_BYTES_MAX, Wire

RENDER_TIMEOUT_S = 120.0
JSON2_SINCE = 19
VERSION_TIMEOUT_S = 10.0
ROWS_MAX = 10_000
FILES = "ir.attachment"
# What takes effect twice if it is sent twice, so it is not sent again without an answer: a rendering beside one that
# still runs can deadlock Odoo, and nobody would know the first API key.
ONCE = frozenset(("create", "generate"))
# How much less to ask for when an answer would come to more.
FEWER = 8

_ANY_COMPANY = {"domain": [], "fields": ["name"], "limit": 1}

type Domain = list[Any]


class Odoo(Wire):
    """A client of one database as one user, who needs only the right to read accounting.

    Every call raises Unavailable if Odoo cannot answer now, TooLarge if its answer has too many bytes, Unauthorized if
    it refuses the user, and NeedsAttention for any other complaint. A failed read never looks like an empty one.
    """

    def __init__(
        self,
        url: str,
        *,
        database: str,
        username: str,
        secret: str,
        clock: Clock,
        key_values: ConnectionKeyValues | None = None,
        json2: bool = True,
        deadline: Deadline | None = None,
    ) -> None:
        super().__init__(url, database, username, secret, clock, deadline)
        self._json2_allowed = json2
        self._key_values = key_values
        self._connection: Connection | None = None
        self._signed_in = False

    # -- reading ---------------------------------------------------------------------------------------------------

    def search_read(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        companies: Sequence[int],
        limit: int,
        order: str,
        checked: bool = True,
    ) -> list[Row]:
        """Return at most `limit` rows of the given companies with the given fields, in the given order.

        With `checked` every row is a record with an id. Without it the caller must check row by row.
        """
        rows = self.call(
            model,
            "search_read",
            domain=domain,
            fields=list(fields),
            limit=limit,
            order=order,
            context=_context(companies),
        )
        found = rows_of(rows, model, checked=checked)
        if checked and order == "id asc":
            check_page(found, model, after=_after(domain), limit=limit)
        return found

    def search_all(self, model: str, domain: Domain, fields: Sequence[str], *, companies: Sequence[int]) -> list[Row]:
        """Return all rows, ten thousand to a call or as many as fit into an answer, in the order of their ids."""
        rows: list[Row] = []
        limit = ROWS_MAX
        while True:
            after = [["id", ">", rows[-1]["id"]]] if rows else []
            where = [*domain, *after]
            try:
                page = self.search_read(model, where, fields, companies=companies, limit=limit, order="id asc")
            except TooLarge:
                if limit == 1:
                    raise
                limit = max(1, limit // FEWER)
                continue
            rows += page
            if len(page) < limit:
                return rows

    def read(self, model: str, ids: Sequence[int], fields: Sequence[str], *, companies: Sequence[int]) -> list[Row]:
        """Return the rows of the given ids. Ids that no longer exist are absent."""
        rows = self.call(model, "read", ids=list(ids), fields=list(fields), context=_context(companies))
        return rows_of(rows, model, checked=True)

    def count(self, model: str, domain: Domain, *, companies: Sequence[int]) -> int:
        """Return how many rows match."""
        found = self.call(model, "search_count", domain=domain, context=_context(companies))
        if type(found) is not int:
            raise Unavailable(f"Odoo answered the count of {model} with something that is no number")
        return found

    def create(self, model: str, values: Row, *, companies: Sequence[int]) -> int:
        """Create one row and return its id."""
        created = self.call(model, "create", vals_list=[values], context=_context(companies))
        found = created[0] if isinstance(created, list) and created else created
        if type(found) is not int:
            raise Unavailable(f"Odoo answered the creation of a {model} without its id")
        return found

    def call(self, model: str, method: str, *, ids: list[int] | None = None, **keywords: Any) -> Any:
        """Call a method of a model with keyword arguments. Return its result, or None for a method without one."""
        try:
            return self._called(model, method, ids, keywords)
        except (Unauthorized, Unavailable) as error:
            # A stored uid dies with its user or key, and JSON-RPC with an update: probe once more before giving up.
            if error.code not in ("access_denied", NO_JSONRPC):
                raise
            self._forget()
            return self._called(model, method, ids, keywords)

    def _called(self, model: str, method: str, ids: list[int] | None, keywords: dict[str, Any]) -> Any:
        # Probed before, because each of its calls is repeated already: a wrong database would be tried nine times.
        connection = self.connection
        return self._repeat(
            lambda: self._call(connection, model, method, ids, keywords), also_without_answer=method not in ONCE
        )

    def _call(
        self, connection: Connection, model: str, method: str, ids: list[int] | None, keywords: dict[str, Any]
    ) -> Any:
        bytes_max = ANSWER_BYTES_MAX if (model, method) == (FILES, "read") else ROWS_BYTES_MAX
        if connection.transport == "json2":
            body = {"ids": ids, **keywords} if ids is not None else keywords
            return self._json2(f"{model}/{method}", body, bytes_max)
        arguments: list[Any] = [ids] if ids is not None else []
        keywords = dict(keywords)
        # Over JSON-RPC these two take their first argument by position only.
        if method in ("search_read", "search_count"):
            arguments.append(keywords.pop("domain"))
        if method == "create":
            arguments.append(keywords.pop("vals_list")[0])
        login = [self.database, connection.uid, self._secret]
        return self._jsonrpc("object", "execute_kw", [*login, model, method, arguments, keywords], bytes_max)

    # -- connecting ------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """What probing found. Probes on the first call only, and stores the result."""
        if self._connection is None:
            self._connection = self._kept() or self._probe()
        return self._connection

    def _kept(self) -> Connection | None:
        kept = self._key_values.connection(self._key) if self._key_values else None
        known = {field.name for field in fields(Connection)}
        # If another release stored it in another shape, probe again.
        return Connection(**kept) if kept and set(kept) == known else None

    @property
    def _key(self) -> str:
        return f"{self.url}#{self.database}#{self.username}"

    def _forget(self) -> None:
        self._connection = None
        self._signed_in = False
        if self._key_values:
            self._key_values.forget_connection(self._key)

    @property
    def has_api_key(self) -> bool:
        """Whether the secret is an API key, for which Odoo opens no web session. Found out once, then stored."""
        connection = self.connection
        if connection.has_api_key is None:
            connection = self._keep(replace(connection, has_api_key=not self._sign_in()))
        return bool(connection.has_api_key)

    def _keep(self, found: Connection) -> Connection:
        self._connection = found
        if self._key_values:
            self._key_values.keep_connection(self._key, asdict(found))
        return found

    def _probe(self) -> Connection:
        return self._keep(self._find_out())

    def _find_out(self) -> Connection:
        # Asked first, because it outlives JSON-RPC; before 19 nobody answers there. The order sync speaks JSON-RPC, as
        # it is specified, for as long as there is one.
        version = self._web_version() if self._json2_allowed else None
        refused: Unauthorized | None = None
        if version is not None and version >= JSON2_SINCE:
            try:
                return self._by_json2(version)
            except Unauthorized as error:
                refused = error  # the secret is a password or an invalid key: JSON-RPC tells which
        try:
            version = version_of(self._repeat(lambda: self._jsonrpc("common", "version", [])), self.url)
            return Connection(version, self._authenticated(), "jsonrpc")
        except Unavailable as error:
            version = version or self._web_version()
            if error.code != NO_JSONRPC or version is None or version < JSON2_SINCE:
                raise
        if refused is not None:
            raise refused
        return self._by_json2(version)

    def _web_version(self) -> int | None:
        try:
            return web_version_of(self._send("GET", "/web/version", timeout_s=VERSION_TIMEOUT_S))
        except Unavailable:
            return None  # whether it is an Odoo at all, JSON-RPC tells

    def _by_json2(self, version: int) -> Connection:
        """Return the connection over JSON-2. Raises Unauthorized if the secret is no valid API key."""
        # Only a possible API key may go into a header: a password may contain anything.
        is_possible = self._secret.isascii() and self._secret.isprintable()
        try:
            if not is_possible:
                raise Unauthorized("no API key", code="access_denied")
            self._repeat(lambda: self._json2("res.company/search_read", _ANY_COMPANY))
        except Unauthorized as error:
            if error.code != "access_denied":
                raise
            raise key_only(version, self.url, self.username) from None
        return Connection(version, 0, "json2", has_api_key=True)  # the key says who we are

    def _authenticated(self) -> int:
        """Return the uid that JSON-RPC's login answers."""
        uid = self._repeat(
            lambda: self._jsonrpc("common", "authenticate", [self.database, self.username, self._secret, {}])
        )
        if uid is None:
            raise Unavailable(f"Odoo at {self.url} answered the login without a result")
        if type(uid) is not int or uid <= 0:
            raise login_refused(self.url, self.username, self.database)
        return uid

    def _sign_in(self) -> bool:
        """Open a web session, which rendering by URL needs. Odoo opens none for an API key."""
        body = {
            "jsonrpc": "2.0",
            "params": {"db": self.database, "login": self.username, "password": self._secret},
        }
        answer = self._post("/web/session/authenticate", body)
        self._signed_in = (
            answer.status == 200 and not answer.is_html and bool(mapping(parsed(answer, self.url)).get("result"))
        )
        return self._signed_in

    def page(self, path: str) -> Answer:
        """Return a page that needs a web session. Signs in if there is no session or it has expired."""
        for _ in range(2):
            if not self._signed_in and not self._sign_in():
                break
            answer = self._send("GET", path, timeout_s=RENDER_TIMEOUT_S)
            if answer.status not in (301, 302, 303):
                return answer
            self._signed_in = False
        raise Unauthorized(f"Odoo at {self.url} opens no web session for '{self.username}'", code="no_session")


def _after(domain: Domain) -> int:
    """Return the id above which a domain asks for rows."""
    return max((term[2] for term in domain if isinstance(term, list) and term[:2] == ["id", ">"]), default=0)


def _context(companies: Sequence[int]) -> dict[str, Any]:
    # Without allowed_company_ids a read covers every company of the user; archived partners and taxes count too.
    return {"allowed_company_ids": list(companies), "active_test": False, "lang": "en_US", "tz": "UTC"}
