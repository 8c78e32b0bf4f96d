"""A document whose number nobody uses is not looked for, and whatever else is so."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest

from local.stand_ins.quickbooks.realm import Realm
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.document import DocumentType
from pipeline.domain.errors import NotOffered, OutOfTime, Rejected, Unavailable
from pipeline.qbo import numbers_in_use
from pipeline.qbo.client import Client
from pipeline.qbo.numbers_in_use import FEW
from tests.books_world import ACCOUNTS, COMPANY, COSTS, REALM_ID, Clock, Served, a_document, line

INVOICE, BILL, CREDIT_NOTE, VENDOR_CREDIT = (
    DocumentType.INVOICE, DocumentType.BILL, DocumentType.CREDIT_NOTE, DocumentType.VENDOR_CREDIT
)  # fmt: skip
DAYS, MINUTES = timedelta(days=1), timedelta(minutes=1)
# All four kinds are read, a page each.
READ = {"query": 4}
ONE_LOOK = {"cdc": 1}


def document(kind, number, **changes):
    """Return a document whose number in QuickBooks is `number`: for a bill that is the vendor's reference."""
    if kind.is_sale:
        return a_document(kind, number=number, **changes)
    return a_document(kind, lines=(line(100, account=COSTS),), reference=number, **changes)


class Company(Served):
    """A company and what people do there, by one clock."""

    def __init__(self, stand_in, realm, clock):
        self.clock = clock
        super().__init__(stand_in, realm)
        self._typed_in = 0

    def new_run(self):
        """Return the books as the next run opens them."""
        self.give_access_token()
        self.client = self.new_client()
        self.references = self.new_references()
        self.books = self.books_with(self.references)

    def look_for(self, *documents):
        """Look for documents as a run does before it creates them; return the calls that took."""
        by_kind = {}
        for each in documents:
            by_kind.setdefault(each.document_type, []).append(each)
        before = self.client.calls.copy()
        self.books.rule_out(documents)
        for some in by_kind.values():
            self.books.look_for(some)
        return dict(self.client.calls - before)

    def next_run_looks_for(self, *documents):
        self.new_run()
        return self.look_for(*documents)

    def type_in(self, kind, number):
        """Type in the very document that Odoo has under a number, as a person does; return its id."""
        self.new_run()
        draft = self.books.draft(document(kind, number))
        self._typed_in += 1
        body = {**draft.body, "PrivateNote": "typed in by Anna"}
        return str(self.client.write(draft.entity, body, request_id=f"by hand {self._typed_in}")["Id"])

    def existing(self, each):
        return self.books.find_existing(each, self.books.draft(each))


@pytest.fixture
def opened():
    stand_ins = []

    def open_company(behind_s=0, **changes):
        clock = Clock()
        realm = Realm(**{"realm_id": REALM_ID, "company_name": COMPANY, "accounts": ACCOUNTS, **changes})
        stand_in = QuickBooksStandIn([realm], clock=lambda: clock.now().timestamp() - behind_s)
        stand_in.name_edit_s = stand_in.refresh_s = 0
        stand_ins.append(stand_in)
        return Company(stand_in, realm, clock)

    yield open_company
    for stand_in in stand_ins:
        stand_in.close()


@pytest.fixture
def company(opened):
    """Provide a company whose numbers were read the day before."""
    company = opened()
    assert company.next_run_looks_for(*of_each_kind("before")) == READ
    company.clock.sleep(DAYS.total_seconds())
    return company


def of_each_kind(number):
    return [document(kind, f"{number}-{kind.value}") for kind in (INVOICE, BILL, CREDIT_NOTE, VENDOR_CREDIT)]


def test_new_documents_of_all_kinds_cost_one_question(company):
    documents = of_each_kind("new")

    calls = company.next_run_looks_for(*documents)

    assert calls == ONE_LOOK
    assert [company.existing(each) for each in documents] == [None] * 4


@pytest.mark.parametrize("kind", [INVOICE, BILL, CREDIT_NOTE, VENDOR_CREDIT])
@pytest.mark.parametrize("typed_in", ["before the numbers were read", "since"])
def test_what_a_person_has_typed_in_is_found(opened, kind, typed_in):
    company = opened()
    if typed_in == "since":
        company.next_run_looks_for(*of_each_kind("before"))
        company.clock.sleep(DAYS.total_seconds())
    company.type_in(kind, "77")
    company.clock.sleep(DAYS.total_seconds())
    company.next_run_looks_for(*of_each_kind("before"))
    company.clock.sleep(DAYS.total_seconds())

    calls = company.next_run_looks_for(document(kind, "77"), *of_each_kind("new"))

    assert calls == {"cdc": 1, "query": 1}
    with pytest.raises(Rejected) as raised:
        company.existing(document(kind, "77"))
    assert raised.value.code == "already_there"


def test_what_is_typed_in_right_after_a_look_is_found_though_quickbooks_clock_is_behind_ours(opened):
    company = opened(behind_s=300)
    company.next_run_looks_for(*of_each_kind("before"))
    company.clock.sleep(60)
    company.type_in(BILL, "77")

    assert company.next_run_looks_for(document(BILL, "77"), document(INVOICE, "1")) == {"cdc": 1, "query": 1}


@pytest.mark.parametrize("first", ["ruled out", "looked for"])
def test_what_is_typed_in_after_a_look_is_found_by_the_next_look_of_the_run(company, first):
    ours = [document(BILL, "77"), *([document(INVOICE, "1")] if first == "ruled out" else [])]
    company.next_run_looks_for(*ours)
    body = {**company.books.draft(ours[0]).body, "PrivateNote": "typed in by Anna"}
    company.client.write("Bill", body, request_id="by hand")

    company.look_for(*ours)

    with pytest.raises(Rejected) as raised:
        company.existing(ours[0])
    assert raised.value.code == "already_there"


def test_a_number_is_found_whatever_its_case(company):
    company.type_in(BILL, "re-77a")

    calls = company.next_run_looks_for(document(BILL, "RE-77A"), document(INVOICE, "new"))

    assert calls == {"cdc": 1, "query": 1}


def test_a_number_that_a_person_has_given_to_a_transaction_is_found(company):
    qb_id = company.type_in(BILL, "77")
    company.next_run_looks_for(*of_each_kind("between"))
    company.clock.sleep(2 * DAYS.total_seconds())
    row = company.book._tables.table("Bill")[qb_id]
    row["DocNumber"] = "78"
    company.book._touch(row)

    calls = company.next_run_looks_for(document(BILL, "78"), document(INVOICE, "new"))

    assert calls == {"cdc": 1, "query": 1}


def test_ours_from_before_a_loss_is_found(company):
    ours = document(INVOICE, "INV/77")
    company.new_run()
    booked = company.books.create(company.books.draft(ours), "r-1")

    company.next_run_looks_for(ours, document(BILL, "new"))

    assert company.existing(ours).qb_id == booked.qb_id


def test_what_came_since_is_not_forgotten_by_the_looks_between(company):
    company.type_in(BILL, "77")
    for _ in range(100):
        company.clock.sleep(DAYS.total_seconds() * 0.8)
        assert company.next_run_looks_for(*of_each_kind("between"))

    assert "query" in company.next_run_looks_for(document(BILL, "77"), document(INVOICE, "new"))


def test_what_a_look_saw_is_stored_once_a_day(company):
    kept = []
    with patch.object(company.key_values, "keep", lambda key, value, **_: kept.append(key)):
        company.next_run_looks_for(*of_each_kind("new"))
        company.next_run_looks_for(*of_each_kind("new"))
        company.clock.sleep(2 * MINUTES.total_seconds())
        company.next_run_looks_for(*of_each_kind("new"))

    # The day is over with the last; nothing was really kept, so each after it would be stored again.
    assert [key for key in kept if key.endswith("#numbers")] == [f"reference#{REALM_ID}#numbers"]


def test_documents_of_one_kind_are_looked_for_by_one_query(company):
    assert company.next_run_looks_for(document(BILL, "1"), document(BILL, "2")) == {"query": 1}


def test_many_documents_are_looked_for_by_queries(company):
    many = [document(INVOICE, f"INV/{number}") for number in range(FEW)]

    assert company.next_run_looks_for(*many, document(BILL, "1")) == {"query": 2}


def test_the_second_look_of_a_run_is_made_by_queries(company):
    company.next_run_looks_for(*of_each_kind("new"))

    assert company.look_for(*of_each_kind("newer")) == READ


def test_after_a_full_answer_queries_are_made_for_a_month(company):
    company.type_in(BILL, "77")
    with patch.object(numbers_in_use, "OBJECTS_MAX", 1):
        full = company.next_run_looks_for(document(BILL, "77"), document(INVOICE, "new"))

    next_day = company.next_run_looks_for(*of_each_kind("new"))
    company.clock.sleep(31 * DAYS.total_seconds())
    assert (full, next_day) == ({"cdc": 1, "query": 2}, READ)
    assert company.next_run_looks_for(*of_each_kind("newer")) == READ
    assert company.next_run_looks_for(*of_each_kind("newest")) == ONE_LOOK


def test_books_that_have_grown_large_are_looked_up_by_queries(company):
    for number in range(3):
        company.type_in(INVOICE, f"INV/{number}")
    with patch.object(numbers_in_use, "NUMBERS_MAX", 2):
        grown = company.next_run_looks_for(document(INVOICE, "INV/1"), document(BILL, "1"))

    assert grown == {"cdc": 1, "query": 2}
    assert company.next_run_looks_for(*of_each_kind("new")) == READ


def test_large_books_are_not_read_again_before_a_month_is_over(opened):
    company = opened()
    for number in range(3):
        company.type_in(INVOICE, f"INV/{number}")
    with patch.object(numbers_in_use, "NUMBERS_MAX", 2):
        first = company.next_run_looks_for(document(INVOICE, "INV/1"), document(BILL, "1"))

    company.clock.sleep(29 * DAYS.total_seconds())
    assert first == {"query": 3}
    assert company.next_run_looks_for(document(INVOICE, "INV/1"), document(BILL, "1")) == {"query": 2}
    company.clock.sleep(2 * DAYS.total_seconds())
    assert company.next_run_looks_for(*of_each_kind("new")) == READ
    assert company.next_run_looks_for(*of_each_kind("newer")) == ONE_LOOK


@pytest.mark.parametrize("days", [30, 91])
def test_numbers_are_read_again_where_quickbooks_no_longer_says_what_came_since(company, days):
    company.type_in(BILL, "77")
    company.clock.sleep(days * DAYS.total_seconds())

    calls = company.next_run_looks_for(document(BILL, "77"), document(INVOICE, "new"))

    assert calls == {"query": 5}


def test_numbers_are_read_again_after_ninety_days_of_looks(company):
    calls = []
    for _ in range(9):
        company.clock.sleep(10 * DAYS.total_seconds())
        calls.append(company.next_run_looks_for(*of_each_kind("new")))

    assert calls == [ONE_LOOK] * 8 + [READ]
    assert company.next_run_looks_for(*of_each_kind("newer")) == ONE_LOOK


def test_numbers_that_were_read_again_soon_after_a_look_are_stored(company):
    company.clock.sleep(28 * DAYS.total_seconds())
    company.next_run_looks_for(*of_each_kind("new"))
    with patch.object(numbers_in_use, "KEPT", DAYS):
        calls = [company.next_run_looks_for(*of_each_kind("new")) for _ in range(2)]

    assert calls == [READ, ONE_LOOK]


def test_where_quickbooks_refuses_to_say_what_changed_queries_are_made_for_a_month(company):
    company.stand_in.cdc_refuses = ("VendorCredit",)

    refused = company.next_run_looks_for(*of_each_kind("new"))
    next_time = company.next_run_looks_for(*of_each_kind("new"))

    assert (refused, next_time) == ({"cdc": 1, "query": 4}, READ)


def test_while_quickbooks_does_not_say_what_changed_queries_are_made(company):
    with patch.object(Client, "changes", side_effect=Unavailable("QuickBooks does not answer")):
        broken = company.next_run_looks_for(*of_each_kind("new"))

    assert broken == READ
    assert company.next_run_looks_for(*of_each_kind("new")) == ONE_LOOK


def test_a_kind_that_the_plan_lacks_is_left_to_its_documents(opened):
    company = opened(plan="simple_start")
    sale, credit_note = document(INVOICE, "1"), document(CREDIT_NOTE, "1")
    company.next_run_looks_for(sale, credit_note)

    calls = company.next_run_looks_for(sale, credit_note, document(BILL, "1"))

    assert calls == {"cdc": 1, "query": 1}
    with pytest.raises(NotOffered):
        company.books.find_existing(document(BILL, "1"), company.books.draft(document(BILL, "1")))


def test_time_that_is_kept_for_documents_is_not_used_to_read_numbers(opened):
    company = opened()
    company.new_run()
    with patch.object(company.client, "check_time_for_name", side_effect=OutOfTime("No time is left")):
        calls = company.look_for(document(INVOICE, "new"), document(BILL, "new"))

    assert calls == {"query": 2}
    assert company.next_run_looks_for(*of_each_kind("new")) == READ


@pytest.mark.parametrize("kept", ["[]", '"text"', '{"hashes": []}', '{"until": 1, "read_at": 1, "hashes": {}}', "{"])
def test_what_another_version_has_stored_is_read_again(company, kept):
    company.key_values.keep(f"reference#{REALM_ID}#numbers", kept)

    assert company.next_run_looks_for(*of_each_kind("new")) == READ
