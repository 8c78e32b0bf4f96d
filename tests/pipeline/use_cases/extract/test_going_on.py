"""A pull that runs out of time goes on at once, and never beside the next one of the schedule."""

from datetime import timedelta

import pytest

from pipeline.aws.events import GO_ON_MAX_S, extractor_command, go_on_until
from pipeline.domain.commands import Pull, RedrivePulls
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import InvalidRequest
from pipeline.use_cases.extract.going_on import LINK_MIN_S, OUT_OF_TIME_S, goes_on, goes_on_until, limited
from pipeline.use_cases.extract.pull import BACKLOG_MAX
from pipeline.use_cases.extract.run import BACKLOG_WAIT_S, BACKLOG_WAITS_MAX, run
from tests.builders import COMPANY, a_document
from tests.odoo_world import NOW, OTHER, Aws, FakeOdoo, extraction_of

LATER = NOW + timedelta(seconds=900)


def left(seconds):
    return Deadline(lambda: int(1000 * seconds))


@pytest.mark.parametrize(
    ("command", "until"),
    [
        (Pull(go_on_for_s=900), LATER),
        (Pull(go_on_until=LATER), LATER),
        (Pull(), None),
        (Pull("companyA"), None),
        (RedrivePulls(), None),
    ],
)
def test_only_a_pull_of_the_schedule_goes_on(command, until):
    assert goes_on_until(command, NOW) == until


@pytest.mark.parametrize(
    ("until", "left_s", "remaining", "expected"),
    [
        (LATER, OUT_OF_TIME_S, True, True),
        (LATER, OUT_OF_TIME_S, False, False),  # all is pulled
        (LATER, OUT_OF_TIME_S + 1, True, False),  # it ended for another reason, such as a backlog
        (NOW + timedelta(seconds=LINK_MIN_S), OUT_OF_TIME_S, True, True),
        (NOW + timedelta(seconds=LINK_MIN_S - 1), OUT_OF_TIME_S, True, False),  # the next one comes
        (None, OUT_OF_TIME_S, True, False),
    ],
)
def test_it_goes_on_where_nothing_but_its_own_time_ran_out(until, left_s, remaining, expected):
    assert goes_on(until, left(left_s), NOW, remaining=remaining) is expected


@pytest.mark.parametrize(("left_s", "until", "expected"), [(300, LATER, 300), (300, NOW + timedelta(seconds=120), 120)])
def test_the_last_link_ends_before_the_next_pull_begins(left_s, until, expected):
    assert limited(left(left_s), until, lambda: NOW).remaining_s == expected


def test_each_link_is_started_with_the_instant_of_the_first():
    assert extractor_command(go_on_until(LATER)) == Pull(go_on_until=LATER)
    assert extractor_command({"go_on_for_s": 900}) == Pull(go_on_for_s=900)


@pytest.mark.parametrize(
    "event",
    [
        {"go_on_for_s": 0}, {"go_on_for_s": GO_ON_MAX_S + 1}, {"go_on_for_s": "900"}, {"go_on_for_s": True},
        {"go_on_for_s": 900, "company": "companyA"}, {"go_on_until": "soon"},
    ],
)  # fmt: skip
def test_an_event_that_asks_for_anything_else_is_refused(event):
    with pytest.raises(InvalidRequest, match="go_on"):
        extractor_command(event)


# -- a backlog ---------------------------------------------------------------------------------------------------------


def pulled(aws, odoo, *, wait, companies=(COMPANY,)):
    extraction = extraction_of(odoo, aws)
    extraction.wait = wait
    run(extraction, companies, None)
    return extraction.counts


def test_a_backlog_that_the_poster_works_off_is_waited_for():
    aws, waits = Aws(), []
    aws.fill(BACKLOG_MAX)

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            aws.stored.clear()

    assert pulled(aws, FakeOdoo(a_document(1)), wait=wait).new == 1
    assert waits == [BACKLOG_WAIT_S] * 2


def test_a_backlog_that_stays_is_not_waited_for_for_long():
    aws, waits = Aws(), []
    aws.fill(BACKLOG_MAX)

    assert pulled(aws, FakeOdoo(a_document(1)), wait=waits.append).new == 0
    assert waits == [BACKLOG_WAIT_S] * BACKLOG_WAITS_MAX


def test_a_company_with_a_backlog_lets_the_others_go_first():
    aws, seen = Aws(), []
    aws.fill(BACKLOG_MAX)
    odoo = FakeOdoo(a_document(1), a_document(9, company=OTHER))

    def wait(_seconds):
        seen.append({entry.odoo_id for entry in aws.stored.values()})

    pulled(aws, odoo, wait=wait, companies=(COMPANY, OTHER))

    assert 9 in seen[0]
