"""What books promise, held by QuickBooks' stand-in behind our own code and by the books in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.books import File
from pipeline.domain.document import DocumentType, Party
from pipeline.domain.errors import NeedsAttention, PipelineError, Rejected
from tests.books_world import COSTS, REALM_ID, SALES, a_document, line, money, served
from tests.doubles.books import MemoryBooks

FIRST, SECOND = "INV-2026-00001_0123abcd.pdf", "INV-2026-00001_4567cdef.pdf"


class Documents:
    """The documents of one type that a test works with."""

    def __init__(self, document_type) -> None:
        self.type = document_type

    def document(self, amount=100, number="INV/2026/00001", **changes):
        """Return a document whose number in QuickBooks is `number`: for a bill that is the vendor's reference."""
        account, reference = (SALES, "") if self.type.is_sale else (COSTS, number)
        lines = (line(amount, account=account),)
        return a_document(self.type, lines=lines, number=number, reference=reference, **changes)

    def edited(self):
        """Return the document after an edit in Odoo."""
        return self.document(120)

    def other(self):
        """Return another document that looks the same."""
        return self.document(odoo_id=99)


class InQuickBooks(Documents):
    """The stand-in behind our own code, and what people do there."""

    def __init__(self, document_type, company) -> None:
        super().__init__(document_type)
        self._company = company
        self.books = company.books
        self._entity = self.books.draft(self.document(), is_booked=False).entity

    def adopting(self):
        return replace(self.books, adopts_typed=True)

    def with_unique_numbers(self):
        self._company.realm.custom_transaction_numbers = True
        self._company.realm.warn_duplicate_bill_number = True

    def type_in(self, document):
        body = {**self.books.draft(document, is_booked=False).body, "PrivateNote": "typed in by Anna"}
        return str(self._company.client.write(self._entity, body, request_id=f"by hand {document.total}")["Id"])

    def edit_by_hand(self, qb_id):
        self._company.edit_by_hand(self._entity, qb_id, TxnDate="2026-03-09")

    def touch(self, qb_id):
        self._company.edit_by_hand(self._entity, qb_id, PONumber="77")

    def delete(self, qb_id):
        (row,) = [row for row in self._company.book.documents(self._entity) if row["Id"] == qb_id]
        self._company.book.delete(self._entity, {"Id": qb_id, "SyncToken": row["SyncToken"]})

    def renumber(self, qb_id, number):
        self._company.book._tables.table(self._entity)[qb_id]["DocNumber"] = number

    def pay(self, qb_id):
        self._company.book.pay(self._entity, qb_id, money(10))

    def totals(self):
        return sorted(row["TotalAmt"] for row in self._company.book.documents(self._entity))


class InMemory(Documents):
    """The books in memory, and what people do there."""

    def __init__(self, document_type) -> None:
        super().__init__(document_type)
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


# QuickBooks never asks whether the number of a vendor credit is taken (facts: only sales forms and bills).
NUMBERED = pytest.mark.parametrize(
    "document_type", [kind for kind in DocumentType if kind is not DocumentType.VENDOR_CREDIT]
)


@pytest.fixture(params=DocumentType)
def document_type(request):
    return request.param


@pytest.fixture(params=["QuickBooks", "memory"])
def world(request, document_type):
    if request.param == "memory":
        yield InMemory(document_type)
        return
    with served(custom_transaction_numbers=False) as company:
        yield InQuickBooks(document_type, company)


@pytest.fixture
def books(world):
    return world.books


def drafted(world, document=None):
    return world.books.draft(document or world.document(), is_booked=False)


def created(world, document=None, request_id="create 1"):
    return world.books.create(drafted(world, document), request_id)


# -- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_tells_its_number_and_what_would_stand_in_the_books(world):
    draft = drafted(world)

    assert draft.doc_number == world.document().number
    assert created(world).fingerprint == draft.fingerprint != ""


def test_the_same_document_has_the_same_hash_and_another_one_has_another(world):
    first = drafted(world).hash

    assert drafted(world).hash == first
    assert drafted(world, world.edited()).hash != first
    assert drafted(world, world.document(number="INV/2")).hash != first


def test_the_realm_is_the_companys(books):
    assert books.realm == REALM_ID


# -- many together -----------------------------------------------------------------------------------------------------


def created_together(world, *documents, batch_id="batch 1"):
    drafts = [(drafted(world, document), f"create {document.odoo_id}") for document in documents]
    return world.books.create_together(drafts, batch_id)


def test_several_are_created_together_each_with_its_own_answer_in_order(world):
    first, second = created_together(world, world.document(), world.document(120, odoo_id=99, number="INV/2"))

    assert (first.total, second.total) == (world.document().total, world.edited().total)
    assert world.totals() == [world.document().total, world.edited().total]


def test_the_same_ids_of_batch_and_request_never_create_twice(world):
    other = world.document(odoo_id=99, number="INV/2")
    first = created_together(world, world.document(), other)

    again = created_together(world, other, world.document())
    alone = created_together(world, other)

    assert [booked.qb_id for booked in (*again, *alone)] == [
        first[1].qb_id, first[0].qb_id, first[1].qb_id
    ]  # fmt: skip
    assert len(world.totals()) == 2


@NUMBERED
def test_of_those_created_together_one_that_is_refused_stops_no_other(world, books):
    world.with_unique_numbers()
    created(world)

    refused, made = created_together(world, world.other(), world.document(odoo_id=7, number="INV/7"))

    assert books.is_number_taken(refused)
    assert made.doc_number == "INV/7"
    assert len(world.totals()) == 2


def test_several_pdfs_are_attached_together_each_to_its_own_document(world, books):
    first, second = created_together(world, world.document(), world.document(odoo_id=99, number="INV/2"))
    pdfs = [
        File(world.type, booked.qb_id, name, name.encode(), f"attach {name}")
        for booked, name in ((first, FIRST), (second, SECOND))
    ]

    answers = books.attach(pdfs)

    assert [answer.file_name for answer in answers] == [FIRST, SECOND]
    assert [file.file_name for file in books.attachments(world.type, first.qb_id)] == [FIRST]
    assert [file.file_name for file in books.attachments(world.type, second.qb_id)] == [SECOND]


# -- finding ---------------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_not_found(world, books):
    assert books.find(world.document()) is None
    assert (
        books.find(world.document(), qb_id="12345", doc_number="nowhere", since=datetime(2026, 1, 1, tzinfo=UTC))
        is None
    )
    assert books.verify(world.document(), "12345") is None
    assert books.find_existing(world.document(), drafted(world)) is None


def test_a_document_is_found_by_its_id_and_by_its_number(world, books):
    booked = created(world)

    found = [books.find(world.document()), books.find(world.document(), qb_id=booked.qb_id)]

    assert [one.qb_id for one in found] == [booked.qb_id] * 2
    assert {(one.total, one.doc_number, one.sync_token, one.fingerprint) for one in found} == {
        (booked.total, booked.doc_number, booked.sync_token, booked.fingerprint)
    }


def test_a_document_whose_number_has_changed_is_found_by_the_former_one(world, books):
    booked = created(world)
    renumbered = world.document(number="INV/2")

    assert books.find(renumbered) is None
    assert books.find(renumbered, doc_number=world.document().number).qb_id == booked.qb_id


def test_a_document_that_got_another_number_there_is_found_by_when_it_was_sent(world, books):
    began = datetime.now(UTC) - timedelta(minutes=1)
    booked = created(world)
    world.renumber(booked.qb_id, "1037")

    assert books.find(world.document()) is None
    assert books.find(world.document(), since=began).qb_id == booked.qb_id
    assert books.find(world.document(), since=began + timedelta(days=1)) is None


def test_an_id_that_is_gone_falls_back_to_the_number(world, books):
    booked = created(world)

    assert books.find(world.document(), qb_id="12345").qb_id == booked.qb_id


def test_another_document_of_the_same_number_is_not_found(world, books):
    created(world, world.other())

    assert books.find(world.document()) is None
    assert books.find_existing(world.document(), drafted(world)) is None


@pytest.mark.parametrize("look", ["find", "verify"])
def test_an_id_of_another_document_is_refused(world, books, look):
    other = created(world, world.other())

    with pytest.raises(Rejected) as raised:
        books.find(world.document(), qb_id=other.qb_id) if look == "find" else books.verify(
            world.document(), other.qb_id
        )

    assert raised.value.code == "not_ours"


def test_what_a_person_has_typed_in_is_not_verified_as_ours(world, books):
    typed = world.type_in(world.document())

    with pytest.raises(Rejected) as raised:
        books.verify(world.document(), typed)

    assert raised.value.code == "not_ours"


def test_a_document_is_verified_by_its_id(world, books):
    booked = created(world)

    assert books.verify(world.document(), booked.qb_id).qb_id == booked.qb_id


# -- what is there before anything is created ------------------------------------------------------------------------


@pytest.mark.parametrize("looks_first", [True, False])
def test_ours_from_before_a_loss_is_found_with_or_without_a_look_for_many(world, books, looks_first):
    booked = created(world)
    if looks_first:
        books.rule_out([world.document(), world.other()])
        books.look_for([world.document(), world.other()])

    assert books.find_existing(world.document(), drafted(world)).qb_id == booked.qb_id


def test_what_a_person_has_typed_in_is_refused(world, books):
    world.type_in(world.document())

    with pytest.raises(Rejected) as raised:
        books.find_existing(world.document(), drafted(world))

    assert raised.value.code == "already_there"


def test_what_a_person_has_typed_in_is_adopted_where_such_are(world):
    typed = world.type_in(world.document())
    books = world.adopting()

    assert books.find_existing(world.document(), drafted(world)).qb_id == typed


def test_another_document_that_a_person_typed_in_under_the_number_is_none_of_our_business(world, books):
    world.type_in(world.edited())

    assert books.find_existing(world.document(), drafted(world)) is None
    books.check_not_typed_in(drafted(world), created(world))


@pytest.mark.parametrize("number", ["INV/2026/00001", "INV/2"])
def test_an_update_that_would_make_what_a_person_has_typed_in_is_refused(world, books, number):
    changed = world.document(120, number=number)
    booked = created(world)
    world.type_in(changed)

    with pytest.raises(Rejected) as raised:
        books.check_not_typed_in(drafted(world, changed), booked)

    assert raised.value.code == "already_there"


def test_a_twin_that_a_person_has_typed_in_since_holds_up_no_update(world, books):
    booked = created(world)
    world.type_in(world.document())

    books.check_not_typed_in(drafted(world, world.document(memo="as agreed")), booked)


# -- writing ---------------------------------------------------------------------------------------------------------


def test_what_was_created_comes_back_with_its_figures(world):
    booked = created(world)

    assert (booked.total, booked.doc_number, booked.currency) == (money(100), world.document().number, "USD")
    assert world.totals() == [money(100)]


def test_the_same_request_id_never_creates_twice(world):
    first = created(world)

    again = created(world)

    assert again.qb_id == first.qb_id
    assert world.totals() == [money(100)]


def test_a_request_id_is_answered_as_before_though_its_document_was_deleted(world):
    first = created(world)
    world.delete(first.qb_id)

    assert created(world).qb_id == first.qb_id
    assert world.totals() == []


def test_an_update_changes_the_same_document(world, books):
    first = created(world)
    draft = drafted(world, world.edited())

    second = books.update(draft, first, "update 1")

    assert (second.qb_id, second.total, second.fingerprint) == (first.qb_id, money(120), draft.fingerprint)
    assert second.sync_token != first.sync_token
    assert world.totals() == [money(120)]


def test_the_same_request_id_never_updates_twice(world, books):
    first = created(world)
    draft = drafted(world, world.edited())

    tokens = {books.update(draft, first, "update 1").sync_token for _ in range(2)}

    assert len(tokens) == 1


def test_an_update_of_what_was_touched_since_is_stale(world, books):
    booked = created(world)
    world.touch(booked.qb_id)

    with pytest.raises(NeedsAttention) as raised:
        books.update(drafted(world, world.edited()), booked, "update 1")

    assert books.is_stale(raised.value)
    assert not books.is_gone(raised.value, world.document(), booked.qb_id)
    assert world.totals() == [money(100)]


def test_an_update_of_what_is_gone_says_so(world, books):
    booked = created(world)
    world.delete(booked.qb_id)

    with pytest.raises(NeedsAttention) as raised:
        books.update(drafted(world, world.edited()), booked, "update 1")

    assert books.is_gone(raised.value, world.document(), booked.qb_id)
    assert not books.is_stale(raised.value)


@NUMBERED
def test_a_number_is_given_twice_only_where_numbers_need_not_be_unique(world, books):
    created(world, world.other())
    created(world, request_id="create 2")
    world.with_unique_numbers()

    with pytest.raises(NeedsAttention) as raised:
        created(world, world.document(odoo_id=5), "create 3")

    assert books.is_number_taken(raised.value)
    assert not books.is_stale(raised.value)
    assert len(world.totals()) == 2


def test_the_fingerprint_is_that_of_what_was_written_until_somebody_changes_that(world, books):
    booked = created(world)

    world.touch(booked.qb_id)
    touched = books.find(world.document())
    world.edit_by_hand(booked.qb_id)
    edited = books.find(world.document())

    assert touched.fingerprint == booked.fingerprint != edited.fingerprint
    assert len({booked.sync_token, touched.sync_token, edited.sync_token}) == 3


def test_a_document_is_booked_under_the_party_of_its_draft(world, books):
    draft = drafted(world)
    other = drafted(world, world.document(party=Party(8, "Deco Addict")))
    booked = created(world)

    assert draft.party == booked.party == books.find(world.document()).party != other.party
    assert books.update(other, booked, "update 1").party == other.party


# -- taking out ------------------------------------------------------------------------------------------------------


def test_a_document_is_taken_out_and_one_that_is_gone_is_no_matter(world, books):
    booked = created(world)

    assert books.remove(world.document(), booked, "remove 1")
    assert books.remove(world.document(), booked, "remove 2") is None
    assert world.totals() == []


def test_what_was_touched_but_is_as_it_was_is_taken_out(world, books):
    booked = created(world)
    world.touch(booked.qb_id)

    assert books.remove(world.document(), booked, "remove 1")


def test_what_somebody_has_changed_stays(world, books):
    booked = created(world)
    world.edit_by_hand(booked.qb_id)

    with pytest.raises(Rejected) as raised:
        books.remove(world.document(), booked, "remove 1")

    assert raised.value.code == "changed_in_quickbooks"
    assert world.totals() == [money(100)]


def test_what_is_paid_stays(world, books):
    booked = created(world)
    before = books.is_paid(world.document(), booked.qb_id)
    world.pay(booked.qb_id)

    with pytest.raises(Rejected) as raised:
        books.remove(world.document(), booked, "remove 1")

    assert (before, books.is_paid(world.document(), booked.qb_id)) == (False, True)
    assert raised.value.code == "payment_applied"
    assert world.totals() == [money(100)]


def test_another_document_stays(world, books):
    other = created(world, world.other())

    with pytest.raises(Rejected) as raised:
        books.remove(world.document(), other, "remove 1")

    assert raised.value.code == "not_ours"
    assert world.totals() == [money(100)]


# -- files -----------------------------------------------------------------------------------------------------------


def attach(world, booked, name=FIRST, content=b"%PDF-1", request_id="attach 1"):
    (answer,) = world.books.attach([File(world.type, booked.qb_id, name, content, request_id)])
    if isinstance(answer, PipelineError):
        raise answer
    return answer


def test_a_file_hangs_on_its_document_and_on_no_other(world, books):
    booked, other = created(world), created(world, world.other(), "create 2")

    file = attach(world, booked)

    assert (file.file_name, file.size_bytes) == (FIRST, 6)
    assert [found.qb_id for found in books.attachments(world.type, booked.qb_id)] == [file.qb_id]
    assert [found.file_name for found in books.attachments(world.type, booked.qb_id)] == [FIRST]
    assert books.attachments(world.type, other.qb_id) == []


def test_a_file_for_what_is_gone_says_so(world, books):
    booked = created(world)
    world.delete(booked.qb_id)

    with pytest.raises(NeedsAttention) as raised:
        attach(world, booked)

    assert books.is_gone(raised.value, world.document(), booked.qb_id)


def test_two_files_hang_side_by_side_until_one_is_removed(world, books):
    booked = created(world)
    first, second = attach(world, booked), attach(world, booked, SECOND, b"%PDF-22", "attach 2")
    both = {file.qb_id for file in books.attachments(world.type, booked.qb_id)}

    answered = books.detach(world.type, booked.qb_id, first.qb_id, "detach 1")
    again = books.detach(world.type, booked.qb_id, first.qb_id, "detach 2")

    assert answered
    assert again == ""
    assert both == {first.qb_id, second.qb_id}
    assert [file.qb_id for file in books.attachments(world.type, booked.qb_id)] == [second.qb_id]


def test_a_file_of_another_document_is_not_removed(world, books):
    booked, other = created(world), created(world, world.other(), "create 2")
    file = attach(world, other)

    with pytest.raises(Rejected) as raised:
        books.detach(world.type, booked.qb_id, file.qb_id, "detach 1")

    assert raised.value.code == "file_not_ours"
    assert len(books.attachments(world.type, other.qb_id)) == 1


def test_a_file_that_a_person_has_attached_is_not_removed(world, books):
    booked = created(world)
    file = attach(world, booked, "letter.pdf")

    with pytest.raises(Rejected) as raised:
        books.detach(world.type, booked.qb_id, file.qb_id, "detach 1")

    assert raised.value.code == "file_not_ours"


# -- figures ---------------------------------------------------------------------------------------------------------


def test_what_agrees_to_the_cent_has_no_difference(world, books):
    booked = created(world)

    assert books.difference(world.document(), drafted(world), booked) == ""


def test_a_difference_names_both_figures(world, books):
    booked = replace(created(world), total=money("100.01"))

    difference = books.difference(world.document(), drafted(world), booked)

    assert "100.01" in difference
    assert "100" in difference.replace("100.01", "")


@pytest.mark.parametrize("error", [Rejected("no", code="quickbooks_6000"), KeyError("Id")])
def test_another_refusal_says_nothing_of_number_touch_or_place(world, books, error):
    booked = created(world)

    assert not books.is_number_taken(error)
    assert not books.is_stale(error)
    assert not books.is_gone(error, world.document(), booked.qb_id)


def test_a_refusal_that_is_not_about_the_number_is_explained_as_it_is(world, books):
    error = Rejected("no", code="quickbooks_6000")

    assert books.explained(world.document(), error) is error


# -- numbers in use ----------------------------------------------------------------------------------------------------


def refused_number(world, booked, document):
    with pytest.raises(Rejected) as raised:
        world.books.update(drafted(world, document), booked, "update 1")
    return raised.value


@NUMBERED
def test_a_number_that_another_document_has_is_refused_on_a_change_and_names_who_has_it(world, books):
    world.with_unique_numbers()
    created(world)
    booked = created(world, world.document(120, odoo_id=99, number="INV/2"), "create 2")
    document = world.document(120, odoo_id=99)

    error = refused_number(world, booked, document)

    assert books.is_number_taken(error)
    assert books.holder(document, error) == world.document().entry_id


@NUMBERED
def test_a_number_that_is_free_again_is_nobodys(world, books):
    world.with_unique_numbers()
    first = created(world)
    booked = created(world, world.document(120, odoo_id=99, number="INV/2"), "create 2")
    document = world.document(120, odoo_id=99)
    error = refused_number(world, booked, document)
    world.renumber(first.qb_id, "INV/3")

    assert books.holder(document, error) is None


def test_a_document_that_is_set_aside_has_a_number_of_its_own_and_the_same_content(world, books):
    world.with_unique_numbers()
    created(world)
    booked = created(world, world.document(120, odoo_id=99, number="INV/2"), "create 2")
    document = world.document(120, odoo_id=99)
    draft = drafted(world, document)

    aside = books.set_aside(draft, document)
    updated = books.update(aside, booked, "update 2")

    assert aside == books.set_aside(draft, document)
    assert aside.hash != draft.hash
    assert (updated.doc_number, updated.total) == (aside.doc_number, money(120))
    assert updated.doc_number not in (world.document().number, "INV/2")
    assert updated.fingerprint == aside.fingerprint
