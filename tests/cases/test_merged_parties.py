"""A merge from the books to the closed month, through the real functions: said once, accepted once, and closed."""

from __future__ import annotations

import pytest

from tests.cases.world import REALM_A

OCTOBER = {"company": "companyA", "month": "2026-10"}
CLOSE = {"close": "2026-10", "company": "companyA", "by": "Ann"}
ACCEPT = {"accept_party": "Old Name", "into": "New Name", "company": "companyA", "because": "one now", "by": "Ann"}


@pytest.fixture(params=[False, True])
def world(request, open_world):
    """Three invoices of two customers that were merged, by a QuickBooks that counts it as a change, or does not."""
    world = open_world()
    old, new = world.partner(950, "Old Name"), world.partner(951, "New Name")
    for move, partner in ((801, old), (802, old), (803, new)):
        world.move(move, "out_invoice", [{"amount": 100.0 + move}], partner=partner, date="2026-10-05",
                   invoice_date="2026-10-05")  # fmt: skip
    world.run()
    world.post({"watch": True})
    world.qb.merge_touches_documents = request.param
    books = world.qb.books(REALM_A)
    ids = {row["DisplayName"]: row["Id"] for row in books.rows("Customer")}
    books.merge("Customer", ids["Old Name"], ids["New Name"])
    world.alerts()
    return world


def tied(world):
    (found,) = world.machine.tie_out(OCTOBER)["tie_outs"]
    return found["verdict"], found["documents"]


def test_a_merge_keeps_a_month_open_until_a_person_accepts_it_once(world):
    before = tied(world)
    refused = world.machine.tie_out(CLOSE)

    world.post(ACCEPT)
    after = tied(world)
    closed = world.machine.tie_out(CLOSE)

    assert before == ("does not tie out", {"party merged on one side": 2, "equal": 1})
    assert len(refused["open"]) == 1
    assert "2 documents: " in refused["open"][0]
    assert after == ("ties out", {"party merged on one side": 2, "equal": 1})
    assert closed["closed"] is True


def test_a_merge_is_told_once_and_no_document_is_written_again(world):
    calls = world.qb.calls.copy()
    for _ in range(3):
        world.post({"watch": True})
        world.run()

    told = [alert["text"] for alert in world.alerts() if "Old Name" in alert["text"]]
    assert len(told) == world.qb.merge_touches_documents
    assert all("2 documents of it are on New Name" in text for text in told)
    assert {kind: world.qb.calls[kind] - calls[kind] for kind in ("create", "update", "delete", "void")} == {
        "create": 0, "update": 0, "delete": 0, "void": 0,
    }  # fmt: skip


def test_contacts_that_are_merged_in_odoo_as_well_make_the_month_equal(world):
    for row in world.odoo.rows["account.move"]:
        if row["partner_id"][0] == 950:
            row.update(partner_id=[951, "New Name"], commercial_partner_id=[951, "New Name"])
    world.odoo.rows["res.partner"] = [row for row in world.odoo.rows["res.partner"] if row["id"] != 950]

    assert tied(world) == ("ties out", {"equal": 3})
