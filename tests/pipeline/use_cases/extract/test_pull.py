"""Nothing posted in Odoo is missed, nothing is taken twice, and a run may end anywhere without harm."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from pipeline.domain.cursor import CLOCKS_DIFFER, PAGE_DOCUMENTS
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import Status, Step
from pipeline.domain.errors import InvalidDocument, NotStored, Unavailable
from pipeline.domain.source import NotRendered, Pdf, PdfSource, Selection, UnreadableDocument
from pipeline.use_cases.extract.fetch import PDF_ALLOWANCE_S
from pipeline.use_cases.extract.pull import BACKLOG_MAX, LOOKBACK
from pipeline.use_cases.extract.reading import PAGE_ALLOWANCE_S
from tests.builders import COMPANY, WRITTEN_AT, a_document
from tests.odoo_world import A_SECOND, LATER, NOW, OTHER, Aws, Clock, Crash, FakeOdoo, pull

A_DAY = timedelta(days=1)


def unreadable(odoo_id, message="cannot be read", number="INV/9"):
    return UnreadableDocument(odoo_id, number, DocumentType.INVOICE, WRITTEN_AT, InvalidDocument(message))


@pytest.fixture
def aws():
    return Aws()


# -- the order of writing ----------------------------------------------------------------------------------------------


def test_document_then_entry_then_pdf_then_cursor(aws):
    pull(FakeOdoo(a_document(7)), aws)

    steps = [what for what, which in aws.journal]
    assert steps[:4] == ["document", "entry", "pdf", "ready"]
    assert set(steps[4:]) == {"cursor"}


def test_a_new_document_becomes_a_pending_entry_with_its_pdf(aws):
    counts = pull(FakeOdoo(a_document(7)), aws).counts

    entry = aws.entry(7)
    pdf = Pdf(aws.objects["pending/odoo_demo-account.move-7.pdf"], PdfSource.LEGAL)
    assert (entry.status, entry.version, entry.is_ready) == (Status.PENDING, 1, True)
    assert (entry.pdf_sha256, entry.pdf_source) == (pdf.sha256, "legal")
    assert aws.objects[entry.document_key] == a_document(7)
    assert (entry.total, entry.party, entry.number) == (Decimal("110.00"), "Acme Corp", "INV/2026/00007")
    assert (counts.found, counts.new, counts.pdfs, counts.remaining) == (1, 1, 1, False)


def test_a_crash_after_any_write_is_fixed_by_the_next_run():
    documents = [a_document(number) for number in (1, 2, 3)]
    undisturbed = Aws()
    pull(FakeOdoo(*documents), undisturbed)
    assert len(undisturbed.journal) > 12

    for writes in range(1, len(undisturbed.journal)):
        aws, odoo = Aws(), FakeOdoo(*documents)
        aws.crash_after = writes
        with pytest.raises(Crash):
            pull(odoo, aws)
        pull(odoo, aws)

        assert aws.stored == undisturbed.stored, f"after {aws.journal[writes - 1]}"
        assert aws.objects == undisturbed.objects
        assert aws.cursors == undisturbed.cursors


def test_a_crash_after_any_write_of_a_changed_document_is_fixed_too():
    changed = a_document(1, reference="another")
    for writes in range(1, 6):
        aws, odoo = Aws(), FakeOdoo(a_document(1))
        pull(odoo, aws)
        odoo.put(replace(changed, written_at=NOW))
        aws.crash_after = len(aws.journal) + writes
        with pytest.raises(Crash):
            pull(odoo, aws, now=LATER)
        pull(odoo, aws, now=LATER)

        entry = aws.entry(1)
        assert (entry.version, entry.is_ready, entry.content_hash) == (2, True, changed.content_hash)


# -- the cursor --------------------------------------------------------------------------------------------------------


def test_the_cursor_moves_to_the_latest_write_date_read(aws):
    pull(FakeOdoo(a_document(1), a_document(2, written_at=WRITTEN_AT + A_SECOND)), aws)

    assert aws.since == WRITTEN_AT + A_SECOND
    assert aws.cursors["odoo_demo", "companyA"].walk_began is None


def test_the_cursor_never_moves_beyond_the_beginning_of_the_walk(aws):
    pull(FakeOdoo(a_document(1, written_at=NOW + timedelta(days=30))), aws)

    assert aws.since == NOW


def test_the_cursor_never_moves_back(aws):
    pull(FakeOdoo(a_document(1)), aws)
    pull(FakeOdoo(a_document(2, written_at=WRITTEN_AT - timedelta(minutes=5))), aws, now=LATER)

    assert aws.since == WRITTEN_AT


def test_a_failed_read_leaves_the_cursor_and_is_no_empty_day(aws):
    odoo = FakeOdoo(a_document(1))
    pull(odoo, aws)

    def fails(_company):
        raise Unavailable("Odoo is down")

    odoo.before_page = fails
    with pytest.raises(Unavailable):
        pull(odoo, aws, now=LATER)

    assert aws.since == WRITTEN_AT


def test_after_thirty_days_without_odoo_everything_written_meanwhile_is_read(aws):
    odoo = FakeOdoo(a_document(1))
    pull(odoo, aws)

    def fails(_company):
        raise Unavailable("Odoo is down")

    odoo.before_page = fails
    for day in range(1, 31):
        odoo.put(a_document(1 + day, written_at=NOW + timedelta(days=day)))
        with pytest.raises(Unavailable):
            pull(odoo, aws, now=NOW + timedelta(days=day))
    odoo.before_page = lambda _company: None

    counts = pull(odoo, aws, now=NOW + timedelta(days=31)).counts

    assert (counts.new, len(aws.stored)) == (30, 31)
    assert aws.since == NOW + timedelta(days=31) - CLOCKS_DIFFER


def test_a_page_that_fails_in_the_middle_leaves_the_cursor_before_it(aws):
    odoo = FakeOdoo(*(a_document(number) for number in range(1, PAGE_DOCUMENTS + 2)))
    pages = Counter()

    def fails_at_the_second(_company):
        pages["read"] += 1
        if pages["read"] == 2:
            raise Unavailable("Odoo is down")

    odoo.before_page = fails_at_the_second
    with pytest.raises(Unavailable):
        pull(odoo, aws)
    cursor = aws.cursors["odoo_demo", "companyA"]
    assert (cursor.since, cursor.after_id) == (None, PAGE_DOCUMENTS)

    pull(odoo, aws, now=LATER)

    assert len(aws.stored) == PAGE_DOCUMENTS + 1
    assert aws.since == WRITTEN_AT


def test_the_lag_is_read_again_because_a_long_transaction_commits_older_rows_late(aws):
    odoo = FakeOdoo(a_document(1))
    pull(odoo, aws)

    odoo.put(a_document(2, written_at=WRITTEN_AT - LOOKBACK))
    counts = pull(odoo, aws, now=LATER).counts

    assert odoo.asked[-2].since == WRITTEN_AT - LOOKBACK
    assert (counts.new, counts.unchanged) == (1, 1)


def test_the_lag_is_ten_minutes():
    assert timedelta(minutes=10) == LOOKBACK


def test_ten_thousand_rows_of_one_instant_are_all_read_once(aws):
    odoo = FakeOdoo(*(a_document(number, lines=(), taxes=(), installments=()) for number in range(1, 10_001)))

    counts = pull(odoo, aws).counts

    assert (counts.new, len(aws.stored), counts.remaining) == (10_000, 10_000, False)
    assert len(odoo.asked) == 10_000 // PAGE_DOCUMENTS + 1


def test_rows_that_change_while_pages_are_read_shift_nothing(aws):
    odoo = FakeOdoo(*(a_document(number) for number in range(1, 3 * PAGE_DOCUMENTS)))
    moments = iter(NOW + A_SECOND * step for step in range(100))

    def somebody_works(_company):
        for odoo_id in (1, PAGE_DOCUMENTS, PAGE_DOCUMENTS + 1):
            odoo.put(replace(odoo.documents[odoo_id], written_at=next(moments)))

    odoo.before_page = somebody_works
    pull(odoo, aws)
    odoo.before_page = lambda _company: None
    pull(odoo, aws, now=LATER)

    assert len(aws.stored) == 3 * PAGE_DOCUMENTS - 1


def test_what_changes_behind_a_walk_of_several_runs_is_found_by_the_next_walk(aws):
    odoo, clock = (
        FakeOdoo(*(a_document(number) for number in range(1, PAGE_DOCUMENTS + 2))),
        Clock(PAGE_ALLOWANCE_S + 1),
    )
    odoo.before_page = lambda _company: clock.passes(2)
    pull(odoo, aws, clock=clock)
    odoo.before_page = lambda _company: None

    odoo.put(a_document(1, reference="changed behind the walk", written_at=NOW + A_SECOND))
    pull(odoo, aws, now=LATER)
    pull(odoo, aws, now=LATER + LOOKBACK)

    assert aws.entry(1).version == 2


def test_each_company_has_a_cursor_of_its_own(aws):
    other = a_document(2, company=OTHER, written_at=WRITTEN_AT + A_SECOND)

    counts = pull(FakeOdoo(a_document(1), other), aws, companies=(COMPANY, OTHER)).counts

    assert counts.cursor == {
        "companyA": WRITTEN_AT.isoformat(),
        "companyB": (WRITTEN_AT + A_SECOND).isoformat(),
    }


# -- seen, changed, withdrawn ------------------------------------------------------------------------------------------


def test_a_second_run_writes_nothing_but_the_cursor(aws):
    odoo = FakeOdoo(a_document(1), a_document(2))
    pull(odoo, aws)
    aws.journal.clear()

    counts = pull(odoo, aws, now=LATER).counts

    assert {what for what, _ in aws.journal} == {"cursor"}
    assert (counts.new, counts.unchanged, counts.pdfs) == (0, 2, 0)


def test_a_rendering_that_writes_the_document_as_in_odoo_19_does_not_make_it_look_changed(aws):
    odoo = FakeOdoo(a_document(1))
    odoo.before_pdf = lambda document: odoo.put(replace(document, written_at=NOW))
    pull(odoo, aws)

    counts = pull(odoo, aws, now=LATER).counts

    assert (counts.changed, counts.unchanged) == (0, 1)
    assert odoo.pdfs_asked == [(1, False)]


def test_a_change_makes_the_entry_pending_again_and_keeps_what_quickbooks_said(aws):
    odoo = FakeOdoo(a_document(1))
    pull(odoo, aws)
    aws.stored[aws.entry(1).entry_id] = replace(
        aws.entry(1), status=Status.POSTED, qb_id="77", qb_sync_token="3", attempts=2, error_message="old"
    )

    odoo.put(a_document(1, total=Decimal("110.01"), written_at=NOW))
    counts = pull(odoo, aws, now=LATER).counts

    entry = aws.entry(1)
    assert (entry.status, entry.version, entry.total) == (Status.PENDING, 2, Decimal("110.01"))
    assert (entry.qb_id, entry.qb_sync_token, entry.attempts, entry.error_message) == ("77", "3", 0, "")
    assert entry.created_at == NOW
    assert entry.updated_at == LATER
    assert counts.changed == 1


@pytest.mark.parametrize("status", [Status.FAILED, Status.VOIDED, Status.POSTING])
def test_a_change_reopens_an_entry_of_any_status(aws, status):
    odoo = FakeOdoo(a_document(1))
    pull(odoo, aws)
    aws.stored[aws.entry(1).entry_id] = replace(aws.entry(1), status=status)

    odoo.put(a_document(1, reference="another", written_at=NOW))
    pull(odoo, aws, now=LATER)

    assert aws.entry(1).status is Status.PENDING


def test_a_change_does_not_hurry_a_create_whose_outcome_is_unknown(aws):
    odoo = FakeOdoo(a_document(1))
    pull(odoo, aws)
    waits_until = LATER + timedelta(minutes=5)
    aws.stored[aws.entry(1).entry_id] = replace(
        aws.entry(1), status=Status.POSTING, step="create", next_attempt_at=waits_until
    )

    odoo.put(a_document(1, reference="another", written_at=NOW))
    pull(odoo, aws, now=LATER)

    assert (aws.entry(1).step, aws.entry(1).next_attempt_at) == ("create", waits_until)


def test_a_withdrawal_makes_a_known_entry_pending_without_a_pdf(aws):
    odoo = FakeOdoo(a_document(1))
    pull(odoo, aws)

    odoo.put(a_document(1, withdrawn=True, written_at=NOW))
    counts = pull(odoo, aws, now=LATER).counts

    entry = aws.entry(1)
    assert (entry.status, entry.withdrawn, entry.version, entry.is_ready) == (Status.PENDING, True, 2, True)
    assert (counts.withdrawn, counts.changed, counts.pdfs) == (1, 0, 0)


def test_what_was_withdrawn_before_it_was_ever_pulled_is_skipped_and_says_why(aws):
    counts = pull(FakeOdoo(a_document(1, withdrawn=True)), aws).counts

    entry = aws.entry(1)
    assert entry.status is Status.SKIPPED
    assert "before it was first pulled" in entry.error_message
    assert (counts.withdrawn, counts.skipped, counts.pdfs) == (1, 1, 0)


def test_a_skipped_document_that_is_posted_after_all_becomes_pending(aws):
    odoo = FakeOdoo(a_document(1, withdrawn=True))
    pull(odoo, aws)

    odoo.put(a_document(1, written_at=NOW))
    pull(odoo, aws, now=LATER)

    assert (aws.entry(1).status, aws.entry(1).withdrawn, aws.entry(1).is_ready) == (Status.PENDING, False, True)


# -- rows that cannot be read ------------------------------------------------------------------------------------------


def test_a_broken_row_becomes_a_failed_entry_and_the_others_are_unaffected(aws):
    odoo = FakeOdoo(a_document(1), a_document(3))
    odoo.unreadable[2] = unreadable(2, "INV/9 has no date")

    extraction = pull(odoo, aws)

    entry = aws.entry(2)
    assert (entry.status, entry.error_message, entry.error_code) == (
        Status.FAILED,
        "INV/9 has no date",
        "invalid_document",
    )
    assert aws.entry(1).is_ready
    assert aws.entry(3).is_ready
    assert [(failure.title, failure.company) for failure in extraction.failures] == [("INV/9", "companyA")]
    assert aws.since is not None


def test_a_broken_row_is_reported_once_and_not_at_every_run(aws):
    odoo = FakeOdoo()
    odoo.unreadable[2] = unreadable(2)
    pull(odoo, aws)

    extraction = pull(odoo, aws, now=LATER)

    assert extraction.failures == []
    assert (extraction.counts.failed, extraction.counts.unchanged) == (0, 1)
    assert aws.entry(2).version == 1


def test_a_broken_row_is_reported_again_when_it_is_broken_otherwise(aws):
    odoo = FakeOdoo()
    odoo.unreadable[2] = unreadable(2, "no date")
    pull(odoo, aws)
    odoo.unreadable[2] = unreadable(2, "no vendor")

    extraction = pull(odoo, aws, now=LATER)

    assert [failure.message for failure in extraction.failures] == ["no vendor"]


def test_a_broken_row_that_was_fixed_without_touching_it_is_pulled_at_the_next_run(aws):
    odoo = FakeOdoo(a_document(2))
    odoo.unreadable[2] = unreadable(2, "the name of its customer is empty")
    pull(odoo, aws)
    odoo.put(a_document(3, written_at=NOW + 30 * A_DAY))
    pull(odoo, aws, now=NOW + 30 * A_DAY)
    del odoo.unreadable[2]

    pull(odoo, aws, now=NOW + 31 * A_DAY)

    assert (aws.entry(2).status, aws.entry(2).is_ready) == (Status.PENDING, True)


@pytest.mark.parametrize("code", ["copy_missing", "pdf_missing", "pdf_changed"])
def test_what_lost_its_copy_or_pdf_is_taken_again_when_a_person_saves_it_once_more(aws, code):
    odoo = FakeOdoo(a_document(7))
    pull(odoo, aws)
    key = a_document(7).entry_id
    aws.stored[key] = replace(aws.stored[key], status=Status.FAILED, error_code=code)
    aws.objects.clear()
    odoo.put(a_document(7, written_at=NOW))

    pull(odoo, aws, now=LATER)

    entry = aws.entry(7)
    assert (entry.status, entry.version, entry.is_ready) == (Status.PENDING, 2, True)
    assert {entry.document_key, entry.pdf_key} == set(aws.objects)


def test_a_broken_row_that_was_fixed_is_pulled(aws):
    odoo = FakeOdoo(a_document(2))
    odoo.unreadable[2] = unreadable(2)
    pull(odoo, aws)
    del odoo.unreadable[2]

    pull(odoo, aws, now=LATER)

    entry = aws.entry(2)
    assert (entry.status, entry.version, entry.error_message, entry.is_ready) == (Status.PENDING, 2, "", True)


def test_a_posted_document_that_breaks_keeps_its_place_in_quickbooks(aws):
    odoo = FakeOdoo(a_document(2))
    pull(odoo, aws)
    aws.stored[aws.entry(2).entry_id] = replace(aws.entry(2), status=Status.POSTED, qb_id="77")
    odoo.unreadable[2] = unreadable(2)

    pull(odoo, aws, now=LATER)

    assert (aws.entry(2).status, aws.entry(2).qb_id, aws.entry(2).version) == (Status.FAILED, "77", 2)


@pytest.mark.parametrize("error", [NotStored("it is too large."), AssertionError("a fault of ours")])
def test_a_withdrawn_row_that_makes_our_code_fail_stops_no_other_document(aws, error):
    odoo = FakeOdoo(a_document(2))
    pull(odoo, aws)
    aws.stored[aws.entry(2).entry_id] = replace(aws.entry(2), status=Status.POSTED, qb_id="77")
    odoo.unreadable[2] = replace(unreadable(2), withdrawn=True)
    odoo.put(a_document(3))
    aws.store.refused = {2: error}

    failures = pull(odoo, aws, now=LATER).failures

    assert (aws.entry(2).status, aws.entry(2).qb_id, aws.entry(3).status) == (Status.FAILED, "77", Status.PENDING)
    assert [failure.entry_id for failure in failures] == [aws.entry(2).entry_id]


# -- dry runs and selections -------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_counts_the_same(aws):
    odoo = FakeOdoo(a_document(1), a_document(2, withdrawn=True))
    odoo.unreadable[3] = unreadable(3)

    counts = pull(odoo, aws, dry_run=True).counts

    assert aws.journal == []
    assert odoo.pdfs_asked == []
    assert (counts.found, counts.new, counts.withdrawn, counts.failed, counts.remaining) == (3, 1, 1, 1, False)


def test_a_dry_run_leaves_unfinished_entries_alone(aws):
    odoo = FakeOdoo(a_document(1))
    aws.crash_after = 2
    with pytest.raises(Crash):
        pull(odoo, aws)
    aws.crash_after = None
    before = dict(aws.stored)

    pull(odoo, aws, dry_run=True)

    assert aws.stored == before
    assert odoo.pdfs_asked == []


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(numbers=("INV/2026/00002",)), {2}),
        (Selection(ids=(1, 3)), {1, 3}),
        (Selection(since=WRITTEN_AT + A_SECOND), {2, 3}),
        (Selection(until=WRITTEN_AT + A_SECOND), {1, 2}),
        (Selection(since=WRITTEN_AT + A_SECOND, until=WRITTEN_AT + A_SECOND), {2}),
    ],
    ids=["numbers", "ids", "since", "until", "since and until"],
)
def test_a_selection_pulls_what_it_names_and_leaves_the_cursor_alone(aws, selection, expected):
    odoo = FakeOdoo(*(a_document(number, written_at=WRITTEN_AT + A_SECOND * (number - 1)) for number in (1, 2, 3)))

    pull(odoo, aws, selection=selection)

    assert {entry.odoo_id for entry in aws.stored.values()} == expected
    assert aws.cursors == {}


def test_a_selection_of_many_pages_is_read_to_its_end(aws):
    odoo = FakeOdoo(*(a_document(number) for number in range(1, 2 * PAGE_DOCUMENTS + 2)))

    counts = pull(odoo, aws, selection=Selection(since=WRITTEN_AT)).counts

    assert (counts.new, counts.remaining) == (2 * PAGE_DOCUMENTS + 1, False)


# -- time --------------------------------------------------------------------------------------------------------------


def test_a_run_stops_with_time_in_hand_and_the_next_goes_on(aws):
    odoo = FakeOdoo(*(a_document(number) for number in range(1, 5 * PAGE_DOCUMENTS + 1)))
    ticks = 0
    remaining = True
    while remaining and ticks < 10:
        clock = Clock(PAGE_ALLOWANCE_S + 30)
        odoo.before_page = lambda _company, clock=clock: clock.passes(20)
        remaining = pull(odoo, aws, clock=clock).counts.remaining
        ticks += 1
        assert clock.left_s > 0

    assert ticks == 3
    assert len(aws.stored) == 5 * PAGE_DOCUMENTS
    assert Counter(odoo_id for odoo_id, _ in odoo.pdfs_asked).most_common(1)[0][1] == 1


def test_no_page_is_begun_that_could_not_be_finished(aws):
    odoo = FakeOdoo(a_document(1))

    counts = pull(odoo, aws, clock=Clock(PAGE_ALLOWANCE_S - 1)).counts

    assert (odoo.asked, counts.remaining, aws.journal) == ([], True, [])


def test_no_pdf_is_begun_that_could_not_be_finished_and_the_page_is_read_again(aws):
    odoo, clock = FakeOdoo(a_document(1), a_document(2)), Clock(PAGE_ALLOWANCE_S + 1)
    odoo.before_pdf = lambda _document: clock.passes(PAGE_ALLOWANCE_S + 1 - PDF_ALLOWANCE_S)
    counts = pull(odoo, aws, clock=clock).counts
    assert (counts.remaining, counts.pdfs) == (True, 1)
    assert aws.cursors == {}

    pull(odoo, aws, now=LATER)

    assert aws.entry(2).is_ready
    assert [odoo_id for odoo_id, _ in odoo.pdfs_asked] == [1, 2]


def test_a_selection_stops_in_time_too(aws):
    odoo = FakeOdoo(a_document(1))

    counts = pull(odoo, aws, selection=Selection(ids=(1,)), clock=Clock(PAGE_ALLOWANCE_S - 1)).counts

    assert (odoo.asked, counts.remaining) == ([], True)


def test_a_backlog_pauses_pulling_and_says_so(aws):
    aws.fill(BACKLOG_MAX)
    odoo = FakeOdoo(a_document(1))

    counts = pull(odoo, aws).counts

    assert (counts.found, counts.remaining, aws.journal) == (0, True, [])


def test_a_backlog_a_little_smaller_does_not(aws):
    aws.fill(BACKLOG_MAX - 1)

    assert pull(FakeOdoo(a_document(1)), aws).counts.new == 1


def test_what_is_begun_is_finished_in_spite_of_a_backlog(aws):
    """Else entries without a PDF, which nobody can post, would be the backlog that keeps them from getting one."""
    odoo = FakeOdoo(a_document(1))
    aws.crash_after = 2
    with pytest.raises(Crash):
        pull(odoo, aws)
    aws.crash_after = None
    aws.fill(BACKLOG_MAX)

    pull(odoo, aws, now=LATER)

    assert aws.entry(1).is_ready


# -- PDFs --------------------------------------------------------------------------------------------------------------


def test_a_document_whose_pdf_is_unavailable_three_times_gets_a_plain_page(aws):
    odoo = FakeOdoo(a_document(1))

    def unavailable(_document):
        if odoo.pdfs_asked[-1] == (1, False):
            raise Unavailable("no rendering now")

    odoo.before_pdf = unavailable
    for attempts in (1, 2):
        counts = pull(odoo, aws, now=LATER).counts
        assert (aws.entry(1).attempts, aws.entry(1).is_ready, counts.remaining) == (attempts, False, True)
        assert aws.entry(1).error_message == "no rendering now"

    pull(odoo, aws, now=LATER)

    entry = aws.entry(1)
    assert (entry.is_ready, entry.pdf_source, entry.attempts) == (True, "plain", 0)
    assert entry.error_message == "no rendering"


def test_a_pdf_is_asked_for_once_in_a_run_so_that_three_attempts_are_three_runs(aws):
    odoo = FakeOdoo(a_document(1))

    def unavailable(_document):
        raise Unavailable("no rendering now")

    odoo.before_pdf = unavailable
    pull(odoo, aws)
    pull(odoo, aws, now=LATER)

    assert odoo.pdfs_asked == [(1, False), (1, False)]


def test_a_pdf_that_is_unavailable_keeps_neither_the_others_nor_the_cursor(aws):
    odoo = FakeOdoo(a_document(1), a_document(2))

    def unavailable(document):
        if document.odoo_id == 1:
            raise Unavailable("no rendering now")

    odoo.before_pdf = unavailable
    pull(odoo, aws)

    assert aws.entry(2).is_ready
    assert aws.since == WRITTEN_AT


def test_an_entry_without_its_pdf_is_taken_up_by_a_later_run_though_the_cursor_is_long_past_it(aws):
    odoo = FakeOdoo(a_document(1), a_document(2, written_at=WRITTEN_AT + timedelta(days=1)))
    odoo.before_pdf = lambda document: (_ for _ in ()).throw(Unavailable("not now")) if document.odoo_id == 1 else None
    pull(odoo, aws)
    odoo.before_pdf = lambda _document: None

    pull(odoo, aws, now=LATER)

    assert aws.entry(1).is_ready


def test_an_odoo_that_gives_no_pdf_at_all_ends_the_run(aws):
    odoo = FakeOdoo(*(a_document(number) for number in range(1, 10)))

    def unavailable(_document):
        raise Unavailable("no rendering now")

    odoo.before_pdf = unavailable
    with pytest.raises(Unavailable, match="no rendering now"):
        pull(odoo, aws)

    assert len(odoo.pdfs_asked) == 3


def test_an_odoo_whose_rendering_is_broken_keeps_no_document_that_needs_none(aws):
    odoo = FakeOdoo(*(a_document(number) for number in range(1, 10)))

    def unrendered(document):
        if document.odoo_id < 9:
            raise NotRendered("no rendering now")

    odoo.before_pdf = unrendered
    pull(odoo, aws)

    assert len(odoo.pdfs_asked) == 9
    assert aws.entry(9).is_ready


def test_a_new_file_on_an_old_bill_is_noticed(aws):
    bill = a_document(1, document_type=DocumentType.BILL)
    odoo = FakeOdoo(bill, a_document(2, written_at=WRITTEN_AT + timedelta(days=1)))
    pull(odoo, aws, now=LATER)

    odoo.put(replace(bill, attachments=("a new file",)))
    odoo.attached_at[1] = WRITTEN_AT + timedelta(days=2)
    counts = pull(odoo, aws, now=WRITTEN_AT + timedelta(days=3)).counts

    assert (aws.entry(1).version, aws.entry(1).is_ready, counts.changed) == (2, True, 1)


# -- several companies -------------------------------------------------------------------------------------------------


def test_the_counts_are_json_values(aws):
    counts = pull(FakeOdoo(a_document(1)), aws).counts.as_dict()

    assert set(counts) == {
        *("found", "new", "changed", "unchanged", "withdrawn", "pdfs", "skipped", "failed", "cursor", "remaining"),
        *("left_out", "left_out_files", "embedded", "not_carried"),
    }
    assert datetime.fromisoformat(counts["cursor"]["companyA"]).tzinfo == UTC


# -- the go-live date --------------------------------------------------------------------------------------------------

GO_LIVE = a_document(7).booked_on


def since(day):
    return {"go_live": lambda name: day if name == COMPANY.name else None}


def day_before(day):
    return day - timedelta(days=1)


def test_a_document_dated_before_the_go_live_is_skipped_with_the_reason_and_without_a_pdf(aws):
    odoo = FakeOdoo(a_document(7), a_document(8, issued_on=day_before(GO_LIVE)))

    counts = pull(odoo, aws, **since(GO_LIVE)).counts

    assert (aws.entry(7).status, aws.entry(8).status) == (Status.PENDING, Status.SKIPPED)
    assert aws.entry(8).error_code == "before_go_live"
    assert aws.entry(8).error_message == f"It is dated {day_before(GO_LIVE)}, and companyA goes live on {GO_LIVE}."
    assert odoo.pdfs_asked == [(7, False)]
    assert (counts.new, counts.skipped, counts.pdfs) == (2, 1, 1)


def test_a_bill_is_early_or_not_by_its_accounting_date(aws):
    late = a_document(7, document_type=DocumentType.BILL, issued_on=day_before(GO_LIVE), accounting_on=GO_LIVE)
    early = a_document(8, document_type=DocumentType.BILL, issued_on=GO_LIVE, accounting_on=day_before(GO_LIVE))

    pull(FakeOdoo(late, early), aws, **since(GO_LIVE))

    assert (aws.entry(7).status, aws.entry(8).status) == (Status.PENDING, Status.SKIPPED)


def test_another_company_has_its_own_go_live_date(aws):
    pull(FakeOdoo(a_document(7)), aws, go_live=lambda name: date(2099, 1, 1) if name == "companyB" else None)

    assert aws.entry(7).status is Status.PENDING


def test_what_was_skipped_stays_so_until_the_go_live_date_moves_back(aws):
    odoo = FakeOdoo(a_document(7))
    pull(odoo, aws, **since(GO_LIVE + A_DAY))
    again = pull(odoo, aws, selection=Selection(since=WRITTEN_AT), **since(GO_LIVE + A_DAY)).counts
    skipped = aws.entry(7)

    counts = pull(odoo, aws, selection=Selection(since=WRITTEN_AT), **since(GO_LIVE)).counts

    assert (skipped.status, skipped.version, again.unchanged) == (Status.SKIPPED, 1, 1)
    entry = aws.entry(7)
    assert (entry.status, entry.is_ready, entry.error_code, entry.error_message) == (Status.PENDING, True, "", "")
    assert (counts.changed, counts.skipped, counts.pdfs) == (1, 0, 1)


def test_a_walk_takes_up_what_it_meets_again_too(aws):
    odoo = FakeOdoo(a_document(7))
    pull(odoo, aws, **since(GO_LIVE + A_DAY))

    pull(odoo, aws, now=LATER)

    assert aws.entry(7).status is Status.PENDING


@pytest.mark.parametrize(
    "previous",
    [
        {"status": Status.POSTED, "qb_id": "12"},
        {"status": Status.VOIDED, "posted_at": NOW},
        {"status": Status.FAILED, "qb_id": "12"},
        {"status": Status.FAILED, "step": Step.CREATE},
        {"status": Status.FAILED, "generation": 1},
        {"status": Status.PENDING},
    ],
)
def test_an_edit_of_what_is_or_may_be_in_the_books_is_never_skipped(aws, previous):
    odoo = FakeOdoo(a_document(7))
    pull(odoo, aws)
    key = a_document(7).entry_id
    aws.stored[key] = replace(aws.stored[key], **previous)
    odoo.put(a_document(7, memo="edited"))

    pull(odoo, aws, now=LATER, **since(GO_LIVE + A_DAY))

    assert (aws.entry(7).status, aws.entry(7).version) == (Status.PENDING, 2)


def test_an_edit_of_what_failed_before_anything_was_sent_is_skipped(aws):
    odoo = FakeOdoo(a_document(7))
    pull(odoo, aws)
    key = a_document(7).entry_id
    aws.stored[key] = replace(aws.stored[key], status=Status.FAILED, error_code="account_unmapped")
    odoo.put(a_document(7, memo="edited"))

    pull(odoo, aws, now=LATER, **since(GO_LIVE + A_DAY))

    assert aws.entry(7).status is Status.SKIPPED
    assert not [key for key in aws.objects if key.startswith("pending/")]


def test_a_dry_run_counts_what_would_be_skipped(aws):
    counts = pull(FakeOdoo(a_document(7)), aws, dry_run=True, **since(GO_LIVE + A_DAY)).counts

    assert (counts.new, counts.skipped) == (1, 1)
    assert aws.journal == []


def test_an_hour_after_the_last_change_an_idle_pull_reads_no_document(aws):
    odoo = FakeOdoo(a_document(1), a_document(2))
    pull(odoo, aws)
    ticks = [NOW + timedelta(minutes=15 * number) for number in range(1, 9)]

    found = [pull(odoo, aws, now=tick).counts.found for tick in ticks]

    assert found[-1] == 0
    assert odoo.asked[-1].since == ticks[-2] - CLOCKS_DIFFER - LOOKBACK
