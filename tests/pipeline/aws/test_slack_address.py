"""Where Slack's address is read from, and what is no address of Slack's."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from pipeline.aws.slack_address import SlackAddress
from pipeline.domain.errors import Misconfigured

NAME = "/odoo-qb-integration/prod/slack-webhook-url"
ADDRESS = "https://hooks.slack.com/services/the-secret-part"


class Parameters:
    """SSM with at most one parameter, which can refuse."""

    def __init__(self, refusal: str = "") -> None:
        self.stored: dict[str, dict] = {}
        self.refusal = refusal
        self.asked = 0

    def get_parameter(self, *, Name, WithDecryption):  # noqa: N803 - AWS' names
        self.asked += 1
        if self.refusal or Name not in self.stored:
            raise ClientError({"Error": {"Code": self.refusal or "ParameterNotFound"}}, "GetParameter")
        assert WithDecryption
        return {"Parameter": {"Value": self.stored[Name]["Value"]}}

    def put_parameter(self, **parameter):
        self.stored[parameter["Name"]] = parameter


def address_of(parameters, *, given="", name=NAME):
    return SlackAddress(given, name, lambda: parameters)


def test_a_stored_address_is_read_again():
    parameters = Parameters()

    address_of(parameters).store(ADDRESS)

    assert address_of(parameters).read() == ADDRESS
    assert parameters.stored[NAME]["Type"] == "SecureString"


def test_the_variable_of_the_environment_comes_first_and_asks_nobody():
    parameters = Parameters()
    address_of(parameters).store(ADDRESS)

    found = address_of(parameters, given="https://hooks.slack.com/of/the/environment").read()

    assert (found, parameters.asked) == ("https://hooks.slack.com/of/the/environment", 0)


@pytest.mark.parametrize(("refusal", "is_logged"), [("", False), ("AccessDeniedException", True), ("Throttled", True)])
def test_without_an_address_that_can_be_read_slack_is_off_and_a_refusal_is_logged(caplog, refusal, is_logged):
    found = address_of(Parameters(refusal)).read()

    assert found == ""
    assert [record.message for record in caplog.records] == ["address of Slack not read"] * is_logged


def test_where_no_parameter_is_named_none_is_asked_for():
    parameters = Parameters()

    assert address_of(parameters, name="").read() == ""
    assert parameters.asked == 0


@pytest.mark.parametrize(
    "address",
    ["", "https://evil.example/https://hooks.slack.com/", f"{ADDRESS} x", "https://hooks.slack.com/" + "x" * 1_000],
)
def test_what_is_no_address_of_slack_is_refused_and_not_stored(address):
    parameters = Parameters()

    with pytest.raises(Misconfigured, match=r"begins with https://hooks\.slack\.com/"):
        address_of(parameters).store(address)

    assert parameters.stored == {}
