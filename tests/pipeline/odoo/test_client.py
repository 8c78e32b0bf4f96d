"""The client speaks to Odoo 16 to 19, asks as little as it can, and turns every complaint into one of our errors."""

import json
from dataclasses import asdict
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.demo.documents import load
from local.stand_ins.http_server import Fault, Response, StandInServer
from local.stand_ins.memory import MemoryKeyValues
from local.stand_ins.odoo.rights import User
from local.stand_ins.odoo.stand_in import CONNECTION_CLOSED, POOL_EXHAUSTED, OdooStandIn
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import NeedsAttention, PipelineError, Unauthorized, Unavailable
from pipeline.http import Answer
from pipeline.odoo import client as client_module
from pipeline.odoo.answers import web_version_of
from pipeline.odoo.client import Odoo
from pipeline.odoo.connection import Connection
from pipeline.odoo.wire import TRIES
from pipeline.runtime import SystemClock

PASSWORD, API_KEY = "the-odoo-password", "the-odoo-api-key"
COMPANY_A = {"companies": [1], "limit": 5, "order": "id asc"}
KEPT = Connection(18, 6, "jsonrpc", has_api_key=False)


class KeyValues(MemoryKeyValues):
    """Key values with one connection, whatever it is stored under."""

    def __init__(self, kept=None):
        super().__init__()
        self.forgotten = 0
        self._given = kept

    @property
    def kept(self):
        """Return what is stored of the connection, or None."""
        return next((json.loads(text) for text in self.values.values()), None)

    def connection(self, key):
        if self._given is not None:
            self.keep_connection(key, self._given)
            self._given = None
        return super().connection(key)

    def forget_connection(self, key):
        super().forget_connection(key)
        self.forgotten += 1


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Return the waits between tries, which no test sits through."""
    waited = []
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, seconds: waited.append(seconds))
    return waited


@pytest.fixture(scope="module")
def rows():
    found, _ = load()
    return {model: found[model] for model in ("res.company", "res.partner", "res.currency")}


@pytest.fixture
def opened(rows):
    stand_ins = []

    def start(version=18, **options):
        stand_ins.append(OdooStandIn(rows, {}, version=version, password=PASSWORD, api_key=API_KEY, **options))
        return stand_ins[-1]

    yield start
    for stand_in in stand_ins:
        stand_in.close()


def odoo_at(stand_in, secret=PASSWORD, **options):
    login = {"database": "odoo_demo", "username": "sync_ro", "secret": secret}
    return Odoo(stand_in.url, clock=SystemClock(), **(login | options))


@pytest.fixture
def answering():
    """Return a function that starts a server answering every request alike, and a client that knows it as Odoo 18."""
    servers = []

    def start(response, *, key_values=None, **options):
        servers.append(StandInServer(lambda _request: response))
        kept = key_values or KeyValues(asdict(KEPT))
        return odoo_at(servers[-1], key_values=kept, **options), servers[-1]

    yield start
    for server in servers:
        server.close()


def companies_of(odoo):
    return [row["name"] for row in odoo.search_read("res.company", [], ["name"], companies=[], limit=9, order="id asc")]


def error_of(data, status=200):
    return Response.json({"jsonrpc": "2.0", "id": 1, "error": {"code": 200, "message": "x", "data": data}}, status)


def assert_nothing_foreign(error):
    text = str(error)
    assert PASSWORD not in text
    assert API_KEY not in text
    assert "Traceback" not in text
    assert "\n" not in text


# -- choosing how to speak ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [16, 17, 18, 19])
@pytest.mark.parametrize("secret", [PASSWORD, API_KEY], ids=["password", "key"])
def test_every_version_is_read_with_password_and_with_key(opened, version, secret):
    odoo = odoo_at(opened(version), secret)

    assert companies_of(odoo) == ["companyA", "companyB"]
    assert odoo.connection.version == version
    assert odoo.has_api_key is (secret == API_KEY)


@pytest.mark.parametrize(
    ("version", "secret", "transport"),
    [
        (18, PASSWORD, "jsonrpc"),
        (18, API_KEY, "jsonrpc"),
        (19, PASSWORD, "jsonrpc"),
        (19, API_KEY, "json2"),
    ],
)
def test_json2_is_chosen_for_19_with_a_key_and_for_nothing_else(opened, version, secret, transport):
    stand_in = opened(version)
    odoo = odoo_at(stand_in, secret)
    companies_of(odoo)
    stand_in.server.requests.clear()

    companies_of(odoo)

    assert odoo.connection.transport == transport
    assert [request.path.startswith("/json/2/") for request in stand_in.server.requests] == [transport == "json2"]


def test_json2_is_not_even_tried_where_it_is_not_wanted(opened):
    stand_in = opened(19)

    companies_of(odoo_at(stand_in, API_KEY, json2=False))

    assert {request.path for request in stand_in.server.requests} == {"/jsonrpc"}


# -- an Odoo without JSON-RPC ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("json2", [True, False], ids=["documents", "orders"])
def test_an_odoo_without_json_rpc_is_read_by_json2(opened, json2, waits):
    stand_in = opened(19)
    stand_in.has_jsonrpc = False
    odoo = odoo_at(stand_in, API_KEY, json2=json2)

    assert companies_of(odoo)
    assert odoo.connection.transport == "json2"
    assert stand_in.server.requests[0].path == ("/web/version" if json2 else "/jsonrpc")
    assert waits == []


@pytest.mark.parametrize("json2", [True, False], ids=["documents", "orders"])
def test_a_kept_connection_is_found_out_again_when_json_rpc_is_gone(opened, json2):
    stand_in = opened(19)
    key_values = KeyValues(asdict(Connection(19, stand_in.users[0].uid, "jsonrpc", has_api_key=True)))
    stand_in.has_jsonrpc = False

    assert companies_of(odoo_at(stand_in, API_KEY, json2=json2, key_values=key_values))
    assert key_values.kept["transport"] == "json2"


@pytest.mark.parametrize("secret", [PASSWORD, "no-such-key", "pässwörd"])
@pytest.mark.parametrize("json2", [True, False], ids=["documents", "orders"])
def test_an_odoo_without_json_rpc_says_that_it_takes_a_key_only(opened, secret, json2):
    stand_in = opened(19)
    stand_in.has_jsonrpc = False

    with pytest.raises(Unauthorized, match=r"with an API key only.*Account Security") as raised:
        companies_of(odoo_at(stand_in, secret, json2=json2))

    assert secret not in str(raised.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
def test_a_redirect_is_named_with_where_it_leads_and_without_a_live_link_or_a_query(answering, status, content_type):
    location = {"Location": "https://sso.example.com/login?next=%2Fjsonrpc&key=abc"}
    odoo, _ = answering(Response(status, b"<a>log in</a>", content_type, location))

    with pytest.raises(
        Unavailable, match=r"sends whoever asks to https\[:\]//sso\[\.\]example\[\.\]com/login\."
    ) as raised:
        companies_of(odoo)

    assert "odoo_api_url" in str(raised.value)
    assert "key=abc" not in str(raised.value)
    assert_nothing_foreign(raised.value)


@pytest.mark.parametrize("version", [16, 18])
def test_an_address_without_either_is_no_odoo(opened, version):
    stand_in = opened(version)
    stand_in.has_jsonrpc = False

    with pytest.raises(Unavailable, match="answered HTTP 404 with a web page"):
        companies_of(odoo_at(stand_in, PASSWORD))


def test_the_order_sync_speaks_json_rpc_while_there_is_one(opened):
    stand_in = opened(19)
    odoo = odoo_at(stand_in, API_KEY, json2=False)

    companies_of(odoo)

    assert odoo.connection.transport == "jsonrpc"
    assert {request.path for request in stand_in.server.requests} == {"/jsonrpc"}


@pytest.mark.parametrize(
    ("body", "version"),
    [
        ({"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0+e"}, 19),
        ({"version_info": ["saas~19", 2, 0, "final", 0, ""], "version": "saas~19.2+e"}, 19),
        ({"version": "20.0"}, 20),
        ({}, None),
        ([19], None),
        ({"version_info": [], "version": None}, None),
        ("19", None),
    ],
)
def test_the_version_on_the_web_is_read_strictly(body, version):
    answer = Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())

    assert web_version_of(answer) == version


@pytest.mark.parametrize("content", [b"<html>", b"", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_no_version(content):
    assert web_version_of(Answer(200, {}, content)) is None


@pytest.mark.parametrize("secret", ["pässwörd €", "line\nbreak", " leading space", "tab\t"])
def test_a_password_that_cannot_stand_in_a_header_logs_in_all_the_same(rows, secret):
    stand_in = OdooStandIn(rows, {}, version=19, password=secret)
    try:
        assert companies_of(odoo_at(stand_in, secret)) == ["companyA", "companyB"]
    finally:
        stand_in.close()


@pytest.mark.parametrize(
    ("serie", "version"), [("18.0", 18), ("saas~18.2", 18), ("saas-17.4", 17), ("19.0", 19), ("saas~19.1", 19)]
)
def test_the_version_is_read_as_odoo_and_odoo_online_say_it(answering, serie, version):
    answers = {"version": {"server_serie": serie}, "authenticate": 6}

    def answer(request):
        if request.path != "/jsonrpc":
            return Response.html("no such page", 404) if request.path.startswith("/web") else Response.json({}, 401)
        return Response.json({"result": answers[request.json()["params"]["method"]]})

    server = StandInServer(answer)
    try:
        assert odoo_at(server).connection.version == version
    finally:
        server.close()


def test_the_database_is_named_where_a_server_has_several(opened):
    odoo = odoo_at(opened(19, databases=2), API_KEY)

    assert companies_of(odoo) == ["companyA", "companyB"]
    assert odoo.connection.transport == "json2"


# -- probing once ------------------------------------------------------------------------------------------------------


def test_probing_happens_once_and_its_finding_is_kept(opened):
    stand_in, key_values = opened(), KeyValues()
    companies_of(odoo_at(stand_in, key_values=key_values))
    probing = len(stand_in.server.requests)
    stand_in.server.requests.clear()

    odoo = odoo_at(stand_in, key_values=key_values)
    companies_of(odoo)
    companies_of(odoo)

    assert probing == 4
    assert len(stand_in.server.requests) == 2
    assert key_values.kept == {"version": 18, "uid": 6, "transport": "jsonrpc", "has_api_key": None}


@pytest.mark.parametrize("secret", [PASSWORD, API_KEY], ids=["password", "key"])
def test_whether_the_secret_is_a_key_is_found_out_when_needed_and_kept(opened, secret):
    stand_in, key_values = opened(), KeyValues()
    odoo = odoo_at(stand_in, secret, key_values=key_values)
    companies_of(odoo)
    logins = [0]

    def count(request):
        logins[0] += request.path == "/web/session/authenticate"

    stand_in.server.fault = count
    assert logins == [0]

    found = {odoo.has_api_key, odoo.has_api_key, odoo_at(stand_in, secret, key_values=key_values).has_api_key}

    assert found == {secret == API_KEY}
    assert logins == [1]
    assert key_values.kept["has_api_key"] is (secret == API_KEY)


def test_nothing_of_the_secret_is_kept(opened):
    key_values = KeyValues()
    companies_of(odoo_at(opened(), key_values=key_values))

    assert PASSWORD not in json.dumps(key_values.kept)


@pytest.mark.parametrize(
    ("version", "secret"), [(18, PASSWORD), (18, API_KEY), (19, API_KEY)], ids=["18", "18 key", "19 key"]
)
def test_a_dead_kept_uid_is_looked_up_once_more(opened, version, secret):
    stand_in, key_values = opened(version), KeyValues({**asdict(KEPT), "uid": 999})

    assert companies_of(odoo_at(stand_in, secret, key_values=key_values)) == ["companyA", "companyB"]
    assert key_values.forgotten == 1
    assert key_values.kept["uid"] != 999


def test_a_dead_key_is_looked_up_once_and_then_refused(opened):
    stand_in, key_values = opened(), KeyValues(asdict(KEPT))

    with pytest.raises(Unauthorized) as raised:
        companies_of(odoo_at(stand_in, "outdated", key_values=key_values))

    assert raised.value.code == "login_refused"
    assert stand_in.calls.count(("common", "authenticate")) == 1
    assert key_values.kept is None


def test_a_revoked_json2_key_is_refused(opened):
    stand_in = opened(19)
    key_values = KeyValues(asdict(Connection(19, 0, "json2", has_api_key=True)))

    with pytest.raises(Unauthorized, match="check username and password"):
        companies_of(odoo_at(stand_in, "revoked", key_values=key_values))


@pytest.mark.parametrize("kept", [{"version": 18}, {**asdict(KEPT), "new": 1}, {}])
def test_a_connection_another_release_kept_is_found_out_again(opened, kept):
    assert companies_of(odoo_at(opened(), key_values=KeyValues(kept))) == ["companyA", "companyB"]


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [16, 18, 19])
def test_a_refused_login_names_server_user_and_database_and_no_secret(opened, version):
    stand_in = opened(version)

    with pytest.raises(Unauthorized) as raised:
        companies_of(odoo_at(stand_in, "wrong-password"))

    for named in (stand_in.url, "'sync_ro'", "'odoo_demo'", "Odoo secret"):
        assert named in str(raised.value)
    assert "wrong-password" not in str(raised.value)
    assert raised.value.code == "login_refused"


@pytest.mark.parametrize("secret", [PASSWORD, API_KEY], ids=["password", "key"])
@pytest.mark.parametrize("version", [18, 19])
def test_a_wrong_database_is_named(opened, version, secret):
    with pytest.raises(Unavailable, match="cannot open the database 'nowhere'") as raised:
        companies_of(odoo_at(opened(version), secret, database="nowhere", json2=False))

    assert_nothing_foreign(raised.value)


@pytest.mark.parametrize("version", [18, 19])
def test_a_wrong_database_is_not_tried_over_and_over(opened, version, waits):
    """Whoever has mistyped it waits at a terminal; an outage of seconds is waited for all the same."""
    with pytest.raises(Unavailable):
        companies_of(odoo_at(opened(version), database="nowhere"))

    assert 2 < sum(waits) < 3


def test_a_wrong_database_over_json2_names_the_server(opened):
    stand_in = opened(19)

    with pytest.raises(Unavailable, match=stand_in.url):
        companies_of(odoo_at(stand_in, API_KEY, database="nowhere"))


def test_a_stopped_database_is_a_matter_of_time(opened):
    stand_in = opened()
    odoo = odoo_at(stand_in)
    companies_of(odoo)
    stand_in.database_down = True

    with pytest.raises(Unavailable, match="it is down, or the name"):
        companies_of(odoo)

    stand_in.database_down = False
    assert companies_of(odoo)


@pytest.mark.parametrize(("version", "secret"), [(18, PASSWORD), (19, PASSWORD), (19, API_KEY)])
def test_a_user_without_rights_learns_which_to_get(opened, version, secret):
    stand_in = opened(version)
    known = stand_in.users[0]
    stand_in.users[0] = User(known.uid, known.login, known.name, PASSWORD, API_KEY, (1, 3), "none")

    with pytest.raises(Unauthorized, match="Accounting / Read-only") as raised:
        odoo_at(stand_in, secret).search_read("account.move", [], ["name"], **COMPANY_A)

    assert "'Journal Entry' (account.move)" in str(raised.value)
    assert raised.value.code == "access_error"
    assert_nothing_foreign(raised.value)


def test_a_right_that_is_lacking_is_not_taken_for_a_dead_login(opened):
    stand_in, key_values = opened(), KeyValues()
    odoo = odoo_at(stand_in, key_values=key_values)

    with pytest.raises(Unauthorized):
        odoo.search_read("ir.model", [], ["name"], **COMPANY_A)

    assert key_values.forgotten == 0


DEBUG = "Traceback (most recent call last):\n  File '/opt/odoo/http.py'\nsecret things"
COMPLAINTS = {
    "access denied": ("odoo.exceptions.AccessDenied", "Access Denied", Unauthorized),
    "access error": ("odoo.exceptions.AccessError", "You are not allowed to access x.\n\nThis op", Unauthorized),
    "record rule": ("odoo.exceptions.AccessError", "Uh-oh! Looks like you have stumbled upon", Unauthorized),
    "foreign company": ("odoo.exceptions.AccessError", "Access to unauthorized or invalid companies.", Unauthorized),
    "unknown model": ("odoo.exceptions.UserError", "Object no.such.model doesn't exist", NeedsAttention),
    "unknown field": ("builtins.ValueError", "Invalid field 'nope' on model 'account.move'", NeedsAttention),
    "bad operator": ("builtins.ValueError", "Invalid leaf ('name', '~~', 'x')", NeedsAttention),
    "unknown method": ("builtins.AttributeError", "The method 'x' does not exist", NeedsAttention),
    "extra argument": ("builtins.TypeError", "unexpected keyword argument 'nope'", NeedsAttention),
    "unknown service": ("builtins.KeyError", "'nope'", NeedsAttention),
    "bad instant": ("psycopg2.errors.InvalidDatetimeFormat", "invalid input syntax for timestamp", NeedsAttention),
    "bad number": ("psycopg2.errors.InvalidTextRepresentation", "invalid input syntax", NeedsAttention),
    "wrong database": ("psycopg2.OperationalError", 'FATAL:  database "x" does not exist\n', Unavailable),
    "database down": ("psycopg2.OperationalError", "Connection refused\n\tIs the server running", Unavailable),
    "session expired": ("odoo.http.SessionExpiredException", "Session expired", NeedsAttention),
    "nothing said": ("", "", NeedsAttention),
    "a traceback as message": ("builtins.Exception", "boom\n" + DEBUG, NeedsAttention),
}


@pytest.mark.parametrize("quoting", [str, repr, json.dumps, quote, quote_plus, escape])
@pytest.mark.parametrize("secret", ["s3cret", "pa'ss \"w\\rd&/ü"])
def test_a_secret_that_odoo_quotes_back_is_not_repeated(answering, secret, quoting):
    message = f"bad arguments: ['odoo_demo', 7, {quoting(secret)}, 'account.move'] of sync_ro"
    odoo, _ = answering(error_of({"name": "builtins.TypeError", "message": message}), secret=secret)

    with pytest.raises(NeedsAttention, match=r"bad arguments: .*\(the secret\).* of sync_ro") as raised:
        companies_of(odoo)

    assert quoting(secret).strip("'\"") not in str(raised.value)


@pytest.mark.parametrize(("name", "message", "expected"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_every_complaint_becomes_one_of_our_errors_without_its_traceback(answering, name, message, expected):
    body = {"name": name, "debug": DEBUG, "message": message, "arguments": [], "context": {}}
    odoo, server = answering(error_of(body))

    with pytest.raises(expected) as raised:
        companies_of(odoo)

    assert_nothing_foreign(raised.value)
    assert "secret things" not in str(raised.value)
    assert server.url in str(raised.value) or "sync_ro" in str(raised.value)


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (401, "werkzeug.exceptions.Unauthorized", Unauthorized),
        (403, "odoo.exceptions.AccessError", Unauthorized),
        (404, "werkzeug.exceptions.NotFound", NeedsAttention),
        (422, "odoo.exceptions.UserError", NeedsAttention),
        (500, "builtins.ValueError", NeedsAttention),
        (429, "", Unavailable),
        (503, "", Unavailable),
    ],
)
def test_every_status_of_json2_becomes_one_of_our_errors(answering, status, name, expected):
    key_values = KeyValues(asdict(Connection(19, 0, "json2", has_api_key=True)))
    body = {"name": name, "message": "because", "debug": DEBUG}
    odoo, _ = answering(Response.json(body, status), key_values=key_values, secret=API_KEY)

    with pytest.raises(expected if status != 401 else PipelineError) as raised:
        companies_of(odoo)

    assert_nothing_foreign(raised.value)


# -- answers that are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response",
    [
        Response.html("<h1>502 Bad Gateway</h1>", 502),
        Response.html("<h1>Sign in</h1>"),
        Response(200, b"", "application/json"),
        Response(200, b"not json", "application/json"),
        Response(301, b"", headers={"Location": "https://elsewhere.example"}),
        Response(429, b"slow down", "text/plain"),
        Response(200, b'{"jsonrpc": "2.0", "id": 1}'),
        Response(200, b'{"jsonrpc": "2.0", "id": 1, "result": null}'),
        Response(200, b'{"result": false}'),
        Response(200, b'{"result": {"records": []}}'),
        Response(200, b'{"result": [null]}'),
        Response(200, b'{"result": [{"name": "without an id"}]}'),
        Response(200, b'{"result": [{"id": false}]}'),
        Response(200, b"[]"),
        Response(200, b"null"),
        Response(200, b"[" * 100_000),
    ],
    ids=lambda response: f"{response.status} {response.body[:40]!r}",
)
def test_an_answer_that_is_none_is_unavailable_and_never_an_empty_day(answering, response):
    odoo, _ = answering(response)

    with pytest.raises(Unavailable) as raised:
        companies_of(odoo)

    assert "Odoo" in str(raised.value)
    assert_nothing_foreign(raised.value)


@pytest.mark.parametrize("ids", [[5, 4], [4, 4], [0, 4], [-4], [2, 3]], ids=lambda ids: f"{len(ids)} from {ids[0]}")
def test_rows_that_were_not_asked_for_are_no_page_and_nobody_goes_on_from_them(answering, ids):
    rows = [{"id": number, "name": "x"} for number in ids]
    odoo, server = answering(Response.json({"jsonrpc": "2.0", "result": rows}))
    after = 3 if ids == [2, 3] else 0

    with pytest.raises(Unavailable, match="other rows than were asked for"):
        odoo.search_read("res.company", [["id", ">", after]], ["name"], companies=[], limit=9, order="id asc")
    with pytest.raises(Unavailable, match="other rows than were asked for"):
        odoo.search_all("res.company", [["id", ">", after]], ["name"], companies=[])

    assert len(server.requests) < 20


def test_more_rows_than_were_asked_for_are_no_page(answering):
    odoo, _ = answering(Response.json({"result": [{"id": number, "name": "x"} for number in range(1, 11)]}))

    with pytest.raises(Unavailable, match="other rows than were asked for"):
        companies_of(odoo)


def test_the_answer_to_another_request_is_none_to_this_one(answering):
    odoo, _ = answering(Response.json({"jsonrpc": "2.0", "id": 4_711, "result": [{"id": 1, "name": "companyA"}]}))

    with pytest.raises(Unavailable, match="answered another request"):
        companies_of(odoo)


@pytest.mark.parametrize(
    "response",
    [Response(200, b"{}"), Response(200, b'{"result": null}'), Response(200, b'{"result": {"server_serie": ""}}')],
    ids=lambda response: repr(response.body),
)
def test_a_server_that_does_not_say_its_version_is_unavailable(answering, response):
    odoo, server = answering(response, key_values=KeyValues())

    with pytest.raises(Unavailable, match="does not say its version") as raised:
        companies_of(odoo)

    assert server.url in str(raised.value)


def test_a_login_without_a_result_is_no_refusal():
    def answer(request):
        called = request.json().get("params", {}).get("method")
        return Response.json({"result": {"server_serie": "18.0"}} if called == "version" else {"id": 1})

    server = StandInServer(answer)
    try:
        with pytest.raises(Unavailable, match="answered the login without a result"):
            companies_of(odoo_at(server))
    finally:
        server.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ENVELOPES = st.one_of(
    JSON,
    st.fixed_dictionaries({"result": JSON}),
    st.fixed_dictionaries({"error": JSON}),
    st.fixed_dictionaries({"error": st.fixed_dictionaries({"data": JSON, "message": JSON})}),
    st.fixed_dictionaries({"error": st.just({"data": {"name": None, "message": 5}})}),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(envelope=ENVELOPES, status=st.sampled_from([200, 200, 200, 400, 401, 404, 500]), transport=st.booleans())
def test_no_answer_at_all_breaks_the_client(monkeypatch, envelope, status, transport):
    connection = Connection(19, 0, "json2", has_api_key=True) if transport else KEPT
    odoo = Odoo(
        "http://odoo",
        database="d",
        username="u",
        secret="s",
        clock=SystemClock(),
        key_values=KeyValues(asdict(connection)),
    )
    answer = Answer(status, {"content-type": "application/json"}, json.dumps(envelope).encode())
    monkeypatch.setattr(odoo, "_send", lambda *_a, **_k: answer)

    try:
        rows = odoo.read("res.partner", [1], ["name"], companies=[1])
    except PipelineError:
        return

    assert all(type(row["id"]) is int for row in rows)


# -- trying again ------------------------------------------------------------------------------------------------------


def fails_first(stand_in, fault, times):
    left = [times]

    def hook(_request):
        left[0] -= 1
        return fault if left[0] >= 0 else None

    stand_in.server.fault = hook


@pytest.mark.parametrize(
    "fault", [CONNECTION_CLOSED, POOL_EXHAUSTED, Fault("503", Response.html("busy", 503))], ids=str
)
@pytest.mark.parametrize(("version", "secret"), [(18, PASSWORD), (19, API_KEY)], ids=["jsonrpc", "json2"])
def test_a_read_is_repeated_when_the_connection_drops_or_odoo_is_busy(opened, waits, version, secret, fault):
    stand_in = opened(version)
    odoo = odoo_at(stand_in, secret)
    assert odoo.connection
    fails_first(stand_in, fault, TRIES - 1)

    assert companies_of(odoo) == ["companyA", "companyB"]
    assert len(waits) == TRIES - 1


@pytest.mark.parametrize("method", ["create", "generate"])
def test_what_would_take_effect_twice_is_not_sent_again_without_an_answer(opened, waits, method):
    stand_in = opened()
    odoo = odoo_at(stand_in)
    assert odoo.connection
    stand_in.server.requests.clear()
    fails_first(stand_in, CONNECTION_CLOSED, 1)

    with pytest.raises(Unavailable, match="closed the connection without an answer"):
        odoo.call("mail.compose.message", method, vals_list=[{}])

    assert len(stand_in.server.requests) == 1
    assert waits == []


def test_what_an_overloaded_odoo_has_not_begun_is_sent_again(opened, waits):
    stand_in = opened()
    odoo = odoo_at(stand_in)
    assert odoo.connection
    fails_first(stand_in, POOL_EXHAUSTED, 1)

    with pytest.raises(NeedsAttention):
        odoo.call("mail.compose.message", "create", vals_list=[{}])

    assert len(waits) == 1


def test_a_read_is_given_up_after_three_tries(opened, waits):
    stand_in = opened()
    odoo = odoo_at(stand_in)
    assert odoo.connection
    stand_in.server.requests.clear()
    fails_first(stand_in, CONNECTION_CLOSED, 99)

    with pytest.raises(Unavailable, match="closed the connection without an answer"):
        companies_of(odoo)

    assert len(stand_in.server.requests) == TRIES == 3
    assert waits == sorted(waits)


@pytest.mark.parametrize(("version", "secret"), [(18, PASSWORD), (19, API_KEY)], ids=["jsonrpc", "json2"])
@pytest.mark.parametrize(
    ("status", "retry_after", "waited_s"), [(503, "4", 4), (429, "3", 3), (503, "0", 0.5), (503, "x", 0.5)]
)
def test_the_few_seconds_that_a_busy_odoo_asks_for_are_waited(
    opened, waits, version, secret, status, retry_after, waited_s
):
    stand_in = opened(version)
    odoo = odoo_at(stand_in, secret)
    assert odoo.connection
    fails_first(stand_in, Fault("busy", Response(status, b"busy", "text/html", {"Retry-After": retry_after})), 1)

    assert companies_of(odoo) == ["companyA", "companyB"]
    assert waits == [waited_s]


@pytest.mark.parametrize(("version", "secret"), [(18, PASSWORD), (19, API_KEY)], ids=["jsonrpc", "json2"])
def test_an_odoo_that_asks_for_longer_is_left_alone_in_this_run(opened, waits, version, secret):
    stand_in = opened(version)
    odoo = odoo_at(stand_in, secret)
    assert odoo.connection
    stand_in.server.requests.clear()
    fails_first(stand_in, Fault("busy", Response(503, b"busy", "text/html", {"Retry-After": "1800"})), 9)

    with pytest.raises(Unavailable) as raised:
        companies_of(odoo)

    assert (raised.value.wait_s, waits, len(stand_in.server.requests)) == (1800, [], 1)


@pytest.mark.parametrize("version", [18, 19])
def test_probing_survives_a_dropped_connection_too(opened, version):
    stand_in = opened(version)
    fails_first(stand_in, CONNECTION_CLOSED, 1)

    assert companies_of(odoo_at(stand_in, API_KEY)) == ["companyA", "companyB"]


def test_what_odoo_refuses_is_not_asked_again(opened, waits):
    stand_in = opened()
    odoo = odoo_at(stand_in)
    assert odoo.connection
    stand_in.server.requests.clear()

    with pytest.raises(NeedsAttention):
        odoo.search_read("res.company", [], ["nope"], **COMPANY_A)

    assert (len(stand_in.server.requests), waits) == (1, [])


def test_a_server_that_is_down_is_named(waits):
    server = StandInServer(lambda _request: Response())
    server.close()

    with pytest.raises(Unavailable, match=f"Odoo at {server.url} cannot be reached"):
        companies_of(odoo_at(server))


def test_a_slow_answer_ends_before_the_function_does(answering, waits):
    odoo, server = answering(Response.json({"result": []}), deadline=Deadline(lambda: 6_200))
    server.fault = lambda _request: Fault("slow", Response.json({"result": []}), delay_s=1.5)

    with pytest.raises(Unavailable, match="did not answer within 1 s"):
        companies_of(odoo)

    assert (len(server.requests), waits) == (1, [])


# -- what is asked -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "secret"), [(18, PASSWORD), (19, API_KEY)], ids=["jsonrpc", "json2"])
def test_all_rows_are_read_in_pages_by_id(opened, monkeypatch, version, secret):
    monkeypatch.setattr(client_module, "ROWS_MAX", 7)
    stand_in = opened(version)
    odoo = odoo_at(stand_in, secret)

    rows = odoo.search_all("res.partner", [["customer_rank", ">", 0]], ["name"], companies=[1])

    expected = sorted(row["id"] for row in stand_in.rows["res.partner"] if row["customer_rank"] > 0)
    assert [row["id"] for row in rows] == expected
    assert stand_in.calls.count(("res.partner", "search_read")) == len(expected) // 7 + 1


@pytest.mark.parametrize(("version", "secret"), [(18, PASSWORD), (19, API_KEY)], ids=["jsonrpc", "json2"])
def test_ids_that_are_gone_are_simply_absent(opened, version, secret):
    assert odoo_at(opened(version), secret).read("res.partner", [999_999], ["name"], companies=[1]) == []


@pytest.mark.parametrize(("version", "secret"), [(18, PASSWORD), (19, API_KEY)], ids=["jsonrpc", "json2"])
def test_a_method_without_a_result_returns_none(opened, version, secret):
    stand_in = opened(version)
    known = stand_in.users[0]
    stand_in.users[0] = User(known.uid, known.login, known.name, PASSWORD, API_KEY, (1, 3), "billing")
    odoo = odoo_at(stand_in, secret)

    assert odoo.call("account.move", "button_cancel", ids=[]) is None
