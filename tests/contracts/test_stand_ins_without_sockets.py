"""What a stand-in of this process answers without a socket is what it answers over one, to `requests` and to us."""

from __future__ import annotations

import gzip

import pytest
import requests

from local.demo.books import demo_realms
from local.stand_ins.http_server import Fault, Response
from local.stand_ins.in_process import request_of, response_to, worded
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.errors import Unavailable
from pipeline.http import new_session, send
from pipeline.runtime import SystemClock
from tests import stand_ins_without_sockets
from tests.stand_ins_without_sockets import _served

QUERY = "/v3/company/1/query"
# How a connection is kept, and when: nobody reads it.
OF_THE_CONNECTION = {"server", "date"}


@pytest.fixture
def quickbooks():
    stand_in = QuickBooksStandIn(demo_realms())
    yield stand_in
    stand_in.close()


@pytest.fixture
def over_a_socket(quickbooks):
    """Return a function that asks over the socket what is asked inside it."""

    def ask(call):
        near = _served.pop(quickbooks.url)
        try:
            return call()
        finally:
            _served[quickbooks.url] = near

    return ask


def asked(quickbooks, method="GET", path="/v3/company/1/query?query=a+b%C3%BC&x=", **arguments):
    """Return what arrived at the stand-in and what came back, through our own client."""
    session = new_session()
    answer = send(
        session, method, quickbooks.url + path, who="QuickBooks", timeout_s=5, clock=SystemClock(), **arguments
    )
    session.close()
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THE_CONNECTION}
    return quickbooks.server.requests[-1], answer.status, headers, bytes(answer.content)


class Pieces:
    """A body of known length that is sent piece by piece, as a file is."""

    def __len__(self):
        return 6

    def __iter__(self):
        return iter([b"one", b"two"])


CALLS = {
    "a plain read": {"path": QUERY, "params": {"query": "a b+c%20ü&='?#", "x": ""}, "headers": {"Accept": "*/*"}},
    "a plain look": {"path": QUERY},
    "plain JSON": {"method": "POST", "path": "/jsonrpc", "json": {"Name": "ü", "none": None, "a": [1.5, True]}},
    "no JSON": {"method": "POST", "path": "/jsonrpc", "json": None},
    "empty JSON": {"method": "post", "path": "/jsonrpc", "json": {}},
    "JSON with a key": {"method": "POST", "path": "/json/2/a.b/c", "json": [1], "headers": {"authorization": "B a"}},
    "a plain text": {"method": "POST", "path": "/v3/a", "data": '{"a":"ü"}', "headers": {"Content-Type": "text/x"}},
    "plain bytes": {"method": "POST", "path": "/v3/a", "data": b"\xff"},
    "a text without a type": {"method": "POST", "path": "/v3/a", "data": "a=ü"},
    "nothing": {"method": "POST", "path": "/v3/a"},
    "nothing there": {"path": "/no/such/place"},
    "a read": {},
    "a path with signs": {"path": "/v3/a%20b/../ü"},
    "a list": {"path": QUERY, "params": {"a": ["1", "2"], "b": None}},
    "a query of texts": {"path": QUERY, "params": "a=1&a=2"},
    "a number": {"path": QUERY, "params": {"a": 1}},
    "an empty text": {"method": "POST", "path": QUERY, "data": ""},
    "pairs": {"method": "POST", "path": QUERY, "data": [("a", "1")]},
    "a write": {"method": "POST", "path": "/v3/company/1/invoice?requestid=1", "json": {"Name": "ü"}},
    "a text": {"method": "POST", "data": "a=b", "headers": {"Content-Type": "text/plain", "X-Ours": "1"}},
    "a file": {"method": "POST", "files": {"file": ("a.pdf", b"%PDF", "application/pdf")}},
    "in pieces": {"method": "POST", "data": Pieces()},
    "a form with a password": {"method": "POST", "data": {"grant_type": "x"}, "auth": ("id", "secret")},
}
ANSWERS = {
    "JSON": Response.json({"a": "ü"}),
    "HTML": Response.html("<h1>Bad Gateway</h1>", 502),
    "empty": Response(204),
    "plain headers": Response(503, b"{}", headers={"Retry-After": "7", "intuit_tid": "1"}),
    "packed": Response(200, gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}),
    "a redirect": Response(302, b"", headers={"Location": "http://127.0.0.1:1/"}),
    "another type beside": Response(200, b"{}", headers={"content-type": "text/plain"}),
    "bytes with headers": Response(200, bytes(range(256)), "application/pdf", {"X-Theirs": "1", "Set-Cookie": "a=b"}),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", CALLS)
def test_a_request_arrives_and_an_answer_comes_back_alike(quickbooks, over_a_socket, monkeypatch, name, answer):
    monkeypatch.setattr(quickbooks.server, "answer", lambda _request: ANSWERS[answer])
    # Of a file's form: each has another one by chance.
    monkeypatch.setattr("urllib3.filepost.choose_boundary", lambda: "boundary")

    far = over_a_socket(lambda: asked(quickbooks, **CALLS[name]))

    assert asked(quickbooks, **CALLS[name]) == far


@pytest.mark.parametrize(
    "wrong",
    [
        {"headers": {"X": " 1"}},
        {"headers": {"X": "1\n"}},
        {"headers": {"X": 1}},
        {"method": "POST", "json": {"a": float("nan")}},
        {"method": "POST", "json": {"a": {1}}},
        {"params": {"a": "\ud800"}},
    ],
)
def test_what_cannot_be_worded_is_refused_alike(quickbooks, over_a_socket, wrong):
    def refused():
        with pytest.raises(Exception, match=r".") as raised:
            asked(quickbooks, **{"path": QUERY, **wrong})
        return type(raised.value), str(raised.value)

    assert refused() == over_a_socket(refused)
    assert quickbooks.server.requests == []


def sent(session, call):
    """Return the words of a call without `requests`, and as `requests` sends them."""
    prepared = []
    for adapter in session.adapters.values():
        adapter.send = lambda request, **_: prepared.append(request) or response_to(request, Response())
    usual = {"method": "GET", "url": "http://stand-in.example/a/b?x=&y=a+b", "stream": True, "allow_redirects": False}
    arguments = usual | call
    method, url = arguments.pop("method"), arguments.pop("url")
    ours = worded(session, method, url, arguments)
    session.request(method, url, timeout=(5, 60), **arguments)
    return ours, request_of(prepared[0])


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"url": "http://stand-in.example"},
        {"url": "http://stand-in.example/a b/%C3%BC?q=ü"},
        {"params": {"query": "select * from Bill where Id = '1' & 50 %", "empty": ""}},
        {"headers": {"user-agent": "ours", "Authorization": "Bearer a.b-c", "X-Empty": ""}},
        {"method": "POST"},
        {"method": "POST", "json": {"name": "ü", "amounts": [1.5, None]}},
        {"method": "POST", "json": {}, "headers": {"Content-Type": "application/vnd.ours"}},
        {"method": "POST", "data": "größer", "params": {"requestid": "1"}, "headers": {"Content-Type": "text/plain"}},
        {"method": "POST", "data": b"%PDF", "json": {"is": "not sent"}},
    ],
)
def test_the_usual_calls_are_worded_as_requests_words_them(call):
    ours, theirs = sent(new_session(), call)

    assert ours == theirs


@pytest.mark.parametrize(
    "call",
    [
        {"method": "POST", "data": {"grant_type": "x"}},
        {"method": "POST", "data": Pieces()},
        {"method": "POST", "files": {"file": ("a.pdf", b"%PDF", "application/pdf")}},
        {"auth": ("id", "secret")},
        {"params": {"query": "ü"}},
        {"params": {"number": 1}},
        {"headers": {"X-Ours": None}},
        {"stream": False},
        {"allow_redirects": True},
    ],
)
def test_all_other_calls_are_left_to_requests(call):
    ours, theirs = sent(new_session(), call)

    assert ours is None
    assert theirs.headers["host"] == "stand-in.example"


@pytest.mark.parametrize("kept", ["trust_env", "auth", "params", "cookies", "hooks"])
def test_what_a_session_adds_is_left_to_requests(kept):
    session = new_session()
    if kept == "cookies":
        session.cookies.set("a", "b")
    else:
        added = {"trust_env": True, "auth": ("id", "secret"), "params": {"a": "b"}, "hooks": {"response": [print]}}
        setattr(session, kept, added[kept])

    assert worded(session, "GET", "http://stand-in.example", {"stream": True, "allow_redirects": False}) is None


def test_what_requests_refuses_is_left_to_requests():
    usual = {"stream": True, "allow_redirects": False}
    for refused in ({"headers": {"X-Ours": "a\nb"}}, {"headers": {"X-Ours": " a"}}, {"json": {"a": float("nan")}}):
        assert worded(new_session(), "POST", "http://stand-in.example", usual | refused) is None


def test_cookies_of_our_own_calls_are_kept_alike(quickbooks, over_a_socket, monkeypatch):
    monkeypatch.setattr(quickbooks.server, "answer", lambda _request: ANSWERS["bytes with headers"])

    def second():
        session = new_session()
        for _ in range(2):
            send(session, "GET", quickbooks.url, who="QuickBooks", timeout_s=5, clock=SystemClock())
        return quickbooks.server.requests[-1].headers["cookie"]

    assert second() == over_a_socket(second) == "a=b"


def test_cookies_are_kept_alike(quickbooks, over_a_socket, monkeypatch):
    monkeypatch.setattr(quickbooks.server, "answer", lambda _request: ANSWERS["bytes with headers"])

    def cookies():
        session = requests.Session()
        answer = session.get(quickbooks.url)
        return session.cookies.get_dict(), answer.cookies.get_dict(), answer.encoding, answer.url, answer.ok

    assert cookies() == over_a_socket(cookies)
    assert cookies()[:2] == ({"a": "b"}, {"a": "b"})


def test_a_cookie_of_one_answer_goes_with_the_next_request(quickbooks, over_a_socket, monkeypatch):
    monkeypatch.setattr(quickbooks.server, "answer", lambda _request: ANSWERS["bytes with headers"])

    def cookies():
        session = new_session()
        for _ in range(2):
            send(session, "GET", quickbooks.url + QUERY, who="QuickBooks", timeout_s=5, clock=SystemClock())
        return [request.headers.get("cookie") for request in quickbooks.server.requests[-2:]]

    assert cookies() == over_a_socket(cookies) == [None, "a=b"]


def outcome(quickbooks):
    with pytest.raises(Unavailable) as raised:
        asked(quickbooks)
    return raised.value.code, str(raised.value)


def test_an_answer_that_is_too_large_is_refused_alike(quickbooks, over_a_socket, monkeypatch):
    monkeypatch.setattr(quickbooks.server, "answer", lambda _request: Response(200, bytes(3 * 2**20)))

    def refused():
        with pytest.raises(Unavailable, match="more than 2 MB") as raised:
            asked(quickbooks, bytes_max=2 * 2**20)
        return raised.value.code

    assert refused() == over_a_socket(refused)


def test_a_stand_in_that_fails_ends_the_connection_alike(quickbooks, over_a_socket, monkeypatch, capsys):
    def fail(_request):
        raise LookupError("a bug of the stand-in")

    monkeypatch.setattr(quickbooks.server, "answer", fail)

    assert outcome(quickbooks) == over_a_socket(lambda: outcome(quickbooks))


def test_what_is_broken_on_purpose_is_broken_on_a_real_connection(quickbooks, monkeypatch):
    monkeypatch.setattr(stand_ins_without_sockets, "response_to", lambda *_answer: pytest.fail("without a socket"))
    quickbooks.server.fault = lambda _request: Fault("dropped")

    assert outcome(quickbooks)[0] == "no_answer"


@pytest.mark.parametrize("open_one", [lambda: QuickBooksStandIn(demo_realms()), lambda: OdooStandIn({}, {})])
def test_nobody_is_there_once_it_is_closed(open_one):
    stand_in = open_one()
    assert requests.get(stand_in.url + "/nothing", timeout=5).status_code >= 400

    stand_in.close()

    assert stand_in.url not in _served
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(stand_in.url, timeout=5)
