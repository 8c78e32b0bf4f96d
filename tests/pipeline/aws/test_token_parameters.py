from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.aws.token_parameters import TokenParameters
from pipeline.domain.errors import Misconfigured, Unavailable

NAME = "/odoo-qb-integration/prod/quickbooks-tokens/9341"


@pytest.fixture
def client(empty_aws):
    return empty_aws.client("ssm")


@pytest.fixture
def parameters(client):
    return TokenParameters(lambda: client, "prod")


class Refusing:
    """A client that refuses everything."""

    def __init__(self, error):
        self._error = error if isinstance(error, Exception) else ClientError({"Error": {"Code": error}}, "PutParameter")

    def get_parameter(self, **_arguments):
        raise self._error

    put_parameter = get_parameter


def test_the_value_is_encrypted_and_under_the_path_of_its_environment(client, parameters):
    parameters.keep_tokens("9341", {"refresh_token": "r-1"})

    stored = client.get_parameter(Name=NAME, WithDecryption=False)["Parameter"]
    assert stored["Type"] == "SecureString"
    assert stored["Value"] != '{"refresh_token": "r-1"}'


@pytest.mark.parametrize("value", ["not JSON", "[1]", "null", '"r-1"'])
def test_a_value_that_is_not_ours_counts_as_none(client, parameters, value):
    client.put_parameter(Name=NAME, Value=value, Type="SecureString")

    assert parameters.tokens("9341") is None


@pytest.mark.parametrize("realm", ["", "../prod/9341", "9341/x", "9 341", "ü" * 3, "9" * 101])
def test_what_is_no_realm_id_names_no_parameter(parameters, realm):
    with pytest.raises(Misconfigured, match="under realm_ids, which is no realm id"):
        parameters.tokens(realm)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("ThrottlingException", Unavailable),
        ("TooManyUpdates", Unavailable),
        ("InternalServerError", Unavailable),
        ("AccessDeniedException", Misconfigured),
        (EndpointConnectionError(endpoint_url="ssm"), Unavailable),
    ],
)
def test_a_refusal_names_the_parameter_and_no_value(error, expected):
    parameters = TokenParameters(lambda: Refusing(error), "prod")

    with pytest.raises(expected, match=NAME):
        parameters.tokens("9341")
    with pytest.raises(expected, match=NAME) as raised:
        parameters.keep_tokens("9341", {"refresh_token": "very-secret"})

    assert "very-secret" not in str(raised.value)


def test_no_client_is_made_before_it_is_needed():
    def never():
        raise AssertionError("nobody asked")

    TokenParameters(never, "prod")
