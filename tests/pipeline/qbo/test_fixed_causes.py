"""Once a person has done what a refusal says, a retry posts the document, however recently the lists were stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.demo.books import demo_realms
from local.demo.small_world import SmallWorld
from local.demo.source import recorded_documents
from pipeline.domain.entry import Status

BELGIAN, EURO, PLAIN, BILL = 215, 307, 305, 2
DOCUMENTS = recorded_documents(BELGIAN, EURO, PLAIN, BILL)


def account_of(document):
    return next(line.account.name for line in document.lines if line.account)


def closes(world, _document):
    world.realm.book_close_date = "2099-12-31"


def opens(world, _document):
    world.realm.book_close_date = None


def retires_account(world, document):
    world.books.deactivate("Account", world.books.named("Account", account_of(document))["Id"])


def reactivates_account(world, document):
    row = world.books.named("Account", f"{account_of(document)} (deleted)")
    world.books.activate("Account", row["Id"], account_of(document))


def turns(name, value):
    return lambda world, _document: setattr(world.realm, name, value)


CAUSES = {
    "one currency only": (EURO, turns("multicurrency", False), turns("multicurrency", True), "currency_unmapped"),
    "sales tax off": (BELGIAN, turns("sales_tax", "off"), turns("sales_tax", "global"), "sales_tax_off"),
    "another home currency": (PLAIN, turns("home_currency", "GBP"), turns("home_currency", "USD"), None),
    "closed books": (PLAIN, closes, opens, "period_closed"),
    "an account retired": (PLAIN, retires_account, reactivates_account, "account_unmapped"),
}


@pytest.fixture
def open_small():
    opened = []

    def open_one(document):
        (realm,) = (one for one in demo_realms() if one.company_name == document.company.name)
        opened.append(SmallWorld(replace(realm, book_close_date=None, documents={})))
        return opened[-1]

    yield open_one
    for world in opened:
        world.close()


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_a_refusal_is_gone_once_its_cause_is_and_not_hours_later(open_small, cause):
    number, begins, ends, code = CAUSES[cause]
    document = DOCUMENTS[number]
    world = open_small(document)
    begins(world, document)
    world.arrive(document)
    world.post()
    refused = world.entry(document)
    ends(world, document)

    world.post(retry_failed=True)

    assert refused.status is Status.FAILED
    assert code in (None, refused.error_code)
    assert world.entry(document).status is Status.POSTED, world.entry(document).error_message


def test_what_quickbooks_refuses_of_outdated_lists_is_made_again_with_new_ones(open_small):
    document = DOCUMENTS[BILL]
    world = open_small(document)
    world.arrive(document)
    world.post()
    old = world.books.named("Account", account_of(document))
    retires_account(world, document)
    world.books.create("Account", {**{name: old[name] for name in ("Name", "AccountType")}, "AcctNum": "4711"})
    again = replace(document, memo="edited")
    world.arrive(again)

    for _ in range(2):
        world.wait(600)
        world.post()

    assert world.entry(document).status is Status.POSTED, world.entry(document).error_message


@pytest.mark.parametrize("is_update", [False, True], ids=["create", "update"])
def test_a_refusal_that_was_put_off_is_not_replayed_once_its_cause_is_gone(open_small, is_update):
    """QuickBooks may answer a request id that it has refused with that refusal: the same content needs another id."""
    document = DOCUMENTS[BILL]
    world = open_small(document)
    world.quickbooks.remembers_faults = True
    world.arrive(document if is_update else replace(document, odoo_id=9_000, number="X/1"))
    world.post()
    retires_account(world, document)
    document = replace(document, memo="edited")
    world.arrive(document)
    world.post()
    put_off = world.entry(document)
    reactivates_account(world, document)
    world.wait(600)

    world.post()

    assert (put_off.status, put_off.error_code) != (Status.FAILED, "quickbooks_610")
    assert world.entry(document).status is Status.POSTED, world.entry(document).error_message


def test_refusals_of_one_run_read_the_lists_once(open_small):
    world = open_small(DOCUMENTS[PLAIN])
    retires_account(world, DOCUMENTS[PLAIN])
    for number in range(5):
        world.arrive(replace(DOCUMENTS[PLAIN], odoo_id=9_000 + number, number=f"X/{number}"))
    world.post()
    before = world.quickbooks.metered

    world.post(retry_failed=True)

    looked_for = 1
    assert world.quickbooks.metered - before <= 5 + looked_for
