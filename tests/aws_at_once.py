"""What each run asks of objects, secrets, parameters, topics and queues of embedded AWS, without wording the request.

What is common is done to moto's state and answered as botocore reads moto's answer: also that something is missing. For
all else, and for what is refused for another reason, `answer` returns None with nothing done, and the request goes the
long way. `contracts/test_embedded_aws.py` compares the two.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from moto.core.exceptions import ServiceException
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends

from local.simulation import short_table, short_way

type Parameters = dict[str, Any]

# What moto says of an object that is nothing but its bytes, their type and the texts kept with them.
PLAIN = {"ETag", "last-modified", "content-length", "x-amz-sdk-checksum-algorithm"}
TEXT_KEPT = "x-amz-meta-"
OBJECTS_MAX = 1_000
# A path without a version or a label.
PARAMETER = re.compile(r"(/[A-Za-z0-9_-]+)+")
CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "CRC32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "SHA256": lambda content: hashlib.sha256(content).digest(),
}


def answer(service: str, operation: str, parameters: Parameters) -> tuple[str, Parameters] | None:
    """Return the HTTP method of a request, for those who count, and its answer; or None, with nothing done."""
    known = _OPERATIONS.get((service, operation))
    if known is None:
        return None
    method, kinds, do = known
    if not all(isinstance(value, kinds.get(name, ())) for name, value in parameters.items()):
        return None
    found = do(parameters)
    return None if found is None else (method, found)


def _get_object(parameters: Parameters) -> Parameters | None:
    _, bucket = _plain_bucket(parameters)
    if bucket is None:
        return None
    if parameters["Key"] not in bucket.keys:
        return _refused(404, "NoSuchKey", "The specified key does not exist.", Key=parameters["Key"])
    found = _plain_object(bucket, parameters["Key"])
    if found is None:
        return None
    kept = found.metadata
    return {
        "AcceptRanges": "bytes",
        "LastModified": _in_seconds(found),
        "ContentLength": found.size,
        "ETag": found.etag,
        f"Checksum{found.checksum_algorithm}": found.checksum_value,
        "ContentType": kept["content-type"],
        "Metadata": {name.removeprefix(TEXT_KEPT): kept[name] for name in kept if name.startswith(TEXT_KEPT)},
        "Body": StreamingBody(io.BytesIO(found.value), found.size),
        "ResponseMetadata": {"ChecksumAlgorithm": str(found.checksum_algorithm).lower()},
    }


def _put_object(parameters: Parameters) -> Parameters | None:
    backend, bucket = _plain_bucket(parameters)
    content, algorithm = parameters.get("Body"), parameters.get("ChecksumAlgorithm", "CRC32")
    kept = parameters.get("Metadata", {})
    if bucket is None or content is None or not parameters.get("ContentType") or algorithm not in CHECKSUMS:
        return None
    if not all(isinstance(value, str) and value.isascii() for value in kept.values()):
        return None
    checksum = base64.b64encode(CHECKSUMS[algorithm](content)).decode()
    made = backend.put_object(parameters["Bucket"], parameters["Key"], content, checksum_value=checksum)
    made.checksum_algorithm = algorithm
    made.set_metadata({
        "content-type": parameters["ContentType"], "x-amz-content-sha256": hashlib.sha256(content).hexdigest(),
        **{f"{TEXT_KEPT}{name}": value for name, value in kept.items()},
    })  # fmt: skip
    return {"ETag": made.etag, f"Checksum{algorithm}": checksum}


def _copy_object(parameters: Parameters) -> Parameters | None:
    backend, bucket = _plain_bucket(parameters)
    source, kept = parameters.get("CopySource", {}), parameters.get("Metadata", {})
    is_usual = (
        bucket is not None
        and parameters.get("MetadataDirective") == "REPLACE"
        and source.keys() == {"Bucket", "Key"}
        and source["Bucket"] == parameters["Bucket"]
        and all(isinstance(value, str) and value.isascii() for value in kept.values())
    )
    original = _plain_object(bucket, source["Key"]) if is_usual else None
    if original is None or not parameters.get("ContentType"):
        return None
    backend.copy_object(original, parameters["Bucket"], parameters["Key"], mdirective="REPLACE", metadata={
        "content-type": parameters["ContentType"], "x-amz-content-sha256": hashlib.sha256().hexdigest(),
        **{f"{TEXT_KEPT}{name}": value for name, value in kept.items()},
    })  # fmt: skip
    made = bucket.keys[parameters["Key"]]
    result = {
        "ETag": made.etag,
        "LastModified": _in_seconds(made),
        f"Checksum{made.checksum_algorithm}": made.checksum_value,
    }
    return {"CopyObjectResult": result}


def _delete_object(parameters: Parameters) -> Parameters | None:
    backend, bucket = _plain_bucket(parameters)
    if bucket is None:
        return None
    backend.delete_object(parameters["Bucket"], parameters["Key"])
    return {"ResponseMetadata": {"HTTPStatusCode": 204}}


def _delete_objects(parameters: Parameters) -> Parameters | None:
    asked = parameters.get("Delete", {})
    objects = asked.get("Objects", [])
    backend, bucket = _plain_bucket({**parameters, "Key": "each"})
    is_usual = (
        bucket is not None
        and asked.keys() <= {"Objects", "Quiet"}
        and 0 < len(objects) <= OBJECTS_MAX
        and all(one.keys() == {"Key"} and isinstance(one["Key"], str) and one["Key"] for one in objects)
    )
    if not is_usual:
        return None
    backend.delete_objects(parameters["Bucket"], objects)
    # moto says which, quiet or not.
    return {"Deleted": [{"Key": one["Key"]} for one in objects]}


def _list_objects(parameters: Parameters) -> Parameters | None:
    _, bucket = _plain_bucket({**parameters, "Key": "each"})
    prefix = parameters.get("Prefix")
    if bucket is None or prefix is None:
        return None
    found = [kept for name, kept in sorted(bucket.keys.items()) if name.startswith(prefix)]
    # One page, of objects that are there.
    if len(found) >= OBJECTS_MAX or not all(isinstance(one, FakeKey) and one.checksum_algorithm for one in found):
        return None
    contents = [
        {
            "Key": one.name,
            "LastModified": _in_seconds(one),
            "ETag": one.etag,
            "ChecksumAlgorithm": [str(one.checksum_algorithm)],
            "Size": one.size,
            "StorageClass": one.storage_class,
        }
        for one in found
    ]
    return {
        "IsTruncated": False,
        **({"Contents": contents} if contents else {}),
        "Name": parameters["Bucket"],
        "Prefix": prefix,
        "MaxKeys": OBJECTS_MAX,
        "EncodingType": "url",
        "KeyCount": len(contents),
    }


def _in_seconds(found: FakeKey) -> datetime:
    return found.last_modified.replace(microsecond=0, tzinfo=UTC)


def _plain_object(bucket: FakeBucket, key: str) -> FakeKey | None:
    found = bucket.keys.get(key)
    is_plain = isinstance(found, FakeKey) and set(found.response_dict) == PLAIN and not found.multipart
    return found if is_plain else None


def _plain_bucket(parameters: Parameters) -> tuple[S3Backend, FakeBucket | None]:
    """Return the bucket of a request, if nothing is set for it that is asked at each object."""
    backend = short_table.at_home(s3_backends, "aws")
    bucket = backend.buckets.get(parameters.get("Bucket", ""))
    is_plain = bucket and parameters.get("Key") and not (
        bucket.is_versioned or bucket.policy or bucket.encryption or bucket.logging or bucket.object_lock_enabled
    )  # fmt: skip
    return backend, bucket if is_plain else None


def _get_secret_value(parameters: Parameters) -> Parameters | None:
    found = _unless_refused("secretsmanager", "GetSecretValue", parameters)
    if found is not None:
        found["CreatedDate"] = datetime.fromtimestamp(found["CreatedDate"], UTC)
    return found


def _get_parameter(parameters: Parameters) -> Parameters | None:
    found = _unless_refused("ssm", "GetParameter", parameters)
    name = parameters.get("Name", "")
    if found is None and PARAMETER.fullmatch(name):
        text = f"Parameter {name} not found."
        return {**_refused(400, "ParameterNotFound", text), "message": text}
    if found is not None:
        one = found["Parameter"]
        del one["Tier"]
        at = one["LastModifiedDate"]
        one["LastModifiedDate"] = at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
    return found


def _refused(status: int, code: str, text: str, **beside: str) -> Parameters:
    return {"Error": {"Code": code, "Message": text, **beside}, "ResponseMetadata": {"HTTPStatusCode": status}}


def _unless_refused(service: str, operation: str, parameters: Parameters) -> Parameters | None:
    try:
        found: Parameters = short_way.call(service, operation, parameters)
    except ClientError:
        # A refused request changed nothing: it is refused once more, in moto's own words.
        return None
    return found


def _put_parameter(parameters: Parameters) -> Parameters | None:
    is_usual = parameters.get("Type") == "SecureString" and PARAMETER.fullmatch(parameters.get("Name", ""))
    return _unless_refused("ssm", "PutParameter", parameters) if is_usual else None


def _put_secret_value(parameters: Parameters) -> Parameters | None:
    if not parameters.get("VersionStages"):
        return None
    # botocore makes one up where none is given.
    return _unless_refused("secretsmanager", "PutSecretValue", {"ClientRequestToken": str(uuid4()), **parameters})


def _publish(parameters: Parameters) -> Parameters | None:
    if not parameters.get("Message") or not parameters.get("Subject"):
        return None
    try:
        found: Parameters = short_way.call("sns", "Publish", parameters)
    except (ServiceException, ValueError):
        # The topic is looked up and the text measured first: a refused request changed nothing.
        return None
    return found


def _of_a_queue(operation: str) -> Do:
    def do(parameters: Parameters) -> Parameters | None:
        try:
            # What is removed is answered with nothing.
            return short_way.call("sqs", operation, parameters) or {}
        except ClientError:
            return None

    return do


def _update_secret_version_stage(parameters: Parameters) -> Parameters | None:
    return _unless_refused("secretsmanager", "UpdateSecretVersionStage", parameters)


type Do = Callable[[Parameters], Parameters | None]
# The method of each request, what its parameters have to be, and what is done.
_OPERATIONS: dict[tuple[str, str], tuple[str, dict[str, type], Do]] = {
    ("s3", "GetObject"): ("GET", {"Bucket": str, "Key": str}, _get_object),
    ("s3", "PutObject"): (
        "PUT",
        {"Bucket": str, "Key": str, "Body": bytes, "ContentType": str, "ChecksumAlgorithm": str, "Metadata": dict},
        _put_object,
    ),
    ("s3", "DeleteObject"): ("DELETE", {"Bucket": str, "Key": str}, _delete_object),
    ("s3", "CopyObject"): (
        "PUT",
        {"Bucket": str, "Key": str, "CopySource": dict, "ContentType": str, "Metadata": dict, "MetadataDirective": str},
        _copy_object,
    ),
    ("s3", "ListObjectsV2"): ("GET", {"Bucket": str, "Prefix": str}, _list_objects),
    ("s3", "DeleteObjects"): ("POST", {"Bucket": str, "Delete": dict}, _delete_objects),
    ("secretsmanager", "PutSecretValue"): (
        "POST",
        {"SecretId": str, "SecretString": str, "VersionStages": list, "ClientRequestToken": str},
        _put_secret_value,
    ),
    ("secretsmanager", "UpdateSecretVersionStage"): (
        "POST",
        {"SecretId": str, "VersionStage": str, "MoveToVersionId": str, "RemoveFromVersionId": str},
        _update_secret_version_stage,
    ),
    ("sns", "Publish"): ("POST", {"TopicArn": str, "Subject": str, "Message": str}, _publish),
    ("sqs", "GetQueueUrl"): ("POST", {"QueueName": str}, _of_a_queue("GetQueueUrl")),
    ("sqs", "SendMessage"): ("POST", {"QueueUrl": str, "MessageBody": str}, _of_a_queue("SendMessage")),
    ("sqs", "ReceiveMessage"): (
        "POST",
        {"QueueUrl": str, "MaxNumberOfMessages": int, "VisibilityTimeout": int, "WaitTimeSeconds": int},
        _of_a_queue("ReceiveMessage"),
    ),
    ("sqs", "DeleteMessage"): ("POST", {"QueueUrl": str, "ReceiptHandle": str}, _of_a_queue("DeleteMessage")),
    ("sqs", "ChangeMessageVisibility"): (
        "POST",
        {"QueueUrl": str, "ReceiptHandle": str, "VisibilityTimeout": int},
        _of_a_queue("ChangeMessageVisibility"),
    ),
    ("secretsmanager", "GetSecretValue"): ("POST", {"SecretId": str, "VersionStage": str}, _get_secret_value),
    ("ssm", "GetParameter"): ("POST", {"Name": str, "WithDecryption": bool}, _get_parameter),
    ("ssm", "PutParameter"): (
        "POST",
        {"Name": str, "Description": str, "Value": str, "Type": str, "Tier": str, "Overwrite": bool},
        _put_parameter,
    ),
}  # fmt: skip
