"""Each line gets the class of its analytic account or its journal; a line of several is split to the cent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.document import DocumentType, Share
from pipeline.domain.errors import Unmapped
from pipeline.domain.mapping_file import MappingFile
from pipeline.qbo.classes import Classes, Part, split
from pipeline.qbo.lists import ClassTracking, Realm
from pipeline.qbo.payloads import payload, sent_total
from tests.books_world import COSTS, US_TAX, a_document, line, money, served, tax_amount

BILL = DocumentType.BILL
RULES = """
[companyA.analytics]
"R&D" = "Research"
"Sales" = "Trade"
"Spring" = "Trade"
[companyA.journals]
"Customer Invoices" = { class = "Other" }
"Vendor Bills" = { class = "Other", department = "Head office" }
"""
CLASSES = [{"Name": name} for name in ("Research", "Trade", "Other")]


def resolver(tracking="line"):
    realm = Realm("US", "USD", multicurrency=False, sales_tax=True, class_tracking=ClassTracking(tracking))
    rules = MappingFile.parse(RULES).rules("companyA")
    return SimpleNamespace(realm=realm, rules=rules, book_class=lambda target: target.name)


def shared(*shares, amount="100.00", **changes):
    return line(amount, shares=tuple(Share(name, Decimal(str(percentage))) for name, percentage in shares), **changes)


def parts_of(sent, journal=""):
    return Classes.of(a_document(lines=(sent,), journal=journal), resolver()).parts(sent)


# -- which class -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "journal", "expected"),
    [
        ([], "", ""),
        ([], "Customer Invoices", "Other"),
        ([], "Somewhere else", ""),
        ([("R&D", 100)], "", "Research"),
        ([("R&D", 100)], "Customer Invoices", "Research"),
        ([("Unmapped", 100)], "Customer Invoices", "Other"),
        ([("R&D", 100), ("Unmapped", 100)], "", "Research"),  # two plans, each of the whole
        ([("R&D / Unmapped", 100)], "", "Research"),
        ([("Sales / Spring", 100)], "", "Trade"),
        ([("Sales", 60), ("Spring", 40)], "", "Trade"),
        ([("R&D", 0)], "Customer Invoices", "Other"),
    ],
)
def test_a_line_of_one_class_stays_whole(shares, journal, expected):
    assert parts_of(shared(*shares), journal) == [Part(money("100.00"), expected)]


@pytest.mark.parametrize(
    ("shares", "journal", "expected"),
    [
        ([("R&D", 60), ("Sales", 40)], "", [("60.00", "Research", "60%"), ("40.00", "Trade", "40%")]),
        ([("R&D", 60), ("Unmapped", 40)], "", [("60.00", "Research", "60%"), ("40.00", "", "40%")]),
        ([("R&D", 60)], "Customer Invoices", [("60.00", "Research", "60%"), ("40.00", "Other", "40%")]),
        ([("R&D", "33.3")], "", [("33.30", "Research", "33.3%"), ("66.70", "", "66.7%")]),
    ],
)
def test_a_line_of_several_classes_is_split_and_the_rest_keeps_the_journals(shares, journal, expected):
    found = parts_of(shared(*shares), journal)

    assert found == [Part(money(amount), book_class, share) for amount, book_class, share in expected]


def test_percentages_that_odoo_has_rounded_are_all_of_the_line():
    thirds = shared(("R&D", "33.33"), ("Sales", "66.66"))
    more = shared(("R&D", "33.34"), ("Sales", "66.68"))

    for sent in (thirds, more):
        assert [(part.amount, part.book_class) for part in parts_of(sent, "Customer Invoices")] == [
            (money("33.33"), "Research"),
            (money("66.67"), "Trade"),
        ]


def test_a_small_share_that_is_not_mapped_is_not_taken_for_a_rounding():
    (_, rest) = parts_of(shared(("R&D", "99.95"), ("Unmapped", "0.05")))

    assert rest == Part(money("0.05"), "", "0.05%")


def test_a_part_of_no_cents_is_left_out():
    assert parts_of(shared(("R&D", 50), ("Sales", 50), amount="0.01")) == [Part(money("0.01"), "Research", "50%")]
    assert parts_of(shared(("R&D", 50), ("Sales", 50), amount="0.00")) == [Part(money("0.00"), "")]


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([("R&D", 100), ("Sales", 100)], "classes of 200% together"),
        ([("R&D / Sales", 100)], "'R&D' and 'Sales' have a class each"),
    ],
)
def test_classes_that_overlap_are_for_a_person(shares, words):
    with pytest.raises(Unmapped, match=words) as raised:
        parts_of(shared(*shares))

    assert raised.value.code == "class_unmapped"


# -- to the cent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "percentages", "expected"),
    [
        ("100.00", [100], ["100.00"]),
        ("100.00", ["33.33", "33.33", "33.34"], ["33.33", "33.33", "33.34"]),
        ("0.05", [50, 50], ["0.03", "0.02"]),  # equal losses: the first
        ("10.00", ["33.3", "66.7"], ["3.33", "6.67"]),
        ("0.02", ["10", "20", "70"], ["0.00", "0.01", "0.01"]),  # 0.2, 0.4, 1.4 cents: the largest loss
        ("-0.05", [50, 50], ["-0.03", "-0.02"]),
    ],
)
def test_the_cents_left_over_go_to_the_largest_remainders(amount, percentages, expected):
    assert split(Decimal(amount), [Decimal(text) for text in percentages]) == [Decimal(text) for text in expected]


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(1, 10_000), min_size=1, max_size=8))
def test_whatever_is_split_adds_up_and_no_part_is_off_by_a_cent(cents, weights):
    amount = Decimal(cents).scaleb(-2)
    percentages = [(Decimal(100 * weight) / sum(weights)).quantize(Decimal("0.01")) for weight in weights[:-1]]
    percentages.append(100 - sum(percentages))

    parts = split(amount, percentages)

    assert sum(parts) == amount
    assert all(
        abs(part - amount * percentage / 100) < Decimal("0.01")
        for part, percentage in zip(parts, percentages, strict=True)
    )


# -- one class per transaction ---------------------------------------------------------------------------------------


def test_where_there_is_one_class_per_transaction_all_lines_must_agree():
    same, other = shared(("R&D", 100)), shared(("Sales", 100))

    classes = Classes.of(a_document(lines=(same, same)), resolver("transaction"))

    assert classes.of_document == "Research"
    assert classes.parts(same) == [Part(money("100.00"), "")]
    with pytest.raises(Unmapped, match="one class per transaction"):
        Classes.of(a_document(lines=(same, other)), resolver("transaction"))


def test_a_purchase_has_no_place_for_the_class_of_a_transaction():
    with pytest.raises(Unmapped, match="takes one on a bill only per row"):
        Classes.of(a_document(BILL, journal="Vendor Bills"), resolver("transaction"))

    assert Classes.of(a_document(BILL), resolver("transaction")).of_document == ""


# -- in the books ----------------------------------------------------------------------------------------------------


def booked(document, **realm):
    with served(classes=CLASSES, departments=[{"Name": "Head office"}], **realm) as world:
        world.references = world.new_references(rules=MappingFile.parse(RULES).rules("companyA"))
        body = payload(document, world.references)
        row = world.book.create({True: "Invoice", False: "Bill"}[document.document_type.is_sale], body)
    return body, row


def test_a_split_line_is_in_the_books_with_its_classes_and_odoos_total():
    sent = shared(("R&D", "33.33"), ("Sales", "66.67"), amount="9.99", quantity=Decimal(3), unit_price=money("3.33"),
                  taxes=(US_TAX,))  # fmt: skip
    document = a_document(lines=(sent,), taxes=(tax_amount(US_TAX, "9.99", "0.82"),))

    body, row = booked(document, class_tracking="line")

    lines = [line for line in row["Line"] if "SalesItemLineDetail" in line]
    assert [(line["Amount"], line["SalesItemLineDetail"]["ClassRef"]["name"]) for line in lines] == [
        (money("3.33"), "Research"), (money("6.66"), "Trade")]  # fmt: skip
    assert [line["Description"] for line in lines] == [
        "Consulting (33.33% of 3 x 3.33)",
        "Consulting (66.67% of 3 x 3.33)",
    ]
    assert not {"Qty", "UnitPrice"} & set(body["Line"][0]["SalesItemLineDetail"])
    assert row["TotalAmt"] == document.total == sent_total(body)


def test_a_bill_has_its_class_per_line_and_its_location_as_a_whole():
    document = a_document(BILL, lines=(shared(("R&D", 50), account=COSTS),), journal="Vendor Bills")

    _, row = booked(document, class_tracking="line", departments_tracked=True)

    assert row["DepartmentRef"]["name"] == "Head office"
    details = [line["AccountBasedExpenseLineDetail"] for line in row["Line"]]
    assert [detail["ClassRef"]["name"] for detail in details] == ["Research", "Other"]


def test_an_invoice_has_one_class_where_quickbooks_wants_one():
    document = a_document(lines=(shared(("R&D", 100)),))

    _, row = booked(document, class_tracking="transaction")

    assert row["ClassRef"]["name"] == "Research"


def test_a_class_that_is_gone_since_the_check_is_reported_with_its_line():
    document = replace(a_document(lines=(shared(("R&D", 100)),)))
    with served(classes=CLASSES[1:], class_tracking="line") as world:
        references = world.new_references(rules=MappingFile.parse(RULES).rules("companyA"))
        with pytest.raises(Unmapped, match=r"line 3\) points from 'R&D' to 'Research', and QuickBooks has no class"):
            payload(document, references)
