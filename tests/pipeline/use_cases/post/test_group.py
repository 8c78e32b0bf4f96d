"""Documents that are posted together: each has its own answer, and one call serves many."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from pipeline.domain.entry import OUTCOME_SETTLES_S, Status, Step
from pipeline.domain.errors import OutcomeUnknown, OutOfTime, Rejected, Unavailable
from pipeline.use_cases.post import group, work_list
from pipeline.use_cases.post.group import TOGETHER_MAX
from tests.books_world import COMPANY, NOW
from tests.posting_run_world import Books, World


class CountingBooks(Books):
    """Books that note what was asked in one call, and may leave a call without an answer."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.batches: list[tuple[str, list[str]]] = []
        self.uploads: list[int] = []
        self.lost_after: int | None = None
        self.poison = ""

    def create_together(self, drafts, batch_id):
        self.batches.append((batch_id, [draft.body["Marker"] for draft, _ in drafts]))
        if self.poison in (draft.body["Marker"] for draft, _ in drafts):
            return [OutcomeUnknown("no answer")] * len(drafts)
        if self.lost_after is not None:
            super().create_together(drafts[: self.lost_after], batch_id)
            return [OutcomeUnknown("no answer")] * len(drafts)
        return super().create_together(drafts, batch_id)

    def create(self, draft, request_id):
        if self.poison and draft.body["Marker"] == self.poison:
            raise OutcomeUnknown("no answer")
        return super().create(draft, request_id)

    def attach(self, pdfs):
        self.uploads.append(len(pdfs))
        return super().attach(pdfs)


@pytest.fixture
def world():
    world = World()
    world.books[COMPANY] = CountingBooks()
    return world


def ids(*numbers):
    return [f"odoo-account.move-{number}" for number in numbers]


def test_thirty_documents_are_created_in_one_call_and_their_pdfs_attached_in_another(world):
    for number in range(1, TOGETHER_MAX + 1):
        world.add(number)

    results = world.run()

    books = world.books[COMPANY]
    assert results.posted == TOGETHER_MAX
    assert [len(markers) for _, markers in books.batches] == [TOGETHER_MAX]
    assert books.uploads == [TOGETHER_MAX]
    assert all(len(row.files) == 1 for row in books.rows.values())


def test_no_call_has_more_files_than_are_sent_together(world, monkeypatch):
    monkeypatch.setattr(group, "FILES_TOGETHER_MAX", 10)
    for number in range(1, TOGETHER_MAX + 1):
        world.add(number)

    world.run()

    assert world.books[COMPANY].uploads == [10, 10, 10]


def test_documents_that_would_fill_the_memory_until_their_turn_are_read_again_then(world, monkeypatch):
    for number in range(1, 6):
        world.add(number)
    lines = len(world.store.document(world.entry(1)).lines)
    monkeypatch.setattr(work_list, "LINES_AHEAD_MAX", 3 * lines)
    reads = []
    real = world.store.document

    def read(entry, **options):
        reads.append(entry.entry_id)
        return real(entry, **options)

    monkeypatch.setattr(world.store, "document", read)

    assert world.run().posted == 5
    assert Counter(Counter(reads).values()) == {1: 3, 2: 2}


def test_no_batch_has_more_documents_or_lines_than_quickbooks_takes(world, monkeypatch):
    monkeypatch.setattr(group, "LINES_TOGETHER_MAX", 8)
    for number in range(1, 21):
        world.add(number)

    world.run()

    sizes = [len(markers) for _, markers in world.books[COMPANY].batches]
    lines = len(world.store.document(world.entry(1)).lines)
    assert sum(sizes) == 20
    assert max(sizes) * lines <= 8


def test_a_document_alone_is_no_batch(world):
    world.add(1)

    world.run()

    assert world.books[COMPANY].batches == []
    assert world.status(1) is Status.POSTED


def test_the_refusal_of_one_document_is_its_own(world):
    for number in range(1, 6):
        world.add(number)
    real = world.books[COMPANY].create

    def refusing(draft, request_id):
        if draft.body["Marker"] == ids(3)[0]:
            raise Rejected("its account is gone. Name another.", code="quickbooks_2500")
        return real(draft, request_id)

    world.books[COMPANY].create = refusing

    results = world.run()

    assert (results.posted, results.failed, results.paused) == (4, 1, [])
    assert world.status(3) is Status.FAILED


def test_each_create_of_a_lost_batch_is_looked_for_before_it_is_sent_again(world):
    books = world.books[COMPANY]
    books.lost_after = 2
    for number in range(1, 5):
        world.add(number)

    first = world.run()
    books.lost_after = None
    batch_id = books.batches[0][0]
    kept = {(world.entry(number).step, world.entry(number).batch_id) for number in range(1, 5)}
    world.clock.sleep(OUTCOME_SETTLES_S + 300)
    second = world.run()

    assert (first.posted, first.paused, second.posted) == (0, [], 4)
    assert kept == {(Step.CREATE, batch_id)}
    # Two were there. The others are repeated alone, each under the ids QuickBooks would know them by.
    assert sorted(books.batches[1:]) == [(batch_id, ids(3)), (batch_id, ids(4))]
    assert sorted(row.marker for row in books.rows.values()) == ids(1, 2, 3, 4)


def test_one_document_that_spoils_its_batch_holds_up_nobody(world):
    world.books[COMPANY].poison = ids(2)[0]
    for number in range(1, 6):
        world.add(number)

    first = world.run()
    world.clock.sleep(OUTCOME_SETTLES_S + 300)
    second = world.run()

    assert (first.posted, first.paused) == (0, [])
    assert (second.posted, second.paused) == (4, [])
    assert world.status(2) is Status.POSTING


def test_an_error_nobody_expected_fails_the_documents_of_its_call_and_no_others(world):
    for number in range(1, 4):
        world.add(number)
    world.books[COMPANY].create_together = lambda drafts, batch_id: (_ for _ in ()).throw(KeyError("Id"))

    results = world.run()

    assert (results.failed, results.paused) == (3, [])
    assert {world.entry(number).error_code for number in range(1, 4)} == {"unexpected"}


def test_no_pdf_stays_in_memory_after_it_was_attached(world, monkeypatch):
    kept = []
    real = group.Group._attach

    def watched(self, tasks):
        kept.append(sum(task.posting.found.pdf is not None for task in seen))
        seen.extend(tasks)
        return real(self, tasks)

    seen = []
    monkeypatch.setattr(group.Group, "_attach", watched)
    monkeypatch.setattr(group, "FILES_TOGETHER_MAX", 10)
    for number in range(1, TOGETHER_MAX + 1):
        world.add(number)

    world.run()

    assert kept == [0, 0, 0]
    assert world.entry(1).posted_at == NOW


# -- what is stored together -----------------------------------------------------------------------------------------


def saved_together(world, monkeypatch, answer=None):
    """Note how many entries each call stores. `answer` may give another answer, by the number of the call."""
    sizes = []
    real = world.table.save_together

    def save(entries):
        sizes.append(len(entries))
        found = answer(len(sizes), entries, real) if answer else None
        return real(entries) if found is None else found

    monkeypatch.setattr(world.table, "save_together", save)
    return sizes


def test_a_group_stores_attempts_intents_and_results_in_one_call_each(world, monkeypatch):
    for number in range(1, 11):
        world.add(number)
    sizes = saved_together(world, monkeypatch)

    assert world.run().posted == 10
    assert sizes == [10, 10, 10, 10]
    assert all(world.entry(number).killed_attempts == 0 for number in range(1, 11))


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_call_to_the_table_without_an_answer_is_one_trouble_and_sends_nothing(world, monkeypatch, call):
    for number in range(1, 6):
        world.add(number)
    error = Unavailable("The table does not answer.")
    saved_together(
        world, monkeypatch, lambda number, entries, _real: [error] * len(entries) if number == call else None
    )

    results = world.run()

    books = world.books[COMPANY]
    # What only lacks its last save is saved once more, by itself.
    assert (results.posted, results.later) == ((0, 5) if call < 4 else (5, 0))
    assert (results.failed, results.paused) == (0, [])
    assert (len(books.batches), len(books.uploads)) == ((0, 0), (0, 0), (1, 0), (1, 1))[call - 1]
    monkeypatch.undo()
    world.clock.sleep(2 * OUTCOME_SETTLES_S + 600)
    world.run()
    assert [world.status(number) for number in range(1, 6)] == [Status.POSTED] * 5
    assert len(books.rows) == 5
    assert all(len(row.files) == 1 for row in books.rows.values())


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_an_entry_that_is_not_stored_is_its_own_trouble(world, monkeypatch, call):
    for number in range(1, 6):
        world.add(number)
    error = Unavailable("The table does not answer.")

    def answer(number, entries, real):
        return [*real(entries[:4]), error] if number == call else None

    saved_together(world, monkeypatch, answer)

    results = world.run()

    assert (results.posted, results.later, results.paused) == ((4, 1, []) if call < 4 else (5, 0, []))
    assert len(world.books[COMPANY].rows) == (4 if call < 3 else 5)


def test_a_posted_entry_whose_last_save_had_no_answer_says_what_was_noted_and_no_trouble(world, monkeypatch):
    entry = world.add(1)
    world.store.put_all(entry, replace(world.store.document(entry), left_out=("'scan.zip' is an archive.",)))
    error = Unavailable("The table does not answer.")
    saved_together(world, monkeypatch, lambda number, _entries, _real: [error] if number == 4 else None)

    assert world.run().posted == 1
    posted = world.entry(1)
    assert (posted.status, posted.attempts, posted.next_attempt_at) == (Status.POSTED, 0, None)
    assert posted.error_message == "'scan.zip' is an archive."


@pytest.mark.parametrize("call", [1, 2, 3])
def test_what_another_run_has_saved_meanwhile_is_left_to_that_run(world, monkeypatch, call):
    for number in range(1, 6):
        world.add(number)
    other = world.table.beside()

    def answer(number, entries, _real):
        if number == call:
            assert other.save(replace(world.entry(5), batch_id="theirs"))

    saved_together(world, monkeypatch, answer)

    results = world.run()

    assert (results.posted, results.failed, results.later) == (4, 0, 0)
    assert world.entry(5).batch_id == "theirs"
    assert len(world.books[COMPANY].rows) == (4 if call < 3 else 5)


def test_a_stop_between_the_attempts_and_the_documents_takes_the_attempts_back(world, monkeypatch):
    for number in range(1, 6):
        world.add(number)

    def stop(self, _tasks, real=group.Group._store_attempts):
        begun = real(self, _tasks)
        self._troubles.stop(OutOfTime("no time"))
        return begun

    monkeypatch.setattr(group.Group, "_store_attempts", stop)

    results = world.run()

    assert (results.posted, results.remaining) == (0, True)
    assert [world.entry(number).killed_attempts for number in range(1, 6)] == [0] * 5
    assert world.books[COMPANY].batches == []
