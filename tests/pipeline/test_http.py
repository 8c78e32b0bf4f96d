"""Every exchange is bounded in time and size, and ends in an answer or in one of our errors."""

import gzip
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from local.stand_ins.http_server import Fault, Response, StandInServer
from pipeline import http
from pipeline.domain.errors import Misconfigured, Unavailable
from pipeline.runtime import SystemClock

WHO = "Odoo at the test"


@contextmanager
def raw_server(*pieces, pause_s=0.0):
    """Answer every connection with the pieces, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    if over.wait(pause_s):
                        return
                    try:
                        connection.sendall(piece)
                    except OSError:
                        break

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()


@contextmanager
def server(answer):
    opened = StandInServer(answer)
    try:
        yield opened
    finally:
        opened.close()


def get(url, timeout_s=5.0):
    return http.send(http.new_session(), "GET", url, who=WHO, timeout_s=timeout_s, clock=SystemClock())


def test_an_answer_comes_whole_with_its_headers_in_lower_case():
    with server(lambda _request: Response(201, b"{}", headers={"Intuit_Tid": "1-2"})) as opened:
        answer = get(opened.url)

    assert (answer.status, answer.content, answer.headers["intuit_tid"]) == (201, b"{}", "1-2")


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 3 * 1024 * 1024 + 1])
def test_an_answer_of_any_size_comes_whole(size):
    with server(lambda _request: Response(200, b"x" * size)) as opened:
        assert get(opened.url).content == b"x" * size


def test_a_packed_answer_is_unpacked():
    body = gzip.compress(b"[1]" * 100_000)
    with server(lambda _request: Response(200, body, headers={"Content-Encoding": "gzip"})) as opened:
        assert get(opened.url).content == b"[1]" * 100_000


def test_a_chunked_answer_comes_whole():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with raw_server(head, b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n", pause_s=0.01) as url:
        assert get(url).content == b"abcde"


@pytest.mark.parametrize("framing", [b"Content-Length: 100000\r\n", b"Transfer-Encoding: chunked\r\n"], ids=str)
def test_an_answer_that_drips_is_given_up_in_time(framing):
    piece = b"1\r\nx\r\n" if b"chunked" in framing else b"x"
    began = time.monotonic()

    with (
        raw_server(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n", *[piece] * 100, pause_s=0.03) as url,
        pytest.raises(Unavailable, match="did not finish its answer within") as raised,
    ):
        get(url, timeout_s=0.4)

    assert time.monotonic() - began < 1.5
    assert raised.value.code == http.NO_ANSWER


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], ids=["nothing", "a part"])
def test_an_answer_that_stops_is_given_up_in_time(head):
    with (
        raw_server(head, b"", pause_s=1.0) as url,
        pytest.raises(Unavailable, match="did not answer within 0 s"),
    ):
        get(url, timeout_s=0.3)


def test_an_answer_larger_than_the_memory_is_cut_off(monkeypatch):
    monkeypatch.setattr(http, "ANSWER_BYTES_MAX", 1024 * 1024)
    with (
        server(lambda _request: Response(200, b"x" * (1024 * 1024 + 1))) as opened,
        pytest.raises(Unavailable, match="more than 1 MB in one answer"),
    ):
        get(opened.url)


def test_a_packed_answer_is_measured_unpacked(monkeypatch):
    monkeypatch.setattr(http, "ANSWER_BYTES_MAX", 1024 * 1024)
    bomb = gzip.compress(b"\0" * 20 * 1024 * 1024)
    with (
        server(lambda _request: Response(200, bomb, headers={"Content-Encoding": "gzip"})) as opened,
        pytest.raises(Unavailable, match="in one answer"),
    ):
        get(opened.url)


def test_a_connection_dropped_without_an_answer_may_have_been_heard():
    with server(lambda _request: Response()) as opened:
        opened.fault = lambda _request: Fault("dropped")
        with pytest.raises(Unavailable, match="closed the connection without an answer") as raised:
            get(opened.url)

    assert raised.value.code == http.NO_ANSWER


def test_an_answer_that_breaks_off_is_unavailable():
    with (
        raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc") as url,
        pytest.raises(Unavailable, match="breaks off or is not HTTP"),
    ):
        get(url)


def test_what_is_not_http_is_unavailable():
    with raw_server(b"SSH-2.0-OpenSSH_9.6\r\n") as url, pytest.raises(Unavailable):
        get(url)


def test_a_refused_connection_was_certainly_not_heard():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(Unavailable, match="connection refused or unknown host") as raised:
        get(f"http://127.0.0.1:{port}")

    assert raised.value.code == http.NOT_SENT


@pytest.mark.parametrize("url", ["odoo.example.com", "ftp://odoo.example.com", "http://", "https:///jsonrpc"])
def test_an_address_that_is_none_is_a_matter_of_configuration(url):
    with pytest.raises(Misconfigured, match="Odoo at the test: its address is not a web address"):
        get(url)


def test_a_redirect_is_answered_and_never_followed():
    with server(lambda _request: Response(301, headers={"Location": "http://elsewhere.example/"})) as opened:
        assert get(opened.url).status == 301


def test_settings_of_the_environment_are_not_taken(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with server(lambda _request: Response(200, b"{}")) as opened:
        assert get(opened.url).status == 200


@pytest.mark.parametrize(
    ("content_type", "body", "is_html"),
    [
        ("text/html; charset=utf-8", b"", True),
        ("application/json", b"  <html>", True),
        ("application/json", b"{}", False),
        ("text/plain", b"ok", False),
    ],
)
def test_a_web_page_in_place_of_data_is_recognised(content_type, body, is_html):
    assert http.Answer(200, {"content-type": content_type}, body).is_html is is_html
