"""What the key-value table promises, held by the one in DynamoDB and by the one in memory."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from local.stand_ins.aws import make_tracking_table
from local.stand_ins.memory import MemoryKeyValues
from pipeline.aws.key_values import KeyValueTable
from pipeline.domain.contact import ContactState, read_answer
from pipeline.domain.cursor import Cursor
from pipeline.domain.lease import Lease
from pipeline.runtime import SystemClock
from tests.books_world import COMPANY, NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["moto", "empty_aws", "memory"])
def key_values(request):
    if request.param == "memory":
        return MemoryKeyValues()
    client = request.getfixturevalue(request.param).client("dynamodb")
    make_tracking_table(client, "tracking")
    return KeyValueTable(client, "tracking", SystemClock())


def take(key_values, holder="one", now=NOW, *, company=COMPANY, force=False, lasts=2 * MINUTE):
    return key_values.take_lease(company, holder, now, now + lasts, force=force)


def test_a_value_is_kept_and_overwritten(key_values):
    before = key_values.value("k")

    key_values.keep("k", "first")
    key_values.keep("k", "second", expires_at=4_000_000_000)

    assert (before, key_values.value("k")) == (None, "second")


def test_values_are_read_together_and_unknown_ones_are_left_out(key_values):
    for number in range(120):
        key_values.keep(f"k#{number}", f"v{number}")

    found = key_values.values_of([*(f"k#{number}" for number in range(120)), "nothing"])

    assert found == {f"k#{number}": f"v{number}" for number in range(120)}
    assert key_values.values_of([]) == {}


def test_realms_are_free_whose_lease_is_neither_held_nor_paused(key_values):
    take(key_values, company="held")
    take(key_values, company="expired", lasts=-MINUTE)
    for company, paused_for_s in (("released", 0), ("paused", 600)):
        lease = take(key_values, company=company)
        key_values.release_lease(lease, NOW, paused_for_s=paused_for_s)
    realms = ["held", "expired", "released", "paused", "new"]

    assert key_values.free_realms(realms, NOW) == {"expired", "released", "new"}
    assert key_values.free_realms(realms, NOW + 11 * MINUTE) == set(realms)


def test_a_claim_goes_to_the_first_and_stays_with_it(key_values):
    assert key_values.claim("owner#1", "party 7") == "party 7"
    assert key_values.claim("owner#1", "party 8") == "party 7"
    assert key_values.claim("owner#1", "party 7") == "party 7"
    assert key_values.value("owner#1") == "party 7"


def test_a_value_that_was_kept_is_claimed_already(key_values):
    key_values.keep("owner#1", "party 7")

    assert key_values.claim("owner#1", "party 8") == "party 7"


def test_several_are_claimed_together_and_what_is_stored_is_returned(key_values):
    wanted = {f"owner#{number}": f"party {number}" for number in range(120)}

    assert key_values.claim_together(wanted) == wanted
    assert key_values.claim_together({"owner#7": "late", "owner#new": "first"}) == {
        "owner#7": "party 7",
        "owner#new": "first",
    }
    assert key_values.value("owner#new") == "first"
    assert key_values.claim_together({}) == {}


def test_of_many_who_claim_at_once_one_wins(key_values):
    with ThreadPoolExecutor(4) as pool:
        winners = set(pool.map(lambda number: key_values.claim("owner#1", f"party {number}"), range(8)))

    assert winners == {key_values.value("owner#1")}


@pytest.mark.parametrize(
    "cursor",
    [Cursor(), Cursor(since=NOW), Cursor(since=NOW, after_id=200, walk_began=NOW + MINUTE, seen=NOW - MINUTE)],
)
def test_a_cursor_comes_back_as_it_was_stored(key_values, cursor):
    key_values.move_cursor("odoo", COMPANY, cursor)

    assert key_values.cursor("odoo", COMPANY) == cursor


def test_each_database_and_company_has_its_own_cursor(key_values):
    key_values.move_cursor("odoo", COMPANY, Cursor(since=NOW))

    assert key_values.cursor("odoo", "companyB") == key_values.cursor("staging", COMPANY) == Cursor()


def test_a_company_of_which_nothing_is_known_is_read_from_the_beginning_and_no_other(key_values):
    key_values.move_cursor("odoo", COMPANY, Cursor(since=NOW))
    before = key_values.was_read("odoo", COMPANY), key_values.was_read("odoo", "companyB")

    for company in (COMPANY, "companyB"):
        key_values.begin_cursor("odoo", company)

    assert before == (True, False)
    assert key_values.cursor("odoo", COMPANY) == Cursor(since=NOW)
    assert key_values.was_read("odoo", "companyB")
    assert key_values.cursor("odoo", "companyB") == Cursor()


def test_when_a_company_was_compared_is_kept_by_database_and_company(key_values):
    key_values.keep_compared("odoo", COMPANY, NOW)

    assert key_values.compared_at("odoo", COMPANY) == NOW
    assert key_values.compared_at("another", COMPANY) is key_values.compared_at("odoo", "companyB") is None


def test_the_database_and_the_realm_of_a_company_are_kept(key_values):
    before = key_values.database(), key_values.realm(COMPANY)

    key_values.keep_database("odoo")
    key_values.keep_realm(COMPANY, "9130")

    assert before == (None, None)
    assert (key_values.database(), key_values.realm(COMPANY), key_values.realm("companyB")) == ("odoo", "9130", None)


def test_a_contact_stays_asked_until_it_is_answered(key_values):
    for contact, name in ((7, "Azure"), (8, "Deco"), (7, "Azure Interior")):
        key_values.ask_contact("odoo", contact, name)
    asked = key_values.contacts_asked("odoo")

    key_values.answer_contacts("odoo", {7: ContactState.GONE}, NOW)

    assert asked == {7: "Azure Interior", 8: "Deco"}
    assert key_values.contacts_asked("odoo") == {8: "Deco"}
    assert key_values.contacts_asked("another") == {}
    assert read_answer(key_values.value("contact#odoo#7")) == (ContactState.GONE, NOW)


def test_a_connection_is_kept_until_it_is_forgotten(key_values):
    key_values.keep_connection("odoo", {"uid": 2, "transport": "jsonrpc"})
    kept = key_values.connection("odoo")

    key_values.forget_connection("odoo")
    key_values.forget_connection("odoo")

    assert kept == {"uid": 2, "transport": "jsonrpc"}
    assert key_values.connection("odoo") is None


# -- leases, clause by clause ----------------------------------------------------------------------------------------


def test_the_first_takes_the_lease(key_values):
    assert take(key_values) == Lease(COMPANY, "one", NOW + 2 * MINUTE)


@pytest.mark.parametrize("force", [False, True])
def test_a_lease_that_is_held_is_not_taken_even_by_a_person(key_values, force):
    take(key_values)

    assert take(key_values, "two", NOW + MINUTE, force=force) is None


def test_a_lease_is_taken_by_a_request_that_is_repeated_because_its_answer_was_lost(key_values):
    lease = take(key_values)

    assert take(key_values) == lease
    assert take(key_values, lasts=3 * MINUTE) is None


def test_each_company_has_its_own_lease(key_values):
    take(key_values)

    assert take(key_values, "two", company="companyB") is not None


def test_the_lease_of_a_killed_holder_is_free_when_its_lease_ends(key_values):
    take(key_values)

    assert take(key_values, "two", NOW + 2 * MINUTE) is None
    assert take(key_values, "two", NOW + 2 * MINUTE + timedelta(microseconds=1)).holder == "two"


def test_a_lease_that_was_released_is_free_at_once(key_values):
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
    known = {"pauses": 3, "pause_code": "throttled", "recent_calls": (4, 1, 2), "recent_batches": (0, 2)}
    lease = replace(take(key_values), **known, recent_at=NOW + MINUTE, through_at=NOW)
    key_values.release_lease(lease, NOW + MINUTE)

    found = take(key_values, "two", NOW + 2 * MINUTE)

    assert found == replace(lease, holder="two", until=NOW + 4 * MINUTE)


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


# -- changing what others change, too ----------------------------------------------------------------------------------


def test_a_change_is_made_of_what_is_stored(key_values):
    key_values.change("index#1", lambda text: f"{text}, first")
    key_values.change("index#1", lambda text: f"{text}, second")

    assert key_values.value("index#1") == "None, first, second"


def test_what_another_run_stores_meanwhile_is_not_lost(key_values):
    seen = []

    def change(text):
        seen.append(text)
        if len(seen) < 3:
            key_values.keep("index#1", f"other {len(seen)}")
        return f"{text} and mine"

    key_values.change("index#1", change)

    assert seen == [None, "other 1", "other 2"]
    assert key_values.value("index#1") == "other 2 and mine"


def test_of_many_changes_at_once_none_is_lost(key_values):
    def add(number):
        key_values.change("index#1", lambda text: json.dumps([*json.loads(text or "[]"), number]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(8)))

    assert sorted(json.loads(key_values.value("index#1"))) == list(range(8))


def test_two_who_ask_about_contacts_at_once_are_both_asked_for(key_values):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda contact: key_values.ask_contact("odoo", contact, "Acme"), range(4)))

    assert set(key_values.contacts_asked("odoo")) == set(range(4))
