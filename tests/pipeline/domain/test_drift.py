from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.domain.drift import (
    DriftKind,
    Seen,
    accepted,
    is_open,
    judged,
    kind_of,
    may_be_judged,
    noted,
    open_amount,
    state_of,
    text_of,
)
from pipeline.domain.entry import Status, Step
from pipeline.domain.errors import InvalidRequest
from tests.books_world import NOW, a_document, an_entry

DOCUMENT = a_document()
ENTRY = an_entry(
    DOCUMENT, status=Status.POSTED, qb_id="129", qb_sync_token="0", qb_fingerprint="as posted",
    qb_doc_number=DOCUMENT.number, qb_party="7", qb_total=DOCUMENT.total,
)  # fmt: skip
AS_POSTED = Seen(
    DOCUMENT.document_type, "129", entry_id=ENTRY.entry_id, sync_token="0", fingerprint="as posted",
    doc_number=DOCUMENT.number, dated_on=DOCUMENT.booked_on, due_on=DOCUMENT.due_on, party_id="7", party="Azure",
    total=DOCUMENT.total, tax=DOCUMENT.tax, open_amount=DOCUMENT.total,
)  # fmt: skip
EDITED = replace(AS_POSTED, sync_token="1", fingerprint="edited")
DELETED = Seen(DOCUMENT.document_type, "129", is_deleted=True)


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (AS_POSTED, None),
        (replace(AS_POSTED, sync_token="1"), None),  # a payment
        (replace(AS_POSTED, fingerprint="other"), None),  # the token of our own write: nobody has touched it
        (EDITED, DriftKind.CHANGED),
        (replace(EDITED, is_voided=True), DriftKind.VOIDED),
        (DELETED, DriftKind.DELETED),
    ],
)
def test_what_people_did_is_told_from_payments_and_from_our_own_writes(seen, kind):
    assert kind_of(ENTRY, seen) is kind


def test_without_a_fingerprint_the_values_on_the_entry_are_compared():
    old = replace(ENTRY, qb_fingerprint="")

    assert kind_of(old, EDITED) is None
    assert kind_of(old, replace(EDITED, total=Decimal(1))) is DriftKind.CHANGED


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"total": Decimal("1.00")}, "total"),
        ({"doc_number": "X"}, "number"),
        ({"party_id": "8"}, "customer"),
        ({"dated_on": DOCUMENT.booked_on + timedelta(days=1)}, "date"),
        ({"due_on": DOCUMENT.due_on + timedelta(days=1)}, "due date"),
        ({"entry_id": ""}, "mark of the pipeline"),
        ({}, "lines or note"),
    ],
)
def test_each_value_that_differs_is_named_with_both(changes, name):
    drift = judged(ENTRY, replace(EDITED, **changes), DOCUMENT, NOW)

    found = {difference.name: difference for difference in drift.differences}
    assert name in found
    assert found[name].posted != found[name].in_books
    assert set(found) <= {name, "lines or note"}


def test_what_is_noted_stays_until_something_else_is_found():
    first = judged(ENTRY, EDITED, DOCUMENT, NOW)
    entry = replace(ENTRY, drift=text_of(first))

    same = judged(entry, replace(EDITED, sync_token="2"), None, NOW + timedelta(days=1))
    other = judged(entry, replace(EDITED, fingerprint="more"), None, NOW + timedelta(days=1))

    assert same == first
    assert (other.seen, other.noticed_at) != (first.seen, first.noticed_at)


def test_an_acceptance_holds_for_what_was_found_and_nothing_else():
    entry = replace(ENTRY, drift=text_of(judged(ENTRY, EDITED, DOCUMENT, NOW)))
    entry = replace(entry, drift=text_of(accepted(entry, by="Ann", because="agreed", now=NOW)))

    again = judged(entry, EDITED, None, NOW)
    other = judged(entry, DELETED, None, NOW)

    assert (is_open(entry), again.accepted.by, other.accepted) == (False, "Ann", None)
    with pytest.raises(InvalidRequest, match="Ann accepted it on"):
        accepted(entry, by="Bob", because="too", now=NOW)


def test_a_note_about_another_transaction_or_of_another_release_says_nothing():
    entry = replace(ENTRY, drift=text_of(judged(ENTRY, DELETED, None, NOW)))

    assert noted(replace(entry, qb_id="130")) is None
    assert noted(replace(entry, drift='{"was": 1}')) is None
    assert state_of('{"was": 1}') == state_of(None)


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, True),
        ({"realm": "another"}, False),
        ({"qb_id": "130"}, False),
        ({"step": Step.UPDATE}, False),
        ({"status": Status.FAILED}, True),
    ],
)
def test_only_the_transaction_of_an_entry_without_an_open_write_is_judged(changes, may):
    assert may_be_judged(replace(ENTRY, **changes), EDITED, "the realm") is may


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        (AS_POSTED, None),
        (replace(AS_POSTED, open_amount=Decimal(0)), Decimal(0)),
        (replace(EDITED, total=Decimal(5), open_amount=Decimal(5)), None),
        (DELETED, None),
    ],
)
def test_what_is_left_to_be_paid_is_noted_once_something_is_paid(seen, left):
    assert open_amount(ENTRY, seen) == left


def test_texts_of_people_stay_one_harmless_line():
    seen = replace(EDITED, lines=("100 x\nTotal: 0 https://evil.example",), party_id="8", party="a\nb")

    sentence = judged(ENTRY, seen, DOCUMENT, NOW).sentence

    assert "\n" not in sentence
    assert "https://" not in sentence
