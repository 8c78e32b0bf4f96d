"""Writes that got no answer: a look resolves them, and nothing is in the books twice."""

from __future__ import annotations

import pytest

from local.stand_ins.http_server import Response
from local.stand_ins.quickbooks.faults import html_error
from pipeline.domain.entry import Status
from pipeline.domain.errors import OutcomeUnknown, Rejected
from tests.books_world import PDF, US_TAX, a_document, answered, dropped, is_write_to, line, money, tax_amount
from tests.posting_world import BILL, EDITED, NEW_PDF, ONCE, at, in_books, until_done

NO_ANSWER = {
    "dropped": lambda took_effect: dropped(takes_effect=took_effect),
    "HTML 502": lambda took_effect: answered(html_error(502), takes_effect=took_effect),
    "cut off": lambda took_effect: answered(Response(200, b'{"Invoice": {"Id"'), takes_effect=took_effect),
}


# -- against QuickBooks' stand-in: exactly once, whatever happens ------------------------------------------------------


@pytest.mark.parametrize("took_effect", [True, False])
@pytest.mark.parametrize("kind", sorted(NO_ANSWER))
@pytest.mark.parametrize("times", [1, 2])
def test_a_create_without_an_answer_is_resolved_by_a_look(world, kind, took_effect, times):
    session = at(world)
    world.break_next(is_write_to("invoice"), NO_ANSWER[kind](took_effect), times=times)

    entry = until_done(session)

    assert entry.status is Status.POSTED
    assert in_books(world) == ONCE
    assert entry.qb_id == world.book.documents("Invoice")[0]["Id"]


@pytest.mark.parametrize("took_effect", [True, False])
@pytest.mark.parametrize("honours", [True, False], ids=["upload honours ids", "upload ignores ids"])
def test_an_upload_without_an_answer_is_resolved_by_a_look(world, took_effect, honours):
    world.stand_in.upload_honours_request_id = honours
    session = at(world)
    world.break_next(is_write_to("upload"), dropped(takes_effect=took_effect), times=2)

    entry = until_done(session)

    assert entry.pdf_attached
    assert in_books(world) == ONCE
    assert len(world.book.attachables()) == 1


@pytest.mark.parametrize("took_effect", [True, False])
def test_an_update_without_an_answer_is_resolved_by_a_look(world, took_effect):
    session = at(world)
    session.post()
    session.edit(**EDITED)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=took_effect))

    entry = until_done(session)

    assert entry.status is Status.POSTED
    assert in_books(world) == ([money(120)], [NEW_PDF])


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_deletion_without_an_answer_is_resolved_by_a_look(world, took_effect):
    session = at(world)
    session.post()
    session.withdraw()
    world.break_next(is_write_to("invoice"), dropped(takes_effect=took_effect))

    entry = until_done(session)

    assert entry.status is Status.VOIDED
    assert in_books(world) == ([], [])


def test_a_create_without_an_answer_whose_document_is_withdrawn_meanwhile_is_found_and_deleted(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    session.withdraw()
    session.settle()

    entry = until_done(session)

    assert entry.status is Status.VOIDED
    assert world.book.documents() == []


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_create_without_an_answer_whose_document_is_edited_meanwhile_becomes_one_document(world, took_effect):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=took_effect))
    with pytest.raises(OutcomeUnknown):
        session.post()
    session.edit(**EDITED)
    session.settle()

    until_done(session)

    assert in_books(world) == ([money(120)], [NEW_PDF])


def test_a_create_without_an_answer_whose_number_is_changed_meanwhile_becomes_one_document(world):
    session = at(world, a_document(BILL, reference="V-1001"))
    world.break_next(is_write_to("bill"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    session.edit(reference="V-2002")
    session.settle()

    until_done(session)

    assert [row["DocNumber"] for row in world.book.documents("Bill")] == ["V-2002"]


def test_a_deletion_without_an_answer_whose_number_is_changed_meanwhile_leaves_one_document(world):
    world.stand_in.tax_off_by = money("0.01")
    taxed = a_document(lines=(line("100.00", taxes=(US_TAX,)),), taxes=(tax_amount(US_TAX, 100, "8.25"),))
    session = at(world, taxed)
    world.break_next(lambda request: request.query.get("operation") == "delete", dropped(takes_effect=False))
    with pytest.raises(OutcomeUnknown):
        session.post()
    world.stand_in.tax_off_by = money(0)
    session.edit(number="INV/2026/00002")
    session.settle()

    until_done(session)

    assert [row["DocNumber"] for row in world.book.documents("Invoice")] == ["INV/2026/00002"]


# -- crashes -----------------------------------------------------------------------------------------------------------


def test_a_pdf_whose_upload_was_not_answered_goes_when_an_edit_brings_a_newer_one(world, monkeypatch):
    session = at(world)
    attach = session.books.attach

    def unanswered(*arguments):
        attach(*arguments)
        raise OutcomeUnknown("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(type(session.books), "attach", lambda _books, *arguments: unanswered(*arguments))
        with pytest.raises(OutcomeUnknown):
            session.post()
    assert len(world.book.attachables()) == 1

    session.edit(**EDITED)
    session.post()

    assert in_books(world) == ([money(120)], [NEW_PDF])
    assert len(world.book.attachables()) == 1


@pytest.mark.parametrize("honours", [True, False], ids=["upload honours ids", "upload ignores ids"])
def test_of_several_uploads_without_an_answer_the_present_pdf_stays(world, honours):
    world.stand_in.upload_honours_request_id = honours
    session = at(world)
    for edit in ({}, EDITED):
        if edit:
            session.edit(**edit)
        world.break_next(is_write_to("upload"), dropped(takes_effect=True))
        with pytest.raises(OutcomeUnknown):
            session.post()
    assert len(world.book.attachables()) == 2

    session.post()

    assert in_books(world) == ([money(120)], [NEW_PDF])
    assert len(world.book.attachables()) == 1


def edited_without_an_answer(world):
    """Post a document, and a new PDF of it whose upload takes effect and is not answered."""
    session = at(world)
    session.post()
    session.edit()
    world.break_next(is_write_to("upload"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    return session


@pytest.mark.parametrize("honours", [True, False], ids=["upload honours ids", "upload ignores ids"])
def test_the_former_pdf_comes_back_after_an_upload_of_another_was_not_answered(world, honours):
    """As when Odoo is restored from a backup, or a paper is attached and removed again."""
    world.stand_in.upload_honours_request_id = honours
    session = edited_without_an_answer(world)

    session.edit(pdf=PDF)
    until_done(session)

    assert in_books(world) == ([money(100)], [PDF])
    assert len(world.book.attachables()) == 1
    assert world.stand_in.calls["upload"] == 2


def test_a_file_that_an_upload_left_is_not_taken_for_the_former_pdf_that_a_person_has_removed(world):
    session = edited_without_an_answer(world)
    world.book._tables.table("Attachable").pop(session.entry.attachable_id)

    session.edit(pdf=PDF)
    until_done(session)

    assert in_books(world) == ([money(100)], [PDF])


def test_a_pdf_whose_upload_was_not_answered_goes_though_its_document_was_withdrawn_in_between(world):
    session = at(world)
    world.break_next(is_write_to("upload"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    session.settle()
    qb_id = world.book.documents("Invoice")[0]["Id"]
    world.book.pay("Invoice", qb_id, money(10))
    session.withdraw()
    with pytest.raises(Rejected, match="a payment or credit is applied"):
        session.post()

    session.edit(**EDITED, withdrawn=False)
    until_done(session)

    assert in_books(world) == ([money(120)], [NEW_PDF])
