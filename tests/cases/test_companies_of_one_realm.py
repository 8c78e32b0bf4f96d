"""A parent and its branch post to one QuickBooks company: what belongs to the realm is there once for both."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from pipeline.qbo import limiter
from tests.cases.test_identity import secret_of, settle, statuses
from tests.cases.world import REALM_A, SALES, USD, us
from tests.conftest import CLIENT_SECRET

BRANCH = "companyA Branch North"
PARENT = "companyA"


@pytest.fixture
def open_family(open_world):
    def open_one(**realm):
        world = open_world(realms=[us(**realm)], qb_secret={
            "client_id": "client-id", "client_secret": CLIENT_SECRET, "refresh_token": "token-a",
            "realm_ids": {PARENT: REALM_A, BRANCH: REALM_A},
        })  # fmt: skip
        world.odoo.rows["res.company"][1].update(
            name=BRANCH, currency_id=USD, parent_id=[1, PARENT], country_id=[233, "United States"]
        )
        for account in world.odoo.rows["account.account"]:
            account["company_ids"] = [1, 3]
        return world

    return open_one


def move_to_branch(world, number):
    world.odoo.move(number)["company_id"] = [3, BRANCH]
    for line in world.odoo.rows["account.move.line"]:
        if line["move_id"][0] == number:
            line["company_id"] = [3, BRANCH]
    world.odoo.touch(number)


def enter(world, move_id, kind, company, amount=10.0, **changes):
    account = {} if kind.startswith("in") else {"account": SALES}
    world.move(move_id, kind, [{"amount": amount, **account}], **changes)
    if company == BRANCH:
        move_to_branch(world, move_id)


def test_a_contact_of_both_companies_is_one_customer_and_one_vendor(open_family):
    world = open_family()
    shared = world.partner(901, "Shared Contact")
    for number, company in ((501, PARENT), (502, BRANCH)):
        enter(world, number, "out_invoice", company, partner=shared)
        enter(world, number + 10, "in_invoice", company, partner=shared, ref=f"V-{number}")

    settle(world, rounds=2)

    assert set(statuses(world).values()) == {"posted"}
    assert [len(world.people(entity)) for entity in ("Customer", "Vendor")] == [1, 1]


def test_one_item_and_one_account_serve_both(open_family):
    world = open_family()
    enter(world, 501, "out_invoice", PARENT)
    enter(world, 502, "out_invoice", BRANCH)

    settle(world, rounds=1)

    items = {row["Line"][0]["SalesItemLineDetail"]["ItemRef"]["value"] for row in world.books(entity="Invoice")}
    assert (set(statuses(world).values()), len(items)) == ({"posted"}, 1)


def test_the_same_bill_entered_in_both_companies_is_two_bills(open_family):
    world = open_family()
    landlord = world.partner(901, "Harbour Estates")
    enter(world, 501, "in_invoice", PARENT, 1000.0, partner=landlord, ref="RENT 11/26")
    settle(world, rounds=1)
    enter(world, 502, "in_invoice", BRANCH, 1000.0, partner=landlord, ref="RENT 11/26")

    settle(world, rounds=2)

    assert statuses(world) == {501: "posted", 502: "posted"}
    assert [row["TotalAmt"] for row in world.books(entity="Bill")] == [1000, 1000]


def test_a_number_of_both_companies_names_the_document_of_the_other(open_family):
    world = open_family(custom_transaction_numbers=True)
    enter(world, 501, "out_invoice", PARENT, number="INV/1")
    settle(world, rounds=1)
    enter(world, 502, "out_invoice", BRANCH, number="INV/1")

    settle(world, rounds=2)

    entry = world.entries()[502]
    assert (entry["status"], entry["error_code"]) == ("failed", "number_of_another")
    assert "account.move-501" in entry["error_message"]


def test_each_keeps_its_own_mapping(open_family):
    north = {"Name": "Sales North", "AccountType": "Income", "AcctNum": "400900"}
    world = open_family(accounts=[*us().accounts, north])
    world.mapping(f'["{PARENT}"]\ngo_live = 2026-11-15\n["{BRANCH}".accounts]\n"400000" = "400900"\n')
    enter(world, 501, "out_invoice", PARENT)
    enter(world, 502, "out_invoice", BRANCH)
    enter(world, 503, "out_invoice", PARENT, invoice_date="2026-11-16", date="2026-11-16")

    settle(world, rounds=1)

    assert statuses(world) == {501: "skipped", 502: "posted", 503: "posted"}
    accounts = {row["TxnDate"]: row["Line"][0]["SalesItemLineDetail"]["ItemAccountRef"]["name"]
                for row in world.books(entity="Invoice")}  # fmt: skip
    assert accounts == {"2026-11-02": "Sales North", "2026-11-16": "Product Sales"}


def test_a_document_that_moves_between_them_stays_the_one_it_is(open_family):
    world = open_family()
    enter(world, 501, "out_invoice", PARENT)
    settle(world, rounds=1)
    (before,) = world.books(entity="Invoice")
    world.qb.books(REALM_A).pay("Invoice", before["Id"], before["TotalAmt"])
    move_to_branch(world, 501)

    settle(world, rounds=2)

    (after,) = world.books(entity="Invoice")
    assert (after["Id"], after["Balance"]) == (before["Id"], 0)
    assert (world.entries()[501]["status"], world.entries()[501]["company"]) == ("posted", BRANCH)
    assert world.alerts() == []


def test_names_are_written_one_at_a_time_for_both_together(open_family):
    world = open_family()
    world.qb.name_edit_s = 0.02
    numbers, partners = count(501), count(901)
    for company in (PARENT, BRANCH) * 6:
        number = next(partners)
        enter(world, next(numbers), "out_invoice", company, partner=world.partner(number, f"Customer {number}"))

    settle(world, rounds=1)

    assert set(statuses(world).values()) == {"posted"}
    assert world.alerts() == []


def test_the_calls_of_both_count_against_one_limit(open_family, monkeypatch):
    world = open_family()
    windows = ((8, 1.0),)
    monkeypatch.setattr(limiter, "WINDOWS", windows)
    world.qb.throttle, world.qb.throttle_per_second = True, 10
    numbers = count(501)
    for company in (PARENT, BRANCH) * 6:
        number = next(numbers)
        enter(world, number, "out_invoice", company, partner=world.partner(number + 400, f"Customer {number}"))

    settle(world, rounds=1)

    assert set(statuses(world).values()) == {"posted"}
    assert "slow down" not in world.machine.output


def test_two_runs_at_once_for_both_post_each_document_once(open_family):
    world = open_family()
    numbers = count(501)
    for company in (PARENT, BRANCH) * 5:
        enter(world, next(numbers), "out_invoice", company)
    world.extract()
    runs = [threading.Thread(target=world.post, args=({"company": company},)) for company in (PARENT, BRANCH)]

    for run in runs:
        run.start()
    for run in runs:
        run.join()
    settle(world, rounds=2)

    assert set(statuses(world).values()) == {"posted"}
    assert len(world.books(entity="Invoice")) == 10
    keys = {item["entry_id"]["S"] for item in world.machine.items(world.machine.deployment.table)}
    assert {key for key in keys if key.startswith("lease#") and "##" not in key} == {f"lease#{REALM_A}"}


def test_a_lost_connection_is_one_trouble_and_both_follow_when_it_is_back(open_family):
    world = open_family()
    enter(world, 501, "out_invoice", PARENT)
    enter(world, 502, "out_invoice", BRANCH)
    world.qb.tokens.revoke(REALM_A)
    settle(world, rounds=1)
    told = [alert["subject"] for alert in world.alerts()]
    waiting = set(statuses(world).values())

    secret = secret_of(world)
    world.machine.set_secret("quickbooks", {**secret, "refresh_token": world.qb.tokens.reconnect(REALM_A)})
    settle(world, rounds=2)

    assert len([subject for subject in told if "connection" in subject]) == 1, told
    assert waiting <= {"pending", "posting"}
    assert set(statuses(world).values()) == {"posted"}
