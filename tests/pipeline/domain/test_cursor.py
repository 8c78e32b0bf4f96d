"""How far a company was read, after each page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.cursor import CLOCKS_DIFFER, Cursor
from pipeline.domain.document import DocumentType
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.source import Page, UnreadableDocument
from tests.builders import a_document

BEGAN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE, AFTER, LONG_AGO = BEGAN - HOUR, BEGAN + HOUR, BEGAN - 30 * HOUR
LAST_PAGE = Page((), (), 0)


def page(*moments, last_id=7, unreadable=()):
    rows = [UnreadableDocument(9, "", DocumentType.INVOICE, moment, InvalidDocument("no")) for moment in unreadable]
    return Page(tuple(a_document(written_at=moment) for moment in moments), tuple(rows), last_id)


def walk(**changes):
    return Cursor(**{"walk_began": BEGAN, **changes})


def test_a_walk_begins_at_the_first_id_and_keeps_since():
    assert Cursor(since=BEFORE, after_id=5, seen=BEFORE).begun(BEGAN) == walk(since=BEFORE)


def test_a_page_moves_the_id_and_not_since():
    after = walk(since=BEFORE).after(page(BEGAN, last_id=200))

    assert after == walk(since=BEFORE, after_id=200, seen=BEGAN)


@pytest.mark.parametrize(
    ("seen", "moments", "unreadable", "expected"),
    [
        (None, [BEFORE, BEGAN], [], BEGAN),
        (None, [BEGAN, BEFORE], [], BEGAN),
        (AFTER, [BEFORE], [], AFTER),
        (None, [BEFORE], [AFTER], AFTER),
        (None, [], [BEFORE], BEFORE),
    ],
)
def test_the_latest_write_date_met_is_kept_whether_it_can_be_read_or_not(seen, moments, unreadable, expected):
    assert walk(seen=seen).after(page(*moments, unreadable=unreadable)).seen == expected


@pytest.mark.parametrize(
    ("since", "seen", "expected"),
    [
        (None, BEFORE, BEFORE),
        (None, AFTER, BEGAN),
        (BEFORE, BEGAN, BEGAN),
        (BEGAN, BEFORE, BEGAN),
        (AFTER, AFTER, AFTER),
        (BEFORE, None, BEFORE),
        (LONG_AGO, None, BEGAN - CLOCKS_DIFFER),
        (LONG_AGO, LONG_AGO, BEGAN - CLOCKS_DIFFER),
        (None, LONG_AGO, BEGAN - CLOCKS_DIFFER),
        (None, None, None),
    ],
    ids=[
        "to the latest write date",
        "no further than the walk's beginning",
        "forward",
        "never back",
        "never back, though the walk began earlier",
        "nothing seen, nothing moved",
        "with the walks, when nothing has changed for long",
        "with the walks, past what was changed long ago",
        "with the first walk, too",
        "nothing ever",
    ],
)
def test_at_the_end_of_a_walk_the_cursor_moves(since, seen, expected):
    assert walk(since=since, after_id=200, seen=seen).after(LAST_PAGE) == Cursor(since=expected)


def test_without_a_walk_there_is_nothing_to_end():
    assert Cursor(since=BEFORE, seen=AFTER).after(LAST_PAGE) == Cursor(since=BEFORE)
