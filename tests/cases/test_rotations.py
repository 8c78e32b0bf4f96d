"""A refresh token that Intuit has just replaced: the connection goes on wherever the function is stopped or refused."""

from __future__ import annotations

from contextlib import contextmanager
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from pipeline.use_cases.post import run
from tests.cases.test_aws_troubles import refusing
from tests.cases.test_deployment_troubles import ends_well, secret_of
from tests.cases.test_strange_answers import add_documents, go_on
from tests.cases.world import REALM_A, REALM_B

COMPANIES = {"companyA": REALM_A, "companyB": REALM_B}
# What is written after Intuit has issued another refresh token, in this order.
WRITES = {
    "the parameter": ("PutParameter", "quickbooks-tokens"),
    "the next version of the secret": ("PutSecretValue", ""),
    "which version is the current one": ("UpdateSecretVersionStage", ""),
    "the dates": ("TransactWriteItems PutItem UpdateItem", "token-dates#"),
}


class Killed(BaseException):
    """The function was stopped by Lambda."""


@contextmanager
def killed_at(operations, where, moment):
    """Stop the function before or after its first such call. From then on it calls nobody, in none of its threads."""
    real, killed = BaseClient._make_api_call, []

    def call(client, operation, parameters):
        if killed:
            raise Killed
        if operation in operations.split() and where in str(parameters):
            killed.append(operation)
            if moment == "after":
                real(client, operation, parameters)
            raise Killed
        return real(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", call):
        yield killed


@pytest.fixture
def world(open_world, monkeypatch):
    """Return a world with four documents that wait, in which every refresh brings another refresh token."""
    # One after the other, so that a kill finds one realm where the test wants it, and the other before or after it all.
    monkeypatch.setattr(run, "REALMS_AT_ONCE", 1)
    world = open_world()
    add_documents(world)
    world.extract()
    world.qb.new_refresh_token_every_s = 0
    return world


def stored(world):
    """Return whether the secret has what Intuit issued last, by company."""
    tokens = secret_of(world, "quickbooks")["refresh_tokens"]
    return {company: tokens[company] == world.qb.tokens.refresh_token(realm) for company, realm in COMPANIES.items()}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_a_kill_beside_each_write_of_a_rotation_is_made_good_by_the_next_runs(world, write, moment):
    with killed_at(*WRITES[write], moment) as killed, pytest.raises(Killed):
        world.post()
    is_lost = (write, moment) == ("the parameter", "before")
    if is_lost:
        # Nobody knows what Intuit has issued. Within its day of grace the former one is taken; without, see below.
        world.qb.superseded_token_grace_s = 86_400
    world.free_lease()  # a lease that was not released ends with the time of its run
    go_on(world)
    world.qb.tokens.expire_access_tokens()
    world.post({"watch": True})

    assert killed
    assert stored(world) == {"companyA": True, "companyB": True}
    ends_well(world)


def test_a_kill_before_anything_is_stored_is_one_alert_that_says_how_to_connect_again(world):
    with killed_at(*WRITES["the parameter"], "before"), pytest.raises(Killed):
        world.post()
    world.free_lease()  # a lease that was not released ends with the time of its run
    go_on(world)
    go_on(world)
    alerts = world.alerts()
    secret = secret_of(world, "quickbooks")
    lost = [company for company, realm in COMPANIES.items() if not stored(world)[company]]
    tokens = {company: world.qb.tokens.reconnect(COMPANIES[company]) for company in lost}
    world.machine.set_secret("quickbooks", {**secret, "refresh_tokens": {**secret["refresh_tokens"], **tokens}})
    go_on(world)

    assert lost
    assert len(alerts) == len(lost)
    assert all("./oqb connect" in alert["text"] for alert in alerts)
    world.alerts()  # that it is over
    ends_well(world)


def limit_exceeded(operation):
    """Return what Secrets Manager answers to a change too many, as botocore raises it."""
    message = "You have exceeded the limit for the number of versions of a secret that can be created in 24 hours."
    answer = {
        "Error": {"Code": "LimitExceededException", "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
        "Message": message,
    }
    return ClientError(answer, operation)


@pytest.mark.parametrize("operation", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_a_secret_that_takes_no_further_version_after_a_rotation_ends_no_connection(world, operation):
    with refusing((operation,), limit_exceeded) as refused:
        for _ in range(3):
            go_on(world)
            world.qb.tokens.expire_access_tokens()
            world.post({"watch": True})
        during = stored(world)
    world.qb.tokens.expire_access_tokens()
    world.post({"watch": True})

    assert refused
    assert during == {"companyA": False, "companyB": False}
    assert stored(world) == {"companyA": True, "companyB": True}
    ends_well(world)
