from __future__ import annotations

from dataclasses import replace

import pytest

from local.stand_ins.http_server import Response
from pipeline.domain.books import Booked, Draft, File
from pipeline.domain.document import DocumentType
from pipeline.domain.errors import InvalidDocument, OutcomeUnknown, PipelineError, Rejected, Unavailable
from pipeline.qbo import files
from pipeline.qbo.booked import fingerprint
from pipeline.qbo.faults import Refused
from tests.books_world import (
    COSTS,
    PDF,
    US_TAX,
    VAT,
    VAT_SALE,
    a_document,
    answered,
    is_write_to,
    line,
    money,
    served,
    tax_amount,
)

INVOICE, BILL = DocumentType.INVOICE, DocumentType.BILL


@pytest.fixture
def world():
    with served() as served_world:
        yield served_world


def posted(world, document=None, request_id="r-1"):
    document = document or a_document()
    return world.books.create(world.books.draft(document), request_id)


# -- drafts ----------------------------------------------------------------------------------------------------------


def attach(world, document_type, qb_id, name, content, request_id):
    """Attach one PDF; return what became of it, or raise what its answer says."""
    (answer,) = world.books.attach([File(document_type, qb_id, name, content, request_id)])
    if isinstance(answer, PipelineError):
        raise answer
    return answer


def test_a_body_that_does_not_add_up_to_odoos_total_is_never_sent(world):
    document = replace(a_document(), total=money("99.99"))

    with pytest.raises(InvalidDocument, match=r"adds up to 100\.?0* USD, but Odoo's total is 99.99 USD") as raised:
        world.books.draft(document)

    assert raised.value.code == "does_not_add_up"
    assert world.book.documents() == []


def test_the_draft_names_what_it_creates_and_the_number_it_is_found_by(world):
    draft = world.books.draft(a_document(BILL))

    assert (draft.entity, draft.doc_number) == ("Bill", "V-1001")
    assert draft.body["DocNumber"] == "V-1001"


# -- finding ---------------------------------------------------------------------------------------------------------


def test_our_document_is_found_by_number_and_marker(world):
    booked = posted(world)

    assert world.books.find(a_document()) == booked


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_a_document_is_found_among_its_own_kind(world, document_type):
    document = a_document(document_type)
    booked = posted(world, document)

    found = world.books.find(document)

    assert found.qb_id == booked.qb_id


def test_a_document_of_the_same_number_that_is_not_ours_is_not_found():
    with served(custom_transaction_numbers=False) as world:
        posted(world, a_document(odoo_id=18))

        assert world.books.find(a_document()) is None


def test_a_document_with_a_note_of_a_person_is_not_ours():
    typed = {
        "DocNumber": "INV/2026/00001",
        "CustomerRef": {"name": "Alice"},
        "Line": [{"Amount": 5, "DetailType": "SalesItemLineDetail",
                  "SalesItemLineDetail": {"ItemRef": {"name": "Work"}}}],
    }  # fmt: skip
    item = {"Name": "Work", "Type": "Service", "IncomeAccountRef": {"name": "Product Sales"}}
    with served(customers=[{"DisplayName": "Alice"}], items=[item], documents={"Invoice": [typed]}) as world:
        assert world.books.find(a_document()) is None


@pytest.mark.parametrize("number", ["O'Neil's 7", "back\\slash", '100% ("x")'])
def test_a_number_with_an_apostrophe_is_found(world, number):
    document = a_document(number=number)
    booked = posted(world, document)

    assert world.books.find(document).qb_id == booked.qb_id


def test_a_document_whose_number_changed_in_odoo_is_found_by_the_one_it_was_sent_with(world):
    booked = posted(world, a_document(BILL, reference="V-1001"))
    edited = a_document(BILL, reference="V-2002")

    assert world.books.find(edited) is None
    assert world.books.find(edited, doc_number="V-1001").qb_id == booked.qb_id


def test_a_document_whose_number_a_person_changed_in_quickbooks_is_found_by_its_id(world):
    booked = posted(world)
    world.book._tables.table("Invoice")[booked.qb_id]["DocNumber"] = "renumbered"

    assert world.books.find(a_document()) is None
    assert world.books.find(a_document(), qb_id=booked.qb_id).doc_number == "renumbered"


def test_an_id_that_is_gone_falls_back_to_the_number(world):
    booked = posted(world)

    assert world.books.find(a_document(), qb_id="999").qb_id == booked.qb_id


# -- creating and updating -------------------------------------------------------------------------------------------


def test_what_was_created_comes_back_with_quickbooks_own_figures(world):
    booked = posted(world)

    assert booked.qb_id == world.book.documents("Invoice")[0]["Id"]
    assert (booked.sync_token, booked.doc_number, booked.total, booked.currency) == (
        "0",
        "INV/2026/00001",
        money(100),
        "USD",
    )


def test_an_update_changes_the_same_document(world):
    booked = posted(world)
    edited = a_document(lines=(line("120.00"),))

    updated = world.books.update(world.books.draft(edited), booked, "r-2")

    (row,) = world.book.documents("Invoice")
    assert row["TotalAmt"] == updated.total == money(120)
    assert updated.qb_id == booked.qb_id
    assert updated.sync_token == "1"


def test_an_update_of_what_was_touched_in_quickbooks_is_stale(world):
    booked = posted(world)
    world.book.pay("Invoice", booked.qb_id, money(1))

    with pytest.raises(Refused) as raised:
        world.books.update(world.books.draft(a_document(lines=(line("120.00"),))), booked, "r-2")

    assert world.books.is_stale(raised.value)
    assert not world.books.is_stale(ValueError())
    assert world.book.documents("Invoice")[0]["TotalAmt"] == money(100)


def test_the_fingerprint_is_that_of_the_body_until_somebody_changes_what_we_write(world):
    draft = world.books.draft(a_document())
    booked = world.books.create(draft, "r-1")

    assert booked.fingerprint == fingerprint(draft.body)
    world.book.pay("Invoice", booked.qb_id, money(1))
    assert world.books.find(a_document(), qb_id=booked.qb_id).fingerprint == booked.fingerprint


@pytest.mark.parametrize(
    "changes",
    [{"DocNumber": "9"}, {"TxnDate": "2026-01-01"}, {"DueDate": "2026-01-01"}, {"PrivateNote": "mine"},
     {"CustomerRef": {"value": "999"}}, {"Line": []}, {"TxnTaxDetail": {"TotalTax": 1}}],
)  # fmt: skip
def test_the_fingerprint_changes_with_whatever_we_write(world, changes):
    booked = posted(world)
    world.edit_by_hand("Invoice", booked.qb_id, **changes)

    found = world.books.find(a_document(), qb_id=booked.qb_id)

    assert found.fingerprint != booked.fingerprint


# -- what stands there already ---------------------------------------------------------------------------------------


def test_many_documents_are_looked_for_with_one_question_per_kind(world):
    documents = [a_document(odoo_id=number, number=f"INV/{number}") for number in range(40)]
    documents += [a_document(BILL, odoo_id=99)]
    drafts = [world.books.draft(document) for document in documents]
    before = world.client.calls["query"]

    world.books.look_for(documents)
    found = [world.books.find_existing(document, draft) for document, draft in zip(documents, drafts, strict=True)]

    assert world.client.calls["query"] == before + 2
    assert found == [None] * 41


def test_what_was_looked_for_once_is_asked_for_again_the_second_time(world):
    document = a_document()
    draft = world.books.draft(document)
    world.books.look_for([document])
    world.books.find_existing(document, draft)
    booked = posted(world)

    assert world.books.find_existing(document, draft) == booked


def test_another_refusal_of_an_update_is_reported_as_it_is(world):
    booked = posted(world)

    with pytest.raises(Refused, match="610"):
        world.books.update(world.books.draft(a_document()), replace(booked, qb_id="999"), "r-2")


def test_a_reference_that_is_gone_makes_the_lists_be_read_again(world):
    draft = world.books.draft(a_document(BILL))
    world.book.deactivate("Account", world.book.named("Account", COSTS.name)["Id"])
    with pytest.raises(Refused, match="610"):
        world.books.create(draft, "r-1")

    before = world.references._client.calls["query"]
    _ = world.references.realm

    assert world.references._client.calls["query"] > before


@pytest.mark.parametrize("looked_up", ["from Customer where Id", "from Account"])
def test_what_quickbooks_refused_had_no_effect_even_if_the_cause_cannot_be_looked_up(world, looked_up):
    posted(world)
    # What the run before has stored is read again after a refusal.
    books = replace(world.books, references=world.new_references())
    draft = books.draft(a_document())
    world.book.deactivate("Customer", draft.body["CustomerRef"]["value"])
    world.break_next(lambda request: looked_up in str(request.query), answered(Response(503)), times=9)

    with pytest.raises(Unavailable) as raised:
        books.create(draft, "r-2")

    assert raised.value.had_no_effect


@pytest.mark.parametrize(("code", "taken"), [("6140", True), ("6240", False), ("6000", False)])
def test_only_6140_says_that_a_number_is_taken(world, code, taken):
    from pipeline.qbo.faults import Fault

    assert world.books.is_number_taken(Refused("refused", Fault(code, "", ""))) is taken
    assert world.books.is_number_taken(ValueError()) is False


# -- the difference --------------------------------------------------------------------------------------------------


NO_LINES = Draft("Invoice", {"Line": []}, "hash", "A")


def booked_as(total, tax="0", currency="USD"):
    return Booked("1", "0", "A", money(total), money(tax), currency)


WAY_OUT = (
    ". QuickBooks may work out sales tax by itself (Automated Sales Tax is on). Look at its taxes and its address, or "
    'say sales_tax = "line" under ["companyA"] in the mapping: its lines are then sent without tax, and each of '
    "Odoo's taxes as a line on the account Odoo books it to"
)
UNTAXED = "; QuickBooks charges no tax here, as it does when the customer is marked as tax-exempt there"
TAXED = a_document(lines=(line("100.00", taxes=(US_TAX,)),), taxes=(tax_amount(US_TAX, 100, "8.25"),))


@pytest.mark.parametrize(
    ("booked", "words"),
    [
        (booked_as("108.25", "8.25"), ""),
        (booked_as("108.250", "8.250"), ""),
        (booked_as("108.25", "8.25", ""), ""),
        (booked_as("108.26", "8.26"), "QuickBooks makes it 108.26 USD (tax 8.26 USD), Odoo 108.25 USD (tax 8.25 USD)"),
        (
            booked_as("100.00", "0"),
            f"QuickBooks makes it 100.00 USD (tax 0.00 USD), Odoo 108.25 USD (tax 8.25 USD){UNTAXED}",
        ),
        (booked_as("108.25", "8.26"), "QuickBooks makes it 108.25 USD (tax 8.26 USD), Odoo 108.25 USD (tax 8.25 USD)"),
        (booked_as("108.25", "8.25", "EUR"), "QuickBooks booked it in EUR, Odoo has USD"),
    ],
)
def test_a_difference_is_reported_to_the_cent_with_both_figures(world, booked, words):
    difference = world.books.difference(TAXED, NO_LINES, booked)

    assert difference.removesuffix(WAY_OUT) == words
    assert difference.endswith(WAY_OUT) == ("tax" in words)


def test_a_difference_names_the_lines_that_came_out_otherwise(world):
    draft = world.books.draft(a_document(lines=(line("60.00"), line("40.00", description="Travel"))))
    booked = replace(booked_as("99.99"), line_amounts=(money("60.00"), money("39.99")))

    difference = world.books.difference(a_document(), draft, booked)

    assert "; line 2 'Travel' was sent with 40.00 and is there with 39.99. Look" in difference


def test_a_difference_in_many_lines_names_five_and_counts_the_rest(world):
    draft = world.books.draft(a_document(lines=(line("10.00"),) * 10))
    booked = replace(booked_as("99.30"), line_amounts=(money("9.90"),) * 7 + (money("10.00"),) * 3)

    difference = world.books.difference(a_document(), draft, booked)

    assert difference.count("was sent with") == 5
    assert "; and 2 more lines. Look" in difference


@pytest.mark.parametrize(("home_total", "words"), [("107.53", ""), ("107.54", ""), ("108.00", "108.00 USD in its own")])
def test_the_home_total_is_compared_too_but_for_what_the_rounding_of_lines_may_do(world, home_total, words):
    document = replace(a_document(), currency="EUR", home_total=money("107.53"))
    booked = replace(booked_as("100.00", currency="EUR"), home_total=money(home_total))

    assert words in world.books.difference(document, NO_LINES, booked)
    assert bool(words) == bool(world.books.difference(document, NO_LINES, booked))


def test_a_purchase_in_the_us_has_no_tax_to_compare(world):
    document = a_document(BILL, taxes=(tax_amount(US_TAX, 100, "8.25"),), lines=(line(account=COSTS),))

    assert world.books.difference(document, NO_LINES, booked_as("108.25", "0")) == ""


def test_a_purchase_elsewhere_has_one():
    document = a_document(BILL, taxes=(tax_amount(VAT_SALE, 100, "21.00"),), lines=(line(account=COSTS),))
    with served(**VAT) as world:
        assert world.books.difference(document, NO_LINES, booked_as("121.00", "20.00")) != ""


def test_an_item_that_a_person_gave_another_income_account_is_a_difference(world):
    other = world.book.create("Account", {"Name": "Consulting", "AccountType": "Income"})
    posted(world)
    item = next(row for row in world.book.rows("Item") if row["Name"].endswith("Product Sales"))
    world.edit_by_hand("Item", item["Id"], IncomeAccountRef={"value": other["Id"]})
    document = a_document(number="INV/2026/00002", odoo_id=2)
    draft = world.books.draft(document)

    difference = world.books.difference(document, draft, world.books.create(draft, "r-2"))

    assert difference == (
        "its item '400000 Product Sales' books to 'Consulting' in QuickBooks, but Odoo booked the line to 400000 "
        "'Product Sales'. Give the item its income account 400000 'Product Sales' back in QuickBooks, then retry"
    )


# -- removing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_a_document_is_deleted(world, document_type):
    booked = posted(world, a_document(document_type))

    assert world.books.remove(a_document(document_type), booked, "r-2")
    assert world.book.documents() == []


def test_a_document_that_is_gone_already_is_no_matter(world):
    booked = posted(world)
    world.books.remove(a_document(INVOICE), booked, "r-2")

    assert world.books.remove(a_document(INVOICE), booked, "r-3") is None


@pytest.mark.parametrize("amount", ["1", "100"])
@pytest.mark.parametrize("document_type", [INVOICE, BILL])
def test_a_document_that_is_paid_even_in_part_is_left_alone(world, document_type, amount):
    booked = posted(world, a_document(document_type))
    world.book.pay(document_type.value.capitalize(), booked.qb_id, money(amount))

    with pytest.raises(Rejected, match="payment or credit is applied") as raised:
        world.books.remove(a_document(document_type), booked, "r-2")

    assert raised.value.code == "payment_applied"
    assert len(world.book.documents()) == 1


def test_a_document_of_zero_is_not_taken_for_a_paid_one(world):
    booked = posted(world, a_document(lines=(line("0.00"),)))

    assert world.books.remove(a_document(INVOICE), booked, "r-2")


def test_a_document_in_a_closed_period_stays_and_says_so(world):
    booked = posted(world)
    world.book.realm.book_close_date = "2026-12-31"

    with pytest.raises(Refused, match="closed period"):
        world.books.remove(a_document(INVOICE), booked, "r-2")


# -- files -----------------------------------------------------------------------------------------------------------


def test_a_pdf_hangs_on_its_document_byte_for_byte(world):
    booked = posted(world)

    attached = attach(world, INVOICE, booked.qb_id, "INV.pdf", PDF, "r-2")

    (stored,) = world.book.attachables("Invoice", booked.qb_id)
    assert stored.content == PDF
    assert stored.readable_pdf
    assert stored.row["Id"] == attached.qb_id
    assert stored.row["AttachableRef"][0]["IncludeOnSend"] is False
    assert attached.size_bytes == len(PDF)


def test_a_pdf_that_arrives_shorter_is_reported(world):
    booked = posted(world)
    short = Response.json(
        {"AttachableResponse": [{"Attachable": {"Id": "5", "FileName": "a_0123abcd.pdf", "Size": 3}}]}
    )
    world.break_next(is_write_to("upload"), answered(short))

    with pytest.raises(Rejected, match=rf"arrived in QuickBooks with 3 of {len(PDF)} bytes") as raised:
        attach(world, INVOICE, booked.qb_id, "a_0123abcd.pdf", PDF, "r-2")

    assert raised.value.code == "pdf_damaged"


def test_an_answer_without_a_size_is_taken(world):
    row = {"AttachableResponse": [{"Attachable": {"Id": "5", "FileName": "a_0123abcd.pdf"}}]}
    world.break_next(is_write_to("upload"), answered(Response.json(row)))

    assert attach(world, INVOICE, "1", "a_0123abcd.pdf", PDF, "r-2").size_bytes == 0


def test_a_long_file_name_keeps_its_ending(world):
    booked = posted(world)

    attached = attach(world, INVOICE, booked.qb_id, "x" * 500 + ".pdf", PDF, "r-2")

    assert len(attached.file_name) == files.FILE_NAME_LENGTH_MAX
    assert attached.file_name.endswith(".pdf")


def test_the_files_of_one_document_are_found_and_no_others(world):
    first, second = posted(world), posted(world, a_document(BILL), "r-9")
    attach(world, INVOICE, first.qb_id, "a_0123abcd.pdf", PDF, "r-2")
    attach(world, BILL, second.qb_id, "b.pdf", PDF, "r-3")

    assert [file.file_name for file in world.books.attachments(INVOICE, first.qb_id)] == ["a_0123abcd.pdf"]


def test_a_file_is_removed_and_one_that_is_gone_is_no_matter(world):
    booked = posted(world)
    attached = attach(world, INVOICE, booked.qb_id, "a_0123abcd.pdf", PDF, "r-2")

    world.books.detach(INVOICE, booked.qb_id, attached.qb_id, "r-3")
    world.books.detach(INVOICE, booked.qb_id, attached.qb_id, "r-4")

    assert world.book.attachables() == []


def test_a_file_that_goes_away_while_it_is_being_removed_is_no_matter(world):
    booked = posted(world)
    attached = attach(world, INVOICE, booked.qb_id, "a_0123abcd.pdf", PDF, "r-2")
    query = world.client.query

    def then_gone(*arguments):
        rows = query(*arguments)
        world.book.delete("Attachable", {"Id": attached.qb_id, "SyncToken": "0"})
        return rows

    world.client.query = then_gone

    world.books.detach(INVOICE, booked.qb_id, attached.qb_id, "r-3")

    assert world.book.attachables() == []


def test_an_unclear_answer_to_a_create_is_an_unknown_outcome(world):
    draft = world.books.draft(a_document())
    world.break_next(is_write_to("invoice"), answered(Response.html("<h1>502</h1>", 502)))

    with pytest.raises(OutcomeUnknown):
        world.books.create(draft, "r-1")
