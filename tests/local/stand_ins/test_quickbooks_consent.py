"""Intuit's consent as the stand-in has it: what it refuses, and what a code is good for."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.demo.books import REALM_A, demo_realms
from local.stand_ins.quickbooks.consent import CODE_LIVES_S, PLAYGROUND, SCOPE
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn

ASKED = {"client_id": "client-id", "response_type": "code", "scope": SCOPE, "redirect_uri": PLAYGROUND, "state": "s"}


class Time:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def quickbooks(clock):
    stand_in = QuickBooksStandIn(demo_realms(), clock=clock)
    yield stand_in
    stand_in.close()


def consent(quickbooks, **changed):
    form = ASKED | {"realm": REALM_A} | changed
    url = f"{quickbooks.url}/connect/oauth2"
    return requests.post(url, data=form, allow_redirects=False, timeout=5)


def exchange(quickbooks, code, redirect=PLAYGROUND, secret="client-secret"):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
    url = f"{quickbooks.url}/oauth2/v1/tokens/bearer"
    return requests.post(url, data=form, auth=("client-id", secret), timeout=5)


def code_of(answer):
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def test_a_consent_comes_back_with_code_state_and_realm(quickbooks):
    back = parse_qs(urlsplit(consent(quickbooks).headers["Location"]).query)

    assert (back["state"], back["realmId"]) == (["s"], [REALM_A])


@pytest.mark.parametrize(
    ("name", "value"),
    [("client_id", "x"), ("scope", "openid"), ("response_type", "token"), ("state", ""), ("realm", "1"),
     ("redirect_uri", "https://other.example/"), ("redirect_uri", "http://localhost:8137/callback")],
)  # fmt: skip
def test_a_question_that_is_not_as_the_portal_says_is_refused(quickbooks, name, value):
    assert consent(quickbooks, **{name: value}).status_code == 400


def test_an_address_on_this_machine_takes_keys_of_the_sandbox(quickbooks):
    here = "http://localhost:8137/callback"
    quickbooks.redirect_uris = (here,)

    refused = consent(quickbooks, redirect_uri=here)
    quickbooks.has_sandbox_keys = True

    assert (refused.status_code, consent(quickbooks, redirect_uri=here).status_code) == (400, 302)


def test_a_code_brings_tokens_of_its_company_and_ends_the_former_connection(quickbooks):
    former = quickbooks.tokens.refresh_token(REALM_A)

    answer = exchange(quickbooks, code_of(consent(quickbooks))).json()

    assert answer["refresh_token"] == quickbooks.tokens.refresh_token(REALM_A) != former
    assert quickbooks.tokens.realm_of(answer["access_token"]) == (REALM_A, True)


def test_a_code_that_is_used_again_ends_what_it_began(quickbooks):
    code = code_of(consent(quickbooks))
    tokens = exchange(quickbooks, code).json()

    again = exchange(quickbooks, code)

    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert quickbooks.tokens.realm_of(tokens["access_token"]) == (REALM_A, False)


def test_a_code_is_no_good_for_another_address_later_or_with_other_keys(quickbooks, clock):
    code = code_of(consent(quickbooks))

    assert exchange(quickbooks, code, redirect="https://other.example/").json()["error"] == "invalid_grant"
    assert exchange(quickbooks, code, secret="x").json()["error"] == "invalid_client"
    clock.now += CODE_LIVES_S + 1
    assert exchange(quickbooks, code).json()["error"] == "invalid_grant"
