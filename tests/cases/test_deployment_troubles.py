"""What people, consoles and AWS do to a deployment between two runs: nothing is lost, doubled, or silent."""

from __future__ import annotations

import json
from unittest.mock import patch

import pytest

from local.stand_ins.aws import Context
from pipeline.aws.token_parameters import TokenParameters
from pipeline.domain.errors import Misconfigured
from tests.cases.test_event_troubles import of_s3
from tests.cases.test_strange_answers import add_documents, booked, go_on, statuses
from tests.cases.world import REALM_A
from tests.conftest import CLIENT_SECRET
from tests.poster_world import says_nothing_secret


def secret_of(world, which):
    names = {"odoo": world.machine.deployment.odoo_secret, "quickbooks": world.machine.deployment.quickbooks_secret}
    found = world.machine.client("secretsmanager").get_secret_value(SecretId=names[which], VersionStage="AWSCURRENT")
    return json.loads(found["SecretString"])


def ends_well(world, *, alerts=0):
    """Fail unless the four documents are posted, each once, with so many alerts on the way and nothing secret told."""
    found = world.alerts()
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}
    assert len(found) == alerts, found
    says_nothing_secret(world.machine)


# -- secrets and variables as people write them ------------------------------------------------------------------------

WRITTEN = {
    "with a byte order mark": lambda text: "\ufeff" + text,
    "with line ends of Windows": lambda text: json.dumps(json.loads(text), indent=1).replace("\n", "\r\n"),
    "with a line end after each value": lambda text: json.dumps(
        {key: value + "\r\n" if isinstance(value, str) else value for key, value in json.loads(text).items()}
    ),
    "with an empty line at the end": lambda text: text + "\r\n\r\n",
}


@pytest.mark.parametrize("case", WRITTEN)
def test_a_secret_that_an_editor_has_dressed_is_read_all_the_same(open_world, case):
    world = open_world()
    add_documents(world)
    for which in ("odoo", "quickbooks"):
        world.machine.set_secret(which, WRITTEN[case](json.dumps(secret_of(world, which))))

    world.run()

    ends_well(world)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "\ufeff", "null", "\x00"], ids=lambda text: text[:6])
def test_a_secret_that_is_no_object_at_any_depth_is_named_and_nothing_is_posted(open_world, text):
    world = open_world()
    add_documents(world)
    good = secret_of(world, "odoo")
    world.machine.set_secret("odoo", text)

    with pytest.raises(Misconfigured, match="is not a JSON object"):
        world.extract()
    alerts = world.alerts()
    world.machine.set_secret("odoo", good)
    world.run()

    assert len(alerts) == 1
    ends_well(world)


@pytest.mark.parametrize("function", ["odoo-extractor", "qb-poster", "odoo-order-sync"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " "], ids=repr)
def test_variables_with_a_line_end_mean_what_they_mean_without_it(open_world, function, end):
    world = open_world()
    add_documents(world)
    before = {name: value for name, value in world.machine.environ(function).items() if not name.startswith("AWS")}
    world.machine.set_environ(function, **{name: value + end for name, value in before.items() if value})

    world.run()
    world.machine.sync_orders()

    ends_well(world)


def test_a_realm_of_the_sandbox_with_a_line_end_is_the_sandbox_and_an_empty_one_is_production():
    from pipeline.settings import QUICKBOOKS_APIS, PosterSettings

    shared = {
        "ENVIRONMENT": "prod",
        "DYNAMODB_TABLE": "t",
        "S3_BUCKET": "b",
        "SNS_ALERT_TOPIC": "arn",
        "QB_SECRET_ARN": "a",
    }
    addresses = [
        PosterSettings.from_env({**shared, "QB_ENVIRONMENT": which}).qb_api_url for which in ("sandbox\n", " ")
    ]

    assert addresses == [QUICKBOOKS_APIS["sandbox"], QUICKBOOKS_APIS["production"]]


def test_a_client_secret_that_is_changed_back_and_forth_while_runs_go_on_posts_everything_once(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    good = secret_of(world, "quickbooks")
    world.machine.set_secret("quickbooks", {**good, "client_secret": "another"})

    world.post()
    alerts = world.alerts()
    world.machine.set_secret("quickbooks", {**secret_of(world, "quickbooks"), "client_secret": CLIENT_SECRET})
    go_on(world)

    # One for each company.
    assert 1 <= len(alerts) <= 2
    ends_well(world)


# -- what somebody removes ---------------------------------------------------------------------------------------------


def test_tokens_that_a_person_removes_from_ssm_are_issued_again_with_those_of_the_secret(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    world.post({"watch": True})
    ssm = world.machine.client("ssm")
    removed = [found["Name"] for found in ssm.describe_parameters()["Parameters"]]
    ssm.delete_parameters(Names=removed)

    world.post()

    assert removed
    assert TokenParameters(lambda: ssm, "demo").tokens(REALM_A)
    ends_well(world)


def test_connections_and_dates_that_are_gone_from_the_table_are_found_out_again(open_world):
    world = open_world()
    add_documents(world)
    world.run()
    client, table = world.machine.client("dynamodb"), world.machine.deployment.table
    kept = [item["entry_id"]["S"] for item in world.machine.items(table)]
    for key in kept:
        if key.startswith(("connection#", "token-dates#", "list#", "lists#", "party#", "name#", "ref#", "alerts#")):
            client.delete_item(TableName=table, Key={"entry_id": {"S": key}})

    world.move(820, "out_invoice", [{"amount": 20.0}])
    world.run()
    go_on(world)

    assert statuses(world) == {"posted": 5}
    assert set(booked(world).values()) == {1}
    assert world.alerts() == []


def test_a_topic_that_was_deleted_and_made_again_gets_what_could_not_be_sent(open_world):
    world = open_world()
    add_documents(world)
    world.mapping('["companyA".accounts]\n"400000" = "999"\n')
    sns, topic = world.machine.client("sns"), world.machine.deployment.topic
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.delete_topic(TopicArn=topic)
    world.run()
    sns.create_topic(Name=topic.rpartition(":")[2])
    for one in subscriptions:
        sns.subscribe(TopicArn=topic, Protocol=one["Protocol"], Endpoint=one["Endpoint"])
    key = {"entry_id": {"S": "alerts#"}}
    world.machine.client("dynamodb").delete_item(TableName=world.machine.deployment.table, Key=key)

    world.let_pause_pass()
    world.post()

    assert len(world.alerts()) >= 1


# -- what AWS does -----------------------------------------------------------------------------------------------------


def test_a_table_restored_to_before_the_posting_posts_nothing_a_second_time(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    client, table = world.machine.client("dynamodb"), world.machine.deployment.table
    earlier = world.machine.items(table)
    world.post()
    for item in world.machine.items(table):
        client.delete_item(TableName=table, Key={"entry_id": item["entry_id"]})
    for item in earlier:
        client.put_item(TableName=table, Item=item)

    go_on(world)
    go_on(world)

    assert set(booked(world).values()) == {1}
    assert statuses(world) == {"posted": 4}


def test_attributes_of_a_newer_release_are_kept_by_an_older_one_that_is_still_alive(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    client, table = world.machine.client("dynamodb"), world.machine.deployment.table
    ours = [item["entry_id"] for item in world.machine.items(table) if "account.move-" in item["entry_id"]["S"]]
    for key in ours:
        client.update_item(
            TableName=table, Key={"entry_id": key}, UpdateExpression="SET of_a_newer_release = :v",
            ExpressionAttributeValues={":v": {"M": {"a": {"L": [{"N": "1"}]}}}},
        )  # fmt: skip

    world.post()
    kept = [item for item in world.machine.items(table) if "of_a_newer_release" in item and "status" in item]

    assert len(kept) == 4
    ends_well(world)


def test_entries_without_what_later_releases_have_added_are_posted(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    client, table = world.machine.client("dynamodb"), world.machine.deployment.table
    later = ("pdf_bytes", "killed_attempts", "active_content", "reported_at", "odoo_created_at", "tries_alone")
    for item in world.machine.items(table):
        if "status" in item:
            client.put_item(TableName=table, Item={name: value for name, value in item.items() if name not in later})

    world.post()

    ends_well(world)


def test_a_storm_of_ten_thousand_keys_in_one_event_is_worked_off_in_time(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    keys = [f"pending/odoo_demo-account.move-{number}.pdf" for number in range(801, 10_801)]

    world.post(of_s3(*keys))

    ends_well(world)


def test_an_event_that_lambda_delivers_again_after_six_hours_changes_nothing(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    event = of_s3("pending/odoo_demo-account.move-801.pdf")
    world.post(event)

    later = world.post(event)
    go_on(world)

    assert (later["posted"], later["failed"]) == (0, 0)
    ends_well(world)


@pytest.mark.parametrize("left_s", [0.0, -5.0, 1.0])
def test_a_function_that_wakes_up_with_no_time_left_does_nothing_and_the_next_one_does_it(open_world, left_s):
    world = open_world()
    add_documents(world)
    world.extract()

    # Frozen between two invocations, or started late: what is left is what Lambda says, however little.
    with patch.object(Context, "get_remaining_time_in_millis", lambda _context: int(1000 * left_s)):
        result = world.post()
    go_on(world)

    assert (result["posted"], result["failed"]) == (0, 0)
    ends_well(world)
