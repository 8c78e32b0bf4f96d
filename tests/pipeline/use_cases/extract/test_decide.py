"""What a document that was read means for its entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from pipeline.domain.entry import Status, Step
from pipeline.domain.from_odoo import BEFORE_GO_LIVE
from pipeline.use_cases.extract.decide import News, decide
from tests.builders import WRITTEN_AT, a_document, an_entry

NOW = WRITTEN_AT + timedelta(days=1)
DOCUMENT = a_document()
EDITED = a_document(reference="another")
WITHDRAWN = a_document(withdrawn=True)
GO_LIVE, DAY_AFTER = DOCUMENT.booked_on, DOCUMENT.booked_on + timedelta(days=1)
READY = {"pdf_sha256": "00"}
EARLY = {"status": Status.SKIPPED, "error_code": BEFORE_GO_LIVE}


def previous_of(**changes):
    return an_entry(**changes)


# The document, its entry so far, the go-live date: what is new, the status, and whether its PDF is fetched.
TABLE = {
    "new": (DOCUMENT, None, None, News.NEW, Status.PENDING, True),
    "new and withdrawn": (WITHDRAWN, None, None, News.WITHDRAWN, Status.SKIPPED, False),
    "new, on the day of the go-live": (DOCUMENT, None, GO_LIVE, News.NEW, Status.PENDING, True),
    "new, before the go-live": (DOCUMENT, None, DAY_AFTER, News.NEW, Status.SKIPPED, False),
    "new, withdrawn, before the go-live": (WITHDRAWN, None, DAY_AFTER, News.WITHDRAWN, Status.SKIPPED, False),
    "unchanged": (DOCUMENT, READY, None, News.UNCHANGED, Status.PENDING, False),
    "unchanged, without its PDF": (DOCUMENT, {}, None, News.UNCHANGED, Status.PENDING, True),
    "unchanged, posted": (DOCUMENT, {"status": Status.POSTED}, None, News.UNCHANGED, Status.POSTED, False),
    "unchanged, posted, before the go-live": (
        DOCUMENT, {"status": Status.POSTED}, DAY_AFTER, News.UNCHANGED, Status.POSTED, False,
    ),
    "unchanged, failed": (
        DOCUMENT, {"status": Status.FAILED, "error_code": "unmapped"}, None, News.UNCHANGED, Status.FAILED, False,
    ),
    "edited": (EDITED, READY, None, News.CHANGED, Status.PENDING, True),
    "edited, posted": (EDITED, {"status": Status.POSTED, "qb_id": "55"}, None, News.CHANGED, Status.PENDING, True),
    "edited, posted, before the go-live": (
        EDITED, {"status": Status.POSTED, "qb_id": "55"}, DAY_AFTER, News.CHANGED, Status.PENDING, True,
    ),
    "edited, failed and never sent, before the go-live": (
        EDITED, {"status": Status.FAILED}, DAY_AFTER, News.CHANGED, Status.SKIPPED, False,
    ),
    "edited, failed and maybe sent, before the go-live": (
        EDITED, {"status": Status.FAILED, "step": Step.CREATE}, DAY_AFTER, News.CHANGED, Status.PENDING, True,
    ),
    "edited, failed and once deleted, before the go-live": (
        EDITED, {"status": Status.FAILED, "generation": 1}, DAY_AFTER, News.CHANGED, Status.PENDING, True,
    ),
    "withdrawn": (WITHDRAWN, READY, None, News.WITHDRAWN, Status.PENDING, False),
    "withdrawn, posted": (WITHDRAWN, {"status": Status.POSTED}, None, News.WITHDRAWN, Status.PENDING, False),
    "withdrawn, skipped": (WITHDRAWN, {"status": Status.SKIPPED}, None, News.WITHDRAWN, Status.SKIPPED, False),
    "skipped, before the go-live": (DOCUMENT, EARLY, DAY_AFTER, News.UNCHANGED, Status.SKIPPED, False),
    "skipped, and the go-live was moved back": (DOCUMENT, EARLY, GO_LIVE, News.CHANGED, Status.PENDING, True),
    "skipped, and there is no go-live any more": (DOCUMENT, EARLY, None, News.CHANGED, Status.PENDING, True),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_what_a_document_means_for_its_entry(case):
    document, changes, go_live, news, status, needs_pdf = TABLE[case]
    previous = None if changes is None else previous_of(**changes)

    decision = decide(document, previous, go_live, NOW)

    assert (decision.news, decision.entry.status, decision.needs_pdf) == (news, status, needs_pdf)
    assert decision.entry.version == (previous.version if previous else 0) + (news is not News.UNCHANGED)


@pytest.mark.parametrize("code", ["copy_missing", "pdf_missing", "pdf_changed"])
def test_what_was_lost_is_taken_up_though_nothing_of_it_has_changed(code):
    lost = previous_of(status=Status.FAILED, error_code=code)

    decision = decide(DOCUMENT, lost, None, NOW)

    assert (decision.news, decision.entry.status, decision.needs_pdf) == (News.CHANGED, Status.PENDING, True)


def test_an_unchanged_entry_is_returned_as_it_is():
    previous = previous_of(status=Status.POSTED, attempts=3)

    assert decide(DOCUMENT, previous, None, NOW).entry is previous


def test_what_is_skipped_for_its_date_says_which_and_since_when():
    entry = decide(DOCUMENT, None, date(2027, 1, 1), NOW).entry

    assert entry.error_code == BEFORE_GO_LIVE
    assert entry.error_message == f"It is dated {DOCUMENT.booked_on}, and companyA goes live on 2027-01-01."


def test_a_purchase_is_early_by_its_accounting_date():
    bill = replace(DOCUMENT, document_type=DOCUMENT.document_type.BILL, accounting_on=date(2026, 12, 1))

    assert decide(bill, None, date(2026, 11, 15), NOW).entry.status is Status.PENDING
