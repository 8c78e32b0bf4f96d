"""Invoices, bills and credits as QuickBooks takes and refuses them."""

import pytest

from tests.local.stand_ins.quickbooks_company import opened

MULTICURRENCY = "Business Validation Error: Multi Currency should be enabled to perform this operation"
CURRENCY = "Business Validation Error: The currency of the transaction is invalid for customer / vendor / account."


@pytest.fixture
def company():
    with opened() as company:
        yield company


@pytest.fixture
def foreign():
    with opened(
        multicurrency=True,
        customers=[{"DisplayName": "Alice"}, {"DisplayName": "Élise", "CurrencyRef": {"value": "EUR"}}],
    ) as company:
        yield company


def test_the_four_documents_are_created_with_their_totals(company):
    sales = [company.create(entity, company.invoice(company.sale(12.5))) for entity in ("Invoice", "CreditMemo")]
    purchases = [company.create(entity, company.bill(company.expense(7.25))) for entity in ("Bill", "VendorCredit")]

    assert [row["TotalAmt"] for row in sales + purchases] == [12.5, 12.5, 7.25, 7.25]
    assert [row["Id"] for row in sales + purchases] == ["1", "2", "3", "4"]
    assert sales[1]["RemainingCredit"] == 12.5
    assert {row["SyncToken"] for row in sales + purchases} == {"0"}
    assert company.books.creates == {"Invoice": 1, "CreditMemo": 1, "Bill": 1, "VendorCredit": 1}


@pytest.mark.parametrize("entity", ["Invoice", "CreditMemo", "Bill", "VendorCredit"])
def test_a_document_without_lines_or_party_is_2020(company, entity):
    party = "CustomerRef" if entity in ("Invoice", "CreditMemo") else "VendorRef"

    errors = company.post(entity.lower(), {}).json()["Fault"]["Error"]

    assert [(error["code"], error["element"]) for error in errors] == [("2020", "Line"), ("2020", party)]


def test_a_line_needs_amount_detail_type_and_its_account_or_item(company):
    for line in (
        {
            "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "4"}},
        },
        {"Amount": 1},
        {"Amount": 1, "DetailType": "AccountBasedExpenseLineDetail"},
        {"Amount": 1, "DetailType": "AccountBasedExpenseLineDetail", "AccountBasedExpenseLineDetail": {}},
        {"Amount": 1, "DetailType": "ItemBasedExpenseLineDetail", "ItemBasedExpenseLineDetail": {}},
    ):
        assert company.refused("Bill", company.bill(line))[0] == "2020", line


def test_too_long_texts_are_refused_together(company):
    body = company.invoice(DocNumber="x" * 22, PrivateNote="x" * 4001, CustomerMemo={"value": "x" * 1001})

    errors = company.post("invoice", body).json()["Fault"]["Error"]

    assert [(error["code"], error["element"]) for error in errors] == [
        ("2050", "DocNumber"),
        ("2050", "PrivateNote"),
        ("2050", "Customer Memo"),
    ]


def test_a_line_description_has_at_most_4000_characters(company):
    company.create("Invoice", company.invoice({**company.sale(), "Description": "x" * 4000}))

    assert company.refused("Invoice", company.invoice({**company.sale(), "Description": "x" * 4001}))[0] == "2050"


@pytest.mark.parametrize("day", ["2026-02-30", "02/03/2026", "2026-03-01T00:00:00"])
def test_a_date_that_is_none_is_2060(company, day):
    assert company.refused("Invoice", company.invoice(TxnDate=day))[0] == "2060"


def test_unknown_properties_are_2010_at_any_depth_and_never_named(company):
    detail = "Property Name:failed to parse json object; a property specified is unsupported or invalid"

    for body in (
        {"Invoice": company.invoice()},
        company.invoice(Nonsense=1),
        company.invoice({**company.sale(), "AccountRef": {"value": "1"}}),
        company.invoice(company.sale(DepartmentRef={"value": "1"})),
        company.invoice(CustomerMemo="not an object"),
        company.invoice(company.sale("100.00")),
        company.invoice(CustomerRef={"value": 1}),
    ):
        assert company.refused("Invoice", body) == ("2010", detail), body


def test_a_vendor_credit_has_neither_due_date_nor_terms(company):
    assert company.refused("VendorCredit", company.bill(DueDate="2026-01-01"))[0] == "2010"
    assert company.refused("VendorCredit", company.bill(SalesTermRef={"value": "1"}))[0] == "2010"


def test_computed_properties_that_are_sent_are_overwritten(company):
    row = company.create("Invoice", company.invoice(TotalAmt=5, Balance=5, MetaData={"CreateTime": "x"}, domain="x"))

    assert (row["TotalAmt"], row["Balance"], row["domain"]) == (100, 100, "QBO")


def test_an_amount_is_price_times_quantity_rounded_half_up(company):
    line = company.sale(1861.07, UnitPrice=14.5, Qty=128.35)

    assert company.refused("Invoice", company.invoice(line)) == (
        "6070",
        "Amount calculation incorrect in the request : Amount is not equal to UnitPrice * Qty. Supplied value:1,861.07",
    )
    assert company.create("Invoice", company.invoice({**line, "Amount": 1861.08}))["TotalAmt"] == 1861.08


def test_how_many_decimals_a_price_keeps_can_be_switched(company):
    line = company.sale(1, UnitPrice=0.333333, Qty=3)
    company.create("Invoice", company.invoice(line))

    company.stand_in.unit_price_decimals = 2

    assert company.refused("Invoice", company.invoice(line))[0] == "6070"


def test_a_sales_line_without_an_item_counts_for_nothing(company):
    line = {"Amount": 50, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {}}

    assert company.create("Invoice", company.invoice(company.sale(10), line))["TotalAmt"] == 10


def test_sales_forms_take_descriptions_and_end_with_a_subtotal(company):
    note = {"DetailType": "DescriptionOnly", "Description": "Section 1"}

    row = company.create("Invoice", company.invoice(note, company.sale(10)))

    kinds = [line["DetailType"] for line in row["Line"]]
    assert kinds == ["DescriptionOnly", "SalesItemLineDetail", "SubTotalLineDetail"]
    assert row["TotalAmt"] == row["Line"][-1]["Amount"] == 10


@pytest.mark.parametrize("kind", ["DescriptionOnly", "SubTotalLineDetail", "DiscountLineDetail"])
def test_purchases_take_only_account_and_item_lines(company, kind):
    line = {"DetailType": kind, "Description": "Section 1", "Amount": 1}

    assert company.refused("Bill", company.bill(company.expense(), line))[0] == "2170"
    assert company.refused("Bill", company.bill(company.sale()))[0] == "2010"


def test_a_discount_line_needs_an_amount_or_a_percentage(company):
    percent = {"PercentBased": True, "DiscountPercent": 10}
    line = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": percent}

    assert company.create("Invoice", company.invoice(company.sale(50), line))["TotalAmt"] == 45

    nothing = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": False}}
    assert company.refused("Invoice", company.invoice(company.sale(50), nothing))[0] == "6090"


def test_a_category_is_no_item(company):
    code, detail = company.refused("Invoice", company.invoice(company.sale(item="Kinds")))

    assert code == "2500"
    assert "set up as a category instead of a product or service" in detail


def test_an_item_on_a_bill_needs_an_expense_account(company):
    def line(item):
        detail = {"ItemRef": company.reference("Item", item), "Qty": 2, "UnitPrice": 5}
        return {"Amount": 10, "DetailType": "ItemBasedExpenseLineDetail", "ItemBasedExpenseLineDetail": detail}

    assert company.create("Bill", company.bill(line("Goods")))["TotalAmt"] == 10
    assert company.refused("Bill", company.bill(line("Work")))[0] == "6000"


def test_references_that_do_not_exist_are_2500_with_the_table_and_id(company):
    nobody = company.refused("Invoice", company.invoice(CustomerRef={"value": "583"}))
    account = company.refused("Bill", company.bill(company.expense(AccountRef={"value": "55"})))
    item = company.refused("Invoice", company.invoice(company.sale(ItemRef={"value": "77"})))

    assert nobody == ("2500", "Invalid Reference Id : Names element id 583 not found")
    assert account == ("2500", "Invalid Reference Id : Accounts element id 55 is invalid")
    assert item == ("2500", "Invalid Reference Id : Items element id 77 not found")
    assert company.refused("Invoice", company.invoice(SalesTermRef={"value": "9"}))[0] == "2500"


@pytest.mark.parametrize("code", ["610", "2500"])
def test_inactive_references_are_610_or_2500(company, code):
    company.stand_in.inactive_reference_code = code
    body = company.bill()
    company.books.deactivate("Account", company.id_of("Account", "Costs"))

    answer = company.refused("Bill", body)

    assert answer[0] == code
    assert "has been made inactive" in answer[1]


def test_a_vendor_is_no_customer(company):
    code, detail = company.refused("Invoice", company.invoice(CustomerRef=company.reference("Vendor", "Bob")))

    assert code == "6000"
    assert "The type of name assigned to this transaction" in detail
    assert company.refused("Bill", company.bill(VendorRef=company.reference("Customer", "Alice")))[0] == "6000"


def test_receivable_and_payable_accounts_cannot_stand_on_a_bill_line(company):
    assert company.refused("Bill", company.bill(company.expense(account="Payable")))[0] == "6430"
    assert company.refused("Bill", company.bill(APAccountRef=company.reference("Account", "Costs")))[0] == "6430"


def test_a_total_below_zero_is_refused_and_negative_lines_inside_a_total_pass(company):
    assert company.refused("Invoice", company.invoice(company.sale(10), company.sale(-11))) == (
        "6000",
        "Business Validation Error: Enter a transaction amount that is 0 or greater.",
    )
    assert company.refused("VendorCredit", company.bill(company.expense(-1)))[0] == "6000"
    assert company.create("Bill", company.bill(company.expense(10), company.expense(-10)))["TotalAmt"] == 0


def test_a_document_without_a_date_is_of_today_and_terms_give_its_due_date(company):
    row = company.create("Bill", company.bill(SalesTermRef=company.reference("Term", "Net 30")))

    assert (row["TxnDate"], row["DueDate"]) == ("2027-01-15", "2027-02-14")
    assert company.create("Invoice", company.invoice())["DueDate"] == "2027-01-15"

    bill = company.bill(SalesTermRef=company.reference("Term", "Net 30"), DueDate="2027-03-01")
    assert company.create("Bill", bill)["DueDate"] == "2027-03-01"


@pytest.mark.parametrize("code", ["6200", "6210"])
def test_closed_books_refuse_every_write_on_or_before_the_date(company, code):
    company.stand_in.closed_books_code = code
    row = company.create("Invoice", company.invoice(TxnDate="2026-06-30"))
    company.books.realm.book_close_date = "2026-06-30"

    key = {"Id": row["Id"], "SyncToken": "0"}
    refusals = [
        company.refused("Bill", company.bill(TxnDate="2026-06-30")),
        company.refused("Invoice", {**key, "sparse": True, "TxnDate": "2026-07-01"}),
        company.refused("Invoice", key, operation="delete"),
        company.refused("Invoice", key, operation="void"),
    ]

    assert {refusal[0] for refusal in refusals} == {code}
    assert refusals[0][1].startswith("The account period has closed and the account books cannot be updated")
    company.create("Bill", company.bill(TxnDate="2026-07-01"))


def test_the_day_the_books_were_closed_can_be_read_when_set(company):
    assert "BookCloseDate" not in company.get("preferences").json()["Preferences"]["AccountingInfoPrefs"]

    company.books.realm.book_close_date = "2026-06-30"

    assert company.found("select * from Preferences")[0]["AccountingInfoPrefs"]["BookCloseDate"] == "2026-06-30"


def test_a_sales_number_used_twice_is_6140_across_sales_forms_when_numbers_are_the_companys_own(company):
    first = company.create("Invoice", company.invoice(DocNumber="AA"))

    code, detail = company.refused("CreditMemo", company.invoice(DocNumber="AA"))

    assert code == "6140"
    assert detail.startswith("Duplicate Document Number Error : You must specify a different number.")
    assert detail.endswith(f"DocNumber=AA is assigned to TxnType=Invoice with TxnId={first['Id']}")


def test_sales_numbers_repeat_silently_when_quickbooks_gives_them_itself():
    with opened(custom_transaction_numbers=False) as company:
        rows = [company.create("Invoice", company.invoice(DocNumber="AA")) for _ in range(2)]
        numbered = [company.create("Invoice", company.invoice()) for _ in range(2)]

        assert [row["DocNumber"] for row in rows] == ["AA", "AA"]
        assert [row["DocNumber"] for row in numbered] == ["1001", "1002"]


def test_a_document_without_a_number_stays_without_unless_one_is_forced(company):
    assert "DocNumber" not in company.create("Bill", company.bill())
    assert "DocNumber" not in company.create("Invoice", company.invoice())
    assert company.create("Invoice", company.invoice(DocNumber="AUTO_GENERATE"))["DocNumber"] == "1001"


def test_bill_numbers_repeat_unless_the_company_warns_of_it(company):
    for _ in range(2):
        company.create("Bill", company.bill(DocNumber="R-1"))

    company.books.realm.warn_duplicate_bill_number = True

    assert company.refused("Bill", company.bill(DocNumber="R-1"))[0] == "6140"
    other = company.create("Vendor", {"DisplayName": "Carl"})
    carls = company.bill(DocNumber="R-1", VendorRef={"value": other["Id"]})
    assert company.refused("Bill", carls)[0] == "6140"
    company.stand_in.bill_numbers_unique_per_vendor = True
    company.create("Bill", carls)


def test_a_currency_needs_multicurrency_whatever_it_is(company):
    for code in ("EUR", "USD"):
        body = company.invoice(CurrencyRef={"value": code})
        assert company.refused("Invoice", body) == ("6000", MULTICURRENCY)
    assert company.refused("Invoice", company.invoice(ExchangeRate=1.1)) == ("6000", MULTICURRENCY)

    company.stand_in.home_currency_ref_refused = False

    company.create("Invoice", company.invoice(CurrencyRef={"value": "USD"}))


def test_the_currency_of_a_document_is_that_of_its_party(foreign):
    elise = foreign.reference("Customer", "Élise")
    for party, code in ((elise, "USD"), (foreign.reference("Customer", "Alice"), "EUR")):
        body = foreign.invoice(CustomerRef=party, CurrencyRef={"value": code})
        assert foreign.refused("Invoice", body) == ("6000", CURRENCY)
    assert foreign.refused("Invoice", foreign.invoice(CurrencyRef={"value": "EURO"}))[0] == "2220"

    body = foreign.invoice(CustomerRef=elise, CurrencyRef={"value": "EUR"}, ExchangeRate=1.075269)
    row = foreign.create("Invoice", body)

    assert (row["TotalAmt"], row["HomeTotalAmt"], row["ExchangeRate"]) == (100, 107.53, 1.075269)


def test_a_missing_currency_is_the_partys_or_refused(foreign):
    body = foreign.invoice(CustomerRef=foreign.reference("Customer", "Élise"))

    assert foreign.create("Invoice", body)["CurrencyRef"]["value"] == "EUR"

    foreign.stand_in.requires_currency_ref = True
    assert foreign.refused("Invoice", body)[0] == "2020"


def test_a_missing_rate_is_quickbooks_own(foreign):
    foreign.books.realm.exchange_rates["EUR"] = 2

    row = foreign.create("Invoice", foreign.invoice(CustomerRef=foreign.reference("Customer", "Élise")))

    assert row["HomeTotalAmt"] == 200


def test_an_account_of_another_currency_is_refused(foreign):
    line = foreign.expense(account="Euro bank")

    assert foreign.refused("Bill", foreign.bill(line)) == ("6000", CURRENCY)


def test_the_first_document_in_a_currency_opens_its_receivable_account(foreign):
    foreign.create("Invoice", foreign.invoice(CustomerRef=foreign.reference("Customer", "Élise")))

    account = foreign.books.named("Account", "Accounts Receivable (A/R) - EUR")
    assert (account["AccountType"], account["CurrencyRef"]["value"]) == ("Accounts Receivable", "EUR")


def test_classes_and_locations_need_their_preference(company):
    assert company.refused("Bill", company.bill(company.expense(ClassRef={"value": "1"})))[0] == "5020"
    assert company.refused("Bill", company.bill(DepartmentRef={"value": "1"}))[0] == "5020"


def test_classes_stand_on_the_line_and_locations_on_the_document():
    with opened(
        class_tracking="line",
        departments_tracked=True,
        classes=[{"Name": "North"}],
        departments=[{"Name": "Shop"}],
    ) as company:
        line = company.expense(ClassRef=company.reference("Class", "North"))
        row = company.create("Bill", company.bill(line, DepartmentRef=company.reference("Department", "Shop")))

        assert row["Line"][0]["AccountBasedExpenseLineDetail"]["ClassRef"]["name"] == "North"
        assert row["DepartmentRef"]["name"] == "Shop"
        assert company.refused("Invoice", company.invoice(ClassRef=company.reference("Class", "North")))[0] == "5020"
        missing = company.expense(ClassRef={"value": "9"})
        assert "Klasses element id 9" in company.refused("Bill", company.bill(missing))[1]


def test_a_sparse_update_replaces_the_lines_that_are_sent(company):
    row = company.create("Invoice", company.invoice(company.sale(10), company.sale(20), PrivateNote="kept"))

    changed = company.create(
        "Invoice",
        {"Id": row["Id"], "SyncToken": "0", "sparse": True, "Line": [company.sale(5)]},
    )

    assert (changed["TotalAmt"], changed["PrivateNote"], changed["SyncToken"]) == (5, "kept", "1")
    assert company.stand_in.calls["update"] == company.books.updates["Invoice"] == 1


def test_a_full_update_needs_what_a_create_needs(company):
    row = company.create("Invoice", company.invoice(PrivateNote="lost"))
    key = {"Id": row["Id"], "SyncToken": "0"}

    assert company.refused("Invoice", {**key, "PrivateNote": "x"})[0] == "2020"
    assert "PrivateNote" not in company.create("Invoice", {**company.invoice(), **key})


def test_an_update_needs_the_latest_token(company):
    row = company.create("Invoice", company.invoice())
    body = {**company.invoice(), "Id": row["Id"]}

    assert company.refused("Invoice", body)[0] == "2020"
    company.create("Invoice", {**body, "SyncToken": "0"})
    assert company.refused("Invoice", {**body, "SyncToken": "0"})[0] == "5010"
    assert company.refused("Invoice", {**body, "SyncToken": "0"}, operation="delete")[0] == "5010"
    assert company.refused("Invoice", {**body, "Id": "x", "SyncToken": "0"})[0] == "2030"


def test_a_deleted_document_is_gone(company):
    row = company.create("Bill", company.bill())
    key = {"Id": row["Id"], "SyncToken": "0"}

    answer = company.post("bill", key, operation="delete").json()

    assert answer["Bill"] == {"status": "Deleted", "domain": "QBO", "Id": row["Id"]}
    assert company.books.documents("Bill") == []
    assert company.refused("Bill", key, operation="delete")[0] == "610"
    assert company.get(f"bill/{row['Id']}").status_code == 400


def test_a_voided_invoice_counts_for_nothing_and_says_so(company):
    row = company.create("Invoice", company.invoice(company.sale(10, tax="TAX")))

    answer = company.post("invoice", {"Id": row["Id"], "SyncToken": "0"}, operation="void").json()["Invoice"]

    assert (answer["TotalAmt"], answer["Balance"], answer["PrivateNote"]) == (0, 0, "Voided")
    assert answer["Line"][0]["Amount"] == answer["TxnTaxDetail"]["TotalTax"] == 0
    assert company.books.voids == {"Invoice": 1}


@pytest.mark.parametrize("entity", ["CreditMemo", "Bill", "VendorCredit"])
def test_only_invoices_can_be_voided(company, entity):
    body = company.invoice() if entity == "CreditMemo" else company.bill()
    row = company.create(entity, body)

    assert company.refused(entity, {"Id": row["Id"], "SyncToken": "0"}, operation="void")[0] == "500"


def test_a_payment_shows_in_the_balance_and_survives_an_update(company):
    row = company.create("Invoice", company.invoice())

    company.books.pay("Invoice", row["Id"], 30)

    paid = company.get(f"invoice/{row['Id']}").json()["Invoice"]
    assert (paid["Balance"], paid["LinkedTxn"][0]["TxnType"], paid["SyncToken"]) == (70, "Payment", "1")
    body = {"Id": row["Id"], "SyncToken": "1", "sparse": True, "PrivateNote": "x"}
    assert company.create("Invoice", body)["Balance"] == 70


def test_a_document_has_at_most_ten_thousand_lines(company):
    line = company.expense(1)

    assert company.refused("Bill", company.bill(*[line] * 10_001))[0] == "6000"
