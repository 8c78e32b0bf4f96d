"""Edits and withdrawals of what is posted; what a person changed in QuickBooks is not overwritten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.domain.entry import Status
from pipeline.domain.errors import Misconfigured, OutcomeUnknown, OutOfTime, Rejected
from tests.books_world import PDF, dropped, is_write_to, money
from tests.posting_world import EDITED, LIFE, NEW_PDF, Session, at, in_books, until_done


def test_an_edit_updates_the_same_document_and_replaces_its_pdf(world):
    session = at(world)
    first = session.post()
    session.edit(**EDITED)

    second = session.post()

    assert second.qb_id == first.qb_id
    assert second.qb_sync_token == "1"
    assert in_books(world) == ([money(120)], [NEW_PDF])
    assert len(world.book.attachables()) == 1


def test_an_edit_of_the_number_keeps_the_document(world):
    session = at(world)
    first = session.post()
    session.edit(number="INV/2026/00009")

    second = session.post()

    assert second.qb_id == first.qb_id
    assert [row["DocNumber"] for row in world.book.documents("Invoice")] == ["INV/2026/00009"]


def test_an_update_is_not_sent_when_the_look_before_it_took_the_time_there_was():
    session = Session()
    first = session.post()
    session.edit(**EDITED)
    session.books.check_not_typed_in = lambda *_: session.clock.sleep(LIFE.total_seconds())

    with pytest.raises(OutOfTime):
        session.post()

    assert session.books.rows[first.qb_id].total == first.total
    assert session.entry.step is None


def test_a_new_pdf_alone_leaves_the_document_as_it_is(world):
    session = at(world)
    session.post()
    session.edit(pdf=NEW_PDF)

    session.post()

    assert in_books(world) == ([money(100)], [NEW_PDF])
    assert world.book.updates["Invoice"] == 0


def test_a_new_pdf_for_what_a_person_has_deleted_says_so(world):
    session = at(world)
    entry = session.post()
    (row,) = world.book.documents("Invoice")
    world.book.delete("Invoice", {"Id": entry.qb_id, "SyncToken": row["SyncToken"]})
    session.edit(pdf=NEW_PDF)

    with pytest.raises(Rejected, match="a person deleted it in QuickBooks") as raised:
        session.post()

    assert raised.value.code == "deleted_in_quickbooks"


def test_the_same_version_twice_writes_nothing(world):
    session = at(world)
    session.post()
    before = world.writes

    session.table.put(replace(session.entry, status=Status.PENDING))
    session.post()

    assert world.writes == before


def test_what_a_person_changed_in_quickbooks_is_not_overwritten(world):
    session = at(world)
    entry = session.post()
    world.edit_by_hand("Invoice", entry.qb_id, TxnDate="2026-03-03")
    session.edit(**EDITED)

    with pytest.raises(Rejected, match="changed in QuickBooks") as raised:
        session.post()

    assert raised.value.code == "changed_in_quickbooks"
    assert in_books(world)[0] == [money(100)]
    assert session.entry.step is None


@pytest.mark.parametrize(("step", "took_effect"), [("create", True), ("update", True), ("update", False)])
def test_what_a_person_changed_before_we_looked_is_not_overwritten_either(world, step, took_effect):
    session = at(world)
    if step == "update":
        session.post()
        session.edit(**EDITED)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=took_effect))
    with pytest.raises(OutcomeUnknown):
        session.post()
    (row,) = world.book.documents("Invoice")
    world.edit_by_hand("Invoice", row["Id"], TxnDate="2026-03-09")
    session.edit(**{**EDITED, "reference": "changed once more"})
    session.settle()

    for _ in range(2):
        with pytest.raises(Rejected, match="changed in QuickBooks"):
            session.post()

    assert world.book.documents("Invoice")[0]["TxnDate"] == "2026-03-09"


def test_a_payment_before_we_looked_keeps_no_edit_from_being_carried_over(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    world.book.pay("Invoice", world.book.documents("Invoice")[0]["Id"], money(10))
    session.edit(**EDITED)
    session.settle()

    until_done(session)

    assert in_books(world) == ([money(120)], [NEW_PDF])


def test_a_payment_that_was_applied_meanwhile_keeps_no_edit_from_being_carried_over(world):
    session = at(world)
    entry = session.post()
    world.book.pay("Invoice", entry.qb_id, money(10))
    session.edit(**EDITED)

    session.post()

    assert in_books(world) == ([money(120)], [NEW_PDF])


def test_what_a_person_changed_in_quickbooks_is_not_deleted(world):
    session = at(world)
    entry = session.post()
    world.edit_by_hand("Invoice", entry.qb_id, TxnDate="2026-03-03")
    session.withdraw()

    with pytest.raises(Rejected, match="somebody has changed it in QuickBooks") as raised:
        session.post()

    assert raised.value.code == "changed_in_quickbooks"
    assert len(world.book.documents("Invoice")) == 1


def test_a_right_that_is_missing_stays_the_companys_trouble_when_a_document_is_taken_out(session):
    session.post()
    session.edit(withdrawn=True)
    session.books.refusals["remove"] = Misconfigured("the connection lacks a right")

    with pytest.raises(Misconfigured):
        session.post()


def test_what_was_touched_but_is_as_it_was_is_deleted(world):
    session = at(world)
    entry = session.post()
    world.edit_by_hand("Invoice", entry.qb_id, PONumber="77")
    session.withdraw()

    assert session.post().status is Status.VOIDED
    assert world.book.documents() == []


def test_a_refusal_whose_cause_is_fixed_is_not_replayed(world):
    world.stand_in.remembers_faults = True
    _ = world.references.realm  # read while the books were still open
    world.book.realm.book_close_date = "2026-12-31"
    session = at(world)
    with pytest.raises(Rejected, match="closed period"):
        session.post()
    world.book.realm.book_close_date = None

    assert session.post().status is Status.POSTED


@pytest.mark.parametrize("keeps", [False, True], ids=["removed", "kept"])
def test_a_replaced_pdf_goes_or_stays_as_history_by_policy(world, keeps):
    session = Session(replace(world.books, keeps_replaced_files=keeps))
    session.post()
    session.edit(**EDITED)

    session.post()

    assert in_books(world) == ([money(120)], [PDF, NEW_PDF] if keeps else [NEW_PDF])
