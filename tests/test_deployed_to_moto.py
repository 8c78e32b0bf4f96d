"""The real configuration, applied to a moto server by environment alone: deployed, used, planned again, destroyed.

One test, because applying takes a minute and every step needs the one before; each rule is a subtest of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import boto3
import pytest

from local.demo.books import demo_realms
from local.demo.documents import load
from local.stand_ins.aws import Deployment, EmbeddedAws
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.realm import secret_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from operate.deployment import Deployment as Operated
from operate.doctor import Doctor
from pipeline.runtime import SystemClock, aws_client
from tests.aws_without_sockets import without_sockets
from tests.iam import GOLDEN, HERE, Call, Policy, golden_form, is_allowed, listed, recorded_calls, table_arn
from tests.terraform_tools import Terraform, function_names, provider_kept_running, without_aws, working_copy

ENVIRONMENT = "deployed"
FUNCTIONS = {
    name: import_module(name.removeprefix("odoo-qb-").replace("-", "_")).lambda_handler for name in function_names()
}
SWEEPS_MAX = 10
# The example's six values, and over them what this deployment needs.
VARIABLES = ("-var-file=terraform.tfvars.example", "-var-file=deployed.tfvars.json")
# moto keeps neither of the two, so that every further plan wants to add them to each function.
MOTO_FORGETS = {"dead_letter_config", "logging_config"}


@pytest.fixture
def aws():
    aws = EmbeddedAws()
    # Terraform, a process of its own, uses the socket; every call of the functions goes through botocore.
    with without_sockets(aws, at_once=False):
        yield aws
    aws.close()


@pytest.fixture
def odoo():
    odoo = OdooStandIn(*load())
    yield odoo
    odoo.close()


@pytest.fixture
def quickbooks():
    quickbooks = QuickBooksStandIn(demo_realms())
    yield quickbooks
    quickbooks.close()


@pytest.fixture
def terraform(tmp_path, aws):
    """Terraform in a copy of the tree, against this AWS; each of seven commands would start the provider otherwise."""
    with provider_kept_running(working_copy(tmp_path / "tree", without_aws(os.environ) | aws.environ)) as terraform:
        yield terraform


def test_the_configuration_deploys_works_and_leaves_nothing(terraform, aws, odoo, quickbooks, subtests):
    variables = {
        "environment": ENVIRONMENT,
        "schedules_enabled": True,
        "odoo_api_url": odoo.url,
        "odoo_database": odoo.database,
        "odoo_email": odoo.users[0].login,
        "quickbooks_api_url": quickbooks.url,
        "quickbooks_discovery_url": quickbooks.discovery_url,
        # What a trial wants to be able to take down again, a real installation does not.
        "force_destroy": True,
        "deletion_protection_enabled": False,
        "secret_recovery_days": 0,
    }
    (terraform.folder / "deployed.tfvars.json").write_text(json.dumps(variables))

    terraform.must("plan", "-input=false", "-out=tfplan", *VARIABLES)
    planned = terraform.show("tfplan")
    terraform.must("apply", "-input=false", "-parallelism=20", "tfplan")
    outputs = {name: output["value"] for name, output in json.loads(terraform.must("output", "-json")).items()}
    deployed = deployment(aws, outputs)

    with subtests.test("A31: no secret value is planned or kept in the state"):
        types = {change["type"] for change in planned["resource_changes"]}
        state = (terraform.folder / "terraform.tfstate").read_text()
        assert "aws_secretsmanager_secret" in types
        assert "aws_secretsmanager_secret_version" not in types
        assert "secret_string" not in state
    check_what_terraform_test_cannot_see(aws, deployed, subtests)
    policies = {name: role_policy(aws, name) for name in FUNCTIONS}
    with subtests.test("A34: the roles grant what the file says against which the other tests hold the calls"):
        found = golden_form(policies, ENVIRONMENT, deployed.bucket)
        if os.environ.get("GOLDEN") == "update":
            GOLDEN.write_text(found)
        assert found == GOLDEN.read_text()
    check_permissions(policies, deployed, subtests)

    # Of a bucket policy moto reads the effect but not the condition: it would answer 403 to every object call,
    # as if none of them used TLS. On AWS the policy stays.
    aws.client("s3").delete_bucket_policy(Bucket=deployed.bucket)
    # Handlers keep their clients; those of an earlier test would call another server.
    aws_client.cache_clear()
    with recorded_calls() as calls:
        run_the_flow(deployed, odoo, quickbooks, calls, subtests)
    aws_client.cache_clear()
    with subtests.test("A34: every call of the flow is allowed to the function that made it"):
        made = {(call.function, call.action) for call in calls}
        assert ("odoo-extractor", "s3:PutObject") in made
        assert ("qb-poster", "secretsmanager:GetSecretValue") in made
        refused = {(call.function, call.action) for call in calls if not is_allowed(policies[call.function], call)}
        assert refused == set()

    with subtests.test("a second plan changes nothing"):
        assert unexpected_changes(terraform) == []

    check_the_doctor(aws, deployed, subtests)

    empty(aws, deployed.bucket)
    terraform.must("destroy", "-input=false", "-auto-approve", "-parallelism=20", *VARIABLES)
    with subtests.test("nothing is left after destroy"):
        assert remains(aws) == []


# -- what was deployed -----------------------------------------------------------------------------------------------


def deployed_environment(aws: EmbeddedAws, function: str) -> dict[str, str]:
    """Return the environment variables a function was deployed with."""
    configuration = aws.client("lambda").get_function_configuration(FunctionName=f"{function}-{ENVIRONMENT}")
    return dict(configuration["Environment"]["Variables"])


def deployment(aws: EmbeddedAws, outputs: Mapping[str, str]) -> Deployment:
    """Return what was deployed, as the flow knows it: everything from the outputs and the functions' environments."""
    environs = {name: deployed_environment(aws, name) for name in FUNCTIONS}
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName="alerts-read-by-the-test")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("sns").subscribe(TopicArn=outputs["sns_topic_arn"], Protocol="sqs", Endpoint=queue_arn)
    return Deployment(
        aws=aws,
        bucket=outputs["s3_bucket_name"],
        table=outputs["dynamodb_table_name"],
        order_table=outputs["sale_orders_table_name"],
        topic=outputs["sns_topic_arn"],
        odoo_secret=outputs["odoo_secret_arn"],
        quickbooks_secret=outputs["qb_secret_arn"],
        alerts_queue=queue,
        environs=environs,
    )


def check_what_terraform_test_cannot_see(aws: EmbeddedAws, deployed: Deployment, subtests) -> None:
    """Check what is known only once it is made: what refers to what, and the policies."""
    s3, events = aws.client("s3"), aws.client("events")
    functions = {
        name: aws.client("lambda").get_function_configuration(FunctionName=f"{name}-{ENVIRONMENT}")
        for name in FUNCTIONS
    }

    with subtests.test("A36, A37: the functions are what the seed says"):
        found = {
            name: (function["Runtime"], function["Timeout"], function["MemorySize"])
            for name, function in functions.items()
        }
        seeds = {
            "odoo-extractor": ("python3.12", 300, 512),
            "qb-poster": ("python3.12", 120, 256),
            "odoo-order-sync": ("python3.12", 120, 256),
        }
        assert {name: found[name] for name in seeds} == seeds

    with subtests.test("A46 to A58: the environment names what was made"):
        for name in ("odoo-extractor", "qb-poster"):
            environ = deployed.environs[name]
            assert environ["ENVIRONMENT"] == ENVIRONMENT
            assert environ["DYNAMODB_TABLE"] == deployed.table
            assert environ["S3_BUCKET"] == deployed.bucket
            assert environ["SNS_ALERT_TOPIC"] == deployed.topic
            assert environ["SLACK_WEBHOOK_URL"] == ""
        assert deployed.environs["odoo-extractor"]["ODOO_SECRET_ARN"] == deployed.odoo_secret
        assert deployed.environs["qb-poster"]["QB_SECRET_ARN"] == deployed.quickbooks_secret
        assert deployed.environs["odoo-order-sync"]["ODDO_RESPONSE_TABLE"] == deployed.order_table
        assert deployed.environs["odoo-order-sync"]["ODOO_SECRET_ARN"] == deployed.odoo_secret

    with subtests.test("A20: nothing but what is posted expires, and no current object elsewhere is ever removed"):
        rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=deployed.bucket)["Rules"]}
        archive, tidy = rules.pop("archive-posted"), rules.pop("tidy-up")
        assert rules == {}
        assert archive["Filter"] == {"Prefix": "posted/"}
        assert (archive["Transitions"], archive["Expiration"]) == (
            [{"Days": 90, "StorageClass": "GLACIER_IR"}],
            {"Days": 2555},
        )
        assert "Transitions" not in tidy
        assert tidy["Expiration"] == {"ExpiredObjectDeleteMarker": True}

    with subtests.test("A22: a PDF under pending/ wakes the poster, which lets the bucket do so"):
        (notification,) = s3.get_bucket_notification_configuration(Bucket=deployed.bucket)[
            "LambdaFunctionConfigurations"
        ]
        assert notification["LambdaFunctionArn"] == functions["qb-poster"]["FunctionArn"]
        policy = json.loads(aws.client("lambda").get_policy(FunctionName=f"qb-poster-{ENVIRONMENT}")["Policy"])
        sources = {s["Sid"]: s["Condition"]["ArnLike"]["AWS:SourceArn"] for s in policy["Statement"]}
        assert sources["AllowDocumentsBucket"] == f"arn:aws:s3:::{deployed.bucket}"
        for schedule in ("qb-poster-sweep", "qb-poster-watch"):
            assert sources[f"AllowSchedule-{schedule}"].endswith(f":rule/{schedule}-{ENVIRONMENT}")

    with subtests.test("A38: each rule has its function for a target"):
        targets = {
            rule: [target["Arn"] for target in events.list_targets_by_rule(Rule=f"{rule}-{ENVIRONMENT}")["Targets"]]
            for rule in ("odoo-extractor-schedule", "qb-poster-sweep", "odoo-order-sync-schedule", "tie-out-daily")
        }
        assert targets == {
            "odoo-extractor-schedule": [functions["odoo-extractor"]["FunctionArn"]],
            "qb-poster-sweep": [functions["qb-poster"]["FunctionArn"]],
            "odoo-order-sync-schedule": [functions["odoo-order-sync"]["FunctionArn"]],
            "tie-out-daily": [functions["odoo-qb-tie-out"]["FunctionArn"]],
        }

    with subtests.test("A14, A15: every alarm goes to the topic"):
        alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
        ours = {alarm["AlarmName"]: alarm["AlarmActions"] for alarm in alarms if ENVIRONMENT in alarm["AlarmName"]}
        # Errors, dead letters, undelivered alerts of each function; four schedules; five of their own; two of tie-outs.
        assert len(ours) == 3 * len(FUNCTIONS) + 4 + 7
        assert set(map(tuple, ours.values())) == {(deployed.topic,)}

    with subtests.test("the bucket and the topic refuse plain HTTP, and alarms may publish"):
        bucket_policy = json.loads(s3.get_bucket_policy(Bucket=deployed.bucket)["Policy"])
        topic = aws.client("sns").get_topic_attributes(TopicArn=deployed.topic)["Attributes"]
        topic_policy = json.loads(topic["Policy"])
        for policy in (bucket_policy, topic_policy):
            (deny,) = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
            assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        (allow,) = [s for s in topic_policy["Statement"] if s["Effect"] == "Allow"]
        assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert "KmsMasterKeyId" not in topic


# -- permissions -----------------------------------------------------------------------------------------------------


def role_policy(aws: EmbeddedAws, function: str) -> Policy:
    """Return the statements of a function's one inline policy."""
    iam, name = aws.client("iam"), f"{function}-{ENVIRONMENT}"
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    statements: Policy = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]
    return statements


def check_permissions(policies: Mapping[str, Policy], deployed: Deployment, subtests) -> None:
    """Check least privilege, row A34 and A35."""
    with subtests.test("A34: no statement is for every resource, but the one for which AWS knows none"):
        for policy in policies.values():
            broad = [s["Sid"] for s in policy if "*" in listed(s["Resource"])]
            assert broad == ["WriteTraces"]
            assert [s["Sid"] for s in policy if s["Effect"] != "Allow"] == ["KeepHistory"]
            assert not [a for s in policy for a in listed(s["Action"]) if "*" in a]

    bucket, table = f"arn:aws:s3:::{deployed.bucket}", table_arn(deployed.table)
    read_odoo = Call("", "secretsmanager:GetSecretValue", deployed.odoo_secret)
    read_quickbooks = Call("", "secretsmanager:GetSecretValue", deployed.quickbooks_secret)
    parameter = f"arn:aws:ssm:{HERE}:parameter/odoo-qb-integration/{{}}/quickbooks-tokens/9341"
    read_tokens, write_tokens = (
        Call("", f"ssm:{action}", parameter.format(ENVIRONMENT)) for action in ("GetParameter", "PutParameter")
    )
    denied = {
        "odoo-extractor": [
            read_quickbooks,
            read_tokens,
            Call("", "secretsmanager:PutSecretValue", deployed.odoo_secret),
            Call("", "s3:PutObject", f"{bucket}/posted/x.pdf"),
            Call("", "s3:DeleteObject", f"{bucket}/documents/x.json"),
            Call("", "s3:PutObject", f"{bucket}/config/mapping.toml"),
            Call("", "s3:ListBucket", bucket, (("s3:prefix", "posted/"),)),
            # What guards against a second posting cannot be deleted.
            Call("", "dynamodb:DeleteItem", table, (("dynamodb:LeadingKeys", "db-account.move-1"),)),
            Call("", "dynamodb:Scan", table),
            Call("", "dynamodb:PutItem", table_arn(deployed.order_table)),
            Call(
                "", "lambda:InvokeFunction", f"arn:aws:lambda:us-west-2:123456789012:function:qb-poster-{ENVIRONMENT}"
            ),
        ],
        "qb-poster": [
            read_odoo,
            Call("", "ssm:GetParameter", parameter.format("another-environment")),
            Call("", "secretsmanager:DescribeSecret", deployed.quickbooks_secret),
            Call("", "s3:PutObject", f"{bucket}/pending/x.pdf"),
            Call("", "s3:DeleteObject", f"{bucket}/posted/x.pdf"),
            Call("", "s3:PutObject", f"{bucket}/config/mapping.toml"),
            Call("", "dynamodb:DeleteItem", table, (("dynamodb:LeadingKeys", "db-account.move-1"),)),
            # The history is only added to.
            Call("", "dynamodb:UpdateItem", table, (("dynamodb:LeadingKeys", "history#db-account.move-1#000001"),)),
            Call("", "dynamodb:DeleteItem", table, (("dynamodb:LeadingKeys", "history-day#2026-11-29#000001"),)),
            Call("", "sqs:ReceiveMessage", f"arn:aws:sqs:{HERE}:odoo-extractor-dlq-{ENVIRONMENT}"),
        ],
        "odoo-qb-tie-out": [
            Call("", "secretsmanager:PutSecretValue", deployed.odoo_secret),
            Call("", "s3:PutObject", f"{bucket}/pending/x.pdf"),
            Call("", "s3:PutObject", f"{bucket}/posted/x.pdf"),
            Call("", "s3:PutObject", f"{bucket}/documents/x.json"),
            Call("", "s3:DeleteObject", f"{bucket}/posted/x.pdf"),
            # It closes a month with the hashes of PDFs, and reads none; what is closed stays.
            Call("", "s3:GetObject", f"{bucket}/posted/x.pdf"),
            Call(
                "", "s3:DeleteObject", f"{bucket}/reports/companyA/2026-10/closed/20261105T080000.000000Z/manifest.json"
            ),
            Call("", "s3:DeleteObject", f"{bucket}/reports/companyA/2026-10/tie-out.html"),
            # What it adds to the history is about months.
            Call("", "dynamodb:PutItem", table, (("dynamodb:LeadingKeys", "history#db-account.move-1#000001"),)),
            Call("", "dynamodb:UpdateItem", table, (("dynamodb:LeadingKeys", "history#month#A#2026-10#000001"),)),
            # It looks at entries and changes none.
            Call("", "dynamodb:PutItem", table, (("dynamodb:LeadingKeys", "db-account.move-1"),)),
            Call("", "dynamodb:UpdateItem", table, (("dynamodb:LeadingKeys", "db-account.move-1"),)),
            Call("", "dynamodb:PutItem", table, (("dynamodb:LeadingKeys", "party#1#customer#db#7"),)),
        ],
        "odoo-order-sync": [
            read_quickbooks,
            read_tokens,
            Call("", "sqs:GetQueueUrl", f"arn:aws:sqs:{HERE}:odoo-order-sync-dlq-{ENVIRONMENT}"),
            Call("", "s3:GetObject", f"{bucket}/documents/x.json"),
            Call("", "dynamodb:PutItem", table),
            Call("", "dynamodb:DeleteItem", table_arn(deployed.order_table), (("dynamodb:LeadingKeys", "S00001"),)),
        ],
    }
    for name, calls in denied.items():
        with subtests.test("A35: what a function does not need is denied", function=name):
            assert [call for call in calls if is_allowed(policies[name], call)] == []

    with subtests.test("A29, A30: each secret is read by those who need it"):
        assert is_allowed(policies["odoo-extractor"], read_odoo)
        assert is_allowed(policies["odoo-order-sync"], read_odoo)
        assert is_allowed(policies["qb-poster"], read_quickbooks)
        assert is_allowed(policies["qb-poster"], read_tokens)
        assert is_allowed(policies["qb-poster"], write_tokens)

    with subtests.test("a missing object is told from a forbidden one"):
        # S3 asks for ListBucket with the key as the prefix before it says 404.
        for name, prefixes in (
            ("odoo-extractor", ("pending/", "documents/", "config/")),
            ("qb-poster", ("pending/", "documents/", "config/")),
        ):
            for prefix in prefixes:
                assert is_allowed(policies[name], Call("", "s3:ListBucket", bucket, (("s3:prefix", f"{prefix}x"),)))


# -- the flow --------------------------------------------------------------------------------------------------------


def run_the_flow(
    deployed: Deployment, odoo: OdooStandIn, quickbooks: QuickBooksStandIn, calls: list[Call], subtests
) -> None:
    """Fill the secrets, pull, deliver S3's events, sweep and copy orders, in the environments as deployed."""
    secrets = deployed.aws.client("secretsmanager")
    user = odoo.users[0]
    realms = demo_realms()
    values = {
        deployed.odoo_secret: {"database": odoo.database, "username": user.login, "password": user.password},
        deployed.quickbooks_secret: secret_of(realms),
    }
    for arn, value in values.items():
        secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(value))

    def invoke(function: str, event: Any) -> Any:
        return deployed.invoke(function, FUNCTIONS[function], event, timeout_s=120)

    def tie_out(event: Any) -> Any:
        return deployed.invoke("odoo-qb-tie-out", FUNCTIONS["odoo-qb-tie-out"], event, timeout_s=900)

    counts = invoke("odoo-extractor", {})
    for event in deployed.pending_events():
        invoke("qb-poster", event)
    sweep(invoke)
    # A contact of the name of another waits until the next pull has asked Odoo whether that one still exists.
    invoke("odoo-extractor", {})
    make_due(deployed)
    sweep(invoke)
    for function, event in (("qb-poster", "redrive"), ("odoo-extractor", "redrive"), ("qb-poster", "rebuild")):
        invoke(function, {event: True})
    orders = invoke("odoo-order-sync", {})
    entries_before = deployed.entries()
    months = ("2026-01", "2026-09")
    tie_outs, again = (
        [tie_out({"company": "companyA", "month": month})["tie_outs"][0] for month in months] for _ in range(2)
    )
    nothing_unfinished = tie_out({"continue": True})
    september = {"close": "2026-09", "company": "companyA", "by": "Ann"}
    closed, closed_again = tie_out(september), tie_out(september)
    compared_since = tie_out({"company": "companyA", "month": "2026-09"})["tie_outs"][0]
    refused = tie_out({"close": "2026-01", "company": "companyA", "by": "Ann"})
    reopened = tie_out(september | {"undo": True, "because": "a late bill"})

    with subtests.test("what Odoo has is pulled, posted and filed"):
        entries = deployed.entries()
        posted = [entry for entry in entries if entry["status"] == "posted"]
        assert counts["found"] == len(entries) > 0
        assert {entry["status"] for entry in entries} <= {"posted", "failed", "skipped", "voided"}
        assert len(posted) > len(entries) / 2
        filed = deployed.aws.client("s3").list_objects_v2(Bucket=deployed.bucket, Prefix="posted/")["KeyCount"]
        assert filed == len(posted)

    with subtests.test("a month is tied out, a second time the same, and nothing is changed by that"):
        assert [found["verdict"] for found in tie_outs] == ["does not tie out", "ties out"]
        assert [found["sentence"] for found in again] == [found["sentence"] for found in tie_outs]
        assert nothing_unfinished == {"tie_outs": [], "remaining": False, "left_out": []}
        assert deployed.entries() == entries_before
        listed = deployed.aws.client("s3").list_objects_v2(Bucket=deployed.bucket, Prefix="reports/companyA/2026-09/")
        newest = {item["Key"].rpartition("/")[2] for item in listed["Contents"] if item["Key"].count("/") == 3}
        assert newest == {"tie-out.html", "tie-out.json", "tie-out.xlsx"}

    with subtests.test("a month that ties out is closed once, another is refused, and nothing has changed since"):
        assert (closed["closed"], refused["closed"], reopened["reopened"]) == (True, False, True)
        assert closed_again["manifest_sha256"] == closed["manifest_sha256"]
        assert compared_since["changes"] == []
        assert refused["open"]

    with subtests.test("the newest orders are copied"):
        assert {record["sync_status"] for record in orders["records"]} == {"success"}


def sweep(invoke: Callable[[str, Any], Any]) -> None:
    """Sweep until nothing more is posted."""
    for _ in range(SWEEPS_MAX):
        if not invoke("qb-poster", {"sweep": True})["posted"]:
            break


def make_due(deployed: Deployment) -> None:
    """Let the time pass for which entries were put off."""
    for entry in deployed.entries():
        deployed.aws.client("dynamodb").update_item(
            TableName=deployed.table, Key={"entry_id": {"S": entry["entry_id"]}},
            UpdateExpression="REMOVE next_attempt_at",
        )  # fmt: skip


def check_the_doctor(aws: EmbeddedAws, deployed: Deployment, subtests) -> None:
    """Look at the deployment as it is, then break what each way of the troubleshooting is about, and look again."""

    def found() -> dict[str, str]:
        with deployed.environ_of("qb-poster"):
            findings = Doctor(Operated(ENVIRONMENT, boto3.Session(), SystemClock())).examine()
        return {finding.check: finding.text for finding in findings if finding.is_problem}

    with subtests.test("A72: what is well is not complained of"):
        assert set(found()) == {"posting", "alarms"}  # some of the demo's documents need a person
        assert "failed with" in found()["posting"]

    arn = f"arn:aws:sqs:{HERE}:qb-poster-dlq-{ENVIRONMENT}"
    aws.client("secretsmanager").put_secret_value(
        SecretId=deployed.odoo_secret, SecretString='{"database": "odoo_demo", "username": "sync_ro", "password": "no"}'
    )
    aws.client("sqs").send_message(QueueUrl=_queue_url(aws, arn), MessageBody="an event that failed")
    aws.client("s3").put_bucket_notification_configuration(Bucket=deployed.bucket, NotificationConfiguration={})

    with subtests.test("A72: no PDFs in S3: the login that is refused is named"):
        # Once, where Odoo itself is looked at: the check of the PDFs refers to it.
        assert "does not let the user 'sync_ro' into the database" in found()["Odoo"]
    with subtests.test("A72: alarms: what lies in the dead-letter queue is named"):
        assert "5 dead letters of qb-poster wait" in found()["alarms"]
    with subtests.test("A72: an event that does not reach the poster: the missing notification is named"):
        assert "does not notify qb-poster" in found()["S3 events to the poster"]


def _queue_url(aws: EmbeddedAws, arn: str) -> str:
    url: str = aws.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
    return url


# -- afterwards ------------------------------------------------------------------------------------------------------


def unexpected_changes(terraform: Terraform) -> list[str]:
    """Return what a second plan would change, beyond what moto forgets and what the test itself removed."""
    terraform.must("plan", "-input=false", "-out=again", *VARIABLES)
    unexpected = []
    for change in terraform.show("again")["resource_changes"]:
        before, after = change["change"]["before"] or {}, change["change"]["after"] or {}
        differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        removed_by_the_test = change["address"] == "aws_s3_bucket_policy.documents"
        if change["change"]["actions"] in (["no-op"], ["read"]) or removed_by_the_test:
            continue
        if differing - MOTO_FORGETS or change["change"]["actions"] != ["update"]:
            unexpected.append(f"{change['address']}: {sorted(differing - MOTO_FORGETS)}")
    return unexpected


def empty(aws: EmbeddedAws, bucket: str) -> None:
    """Remove every version from the bucket.

    On AWS `force_destroy` does it. Destroy suspends versioning first, and moto then fails at delete markers.
    """
    s3 = aws.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def remains(aws: EmbeddedAws) -> list[str]:
    """Return what still bears the environment's name."""

    def names(service: str, operation: str, key: str, field: str | None = None) -> list[str]:
        answer = getattr(aws.client(service), operation)()
        return [str(item[field] if field else item) for item in answer.get(key, [])]

    found = [
        *names("s3", "list_buckets", "Buckets", "Name"),
        *names("dynamodb", "list_tables", "TableNames"),
        *names("lambda", "list_functions", "Functions", "FunctionName"),
        *names("secretsmanager", "list_secrets", "SecretList", "Name"),
        *names("sqs", "list_queues", "QueueUrls"),
        *names("sns", "list_topics", "Topics", "TopicArn"),
        *names("iam", "list_roles", "Roles", "RoleName"),
        *names("events", "list_rules", "Rules", "Name"),
        *names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        *names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ]
    return [name for name in found if ENVIRONMENT in name]
