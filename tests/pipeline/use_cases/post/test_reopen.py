"""Which failed entries are set to pending again."""

from __future__ import annotations

from types import SimpleNamespace

from local.stand_ins.memory import MemoryTable
from pipeline.domain.entry import Status
from pipeline.runtime import system
from pipeline.use_cases.post.outcomes import Outcomes
from tests.builders import an_entry


def test_what_a_retry_deletes_in_the_books_is_reopened_by_name_and_never_by_its_dead_letter():
    table, runtime = MemoryTable(), system()
    entry = table.put(
        an_entry(status=Status.FAILED, document_key="copy", qb_id="7", withdrawn=True, successor="bill 2")
    )
    outcomes = Outcomes(SimpleNamespace(table=table, clock=runtime.clock, threads=runtime.threads))

    outcomes.reopen([entry.entry_id], has_letter=False)
    after_redrive = table.entry(entry.entry_id).status
    outcomes.reopen([entry.entry_id])

    assert (after_redrive, table.entry(entry.entry_id).status) == (Status.FAILED, Status.PENDING)
