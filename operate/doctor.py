"""`./oqb doctor`: looks at a deployed pipeline, only reading, and names the cause of what is wrong with it.

One check for each way of the README's troubleshooting: no PDFs in S3, posting fails, alarms fire, an event does not
reach the poster. Needs AWS credentials that may read the resources.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operate.deployment import Deployment
from pipeline.aws.secrets import Secrets
from pipeline.aws.tracking_table import STATUS_INDEX
from pipeline.domain.errors import PipelineError
from pipeline.odoo.client import Odoo
from pipeline.qbo.session import companies
from pipeline.qbo.tokens import REQUIRED_KEYS
from pipeline.runtime import SystemClock

PENDING_AGE_MAX = timedelta(minutes=10)
DAYS_LEFT_MIN = 14
ENTRIES_COUNTED_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; a problem says what to do about it."""

    check: str
    text: str
    is_problem: bool = True


class Doctor:
    """Checks the deployment of one environment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._client = deployment.client
        self.environment = environment = deployment.environment
        self._extractor, self._poster = f"odoo-extractor-{environment}", f"qb-poster-{environment}"

    def examine(self) -> list[Finding]:
        """Return what every check found; one that cannot be made is a problem, too."""
        found: list[Finding] = []
        for name, check in (
            ("no PDFs in S3", self._pulling),
            ("posting fails", self._posting),
            ("alarms", self._alarms),
            ("S3 event does not reach the poster", self._event),
        ):
            try:
                problems = [Finding(name, text) for text in check()]
            except (ClientError, BotoCoreError) as error:
                problems = [Finding(name, f"AWS refuses the look: {error}")]
            except PipelineError as error:
                problems = [Finding(name, str(error))]
            found += problems or [Finding(name, "nothing wrong", is_problem=False)]
        return found

    def _pulling(self) -> Iterator[str]:
        """Look at the secret, the login, the schedule, and what the extractor said last."""
        settings = self._variables(self._extractor)
        secret = Secrets(self._client("secretsmanager")).read(
            settings["ODOO_SECRET_ARN"], ("database", "username", "password")
        )
        odoo = Odoo(
            settings["ODOO_API_URL"], database=secret["database"], username=secret["username"],
            secret=secret["password"], clock=SystemClock(),
        )  # fmt: skip
        rows = odoo.search_read("account.move", [], ["id"], companies=[], limit=1, order="id desc")
        if not rows:
            yield f"Odoo shows '{secret['username']}' no documents at all: give the user every company it is to read."
        yield from self._schedule(f"odoo-extractor-schedule-{self.environment}", self._extractor)
        yield from self._last_errors(self._extractor)

    def _posting(self) -> Iterator[str]:
        """Look at the secret and its tokens, what the failed entries say, the sweep, and what the poster said last."""
        settings = self._variables(self._poster)
        secret = Secrets(self._client("secretsmanager")).read(settings["QB_SECRET_ARN"], REQUIRED_KEYS)
        for company in companies(secret):
            if not (secret.get("refresh_tokens") or {}).get(company) and not secret.get("refresh_token"):
                yield f"The QuickBooks secret has no refresh token for {company}: connect it and add the token."
            kept = (secret.get("access_tokens") or {}).get(company) or {}
            days = (kept.get("refresh_expires_at", time.time() + 1e9) - time.time()) / 86_400
            if days < DAYS_LEFT_MIN:
                yield f"The QuickBooks connection of {company} ends in {days:.0f} days: connect it again."
        for (company, code), entries in self._failed(settings["DYNAMODB_TABLE"]).items():
            yield f"{company}: {len(entries)} failed with {code}, for example: {entries[0]}"
        yield from self._schedule(f"qb-poster-sweep-{self.environment}", self._poster)
        yield from self._last_errors(self._poster)

    def _alarms(self) -> Iterator[str]:
        """Check which alarms fire and why, and what is in the dead-letter queues."""
        alarms = self._client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
        for alarm in alarms:
            if alarm["AlarmName"].endswith(f"-{self.environment}"):
                yield f"{alarm['AlarmName']} fires: {alarm.get('StateReason', '')}"
        functions = self._functions()
        if not functions:
            yield f"No function says that it is of the environment {self.environment}: look at the region, or apply."
        for function in functions:
            yield from self._dead_letters(function)

    def _event(self) -> Iterator[str]:
        """Look at notification and permission, and for PDFs that wait too long."""
        settings = self._variables(self._poster)
        s3 = self._client("s3")
        configured = s3.get_bucket_notification_configuration(Bucket=settings["S3_BUCKET"])
        rules = [_filter(rule) for rule in configured.get("LambdaFunctionConfigurations", [])
                 if rule["LambdaFunctionArn"].endswith(f":{self._poster}")]  # fmt: skip
        if {"prefix": "pending/", "suffix": ".pdf"} not in rules:
            yield f"The bucket does not notify {self._poster} of pending/*.pdf: apply Terraform."
        policy = json.loads(self._client("lambda").get_policy(FunctionName=self._poster)["Policy"])
        if not any(_lets_s3_in(statement) for statement in policy["Statement"]):
            yield f"S3 may not invoke {self._poster}: apply Terraform."
        oldest = datetime.now(UTC) - PENDING_AGE_MAX
        listed = s3.list_objects_v2(Bucket=settings["S3_BUCKET"], Prefix="pending/").get("Contents", [])
        failed = {
            entry for entries in self._failed(settings["DYNAMODB_TABLE"], key="entry_id").values() for entry in entries
        }
        late = [item["Key"] for item in listed if item["LastModified"] < oldest and item["Key"][8:-4] not in failed]
        if late:
            yield f"{len(late)} PDFs wait longer than ten minutes, for example {late[0]}: look at 'posting fails'."

    # -- looking ---------------------------------------------------------------------------------------------------

    def _functions(self) -> list[str]:
        """Return the deployment's functions: those that say, in their own variables, that they alert to its topic."""
        topic = f":odoo-qb-alerts-{self.environment}"
        pages = self._client("lambda").get_paginator("list_functions").paginate()
        return sorted(
            configuration["FunctionName"]
            for page in pages
            for configuration in page["Functions"]
            if configuration.get("Environment", {}).get("Variables", {}).get("SNS_ALERT_TOPIC", "").endswith(topic)
        )

    def _dead_letters(self, function: str) -> Iterator[str]:
        name = function.removesuffix(f"-{self.environment}")
        queue = f"{name}-dlq-{self.environment}"
        sqs = self._client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        count = int(attributes["Attributes"]["ApproximateNumberOfMessages"])
        if count:
            remedy = (
                f'invoke {name} with {{"redrive": true}}'
                if _may_redrive(self._client("iam"), function)
                else "purge the queue; the schedule repeats the work"
            )
            yield f"{count} dead letters of {name} wait in {queue}: each says what is wrong. Fix it, then {remedy}."

    def _variables(self, function: str) -> dict[str, str]:
        return self._deployment.variables(function.removesuffix(f"-{self.environment}"))

    def _schedule(self, rule: str, function: str) -> Iterator[str]:
        events = self._client("events")
        if events.describe_rule(Name=rule)["State"] != "ENABLED":
            yield f"The rule {rule} is disabled, so {function} never runs: enable it."
        targets = events.list_targets_by_rule(Rule=rule)["Targets"]
        if not any(target["Arn"].endswith(f":{function}") for target in targets):
            yield f"The rule {rule} does not point to {function}: apply Terraform."

    def _last_errors(self, function: str) -> Iterator[str]:
        since = int((time.time() - 3600) * 1000)
        events = self._client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{function}", startTime=since, filterPattern='"ERROR"', limit=3
        )["events"]
        for event in events:
            yield f"{function} said within the last hour: {event['message'].strip()[:300]}"

    def _failed(self, table: str, key: str = "error_message") -> dict[tuple[str, str], list[str]]:
        pages = self._client("dynamodb").get_paginator("query").paginate(
            TableName=table,
            IndexName=STATUS_INDEX,
            KeyConditionExpression="#status = :failed",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":failed": {"S": "failed"}},
            PaginationConfig={"MaxItems": ENTRIES_COUNTED_MAX},
        )  # fmt: skip
        found: dict[tuple[str, str], list[str]] = {}
        for page in pages:
            for item in page["Items"]:
                cause = (item["company"]["S"], item.get("error_code", {}).get("S", "?"))
                found.setdefault(cause, []).append(item.get(key, {}).get("S", ""))
        return found


def _may_redrive(iam: Any, function: str) -> bool:
    """Tell whether a function reads its own queue: only then does its policy let it."""
    policy = iam.get_role_policy(RoleName=function, PolicyName=function)["PolicyDocument"]
    return any("sqs:ReceiveMessage" in statement["Action"] for statement in policy["Statement"])


def _filter(configuration: dict[str, Any]) -> dict[str, str]:
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return {rule["Name"].lower(): rule["Value"] for rule in rules}


def _lets_s3_in(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    return statement.get("Effect") == "Allow" and service == "s3.amazonaws.com"
