"""Documents and numbers that are in the books before ours is created."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.domain.document import Document, Party
from pipeline.domain.entry import UNKNOWN_HASH, Status
from pipeline.domain.errors import NeedsAttention, OutcomeUnknown, Rejected
from tests.books_world import PDF, Served, a_document, dropped, is_write_to, line, money, served
from tests.posting_world import EDITED, ONCE, Session, at, in_books, until_done

OTHER_PARTY = Party(8, "Deco Addict")


def typed_by_hand(world: Served, document: Document | None = None, **changes) -> str:
    """Let a person type the document in, and return its id."""
    draft = world.books.draft(document or a_document())
    body = {**draft.body, "PrivateNote": "typed in by Anna", **changes}
    return str(world.client.write("Invoice", body, request_id=f"by hand {draft.hash[:20]}")["Id"])


# -- what stands there before we create it -----------------------------------------------------------------------------


def test_a_document_that_a_person_has_typed_in_is_reported_and_not_doubled(world):
    qb_id = typed_by_hand(world)
    session = at(world)

    with pytest.raises(Rejected, match=rf"typed in by hand: Invoice INV/2026/00001 \(Id {qb_id}\)") as raised:
        session.post()

    assert raised.value.code == "already_there"
    assert len(world.book.documents("Invoice")) == 1


def test_a_document_that_a_person_types_in_between_two_tries_is_reported_and_not_doubled(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=False))
    with pytest.raises(OutcomeUnknown):
        session.post()
    typed_by_hand(world)

    with pytest.raises(Rejected) as raised:
        session.post()

    assert raised.value.code == "already_there"
    assert len(world.book.documents("Invoice")) == 1


def test_a_document_that_a_person_has_typed_in_is_adopted_by_policy(world):
    qb_id = typed_by_hand(world)
    session = Session(replace(world.books, adopts_typed=True))

    entry = session.post()

    assert entry.qb_id == qb_id
    assert in_books(world) == ONCE
    assert "account.move-17" in world.book.documents("Invoice")[0]["PrivateNote"]


@pytest.mark.parametrize(
    "changes", [{"TxnDate": "2026-03-09"}, {"CustomerRef": None}, {"TxnTaxDetail": {"TotalTax": 5}}]
)
def test_another_document_of_the_same_number_is_none_of_our_business(changes):
    with served(custom_transaction_numbers=False) as world:
        if "CustomerRef" in changes:
            changes = {"CustomerRef": {"value": world.books.draft(a_document(odoo_id=5, party=OTHER_PARTY)).body[
                "CustomerRef"]["value"]}}  # fmt: skip
        if "TxnTaxDetail" in changes:
            changes = {"Line": world.books.draft(a_document(lines=(line("5.00"),))).body["Line"]}
        typed_by_hand(world, **changes)

        at(world).post()

        assert len(world.book.documents("Invoice")) == 2


@pytest.mark.parametrize("edit", [{"number": "INV/2026/00009"}, EDITED], ids=["number", "total"])
def test_a_document_that_becomes_what_a_person_has_typed_in_is_reported_and_not_doubled(edit):
    with served(custom_transaction_numbers=False) as world:
        session = at(world)
        session.post()
        typed = typed_by_hand(world, a_document(**edit))
        session.edit(**edit)

        with pytest.raises(Rejected, match=rf"typed in by hand: Invoice \S+ \(Id {typed}\)") as raised:
            session.post()

        assert raised.value.code == "already_there"
        assert world.book.updates["Invoice"] == 0
        assert session.entry.step is None


def test_a_document_is_updated_once_the_typed_one_is_deleted():
    with served(custom_transaction_numbers=False) as world:
        session = at(world)
        session.post()
        typed = typed_by_hand(world, a_document(**EDITED))
        session.edit(**EDITED)
        with pytest.raises(Rejected):
            session.post()
        world.book.delete("Invoice", {"Id": typed, "SyncToken": "0"})

        session.post()

        assert in_books(world)[0] == [money(120)]


def test_a_document_whose_twin_a_person_has_typed_in_since_is_still_updated():
    with served(custom_transaction_numbers=False) as world:
        session = at(world)
        session.post()
        typed_by_hand(world)
        session.edit(memo="as agreed")

        session.post()

        assert world.book.updates["Invoice"] == 1


def test_what_is_in_the_books_as_it_would_be_sent_is_not_looked_for(world):
    session = at(world)
    entry = session.post()
    session.table.put(replace(session.entry, status=Status.PENDING, payload_hash=UNKNOWN_HASH))
    before = world.stand_in.calls["query"]

    assert session.post().qb_id == entry.qb_id
    assert world.book.updates["Invoice"] == 1
    assert world.stand_in.calls["query"] == before


def test_after_the_table_is_lost_what_is_in_the_books_is_found_again_with_its_pdf(world):
    at(world).post()

    entry = at(world).post()

    assert entry.status is Status.POSTED
    assert in_books(world) == ONCE
    assert len(world.book.attachables()) == 1
    assert world.stand_in.calls["upload"] == 1


def test_a_document_that_quickbooks_gave_another_number_is_found_by_when_it_was_sent(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    (row,) = world.book.documents("Invoice")
    world.book._tables.table("Invoice")[row["Id"]]["DocNumber"] = "1037"
    session.settle()

    entry = until_done(session)

    assert entry.qb_id == row["Id"]
    assert in_books(world) == ONCE


def test_what_was_never_posted_and_is_withdrawn_is_voided_without_a_call(world):
    session = at(world)
    session.withdraw()

    entry = session.post()

    assert entry.status is Status.VOIDED
    assert world.stand_in.calls == {}
    assert session.store.waiting == []


def test_what_is_withdrawn_after_posting_is_deleted(world):
    session = at(world)
    session.post()
    session.withdraw()

    entry = session.post()

    assert entry.status is Status.VOIDED
    assert (entry.qb_id, entry.generation) == ("", 1)
    assert world.book.documents() == []


def test_what_is_posted_again_after_a_withdrawal_is_created_again(world):
    session = at(world)
    session.post()
    session.withdraw()
    session.post()
    session.edit(pdf=PDF, withdrawn=False)

    entry = session.post()

    assert entry.status is Status.POSTED
    assert in_books(world) == ONCE


def test_a_paid_document_that_is_withdrawn_stays_and_says_so(world):
    session = at(world)
    entry = session.post()
    world.book.pay("Invoice", entry.qb_id, money(10))
    session.withdraw()

    with pytest.raises(Rejected, match="a payment or credit is applied"):
        session.post()

    assert len(world.book.documents("Invoice")) == 1
    assert session.entry.step is None
    assert session.entry.qb_id == entry.qb_id


@pytest.fixture(params=[True, False], ids=["ids remembered", "ids forgotten"])
def strict(request):
    """A company that takes no number twice."""
    with served() as served_world:
        served_world.stand_in.remembers_request_ids = request.param
        yield served_world


# -- numbers that are taken --------------------------------------------------------------------------------------------


def test_a_number_taken_by_our_own_forgotten_document_adopts_it_and_brings_it_up_to_date(strict):
    at(strict).post()
    session = at(strict, a_document(**EDITED))

    entry = session.post()

    assert entry.status is Status.POSTED
    assert in_books(strict)[0] == [money(120)]


def test_a_number_taken_by_a_strangers_document_is_for_a_person(strict):
    at(strict, a_document(odoo_id=99, party=OTHER_PARTY)).post()
    session = at(strict)

    with pytest.raises(NeedsAttention, match=r"by another document of Odoo: odoo-account.move-99 \(Invoice Id \d+\)"):
        session.post()

    assert session.entry.step is None
    assert len(strict.book.documents("Invoice")) == 1
