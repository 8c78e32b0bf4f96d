from __future__ import annotations

from dataclasses import replace

from local.stand_ins.memory import MemoryTable
from pipeline.domain.dead_letter import Letter
from pipeline.domain.deadline import Deadline
from pipeline.domain.entry import Status
from pipeline.use_cases.recover.redrive import (
    LETTER_ALLOWANCE_S,
    LETTERS_MAX,
    REOPEN_ALLOWANCE_S,
    Taking,
    odoo_ids,
    reopen,
    settle,
)
from tests.books_world import a_document, an_entry

TOGETHER = 10
A, B = "odoo-account.move-1", "odoo-account.move-2"


class Letters:
    def __init__(self, *letters) -> None:
        self.letters = list(letters)
        self.hidden = []
        self.journal = []

    def take(self):
        hidden = {letter.receipt for letter in self.hidden}
        some = [letter for letter in self.letters if letter.receipt not in hidden][:TOGETHER]
        self.hidden += some
        return some

    def remove(self, letter):
        self.journal.append(f"removed {letter.receipt}")
        self.letters.remove(letter)

    def put_back(self, letter):
        self.journal.append(f"put back {letter.receipt}")


class Running:
    """The time of a run: every look at the clock takes a second."""

    def __init__(self, seconds) -> None:
        self.left_s = seconds

    def __call__(self):
        self.left_s -= 1
        return self.left_s * 1000


def lasting(seconds=10_000):
    return Deadline(Running(seconds))


def many(count):
    return Letters(*(Letter((f"odoo-account.move-{number}",), str(number)) for number in range(count)))


def test_a_letter_goes_only_after_its_entries_are_open_again():
    letters = Letters(Letter((A, B), "first"), Letter((), "tick"))

    taking = Taking(letters, lasting())
    count = reopen(taking, lambda entry_ids: letters.journal.append(f"opened {len(entry_ids)}"))

    assert (count, taking.remaining) == (2, False)
    assert letters.journal == ["opened 2", "removed first", "opened 0", "removed tick"]


def test_the_documents_of_letters_are_named_once():
    assert odoo_ids([Letter((B, A), "1"), Letter((A,), "2"), Letter((), "3")]) == (1, 2)


def test_a_letter_stays_as_long_as_one_of_its_entries_is_failed():
    table = MemoryTable()
    for odoo_id, status in ((1, Status.FAILED), (2, Status.POSTED)):
        table.put(replace(an_entry(a_document(odoo_id=odoo_id)), status=status))
    letters = Letters(Letter((A,), "failed"), Letter((B,), "posted"), Letter(("odoo-account.move-9",), "unknown"))

    count = settle(letters, table, list(letters.letters), lasting())

    assert count == 3
    assert [letter.receipt for letter in letters.letters] == ["failed"]
    assert letters.journal[0] == "put back failed"


def test_one_run_takes_so_many_letters_and_says_that_others_may_be_left():
    letters = many(LETTERS_MAX + 3)
    first, second = Taking(letters, lasting()), Taking(letters, lasting())

    counts = reopen(first, letters.journal.append), reopen(second, letters.journal.append)

    assert counts == (LETTERS_MAX, 3)
    assert (first.remaining, second.remaining) == (True, False)
    assert letters.letters == []


def test_no_letter_is_taken_when_too_little_time_is_left_and_those_taken_are_opened():
    letters = many(100)
    taking = Taking(letters, lasting(REOPEN_ALLOWANCE_S + 4))

    count = reopen(taking, letters.journal.append)

    assert (count, taking.remaining) == (3 * TOGETHER, True)
    assert len(letters.letters) == 100 - count
    assert all(letter not in letters.hidden for letter in letters.letters)


def test_letters_are_settled_as_long_as_there_is_time():
    letters = many(10)

    count = settle(letters, MemoryTable(), list(letters.letters), lasting(LETTER_ALLOWANCE_S + 5))

    assert count == 4
    assert len(letters.letters) == 6
