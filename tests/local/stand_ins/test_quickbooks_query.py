"""The query language as QuickBooks has it, with what it does not have."""

import pytest
import requests

from tests.local.stand_ins.quickbooks_company import fault, opened


@pytest.fixture
def company():
    with opened(customers=[{"DisplayName": name} for name in ("Alice", "Adam's", "Peet's \\ Sons", "Zoë")]) as company:
        yield company


def names(rows):
    return sorted(row["DisplayName"] for row in rows)


def test_an_empty_result_is_an_empty_query_response(company):
    answer = company.query("select * from Customer where DisplayName = 'Nobody'").json()

    assert answer["QueryResponse"] == {}


def test_a_result_says_where_it_starts_and_how_many_there_are(company):
    answer = company.query("select * from Customer").json()["QueryResponse"]

    assert (answer["startPosition"], answer["maxResults"], len(answer["Customer"])) == (1, 4, 4)


def test_an_apostrophe_is_escaped_by_a_backslash(company):
    assert names(company.found(r"select * from Customer where DisplayName = 'Adam\'s'")) == ["Adam's"]
    assert names(company.found(r"select * from Customer where DisplayName = 'Peet\'s \\ Sons'")) == ["Peet's \\ Sons"]


def test_a_doubled_apostrophe_does_not_parse(company):
    code, detail = fault(company.query("select * from Customer where DisplayName = 'Adam''s'"))

    assert code == "4000"
    assert detail.startswith("QueryParserError: Encountered \" <STRING> \"'s'")


@pytest.mark.parametrize(
    "text",
    [
        "select * from Customer where DisplayName = 'Adam's'",
        "select * from Customer where DisplayName = 'A' or DisplayName = 'B'",
        "select * from Customer where (DisplayName = 'A')",
        "select * from Customer where DisplayName != 'A'",
        'select * from Customer where DisplayName = "A"',
        "select * from Customer where Balance > 0",
        "select * from Customer order by DisplayName",
        "select * from Customer where",
        "select * from Customer maxresults ten",
        "select * from Customer group by DisplayName",
        "update Customer",
        "",
    ],
)
def test_what_the_language_does_not_have_does_not_parse(company, text):
    assert fault(company.query(text))[0] == "4000"


@pytest.mark.parametrize("name", ["PrivateNote", "CustomField", "Line", "CustomerMemo"])
def test_a_property_that_cannot_be_filtered_is_4001(company, name):
    code, detail = fault(company.query(f"select * from Invoice where {name} = 'x'"))  # noqa: S608 - QuickBooks' own language

    assert (code, detail) == ("4001", f"QueryValidationError: Property {name} not found for Entity Invoice")


def test_an_unknown_column_or_entity_is_4001(company):
    assert fault(company.query("select NoSuchField from Invoice"))[0] == "4001"
    assert fault(company.query("select * from Nothing"))[0] == "4001"


def test_an_id_can_only_be_equal_or_in(company):
    assert fault(company.query("select * from Customer where Id > '1'"))[0] == "4001"
    assert len(company.found("select * from Customer where Id in ('1', '2')")) == 2


def test_words_and_values_are_compared_without_case(company):
    assert names(company.found("SELECT * FROM Customer WHERE DisplayName = 'ALICE'")) == ["Alice"]
    assert names(company.found("select * from Customer where displayname in ('alice', 'zoë')")) == ["Alice", "Zoë"]


def test_like_takes_a_percent_sign_for_anything(company):
    assert names(company.found(r"select * from Customer where DisplayName like 'a%'")) == ["Adam's", "Alice"]
    assert names(company.found(r"select * from Customer where DisplayName like '%\'s%'")) == [
        "Adam's",
        "Peet's \\ Sons",
    ]


def test_inactive_names_are_hidden_unless_asked_for(company):
    company.books.deactivate("Customer", "1")

    assert "Alice" not in names(company.found("select * from Customer"))
    assert names(company.found("select * from Customer where Active = false")) == ["Alice (deleted)"]
    assert len(company.found("select * from Customer where Active in (true, false)")) == 4


def test_a_page_has_a_hundred_rows_unless_asked_and_never_more_than_a_thousand():
    with opened(customers=[{"DisplayName": f"Customer {number}"} for number in range(1010)]) as company:
        assert len(company.found("select * from Customer")) == 100
        assert len(company.found("select * from Customer startposition 1001 maxresults 1000")) == 10
        assert fault(company.query("select * from Customer maxresults 1001"))[0] == "4001"
        assert company.query("select count(*) from Customer").json()["QueryResponse"] == {"totalCount": 1010}


def test_rows_are_ordered_when_asked_for(company):
    found = company.found("select * from Customer orderby DisplayName desc")

    assert [row["DisplayName"] for row in found] == ["Zoë", "Peet's \\ Sons", "Alice", "Adam's"]


def test_chosen_columns_are_answered_alone(company):
    row = company.found("select Id, DisplayName from Customer where DisplayName = 'Alice'")[0]

    assert row.keys() == {"Id", "DisplayName", "domain", "sparse"}


def test_documents_are_found_by_number_date_amount_and_party(company):
    wanted = company.create("Invoice", company.invoice(company.sale(50), DocNumber="A-1", TxnDate="2026-03-01"))
    company.create("Invoice", company.invoice(company.sale(70), DocNumber="A-2", TxnDate="2026-04-01"))

    for condition in (
        "DocNumber = 'a-1'",
        "TxnDate < '2026-04-01'",
        "TxnDate >= '2026-03-01' and TxnDate <= '2026-03-31'",
        "TotalAmt = '50.00'",
        f"CustomerRef = '{company.id_of('Customer', 'Alice')}' and DocNumber in ('A-1', 'A-9')",
    ):
        found = company.found(f"select * from Invoice where {condition}")  # noqa: S608 - QuickBooks' own language
        assert [row["Id"] for row in found] == [wanted["Id"]], condition


def test_changes_are_found_by_the_time_they_were_made(company):
    company.clock.at += 100
    company.create("Customer", {"DisplayName": "Late"})
    since = "2027-01-15T00:00:50-08:00"

    assert names(company.found(f"select * from Customer where MetaData.LastUpdatedTime > '{since}'")) == ["Late"]  # noqa: S608 - QuickBooks' own language


def test_a_query_may_be_posted_as_text(company):
    headers = {**company.headers, "Content-Type": "application/text"}
    url = f"{company.base}/query"

    answer = requests.post(url, data=b"select count(*) from Customer", headers=headers, timeout=10)

    assert answer.json()["QueryResponse"] == {"totalCount": 4}
    assert company.post("query", {"query": "select * from Customer"}).status_code == 400
