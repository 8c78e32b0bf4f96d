from __future__ import annotations

from datetime import timedelta

import pytest

from local.stand_ins.aws import make_tracking_table
from pipeline.aws.key_values import KeyValueTable
from pipeline.domain.cursor import Cursor
from pipeline.domain.errors import Misconfigured
from pipeline.domain.lease import Lease, lease_until
from pipeline.runtime import SystemClock
from tests.books_world import COMPANY, NOW

NAME = "tracking"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(empty_aws):
    client = empty_aws.client("dynamodb")
    make_tracking_table(client, NAME)
    return client


@pytest.fixture
def key_values(client):
    return KeyValueTable(client, NAME, SystemClock())


def take(key_values, holder="one", now=NOW, *, company=COMPANY, force=False, lasts=2 * MINUTE):
    return key_values.take_lease(company, holder, now, now + lasts, force=force)


def test_a_lease_is_never_longer_than_the_function_can_live():
    assert lease_until(NOW, 119.5) == NOW + timedelta(seconds=119.5)
    assert lease_until(NOW, -5) == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("entries", "realms", "expected"),
    [
        (["a"], {"A": "held", "B": "free"}, ["A"]),
        (["a", "b"], {"A": "held", "B": "held"}, ["A", "B"]),
        (["a", "b"], {"A": "held", "B": "free"}, []),
        (["a"], {"A": "paused"}, ["A"]),
        (["a", "unknown"], {"A": "held"}, []),
        (["a"], {"B": "held"}, []),
        (["a"], {}, []),
        (["a"], {"A": "held", **{f"C{number}": f"C{number}" for number in range(99)}}, []),
    ],
)
def test_companies_are_taken_if_somebody_holds_the_lease_of_each(key_values, client, entries, realms, expected):
    for entry_id in ("a", "b"):
        client.put_item(TableName=NAME, Item={"entry_id": {"S": entry_id}, "company": {"S": entry_id.upper()}})
    take(key_values, company="held")
    key_values.release_lease(take(key_values, company="paused"), NOW, paused_for_s=600)

    assert key_values.taken(entries, realms, NOW) == expected


# -- cursors and values ----------------------------------------------------------------------------------------------


def test_only_connections_expire(key_values, client):
    key_values.keep("party#1", "x")
    key_values.claim("owner#1", "x")
    key_values.move_cursor("odoo", COMPANY, Cursor())
    key_values.release_lease(take(key_values), NOW)
    key_values.keep_connection("odoo", {"transport": "jsonrpc"})

    expiring = [item["entry_id"]["S"] for item in client.scan(TableName=NAME)["Items"] if "expires_at" in item]
    assert expiring == ["connection#odoo"]


@pytest.mark.parametrize(
    "call",
    [
        lambda key_values: key_values.value("k"),
        lambda key_values: key_values.keep("k", "v"),
        lambda key_values: key_values.claim("k", "v"),
        take,
        lambda key_values: key_values.release_lease(Lease(COMPANY, "x", NOW), NOW),
    ],
)
def test_a_table_that_is_not_there_is_named(empty_aws, call):
    with pytest.raises(Misconfigured, match="The table nowhere does not exist"):
        call(KeyValueTable(empty_aws.client("dynamodb"), "nowhere", SystemClock()))
