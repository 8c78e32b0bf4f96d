"""A document whose PDF kills the function costs three runs at most, and holds up no other document."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX, REASON
from pipeline.domain.entry import Status
from pipeline.domain.errors import Unauthorized, Unavailable
from pipeline.domain.quoting import CUT
from pipeline.domain.source import NotRendered, Pdf, PdfSource
from pipeline.use_cases.extract import fetch
from tests.builders import COMPANY, a_document
from tests.odoo_world import LATER, OTHER, Aws, Clock, Crash, FakeOdoo, extraction_of, pull

BOTH = (COMPANY, OTHER)


@pytest.fixture
def aws():
    return Aws()


@pytest.fixture
def odoo():
    """Return an Odoo whose first document kills whoever opens its file."""
    odoo = FakeOdoo(a_document(1), a_document(2), a_document(3, company=OTHER))

    def kills(document):
        if document.odoo_id == 1:
            raise Crash

    odoo.before_pdf = kills
    return odoo


def runs(odoo, aws, count, **options):
    """Run so many times and return how many runs were killed."""
    killed = 0
    for _ in range(count):
        try:
            pull(odoo, aws, companies=BOTH, **options)
        except Crash:
            killed += 1
    return killed


def test_three_killed_runs_later_the_document_gets_a_plain_page_that_names_the_reason(aws, odoo):
    assert runs(odoo, aws, 6, now=LATER) == KILLED_ATTEMPTS_MAX

    entry = aws.entry(1)
    assert (entry.is_ready, entry.pdf_source, entry.killed_attempts) == (True, "plain", 0)
    ((odoo_id, reason),) = odoo.untouched
    assert odoo_id == 1
    assert reason == "ended the function 3 times, as too large or too slow to work on; it stays in Odoo"


def test_after_the_first_killed_run_everything_else_of_all_companies_goes_on(aws, odoo):
    assert runs(odoo, aws, 2) == 2

    assert aws.entry(2).is_ready
    assert aws.entry(3).is_ready
    assert aws.since is not None
    assert not aws.entry(1).is_ready


def test_an_attempt_is_counted_before_the_file_is_opened(aws, odoo):
    counted = []
    odoo.before_pdf = lambda document: counted.append(aws.entry(document.odoo_id).killed_attempts)

    pull(odoo, aws)

    assert counted == [1, 1]
    assert aws.entry(1).killed_attempts == 0


def test_the_pdf_before_is_in_the_table_when_the_next_file_is_opened(aws, odoo):
    ready = []
    odoo.before_pdf = lambda _document: ready.append([entry.is_ready for entry in aws.stored.values()])

    pull(odoo, aws)

    assert ready == [[False], [True, False]]
    assert aws.entry(2).is_ready


def test_the_last_pdf_is_in_the_table_before_the_cursor_moves(aws, odoo):
    odoo.before_pdf = lambda _document: None

    pull(odoo, aws)

    assert [what for what, _which in aws.journal if what in ("ready", "cursor")][:3] == ["ready", "ready", "cursor"]


def test_a_new_document_takes_one_write_until_its_file_is_opened_and_none_of_its_own_after_it(aws, odoo):
    odoo.before_pdf = lambda _document: None

    pull(odoo, aws)

    assert [what for what, which in aws.journal if which == 2] == ["document", "entry", "pdf", "ready"]
    # Told in the call that stores the next one.
    first = [(what, which) for what, which in aws.journal if what in ("entry", "ready")]
    assert first == [("entry", 1), ("ready", 1), ("entry", 2), ("ready", 2)]


def test_a_pdf_is_in_the_table_though_storing_the_next_document_fails_and_before_the_next_company(aws, odoo):
    odoo.before_pdf = lambda _document: None
    aws.store.refused[2] = Unavailable("not now")

    with pytest.raises(Unavailable):
        extraction_of(odoo, aws).pull(COMPANY)

    assert (aws.entry(1).is_ready, aws.entry(1).killed_attempts) == (True, 0)


def test_a_new_document_without_time_for_its_pdf_counts_no_attempt(aws, odoo):
    clock = Clock()
    odoo.before_pdf = lambda _document: clock.passes(290)

    extraction = pull(odoo, aws, clock=clock)

    assert (aws.entry(1).is_ready, extraction.counts.remaining) == (True, True)
    assert (aws.entry(2).is_ready, aws.entry(2).killed_attempts) == (False, 0)


@pytest.mark.parametrize("error", [Unavailable("not now"), NotRendered("not now"), Unauthorized("no right")])
def test_an_attempt_that_ends_with_an_error_was_not_killed(aws, error):
    odoo = FakeOdoo(a_document(1))

    def raises(_document):
        raise error

    odoo.before_pdf = raises
    for _ in range(2):
        with suppress(Unauthorized):
            pull(odoo, aws, now=LATER)

    assert aws.entry(1).killed_attempts == 0


def test_attempts_that_ended_well_do_not_take_back_one_that_was_killed(aws, odoo):
    runs(odoo, aws, 1)
    odoo.before_pdf = lambda _document: (_ for _ in ()).throw(NotRendered("not now"))
    runs(odoo, aws, 1)

    assert aws.entry(1).killed_attempts == 1


def test_a_suspect_is_not_tried_without_time(aws, odoo):
    runs(odoo, aws, 1)
    clock = Clock()
    odoo.before_pdf = lambda document: clock.passes(290) if document.odoo_id == 2 else pytest.fail("it was tried")

    extraction = pull(odoo, aws, clock=clock)

    assert (aws.entry(1).killed_attempts, extraction.counts.remaining) == (1, True)


def test_a_suspect_that_was_not_the_cause_gets_its_own_pdf(aws, odoo):
    runs(odoo, aws, 1)
    odoo.before_pdf = lambda _document: None

    runs(odoo, aws, 1)

    entry = aws.entry(1)
    assert (entry.is_ready, entry.pdf_source, entry.killed_attempts) == (True, "legal", 0)


def test_no_more_suspects_are_kept_than_fit(aws, monkeypatch):
    monkeypatch.setattr(fetch, "SUSPECTS_MAX", 2)
    odoo = FakeOdoo(*(a_document(number) for number in range(1, 6)))
    pull(odoo, aws)
    for number in range(1, 6):
        entry = aws.entry(number)
        aws.table.put(replace(entry, pdf_sha256="", killed_attempts=1))
    odoo.pdfs_asked.clear()

    pull(odoo, aws, now=LATER)

    assert len(odoo.pdfs_asked) == 2


def test_more_active_files_than_an_entry_has_room_for_are_cut_off_and_it_shows(aws):
    odoo = FakeOdoo(a_document(1))
    odoo.pdf = lambda _document, **_options: Pdf(b"%PDF", PdfSource.ATTACHED, active=("'a.pdf' acts.",) * 1_000)

    pull(odoo, aws)

    assert len(aws.entry(1).active_content) == fetch.ACTIVE_LENGTH_MAX
    assert aws.entry(1).active_content.endswith(CUT)


def test_a_fault_of_ours_costs_a_document_its_pdf_and_no_other_anything(aws, odoo):
    def breaks(document):
        if document.odoo_id == 1:
            raise AssertionError("unknown")

    odoo.before_pdf = breaks
    runs(odoo, aws, 1)

    assert aws.entry(1).pdf_source == "plain"
    assert odoo.untouched == [(1, "could not be worked on (AssertionError); it stays in Odoo")]
    assert aws.entry(2).is_ready


def test_memory_used_up_at_a_pdf_counts_as_an_end_of_the_function_and_costs_no_other_document_anything(aws, odoo):
    def breaks(document):
        if document.odoo_id == 1:
            raise MemoryError

    odoo.before_pdf = breaks
    runs(odoo, aws, 1)
    met = aws.entry(1)
    runs(odoo, aws, KILLED_ATTEMPTS_MAX)

    assert (met.is_ready, met.killed_attempts) == (False, 1)
    assert aws.entry(2).is_ready
    assert aws.entry(1).pdf_source == "plain"
    assert odoo.untouched == [(1, f"{REASON}; it stays in Odoo")]


def test_memory_used_up_in_a_document_names_the_function_and_what_to_do(aws, odoo, monkeypatch):
    odoo.before_pdf = lambda _document: None

    def breaks(_document, _version):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(aws.store, "put_document", breaks)
        (failure, *_others) = pull(odoo, aws).failures
    pull(odoo, aws, now=LATER)

    assert failure.code == "exhausted"
    assert "raise memory_mb of odoo-extractor in Terraform" in failure.message
    assert aws.entry(1).status is Status.PENDING


def test_a_fault_of_ours_in_a_document_fails_it_by_name_once_and_no_other(aws, odoo, monkeypatch):
    odoo.before_pdf = lambda _document: None
    store = aws.store.put_document

    def breaks(document, version):
        if document.odoo_id == 1:
            raise AssertionError("unknown")
        return store(document, version)

    monkeypatch.setattr(aws.store, "put_document", breaks)
    extraction = pull(odoo, aws, companies=BOTH)
    again = pull(odoo, aws, companies=BOTH, now=LATER)

    (failure,) = extraction.failures
    assert failure.message.startswith(f"{a_document(1).title}: the pipeline met something unexpected (AssertionError)")
    assert again.failures == []
    assert (aws.entry(1).status, aws.entry(1).error_code) == (Status.FAILED, "unexpected")
    assert aws.entry(2).is_ready
    assert aws.entry(3).is_ready

    monkeypatch.undo()
    pull(odoo, aws, companies=BOTH, now=LATER)

    assert aws.entry(1).status is Status.PENDING
