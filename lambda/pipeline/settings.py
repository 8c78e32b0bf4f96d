"""The settings of each function, from its environment: one frozen object, built at the first call, never at import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pipeline.domain.errors import Misconfigured
from pipeline.domain.values import dataclass

QUICKBOOKS_APIS = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}
QUICKBOOKS_DISCOVERY = {
    "production": "https://developer.api.intuit.com/.well-known/openid_configuration",
    "sandbox": "https://developer.api.intuit.com/.well-known/openid_sandbox_configuration",
}
# Where a person opens a transaction.
QUICKBOOKS_PAGES = {"production": "https://qbo.intuit.com", "sandbox": "https://sandbox.qbo.intuit.com"}
# Longer than this a month is not waited for.
DAYS_MAX = 90

# Terraform's names of what is empty until somebody sets it.
_TERRAFORM = {"ODOO_DB": "odoo_database", "ODOO_EMAIL": "odoo_email"}


def _given(environ: Mapping[str, str], name: str, default: str = "") -> str:
    """Return a variable, or what counts where it is missing or empty. Whoever sets one by hand may add a line's end."""
    return environ.get(name, "").strip() or default


def _required(environ: Mapping[str, str], name: str) -> str:
    value = _given(environ, name)
    if not value:
        set_by = f": set {_TERRAFORM[name]} in terraform.tfvars, then `terraform apply`" if name in _TERRAFORM else ""
        raise Misconfigured(f"The environment variable {name} is missing{set_by}.")
    return value


def _alerting(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what every function has: where it runs, and whom it writes to."""
    return {
        "environment": _given(environ, "ENVIRONMENT"),
        "topic": _given(environ, "SNS_ALERT_TOPIC"),
        "slack_webhook_url": _given(environ, "SLACK_WEBHOOK_URL"),
        "slack_webhook_parameter": _given(environ, "SLACK_WEBHOOK_PARAMETER"),
        "region": _given(environ, "AWS_REGION"),
    }


def _pipeline(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the functions of the pipeline share. Raises Misconfigured, naming the variable that is missing."""
    return {
        **_alerting(environ),
        "environment": _required(environ, "ENVIRONMENT"),
        "table": _required(environ, "DYNAMODB_TABLE"),
        "bucket": _required(environ, "S3_BUCKET"),
        "topic": _required(environ, "SNS_ALERT_TOPIC"),
    }


def _quickbooks(environ: Mapping[str, str]) -> dict[str, str]:
    """Return where QuickBooks is reached. Raises Misconfigured for an environment Intuit does not have."""
    which = _quickbooks_environment(environ)
    return {
        "qb_secret_arn": _required(environ, "QB_SECRET_ARN"),
        "qb_api_url": _given(environ, "QB_API_URL", QUICKBOOKS_APIS[which]).rstrip("/"),
        "qb_discovery_url": _given(environ, "QB_DISCOVERY_URL", QUICKBOOKS_DISCOVERY[which]),
    }


def _quickbooks_environment(environ: Mapping[str, str]) -> str:
    which = _given(environ, "QB_ENVIRONMENT", "production")
    if which not in QUICKBOOKS_APIS:
        raise Misconfigured(f"The environment variable QB_ENVIRONMENT is '{which}': say production or sandbox.")
    return which


def _days(environ: Mapping[str, str], name: str, default: int) -> int:
    text = _given(environ, name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= DAYS_MAX:
        raise Misconfigured(f"{name} is {text[:20]!r}: give whole days, 1 to {DAYS_MAX}.")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertingSettings:
    """What every function has: where it runs, and whom it writes to."""

    environment: str
    topic: str
    slack_webhook_url: str
    slack_webhook_parameter: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings(AlertingSettings):
    """What the functions of the pipeline share: the tracking table and the bucket."""

    table: str
    bucket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractorSettings(PipelineSettings):
    """The settings of the extractor."""

    odoo_api_url: str
    odoo_secret_arn: str
    renders_pdfs: bool
    function_name: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings; raises Misconfigured naming the variable that is missing.

        With `ODOO_RENDER_PDFS=false` Odoo is only read: rendering bumps the write date in 19, and with an API key it
        makes and removes a draft e-mail.
        """
        return cls(
            **_pipeline(environ),
            odoo_api_url=_required(environ, "ODOO_API_URL"),
            odoo_secret_arn=_required(environ, "ODOO_SECRET_ARN"),
            renders_pdfs=_given(environ, "ODOO_RENDER_PDFS", "true") != "false",
            # Lambda sets it; elsewhere there is no function to start.
            function_name=_given(environ, "AWS_LAMBDA_FUNCTION_NAME"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PosterSettings(PipelineSettings):
    """The settings of the poster."""

    qb_secret_arn: str
    qb_api_url: str
    qb_discovery_url: str
    qb_url: str = ""
    function_name: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings. Raises Misconfigured, naming the variable that is missing or wrong."""
        return cls(
            **_pipeline(environ),
            **_quickbooks(environ),
            qb_url=QUICKBOOKS_PAGES[_quickbooks_environment(environ)],
            # Lambda sets it; elsewhere there is no function to start.
            function_name=_given(environ, "AWS_LAMBDA_FUNCTION_NAME"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TieOutSettings(PipelineSettings):
    """The settings of the tie-out, which reads both sides."""

    odoo_api_url: str
    odoo_secret_arn: str
    qb_secret_arn: str
    qb_api_url: str
    qb_discovery_url: str
    is_sandbox: bool
    overdue_days: int = 10

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings. Raises Misconfigured, naming the variable that is missing or wrong."""
        return cls(
            **_pipeline(environ),
            **_quickbooks(environ),
            odoo_api_url=_required(environ, "ODOO_API_URL"),
            odoo_secret_arn=_required(environ, "ODOO_SECRET_ARN"),
            is_sandbox=_quickbooks_environment(environ) == "sandbox",
            overdue_days=_days(environ, "TIE_OUT_OVERDUE_DAYS", 10),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSyncSettings(AlertingSettings):
    """The settings of the order sync. The key comes from `ODOO_API_KEY` or from the secret in `ODOO_SECRET_ARN`."""

    odoo_url: str
    odoo_database: str
    odoo_email: str
    odoo_api_key: str
    odoo_secret_arn: str
    table: str
    copies_all: bool = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings; raises Misconfigured naming the variable that is missing.

        With `ORDER_SYNC_ALL=true` every order written since the last run is copied, not only the newest hundred.
        """
        secret_arn = _given(environ, "ODOO_SECRET_ARN")
        return cls(
            **_alerting(environ),
            odoo_url=_required(environ, "ODOO_URL"),
            odoo_database=_required(environ, "ODOO_DB"),
            odoo_email=_required(environ, "ODOO_EMAIL"),
            odoo_api_key=_given(environ, "ODOO_API_KEY") if secret_arn else _required(environ, "ODOO_API_KEY"),
            odoo_secret_arn=secret_arn,
            # The seed's own spelling.
            table=_required(environ, "ODDO_RESPONSE_TABLE"),
            copies_all=_given(environ, "ORDER_SYNC_ALL", "false") == "true",
        )
