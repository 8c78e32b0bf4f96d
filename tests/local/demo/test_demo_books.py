"""The books of the demonstration are such that most documents pass and five need a person."""

import pytest

from local.demo.books import NEEDS_A_PERSON, REALM_A, REALM_B, demo_realms
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from tests.local.stand_ins.quickbooks_company import Clock, Company


@pytest.fixture
def stand_in():
    stand_in = QuickBooksStandIn(demo_realms())
    yield stand_in
    stand_in.close()


@pytest.fixture
def client(stand_in):
    def client(realm_id):
        company = Company.__new__(Company)
        company.stand_in, company.clock, company.books = stand_in, Clock(), stand_in.books(realm_id)
        company.base = f"{stand_in.url}/v3/company/{realm_id}"
        token = stand_in.tokens.access_token(realm_id)
        company.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return company

    return client


def test_each_document_that_needs_a_person_needs_it_for_another_reason():
    assert len({reason for _, _, reason in NEEDS_A_PERSON}) == len(NEEDS_A_PERSON) == 4


def test_the_books_of_company_a_are_closed_for_its_oldest_bill(client):
    company = client(REALM_A)
    vendor = company.create("Vendor", {"DisplayName": "Green Energy Supply 1"})
    body = {"VendorRef": {"value": vendor["Id"]}, "Line": [company.expense(516, "Expenses")], "TxnDate": "2026-01-02"}

    assert company.refused("Bill", body)[0] == "6210"
    company.create("Bill", {**body, "TxnDate": "2026-01-19"})


def test_a_number_of_company_a_was_taken_by_hand(client):
    company = client(REALM_A)
    body = {
        "CustomerRef": company.reference("Customer", "Iron Media 7"),
        "Line": [company.sale(10, item="Services")],
        "TxnDate": "2026-04-21",
        "DocNumber": "INV/2026/00132",
    }

    assert company.refused("Invoice", body)[0] == "6140"


def test_the_tax_of_an_exempt_customer_of_company_a_is_dropped(client):
    company = client(REALM_A)
    body = {
        "CustomerRef": company.reference("Customer", "Iron Media 7"),
        "Line": [company.sale(1000, tax="TAX", item="Services"), company.sale(10, item="Services")],
        "TxnTaxDetail": {"TotalTax": 82.5},
        "TxnDate": "2026-08-29",
    }

    assert company.create("Invoice", body)["TotalAmt"] == 1010


def test_a_vendor_of_company_a_is_kept_in_euros(client):
    company = client(REALM_A)
    vendor = company.reference("Vendor", "Deutsche Lieferant GmbH ÄÖÜ")
    body = {"VendorRef": vendor, "Line": [company.expense(137.03, "Expenses")], "CurrencyRef": {"value": "USD"}}

    assert company.refused("Bill", body)[0] == "6000"


def test_company_b_has_every_account_but_export_sales(client):
    names = {row["Name"] for row in client(REALM_B).found("select * from Account")}

    assert {"Customers", "Suppliers", "Purchases of Raw Materials", "Sales in Belgium (Trade Goods)"} <= names
    assert "Sales for Export (Trade Goods)" not in names


def test_company_b_has_the_tax_codes_of_odoo_by_name(client):
    names = {row["Name"] for row in client(REALM_B).found("select * from TaxCode")}

    assert {"21%", "6%", "0%", "21% M", "6% M", "0% M", "No VAT"} == names


def test_exactly_these_documents_need_a_person_when_the_demo_runs(machine):
    machine.extract()
    while machine.post()["posted"]:
        pass

    failed = {
        (entry["company"], entry["number"]) for entry in machine.entries().values() if entry["status"] == "failed"
    }
    assert failed == {(company, number) for company, number, _ in NEEDS_A_PERSON}
