"""OAuth as Intuit runs it: rolling refresh tokens, one refresher at a time, a token per company."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.local.stand_ins.quickbooks_company import REALM_ID, opened

CLIENT = ("client-id", "client-secret")


@pytest.fixture
def company():
    with opened(refresh_token="first") as company:
        yield company


def refresh(company, token="first", auth=CLIENT, headers=None, **form):
    url = requests.get(company.stand_in.discovery_url, timeout=10).json()["token_endpoint"]
    data = {"grant_type": "refresh_token", "refresh_token": token, **form}
    return requests.post(url, data=data, auth=auth, headers=headers, timeout=10)


def test_the_discovery_document_names_the_endpoints_also_under_the_sandbox_path(company):
    sandbox = f"{company.stand_in.url}/.well-known/openid_sandbox_configuration"

    documents = [requests.get(url, timeout=10).json() for url in (company.stand_in.discovery_url, sandbox)]

    assert documents[0] == documents[1]
    names = "issuer authorization_endpoint token_endpoint userinfo_endpoint revocation_endpoint jwks_uri"
    assert set(names.split()) <= documents[0].keys()


def test_a_refresh_answers_an_access_token_of_an_hour(company):
    answer = refresh(company).json()

    assert answer["expires_in"] == 3600
    assert answer["token_type"] == "bearer"
    assert answer["x_refresh_token_expires_in"] == 8_726_400
    company.headers["Authorization"] = f"Bearer {answer['access_token']}"
    assert company.get("preferences").status_code == 200
    assert company.stand_in.calls["token"] == 1


def test_the_same_refresh_token_comes_back_within_a_day(company):
    company.clock.at += 23 * 3600

    assert refresh(company).json()["refresh_token"] == "first"
    assert refresh(company).json()["refresh_token"] == "first"


def test_after_a_day_a_new_refresh_token_comes_and_the_old_one_is_dead_at_once(company):
    company.clock.at += 24 * 3600

    second = refresh(company).json()["refresh_token"]

    assert second not in ("first", "")
    old = refresh(company)
    assert (old.status_code, old.json()) == (400, {"error": "invalid_grant"})
    assert refresh(company, second).json()["refresh_token"] == second
    assert company.stand_in.tokens.refresh_token(REALM_ID) == second


def test_a_superseded_refresh_token_may_be_given_a_day_of_grace(company):
    company.stand_in.superseded_token_grace_s = 24 * 3600
    company.clock.at += 24 * 3600
    second = refresh(company).json()["refresh_token"]

    assert refresh(company, "first").json()["refresh_token"] == second

    company.clock.at += 24 * 3600 + 1
    assert refresh(company, "first").status_code == 400


def test_of_two_refreshes_at_the_same_time_the_second_is_refused(company):
    company.stand_in.refresh_s = 0.3
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda _: refresh(company), range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 400]
    assert {"error": "invalid_grant"} in [answer.json() for answer in answers]


def test_a_refresh_token_unused_for_a_hundred_days_is_dead(company):
    company.clock.at += 8_726_401

    assert refresh(company).json() == {"error": "invalid_grant"}


def test_a_connection_ends_five_years_after_consent_whatever_was_refreshed(company):
    company.stand_in.new_refresh_token_every_s = float("inf")
    for _ in range(21):
        company.clock.at += 87 * 24 * 3600
        answer = refresh(company, headers={"x-include-refresh-token-hard-expires-in": "true"})

    assert answer.json() == {"error": "invalid_grant"}


def test_the_seconds_to_the_hard_expiry_are_reported_when_asked_for(company):
    answer = refresh(company, headers={"x-include-refresh-token-hard-expires-in": "true"}).json()

    assert answer["x_refresh_token_hard_expires_in"] == 5 * 365 * 24 * 3600


@pytest.mark.parametrize("status", [401, 400])
def test_wrong_client_credentials_are_invalid_client(company, status):
    company.stand_in.invalid_client_status = status

    answer = refresh(company, auth=("client-id", "wrong"))

    assert (answer.status_code, answer.json()) == (status, {"error": "invalid_client"})
    assert refresh(company, auth=None).json() == {"error": "invalid_client"}


def test_another_grant_type_is_unsupported(company):
    assert refresh(company, grant_type="password").json() == {"error": "unsupported_grant_type"}


def test_a_token_request_in_json_is_invalid(company):
    url = f"{company.stand_in.url}/oauth2/v1/tokens/bearer"

    answer = requests.post(url, json={"grant_type": "refresh_token"}, auth=CLIENT, timeout=10)

    assert answer.json() == {"error": "invalid_request"}


def test_an_unknown_refresh_token_is_invalid_grant(company):
    assert refresh(company, "unknown").json() == {"error": "invalid_grant"}


def test_an_access_token_expires_after_an_hour_with_a_lower_case_gateway_fault(company):
    company.clock.at += 3600

    answer = company.get("preferences")

    assert answer.status_code == 401
    error = answer.json()["fault"]["error"][0]
    assert error["message"] == "message=AuthenticationFailed; errorCode=003200; statusCode=401"
    assert error["code"] == "3200"
    assert answer.json()["fault"]["type"] == "AUTHENTICATION"


def test_access_tokens_can_be_made_to_expire(company):
    company.stand_in.expire_access_tokens()

    assert company.get("preferences").status_code == 401


def test_an_unknown_or_absent_access_token_is_401(company):
    company.headers["Authorization"] = "Bearer unknown"
    unknown = company.get("preferences")
    del company.headers["Authorization"]

    assert unknown.status_code == company.get("preferences").status_code == 401


def test_a_token_of_one_company_is_refused_by_another_with_403(company):
    company.base = company.base.replace(REALM_ID, "2")

    answer = company.get("preferences")

    assert answer.status_code == 403
    error = answer.json()["fault"]["error"][0]
    assert error["message"] == "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403"
    assert answer.json()["fault"]["type"] == "SERVICE"


def test_a_revoked_connection_refuses_refresh_and_calls_until_somebody_reconnects(company):
    company.stand_in.revoke(REALM_ID)

    assert refresh(company).json() == {"error": "invalid_grant"}
    assert company.get("preferences").status_code == 403

    assert refresh(company, company.stand_in.tokens.reconnect(REALM_ID)).status_code == 200


def test_the_revocation_endpoint_ends_a_connection(company):
    url = f"{company.stand_in.url}/v2/oauth2/tokens/revoke"

    answer = requests.post(url, json={"token": "first"}, auth=CLIENT, timeout=10)

    assert answer.status_code == 200
    assert refresh(company).status_code == 400
    assert requests.post(url, json={"token": "unknown"}, auth=CLIENT, timeout=10).status_code == 400
