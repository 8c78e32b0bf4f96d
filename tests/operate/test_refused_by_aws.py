"""What AWS refuses whoever runs a command: a sentence about their credentials, never about a function's policy."""

from __future__ import annotations

import io
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import botocore.client
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

from local.stand_ins.http_server import stop_at_once
from operate import deployment
from operate.errors import WrongUse
from tests.terraform_tools import without_aws

# A command, and what it asks AWS for itself, outside of the functions.
ASKED = (
    (("status",), "GetFunctionConfiguration"),
    (("status",), "GetSecretValue"),
    (("status",), "Query"),
    (("status",), "GetMetricStatistics"),
    (("list",), "Query"),
    (("pull",), "Invoke"),
    (("orders",), "Invoke"),
    (("plan",), "GetSecretValue"),
    (("retry",), "Query"),
    (("audit", "verify"), "Scan"),
    (("report", "companyA", "2026-01"), "GetObject"),
    (("report", "companyA", "2026-01"), "GetSecretValue"),
    (("check", "companyA", "--from", "2026-01-01"), "GetObject"),
    (("check", "companyA", "--from", "2026-01-01"), "UpdateItem"),
    (("check", "companyA", "--from", "2026-01-01"), "GetParameter"),
    (("connect", "companyA"), "GetSecretValue"),
    (("connect", "--odoo"), "GetSecretValue"),
)
UNREACHABLE = {
    "a proxy that is down": (ProxyConnectionError(proxy_url="http://proxy:3128"), 2, "look at HTTPS_PROXY"),
    "a proxy that opens TLS": (SSLError(endpoint_url="x", error="self-signed"), 2, "set AWS_CA_BUNDLE"),
    "no network": (EndpointConnectionError(endpoint_url="x"), 2, "is the region right, and the network up?"),
    "a network that is slow": (ConnectTimeoutError(endpoint_url="x"), 2, "is the region right, and the network up?"),
    "no answer": (ReadTimeoutError(endpoint_url="x"), 1, "AWS did not answer in time"),
}


@pytest.fixture
def refuse(oqb, monkeypatch):
    """Return a function that has AWS refuse an operation from now on."""
    make_call = botocore.client.BaseClient._make_api_call

    def refuse(operation, error):
        def call(self, name, arguments):
            if name == operation:
                raise ClientError({"Error": {"Code": error}}, name) if isinstance(error, str) else error
            return make_call(self, name, arguments)

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)

    return refuse


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException", "UnrecognizedClientException"])
@pytest.mark.parametrize(("command", "operation"), ASKED)
def test_whose_credentials_do_not_suffice_is_told_so(oqb, refuse, command, operation, code):
    refuse(operation, code)

    result = oqb(*command)

    assert result.exit_code == 2, result.output
    assert code in result.stderr
    assert "--profile" in result.stderr
    assert "this function" not in result.stderr
    assert "Traceback" not in result.output
    if code.startswith("Access"):
        assert f"may not call {operation}" in result.stderr


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("TooManyRequestsException", "as many functions as this account may at once (Invoke): try again in a minute"),
        ("ResourceConflictException", "The function is being updated (Invoke): try again in a minute"),
        ("ThrottlingException", "AWS was asked too often (Invoke): try again in a minute"),
        ("KMSDisabledException", "needs a key in KMS that cannot be used (KMSDisabledException): enable it"),
        ("RequestTooLargeException", "AWS refused Invoke (RequestTooLargeException)"),
    ],
)
def test_what_lambda_refuses_is_a_sentence_and_may_be_tried_again(oqb, refuse, code, says):
    refuse("Invoke", code)

    result = oqb("post")

    assert (result.exit_code, says in " ".join(result.stderr.split())) == (1, True), result.stderr


@pytest.mark.parametrize(
    ("command", "operation"), [(("pull",), "Invoke"), (("status",), "Query"), (("list",), "Query")]
)
@pytest.mark.parametrize("case", UNREACHABLE)
def test_what_is_in_the_way_to_aws_is_named_whoever_asks_it(oqb, refuse, command, operation, case):
    error, status, says = UNREACHABLE[case]
    assert isinstance(error, BotoCoreError)
    refuse(operation, error)

    result = oqb(*command)

    assert (result.exit_code, says in " ".join(result.stderr.split())) == (status, True), result.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
        ("InvalidSignatureException", "Signature expired: 20261130T100000Z is now earlier than 20261130T100500Z"),
        ("InvalidSignatureException", "Signature not yet current: 20261130T102000Z is still later than 20261130T1015"),
    ],
)
def test_a_clock_that_is_minutes_off_is_named_and_no_credentials(oqb, refuse, code, message):
    refuse("Query", ClientError({"Error": {"Code": code, "Message": message}}, "Query"))

    result = oqb("list")

    assert result.exit_code == 2
    assert f"The clock of this machine differs from that of AWS by minutes ({code}): set it" in " ".join(
        result.stderr.split()
    )
    assert "sign in" not in result.stderr


def test_a_throttled_table_is_no_fault_of_the_credentials(oqb, refuse):
    refuse("Query", "ThrottlingException")

    result = oqb("status", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == "AWS was asked too often (Query): try again in a minute."


SETTINGS = {
    "a proxy that is not there": (
        "",
        {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""},
        "The proxy does not answer: look at HTTPS_PROXY",
    ),
    "a configuration that is none": ("[default\nbroken", {}, "look at the AWS configuration, --profile and --region."),
    "a role of a profile that is missing": (
        "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = missing\n",
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        'The source_profile "missing" referenced in the profile "default" does not exist: look at',
    ),
    "a program that gives no credentials": (
        "[default]\ncredential_process = sh -c 'echo secret-words >&2; exit 1'\n",
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        "This profile gives no AWS credentials",
    ),
    "a code that nobody is there to type": (
        (
            "[profile base]\naws_access_key_id = x\naws_secret_access_key = x\n"
            "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\n"
        ),
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
        "This asks something, and nobody is there to answer: run it at a terminal.",
    ),
    "a region that is none": ("", {"AWS_DEFAULT_REGION": "bad region"}, "look at the AWS configuration"),
    "an endpoint that is none": ("", {"AWS_ENDPOINT_URL": "nonsense"}, "Invalid endpoint: nonsense: look at AWS_END"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_of_this_machine_that_is_in_the_way_is_named(commands, tmp_path, case):
    text, changed, says = SETTINGS[case]
    (tmp_path / "config").write_text(text)
    environ = without_aws(os.environ) | {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    environ = {name: value for name, value in (environ | changed).items() if value is not None}
    result = commands.run("status", environ=environ)

    assert result.returncode == 2, result.stderr
    # A progress line would write over what is asked.
    assert "MFA" not in result.stderr or "Reading" not in result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert "secret-words" not in result.stderr


# -- what answers is not this deployment's AWS -----------------------------------------------------------------------


class Page(BaseHTTPRequestHandler):
    """A proxy that answers everything with its own page, as one does before a person has signed in."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>Please sign in</html>")

    def log_message(self, *_arguments):
        pass


@pytest.mark.parametrize(
    ("who", "command"),
    [
        ("", ("status",)),
        ("_LAMBDA", ("status",)),
        ("_LAMBDA", ("orders",)),
        ("_DYNAMODB", ("status",)),
        ("_DYNAMODB", ("audit", "verify")),
        ("_S3", ("report", "companyA", "2026-01")),
    ],
)
def test_a_page_in_place_of_an_answer_is_said_to_be_one(oqb, monkeypatch, who, command):
    server = HTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(f"AWS_ENDPOINT_URL{who}", f"http://127.0.0.1:{server.server_port}")
    if not who:
        monkeypatch.delenv("AWS_ENDPOINT_URL_LAMBDA", raising=False)

    result = oqb(*command)

    stop_at_once(server)
    server.server_close()
    assert result.exit_code == 2
    assert "A page comes in place of AWS' answer" in " ".join(result.stderr.split())


def a_state(account, region="us-west-2", environment="prod"):
    arn = f"arn:aws:secretsmanager:{region}:{account}:secret:odoo-qb-integration/odoo-credentials-{environment}-a1b2c3"
    outputs = {"odoo_secret_arn": {"value": arn}, "poster_function_name": {"value": f"qb-poster-{environment}"}}
    return json.dumps({"version": 4, "outputs": outputs})


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (a_state("210987654321"), ": Terraform has applied it from here to us-west-2 (account 210987654321). Name its"),
        (a_state("123456789012", "eu-west-1"), ": Terraform has applied it from here to eu-west-1 (account 123456789"),
        (a_state("210987654321", environment="sandbox"), "; there is demo: name it with --env."),
        (a_state("123456789012"), "; there is demo: name it with --env."),
        ("{}", "; there is demo: name it with --env."),
        ('{"outputs": []}', "; there is demo: name it with --env."),
        ("not JSON", "; there is demo: name it with --env."),
        (None, "; there is demo: name it with --env."),
    ],
)
def test_credentials_of_another_account_are_named_beside_those_of_the_deployment(
    oqb, monkeypatch, tmp_path, state, says
):
    if state is not None:
        (tmp_path / "terraform.tfstate").write_text(state)
    monkeypatch.setattr(deployment, "ROOT", tmp_path)

    result = oqb("status", "--env", "prod")

    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert f"There is no deployment 'prod' in us-west-2 (account 123456789012){says}" in said


def a_backend(**config):
    return json.dumps({"version": 3, "backend": {"type": "s3", "config": config, "hash": 1}})


@pytest.mark.parametrize(
    ("noted", "says"),
    [
        (
            a_backend(
                bucket="acme-state",
                region="eu-west-1",
                role_arn="arn:aws:iam::210987654321:role/tf",
                key="prod.tfstate",
                access_key="AKIASECRET",
                secret_key="s3cr3t",
            ),
            "s3 (bucket acme-state, region eu-west-1, role arn:aws:iam::210987654321:role/tf): `terraform output",
        ),
        (
            json.dumps({"backend": {"type": "pg", "config": {"conn_str": "postgres://me:s3cr3t@db"}}}),
            "place, pg: `terraform",
        ),
        (json.dumps({"backend": {"type": "local", "config": []}}), ""),
        ("not JSON", ""),
    ],
)
@pytest.mark.parametrize("command", [("status",), ("doctor",)])
def test_a_state_that_is_kept_elsewhere_is_named_without_its_credentials(
    oqb, monkeypatch, tmp_path, noted, says, command
):  # fmt: skip
    (tmp_path / ".terraform").mkdir()
    (tmp_path / ".terraform/terraform.tfstate").write_text(noted)
    monkeypatch.setattr(deployment, "ROOT", tmp_path)

    result = oqb(*command, "--env", "prod")

    said = " ".join(result.stderr.split())
    assert result.exit_code == 2
    assert ("Terraform keeps its state in another place" in said) is bool(says)
    assert says in said
    assert "s3cr3t" not in said
    assert "AKIASECRET" not in said


def test_an_account_that_aws_does_not_say_is_left_out(oqb, refuse, monkeypatch, tmp_path):
    monkeypatch.setattr(deployment, "ROOT", tmp_path)
    refuse("GetCallerIdentity", ClientError({"Error": {"Code": "AccessDenied"}}, "GetCallerIdentity"))

    result = oqb("status", "--env", "prod")

    assert "There is no deployment 'prod' in us-west-2; there is demo" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        # A report in the bucket is a page, too, and comes as a stream.
        ({"Content-Type": "text/html", "x-amz-request-id": "1"}, io.BytesIO(b"<html>")),
        ({"Content-Type": "text/html; charset=utf-8"}, b'{"Functions": []}'),
        ({"Content-Type": "application/json"}, b"<html>"),
    ],
)
def test_what_aws_answers_is_no_page_of_a_proxy(headers, body):
    deployment.refuse_pages({"headers": headers, "body": body})


def test_a_page_that_would_come_as_a_stream_is_one():
    with pytest.raises(WrongUse, match="A page comes in place"):
        deployment.refuse_pages({"headers": {"Content-Type": "text/html"}, "body": io.BytesIO(b"<html>")})
