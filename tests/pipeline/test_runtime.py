"""What a client of AWS lets through."""

from __future__ import annotations

import pytest
from botocore.exceptions import ParamValidationError

from pipeline import runtime
from pipeline.runtime import aws_client
from tests.conftest import NOT_CHECKED_IN_LIFE


@pytest.fixture(autouse=True)
def other_clients(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    aws_client.cache_clear()
    yield
    aws_client.cache_clear()


def test_an_empty_key_never_reaches_s3_which_would_take_it_for_a_call_of_the_bucket(monkeypatch):
    monkeypatch.setattr(runtime, "NOT_CHECKED", NOT_CHECKED_IN_LIFE)

    with pytest.raises(ParamValidationError):
        aws_client("s3").delete_object(Bucket="documents", Key="")


def test_the_tests_refuse_what_dynamodb_would():
    with pytest.raises(ParamValidationError):
        aws_client("dynamodb").get_item(TableName="entries", Key={"entry_id": {"S": 1}})
