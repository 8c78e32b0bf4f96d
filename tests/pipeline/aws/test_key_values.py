from __future__ import annotations

from dataclasses import replace
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


# -- shifts, clause by clause ----------------------------------------------------------------------------------------


def test_the_first_takes_the_lease(key_values):
    assert take(key_values) == Lease(COMPANY, "one", NOW + 2 * MINUTE)


@pytest.mark.parametrize("force", [False, True])
def test_a_lease_that_is_held_is_not_taken_even_by_a_person(key_values, force):
    take(key_values)

    assert take(key_values, "two", NOW + MINUTE, force=force) is None


def test_each_company_has_its_own_lease(key_values):
    take(key_values)

    assert take(key_values, "two", company="companyB") is not None


def test_the_lease_of_a_killed_holder_is_free_when_its_lease_ends(key_values):
    take(key_values)

    assert take(key_values, "two", NOW + 2 * MINUTE) is None
    assert take(key_values, "two", NOW + 2 * MINUTE + timedelta(microseconds=1)).holder == "two"


def test_a_lease_that_was_given_back_is_free_at_once(key_values):
    lease = take(key_values)

    key_values.release_lease(lease, NOW + MINUTE)

    assert take(key_values, "two", NOW + MINUTE).holder == "two"


def test_a_paused_company_is_closed_until_the_pause_ends(key_values):
    key_values.release_lease(take(key_values), NOW, paused_for_s=60)

    assert take(key_values, "two", NOW + timedelta(seconds=59)) is None
    assert take(key_values, "two", NOW + timedelta(seconds=61)) is not None


def test_a_person_opens_a_paused_company(key_values):
    key_values.release_lease(take(key_values), NOW, paused_for_s=600)

    assert take(key_values, "two", NOW + MINUTE, force=True) is not None


def test_a_lease_without_a_pause_takes_the_old_one_away(key_values):
    key_values.release_lease(take(key_values), NOW, paused_for_s=600)
    key_values.release_lease(take(key_values, "two", NOW + MINUTE, force=True), NOW + MINUTE)

    assert take(key_values, "three", NOW + MINUTE) is not None


def test_what_the_next_holder_must_know_is_handed_over(key_values):
    lease = replace(
        take(key_values),
        pauses=3,
        pause_code="throttled",
        recent_calls=(4, 1, 2),
        recent_at=NOW + MINUTE,
        through_at=NOW,
    )
    key_values.release_lease(lease, NOW + MINUTE)

    found = take(key_values, "two", NOW + 2 * MINUTE)

    assert found.through_at == NOW
    assert (found.pauses, found.pause_code, found.recent_calls, found.recent_at) == (
        3,
        "throttled",
        (4, 1, 2),
        NOW + MINUTE,
    )


def test_a_killed_holder_leaves_what_was_known_before_it(key_values):
    key_values.release_lease(replace(take(key_values), pauses=2, pause_code="connection_gone"), NOW)
    take(key_values, "killed", NOW + MINUTE)

    found = take(key_values, "next", NOW + 10 * MINUTE)

    assert (found.pauses, found.pause_code) == (2, "connection_gone")


def test_a_holder_whose_lease_ran_out_does_not_end_anothers_lease(key_values):
    late = take(key_values)
    take(key_values, "two", NOW + 3 * MINUTE)

    key_values.release_lease(late, NOW + 3 * MINUTE)

    assert take(key_values, "three", NOW + 4 * MINUTE) is None


def test_a_lease_is_never_longer_than_the_function_can_live():
    assert lease_until(NOW, 119.5) == NOW + timedelta(seconds=119.5)
    assert lease_until(NOW, -5) == NOW + timedelta(seconds=1)


# -- cursors and values ----------------------------------------------------------------------------------------------


def test_a_claim_goes_to_the_first_and_stays_with_it(key_values):
    assert key_values.claim("owner#1", "party 7") == "party 7"
    assert key_values.claim("owner#1", "party 8") == "party 7"
    assert key_values.claim("owner#1", "party 7") == "party 7"


def test_a_value_is_kept_and_overwritten(key_values):
    assert key_values.value("k") is None

    key_values.keep("k", "first")
    key_values.keep("k", "second")

    assert key_values.value("k") == "second"


def test_only_connections_expire(key_values, client):
    key_values.keep("party#1", "x")
    key_values.claim("owner#1", "x")
    key_values.move_cursor("odoo", COMPANY, Cursor())
    key_values.release_lease(take(key_values), NOW)
    key_values.keep_connection("odoo", {"transport": "jsonrpc"})

    expiring = [item["entry_id"]["S"] for item in client.scan(TableName=NAME)["Items"] if "expires_at" in item]
    assert expiring == ["connection#odoo"]


def test_when_a_company_was_compared_is_kept_by_database(key_values):
    key_values.keep_compared("odoo", COMPANY, NOW)

    assert key_values.compared_at("odoo", COMPANY) == NOW
    assert key_values.compared_at("another", COMPANY) is None


def test_a_connection_can_be_forgotten(key_values):
    key_values.keep_connection("odoo", {"uid": 2})
    assert key_values.connection("odoo") == {"uid": 2}

    key_values.forget_connection("odoo")

    assert key_values.connection("odoo") is None


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
