"""`./oqb doctor`: looks at a deployed pipeline, only reading, and names the cause of what is wrong with it.

One check for each way of the troubleshooting in docs/operating.md: no PDFs in S3, posting fails, alarms fire, an event
does not reach the poster. Needs AWS credentials that may read the resources.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from operate.checks import companies, deployed
from operate.deployment import Deployment
from pipeline.aws.tracking_table import STATUS_INDEX
from pipeline.domain.errors import PipelineError

PENDING_AGE_MAX = timedelta(minutes=10)
ERRORS_SINCE = timedelta(hours=1)
ZIPS = Path(__file__).parents[1] / "lambda"
# So many failed entries are read; it says so if there are more.
ENTRIES_COUNTED_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; a problem says what to do about it."""

    check: str
    text: str
    is_problem: bool = True


class Doctor:
    """Checks the deployment of one environment."""

    def __init__(self, deployment: Deployment, zips: Path = ZIPS) -> None:
        self._zips = zips
        self._deployment = deployment
        self._odoo = companies.OdooSide(deployment)
        self._client = deployment.client
        self.environment = environment = deployment.environment
        self._extractor, self._poster = f"odoo-extractor-{environment}", f"qb-poster-{environment}"

    def examine(self) -> list[Finding]:
        """Return what every check found; one that cannot be made is a problem, too."""
        found: list[Finding] = []
        deployment = self._deployment
        checks: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
            ("functions", lambda: deployed.functions(deployment)),
            ("schedules", lambda: deployed.schedules(deployment)),
            ("reaching people", lambda: deployed.alerts(deployment)),
            ("storage", lambda: deployed.storage(deployment)),
            ("versions", lambda: deployed.versions(deployment, self._zips)),
            ("clock", lambda: deployed.clock(deployment)),
            ("Odoo", lambda: companies.odoo(deployment, self._odoo)),
            ("QuickBooks", lambda: companies.connections(deployment, self._odoo)),
            ("mapping", lambda: companies.mapping(deployment, self._odoo)),
            ("PDFs in S3", self._pulling),
            ("posting", self._posting),
            ("alarms", self._alarms),
            ("S3 events to the poster", self._event),
        )
        for name, check in checks:
            problems: list[Finding] = []
            try:
                for text in check():
                    problems.append(Finding(name, text))  # noqa: PERF401 - what was found before an error counts
            except (ClientError, BotoCoreError) as error:
                problems.append(Finding(name, f"AWS refuses the look: {error}"))
            except PipelineError as error:
                problems.append(Finding(name, str(error)))
            except click.ClickException as error:
                problems.append(Finding(name, error.format_message()))
            # One cause is in the way of several checks; a person reads it once.
            named = {finding.text: finding.check for finding in found}
            new = [finding for finding in problems if finding.text not in named]
            if problems and not new:
                before = named[problems[0].text]
                found.append(Finding(name, f"cannot be looked at before that is fixed: {before}", is_problem=False))
                continue
            problems = new
            found += problems or [Finding(name, "nothing wrong", is_problem=False)]
        return found

    def _pulling(self) -> Iterator[str]:
        """Look at the login, at what the user sees, and what the extractor said last."""
        odoo, _ = self._odoo.asked()
        if not odoo.search_read("account.move", [], ["id"], companies=[], limit=1, order="id desc"):
            yield "Odoo shows its user no documents at all: give the user every company it is to read."
        yield from self._last_errors(self._extractor)

    def _posting(self) -> Iterator[str]:
        """Look at the secret and its tokens, what the failed entries say, the sweep, and what the poster said last."""
        settings = self._deployment.poster
        yield from companies.ends(self._deployment)
        causes = self._failed(settings.table)
        if sum(map(len, causes.values())) >= ENTRIES_COUNTED_MAX:
            yield f"At least {ENTRIES_COUNTED_MAX:,} documents have failed; only these are counted here."
        for (company, code), entries in causes.items():
            yield (
                f"{company}: {len(entries)} failed with {code}, for example: {entries[0]} Then: "
                f"`./oqb retry --company {quote(company)} --cause {code}`."
            )
        yield from self._last_errors(self._poster)

    def _alarms(self) -> Iterator[str]:
        """Check which alarms fire and why, and what is in the dead-letter queues."""
        pages = self._client("cloudwatch").get_paginator("describe_alarms").paginate(StateValue="ALARM")
        for alarm in (alarm for page in pages for alarm in page["MetricAlarms"]):
            if alarm["AlarmName"].endswith(f"-{self.environment}"):
                yield f"{alarm['AlarmName']} fires: {alarm.get('StateReason', '')}"
        functions = self._functions()
        if not functions:
            yield f"No function says that it is of the environment {self.environment}: look at the region, or apply."
        for function in functions:
            yield from self._dead_letters(function)

    def _event(self) -> Iterator[str]:
        """Look at notification and permission, and for PDFs that wait too long."""
        settings = self._deployment.poster
        s3 = self._client("s3")
        configured = s3.get_bucket_notification_configuration(Bucket=settings.bucket)
        rules = [_filter(rule) for rule in configured.get("LambdaFunctionConfigurations", [])
                 if rule["LambdaFunctionArn"].endswith(f":{self._poster}")]  # fmt: skip
        if {"prefix": "pending/", "suffix": ".pdf"} not in rules:
            yield f"The bucket does not notify {self._poster} of pending/*.pdf: apply Terraform."
        policy = json.loads(self._client("lambda").get_policy(FunctionName=self._poster)["Policy"])
        if not any(_lets_s3_in(statement) for statement in policy["Statement"]):
            yield f"S3 may not invoke {self._poster}: apply Terraform."
        oldest = self._deployment.clock.now() - PENDING_AGE_MAX
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=settings.bucket, Prefix="pending/")
        listed = (item for page in pages for item in page.get("Contents", []))
        failed = {entry for entries in self._failed(settings.table, key="entry_id").values() for entry in entries}
        late = [item["Key"] for item in listed if item["LastModified"] < oldest and item["Key"][8:-4] not in failed]
        if late:
            yield f"{len(late)} PDFs wait longer than ten minutes, for example {late[0]}: `./oqb list` says why."

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
                "`./oqb redrive`"
                if _may_redrive(self._client("iam"), function)
                else "purge the queue; the schedule repeats the work"
            )
            yield f"{count} dead letters of {name} wait in {queue}: each says what is wrong. Fix it, then {remedy}."

    def _last_errors(self, function: str) -> Iterator[str]:
        since = int((self._deployment.clock.now() - ERRORS_SINCE).timestamp() * 1000)
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
