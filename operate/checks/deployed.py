"""Whether what Terraform makes is there as it makes it: functions, schedules, alarms, storage, versions; and the clock.

Each check yields sentences that say what is wrong and which command fixes it. Nothing is changed.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from operate.deployment import EXTRACTOR, POSTER, TIE_OUT, Deployment
from operate.functions import FUNCTIONS, SCHEDULES, WATCHED
from operate.output import span

APPLY = "run `terraform apply`"
# What a function must be allowed to do with the bucket.
_OF_THE_BUCKET = {
    EXTRACTOR: (("s3:PutObject", "pending/x.pdf"),),
    POSTER: (("s3:GetObject", "documents/x.json"), ("s3:PutObject", "posted/x.pdf")),
    TIE_OUT: (("s3:PutObject", "reports/x.html"),),
}
ALARMS_OF_EACH = ("errors", "dlq", "alerts-undelivered")
OWN_ALARMS = (
    *(f"{POSTER}-{what}" for what in ("backlog-age", "refresh-token", "consent", "drift")),
    *(f"tie-out-{what}" for what in ("unexplained", "overdue")),
    "odoo-qb-alerts-failed",
)
# Both run every few minutes; after a day without a run nothing can be meant.
RUN_MISSED_AFTER = timedelta(hours=1)
METRIC_LAG = timedelta(minutes=5)
CLOCK_SKEW_MAX = timedelta(minutes=4)
OBJECTS_LOOKED_AT_MAX = 1_000
_READABLE_AT_ONCE = ("STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "REDUCED_REDUNDANCY")
_MISSING = ("ResourceNotFoundException", "NoSuchEntity", "NoSuchBucket", "NotFoundException", "NotFound",
            "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "404")  # fmt: skip


def _is_missing(error: ClientError) -> bool:
    return str(error.response.get("Error", {}).get("Code", "")) in _MISSING


def functions(deployment: Deployment) -> Iterator[str]:
    """Check that the functions exist, may run, may do what they must, and write a log."""
    for function in FUNCTIONS:
        name = deployment.full_name(function)
        try:
            found = deployment.client("lambda").get_function_configuration(FunctionName=name)
        except ClientError as error:
            if not _is_missing(error):
                raise
            yield f"The function {name} does not exist: {APPLY}."
            continue
        limit = deployment.client("lambda").get_function_concurrency(FunctionName=name)
        if limit.get("ReservedConcurrentExecutions") == 0:
            yield (
                f"{name} may not run at all, its reserved concurrency is 0: "
                f"`aws lambda delete-function-concurrency --function-name {name}`."
            )
        groups = deployment.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
        if not any(group["logGroupName"] == f"/aws/lambda/{name}" for group in groups):
            yield f"The log group /aws/lambda/{name} does not exist: {APPLY}."
        yield from _permissions(deployment, function, found)


def _permissions(deployment: Deployment, function: str, configuration: Mapping[str, Any]) -> Iterator[str]:
    """Check that the role allows what the function cannot do without."""
    iam, role = deployment.client("iam"), str(configuration["Role"]).rpartition("/")[2]
    try:
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    except ClientError as error:
        if not _is_missing(error):
            raise
        yield f"The role {role} of {function} does not exist: {APPLY}."
        return
    statements = [statement for document in documents for statement in document["Statement"]]
    lacking = [
        action for action, resource in _needed(deployment, function, configuration)
        if not any(_allows(statement, action, resource) for statement in statements)
    ]  # fmt: skip
    if lacking:
        yield f"{function} may not {', '.join(lacking)}: {APPLY}."


def _needed(deployment: Deployment, function: str, configuration: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    own = configuration.get("Environment", {}).get("Variables", {})
    account = str(configuration["FunctionArn"]).split(":")[4]
    for variable, actions in (
        ("ODOO_SECRET_ARN", ("secretsmanager:GetSecretValue",)),
        ("QB_SECRET_ARN", ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")),
        ("SNS_ALERT_TOPIC", ("sns:Publish",)),
    ):
        if own.get(variable):
            yield from ((action, own[variable]) for action in actions)
    for variable in ("DYNAMODB_TABLE", "ODDO_RESPONSE_TABLE"):
        if own.get(variable):
            yield "dynamodb:PutItem", f"arn:aws:dynamodb:{deployment.region}:{account}:table/{own[variable]}"
    if own.get("QB_SECRET_ARN"):
        path = f"parameter/odoo-qb-integration/{deployment.environment}/quickbooks-tokens/x"
        for action in ("ssm:GetParameter", "ssm:PutParameter"):
            yield action, f"arn:aws:ssm:{deployment.region}:{account}:{path}"
    for action, key in _OF_THE_BUCKET.get(function, ()):
        yield action, f"arn:aws:s3:::{own.get('S3_BUCKET')}/{key}"
    if function in (EXTRACTOR, POSTER):
        yield "lambda:InvokeFunction", str(configuration["FunctionArn"])


def _allows(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    return statement.get("Effect") == "Allow" and all(
        any(fnmatch.fnmatchcase(wanted, pattern) for pattern in _listed(statement[part]))
        for part, wanted in (("Action", action), ("Resource", resource))
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


# -- running by itself -----------------------------------------------------------------------------------------------


def schedules(deployment: Deployment) -> Iterator[str]:
    """Check that the functions run by themselves, and that extractor and poster did within the last hour."""
    events, now = deployment.client("events"), deployment.clock.now()
    disabled = []
    for schedule, function in SCHEDULES.items():
        rule, name = f"{schedule}-{deployment.environment}", deployment.full_name(function)
        try:
            state = events.describe_rule(Name=rule)["State"]
        except ClientError as error:
            if not _is_missing(error):
                raise
            yield f"The rule {rule} does not exist, so {name} never runs by itself: {APPLY}."
            continue
        if state != "ENABLED":
            disabled.append((rule, name))
        targets = events.list_targets_by_rule(Rule=rule)["Targets"]
        if not any(target["Arn"].endswith(f":{name}") for target in targets):
            yield f"The rule {rule} does not point to {name}: {APPLY}."
        if not _lets_in(deployment, name, rule):
            yield f"The rule {rule} may not invoke {name}: {APPLY}."
        if state == "ENABLED" and schedule in (f"{EXTRACTOR}-schedule", f"{POSTER}-sweep"):
            yield from _missed(deployment, function, now)
    if len(disabled) == len(SCHEDULES):
        yield f"No schedule is enabled: to go live, remove schedules_enabled from terraform.tfvars and {APPLY}."
        return
    for rule, name in disabled:
        yield f"The rule {rule} is disabled, so {name} is not invoked: `aws events enable-rule --name {rule}`."


def _missed(deployment: Deployment, function: str, now: datetime) -> Iterator[str]:
    name = deployment.full_name(function)
    changed_at = datetime.fromisoformat(deployment.configuration(function)["LastModified"])
    last = last_run(deployment, name, now)
    if now - changed_at > RUN_MISSED_AFTER and (not last or now - last > RUN_MISSED_AFTER):
        when = f"ran last {span(now - last)} ago" if last else "has not run within a day"
        yield f"{name} {when}: look at its log, `aws logs tail /aws/lambda/{name} --since 1d`."


def last_run(deployment: Deployment, name: str, now: datetime) -> datetime | None:
    """Return when a function ran last within a day, to the minute, as CloudWatch counts it."""
    points = deployment.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=now - timedelta(days=1),
        EndTime=now + METRIC_LAG,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    moments: list[datetime] = [point["Timestamp"] for point in points if point["Sum"]]
    return max(moments, default=None)


def _lets_in(deployment: Deployment, name: str, rule: str) -> bool:
    """Return whether a function lets itself be invoked by a rule."""
    try:
        policy = json.loads(deployment.client("lambda").get_policy(FunctionName=name)["Policy"])
    except ClientError as error:
        if not _is_missing(error):
            raise
        return False
    return any(
        statement.get("Effect") == "Allow"
        and "events.amazonaws.com" in str(statement.get("Principal"))
        and f":rule/{rule}" in str(statement.get("Condition", f":rule/{rule}"))
        for statement in policy["Statement"]
    )


# -- reaching people -------------------------------------------------------------------------------------------------


def alerts(deployment: Deployment) -> Iterator[str]:
    """Check that the alarms exist, are on, and reach somebody."""
    topic = deployment.variables(POSTER).get("SNS_ALERT_TOPIC", "")
    try:
        pages = deployment.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        subscriptions = [found for page in pages for found in page["Subscriptions"]]
    except ClientError as error:
        if not _is_missing(error):
            raise
        yield f"The topic of the alerts, {topic.rpartition(':')[2]}, does not exist: {APPLY}."
        return
    yield from subscribed(subscriptions)
    common = [f"{function}-{what}" for function in FUNCTIONS for what in ALARMS_OF_EACH]
    silent = [f"{function}-silent" for function in WATCHED if _is_scheduled(deployment, function)]
    expected = {f"{name}-{deployment.environment}" for name in (*common, *silent, *OWN_ALARMS)}
    pages = deployment.client("cloudwatch").get_paginator("describe_alarms").paginate()
    found = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    missing = sorted(expected - found.keys())
    if missing:
        yield f"Alarms do not exist: {', '.join(missing)}: {APPLY}."
    for name in sorted(expected & found.keys()):
        if not found[name].get("ActionsEnabled", True):
            yield f"The alarm {name} reports to nobody: `aws cloudwatch enable-alarm-actions --alarm-names {name}`."
        elif topic not in found[name].get("AlarmActions", []):
            yield f"The alarm {name} does not go to {topic.rpartition(':')[2]}: {APPLY}."


def _is_scheduled(deployment: Deployment, function: str) -> bool:
    """Return whether a rule of a function is enabled: only then is there an alarm for its silence."""
    rules = [f"{schedule}-{deployment.environment}" for schedule, owner in SCHEDULES.items() if owner == function]
    found = deployment.client("events").list_rules(NamePrefix=rules[0])["Rules"]
    return any(rule["State"] == "ENABLED" for rule in found)


def subscribed(subscriptions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Check that somebody has confirmed that e-mail may be sent."""
    mails = [found for found in subscriptions if found["Protocol"].startswith("email")]
    if not mails:
        yield f"Nobody gets an e-mail: set alert_email and {APPLY}."
    elif all(not found["SubscriptionArn"].startswith("arn:") for found in mails):
        names = ", ".join(found["Endpoint"] for found in mails)
        yield f"{names} has not confirmed the subscription: open the link in the mail from AWS (look in the spam, too)."


# -- storage ---------------------------------------------------------------------------------------------------------


def storage(deployment: Deployment) -> Iterator[str]:
    """Check that table and bucket exist, are protected, and that no object the poster needs is archived."""
    settings, dynamodb = deployment.poster, deployment.client("dynamodb")
    try:
        table = dynamodb.describe_table(TableName=settings.table)["Table"]
    except ClientError as error:
        if not _is_missing(error):
            raise
        yield f"The table {settings.table} does not exist: restore it from its backup, or {APPLY} and `./oqb rebuild`."
    else:
        indexes = {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])}
        lacking = sorted({"status-index", "company-status-index"} - indexes)
        if lacking:
            yield f"The table {settings.table} has no {', '.join(lacking)}: {APPLY}."
        backups = dynamodb.describe_continuous_backups(TableName=settings.table)["ContinuousBackupsDescription"]
        if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
            yield f"The table {settings.table} has no point-in-time recovery: {APPLY}."
    yield from _bucket(deployment, settings.bucket)


def _bucket(deployment: Deployment, bucket: str) -> Iterator[str]:
    s3 = deployment.client("s3")
    try:
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
            yield f"The bucket {bucket} keeps no former versions: {APPLY}."
    except ClientError as error:
        if not _is_missing(error):
            raise
        yield f"The bucket {bucket} does not exist: {APPLY}."
        return
    for prefix in ("pending/", "documents/", "config/"):
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=OBJECTS_LOOKED_AT_MAX).get("Contents", [])
        frozen = [row["Key"] for row in listed if row.get("StorageClass", "STANDARD") not in _READABLE_AT_ONCE]
        if frozen:
            yield (
                f"{len(frozen)} objects under {prefix} are archived and cannot be read, for example {frozen[0]}: "
                f"restore them (`aws s3api restore-object`), and take the rule that archives them away: {APPLY}."
            )


# -- versions and time -----------------------------------------------------------------------------------------------


def versions(deployment: Deployment, zips: Path) -> Iterator[str]:
    """Compare what is deployed with what was built here, and that with the sources here; where it was built."""
    for function in FUNCTIONS:
        built = zips / f"{function.removeprefix('odoo-qb-').replace('-', '_')}.zip"
        if not built.exists():
            continue
        digest = base64.b64encode(hashlib.sha256(built.read_bytes()).digest()).decode()
        if deployment.configuration(function).get("CodeSha256") != digest:
            yield (
                f"{deployment.full_name(function)} is another version than {built.name} of this checkout: {APPLY} to "
                "deploy this one, or check out the one that is deployed."
            )
        elif changed := _changed_since(built):
            yield (
                f"{deployment.full_name(function)} is another version than this checkout: {changed} is not the one in "
                f"{built.name}. Run `./build.sh`, then {APPLY}."
            )
            # The others were built at the same time.
            return


def _changed_since(built: Path) -> str:
    """Return the first source in a zip that is not the one beside the zip, by its name there; empty if all are."""
    with zipfile.ZipFile(built) as archive:
        for name in sorted(archive.namelist()):
            # What comes from elsewhere has no source here.
            is_ours = name.startswith("pipeline/") or (built.parent / name).is_file()
            if name.endswith(".py") and is_ours:
                source = built.parent / name
                if not source.is_file() or source.read_bytes() != archive.read(name):
                    return name
    return ""


def clock(deployment: Deployment) -> Iterator[str]:
    """Compare the clock here with that of AWS, which refuses what is signed at another time."""
    answer = deployment.client("sts").get_caller_identity()
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not date:
        return
    skew = abs(deployment.clock.now() - parsedate_to_datetime(date).astimezone(UTC))
    if skew > CLOCK_SKEW_MAX:
        yield f"The clock of this machine differs from that of AWS by {span(skew)}: set it, or let NTP do so."
