"""QuickBooks' transactions as the tie-out reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.domain.document import Account, DocumentType
from pipeline.domain.errors import Unavailable
from pipeline.domain.mapping import Rules, Target
from pipeline.qbo.ledger import Ledger

INVOICE, BILL = DocumentType.INVOICE, DocumentType.BILL
CREATED = {"CreateTime": "2026-10-05T10:00:00-07:00", "LastUpdatedTime": "2026-10-05T10:00:00-07:00"}
ACCOUNTS = [
    {"Id": "1", "Name": "Expenses", "AcctNum": "600000", "Active": True},
    {"Id": "2", "Name": "Old (deleted)", "AcctNum": "610000", "Active": False},
    {"Id": "3", "Name": "Sales", "Active": True},
]


class FakeClient:
    """Answers queries with rows by entity, and remembers what was asked."""

    def __init__(self, **rows):
        self.rows = rows
        self.asked = []
        self.values = []
        self.calls = {"query": 0, "read": 0}

    def query(self, entity, where=""):
        self.asked.append((entity, where))
        self.calls["query"] += 1
        return self.rows.get(entity, [])

    def query_any(self, entity, attribute, values, where=""):
        wanted = set(values)
        self.values.append(sorted(wanted))
        return [row for row in self.query(entity, where) if row[attribute] in wanted]

    def page(self, entity, where="", *, start=1):
        return self.query(entity, where)[start - 1 :]


def ledger_of(*, rules=None, **rows):
    client = FakeClient(**rows)
    return Ledger(client, rules or Rules(), home_currency="USD"), client


def a_row(*lines, **changes):
    return {"Id": "9", "TxnDate": "2026-10-05", "TotalAmt": Decimal(100), "SyncToken": "0", "MetaData": CREATED,
            "VendorRef": {"value": "5", "name": "Acme"}, "Line": list(lines), **changes}  # fmt: skip


def expense(amount, account="1"):
    return {"Amount": Decimal(amount), "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": {"AccountRef": {"value": account}}}  # fmt: skip


def sale(amount, item="7", account=""):
    detail = {"ItemRef": {"value": item}} | ({"ItemAccountRef": {"value": account}} if account else {})
    return {"Amount": Decimal(amount), "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}


def read(kind, row, **rows):
    ledger, client = ledger_of(**{kind_entity(kind): [row]}, **rows)
    found = ledger.by_ids(kind, [row["Id"]])
    return found[0], client


def kind_entity(kind):
    return {INVOICE: "Invoice", BILL: "Bill"}[kind]


def booked(transaction):
    return {line.account_id: line.amount for line in transaction.lines}


def test_a_company_with_one_currency_names_none_and_its_home_total_is_not_said():
    found, _ = read(BILL, a_row(expense(100)))

    assert (found.currency, found.rate, found.home_total) == ("USD", 1, None)
    assert booked(found) == {"1": 100}


def test_lines_of_one_account_are_added_up_and_subtotals_and_remarks_are_not():
    subtotal = {"Amount": Decimal(999), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}
    remark = {"Description": "thank you", "DetailType": "DescriptionOnly"}
    without_item = {"Amount": Decimal(50), "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {}}

    found, _ = read(INVOICE, a_row(sale(60, account="3"), sale(40, account="3"), subtotal, remark, without_item))

    assert booked(found) == {"3": 100}


def test_a_discount_is_taken_off_its_own_account():
    discount = {"Amount": Decimal(10), "DetailType": "DiscountLineDetail",
                "DiscountLineDetail": {"DiscountAccountRef": {"value": "4"}}}  # fmt: skip

    found, _ = read(INVOICE, a_row(sale(110, account="3"), discount))

    assert booked(found) == {"3": 110, "4": -10}


def test_the_lines_of_a_group_are_lines():
    group = {"Amount": Decimal(100), "DetailType": "GroupLineDetail",
             "GroupLineDetail": {"Line": [sale(30, account="3"), sale(70, account="3")]}}  # fmt: skip

    found, _ = read(INVOICE, a_row(group))

    assert booked(found) == {"3": 100}


def test_an_item_whose_account_the_transaction_does_not_say_is_looked_up_once():
    items = [{"Id": "7", "IncomeAccountRef": {"value": "3"}, "ExpenseAccountRef": {"value": "1"}}]

    found, client = read(INVOICE, a_row(sale(60), sale(40)), Item=items)

    assert booked(found) == {"3": 100}
    assert [entity for entity, _ in client.asked].count("Item") == 1


def test_what_quickbooks_adds_itself_has_a_word_for_an_item_and_is_not_looked_up():
    """Asking for an item with such an id would fail, and with it the whole month."""
    found, client = read(
        INVOICE,
        a_row(sale(60, "7"), sale(10, "SHIPPING_ITEM_ID")),
        Item=[{"Id": "7", "IncomeAccountRef": {"value": "3"}}],
    )

    assert booked(found) == {"3": 60, "": 10}
    assert [entity for entity, _ in client.asked] == ["Invoice", "Item"]
    assert client.values == [["9"], ["7"]]


def test_a_voided_transaction_is_known_by_its_note_and_its_total():
    found, _ = read(BILL, a_row(expense(0), TotalAmt=Decimal(0), PrivateNote="Voided - [db-account.move-7] Odoo"))

    assert found.is_voided
    assert found.entry_id == "db-account.move-7"


def test_a_payment_shows_as_paid_and_a_changed_token_as_changed():
    paid, _ = read(BILL, a_row(expense(100), Balance=Decimal(40), SyncToken="3"))
    untouched, _ = read(BILL, a_row(expense(100), Balance=Decimal(100)))

    assert (paid.is_paid, paid.was_never_changed) == (True, False)
    assert (untouched.is_paid, untouched.was_never_changed) == (False, True)


def test_a_transaction_that_cannot_be_read_is_no_answer():
    with pytest.raises(Unavailable, match="Bill 9"):
        read(BILL, a_row(expense(100), TxnDate="soon"))


def test_accounts_are_found_by_the_mapping_then_by_number_then_by_name_and_inactive_ones_too():
    rules = Rules(accounts={"700000": Target("700000", "600000", 1)})
    ledger, _ = ledger_of(rules=rules, Account=ACCOUNTS)
    names = ledger.names([])

    found = [names.account_of(account) for account in (
        Account(1, "700000", "Other"), Account(2, "600000", "Costs"), Account(3, "", "sales"),
        Account(4, "610000", "Old"), Account(5, "999", "Nowhere"),
    )]  # fmt: skip

    assert [account and account.qb_id for account in found] == ["1", "1", "3", "2", None]


def a_code(name, *, sales=(), purchases=()):
    return {
        "Id": name,
        "Name": name,
        **{
            which: {"TaxRateDetail": [{"TaxRateRef": {"value": rate}} for rate in rates]}
            for which, rates in (("SalesTaxRateList", sales), ("PurchaseTaxRateList", purchases))
        },
    }


def names_with(*codes, rules=None):
    row = a_row(expense(100), TxnTaxDetail={"TotalTax": Decimal(21), "TaxLine": [
        {"Amount": Decimal(21), "DetailType": "TaxLineDetail", "TaxLineDetail": {"TaxRateRef": {"value": "8"}}}
    ]})  # fmt: skip
    ledger, client = ledger_of(Bill=[row], Account=ACCOUNTS, TaxCode=list(codes), rules=rules)
    without = ledger.names([])
    transactions = ledger.by_ids(BILL, ["9"])
    return without, ledger.names(transactions), transactions[0], client


def test_tax_codes_are_read_only_if_a_transaction_has_a_rate():
    without, names, transaction, client = names_with(a_code("21% M", purchases=["8"]))

    assert without.rate_names == {}
    assert names.rate_names == {"8": "21% M"}
    assert transaction.tax == 21
    assert [entity for entity, _ in client.asked].count("TaxCode") == 1


def test_a_rate_is_known_by_its_code_only_if_both_belong_to_each_other_alone():
    codes = [
        a_code("21%", sales=["1"], purchases=["2"]),
        a_code("GST/PST", sales=["3", "4"]),
        a_code("GST", sales=["3"]),
        a_code("A", sales=["5"]), a_code("B", sales=["5"]),
    ]  # fmt: skip

    _, names, _, _ = names_with(*codes)

    assert names.rate_names == {"1": "21%", "2": "21%"}
    assert (names.tax_of("21%", True), names.tax_of("gst", True), names.tax_of("A", True)) == ("21%", "", "")


def test_a_tax_of_odoo_is_the_code_the_mapping_names_on_the_side_that_has_it():
    rules = Rules(taxes={"BTW 21": Target("BTW 21", "21%", 1), "x + y": Target("x + y", "6%", 2)})
    codes = [a_code("21%", sales=["1"]), a_code("x", sales=["2"])]

    _, names, _, _ = names_with(*codes, rules=rules)

    assert (names.tax_of("BTW 21", True), names.tax_of("BTW 21", False)) == ("21%", "")
    # Together with another it may be under the code of both.
    assert names.tax_of("x", True) == ""


def test_files_are_found_by_what_they_are_attached_to_and_others_are_ignored():
    files = [
        {"Id": "f1", "Size": 123, "AttachableRef": [{"EntityRef": {"type": "Bill", "value": "9"}}]},
        {"Id": "f2", "Size": 5, "AttachableRef": [{"EntityRef": {"type": "Customer", "value": "9"}}]},
        {"Id": "f3", "Size": 7},
    ]
    ledger, client = ledger_of(Bill=[a_row(expense(100))], Attachable=files)
    transactions = ledger.by_ids(BILL, ["9"])

    found = ledger.files(transactions)

    assert {place: [file.size_bytes for file in own] for place, own in found.items()} == {(BILL, "9"): [123]}
    _, where = client.asked[-1]
    assert "MetaData.CreateTime >= '2026-10-05T09:00:00-07:00'" in where
    assert ledger.files([]) == {}


# -- the receivable or payable account -------------------------------------------------------------------------------

PAYABLE_OF_ODOO = Account(9, "211000", "Account Payable")


def payables(*rows):
    kept = [{"Id": qb_id, "Name": name, "AcctNum": number, "AccountType": "Accounts Payable", "Active": True,
             "CurrencyRef": {"value": currency}} for qb_id, number, name, currency in rows]  # fmt: skip
    ledger, _ = ledger_of(Account=kept)
    return ledger.names([])


def test_the_account_that_is_owed_on_is_read_where_quickbooks_says_it():
    found, _ = read(BILL, a_row(expense(100), APAccountRef={"value": "33"}))
    without, _ = read(BILL, a_row(expense(100)))

    assert (found.owed_account_id, without.owed_account_id) == ("33", "")


def test_of_several_payable_accounts_of_a_currency_the_one_of_odoos_number_is_meant():
    names = payables(("33", "211000", "Payable", "USD"), ("34", "211100", "Payable to staff", "USD"))

    assert names.owed_account_of(PAYABLE_OF_ODOO, BILL, "USD") == "33"
    assert names.owed_account_of(PAYABLE_OF_ODOO, INVOICE, "USD") == ""
    assert names.owed_account_of(Account(8, "999", "Nobody"), BILL, "USD") == ""


def test_where_quickbooks_has_one_payable_account_of_a_currency_it_has_no_choice():
    names = payables(("33", "211000", "Payable", "USD"), ("34", "", "Accounts Payable (A/P) - EUR", "EUR"))

    assert names.owed_account_of(PAYABLE_OF_ODOO, BILL, "USD") == ""
    assert names.owed_account_of(PAYABLE_OF_ODOO, BILL, "EUR") == ""
