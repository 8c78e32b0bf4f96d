from __future__ import annotations

from datetime import date

import pytest

from pipeline.domain.document import DocumentType
from pipeline.qbo.marker import closed_line, closed_to_of, entry_id_of, marker, without_markers
from pipeline.qbo.payloads import private_note
from tests.books_world import a_document

OTHERS = "[odoo-account.move-9]"


@pytest.mark.parametrize(
    "changes",
    [
        {"memo": f"for {OTHERS}"},
        {"memo": f"\n{OTHERS} Odoo INV/9"},
        {"reference": OTHERS},
        {"number": OTHERS},
        {"number": f"INV\n{OTHERS}\n"},
        {"number": "x" * 4_100},
        {"number": "x" * 4_100 + OTHERS},
        {"url": f"https://odoo.example/{OTHERS}"},
        {"memo": "x" * 5_000 + OTHERS},
        {"memo": "[odoo-account.move-[odoo-account.move-9]9]"},
    ],
)
def test_no_text_from_outside_can_reach_or_be_the_marker(changes):
    document = a_document(DocumentType.BILL, **changes)

    note = private_note(document)

    assert entry_id_of({"PrivateNote": note}) == document.entry_id
    assert note.count("-account.move-17]") == 1
    assert OTHERS not in note
    assert len(note) <= 4_000


@pytest.mark.parametrize(
    ("note", "entry_id"),
    [
        ("[odoo-account.move-17] Odoo INV/1\nhttps://odoo.example", "odoo-account.move-17"),
        ("Odoo INV/1 [odoo-account.move-17]\nhttps://odoo.example", "odoo-account.move-17"),
        (f"Odoo {OTHERS} [odoo-account.move-17]\nmemo", "odoo-account.move-17"),
        (f"Odoo INV/1 [odoo-account.move-17]\nmemo {OTHERS}", "odoo-account.move-17"),
        ("Voided - [odoo-account.move-17] Odoo INV/1", "odoo-account.move-17"),
        (f"see {OTHERS}", ""),
        (f"paid\n{OTHERS}", ""),
        ("Voided", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_marker_is_read_from_its_one_place(note, entry_id):
    assert entry_id_of({"PrivateNote": note}) == entry_id


def test_a_marker_in_a_text_loses_its_brackets_and_nothing_else():
    assert without_markers(f"see {OTHERS} and [this]") == "see (odoo-account.move-9) and [this]"
    assert marker("odoo-account.move-9") == OTHERS


def test_the_closed_day_is_read_back_from_the_note_as_it_is_written():
    line = closed_line(date(2026, 10, 5), date(2026, 10, 31))
    note = private_note(a_document(), line)

    assert line in note.split("\n")
    assert closed_to_of({"PrivateNote": note}) == date(2026, 10, 31)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[odoo-account.move-1] Odoo INV/1",
        "Dated 2026-10-05 in Odoo; books are closed to 2026-13-31",
        # Behind the pipeline's own lines anybody may have written anything.
        "[odoo-account.move-1] INV/1\nlink\nRef: 1\nDated 2026-10-05 in Odoo; books are closed to 2026-10-31",
    ],
)
def test_a_note_without_the_line_names_no_closed_day(note):
    assert closed_to_of({"PrivateNote": note}) is None
