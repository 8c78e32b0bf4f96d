"""Dataclasses survive the way through JSON exactly."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.codec import decode, dumps, encode, loads, long_json
from pipeline.domain.cursor import Cursor
from pipeline.domain.document import Attachment, Document, DocumentType, Share
from pipeline.domain.entry import Entry, Status, Step
from tests.builders import LINE, SALES_TAX, a_document, an_entry

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False)


def test_a_document_comes_back_as_it_was():
    document = a_document(
        lines=(LINE, LINE),
        attachments=(Attachment(5, "ä/../b.pdf", "application/pdf", 10, "00", is_legal=True),),
        exchange_rate=Decimal("1.075268817"),
    )

    assert loads(Document, dumps(document)) == document


def test_an_entry_with_empty_and_filled_fields_comes_back_as_it_was():
    entry = an_entry(step=Step.CREATE, qb_total=Decimal("1.10"), posted_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert loads(Entry, dumps(entry)) == entry


@given(TEXTS, AMOUNTS, st.lists(AMOUNTS, max_size=3))
def test_every_text_and_amount_comes_back_exactly(text, amount, percentages):
    shares = tuple(Share(text, percentage) for percentage in percentages)
    line = type(LINE)(LINE.kind, text, amount, shares=shares)

    back = loads(type(LINE), dumps(line))

    assert back == line
    assert str(back.amount) == str(amount)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(min_value=0))
def test_a_cursor_comes_back_with_its_time_zone(moment, after_id):
    cursor = Cursor(since=moment, after_id=after_id)

    assert loads(Cursor, dumps(cursor)) == cursor


def test_a_value_has_one_text_sorted_and_without_spaces():
    assert dumps(Cursor(after_id=7)) == '{"after_id":7,"page_max":0,"seen":null,"since":null,"walk_began":null}'


def test_amounts_are_written_as_text_and_enums_by_value():
    assert encode((Decimal("1.10"), Status.POSTED, DocumentType.BILL)) == ["1.10", "posted", "bill"]


@pytest.mark.parametrize("text", ["", "[", "null", "[]", "{}", '{"nope":1}', '{"since":5}', '{"since":"yesterday"}'])
def test_a_text_that_is_something_else_is_a_value_error(text):
    with pytest.raises(ValueError):
        loads(Document if text == "{}" else Cursor, text)


def test_nothing_is_guessed_for_an_unknown_enum_value():
    with pytest.raises(ValueError, match="nonsense"):
        decode(Status, "nonsense")


def test_an_optional_dataclass_may_be_absent():
    @dataclass(frozen=True)
    class Holder:
        tax: type(SALES_TAX) | None = None

    assert decode(type(SALES_TAX) | None, None) is None
    assert decode(type(SALES_TAX) | None, encode(SALES_TAX)) == SALES_TAX
    assert Holder().tax is None


@pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"a": "line\nbreak", "b": {"c": [1, 2]}}, {"a": '\n "rows": []'}]])
def test_a_long_list_is_worded_as_the_whole_would_be(rows):
    value = {"before": '\n "rows": []', "inner": {"rows": []}, "rows": [], "after": "\ud800 é"}

    text = long_json(value, "rows", rows)

    assert text == json.dumps({**value, "rows": rows}, ensure_ascii=False, indent=1).encode("utf-8", "replace")
