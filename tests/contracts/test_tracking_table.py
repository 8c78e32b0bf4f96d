"""What the tracking table promises, held by the one in DynamoDB and by the one in memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from local.stand_ins.aws import make_tracking_table
from local.stand_ins.memory import MemoryTable
from pipeline.aws.drift_table import DriftTable
from pipeline.domain import lifecycle
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import Seen, Status, Step
from pipeline.domain.transitions import ForbiddenTransition
from pipeline.domain.waiting import Waiting
from tests.books_world import COMPANY, NOW, a_document, an_entry

LATER_BY = timedelta(seconds=150)
LATER = NOW + LATER_BY


@pytest.fixture(params=["moto", "empty_aws", "memory"])
def table(request):
    if request.param == "memory":
        return MemoryTable()
    client = request.getfixturevalue(request.param).client("dynamodb")
    make_tracking_table(client, "tracking")
    return DriftTable(client, "tracking", lambda: "run1")


def entry_of(number=17, **changes):
    return an_entry(a_document(odoo_id=number), **changes)


def kept(table, number=17, **changes):
    """Have a new entry stored, of whatever status, and return it."""
    entry = entry_of(number, **changes)
    # Of a status that no new entry has the double complains, after it has stored it.
    with suppress(ForbiddenTransition):
        table.save_extracted(entry, previous=None)
    return entry


def now_in(table, entry):
    return table.entry(entry.entry_id)


# -- reading ---------------------------------------------------------------------------------------------------------


def test_an_entry_comes_back_as_it_was_written(table):
    entry = kept(table, qb_total=a_document().total, step=Step.CREATE, next_attempt_at=NOW)

    assert now_in(table, entry) == entry


def test_an_unknown_entry_is_none(table):
    assert table.entry("nobody") is None


def test_entries_are_read_together_by_their_ids_and_unknown_ones_are_left_out(table):
    first, second = kept(table, 1), kept(table, 2)

    found = table.entries([first.entry_id, "nobody", second.entry_id])

    assert found == {first.entry_id: first, second.entry_id: second}
    assert table.entries([]) == {}


def test_entries_are_found_by_company_and_status(table):
    kept(table, 1)
    kept(table, 2, status=Status.FAILED)
    kept(table, 3, company="companyB")

    assert [entry.odoo_id for entry in table.with_status(COMPANY, Status.PENDING)] == [1]


def test_the_ids_of_a_company_are_returned_with_their_status_and_those_of_another_database_are_not(table):
    kept(table, 1)
    kept(table, 2, status=Status.VOIDED)
    kept(table, 3, company="other")
    kept(table, 4, entry_id="another-account.move-4")

    written_at = entry_of().odoo_write_date
    assert table.ids("odoo", COMPANY) == {1: Seen(Status.PENDING, written_at), 2: Seen(Status.VOIDED, written_at)}


def test_some_entry_is_returned_whatever_its_status_once_there_is_one(table):
    before = table.any_entry_id()
    entry = kept(table, status=Status.VOIDED)

    assert (before, table.any_entry_id()) == (None, entry.entry_id)


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, True),
        ({"status": Status.POSTING}, True),
        ({"status": Status.FAILED}, False),
        ({"next_attempt_at": NOW}, True),
        ({"next_attempt_at": NOW + timedelta(seconds=1)}, False),
        ({"pdf_sha256": ""}, False),
        ({"pdf_sha256": "", "withdrawn": True}, True),
        ({"company": "companyB"}, False),
    ],
)
def test_what_is_due_is_found_by_company_and_status(table, changes, due):
    kept(table, **changes)

    assert [entry.odoo_id for entry in table.due(COMPANY, NOW)] == ([17] if due else [])


def test_what_was_left_in_the_middle_is_due_first(table):
    for number in range(1, 4):
        kept(table, number)
    kept(table, 9, status=Status.POSTING)

    assert next(iter(table.due(COMPANY, NOW))).odoo_id == 9


@pytest.mark.parametrize(
    ("changes", "is_unfinished"),
    [
        ({"pdf_sha256": ""}, True),
        ({}, False),
        ({"pdf_sha256": "", "withdrawn": True}, False),
        ({"pdf_sha256": "", "status": Status.POSTING}, False),
        ({"status": Status.FAILED, "content_hash": ""}, True),
        ({"status": Status.FAILED}, False),
        ({"status": Status.FAILED, "content_hash": "", "withdrawn": True}, False),
        ({"pdf_sha256": "", "company": "companyB"}, False),
    ],
)
def test_what_lacks_its_pdf_or_cannot_be_read_is_unfinished(table, changes, is_unfinished):
    kept(table, **changes)

    assert [entry.odoo_id for entry in table.unfinished(COMPANY, 10)] == ([17] if is_unfinished else [])


def test_no_more_unfinished_ones_are_returned_than_were_asked_for(table):
    for number in range(1, 5):
        kept(table, number, pdf_sha256="")

    assert len(table.unfinished(COMPANY, 3)) == 3


@pytest.mark.parametrize(("limit", "counted"), [(10, 3), (3, 3), (2, 2)])
def test_the_backlog_counts_what_is_pending_no_further_than_its_limit(table, limit, counted):
    for number in range(1, 4):
        kept(table, number, pdf_sha256="")
    kept(table, 8, status=Status.POSTING)
    kept(table, 9, company="companyB")

    assert table.backlog(COMPANY, limit) == counted


def test_what_waits_is_found_over_all_companies_with_what_decides_whether_it_is_due(table):
    interrupted = kept(table, 1, status=Status.POSTING, next_attempt_at=LATER, pending_since=NOW)
    withdrawn = kept(table, 2, company="companyB", pdf_sha256="", withdrawn=True)
    unready = kept(table, 3, company="companyC", pdf_sha256="")
    kept(table, 4, status=Status.FAILED)

    first, *others = table.waiting()

    assert first == Waiting.of(interrupted)
    assert {entry.entry_id: entry for entry in others} == {
        entry.entry_id: Waiting.of(entry) for entry in (withdrawn, unready)
    }
    for entry in (interrupted, withdrawn, unready):
        assert [Waiting.of(entry).is_due(now) for now in (NOW, LATER)] == [entry.is_due(NOW), entry.is_due(LATER)]


# -- by the extractor ------------------------------------------------------------------------------------------------


def test_a_second_first_save_changes_nothing(table):
    entry = kept(table)

    table.save_extracted(replace(entry, party="Somebody else"), previous=None)

    assert now_in(table, entry) == entry


def test_of_two_extractors_the_slower_one_changes_nothing(table):
    first = kept(table)
    faster = replace(first, version=2, number="second")
    table.save_extracted(faster, previous=first)

    table.save_extracted(replace(first, version=2, number="late"), previous=first)

    assert now_in(table, first) == faster


def test_an_entry_that_is_gone_is_not_made_again(table):
    entry = entry_of()

    table.save_extracted(replace(entry, version=2), previous=entry)
    table.attach_pdf(entry)
    table.ask_for_pdf(entry)

    assert table.save(entry) is False
    assert now_in(table, entry) is None


def test_the_extractor_leaves_alone_what_the_books_have(table):
    first = kept(table)
    booked = replace(first, qb_id="55", generation=3, step=Step.ATTACH, request_id="r")
    table.save(booked)

    table.save_extracted(replace(first, version=2, number="new"), previous=first)

    assert now_in(table, first) == replace(booked, version=2, number="new")


@pytest.mark.parametrize(
    "meanwhile", [{"step": Step.CREATE, "request_id": "r"}, {"qb_id": "5", "status": Status.POSTING}]
)
def test_the_type_of_a_document_follows_odoo_unless_something_was_sent_since_it_was_read(table, meanwhile):
    first = kept(table)
    credit_note = replace(first, version=2, document_type=DocumentType.CREDIT_NOTE)
    table.save_extracted(credit_note, previous=first)
    before = now_in(table, first).document_type

    table.save(replace(credit_note, **meanwhile))
    table.save_extracted(replace(credit_note, version=3, document_type=DocumentType.INVOICE), previous=credit_note)

    after = now_in(table, first)
    assert (before, after.document_type, after.version) == (DocumentType.CREDIT_NOTE, DocumentType.CREDIT_NOTE, 3)


def test_the_extractor_leaves_alone_which_document_it_is(table):
    first = kept(table)

    table.save_extracted(replace(first, version=2, created_at=LATER), previous=first)

    assert now_in(table, first).created_at == first.created_at


def test_an_edit_keeps_when_a_write_can_be_looked_for_that_was_sent_since_the_entry_was_read(table):
    read = kept(table)
    table.save(replace(read, status=Status.POSTING, step=Step.CREATE, next_attempt_at=LATER))

    table.save_extracted(replace(read, version=2, number="new"), previous=read)

    entry = now_in(table, read)
    assert (entry.number, entry.status, entry.step, entry.next_attempt_at) == (
        "new",
        Status.PENDING,
        Step.CREATE,
        LATER,
    )


def test_an_edit_ends_a_wait_for_which_nothing_was_sent(table):
    read = kept(table, next_attempt_at=LATER)

    table.save_extracted(replace(read, version=2, next_attempt_at=None), previous=read)

    assert now_in(table, read).next_attempt_at is None


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.VOIDED])
def test_nothing_is_skipped_or_voided_whose_status_has_changed_since_it_was_read(table, status):
    read = kept(table, status=Status.FAILED)
    table.save(replace(read, status=Status.PENDING))

    table.save_extracted(replace(read, version=2, status=status), previous=read)

    assert (now_in(table, read).status, now_in(table, read).version) == (Status.PENDING, 1)


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.VOIDED])
def test_what_has_still_the_status_it_was_read_with_is_skipped_or_voided(table, status):
    read = kept(table, status=Status.FAILED)

    table.save_extracted(replace(read, version=2, status=status), previous=read)

    assert (now_in(table, read).status, now_in(table, read).version) == (status, 2)


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED])
def test_any_other_status_follows_whatever_the_entry_has_become(table, status):
    read = kept(table, status=Status.POSTING)
    table.save(replace(read, status=Status.POSTED))

    table.save_extracted(replace(read, version=2, status=status), previous=read)

    assert (now_in(table, read).status, now_in(table, read).version) == (status, 2)


# -- the PDF ---------------------------------------------------------------------------------------------------------


def test_when_odoo_created_and_wrote_a_document_is_kept_and_nothing_else_changes(table):
    before = kept(table, version=3, odoo_created_at=None)

    table.keep_seen(replace(before, odoo_created_at=NOW, odoo_write_date=NOW - LATER_BY, number="another"))
    table.keep_seen(replace(before, odoo_created_at=LATER, version=2))

    assert now_in(table, before) == replace(before, odoo_created_at=NOW, odoo_write_date=NOW - LATER_BY)


@pytest.mark.parametrize(
    ("changes", "is_ready"),
    [({}, True), ({"successor": "bill 2"}, False), ({"successor": "bill 2", "qb_id": "7"}, True),
     ({"successor": "bill 2", "step": Step.CREATE}, True)],
)  # fmt: skip
def test_a_withdrawal_waits_for_the_extractor_once_another_document_can_have_its_id(table, changes, is_ready):
    entry = kept(table, withdrawn=True, pdf_sha256="", **changes)

    (waiting,) = table.waiting()

    assert (waiting.is_ready, waiting) == (is_ready, Waiting.of(entry))
    assert bool(table.unfinished(COMPANY, 9)) is not is_ready


def test_a_pdf_makes_its_entry_ready_and_changes_nothing_else(table):
    entry = kept(table, pdf_sha256="", pdf_key="", attempts=2, error_message="no rendering now")
    stored = {"pdf_key": "k", "pdf_sha256": "s", "stored_sha256": "s", "pdf_source": "legal", "active_content": "a"}

    table.attach_pdf(replace(entry, **stored, attempts=0, error_message="", number="other", next_attempt_at=LATER))

    assert now_in(table, entry) == replace(entry, **stored, attempts=0, error_message="")


def test_the_pdf_of_an_older_version_is_not_attached_to_a_newer_one(table):
    first = kept(table, pdf_sha256="", pdf_key="")
    table.save_extracted(replace(first, version=2), previous=first)

    table.attach_pdf(replace(first, pdf_key="k", pdf_sha256="s"))

    assert now_in(table, first).is_ready is False


@pytest.mark.parametrize("status", [Status.FAILED, Status.POSTING])
def test_a_pdf_that_comes_late_does_not_take_away_what_a_person_has_to_do(table, status):
    entry = kept(table, pdf_sha256="", pdf_key="")
    table.save(replace(entry, status=status, error_message="Add its realm."))

    table.attach_pdf(replace(entry, pdf_key="k", pdf_sha256="s"))

    assert (now_in(table, entry).error_message, now_in(table, entry).pdf_key) == ("Add its realm.", "")


WITH_PDF = {"pdf_key": "k", "pdf_sha256": "s", "attempts": 0}


def test_a_new_entry_is_stored_with_the_pdf_of_the_one_before(table):
    before = kept(table, 1, pdf_sha256="", pdf_key="", attempts=2)
    new = entry_of(2)

    table.save_new(new, attached=replace(before, **WITH_PDF, number="other"))

    assert now_in(table, new) == new
    assert now_in(table, before) == replace(before, **WITH_PDF)


def test_a_new_entry_may_be_stored_alone(table):
    new = entry_of(2)

    table.save_new(new, attached=None)

    assert now_in(table, new) == new


def test_of_a_new_entry_and_the_pdf_of_another_each_is_stored_though_the_other_was_changed_meanwhile(table):
    before, outdated = kept(table, 1, pdf_sha256="", pdf_key=""), kept(table, 2, pdf_sha256="", pdf_key="")
    table.save_extracted(replace(outdated, version=2), previous=outdated)
    faster, new = kept(table, 3), entry_of(4)

    table.save_new(replace(faster, number="slower"), attached=replace(before, **WITH_PDF))
    table.save_new(new, attached=replace(outdated, **WITH_PDF))

    assert now_in(table, faster) == faster
    assert now_in(table, before) == replace(before, **WITH_PDF)
    assert not now_in(table, outdated).is_ready
    assert now_in(table, new) == new


def test_an_entry_whose_pdf_was_lost_waits_without_one(table):
    entry = kept(table, qb_id="55", status=Status.POSTING)

    table.ask_for_pdf(lifecycle.pdf_lost(entry, LATER))

    assert now_in(table, entry) == lifecycle.pdf_lost(entry, LATER)


def test_the_pdf_of_a_newer_version_is_not_lost_with_an_older_one(table):
    entry = entry_of()
    newer = kept(table, version=2)

    table.ask_for_pdf(lifecycle.pdf_lost(entry, NOW))

    assert now_in(table, entry) == newer


# -- by the poster ---------------------------------------------------------------------------------------------------


def test_the_poster_stores_what_the_books_have_and_the_work(table):
    entry = kept(table)
    posted = replace(entry, status=Status.POSTED, qb_id="55", pdf_attached=True, pdf_key="posted/1.pdf", attempts=1)

    assert table.save(posted) is True
    assert now_in(table, entry) == posted


def test_the_poster_leaves_alone_what_odoo_says_and_the_pdf(table):
    entry = kept(table)

    table.save(replace(entry, number="other", total=entry.total + 1, pdf_sha256="other", status=Status.POSTED))

    assert now_in(table, entry) == replace(entry, status=Status.POSTED)


def test_a_poster_that_comes_second_stores_what_the_books_have_and_nothing_else(table):
    first = kept(table)
    second = replace(first, version=2, number="new", pdf_key="", pdf_sha256="")
    table.save_extracted(second, previous=first)
    late = replace(first, status=Status.POSTED, qb_id="55", pdf_attached=True, error_message="old", attempts=3)

    assert table.save(late) is False
    assert now_in(table, first) == replace(second, qb_id="55", pdf_attached=True)


def test_values_that_became_empty_are_empty(table):
    entry = kept(table, error_message="old", error_code="old", next_attempt_at=NOW, step=Step.CREATE, qb_id="55")
    emptied = replace(entry, error_message="", error_code="", next_attempt_at=None, step=None, qb_id="")

    table.save(emptied)

    assert now_in(table, entry) == emptied


@pytest.mark.parametrize(("previous", "status"), [(Status.POSTED, Status.FAILED), (Status.VOIDED, Status.POSTED)])
def test_a_change_of_status_that_no_rule_allows_is_stored_all_the_same(table, previous, status):
    entry = kept(table, status=previous)

    # The double stops the test that made it; the real one logs an error.
    with suppress(ForbiddenTransition):
        table.save(replace(entry, status=status, qb_id="55"))

    assert (now_in(table, entry).status, now_in(table, entry).qb_id) == (status, "55")


# -- what was reported -------------------------------------------------------------------------------------------


def test_failed_entries_of_all_companies_are_listed_up_to_a_limit(table):
    kept(table, 1)
    kept(table, 2, status=Status.FAILED)
    kept(table, 3, status=Status.FAILED, company="companyB")

    assert sorted(entry.odoo_id for entry in table.failed(10)) == [2, 3]
    assert len(table.failed(1)) == 1


def test_a_failure_that_was_reported_is_marked_and_every_change_of_status_takes_the_mark_away(table):
    entry = kept(table, status=Status.FAILED)

    table.mark_reported(entry, reported_at=LATER, letter_at=LATER)
    marked = now_in(table, entry)
    table.save(lifecycle.reopened(marked, LATER))
    again = now_in(table, entry)

    assert marked == replace(entry, reported_at=LATER, letter_at=LATER)
    assert (again.reported_at, again.letter_at) == (None, LATER)


@pytest.mark.parametrize("changes", [{"status": Status.PENDING}, {"updated_at": LATER}])
def test_an_entry_that_changed_since_it_was_reported_is_not_marked(table, changes):
    entry = kept(table, status=Status.FAILED)
    with suppress(ForbiddenTransition):
        table.save(replace(entry, **changes))

    table.mark_reported(entry, reported_at=LATER, letter_at=None)

    assert now_in(table, entry).reported_at is None


def test_what_is_posted_has_no_letter_any_more(table):
    entry = kept(table, status=Status.POSTING, letter_at=NOW)

    table.save(lifecycle.posted(entry, "posted/x.pdf", LATER))

    assert now_in(table, entry).letter_at is None


# -- what people did in the books ------------------------------------------------------------------------------------


def test_entries_are_found_by_their_ids_in_the_books_whatever_their_status(table):
    kept(table, 1, qb_id="129")
    kept(table, 2, qb_id="130", status=Status.FAILED)
    kept(table, 3, qb_id="131", company="companyB")
    kept(table, 4)

    found = {entry.odoo_id for entry in table.with_qb_ids(COMPANY, [*map(str, range(129, 300)), "129"])}

    assert found == {1, 2}


def test_a_note_about_the_books_is_written_and_removed_and_nothing_else_is_touched(table):
    entry = kept(table, qb_id="129")

    first = table.note_drift(entry, drift="{}", qb_open=Decimal("1.50"))
    after = now_in(table, entry)
    second = table.note_drift(after, drift="", qb_open=None)

    assert (first, second) == (True, True)
    assert after == replace(entry, drift="{}", qb_open=Decimal("1.50"))
    assert now_in(table, entry) == entry


def test_a_note_is_not_written_over_another_one_nor_about_another_transaction(table):
    entry = kept(table, qb_id="129")
    table.note_drift(entry, drift="first", qb_open=None)

    again = table.note_drift(entry, drift="second", qb_open=None)
    elsewhere = table.note_drift(replace(now_in(table, entry), qb_id="130"), drift="third", qb_open=None)

    assert (again, elsewhere) == (False, False)
    assert now_in(table, entry).drift == "first"


def test_entries_are_found_by_number_or_by_id_or_number_in_the_books(table):
    for number, company in ((1, COMPANY), (4, "companyB")):
        table.save_extracted(replace(entry_of(number, company=company), number="INV/9"), previous=None)
    kept(table, 2, qb_id="129", status=Status.POSTED)
    kept(table, 3, qb_doc_number="X-9", status=Status.FAILED)

    found = [[entry.odoo_id for entry in table.with_name(COMPANY, name)] for name in ("INV/9", "129", "X-9", "none")]

    assert found == [[1], [2], [3], []]


# -- what is recorded ------------------------------------------------------------------------------------------------


def recorded(table):
    """Return the writes that a table says were done, from now on."""
    writes = []

    def wrote(entry, names, before):
        writes.append((entry.entry_id, set(names), dict(before)))

    if isinstance(table, MemoryTable):
        table.wrote = wrote
    else:
        table._wrote = wrote
    return writes


def test_every_write_is_said_with_its_fields_and_what_they_replaced(table):
    writes = recorded(table)
    entry = kept(table)
    table.attach_pdf(replace(entry, pdf_sha256="a" * 64))
    posting = replace(entry, qb_id="129", status=Status.POSTING, step=Step.CREATE, updated_at=LATER)
    assert table.save(posting)
    assert table.note_drift(posting, drift="{}", qb_open=Decimal(1))

    assert [entry_id for entry_id, _names, _before in writes] == [entry.entry_id] * 4
    assert writes[0][2] == {}
    assert "pdf_sha256" in writes[1][1]
    assert "status" not in writes[1][1]
    assert (writes[2][2]["status"], writes[2][2]["updated_at"]) == ("pending", entry.updated_at.isoformat())
    assert "step" not in writes[2][2]
    assert writes[3][1] == {"drift", "qb_open"}
    assert "drift" not in writes[3][2]


def test_a_new_entry_and_the_pdf_of_another_are_both_said(table):
    before, new = kept(table, 1, pdf_sha256="", pdf_key=""), entry_of(2)
    writes = recorded(table)

    table.save_new(new, attached=replace(before, pdf_sha256="a" * 64))

    said = {entry_id: (names, former) for entry_id, names, former in writes}
    assert len(writes) == 2
    assert "pdf_sha256" in said[before.entry_id][0]
    assert "status" not in said[before.entry_id][0]
    assert {"status", "total"} <= said[new.entry_id][0]
    assert said[new.entry_id][1] == {}


def test_a_write_that_was_not_done_is_not_said(table):
    entry = kept(table)
    writes = recorded(table)

    table.attach_pdf(replace(entry, version=2))
    table.save_extracted(replace(entry, number="other"), previous=None)

    assert writes == []


def test_of_an_outdated_save_only_the_part_of_the_books_is_said(table):
    entry = kept(table)
    table.save_extracted(replace(entry, version=2), previous=entry)
    writes = recorded(table)

    assert not table.save(replace(entry, qb_id="129", status=Status.POSTING))

    ((_entry_id, names, _before),) = writes
    assert "qb_id" in names
    assert "status" not in names


# -- several in one call, and several runs --------------------------------------------------------------------------


def beside(table):
    """Return the table as another run of the poster sees it, which believes to hold the lease as well."""
    return table.beside() if isinstance(table, MemoryTable) else DriftTable(table._client, "tracking", lambda: "run2")


def test_entries_are_saved_together_as_they_are_one_by_one(table):
    entries = list(table.entries([kept(table, number).entry_id for number in range(1, 8)]).values())
    sent = [replace(entry, status=Status.POSTING, step=Step.CREATE, request_id="r", qb_id="5") for entry in entries]

    assert table.save_together(sent) == [True] * 7
    assert list(table.entries([entry.entry_id for entry in entries]).values()) == sent
    assert table.save_together([]) == []


def test_of_entries_that_are_saved_together_each_has_its_own_answer(table):
    entries = list(table.entries([kept(table, number).entry_id for number in range(1, 4)]).values())
    newer = replace(entries[1], version=2, number="newer")
    table.save_extracted(newer, previous=entries[1])
    writes = recorded(table)

    answers = table.save_together([replace(entry, qb_id="5", error_message="x") for entry in entries])

    assert answers == [True, False, True]
    assert now_in(table, newer) == replace(newer, qb_id="5")
    assert [now_in(table, entry).error_message for entry in entries] == ["x", "", "x"]
    assert len(writes) == 3


def test_every_write_of_several_is_said_with_what_it_replaced(table):
    entries = list(table.entries([kept(table, number, qb_total=None).entry_id for number in (1, 2)]).values())
    writes = recorded(table)

    table.save_together([replace(entry, status=Status.POSTING, qb_id="129", updated_at=LATER) for entry in entries])

    assert [entry_id for entry_id, _names, _before in writes] == [entry.entry_id for entry in entries]
    for _entry_id, names, before in writes:
        assert {"status", "qb_id", "updated_at"} <= names
        assert (before["status"], before["updated_at"]) == ("pending", entries[0].updated_at.isoformat())
        assert "qb_id" not in before


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
def test_of_two_runs_that_both_believe_to_hold_the_lease_the_second_changes_nothing(table, together):
    ids = [kept(table, number).entry_id for number in (1, 2)]
    other = beside(table)
    mine, theirs = table.entries(ids), other.entries(ids)

    def save(on, entries, **changes):
        changed = [replace(entry, updated_at=LATER, **changes) for entry in entries.values()]
        return on.save_together(changed) if together else [on.save(entry) for entry in changed]

    first = save(table, mine, status=Status.POSTING, step=Step.CREATE, request_id="r-1", batch_id="b-1")
    second = save(other, theirs, status=Status.POSTING, step=Step.CREATE, request_id="r-1", batch_id="b-2", attempts=4)
    third = save(table, mine, status=Status.POSTING, step=Step.CREATE, request_id="r-1", batch_id="b-1", qb_id="5")
    late = save(other, theirs, status=Status.FAILED, error_message="refused")

    assert (first, second, third, late) == ([True] * 2, [False] * 2, [True] * 2, [False] * 2)
    for entry in table.entries(ids).values():
        assert (entry.status, entry.batch_id, entry.qb_id, entry.attempts) == (Status.POSTING, "b-1", "5", 0)
        assert entry.error_message == ""


def test_a_run_that_has_lost_the_lease_changes_nothing_after_the_next_one_has_begun(table):
    entry_id = kept(table).entry_id
    (mine,) = table.entries([entry_id]).values()
    intended = replace(mine, status=Status.POSTING, step=Step.CREATE, request_id="r-1")
    assert table.save(intended)
    other = beside(table)
    (theirs,) = other.entries([entry_id]).values()

    assert other.save(replace(theirs, killed_attempts=1))
    assert not table.save(replace(intended, step=None, qb_id="5"))
    assert now_in(table, mine) == replace(intended, killed_attempts=1)


def test_not_even_what_the_books_said_is_stored_over_another_run_when_odoo_has_changed_it_as_well(table):
    entry = kept(table)
    other = beside(table)
    (mine,), (theirs,) = (one.entries([entry.entry_id]).values() for one in (table, other))
    assert other.save(replace(theirs, qb_id="7"))
    table.save_extracted(replace(theirs, version=2), previous=theirs)

    assert not table.save(replace(mine, qb_id="5"))
    assert now_in(table, entry).qb_id == "7"


def test_a_pdf_is_not_asked_for_over_the_save_of_another_run(table):
    entry = kept(table)
    other = beside(table)
    (mine,), (theirs,) = (one.entries([entry.entry_id]).values() for one in (table, other))
    assert other.save(replace(theirs, qb_id="7"))

    table.ask_for_pdf(lifecycle.pdf_lost(mine, LATER))

    assert (now_in(table, entry).pdf_sha256, now_in(table, entry).qb_id) == (entry.pdf_sha256, "7")
