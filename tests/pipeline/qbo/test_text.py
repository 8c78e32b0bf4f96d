"""One place cleans whatever is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.stand_ins.quickbooks.checks import _FORBIDDEN, _FORBIDDEN_IN_NAME
from pipeline.domain.document import Party
from pipeline.odoo.rows import text
from pipeline.qbo.marker import marker
from pipeline.qbo.payloads import private_note
from pipeline.qbo.text import LENGTHS, clean, clean_name, cleaned
from tests.books_world import a_document, line, served

# Every character of the first plane but the private ones, halves of pairs among them.
ANY = st.text(st.characters(codec=None, categories=None), max_size=40)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a\x02b\x0bc", "a b c"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb\rc", "a\nb c"),
        ("a\x7fb\x85c", "a b c"),
        ("a\u202eb\u2067c", "abc"),
        ("a\ufffeb\uffffc\U0001ffffd", "abcd"),
        ("a\ud83db", "ab"),
        ("Łódź 😀 \u200fעברית", "Łódź 😀 \u200fעברית"),
    ],
)
def test_controls_become_spaces_and_what_is_no_character_goes(given, expected):
    assert clean(given) == expected


@given(ANY)
def test_nothing_that_is_refused_is_left_and_cleaning_twice_changes_nothing(given):
    assert not _FORBIDDEN.search(clean(given))
    assert not _FORBIDDEN_IN_NAME.search(clean_name(given))
    assert clean(clean(given)) == clean(given)
    clean(given).encode()
    text(given).encode()


def test_every_text_of_a_body_is_cleaned_and_cut_to_its_field():
    body = {"PrivateNote": "x" * 5_000, "Line": [{"Description": "a\x02" * 4_000, "Amount": 1}],
            "CustomerMemo": {"value": "m" * 2_000}, "BillAddr": {"PostalCode": "9" * 40}, "Id": "7"}  # fmt: skip

    found = cleaned(body)

    assert len(found["PrivateNote"]) == LENGTHS["PrivateNote"]
    assert found["Line"] == [{"Description": "a " * 2_000, "Amount": 1}]
    assert (len(found["CustomerMemo"]["value"]), len(found["BillAddr"]["PostalCode"])) == (1_000, 30)
    assert found["Id"] == "7"


def test_no_write_gets_past_the_cleaner():
    with served() as world:
        world.client.write("Customer", {"DisplayName": "A\x02\ud83dB"}, request_id="r-1")

        (request,) = world.requests(part="customer")
        assert json.loads(request.body) == {"DisplayName": "A B"}


def test_half_a_pair_in_a_name_makes_no_hash_fail():
    document = a_document(party=Party(7, "Half \ud83d"), lines=(line(description="\udc00"),))

    assert document.content_hash != a_document().content_hash


def test_what_stood_apart_comes_together_to_no_marker():
    document = a_document(memo="[odoo-account.mo\u202eve-5]", number="[odoo-account.move\ufffe-5]")

    note = private_note(document)

    assert note.count("[") == 1
    assert note.startswith(marker(document.entry_id))
