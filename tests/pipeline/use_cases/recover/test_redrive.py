from __future__ import annotations

from dataclasses import replace

from local.stand_ins.memory import MemoryTable
from pipeline.domain.dead_letter import Letter
from pipeline.domain.entry import Status
from pipeline.use_cases.recover.redrive import odoo_ids, reopen, settle
from tests.books_world import a_document, an_entry

A, B = "odoo-account.move-1", "odoo-account.move-2"


class Letters:
    def __init__(self, *letters) -> None:
        self.letters = list(letters)
        self.journal = []

    def take(self):
        return iter(list(self.letters))

    def remove(self, letter):
        self.journal.append(f"removed {letter.receipt}")
        self.letters.remove(letter)

    def put_back(self, letter):
        self.journal.append(f"put back {letter.receipt}")


def test_a_letter_goes_only_after_its_entries_are_open_again():
    letters = Letters(Letter((A, B), "first"), Letter((), "tick"))

    count = reopen(letters, lambda entry_ids: letters.journal.append(f"opened {len(entry_ids)}"))

    assert count == 2
    assert letters.journal == ["opened 2", "removed first", "opened 0", "removed tick"]


def test_the_documents_of_letters_are_named_once():
    assert odoo_ids([Letter((B, A), "1"), Letter((A,), "2"), Letter((), "3")]) == (1, 2)


def test_a_letter_stays_as_long_as_one_of_its_entries_is_failed():
    table = MemoryTable()
    for odoo_id, status in ((1, Status.FAILED), (2, Status.POSTED)):
        table.put(replace(an_entry(a_document(odoo_id=odoo_id)), status=status))
    letters = Letters(Letter((A,), "failed"), Letter((B,), "posted"), Letter(("odoo-account.move-9",), "unknown"))

    count = settle(letters, table, list(letters.letters))

    assert count == 2
    assert [letter.receipt for letter in letters.letters] == ["failed"]
    assert letters.journal[0] == "put back failed"
