"""The order in which one document is posted: each write after its intent, and nothing for a document that changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from local.stand_ins.quickbooks.faults import throttled
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import OUTCOME_SETTLES_S, Status, Step, file_name, make_request_id
from pipeline.domain.errors import InvalidDocument, OutcomeUnknown, Rejected, Throttled
from pipeline.use_cases.post.paper import PDF_LOSSES_MAX
from pipeline.use_cases.post.record import Superseded
from tests.books_world import COSTS, REALM_ID, a_document, an_entry, answered, is_write_to, line, money
from tests.posting_world import BILL, NEW_PDF, ONCE, Session, at, in_books, until_done

# -- the order of things -----------------------------------------------------------------------------------------------


def test_each_write_is_preceded_by_its_intent_and_filing_by_nothing_but_the_last_word(session):
    session.post()

    assert session.events == [
        "draft",
        "save posting create",
        "create",
        "save posting attach",
        "attach",
        "file",
        "drop",
        "save posted -",
    ]


def test_an_update_too_is_preceded_by_its_intent_and_the_old_pdf_goes_before_it_is_forgotten(session):
    session.post()
    session.events.clear()
    session.edit(total=money(120), untaxed=money(120), lines=(line("120.00"),))

    session.post()

    writes = [event for event in session.events if event not in ("draft", "file")]
    assert writes == [
        "save posting update",
        "update",
        "save posting attach",
        "attach",
        "detach",
        "drop",
        "save posted -",
    ]
    assert [file.qb_id for file in session.books.attachments(BILL, session.entry.qb_id)] == [
        session.entry.attachable_id
    ]


def test_a_deletion_is_preceded_by_its_intent(session):
    session.post()
    session.events.clear()
    session.withdraw()

    session.post()

    assert session.events == ["save posting delete", "remove", "save posting -", "drop", "save voided -"]


@pytest.mark.parametrize("step", list(Step))
def test_an_intent_says_what_is_sent_and_when_its_outcome_can_be_looked_for(session, step):
    call = {Step.CREATE: "create", Step.UPDATE: "update", Step.DELETE: "remove", Step.ATTACH: "attach"}[step]
    if step in (Step.UPDATE, Step.DELETE):
        session.post()
        session.edit(total=money(120), untaxed=money(120), lines=(line("120.00"),), withdrawn=step is Step.DELETE)
    session.books.refusals[call] = OutcomeUnknown("no answer")

    with pytest.raises(OutcomeUnknown):
        session.post()

    assert session.entry.step is step
    assert session.entry.status is Status.POSTING
    assert session.entry.request_id.startswith("odoo-17-")
    assert session.entry.next_attempt_at - session.sends_until == timedelta(seconds=OUTCOME_SETTLES_S)


def test_the_request_id_is_the_same_on_every_retry_of_the_same_content(session):
    session.books.refusals["create"] = OutcomeUnknown("no answer")

    ids = []
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            session.post()
        ids.append(session.entry.request_id)

    assert ids[0] == ids[1]
    assert len(ids[0]) <= 50


@pytest.mark.parametrize(
    "changes",
    [{"version": 2}, {"generation": 1}, {"refusals": 1}, {"entry_id": "other-account.move-17"}, {"odoo_id": 10**12}],
)
def test_the_request_id_differs_for_whatever_is_another_request(changes):
    entry = an_entry(a_document())

    first = make_request_id(REALM_ID, entry, Step.CREATE, "hash")
    second = make_request_id(REALM_ID, replace(entry, **changes), Step.CREATE, "hash")

    assert first != second
    assert len(second) <= 50


def test_the_intent_to_create_remembers_the_number_it_is_sent_with(session):
    session.books.refusals["create"] = OutcomeUnknown("no answer")

    with pytest.raises(OutcomeUnknown):
        session.post()

    assert session.entry.qb_doc_number == "INV/2026/00001"


def test_what_is_posted_says_so_with_everything_quickbooks_answered(session):
    entry = session.post()

    assert entry == session.entry
    assert entry.status is Status.POSTED
    assert (entry.qb_id, entry.qb_sync_token, entry.qb_doc_number, entry.qb_total) == (
        "55",
        "0",
        "INV/2026/00001",
        money(100),
    )
    assert entry.pdf_attached
    assert entry.attached_sha256 == entry.pdf_sha256
    assert entry.pdf_key == "posted/companyA/2026-03/INV-2026-00001__odoo-account.move-17.pdf"
    assert (entry.step, entry.next_attempt_at, entry.error_code, entry.attempts) == (None, None, "", 0)
    assert entry.posted_at == session.clock.now()


def test_an_error_of_an_earlier_attempt_is_gone_once_it_is_posted(session):
    session.table.put(replace(session.entry, error_code="unmapped", error_message="account ...", attempts=3))

    entry = session.post()

    assert (entry.error_code, entry.error_message, entry.attempts) == ("", "", 0)


def test_a_document_that_does_not_add_up_is_never_drafted():
    session = Session(document=replace(a_document(), untaxed=money("99.00"), total=money("99.00")))

    with pytest.raises(InvalidDocument, match="its lines add up to"):
        session.post()

    assert session.events == []


def test_a_refused_create_leaves_no_intent_behind(session):
    session.books.refusals["create"] = Rejected("no")

    with pytest.raises(Rejected):
        session.post()

    assert session.entry.step is None
    assert session.events[-2:] == ["create", "save posting -"]


@pytest.mark.parametrize("lost", [b"%PDF- something else", None], ids=["another", "gone"])
def test_a_pdf_that_is_not_the_one_that_was_stored_is_fetched_again_and_the_document_stays(session, lost):
    session.store.lose(session.entry_id, lost)

    with pytest.raises(Superseded, match="fetched from Odoo again"):
        session.post()

    assert "attach" not in session.events
    assert (session.entry.status, session.entry.pdf_sha256, session.entry.qb_id) == (Status.PENDING, "", "55")
    assert not session.entry.is_ready


def test_a_pdf_that_is_attached_already_is_not_filed_when_another_lies_in_its_place(session):
    entry = session.post()
    session.table.put(replace(entry, status=Status.PENDING))
    session.store.lose(session.entry_id, b"%PDF- something else")

    with pytest.raises(Superseded, match="fetched from Odoo again"):
        session.post()

    assert session.events.count("file") == 1


def test_a_pdf_that_is_gone_when_it_is_to_be_filed_is_fetched_again(session, monkeypatch):
    file = session.store.copy_posted

    def gone(entry):
        session.store.lose(session.entry_id, None)
        return file(entry)

    monkeypatch.setattr(session.store, "copy_posted", gone)

    with pytest.raises(Superseded, match="fetched from Odoo again"):
        session.post()

    assert (session.entry.status, session.entry.pdf_sha256, session.entry.qb_id) == (Status.PENDING, "", "55")


def test_a_pdf_that_came_again_is_attached_to_the_document_in_the_books(session):
    session.store.lose(session.entry_id, None)
    with pytest.raises(Superseded):
        session.post()
    session.fetch_pdf()

    entry = session.post()

    assert entry.status is Status.POSTED
    assert (session.events.count("create"), session.events.count("attach")) == (1, 1)
    assert entry.pdf_losses == 0


def test_a_pdf_that_is_lost_again_and_again_is_for_a_person(session):
    for _ in range(PDF_LOSSES_MAX - 1):
        session.store.lose(session.entry_id, b"%PDF- something else")
        with pytest.raises(Superseded):
            session.post()
        session.fetch_pdf()
    session.store.lose(session.entry_id, b"%PDF- something else")

    with pytest.raises(InvalidDocument, match="its PDF in S3 is not the one that was stored") as raised:
        session.post()

    assert raised.value.code == "pdf_changed"


def test_what_is_deleted_in_odoo_is_taken_out_though_its_copy_is_one_of_before(session):
    session.post()
    session.table.put(replace(session.entry, status=Status.PENDING, withdrawn=True))

    assert session.post().status is Status.VOIDED


def changing_at(session: Session, call: str) -> None:
    """Let Odoo change the document while the books are asked."""

    def change(*arguments, **keywords):
        session.edit(total=money(120), untaxed=money(120), lines=(line("120.00"),))
        return original(*arguments, **keywords)

    original = getattr(session.books, call)
    setattr(session.books, call, change)


# -- while Odoo changes it ---------------------------------------------------------------------------------------------


def test_nothing_is_sent_for_a_document_that_changed_meanwhile(session):
    before = session.entry
    changing_at(session, "draft")

    with pytest.raises(Superseded):
        session.post()

    assert "create" not in session.events
    assert session.entry.version == 2
    assert session.entry.status is Status.PENDING
    assert (session.entry.step, session.entry.request_id, session.entry.payload_hash) == (
        before.step,
        before.request_id,
        before.payload_hash,
    )


@pytest.mark.parametrize("call", ["create", "attach"])
def test_a_change_while_it_is_sent_keeps_what_quickbooks_said_and_the_new_version_follows(session, call):
    changing_at(session, call)
    with pytest.raises(Superseded):
        session.post()
    del session.books.__dict__[call]
    assert session.entry.status is Status.PENDING
    assert session.entry.qb_id == "55"

    entry = session.post()

    assert entry.status is Status.POSTED
    assert session.events.count("create") == 1
    assert session.events.count("update") == 1


# -- trouble that is not about the document ----------------------------------------------------------------------------


def test_throttling_leaves_the_document_for_later(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), answered(throttled()))

    with pytest.raises(Throttled):
        session.post()
    session.settle()

    assert until_done(session).status is Status.POSTED
    assert in_books(world) == ONCE


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_each_type_is_posted_with_its_pdf(world, document_type):
    account = {} if document_type.is_sale else {"lines": (line(account=COSTS),)}
    session = at(world, a_document(document_type, **account))
    entity = {"invoice": "Invoice", "bill": "Bill", "credit_note": "CreditMemo", "vendor_credit": "VendorCredit"}

    session.post()

    assert in_books(world, entity[document_type.value]) == ONCE


# -- file names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "expected"),
    [("INV/2026/00001", "INV-2026-00001"), ("../../etc/passwd", "etc-passwd"), ("株式会社", "document-17"),
     ("", "document-17"), ("a b\n'c'", "a-b-c"), ("x" * 300, "x" * 100)],
)  # fmt: skip
def test_a_file_is_named_by_number_and_hash(number, expected):
    entry = replace(an_entry(a_document()), number=number)

    assert file_name(entry) == f"{expected}_{entry.pdf_sha256[:8]}.pdf"


def test_two_versions_of_a_pdf_have_two_names():
    entry = an_entry(a_document())

    assert file_name(entry) != file_name(an_entry(a_document(), pdf=NEW_PDF))
