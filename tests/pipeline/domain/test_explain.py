from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.domain.codec import dumps
from pipeline.domain.drift import Acceptance, Drift, DriftKind
from pipeline.domain.entry import Status, Step
from pipeline.domain.explain import explain
from tests.books_world import NOW, a_document, an_entry

ENTRY = an_entry(a_document())
POSTED = replace(
    ENTRY, status=Status.POSTED, realm="123", qb_id="129", qb_doc_number="INV/7", pdf_attached=True, posted_at=NOW
)


@pytest.mark.parametrize(
    ("entry", "last"),
    [
        (ENTRY, "It is due: the next run of the poster posts it."),
        (replace(ENTRY, pdf_sha256=""), "It waits for its PDF, which the next pull fetches."),
        (replace(ENTRY, next_attempt_at=NOW + timedelta(hours=1)), "It waits and is tried again on "),
        (replace(ENTRY, status=Status.FAILED, error_message="account 4 is not mapped."), "It needs a person since "),
        (replace(ENTRY, status=Status.FAILED, content_hash=""), "It needs a person since "),
        (replace(ENTRY, status=Status.SKIPPED, error_message="It is a receipt."), "It is not for QuickBooks: It is a"),
        (replace(ENTRY, status=Status.VOIDED), "It is withdrawn in Odoo and not in QuickBooks."),
        (POSTED, "Nothing is to be done."),
    ],
)
def test_the_last_sentence_is_the_next_step_of_every_status(entry, last):
    assert explain(entry, NOW)[-1].startswith(last)


def test_every_status_and_every_step_has_a_next_step():
    for status in Status:
        for step in (None, *Step):
            sentences = explain(replace(ENTRY, status=status, step=step), NOW)

            assert all(sentences)
            assert any("no answer is known" in sentence for sentence in sentences) is (step is not None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"qb_open": Decimal(0)}, "It is paid."),
        ({"qb_open": Decimal("1.50")}, "It is paid in part: 1.50"),
        ({"withdrawn": True}, "Odoo has cancelled, reset or deleted it since."),
        ({"generation": 2}, "taken out of QuickBooks 2 times"),
        ({"former": json.dumps([{"realm": "77", "qb_id": "5", "doc_number": ""}])}, "company 77 before, as Id 5"),
        ({"qb_id": ""}, "It is not in QuickBooks, as far as the pipeline knows."),
        ({"pdf_attached": False}, "without its PDF yet"),
        ({"error_message": "'a.zip' is an archive."}, "Noted: 'a[.]zip' is an archive."),
        ({"status": Status.PENDING, "active_content": "'a.pdf' has x."}, "Noted: 'a.pdf' has x."),
    ],
)
def test_what_happened_to_it_is_said(changes, words):
    assert words in " ".join(explain(replace(POSTED, **changes), NOW))


def drifted(kind, accepted=None):
    drift = Drift(kind, "129", "seen", NOW, accepted=accepted)
    return replace(POSTED, drift=dumps(drift))


def test_what_a_person_deleted_is_not_said_to_be_there():
    text = explain(drifted(DriftKind.DELETED), NOW)

    assert "QuickBooks company 123 had it as INV/7 (Id 129)" in " ".join(text)
    assert text[-1].endswith(f'accept it with `./oqb accept {ENTRY.entry_id} --because "…"`.')


def test_a_change_in_odoo_does_not_follow_by_itself_after_a_person_has_changed_it_in_the_books():
    """An accepted change is never written over: the next change in Odoo is refused and says so."""
    accepted = Acceptance("Ann", "agreed", NOW)

    assert "is not written over it" in explain(drifted(DriftKind.CHANGED, accepted), NOW)[-1]


def test_that_it_was_withdrawn_comes_after_its_posting_and_the_next_step_says_what_is_done():
    text = explain(replace(POSTED, status=Status.PENDING, withdrawn=True), NOW)

    posted, withdrawn = (next(i for i, one in enumerate(text) if words in one) for words in ("posted on", "cancelled"))
    assert posted < withdrawn
    assert text[-1] == "It is due: the next run of the poster takes it out of QuickBooks."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"qb_id": "", "withdrawn": True}, "sets it aside as withdrawn."),
        ({}, "makes QuickBooks the same as Odoo, with its PDF."),
        ({"pdf_attached": True, "attached_sha256": ENTRY.pdf_sha256, "qb_id": "129"}, "the same as Odoo."),
    ],
)
def test_what_is_due_is_said(changes, words):
    entry = replace(POSTED, status=Status.PENDING, **changes)

    assert explain(entry, NOW)[-1].endswith(words)


def test_what_waits_says_why():
    waiting = replace(ENTRY, next_attempt_at=NOW + timedelta(hours=1), error_message="The vendor is being renamed.")

    assert explain(waiting, NOW)[-1].endswith("The vendor is being renamed.")
    assert explain(replace(waiting, pdf_sha256=""), NOW)[-1].endswith("fetches. The vendor is being renamed.")


def test_texts_from_outside_stay_one_harmless_line():
    entry = replace(POSTED, status=Status.FAILED, error_message="x\nPaid: https://evil.example", company="a\nb")

    text = explain(entry, NOW)

    assert not any("\n" in sentence or "https://" in sentence for sentence in text)


def test_what_has_failed_names_the_command_that_posts_it_again():
    failed = replace(ENTRY, status=Status.FAILED, error_message="account 4 is not mapped.")

    assert f"by `./oqb retry --entry {ENTRY.entry_id}` once the cause is gone." in explain(failed, NOW)[-1]


@pytest.mark.parametrize(
    ("total", "qb_total", "says"),
    [("516.00", "516", "516.00 USD"), ("140.00", "140.0", "140.00 USD"), ("140", "140.00", "140.00 USD")],
)
def test_an_amount_that_quickbooks_answers_without_cents_has_those_of_odoo(total, qb_total, says):
    entry = replace(POSTED, currency="USD", total=Decimal(total), qb_total=Decimal(qb_total))

    assert f" (Id {entry.qb_id}), {says}, " in " ".join(explain(entry, NOW))
