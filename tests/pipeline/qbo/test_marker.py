from __future__ import annotations

import pytest

from pipeline.domain.document import DocumentType
from pipeline.qbo.marker import entry_id_of, marker, without_markers
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
