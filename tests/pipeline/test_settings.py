from __future__ import annotations

import pytest

from pipeline.domain.errors import Misconfigured
from pipeline.settings import ExtractorSettings, OrderSyncSettings, PosterSettings

SHARED = {"ENVIRONMENT": "prod", "DYNAMODB_TABLE": "t", "S3_BUCKET": "b", "SNS_ALERT_TOPIC": "arn:topic"}
ENVIRONS = {
    ExtractorSettings: {**SHARED, "ODOO_API_URL": "https://odoo.example", "ODOO_SECRET_ARN": "arn:odoo"},
    PosterSettings: {**SHARED, "QB_SECRET_ARN": "arn:qb"},
    OrderSyncSettings: {
        "ODOO_URL": "https://odoo.example", "ODOO_DB": "odoo", "ODOO_EMAIL": "a@b.example", "ODOO_API_KEY": "key",
        "ODDO_RESPONSE_TABLE": "orders",
    },
}  # fmt: skip
REQUIRED = [(kind, name) for kind, environ in ENVIRONS.items() for name in environ]


@pytest.mark.parametrize("kind", list(ENVIRONS))
def test_the_required_variables_are_enough(kind):
    assert kind.from_env(ENVIRONS[kind])


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_each_missing_or_empty_variable_is_named(kind, name, value):
    environ = {**ENVIRONS[kind], name: value}
    if value is None:
        del environ[name]

    with pytest.raises(Misconfigured, match=f"The environment variable {name} is missing"):
        kind.from_env(environ)


@pytest.mark.parametrize(("name", "variable"), [("ODOO_DB", "odoo_database"), ("ODOO_EMAIL", "odoo_email")])
def test_what_terraform_leaves_empty_is_named_as_terraform_names_it(name, variable):
    with pytest.raises(Misconfigured, match=f"{name} is missing: set {variable} in terraform.tfvars"):
        OrderSyncSettings.from_env({**ENVIRONS[OrderSyncSettings], name: ""})


@pytest.mark.parametrize(
    ("which", "api", "discovery"),
    [
        ({}, "https://quickbooks.api.intuit.com", "openid_configuration"),
        ({"QB_ENVIRONMENT": "production"}, "https://quickbooks.api.intuit.com", "openid_configuration"),
        ({"QB_ENVIRONMENT": "sandbox"}, "https://sandbox-quickbooks.api.intuit.com", "openid_sandbox_configuration"),
        ({"QB_API_URL": "http://localhost:1/", "QB_DISCOVERY_URL": "http://localhost:1/d"}, "http://localhost:1", "d"),
    ],
)
def test_quickbooks_addresses_follow_the_environment_unless_they_are_given(which, api, discovery):
    settings = PosterSettings.from_env({**ENVIRONS[PosterSettings], **which})

    assert settings.qb_api_url == api
    assert settings.qb_discovery_url.endswith(f"/{discovery}")


def test_an_unknown_quickbooks_environment_is_refused():
    with pytest.raises(Misconfigured, match="QB_ENVIRONMENT is 'live': say production or sandbox"):
        PosterSettings.from_env({**ENVIRONS[PosterSettings], "QB_ENVIRONMENT": "live"})


@pytest.mark.parametrize("kind", list(ENVIRONS))
def test_slack_is_off_unless_it_is_given(kind):
    assert kind.from_env(ENVIRONS[kind]).slack_webhook_url == ""
    assert kind.from_env({**ENVIRONS[kind], "SLACK_WEBHOOK_URL": "https://x"}).slack_webhook_url == "https://x"


def test_the_api_key_may_come_from_a_secret_instead():
    environ = {name: value for name, value in ENVIRONS[OrderSyncSettings].items() if name != "ODOO_API_KEY"}

    settings = OrderSyncSettings.from_env({**environ, "ODOO_SECRET_ARN": "arn:odoo"})

    assert (settings.odoo_api_key, settings.odoo_secret_arn) == ("", "arn:odoo")
