"""Single breakages of a deployment: the doctor names each with what to do, and nothing while nothing is broken."""

from __future__ import annotations

import io
import json
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.demo.books import REALM_A, demo_realms
from local.stand_ins.aws import EmbeddedAws, deploy
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.realm import secret_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from operate.checks.deployed import subscribed
from operate.deployment import FUNCTIONS, Deployment
from operate.doctor import Doctor, Finding
from pipeline.odoo import wire
from pipeline.runtime import SystemClock
from tests.kept import made_once
from tests.operate.conftest import few

ENVIRONMENT, REGION, ACCOUNT = "demo", "us-west-2", "123456789012"
FOUND_WITHIN_S = 20
RULES = {
    "odoo-extractor-schedule": "odoo-extractor", "qb-poster-sweep": "qb-poster", "qb-poster-watch": "qb-poster",
    "tie-out-daily": "odoo-qb-tie-out", "tie-out-continue": "odoo-qb-tie-out",
}  # fmt: skip
# The names of observability.tf, in full.
ALARMS = [
    *(f"{name}-{kind}" for name in FUNCTIONS for kind in ("errors", "dlq", "alerts-undelivered")),
    "odoo-extractor-silent", "qb-poster-silent", "odoo-qb-tie-out-silent", "qb-poster-backlog-age",
    "qb-poster-refresh-token", "qb-poster-consent", "qb-poster-drift", "tie-out-unexplained", "tie-out-overdue",
    "odoo-qb-alerts-failed",
]  # fmt: skip


class Clock(SystemClock):
    """The system's time, so much later."""

    later = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later


@dataclass
class Site:
    """A deployment as Terraform makes it, with all it talks to."""

    aws: EmbeddedAws
    deployed: Any
    odoo: OdooStandIn
    quickbooks: QuickBooksStandIn
    clock: Clock
    zips: Path

    # What the doctor asks a session besides clients.
    region_name = REGION

    def client(self, name: str) -> Any:
        return self.aws.client(name)

    def examine(self) -> list[Finding]:
        return [finding for finding in self.examine_all() if finding.is_problem]

    def examine_all(self) -> list[Finding]:
        """Return what every check found, those that found nothing wrong among them."""
        return Doctor(Deployment(ENVIRONMENT, self, self.clock), self.zips).examine()

    def secret(self, which: str, **changed: Any) -> None:
        """Change keys of a secret; None takes one away."""
        arn = {"odoo": self.deployed.odoo_secret, "quickbooks": self.deployed.quickbooks_secret}[which]
        client = self.client("secretsmanager")
        now = json.loads(client.get_secret_value(SecretId=arn)["SecretString"]) | changed
        client.put_secret_value(
            SecretId=arn, SecretString=json.dumps({key: value for key, value in now.items() if value is not None})
        )

    def variables(self, function: str, **changed: str) -> None:
        """Change a function's environment; an empty text takes a variable away."""
        now = {**self.deployed.environs[function], **changed}
        self.client("lambda").update_function_configuration(
            FunctionName=f"{function}-{ENVIRONMENT}",
            Environment={"Variables": {key: value for key, value in now.items() if value or key not in changed}},
        )

    def mapping(self, text: str) -> None:
        self.client("s3").put_object(Bucket=self.deployed.bucket, Key="config/mapping.toml", Body=text.encode())


@pytest.fixture(scope="module")
def sites(aws, tmp_path_factory) -> Iterator[Callable[[], Site]]:
    """Return a function that returns a deployment as Terraform makes it, made once and put back for each test."""
    with ExitStack() as to_close:

        def make_one() -> tuple[Site, tuple[Any, ...]]:
            rows, files = few()
            realms = demo_realms()
            odoo, quickbooks = OdooStandIn(rows, files, password="the-odoo-password"), QuickBooksStandIn(realms)
            to_close.callback(odoo.close)
            to_close.callback(quickbooks.close)
            aws.empty()
            deployed = deploy(
                aws,
                odoo_url=odoo.url,
                odoo_secret={"database": odoo.database, "username": "sync_ro", "password": "the-odoo-password"},
                quickbooks_url=quickbooks.url,
                discovery_url=quickbooks.discovery_url,
                quickbooks_secret=secret_of(realms),
                alerts_are_read=False,
            )
            site = Site(aws, deployed, odoo, quickbooks, Clock(), tmp_path_factory.mktemp("zips"))
            make(site)
            return site, (site, odoo, quickbooks, odoo.server, quickbooks.server)

        yield made_once(make_one)


@pytest.fixture
def site(sites, monkeypatch, tmp_path) -> Site:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(wire, "growing", lambda *_, **__: lambda _try: 0.0)
    site: Site = sites()
    site.zips = shutil.copytree(site.zips, tmp_path / "zips")
    return site


def make(site: Site) -> None:
    """Make what `deploy` leaves out, as the Terraform configuration does."""
    deployed = site.deployed
    site.client("dynamodb").update_continuous_backups(
        TableName=deployed.table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    s3 = site.client("s3")
    s3.put_bucket_versioning(Bucket=deployed.bucket, VersioningConfiguration={"Status": "Enabled"})
    for function in FUNCTIONS:
        make_function(site, function)
    poster = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:qb-poster-{ENVIRONMENT}"
    s3.put_bucket_notification_configuration(
        Bucket=deployed.bucket,
        NotificationConfiguration={"LambdaFunctionConfigurations": [{
            "LambdaFunctionArn": poster, "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "pending/"},
                                               {"Name": "suffix", "Value": ".pdf"}]}},
        }]},
    )  # fmt: skip
    allow(site, "qb-poster", "s3.amazonaws.com", "s3-amazonaws-com")
    for name in ALARMS:
        make_alarm(site, name)
    site.client("sns").subscribe(TopicArn=deployed.topic, Protocol="email", Endpoint="controller@example.com")


def make_function(site: Site, function: str) -> None:
    name, deployed = f"{function}-{ENVIRONMENT}", site.deployed
    iam = site.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    tables = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*"
    statements = [
        {"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "arn:aws:sqs:::x"},
        {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
         "Resource": [deployed.odoo_secret, deployed.quickbooks_secret]},
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": deployed.topic},
        {"Effect": "Allow", "Action": ["dynamodb:PutItem"], "Resource": tables},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
         "Resource": f"arn:aws:s3:::{deployed.bucket}/*"},
        {"Effect": "Allow", "Action": ["ssm:GetParameter", "ssm:PutParameter"],
         "Resource": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/odoo-qb-integration/{ENVIRONMENT}/*"},
        {"Effect": "Allow", "Action": "lambda:InvokeFunction",
         "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"},
    ]  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=policy)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("function.py", "")
    site.client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=role["Role"]["Arn"], Handler="function.lambda_handler",
        Timeout=120, Code={"ZipFile": code.getvalue()}, Environment={"Variables": deployed.environs[function]},
    )  # fmt: skip
    (site.zips / f"{function.removeprefix('odoo-qb-').replace('-', '_')}.zip").write_bytes(code.getvalue())
    site.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
    for rule in [f"{rule}-{ENVIRONMENT}" for rule, owner in RULES.items() if owner == function]:
        events = site.client("events")
        made = events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)", State="ENABLED")
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        events.put_targets(Rule=rule, Targets=[{"Id": "function", "Arn": arn}])
        allow(site, function, "events.amazonaws.com", f"AllowSchedule-{rule}", SourceArn=made["RuleArn"])


def allow(site: Site, function: str, principal: str, statement: str, **source: str) -> None:
    site.client("lambda").add_permission(
        FunctionName=f"{function}-{ENVIRONMENT}", StatementId=statement,
        Action="lambda:InvokeFunction", Principal=principal, **source,
    )  # fmt: skip


def disable(site: Site, *rules: str) -> None:
    for rule in rules:
        site.client("events").disable_rule(Name=f"{rule}-{ENVIRONMENT}")


def make_alarm(site: Site, name: str, **changed: Any) -> None:
    values: dict[str, Any] = {
        "AlarmName": f"{name}-{ENVIRONMENT}", "AlarmActions": [site.deployed.topic], "Namespace": "AWS/Lambda",
        "MetricName": "Errors", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "Period": 300,
        "EvaluationPeriods": 1, "Statistic": "Sum",
    }  # fmt: skip
    site.client("cloudwatch").put_metric_alarm(**values | changed)


def put_policy(site: Site, function: str, **statement: Any) -> None:
    name = f"{function}-{ENVIRONMENT}"
    site.client("iam").put_role_policy(
        RoleName=name, PolicyName=name,
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}),
    )  # fmt: skip


def fail_one(site: Site) -> None:
    site.client("dynamodb").put_item(TableName=site.deployed.table, Item={
        name: {"S": value} for name, value in {"entry_id": "odoo_demo-account.move-1", "company": "companyA",
        "status": "failed", "error_code": "unmapped", "error_message": "account 1 has no counterpart."}.items()
    })  # fmt: skip


def pause(site: Site) -> None:
    site.client("dynamodb").put_item(TableName=site.deployed.table, Item={
        "entry_id": {"S": f"lease#{REALM_A}"}, "until": {"S": "2020-01-01T00:00:00.000000Z"}, "holder": {"S": "x"},
        "paused_until": {"S": "2099-01-01T00:00:00.000000Z"}, "pause_code": {"S": "throttled"}, "pauses": {"N": "1"},
    })  # fmt: skip


def hide_company(site: Site) -> None:
    site.secret("quickbooks", realm_ids={"companyA": REALM_A, "company B": "9130357766900002"},
                refresh_tokens={"companyA": site.quickbooks.tokens.refresh_token(REALM_A),
                                "company B": site.quickbooks.tokens.refresh_token("9130357766900002")})  # fmt: skip


def swap_realms(site: Site) -> None:
    tokens = site.quickbooks.tokens
    site.secret("quickbooks", realm_ids={"companyA": "9130357766900002"},
                refresh_tokens={"companyA": tokens.refresh_token("9130357766900002")})  # fmt: skip


def wrong_realm(site: Site) -> None:
    site.secret("quickbooks", realm_ids={"companyA": "9130357766900002", "companyB": "9130357766900002"})


def archive(site: Site) -> None:
    site.client("s3").put_object(Bucket=site.deployed.bucket, Key="pending/x.pdf", Body=b"x", StorageClass="GLACIER")


def other_database(site: Site) -> None:
    site.client("dynamodb").put_item(
        TableName=site.deployed.table, Item={"entry_id": {"S": "database#"}, "value": {"S": "former"}}
    )


# What is broken, and what the doctor says: the cause and the way out.
def key_that_ends(site: Site) -> None:
    user = site.odoo.users[0]
    site.odoo.api_keys.add(user.shown, "a-key", ends=site.clock.now() + timedelta(days=13))
    site.secret("odoo", password="a-key")


BREAKAGES = {
    "a function is gone": (
        lambda s: s.client("lambda").delete_function(FunctionName="odoo-order-sync-demo"),
        "odoo-order-sync-demo does not exist", "terraform apply"),
    "a function may not run": (
        lambda s: s.client("lambda").put_function_concurrency(
            FunctionName="qb-poster-demo", ReservedConcurrentExecutions=0),
        "reserved concurrency is 0", "delete-function-concurrency --function-name qb-poster-demo"),
    "a log group is gone": (
        lambda s: s.client("logs").delete_log_group(logGroupName="/aws/lambda/qb-poster-demo"),
        "log group /aws/lambda/qb-poster-demo does not exist", "terraform apply"),
    "a role lost its policy": (
        lambda s: s.client("iam").delete_role_policy(RoleName="odoo-extractor-demo", PolicyName="odoo-extractor-demo"),
        "odoo-extractor may not secretsmanager:GetSecretValue", "terraform apply"),
    "a permission is for another resource": (
        lambda s: put_policy(s, "qb-poster", Action=["secretsmanager:*", "sns:*", "s3:*"], Resource="*"),
        "qb-poster may not dynamodb:PutItem", "terraform apply"),
    "a variable is missing": (
        lambda s: s.variables("qb-poster", S3_BUCKET=""), "environment variable S3_BUCKET is missing", "missing"),
    "a schedule is off": (
        lambda s: s.client("events").disable_rule(Name="odoo-extractor-schedule-demo"),
        "odoo-extractor-schedule-demo is disabled", "aws events enable-rule --name odoo-extractor-schedule-demo"),
    "a schedule points nowhere": (
        lambda s: s.client("events").remove_targets(Rule="qb-poster-sweep-demo", Ids=["function"]),
        "qb-poster-sweep-demo does not point to qb-poster-demo", "terraform apply"),
    "a schedule is gone": (
        lambda s: (s.client("events").remove_targets(Rule="qb-poster-sweep-demo", Ids=["function"]),
                   s.client("events").delete_rule(Name="qb-poster-sweep-demo")),
        "rule qb-poster-sweep-demo does not exist", "terraform apply"),
    "a schedule may not invoke": (
        lambda s: s.client("lambda").remove_permission(
            FunctionName="odoo-extractor-demo", StatementId="AllowSchedule-odoo-extractor-schedule-demo"),
        "may not invoke odoo-extractor-demo", "terraform apply"),
    "one of two schedules may not invoke": (
        lambda s: s.client("lambda").remove_permission(
            FunctionName="qb-poster-demo", StatementId="AllowSchedule-qb-poster-watch-demo"),
        "qb-poster-watch-demo may not invoke qb-poster-demo", "terraform apply"),
    "the daily comparison is off": (
        lambda s: disable(s, "tie-out-daily"), "tie-out-daily-demo is disabled", "enable-rule --name tie-out-daily"),
    "no schedule was ever enabled": (
        lambda s: disable(s, *RULES), "No schedule is enabled", "remove schedules_enabled"),
    "the poster may not keep tokens": (
        lambda s: put_policy(s, "qb-poster", Action=["secretsmanager:*", "sns:*", "s3:*", "dynamodb:*", "lambda:*"],
                             Resource="*"),
        "qb-poster may not ssm:GetParameter, ssm:PutParameter", "terraform apply"),
    "the tie-out is gone": (
        lambda s: s.client("lambda").delete_function(FunctionName="odoo-qb-tie-out-demo"),
        "odoo-qb-tie-out-demo does not exist", "terraform apply"),
    "an alarm of silence is gone": (
        lambda s: s.client("cloudwatch").delete_alarms(AlarmNames=["odoo-qb-tie-out-silent-demo"]),
        "Alarms do not exist: odoo-qb-tie-out-silent-demo", "terraform apply"),
    "nothing has run for hours": (
        lambda s: setattr(s.clock, "later", timedelta(hours=3)),
        "odoo-extractor-demo has not run within a day", "aws logs tail /aws/lambda/odoo-extractor-demo"),
    "the clock is wrong": (
        lambda s: setattr(s.clock, "later", timedelta(minutes=20)), "clock of this machine differs", "NTP"),
    "nobody gets an e-mail": (
        lambda s: [s.client("sns").unsubscribe(SubscriptionArn=found["SubscriptionArn"])
                   for found in s.client("sns").list_subscriptions()["Subscriptions"]],
        "Nobody gets an e-mail", "alert_email"),
    "the topic is gone": (
        lambda s: s.client("sns").delete_topic(TopicArn=s.deployed.topic), "odoo-qb-alerts-demo, does not exist",
        "terraform apply"),
    "an alarm is gone": (
        lambda s: s.client("cloudwatch").delete_alarms(AlarmNames=["qb-poster-refresh-token-demo"]),
        "Alarms do not exist: qb-poster-refresh-token-demo", "terraform apply"),
    "an alarm is off": (
        lambda s: make_alarm(s, "qb-poster-errors", ActionsEnabled=False),
        "qb-poster-errors-demo reports to nobody", "enable-alarm-actions --alarm-names qb-poster-errors-demo"),
    "an alarm goes elsewhere": (
        lambda s: make_alarm(s, "qb-poster-dlq", AlarmActions=["arn:aws:sns:us-west-2:123456789012:old"]),
        "qb-poster-dlq-demo does not go to odoo-qb-alerts-demo", "terraform apply"),
    "an alarm fires": (
        lambda s: s.client("cloudwatch").set_alarm_state(
            AlarmName="qb-poster-errors-demo", StateValue="ALARM", StateReason="3 errors"),
        "qb-poster-errors-demo fires: 3 errors", "fires"),
    "dead letters wait": (
        lambda s: s.client("sqs").send_message(
            QueueUrl=s.client("sqs").get_queue_url(QueueName="qb-poster-dlq-demo")["QueueUrl"], MessageBody="x"),
        "1 dead letters of qb-poster wait", "./oqb redrive"),
    "the table is gone": (
        lambda s: s.client("dynamodb").delete_table(TableName=s.deployed.table),
        "table odoo-qb-invoices-demo does not exist", "./oqb rebuild"),
    "the table is not backed up": (
        lambda s: s.client("dynamodb").update_continuous_backups(
            TableName=s.deployed.table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}),
        "has no point-in-time recovery", "terraform apply"),
    "the bucket keeps no versions": (
        lambda s: s.client("s3").put_bucket_versioning(
            Bucket=s.deployed.bucket, VersioningConfiguration={"Status": "Suspended"}),
        "keeps no former versions", "terraform apply"),
    "a waiting PDF is archived": (archive, "pending/ are archived", "restore-object"),
    "the notification is gone": (
        lambda s: s.client("s3").put_bucket_notification_configuration(
            Bucket=s.deployed.bucket, NotificationConfiguration={}),
        "does not notify qb-poster-demo", "apply Terraform"),
    "S3 may not invoke": (
        lambda s: s.client("lambda").remove_permission(
            FunctionName="qb-poster-demo", StatementId="s3-amazonaws-com"),
        "S3 may not invoke qb-poster-demo", "apply Terraform"),
    "the checkout is newer than what was built in it": (
        lambda s: (s.zips / "function.py").write_text("changed = True"),
        "odoo-extractor-demo is another version than this checkout: function.py is not the one in odoo_extractor.zip",
        "./build.sh"),
    "another version is deployed": (
        lambda s: (s.zips / "qb_poster.zip").write_bytes(b"newer"),
        "qb-poster-demo is another version than qb_poster.zip", "terraform apply"),
    "Odoo refuses the login": (
        lambda s: s.secret("odoo", password="wrong"), "does not let the user 'sync_ro' into", "check username"),
    "the Odoo secret lacks a key": (
        lambda s: s.secret("odoo", username=None), "lacks username", "odoo-credentials-demo"),
    "Odoo is not there": (
        lambda s: s.variables("odoo-extractor", ODOO_API_URL="http://127.0.0.1:9"), "cannot be reached", "127.0.0.1:9"),
    "the user may read no accounting": (
        lambda s: s.odoo.users.__setitem__(0, replace(s.odoo.users[0], group="none")),
        "may not read account.move", "Accounting / Read-only"),
    "the key of Odoo ends soon": (
        key_that_ends, "The API key of the Odoo user 'sync_ro' ends on", "make rotate-odoo-key"),
    "Odoo is another database": (other_database, "former", "replaces"),
    "a company is called otherwise in Odoo": (
        hide_company, "a company 'company B' that Odoo does not show", "rename it in the secret"),
    "the QuickBooks secret lacks a key": (
        lambda s: s.secret("quickbooks", client_id=None), "lacks client_id", "quickbooks-credentials-demo"),
    "the client is wrong": (
        lambda s: s.secret("quickbooks", client_secret="wrong"),
        "Intuit does not know the client_id", "Copy them again"),
    "the connection is gone": (
        lambda s: s.quickbooks.revoke(REALM_A), "connection of companyA is gone", "./oqb connect companyA"),
    "a company has no token": (
        lambda s: s.secret("quickbooks", refresh_tokens={
            "companyB": s.quickbooks.tokens.refresh_token("9130357766900002")}),
        "no refresh token for companyA", "./oqb connect companyA"),
    "a company has no realm": (
        lambda s: s.secret("quickbooks", realm_ids={"companyA": "", "companyB": "9130357766900002"}),
        "companyA' has no realm", "./oqb connect companyA"),
    "the token is of another realm": (wrong_realm, "companyA", "./oqb connect"),
    "it is the wrong company": (
        swap_realms, "companyA has USD in Odoo, and its realm 9130357766900002", "./oqb connect"),
    "a company is paused": (pause, "companyA is paused because of throttled", "./oqb post --company companyA"),
    "the mapping is not TOML": (lambda s: s.mapping("what"), "it is not TOML", "Correct the file"),
    "the mapping has a company nobody knows": (
        lambda s: s.mapping('["companyC"]\ngo_live = 2026-01-01\n'), "there is no company 'companyC'", "line 1"),
    "the mapping names what QuickBooks lacks": (
        lambda s: s.mapping('["companyA".accounts]\n"400000" = "nowhere"\n'), "400000 → 'nowhere'", "line 2"),
    "the mapping names what Odoo lacks": (
        lambda s: s.mapping('["companyA".accounts]\n"400001" = "400000"\n'),
        "line 2: account '400001' matches nothing in Odoo", "Correct the file"),
    "a document has failed": (fail_one, "1 failed with unmapped", "./oqb retry"),
}  # fmt: skip


def test_nothing_is_named_while_nothing_is_broken(site):
    assert site.examine() == []


def test_an_odoo_without_json_rpc_is_examined_by_json2(site):
    site.odoo.version, site.odoo.has_jsonrpc = 19, False
    site.odoo.api_keys.add(site.odoo.users[0].shown, "a-key", ends=site.clock.now() + timedelta(days=300))
    site.secret("odoo", password="a-key")

    findings = site.examine()

    assert findings == []
    assert {request.path.partition("/")[2].partition("/")[0] for request in site.odoo.server.requests} == {
        "json",
        "web",
    }


@pytest.mark.parametrize("name", BREAKAGES)
def test_each_breakage_is_named_with_what_to_do(site, name):
    breaks, says, remedy = BREAKAGES[name]
    breaks(site)
    began = time.monotonic()

    findings = site.examine()

    assert [finding.text for finding in findings if says in finding.text and remedy in finding.text], findings
    assert time.monotonic() - began < FOUND_WITHIN_S


def test_everything_that_is_wrong_with_a_mapping_is_named_at_once(site):
    site.mapping(
        '["companyA"]\npartys = "fail"\n["companyA".accounts]\n"400001" = "400000"\n"400000" = "nowhere"\n'
        '["companyX"]\n'
    )

    findings = "\n".join(finding.text for finding in site.examine())

    for line in (
        "line 2: 'partys' is not known", "line 4: account '400001' matches nothing in Odoo",
        "line 5: account 400000 → 'nowhere'", "line 6: there is no company 'companyX' in the QuickBooks secret",
        "line 6: there is no company 'companyX' that the Odoo user may see",
    ):  # fmt: skip
        assert line in findings


def test_one_cause_is_named_once_and_the_checks_it_is_in_the_way_of_name_it(site):
    site.secret("odoo", password="")

    findings = site.examine_all()

    assert [finding.check for finding in findings if "lacks password" in finding.text] == ["Odoo"]
    (later,) = [finding for finding in findings if finding.check == "PDFs in S3"]
    assert later.text == "cannot be looked at before that is fixed: Odoo"
    assert not later.is_problem


def test_there_are_at_least_twenty_five_of_them():
    assert len(BREAKAGES) >= 25


def test_an_address_that_was_not_confirmed_is_named():
    found = list(
        subscribed([{"Protocol": "email", "SubscriptionArn": "PendingConfirmation", "Endpoint": "a@b.example"}])
    )

    assert found == [
        "a@b.example has not confirmed the subscription: open the link in the mail from AWS (look in the spam, too)."
    ]


def test_it_changes_nothing_in_quickbooks(site):
    site.examine()

    assert not [kind for kind in ("create", "update", "delete", "upload") if site.quickbooks.calls[kind]]
