"""What embedded AWS answers without a socket is what it answers over one."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from local.simulation import short_table
from local.stand_ins.aws import ACCOUNT, CREDENTIALS, REGION, EmbeddedAws, deploy, make_tracking_table
from tests import aws_without_sockets
from tests.aws_without_sockets import _served, without_sockets
from tests.deployed import deployed

TABLE, BUCKET = "tracking", "papers"
# What differs from one request to the next, and how the connection is kept.
OF_THE_REQUEST = {"RequestId", "HostId", "HTTPHeaders", "RetryAttempts", "MaxAttemptsReached"}


@pytest.fixture(params=["over a socket", "without a socket", "without a socket, known to be accepted"])
def asked(request, moto, monkeypatch):
    """Embedded AWS with a table and a bucket, asked one way. What moto has accepted is not asked of moto again."""
    monkeypatch.setattr(short_table, "_accepted", set())
    if request.param == "over a socket":
        yield furnished(moto)
        return
    fresh = EmbeddedAws()
    with without_sockets(fresh, at_once=request.param.endswith("accepted")):
        # Nobody listens any more, so that a request over a socket fails.
        fresh.close()
        if request.param.endswith("accepted"):
            furnished(fresh)
            ask_about_items(client(fresh, "dynamodb"))
        yield furnished(fresh)


def furnished(aws):
    """Return an AWS with nothing but a table and a bucket."""
    aws.empty()
    make_tracking_table(aws.client("dynamodb"), TABLE)
    aws.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return aws


def client(asked, name):
    return boto3.client(
        name, endpoint_url=asked.url, region_name=REGION, config=Config(retries={"total_max_attempts": 1}),
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip


def answer_of(call, **parameters):
    """Return what a call answers, or how it is refused, without what is new with every request."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        answer = {"refused": True, **error.response}
    metadata = {name: value for name, value in answer.get("ResponseMetadata", {}).items() if name not in OF_THE_REQUEST}
    if "Body" in answer:
        answer = {**answer, "Body": answer["Body"].read()}
    return {**answer, "ResponseMetadata": metadata}


def key(name):
    return {"entry_id": {"S": name}}


def item(name, **values):
    return {**key(name), **{field: {"S": value} for field, value in values.items()}}


NEW = {"ConditionExpression": "attribute_not_exists(entry_id)"}
OLD_VALUES = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
CALLS = [
    ("put_item", {"Item": item("one", status="pending", company="A"), **NEW}),
    ("put_item", {"Item": item("one", status="posted", company="A"), **NEW}),
    # Twice: the first of its shape is answered by moto.
    *[("put_item", {"Item": item("one", status="posted", company="A"), **NEW, **OLD_VALUES})] * 2,
    *[("put_item", {"Item": item("other", status="posted", company="A"), **NEW, **OLD_VALUES})] * 2,
    ("put_item", {"Item": item("two", status="pending", company="B")}),
    ("put_item", {"Item": {"status": {"S": "no key"}}}),
    ("get_item", {"Key": key("one"), "ConsistentRead": True}),
    ("get_item", {"Key": key("nobody")}),
    ("update_item", {
        "Key": key("one"), "UpdateExpression": "SET #status = :posted, calls = :one REMOVE nothing ADD tries :one",
        "ConditionExpression": "#status = :pending", "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":posted": {"S": "posted"}, ":pending": {"S": "pending"}, ":one": {"N": "1"}},
        "ReturnValues": "ALL_NEW",
    }),
    *[("update_item", {
        "Key": key(name), "UpdateExpression": "SET holder = :holder, #until = :until",
        "ConditionExpression": "attribute_not_exists(entry_id) OR #until < :now",
        "ExpressionAttributeNames": {"#until": "until"},
        "ExpressionAttributeValues": {":holder": {"S": "me"}, ":until": {"S": "2026-11-30"}, ":now": {"S": "2026-12"}},
        "ReturnValues": "UPDATED_OLD",
    }) for name in ("lease", "lease")],
    ("update_item", {
        "Key": key("one"), "UpdateExpression": "SET calls = calls + :one", "ConditionExpression": "calls > :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }),
    ("update_item", {"Key": key("one"), "UpdateExpression": "SET broken ="}),
    ("query", {
        "IndexName": "company-status-index", "KeyConditionExpression": "company = :a AND #status = :posted",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":a": {"S": "A"}, ":posted": {"S": "posted"}},
    }),
    ("query", {
        "IndexName": "status-index", "KeyConditionExpression": "#status = :posted", "Select": "COUNT",
        "ExpressionAttributeNames": {"#status": "status"}, "ExpressionAttributeValues": {":posted": {"S": "posted"}},
    }),
    ("scan", {"Limit": 1}),
    ("delete_item", {"Key": key("two"), "ReturnValues": "ALL_OLD"}),
    ("delete_item", {"Key": key("two"), "ConditionExpression": "attribute_exists(entry_id)"}),
]  # fmt: skip

# As it was answered over a socket, for the other way.
_over_a_socket: dict[str, str] = {}


def ask_about_items(table):
    """Return the answers to all the calls, in one order."""
    answers = [answer_of(getattr(table, name), TableName=TABLE, **parameters) for name, parameters in CALLS]
    return [
        *answers,
        answer_of(
            table.batch_write_item, RequestItems={TABLE: [{"PutRequest": {"Item": item(f"n{n}")}} for n in range(3)]}
        ),
        answer_of(table.batch_get_item, RequestItems={TABLE: {"Keys": [key("n1"), key("one"), key("nobody")]}}),
        answer_of(table.batch_get_item, RequestItems={TABLE: {"Keys": [key("n1"), key("n1")]}}),
        answer_of(table.batch_write_item, RequestItems={TABLE: [{"DeleteRequest": {"Key": key("n1")}}]}),
        answer_of(table.get_item, TableName="no-such-table", Key=key("one")),
        answer_of(table.scan, TableName=TABLE),
    ]


def test_items_are_answered_alike(asked):
    answers = ask_about_items(client(asked, "dynamodb"))

    assert sum("refused" in answer for answer in answers) == 10
    same_both_ways("items", answers)


def test_objects_are_answered_alike(asked):
    bucket = client(asked, "s3")
    place = {"Bucket": BUCKET, "Key": "pending/a b+ü.pdf"}

    answers = [
        answer_of(bucket.put_object, Body=b"%PDF one", Metadata={"source": "stored"}, ContentType="application/pdf",
                  ChecksumAlgorithm="SHA256", **place),
        answer_of(bucket.get_object, **place),
        answer_of(bucket.head_object, **place),
        answer_of(bucket.copy_object, Bucket=BUCKET, Key="posted/x.pdf", CopySource=place, MetadataDirective="REPLACE",
                  Metadata={"source": "copied"}),
        answer_of(bucket.get_object, Bucket=BUCKET, Key="posted/x.pdf"),
        answer_of(bucket.list_objects_v2, Bucket=BUCKET, Prefix="p"),
        answer_of(bucket.delete_objects, Bucket=BUCKET, Delete={"Objects": [{"Key": "posted/x.pdf"}]}),
        answer_of(bucket.get_object, Bucket=BUCKET, Key="posted/x.pdf"),
        answer_of(bucket.head_object, Bucket=BUCKET, Key="posted/x.pdf"),
        answer_of(bucket.put_object, Bucket=BUCKET, Key="pending/a b+ü.pdf", Body=b"two", IfNoneMatch="*"),
        *as_the_pipeline_stores_and_reads(bucket),
    ]  # fmt: skip

    assert answers[1]["Body"] == b"%PDF one"
    same_both_ways("objects", answers)


def test_a_copy_stays_as_it_was_made(asked):
    bucket = client(asked, "s3")
    first, copied = {"Bucket": BUCKET, "Key": "first"}, {"Bucket": BUCKET, "Key": "copied"}
    bucket.put_object(Body=b"one", **first)
    bucket.copy_object(CopySource=first, **copied)
    bucket.put_object(Body=b"two", **first)

    for place, content in ((first, b"two"), (copied, b"one")):
        found = bucket.get_object(**place)
        assert (found["Body"].read(), found["ContentLength"]) == (content, 3)
        assert found["ETag"] == f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def test_lists_of_objects_are_answered_alike(asked):
    bucket = client(asked, "s3")
    kinds = [{}, {"ChecksumAlgorithm": "SHA256"}, {"StorageClass": "STANDARD_IA"}, {"ContentType": "text/plain"}]
    for name, kind in zip(("b", "a/ü <&+", "a/2", "a/10"), kinds, strict=True):
        bucket.put_object(Bucket=BUCKET, Key=name, Body=name.encode(), **kind)
    asked_for = [{"Prefix": prefix} for prefix in ("", "a/", "ü &", "nobodys")]

    answers = [
        *[answer_of(bucket.list_objects_v2, Bucket=BUCKET, **how) for how in (*asked_for, {})],
        answer_of(bucket.list_objects_v2, Bucket=BUCKET, Prefix="a/", MaxKeys=1),
        answer_of(bucket.list_objects_v2, Bucket="nobodys", Prefix=""),
    ]
    now = datetime.now(UTC)
    for number in range(1_000):
        s3_backends[ACCOUNT]["aws"].put_object(BUCKET, f"many/{number}", b"").checksum_algorithm = "CRC32"
    pages = list(bucket.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=""))

    assert [one["Key"] for one in answers[0]["Contents"]] == ["a/10", "a/2", "a/ü <&+", "b"]
    assert [page["KeyCount"] for page in pages] == [1_000, 4]
    times = [one.pop("LastModified") for answer in answers for one in answer.get("Contents", [])]
    assert [time for time in times if abs(now - time) > timedelta(seconds=30)] == []
    # What is listed is left out where answers are compared, for its times.
    listed = [{**answer, "listed": answer.get("Contents")} for answer in answers]
    same_both_ways("lists", [without_what_is_made_up_of_a_page(answer) for answer in listed])


def without_what_is_made_up_of_a_page(answer):
    return {name: part for name, part in answer.items() if name != "NextContinuationToken"}


def as_the_pipeline_stores_and_reads(bucket):
    """Return the answers to what is mostly asked, each object read whole and described afterwards."""
    json_file = {"Bucket": BUCKET, "Key": "documents/ü 1.json"}
    copied = {"Bucket": BUCKET, "Key": "posted/copied.pdf"}
    calls = [
        (bucket.put_object, {"Body": b"{}", "ContentType": "application/json", "ChecksumAlgorithm": "SHA256"}),
        (bucket.put_object, {"Body": b"", "ContentType": "application/gzip"}),
        (bucket.put_object, {"Body": b"three", "ContentType": "text/html; charset=utf-8"}),
        (bucket.put_object, {"Body": b"no type"}),
        (bucket.put_object, {"Body": b"kept cheaply", "ContentType": "text/plain", "StorageClass": "STANDARD_IA"}),
        (bucket.put_object, {"Body": b"x", "ContentType": "text/plain", "Metadata": {"qb-id": "7"}}),
        (bucket.put_object, {"Body": b"x", "ContentType": "text/plain", "ChecksumAlgorithm": "SHA1"}),
    ]
    answers = []
    for call, parameters in calls:
        answers += [
            answer_of(call, **json_file, **parameters), answer_of(bucket.get_object, **json_file),
            answer_of(bucket.head_object, **json_file), answer_of(bucket.get_object_acl, **json_file),
        ]  # fmt: skip
    return [
        *answers,
        answer_of(bucket.copy_object, CopySource=json_file, MetadataDirective="REPLACE", Metadata={"qb-id": "8"},
                  ContentType="application/pdf", **copied),
        answer_of(bucket.get_object, **copied), answer_of(bucket.head_object, **copied),
        answer_of(bucket.copy_object, CopySource=json_file, MetadataDirective="REPLACE", ContentType="application/pdf",
                  Bucket=BUCKET, Key="posted/once more.pdf", Metadata={"qb-id": "9"}),
        answer_of(bucket.put_object, Body=b"plain", ContentType="text/plain", ChecksumAlgorithm="SHA256", **json_file),
        answer_of(bucket.copy_object, CopySource=json_file, MetadataDirective="REPLACE", Metadata={"qb-id": "9"},
                  ContentType="application/pdf", **copied),
        answer_of(bucket.get_object, **copied), answer_of(bucket.head_object, **copied),
        answer_of(bucket.get_object_acl, **copied),
        answer_of(bucket.copy_object, CopySource=json_file, ContentType="application/pdf", **copied),
        answer_of(bucket.get_object, **copied),
        answer_of(bucket.copy_object, CopySource={**json_file, "Key": "nobody"}, MetadataDirective="REPLACE",
                  ContentType="application/pdf", **copied),
        answer_of(bucket.get_object, Bucket=BUCKET, Key="no such ü"),
        *[answer_of(call, **copied) for call in (bucket.delete_object, bucket.get_object, bucket.delete_object)],
        answer_of(bucket.delete_object, Bucket="nobodys", Key="k"),
        answer_of(bucket.put_object, Bucket="nobodys", Key="k", Body=b"x", ContentType="text/plain"),
        answer_of(bucket.get_object, Bucket="nobodys", Key="k"),
        answer_of(bucket.get_object, Range="bytes=0-0", **json_file),
        *[answer_of(bucket.delete_objects, Bucket=BUCKET, Delete={"Quiet": True, "Objects": objects}) for objects in
          ([{"Key": "documents/ü 1.json"}, {"Key": "no such <ü>"}], [], [{"Key": f"{n}"} for n in range(1_001)])],
        answer_of(bucket.delete_objects, Bucket="nobodys", Delete={"Quiet": True, "Objects": [{"Key": "k"}]}),
        answer_of(bucket.delete_objects, Bucket=BUCKET, Delete={"Quiet": False, "Objects": [{"Key": "k"}]}),
        answer_of(bucket.get_object, **json_file),
    ]  # fmt: skip


@pytest.mark.parametrize("setting", ["versioning", "encryption", "policy"])
def test_objects_of_a_bucket_with_settings_are_answered_alike(asked, setting):
    bucket, place = client(asked, "s3"), {"Bucket": BUCKET, "Key": "k"}
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    {
        "versioning": lambda: bucket.put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
        ),
        "encryption": lambda: bucket.put_bucket_encryption(
            Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]}
        ),
        "policy": lambda: bucket.put_bucket_policy(
            Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [denied]})
        ),
    }[setting]()

    answers = [
        answer_of(bucket.put_object, Body=b"one", ContentType="text/plain", **place),
        answer_of(bucket.get_object, **place),
        answer_of(bucket.delete_object, **place),
    ]

    assert answers[1].get("refused", False) is (setting == "policy")
    assert {"VersionId" in answer for answer in answers} == {setting == "versioning"}
    same_both_ways(setting, [without_what_is_made_up(answer) for answer in answers])


def test_the_other_services_are_answered_alike(asked):
    queue = client(asked, "sqs").create_queue(QueueName="letters")["QueueUrl"].rpartition("/")[2]
    topic = client(asked, "sns").create_topic(Name="alerts")["TopicArn"]
    url = client(asked, "sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    arn = client(asked, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client(asked, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    client(asked, "sns").publish(TopicArn=topic, Subject="s", Message="m")
    (message,) = client(asked, "sqs").receive_message(QueueUrl=url)["Messages"]

    answers = [
        json.loads(message["Body"])["Message"],
        answer_of(client(asked, "secretsmanager").get_secret_value, SecretId="nobody"),
        answer_of(client(asked, "ssm").put_parameter, Name="/demo/x", Value="1", Type="SecureString"),
        *[
            answer_of(client(asked, "ssm").get_parameter, Name=name, WithDecryption=True)
            for name in ("/demo/y", "/demo/x:7", "demo x", "/demo//")
        ],
        *[
            answer_of(client(asked, "ssm").get_parameter, Name="/demo/x", WithDecryption=decrypted)
            for decrypted in (True, False)
        ],
        *[
            answer_of(
                client(asked, "ssm").put_parameter,
                Name="/demo/x",
                Description="d",
                Value=value,
                Tier="Standard",
                Type="SecureString",
                Overwrite=overwrite,
            )
            for value, overwrite in (("2", True), ("3", False), ("", True), ("x" * 5_000, True))
        ],
        answer_of(client(asked, "ssm").get_parameter, Name="/demo/x", WithDecryption=True),
        *answers_about_a_secret(client(asked, "secretsmanager")),
    ]

    same_both_ways("others", [without_what_is_made_up(answer) for answer in answers])


# What moto makes up for each message; a topic's messages are signed, and have the time.
MADE_UP_FOR_A_MESSAGE = {"MessageId", "ReceiptHandle", "Signature", "Timestamp", "SigningCertURL", "UnsubscribeURL"}


def test_messages_are_answered_alike(asked):
    queues, topics = client(asked, "sqs"), client(asked, "sns")
    url = queues.create_queue(QueueName="letters")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = topics.create_topic(Name="alerts")["TopicArn"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    nobodys, nowhere = url.replace("letters", "nobodys"), topic.replace("alerts", "nowhere")

    def taken(**how):
        return answer_of(queues.receive_message, QueueUrl=url, **how)

    answers = [
        answer_of(queues.get_queue_url, QueueName="letters"),
        answer_of(queues.get_queue_url, QueueName="nobodys"),
        taken(MaxNumberOfMessages=10),
        *[answer_of(queues.send_message, QueueUrl=url, MessageBody=text) for text in ("one", "zwei ü", "x" * 300_000)],
        answer_of(queues.send_message, QueueUrl=nobodys, MessageBody="one"),
        answer_of(queues.send_message, QueueUrl=url, MessageBody=""),
        *[taken(MaxNumberOfMessages=count, WaitTimeSeconds=1, VisibilityTimeout=9) for count in (0, 11, 1)],
        kept := taken(MaxNumberOfMessages=10, VisibilityTimeout=0),
        taken(MaxNumberOfMessages=10),
        taken(),
        answer_of(queues.receive_message, QueueUrl=nobodys, MaxNumberOfMessages=10),
        answer_of(queues.change_message_visibility, QueueUrl=url, VisibilityTimeout=0,
                  ReceiptHandle=kept["Messages"][0]["ReceiptHandle"]),
        answer_of(queues.change_message_visibility, QueueUrl=url, VisibilityTimeout=50_000, ReceiptHandle="none"),
        *[answer_of(queues.delete_message, QueueUrl=url, ReceiptHandle=handle) for handle in
          (kept["Messages"][0]["ReceiptHandle"], kept["Messages"][0]["ReceiptHandle"], "none")],
        *[answer_of(topics.publish, TopicArn=topic, Subject=subject, Message=text) for subject, text in
          (("s", "a text, ü"), ("s" * 101, "m"), ("", "m"), ("s", ""), ("s", "m" * 300_000))],
        answer_of(topics.publish, TopicArn=nowhere, Subject="s", Message="m"),
        answer_of(topics.publish, TopicArn=topic, Message="without a subject"),
        alerts := taken(MaxNumberOfMessages=10),
    ]  # fmt: skip

    answers += [json.loads(message["Body"]) for message in alerts["Messages"]]
    assert {answer["Message"] for answer in answers[-len(alerts["Messages"]) :]} >= {"a text, ü", "without a subject"}
    same_both_ways("messages", [without_what_a_message_is_given(answer) for answer in answers])


def without_what_a_message_is_given(answer):
    if isinstance(answer, list):
        return [without_what_a_message_is_given(part) for part in answer]
    if not isinstance(answer, dict):
        return answer
    # It has the address that was asked.
    if "QueueUrl" in answer:
        return {**answer, "QueueUrl": answer["QueueUrl"].rpartition("/")[2]}
    # The body of an alert holds all of it once more, as a text, and is compared by itself.
    left_out = MADE_UP_FOR_A_MESSAGE | ({"Body", "MD5OfBody"} if "TopicArn" in answer.get("Body", "") else set())
    return {name: without_what_a_message_is_given(part) for name, part in answer.items() if name not in left_out}


def answers_about_a_secret(secrets):
    secret = secrets.create_secret(Name="credentials-demo", SecretString='{"a": "ü"}')["ARN"]
    empty = secrets.create_secret(Name="empty")["ARN"]
    read = secrets.get_secret_value
    answers = [
        answer_of(read, SecretId=secret, VersionStage="AWSCURRENT"), answer_of(read, SecretId="credentials-demo"),
        answer_of(read, SecretId=secret, VersionStage="AWSPENDING"),
        answer_of(read, SecretId=empty, VersionStage="AWSCURRENT"),
        *answers_about_its_versions(secrets, secret),
    ]  # fmt: skip
    secrets.delete_secret(SecretId=secret)
    return [*answers, answer_of(read, SecretId=secret, VersionStage="AWSCURRENT")]


def answers_about_its_versions(secrets, secret):
    """Return the answers to what stores a version and makes it the current one, and how it is then."""
    put, move = secrets.put_secret_value, secrets.update_secret_version_stage
    first, second = (f"{number:032}" for number in (1, 2))
    to_second = {"SecretId": secret, "VersionStage": "AWSCURRENT", "MoveToVersionId": second}
    stages = []

    def answers():
        yield answer_of(put, SecretId=secret, SecretString="{}", VersionStages=["NEXT"], ClientRequestToken=first)
        yield answer_of(put, SecretId=secret, SecretString="[]", VersionStages=["NEXT"], ClientRequestToken=second)
        yield answer_of(put, SecretId=secret, SecretString="other", VersionStages=["NEXT"], ClientRequestToken=second)
        yield answer_of(put, SecretId=secret, SecretString="new", VersionStages=["OTHER"])
        yield answer_of(put, SecretId="nobody", SecretString="{}", VersionStages=["NEXT"])
        yield answer_of(put, SecretId=secret, SecretString="{}", VersionStages=[f"STAGE{n}" for n in range(20)])
        yield answer_of(move, **to_second, RemoveFromVersionId=first)
        yield answer_of(move, **to_second)
        current = next(iter(versions(secrets, secret, "AWSCURRENT")), "")
        yield answer_of(move, **to_second, RemoveFromVersionId=current)
        yield answer_of(move, SecretId="nobody", VersionStage="NEXT", MoveToVersionId=second)
        stages.append(sorted(map(sorted, secrets.describe_secret(SecretId=secret)["VersionIdsToStages"].values())))

    return [*answers(), {"stages": stages}]


def versions(secrets, secret, stage):
    known = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
    return [version for version, stages in known.items() if stage in stages]


def test_what_is_answered_at_once_has_the_times_of_what_is_not(aws):
    """Seconds of a time are compared with the clock: they are left out where answers are compared."""
    furnished(aws)
    bucket, secrets, parameters = (client(aws, name) for name in ("s3", "secretsmanager", "ssm"))
    bucket.put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentType="text/plain")
    secrets.create_secret(Name="credentials-demo", SecretString="{}")
    parameters.put_parameter(Name="/demo/x", Value="1", Type="SecureString")

    times = [
        bucket.get_object(Bucket=BUCKET, Key="k")["LastModified"],
        secrets.get_secret_value(SecretId="credentials-demo")["CreatedDate"],
        parameters.get_parameter(Name="/demo/x")["Parameter"]["LastModifiedDate"],
    ]

    now = datetime.now(UTC)
    assert [time for time in times if abs(now - time) > timedelta(seconds=30)] == []


def same_both_ways(what, answers):
    """Compare with what was answered the other way, if it was asked before."""
    assert _without_times(answers) == _over_a_socket.setdefault(what, _without_times(answers))


def _without_times(answers):
    return [
        {name: _without_its_time(value) for name, value in answer.items() if name not in ("LastModified", "Contents")}
        if isinstance(answer, dict)
        else answer
        for answer in answers
    ]


def _without_its_time(value):
    return {name: part for name, part in value.items() if name != "LastModified"} if isinstance(value, dict) else value


def test_what_is_common_is_neither_worded_nor_done_twice(aws, monkeypatch):
    furnished(aws)
    bucket, queues, topics, secrets = (client(aws, name) for name in ("s3", "sqs", "sns", "secretsmanager"))
    url = queues.create_queue(QueueName="letters")["QueueUrl"]
    topic = topics.create_topic(Name="alerts")["TopicArn"]
    secret = secrets.create_secret(Name="credentials-demo", SecretString="{}")
    monkeypatch.setattr(aws_without_sockets, "_long_way", lambda *asked: pytest.fail(f"{asked} was worded"))

    queues.send_message(QueueUrl=queues.get_queue_url(QueueName="letters")["QueueUrl"], MessageBody="one")
    (message,) = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    letter = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    queues.change_message_visibility(**letter, VisibilityTimeout=0)
    queues.delete_message(**letter)
    topics.publish(TopicArn=topic, Subject="s", Message="m")
    stored = secrets.put_secret_value(SecretId=secret["ARN"], SecretString="[]", VersionStages=["NEXT"])
    secrets.update_secret_version_stage(
        SecretId=secret["ARN"],
        VersionStage="AWSCURRENT",
        MoveToVersionId=stored["VersionId"],
        RemoveFromVersionId=secret["VersionId"],
    )
    bucket.put_object(Bucket=BUCKET, Key="k", Body=b"x", ContentType="text/plain")
    assert bucket.list_objects_v2(Bucket=BUCKET, Prefix="")["KeyCount"] == 1
    bucket.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "k"}], "Quiet": True})

    current = secrets.get_secret_value(SecretId=secret["ARN"], VersionStage="AWSCURRENT")
    assert current["SecretString"] == "[]"


def test_what_is_refused_at_once_is_the_error_of_its_client(aws):
    furnished(aws)
    bucket, parameters = client(aws, "s3"), client(aws, "ssm")

    with pytest.raises(bucket.exceptions.NoSuchKey):
        bucket.get_object(Bucket=BUCKET, Key="nobody")
    with pytest.raises(parameters.exceptions.ParameterNotFound):
        parameters.get_parameter(Name="/nobody")


def test_it_is_left_alone_afterwards(aws):
    fresh = EmbeddedAws()
    with without_sockets(fresh):
        pass
    fresh.close()

    assert fresh.url not in _served
    with pytest.raises(Exception, match="Could not connect"):
        client(fresh, "s3").list_buckets()


def test_an_item_over_the_limit_of_dynamodb_is_refused(asked):
    table = client(asked, "dynamodb")
    answers = [
        answer_of(table.put_item, TableName=TABLE, Item=item("one", paper="x" * length))
        for length in (300_000, 500_000)
    ]

    assert [answer.get("refused", False) for answer in answers] == [False, True]
    same_both_ways("large", answers)


# The six letters at the end of a secret's ARN, and the id of a version.
BY_CHANCE = re.compile(r"(?<=credentials-demo)-\w{6}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
OF_A_DEPLOYMENT = {
    "odoo_url": "http://odoo", "odoo_secret": {"database": "d", "username": "u", "password": "p"},
    "quickbooks_url": "http://quickbooks", "discovery_url": "http://discovery", "quickbooks_secret": {"realm_ids": {}},
}  # fmt: skip
# What AWS makes up for each new resource.
MADE_UP = {"TableId", "CreationDateTime", "CreationDate", "CreatedTimestamp", "LastModifiedTimestamp", "CreatedDate",
           "LastChangedDate", "VersionId", "SecretVersionsToStages", "VersionIdsToStages", "ResponseMetadata",
           "LastModifiedDate", "LatestStreamLabel", "SubscriptionArn", "ARN"}  # fmt: skip


def described(moto, deployment):
    """Return everything that a deployment is made of, as AWS describes it, and whether a message reaches its queue."""
    dynamodb, queues, topics, secrets, s3 = map(moto.client, ("dynamodb", "sqs", "sns", "secretsmanager", "s3"))
    topics.publish(TopicArn=deployment.topic, Subject="s", Message="m")
    urls = sorted(queues.list_queues()["QueueUrls"])
    return without_what_is_made_up({
        "tables": [dynamodb.describe_table(TableName=name) for name in sorted(dynamodb.list_tables()["TableNames"])],
        "queues": [[url, queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]]
                   for url in urls],
        "topics": [topics.list_topics()["Topics"], topics.list_subscriptions()["Subscriptions"]],
        "secrets": [[one, secrets.get_secret_value(SecretId=one["ARN"])["SecretString"]]
                    for one in secrets.list_secrets()["SecretList"]],
        "buckets": [[one, s3.get_bucket_location(Bucket=one["Name"])["LocationConstraint"]]
                    for one in s3.list_buckets()["Buckets"]],
        "message": [alert["text"] for alert in deployment.alerts()],
        "environments": deployment.environs,
    })  # fmt: skip


def without_what_is_made_up(value):
    if isinstance(value, dict):
        return {key: without_what_is_made_up(part) for key, part in value.items() if key not in MADE_UP}
    if isinstance(value, list):
        return [without_what_is_made_up(part) for part in value]
    return BY_CHANCE.sub("", value) if isinstance(value, str) else value


def test_what_is_deployed_in_moto_itself_is_what_is_deployed_over_a_socket(moto):
    by_requests = described(moto, deploy(moto, **OF_A_DEPLOYMENT))
    moto.empty()

    at_once = described(moto, deployed(moto, **OF_A_DEPLOYMENT))

    assert at_once == by_requests
    assert at_once["message"] == ["m"]
    assert len(at_once["queues"]) == 5
