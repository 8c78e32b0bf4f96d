"""A document for which Odoo gives no usable answer holds up no other, is noted by its name, and is tried again."""

from datetime import timedelta

import pytest

from pipeline.domain.cursor import PAGE_DOCUMENTS
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import Status
from pipeline.domain.errors import InvalidDocument, NeedsAttention, Unavailable
from pipeline.domain.from_odoo import UNANSWERED_BY_ODOO
from pipeline.domain.source import Page, Selection, TooMany, UnreadableDocument
from pipeline.use_cases.extract.reading import FEWER, OTHERS_TRIED_MAX, PAGE_ALLOWANCE_S, TRIED_AGAIN_AFTER
from tests.builders import WRITTEN_AT, a_document
from tests.odoo_world import NOW, OTHER, Aws, Clock, FakeOdoo, pull

MESSAGE = "INV/9 gets no usable answer from Odoo."


class PoisonedOdoo(FakeOdoo):
    """An Odoo that gives no answer to a page with one of its `poison` in it, which takes `seconds`."""

    def __init__(self, *documents, poison=(), clock=None, seconds=0.0):
        super().__init__(*documents)
        self.poison, self.clock, self.seconds = set(poison), clock, seconds
        self.limits = []
        self.reason = Unavailable("Odoo answered HTTP 502")

    def page(self, company, selection, *, after_id, limit):
        self.limits.append(limit)
        page = super().page(company, selection, after_id=after_id, limit=limit)
        if self.poison & {document.odoo_id for document in page.documents}:
            if self.clock:
                self.clock.passes(self.seconds)
            raise TooMany(f"for {limit} documents", self.reason)
        return page

    def unanswered_page(self, company, selection, *, after_id, reason):
        assert reason is self.reason
        (document,) = super().page(company, selection, after_id=after_id, limit=1).documents
        error = InvalidDocument(MESSAGE, code=UNANSWERED_BY_ODOO)
        row = UnreadableDocument(document.odoo_id, "INV/9", DocumentType.INVOICE, WRITTEN_AT, error)
        return Page((), (row,), document.odoo_id)


def documents(count):
    return [a_document(odoo_id) for odoo_id in range(1, count + 1)]


@pytest.mark.parametrize("poison", [(1,), (9,), (30,), (3, 4, 17)])
def test_whatever_is_in_front_of_and_behind_it_is_pulled_in_the_same_run(poison):
    aws = Aws()

    extraction = pull(PoisonedOdoo(*documents(30), poison=poison), aws)

    stored = {odoo_id: aws.entry(odoo_id) for odoo_id in range(1, 31)}
    assert {odoo_id for odoo_id, entry in stored.items() if entry.status is Status.FAILED} == set(poison)
    assert all(entry.is_ready for odoo_id, entry in stored.items() if odoo_id not in poison)
    assert {(failure.code, failure.message) for failure in extraction.failures} == {(UNANSWERED_BY_ODOO, MESSAGE)}
    assert not extraction.counts.remaining


def test_a_run_that_ends_while_it_looks_for_the_document_is_not_repeated_whole_by_the_next():
    aws, limits = Aws(), []
    for _ in range(5):
        clock = Clock(300.0)
        odoo = PoisonedOdoo(*documents(20), poison={11}, clock=clock, seconds=260.0)
        pull(odoo, aws, clock=clock)
        limits += odoo.limits

    assert limits[:3] == [PAGE_DOCUMENTS, PAGE_DOCUMENTS // FEWER, PAGE_DOCUMENTS // FEWER // FEWER]
    assert all(aws.entry(odoo_id).is_ready for odoo_id in range(1, 10))


def test_with_too_little_time_left_no_document_is_called_unanswered():
    aws, clock = Aws(), Clock(300.0)
    odoo = PoisonedOdoo(a_document(1), poison={1}, clock=clock, seconds=100.0)

    extraction = pull(odoo, aws, clock=clock)

    assert clock.left_s < PAGE_ALLOWANCE_S
    assert extraction.counts.remaining
    assert aws.entries() == [] if hasattr(aws, "entries") else not aws.stored


def test_it_is_asked_for_again_after_an_hour_and_reported_once():
    aws = Aws()
    odoo = PoisonedOdoo(*documents(3), poison={2})
    pull(odoo, aws)
    odoo.asked.clear()

    soon = pull(odoo, aws, now=NOW + timedelta(minutes=15))

    assert [selection for selection in odoo.asked if 2 in selection.ids] == []
    assert all(2 in selection.without for selection in odoo.asked if selection.since)
    later = pull(odoo, aws, now=NOW + TRIED_AGAIN_AFTER)
    assert [selection.ids for selection in odoo.asked if 2 in selection.ids]
    assert soon.failures == later.failures == []
    tried = len(odoo.limits)
    pull(odoo, aws, now=NOW + TRIED_AGAIN_AFTER + timedelta(minutes=15))
    assert len(odoo.limits) - tried < FEWER


def test_once_odoo_answers_it_is_pulled_like_any_other():
    aws = Aws()
    odoo = PoisonedOdoo(*documents(3), poison={2})
    pull(odoo, aws)
    odoo.poison.clear()

    pull(odoo, aws, now=NOW + TRIED_AGAIN_AFTER)

    assert aws.entry(2).is_ready


def test_one_that_was_asked_for_by_its_id_is_found_out_too():
    aws = Aws()

    extraction = pull(PoisonedOdoo(*documents(20), poison={5}), aws, selection=Selection(ids=(4, 5, 6)))

    assert [failure.code for failure in extraction.failures] == [UNANSWERED_BY_ODOO]
    assert aws.entry(4).is_ready
    assert aws.entry(6).is_ready


@pytest.mark.parametrize("elsewhere", [{20, 21}, {20}, set()], ids=str)
def test_the_only_document_of_a_company_is_called_unanswered_only_when_another_company_is_answered(elsewhere):
    aws = Aws()
    others = [a_document(odoo_id, company=OTHER) for odoo_id in (20, 21)]
    odoo = PoisonedOdoo(a_document(1), *others, poison={1, *elsewhere})

    if 20 in elsewhere:
        with pytest.raises(Unavailable, match="HTTP 502"):
            pull(odoo, aws)
    else:
        pull(odoo, aws)

    assert (1 in {entry.odoo_id for entry in aws.table.failed(9)}) is (20 not in elsewhere)


def test_the_only_document_there_is_at_all_is_never_called_unanswered():
    aws = Aws()
    odoo = PoisonedOdoo(a_document(1), poison={1})

    with pytest.raises(Unavailable, match="HTTP 502"):
        pull(odoo, aws)

    assert not aws.stored
    odoo.poison.clear()
    pull(odoo, aws)
    assert aws.entry(1).is_ready


def test_an_odoo_that_answers_for_no_document_fails_none_of_them_and_is_asked_a_bounded_number_of_times():
    aws = Aws()
    odoo = PoisonedOdoo(*documents(20), poison=range(1, 21))

    for _ in range(5):
        with pytest.raises(Unavailable, match="HTTP 502"):
            pull(odoo, aws)

    assert not aws.stored
    # The page and two smaller ones in the first run; in each the one document, three after it.
    assert len(odoo.limits) <= 3 + 5 * (1 + OTHERS_TRIED_MAX + 1)
    odoo.poison = {7}
    pull(odoo, aws)
    assert [aws.entry(odoo_id).status is Status.FAILED for odoo_id in (6, 7, 8)] == [False, True, False]


def test_what_odoo_complains_about_every_document_is_the_companys_trouble():
    aws = Aws()
    odoo = PoisonedOdoo(*documents(5), poison=range(1, 6))
    odoo.reason = NeedsAttention("Odoo complains: no such field", code="odoo_error")

    with pytest.raises(NeedsAttention):
        pull(odoo, aws)

    assert not aws.stored


def test_a_row_of_them_is_found_out_when_the_first_document_of_the_company_is_readable():
    aws = Aws()
    poison = set(range(2, 2 + 2 * OTHERS_TRIED_MAX))

    pull(PoisonedOdoo(*documents(12), poison=poison), aws)

    assert {n for n in range(1, 13) if aws.entry(n).status is Status.FAILED} == poison


def test_an_odoo_that_answers_nothing_is_no_fault_of_a_document():
    aws = Aws()
    odoo = PoisonedOdoo(a_document(1))

    def down(_company):
        raise Unavailable("Odoo did not answer within 60 s")

    odoo.before_page = down

    with pytest.raises(Unavailable):
        pull(odoo, aws)

    assert not aws.stored
