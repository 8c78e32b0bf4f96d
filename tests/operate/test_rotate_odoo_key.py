"""`make rotate-odoo-key` leaves a stored key that works, wherever it is stopped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from local.demo.documents import load
from local.stand_ins.odoo.api_keys import MODEL
from local.stand_ins.odoo.stand_in import OdooStandIn
from operate import rotate_odoo_key
from pipeline.aws.secrets import Secrets
from pipeline.domain.errors import NeedsAttention, PipelineError
from pipeline.odoo.client import Odoo
from pipeline.runtime import SystemClock

REGION, NAME = "eu-west-1", "odoo-qb-integration/odoo-credentials-prod"
FIRST = "the-first-key"


class Killed(BaseException):
    """The command was ended from outside."""


class Site:
    """A secret with a key, and an Odoo that knows it."""

    def __init__(self, odoo: OdooStandIn) -> None:
        self.odoo = odoo
        self.secrets = boto3.client("secretsmanager", region_name=REGION)
        self.arn = self.secrets.create_secret(Name=NAME)["ARN"]
        self.secret = {"database": odoo.database, "username": "sync_ro", "password": FIRST, "renamed_from": "old"}

    @property
    def secret(self):
        return json.loads(self.secrets.get_secret_value(SecretId=self.arn, VersionStage="AWSCURRENT")["SecretString"])

    @secret.setter
    def secret(self, value):
        self.secrets.put_secret_value(SecretId=self.arn, SecretString=json.dumps(value))

    def logs_in(self, key: str) -> bool:
        odoo = Odoo(self.odoo.url, database=self.odoo.database, username="sync_ro", secret=key, clock=SystemClock())
        try:
            return bool(odoo.search_read("res.company", [], ["name"], companies=[], limit=1, order="id"))
        except PipelineError:
            return False


@pytest.fixture
def site(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    odoo = OdooStandIn({"res.company": load()[0]["res.company"]}, {}, version=19, api_key="the-key-of-nobody")
    odoo.api_keys.can_be_made = True
    odoo.api_keys.add(odoo.users[0].shown, FIRST, ends=datetime.now(UTC) + timedelta(days=5))
    with mock_aws():
        made = Site(odoo)

        class Functions:
            """What says which secret a deployed extractor reads."""

            @staticmethod
            def get_function_configuration(**_keywords):
                return {"Environment": {"Variables": {"ODOO_SECRET_ARN": made.arn, "ODOO_API_URL": odoo.url}}}

        clients = {"secretsmanager": made.secrets, "lambda": Functions()}
        monkeypatch.setattr(rotate_odoo_key, "_client", clients.__getitem__)
        yield made
    odoo.close()


def test_another_key_is_stored_and_the_former_one_is_gone(site):
    text = rotate_odoo_key.rotated("prod")

    new = site.secret["password"]
    assert new != FIRST
    assert site.logs_in(new)
    assert not site.logs_in(FIRST)
    assert site.secret | {"password": ""} == {
        "database": site.odoo.database, "username": "sync_ro", "password": "", "renamed_from": "old"}  # fmt: skip
    assert text.startswith("The new API key of 'sync_ro' is stored and lasts until ")
    assert new not in text


@pytest.mark.parametrize("after", ["generate", "store", "revoke"])
def test_a_kill_after_each_step_leaves_a_stored_key_that_works_and_the_next_call_rotates_it(site, monkeypatch, after):
    call, change = Odoo.call, Secrets.change

    def killed_call(odoo, model, method, **keywords):
        found = call(odoo, model, method, **keywords)
        if (model, method) == (MODEL, after):
            raise Killed
        return found

    def killed_change(secrets, arn, change_of):
        change(secrets, arn, change_of)
        raise Killed

    with monkeypatch.context() as killed:
        killed.setattr(Odoo, "call", killed_call)
        if after == "store":
            killed.setattr(Secrets, "change", killed_change)
        with pytest.raises(Killed):
            rotate_odoo_key.rotated("prod")
    kept = site.secret["password"]

    assert site.logs_in(kept)
    assert (kept == FIRST) is (after == "generate")
    rotate_odoo_key.rotated("prod")
    assert site.secret["password"] not in (FIRST, kept)
    assert site.logs_in(site.secret["password"])


def test_a_key_that_a_person_stored_meanwhile_stays_and_the_one_made_is_revoked(site, monkeypatch):
    call, made = Odoo.call, []

    def meanwhile(odoo, model, method, **keywords):
        found = call(odoo, model, method, **keywords)
        if method == "generate":
            made.append(found)
            site.secret = {**site.secret, "password": "the-key-of-nobody"}
        return found

    monkeypatch.setattr(Odoo, "call", meanwhile)

    with pytest.raises(NeedsAttention, match="another key meanwhile"):
        rotate_odoo_key.rotated("prod")

    assert site.secret["password"] == "the-key-of-nobody"
    assert not site.logs_in(made[0])
    assert site.logs_in(FIRST)


def test_where_odoo_does_not_allow_it_nothing_is_changed_and_a_person_reads_how(site, capsys):
    site.odoo.api_keys.can_be_made = False

    assert rotate_odoo_key.main() == 1

    assert "base.enable_programmatic_api_keys" in capsys.readouterr().out
    assert site.secret["password"] == FIRST
    assert site.logs_in(FIRST)


def test_a_password_has_no_key_to_rotate(site, capsys):
    site.secret = {**site.secret, "password": site.odoo.users[0].password}

    assert rotate_odoo_key.main() == 1

    assert "holds a password" in capsys.readouterr().out
