from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from local.stand_ins.aws import make_tracking_table
from pipeline.aws.notes import Notes
from pipeline.domain.entry import Cursor, Shift, lease_until
from pipeline.domain.errors import Misconfigured
from tests.books_world import COMPANY, NOW

NAME = "tracking"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(empty_aws):
    client = empty_aws.client("dynamodb")
    make_tracking_table(client, NAME)
    return client


@pytest.fixture
def notes(client):
    return Notes(client, NAME)


def take(notes, holder="one", now=NOW, *, company=COMPANY, force=False, lasts=2 * MINUTE):
    return notes.take_shift(company, holder, now, now + lasts, force=force)


# -- shifts, clause by clause ----------------------------------------------------------------------------------------


def test_the_first_takes_the_shift(notes):
    assert take(notes) == Shift(COMPANY, "one", NOW + 2 * MINUTE)


@pytest.mark.parametrize("force", [False, True])
def test_a_shift_that_is_held_is_not_taken_even_by_a_person(notes, force):
    take(notes)

    assert take(notes, "two", NOW + MINUTE, force=force) is None


def test_each_company_has_its_own_shift(notes):
    take(notes)

    assert take(notes, "two", company="companyB") is not None


def test_the_shift_of_a_killed_holder_is_free_when_its_lease_ends(notes):
    take(notes)

    assert take(notes, "two", NOW + 2 * MINUTE) is None
    assert take(notes, "two", NOW + 2 * MINUTE + timedelta(microseconds=1)).holder == "two"


def test_a_shift_that_was_given_back_is_free_at_once(notes):
    shift = take(notes)

    notes.end_shift(shift, NOW + MINUTE)

    assert take(notes, "two", NOW + MINUTE).holder == "two"


def test_a_paused_company_is_closed_until_the_pause_ends(notes):
    notes.end_shift(take(notes), NOW, paused_for_s=60)

    assert take(notes, "two", NOW + timedelta(seconds=59)) is None
    assert take(notes, "two", NOW + timedelta(seconds=61)) is not None


def test_a_person_opens_a_paused_company(notes):
    notes.end_shift(take(notes), NOW, paused_for_s=600)

    assert take(notes, "two", NOW + MINUTE, force=True) is not None


def test_a_shift_without_a_pause_takes_the_old_one_away(notes):
    notes.end_shift(take(notes), NOW, paused_for_s=600)
    notes.end_shift(take(notes, "two", NOW + MINUTE, force=True), NOW + MINUTE)

    assert take(notes, "three", NOW + MINUTE) is not None


def test_what_the_next_holder_must_know_is_handed_over(notes):
    shift = replace(take(notes), pauses=3, pause_code="throttled", recent_calls=(4, 1, 2), recent_at=NOW + MINUTE)
    notes.end_shift(shift, NOW + MINUTE)

    found = take(notes, "two", NOW + 2 * MINUTE)

    assert (found.pauses, found.pause_code, found.recent_calls, found.recent_at) == (
        3,
        "throttled",
        (4, 1, 2),
        NOW + MINUTE,
    )


def test_a_killed_holder_leaves_what_was_known_before_it(notes):
    notes.end_shift(replace(take(notes), pauses=2, pause_code="connection_gone"), NOW)
    take(notes, "killed", NOW + MINUTE)

    found = take(notes, "next", NOW + 10 * MINUTE)

    assert (found.pauses, found.pause_code) == (2, "connection_gone")


def test_a_holder_whose_lease_ran_out_does_not_end_anothers_shift(notes):
    late = take(notes)
    take(notes, "two", NOW + 3 * MINUTE)

    notes.end_shift(late, NOW + 3 * MINUTE)

    assert take(notes, "three", NOW + 4 * MINUTE) is None


def test_a_lease_is_never_longer_than_the_function_can_live():
    assert lease_until(NOW, 119.5) == NOW + timedelta(seconds=119.5)
    assert lease_until(NOW, -5) == NOW + timedelta(seconds=1)


# -- cursors and values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cursor",
    [Cursor(), Cursor(since=NOW), Cursor(since=NOW, after_id=200, walk_began=NOW + MINUTE, seen=NOW - MINUTE)],
)
def test_a_cursor_comes_back_as_it_was_stored(notes, cursor):
    notes.move_cursor("odoo", COMPANY, cursor)

    assert notes.cursor("odoo", COMPANY) == cursor


def test_each_database_and_company_has_its_own_cursor(notes):
    notes.move_cursor("odoo", COMPANY, Cursor(since=NOW))

    assert notes.cursor("odoo", "companyB") == notes.cursor("staging", COMPANY) == Cursor()


def test_a_claim_goes_to_the_first_and_stays_with_it(notes):
    assert notes.claim("owner#1", "party 7") == "party 7"
    assert notes.claim("owner#1", "party 8") == "party 7"
    assert notes.claim("owner#1", "party 7") == "party 7"


def test_a_value_is_kept_and_overwritten(notes):
    assert notes.value("k") is None

    notes.keep("k", "first")
    notes.keep("k", "second")

    assert notes.value("k") == "second"


def test_only_connections_expire(notes, client):
    notes.keep("party#1", "x")
    notes.claim("owner#1", "x")
    notes.move_cursor("odoo", COMPANY, Cursor())
    notes.end_shift(take(notes), NOW)
    notes.keep_connection("odoo", {"transport": "jsonrpc"})

    expiring = [item["entry_id"]["S"] for item in client.scan(TableName=NAME)["Items"] if "expires_at" in item]
    assert expiring == ["connection#odoo"]


def test_when_a_company_was_compared_is_kept_by_database(notes):
    notes.keep_compared("odoo", COMPANY, NOW)

    assert notes.compared_at("odoo", COMPANY) == NOW
    assert notes.compared_at("another", COMPANY) is None


def test_a_connection_can_be_forgotten(notes):
    notes.keep_connection("odoo", {"uid": 2})
    assert notes.connection("odoo") == {"uid": 2}

    notes.forget_connection("odoo")

    assert notes.connection("odoo") is None


@pytest.mark.parametrize(
    "call",
    [lambda notes: notes.value("k"), lambda notes: notes.keep("k", "v"), lambda notes: notes.claim("k", "v"), take,
     lambda notes: notes.end_shift(Shift(COMPANY, "x", NOW), NOW)],
)  # fmt: skip
def test_a_table_that_is_not_there_is_named(empty_aws, call):
    with pytest.raises(Misconfigured, match="The table nowhere does not exist"):
        call(Notes(empty_aws.client("dynamodb"), "nowhere"))
