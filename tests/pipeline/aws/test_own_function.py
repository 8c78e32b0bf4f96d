from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.aws.own_function import OwnFunction


class Lambda:
    """Takes invocations, or refuses them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.invoked: list[dict] = []

    def invoke(self, **arguments):
        self.invoked.append(arguments)
        if self.error:
            raise self.error
        return {"StatusCode": 202}


def test_the_function_that_runs_is_started_by_its_name_and_nobody_waits_for_it():
    client = Lambda()

    assert OwnFunction(lambda: client, "qb-poster-prod").start({"sweep": True, "realm": "7"})

    (invoked,) = client.invoked
    assert (invoked["FunctionName"], invoked["InvocationType"]) == ("qb-poster-prod", "Event")
    assert json.loads(invoked["Payload"]) == {"sweep": True, "realm": "7"}


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "Invoke"),
        ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke"),
        EndpointConnectionError(endpoint_url="http://x"),
    ],
)
def test_what_lambda_does_not_take_is_not_started_and_no_error(error):
    assert not OwnFunction(lambda: Lambda(error), "qb-poster-prod").start({})


def test_outside_of_lambda_nothing_is_started_and_no_client_is_made():
    assert not OwnFunction(lambda: pytest.fail("a client was made"), "").start({})
