"""What the tests of the poster's handler share: looks at the table and the books, and faults."""

from __future__ import annotations

import json
from collections import Counter

from local.demo.books import REALM_A, demo_realms
from local.demo.documents import many
from local.stand_ins.http_server import Fault, Response
from pipeline.aws.token_parameters import TokenParameters
from tests.conftest import CLIENT_SECRET, PASSWORD


def of_company_a(count: int):
    """Return so many documents of companyA, of all types."""
    rows, files = many(2 * count, parties=4)
    moves = [move for move in rows["account.move"] if move["company_id"][1] == "companyA"][:count]
    kept = {move["id"] for move in moves}
    lines = [line for line in rows["account.move.line"] if line["move_id"][0] in kept]
    return {**rows, "account.move": moves, "account.move.line": lines}, files


def says_nothing_secret(machine) -> None:
    """Fail when a secret, a token or another system's traceback was written, returned or sent."""
    tokens = machine.quickbooks.tokens._connections.values()
    secrets = {CLIENT_SECRET, PASSWORD, "demo-refresh-token"}
    for connection in tokens:
        secrets |= {connection.refresh_token, *connection.superseded, *connection.access_tokens}
    entries = json.dumps(machine.deployment.entries(), default=str)
    for where in (machine.output, entries, json.dumps(machine.alerts())):
        assert "Traceback" not in where
        assert [secret for secret in secrets if secret in where] == []


def move_id_of(entry: dict) -> int:
    return int(entry["odoo_id"])


def statuses(machine) -> Counter[str]:
    return Counter(entry["status"] for entry in machine.entries().values())


def failed(machine) -> list[dict]:
    return [entry for entry in machine.entries().values() if entry["status"] == "failed"]


def booked(machine, realm=REALM_A) -> list[dict]:
    rows = machine.quickbooks.books(realm).documents()
    return [row for row in rows if "[odoo_demo-account.move-" in row.get("PrivateNote", "")]


def is_invoice(request) -> bool:
    return request.method == "POST" and request.path.endswith("/invoice")


def break_once(machine, response: Response | None, *, matches=is_invoice, takes_effect=False, times=1) -> None:
    left = [times]

    def fault(request):
        if left[0] and matches(request):
            left[0] -= 1
            return Fault("broken", response, takes_effect=takes_effect)
        return None

    machine.quickbooks.server.fault = fault


def make_due(machine) -> None:
    """Let the settling time pass: nobody waits for it here."""
    for entry in machine.deployment.entries():
        machine.client("dynamodb").update_item(
            TableName=machine.deployment.table, Key={"entry_id": {"S": entry["entry_id"]}},
            UpdateExpression="REMOVE next_attempt_at",
        )  # fmt: skip


def open_companies(machine) -> None:
    """Let the pauses pass."""
    for realm in demo_realms():
        machine.client("dynamodb").update_item(
            TableName=machine.deployment.table, Key={"entry_id": {"S": f"lease#{realm.realm_id}"}},
            UpdateExpression="REMOVE paused_until",
        )  # fmt: skip


def kept_tokens(machine, realm):
    return TokenParameters(lambda: machine.client("ssm"), "demo").tokens(realm)


def good_secret(machine) -> dict:
    stored = machine.client("secretsmanager").get_secret_value(
        SecretId=machine.deployment.quickbooks_secret, VersionStage="AWSCURRENT"
    )  # fmt: skip
    return json.loads(stored["SecretString"])
