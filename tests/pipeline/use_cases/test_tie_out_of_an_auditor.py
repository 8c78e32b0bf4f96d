"""What an auditor does to a clean month, one thing at a time: each is in its class, and nothing else is found."""

from __future__ import annotations

import copy
import itertools
from decimal import Decimal

import pytest

from pipeline.domain.document import DocumentType
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.tie_out import Verdict
from tests.tie_out_world import COMPANIES

C = DifferenceClass
INVOICE, CREDIT_NOTE, BILL, VENDOR_CREDIT = tuple(DocumentType)
TEN = Decimal(10)
TYPED = "TYPED-1"


@pytest.fixture(params=COMPANIES)
def world(request, worlds):
    return worlds[request.param].restore()


def amount_lines(row):
    return [line for line in row["Line"] if line.get("Amount") and line["DetailType"] != "SubTotalLineDetail"]


def detail_of(line):
    return line[line["DetailType"]]


def account_key(detail):
    return "AccountRef" if "AccountRef" in detail else "ItemAccountRef"


def with_two_lines(world, kind):
    return next(
        number for number, document in world.documents.items()
        if document.document_type is kind and len(amount_lines(world.row(number))) > 1
    )  # fmt: skip


def two(world, *kinds):
    """Return the numbers of two documents of one of the types with different parties, numbers and totals."""
    numbers = [number for number, document in world.documents.items()
               if document.document_type in kinds and document.currency == world.company.currency]  # fmt: skip
    return next(
        (first, second)
        for first, second in itertools.combinations(numbers, 2)
        if world.documents[first].document_type is world.documents[second].document_type
        and world.documents[first].party.odoo_id != world.documents[second].party.odoo_id
        and world.documents[first].total != world.documents[second].total
    )


def edit(world, number, **changes):
    world.edit(number, lambda row: row.update(changes))
    return number


# -- what changes nothing that is compared -----------------------------------------------------------------------------


def class_changed(world):
    for line in amount_lines(world.row(world.number(BILL))):
        detail_of(line)["ClassRef"] = {"value": "77", "name": "South"}
    edit(world, world.number(BILL))


def department_changed(world):
    edit(world, world.number(INVOICE), DepartmentRef={"value": "5", "name": "North"})


def lines_in_another_order(world):
    number = with_two_lines(world, INVOICE)
    edit(world, number, Line=list(reversed(world.row(number)["Line"])))


def line_split_on_its_account(world):
    number = world.number(BILL)
    lines = world.row(number)["Line"]
    half = copy.deepcopy(lines[0])
    half["Amount"] = Decimal("0.01")
    lines[0]["Amount"] -= Decimal("0.01")
    edit(world, number, Line=[*lines, half])


def two_lines_that_offset(world):
    number = world.number(BILL)
    up, down = (copy.deepcopy(world.row(number)["Line"][0]) for _ in range(2))
    up["Amount"], down["Amount"] = TEN, -TEN
    edit(world, number, Line=[*world.row(number)["Line"], up, down])


def remark_added(world):
    number = world.number(INVOICE)
    edit(world, number, Line=[*world.row(number)["Line"], {"DetailType": "DescriptionOnly", "Description": "Thanks"}])


def memo_changed(world):
    edit(world, world.number(INVOICE), CustomerMemo={"value": "Thank you for your order"})


def note_added_behind_the_mark(world):
    number = world.number(BILL)
    edit(world, number, PrivateNote=f"{world.row(number)['PrivateNote']} checked by Ann")


def number_in_other_letters(world):
    number = world.number(BILL)
    edit(world, number, DocNumber=f" {world.row(number)['DocNumber'].lower()}")


def terms_and_addresses_changed(world):
    edit(world, world.number(INVOICE), SalesTermRef={"value": "3"}, BillAddr={"Line1": "Elsewhere 1"})


def paid_by_a_deposit(world):
    edit(world, world.number(INVOICE), Balance=Decimal(0), LinkedTxn=[{"TxnId": "9", "TxnType": "Deposit"}])


def journal_entry_that_offsets(world):
    row = world.row(world.number(INVOICE))
    world.books._tables.table("JournalEntry")
    world.books._tables.insert("JournalEntry", {"TxnDate": row["TxnDate"], "Line": [{"Amount": row["TotalAmt"]}]})


def pdf_replaced_by_one_of_its_size(world):
    qb_id = world.row(world.number(BILL))["Id"]
    for row in world.books._tables.table("Attachable").values():
        if row["AttachableRef"][0]["EntityRef"]["value"] == qb_id:
            row["FileName"] = "another.pdf"


def customer_renamed(world):
    number = world.number(INVOICE)
    reference = world.row(number)["CustomerRef"]
    world.books._tables.table("Customer")[reference["value"]]["DisplayName"] = "A New Name Ltd"
    for row in world.books._tables.table("Invoice").values():
        if row["CustomerRef"]["value"] == reference["value"]:
            row["CustomerRef"] = {**row["CustomerRef"], "name": "A New Name Ltd"}
    for row in world.books._tables.table("CreditMemo").values():
        if row["CustomerRef"]["value"] == reference["value"]:
            row["CustomerRef"] = {**row["CustomerRef"], "name": "A New Name Ltd"}


def customer_made_inactive(world):
    world.books.deactivate("Customer", world.row(world.number(INVOICE))["CustomerRef"]["value"])


def vendor_shown_as_deleted(world):
    number = world.number(BILL)
    reference = world.row(number)["VendorRef"]
    world.books.deactivate("Vendor", reference["value"])
    for entity in ("Bill", "VendorCredit"):
        for row in world.books._tables.table(entity).values():
            if row["VendorRef"]["value"] == reference["value"]:
                row["VendorRef"] = {**reference, "name": f"{reference['name']} (deleted)"}


def account_made_inactive(world):
    detail = detail_of(amount_lines(world.row(world.number(BILL)))[0])
    world.books.deactivate("Account", detail["AccountRef"]["value"])


def tax_agency_changed(world):
    for row in world.books._tables.table("TaxRate").values():
        row["AgencyRef"] = {"value": "99", "name": "Another agency"}


def deleted_in_both(world):
    number = world.number(INVOICE)
    world.remove(number)
    world.odoo.delete(world.move(number)["id"])


def cancelled_in_both(world):
    number = world.number(INVOICE)
    world.remove(number)
    world.odoo.cancel(world.move(number)["id"])


def words_changed_in_odoo(world):
    move = world.move(world.number(INVOICE))
    move.update(narration="Thank you", payment_state="paid", amount_residual=0.0)
    for line in world.odoo.rows["account.move.line"]:
        if line["move_id"][0] == move["id"] and line["display_type"] == "product":
            line["name"] = "Another text"


EQUAL = [
    class_changed, department_changed, lines_in_another_order, line_split_on_its_account, two_lines_that_offset,
    remark_added, memo_changed, note_added_behind_the_mark, number_in_other_letters, terms_and_addresses_changed,
    paid_by_a_deposit, journal_entry_that_offsets, pdf_replaced_by_one_of_its_size, customer_renamed,
    customer_made_inactive, vendor_shown_as_deleted, account_made_inactive, tax_agency_changed, deleted_in_both,
    cancelled_in_both, words_changed_in_odoo,
]  # fmt: skip


@pytest.mark.parametrize("act", EQUAL, ids=lambda act: act.__name__)
def test_what_changes_nothing_that_is_compared_leaves_the_month_as_it_was(world, act):
    act(world)

    found = world.tie_out()

    assert {one.difference_class for one in found.findings} == {C.EQUAL}
    assert found.verdict is Verdict.TIES_OUT
    assert {row.difference for row in found.sums.all} == {0}


# -- what is different, with the numbers it is found under -------------------------------------------------------------


def rate_edited_by_a_percent(world):
    number = world.foreign()
    row = world.row(number)
    rate = row["ExchangeRate"] * Decimal("1.01")
    edit(world, number, ExchangeRate=rate, HomeTotalAmt=round(row["TotalAmt"] * rate, 2))
    return {number: C.CHANGED}


def rate_that_nobody_edited(world):
    number = world.foreign()
    row = world.row(number)
    row.update(ExchangeRate=row["ExchangeRate"] * 2, HomeTotalAmt=row["HomeTotalAmt"] * 2)
    return {number: C.UNEXPLAINED}


def another_currency(world):
    number = world.number(BILL)
    other = "EUR" if world.company.currency == "USD" else "USD"
    return {edit(world, number, CurrencyRef={"value": other}): C.CHANGED}


def lines_moved_between_accounts(world):
    number = world.number(INVOICE)
    detail = detail_of(amount_lines(world.row(number))[0])
    detail[account_key(detail)] = {"value": world.books.named("Account", "Bank")["Id"]}
    return {edit(world, number): C.CHANGED}


def ten_moved_from_one_account_to_another(world):
    number = world.number(BILL)
    lines = world.row(number)["Line"]
    moved = copy.deepcopy(lines[0])
    moved["Amount"] = Decimal("0.05")
    detail_of(moved)["AccountRef"] = {"value": world.books.named("Account", "Bank")["Id"]}
    lines[0]["Amount"] -= Decimal("0.05")
    return {edit(world, number, Line=[*lines, moved]): C.CHANGED}


def tax_lowered_and_a_line_raised(world):
    number = world.number(BILL if world.company.currency == "EUR" else INVOICE, taxed=True)
    row = world.row(number)
    tax = row["TxnTaxDetail"]["TotalTax"]
    amount_lines(row)[0]["Amount"] += Decimal("0.05")
    return {edit(world, number, TxnTaxDetail={**row["TxnTaxDetail"], "TotalTax": tax - Decimal("0.05")}): C.CHANGED}


def due_date_removed(world):
    number = world.number(INVOICE)
    world.edit(number, lambda row: row.pop("DueDate"))
    return {number: C.CHANGED}


def number_removed(world):
    number = world.number(BILL)
    world.edit(number, lambda row: row.pop("DocNumber"))
    return {number: C.CHANGED}


def swapped(world, field, *kinds):
    """Exchange a field of two transactions."""
    first, second = two(world, *kinds)
    one, other = (world.row(number)[field] for number in (first, second))
    edit(world, first, **{field: other})
    edit(world, second, **{field: one})
    return {first: C.CHANGED, second: C.CHANGED}


def numbers_swapped(world):
    return swapped(world, "DocNumber", INVOICE, CREDIT_NOTE)


def parties_swapped(world):
    return swapped(world, "VendorRef", BILL)


def marks_swapped(world):
    return swapped(world, "PrivateNote", INVOICE, CREDIT_NOTE)


def totals_swapped(world):
    first, second = two(world, BILL)
    names = ("Line", "TotalAmt", "HomeTotalAmt", "TxnTaxDetail")
    one, other = (
        {name: world.row(number)[name] for name in names if name in world.row(number)} for number in (first, second)
    )
    edit(world, first, **other)
    edit(world, second, **one)
    return {first: C.CHANGED, second: C.CHANGED}


def pdf_removed(world):
    number = world.number(INVOICE)
    table = world.books._tables.table("Attachable")
    reference = {"type": "Invoice", "value": world.row(number)["Id"]}
    for row_id in [row_id for row_id, row in table.items() if row["AttachableRef"][0]["EntityRef"] == reference]:
        del table[row_id]
    return {number: C.CHANGED}


def pdf_moved_to_another_document(world):
    first, second = two(world, BILL)
    for row in world.books._tables.table("Attachable").values():
        reference = row["AttachableRef"][0]["EntityRef"]
        if reference == {"type": "Bill", "value": world.row(first)["Id"]}:
            reference["value"] = world.row(second)["Id"]
    return {first: C.CHANGED}


def split_in_two_by_a_person(world):
    number = world.number(BILL)
    row = world.row(number)
    lines = row["Line"]
    part = {"TotalAmt": TEN / 10, "HomeTotalAmt": TEN / 10, "PrivateNote": "second half", "DocNumber": TYPED}
    line = {**copy.deepcopy(lines[0]), "Amount": TEN / 10}
    world.add(number, **part, Line=[line], TxnTaxDetail={"TotalTax": Decimal(0)})
    lines[0]["Amount"] -= 1
    edit(world, number, TotalAmt=row["TotalAmt"] - 1, HomeTotalAmt=row["HomeTotalAmt"] - 1)
    return {number: C.CHANGED, TYPED: C.ONLY_IN_QUICKBOOKS}


def voided(world, number):
    row = world.row(number)
    world.books.void("Invoice", {"Id": row["Id"], "SyncToken": row["SyncToken"]})


def voided_and_entered_again_under_its_number(world):
    number = world.number(INVOICE)
    world.add(number, PrivateNote="typed by hand")
    voided(world, number)
    return {number: C.CHANGED, world.row(number)["DocNumber"] + "*": C.ONLY_IN_QUICKBOOKS}


def voided_and_entered_again_under_another_number(world):
    number = world.number(INVOICE)
    world.add(number, PrivateNote="typed by hand", DocNumber=TYPED)
    voided(world, number)
    return {number: C.CHANGED, TYPED: C.ONLY_IN_QUICKBOOKS}


def deleted_and_entered_again_under_its_number(world):
    number = world.number(BILL)
    doc_number = world.row(number)["DocNumber"]
    world.add(number, PrivateNote="typed by hand")
    world.remove(number)
    return {number: C.MISSING, doc_number + "*": C.ONLY_IN_QUICKBOOKS}


def entered_by_hand_under_its_number_with_another_total(world):
    number = world.number(BILL)
    doc_number = world.row(number)["DocNumber"]
    row = world.row(number)
    world.add(number, PrivateNote="typed", TotalAmt=row["TotalAmt"] + 1, HomeTotalAmt=row["HomeTotalAmt"] + 1)
    return {doc_number + "*": C.ONLY_IN_QUICKBOOKS}


def credit_typed_that_offsets(world):
    world.add(world.number(CREDIT_NOTE), DocNumber=TYPED, PrivateNote="")
    return {TYPED: C.ONLY_IN_QUICKBOOKS}


def moved_to_a_sub_customer(world):
    number = world.number(INVOICE)
    name = world.row(number)["CustomerRef"]["name"]
    child = world.books._tables.insert(
        "Customer", {"DisplayName": f"{name}:Site", "Active": True, "CurrencyRef": {"value": world.company.currency}}
    )
    return {edit(world, number, CustomerRef={"value": child["Id"], "name": f"{name}:Site"}): C.CHANGED}


def renumbered_in_odoo(world):
    number = world.number(INVOICE)
    world.move(number)["name"] = "INV/2026/99999"
    return {"INV/2026/99999": C.UNEXPLAINED}


def due_later_in_odoo(world):
    number = world.number(BILL)
    world.move(number)["invoice_date_due"] = "2027-01-31"
    return {number: C.UNEXPLAINED}


def on_another_account_in_odoo(world):
    number = world.number(BILL)
    move = world.move(number)
    line = next(line for line in world.odoo.rows["account.move.line"]
                if line["move_id"][0] == move["id"] and line["display_type"] == "product")  # fmt: skip
    other = next(row for row in world.odoo.rows["account.move.line"] if row["display_type"] == "payment_term"
                 and row["move_id"][0] != move["id"])  # fmt: skip
    line["account_id"] = other["account_id"]
    return {number: C.UNEXPLAINED}


def dated_and_due_otherwise(world):
    number = world.number(BILL)
    return {edit(world, number, TxnDate="2026-10-31", DueDate="2026-12-31"): C.CHANGED}


DIFFERENT = [
    rate_edited_by_a_percent, rate_that_nobody_edited, another_currency, lines_moved_between_accounts,
    ten_moved_from_one_account_to_another, tax_lowered_and_a_line_raised, due_date_removed, number_removed,
    numbers_swapped, parties_swapped, marks_swapped, totals_swapped, pdf_removed, pdf_moved_to_another_document,
    split_in_two_by_a_person, voided_and_entered_again_under_its_number,
    voided_and_entered_again_under_another_number, deleted_and_entered_again_under_its_number,
    entered_by_hand_under_its_number_with_another_total, credit_typed_that_offsets, moved_to_a_sub_customer,
    renumbered_in_odoo, due_later_in_odoo, on_another_account_in_odoo,
    dated_and_due_otherwise,
]  # fmt: skip


@pytest.mark.parametrize("act", DIFFERENT, ids=lambda act: act.__name__)
def test_what_is_different_is_in_its_class_and_nothing_else_is_found(world, act):
    expected = act(world)

    found = world.tie_out()

    different = sorted((one.number, one.difference_class, one.reason) for one in found.findings
                       if one.difference_class is not C.EQUAL)  # fmt: skip
    assert [(n, c) for n, c, _ in different] == sorted((n.rstrip("*"), c) for n, c in expected.items()), different
    assert found.unexplained_sums == ()


@pytest.mark.parametrize("is_gone", [False, True])
def test_an_account_that_was_merged_into_another_is_a_change_in_quickbooks_and_no_fault_of_the_pipeline(world, is_gone):
    detail = detail_of(amount_lines(world.row(world.number(BILL)))[0])
    old, bank = detail["AccountRef"]["value"], world.books.named("Account", "Bank")["Id"]
    moved = set()
    for number, document in world.documents.items():
        for line in amount_lines(world.row(number)) if not document.document_type.is_sale else ():
            if detail_of(line)["AccountRef"]["value"] == old:
                detail_of(line)["AccountRef"] = {"value": bank, "name": "Bank"}
                moved.add(number)
    world.books.deactivate("Account", old)
    if is_gone:
        del world.books._tables.table("Account")[old]

    different = [one for one in world.tie_out().findings if one.difference_class is not C.EQUAL]

    assert {one.number for one in different} == moved
    assert {one.difference_class for one in different} == {C.CHANGED}
    assert all("any more" in one.reason for one in different)


@pytest.mark.parametrize("what", ["delete", "cancel"])
def test_what_is_gone_from_odoo_and_voided_in_quickbooks_is_settled(world, what):
    number = world.number(INVOICE)
    voided(world, number)
    getattr(world.odoo, what)(world.move(number)["id"])

    found = world.tie_out()

    (different,) = [one for one in found.findings if one.difference_class is not C.EQUAL]
    assert (different.difference_class, different.is_explained) == (C.DELETED_IN_ODOO, True)
    assert different.reason.endswith("It is voided in QuickBooks.")
    assert found.verdict is Verdict.TIES_OUT


@pytest.mark.parametrize("which", [0, 1])
def test_what_was_cancelled_in_odoo_is_open_while_one_of_two_is_not_voided(world, which):
    number = world.number(INVOICE)
    row = (world.row(number), world.add(number))[which]
    note = row["PrivateNote"]
    world.books.void("Invoice", {"Id": row["Id"], "SyncToken": row["SyncToken"]})
    # QuickBooks puts its word before the note.
    world.books._tables.table("Invoice")[row["Id"]]["PrivateNote"] = f"Voided - {note}"
    world.odoo.cancel(world.move(number)["id"])

    found = world.tie_out()

    assert [one.is_open for one in found.findings if one.difference_class is C.DELETED_IN_ODOO] == [True]
