"""Guards, each with a way to switch it off: the model test must then fail, or it proves nothing.

`PYTHONPATH=lambda:. HYPOTHESIS_EXAMPLES=3000 python -m tests.state_mutations` tries each, and says after how many
sequences of events it failed: most fail within a few, two of them are rare.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from local.stand_ins import memory
from pipeline.domain import transitions
from pipeline.domain.entry import Entry, Status
from pipeline.domain.transitions import ForbiddenTransition
from pipeline.use_cases.extract import decide
from pipeline.use_cases.post import realm_run, record, troubles
from pipeline.use_cases.post.record import Record
from tests import state_fakes
from tests.state_fakes import Store, Table
from tests.test_state_machine import OF_THE_MODEL, Life


def _changed(function: str, change: Callable[[Any, Entry], Entry | None]) -> AbstractContextManager[Any]:
    """Let what a method of the table is given be changed on the way; None is not given at all."""
    real = getattr(Table, function)

    def changed(table: Any, entry: Entry, **others: Any) -> Any:
        given = change(table.stored.get(entry.entry_id), entry)
        return True if given is None else real(table, given, **others)

    return patch.object(Table, function, changed)


def _a_retry_keeps_a_far_attempt() -> AbstractContextManager[Any]:
    def far(previous: Entry, entry: Entry) -> Entry:
        is_retry = previous.status is Status.FAILED and entry.status is Status.PENDING
        return replace(entry, next_attempt_at=entry.updated_at + timedelta(days=30)) if is_retry else entry

    return _changed("save", far)


def _a_withdrawal_does_not_reopen_a_failed_entry() -> AbstractContextManager[Any]:
    def stays(previous: Entry | None, entry: Entry) -> Entry:
        return (
            replace(entry, status=previous.status)
            if previous and entry.withdrawn and previous.status is Status.FAILED
            else entry
        )

    return _changed("save_extracted", stays)


def _an_edit_does_not_reopen_a_posted_entry() -> AbstractContextManager[Any]:
    def stays(previous: Entry | None, entry: Entry) -> Entry:
        return replace(entry, status=previous.status) if previous and previous.status is Status.POSTED else entry

    return _changed("save_extracted", stays)


def _unfinished_is_not_taken_up() -> AbstractContextManager[Any]:
    return patch.object(Table, "unfinished", lambda *_: [])


def _unreadable_is_not_looked_at_again() -> AbstractContextManager[Any]:
    only_pending = property(lambda entry: entry.status is Status.PENDING and not entry.is_ready)
    return patch.object(Entry, "is_unfinished", only_pending)


def _an_unreadable_one_is_retried_with_an_old_copy() -> AbstractContextManager[Any]:
    always = property(lambda entry: entry.status is Status.FAILED and bool(entry.document_key))
    return patch.object(Entry, "can_be_retried", always)


def _no_step_is_kept() -> AbstractContextManager[Any]:
    return _changed("save", lambda _was, entry: replace(entry, step=None))


def _no_intent_is_written() -> AbstractContextManager[Any]:
    return _changed("save", lambda _was, entry: None if entry.step and entry.status is Status.POSTING else entry)


def _nothing_settles() -> AbstractContextManager[Any]:
    both = ExitStack()
    for module in (troubles, record):
        both.enter_context(patch.object(module, "OUTCOME_SETTLES_S", 0))
    return both


def _an_edit_forgets_what_was_sent_meanwhile() -> AbstractContextManager[Any]:
    real = Table._extracted_fields
    return patch.object(
        Table, "_extracted_fields", lambda table, stored, **how: real(table, replace(stored, step=None), **how)
    )


def _waiting_never_ends() -> AbstractContextManager[Any]:
    both = ExitStack()
    for module in (realm_run, troubles):
        both.enter_context(
            patch.object(module, "backoff_s", lambda attempts, _jitter: 60 * 2 ** min(attempts + 12, 30))
        )
    return both


def _a_lost_pdf_keeps_its_hash() -> AbstractContextManager[Any]:
    def keeps(table: Table, entry: Entry) -> None:
        table.save(replace(entry, status=Status.PENDING))

    both = _saving_once_more_does_not_help()
    both.enter_context(patch.object(Table, "ask_for_pdf", keeps))
    return both


def _losses_are_never_forgotten() -> AbstractContextManager[Any]:
    def kept(previous: Entry, entry: Entry) -> Entry:
        return replace(entry, pdf_losses=max(previous.pdf_losses, entry.pdf_losses))

    both = _saving_once_more_does_not_help()
    both.enter_context(_changed("save", kept))
    return both


def _saving_once_more_does_not_help() -> ExitStack:
    stack = ExitStack()
    stack.enter_context(patch.object(decide, "LOST", frozenset()))
    return stack


def _a_failure_says_nothing() -> AbstractContextManager[Any]:
    return _changed("save", lambda _was, entry: replace(entry, error_message=""))


def _what_is_skipped_leaves_its_pdf() -> AbstractContextManager[Any]:
    real = Store.drop_pending

    def only_withdrawn(store: Store, entry: Entry) -> None:
        if entry.status is not Status.SKIPPED:
            real(store, entry)

    return patch.object(Store, "drop_pending", only_withdrawn)


def _a_decision_ignores_what_happened_since() -> AbstractContextManager[Any]:
    return patch.object(memory, "DECIDED", ())


def _deleted_ones_are_not_looked_for() -> AbstractContextManager[Any]:
    written = state_fakes.Odoo.written

    def all_there(odoo: state_fakes.Odoo, company: Any) -> dict[int, datetime]:
        return dict.fromkeys(range(1, 10), datetime.max.replace(tzinfo=UTC)) | written(odoo, company)

    return patch.object(state_fakes.Odoo, "written", all_there)


def _a_refusal_keeps_its_intent() -> AbstractContextManager[Any]:
    return patch.object(Record, "forget_intent_after", lambda _record, _error: None)


def _a_row_of_the_table_is_missing() -> AbstractContextManager[Any]:
    less = frozenset(change for change in transitions._ALLOWED if change[:2] != (Status.POSTED, Status.PENDING))
    return patch.object(transitions, "_ALLOWED", less)


MUTATIONS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "a retry is due at once": _a_retry_keeps_a_far_attempt,
    "a withdrawal reopens a failed entry": _a_withdrawal_does_not_reopen_a_failed_entry,
    "an edit reopens a posted entry": _an_edit_does_not_reopen_a_posted_entry,
    "unfinished entries are taken up": _unfinished_is_not_taken_up,
    "unreadable rows are looked at again": _unreadable_is_not_looked_at_again,
    "an unreadable row is not posted as it was": _an_unreadable_one_is_retried_with_an_old_copy,
    "an unknown outcome leaves its step": _no_step_is_kept,
    "the intent is written first": _no_intent_is_written,
    "an outcome settles before it is looked for": _nothing_settles,
    "an edit keeps when that is": _an_edit_forgets_what_was_sent_meanwhile,
    "waiting ends": _waiting_never_ends,
    "a lost PDF is asked for": _a_lost_pdf_keeps_its_hash,
    "a retry forgets lost PDFs": _losses_are_never_forgotten,
    "saving once more brings a lost copy": _saving_once_more_does_not_help,
    "a failure says what to do": _a_failure_says_nothing,
    "what is skipped leaves no PDF waiting": _what_is_skipped_leaves_its_pdf,
    "a decision is taken on what is": _a_decision_ignores_what_happened_since,
    "deleted documents are looked for": _deleted_ones_are_not_looked_for,
    "a refusal forgets its intent": _a_refusal_keeps_its_intent,
    "the table is held to": _a_row_of_the_table_is_missing,
}


def sequences_until_found(guard: str) -> int:
    """Return how many sequences it took the model test to fail with a guard switched off; 0 when it did not."""
    begun: list[int] = []
    counted = patch.object(Life, "has_begun", lambda _life: begun.append(1))
    quick = settings(OF_THE_MODEL, phases=[Phase.generate], report_multiple_bugs=False, print_blob=False)
    with counted, MUTATIONS[guard]():
        try:
            run_state_machine_as_test(Life, settings=quick)
        # A row that is missing is noticed by the transition itself.
        except (AssertionError, ForbiddenTransition):
            return len(begun)
    return 0


def main(guards: list[str]) -> int:
    """Try every guard; return 1 when one can be switched off unnoticed."""
    unnoticed = 0
    for guard in guards or MUTATIONS:
        tried = sequences_until_found(guard)
        unnoticed += not tried
        result = f"fails after {tried} sequences" if tried else "NOT NOTICED"
        print(f"{guard:<48}{result}", flush=True)  # noqa: T201
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
