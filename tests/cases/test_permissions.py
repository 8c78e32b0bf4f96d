"""What the functions call against what their roles grant: all of it is granted, and nothing beside it.

The grants are those of the configuration (`tests/iam.py`), the calls those of a story in which each right is needed.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from local.stand_ins.http_server import Response, StandInServer
from pipeline.domain.errors import Misconfigured
from tests.cases.test_strange_answers import add_documents, go_on
from tests.conftest import HANDLERS
from tests.iam import is_allowed, recorded_calls, stored_policies, unused

SLACK = "/odoo-qb-integration/demo/slack-webhook-url"
# What Lambda and its runtime do for a function, in its name: not seen here.
BY_LAMBDA = {
    (name, *grant)
    for name in HANDLERS
    for grant in (
        ("WriteLogs", "logs:CreateLogStream"), ("WriteLogs", "logs:PutLogEvents"),
        ("WriteTraces", "xray:PutTraceSegments"), ("WriteTraces", "xray:PutTelemetryRecords"),
    )
} | {
    # A function that redrives sends letters of its own by this right, too.
    ("odoo-order-sync", "SendDeadLetters", "sqs:SendMessage"),
    ("odoo-qb-tie-out", "SendDeadLetters", "sqs:SendMessage"),
}  # fmt: skip


@pytest.fixture
def story(open_world):
    """Return the calls of a story, with the policies of the roles it was played under."""
    world = open_world()
    world.odoo.rows["sale.order"] = copy.deepcopy(world.sample["sale.order"])
    slack = StandInServer(lambda _request: Response(200, b"ok"))
    world.machine.client("ssm").put_parameter(Name=SLACK, Value=f"{slack.url}/services/T/B/x", Type="SecureString")
    for name in HANDLERS:
        own = f"{name}-demo"
        world.machine.set_environ(
            name, POWERTOOLS_SERVICE_NAME=name, AWS_LAMBDA_FUNCTION_NAME=own, SLACK_WEBHOOK_PARAMETER=SLACK
        )
    with recorded_calls() as calls:
        play(world)
    slack.close()
    return calls, stored_policies("demo", world.machine.deployment.bucket)


def play(world):
    """Play everything that a function does now and then."""
    machine = world.machine
    # Every refresh brings another refresh token. Some documents are for a person, in Odoo or in QuickBooks.
    world.qb.new_refresh_token_every_s = 0
    add_documents(world)
    for number, code in ((997, "999997"), (998, "999998"), (999, "999999")):
        world.account(number, code, "Nowhere")
        world.move(number, "in_invoice", [{"amount": 50.0, "account": number}], ref=f"B-{number}")
    broken = world.move(821, "in_invoice", [{"amount": 50.0}], ref="B-21")
    currency, broken["currency_id"] = broken["currency_id"], False
    world.extract()
    go_on(world)
    # One is cancelled in Odoo and says little more. Of one that failed the mapping now says that it is too early.
    cancelled = world.move(822, "out_invoice", [{"amount": 70.0}])
    world.extract()
    world.odoo.cancel(822)
    before, cancelled["currency_id"] = cancelled["currency_id"], False
    world.mapping('["companyA"]\ngo_live = 2026-11-15\n')
    world.odoo.edit(997, ref="later")
    world.extract()
    cancelled["currency_id"] = before
    world.mapping('["companyA".accounts]\n"999999" = "600000"\n')
    go_on(world)
    world.odoo.edit(801, ref="changed")
    world.run()
    # The letter of what comes right is removed, and that of what does not is put back.
    world.post({"retry_failed": True})
    world.extract({"redrive": True})
    broken["currency_id"] = currency
    world.extract({"redrive": True})
    world.post({"redrive": True})
    # A pull that has no time for all there is, and a user of Odoo with another id.
    machine.time_left_s = 20.0
    world.move(824, "out_invoice", [{"amount": 90.0}])
    world.extract({"go_on_for_s": 900})
    machine.time_left_s = 300.0
    machine.tie_out({"company": "companyA", "month": "2026-11"})
    for run in (world.extract, lambda: machine.tie_out({"company": "companyA", "month": "2026-11"})):
        world.odoo.users[0] = replace(world.odoo.users[0], uid=world.odoo.users[0].uid + 100)
        run()
    # A table that is lost, and an access token that QuickBooks no longer takes.
    for item in machine.items(machine.deployment.table):
        machine.client("dynamodb").delete_item(TableName=machine.deployment.table, Key={"entry_id": item["entry_id"]})
    world.qb.tokens.expire_access_tokens()
    machine.tie_out({"company": "companyA", "month": "2026-11"})
    world.post({"rebuild": True})
    machine.sync_orders()
    # Secrets that nobody can read.
    for which in ("odoo", "quickbooks"):
        machine.set_secret(which, "{")
    for run in (world.extract, world.post, machine.sync_orders, machine.tie_out):
        with pytest.raises(Misconfigured):
            run()


def test_every_call_is_granted_and_every_grant_is_needed(story):
    calls, policies = story

    refused = {call for call in calls if not is_allowed(policies[call.function], call)}
    needless = {
        (name, *grant)
        for name, policy in policies.items()
        for grant in unused(policy, (call for call in calls if call.function == name))
    }

    assert refused == set()
    assert needless == BY_LAMBDA
