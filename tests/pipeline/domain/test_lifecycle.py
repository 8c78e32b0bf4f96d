"""Each named transition from each status: it gives the status it promises, or it is forbidden."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.domain import from_odoo, lifecycle
from pipeline.domain.advice import DELETED_IN_QUICKBOOKS
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import Intent, Status, Step
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.source import UnreadableDocument
from pipeline.domain.transitions import ForbiddenTransition
from tests.builders import COMPANY, WRITTEN_AT, a_document, an_entry

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PENDING, POSTING, POSTED, FAILED, SKIPPED, VOIDED = Status
EVERY = tuple(Status)
NEW = (None, *Status)
WITHDRAWN = a_document(withdrawn=True)
ROW = UnreadableDocument(1, "INV/1", DocumentType.INVOICE, WRITTEN_AT, InvalidDocument("It has no date."))
INTENT = Intent(Step.CREATE, "request", "hash")
SENT = {"qb_id": "55", "step": None}


def entry_of(status, **changes):
    return None if status is None else an_entry(status=status, **changes)


def skipped(status):
    entry = replace(an_entry(), status=PENDING)
    return from_odoo.skipped_before_go_live(entry, entry_of(status), a_document(), date(2027, 1, 1))


def deleted(status, *, has_copy, **changes):
    return from_odoo.deleted_in_odoo(entry_of(status, **changes), "copy", has_copy=has_copy, now=NOW)


def rebuilt(to):
    return lambda status: lifecycle.rebuilt(an_entry(status=status or PENDING), to, NOW, is_new=status is None)


# The transition, the statuses (None is a new entry) it may come from, and where it leads; from all others it is
# forbidden. That a status stays as it is always may be.
TRANSITIONS = {
    "extracted": (lambda status: from_odoo.extracted(a_document(), entry_of(status), NOW), NEW, NEW, PENDING),
    "extracted, never seen and withdrawn": (
        lambda status: from_odoo.extracted(WITHDRAWN, entry_of(status), NOW), (None, SKIPPED), (None, SKIPPED), SKIPPED,
    ),
    "extracted, withdrawn": (
        lambda status: from_odoo.extracted(WITHDRAWN, entry_of(status), NOW),
        *2 * [(PENDING, POSTING, POSTED, FAILED, VOIDED)], PENDING,
    ),
    "skipped_before_go_live": (skipped, NEW, (None, PENDING, FAILED, SKIPPED, VOIDED), SKIPPED),
    "skipped_receipt": (
        lambda status: from_odoo.skipped_receipt(an_entry(), entry_of(status), a_document()), NEW,
        (None, PENDING, FAILED, SKIPPED, VOIDED), SKIPPED,
    ),
    "succeeded": (
        lambda status: from_odoo.succeeded(entry_of(status, **SENT), a_document(), NOW), EVERY, EVERY, FAILED,
    ),
    "unreadable": (
        lambda status: from_odoo.unreadable(ROW, an_entry().entry_id, COMPANY, entry_of(status), NOW), NEW, NEW, FAILED,
    ),
    "deleted_in_odoo, sent": (
        lambda status: deleted(status, has_copy=True, **SENT), EVERY, (PENDING, POSTING, POSTED, FAILED), FAILED,
    ),
    "deleted_in_odoo, maybe sent": (
        lambda status: deleted(status, has_copy=False, step=Step.CREATE), EVERY,
        (PENDING, POSTING, POSTED, FAILED), FAILED,
    ),
    "deleted_in_odoo, never sent": (
        lambda status: deleted(status, has_copy=True), EVERY, (PENDING, POSTING, FAILED), PENDING,
    ),
    "deleted_in_odoo, never sent and without a copy": (
        lambda status: deleted(status, has_copy=False), EVERY, (PENDING, FAILED, VOIDED), VOIDED,
    ),
    "intended": (
        lambda status: lifecycle.intended(entry_of(status), INTENT, "9130", settles_at=NOW, now=NOW), EVERY,
        (PENDING, POSTING), POSTING,
    ),
    "posted": (
        lambda status: lifecycle.posted(entry_of(status), "posted/1.pdf", NOW), EVERY, (PENDING, POSTING, POSTED),
        POSTED,
    ),
    "voided, succeeded": (
        lambda status: lifecycle.voided(entry_of(status, successor="invoice 2"), NOW), EVERY,
        (PENDING, POSTING), PENDING,
    ),
    "voided": (lambda status: lifecycle.voided(entry_of(status), NOW), EVERY, (PENDING, POSTING, VOIDED), VOIDED),
    "failed": (
        lambda status: lifecycle.failed(entry_of(status), "code", "Do it.", NOW), EVERY, (PENDING, POSTING, FAILED),
        FAILED,
    ),
    "pdf_lost": (lambda status: lifecycle.pdf_lost(entry_of(status), NOW), EVERY, (PENDING, POSTING), PENDING),
    "reopened": (lambda status: lifecycle.reopened(entry_of(status), NOW), EVERY, (PENDING, FAILED), PENDING),
    "started_over": (
        lambda status: lifecycle.started_over(entry_of(status, **SENT), NOW), EVERY,
        (PENDING, POSTING, POSTED, FAILED), PENDING,
    ),
    "rebuilt, pending": (rebuilt(PENDING), NEW, (None, PENDING, SKIPPED), PENDING),
    "rebuilt, posted": (rebuilt(POSTED), NEW, (None, POSTED), POSTED),
    "rebuilt, skipped": (rebuilt(SKIPPED), NEW, (None, SKIPPED), SKIPPED),
    "rebuilt, voided": (rebuilt(VOIDED), NEW, (None, VOIDED), VOIDED),
}  # fmt: skip
KEEPING = {
    "let_go": lambda entry: lifecycle.let_go(entry, NOW),
    "deleted_in_books": lambda entry: lifecycle.deleted_in_books(entry, NOW),
    "started_over": lambda entry: lifecycle.started_over(entry, NOW),
}
PAIRS = [(name, status) for name, (_, tried, _, _) in TRANSITIONS.items() for status in tried]


@pytest.mark.parametrize(("name", "status"), PAIRS, ids=[f"{name} from {status or 'new'}" for name, status in PAIRS])
def test_a_transition_gives_its_status_or_is_forbidden(name, status):
    move, _, allowed, to = TRANSITIONS[name]

    if status in allowed:
        assert move(status).status is to
    else:
        with pytest.raises(ForbiddenTransition):
            move(status)


@pytest.mark.parametrize("status", EVERY)
@pytest.mark.parametrize("name", sorted(KEEPING))
def test_what_is_no_transition_keeps_the_status(name, status):
    assert KEEPING[name](an_entry(status=status)).status is status


def test_every_function_that_returns_an_entry_is_tried_here():
    public = {
        name
        for module in (from_odoo, lifecycle)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
        if inspect.signature(function).return_annotation == "Entry"
    }

    assert {name.partition(",")[0] for name in TRANSITIONS} | set(KEEPING) == public


# -- what else a transition does -------------------------------------------------------------------------------------


def test_an_edit_is_a_higher_version_without_a_pdf_that_keeps_what_the_books_have():
    before = an_entry(status=POSTED, qb_id="55", version=3, pdf_key="k", pdf_sha256="s", attempts=2, error_code="old")

    after = from_odoo.extracted(a_document(reference="new"), before, NOW)

    assert (after.version, after.qb_id, after.pdf_key, after.pdf_sha256) == (4, "55", "", "")
    assert (after.attempts, after.error_code, after.pending_since, after.created_at) == (0, "", NOW, before.created_at)


@pytest.mark.parametrize(("step", "waits"), [(Step.CREATE, True), (None, False)])
def test_an_edit_and_a_retry_wait_only_while_an_outcome_is_open(step, waits):
    later = NOW + timedelta(seconds=100)
    entry = an_entry(status=FAILED, step=step, next_attempt_at=later)

    edited, retried = from_odoo.extracted(a_document(), entry, NOW), lifecycle.reopened(entry, NOW)

    assert edited.next_attempt_at == retried.next_attempt_at == (later if waits else None)


def test_an_intent_to_create_keeps_when_it_was_first_sent():
    first = lifecycle.intended(an_entry(), INTENT, "9130", settles_at=NOW, now=NOW)

    again = lifecycle.intended(first, INTENT, "9130", settles_at=NOW, now=NOW + timedelta(hours=1))

    assert (first.sent_at, again.sent_at) == (NOW, NOW)


def test_a_confirmed_delete_forgets_what_the_books_had_and_raises_the_generation():
    entry = an_entry(status=POSTING, realm="9130", qb_id="55", qb_total=a_document().total, generation=2, refusals=1)

    after = lifecycle.deleted_in_books(entry, NOW)

    assert (after.qb_id, after.qb_total, after.generation, after.refusals, after.realm) == ("", None, 3, 1, "9130")


def test_a_retry_of_what_a_person_deleted_in_quickbooks_is_a_new_generation():
    entry = an_entry(status=FAILED, error_code=DELETED_IN_QUICKBOOKS, qb_id="55", generation=1)

    after = lifecycle.reopened(entry, NOW)

    assert (after.qb_id, after.generation) == ("", 2)


def test_a_posted_entry_keeps_the_note_on_active_content_beside_the_files_that_were_left_out():
    entry = entry_of(POSTING, active_content="'a.pdf' acts.", error_message="tried again")

    posted = lifecycle.posted(entry, "posted/1.pdf", NOW, ["'b.zip' is left out."])

    assert posted.error_message == "'b.zip' is left out. 'a.pdf' acts."


def test_the_note_on_active_content_goes_with_its_version():
    entry = entry_of(POSTED, active_content="'a.pdf' acts.")

    assert from_odoo.extracted(a_document(number="INV/2"), entry, NOW).active_content == ""
