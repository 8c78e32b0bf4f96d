"""What the roles grant, and what the functions call, as IAM sees it.

`golden/permissions.json` has the statements of each role as Terraform words them. `test_deployed_to_moto.py` compares
it with what is applied (`GOLDEN=update` writes it again), so that other tests can hold calls against the real grants.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.exceptions import ClientError

type Statement = dict[str, Any]
type Policy = list[Statement]

HERE = "us-west-2:123456789012"
GOLDEN = Path(__file__).parent / "golden" / "permissions.json"
# What AWS adds to the name of a secret.
_SECRET = re.compile(r"(:secret:[^\"]*-credentials-[^\"]*?)-[A-Za-z0-9]{6}\"")


@dataclass(frozen=True)
class Call:
    """One call to AWS: who made it, what it does, to what, and under which condition keys."""

    function: str
    action: str
    resource: str
    keys: tuple[tuple[str, str], ...] = ()


def stored_policies(environment: str, bucket: str) -> dict[str, Policy]:
    """Return the statements of each role, by the function's name, as of a deployment with a name and a bucket."""
    text = GOLDEN.read_text().replace("<bucket>", bucket).replace("<environment>", environment)
    return json.loads(text)


def golden_form(policies: Mapping[str, Policy], environment: str, bucket: str) -> str:
    """Return the text of the golden file for what is applied."""
    text = json.dumps(dict(sorted(policies.items())), indent=1, sort_keys=True)
    text = _SECRET.sub(r'\1-??????"', text.replace(bucket, "<bucket>"))
    return text.replace(environment, "<environment>") + "\n"


def is_allowed(policy: Policy, call: Call) -> bool:
    """Tell whether a policy allows a call, as IAM decides it for what we write in ours: a denial wins."""
    return {statement["Effect"] for statement in policy if _concerns(statement, call)} == {"Allow"}


def unused(policy: Policy, calls: Iterable[Call]) -> list[tuple[str, str]]:
    """Return each grant of a role, by its statement and its action, without which all of the calls would be allowed."""
    made = set(calls)
    return [
        (statement["Sid"], action)
        for statement in policy
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        if all(is_allowed(_without(policy, statement["Sid"], action), call) for call in made)
    ]


def _without(policy: Policy, sid: str, action: str) -> Policy:
    return [
        {
            **statement,
            "Action": [one for one in listed(statement["Action"]) if (statement["Sid"], one) != (sid, action)],
        }
        for statement in policy
    ]


def _concerns(statement: Statement, call: Call) -> bool:
    keys = dict(call.keys)
    return (
        call.action in listed(statement["Action"])
        and any(fnmatch.fnmatchcase(call.resource, resource) for resource in listed(statement["Resource"]))
        and all(
            any(fnmatch.fnmatchcase(keys.get(key, ""), value) for value in listed(values))
            for condition in statement.get("Condition", {}).values()
            for key, values in condition.items()
        )
    )


def listed(value: str | list[str]) -> list[str]:
    """Return one value or several as a list: IAM takes either."""
    return [value] if isinstance(value, str) else value


def table_arn(name: str) -> str:
    """Return the ARN of a table."""
    return f"arn:aws:dynamodb:{HERE}:table/{name}"


@contextmanager
def recorded_calls() -> Iterator[list[Call]]:
    """Record every call that a function makes while it runs, as IAM would see it."""
    calls: list[Call] = []
    real = BaseClient._make_api_call

    def record(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        # The environment is the running function's own while it runs; a test's own calls have none.
        function = os.environ.get("POWERTOOLS_SERVICE_NAME")
        if not function:
            return real(client, operation, parameters)
        service = client.meta.service_model.service_name
        calls.extend(_as_iam_sees_it(function, service, operation, parameters))
        try:
            return real(client, operation, parameters)
        except ClientError as error:
            if service == "s3" and error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                # Who may not list this key is told that it is forbidden, and not that it is missing.
                bucket, keys = f"arn:aws:s3:::{parameters['Bucket']}", (("s3:prefix", parameters["Key"]),)
                calls.append(Call(function, "s3:ListBucket", bucket, keys))
            raise

    with patch.object(BaseClient, "_make_api_call", record):
        yield calls


def _as_iam_sees_it(  # noqa: C901, PLR0912 - a branch a service
    function: str, service: str, operation: str, params: Mapping[str, Any]
) -> Iterator[Call]:
    action = f"{service}:{operation}"
    if service == "s3":
        bucket = f"arn:aws:s3:::{params['Bucket']}"
        if operation.startswith("List"):
            yield Call(function, "s3:ListBucket", bucket, (("s3:prefix", params.get("Prefix", "")),))
        elif operation == "CopyObject":
            source = params["CopySource"]
            yield Call(function, "s3:GetObject", f"arn:aws:s3:::{source['Bucket']}/{source['Key']}")
            yield Call(function, "s3:PutObject", f"{bucket}/{params['Key']}")
        elif operation == "DeleteObjects":
            for deleted in params["Delete"]["Objects"]:
                yield Call(function, "s3:DeleteObject", f"{bucket}/{deleted['Key']}")
        else:
            action = "s3:GetObject" if operation == "HeadObject" else action
            yield Call(function, action, f"{bucket}/{params['Key']}")
    elif service == "dynamodb" and operation == "TransactWriteItems":
        # IAM asks for the right to each of the writes, not to writing them together.
        for write in params["TransactItems"]:
            ((kind, done),) = write.items()
            key = done.get("Key", done.get("Item", {})).get("entry_id", {}).get("S", "")
            single = "dynamodb:ConditionCheckItem" if kind == "ConditionCheck" else f"dynamodb:{kind}Item"
            yield Call(function, single, table_arn(done["TableName"]), (("dynamodb:LeadingKeys", key),))
    elif service == "dynamodb":
        for table in params["RequestItems"] if "RequestItems" in params else [params["TableName"]]:
            index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
            attributes = params.get("Key", params.get("Item", {}))
            # The first is of the tracking table, the other of the sale orders.
            key = next((attributes[name]["S"] for name in ("entry_id", "order_name") if name in attributes), "")
            yield Call(function, action, table_arn(table) + index, (("dynamodb:LeadingKeys", key),))
    elif service == "sqs":
        name = params.get("QueueName") or str(params["QueueUrl"]).rpartition("/")[2]
        yield Call(function, action, f"arn:aws:sqs:{HERE}:{name}")
    elif service == "lambda":
        yield Call(function, "lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:{params['FunctionName']}")
    elif service == "ssm":
        yield Call(function, action, f"arn:aws:ssm:{HERE}:parameter{params['Name']}")
    else:
        yield Call(function, action, params.get("SecretId") or params.get("TopicArn") or "unknown")
