"""Odoo rows in, QuickBooks JSON out: a folder per case, compared as text so that a change shows as a diff.

A case is `odoo.json` (the rows of one document as Odoo answers them, and the kind of realm it goes to); `document.json`
and `quickbooks.json` are what the two translations make of it, or why it is refused. After a change on purpose:
`GOLDEN=update make unit` writes them again, and a person reads the diff.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.domain.codec import encode
from pipeline.domain.document import check_adds_up
from pipeline.domain.errors import NeedsAttention
from pipeline.domain.money import rounded
from pipeline.qbo.payloads import payload, sent_total
from tests.golden.golden_case import Case, ReadableReferences, assert_golden, written

CASES = sorted(path.parent for path in Path(__file__).parent.glob("cases/*/odoo.json"))


@pytest.fixture(params=CASES, ids=lambda path: path.name)
def case(request):
    return Case(request.param)


def test_odoo_rows_become_this_document(case):
    document = case.document()

    assert_golden(case.folder / "document.json", written(encode(document)))


def test_the_document_becomes_this_quickbooks_json_or_is_refused_with_this_reason(case):
    assert_golden(case.folder / "quickbooks.json", written(_sent_or_refusal(case)))


def test_what_is_sent_adds_up_to_odoos_own_total(case):
    document = case.document()
    sent = _sent_or_refusal(case)

    check_adds_up(document)
    assert rounded(Decimal(str(case.move["amount_total"])), document.decimal_places) == document.total
    assert "refused" in sent or sent_total(sent) == document.total


def test_only_these_are_refused():
    refused = {folder.name for folder in CASES if "refused" in _sent_or_refusal(Case(folder))}

    assert refused <= {
        "be-bill-private-part",
        "be-invoice-several-taxes-on-a-line",
        "us-invoice-below-zero",
        "us-invoice-in-kwd-of-three-decimals",
    }


def _sent_or_refusal(case):
    try:
        return payload(case.document(), ReadableReferences(case.realm, case.rules))
    except NeedsAttention as error:
        return {"refused": {"code": error.code, "text": str(error)}}
