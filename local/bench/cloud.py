"""AWS for measurements: moto's state behind a server that takes the time AWS takes, and not more.

moto's own server closes every connection and spends 15 ms of a processor on a write to the table. What is measured
then is moto. Here connections stay open, each call takes what it takes in a region of AWS, and the work is done by the
short way of the simulation, which a test compares with moto's. It has a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape, unescape

import boto3
from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

from local.simulation import short_way
from local.stand_ins.aws import CREDENTIALS, REGION, Environ
from local.stand_ins.http_server import Request, Response, StandInServer

# What a call takes from a function to the service and back, in the same region.
TAKES_S = {"dynamodb": 0.005, "s3": 0.02}
_TARGET = re.compile(
    r"DynamoDB_20120810\.((?:Get|Put|Update|Delete|BatchGet|BatchWrite)Item|TransactWriteItems|Query|Scan)"
)
_KEY = re.compile(r"<Key>(.*?)</Key>")
_OBJECT = {"GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_METADATA = "x-amz-meta-"
_MODIFIED = formatdate(0, usegmt=True)


class CloudServer:
    """Serves DynamoDB, S3 and, by moto itself, the other services at `url`."""

    def __init__(self) -> None:
        self._application = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._server = StandInServer(self._answer)
        # Nobody reads the log of what was asked, and a backfill has gigabytes of it.
        self._server.requests = deque(maxlen=1)  # type: ignore[assignment]
        self.url = self._server.url

    def _answer(self, request: Request) -> Response:
        target = _TARGET.fullmatch(request.headers.get("x-amz-target", ""))
        if target:
            time.sleep(TAKES_S["dynamodb"])
            return self._table(target[1], request)
        if "/s3/aws4_request" in request.headers.get("authorization", ""):
            time.sleep(TAKES_S["s3"])
            answer = self._bucket(request)
            if answer is not None:
                return answer
        with self._lock:
            return self._by_moto(request)

    def _table(self, operation: str, request: Request) -> Response:
        try:
            # One at a time: the conditional writes of AWS are atomic, moto's are not.
            with self._lock:
                return Response(
                    200, json.dumps(short_way.call("dynamodb", operation, json.loads(request.body))).encode()
                )
        except ClientError as error:
            body = {"__type": f"com.amazonaws.dynamodb.v20120810#{error.response['Error']['Code']}", "message": ""}
            return Response(400, json.dumps(body).encode())

    def _bucket(self, request: Request) -> Response | None:
        """Answer what is done with objects; None for all else, such as making a bucket."""
        bucket, _, key = unquote(request.path).lstrip("/").partition("/")
        asked: dict[str, Any] = {"Bucket": bucket, "Key": key}
        operation = _OBJECT.get(request.method, "") if key else ""
        if request.method == "POST" and "delete" in request.query:
            operation = "DeleteObjects"
            names = _KEY.findall(request.body.decode())
            asked = {"Bucket": bucket, "Delete": {"Objects": [{"Key": unescape(name)} for name in names]}}
        elif "x-amz-copy-source" in request.headers:
            operation = "CopyObject"
            source, _, source_key = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")
            asked["CopySource"] = {"Bucket": source, "Key": source_key}
        elif operation == "PutObject":
            asked["Body"] = request.body
        asked["Metadata"] = {
            name.removeprefix(_METADATA): value for name, value in request.headers.items() if name.startswith(_METADATA)
        }
        if not operation or set(request.query) - {"delete", "x-id"}:
            return None
        try:
            with self._lock:
                found = short_way.call("s3", operation, asked)
        except ClientError as error:
            code = escape(error.response["Error"]["Code"])
            return Response(404, f"<Error><Code>{code}</Code></Error>".encode(), "application/xml")
        return _worded(operation, found)

    def _by_moto(self, request: Request) -> Response:
        builder = EnvironBuilder(
            path=unquote(request.path),
            base_url=self.url,
            query_string=request.query,
            method=request.method,
            headers=list(request.headers.items()),
            data=request.body,
        )
        chunks, status, headers = run_wsgi_app(self._application, builder.get_environ())
        content = b"".join(chunks)
        kept = {name: value for name, value in headers if name.lower() not in ("content-length", "content-type")}
        return Response(int(status.split()[0]), content, headers.get("Content-Type", ""), kept)


def _worded(operation: str, found: dict[str, Any]) -> Response:
    headers = {"ETag": '"0"', "Last-Modified": _MODIFIED}
    if operation == "GetObject":
        headers |= {f"{_METADATA}{name}": value for name, value in found["Metadata"].items()}
        return Response(200, found["Body"].read(), "application/octet-stream", headers)
    if operation == "PutObject":
        return Response(200, b"", headers={**headers, "x-amz-checksum-sha256": found["ChecksumSHA256"]})
    if operation == "DeleteObject":
        return Response(204, b"")
    name = "CopyObjectResult" if operation == "CopyObject" else "DeleteResult"
    return Response(200, f"<{name}></{name}>".encode(), "application/xml", headers)


class Cloud:
    """An AWS of its own process, empty at first, and clients of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "local.bench", "cloud"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.url = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not self.url:
            raise RuntimeError("the AWS of the measurements did not start")
        self.environ: Environ = {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url}

    def client(self, name: str) -> Any:
        """Return a client of one service."""
        return boto3.client(
            name,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def close(self) -> None:
        """Stop serving."""
        self._process.communicate()


def serve_cloud() -> None:
    """Print where AWS is served, and serve it until standard input ends, which it does with whoever started this."""
    with short_way.in_a_hurry():
        print(CloudServer().url, flush=True)
        sys.stdin.read()
