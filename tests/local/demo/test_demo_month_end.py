"""The demo's month end: every class of the tie-out occurs over its two companies, where somebody made it so."""

from __future__ import annotations

import json
import re

import pytest

from local.demo import month_end
from local.demo.books import demo_realms
from local.demo.machine import Machine
from pipeline.domain.mapping import FILE
from pipeline.domain.tie_out.classes import DifferenceClass as C
from tests.builders import demo_documents
from tests.conftest import fresh_container

JANUARY, JULY = (26, 311, 331, 342, 345, 347, 350), (213, 225, 340)
REALMS = {realm.company_name: realm.realm_id for realm in demo_realms()}
EXPECTED = {
    "companyA": [
        (C.DATED_OTHERWISE, "INV/2026/00130"),
        (C.EQUAL, "RINV/2026/00001"),
        (C.CHANGED, "BILL/2026/01/0008"),
        (C.MISSING, "BILL/2026/01/0006"),
        (C.NEEDS_A_PERSON, "BILL/2026/01/0009"),
        (C.ONLY_IN_QUICKBOOKS, "TYPED-1"),
        (C.SKIPPED, "BILL/2026/01/0005"),
        (C.TWICE, "INV/2026/00144"),
        (C.WAITING, "INV/2026/00146"),
    ],
    "companyB": [
        # Odoo has no number of it any more: this is QuickBooks'.
        (C.DELETED_IN_ODOO, "SUPPLIER/202~0d5cba66"),
        (C.FORMER_REALM, "RBILL/2026/07/0001"),
        (C.NEEDS_A_PERSON, "INV/2026/00007"),
        (C.MERGED, "BILL/2026/07/0001"),
        (C.UNEXPLAINED, "TEST-1"),
    ],
}


@pytest.fixture
def demo(aws, start_machine):
    served = start_machine(demo_documents(*JANUARY, *JULY))
    with fresh_container(aws.environ):
        machine = Machine(served.deployment, aws, served.quickbooks)
        machine.extract({})
        machine.post()
        yield machine, served.odoo


def findings(folder, company, month):
    found = json.loads((folder / f"tie-out-{company}-{month}.json").read_text())["findings"]
    return {(C(one["difference_class"]), one["number"]) for one in found}


def test_every_class_of_the_tie_out_occurs_over_the_two_companies(demo, tmp_path):
    machine, odoo = demo

    ends = month_end.tie_out(machine, REALMS, tmp_path, odoo=odoo)

    assert [(end.company, end.month) for end in ends] == [("companyA", "2026-01"), ("companyB", "2026-07")]
    for end in ends:
        assert findings(tmp_path, end.company, end.month) == set(EXPECTED[end.company])
    assert {kind for pairs in EXPECTED.values() for kind, _ in pairs} == set(C)


def test_each_class_is_on_a_page_of_the_demo(demo, tmp_path):
    machine, odoo = demo

    ends = month_end.tie_out(machine, REALMS, tmp_path, odoo=odoo)

    text = re.sub(r"<[^>]+>|\s+", " ", " ".join(end.page.read_text() for end in ends))
    assert [kind for kind in C if kind.value not in text.casefold() and kind.value not in text] == []


def test_nobody_works_in_a_persons_own_odoo_and_nothing_differs_but_what_failed(demo, tmp_path):
    machine, _ = demo

    month_end.tie_out(machine, REALMS, tmp_path, odoo=None)

    kinds = {kind for kind, _ in findings(tmp_path, "companyA", "2026-01")}
    assert kinds == {C.EQUAL, C.NEEDS_A_PERSON}


def test_a_mapping_that_is_being_tried_stays_as_it_is(demo, tmp_path):
    machine, odoo = demo
    s3, bucket = machine.deployment.aws.client("s3"), machine.deployment.bucket
    s3.put_object(Bucket=bucket, Key=FILE, Body=b'["companyA"]\nreceipts = "skip"\n')

    month_end.tie_out(machine, REALMS, tmp_path, odoo=odoo)

    assert s3.get_object(Bucket=bucket, Key=FILE)["Body"].read() == b'["companyA"]\nreceipts = "skip"\n'
    assert findings(tmp_path, "companyA", "2026-01") == {
        pair for pair in EXPECTED["companyA"] if pair[0] is not C.SKIPPED
    }
