"""Every exchange is bounded in time and size, and ends in an answer or in one of our errors."""

import gzip
import os
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.stand_ins.http_server import Fault, Response, StandInServer
from pipeline import http
from pipeline.domain.errors import InvalidDocument, Misconfigured, Unavailable
from pipeline.domain.money import decimal
from pipeline.http import Answer
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
def kept_open(first, *pieces, pause_s):
    """Answer the first request of a connection at once, and the second with the pieces, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(first)
            connection.recv(65536)
            for piece in pieces:
                if over.wait(pause_s):
                    return
                try:
                    connection.sendall(piece)
                except OSError:
                    return

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
        pytest.raises(Unavailable, match=r"did not (answer|finish its answer) within 0 s"),
    ):
        get(url, timeout_s=0.3)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
# What comes at once, and what then comes a byte at a time, for ever.
TRICKLES = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "header": (OK, b"X-A: b\r\n"),
    "one header line": (OK + b"X-Long: ", b"x"),
    "chunk size": (CHUNKED, b"0"),
    "chunk extension": (CHUNKED + b"1;", b"x"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "trailer": (CHUNKED + b"0\r\n", b"X-A: b\r\n"),
}


@pytest.mark.parametrize("name", TRICKLES)
def test_whatever_trickles_does_not_outlast_the_call(name):
    start, rest = TRICKLES[name]
    drops = [rest[number : number + 1] for number in range(len(rest))] * (200 // len(rest))
    began = time.monotonic()

    with (
        raw_server(start, *drops, pause_s=0.02) as url,
        pytest.raises(Unavailable, match="within 0 s") as raised,
    ):
        get(url, timeout_s=0.4)

    assert 0.3 < time.monotonic() - began < 1.5
    assert raised.value.code == http.NO_ANSWER


def test_the_time_of_a_call_on_a_connection_that_was_kept_open_is_bounded_too():
    session, body = http.new_session(), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with kept_open(body, *[b"X"] * 100, pause_s=0.03) as url:
        http.send(session, "GET", url, who=WHO, timeout_s=5.0, clock=SystemClock())
        began = time.monotonic()
        with pytest.raises(Unavailable, match="did not finish its answer within 0 s"):
            http.send(session, "GET", url, who=WHO, timeout_s=0.4, clock=SystemClock())

    assert time.monotonic() - began < 1.5


def test_a_handshake_that_trickles_does_not_outlast_the_call():
    began = time.monotonic()

    with (
        raw_server(b"\x16\x03\x03\x40\x00", *[b"\x02"] * 100, pause_s=0.03) as url,
        pytest.raises(Unavailable),
    ):
        get(url.replace("http:", "https:"), timeout_s=0.4)

    assert 0.3 < time.monotonic() - began < 1.5


def test_a_server_that_takes_the_request_a_little_at_a_time_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(Unavailable, match="within 0 s"):
            http.send(
                http.new_session(), "POST", url, who=WHO, timeout_s=0.4, clock=SystemClock(), data=b"x" * 20_000_000
            )

    assert time.monotonic() - began < 1.5


def test_an_endless_beginning_of_an_answer_is_cut_off_by_its_bytes(monkeypatch):
    monkeypatch.setattr(http, "ANSWER_BYTES_MAX", 1024)
    endless = [b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000] * 40
    with raw_server(*endless) as url, pytest.raises(http.TooLarge, match="in one answer"):
        get(url)


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


def certificate(directory):
    """Write a certificate of 127.0.0.1 with its key, and return the path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    since = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / "certificate.pem"
    path.write_bytes(made.public_bytes(pem) + private)
    return str(path)


@contextmanager
def broken_tls(path):
    """Take one request over TLS, and answer it with what is no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    listener = socket.create_server(("127.0.0.1", 0))
    heard = []

    def serve():
        plain, _ = listener.accept()
        with (
            suppress(OSError),
            socket.socket(fileno=os.dup(plain.fileno())) as beside,
            context.wrap_socket(plain, server_side=True) as secure,
        ):
            request = b""
            # To its last byte: what is not read when a connection is closed resets it, before the answer is read.
            while not request.endswith(b"\r\n\r\nx") and (piece := secure.recv(65536)):
                request += piece
            heard.append(request)
            beside.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        listener.close()
        thread.join(5)


def test_a_request_that_tls_broke_off_after_it_was_sent_may_have_been_heard(tmp_path):
    path = certificate(tmp_path)
    session = http.new_session()
    session.verify = path

    with broken_tls(path) as (url, heard), pytest.raises(Unavailable, match="in place of an answer") as raised:
        http.send(session, "POST", url, who=WHO, timeout_s=5, clock=SystemClock(), data=b"x")

    assert heard[0].startswith(b"POST / HTTP/1.1")
    assert raised.value.code == http.NO_ANSWER


def test_a_request_to_whom_the_certificate_does_not_belong_was_certainly_not_heard(tmp_path):
    with broken_tls(certificate(tmp_path)) as (url, heard), pytest.raises(Unavailable, match="not valid") as raised:
        http.send(http.new_session(), "POST", url, who=WHO, timeout_s=5, clock=SystemClock(), data=b"x")

    assert heard == []
    assert raised.value.code == http.NOT_SENT


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


# -- JSON --------------------------------------------------------------------------------------------------------------


def json_of(text, **options):
    return http.Answer(200, {}, text.encode()).json(**options)


def test_amounts_are_decimals_and_ids_are_integers():
    assert json_of("[1, 1.10, -2e3, 0.0]") == [1, Decimal("1.10"), Decimal(-2000), Decimal(0)]
    assert [type(value) for value in json_of("[1, 1.0]")] == [int, Decimal]


UNUSABLE = ["NaN", "Infinity", "-Infinity", "1E+999999999", "1e-999999999", "9" * 100_000, "0." + "1" * 100_000]


@pytest.mark.parametrize("text", UNUSABLE, ids=lambda text: text[:12])
def test_what_no_amount_can_be_is_no_number_and_spoils_nothing_beside_it(text):
    began = time.monotonic()

    good, bad = json_of(f"[1.5, {text}]")

    assert good == Decimal("1.5")
    assert bad.is_nan()
    with pytest.raises(InvalidDocument, match="not a finite number"):
        decimal(bad)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("text", UNUSABLE, ids=lambda text: text[:12])
def test_what_no_amount_can_be_is_refused_where_an_answer_must_be_right(text):
    with pytest.raises(ValueError, match="no number"):
        json_of(f"[1.5, {text}]", is_strict=True)


@pytest.mark.parametrize("depth", [5_000, 200_000])
def test_json_that_is_nested_too_deeply_is_not_json(depth):
    with pytest.raises(ValueError, match="nested too deeply"):
        json_of("[" * depth + "]" * depth)


# -- when to ask again ------------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        *[("120", 120), (" 5 ", 5), ("0", 0)],
        *[("Mon, 30 Nov 2026 09:02:00 GMT", 120), ("Mon, 30 Nov 2026 10:02:00 +0100", 120)],
        *[("Monday, 30-Nov-26 09:02:00 GMT", 120), ("Mon Nov 30 09:02:00 2026", 120)],
        # Nobody is believed to ask for more than an hour.
        *[("1000000000", 3600), ("9" * 40, 3600), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600)],
        # What says nothing asks for nothing.
        *[("-1", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("", 0), ("soon", 0), ("1.5", 0), ("1e9", 0), ("NaN", 0)],
        *[("9" * 41, 0), ("\xb2", 0), ("1, 2", 0), ("Mon, 99 Nov 2026 09:02:00 GMT", 0), ("Mon", 0), (", , ,", 0)],
    ],
)
def test_when_to_ask_again_is_seconds_or_a_date_and_never_more_than_an_hour(said, seconds):
    assert Answer(503, {"retry-after": said}, b"").retry_after_s(NOW) == seconds


@pytest.mark.parametrize(("status", "seconds"), [(429, 60), (503, 60), (200, 0), (302, 0), (500, 0)])
def test_only_who_says_not_now_is_asked_when(status, seconds):
    assert Answer(status, {"retry-after": "60"}, b"").retry_after_s(NOW) == seconds


def test_an_answer_that_does_not_say_when_to_ask_again_asks_for_nothing():
    assert Answer(429, {}, b"").retry_after_s(NOW) == 0
