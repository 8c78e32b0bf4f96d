"""Numbers that change hands in Odoo: resequenced, swapped, given to a new document, or the same in two journals."""

from __future__ import annotations

import pytest

from tests.cases.test_identity import settle, statuses
from tests.cases.world import REALM_A, us


@pytest.fixture
def world(open_world):
    """A company whose numbers QuickBooks holds to be unique."""
    return open_world(realms=[us(custom_transaction_numbers=True)])


def sell(world, move_id, number, move_type="out_invoice", **changes):
    world.move(move_id, move_type, [{"amount": 10.0 * move_id}], number=number, **changes)


def renumber(world, numbers):
    """Give documents other numbers, as Odoo's resequencing does."""
    for move in world.odoo.rows["account.move"]:
        if move["id"] in numbers:
            move.update(name=numbers[move["id"]], display_name=numbers[move["id"]], write_date=world.odoo.stamp())


def numbers(world):
    return {str(row["TotalAmt"]): row["DocNumber"] for row in world.books()}


def test_two_documents_that_swap_their_numbers_have_them_in_the_end(world):
    sell(world, 1, "INV/1")
    sell(world, 2, "INV/2")
    world.run()
    ids = {entry["odoo_id"]: entry["qb_id"] for entry in world.entries().values()}
    renumber(world, {1: "INV/2", 2: "INV/1"})

    settle(world)

    assert statuses(world) == {1: "posted", 2: "posted"}
    assert numbers(world) == {"10.00": "INV/2", "20.00": "INV/1"}
    assert {entry["odoo_id"]: entry["qb_id"] for entry in world.entries().values()} == ids
    assert world.alerts() == []


def test_a_whole_series_that_is_resequenced_has_its_numbers_in_the_end(world):
    places = range(1, 9)
    for place in places:
        sell(world, place, f"INV/{place}")
    world.run()
    renumber(world, {place: f"INV/{place + 1}" for place in places})

    settle(world, rounds=4)

    assert set(statuses(world).values()) == {"posted"}
    assert numbers(world) == {f"{10 * place}.00": f"INV/{place + 1}" for place in places}
    assert world.alerts() == []


def test_a_new_document_waits_for_the_number_that_another_one_leaves(world):
    sell(world, 1, "INV/1")
    world.run()
    renumber(world, {1: "INV/0"})
    sell(world, 2, "INV/1")

    settle(world)

    assert statuses(world) == {1: "posted", 2: "posted"}
    assert numbers(world) == {"10.00": "INV/0", "20.00": "INV/1"}
    assert world.alerts() == []


@pytest.mark.parametrize("move_type", ["out_invoice", "out_refund"])
def test_a_number_that_two_documents_keep_names_the_other_at_once(world, move_type):
    sell(world, 1, "X/1")
    world.run()
    sell(world, 2, "X/1", move_type, journal_id=[5, "Second"])

    world.run()

    entry = world.entries()[2]
    assert (entry["status"], entry["error_code"]) == ("failed", "number_of_another")
    assert "account.move-1 (Invoice Id" in entry["error_message"]


def test_a_number_that_a_person_has_typed_in_is_never_waited_for(world):
    sell(world, 1, "X/1")
    world.run()
    books = world.qb.books(REALM_A)
    (ours,) = books.documents("Invoice")
    typed = {key: ours[key] for key in ("CustomerRef", "Line")}
    books.create("Invoice", {**typed, "DocNumber": "X/2", "TxnDate": "2026-01-01"})
    renumber(world, {1: "X/2"})

    world.run()

    entry = world.entries()[1]
    assert (entry["status"], entry["error_code"]) == ("failed", "quickbooks_6140")
    assert sorted(row["DocNumber"] for row in world.books()) == ["X/1", "X/2"]
