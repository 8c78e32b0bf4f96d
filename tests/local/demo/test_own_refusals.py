"""Every refusal of the pipeline's own is provoked, explained, and gone when its cause is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.demo import own_refusals, refusals
from local.demo.own_refusals import CASES, provoke
from pipeline.domain.causes import WORDS

# What no poster with one document and one company can show. Each is tried where it says.
_OF_ODOO = "it is found before a document reaches the poster: tests/pipeline/odoo, tests/test_extractor_handler.py"
_OF_A_COMPANY = "no document is refused, its company or the deployment waits: tests of the handlers and of the session"
_OF_THE_STORE = "an object in S3 is lost or replaced: tests/test_ways_out_of_failed.py"
_OF_THE_TABLE = "somebody has written into the tracking table: tests/cases/test_identity.py"
_OF_A_CLASS = "the general cause of a family of errors, of which each has one of its own"
_OF_ORDERS = "it is of a sale order: tests/test_order_sync_handler.py"
ELSEWHERE = {
    **dict.fromkeys(
        ("access_denied", "access_error", "database_renamed", "deleted_in_odoo", "documents_gone", "invalid_document",
         "login_refused", "mapping_unknown_in_odoo", "no_session", "not_rendered", "not_stored", "odoo_error",
         "odoo_key_ends", "odoo_key_not_rotated", "unanswered_by_odoo", "unknown_line"), _OF_ODOO,
    ),
    **dict.fromkeys(
        ("allowance_used_up", "archived", "closed_month_changed", "connection_gone", "invalid_client", "key_unusable",
         "mapping", "mapping_changed", "no_refresh_token", "realm_changed", "rebuild_unreadable", "secret_deleted",
         "table_lost", "tie_out_not_known", "tie_out_unexplained", "waiting_for_first_value"), _OF_A_COMPANY,
    ),
    **dict.fromkeys(("copy_changed", "copy_missing", "pdf_changed", "pdf_missing"), _OF_THE_STORE),
    **dict.fromkeys(("file_not_ours", "not_ours"), _OF_THE_TABLE),
    **dict.fromkeys(("disconnected", "misconfigured", "rejected", "unauthorized", "unmapped"), _OF_A_CLASS),
    **dict.fromkeys(("dynamo_error", "invalid_record"), _OF_ORDERS),
    "company_changed": "it takes a second company: tests/cases/test_identity.py",
    "contact_merged": "it takes the extractor's answer: tests/cases/test_identity.py",
    "department_unmapped": "the whole mapping is checked before; only a location that goes meanwhile: "
    "tests/pipeline/qbo/test_references.py",
    "exhausted": "a machine without memory: tests/pipeline/use_cases/post/run/test_trouble.py",
    "item_unmapped": "the whole mapping is checked before; only an item that goes meanwhile: "
    "tests/pipeline/qbo/test_references.py",
    "pdf_damaged": "the stand-in loses no bytes of an upload: tests/pipeline/qbo/test_books.py",
    "sales_tax_differs": "it takes several documents that came out different: tests/cases/test_taxes.py",
    "unexpected": "a fault of the pipeline's own: tests/test_ways_out_of_failed.py",
}  # fmt: skip


@pytest.fixture(scope="module")
def provoked():
    return provoke()


@pytest.fixture(scope="module")
def of_quickbooks():
    return refusals.provoke([case for case in refusals.cases() if case.code in ("6190", "3100", "3200", "6240")])


def test_every_cause_that_has_a_name_is_in_the_demos_lists_or_is_named_here_with_its_reason(provoked, of_quickbooks):
    shown = {refusal.cause for refusal in (*provoked, *of_quickbooks)}

    assert shown & set(ELSEWHERE) == set()
    assert shown | set(ELSEWHERE) == set(WORDS)


def test_each_comes_about_and_goes_away_with_its_cause(provoked):
    assert [refusal.cause for refusal in provoked] == [case.cause for case in CASES]
    assert [refusal for refusal in provoked if not refusal.fixed] == []


def test_each_says_what_to_do_without_naming_its_document_twice(provoked):
    for refusal in provoked:
        assert refusal.reported.rstrip().endswith("."), refusal
        # Of two documents of one id each is named, so that nobody takes one for the other.
        assert refusal.document not in refusal.reported or refusal.cause == "id_reused", refusal


def test_a_cause_that_goes_on_is_not_called_fixed():
    (case,) = (case for case in CASES if case.cause == "period_closed")

    (refusal,) = provoke([replace(case, end=None)])

    assert (refusal.cause, refusal.fixed) == ("period_closed", False)


def test_every_case_stays_a_case_of_its_own():
    assert len({case.cause for case in own_refusals.CASES}) == len(own_refusals.CASES)
