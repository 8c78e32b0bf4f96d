from __future__ import annotations

import pytest

from local.stand_ins.memory import MemoryKeyValues, MemoryStore
from pipeline.domain.cursor import Cursor
from pipeline.domain.document import Company
from pipeline.use_cases.extract.lost_table import lost_companies, table_lost
from tests.books_world import a_document

A, B = Company(1, "companyA", "USD"), Company(2, "companyB", "EUR")


@pytest.mark.parametrize(
    ("is_stored", "read", "lost"),
    [
        (False, (), set()),
        (True, (), {"companyA", "companyB"}),
        (True, ("companyA",), {"companyB"}),
        (True, ("companyA", "companyB"), set()),
    ],
    ids=["first run", "lost", "one is rebuilt", "of an earlier release"],
)
def test_a_table_was_lost_for_companies_that_it_does_not_know_though_documents_were_stored(is_stored, read, lost):
    key_values, store = MemoryKeyValues(), MemoryStore()
    for company in read:
        key_values.move_cursor("odoo", company, Cursor())
    if is_stored:
        store.put_document(a_document(), 1)

    assert lost_companies(key_values, store, "odoo", [A, B]) == lost


def test_of_many_companies_five_are_named():
    error = table_lost([f"c{number}" for number in range(1_000)])

    assert "it knows nothing of c0, c1, c2, c3, c4 and 995 more, and" in str(error)
