"""The edges of a month: it has begun once it has anywhere on earth, and is over once it is everywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from local.stand_ins.clock import StillClock
from pipeline.domain.commands import CloseMonth, CompareMonths
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.tie_out.mail import is_mail_day
from pipeline.domain.tie_out.month import Month, earliest_day, latest_day
from pipeline.use_cases.tie_out import close, months
from tests.tie_out_world import OCTOBER

PAGO_PAGO, LINE_ISLANDS = timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))
AUCKLAND, LOS_ANGELES = timezone(timedelta(hours=13)), timezone(timedelta(hours=-8))


def given(world, command, moment):
    """Run a command at an instant."""
    collaborators = replace(world.collaborators(), clock=StillClock(moment.astimezone(UTC)))
    return close.run(collaborators, [world.company], command)


@pytest.mark.parametrize("zone", [AUCKLAND, LINE_ISLANDS])
def test_a_month_can_be_compared_on_its_first_morning_wherever_the_company_is(zone):
    morning = datetime(2026, 11, 1, 7, 0, tzinfo=zone)

    assert str(Month.parse("2026-11", latest_day(morning.astimezone(UTC)))) == "2026-11"


def test_a_month_that_has_begun_nowhere_is_refused(world):
    with pytest.raises(InvalidRequest, match="November 2026 has not begun"):
        given(world, CompareMonths(world.company.name, "2026-11"), datetime(2026, 10, 31, 9, 59, tzinfo=UTC))


def test_a_month_that_was_compared_where_it_had_begun_does_not_stop_the_next_daily_run(world):
    world.values.keep(months.index_key(world.company.name), '{"2026-11": {"verdict": "does not tie out"}}')

    results = given(world, CompareMonths(), datetime(2026, 10, 31, 12, 0, tzinfo=UTC))

    assert {found["month"] for found in results.tie_outs} == {"2026-11", "2026-10", "2026-09"}


@pytest.mark.parametrize("zone", [PAGO_PAGO, LOS_ANGELES])
def test_a_month_is_not_closed_while_somebody_may_still_date_an_invoice_in_it(world, zone):
    evening = datetime(2026, 10, 31, 23, 30, tzinfo=zone)

    answer = given(world, CloseMonth(world.company.name, str(OCTOBER), "Ann"), evening).closing

    assert not answer["closed"]
    assert "October 2026 has not ended everywhere on earth" in answer["open"][0]


def test_a_month_is_closed_once_it_is_over_everywhere(world):
    noon = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)

    assert given(world, CloseMonth(world.company.name, str(OCTOBER), "Ann"), noon).closing["closed"]


@pytest.mark.parametrize(
    ("moment", "is_due"),
    [
        (datetime(2026, 5, 31, 23, 0, tzinfo=LOS_ANGELES), False),  # in UTC it is Monday the first
        (datetime(2026, 6, 1, 12, 0, tzinfo=UTC), True),
    ],
)
def test_the_mail_of_the_first_working_day_is_not_written_before_the_month_is_over(moment, is_due):
    assert is_mail_day(earliest_day(moment.astimezone(UTC))) is is_due


def test_a_month_that_is_not_over_everywhere_is_no_open_one(world):
    world.remove(next(iter(world.documents)))
    command = CompareMonths(world.company.name, str(OCTOBER))

    before = given(world, command, datetime(2026, 11, 1, 11, 59, tzinfo=UTC))
    after = given(world, command, datetime(2026, 11, 1, 12, 0, tzinfo=UTC))

    assert (before.open_months, after.open_months) == (0, 1)


# -- two at once -------------------------------------------------------------------------------------------------------


def test_of_two_tie_outs_of_one_company_at_once_neither_loses_what_the_other_marks(world):
    collaborators = world.collaborators()
    kept = world.values.change

    def with_another(key, of):
        """Another run marks its month between the reading and the writing of this one."""
        marked = []

        def and_then(text):
            if not marked:
                marked.append(True)
                months._mark(collaborators, world.company.name, Month(2026, 9), {"verdict": months.UNFINISHED})
            return of(text)

        world.values.change = kept
        kept(key, and_then)

    world.values.change = with_another

    months._mark(collaborators, world.company.name, OCTOBER, {"verdict": "ties out"})

    assert {name: one["verdict"] for name, one in months._kept(world.values, world.company.name).items()} == {
        "2026-09": months.UNFINISHED,
        "2026-10": "ties out",
    }
