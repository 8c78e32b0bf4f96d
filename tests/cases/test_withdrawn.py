"""What is no longer posted in Odoo leaves the books, whatever Odoo lets a draft lose or become."""

from __future__ import annotations

import json

import pytest

from local.demo.small_files import pdf_page
from tests.cases.world import REALM_A, us

LOST = {
    "its customer": {"partner_id": False, "commercial_partner_id": False},
    "its dates": {"date": False, "invoice_date": False, "invoice_date_due": False},
    "its number": {"name": False},
    "its journal and currency": {"journal_id": False, "currency_id": False},
    "everything": {
        "name": False, "partner_id": False, "commercial_partner_id": False, "date": False, "invoice_date": False,
        "invoice_date_due": False, "journal_id": False, "currency_id": False, "amount_total": False,
    },
}  # fmt: skip


@pytest.fixture
def world(open_world):
    """An invoice in the books."""
    world = open_world(realms=[us()])
    world.move(521, "out_invoice", [{"amount": 50.0}], number="INV/2026/00521")
    world.run()
    assert world.entries()[521]["status"] == "posted"
    return world


def change(world, **changes):
    """Change the invoice in Odoo."""
    (move,) = world.odoo.rows["account.move"]
    move.update(changes, write_date=world.odoo.stamp())


def remove_lines(world):
    world.odoo.rows["account.move.line"] = []


@pytest.mark.parametrize("state", ["draft", "cancel"])
@pytest.mark.parametrize("lost", LOST)
def test_a_withdrawn_document_leaves_the_books_whatever_it_has_lost(world, lost, state):
    change(world, state=state, **LOST[lost])

    world.run()

    assert (world.entries()[521]["status"], world.books(), world.alerts()) == ("voided", [], [])


def test_a_withdrawn_document_without_lines_leaves_the_books(world):
    remove_lines(world)
    change(world, state="draft", amount_total=0.0, amount_untaxed=0.0, partner_id=False, commercial_partner_id=False)

    world.run()

    assert (world.entries()[521]["status"], world.books()) == ("voided", [])


def test_one_that_could_not_be_read_before_leaves_the_books_when_it_is_withdrawn(world):
    change(world, partner_id=False, commercial_partner_id=False)
    world.run()
    assert world.entries()[521]["status"] == "failed"
    change(world, state="draft")

    world.run()

    assert (world.entries()[521]["status"], world.books()) == ("voided", [])


def test_one_that_is_posted_again_with_what_it_had_lost_is_in_the_books_once(world):
    (move,) = world.odoo.rows["account.move"]
    former = dict(move)
    change(world, state="draft", **LOST["everything"])
    world.run()
    change(world, **{**former, "name": "INV/2026/00777"})

    world.run()

    (invoice,) = world.books()
    assert invoice["DocNumber"] == "INV/2026/00777"
    assert world.entries()[521]["status"] == "posted"


def become_a_credit_note(world, **changes):
    for line in world.odoo.rows["account.move.line"]:
        line.update(amount_currency=-line["amount_currency"], balance=-line["balance"])
    change(world, move_type="out_refund", **changes)


def test_a_document_that_became_another_type_is_never_in_the_books_twice(world):
    become_a_credit_note(world)
    world.run()
    failed = world.entries()[521]
    assert (failed["status"], failed["error_code"], len(world.books())) == ("failed", "type_changed", 1)
    assert "it is a credit note in Odoo now, and is in QuickBooks as the invoice it was" in failed["error_message"]

    change(world, state="draft")
    world.run()
    assert (world.entries()[521]["status"], world.books()) == ("voided", [])
    change(world, state="posted", name="RINV/2026/00001")
    world.run()

    assert world.books(entity="Invoice") == []
    (credit,) = world.books(entity="CreditMemo")
    assert credit["DocNumber"] == "RINV/2026/00001"
    assert (world.entries()[521]["status"], world.entries()[521]["document_type"]) == ("posted", "credit_note")


def test_a_document_may_become_another_type_while_it_is_a_draft(world):
    become_a_credit_note(world, state="draft")
    world.run()
    assert (world.entries()[521]["status"], world.books()) == ("voided", [])
    change(world, state="posted")

    world.run()

    assert [row["DocNumber"] for row in world.books(entity="CreditMemo")] == ["INV/2026/00521"]
    assert world.entries()[521]["document_type"] == "credit_note"


def recorded_answers(world, field):
    """Return the calls whose answers the history names in a field, in order."""
    answers = [line for line in world.machine.log if line.get("message") == "QuickBooks answered"]
    calls = ("create", "update", "upload", "delete")
    written = {line["intuit_tid"]: line["call"] for line in answers if line["call"] in calls}
    records = [item for item in world.machine.items(world.machine.deployment.table)
               if item["entry_id"]["S"].startswith("history#")]  # fmt: skip
    steps = [step for record in records for step in json.loads(record["value"]["S"])["steps"]]
    return [written[step[field]] for step in steps if step.get(field)]


def test_intuits_id_of_a_create_an_upload_and_a_delete_is_in_the_history(world):
    world.odoo.cancel(521)
    world.run()

    assert recorded_answers(world, "qb_tid") == ["create", "upload", "delete"]


def test_intuits_id_of_the_removal_of_a_replaced_file_is_in_the_history(world):
    for row in world.odoo.rows["ir.attachment"]:
        row["res_field"] = False
    world.odoo.attach(521, "other.pdf", "application/pdf", pdf_page(["another"], title="another"), res_field=True)
    change(world, invoice_date_due="2026-12-24")

    world.run()

    assert recorded_answers(world, "removed_tid") == ["delete"]


def test_why_a_withdrawn_document_stays_is_one_sentence(world):
    world.qb.books(REALM_A).realm.book_close_date = "2026-12-31"
    world.odoo.cancel(521)

    world.run()

    assert "it was withdrawn in Odoo, but its date is in a closed period" in world.entries()[521]["error_message"]
