"""Rules of QuickBooks that no other test of the stand-in would miss: with each one switched off, one of these fails."""

import json
from datetime import UTC, datetime

import pytest
import requests

from tests.local.stand_ins.quickbooks_company import fault, opened


@pytest.fixture
def company():
    with opened() as company:
        yield company


def test_a_sale_of_subtotals_alone_has_no_line(company):
    errors = company.post("invoice", company.invoice({"Amount": 1, "DetailType": "SubTotalLineDetail"})).json()

    assert [(one["code"], one["element"]) for one in errors["Fault"]["Error"]] == [("2020", "Line")]


def test_an_item_that_is_only_bought_cannot_be_sold(company):
    item = company.reference("Item", "Goods")
    line = {"Amount": 1, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": item}}

    code, detail = company.refused("Invoice", company.invoice(line))

    assert (code, "no income account" in detail) == ("6000", True)


def test_a_paid_document_keeps_its_customer(company):
    row = company.create("Invoice", company.invoice())
    other = company.create("Customer", {"DisplayName": "Carl"})
    company.books.pay("Invoice", row["Id"], row["TotalAmt"])
    row = company.get(f"invoice/{row['Id']}").json()["Invoice"]

    code, detail = company.refused(
        "Invoice",
        {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": True, "CustomerRef": {"value": other["Id"]}},
    )

    assert (code, "payments applied" in detail) == ("6000", True)


def test_what_is_owed_is_booked_on_an_account_in_the_documents_currency():
    with opened(
        multicurrency=True,
        customers=[{"DisplayName": "Alice"}, {"DisplayName": "Élise", "CurrencyRef": {"value": "EUR"}}],
    ) as company:
        euros = company.create(
            "Account", {"Name": "Owed", "AccountType": "Accounts Receivable", "CurrencyRef": {"value": "EUR"}}
        )
        body = company.invoice() | {"ARAccountRef": {"value": euros["Id"]}}

        code, detail = company.refused("Invoice", body)

    assert (code, "currency" in detail) == ("6000", True)


@pytest.mark.parametrize("rate", [0, -1])
def test_an_exchange_rate_is_more_than_nothing(rate):
    with opened(multicurrency=True, customers=[{"DisplayName": "Alice"}]) as company:
        assert company.refused("Invoice", company.invoice() | {"ExchangeRate": rate})[0] == "2110"


def test_sales_tax_is_not_below_zero(company):
    body = company.invoice(company.sale(10, tax="TAX")) | {"TxnTaxDetail": {"TotalTax": -1}}

    assert company.refused("Invoice", body)[0] == "6000"


@pytest.mark.parametrize(
    ("entity", "body", "code"),
    [
        ("Item", {"Type": "Service"}, "2020"),
        ("Class", {"Name": "  "}, "2020"),
        ("Item", {"Name": "Untyped"}, "2020"),
        ("Account", {"Name": "Odd", "AccountType": "Piggy Bank"}, "2170"),
        ("Account", {"Name": ["Odd"], "AccountType": "Bank"}, "2010"),
        ("Account", ["Odd"], "2010"),
        ("Customer", {"DisplayName": "Carol", "Job": "yes"}, "2010"),
    ],
)
def test_a_name_list_has_a_name_a_type_and_no_other_kinds_of_values(company, entity, body, code):
    assert company.refused(entity, body)[0] == code


def test_a_parent_is_named_together_with_the_mark_of_a_sub_account(company):
    body = {"Name": "Sub", "AccountType": "Income", "ParentRef": company.reference("Account", "Sales")}

    assert company.refused("Account", body)[0] == "6000"
    assert company.create("Account", body | {"SubAccount": True})["FullyQualifiedName"] == "Sales:Sub"


def test_a_list_stands_where_a_list_is_wanted(company):
    assert company.refused("Invoice", company.invoice() | {"Line": {}})[0] == "2010"


@pytest.mark.parametrize("value", ["10", True, [10]])
def test_an_amount_is_a_number(company, value):
    assert company.refused("Invoice", company.invoice({**company.sale(10), "Amount": value}))[0] == "2010"


def test_a_price_beyond_its_range_is_2110(company):
    income = {"IncomeAccountRef": company.reference("Account", "Sales")}

    assert company.refused("Item", {"Name": "Dear", "Type": "Service", "UnitPrice": 10**12, **income})[0] == "2110"


def test_a_note_that_is_attached_has_a_file_or_words(company):
    row = company.create("Invoice", company.invoice())
    link = {"AttachableRef": [{"EntityRef": {"type": "Invoice", "value": row["Id"]}}]}

    assert company.refused("Attachable", link)[0] == "2020"
    assert company.create("Attachable", link | {"Note": "seen"})["Note"] == "seen"


@pytest.mark.parametrize("gone", [True, False])
def test_what_was_deleted_or_never_was_cannot_be_changed(company, gone):
    row = company.create("Invoice", company.invoice())
    if gone:
        company.books.delete("Invoice", {"Id": row["Id"], "SyncToken": row["SyncToken"]})
    wanted = row["Id"] if gone else "4711"

    code, detail = company.refused("Invoice", {"Id": wanted, "SyncToken": "0", "sparse": True, "PrivateNote": "x"})

    assert (code, "deleted" in detail) == ("610", gone)


def test_an_optional_field_is_refused_where_the_switch_says_so(company):
    company.stand_in.refused_field = "PrimaryPhone"

    refused = company.post("customer", {"DisplayName": "Dora", "PrimaryPhone": {"FreeFormNumber": "1"}})

    assert refused.status_code == 400
    assert company.create("Customer", {"DisplayName": "Dora"})["DisplayName"] == "Dora"


@pytest.mark.parametrize(("code", "word"), [("5020", "permission"), ("5030", "not supported")])
def test_what_the_plan_lacks_is_refused_for_reading_and_writing(code, word):
    with opened(plan="simple_start") as company:
        company.stand_in.plan_code = code
        answers = [company.refused("Bill", company.bill()), fault(company.query("select * from Bill"))]

    assert [(found, word in detail) for found, detail in answers] == [(code, True)] * 2


def test_a_query_is_posted_as_text(company):
    def posted(kind):
        headers = {**company.headers, "Content-Type": kind}
        return requests.post(f"{company.base}/query", data="select * from Item", headers=headers, timeout=10)

    assert posted("application/text").status_code == 200
    assert posted("application/json").status_code == 400


@pytest.mark.parametrize("spoiled", ["as it is", "without its end", "with a part that has no header"])
def test_an_upload_ends_and_each_part_has_a_header(company, spoiled):
    row = company.create("Invoice", company.invoice())
    link = {"AttachableRef": [{"EntityRef": {"type": "Invoice", "value": row["Id"]}}], "FileName": "a.pdf"}
    head = b'--b\r\nContent-Disposition: form-data; name="file_%s_01"; filename="a"\r\nContent-Type: %s\r\n\r\n%s\r\n'
    parts = head % (b"metadata", b"application/json", json.dumps(link).encode())
    parts += head % (b"content", b"application/pdf", b"%PDF-1.4")
    ends = {"as it is": b"--b--\r\n", "without its end": b"--b\r\n"}
    body = parts + ends.get(spoiled, b"--b\r\nno header\r\n--b--\r\n")
    headers = {**company.headers, "Content-Type": "multipart/form-data; boundary=b"}

    answer = requests.post(f"{company.base}/upload", data=body, headers=headers, timeout=10)

    assert (answer.status_code == 200) is (spoiled == "as it is")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"changedSince": "now"}, "2020"),
        ({"entities": "Invoice,Unicorn", "changedSince": "now"}, "2010"),
        ({"entities": "Invoice", "changedSince": "yesterday"}, "2060"),
        ({"entities": "Invoice", "changedSince": "2020-01-01T00:00:00+00:00"}, "2060"),
    ],
)
def test_changes_are_asked_for_by_entity_and_for_the_last_thirty_days(company, asked, code):
    now = datetime.fromtimestamp(company.clock.at - 60, UTC).isoformat()
    asked = {name: now if value == "now" else value for name, value in asked.items()}

    assert fault(company.get("cdc", **asked))[0] == code
    assert company.get("cdc", entities="Invoice", changedSince=now).status_code == 200
