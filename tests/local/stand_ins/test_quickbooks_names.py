"""Customers, vendors, items and accounts as QuickBooks takes and refuses them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.local.stand_ins.quickbooks_company import fault, opened


@pytest.fixture
def company():
    with opened() as company:
        yield company


@pytest.fixture
def foreign():
    with opened(multicurrency=True) as company:
        yield company


def test_a_new_name_starts_at_token_0_with_the_times_of_its_making(company):
    row = company.create("Customer", {"DisplayName": "Carol"})

    assert (row["SyncToken"], row["Active"], row["domain"]) == ("0", True, "QBO")
    assert row["MetaData"]["CreateTime"] == row["MetaData"]["LastUpdatedTime"] == "2027-01-15T00:00:00-08:00"
    assert company.get(f"customer/{row['Id']}").json()["Customer"] == row


def test_people_share_one_range_of_ids(company):
    kinds = {"Carol": "Customer", "Dan": "Vendor", "Erin": "Customer"}

    ids = [company.create(entity, {"DisplayName": name})["Id"] for name, entity in kinds.items()]

    assert ids == ["4", "5", "6"]


def test_a_name_taken_by_the_same_kind_is_6240_with_its_id(company):
    code, detail = company.refused("Customer", {"DisplayName": "aLiCe"})

    assert (code, detail) == ("6240", f"The name supplied already exists. : Id={company.id_of('Customer', 'Alice')}")


@pytest.mark.parametrize(("entity", "name"), [("Vendor", "Alice"), ("Customer", "Bob"), ("Customer", "Eve")])
def test_a_name_taken_by_another_kind_is_6240_without_an_id(company, entity, name):
    code, detail = company.refused(entity, {"DisplayName": name})

    assert code == "6240"
    assert detail == (
        "The name supplied already exists. : Another customer, vendor or employee is already using this name."
    )


@pytest.mark.parametrize("name", ["A: B", "A\tB", "A\nB"])
def test_a_name_holds_no_colon_tab_or_line_break(company, name):
    assert company.refused("Customer", {"DisplayName": name}) == ("2040", "Element contains invalid characters")


def test_a_party_without_any_name_is_6080(company):
    assert company.refused("Customer", {"CompanyName": "Alone"})[0] == "6080"
    assert company.refused("Vendor", {"DisplayName": "  "})[0] == "6080"


def test_a_party_may_be_named_by_its_parts(company):
    assert company.create("Customer", {"GivenName": "Carol", "FamilyName": "Jones"})["DisplayName"] == "Carol Jones"


@pytest.mark.parametrize(
    ("properties", "length_max"),
    [
        ({"DisplayName": "x" * 501}, 500),
        ({"DisplayName": "C", "CompanyName": "x" * 101}, 100),
        ({"DisplayName": "C", "BillAddr": {"PostalCode": "x" * 31}}, 30),
        ({"DisplayName": "C", "PrimaryPhone": {"FreeFormNumber": "1" * 31}}, 30),
        ({"DisplayName": "C", "BillAddr": {"Line1": "x" * 501}}, 500),
    ],
)
def test_a_text_that_is_too_long_is_2050(company, properties, length_max):
    code, detail = company.refused("Customer", properties)

    assert code == "2050"
    assert f"Max:{length_max} supported. Supplied length:{length_max + 1}" in detail


def test_an_e_mail_address_needs_an_at_sign_and_a_full_stop(company):
    code, _ = company.refused("Customer", {"DisplayName": "C", "PrimaryEmailAddr": {"Address": "nobody"}})

    assert code == "2210"


def test_names_written_at_the_same_time_are_refused_but_for_one(company):
    company.stand_in.name_edit_s = 0.3
    with ThreadPoolExecutor() as threads:
        bodies = [{"DisplayName": f"Name {number}"} for number in range(3)]
        answers = list(threads.map(lambda body: company.post("customer", body), bodies))

    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    code, detail = next(fault(answer) for answer in answers if answer.status_code == 400)
    assert (code, detail) == (
        "6000",
        "Business Validation Error: You can only add or edit one name at a time. Please try again.",
    )


def test_a_name_is_refused_while_a_person_is_editing_one(company):
    company.stand_in.names_busy = True

    assert "one name at a time" in company.refused("Vendor", {"DisplayName": "Carol"})[1]


def test_a_name_made_inactive_is_renamed_and_free_again(company):
    old = company.create("Customer", {"DisplayName": "Carol"})

    company.create("Customer", {"Id": old["Id"], "SyncToken": "0", "sparse": True, "Active": False})

    assert company.get(f"customer/{old['Id']}").json()["Customer"]["DisplayName"] == "Carol (deleted)"
    assert company.create("Customer", {"DisplayName": "Carol"})["Id"] != old["Id"]


def test_an_inactive_name_cannot_be_edited(company):
    row_id = company.id_of("Customer", "Alice")
    company.books.deactivate("Customer", row_id)

    code, detail = company.refused("Customer", {"Id": row_id, "SyncToken": "0", "sparse": True, "Title": "Ms"})

    assert (code, detail) == (
        "6000",
        "Business Validation Error: You cannot modify a list element that has been deleted.",
    )


def test_a_name_cannot_be_deleted(company):
    body = {"Id": company.id_of("Customer", "Alice"), "SyncToken": "0"}

    assert company.refused("Customer", body, operation="delete")[0] == "500"


def test_a_sparse_update_keeps_what_it_does_not_mention(company):
    row = company.create("Customer", {"DisplayName": "Carol", "Notes": "kept", "CompanyName": "kept too"})

    sparse = {"Id": row["Id"], "SyncToken": "0", "sparse": True, "CompanyName": "new"}
    changed = company.create("Customer", sparse)

    assert (changed["Notes"], changed["CompanyName"], changed["SyncToken"]) == ("kept", "new", "1")


def test_a_full_update_drops_what_it_does_not_mention(company):
    row = company.create("Customer", {"DisplayName": "Carol", "Notes": "lost"})

    changed = company.create("Customer", {"Id": row["Id"], "SyncToken": "0", "DisplayName": "Carol"})

    assert "Notes" not in changed


def test_a_stale_token_is_5010(company):
    body = {"Id": company.id_of("Customer", "Alice"), "SyncToken": "7", "sparse": True, "Title": "Ms"}

    code, detail = company.refused("Customer", body)

    assert code == "5010"
    assert "You and root were working on this at the same time" in detail


def test_a_currency_needs_multicurrency_to_be_on(company):
    body = {"DisplayName": "Carol", "CurrencyRef": {"value": "EUR"}}

    assert company.refused("Customer", body) == (
        "6000",
        "Business Validation Error: Multi Currency should be enabled to perform this operation",
    )


def test_a_party_gets_the_home_currency_unless_it_names_another(foreign):
    euro = foreign.create("Customer", {"DisplayName": "Carol", "CurrencyRef": {"value": "EUR"}})

    assert euro["CurrencyRef"]["value"] == "EUR"
    assert foreign.create("Vendor", {"DisplayName": "Dan"})["CurrencyRef"]["value"] == "USD"
    assert foreign.refused("Vendor", {"DisplayName": "X", "CurrencyRef": {"value": "XXX"}})[0] == "2220"


def test_the_currency_of_a_party_is_fixed_at_creation(foreign):
    row = foreign.create("Customer", {"DisplayName": "Carol", "CurrencyRef": {"value": "EUR"}})

    body = {"Id": row["Id"], "SyncToken": "0", "sparse": True, "CurrencyRef": {"value": "USD"}}

    assert foreign.refused("Customer", body)[0] == "6000"


def test_a_service_needs_an_account(company):
    assert company.refused("Item", {"Name": "Help", "Type": "Service"})[0] == "2020"
    assert company.refused("Item", {"Type": "Service"})[0] == "2020"


def test_an_item_is_sold_over_income_and_bought_over_expense(company):
    costs, sales = company.reference("Account", "Costs"), company.reference("Account", "Sales")

    row = company.create(
        "Item",
        {"Name": "Help", "Type": "Service", "IncomeAccountRef": sales, "ExpenseAccountRef": costs},
    )

    assert row["IncomeAccountRef"]["name"] == "Sales"
    assert company.refused("Item", {"Name": "X", "Type": "Service", "IncomeAccountRef": costs})[0] == "6430"
    assert company.refused("Item", {"Name": "X", "Type": "Service", "ExpenseAccountRef": sales})[0] == "6430"


def test_an_inventory_item_needs_all_of_its_accounts(company):
    body = {"Name": "Bolt", "Type": "Inventory", "IncomeAccountRef": company.reference("Account", "Sales")}

    assert company.refused("Item", body)[0] == "2020"


def test_an_item_name_is_unique_and_holds_no_colon(company):
    sales = company.reference("Account", "Sales")

    code, detail = company.refused("Item", {"Name": "WORK", "Type": "Service", "IncomeAccountRef": sales})

    assert (code, detail) == ("6240", f"The name supplied already exists. : Id={company.id_of('Item', 'Work')}")
    assert company.refused("Item", {"Name": "A:B", "Type": "Service", "IncomeAccountRef": sales})[0] == "2040"


def test_the_same_item_name_may_stand_under_another_parent(company):
    parent = company.reference("Item", "Kinds")
    sales = company.reference("Account", "Sales")
    body = {"Name": "Work", "Type": "Service", "IncomeAccountRef": sales, "SubItem": True, "ParentRef": parent}

    assert company.create("Item", body)["FullyQualifiedName"] == "Kinds:Work"


def test_an_account_gets_its_classification_from_its_type(company):
    row = company.create("Account", {"Name": "Rent", "AccountType": "Expense"})

    assert row["Classification"] == "Expense"
    assert company.refused("Account", {"Name": "Rent", "AccountType": "Expense"})[0] == "6240"
    assert company.refused("Account", {"Name": "Other"})[0] == "6010"


def test_employees_tax_codes_and_preferences_can_only_be_read(company):
    assert company.get(f"employee/{company.id_of('Employee', 'Eve')}").status_code == 200
    assert company.refused("Employee", {"DisplayName": "X"})[0] == "500"
    assert company.refused("TaxCode", {"Name": "X"})[0] == "500"


@pytest.mark.parametrize("vanishes", [False, True])
def test_a_merged_name_is_gone_and_its_documents_are_the_others(company, vanishes):
    company.stand_in.merged_names_vanish = vanishes
    body = company.invoice()
    row = company.create("Invoice", body)
    carol = company.create("Customer", {"DisplayName": "Carol"})

    company.books.merge("Customer", row["CustomerRef"]["value"], carol["Id"])

    (moved,) = company.found("select * from Invoice")
    assert moved["CustomerRef"] == {"value": carol["Id"], "name": "Carol"}
    assert company.refused("Invoice", body)[0] in ("610", "2500")
    named = [row["DisplayName"] for row in company.found("select * from Customer where Active in (true, false)")]
    assert sorted(named) == (["Carol"] if vanishes else ["Alice (deleted)", "Carol"])
