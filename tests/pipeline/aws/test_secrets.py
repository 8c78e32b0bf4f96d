from __future__ import annotations

import json
import threading
import uuid

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.aws.secrets import CHANGES_TRIED_MAX, Secrets
from pipeline.domain.errors import AwaitsFirstValue, Misconfigured, PipelineError, Unavailable
from pipeline.qbo.tokens import REQUIRED_KEYS

VALUE = {"client_id": "id-1", "client_secret": "very-secret", "refresh_token": "r-1", "realm_ids": {"A": "1"}}


@pytest.fixture
def client(empty_aws):
    return empty_aws.client("secretsmanager")


@pytest.fixture
def secrets(client):
    return Secrets(client)


def a_secret(client, text=None):
    name = f"odoo-qb-integration/quickbooks-credentials-{uuid.uuid4().hex[:6]}"
    if text is None:
        text = json.dumps(VALUE)
    return client.create_secret(Name=name, **({"SecretString": text} if text else {}))["ARN"]


def current(client, arn):
    return json.loads(client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"])


def test_a_secret_is_read_as_json(client, secrets):
    assert secrets.read(a_secret(client), REQUIRED_KEYS) == VALUE


def test_an_empty_container_says_how_to_fill_it(client, secrets):
    arn = a_secret(client, "")

    with pytest.raises(
        Misconfigured, match=r"has no value yet: `./oqb connect COMPANY`, once for each company.*fills it"
    ):
        secrets.read(arn, REQUIRED_KEYS)


def test_a_secret_that_is_not_there_is_named(secrets):
    with pytest.raises(Misconfigured, match="quickbooks-credentials-prod"):
        secrets.read("arn:aws:secretsmanager:us-west-2:123456789012:secret:quickbooks-credentials-prod-AbCdEf", ())


@pytest.mark.parametrize("text", ["not json, very-secret", '"very-secret"', "[1]", "12", "{"])
def test_a_secret_that_is_no_json_object_is_named_and_not_shown(client, secrets, text):
    with pytest.raises(Misconfigured, match=r"quickbooks-credentials-.* is not a JSON object") as raised:
        secrets.read(a_secret(client, text), REQUIRED_KEYS)

    assert "very-secret" not in str(raised.value)


@pytest.mark.parametrize("key", REQUIRED_KEYS)
@pytest.mark.parametrize("empty", [None, "", "missing"])
def test_a_missing_or_empty_key_is_named_and_no_value_is_shown(client, secrets, key, empty):
    value = {name: part for name, part in VALUE.items() if name != key or empty != "missing"}
    if empty != "missing":
        value[key] = empty
    arn = a_secret(client, json.dumps(value))

    with pytest.raises(Misconfigured, match=f"lacks {key}\\.$") as raised:
        secrets.read(arn, REQUIRED_KEYS)

    assert "very-secret" not in str(raised.value)


def test_a_change_becomes_the_current_value(client, secrets):
    arn = a_secret(client)

    returned = secrets.change(arn, lambda value: {**value, "refresh_token": "r-2"})

    assert returned == current(client, arn) == {**VALUE, "refresh_token": "r-2"}


def test_the_value_before_is_kept_by_aws(client, secrets):
    arn = a_secret(client)

    secrets.change(arn, lambda value: {**value, "refresh_token": "r-2"})

    previous = client.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"]
    assert json.loads(previous) == VALUE


def test_a_change_made_from_an_old_value_is_made_again_from_the_new_one(client, secrets):
    arn = a_secret(client)
    seen = []

    def change(value):
        seen.append(value["refresh_token"])
        if len(seen) == 1:
            Secrets(client).change(arn, lambda other: {**other, "refresh_token": "r-9", "theirs": True})
        return {**value, "mine": True}

    secrets.change(arn, change)

    assert seen == ["r-1", "r-9"]
    assert current(client, arn) == {**VALUE, "refresh_token": "r-9", "theirs": True, "mine": True}


def test_writers_at_the_same_time_lose_nothing(client, secrets, empty_aws):
    arn = a_secret(client, "{}")
    errors: list[PipelineError] = []

    def write(name):
        own = Secrets(empty_aws.client("secretsmanager"))
        for number in range(3):
            try:
                own.change(arn, lambda value, number=number: {**value, f"{name}{number}": number})
            except PipelineError as error:
                errors.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sorted(current(client, arn)) == [f"{name}{number}" for name in "abc" for number in range(3)]


def test_hourly_changes_do_not_use_up_the_twenty_labels_of_a_secret(client, secrets):
    arn = a_secret(client)

    for number in range(30):
        secrets.change(arn, lambda value, number=number: {**value, "refresh_token": f"r-{number}"})

    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert sum(len(stages) for stages in versions.values()) <= 3
    assert current(client, arn)["refresh_token"] == "r-29"


def test_a_secret_that_never_holds_still_is_unavailable(client, secrets, monkeypatch):
    arn = a_secret(client)
    tried = []
    monkeypatch.setattr(secrets, "_replace", lambda *_: bool(tried.append(1)))

    with pytest.raises(Unavailable, match="changed by too many at once"):
        secrets.change(arn, lambda value: {**value, "note": "mine"})

    assert len(tried) == CHANGES_TRIED_MAX


class BrokenClient:
    def __init__(self, error):
        self._error = error

    def __getattr__(self, _name):
        def call(**_arguments):
            raise self._error

        return call


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ClientError({"Error": {"Code": "InternalServiceError"}}, "x"), Unavailable),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "x"), Unavailable),
        (EndpointConnectionError(endpoint_url="http://x"), Unavailable),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "x"), Misconfigured),
    ],
)
def test_trouble_with_the_service_is_reported_as_ours(error, kind):
    with pytest.raises(kind, match="The secret odoo-qb"):
        Secrets(BrokenClient(error)).read("arn:aws:secretsmanager:us-west-2:1:secret:odoo-qb-AbCdEf", ())


def test_a_secret_that_is_scheduled_for_deletion_says_how_to_take_it_back(client, secrets):
    arn = a_secret(client)
    client.delete_secret(SecretId=arn, RecoveryWindowInDays=7)

    with pytest.raises(Misconfigured, match="restore-secret") as raised:
        secrets.read(arn, ())

    assert raised.value.code == "secret_deleted"


def test_a_secret_that_is_gone_does_not_wait_for_its_first_value(client, secrets):
    arn = a_secret(client)
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    with pytest.raises(Misconfigured, match="does not exist") as raised:
        secrets.read(arn, ())

    assert not isinstance(raised.value, AwaitsFirstValue)


def test_a_change_that_changes_nothing_is_not_written(client, secrets):
    arn = a_secret(client)
    before = client.get_secret_value(SecretId=arn)["VersionId"]

    returned = secrets.change(arn, dict)

    assert returned == VALUE
    assert client.get_secret_value(SecretId=arn)["VersionId"] == before


def test_a_secret_that_was_never_filled_can_be_begun_and_changed(client, secrets):
    arn = a_secret(client, "")

    secrets.begin(arn)
    secrets.change(arn, lambda now: {**now, "client_id": "id-2"})
    secrets.begin(arn)

    assert current(client, arn) == {"client_id": "id-2"}


def test_a_secret_that_holds_something_is_not_begun_again(client, secrets):
    arn = a_secret(client)

    secrets.begin(arn)

    assert current(client, arn) == VALUE
