"""The mapping, the secrets and the settings, through the poster's handler."""

from __future__ import annotations

import pytest

from local.demo.books import REALM_A, REALM_B
from pipeline.aws.key_values import KeyValueTable
from pipeline.domain.codec import dumps, loads
from pipeline.domain.errors import Misconfigured
from pipeline.domain.open_alerts import AlertState, OpenAlert
from pipeline.runtime import SystemClock
from pipeline.use_cases.report import STATE_KEY
from tests.poster_world import failed, good_secret, open_companies, statuses


def put_mapping(machine, text):
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key="config/mapping.toml", Body=text.encode())


# -- the mapping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[companyA]\nclosed = 1", "line 2: 'closed' is not known; did you mean 'closed_period'?"),
        ("[compnayA]", "line 1: there is no company 'compnayA' in the QuickBooks secret"),
        ('[companyA.accounts]\n"1" = "9999"', "line 2: account 1 → '9999': QuickBooks has no account with that number"),
        ('[companyA]\nrealm = "5"', "line 2: the realm of companyA is 5 here"),
    ],
)
def test_a_mapping_that_is_wrong_pauses_the_company_with_one_alert_and_nothing_is_posted(machine, text, words):
    put_mapping(machine, text)
    for _ in range(3):
        machine.post()
        open_companies(machine)

    assert statuses(machine) == {"pending": 4}
    (alert,) = machine.alerts()
    assert alert["subject"] == "[demo] companyA: nothing moves until a person acts: the mapping cannot be used"
    assert words in alert["text"]
    assert machine.quickbooks.calls["create"] == 0

    put_mapping(machine, '[companyA]\nclosed_period = "hold"')
    assert machine.post()["posted"] == 4


def test_the_mapping_decides_what_is_sent(machine):
    put_mapping(machine, '[companyA]\nparties = "fail"')

    result = machine.post()

    assert result["failed"] == 4
    assert {entry["error_code"] for entry in failed(machine)} == {"party_unmapped"}
    assert machine.quickbooks.books(REALM_A).creates["Customer"] == 0


def test_a_trial_with_a_mapping_that_is_wrong_says_so_and_writes_nothing(machine):
    put_mapping(machine, '[companyA.accounts]\n"1" = "9999"')

    result = machine.post({"dry_run": True, "company": "companyA"})

    assert result["paused"] == ["companyA"]
    assert result["drafts"] == []
    assert machine.quickbooks.calls["create"] == 0


def without(key):
    def change(secret):
        return {name: value for name, value in secret.items() if name != key}

    return change


BAD_SECRETS = {
    "not JSON": (lambda _: "client_id=x", "odoo-qb-integration/quickbooks-credentials-demo is not a JSON object"),
    "a list": (lambda _: [1], "is not a JSON object"),
    "no client_id": (without("client_id"), r"lacks client_id\."),
    "no client_secret": (without("client_secret"), r"lacks client_secret\."),
    "no realm_ids": (without("realm_ids"), r"lacks realm_ids\."),
    "realm_ids a text": (lambda secret: {**secret, "realm_ids": "123"}, "realm_ids must map companies to realms"),
}


# -- secrets and settings ----------------------------------------------------------------------------------------------


def test_a_run_ends_only_the_trouble_of_companies_it_has_posted_for(machine):
    key_values = KeyValueTable(machine.client("dynamodb"), machine.deployment.table, SystemClock())
    began = SystemClock().now()
    alerts = [
        OpenAlert(company, "mapping", "qb-poster", began, reported=("hash",)) for company in ("companyA", "companyB")
    ]
    key_values.keep(STATE_KEY, dumps(AlertState(tuple(alerts))))

    machine.post({"company": "companyA"})

    state = loads(AlertState, key_values.value(STATE_KEY))
    assert [(alert.company, alert.clear_since is None) for alert in state.alerts] == [
        ("companyA", False),
        ("companyB", True),
    ]


def test_a_secret_that_is_wrong_is_named_raised_and_every_error_reported_once(machine):
    good = good_secret(machine)

    for change, words in BAD_SECRETS.values():
        machine.set_secret("quickbooks", change(good))
        with pytest.raises(Misconfigured, match=words):
            machine.post()

    alerts = machine.alerts()
    assert {alert["subject"].split(" acts")[0] for alert in alerts} == {
        "[demo] All companies: nothing moves until a person"
    }
    assert len({alert["text"] for alert in alerts}) == len(alerts) > 1
    assert statuses(machine) == {"pending": 4}


def test_once_the_secret_is_fixed_everything_follows(machine):
    secret = good_secret(machine)
    machine.set_secret("quickbooks", "broken")
    with pytest.raises(Misconfigured):
        machine.post()
    machine.set_secret("quickbooks", secret)

    assert machine.post()["posted"] == 4


def test_an_empty_secret_says_how_to_fill_it(machine):
    arn = machine.client("secretsmanager").create_secret(Name="empty")["ARN"]
    machine.set_environ("qb-poster", QB_SECRET_ARN=arn)

    answers = [machine.post() for _ in range(3)]

    assert all(
        "The secret empty has no value yet: `./oqb connect` fills it." in answer["waiting"] for answer in answers
    )
    (alert,) = machine.alerts()
    assert "waits for its first value" in alert["subject"]
    assert [line["RunsCompleted"] for line in machine.metrics] == [[1.0]] * 3


def test_an_empty_secret_of_a_deployment_in_use_is_no_first_one_whatever_waits_in_the_table(machine):
    machine.post()
    one = next(iter(machine.entries().values()))
    key = {"entry_id": {"S": one["entry_id"]}}
    item = machine.client("dynamodb").get_item(TableName=machine.deployment.table, Key=key)["Item"]
    new = {**item, "entry_id": {"S": "odoo_demo-account.move-1"}, "company": {"S": "a new company"},
           "status": {"S": "pending"}, "realm": {"S": ""}, "qb_id": {"S": ""}}  # fmt: skip
    machine.client("dynamodb").put_item(TableName=machine.deployment.table, Item=new)
    arn = machine.client("secretsmanager").create_secret(Name="empty")["ARN"]
    machine.set_environ("qb-poster", QB_SECRET_ARN=arn)

    with pytest.raises(Misconfigured, match="It had one before"):
        machine.post()


def test_a_missing_variable_is_named(machine):
    for name in ("QB_SECRET_ARN", "SNS_ALERT_TOPIC", "S3_BUCKET", "DYNAMODB_TABLE", "ENVIRONMENT"):
        machine.set_environ("qb-poster", **{name: ""})
        with pytest.raises(Misconfigured, match=f"The environment variable {name} is missing"):
            machine.post()


def test_a_table_that_is_not_there_is_named(machine):
    machine.set_environ("qb-poster", DYNAMODB_TABLE="nowhere")

    with pytest.raises(Misconfigured, match="The table nowhere does not exist"):
        machine.post()


def test_a_company_without_a_realm_fails_with_what_to_do_and_follows_when_it_has_one(machine):
    secret = good_secret(machine)
    machine.set_secret("quickbooks", {**secret, "realm_ids": {"companyB": REALM_B}})
    machine.post()
    alerts = machine.alerts()

    assert statuses(machine) == {"failed": 4}
    assert [alert["subject"] for alert in alerts] == [
        "[demo] companyA: 4 documents for a person: the company has no QuickBooks company"
    ]
    assert "Add it there under realm_ids" in alerts[0]["text"]

    machine.set_secret("quickbooks", secret)
    assert machine.post({"company": "companyA", "retry_failed": True})["posted"] == 4


def test_a_company_with_an_empty_realm_pauses_and_is_reported_once(machine):
    secret = good_secret(machine)
    machine.set_secret("quickbooks", {**secret, "realm_ids": {"companyA": "", "companyB": REALM_B}})

    for _ in range(3):
        machine.post()
        open_companies(machine)

    assert statuses(machine) == {"pending": 4}
    (alert,) = machine.alerts()
    assert "'companyA' has no realm in the QuickBooks secret" in alert["text"]
