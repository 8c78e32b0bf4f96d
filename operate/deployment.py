"""One deployment as the commands know it: its functions with their settings, its table, and clients of AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from operate.errors import NeedsAPerson, WrongUse
from operate.functions import FUNCTIONS
from pipeline.aws.key_values import KeyValueTable
from pipeline.aws.secrets import Secrets
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.clock import Clock
from pipeline.domain.quoting import plain_line
from pipeline.qbo.connections import ConnectionDates, stored_dates
from pipeline.qbo.realms import companies_by_realm
from pipeline.qbo.tokens import REQUIRED_KEYS
from pipeline.settings import ExtractorSettings, PosterSettings

EXTRACTOR, POSTER, ORDER_SYNC, TIE_OUT = "odoo-extractor", "qb-poster", "odoo-order-sync", "odoo-qb-tie-out"
# The answer of a function crosses the network after its own time is up.
ANSWER_ALLOWANCE_S = 60
STOPPED = "Task timed out"
ROOT = Path(__file__).resolve().parents[1]
# A state of ours has 300 KB.
STATE_BYTES_MAX = 20_000_000
_BACKEND_SHOWN = {"bucket": "bucket", "region": "region", "profile": "profile", "role_arn": "role"}
_REQUEST_IDS = frozenset({"x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"})


@dataclass(frozen=True, slots=True)
class Applied:
    """What Terraform has deployed from this checkout, as its state here says."""

    environment: str
    region: str
    account: str


def applied_here(state: Path | None = None) -> Applied | None:
    """Return what was applied from this checkout; None if its state is elsewhere, or cannot be read."""
    try:
        with (state or ROOT / "terraform.tfstate").open("rb") as file:
            outputs = json.loads(file.read(STATE_BYTES_MAX))["outputs"]
        _, _, _, region, account, *_ = outputs["odoo_secret_arn"]["value"].split(":")
        environment = outputs["poster_function_name"]["value"].removeprefix(f"{POSTER}-")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return Applied(str(environment), region, account)


def backend_here(noted: Path | None = None) -> str:
    """Return in words where Terraform keeps its state, as `terraform init` noted it in this checkout; or nothing.

    The account of a bucket is not in it. Credentials may be, and are not shown.
    """
    try:
        with (noted or ROOT / ".terraform/terraform.tfstate").open("rb") as file:
            backend = json.loads(file.read(STATE_BYTES_MAX))["backend"]
        config, kind = backend["config"], plain_line(str(backend["type"]), 40)
        parts = [f"{word} {plain_line(str(config[name]), 200)}" for name, word in _BACKEND_SHOWN.items()
                 if config.get(name)]  # fmt: skip
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    return f"{kind} ({', '.join(parts)})" if parts else kind


def refuse_pages(response_dict: Mapping[str, Any], **_named: object) -> None:
    """Raise WrongUse for an answer that is a page for people: a proxy has sent it, and AWS has not.

    It would be read as an answer that lacks everything. AWS gives each of its answers a request id.
    """
    headers = {str(name).lower(): str(value) for name, value in response_dict["headers"].items()}
    if not headers.get("content-type", "").startswith("text/html") or headers.keys() & _REQUEST_IDS:
        return
    body = response_dict["body"]
    if not isinstance(body, bytes) or body.lstrip()[:9].lower().startswith((b"<html", b"<!doctype")):
        raise WrongUse(
            "A page comes in place of AWS' answer, as proxies send it: sign in to this network, or look at HTTPS_PROXY "
            "and NO_PROXY."
        )


class Deployment:
    """The resources of one environment. Raises WrongUse, naming those that exist, if there is no such environment."""

    def __init__(self, environment: str, session: boto3.Session, clock: Clock) -> None:
        self.environment = environment
        self.clock = clock
        # What a person who stops the command should know: what goes on without it, or was not done.
        self.under_way = ""
        self._session = session
        self._clients: dict[str, Any] = {}
        self._configurations: dict[str, Mapping[str, Any]] = {}

    def client(self, name: str) -> Any:
        """Return the client of an AWS service."""
        if name not in self._clients:
            try:
                self._clients[name] = self._session.client(name)  # type: ignore[call-overload]
            except ValueError as error:
                if isinstance(error, BotoCoreError):
                    raise
                raise WrongUse(f"{error}: look at AWS_ENDPOINT_URL, which is for stand-ins.") from None
        return self._clients[name]

    @property
    def region(self) -> str:
        """The region that is looked at."""
        return str(self._session.region_name)

    def full_name(self, function: str) -> str:
        """Return the name of a function in this environment."""
        return f"{function}-{self.environment}"

    def configuration(self, function: str) -> Mapping[str, Any]:
        """Return the configuration of a function as it is deployed."""
        if function not in self._configurations:
            try:
                found = self.client("lambda").get_function_configuration(FunctionName=self.full_name(function))
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                raise WrongUse(self._not_here(function)) from None
            self._configurations[function] = found
        return self._configurations[function]

    def check_exists(self) -> None:
        """Raise WrongUse unless any function of this environment exists."""
        if self.environment not in self.environments():
            raise WrongUse(self._not_here(POSTER))

    def _not_here(self, function: str) -> str:
        others = self.environments()
        if self.environment in others:
            return f"The function {self.full_name(function)} does not exist in {self.region}: run terraform apply."
        names = ", ".join(others)
        account = self._account()
        where = self.region + (f" (account {account})" if account else "")
        applied = applied_here()
        is_elsewhere = applied and (applied.region, applied.account) != (self.region, account)
        if applied and applied.environment == self.environment and is_elsewhere:
            return (
                f"There is no deployment '{self.environment}' in {where}: Terraform has applied it from here to "
                f"{applied.region} (account {applied.account}). Name its --profile and --region."
            )
        backend = "" if applied else backend_here()
        elsewhere = (
            f" Terraform keeps its state in another place, {backend}: `terraform output odoo_secret_arn` names the "
            "region and the account it was applied to."
        )
        return (
            f"There is no deployment '{self.environment}' in {where}"
            + (
                f"; there is {names}: name it with --env."
                if names
                else ", nor any other: look at --region and --profile."
            )
            + (elsewhere if backend else "")
        )

    def _account(self) -> str:
        """Return the account of the credentials; empty if AWS does not say it, which is no error of its own."""
        try:
            return str(self.client("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError):
            return ""

    def environments(self) -> list[str]:
        """Return the environments that are deployed in this region."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        names = [function["FunctionName"] for page in pages for function in page["Functions"]]
        ours = [(name, f"{function}-") for name in names for function in FUNCTIONS if name.startswith(f"{function}-")]
        return sorted({name.removeprefix(beginning) for name, beginning in ours})

    def variables(self, function: str) -> dict[str, str]:
        """Return the environment variables of a function."""
        return dict(self.configuration(function).get("Environment", {}).get("Variables", {}))

    # -- what the functions know -----------------------------------------------------------------------------------

    @property
    def poster(self) -> PosterSettings:
        """The settings the poster runs with."""
        return PosterSettings.from_env(self.variables(POSTER))

    @property
    def extractor(self) -> ExtractorSettings:
        """The settings the extractor runs with."""
        return ExtractorSettings.from_env(self.variables(EXTRACTOR))

    @property
    def table(self) -> TrackingTable:
        """The tracking table."""
        return TrackingTable(self.client("dynamodb"), self.poster.table)

    @property
    def key_values(self) -> KeyValueTable:
        """The key values beside the entries."""
        return KeyValueTable(self.client("dynamodb"), self.poster.table, self.clock)

    @property
    def secrets(self) -> Secrets:
        """The secrets."""
        return Secrets(self.client("secretsmanager"))

    def quickbooks_secret(self) -> dict[str, Any]:
        """Return the QuickBooks secret as it is now."""
        return self.secrets.read(self.poster.qb_secret_arn, REQUIRED_KEYS)

    def connection_dates(self) -> dict[str, ConnectionDates]:
        """Return what is known of each company's connection to QuickBooks."""
        by_realm = companies_by_realm(self.quickbooks_secret())
        return {
            company: stored_dates(self.key_values, realm) for realm, shared in by_realm.items() for company in shared
        }

    # -- invoking --------------------------------------------------------------------------------------------------

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke a function once, wait as long as it may run, and return what it answers.

        Raises WrongUse when the function does not understand what was asked, NeedsAPerson when it failed. Nothing is
        sent twice: a client that gives up and invokes again has two of them work at once.
        """
        may_run_s = int(self.configuration(function).get("Timeout", 0)) or 900
        patient = Config(
            connect_timeout=10,
            read_timeout=may_run_s + ANSWER_ALLOWANCE_S,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
        )
        client: Any = self._session.client("lambda", config=patient)
        if not _only_looks(payload):
            self.under_way = (
                f"{self.full_name(function)} works on for at most {may_run_s} s, and stores what it does: look with "
                "`./oqb status` before you run this again."
            )
        answer = client.invoke(FunctionName=self.full_name(function), Payload=json.dumps(dict(payload)).encode())
        self.under_way = ""
        said = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise self._failed(function, said if isinstance(said, dict) else {})
        # Counts of nothing would look like work that was done.
        if not isinstance(said, dict) or not said:
            raise self.strange(function)
        # What a function does not understand, it answers with what is wrong with it.
        if "error" in said:
            raise WrongUse(str(said["error"]))
        return said

    def strange(self, function: str) -> NeedsAPerson:
        """Return the error for an answer that the function of this checkout would not give."""
        return NeedsAPerson(
            f"{self.full_name(function)} answered with something that this command does not understand: is another "
            "version deployed? `./oqb doctor` says so; build and apply."
        )

    def _failed(self, function: str, said: Mapping[str, Any]) -> NeedsAPerson:
        kind, message = str(said.get("errorType", "")), str(said.get("errorMessage", ""))
        if STOPPED in message:
            return NeedsAPerson(
                f"{self.full_name(function)} was stopped when its time was up. What it did is stored, and the next run "
                "goes on from there: invoke it again, or wait for the schedule."
            )
        return NeedsAPerson(f"{self.full_name(function)} failed: {message or kind or 'without a word'}")


def _only_looks(payload: Mapping[str, Any]) -> bool:
    """Whether a payload asks a function for an answer alone, so that nothing of it goes on after Ctrl-C."""
    return bool(payload.get("dry_run")) or "explain" in payload
