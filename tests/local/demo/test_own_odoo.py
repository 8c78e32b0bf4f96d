"""What a person reads whose Odoo cannot be read: one sentence that says what to do, in the words of the variables."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from local.demo.documents import load
from local.demo.own_odoo import entered
from local.demo.source import OdooAddress, books_from_env
from local.stand_ins.http_server import Response, StandInServer
from local.stand_ins.odoo.stand_in import OdooStandIn
from pipeline.runtime import SystemClock
from tests.terraform_tools import ROOT

PASSWORD = "a-secret-password"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)


@pytest.fixture
def serve():
    open_servers = []

    def serve(version=18):
        rows, files = load()
        odoo = OdooStandIn(rows, files, version=version, password=PASSWORD, api_key="a-key")
        open_servers.append(odoo)
        return odoo

    yield serve
    for odoo in open_servers:
        odoo.close()


def address(url, *, database="odoo_demo", username="sync_ro", password=PASSWORD):
    return OdooAddress(url, database, username, password, "an Odoo")


def refused(where):
    """Return the sentence that an address is refused with."""
    with pytest.raises(SystemExit) as error:
        entered(where)
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    # Neither the deployment's secret and settings nor the password itself.
    assert "Odoo secret" not in text
    assert "odoo_api_url" not in text
    assert where.password not in text
    return text


@pytest.mark.parametrize("version", [16, 17, 18, 19])
def test_an_odoo_that_can_be_read_shows_its_companies(serve, version):
    _, companies = entered(address(serve(version).url))

    assert {company.name for company in companies} == {"companyA", "companyB"}


@pytest.mark.parametrize("version", [16, 18, 19])
def test_a_wrong_password_names_the_variables_to_correct(serve, version):
    text = refused(address(serve(version).url, password="another-password"))

    assert "'sync_ro'" in text
    assert "ODOO_USERNAME and ODOO_PASSWORD" in text


def test_an_odoo_without_json_rpc_is_tried_by_json2(serve):
    odoo = serve(19)
    odoo.has_jsonrpc = False

    _, companies = entered(address(odoo.url, password="a-key"))

    assert {company.name for company in companies} == {"companyA", "companyB"}


def test_an_odoo_that_takes_keys_only_says_so(serve):
    odoo = serve(19)
    odoo.has_jsonrpc = False

    text = refused(address(odoo.url))

    assert "with an API key only, and ODOO_PASSWORD is none that it knows" in text
    assert "set ODOO_PASSWORD to it" in text


@pytest.mark.parametrize("version", [16, 18, 19])
def test_an_unknown_database_names_its_variable(serve, version):
    text = refused(address(serve(version).url, database="nowhere"))

    assert "ODOO_DATABASE" in text
    assert "'nowhere'" in text or version == 19


def test_a_user_without_the_right_to_read_accounting_is_told_which(serve):
    odoo = serve()
    odoo.users = [replace(odoo.users[0], group="none")]

    text = refused(address(odoo.url))

    assert "'sync_ro' may not read account.move, account.move.line" in text or "lacks a right" in text
    assert "Accounting / Read-only" in text


def test_a_user_who_sees_no_company_is_told_to_be_allowed_one(serve):
    odoo = serve()
    odoo.users = [replace(odoo.users[0], company_ids=())]

    assert "shows 'sync_ro' no company: allow it every company" in refused(address(odoo.url))


def test_an_odoo_that_is_too_old_is_named_with_its_version(serve):
    odoo = serve(16)
    odoo.version = 15

    assert "is version 15, which is too old: it must be 16 or later" in refused(address(odoo.url))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("your.odoo.com", "is no web address: write that of your Odoo like https://your.odoo.com"),
        ("ftp://your.odoo.com", "is no web address"),
        ("https://", "is no web address"),
        ("https://your.odoo.com:port", "is no web address"),
        ("https://[your.odoo.com", "is no web address"),
        ("https://your.odoo.com/web/login", "set it to https://your.odoo.com."),
        ("https://your.odoo.com:8069/odoo?db=x", "set it to https://your.odoo.com:8069."),
        ("https://me:a-secret-password@your.odoo.com", "has a login in it: set it to https://your.odoo.com,"),
    ],
)
def test_an_address_is_a_scheme_and_a_host(url, says):
    assert says in refused(address(url))


def test_a_slash_at_the_end_is_none_of_a_persons_business(serve):
    environ = {
        "ODOO_API_URL": serve().url + "/",
        "ODOO_DATABASE": "odoo_demo",
        "ODOO_USERNAME": "sync_ro",
        "ODOO_PASSWORD": PASSWORD,
    }

    _, companies = entered(OdooAddress.from_env(environ))

    assert companies


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1", "cannot be reached: connection refused or unknown host"),
        ("http://odoo.invalid", "cannot be reached: connection refused or unknown host"),
    ],
)
def test_where_nobody_answers_a_person_is_told_to_look_at_the_address(url, says):
    text = refused(address(url))

    assert says in text
    assert "open ODOO_API_URL in a browser" in text


def test_an_address_whose_https_does_not_work_says_so(serve):
    text = refused(address(serve().url.replace("http://", "https://")))

    assert "cannot be reached" in text
    assert "with https:// or http:// as shown" in text


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, b"<html>A shop</html>", "text/html"),
        Response(404, b"<html>Nothing here</html>", "text/html"),
        Response(301, b"<html>Moved</html>", "text/html", {"Location": "https://elsewhere.example"}),
        Response.json({"result": {}}),
        Response(200, b"[]", "application/json"),
        Response(200, b"no JSON", "application/json"),
    ],
    ids=["a page", "no page", "moved", "no version", "another JSON", "no JSON"],
)
def test_what_is_no_odoo_is_told_by_its_variable(answer):
    server = StandInServer(lambda _request: answer)
    try:
        text = refused(address(server.url))
    finally:
        server.close()

    assert "ODOO_API_URL" in text


def test_a_value_that_books_cannot_have_is_named_with_those_it_can():
    with pytest.raises(SystemExit, match=r"^BOOKS is 'full': say fresh or mirror, or leave it out for fresh\.$"):
        books_from_env({"BOOKS": "full"}, is_own=True)


def test_books_without_an_odoo_of_ones_own_mean_nothing():
    with pytest.raises(SystemExit, match=r"^BOOKS is for a trial with your own Odoo: set ODOO_API_URL,"):
        books_from_env({"BOOKS": "mirror"}, is_own=False)


def test_the_demo_ends_with_the_sentence_and_the_status_of_a_failure(serve):
    environ = {
        **os.environ,
        "PYTHONPATH": "lambda:.",
        "ODOO_API_URL": serve().url,
        "ODOO_DATABASE": "odoo_demo",
        "ODOO_USERNAME": "sync_ro",
        "ODOO_PASSWORD": "another-password",
    }

    done = subprocess.run(
        [sys.executable, "-m", "local.demo"], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip

    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("  logging in")]
    assert line.endswith("check ODOO_USERNAME and ODOO_PASSWORD (a password or an API key).")
    assert "Traceback" not in done.stdout + done.stderr
