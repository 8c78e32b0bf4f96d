"""What books promise, held by QuickBooks' stand-in behind our own code and by the books in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.document import DocumentType, Party
from pipeline.domain.errors import NeedsAttention, Rejected
from tests.books_world import REALM_ID, a_document, line, money, served
from tests.doubles.books import MemoryBooks

INVOICE = DocumentType.INVOICE
FIRST, SECOND = "INV-2026-00001_0123abcd.pdf", "INV-2026-00001_4567cdef.pdf"
EDITED = {"lines": (line("120.00"),), "untaxed": money(120), "total": money(120), "home_total": money(120)}
DOCUMENT = a_document()
OTHER = a_document(odoo_id=99)


class InQuickBooks:
    """The stand-in behind our own code, and what people do there."""

    def __init__(self, world) -> None:
        self._world = world
        self.books = world.books

    def adopting(self):
        return replace(self.books, adopts_typed=True)

    def with_unique_numbers(self):
        self._world.realm.custom_transaction_numbers = True

    def type_in(self, document):
        body = {**self.books.draft(document, is_booked=False).body, "PrivateNote": "typed in by Anna"}
        return str(self._world.client.write("Invoice", body, request_id=f"by hand {document.total}")["Id"])

    def edit_by_hand(self, qb_id):
        self._world.edit_by_hand("Invoice", qb_id, TxnDate="2026-03-09")

    def touch(self, qb_id):
        self._world.edit_by_hand("Invoice", qb_id, PONumber="77")

    def delete(self, qb_id):
        (row,) = [row for row in self._world.book.documents("Invoice") if row["Id"] == qb_id]
        self._world.book.delete("Invoice", {"Id": qb_id, "SyncToken": row["SyncToken"]})

    def renumber(self, qb_id, number):
        self._world.book._tables.table("Invoice")[qb_id]["DocNumber"] = number

    def pay(self, qb_id):
        self._world.book.pay("Invoice", qb_id, money(10))

    def totals(self):
        return sorted(row["TotalAmt"] for row in self._world.book.documents("Invoice"))


class InMemory:
    """The books in memory, and what people do there."""

    def __init__(self) -> None:
        self.books = MemoryBooks(realm=REALM_ID)

    def adopting(self):
        self.books.adopts_typed = True
        return self.books

    def with_unique_numbers(self):
        self.books.has_unique_numbers = True

    def type_in(self, document):
        return self.books.type_in(document).qb_id

    def edit_by_hand(self, qb_id):
        self.books.edit_by_hand(qb_id)

    def touch(self, qb_id):
        self.books.touch(qb_id)

    def delete(self, qb_id):
        del self.books.rows[qb_id]

    def renumber(self, qb_id, number):
        self.books.rows[qb_id].number = number

    def pay(self, qb_id):
        self.books.paid.add(qb_id)

    def totals(self):
        return sorted(row.total for row in self.books.rows.values())


@pytest.fixture(params=["QuickBooks", "memory"])
def world(request):
    if request.param == "memory":
        yield InMemory()
        return
    with served(custom_transaction_numbers=False) as company:
        yield InQuickBooks(company)


@pytest.fixture
def books(world):
    return world.books


def drafted(books, document=DOCUMENT):
    return books.draft(document, is_booked=False)


def created(books, document=DOCUMENT, request_id="create 1"):
    return books.create(drafted(books, document), request_id)


# -- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_tells_its_number_and_what_would_stand_in_the_books(books):
    draft = drafted(books)

    assert (draft.entity, draft.doc_number) == ("Invoice", DOCUMENT.number)
    assert created(books).fingerprint == draft.fingerprint != ""


def test_the_same_document_has_the_same_hash_and_another_one_has_another(books):
    first = drafted(books).hash

    assert drafted(books).hash == first
    assert drafted(books, a_document(**EDITED)).hash != first
    assert drafted(books, a_document(number="INV/2")).hash != first


def test_the_realm_is_the_companys(books):
    assert books.realm == REALM_ID


# -- finding ---------------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_not_found(books):
    assert books.find(DOCUMENT) is None
    assert books.find(DOCUMENT, qb_id="12345", doc_number="nowhere", since=datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert books.verify(DOCUMENT, "12345") is None
    assert books.find_existing(DOCUMENT, drafted(books)) is None


def test_a_document_is_found_by_its_id_and_by_its_number(books):
    booked = created(books)

    found = [books.find(DOCUMENT), books.find(DOCUMENT, qb_id=booked.qb_id)]

    assert [one.qb_id for one in found] == [booked.qb_id] * 2
    assert {(one.total, one.doc_number, one.sync_token, one.fingerprint) for one in found} == {
        (booked.total, booked.doc_number, booked.sync_token, booked.fingerprint)
    }


def test_a_document_whose_number_has_changed_is_found_by_the_former_one(books):
    booked = created(books)
    renumbered = a_document(number="INV/2")

    assert books.find(renumbered) is None
    assert books.find(renumbered, doc_number=DOCUMENT.number).qb_id == booked.qb_id


def test_a_document_that_got_another_number_there_is_found_by_when_it_was_sent(world, books):
    began = datetime.now(UTC) - timedelta(minutes=1)
    booked = created(books)
    world.renumber(booked.qb_id, "1037")

    assert books.find(DOCUMENT) is None
    assert books.find(DOCUMENT, since=began).qb_id == booked.qb_id
    assert books.find(DOCUMENT, since=began + timedelta(days=1)) is None


def test_an_id_that_is_gone_falls_back_to_the_number(books):
    booked = created(books)

    assert books.find(DOCUMENT, qb_id="12345").qb_id == booked.qb_id


def test_another_document_of_the_same_number_is_not_found(books):
    created(books, OTHER)

    assert books.find(DOCUMENT) is None
    assert books.find_existing(DOCUMENT, drafted(books)) is None


@pytest.mark.parametrize("look", ["find", "verify"])
def test_an_id_of_another_document_is_refused(books, look):
    other = created(books, OTHER)

    with pytest.raises(Rejected) as told:
        books.find(DOCUMENT, qb_id=other.qb_id) if look == "find" else books.verify(DOCUMENT, other.qb_id)

    assert told.value.code == "not_ours"


def test_what_a_person_has_typed_in_is_not_verified_as_ours(world, books):
    typed = world.type_in(DOCUMENT)

    with pytest.raises(Rejected) as told:
        books.verify(DOCUMENT, typed)

    assert told.value.code == "not_ours"


def test_a_document_is_verified_by_its_id(books):
    booked = created(books)

    assert books.verify(DOCUMENT, booked.qb_id).qb_id == booked.qb_id


# -- what is there before anything is created ------------------------------------------------------------------------


@pytest.mark.parametrize("looks_first", [True, False])
def test_ours_from_before_a_loss_is_found_with_or_without_a_look_for_many(books, looks_first):
    booked = created(books)
    if looks_first:
        books.look_for([DOCUMENT, OTHER])

    assert books.find_existing(DOCUMENT, drafted(books)).qb_id == booked.qb_id


def test_what_a_person_has_typed_in_is_refused(world, books):
    world.type_in(DOCUMENT)

    with pytest.raises(Rejected) as told:
        books.find_existing(DOCUMENT, drafted(books))

    assert told.value.code == "already_there"


def test_what_a_person_has_typed_in_is_adopted_where_such_are(world):
    typed = world.type_in(DOCUMENT)
    books = world.adopting()

    assert books.find_existing(DOCUMENT, drafted(books)).qb_id == typed


def test_another_document_that_a_person_typed_in_under_the_number_is_none_of_our_business(world, books):
    world.type_in(a_document(**EDITED))

    assert books.find_existing(DOCUMENT, drafted(books)) is None


# -- writing ---------------------------------------------------------------------------------------------------------


def test_what_was_created_comes_back_with_its_figures(world, books):
    booked = created(books)

    assert (booked.total, booked.doc_number, booked.currency) == (money(100), DOCUMENT.number, "USD")
    assert world.totals() == [money(100)]


def test_the_same_request_id_never_creates_twice(world, books):
    first = created(books)

    again = created(books)

    assert again.qb_id == first.qb_id
    assert world.totals() == [money(100)]


def test_a_request_id_is_answered_as_before_though_its_document_was_deleted(world, books):
    first = created(books)
    world.delete(first.qb_id)

    assert created(books).qb_id == first.qb_id
    assert world.totals() == []


def test_an_update_changes_the_same_document(world, books):
    first = created(books)
    draft = drafted(books, a_document(**EDITED))

    second = books.update(draft, first, "update 1")

    assert (second.qb_id, second.total, second.fingerprint) == (first.qb_id, money(120), draft.fingerprint)
    assert second.sync_token != first.sync_token
    assert world.totals() == [money(120)]


def test_the_same_request_id_never_updates_twice(books):
    first = created(books)
    draft = drafted(books, a_document(**EDITED))

    tokens = {books.update(draft, first, "update 1").sync_token for _ in range(2)}

    assert len(tokens) == 1


def test_an_update_of_what_was_touched_since_is_stale(world, books):
    booked = created(books)
    world.touch(booked.qb_id)

    with pytest.raises(NeedsAttention) as told:
        books.update(drafted(books, a_document(**EDITED)), booked, "update 1")

    assert books.is_stale(told.value)
    assert not books.is_gone(told.value, DOCUMENT, booked.qb_id)
    assert world.totals() == [money(100)]


def test_an_update_of_what_is_gone_says_so(world, books):
    booked = created(books)
    world.delete(booked.qb_id)

    with pytest.raises(NeedsAttention) as told:
        books.update(drafted(books, a_document(**EDITED)), booked, "update 1")

    assert books.is_gone(told.value, DOCUMENT, booked.qb_id)
    assert not books.is_stale(told.value)


def test_a_number_is_given_twice_only_where_numbers_need_not_be_unique(world, books):
    created(books, OTHER)
    created(books, request_id="create 2")
    world.with_unique_numbers()

    with pytest.raises(NeedsAttention) as told:
        created(books, a_document(odoo_id=5), "create 3")

    assert books.is_number_taken(told.value)
    assert not books.is_stale(told.value)
    assert len(world.totals()) == 2


def test_the_fingerprint_is_that_of_what_was_written_until_somebody_changes_that(world, books):
    booked = created(books)

    world.touch(booked.qb_id)
    touched = books.find(DOCUMENT)
    world.edit_by_hand(booked.qb_id)
    edited = books.find(DOCUMENT)

    assert touched.fingerprint == booked.fingerprint != edited.fingerprint
    assert len({booked.sync_token, touched.sync_token, edited.sync_token}) == 3


def test_a_document_is_booked_under_the_party_of_its_draft(books):
    draft = drafted(books)
    other = drafted(books, a_document(party=Party(8, "Deco Addict")))
    booked = created(books)

    assert draft.party == booked.party == books.find(DOCUMENT).party != other.party
    assert books.update(other, booked, "update 1").party == other.party


# -- taking out ------------------------------------------------------------------------------------------------------


def test_a_document_is_taken_out_and_one_that_is_gone_is_no_matter(world, books):
    booked = created(books)

    assert books.remove(DOCUMENT, booked, "remove 1") is True
    assert books.remove(DOCUMENT, booked, "remove 2") is False
    assert world.totals() == []


def test_what_was_touched_but_is_as_it_was_is_taken_out(world, books):
    booked = created(books)
    world.touch(booked.qb_id)

    assert books.remove(DOCUMENT, booked, "remove 1") is True


def test_what_somebody_has_changed_stays(world, books):
    booked = created(books)
    world.edit_by_hand(booked.qb_id)

    with pytest.raises(Rejected) as told:
        books.remove(DOCUMENT, booked, "remove 1")

    assert told.value.code == "changed_in_quickbooks"
    assert world.totals() == [money(100)]


def test_what_is_paid_stays(world, books):
    booked = created(books)
    before = books.is_paid(DOCUMENT, booked.qb_id)
    world.pay(booked.qb_id)

    with pytest.raises(Rejected) as told:
        books.remove(DOCUMENT, booked, "remove 1")

    assert (before, books.is_paid(DOCUMENT, booked.qb_id)) == (False, True)
    assert told.value.code == "payment_applied"
    assert world.totals() == [money(100)]


def test_another_document_stays(world, books):
    other = created(books, OTHER)

    with pytest.raises(Rejected) as told:
        books.remove(DOCUMENT, other, "remove 1")

    assert told.value.code == "not_ours"
    assert world.totals() == [money(100)]


# -- files -----------------------------------------------------------------------------------------------------------


def attach(books, booked, name=FIRST, content=b"%PDF-1", request_id="attach 1"):
    return books.attach(INVOICE, booked.qb_id, name, content, request_id)


def test_a_file_hangs_on_its_document_and_on_no_other(books):
    booked, other = created(books), created(books, OTHER, "create 2")

    file = attach(books, booked)

    assert (file.file_name, file.size_bytes) == (FIRST, 6)
    assert [found.qb_id for found in books.attachments(INVOICE, booked.qb_id)] == [file.qb_id]
    assert [found.file_name for found in books.attachments(INVOICE, booked.qb_id)] == [FIRST]
    assert books.attachments(INVOICE, other.qb_id) == []


def test_two_files_hang_side_by_side_until_one_is_removed(books):
    booked = created(books)
    first, second = attach(books, booked), attach(books, booked, SECOND, b"%PDF-22", "attach 2")
    both = {file.qb_id for file in books.attachments(INVOICE, booked.qb_id)}

    books.detach(INVOICE, booked.qb_id, first.qb_id, "detach 1")
    books.detach(INVOICE, booked.qb_id, first.qb_id, "detach 2")

    assert both == {first.qb_id, second.qb_id}
    assert [file.qb_id for file in books.attachments(INVOICE, booked.qb_id)] == [second.qb_id]


def test_a_file_of_another_document_is_not_removed(books):
    booked, other = created(books), created(books, OTHER, "create 2")
    file = attach(books, other)

    with pytest.raises(Rejected) as told:
        books.detach(INVOICE, booked.qb_id, file.qb_id, "detach 1")

    assert told.value.code == "file_not_ours"
    assert len(books.attachments(INVOICE, other.qb_id)) == 1


def test_a_file_that_a_person_has_attached_is_not_removed(books):
    booked = created(books)
    file = attach(books, booked, "letter.pdf")

    with pytest.raises(Rejected) as told:
        books.detach(INVOICE, booked.qb_id, file.qb_id, "detach 1")

    assert told.value.code == "file_not_ours"


# -- figures ---------------------------------------------------------------------------------------------------------


def test_what_agrees_to_the_cent_has_no_difference(books):
    booked = created(books)

    assert books.difference(DOCUMENT, drafted(books), booked) == ""


def test_a_difference_names_both_figures(books):
    booked = replace(created(books), total=money("100.01"))

    told = books.difference(DOCUMENT, drafted(books), booked)

    assert "100.01" in told
    assert "100" in told.replace("100.01", "")


@pytest.mark.parametrize("error", [Rejected("no", code="quickbooks_6000"), KeyError("Id")])
def test_another_refusal_says_nothing_of_number_touch_or_place(books, error):
    booked = created(books)

    assert not books.is_number_taken(error)
    assert not books.is_stale(error)
    assert not books.is_gone(error, DOCUMENT, booked.qb_id)


def test_a_refusal_that_is_not_about_the_number_is_explained_as_it_is(books):
    error = Rejected("no", code="quickbooks_6000")

    assert books.explained(DOCUMENT, error) is error
