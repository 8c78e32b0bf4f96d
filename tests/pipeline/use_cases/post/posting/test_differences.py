"""Figures that differ from Odoo's: taken back, and reported with both."""

from __future__ import annotations

import pytest

from pipeline.domain.entry import Status
from pipeline.domain.errors import Rejected
from tests.books_world import PDF, US_TAX, a_document, dropped, is_write_to, line, money, tax_amount
from tests.posting_world import NEW_PDF, at, in_books, until_done

TAXED = {"lines": (line("100.00", taxes=(US_TAX,)),), "taxes": (tax_amount(US_TAX, 100, "8.25"),)}


def test_a_document_whose_total_differs_is_taken_back_and_reported_with_both_figures(world):
    world.stand_in.tax_off_by = money("0.01")
    session = at(world, a_document(**TAXED))

    with pytest.raises(Rejected, match=r"108.26 USD \(tax 8.26 USD\), Odoo 108.25 USD.*taken back") as raised:
        session.post()

    assert raised.value.code == "booked_otherwise"
    assert world.book.documents() == []
    assert (session.entry.generation, session.entry.qb_id, session.entry.step) == (1, "", None)


def test_an_edit_that_comes_out_different_on_a_paid_document_says_both_and_is_sent_once_more(world):
    session = at(world, a_document(**TAXED))
    entry = session.post()
    world.book.pay("Invoice", entry.qb_id, money(10))
    session.edit(reference="PO-9")
    world.stand_in.tax_off_by = money("0.01")

    with pytest.raises(Rejected, match=r"108.26 USD.*should be taken back.*, but a payment or credit is app") as raised:
        session.post()

    assert raised.value.code == "payment_applied"
    world.stand_in.tax_off_by = money(0)
    assert session.post().status is Status.POSTED
    assert [row["TotalAmt"] for row in world.book.documents("Invoice")] == [money("108.25")]


def test_an_edit_without_an_answer_that_came_out_different_is_taken_back_too(world):
    session = at(world, a_document(**TAXED))
    session.post()
    session.edit(reference="PO-9")
    world.stand_in.tax_off_by = money("0.01")
    world.break_next(is_write_to("invoice"), dropped(takes_effect=True))

    # Nobody but us has touched it: what we sent stands there, with a tax that QuickBooks computed.
    with pytest.raises(Rejected, match=r"108.26 USD \(tax 8.26 USD\), Odoo 108.25 USD.*taken back"):
        until_done(session)

    world.stand_in.tax_off_by = money(0)
    assert session.post().status is Status.POSTED
    assert in_books(world) == ([money("108.25")], [NEW_PDF])


def test_a_tax_that_a_person_changed_is_not_overwritten(world):
    session = at(world, a_document(**TAXED))
    entry = session.post()
    world.edit_by_hand("Invoice", entry.qb_id, TxnTaxDetail={"TotalTax": money("8.30")})
    session.edit(reference="PO-9")

    with pytest.raises(Rejected, match="changed in QuickBooks"):
        session.post()


def test_after_it_was_taken_back_a_retry_creates_it_again(world):
    world.stand_in.tax_off_by = money("0.01")
    session = at(world, a_document(**TAXED))
    with pytest.raises(Rejected):
        session.post()
    world.stand_in.tax_off_by = money(0)

    entry = session.post()

    # The same content: only the generation keeps QuickBooks from giving the answer of the deleted document again.
    assert entry.status is Status.POSTED
    assert in_books(world) == ([money("108.25")], [PDF])


def test_what_differs_and_could_not_be_taken_back_is_right_after_one_retry_when_its_cause_is_fixed(world):
    world.stand_in.tax_off_by = money("0.01")
    session = at(world, a_document(**TAXED))
    _ = world.references.realm  # read while the books were still open
    original = world.book.create

    def then_closed(entity, *arguments):
        created = original(entity, *arguments)
        if entity == "Invoice":
            world.book.realm.book_close_date = "2026-12-31"
        return created

    world.book.create = then_closed
    with pytest.raises(Rejected, match="closed period"):
        session.post()
    world.book.realm.book_close_date = None
    world.stand_in.tax_off_by = money(0)

    assert session.post().status is Status.POSTED
    assert in_books(world) == ([money("108.25")], [PDF])
